// Around the two functions: what a saga needs that is loaded again, and which of its timers are
// due. Tested in tests/interpreter.
#include <algorithm>

#include "interpreter/control.h"
#include "interpreter/defects.h"
#include "interpreter/request.h"

namespace belay::interpreter {

namespace {

constexpr Direction kDirections[] = {Direction::kForward, Direction::kCheck, Direction::kUndo,
                                     Direction::kUndoCheck};

// The child is asked for the same once more; it answers the same, or has never heard of it.
Command child_command(const Graph& graph, const State& state, const Activity& activity,
                      Direction direction) {
  const CallState& call = call_of(activity, direction);
  const std::uint32_t child = activity.forward.generation;
  if (direction == Direction::kUndo)
    return StopChild{activity.path, direction, call.generation, child, kParentUndone};
  if (!activity.open) {
    const std::string& because = state.because.empty() ? std::string(kParentUndone) : state.because;
    return StopChild{activity.path, direction, call.generation, child, because};
  }
  const ChildRun& run = graph.nodes[activity.path.node].run;
  Request request = work_out_request(graph, state, activity.path, direction);
  return StartChild{activity.path, child,       run.workflow,
                    run.hash,      run.version, std::move(request.command.args),
                    false};
}

}  // namespace

Recovery recover(const Graph& graph, const State& state) {
  Recovery recovery;
  if (state.ended()) return recovery;
  if (state.deadline && !state.deadline_passed) {
    recovery.commands.push_back(StartTimer{{}, TimerPurpose::kDeadline, {}, state.deadline});
  }
  for (const Activity& activity : state.activities) {
    const Node& node = graph.nodes[activity.path.node];
    for (std::uint32_t i = 0; i < node.sources.size(); ++i) {
      if (!awaits(graph, activity, i)) continue;
      const Instant since{state.started_at.us - node.sources[i].even_before_ms * 1000};
      recovery.commands.push_back(
          AwaitEvent{activity.path, i, node.sources[i].event, activity.keys[i], since});
    }
    if (activity.open && activity.until && !activity.limit_passed) {
      const auto purpose =
          node.kind == NodeKind::kPause ? TimerPurpose::kPause : TimerPurpose::kLimit;
      recovery.commands.push_back(StartTimer{activity.path, purpose, {}, activity.until});
    }
    for (const Direction direction : kDirections) {
      const CallState& call = call_of(activity, direction);
      if (call.phase == CallPhase::kBackoff) {
        recovery.commands.push_back(
            StartTimer{activity.path, TimerPurpose::kRetry, direction, call.due});
      }
      if (call.phase != CallPhase::kInFlight) continue;
      if (node.kind == NodeKind::kRun) {
        recovery.commands.push_back(child_command(graph, state, activity, direction));
        continue;
      }
      if (defective(Defect::kRecoverySkipsCalls)) continue;
      const bool certain = defective(Defect::kRecoveryCertain);
      recovery.facts.push_back(StepFailed{activity.path, direction, call.generation,
                                          certain ? FailureKind::kTransient : FailureKind::kUnsure,
                                          "lost", "the engine stopped while it was under way",
                                          false, 0});
    }
  }
  return recovery;
}

namespace {

// Calls `visit(due, fact)` for every timer that runs.
template <class Visit>
void each_timer(const Graph& graph, const State& state, Visit visit) {
  if (state.ended() || state.paused) return;
  if (state.deadline && !state.deadline_passed) {
    visit(state.deadline, TimerFired{{}, TimerPurpose::kDeadline, {}});
  }
  each_awake(state, [&](const Activity& activity) {
    if (activity.open && activity.until && !activity.limit_passed) {
      const bool pause = graph.nodes[activity.path.node].kind == NodeKind::kPause;
      visit(activity.until,
            TimerFired{activity.path, pause ? TimerPurpose::kPause : TimerPurpose::kLimit, {}});
    }
    for (const Direction direction : kDirections) {
      const CallState& call = call_of(activity, direction);
      if (call.phase == CallPhase::kBackoff && !defective(Defect::kBackoffWithoutTimer)) {
        visit(call.due, TimerFired{activity.path, TimerPurpose::kRetry, direction});
      }
    }
  });
}

}  // namespace

std::vector<Fact> due_timers(const Graph& graph, const State& state, Instant now) {
  std::vector<std::pair<Instant, Fact>> due;
  each_timer(graph, state, [&](Instant at, const TimerFired& fact) {
    const std::int64_t early_us = defective(Defect::kTimersEarly) ? 2'000'000 : 0;
    if (at.us <= now.us + early_us) due.emplace_back(at, fact);
  });
  std::stable_sort(due.begin(), due.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Fact> facts;
  for (auto& [at, fact] : due) facts.push_back(std::move(fact));
  return facts;
}

Instant next_wakeup(const Graph& graph, const State& state) {
  Instant next{};
  each_timer(graph, state, [&](Instant at, const TimerFired&) {
    if (!next || at < next) next = at;
    if (defective(Defect::kTimersEarly) && next == at) next.us -= 2'000'000;
  });
  return next;
}

}  // namespace belay::interpreter
