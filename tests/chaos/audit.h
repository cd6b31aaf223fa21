// The reckoning: what was promised against what the engine, the business's tables and the
// provider's books say.
#pragma once
#include "tests/chaos/people.h"

namespace belay::chaos {

// Every promised saga has ended, or the time is over. Returns those that have not, as "id: what it
// waits for".
std::vector<std::string> wait_for_ends(Run& run, int seconds);
// Adds to run.problems what does not add up, and prints the sums.
void audit(Run& run);

}  // namespace belay::chaos
