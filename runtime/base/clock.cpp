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
  const std::lock_guard lock(mutex_);
  offset_ = db_now.us - at_monotonic_us;
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
