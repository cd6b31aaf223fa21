// The reckoning of a campaign: what was promised with a 2xx against what the engine's tables, the
// business's tables and the provider's books say, saga by saga and as a whole.
#pragma once
#include <deque>

#include "tests/chaos/people.h"

namespace belay::campaign {

struct Verdict {
  int completed = 0, compensated = 0;
  int lost = 0;     // promised and not there, or not wholly done (or undone)
  int open = 0;     // not ended when the time was over; not counted as lost
  int doubled = 0;  // done, charged, told or started twice
  int other = 0;    // rules that were broken otherwise; each is a problem of the run
  std::int64_t captured = 0, refunded = 0, booked = 0;  // minor units
  std::int64_t difference() const { return captured - refunded - booked; }
};

// The promised sagas that have not ended when the time is over, as "id: status, health".
std::vector<std::string> wait_for_ends(chaos::Run& run, int seconds);
// Adds what does not add up to run.problems, and prints the sums. REQUIRES: all guests are gone,
// nodes answer.
Verdict do_the_books(chaos::Run& run, const std::deque<chaos::Guest>& guests);

}  // namespace belay::campaign
