// Facts and what was drawn from them, in words. One overload a kind, so that a new kind does not
// compile until it has words. See history_text.h.
#include "runtime/api/history_text.h"

#include "interpreter/time.h"
#include "runtime/api/private_fields.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

std::string moment(Instant at) { return format_timestamp(to_timestamp(at)); }

const Node* node_of(const Graph& graph, const Path& path) {
  return path.node < graph.nodes.size() ? &graph.nodes[path.node] : nullptr;
}

// `capture`, `the check of capture`, `the undo of capture`.
std::string call_text(const Graph& graph, const Path& path, Direction direction) {
  const std::string at = path_text(graph, path);
  switch (direction) {
    case Direction::kForward: return at;
    case Direction::kCheck: return "the check of " + at;
    case Direction::kUndo: return "the undo of " + at;
    case Direction::kUndoCheck: return "the check of the undo of " + at;
  }
  return at;
}

bool undoes(Direction direction) {
  return direction == Direction::kUndo || direction == Direction::kUndoCheck;
}

std::string with_message(const std::string& error, const std::string& message) {
  if (error.empty()) return message;
  return message.empty() ? error : error + ": " + message;
}

// Whether the definition says that the saga carries on after this failure.
bool carries_on(const Graph& graph, const Handled& handled) {
  // `then hand to` is a Held; an act of a handler's block that is handled is `carry on`
  if (handled.handler == kKeepHandler || handled.handler == kActHandler) return true;
  const Node* node = node_of(graph, handled.path);
  if (node == nullptr) return false;
  const Call* call =
      undoes(handled.direction) ? (node->undo ? &*node->undo : nullptr) : &node->call;
  return call != nullptr && handled.handler < call->handlers.size() &&
         call->handlers[handled.handler].act.kind == ActKind::kCarryOn;
}

// A failure that the definition foresees is not what anybody looks for at three in the morning.
bool is_foreseen(const Graph& graph, const Entry& entry) {
  const auto* failed = std::get_if<StepFailed>(&entry.fact);
  if (failed == nullptr) return false;
  for (const Drawn& drawn : entry.drawn) {
    const auto* handled = std::get_if<Handled>(&drawn);
    if (handled != nullptr && handled->path == failed->path && carries_on(graph, *handled))
      return true;
  }
  return false;
}

struct FactWords {
  const Graph& graph;
  bool foreseen = false;

  HistoryLine operator()(const Started&) const {
    return {
        Mark::kInfo, "started " + graph.workflow + " version " + std::to_string(graph.version), {}};
  }
  HistoryLine operator()(const StepSucceeded& f) const {
    const std::string call = call_text(graph, f.path, f.direction);
    if (f.direction == Direction::kCheck || f.direction == Direction::kUndoCheck) {
      return {Mark::kInfo, call + " answered " + to_text(masked_answer(f)), {}};
    }
    return {undoes(f.direction) ? Mark::kUndo : Mark::kOk, call + " succeeded", {}};
  }
  HistoryLine operator()(const StepFailed& f) const {
    const std::string call = call_text(graph, f.path, f.direction);
    const std::string why = with_message(f.error, f.message);
    if (foreseen && f.kind != FailureKind::kUnsure) {
      const bool refused = f.kind == FailureKind::kBusiness;
      return {
          Mark::kInfo, call + (refused ? " was refused" : " failed") + ", as foreseen: " + why, {}};
    }
    switch (f.kind) {
      case FailureKind::kBusiness: return {Mark::kFailed, call + " was refused: " + why, {}};
      case FailureKind::kTransient: return {Mark::kFailed, call + " failed for now: " + why, {}};
      case FailureKind::kUnsure: return {Mark::kUnsure, call + " may have happened: " + why, {}};
    }
    return {Mark::kFailed, call + ": " + why, {}};
  }
  HistoryLine operator()(const TimerFired& f) const {
    switch (f.purpose) {
      case TimerPurpose::kRetry:
        return {Mark::kInfo,
                "the wait before " + call_text(graph, f.path, f.direction) + " is over",
                {}};
      case TimerPurpose::kLimit:
        return {Mark::kWaiting, path_text(graph, f.path) + " reached its limit", {}};
      case TimerPurpose::kPause: return {Mark::kInfo, path_text(graph, f.path) + " is over", {}};
      case TimerPurpose::kDeadline: return {Mark::kAlarm, "the time to finish is over", {}};
    }
    return {Mark::kInfo, "a timer fired", {}};
  }
  HistoryLine operator()(const EventTaken& f) const {
    return {Mark::kOk, path_text(graph, f.path) + " got " + f.event + " (" + f.event_id + ")", {}};
  }
  HistoryLine operator()(const CancelAsked&) const {
    return {Mark::kPerson, "asked to cancel", {}};
  }
  HistoryLine operator()(const OperatorActed& f) const {
    const std::string call = f.path.node == kNoNode ? "" : call_text(graph, f.path, f.direction);
    switch (f.act) {
      case OperatorAct::kPause: return {Mark::kPerson, "paused it", {}};
      case OperatorAct::kResume: return {Mark::kPerson, "resumed it", {}};
      case OperatorAct::kRetry: return {Mark::kPerson, "asked to try " + call + " again", {}};
      case OperatorAct::kSkip: return {Mark::kPerson, "skipped " + call, {}};
      case OperatorAct::kResolve:
        return {Mark::kPerson,
                "found that " + call + (f.happened ? " did happen" : " did not happen") +
                    (f.evidence.empty() ? "" : " (evidence: " + f.evidence + ")"),
                {}};
    }
    return {Mark::kPerson, "acted", {}};
  }
  HistoryLine operator()(const AnswerGiven& f) const {
    return {Mark::kPerson, "answered " + path_text(graph, f.path), {}};
  }
  HistoryLine operator()(const TurnCame&) const { return {Mark::kInfo, "its turn came", {}}; }
  HistoryLine operator()(const UndoAsked&) const {
    return {Mark::kAlarm, "its parent is being undone", {}};
  }
  HistoryLine operator()(const Migrated& f) const {
    return {Mark::kPerson, "moved it from definition " + f.from + " to " + f.to, {}};
  }
  HistoryLine operator()(const CapReached&) const {
    return {Mark::kAlarm, "this saga has as many entries as one may have", {}};
  }

