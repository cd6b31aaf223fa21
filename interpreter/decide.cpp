// decide(): what must happen next. It draws one conclusion at a time, in a fixed order, folds it
// into the state and looks again, until nothing more follows:
//   cancel and deadline → outcomes that wait to be judged → calls that are due → waits that ran out
//   → nodes that control has reached (or, when everything is undone, the next undos) → the end
// Every conclusion is recorded in the entry, so that replay evaluates nothing. Tested in
// tests/interpreter.
#include <algorithm>

#include "interpreter/absorb.h"
#include "interpreter/defects.h"
#include "interpreter/policy.h"
#include "interpreter/request.h"

namespace belay::interpreter {

namespace {

constexpr Direction kDirections[] = {Direction::kForward, Direction::kCheck, Direction::kUndo,
                                     Direction::kUndoCheck};
constexpr std::size_t kItemsMax = 10'000;  // of a `for each`

class Drawer {
 public:
  Drawer(const Graph& graph, Decision& decision, std::string_view saga)
      : graph_(graph), state_(decision.state), decision_(decision), saga_(saga) {}

  void draw_all() {
    while (auto drawn = next()) {
      note_commands(*drawn);
      absorb(graph_, state_, *drawn);
      decision_.drawn.push_back(std::move(*drawn));
    }
  }

 private:
  std::optional<Drawn> next() {
    const bool paused = state_.paused && !defective(Defect::kPauseIgnored);
    if (state_.ended() || paused || state_.capped) return std::nullopt;
    if (auto drawn = start_and_cancel()) return drawn;
    if (state_.queued) return std::nullopt;
    if (auto loser = next_loser()) return loser;
    look_who_is_awake(state_);
    for (const std::uint32_t at : state_.awake.positions) {
      auto drawn = judge(state_.activities[at]);
      if (drawn && !too_early(*drawn)) return drawn;
    }
    const bool goes_on = defective(Defect::kGoesOnAfterCancel) && !state_.ready.empty();
    if (state_.status != Status::kRunning && !goes_on) return undo_next(nullptr);
    for (const Unwind& part : state_.unwinding) {
      if (auto drawn = undo_next(&part)) return drawn;
    }
    for (const Path& path : state_.ready) {
      auto drawn = enter(Path(path));
      if (!too_early(drawn)) return drawn;
    }
    if (state_.at_end && state_.unwinding.empty())
      return ended_with(graph_, state_, graph_.gives, {});
    return std::nullopt;
  }

  // A saga does not complete while a part of it is being undone.
  bool too_early(const Drawn& drawn) const {
    return !state_.unwinding.empty() && std::holds_alternative<Ended>(drawn);
  }

  // A branch that still runs although enough others have succeeded.
  std::optional<Drawn> next_loser() const {
    for (const Join& join : state_.joins) {
      if (join.left == 0 && !defective(Defect::kLoserKept))
        return Unwinding{join.path, join.running.front(), 0, {}, "others were first"};
    }
    return std::nullopt;
  }

  std::optional<Drawn> start_and_cancel() {
    if (state_.status != Status::kRunning) return std::nullopt;
    if (state_.seq == 1 && !state_.deadline && !graph_.finish_within.empty()) {
      const Path nowhere;
      const Evaluated length = evaluate(graph_.finish_within, StateScope(graph_, state_, nowhere));
      if (!length.ok || length.value.kind() != Value::Kind::kDuration) {
        return Cancelling{{}, "`finish within` could not be worked out: " + length.error};
      }
      return DeadlineAt{later(length.value.as_duration())};
    }
    if (state_.cancel_asked) return Cancelling{{}, state_.because};
    if (state_.deadline_passed && !state_.past_no_return && !defective(Defect::kDeadlineForgotten))
      return Cancelling{{}, "it did not finish in time"};
    return std::nullopt;
  }

