// apply(): what facts do to a state. Facts are the past: nothing is rejected here. One that no
// longer fits (a timer of a step that is over, an outcome of an older generation) leaves the state
// as it is. What decide drew is folded in absorb.cpp. Tested in tests/interpreter/apply_test.cpp
// and by replaying every journal that any test makes.
#include <algorithm>

#include "interpreter/absorb.h"
#include "interpreter/defects.h"
#include "interpreter/loops.h"

namespace belay::interpreter {

namespace {

void undo_succeeded(Activity& activity) {
  activity.undo.phase = CallPhase::kSucceeded;
  activity.undo.unsure = false;
  activity.undo.hold = HoldReason::kNone;
  activity.undo_check.phase = CallPhase::kIdle;
  activity.effect = EffectState::kUndone;
}

// An outcome counts while the call waits for it, and later only if it was left unsure.
bool expects_outcome(const CallState& call, std::uint32_t generation) {
  if (call.generation != generation) return false;
  return call.phase == CallPhase::kInFlight || call.unsure;
}

struct FactFolder {
  const Graph& graph;
  State& state;
  const Entry& entry;

  void operator()(const Started& fact) const {
    state.started_at = entry.at;
    state.parent = fact.parent;
    state.queued = fact.queued;
    for (std::size_t i = 0; i < graph.takes.size(); ++i) {
      if (const Value* value = fact.input.find(graph.takes[i].name);
          value != nullptr && !value->is_null()) {
        set_variable(graph, state, static_cast<SlotId>(i), {}, *value);
      }
    }
    enter_block(graph, state, kNoNode, 0, {});
  }

  void operator()(const StepSucceeded& fact) const {
    Activity* activity = find_activity(state, fact.path);
    if (activity == nullptr) return;
    CallState& call = call_of(*activity, fact.direction);
    if (!expects_outcome(call, fact.generation)) return;
    switch (fact.direction) {
      case Direction::kForward: forward_succeeded(graph, state, *activity, fact.result); break;
      case Direction::kUndo: undo_succeeded(*activity); break;
      case Direction::kCheck:
      case Direction::kUndoCheck:
        call.phase = CallPhase::kSucceeded;
        call.unsure = false;
        call.result = fact.result;
        break;
    }
  }

  void operator()(const StepFailed& fact) const {
    Activity* activity = find_activity(state, fact.path);
    if (activity == nullptr) return;
    CallState& call = call_of(*activity, fact.direction);
    if (call.phase != CallPhase::kInFlight || call.generation != fact.generation) return;
    call.phase = CallPhase::kFailed;
    call.failure = fact.kind;
    if (defective(Defect::kUnsureIsFailure) && fact.kind == FailureKind::kUnsure)
      call.failure = FailureKind::kTransient;
    call.error = fact.error;
    call.message = fact.message;
    call.answered = fact.answered;
    call.retry_after_ms = fact.retry_after_ms;
    if (fact.kind == FailureKind::kUnsure && !defective(Defect::kUnsureIsFailure)) {
      call.unsure = true;
      call.unsure_at = entry.at;
    }
    // An answer to the key speaks for every earlier try under it; an unmapped refusal and a try
    // that never arrived do not, unless the refusal stands in the receipt.
    const bool settles = fact.error != "refused" || (fact.answered && has_receipt(fact));
    if (fact.kind == FailureKind::kBusiness && settles) call.unsure = false;
    if (fact.direction != Direction::kForward || !undoing(graph, state, fact.path)) return;
    const Unsure* unsure = graph.nodes[fact.path.node].call.if_unsure
                               ? &*graph.nodes[fact.path.node].call.if_unsure
                               : nullptr;
    if (!call.unsure || (unsure != nullptr && unsure->kind == Unsure::Kind::kUndoAnyway))
      close(graph, *activity);
  }

  void operator()(const TimerFired& fact) const {
    if (fact.purpose == TimerPurpose::kDeadline) {
      state.deadline_passed = true;
      return;
    }
    Activity* activity = find_activity(state, fact.path);
    if (activity == nullptr) return;
    switch (fact.purpose) {
      case TimerPurpose::kRetry: {
        CallState& call = call_of(*activity, fact.direction);
        if (call.phase == CallPhase::kBackoff) call.phase = CallPhase::kDue;
        break;
      }
      case TimerPurpose::kLimit:
        if (!activity->open || defective(Defect::kLimitForgotten)) break;
        activity->limit_passed = true;
        if (!activity->taken.empty()) forget_part_of_record(*activity);
        break;
      case TimerPurpose::kPause:
        if (!activity->open) break;
        activity->open = false;
        complete(graph, state, Path(activity->path));
        break;
      case TimerPurpose::kDeadline: break;
    }
  }

