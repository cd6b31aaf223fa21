// Policies, in the order in which they speak:
//   unsure      the same key again while that is safe and remembered → the check → `if unsure` → a
//   person;
//               of what only reads nothing can have happened: it is then like a failure that may
//               pass; what a receipt tells (SQL) is asked for under the same key until it is told
//   transient   the retry plan, `keep trying` → then the handlers see `gave_up`
//   business    the handlers → everything is undone; after the point of no return, a person
// An undo has the same policies, but nobody undoes an undo: it is kept up, then handed to a person
// or left over.
#include "interpreter/policy.h"

#include <algorithm>

#include "interpreter/defects.h"

namespace belay::interpreter {

namespace {

constexpr std::int64_t kMicrosPerMilli = 1000;
constexpr std::int64_t kSignInWaitMaxMs = 60'000;
constexpr std::int64_t kReceiptWaitMaxMs = 60'000;

bool has_error(const Handler& handler, std::string_view error) {
  return std::find(handler.errors.begin(), handler.errors.end(), error) != handler.errors.end();
}

bool reads_only(const Action& action) {
  return action.effects == static_cast<std::uint8_t>(Effect::kReads);
}

// One call's failure and everything that bears on it.
struct Case {
  const Graph& graph;
  const State& state;
  const Activity& activity;
  const Direction direction;
  const std::string_view saga;
  const Node& node = graph.nodes[activity.path.node];
  const Call& spec = *spec_of(node, direction);
  const CallState& call = call_of(activity, direction);
  const Action& action = action_of(graph, spec);

  bool undoing_forward() const {
    return direction == Direction::kForward && undoing(graph, state, activity.path);
  }

  Instant after(std::int64_t wait_ms) const {
    return {state.now.us + std::max(wait_ms, call.retry_after_ms) * kMicrosPerMilli};
  }

  // The wait before the next try: doubling from the first, bounded, spread by the effect's name so
  // that sagas that failed together do not come back together.
  std::int64_t wait_ms() const {
    std::int64_t wait = spec.retry.first_wait_ms;
    if (spec.retry.doubling) {
      for (std::uint32_t i = 1; i < call.tries && wait < spec.retry.wait_ms_max; ++i) wait *= 2;
    }
    wait = std::min(wait, spec.retry.wait_ms_max);
    if (!spec.retry.spread) return wait;
    const std::uint64_t seed = fnv1a(path_text(graph, activity.path), fnv1a(saga));
    const std::uint64_t part = fnv1a(std::to_string(call.tries), seed) % 1000;
    return wait / 2 + wait / 2 * static_cast<std::int64_t>(part) / 1000;
  }

  RetryAt retry(std::uint32_t generation, Instant at) const {
    return {activity.path, direction, generation, at, false};
  }

  // How long trying goes on, beyond the tries of the plan.
  const Keep* keep() const {
    if (spec.keep) return &*spec.keep;
    return direction == Direction::kUndo ? &graph.if_undo_fails : nullptr;
  }
  Instant keep_end() const {
    const Keep* k = keep();
    if (k == nullptr) return {};
    const Instant since = direction == Direction::kUndo ? activity.undo_since : activity.keep_since;
    return {since.us + k->for_ms * kMicrosPerMilli};
  }
  bool lost() const { return call.failure == FailureKind::kUnsure && call.error == "lost"; }
  // A person has it sent again: no try since.
  bool asked_again() const { return call.tries == 0; }
  // The other side does not know us (a key was rotated): the connector's trouble. It must not use
  // up a saga's tries.
  bool signed_out() const {
    return call.failure == FailureKind::kTransient && call.error == "sign_in";
  }
  bool may_try_again() const {
    if (defective(Defect::kTriesForEver)) return true;
    if (defective(Defect::kUndoGivesUp) && direction == Direction::kUndo) return false;
    return call.tries < spec.retry.tries || state.now < keep_end();
  }