  // What follows from the phases of one activity's calls.
  std::optional<Drawn> judge(const Activity& activity) {
    if (only_in_flight(activity)) return std::nullopt;
    const Node& node = graph_.nodes[activity.path.node];
    if (activity.open) {
      const CallPhase phase = activity.forward.phase;
      if (activity.limit_passed && phase == CallPhase::kIdle)
        return after_limit(graph_, state_, activity);
      const bool is_part = node.kind == NodeKind::kTry || node.kind == NodeKind::kRepeat;
      if (is_part && phase == CallPhase::kFailed) return after_part(graph_, state_, activity);
      // The first of `any of` has come.
      if (phase == CallPhase::kSucceeded)
        return Settled{activity.path, Direction::kForward, true, {}};
    }
    if (reads_in_vain(activity)) return Settled{activity.path, Direction::kForward, false, {}};
    for (const Direction direction : kDirections) {
      const CallState& call = call_of(activity, direction);
      const bool is_check = direction != main_of(direction);
      const bool forgotten =
          call.phase == CallPhase::kDue && call.unsure && worn_out(node, direction, call);
      if (call.phase == CallPhase::kDue && !forgotten)
        return send(activity.path, direction, call.generation);
      if (is_check && call.phase == CallPhase::kSucceeded) {
        return after_check(graph_, state_, activity, direction, saga_);
      }
      if ((call.phase != CallPhase::kFailed && !forgotten) || spec_of(node, direction) == nullptr)
        continue;
      Resolution resolution = after_failure(graph_, state_, activity, direction, saga_);
      if (!resolution.send_check) return resolution.drawn;
      const Direction check = check_of(direction);
      const CallState& state = call_of(activity, check);
      return send(activity.path, check, state.generation + (state.first_sent_at ? 1 : 0));
    }
    return std::nullopt;
  }

  // As most that are awake.
  static bool only_in_flight(const Activity& activity) {
    return activity.forward.phase == CallPhase::kInFlight &&
           activity.check.phase == CallPhase::kIdle && activity.undo.phase == CallPhase::kIdle &&
           activity.undo_check.phase == CallPhase::kIdle;
  }

  // Nobody wants to know any more what it would have read, and it left nothing: no undo waits for
  // it.
  bool reads_in_vain(const Activity& activity) const {
    if (!activity.forward.unsure ||
        !nothing_can_have_happened(graph_, activity, Direction::kForward))
      return false;
    const CallPhase phase = activity.forward.phase;
    const bool waits =
        phase == CallPhase::kDue || phase == CallPhase::kFailed || phase == CallPhase::kHeld;
    return waits && undoing(graph_, state_, activity.path);
  }

  // The other side has forgotten the key while the next try waited: the same key would do the thing
  // a second time.
  bool worn_out(const Node& node, Direction direction, const CallState& call) const {
    const Call* spec = spec_of(node, direction);
    return spec != nullptr && key_worn_out(action_of(graph_, *spec), call, state_.now);
  }

  // ---- Nodes that control has reached ----

  Drawn enter(const Path& path) {
    const Node& node = graph_.nodes[path.node];
    const StateScope scope(graph_, state_, path);
    switch (node.kind) {
      case NodeKind::kStep: return send(path, Direction::kForward, 0);
      case NodeKind::kWhen: return take_arm(path, node, scope);
      case NodeKind::kTogether: return Took{path, 0};
      case NodeKind::kWait: return wait(path, node, scope);
      case NodeKind::kPause: return pause(path, node, scope);
      case NodeKind::kPublish: return publish(path, node, scope);
      case NodeKind::kSet: {
        Evaluated value = evaluate(node.value, scope);
        if (!value.ok) return bad_value(path, value.error);
        return Assigned{path, std::move(value.value)};
      }
      case NodeKind::kCancel:
        if (state_.past_no_return) return Held{path, Direction::kForward, HoldReason::kFailed, ""};
        return Cancelling{path, node.act.because};
      case NodeKind::kFinish: return ended_with(graph_, state_, node.act.with, path);
      case NodeKind::kPointOfNoReturn: return Passed{path};
      case NodeKind::kForEach: return loop(path, node, scope);
      case NodeKind::kRepeat: return round(path, node, scope);
      case NodeKind::kAsk: {
        Asked asked{path, {}};
        if (!node.within.empty()) {
          const Evaluated limit = evaluate(node.within, scope);
          if (!limit.ok || limit.value.kind() != Value::Kind::kDuration)
            return bad_value(path, limit.error);
          asked.until = later(limit.value.as_duration());
        }
        return asked;
      }
      case NodeKind::kTry: return Took{path, 0};
      case NodeKind::kRun: return send(path, Direction::kForward, 0);
      case NodeKind::kAct: return by_statement(graph_, state_, path, saga_);
    }
    return bad_value(path, "a statement of an unknown kind");
  }