  void operator()(const EventTaken& fact) const {
    Activity* activity = find_activity(state, fact.path);
    const auto taken =
        std::lower_bound(state.taken_events.begin(), state.taken_events.end(), fact.event_id);
    const bool had = taken != state.taken_events.end() && *taken == fact.event_id;
    if (had && !defective(Defect::kEventTwice)) return;
    if (activity == nullptr || !awaits(graph, *activity, fact.source)) return;
    const Node& node = graph.nodes[fact.path.node];
    const Source& source = node.sources[fact.source];
    if (source.event != fact.event) return;
    state.taken_events.insert(taken, fact.event_id);
    if (source.name.empty()) return wait_over(*activity, fact.payload);
    activity->taken.insert(
        std::lower_bound(activity->taken.begin(), activity->taken.end(), fact.source), fact.source);
    // Under `for all of` the record grows until it is whole; nobody reads it before.
    Map fields{{Value::string(source.name), fact.payload}};
    if (const Value* known = node.slot == kNoSlot ? nullptr : variable(node.slot, fact.path)) {
      fields.insert(fields.end(), known->as_map().begin(), known->as_map().end());
    }
    Value record = Value::map(std::move(fields));
    if (!node.any_source && activity->taken.size() == node.sources.size())
      return wait_over(*activity, record);
    if (node.slot != kNoSlot)
      set_variable(graph, state, node.slot, fact.path.iteration, std::move(record));
    if (!node.any_source) return;
    activity->forward.phase =
        CallPhase::kSucceeded;  // decide draws the end: the other sources stop awaiting
    if (node.undo) activity->effect = EffectState::kDone;
  }

  void operator()(const AnswerGiven& fact) const {
    Activity* activity = find_activity(state, fact.path);
    if (activity == nullptr || !activity->open || activity->limit_passed) return;
    if (graph.nodes[fact.path.node].kind != NodeKind::kAsk ||
        activity->forward.phase != CallPhase::kIdle)
      return;
    wait_over(*activity, fact.answer);
  }

  void operator()(const CancelAsked&) const {
    if (state.status != Status::kRunning || state.past_no_return) return;
    if (defective(Defect::kCancelLost)) {
      for (const Activity& activity : state.activities) {
        if (activity.forward.phase == CallPhase::kInFlight) return;
      }
    }
    state.cancel_asked = true;
    state.paused = false;
    state.capped = false;
    state.because = entry.reason;
  }

  void operator()(const OperatorActed& fact) const {
    if (fact.act == OperatorAct::kPause) state.paused = !state.ended();
    if (fact.act == OperatorAct::kResume) state.paused = state.capped = false;
    Activity* activity = find_activity(state, fact.path);
    if (activity == nullptr || state.ended()) return;
    if (fact.act == OperatorAct::kRetry) retry(*activity, fact.direction);
    if (fact.act == OperatorAct::kSkip) skip(*activity, fact);
    if (fact.act == OperatorAct::kResolve) resolve(*activity, fact);
  }

  void operator()(const CapReached&) const { state.capped = true; }
  void operator()(const TurnCame&) const { state.queued = false; }

  // A child that has completed is undone like one that has not.
  void operator()(const UndoAsked&) const {
    state.undo_asked = true;
    if (state.status == Status::kCompensating || state.past_no_return) return;
    state.status = Status::kRunning;
    state.cancel_asked = true;
    state.paused = false;
    state.capped = false;
    state.because = "its parent is undone";
  }

  // The journal is folded under the new definition from its beginning.
  void operator()(const Migrated&) const {}

 private:
  bool has_receipt(const StepFailed& fact) const {
    const Call* spec = spec_of(graph.nodes[fact.path.node], fact.direction);
    return spec != nullptr && action_of(graph, *spec).runs == Action::Runs::kSql;
  }

  const Value* variable(SlotId slot, const Path& path) const {
    return slot < graph.slots.size()
               ? find_variable(state, slot, path.iteration, graph.slots[slot].depth)
               : nullptr;
  }

