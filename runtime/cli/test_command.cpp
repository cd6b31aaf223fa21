// belay test: every scenario below a folder on the simulator, what missed, and what no scenario
// exercises.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "dsl/compile.h"
#include "runtime/base/environment.h"
#include "runtime/base/json_value.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/terminal.h"
#include "runtime/simulator/coverage.h"
#include "runtime/simulator/scenario_run.h"
#include "runtime/simulator/timeline.h"

namespace belay::runtime::cli {

namespace {

using interpreter::Graph;
using interpreter::Value;
namespace sim = runtime::simulator;

constexpr std::size_t kFirstLines = 200, kLastLines = 50;  // of a story that is printed

struct Tested {
  const dsl::Scenario* scenario = nullptr;
  const Graph* graph = nullptr;
  sim::ScenarioResult result;
};

sim::Surroundings surroundings_of(const dsl::CompiledProgram& program) {
  sim::Surroundings around;
  for (const dsl::Connector& connector : program.connectors)
    around.timeout_ms[connector.name] = connector.timeout_ms;
  around.workflows = &program.graphs;
  return around;
}

std::string at_of(const sim::Miss& miss, const Tested& tested, const dsl::Sources& sources) {
  if (miss.span.line <= 1) return tested.scenario->at;
  return sources.file(miss.span.file).path + ":" + std::to_string(miss.span.line);
}

// The timeline; the lines of the entry where the first miss parted are marked.
void print_timeline(const Tested& tested, const Terminal& terminal) {
  const std::uint64_t parted = tested.result.misses.front().seq;
  const std::vector<sim::Happening> story = sim::timeline(*tested.graph, tested.result.run);
  for (std::size_t i = 0; i < story.size(); ++i) {
    const sim::Happening& one = story[i];
    if (i == kFirstLines && story.size() > kFirstLines + kLastLines) {
      const std::size_t left_out = story.size() - kFirstLines - kLastLines;
      std::printf("        (%zu lines more: --format json has them all)\n", left_out);
      i += left_out - 1;
      continue;
    }
    const bool here = parted != 0 && one.seq == parted;
    const std::string line = padded("+" + sim::length_words(one.after_ms), 14) + one.text;
    std::printf("      %s %s\n", here ? terminal.paint(Colour::kRed, ">").c_str() : " ",
                here ? terminal.paint(Colour::kBold, line).c_str() : line.c_str());
  }
}

void print_one(const Tested& tested, const dsl::Sources& sources, const Terminal& terminal) {
  const bool ok = tested.result.ok();
  const char* mark = ok ? "ok  " : "MISS";
  std::printf("  %s %s\n", terminal.paint(ok ? Colour::kGreen : Colour::kRed, mark).c_str(),
              harmless(tested.scenario->title).c_str());
  if (ok) return;
  for (const sim::Miss& miss : tested.result.misses) {
    std::printf("       expected  %s\n       but       %s\n                 %s\n",
                miss.expected.c_str(), terminal.paint(Colour::kRed, miss.seen).c_str(),
                terminal.paint(Colour::kDim, at_of(miss, tested, sources)).c_str());
  }
  std::printf("       what happened\n");
  print_timeline(tested, terminal);
}

std::string counted(sim::Coverage::Count count, const char* what) {
  return std::to_string(count.seen) + " of " + std::to_string(count.all) + " " + what;
}

void print_text(const std::vector<Tested>& all,
                const std::vector<std::pair<std::string, sim::Coverage>>& coverage,
                const dsl::Sources& sources) {
  const Terminal terminal = Terminal::of_stdout();
  std::string workflow;
  for (const Tested& tested : all) {
    if (tested.scenario->workflow != workflow) {
      workflow = tested.scenario->workflow;
      std::printf("%s\n", terminal.paint(Colour::kBold, workflow).c_str());
    }
    print_one(tested, sources, terminal);
  }
  if (!coverage.empty()) std::printf("\n%s\n", terminal.paint(Colour::kBold, "coverage").c_str());
  for (const auto& [name, cover] : coverage) {
    const std::string ways =
        cover.ways().all == 0 ? "" : ", " + counted(cover.ways(), "ways of loops and races");
    std::printf("  %s: %s, %s, %s%s\n", name.c_str(),
                counted(cover.statements(), "statements").c_str(),
                counted(cover.undos(), "undos").c_str(), counted(cover.errors(), "errors").c_str(),
                ways.c_str());
    for (const std::string& missing : cover.missing()) {
      std::printf("    %s\n", terminal.paint(Colour::kYellow, missing).c_str());
    }
  }
  const auto missed = static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [](const Tested& t) { return !t.result.ok(); }));
  std::printf("\n%zu scenario%s: %zu as expected, %zu not\n", all.size(),
              all.size() == 1 ? "" : "s", all.size() - missed, missed);
}

Value text(std::string value) { return Value::string(std::move(value)); }
Value number(std::size_t value) { return Value::integer(static_cast<std::int64_t>(value)); }