  // An expression outside of a step failed.
  Drawn bad_value(const Path& path, const std::string& message) const {
    return go_outward(graph_, state_, path, {"bad_value", message, HoldReason::kBadValue});
  }

  Drawn loop(const Path& path, const Node& node, const StateScope& scope) {
    const Evaluated items = evaluate(node.items, scope);
    if (!items.ok) return bad_value(path, items.error);
    if (items.value.kind() != Value::Kind::kList)
      return bad_value(path, "it goes over something that is no list");
    if (items.value.as_list().size() > kItemsMax) {
      return bad_value(path, "the list has more than " + std::to_string(kItemsMax) + " items");
    }
    return Looped{path, items.value.as_list()};
  }

  // A `repeat` begins; or, when the path has the number of a round, that round is over.
  Drawn round(const Path& path, const Node& node, const StateScope& scope) {
    if (path.iteration.size() <= depth_of(graph_, path.node)) return Took{path, kAgain};
    const Evaluated until = evaluate(node.until, scope);
    if (!until.ok) return bad_value(path, until.error);
    if (until.value.kind() != Value::Kind::kBool)
      return bad_value(path, "`until` is neither true nor false");
    if (until.value.as_bool()) return Took{path, kEnough};
    const std::uint32_t rounds = path.iteration.back() + (defective(Defect::kRoundTooMany) ? 0 : 1);
    return Took{path, rounds < node.times ? kAgain : kUsedUp};
  }

  Drawn take_arm(const Path& path, const Node& node, const StateScope& scope) {
    for (std::uint32_t i = 0; i < node.arms.size(); ++i) {
      if (node.arms[i].condition.empty()) return Took{path, i};
      const Evaluated condition = evaluate(node.arms[i].condition, scope);
      if (!condition.ok) return bad_value(path, condition.error);
      if (condition.value.kind() != Value::Kind::kBool)
        return bad_value(path, "the condition is neither true nor false");
      if (condition.value.as_bool()) return Took{path, i};
    }
    return Took{path, static_cast<std::uint32_t>(node.arms.size())};
  }

  Drawn wait(const Path& path, const Node& node, const StateScope& scope) {
    Waiting waiting{path, {}, {}};
    for (const Source& source : node.sources) {
      Evaluated key = evaluate(source.key, scope);
      if (!key.ok) return bad_value(path, key.error);
      waiting.keys.push_back(key_text(key.value));
    }
    if (!node.within.empty()) {
      const Evaluated limit = evaluate(node.within, scope);
      if (!limit.ok || limit.value.kind() != Value::Kind::kDuration)
        return bad_value(path, limit.error);
      waiting.until = later(limit.value.as_duration());
    }
    return waiting;
  }

  Drawn pause(const Path& path, const Node& node, const StateScope& scope) {
    const bool by_length = !node.pause_for.empty();
    const Evaluated end = evaluate(by_length ? node.pause_for : node.pause_until, scope);
    const auto kind = by_length ? Value::Kind::kDuration : Value::Kind::kTimestamp;
    if (!end.ok || end.value.kind() != kind) return bad_value(path, end.error);
    if (by_length) return PausedUntil{path, later(end.value.as_duration())};
    const Timestamp until = end.value.as_timestamp();
    return PausedUntil{path, Instant{until.seconds * 1'000'000 + until.nanos / 1000}};
  }

