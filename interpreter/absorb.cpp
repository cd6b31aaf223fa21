// What decide drew, folded into the state: one function a kind, in the order of journal.h. No expression is evaluated
// and no policy is looked up here; all of that happened in decide and is recorded.
#include "interpreter/absorb.h"

#include <algorithm>

namespace belay::interpreter {

namespace {

struct DrawnFolder {
  const Graph& graph;
  State& state;

  void operator()(const Took& drawn) const {
    const Node& node = graph.nodes[drawn.path.node];
    remove_ready(state, drawn.path);
    if (node.kind == NodeKind::kTogether) {
      join(node, drawn.path);
    } else if (drawn.arm < node.arms.size() && !node.arms[drawn.arm].block.empty()) {
      state.ready.push_back({node.arms[drawn.arm].block.front(), drawn.path.iteration});
    } else {
      complete(graph, state, drawn.path);
    }
  }

  void operator()(const Assigned& drawn) const {
    remove_ready(state, drawn.path);
    set_variable(graph, state, graph.nodes[drawn.path.node].slot, drawn.path.iteration, drawn.value);
    complete(graph, state, drawn.path);
  }

  void operator()(const Sent& drawn) const {
    remove_ready(state, drawn.path);
    Activity& activity = activity_at(state, drawn.path);
    CallState& call = call_of(activity, drawn.direction);
    if (call.generation != drawn.generation || !call.first_sent_at) {
      call.generation = drawn.generation;
      call.first_sent_at = state.now;
      call.unsure = false;
    }
    call.phase = CallPhase::kInFlight;
    call.sent_at = state.now;
    call.due = {};
    call.digest = drawn.digest;
    call.key = drawn.key;
    ++call.tries;
    switch (drawn.direction) {
      case Direction::kForward:
        if (!activity.keep_since) activity.keep_since = state.now;
        break;
      case Direction::kUndo:
        if (!activity.undo_since) activity.undo_since = state.now;
        break;
      case Direction::kCheck: activity.forward.phase = CallPhase::kSettling; break;
      case Direction::kUndoCheck: activity.undo.phase = CallPhase::kSettling; break;
    }
  }

  void operator()(const RetryAt& drawn) const {
    Activity& activity = activity_at(state, drawn.path);
    CallState& call = call_of(activity, drawn.direction);
    if (call.generation != drawn.generation) {
      call.generation = drawn.generation;
      call.first_sent_at = {};
      call.unsure = false;
    }
    call.phase = CallPhase::kBackoff;
    call.due = drawn.at;
    if (drawn.by_handler) ++call.handler_tries;
  }

  void operator()(const Settled& drawn) const {
    Activity& activity = activity_at(state, drawn.path);
    CallState& check = call_of(activity, check_of(drawn.direction));
    check.phase = CallPhase::kIdle;
    check.result = {};
    check.tries = 0;
    CallState& call = call_of(activity, drawn.direction);
    call.unsure = false;
    if (drawn.happened && drawn.direction == Direction::kForward) {
      forward_succeeded(graph, state, activity, drawn.result);
    } else if (drawn.happened) {
      call.phase = CallPhase::kSucceeded;
      activity.effect = EffectState::kUndone;
    } else {
      call.failure = FailureKind::kTransient;
      call.error = "did_not_happen";
      call.message = "a check found that it did not happen";
      const bool over = drawn.direction == Direction::kForward && state.status == Status::kCompensating;
      call.phase = over ? CallPhase::kRefused : CallPhase::kFailed;
    }
  }

  void operator()(const Held& drawn) const {
    remove_ready(state, drawn.path);
    Activity& activity = activity_at(state, drawn.path);
    CallState& call = call_of(activity, drawn.direction);
    call.phase = CallPhase::kHeld;
    call.hold = drawn.reason;
    call.team = drawn.team;
    CallState& check = call_of(activity, check_of(drawn.direction));
    if (&check != &call) check.phase = CallPhase::kIdle;
  }

  void operator()(const Failed& drawn) const {
    remove_ready(state, drawn.path);
    CallState& call = call_of(activity_at(state, drawn.path), drawn.direction);
    call.phase = CallPhase::kFailed;
    call.failure = FailureKind::kBusiness;
    call.error = "bad_value";
    call.message = drawn.message;
    call.answered = false;
  }