Value json_of(const Tested& tested, const dsl::Sources& sources) {
  interpreter::List misses, happened;
  for (const sim::Miss& miss : tested.result.misses) {
    misses.push_back(interpreter::record({{"expected", text(miss.expected)},
                                          {"seen", text(miss.seen)},
                                          {"at", text(at_of(miss, tested, sources))},
                                          {"entry", number(miss.seq)}}));
  }
  for (const sim::Happening& one : sim::timeline(*tested.graph, tested.result.run)) {
    happened.push_back(interpreter::record({{"entry", number(one.seq)},
                                            {"after_ms", Value::integer(one.after_ms)},
                                            {"saga", text(one.saga)},
                                            {"text", text(one.text)}}));
  }
  return interpreter::record({{"workflow", text(tested.scenario->workflow)},
                              {"title", text(tested.scenario->title)},
                              {"at", text(tested.scenario->at)},
                              {"ok", Value::boolean(tested.result.ok())},
                              {"misses", Value::list(std::move(misses))},
                              {"timeline", Value::list(std::move(happened))}});
}

void print_json(const std::vector<Tested>& all,
                const std::vector<std::pair<std::string, sim::Coverage>>& coverage,
                const dsl::Sources& sources) {
  interpreter::List scenarios, covers;
  std::size_t missed = 0;
  for (const Tested& tested : all) {
    scenarios.push_back(json_of(tested, sources));
    missed += tested.result.ok() ? 0 : 1;
  }
  const auto count = [](sim::Coverage::Count c) {
    return interpreter::record({{"seen", number(c.seen)}, {"all", number(c.all)}});
  };
  for (const auto& [name, cover] : coverage) {
    interpreter::List missing;
    for (std::string& one : cover.missing()) missing.push_back(text(std::move(one)));
    covers.push_back(interpreter::record({{"workflow", text(name)},
                                          {"statements", count(cover.statements())},
                                          {"undos", count(cover.undos())},
                                          {"errors", count(cover.errors())},
                                          {"ways", count(cover.ways())},
                                          {"missing", Value::list(std::move(missing))}}));
  }
  std::printf("%s\n", runtime::to_json(
                          interpreter::record({{"scenarios", Value::list(std::move(scenarios))},
                                               {"coverage", Value::list(std::move(covers))},
                                               {"passed", number(all.size() - missed)},
                                               {"failed", number(missed)}}))
                          .c_str());
}

bool wanted(const dsl::Scenario& scenario, const std::string& filter) {
  return scenario.title.find(filter) != std::string::npos ||
         scenario.workflow.find(filter) != std::string::npos;
}

}  // namespace

int run(const TestCommand& command, const runtime::PluginRegistry& plugins) {
  std::error_code error;
  if (!std::filesystem::is_directory(command.directory, error)) {
    std::fprintf(stderr, "belay: there is no folder `%s`\n", command.directory.c_str());
    return kRefused;
  }
  const dsl::PluginCatalog catalog{plugins.names()};
  dsl::Compilation compilation =
      dsl::compile_workspace(command.directory, command.any_plugin ? nullptr : &catalog);
  for (interpreter::Graph& graph : compilation.program.graphs) graph.environment = &environment();
  if (!compilation.ok()) {  // a scenario of a program that cannot run proves nothing
    compilation.diagnostics.sort();
    std::fputs(
        dsl::render_text(compilation.diagnostics, compilation.sources, isatty(STDERR_FILENO) == 1)
            .c_str(),
        stderr);
    return kRefused;
  }
  const dsl::CompiledProgram& program = compilation.program;
  const sim::Surroundings around = surroundings_of(program);
  std::vector<Tested> all;
  for (const Graph& graph : program.graphs) {
    for (const dsl::Scenario& scenario : program.scenarios) {
      if (scenario.workflow != graph.workflow || !wanted(scenario, command.filter)) continue;
      all.push_back({&scenario, &graph, sim::run_scenario(graph, scenario, around)});
    }
  }
  if (all.empty() && !command.filter.empty()) {
    std::fprintf(stderr, "belay: no scenario has `%s` in its title or its workflow's name\n",
                 command.filter.c_str());
    return kRefused;
  }
  // Coverage is of all scenarios of a workflow; part of them would say nothing.
  std::vector<std::pair<std::string, sim::Coverage>> coverage;
  if (command.filter.empty()) {
    for (const Graph& graph : program.graphs) {
      coverage.emplace_back(graph.workflow, sim::Coverage(graph));
      for (const Tested& tested : all) {
        if (tested.graph == &graph) coverage.back().second.add(tested.result.run);
      }
    }
  }
  if (command.format == "json") {
    print_json(all, coverage, compilation.sources);
  } else {
    print_text(all, coverage, compilation.sources);
  }
  return std::all_of(all.begin(), all.end(), [](const Tested& t) { return t.result.ok(); })
             ? kDone
             : kRefused;
}

}  // namespace belay::runtime::cli
