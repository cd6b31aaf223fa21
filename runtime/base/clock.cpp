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
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_now().time_since_epoch()).count();
}

void use_virtual_clock(const std::int64_t* us) { virtual_us = us; }

void DatabaseClock::answered(interpreter::Instant db_now, std::int64_t at_monotonic_us) {
  // An answer is late by its way back and never early, so the greatest offset is the truest. A smaller one counts little:
  // else a slow answer would set this node behind its peers, and an event that was published here after a saga's start
  // was acknowledged there would seem to have come before it. So much smaller, and the database's clock was set back.
  constexpr std::int64_t kSetBack_us = 2'000'000, kCountsOneIn = 1024;
  const std::lock_guard lock(mutex_);
  const std::int64_t offset = db_now.us - at_monotonic_us;
  const std::int64_t less_by = known_ ? offset_ - offset : 0;
  offset_ = less_by <= 0 || less_by > kSetBack_us ? offset : offset_ - less_by / kCountsOneIn;
  known_ = true;
}

interpreter::Instant DatabaseClock::now(std::int64_t at_monotonic_us) {
  const std::lock_guard lock(mutex_);
  if (known_) last_ = std::max(last_, at_monotonic_us + offset_);
  return {last_};
}

void DatabaseClock::at_least(interpreter::Instant floor) {
  const std::lock_guard lock(mutex_);
  last_ = std::max(last_, floor.us);
}

}  // namespace belay::runtime