  Drawn publish(const Path& path, const Node& node, const StateScope& scope) {
    Published published{path, node.event, 1, "", {}};
    for (const EventType& type : graph_.events) {
      if (type.name == node.event) published.version = type.version;
    }
    if (!node.key.empty()) {
      const Evaluated key = evaluate(node.key, scope);
      if (!key.ok) return bad_value(path, key.error);
      published.key = key_text(key.value);
    }
    Evaluated data = evaluate_record(graph_, state_, node.data, path);
    if (!data.ok) return bad_value(path, data.error);
    published.payload = std::move(data.value);
    return published;
  }

  // ---- Calls ----

  // The request is worked out anew for each try; under a key that was used before it must be what
  // it was.
  Drawn send(const Path& path, Direction direction, std::uint32_t generation) {
    Request request = work_out_request(graph_, state_, path, direction);
    if (!request.ok) return Failed{path, direction, std::move(request.error)};
    if (const Activity* activity = find_activity(std::as_const(state_), path)) {
      const CallState& call = call_of(*activity, direction);
      if (call.first_sent_at && call.generation == generation &&
          call.digest != request.command.digest) {
        return Held{path, main_of(direction), HoldReason::kRequestChanged, ""};
      }
    }
    request.command.generation = generation;
    Sent sent{path, direction, generation, request.command.digest, request.command.key};
    if (graph_.nodes[path.node].kind == NodeKind::kRun) {
      command_child(path, direction, std::move(request));
    } else {
      decision_.commands.push_back(std::move(request.command));
    }
    return sent;
  }

  // A child starts, or is asked to undo itself: it is told by the call that started it.
  void command_child(const Path& path, Direction direction, Request request) {
    const ChildRun& run = graph_.nodes[path.node].run;
    const std::uint32_t generation = request.command.generation;
    if (direction == Direction::kForward) {
      decision_.commands.push_back(StartChild{path, generation, run.workflow, run.hash, run.version,
                                              std::move(request.command.args), run.detached});
    } else if (const Activity* activity = find_activity(std::as_const(state_), path)) {
      decision_.commands.push_back(
          StopChild{path, direction, generation, activity->forward.generation, kParentUndone});
    }
  }

  // ---- Undoing ----

  // In reverse causal order: an undo waits for everything inside the part that came after it, and
  // for nothing else. What may be undone is worked out for all at once, then drawn one by one.
  // `part`: null for the whole saga.
  std::optional<Drawn> undo_next(const Unwind* part) {
    if (part != nullptr && defective(Defect::kPartNotUndone))
      return Unwound{part->path, part->part};
    for (bool fresh = undoable_.empty();; fresh = true) {
      if (fresh) {
        undoable_ = last_unsettled(graph_, state_, part);
        if (undoable_.empty() && part != nullptr) return Unwound{part->path, part->part};
        if (undoable_.empty()) return Ended{Status::kCompensated, {}, ""};
        std::reverse(undoable_.begin(), undoable_.end());
      }
      while (!undoable_.empty()) {
        const Path path = std::move(undoable_.back());
        undoable_.pop_back();
        const Activity* activity = find_activity(std::as_const(state_), path);
        if (activity == nullptr || is_settled(*activity) || !may_be_undone(*activity)) continue;
        const Node& node = graph_.nodes[path.node];
        if (node.undo) return send(path, Direction::kUndo, 0);
        return NotUndone{path,
                         node.no_undo_because.empty() ? "nothing undoes it" : node.no_undo_because};
      }
      if (fresh) return std::nullopt;
    }
  }

  static bool may_be_undone(const Activity& activity) {
    if (activity.undo.phase != CallPhase::kIdle) return false;
    if (activity.effect != EffectState::kDone && activity.effect != EffectState::kMaybe)
      return false;
    return activity.forward.phase == CallPhase::kSucceeded ||
           activity.forward.phase == CallPhase::kRefused;
  }

  // ---- Commands ----

