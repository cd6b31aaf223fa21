// What the names in a scenario's sentences stand for: `capture`, `the undo of hold of item 2`, and
// `stay.room`, which is the step `room` of the saga that `stay` runs. What is not there is reported
// here. Goldens: tests/golden/diagnostics; tests/simulator/statement_test.cpp.
#pragma once
#include <initializer_list>

#include "dsl/compile/tables.h"
#include "dsl/scenario.h"

namespace belay::dsl {

class ScenarioPlaces {
 protected:
  ScenarioPlaces(const interpreter::Graph& graph, const std::vector<interpreter::Graph>& graphs,
                 Tables& tables)
      : graph_(graph), graphs_(graphs), tables_(tables) {}

  Diagnostic& error(std::string_view code, Span span, std::string message);

  // The workflow that a `run` statement runs, or nullptr: it has errors of its own.
  const interpreter::Graph* graph_run_by(const interpreter::Node& node) const;

  // Where a name leads: through `run` statements into the sagas that they run.
  struct Spot {
    const interpreter::Graph* graph;
    std::vector<interpreter::NodeId> of;
    Name name;  // in that graph
  };
  Spot spot(const Name& said) const;
  // REQUIRES: call.of comes from spot().
  const interpreter::Graph& graph_of(const ScenarioCall& call) const;

  // The statement of that name and of one of these kinds; its round is for the caller to say. Its
  // node is kNoNode when there is none.
  ScenarioCall named(const Name& said, std::initializer_list<interpreter::NodeKind> kinds,
                     const char* noun);
  // The loop around a statement, or around the statement that runs its saga: the innermost.
  const interpreter::Node* loop_around(const ScenarioCall& of) const;
  // `of item 2`, `of round 2`: of the innermost loop, counted from 1.
  std::int64_t round(const CallName& said, const ScenarioCall& call);
  // The call of a step: with its undo and its check, where it has them. A wait may have an undo.
  ScenarioCall call(const CallName& said);
  const interpreter::Call* spec(const ScenarioCall& call) const;
  const ActionInfo* action_of(const ScenarioCall& call) const;

  const interpreter::Graph& graph_;
  const std::vector<interpreter::Graph>& graphs_;
  Tables& tables_;
  bool ok_ = true;
};

}  // namespace belay::dsl
