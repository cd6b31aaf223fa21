// One use of an action, from its first sending until it is known whether it happened: tries, waits
// between them, request keys, checks. LANGUAGE.md §5 in the order of docs/language/policies.md:
// unsure? the same request again, else the check, else what `if unsure` says, else a person. May it
// pass? again, by the plan or for as long as `keep trying` says.
#pragma once
#include "tests/reference/frame.h"

namespace belay::reference {

class Call {
 public:
  struct Ends {
    std::function<void(const Value& result)> happened;
    std::function<void(const std::string& error)> refused;  // it certainly did not happen
    std::function<void()> anyway;                           // unsure, and to be undone all the same
  };
  // `fixed`: the argument, when it is not to be worked out from `use` (of a check).
  Call(Frame& at, const Use& use, Direction direction, std::optional<Keep> keep, Ends ends,
       std::optional<std::int64_t> fixed = {});

  void start();
  // `try again after`: a new request; the plan's tries are counted in all.
  void again(int after_s);
  // Nothing new is wanted any more, only to know: waits are cut short. Ends in `refused` when it
  // did not happen.
  void settle();
  void cut_short() {
    if (stopping_ && phase_ == Phase::kWaiting && unsure_) cut_wait();
  }
  void hold(const char* why);
  // A person has looked, or has it sent again.
  void resolved(bool happened, std::int64_t n);
  void retried();

 private:
  enum class Phase { kIdle, kInFlight, kWaiting, kChecking, kHeld, kHappened, kNot };

  void send();
  void answered(const Answer& answer);
  void may_pass();
  void still_unsure();
  void look();
  void looked(const std::string& happened, std::int64_t n);
  void wait();
  void cut_wait();
  void once_more_at(Time when);
  void once_more();  // a check, of a later try: a new request
  void did_not();
  bool tries_left() const;
  Time next_wait() const;
  const Plan& plan() const;
  const Action& action() const { return kActions[use_.action]; }
  bool only_read() const;
  // Its receipt tells, and nobody else is to find out: it is asked for until it does.
  bool told_by_receipt() const {
    const bool told = use_.if_unsure != IfUnsure::kNothing && use_.if_unsure != IfUnsure::kTryAgain;
    return action().receipt && !checked() && !told;
  }
  bool checked() const { return action().checked || use_.if_unsure == IfUnsure::kCheck; }
  // While it is taken back a check is better than the request: it makes nothing happen.
  bool better_to_look() const { return stopping_ && direction_ == Direction::kDo && checked(); }
  bool is_check() const {
    return direction_ == Direction::kCheck || direction_ == Direction::kUndoCheck;
  }

  Frame& frame_;
  Saga& saga_;
  const Use& use_;
  const Direction direction_;
  const std::optional<Keep> keep_;
  const Ends ends_;
  std::optional<std::int64_t> fixed_;
  std::int64_t v_ = 0;
  Phase phase_ = Phase::kIdle;
  std::uint32_t generation_ = 0;
  int tries_ = 0;
  bool unsure_ = false, stopping_ = false;
  bool first_of_key_ = true;
  Time sent_at_ = 0, unsure_at_ = 0, key_since_ = 0, trying_since_ = 0;
  std::uint64_t waiting_for_ = 0;  // a wait that was cut short does not count
  std::unique_ptr<Call> check_;
  Use check_use_;
};

}  // namespace belay::reference
