// belay explain: a diagnostic's page when the subject looks like a code; else a workflow read out,
// with its time budget and its what-if table.
#include <unistd.h>

#include <cctype>
#include <cstdio>

#include "dsl/compile.h"
#include "runtime/base/environment.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/files.h"
#include "runtime/simulator/explain.h"

namespace belay::runtime::cli {

namespace {

namespace sim = runtime::simulator;

// `BEL2001`, in any case.
bool looks_like_code(const std::string& subject) {
  if (subject.size() < 4) return false;
  std::string head = subject.substr(0, 3);
  for (char& c : head) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return head == "BEL" && std::isdigit(static_cast<unsigned char>(subject[3])) != 0;
}

int complain(const std::string& text) {
  std::fprintf(stderr, "belay: %s\n", text.c_str());
  return kRefused;
}

int no_such_workflow(const ExplainCommand& command, const dsl::Compilation& compilation,
                     const std::vector<std::string>& names) {
  if (!compilation.ok()) {
    const bool colour = isatty(STDERR_FILENO) == 1;
    std::fputs(dsl::render_text(compilation.diagnostics, compilation.sources, colour).c_str(),
               stderr);
    return complain("`" + command.subject + "` has problems, or is not there");
  }
  const std::string near = dsl::nearest(command.subject, names);
  return complain("there is no workflow `" + command.subject + "` below `" + command.directory +
                  "`" +
                  (!near.empty()              ? "; did you mean `" + near + "`?"
                   : command.directory == "." ? "; name the folder of definitions with --dir"
                                              : ""));
}

}  // namespace

int run(const ExplainCommand& command) {
  if (looks_like_code(command.subject)) return explain_diagnostic(command.subject);
  dsl::Compilation compilation = dsl::compile_workspace(command.directory);
  for (interpreter::Graph& graph : compilation.program.graphs) graph.environment = &environment();
  const interpreter::Graph* graph = nullptr;
  std::vector<std::string> names;
  for (const interpreter::Graph& one : compilation.program.graphs) {
    names.push_back(one.workflow);
    if (one.workflow == command.subject) graph = &one;
  }
  if (graph == nullptr) return no_such_workflow(command, compilation, names);
  sim::Surroundings around;
  for (const dsl::Connector& connector : compilation.program.connectors) {
    around.timeout_ms[connector.name] = connector.timeout_ms;
  }
  around.workflows = &compilation.program.graphs;
  sim::Explanation page = sim::explain(*graph, compilation.program.scenarios, around);
  if (command.format == "html") {
    std::string error;  // without Graphviz the page has no picture
    page.picture = dsl::draw_graph(*graph, dsl::GraphFormat::kSvg, error);
    if (!error.empty()) page.picture.clear();
  }
  const std::string text = command.format == "html"       ? sim::explain_html(page)
                           : command.format == "markdown" ? sim::explain_markdown(page)
                                                          : sim::explain_text(page);
  if (command.out.empty()) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return kDone;
  }
  const auto written = write_file(command.out, text);
  return written ? kDone : complain(written.error().message);
}

}  // namespace belay::runtime::cli
