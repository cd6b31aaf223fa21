// Depth: plans drawn from a seed (several orders, longer scripts, several faults of every kind, any order of steps), and
// a failing one made smaller: what can be left out while the same check still fails is left out.
#pragma once
#include <cstdint>
#include <functional>

#include "tests/sim/world.h"

namespace belay::sim {

// The same seed gives the same plan, always.
Plan plan_of_seed(std::uint64_t seed);

// The smallest plan that was found for which `fails` is true. REQUIRES: fails(plan).
Plan shrink(Plan plan, const std::function<bool(const Plan&)>& fails);

}  // namespace belay::sim