  Value masked_answer(const StepSucceeded& f) const {
    const Action* action = action_of(graph, f.path, f.direction);
    return action == nullptr ? f.result : masked(f.result, result_fields(*action));
  }
};

struct DrawnWords {
  const Graph& graph;
  Instant at;

  std::string operator()(const Took& d) const {
    const Node* node = node_of(graph, d.path);
    const std::string name = path_text(graph, d.path);
    if (node == nullptr) return name;
    if (node->kind == NodeKind::kTogether) return name + ": all branches begin";
    if (d.arm >= node->arms.size()) return name + ": no condition holds";
    const Arm& arm = node->arms[d.arm];
    return name + ": " + (arm.condition.empty() ? "otherwise" : arm.condition.source + " holds");
  }
  std::string operator()(const Assigned& d) const {
    const Node* node = node_of(graph, d.path);
    const bool known = node != nullptr && node->slot < graph.slots.size();
    if (!known) return "set " + path_text(graph, d.path);
    const SlotInfo& slot = graph.slots[node->slot];
    return "set " + slot.name + " = " + to_text(masked(d.value, slot.type));
  }
  std::string operator()(const Sent& d) const {
    const Action* action = action_of(graph, d.path, d.direction);
    return "send " + call_text(graph, d.path, d.direction) +
           (action == nullptr ? "" : " (" + action->name + ")") +
           (d.generation > 0 ? ", try " + std::to_string(d.generation + 1) : "");
  }
  std::string operator()(const RetryAt& d) const {
    const std::string wait =
        d.at.us - at.us < 1'000 ? "at once" : "in " + duration_text(d.at.us - at.us);
    return "try " + call_text(graph, d.path, d.direction) + " again " + wait;
  }
  std::string operator()(const Settled& d) const {
    return call_text(graph, d.path, d.direction) + (d.happened ? " did happen" : " did not happen");
  }
  std::string operator()(const Held& d) const {
    return "held for " + (d.team.empty() ? std::string("a person") : d.team) + ": " +
           call_text(graph, d.path, d.direction) + ", " + words(d.reason);
  }
  std::string operator()(const Failed& d) const {
    return call_text(graph, d.path, d.direction) + " could not be sent: " + d.message;
  }
  std::string operator()(const Handled& d) const {
    const std::string call = call_text(graph, d.path, d.direction);
    if (d.handler == kKeepHandler) return "stop trying " + call;
    if (carries_on(graph, d)) return "carry on, as " + call + " says for this error";
    if (d.handler == kLimitHandler) return "do what " + call + " says for its limit";
    return "do what " + call + " says for this error";
  }
  std::string operator()(const Waiting& d) const {
    const Node* node = node_of(graph, d.path);
    std::string events;
    for (std::size_t i = 0; i < d.keys.size(); ++i) {
      const bool known = node != nullptr && i < node->sources.size();
      events += (i == 0                                ? ""
                 : node != nullptr && node->any_source ? " or "
                                                       : " and ") +
                (known ? node->sources[i].event : std::string("an event")) + " with key " +
                d.keys[i];
    }
    return "wait for " + events + (d.until ? ", at most " + duration_text(d.until.us - at.us) : "");
  }
  std::string operator()(const Looped& d) const {
    return "begin " + path_text(graph, d.path) + " with " + std::to_string(d.items.size()) +
           (d.items.size() == 1 ? " item" : " items");
  }
  std::string operator()(const Asked& d) const {
    const Node* node = node_of(graph, d.path);
    return "ask " + (node == nullptr ? std::string("a person") : node->role) +
           (d.until ? ", at most " + duration_text(d.until.us - at.us) : "");
  }
  std::string operator()(const Unwinding& d) const {
    return "undo a part of " + path_text(graph, d.path) +
           (d.because.empty() ? "" : ": " + d.because);
  }
  std::string operator()(const Unwound& d) const {
    return "a part of " + path_text(graph, d.path) + " is undone";
  }
  std::string operator()(const PausedUntil& d) const { return "pause until " + moment(d.until); }
  std::string operator()(const Published& d) const {
    return "publish " + d.event + " with key " + d.key;
  }
  std::string operator()(const Passed&) const { return "the point of no return is passed"; }
  std::string operator()(const DeadlineAt& d) const {
    return "must finish within " + duration_text(d.at.us - at.us);
  }
  std::string operator()(const Cancelling& d) const {
    return "everything is undone from here on" + (d.because.empty() ? "" : ": " + d.because);
  }
  std::string operator()(const NotUndone& d) const {
    return path_text(graph, d.path) + " stays as it is" +
           (d.because.empty() ? "" : ": " + d.because);
  }
  std::string operator()(const Ended& d) const {
    return (d.status == Status::kCompleted ? std::string("completed")
                                           : std::string("compensated")) +
           (d.problem.empty() ? "" : ", but " + d.problem);
  }
};

