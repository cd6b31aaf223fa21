// Scenarios run: sentences become a script, the run is held against what is expected, and all runs
// of a workflow together say what no scenario exercises. Tested in
// tests/simulator/scenario_test.cpp.
#pragma once
#include <set>
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

// What the runs of a workflow exercised, and what none of them did.
class Coverage {
 public:
  explicit Coverage(const Graph& graph) : graph_(graph) {
    for (const interpreter::Node& node : graph.nodes) {
      acts_ = acts_ || node.kind == interpreter::NodeKind::kAct ||
              node.kind == interpreter::NodeKind::kFinish;
    }
  }
  void add(const Run& run);

  struct Count {
    std::size_t seen = 0, all = 0;
  };
  Count statements() const;
  Count undos() const;
  Count errors() const;
  // "no scenario exercises `stripe.refund` (the undo of `capture`)", in the order of the workflow.
  std::vector<std::string> missing() const;

 private:
  std::vector<std::pair<CallAt, std::string>> all_errors() const;

  const Graph& graph_;
  bool acts_ = false;  // whether it has any
  std::set<NodeId> entered_, undone_, late_;
  std::set<std::pair<CallAt, std::string>> errors_;
};

}  // namespace belay::runtime::simulator