  Held held(HoldReason reason, std::string team) const {
    return {activity.path, direction, reason, std::move(team)};
  }

  // ---- unsure ----

  Resolution unsure() const {
    using Kind = Unsure::Kind;
    const bool checkable = !spec.check.empty();
    const bool told_to_repeat = spec.if_unsure && spec.if_unsure->kind == Kind::kTryAgain;
    const bool stored_error =
        action.replays_errors && call.answered && call.failure == FailureKind::kUnsure;
    const bool safe = action.repeat_safe || told_to_repeat || reads_only(action);
    // A refusal that nobody mapped says of this try that it will be refused again, of the earlier
    // ones nothing.
    const bool refused = call.failure == FailureKind::kBusiness;
    // Only the database can tell, and in the end it does: no number of tries makes it a person's.
    // A receipt that is there and cannot be read is another matter.
    const bool unread = call.failure == FailureKind::kUnsure && call.answered;
    const bool receipt = told_by_receipt(graph, spec) && !unread;
    const std::int64_t wait = receipt ? std::min(wait_ms(), kReceiptWaitMaxMs) : wait_ms();
    // What counts is when the next try would leave, not when this one failed.
    const Instant next = lost() || asked_again() ? state.now : after(wait);
    const bool repeatable = safe && !key_worn_out(action, call, next) && !stored_error && !refused;
    const bool nothing_done = nothing_can_have_happened(graph, activity, direction);
    // A call that was lost with its engine is no failed try: it goes out again at once.
    if (nothing_done && lost())
      return {retry(call.generation + (repeatable ? 0 : 1), state.now), false};
    if (repeatable && lost() && !(undoing_forward() && checkable))
      return {retry(call.generation, state.now), false};
    // While everything is being undone a check is better than the same request again: it makes
    // nothing happen.
    if (repeatable && (receipt || may_try_again()) && !(undoing_forward() && checkable)) {
      return {retry(call.generation + (defective(Defect::kNewKeyOnUnsure) ? 1 : 0), next), false};
    }
    if (nothing_done) return {Settled{activity.path, direction, false, {}}, false};
    if (checkable) return {std::nullopt, true};
    if (spec.if_unsure && spec.if_unsure->kind == Kind::kUndoAnyway &&
        direction == Direction::kForward && !undoing_forward()) {
      return {go_outward(graph, state, activity.path,
                         {"unknown_outcome", "", HoldReason::kUnknownOutcome}),
              false};
    }
    return {held(HoldReason::kUnknownOutcome, spec.if_unsure ? spec.if_unsure->team : ""), false};
  }

  // ---- certain ----

  Drawn certain() const {
    const bool may_pass =
        call.failure == FailureKind::kTransient || defective(Defect::kRefusalRetried);
    if (may_pass && (may_try_again() || signed_out())) {
      return retry(call.generation + 1,
                   after(signed_out() ? std::min(wait_ms(), kSignInWaitMaxMs) : wait_ms()));
    }
    const std::string error = call.failure == FailureKind::kTransient ? "gave_up" : call.error;
    if (const auto index = handler_for(spec, error)) {
      if (auto drawn = handled(*index)) return *drawn;
    }
    return direction == Direction::kForward ? unhandled_forward(error) : unhandled_undo(error);
  }

  std::optional<Drawn> handled(std::uint32_t index) const {
    const Act& act = spec.handlers[index].act;
    const bool undo = direction == Direction::kUndo;
    switch (act.kind) {
      case ActKind::kCancel:
        if (undo || state.past_no_return) return std::nullopt;
        return Cancelling{activity.path, act.because};
      case ActKind::kFinish:
        if (undo) return std::nullopt;
        return ended_with(graph, state, act.with, activity.path);
      case ActKind::kCarryOn: return carry_on(index, act);
      case ActKind::kTryAgain: {
        if (call.handler_tries >= act.at_most) return std::nullopt;
        RetryAt again = retry(call.generation + 1, after(act.after_ms));
        again.by_handler = true;
        return again;
      }
      case ActKind::kHandTo:
        return held(undo ? HoldReason::kUndoFailed : HoldReason::kFailed, act.team);
      case ActKind::kBlock:
        if (undo) return std::nullopt;
        return Handled{activity.path, direction, index, {}};
    }
    return std::nullopt;
  }

