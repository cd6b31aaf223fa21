// What decide drew, folded into the state: one function a kind, in the order of journal.h. No
// expression is evaluated and no policy is looked up here; all of that happened in decide and is
// recorded.
#include "interpreter/absorb.h"

#include <algorithm>

#include "interpreter/defects.h"
#include "interpreter/loops.h"

namespace belay::interpreter {

namespace {

struct DrawnFolder {
  const Graph& graph;
  State& state;

  void operator()(const Took& drawn) const {
    const Node& node = graph.nodes[drawn.path.node];
    remove_ready(state, drawn.path);
    if (node.kind == NodeKind::kTogether) {
      begin_branches(graph, state, drawn.path);
    } else if (node.kind == NodeKind::kTry) {
      enter_block(graph, state, drawn.path.node, 0, drawn.path.iteration);
    } else if (node.kind == NodeKind::kRepeat) {
      round(drawn);
    } else if (drawn.arm < node.arms.size()) {
      enter_block(graph, state, drawn.path.node, drawn.arm, drawn.path.iteration);
    } else {
      complete(graph, state, drawn.path);
    }
  }

  void operator()(const Looped& drawn) const {
    remove_ready(state, drawn.path);
    begin_loop(graph, state, drawn.path, drawn.items);
  }

  void operator()(const Assigned& drawn) const {
    remove_ready(state, drawn.path);
    set_variable(graph, state, graph.nodes[drawn.path.node].slot, drawn.path.iteration,
                 drawn.value);
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
        if (!graph.nodes[drawn.path.node].run.detached) break;
        call.phase = CallPhase::kSucceeded;  // nobody waits for that child
        activity.open = false;
        complete(graph, state, Path(drawn.path));
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
    if (!drawn.by_handler) return;
    ++call.handler_tries;
    // As a statement of the handler's block. An undo's handler has no block: forward control stays
    // where it is.
    if (drawn.direction == Direction::kForward) reopen(drawn.path, activity);
  }

  void operator()(const Settled& drawn) const {
    Activity& activity = activity_at(state, drawn.path);
    CallState& check = call_of(activity, check_of(drawn.direction));
    const bool by_check = check.phase == CallPhase::kSucceeded;
    check.phase = CallPhase::kIdle;
    check.result = {};
    check.tries = 0;
    CallState& call = call_of(activity, drawn.direction);
    call.unsure = false;
    call.hold = HoldReason::kNone;
    if (drawn.happened && drawn.direction == Direction::kForward) {
      forward_succeeded(graph, state, activity, drawn.result);
    } else if (drawn.happened) {
      call.phase = CallPhase::kSucceeded;
      activity.effect = EffectState::kUndone;
    } else {
      // What only reads is settled without a check: its failure keeps its name, and may pass unless
      // it was refused.
      if (by_check || call.failure == FailureKind::kUnsure) call.failure = FailureKind::kTransient;
      if (by_check) call.error = "did_not_happen";
      if (by_check) call.message = "a check found that it did not happen";
      const bool over = drawn.direction == Direction::kForward && undoing(graph, state, drawn.path);
      call.phase = over ? CallPhase::kRefused : CallPhase::kFailed;
    }
  }

  void operator()(const Held& drawn) const {
    remove_ready(state, drawn.path);
    Activity& activity = activity_at(state, drawn.path);
    if (drawn.direction == Direction::kForward && !undoing(graph, state, drawn.path))
      reopen(drawn.path, activity);
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
    if (drawn.handler == kActHandler || drawn.handler == kKeepHandler) reopen(path, activity);
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

  void operator()(const Asked& drawn) const {
    remove_ready(state, drawn.path);
    activity_at(state, drawn.path).until = drawn.until;
  }

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
    state.past_no_return = !defective(Defect::kPointForgotten);
    complete(graph, state, drawn.path);
  }

  void operator()(const DeadlineAt& drawn) const { state.deadline = drawn.at; }

  void operator()(const Cancelling& drawn) const {
    state.status = Status::kCompensating;
    state.because = drawn.because;
    state.queued = false;
    clear_control();
    for (Activity& activity : all_activities(state)) close(graph, activity);
  }

  void operator()(const Unwinding& drawn) const { begin_unwinding(graph, state, drawn); }
  void operator()(const Unwound& drawn) const { end_unwinding(graph, state, drawn); }

  void operator()(const NotUndone& drawn) const {
    Activity& activity = activity_at(state, drawn.path);
    activity.effect = EffectState::kLeftOver;
    activity.left_because = drawn.because;
  }

  void operator()(const Ended& drawn) const {
    state.status = drawn.status;
    state.output = drawn.output;
    state.problem = drawn.problem;
    state.paused = false;
    clear_control();
    state.lost.clear();
    for (Activity& activity : all_activities(state))
      activity.open = false;  // `finish` leaves a wait that ran out
  }

 private:
  // Control is back at the statement itself, from a block of its handlers.
  void reopen(const Path& path, Activity& activity) const {
    if (!activity.open)
      std::erase_if(state.ready, [&](const Path& p) { return below(graph, p, path); });
    activity.open = true;
  }

  // Control stands nowhere any more.
  void clear_control() const {
    state.ready.clear();
    state.joins.clear();
    state.loops.clear();
    join_the_whole(state, [](const Path&) { return true; });
    state.at_end = false;
  }

  // A `repeat` begins, or a round of it is over. When the rounds are used up, decide draws what
  // `otherwise` says.
  void round(const Took& drawn) const {
    const Path path = without_round(graph, drawn.path);
    const bool begins = path.iteration.size() == drawn.path.iteration.size();
    if (drawn.arm == kAgain) {
      std::vector<std::uint32_t> next = path.iteration;
      next.push_back(begins ? 0 : drawn.path.iteration.back() + 1);
      if (graph.nodes[path.node].body.empty()) return complete(graph, state, path);
      return enter_block(graph, state, path.node, 0, next);
    }
    if (!begins) export_round(graph, state, path, drawn.path.iteration.back());
    if (drawn.arm != kUsedUp) return complete(graph, state, path);
    CallState& call = activity_at(state, path).forward;
    call.phase = CallPhase::kFailed;
    call.failure = FailureKind::kBusiness;
    call.error = "gave_up";
  }
};

}  // namespace

void absorb(const Graph& graph, State& state, const Drawn& drawn) {
  std::visit(DrawnFolder{graph, state}, drawn);
}

}  // namespace belay::interpreter
