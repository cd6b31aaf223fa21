// The one clock of an engine: the database's time at its answers, plus what the monotonic clock has
// counted since, never less than it said before. It never runs ahead of what the last answer
// allows, so a timer never fires early by the database's clock; after that was set back, this one
// stands still until it is reached. Tested in tests/runtime/ids_test.cpp.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "interpreter/journal.h"

namespace belay::runtime {

using SteadyTime = std::chrono::steady_clock::time_point;

// The monotonic clock. All of the engine reads it here, so that a simulation can move it.
SteadyTime steady_now();

// The same in microseconds; only differences mean anything.
std::int64_t monotonic_us();

// Simulation only: from now on the monotonic clock of this thread shows `*us`; null: the machine's
// again.
void use_virtual_clock(const std::int64_t* us);

// Thread-safe.
class DatabaseClock {
 public:
  // The database said `db_now` in an answer to what was asked at `asked_us` and arrived at
  // `answered_us`, both of monotonic_us().
  void answered(interpreter::Instant db_now, std::int64_t asked_us, std::int64_t answered_us);
  // The same, as of now: asked and answered at once.
  void answered(interpreter::Instant db_now) { answered(db_now, monotonic_us(), monotonic_us()); }

  // For entries and events. None until the first answer.
  interpreter::Instant now() { return now(monotonic_us()); }
  interpreter::Instant now(std::int64_t at_monotonic_us);

  // What the database's clock has passed for certain, as its last answer says: a timer that is due
  // by this is due. Behind now() by at most what that answer took, or how far the clock was set
  // back.
  interpreter::Instant passed() { return passed(monotonic_us()); }
  interpreter::Instant passed(std::int64_t at_monotonic_us);

  // Somebody has seen a later time than the database now tells (its clock was set back): never say
  // less.
  void at_least(interpreter::Instant floor);

 private:
  std::mutex mutex_;
  // Database time minus monotonic time: as known best, and at least, by the last answer alone.
  std::int64_t offset_ = 0, offset_least_ = 0;
  bool known_ = false;
  std::int64_t asked_us_ = 0;  // the latest question that was answered
  std::int64_t last_ = 0, passed_ = 0;
};

}  // namespace belay::runtime
