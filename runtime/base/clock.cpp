// Database time carried on by the monotonic clock. See clock.h.
#include "runtime/base/clock.h"

#include <algorithm>
#include <chrono>

namespace belay::runtime {

std::int64_t monotonic_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

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
