// Parked sagas whose time comes while they are not in memory: read ahead, in the order in which
// they are due, and loaded; their timers then fire as anybody's. The reading goes on from page to
// page where it ended, until a minute ahead is known or so many wait in memory for their time that
// more would only cost memory; now and then it starts over. Tested in
// tests/runtime/engine_due_test.cpp.
#pragma once
#include <vector>

#include "runtime/engine/loop.h"

namespace belay::runtime {

class DueSagas {
 public:
  explicit DueSagas(Loop& loop) : loop_(loop) {}

  // Once a turn.
  void step(SteadyTime now);
  // When step() has something to do. Never while a page is read or loaded: the turn that brings it
  // comes by itself.
  SteadyTime due() const;
  // One leaves memory that is due then (0: never): it is read again.
  void left(Instant due_at);
  // From the start, at once: lanes came.
  void start_over() { next_pass_ = next_look_ = steady_now(); }

 private:
  void read(SteadyTime now);
  void load(const std::vector<DueSaga>& page);
  bool busy() const;

  Loop& loop_;
  Instant from_;  // what is due earlier is in memory, or was when it was looked for
  SteadyTime next_pass_, next_look_;
  bool reading_ = false;
  std::size_t loading_ = 0;
  std::uint64_t pass_ = 0;  // what an earlier one still loads is not counted
};

}  // namespace belay::runtime
