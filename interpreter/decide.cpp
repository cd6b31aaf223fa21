// decide(): what must happen next. It draws one conclusion at a time, in a fixed order, folds it into the state and
// looks again, until nothing more follows:
//   cancel and deadline → outcomes that wait to be judged → calls that are due → waits that ran out →
//   nodes that control has reached (or, when everything is undone, the next undos) → the end
// Every conclusion is recorded in the entry, so that replay evaluates nothing. Tested in tests/interpreter.
#include <algorithm>

#include "interpreter/absorb.h"
#include "interpreter/policy.h"

namespace belay::interpreter {

namespace {

constexpr Direction kDirections[] = {Direction::kForward, Direction::kCheck, Direction::kUndo, Direction::kUndoCheck};

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
    if (state_.ended() || state_.paused || state_.capped) return std::nullopt;
    if (auto drawn = start_and_cancel()) return drawn;
    for (const Activity& activity : state_.activities) {
      if (auto drawn = judge(activity)) return drawn;
    }
    if (state_.status == Status::kRunning) {
      if (!state_.ready.empty()) return enter(Path(state_.ready.front()));
      if (state_.at_end) return ended_with(graph_, state_, graph_.gives, {});
      return std::nullopt;
    }
    return undo_next();
  }

  std::optional<Drawn> start_and_cancel() {
    if (state_.status != Status::kRunning) return std::nullopt;
    if (state_.seq == 1 && !state_.deadline && !graph_.finish_within.empty()) {
      const Evaluated length = evaluate(graph_.finish_within, StateScope(graph_, state_, {}));
      if (!length.ok || length.value.kind() != Value::Kind::kDuration) {
        return Cancelling{{}, "`finish within` could not be worked out: " + length.error};
      }
      return DeadlineAt{later(length.value.as_duration())};
    }
    if (state_.cancel_asked) return Cancelling{{}, state_.because};
    if (state_.deadline_passed && !state_.past_no_return) return Cancelling{{}, "it did not finish in time"};
    return std::nullopt;
  }

  // What follows from the phases of one activity's calls.
  std::optional<Drawn> judge(const Activity& activity) {
    const Node& node = graph_.nodes[activity.path.node];
    if (activity.limit_passed && activity.open && activity.forward.phase == CallPhase::kIdle) {
      return after_limit(graph_, state_, activity);
    }
    for (const Direction direction : kDirections) {
      const CallState& call = call_of(activity, direction);
      const bool is_check = direction != main_of(direction);
      if (call.phase == CallPhase::kDue) return send(activity.path, direction, call.generation);
      if (is_check && call.phase == CallPhase::kSucceeded) {
        return after_check(graph_, state_, activity, direction, saga_);
      }
      if (call.phase != CallPhase::kFailed || spec_of(node, direction) == nullptr) continue;
      Resolution resolution = after_failure(graph_, state_, activity, direction, saga_);
      if (!resolution.send_check) return resolution.drawn;
      const Direction check = check_of(direction);
      const CallState& state = call_of(activity, check);
      return send(activity.path, check, state.generation + (state.first_sent_at ? 1 : 0));
    }
    return std::nullopt;
  }

  // ---- Nodes that control has reached ----