  // Time was over before all of its events came: its name does not exist, not even in part.
  void forget_part_of_record(const Activity& activity) const {
    const Node& node = graph.nodes[activity.path.node];
    if (node.any_source || node.slot == kNoSlot) return;
    if (const Value* known = variable(node.slot, activity.path)) {
      const auto it = std::find_if(state.variables.begin(), state.variables.end(),
                                   [&](const Variable& v) { return &v.value == known; });
      state.variables.erase(it);
    }
  }

  void wait_over(Activity& activity, const Value& result) const {
    forward_succeeded(graph, state, activity, result);
  }

  // A held statement that is no step is entered anew. A held call starts its tries anew: under the
  // same key while it is unsure (the policy chooses between the key and the check), under a new key
  // after a certain failure.
  void retry(Activity& activity, Direction direction) const {
    CallState& call = call_of(activity, direction);
    if (call.phase != CallPhase::kHeld && call.phase != CallPhase::kBackoff) return;
    if (!may_try_anew(graph, state, activity, direction)) return;
    if (spec_of(graph.nodes[activity.path.node], direction) == nullptr) {
      const Path path = activity.path;
      std::erase_if(all_activities(state), [&](const Activity& a) { return a.path == path; });
      state.ready.push_back(path);
      return;
    }
    const bool was_held = call.phase == CallPhase::kHeld;
    call.hold = HoldReason::kNone;
    call.team.clear();
    if (was_held) begin_anew(activity, direction);
    if (call.unsure && was_held) {
      call.phase = CallPhase::kFailed;
      call.failure = FailureKind::kUnsure;
      return;
    }
    if (was_held) new_key(call);
    call.phase = CallPhase::kDue;
  }

  // A person has it tried once more: what was tried before no longer counts.
  void begin_anew(Activity& activity, Direction direction) const {
    CallState& call = call_of(activity, direction);
    call.tries = 0;
    call.handler_tries = 0;
    (main_of(direction) == Direction::kForward ? activity.keep_since : activity.undo_since) =
        entry.at;
    call_of(activity, check_of(direction)).tries = 0;
  }
  static void new_key(CallState& call) {
    ++call.generation;
    call.first_sent_at = {};
  }

  void skip(Activity& activity, const OperatorActed& fact) const {
    CallState& call = call_of(activity, fact.direction);
    if (call.phase != CallPhase::kHeld && call.phase != CallPhase::kBackoff) return;
    const Path path = activity.path;
    call.phase = CallPhase::kRefused;
    call.hold = HoldReason::kNone;
    if (main_of(fact.direction) == Direction::kUndo) {
      activity.effect = EffectState::kLeftOver;
      activity.left_because = entry.reason;
      return;
    }
    if (call.unsure) {
      activity.effect = undoing(graph, state, path) ? EffectState::kLeftOver : EffectState::kMaybe;
      activity.left_because = entry.reason;
    }
    const Node& node = graph.nodes[path.node];
    if (node.slot != kNoSlot && !fact.output.is_null()) {
      set_variable(graph, state, node.slot, path.iteration, fact.output);
    }
    if (!activity.open) return;
    activity.open = false;
    complete(graph, state, without_round(graph, path));
  }

  void resolve(Activity& activity, const OperatorActed& fact) const {
    CallState& call = call_of(activity, fact.direction);
    if (!call.unsure || call.phase == CallPhase::kInFlight) return;
    if (fact.direction == Direction::kForward && fact.happened) {
      forward_succeeded(graph, state, activity, fact.output);
    } else if (fact.direction == Direction::kUndo && fact.happened) {
      undo_succeeded(activity);
    } else {
      call.unsure = false;
      call.hold = HoldReason::kNone;
      begin_anew(activity, fact.direction);
      const bool over = fact.direction == Direction::kForward && undoing(graph, state, fact.path);
      call.phase = over ? CallPhase::kRefused : CallPhase::kDue;
      if (!over) new_key(call);
      call_of(activity, check_of(fact.direction)).phase = CallPhase::kIdle;
    }
  }
};

}  // namespace

void absorb(const Graph& graph, State& state, const Fact& fact, const Entry& entry) {
  std::visit(FactFolder{graph, state, entry}, fact);
}

State apply(const Graph& graph, State state, const Entry& entry) {
  state.seq = entry.seq;
  state.now = entry.at;
  const bool undone =
      state.status == Status::kCompleted && std::holds_alternative<UndoAsked>(entry.fact);
  if (!state.ended() || undone) absorb(graph, state, entry.fact, entry);
  for (const Drawn& drawn : entry.drawn) absorb(graph, state, drawn);
  return state;
}

}  // namespace belay::interpreter