// An entry shows the gravest thing that it led to.
Mark graver(Mark mark, const Drawn& drawn) {
  if (std::holds_alternative<Held>(drawn)) return Mark::kAlarm;
  if (std::holds_alternative<Ended>(drawn) && mark != Mark::kAlarm) return Mark::kEnd;
  return mark;
}

}  // namespace

HistoryLine history_line(const Graph& graph, const Entry& entry) {
  HistoryLine line = std::visit(FactWords{graph, is_foreseen(graph, entry)}, entry.fact);
  for (const Drawn& drawn : entry.drawn) {
    line.follows.push_back(std::visit(DrawnWords{graph, entry.at}, drawn));
    line.mark = graver(line.mark, drawn);
  }
  return line;
}

std::string duration_text(std::int64_t us) {
  if (us < 0) us = 0;
  const auto unit = [](std::int64_t n, const char* word) {
    return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
  };
  struct Unit {
    std::int64_t us;
    const char* word;
  };
  static constexpr Unit kUnits[] = {{86'400'000'000, "day"},
                                    {3'600'000'000, "hour"},
                                    {60'000'000, "minute"},
                                    {1'000'000, "second"},
                                    {1'000, "millisecond"}};
  for (std::size_t i = 0; i < std::size(kUnits); ++i) {
    if (us < kUnits[i].us) continue;
    std::string out = unit(us / kUnits[i].us, kUnits[i].word);
    const bool second_unit = i + 2 < std::size(kUnits);  // never milliseconds beside seconds
    const std::int64_t rest = second_unit ? us % kUnits[i].us / kUnits[i + 1].us : 0;
    return rest == 0 ? out : out + " " + unit(rest, kUnits[i + 1].word);
  }
  return "no time";
}

const char* words(HoldReason reason) {
  switch (reason) {
    case HoldReason::kNone: return "not held";
    case HoldReason::kUnknownOutcome: return "nobody knows whether it happened";
    case HoldReason::kRefused:
      return "it was refused in a way that the definition does not foresee";
    case HoldReason::kFailed: return "it failed, and nothing may be undone any more";
    case HoldReason::kGaveUp: return "all tries are used up";
    case HoldReason::kUndoFailed: return "its undo keeps failing";
    case HoldReason::kRequestChanged: return "the request is not the one that was sent before";
    case HoldReason::kBadValue: return "a value could not be worked out";
  }
  return "held";
}

const char* name(Mark mark) {
  switch (mark) {
    case Mark::kInfo: return "info";
    case Mark::kSent: return "sent";
    case Mark::kOk: return "ok";
    case Mark::kFailed: return "failed";
    case Mark::kUnsure: return "unsure";
    case Mark::kWaiting: return "waiting";
    case Mark::kUndo: return "undo";
    case Mark::kPerson: return "person";
    case Mark::kAlarm: return "alarm";
    case Mark::kEnd: return "end";
  }
  return "info";
}

}  // namespace belay::runtime::api
