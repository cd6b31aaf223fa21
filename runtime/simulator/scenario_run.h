// Scenarios run: sentences become a script, and the run is held against what is expected. What all
// runs of a workflow exercise is in coverage.h. Tested in tests/simulator/scenario_test.cpp.
#pragma once
#include <string>
#include <vector>

#include "runtime/simulator/judge.h"

namespace belay::runtime::simulator {

struct ScenarioResult {
  Run run;
  std::vector<Miss> misses;
  bool ok() const { return misses.empty(); }
};

ScenarioResult run_scenario(const Graph& graph, const dsl::Scenario& scenario,
                            const Surroundings& around = {});

// The script that a scenario's `given` and `when` stand for. Failures of expressions land in
// `problem`.
Script script_of(const Graph& graph, const dsl::Scenario& scenario, std::string& problem);

// The input of a saga: samples, with what is given.
Value sample_input(const Graph& graph);

}  // namespace belay::runtime::simulator