  void operator()(const Handled& drawn) const {
    Activity& activity = activity_at(state, drawn.path);
    const Path path = activity.path;
    const Node& node = graph.nodes[path.node];
    if (drawn.direction == Direction::kUndo) {
      activity.undo.phase = CallPhase::kRefused;
      const bool left = drawn.handler == kKeepHandler || activity.undo.unsure;
      activity.effect = left ? EffectState::kLeftOver : EffectState::kUndone;
      if (left) activity.left_because = "its undo did not succeed: " + activity.undo.error;
      return;
    }
    if (activity.forward.phase != CallPhase::kIdle) {  // a step; a wait has no call
      activity.forward.phase = CallPhase::kRefused;
      activity.effect = activity.forward.unsure ? EffectState::kMaybe : EffectState::kNone;
    }
    activity.open = false;
    if (!drawn.value.is_null() && node.slot != kNoSlot) {
      set_variable(graph, state, node.slot, path.iteration, drawn.value);
    }
    const Act* act = nullptr;
    if (drawn.handler == kLimitHandler) {
      act = &node.otherwise;
    } else if (drawn.handler < node.call.handlers.size()) {
      act = &node.call.handlers[drawn.handler].act;
    }
    if (act != nullptr && act->kind == ActKind::kBlock && !act->block.empty()) {
      state.ready.push_back({act->block.front(), path.iteration});
    } else {
      complete(graph, state, path);
    }
  }

  void operator()(const Waiting& drawn) const {
    remove_ready(state, drawn.path);
    Activity& activity = activity_at(state, drawn.path);
    activity.keys = drawn.keys;
    activity.until = drawn.until;
  }

  void operator()(const Looped&) const {}
  void operator()(const Asked&) const {}
  void operator()(const Unwinding&) const {}
  void operator()(const Unwound&) const {}

  void operator()(const PausedUntil& drawn) const {
    remove_ready(state, drawn.path);
    activity_at(state, drawn.path).until = drawn.until;
  }

  void operator()(const Published& drawn) const {
    remove_ready(state, drawn.path);
    complete(graph, state, drawn.path);
  }

  void operator()(const Passed& drawn) const {
    remove_ready(state, drawn.path);
    state.past_no_return = true;
    complete(graph, state, drawn.path);
  }

  void operator()(const DeadlineAt& drawn) const { state.deadline = drawn.at; }

  void operator()(const Cancelling& drawn) const {
    state.status = Status::kCompensating;
    state.because = drawn.because;
    state.ready.clear();
    state.joins.clear();
    state.at_end = false;
    for (Activity& activity : state.activities) close(activity);
  }

  void operator()(const NotUndone& drawn) const {
    Activity& activity = activity_at(state, drawn.path);
    activity.effect = EffectState::kLeftOver;
    activity.left_because = drawn.because;
  }

  void operator()(const Ended& drawn) const {
    state.status = drawn.status;
    state.output = drawn.output;
    state.problem = drawn.problem;
    state.ready.clear();
    state.joins.clear();
    state.at_end = false;
    state.paused = false;
  }

 private:
  void join(const Node& node, const Path& path) const {
    std::uint32_t left = 0;
    for (const Block& branch : node.branches) {
      if (branch.empty()) continue;
      ++left;
      state.ready.push_back({branch.front(), path.iteration});
    }
    if (left == 0) {
      complete(graph, state, path);
      return;
    }
    const auto at = std::lower_bound(state.joins.begin(), state.joins.end(), path,
                                     [](const Join& j, const Path& p) { return j.path < p; });
    state.joins.insert(at, Join{path, left});
  }

  // No new steps, retry waits cut short; what is in flight or unsure has still to settle.
  void close(Activity& activity) const {
    activity.open = false;
    CallState& call = activity.forward;
    const Node& node = graph.nodes[activity.path.node];
    switch (call.phase) {
      case CallPhase::kDue:
      case CallPhase::kBackoff:
      case CallPhase::kFailed:
        call.phase = call.unsure ? CallPhase::kFailed : CallPhase::kRefused;
        if (call.unsure) call.failure = FailureKind::kUnsure;
        if (call.unsure && node.kind == NodeKind::kStep && node.call.if_unsure &&
            node.call.if_unsure->kind == Unsure::Kind::kUndoAnyway) {
          call.phase = CallPhase::kRefused;
          activity.effect = EffectState::kMaybe;
        }
        break;
      case CallPhase::kHeld:
        if (!call.unsure) call.phase = CallPhase::kRefused;
        break;
      case CallPhase::kIdle:
      case CallPhase::kInFlight:
      case CallPhase::kSettling:
      case CallPhase::kSucceeded:
      case CallPhase::kRefused: break;
    }
  }
};

}  // namespace

void absorb(const Graph& graph, State& state, const Drawn& drawn) { std::visit(DrawnFolder{graph, state}, drawn); }

}  // namespace belay::interpreter
