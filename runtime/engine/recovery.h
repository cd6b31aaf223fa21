// After a start: mail that was on its way is delivered again, and the sagas that were at work are loaded and taken up,
// so many a second and not all at once, because the systems they call have just had our outage too. Parked sagas stay
// rows. Tested in tests/runtime/engine_test.cpp.
#pragma once
#include <cstddef>
#include <deque>
#include <utility>
#include <vector>

#include "runtime/engine/loop.h"

namespace belay::runtime {

class Recovery {
 public:
  explicit Recovery(Loop& loop) : loop_(loop) {}

  void begin(std::vector<std::pair<Lane, SagaId>> running, std::vector<MailboxRow> mailbox);
  // Takes up as many as the time since the last step allows.
  void step();
  bool busy() const { return !running_.empty(); }
  // All are in memory, or set aside.
  bool done() const { return running_.empty() && loading_ == 0; }

 private:
  void take_up(Lane lane, const SagaId& id);

  Loop& loop_;
  std::deque<std::pair<Lane, SagaId>> running_;
  std::size_t loading_ = 0;
  SteadyTime last_;
};

}  // namespace belay::runtime
