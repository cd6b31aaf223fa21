// How the business diff calls things. Internal to dsl/diff.
#pragma once
#include "dsl/diff/diff.h"
#include "interpreter/compare.h"

namespace belay::diff {

// Beside dsl, not in it: the graph's words (Act, Handler, Keep) are meant here, not the syntax
// tree's.
using namespace interpreter;
using dsl::accepts_all;
using dsl::Change;
using dsl::CompiledProgram;
using dsl::Connector;
using dsl::Gravity;
using dsl::SubjectDiff;
using dsl::Webhook;

std::string quoted(std::string_view name);                  // `capture`
std::string said(std::string_view text);                    // "Card declined"
std::string expression(const Program& program);             // as it was written, on one line
std::string length(std::int64_t ms);                        // 15 minutes
std::string listed(const std::vector<std::string>& items);  // a, b and c
std::string names_of(const Graph& graph, const Block& block);

// What an action does to the world: "moves money and notifies"; empty: nothing.
std::string effects(std::uint8_t bits);
bool moves_money(const Graph& graph, const Call& call);
const Action* action_of(const Graph& graph, const Call& call);
std::string action_name(const Graph& graph, const Call& call);
// Of the statement, or of anything in its blocks.
bool touches_money(const Graph& graph, const Node& node);

std::string plan(
    const RetryPlan& plan);  // 3 tries in all, first wait 2 seconds, doubling, at most 1 minute
std::string act(const Graph& graph,
                const Act& act);  // everything is undone because "Card declined"
std::string keep(const Graph& graph, const Keep& keep);
std::string unsure(const Graph& graph, const Call& call);
std::string rate(const Rate& rate);
// `capture`, `the condition paid.amount is not price`, `the point of no return`
std::string statement(const Graph& graph, const Node& node);

// Collects the changes of one subject.
class Sink {
 public:
  void add(Gravity gravity, std::string text, std::string before = {}, std::string after = {},
           bool breaking = false) {
    changes.push_back({gravity, std::move(text), std::move(before), std::move(after), breaking});
  }
  // `what` with both expressions, when they differ: added, gone, changed.
  void program(Gravity gravity, const std::string& added, const std::string& gone,
               const std::string& changed, const Program& before, const Program& after);
  std::vector<Change> changes;
};

// Arguments and the like by name. `what`: "`amount` of `capture`".
void bindings(Sink& sink, Gravity gravity, const std::string& of,
              const std::vector<Binding>& before, const std::vector<Binding>& after);
// What the saga gives in the end.
void outputs(Sink& sink, const std::string& when, const std::vector<Binding>& before,
             const std::vector<Binding>& after);
// Fields of an input, an event, an answer. `giver`: who must give them.
void fields(Sink& sink, Gravity gravity, const std::string& giver, const std::vector<Field>& before,
            const std::vector<Field>& after);

// diff_calls.cpp. `subject`: "`capture`", "the undo of `capture`".
void call(Sink& sink, const Versions& versions, const std::string& subject, const Call& before,
          const Call& after, bool undo);
void handlers(Sink& sink, const Versions& versions, const std::string& subject,
              const std::vector<Handler>& before, const std::vector<Handler>& after, bool money);
// diff_nodes.cpp
void node(Sink& sink, const Versions& versions, const Node& before, const Node& after);
void appeared(Sink& sink, const Graph& graph, const Node& node);
void vanished(Sink& sink, const Graph& graph, const Node& node);
// diff_world.cpp
std::vector<SubjectDiff> world(const CompiledProgram& before, const CompiledProgram& after,
                               std::string_view workflow);

}  // namespace belay::diff
