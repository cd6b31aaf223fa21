// Breadth: every program, each step's answer, a process that dies at every flush in each way, twice, an act at every
// position. Plans are made one after the other, the simple ones first, and depend on what earlier ones have shown (how
// many flushes there are). A part of the work is chosen by index, so that several threads share it.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/world.h"

namespace belay::sim {

// Of the plans of a family: what is varied.
enum class Family { kAnswers, kOneFault, kActs, kTwoDeaths, kActAndDeath, kEveryFault };
inline constexpr int kFamilies = 6;
const char* name(Family family);

struct Part {
  int index = 0, of = 1;
};

// Runs a plan; nullopt: enough.
using RunPlan = std::function<std::optional<Report>(Family, const Plan&)>;

// False: `run` has said that it is enough. `quick`: the programs with at most three steps, one fault at most.
bool enumerate(Part part, bool quick, const RunPlan& run);

// What a client asks for when nothing is varied: a start, and the events and answers that lead to the end.
std::vector<Ask> usual_asks(const Program& program);

}  // namespace belay::sim
