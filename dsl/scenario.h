// A checked scenario: what the world does and what is expected, with names resolved against a
// workflow's graph. The compiler makes it (dsl/compile/scenarios.cpp) beside the graph, and the
// simulator runs it; no server ever sees one.
//
// Programs read the workflow's slots as its own expressions do. Those of `then` also read the
// workflow's outputs: output i of Graph::gives has slot graph.slots.size() + i.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "dsl/source.h"
#include "dsl/syntax.h"
#include "interpreter/graph.h"
#include "interpreter/journal.h"

namespace belay::dsl {

struct ScenarioCall {  // one call of a step; a wait is kForward
  interpreter::NodeId node = interpreter::kNoNode;
  interpreter::Direction direction = interpreter::Direction::kForward;
  std::int64_t round = -1;  // of the innermost loop around it, from 0; -1: every round
  // The statements that run the child saga it stands in, outermost first; empty: the saga itself.
  std::vector<interpreter::NodeId> of = {};
};

struct ScenarioEvent {  // what the world does: one sentence of `when`
  ScenarioWhen::Kind kind = ScenarioWhen::Kind::kArrives;
  ScenarioCall call, moment_of;
  std::int64_t source = -1;  // kArrives: which of a wait's sources; -1: each of them
  std::string error;         // kFails; `refused` when the author names none
  std::uint32_t times = 1;   // 0: always
  bool happened = false, twice = false, early = false;
  std::int64_t after_ms = -1;  // -1: not said
  std::int64_t before_start_ms = -1;
  ScenarioWhen::Moment moment = ScenarioWhen::Moment::kUnsaid;
  std::string because;
  std::vector<interpreter::Binding> with;
  std::size_t starts = 0;                   // kStartsIt: which of Graph::starts_on
  std::vector<interpreter::Field> payload;  // kStartsIt: what that event holds
  std::string text;                         // the sentence, for people
};

struct Expectation {  // one sentence of `then`
  ScenarioThen::Kind kind = ScenarioThen::Kind::kEnds;
  bool compensated = false;
  std::string because, team, event;
  ScenarioCall call;
  std::vector<ScenarioCall> calls;  // kWaits, kUndone, kDone, kLeftOver, in the order said
  std::vector<interpreter::Binding> with;
  std::uint32_t times = 0;
  std::int64_t within_ms = 0;
  interpreter::Program holds;
  std::string text;
  Span span;
};

struct Scenario {
  std::string workflow, title;
  std::string at;                           // file:line
  std::vector<interpreter::Binding> given;  // over the slots of the takes given before
  std::vector<ScenarioEvent> when;
  std::vector<Expectation> then;
};

}  // namespace belay::dsl
