// Kills the engine and Postgres with SIGKILL, only when calls are under way, tells what was, and
// brings them back.
#pragma once
#include <random>

#include "tests/chaos/people.h"

namespace belay::chaos {

struct Kills {
  int engine = 0, postgres = 0, both = 0;
  int engine_ended_alone =
      0;  // the engine must survive the loss of its database; when it does not, it is said
  int calls_in_flight = 0;  // over all kills
  int slowest_back_ms = 0;  // from the restart to ready
  int total() const { return engine + postgres + both; }
};

// Until `wanted` kills were made or the time is over. Lets new guests in after each (run.kills).
Kills kill_them(Run& run, test::World& world, int wanted, std::mt19937_64& random);

}  // namespace belay::chaos
