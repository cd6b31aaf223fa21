// The one clock of an engine: the database's time at its last answer, plus what the monotonic clock has counted since,
// never less than it said before. The answer is older than its arrival, so this clock never runs ahead of the
// database's, and a timer never fires early by it. Tested in tests/runtime/ids_test.cpp.
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

// Simulation only: from now on the monotonic clock of this thread shows `*us`; null: the machine's again.
void use_virtual_clock(const std::int64_t* us);

// Thread-safe.
class DatabaseClock {
 public:
  // The database said `db_now` in an answer that has just arrived.
  void answered(interpreter::Instant db_now) { answered(db_now, monotonic_us()); }
  void answered(interpreter::Instant db_now, std::int64_t at_monotonic_us);

  // None until the first answer.
  interpreter::Instant now() { return now(monotonic_us()); }
  interpreter::Instant now(std::int64_t at_monotonic_us);

  // A lane may have seen a later time than the database now tells (its clock was set back): never say less.
  void at_least(interpreter::Instant floor);

 private:
  std::mutex mutex_;
  std::int64_t offset_ = 0;  // database time minus monotonic time
  bool known_ = false;
  std::int64_t last_ = 0;
};

}  // namespace belay::runtime
