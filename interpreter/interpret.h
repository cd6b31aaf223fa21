// The interpreter: two pure functions. No I/O, no clock, no randomness, no exceptions; same inputs,
// same bytes.
//
//   apply(graph, state, entry)  evolves: facts in the past tense; total, never rejects
//   decide(graph, state)        concludes: what was drawn, and which commands must happen next
//
// The engine's step for one fact: s = apply(g, s, entry with the fact alone); d = decide(g, s);
// entry.drawn = d.drawn; s = d.state. Replay: s = apply(g, s, entry with fact and drawn). Both give
// the same state, byte for byte. Tested in tests/interpreter.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "interpreter/graph.h"
#include "interpreter/journal.h"
#include "interpreter/state.h"

namespace belay::interpreter {

// ---- Commands: wishes, imperative

struct RunAction {
  Path path;
  Direction direction = Direction::kForward;
  std::uint32_t generation = 0;
  ActionId action = 0;
  std::string key;             // empty: effect_key(saga, …)
  Value args;                  // a record of the action's takes
  std::int64_t within_ms = 0;  // limit of this try; 0: the connector's
  std::uint64_t digest = 0;
  std::int64_t alive_ms = 0;  // silence of this length is an unsure outcome; 0: never
  std::uint32_t rate_count =
      0;  // so many calls each `rate_per_ms` for this step and `rate_key`; 0: no limit
  std::int64_t rate_per_ms = 0;
  std::string rate_key;
  bool operator==(const RunAction&) const = default;
};
struct StartTimer {
  Path path;  // node kNoNode for kDeadline
  TimerPurpose purpose = TimerPurpose::kRetry;
  Direction direction = Direction::kForward;
  Instant at;
  bool operator==(const StartTimer&) const = default;
};
struct AwaitEvent {
  Path path;
  std::uint32_t source = 0;
  std::string event;
  std::string key;
  Instant since;  // older events do not count
  bool operator==(const AwaitEvent&) const = default;
};
struct StopAwaiting {  // the wait is over without its event
  Path path;
  std::uint32_t source = 0;
  std::string event;
  std::string key;
  bool operator==(const StopAwaiting&) const = default;
};
struct Publish {
  Path path;
  std::string event;
  std::uint32_t version = 1;
  std::string key;
  Value payload;
  bool operator==(const Publish&) const = default;
};
struct Finish {
  Status status = Status::kCompleted;
  bool operator==(const Finish&) const = default;
};
// A child saga. Its outcome comes back as StepSucceeded or StepFailed (business, `cancelled`) of
// the same path, direction and generation; each of these may be said again after a restart and has
// to change nothing then.
struct StartChild {
  Path path;
  std::uint32_t generation = 0;
  std::string workflow, hash;
  std::uint32_t version = 1;
  Value input;
  bool detached = false;  // no outcome is expected
  bool operator==(const StartChild&) const = default;
};
struct StopChild {  // cancel it; kForward: it has not answered yet, kUndo: undo it although it has
                    // completed
  Path path;
  Direction direction = Direction::kForward;
  std::uint32_t generation = 0;        // of the call that is answered
  std::uint32_t child_generation = 0;  // of the call that started it: its identity
  std::string because;
  bool operator==(const StopChild&) const = default;
};
using Command = std::variant<RunAction, StartTimer, AwaitEvent, StopAwaiting, Publish, Finish,
                             StartChild, StopChild>;

// ---- The two functions

// REQUIRES: graph.index() was called; entry.seq == state.seq + 1. A fact that no longer fits (a
// late duplicate, a timer of a step that is over) changes nothing but seq and now.
State apply(const Graph& graph, State state, const Entry& entry);

struct Decision {
  std::vector<Drawn> drawn;
  std::vector<Command> commands;  // what is new since the last decision
  State state;                    // after drawing
};
// `saga` is the instance's id: waits are spread by it and by path, not by chance.
Decision decide(const Graph& graph, State state, std::string_view saga);

// ---- Around them, as pure

// What must happen when a saga is loaded again after its owner is gone: events to await and timers;
// and facts to journal first: each call that was in flight is unsure now (`lost`), for nobody will
// report its outcome. The policies then send it again under the same key at once, or check it, or
// hold it.
struct Recovery {
  std::vector<Fact> facts;
  std::vector<Command> commands;
};
Recovery recover(const Graph& graph, const State& state);

// The facts of all timers due at `now`, in order. Empty while paused.
std::vector<Fact> due_timers(const Graph& graph, const State& state, Instant now);

// The next time at which due_timers() is not empty, or none.
Instant next_wakeup(const Graph& graph, const State& state);

}  // namespace belay::interpreter
