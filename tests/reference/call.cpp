// Policies, told from outcome to outcome. See call.h.
#include "tests/reference/call.h"

#include <algorithm>

namespace belay::reference {

Call::Call(Frame& at, const Use& use, Direction direction, std::optional<Keep> keep, Ends ends,
           std::optional<std::int64_t> fixed)
    : frame_(at),
      saga_(at.saga),
      use_(use),
      direction_(direction),
      keep_(keep),
      ends_(std::move(ends)),
      fixed_(fixed) {
  check_use_.action = use.if_unsure != IfUnsure::kCheck && action().later ? kFindLater : kFind;
}

void Call::start() {
  const auto v = fixed_ ? fixed_ : saga_.evaluate_int(use_.v, frame_);
  if (!v) {
    did_not();
    return ends_.refused("bad_value");
  }
  v_ = *v;
  if (tries_ == 0) trying_since_ = saga_.now;
  send();
}

void Call::send() {
  phase_ = Phase::kInFlight;
  ++tries_;
  if (first_of_key_) key_since_ = saga_.now;
  first_of_key_ = false;
  sent_at_ = saga_.now;
  const std::string place = frame_.place();
  saga_.say(sent_line(place, direction_, generation_, use_.action, v_));
  const Answer answer = saga_.world.call(place, direction_, generation_, use_.action,
                                         static_cast<Time>(use_.within_ms) * 1000);
  saga_.at(saga_.now + answer.after, [this, answer] { answered(answer); });
}

void Call::answered(const Answer& answer) {
  switch (answer.kind) {
    case Answer::Kind::kOk:
      if (is_check() && answer.happened == "not yet") return may_pass();
      phase_ = Phase::kHappened;
      unsure_ = false;
      if (is_check())
        return ends_.happened(Value::record({{answer.happened, Value::integer(answer.n)}}));
      return ends_.happened(Value::record({{"n", Value::integer(answer.n)}}));
    case Answer::Kind::kBusiness:
      if (is_check()) return may_pass();
      // An unmapped refusal may be about the request, not about what it asked for: it settles
      // nothing.
      // One that stands in the receipt does.
      if (unsure_ && answer.error == "refused" && !only_read() && !action().receipt) return look();
      did_not();
      return ends_.refused(answer.error);
    case Answer::Kind::kTransient:
      // It says nothing of the sendings before it with the same key.
      if (unsure_) return still_unsure();
      return may_pass();
    case Answer::Kind::kUnsure:
      // A check only reads: whether it was heard does not matter.
      if (is_check()) return may_pass();
      unsure_ = true;
      unsure_at_ = saga_.now;
      return still_unsure();
  }
}

// It certainly did not happen: another sending is another request.
void Call::did_not() {
  phase_ = Phase::kNot;
  unsure_ = false;
  ++generation_;
  first_of_key_ = true;
}

void Call::may_pass() {
  did_not();
  if (stopping_) return ends_.refused("");
  if (tries_left()) return wait();
  ends_.refused("gave_up");
}

void Call::still_unsure() {
  if (saga_.flaw == Flaw::kNewKeyAfterUnsure) ++generation_;
  const Time at = saga_.now + next_wait();
  const bool remembered =
      action().keys_for_s == 0 || at - key_since_ < action().keys_for_s * kSecond;
  if (stopping_ && use_.if_unsure == IfUnsure::kUndoAnyway) {
    phase_ = Phase::kNot;
    return ends_.anyway();
  }
  const bool wanted = !(stopping_ && only_read()) && !better_to_look();
  const bool again = tries_left() || told_by_receipt();
  if (action().safe && remembered && again && wanted) return wait();
  look();
}

// A read leaves nothing behind, whether it was heard or not: unless its author says who is to find
// out, it has failed like one that never arrived.
bool Call::only_read() const {
  const bool told = use_.if_unsure != IfUnsure::kNothing && use_.if_unsure != IfUnsure::kTryAgain;
  return action().reads && !checked() && !told;
}

void Call::look() {
  if (only_read()) return may_pass();
  phase_ = Phase::kChecking;
  if (checked()) {
    const Direction direction =
        direction_ == Direction::kDo ? Direction::kCheck : Direction::kUndoCheck;
    Ends ends;
    ends.happened = [this](const Value& result) {
      const auto& [word, n] = *result.fields.begin();
      looked(word, n.number);
    };
    ends.refused = [this](const std::string&) { hold("unknown"); };
    if (check_) return check_->once_more();
    check_ = std::make_unique<Call>(frame_, check_use_, direction, std::nullopt, ends, v_);
    return check_->start();
  }
  if (use_.if_unsure == IfUnsure::kUndoAnyway) return ends_.anyway();
  hold("unknown");
}

void Call::looked(const std::string& happened, std::int64_t n) {
  // The answer to a question that was asked before that is not to be trusted: the request may have
  // left late.
  const Time settled = std::max(sent_at_, unsure_at_) + kSettlesIn * kSecond;
  if (happened != "yes" && check_use_.action == kFindLater && check_->sent_at_ < settled)
    return check_->once_more_at(std::max(settled, saga_.now));
  if (happened != "yes") return may_pass();
  phase_ = Phase::kHappened;
  unsure_ = false;
  ends_.happened(Value::record({{"n", Value::integer(n)}}));
}

const Plan& Call::plan() const {
  static const Plan kDefault;
  return use_.plan ? *use_.plan : kDefault;
}

bool Call::tries_left() const {
  if (keep_ && saga_.now - trying_since_ < keep_->for_s * kSecond) return true;
  return tries_ < plan().tries - (saga_.flaw == Flaw::kOneTryLess ? 1 : 0);
}

Time Call::next_wait() const {
  Time most = (plan().at_most_s > 0 ? plan().at_most_s : 3600) * kSecond;
  if (unsure_ && told_by_receipt()) most = std::min<Time>(most, kReceiptWaitMax * kSecond);
  Time wait = plan().first_s * kSecond;
  for (int i = 1; i < tries_ && plan().doubling && wait < most; ++i) wait *= 2;
  return std::min(wait, most);
}

void Call::wait() {
  phase_ = Phase::kWaiting;
  const std::uint64_t mine = ++waiting_for_;
  saga_.at(saga_.now + next_wait(), [this, mine] {
    if (phase_ == Phase::kWaiting && waiting_for_ == mine) send();
  });
}

void Call::again(int after_s) {
  phase_ = Phase::kWaiting;
  const std::uint64_t mine = ++waiting_for_;
  saga_.at(saga_.now + after_s * kSecond, [this, mine] {
    if (phase_ == Phase::kWaiting && waiting_for_ == mine) start();
  });
}

void Call::once_more() {
  if (phase_ == Phase::kHappened) did_not();
  tries_ = 0;
  send();
}

void Call::once_more_at(Time when) {
  did_not();
  phase_ = Phase::kWaiting;
  const std::uint64_t mine = ++waiting_for_;
  saga_.at(when, [this, mine] {
    if (phase_ == Phase::kWaiting && waiting_for_ == mine) send();
  });
}

void Call::cut_wait() {
  if (use_.if_unsure == IfUnsure::kUndoAnyway) {
    phase_ = Phase::kNot;
    return ends_.anyway();
  }
  return checked() || only_read() ? look() : send();
}

void Call::settle() {
  const bool again = stopping_;
  stopping_ = true;
  switch (phase_) {
    case Phase::kInFlight:
    case Phase::kHeld:
      if (phase_ == Phase::kHeld && !unsure_) break;
      return;
    case Phase::kWaiting:
      if (unsure_ && again) return;
      if (unsure_) return cut_wait();
      break;
    case Phase::kChecking: return;
    case Phase::kHappened: return ends_.happened(Value{});
    case Phase::kIdle:
    case Phase::kNot: break;
  }
  phase_ = Phase::kNot;
  ends_.refused("");
}

void Call::hold(const char* why) {
  phase_ = Phase::kHeld;
  saga_.hold_step(this, frame_, direction_, why);
}

void Call::resolved(bool happened, std::int64_t n) {
  if (happened) return looked("yes", n);
  did_not();
  if (stopping_) return ends_.refused("");
  tries_ = 0;
  start();
}

void Call::retried() {
  tries_ = 0;
  trying_since_ = saga_.now;
  if (!unsure_) return start();
  if (action().safe && !better_to_look()) return send();
  look();
}

}  // namespace belay::reference
