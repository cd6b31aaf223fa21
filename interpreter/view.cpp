// Questions about a state, answered for people and for the instance row. The preview of an act runs
// the act on a copy with the real interpreter and compares before and after, so that what is shown
// is what would happen. Tested in tests/interpreter/view_test.cpp.
#include "interpreter/view.h"

#include <algorithm>

#include "interpreter/control.h"

namespace belay::interpreter {

namespace {

constexpr Direction kDirections[] = {Direction::kForward, Direction::kCheck, Direction::kUndo,
                                     Direction::kUndoCheck};

std::string quoted(const Graph& graph, const Path& path) {
  return "`" + path_text(graph, path) + "`";
}

std::string call_words(const Graph& graph, const Path& path, Direction direction) {
  switch (direction) {
    case Direction::kForward: return quoted(graph, path);
    case Direction::kCheck: return "the check of " + quoted(graph, path);
    case Direction::kUndo: return "the undo of " + quoted(graph, path);
    case Direction::kUndoCheck: return "the check of the undo of " + quoted(graph, path);
  }
  return "";
}

const char* hold_words(HoldReason reason) {
  switch (reason) {
    case HoldReason::kNone: return "";
    case HoldReason::kUnknownOutcome: return "unknown outcome";
    case HoldReason::kRefused: return "refused";
    case HoldReason::kFailed: return "failed";
    case HoldReason::kGaveUp: return "gave up";
    case HoldReason::kUndoFailed: return "undo failed";
    case HoldReason::kRequestChanged: return "request changed";
    case HoldReason::kBadValue: return "an expression failed";
  }
  return "";
}

std::string effect_words(const Graph& graph, const Node& node) {
  if (node.kind == NodeKind::kRun) return " (a saga of " + node.run.workflow + ")";
  if (node.kind != NodeKind::kStep) return "";
  const std::uint8_t effects = action_of(graph, node.call).effects;
  static constexpr std::pair<Effect, const char*> kWords[] = {{Effect::kMovesMoney, "moves money"},
                                                              {Effect::kReserves, "reserves"},
                                                              {Effect::kNotifies, "notifies"},
                                                              {Effect::kRecords, "records"}};
  std::string words;
  for (const auto& [effect, word] : kWords) {
    if ((effects & static_cast<std::uint8_t>(effect)) == 0) continue;
    words += (words.empty() ? " (" : ", ") + std::string(word);
  }
  return words.empty() ? "" : words + ")";
}

bool may_have_happened(const Activity& activity) {
  if (activity.effect == EffectState::kDone || activity.effect == EffectState::kMaybe) return true;
  return !is_settled(activity) &&
         (activity.forward.unsure || activity.forward.phase == CallPhase::kInFlight);
}

// The events that a wait still takes: "event payment.authorised for b1", with `and` or `or` between
// several.
std::string event_words(const Graph& graph, const Activity& activity) {
  const Node& node = graph.nodes[activity.path.node];
  std::string words;
  for (std::uint32_t i = 0; i < node.sources.size(); ++i) {
    if (!awaits(graph, activity, i)) continue;
    words += words.empty() ? "event " : node.any_source ? " or " : " and ";
    words += node.sources[i].event + " for " + activity.keys[i];
  }
  return words;
}

// What a parked saga waits for at this place.
std::string wait_words(const Graph& graph, const Activity& activity) {
  const Node& node = graph.nodes[activity.path.node];
  const std::string place = quoted(graph, activity.path);
  if (node.kind == NodeKind::kAsk) return "an answer to " + place + " by " + node.role;
  if (node.kind == NodeKind::kRun)
    return "the child saga " + place + " (" + node.run.workflow + ")";
  std::string events = event_words(graph, activity);
  return events.empty() ? "the end of " + place : events;
}

// Waits for a child: to complete, to stop, or to undo itself. That may take days.
bool waits_for_child(const Node& node, const CallState& call) {
  return node.kind == NodeKind::kRun && call.phase == CallPhase::kInFlight;
}

// What people call the program of `one at a time per`.
std::string turn_words(const Graph& graph) {
  const std::string& per = graph.one_at_a_time.source;
  return per.empty() ? "its turn (one at a time)" : "its turn (one at a time per " + per + ")";
}

}  // namespace

Summary summary(const Graph& graph, const State& state) {
  Summary s;
  if (state.ended()) {
    s.failure = state.because.empty() ? state.problem : state.because;
    s.parked = true;
    return s;
  }
  const Activity* held = nullptr;
  Direction held_direction = Direction::kForward;
  const Activity* retrying = nullptr;
  Direction retry_direction = Direction::kForward;
  const Activity* timed = nullptr;
  std::size_t in_flight = 0, sent = 0;
  for (const Activity& activity : state.activities) {
    const Node& node = graph.nodes[activity.path.node];
    for (const Direction direction : kDirections) {
      const CallState& call = call_of(activity, direction);
      if (waits_for_child(node, call)) {
        timed = &activity;
      } else if (call.phase == CallPhase::kInFlight || call.phase == CallPhase::kDue ||
                 (call.phase == CallPhase::kFailed &&
                  state.unwinding.empty())) {  // else it waits for what is undone
        ++in_flight;
        if (call.phase == CallPhase::kInFlight) ++sent;
      }
      if (call.phase == CallPhase::kHeld) {
        const bool worse = held == nullptr || call.hold == HoldReason::kUnknownOutcome;
        if (worse) {
          held = &activity;
          held_direction = direction;
        }
      }
      if (call.phase == CallPhase::kBackoff &&
          (retrying == nullptr || call.due < call_of(*retrying, retry_direction).due)) {
        retrying = &activity;
        retry_direction = direction;
      }
    }
    if (activity.open && node.kind != NodeKind::kStep &&
        activity.forward.phase == CallPhase::kIdle) {
      timed = &activity;
    }
  }
  // Nothing new is done while it is paused or at its cap, but what was sent will be heard of, or
  // must be asked after when its engine is gone.
  s.parked = in_flight == 0 || (state.paused && sent == 0);
  if (held != nullptr) {
    const CallState& call = call_of(*held, held_direction);
    s.health = call.hold == HoldReason::kUnknownOutcome || call.hold == HoldReason::kRequestChanged
                   ? Health::kUnknownOutcome
               : call.hold == HoldReason::kUndoFailed ? Health::kUndoFailed
                                                      : Health::kHeld;
    s.waiting_on = "a person: " + call_words(graph, held->path, held_direction) + " (" +
                   hold_words(call.hold) + ")";
    if (!call.team.empty()) s.waiting_on += ", handed to " + call.team;
    s.failure = path_text(graph, held->path) + ": " + call.error +
                (call.message.empty() ? "" : ": " + call.message);
  } else if (state.capped) {
    s.health = Health::kHeld;
    s.waiting_on = "a person: the saga has reached its cap of entries";
    s.parked = sent == 0;
  } else if (retrying != nullptr) {
    const CallState& call = call_of(*retrying, retry_direction);
    s.health = Health::kRetrying;
    s.failure = path_text(graph, retrying->path) + ": " + call.error +
                (call.message.empty() ? "" : ": " + call.message);
    if (in_flight == 0)
      s.waiting_on = "retry of " + call_words(graph, retrying->path, retry_direction);
  } else if (timed != nullptr && in_flight == 0) {
    s.waiting_on = wait_words(graph, *timed);
  } else if (state.queued) {
    s.waiting_on = turn_words(graph);
    s.parked = true;
  }
  if (state.paused) {
    s.health =
        s.health == Health::kOk || s.health == Health::kRetrying ? Health::kPaused : s.health;
    if (held == nullptr) s.waiting_on = "a person: paused";
  }
  if (s.health == Health::kOk && state.deadline_passed && state.past_no_return)
    s.health = Health::kOverdue;
  if (s.failure.empty()) s.failure = state.because;
  return s;
}

std::vector<LeftOver> left_over(const Graph& graph, const State& state) {
  std::vector<LeftOver> left;
  for (const Activity& activity : state.activities) {
    const Node& node = graph.nodes[activity.path.node];
    const std::string what = path_text(graph, activity.path) + effect_words(graph, node);
    if (activity.effect == EffectState::kLeftOver) {
      left.push_back({activity.path, what, activity.left_because});
      continue;
    }
    if (!may_have_happened(activity) || !undoing(graph, state, activity.path)) continue;
    std::string why;
    if (activity.undo.phase == CallPhase::kHeld) {
      why = "its undo failed: " + activity.undo.error +
            (activity.undo.message.empty() ? "" : " (" + activity.undo.message + ")");
    } else if (activity.undo.phase != CallPhase::kIdle) {
      why = "its undo is under way";
      if (!activity.undo.error.empty()) why += ", last failure: " + activity.undo.error;
    } else if (activity.effect == EffectState::kDone) {
      why = "its undo has not begun";
    } else {
      why = "its outcome is unknown";
    }
    left.push_back({activity.path, what, std::move(why)});
  }
  return left;
}

std::vector<AllowedAct> allowed_acts(const Graph& graph, const State& state) {
  std::vector<AllowedAct> acts;
  if (state.ended()) return acts;
  if (state.status == Status::kRunning && !state.past_no_return) acts.push_back({"cancel", "", {}});
  acts.push_back({state.paused || state.capped ? "resume" : "pause", "", {}});
  for (const Activity& activity : state.activities) {
    const std::string path = path_text(graph, activity.path);
    const Node& node = graph.nodes[activity.path.node];
    if (node.kind == NodeKind::kAsk && activity.open && !activity.limit_passed &&
        activity.forward.phase == CallPhase::kIdle) {
      acts.push_back({"answer", path, Direction::kForward});
    }
    for (const Direction direction : {Direction::kForward, Direction::kUndo}) {
      const CallState& call = call_of(activity, direction);
      const bool held = call.phase == CallPhase::kHeld;
      if (!held && call.phase != CallPhase::kBackoff) continue;
      const Call* spec = spec_of(node, direction);
      // An unsure call is tried again only where that can settle it: by its check, or by a key that
      // is safe to repeat.
      const bool settles =
          spec != nullptr &&
          (!spec->check.empty() || (action_of(graph, *spec).repeat_safe &&
                                    !key_worn_out(action_of(graph, *spec), call, state.now)));
      const bool retry = call.hold != HoldReason::kRequestChanged && (!call.unsure || settles);
      if (retry && may_try_anew(graph, state, activity, direction))
        acts.push_back({"retry", path, direction});
      if (call.unsure) acts.push_back({"resolve", path, direction});
      if (held) acts.push_back({"skip", path, direction});
    }
  }
  return acts;
}

namespace {

std::string act_name(const Fact& fact) {
  if (std::holds_alternative<CancelAsked>(fact)) return "cancel";
  if (std::holds_alternative<AnswerGiven>(fact)) return "answer";
  if (const auto* acted = std::get_if<OperatorActed>(&fact)) {
    switch (acted->act) {
      case OperatorAct::kPause: return "pause";
      case OperatorAct::kResume: return "resume";
      case OperatorAct::kRetry: return "retry";
      case OperatorAct::kSkip: return "skip";
      case OperatorAct::kResolve: return "resolve";
    }
  }
  return "";
}

// What a request of the undo path is answered with when everything succeeds; nothing for what is
// done forward.
std::optional<Fact> success_of(const Graph& graph, const State& state, const Command& command) {
  if (const auto* stop = std::get_if<StopChild>(&command)) {
    if (stop->direction == Direction::kUndo)
      return StepSucceeded{stop->path, stop->direction, stop->generation, {}};
    return StepFailed{stop->path,
                      stop->direction,
                      stop->generation,
                      FailureKind::kBusiness,
                      "cancelled",
                      "",
                      true,
                      0};
  }
  const auto* run = std::get_if<RunAction>(&command);
  if (run == nullptr || !undoing(graph, state, run->path)) return std::nullopt;
  const bool check = run->direction == Direction::kCheck || run->direction == Direction::kUndoCheck;
  return StepSucceeded{run->path, run->direction, run->generation,
                       check ? record({{"happened", Value::string("no")}}) : Value()};
}

// Follows the undo path to its end as if every call succeeded, and notes what is undone on the way.
void follow(const Graph& graph, State state, std::vector<Command> commands, std::string_view saga,
            Preview& preview) {
  std::vector<std::string> undone;
  for (int round = 0; round < 10'000 && !commands.empty(); ++round) {
    std::vector<Command> next;
    for (const Command& command : commands) {
      if (const auto* run = std::get_if<RunAction>(&command);
          run != nullptr && run->direction == Direction::kUndo) {
        undone.push_back(path_text(graph, run->path) + " by " + graph.actions[run->action].name);
      }
      if (const auto* stop = std::get_if<StopChild>(&command);
          stop != nullptr && stop->direction == Direction::kUndo) {
        undone.push_back(path_text(graph, stop->path) + " by itself");
      }
      auto fact = success_of(graph, state, command);
      if (!fact) continue;
      Entry entry;
      entry.seq = state.seq + 1;
      entry.at = state.now;
      entry.fact = std::move(*fact);
      Decision decision = decide(graph, apply(graph, std::move(state), entry), saga);
      state = std::move(decision.state);
      for (auto& c : decision.commands) next.push_back(std::move(c));
    }
    commands = std::move(next);
  }
  preview.undoes = std::move(undone);
  for (const LeftOver& left : left_over(graph, state))
    preview.leaves.push_back(left.what + ": " + left.why);
  for (const Activity& activity : state.activities) {
    if (activity.effect != EffectState::kDone) continue;
    preview.keeps.push_back(path_text(graph, activity.path) +
                            effect_words(graph, graph.nodes[activity.path.node]));
  }
}

}  // namespace

Preview preview(const Graph& graph, const State& state, const Fact& act, std::string_view saga) {
  Preview preview;
  const std::string name = act_name(act);
  const auto* acted = std::get_if<OperatorActed>(&act);
  const auto* answer = std::get_if<AnswerGiven>(&act);
  const std::string path = acted != nullptr    ? path_text(graph, acted->path)
                           : answer != nullptr ? path_text(graph, answer->path)
                                               : "";
  const Direction direction = acted != nullptr ? acted->direction : Direction::kForward;
  for (const AllowedAct& allowed : allowed_acts(graph, state)) {
    const bool same_call = path.empty() || (allowed.path == path && allowed.direction == direction);
    if (allowed.act == name && same_call) preview.allowed = true;
  }
  if (!preview.allowed) {
    if (state.ended()) {
      preview.why_not =
          std::string("the saga has ended: ") + belay::interpreter::name(state.status);
    } else if (name == "cancel" && state.past_no_return) {
      preview.why_not = "the point of no return is passed";
    } else if (name == "cancel") {
      preview.why_not = "the saga is being undone already";
    } else if (name == "retry" && acted != nullptr) {
      const Activity* activity = find_activity(state, acted->path);
      const bool unsure = activity != nullptr && call_of(*activity, acted->direction).unsure;
      preview.why_not =
          unsure
              ? "its outcome is unknown and nothing makes a repeat safe: resolve it with evidence"
              : "nothing of that name waits to be tried again";
    } else {
      preview.why_not = "that does not fit the saga's present state";
    }
    return preview;
  }
  Entry entry;
  entry.seq = state.seq + 1;
  entry.at = state.now;
  entry.reason = "preview";
  entry.fact = act;
  Decision decision = decide(graph, apply(graph, state, entry), saga);
  for (const Command& command : decision.commands) {
    const auto* run = std::get_if<RunAction>(&command);
    if (run == nullptr) continue;
    const Activity* before = find_activity(state, run->path);
    const std::string words =
        call_words(graph, run->path, run->direction) + " with " + graph.actions[run->action].name;
    if (preview.next.empty()) preview.next = "sends " + words;
    const bool again = before != nullptr && bool(call_of(*before, run->direction).first_sent_at);
    if (!again) continue;
    const bool same_key = call_of(*before, run->direction).generation == run->generation;
    preview.repeats.push_back(words + (same_key ? ", under the same key" : ", under a new key"));
  }
  if (preview.next.empty()) {
    const Summary after = summary(graph, decision.state);
    preview.next = decision.state.ended() ? std::string("the saga ends: ") +
                                                belay::interpreter::name(decision.state.status)
                   : after.waiting_on.empty() ? "what is in flight settles first"
                                              : "waits for " + after.waiting_on;
  }
  follow(graph, std::move(decision.state), std::move(decision.commands), saga, preview);
  return preview;
}

const char* kind_words(NodeKind kind) {
  switch (kind) {
    case NodeKind::kStep: return "a step";
    case NodeKind::kWhen: return "a `when`";
    case NodeKind::kTogether: return "a `together`";
    case NodeKind::kWait: return "a wait";
    case NodeKind::kPause: return "a pause";
    case NodeKind::kPublish: return "a `publish`";
    case NodeKind::kSet: return "a `set`";
    case NodeKind::kCancel: return "a `cancel`";
    case NodeKind::kFinish: return "a `finish`";
    case NodeKind::kPointOfNoReturn: return "the point of no return";
    case NodeKind::kForEach: return "a `for each`";
    case NodeKind::kRepeat: return "a `repeat`";
    case NodeKind::kAsk: return "a question";
    case NodeKind::kTry: return "a `try`";
    case NodeKind::kRun: return "a child saga";
    case NodeKind::kAct: return "an act";
  }
  return "";
}

const char* name(Health health) {
  switch (health) {
    case Health::kOk: return "ok";
    case Health::kRetrying: return "retrying";
    case Health::kPaused: return "paused";
    case Health::kOverdue: return "overdue";
    case Health::kHeld: return "held";
    case Health::kUnknownOutcome: return "unknown_outcome";
    case Health::kUndoFailed: return "undo_failed";
  }
  return "";
}

const char* name(Status status) {
  switch (status) {
    case Status::kRunning: return "running";
    case Status::kCompensating: return "compensating";
    case Status::kCompleted: return "completed";
    case Status::kCompensated: return "compensated";
  }
  return "";
}

const char* name(HoldReason reason) {
  switch (reason) {
    case HoldReason::kNone: return "none";
    case HoldReason::kUnknownOutcome: return "unknown_outcome";
    case HoldReason::kRefused: return "refused";
    case HoldReason::kFailed: return "failed";
    case HoldReason::kGaveUp: return "gave_up";
    case HoldReason::kUndoFailed: return "undo_failed";
    case HoldReason::kRequestChanged: return "request_changed";
    case HoldReason::kBadValue: return "bad_value";
  }
  return "";
}

const char* name(Direction direction) {
  switch (direction) {
    case Direction::kForward: return "do";
    case Direction::kCheck: return "check";
    case Direction::kUndo: return "undo";
    case Direction::kUndoCheck: return "undo-check";
  }
  return "";
}

const char* name(FailureKind kind) {
  switch (kind) {
    case FailureKind::kBusiness: return "business";
    case FailureKind::kTransient: return "transient";
    case FailureKind::kUnsure: return "unsure";
  }
  return "";
}

}  // namespace belay::interpreter