  Drawn enter(const Path& path) {
    const Node& node = graph_.nodes[path.node];
    const StateScope scope(graph_, state_, path.iteration);
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
      case NodeKind::kForEach:
      case NodeKind::kRepeat:
      case NodeKind::kAsk:
      case NodeKind::kTry:
      case NodeKind::kRun:
      case NodeKind::kAct: break;
    }
    return Held{path, Direction::kForward, HoldReason::kBadValue, ""};
  }

  // An expression outside of a step failed: everything is undone, or a person looks at it when that is no longer possible.
  Drawn bad_value(const Path& path, const std::string& message) {
    if (state_.past_no_return) return Held{path, Direction::kForward, HoldReason::kBadValue, ""};
    return Cancelling{path, "`" + graph_.nodes[path.node].name + "` failed: bad_value (" + message + ")"};
  }

  Drawn take_arm(const Path& path, const Node& node, const StateScope& scope) {
    for (std::uint32_t i = 0; i < node.arms.size(); ++i) {
      if (node.arms[i].condition.empty()) return Took{path, i};
      const Evaluated condition = evaluate(node.arms[i].condition, scope);
      if (!condition.ok) return bad_value(path, condition.error);
      if (condition.value.kind() != Value::Kind::kBool) return bad_value(path, "the condition is neither true nor false");
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
      if (!limit.ok || limit.value.kind() != Value::Kind::kDuration) return bad_value(path, limit.error);
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
    Evaluated data = evaluate_record(graph_, state_, node.data, path.iteration);
    if (!data.ok) return bad_value(path, data.error);
    published.payload = std::move(data.value);
    return published;
  }

  // ---- Calls ----

  // The request is worked out anew for each try; under a key that was used before it must be what it was.
  Drawn send(const Path& path, Direction direction, std::uint32_t generation) {
    Request request = work_out(graph_, state_, path, direction);
    if (!request.ok) return Failed{path, direction, std::move(request.error)};
    if (const Activity* activity = find_activity(std::as_const(state_), path)) {
      const CallState& call = call_of(*activity, direction);
      if (call.first_sent_at && call.generation == generation && call.digest != request.command.digest) {
        return Held{path, main_of(direction), HoldReason::kRequestChanged, ""};
      }
    }
    request.command.generation = generation;
    Sent sent{path, direction, generation, request.command.digest, request.command.key};
    decision_.commands.push_back(std::move(request.command));
    return sent;
  }

 public:
  struct Request {
    bool ok = false;
    std::string error;
    RunAction command;
  };

  static Request work_out(const Graph& graph, const State& state, const Path& path, Direction direction) {
    Request request;
    const Call& spec = *spec_of(graph.nodes[path.node], direction);
    const StateScope scope(graph, state, path.iteration);
    Evaluated args = evaluate_record(graph, state, spec.args, path.iteration);
    if (!args.ok) {
      request.error = std::move(args.error);
      return request;
    }
    RunAction& command = request.command;
    command.path = path;
    command.direction = direction;
    command.action = spec.action;
    if (!spec.request_key.empty()) {
      const Evaluated key = evaluate(spec.request_key, scope);
      if (!key.ok || key.value.kind() != Value::Kind::kString || key.value.as_string().empty()) {
        request.error = "`request key`: " + (key.ok ? std::string("it is no text") : key.error);
        return request;
      }
      command.key = key.value.as_string();
    }
    if (!spec.within.empty()) {
      const Evaluated within = evaluate(spec.within, scope);
      if (!within.ok || within.value.kind() != Value::Kind::kDuration) {
        request.error = "`within`: " + (within.ok ? std::string("it is no duration") : within.error);
        return request;
      }
      const Duration length = within.value.as_duration();
      command.within_ms = std::max<std::int64_t>(1, length.seconds * 1000 + length.nanos / 1'000'000);
    }
    std::string bytes = graph.actions[spec.action].name;
    bytes += '\0';
    bytes += command.key;
    bytes += '\0';
    append_canonical(args.value, bytes);
    command.digest = fnv1a(bytes);
    command.args = std::move(args.value);
    request.ok = true;
    return request;
  }

 private:
  // ---- Undoing ----

  // In reverse causal order: an undo waits for everything that came after it, and for nothing else.
  std::optional<Drawn> undo_next() {
    bool all_settled = true;
    for (const Activity& activity : state_.activities) {
      if (is_settled(activity)) continue;
      all_settled = false;
      if (activity.undo.phase != CallPhase::kIdle || !may_be_undone(activity)) continue;
      const Node& node = graph_.nodes[activity.path.node];
      if (node.undo) return send(activity.path, Direction::kUndo, 0);
      return NotUndone{activity.path, node.no_undo_because.empty() ? "nothing undoes it" : node.no_undo_because};
    }
    if (!all_settled) return std::nullopt;
    return Ended{Status::kCompensated, {}, ""};
  }

  bool may_be_undone(const Activity& activity) const {
    if (activity.effect != EffectState::kDone && activity.effect != EffectState::kMaybe) return false;
    if (activity.forward.phase != CallPhase::kSucceeded && activity.forward.phase != CallPhase::kRefused) return false;
    return std::none_of(state_.activities.begin(), state_.activities.end(), [&](const Activity& other) {
      return !is_settled(other) && precedes(graph_, activity.path, other.path);
    });
  }

  // ---- Commands ----

  void note_commands(const Drawn& drawn) {
    auto& commands = decision_.commands;
    if (const auto* retry = std::get_if<RetryAt>(&drawn)) {
      commands.push_back(StartTimer{retry->path, TimerPurpose::kRetry, retry->direction, retry->at});
    } else if (const auto* waiting = std::get_if<Waiting>(&drawn)) {
      await(waiting->path, waiting->keys);
      if (waiting->until) commands.push_back(StartTimer{waiting->path, TimerPurpose::kLimit, {}, waiting->until});
    } else if (const auto* paused = std::get_if<PausedUntil>(&drawn)) {
      commands.push_back(StartTimer{paused->path, TimerPurpose::kPause, {}, paused->until});
    } else if (const auto* deadline = std::get_if<DeadlineAt>(&drawn)) {
      commands.push_back(StartTimer{{}, TimerPurpose::kDeadline, {}, deadline->at});
    } else if (const auto* published = std::get_if<Published>(&drawn)) {
      commands.push_back(
          Publish{published->path, published->event, published->version, published->key, published->payload});
    } else if (const auto* handled = std::get_if<Handled>(&drawn)) {
      stop_awaiting(handled->path);
    } else if (std::holds_alternative<Cancelling>(drawn)) {
      for (const Activity& activity : state_.activities) stop_awaiting(activity.path);
    } else if (const auto* ended = std::get_if<Ended>(&drawn)) {
      for (const Activity& activity : state_.activities) stop_awaiting(activity.path);
      commands.push_back(Finish{ended->status});
    }
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
    if (activity == nullptr || !activity->open) return;
    const Node& node = graph_.nodes[path.node];
    if (node.kind != NodeKind::kWait) return;
    for (std::uint32_t i = 0; i < node.sources.size() && i < activity->keys.size(); ++i) {
      if (std::binary_search(activity->taken.begin(), activity->taken.end(), i)) continue;
      decision_.commands.push_back(
          StopAwaiting{path, i, node.sources[i].event, activity->keys[i]});
    }
  }

  Instant later(const Duration& length) const {
    return {state_.now.us + length.seconds * 1'000'000 + length.nanos / 1000};
  }

  static std::string key_text(const Value& value) {
    return value.kind() == Value::Kind::kString ? value.as_string() : to_text(value);
  }

  const Graph& graph_;
  State& state_;
  Decision& decision_;
  const std::string_view saga_;
};

}  // namespace