  void note_commands(const Drawn& drawn) {
    auto& commands = decision_.commands;
    if (const auto* retry = std::get_if<RetryAt>(&drawn)) {
      commands.push_back(
          StartTimer{retry->path, TimerPurpose::kRetry, retry->direction, retry->at});
    } else if (const auto* waiting = std::get_if<Waiting>(&drawn)) {
      await(waiting->path, waiting->keys);
      if (waiting->until)
        commands.push_back(StartTimer{waiting->path, TimerPurpose::kLimit, {}, waiting->until});
    } else if (const auto* paused = std::get_if<PausedUntil>(&drawn)) {
      commands.push_back(StartTimer{paused->path, TimerPurpose::kPause, {}, paused->until});
    } else if (const auto* deadline = std::get_if<DeadlineAt>(&drawn)) {
      commands.push_back(StartTimer{{}, TimerPurpose::kDeadline, {}, deadline->at});
    } else if (const auto* published = std::get_if<Published>(&drawn)) {
      commands.push_back(Publish{published->path, published->event, published->version,
                                 published->key, published->payload});
    } else if (const auto* asked = std::get_if<Asked>(&drawn)) {
      if (asked->until)
        commands.push_back(StartTimer{asked->path, TimerPurpose::kLimit, {}, asked->until});
    } else if (const auto* handled = std::get_if<Handled>(&drawn)) {
      stop_awaiting(handled->path);
    } else if (const auto* held = std::get_if<Held>(&drawn)) {
      stop_awaiting(held->path);
    } else if (const auto* settled = std::get_if<Settled>(&drawn)) {
      stop_awaiting(settled->path);
    } else if (const auto* cancelling = std::get_if<Cancelling>(&drawn)) {
      for (const Activity& activity : state_.activities) stop(activity, cancelling->because);
    } else if (const auto* unwinding = std::get_if<Unwinding>(&drawn)) {
      for (const Activity& activity : state_.activities) {
        if (inside(graph_, activity.path, unwinding->path, unwinding->part))
          stop(activity, unwinding->because);
      }
    } else if (const auto* ended = std::get_if<Ended>(&drawn)) {
      for (const Activity& activity : state_.activities) stop(activity, "");
      commands.push_back(Finish{ended->status});
    }
  }

  // Nobody wants its event or its child any more. A child that was told before is not told again.
  void stop(const Activity& activity, const std::string& because) {
    stop_awaiting(activity.path);
    const bool child = graph_.nodes[activity.path.node].kind == NodeKind::kRun;
    if (!child || activity.forward.phase != CallPhase::kInFlight || !activity.open) return;
    const std::uint32_t generation = activity.forward.generation;
    decision_.commands.push_back(
        StopChild{activity.path, Direction::kForward, generation, generation, because});
  }

  void await(const Path& path, const std::vector<std::string>& keys) {
    const Node& node = graph_.nodes[path.node];
    for (std::uint32_t i = 0; i < node.sources.size() && i < keys.size(); ++i) {
      const Instant since{state_.started_at.us - node.sources[i].even_before_ms * 1000};
      decision_.commands.push_back(AwaitEvent{path, i, node.sources[i].event, keys[i], since});
    }
  }

  void stop_awaiting(const Path& path) {
    const Activity* activity = find_activity(std::as_const(state_), path);
    if (activity == nullptr || !activity->open || activity->forward.phase == CallPhase::kHeld)
      return;
    const Node& node = graph_.nodes[path.node];
    if (node.kind != NodeKind::kWait) return;
    for (std::uint32_t i = 0; i < node.sources.size() && i < activity->keys.size(); ++i) {
      if (std::binary_search(activity->taken.begin(), activity->taken.end(), i)) continue;
      decision_.commands.push_back(StopAwaiting{path, i, node.sources[i].event, activity->keys[i]});
    }
  }

  Instant later(const Duration& length) const {
    return {state_.now.us + length.seconds * 1'000'000 + length.nanos / 1000};
  }

  const Graph& graph_;
  State& state_;
  Decision& decision_;
  const std::string_view saga_;
  std::vector<Path> undoable_;  // found by undo_next and not drawn yet, the next one last
};

}  // namespace

Decision decide(const Graph& graph, State state, std::string_view saga) {
  Decision decision;
  decision.state = std::move(state);
  Drawer(graph, decision, saga).draw_all();
  return decision;
}

}  // namespace belay::interpreter
