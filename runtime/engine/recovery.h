// After a start, and whenever a lane was gained: mail that was on its way is delivered again, and
// the sagas that were at work are loaded and taken up, so many a second and not all at once,
// because the systems they call have just had our outage too. Parked sagas stay rows. Tested in
// tests/runtime/engine_test.cpp.
#pragma once
#include <cstddef>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "runtime/engine/loop.h"

namespace belay::runtime {

class Recovery {
 public:
  explicit Recovery(Loop& loop) : loop_(loop) {}

  // Of lanes that were just gained.
  void begin(std::vector<std::pair<Lane, SagaId>> running, std::vector<MailboxRow> mailbox);
  // Takes up as many as the time since the last step allows.
  void step();
  bool busy() const { return !running_.empty(); }
  // All of the lane are in memory, or set aside.
  bool done(Lane lane) const { return !left_.contains(lane); }

 private:
  void take_up(Lane lane, const SagaId& id);
  void taken_up(Lane lane);

  Loop& loop_;
  std::deque<std::pair<Lane, SagaId>> running_;
  std::map<Lane, std::size_t> left_;  // how many of a lane, those that are being loaded too
  SteadyTime last_;
};

}  // namespace belay::runtime
