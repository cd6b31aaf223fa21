// The business diff: what two versions of a workspace do differently, in an analyst's words. Step
// graphs are compared, not texts: comments, layout and the form (text or YAML) do not count.
// Statements that have no name of their own are found again by what they do. Pure. Golden pairs in
// tests/golden/diff.
//
//   diff.cpp        workflows: heads, and which statement is which        diff_calls.cpp   one use
//   of an action diff_nodes.cpp  one statement against its former self diff_world.cpp   actions,
//   events, connectors words.cpp       how things are called render.cpp       text, Markdown, JSON
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compile.h"

namespace belay::dsl {

// What a change touches, gravest first.
enum class Gravity : std::uint8_t {
  kMistake,   // not a change but something wrong with it: a version that was not raised
  kMoney,     // when, whether and how much money moves, or is given back
  kSafety,    // undo, point of no return, unsure outcomes, effects
  kCustomer,  // cancelling, messages, events, questions
  kCallers,   // what must be given, and what comes back
  kFlow,      // other steps, conditions, arguments
  kTime,      // limits, deadlines, retries
  kRunning,   // rates, connectors, teams
};
const char* name(Gravity gravity);  // "money", "safety", …

struct Change {
  Gravity gravity = Gravity::kFlow;
  std::string text;           // one sentence without a full stop
  std::string before, after;  // expressions, both or none… or one when the other was not there
  bool breaking = false;      // callers or senders that were right are refused now
};

struct SubjectDiff {            // of a workflow, action, event, connector, webhook
  std::string subject;          // "workflow confirm_booking, version 3 to 4"
  std::vector<Change> changes;  // by gravity, then in the order of the definition
};

// Workflows first, gravest first; then the rest by kind and name. Subjects without a change are
// left out. With `workflow`, only that one and the actions, events and connectors that it uses.
std::vector<SubjectDiff> business_diff(const CompiledProgram& before, const CompiledProgram& after,
                                       std::string_view workflow = {});

enum class DiffFormat { kText, kMarkdown, kJson };
std::string render(const std::vector<SubjectDiff>& diffs, DiffFormat format);

// Whether every value of `before` is one of `after`.
bool accepts_all(const interpreter::Type& before, const interpreter::Type& after);

}  // namespace belay::dsl
