// Plans as text and back. See plan.h.
#include "tests/sim/plan.h"

#include <sstream>

namespace belay::sim {
namespace {

constexpr const char* kOutcomeNames[] = {"ok", "business", "transient", "unsure_did", "unsure_did_not", "late"};
constexpr const char* kFaultNames[] = {"die_before", "die_unheard", "die_after", "rollback", "ack_lost",
                                       "outage",     "data_error",  "take_over", "failover"};
constexpr const char* kAskNames[] = {"start", "cancel", "event", "pause", "resume", "answer", "jump"};
static_assert(std::size(kOutcomeNames) == kOutcomes && std::size(kFaultNames) == kFaultKinds &&
              std::size(kAskNames) == kAskKinds);

template <class E, std::size_t N>
std::optional<E> word(const char* const (&names)[N], const std::string& text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (text == names[i]) return static_cast<E>(i);
  }
  return std::nullopt;
}

}  // namespace

const char* name(Outcome outcome) { return kOutcomeNames[static_cast<int>(outcome)]; }
const char* name(FaultKind kind) { return kFaultNames[static_cast<int>(kind)]; }
const char* name(AskKind kind) { return kAskNames[static_cast<int>(kind)]; }

std::string to_text(const Plan& plan) {
  std::string text = plan.program;
  if (plan.seed != 0) text += " seed=" + std::to_string(plan.seed);
  for (const Script& script : plan.scripts) {
    text += std::string(" ") + (script.undo ? "undo." : "") + script.step + "=";
    for (std::size_t i = 0; i < script.outcomes.size(); ++i) {
      text += std::string(i == 0 ? "" : ",") + name(script.outcomes[i]);
    }
  }
  for (const Ask& ask : plan.asks) {
    text += std::string(" ") + name(ask.kind) + "@" + std::to_string(ask.after_flush) + ":" + std::to_string(ask.arg) +
            (ask.twice ? "+" : "");
  }
  for (const Fault& fault : plan.faults) {
    text += std::string(" ") + name(fault.kind) + "@" + std::to_string(fault.flush) +
            (fault.arg == 0 ? "" : ":" + std::to_string(fault.arg));
  }
  return text;
}

std::optional<Plan> parse_plan(const std::string& text) {
  Plan plan;
  std::istringstream in(text);
  if (!(in >> plan.program)) return std::nullopt;
  for (std::string part; in >> part;) {
    if (const auto at = part.find('@'); at != std::string::npos) {
      const std::string what = part.substr(0, at);
      const auto colon = part.find(':', at);
      const int when = std::atoi(part.c_str() + at + 1);
      const int arg = colon == std::string::npos ? 0 : std::atoi(part.c_str() + colon + 1);
      if (const auto ask = word<AskKind>(kAskNames, what)) {
        plan.asks.push_back({*ask, when, arg, part.back() == '+'});
      } else if (const auto fault = word<FaultKind>(kFaultNames, what)) {
        plan.faults.push_back({*fault, when, arg});
      } else {
        return std::nullopt;
      }
      continue;
    }
    const auto equals = part.find('=');
    if (equals == std::string::npos) return std::nullopt;
    if (part.starts_with("seed=")) {
      plan.seed = std::strtoull(part.c_str() + 5, nullptr, 10);
      continue;
    }
    Script script;
    script.step = part.substr(0, equals);
    if (script.step.starts_with("undo.")) {
      script.undo = true;
      script.step = script.step.substr(5);
    }
    std::istringstream list(part.substr(equals + 1));
    for (std::string one; std::getline(list, one, ',');) {
      const auto outcome = word<Outcome>(kOutcomeNames, one);
      if (!outcome) return std::nullopt;
      script.outcomes.push_back(*outcome);
    }
    plan.scripts.push_back(std::move(script));
  }
  return plan;
}

}  // namespace belay::sim