Decision decide(const Graph& graph, State state, std::string_view saga) {
  Decision decision;
  decision.state = std::move(state);
  Drawer(graph, decision, saga).draw_all();
  return decision;
}

Recovery recover(const Graph& graph, const State& state) {
  Recovery recovery;
  if (state.ended()) return recovery;
  if (state.deadline && !state.deadline_passed) {
    recovery.commands.push_back(StartTimer{{}, TimerPurpose::kDeadline, {}, state.deadline});
  }
  for (const Activity& activity : state.activities) {
    const Node& node = graph.nodes[activity.path.node];
    if (activity.open && node.kind == NodeKind::kWait) {
      for (std::uint32_t i = 0; i < node.sources.size() && i < activity.keys.size(); ++i) {
        if (std::binary_search(activity.taken.begin(), activity.taken.end(), i)) continue;
        const Instant since{state.started_at.us - node.sources[i].even_before_ms * 1000};
        recovery.commands.push_back(
            AwaitEvent{activity.path, i, node.sources[i].event, activity.keys[i], since});
      }
    }
    if (activity.open && activity.until) {
      const auto purpose = node.kind == NodeKind::kPause ? TimerPurpose::kPause : TimerPurpose::kLimit;
      recovery.commands.push_back(StartTimer{activity.path, purpose, {}, activity.until});
    }
    for (const Direction direction : kDirections) {
      const CallState& call = call_of(activity, direction);
      if (call.phase == CallPhase::kBackoff) {
        recovery.commands.push_back(StartTimer{activity.path, TimerPurpose::kRetry, direction, call.due});
      }
      if (call.phase != CallPhase::kInFlight) continue;
      recovery.facts.push_back(StepFailed{activity.path, direction, call.generation, FailureKind::kUnsure, "lost",
                                          "the engine stopped while it was under way", false, 0});
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
  for (const Activity& activity : state.activities) {
    if (activity.open && activity.until && !activity.limit_passed) {
      const bool pause = graph.nodes[activity.path.node].kind == NodeKind::kPause;
      visit(activity.until, TimerFired{activity.path, pause ? TimerPurpose::kPause : TimerPurpose::kLimit, {}});
    }
    for (const Direction direction : kDirections) {
      const CallState& call = call_of(activity, direction);
      if (call.phase == CallPhase::kBackoff) {
        visit(call.due, TimerFired{activity.path, TimerPurpose::kRetry, direction});
      }
    }
  }
}

}  // namespace

std::vector<Fact> due_timers(const Graph& graph, const State& state, Instant now) {
  std::vector<std::pair<Instant, Fact>> due;
  each_timer(graph, state, [&](Instant at, const TimerFired& fact) {
    if (at <= now) due.emplace_back(at, fact);
  });
  std::stable_sort(due.begin(), due.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Fact> facts;
  for (auto& [at, fact] : due) facts.push_back(std::move(fact));
  return facts;
}

Instant next_wakeup(const Graph& graph, const State& state) {
  Instant next{};
  each_timer(graph, state, [&](Instant at, const TimerFired&) {
    if (!next || at < next) next = at;
  });
  return next;
}

}  // namespace belay::interpreter
