// belay explain: a diagnostic's page when the subject looks like a code, else a workflow.
#include <cctype>

#include "runtime/cli/commands.h"

namespace belay::runtime::cli {

namespace {

// `BEL2001`, in any case.
bool looks_like_code(const std::string& subject) {
  if (subject.size() < 4) return false;
  std::string head = subject.substr(0, 3);
  for (char& c : head) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return head == "BEL" && std::isdigit(static_cast<unsigned char>(subject[3])) != 0;
}

}  // namespace

int run(const ExplainCommand& command) {
  if (looks_like_code(command.subject)) return explain_diagnostic(command.subject);
  return kUsage;
}

}  // namespace belay::runtime::cli
