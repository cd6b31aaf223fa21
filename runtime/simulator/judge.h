// Whether what a scenario expects came true. Tested in tests/simulator/scenario_test.cpp.
#pragma once
#include <string>
#include <vector>

#include "dsl/scenario.h"
#include "runtime/simulator/simulator.h"

namespace belay::runtime::simulator {

struct Miss {             // an expectation that did not come true
  std::string expected;   // the sentence
  std::string seen;       // what was there instead
  std::uint64_t seq = 0;  // of the entry where it parted; 0: at the end
  dsl::Span span;
};

std::vector<Miss> judged(const Graph& graph, const dsl::Scenario& scenario, const Run& run);

}  // namespace belay::runtime::simulator