  Drawn carry_on(std::uint32_t index, const Act& act) const {
    if (act.with.empty()) return Handled{activity.path, direction, index, {}};
    Evaluated values = evaluate_record(graph, state, act.with, activity.path);
    if (!values.ok) {
      return go_outward(graph, state, activity.path,
                        {"bad_value", values.error, HoldReason::kBadValue});
    }
    return Handled{activity.path, direction, index, std::move(values.value)};
  }

  Drawn unhandled_forward(const std::string& error) const {
    if (spec.keep) {
      if (spec.keep->then.kind == ActKind::kCarryOn) return carry_on(kKeepHandler, spec.keep->then);
      return held(error == "gave_up" ? HoldReason::kGaveUp : HoldReason::kFailed,
                  spec.keep->then.team);
    }
    const HoldReason hold = error == "gave_up" ? HoldReason::kGaveUp : HoldReason::kFailed;
    return go_outward(graph, state, activity.path, {error, call.message, hold});
  }

  Drawn unhandled_undo(const std::string& error) const {
    if (error != "refused" && keep()->then.kind == ActKind::kCarryOn) {
      return Handled{activity.path, direction, kKeepHandler, {}};
    }
    return held(HoldReason::kUndoFailed, keep()->then.team);
  }
};

// A check that failed or knows nothing is asked again by its own plan; in the end a person must
// find out.
Drawn check_again(const Graph& graph, const State& state, const Activity& activity, Direction check,
                  std::string_view saga) {
  const Case c{graph, state, activity, check, saga};
  if (c.lost()) return c.retry(c.call.generation + 1, state.now);
  if (c.call.tries < c.spec.retry.tries)
    return c.retry(c.call.generation + 1, c.after(c.wait_ms()));
  const Call& main = *spec_of(c.node, main_of(check));
  return Held{activity.path, main_of(check), HoldReason::kUnknownOutcome,
              main.if_unsure ? main.if_unsure->team : ""};
}

}  // namespace

bool nothing_can_have_happened(const Graph& graph, const Activity& activity, Direction direction) {
  const Call* spec = spec_of(graph.nodes[activity.path.node], direction);
  if (spec == nullptr || !reads_only(action_of(graph, *spec)) || !spec->check.empty()) return false;
  return !spec->if_unsure || spec->if_unsure->kind == Unsure::Kind::kTryAgain;
}

std::optional<std::uint32_t> handler_for(const Call& spec, std::string_view error) {
  if (defective(Defect::kHandlerIgnored)) return std::nullopt;
  for (std::uint32_t i = 0; i < spec.handlers.size(); ++i) {
    if (has_error(spec.handlers[i], error)) return i;
  }
  for (std::uint32_t i = 0; i < spec.handlers.size(); ++i) {
    if (spec.handlers[i].errors.empty()) return i;
  }
  return std::nullopt;
}

Drawn go_outward(const Graph& graph, const State& state, const Path& path, const Failure& failure) {
  std::string because = "`" + graph.nodes[path.node].name + "` failed: " + failure.error;
  if (!failure.message.empty()) because += " (" + failure.message + ")";
  if (auto part = caught(graph, state, path, failure.error)) {
    part->because = std::move(because);
    return std::move(*part);
  }
  if (failure.error == "refused") return Held{path, Direction::kForward, HoldReason::kRefused, ""};
  if (state.past_no_return) return Held{path, Direction::kForward, failure.hold, ""};
  return Cancelling{path, std::move(because)};
}

Resolution after_failure(const Graph& graph, const State& state, const Activity& activity,
                         Direction direction, std::string_view saga) {
  if (direction != main_of(direction))
    return {check_again(graph, state, activity, direction, saga), false};
  const Case c{graph, state, activity, direction, saga};
  if (c.call.unsure) return c.unsure();
  return {c.certain(), false};
}

Drawn after_check(const Graph& graph, const State& state, const Activity& activity, Direction check,
                  std::string_view saga) {
  const Direction main = main_of(check);
  const Node& node = graph.nodes[activity.path.node];
  const CallState& call = call_of(activity, check);
  const Value* happened = call.result.find("happened");
  const std::string answer =
      happened != nullptr && happened->kind() == Value::Kind::kString ? happened->as_string() : "";
  if (answer == "yes" && !defective(Defect::kCheckYesIgnored)) {
    Map result;  // what the checked action gives, without the check's own word
    for (const auto& [name, value] : call.result.as_map()) {
      if (name.as_string() != "happened") result.emplace_back(name, value);
    }
    return Settled{activity.path, main, true, Value::map(std::move(result))};
  }
  if (answer == "no") {
    const Action& action = action_of(graph, *spec_of(node, check));
    // Between the decision to send and the sending a commit may take its time, or a limiter. The
    // outcome came after both.
    const CallState& sent = call_of(activity, main);
    const Instant settled_at{std::max(sent.sent_at, sent.unsure_at).us +
                             action.settling_s * 1'000'000};
    // It was true when it was asked for, which may be long ago: the saga may have been paused
    // since.
    if (call.sent_at >= settled_at || defective(Defect::kSettlingIgnored))
      return Settled{activity.path, main, false, {}};
    return RetryAt{activity.path, check, call.generation + 1, settled_at, false};
  }
  return check_again(graph, state, activity, check, saga);
}

namespace {

// What an act says that is not a call's: of `otherwise`, or of a `try`. `index`: under which
// Handled it goes on.
Drawn by_act(const Graph& graph, const State& state, const Path& path, const Act& act,
             std::uint32_t index) {
  switch (act.kind) {
    case ActKind::kCancel:
      if (!state.past_no_return) return Cancelling{path, act.because};
      return Held{path, Direction::kForward, HoldReason::kFailed, ""};
    case ActKind::kFinish: return ended_with(graph, state, act.with, path);
    case ActKind::kHandTo: return Held{path, Direction::kForward, HoldReason::kFailed, act.team};
    case ActKind::kCarryOn: {
      if (act.with.empty()) break;
      Evaluated values = evaluate_record(graph, state, act.with, path);
      if (!values.ok)
        return go_outward(graph, state, path, {"bad_value", values.error, HoldReason::kBadValue});
      return Handled{path, Direction::kForward, index, std::move(values.value)};
    }
    case ActKind::kTryAgain:
    case ActKind::kBlock: break;
  }
  return Handled{path, Direction::kForward, index, {}};
}

}  // namespace

Drawn after_limit(const Graph& graph, const State& state, const Activity& activity) {
  return by_act(graph, state, activity.path, graph.nodes[activity.path.node].otherwise,
                kLimitHandler);
}

Drawn after_part(const Graph& graph, const State& state, const Activity& activity) {
  const Node& node = graph.nodes[activity.path.node];
  const CallState& call = activity.forward;
  if (node.kind == NodeKind::kTry) {
    if (const auto index = handler_for(node.call, call.error)) {
      return by_act(graph, state, activity.path, node.call.handlers[*index].act, *index);
    }
  }
  const bool says = node.otherwise.kind != ActKind::kCancel || !node.otherwise.because.empty();
  if (node.kind == NodeKind::kRepeat && says) return after_limit(graph, state, activity);
  return go_outward(graph, state, activity.path, {call.error, call.message, HoldReason::kGaveUp});
}

Drawn by_statement(const Graph& graph, const State& state, const Path& path,
                   std::string_view saga) {
  const Act& act = graph.nodes[path.node].act;
  // The statement in whose handler block it stands; only arms of `when` and bodies of `try` are in
  // between.
  Path owner = path;
  for (bool found = false; !found;) {
    const Node& node = graph.nodes[owner.node];
    owner.node = node.parent;
    if (owner.node == kNoNode) break;
    const NodeKind kind = graph.nodes[owner.node].kind;
    if (kind == NodeKind::kWhen || (kind == NodeKind::kTry && node.block == 0)) continue;
    found = kind != NodeKind::kTogether && kind != NodeKind::kForEach &&
            (kind != NodeKind::kRepeat || node.block != 0);
    if (!found) owner.node = kNoNode;
    if (owner.node == kNoNode) break;
  }
  const Activity* activity = owner.node == kNoNode ? nullptr : find_activity(state, owner);
  if (activity == nullptr) {
    return go_outward(graph, state, path,
                      {"bad_value", "it stands in no handler", HoldReason::kBadValue});
  }
  const Call* spec = spec_of(graph.nodes[owner.node], Direction::kForward);
  if (act.kind != ActKind::kTryAgain) {
    if (act.kind != ActKind::kCarryOn || act.with.empty())
      return by_act(graph, state, owner, act, kActHandler);
    Evaluated values =
        evaluate_record(graph, state, act.with, path);  // the block's names are known here
    if (values.ok) return Handled{owner, Direction::kForward, kActHandler, std::move(values.value)};
    return go_outward(graph, state, path, {"bad_value", values.error, HoldReason::kBadValue});
  }
  if (spec != nullptr && activity->forward.handler_tries < act.at_most) {
    const Case c{graph, state, *activity, Direction::kForward, saga};
    RetryAt again = c.retry(activity->forward.generation + 1, c.after(act.after_ms));
    again.by_handler = true;
    return again;
  }
  const bool gave_up =
      activity->forward.failure == FailureKind::kTransient || activity->forward.error.empty();
  const std::string error = gave_up ? "gave_up" : activity->forward.error;
  // Used up: as if there were no handler.
  if (spec != nullptr && spec->keep)
    return Case{graph, state, *activity, Direction::kForward, saga}.unhandled_forward(error);
  return go_outward(graph, state, owner, {error, activity->forward.message, HoldReason::kGaveUp});
}

Drawn ended_with(const Graph& graph, const State& state, const std::vector<Binding>& outputs,
                 const Path& path) {
  Evaluated values = evaluate_record(graph, state, outputs, path);
  if (!values.ok && path.node != kNoNode) {
    return go_outward(graph, state, path, {"bad_value", values.error, HoldReason::kBadValue});
  }
  Ended ended;
  ended.status = Status::kCompleted;
  if (values.ok) {
    ended.output = std::move(values.value);
  } else {
    ended.problem = "the outputs could not be worked out: " + values.error;
  }
  return ended;
}

Evaluated evaluate_record(const Graph& graph, const State& state,
                          const std::vector<Binding>& bindings, const Path& path) {
  const StateScope scope(graph, state, path);
  Evaluated result;
  Map fields;
  fields.reserve(bindings.size());
  for (const Binding& binding : bindings) {
    // A bare name that is not there leaves its field out: the compiler lets only optional arguments
    // have such.
    if (binding.value.nodes.size() == 1 && binding.value.nodes[0].kind == ExprKind::kSlot &&
        scope.slot(binding.value.nodes[0].index) == nullptr) {
      continue;
    }
    Evaluated value = evaluate(binding.value, scope);
    if (!value.ok) {
      result.error = "`" + binding.name + "`: " + value.error;
      return result;
    }
    if (value.value.is_null()) continue;
    fields.emplace_back(Value::string(binding.name), std::move(value.value));
  }
  result.ok = true;
  result.value = Value::map(std::move(fields));
  return result;
}

}  // namespace belay::interpreter
