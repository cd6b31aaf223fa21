// What the tests of the simulator share: the shipped workflows, small ones from text, and the
// property that every journal it writes replays.
#pragma once
#include <string>

#include "dsl/compile.h"
#include "runtime/simulator/coverage.h"
#include "runtime/simulator/scenario_run.h"
#include "runtime/simulator/timeline.h"
#include "tests/catch.h"
#include "tests/interpreter/replay.h"

namespace belay::testing {

namespace sim = runtime::simulator;

inline const dsl::Compilation& shipped() {
  static const dsl::Compilation compiled =
      dsl::compile_workspace(std::string(BELAY_SOURCE_DIR) + "/workflows");
  return compiled;
}

inline const interpreter::Graph& shipped_graph(const std::string& workflow) {
  for (const interpreter::Graph& graph : shipped().program.graphs) {
    if (graph.workflow == workflow) return graph;
  }
  FAIL("no workflow " << workflow);
  return shipped().program.graphs.front();
}

inline dsl::Compilation compile(const std::string& text) {
  dsl::Compilation compiled = dsl::compile_sources({{"w/test.belay", text}});
  INFO(dsl::render_text(compiled.diagnostics, compiled.sources, false));
  REQUIRE(compiled.ok());
  return compiled;
}

inline void check_replay(const interpreter::Graph& graph, const sim::Run& run) {
  CHECK(replay_problem(graph, sim::kSaga, run.journal, &run.state) == "");
  for (const sim::SagaRun& other : run.others) {
    INFO(other.name());
    if (other.run.journal.empty()) continue;
    CHECK(replay_problem(*other.graph, other.id, other.run.journal, &other.run.state) == "");
  }
}

// The compilation's own definitions, for the sagas that its workflows run.
inline sim::Surroundings surroundings(const dsl::Compilation& compiled) {
  sim::Surroundings out;
  for (const dsl::Connector& connector : compiled.program.connectors)
    out.timeout_ms[connector.name] = connector.timeout_ms;
  out.workflows = &compiled.program.graphs;
  return out;
}

inline std::string story(const interpreter::Graph& graph, const sim::Run& run) {
  std::string text;
  for (const sim::Happening& one : sim::timeline(graph, run)) {
    text += "+" + sim::length_words(one.after_ms) + " " + one.text + "\n";
  }
  return text;
}

// All scenarios of a program: "title: expected -> seen" a line for what missed. Whatever they
// expect, their journals replay and the books agree.
inline std::string misses_of(const dsl::Compilation& compiled) {
  std::string out;
  for (const dsl::Scenario& scenario : compiled.program.scenarios) {
    for (const interpreter::Graph& graph : compiled.program.graphs) {
      if (graph.workflow != scenario.workflow) continue;
      const sim::ScenarioResult result = sim::run_scenario(graph, scenario, surroundings(compiled));
      INFO(scenario.title << "\n" << story(graph, result.run));
      check_replay(graph, result.run);
      CHECK(sim::disagreements(graph, result.run).empty());
      for (const sim::Miss& miss : result.misses)
        out += scenario.title + ": " + miss.expected + " -> " + miss.seen + "\n";
    }
  }
  return out;
}

inline const interpreter::Graph& graph_in(const dsl::Compilation& compiled,
                                          const std::string& workflow) {
  for (const interpreter::Graph& graph : compiled.program.graphs) {
    if (graph.workflow == workflow) return graph;
  }
  FAIL("no workflow " << workflow);
  return compiled.program.graphs.front();
}

// The story of the one scenario that a program has.
inline std::string story_of(const dsl::Compilation& compiled) {
  const dsl::Scenario& scenario = compiled.program.scenarios.front();
  const interpreter::Graph& graph = graph_in(compiled, scenario.workflow);
  return story(graph, sim::run_scenario(graph, scenario, surroundings(compiled)).run);
}

}  // namespace belay::testing
