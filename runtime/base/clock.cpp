// Database time carried on by the monotonic clock. See clock.h.
#include "runtime/base/clock.h"

#include <algorithm>
#include <chrono>

namespace belay::runtime {

namespace {

thread_local const std::int64_t* virtual_us = nullptr;

}  // namespace

SteadyTime steady_now() {
  if (virtual_us != nullptr) return SteadyTime(std::chrono::microseconds(*virtual_us));
  return std::chrono::steady_clock::now();
}

std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_now().time_since_epoch())
      .count();
}

void use_virtual_clock(const std::int64_t* us) { virtual_us = us; }

// The database told its time between the question and the answer: its offset to our monotonic clock
// was somewhere between these two. An earlier answer may have said so more exactly, and stands for
// as long as the new one allows it: a slow answer sets nobody behind. One that does not allow it
// tells of a clock that was set back, however little.
void DatabaseClock::answered(interpreter::Instant db_now, std::int64_t asked_us,
                             std::int64_t answered_us) {
  const std::lock_guard lock(mutex_);
  if (known_ && asked_us < asked_us_) return;  // overtaken: what was asked later has told already
  asked_us_ = asked_us;
  const std::int64_t least = db_now.us - answered_us, most = db_now.us - asked_us;
  offset_ = known_ ? std::clamp(offset_, least, std::max(least, most)) : least;
  offset_least_ = least;
  known_ = true;
}

interpreter::Instant DatabaseClock::now(std::int64_t at_monotonic_us) {
  const std::lock_guard lock(mutex_);
  if (known_) last_ = std::max(last_, at_monotonic_us + offset_);
  return {last_};
}

interpreter::Instant DatabaseClock::passed(std::int64_t at_monotonic_us) {
  const std::lock_guard lock(mutex_);
  if (known_) passed_ = std::max(passed_, at_monotonic_us + offset_least_);
  last_ = std::max(
      last_, passed_);  // whatever is told meanwhile, the timer's entry is not before its time
  return {passed_};
}

void DatabaseClock::at_least(interpreter::Instant floor) {
  const std::lock_guard lock(mutex_);
  last_ = std::max(last_, floor.us);
}

}  // namespace belay::runtime
