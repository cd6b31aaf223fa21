// A saga told entry by entry: what each fact made it write and wish, for golden journals. On the
// way it proves that the stored form of every entry and state gives back the same.
#pragma once
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "runtime/base/journal_json.h"
#include "runtime/base/json_value.h"
#include "runtime/base/state_json.h"
#include "tests/interpreter/harness.h"

namespace belay::testing {

// Notes each entry and what it wished, in the order in which it happened.
class Story {
 public:
  Story(const Graph& graph, Value input, bool queued = false)
      : run(graph, std::move(input), queued) {
    note();
  }

  void put(Fact fact, std::string reason = "") {
    run.put(std::move(fact), std::move(reason));
    note();
  }
  void ok(const std::string& step, Value result = record({}),
          Direction direction = Direction::kForward) {
    put(StepSucceeded{run.at(step), direction, run.generation(step, direction), std::move(result)});
  }
  void fail(const std::string& step, FailureKind kind, const std::string& error,
            Direction direction = Direction::kForward) {
    put(StepFailed{run.at(step), direction, run.generation(step, direction), kind, error, "", true,
                   0});
  }
  void pass(std::int64_t seconds) {
    run.now.us += seconds * 1'000'000;
    for (const Fact& fact : due_timers(run.graph, run.state, run.now)) put(fact);
  }

  void note() {
    const Entry& entry = run.journal.back();
    text << entry.seq << " " << belay::runtime::kind_name(entry.fact) << " "
         << belay::runtime::entry_body(run.graph, entry) << "\n";
    for (const Command& command : run.commands)
      std::visit([this](const auto& c) { wish(c); }, command);
    // The stored form gives back the same entry.
    const std::string body = belay::runtime::entry_body(run.graph, entry);
    const auto again =
        belay::runtime::decode_entry(run.graph, {entry.seq, entry.version, entry.at, entry.actor,
                                                 belay::runtime::kind_name(entry.fact), body});
    REQUIRE(again.has_value());
    CHECK(*again == entry);
    const auto state =
        belay::runtime::decode_state(run.graph, belay::runtime::encode_state(run.graph, run.state));
    REQUIRE(state.has_value());
    CHECK(*state == run.state);
  }

  void wish(const RunAction& c) {
    text << "    run " << run.graph.actions[c.action].name << " as "
         << effect_key("saga", run.graph, c.path, c.direction, c.generation) << " "
         << belay::runtime::to_json(c.args) << "\n";
  }
  void wish(const StartTimer& c) {
    text << "    timer " << path_text(run.graph, c.path) << " in "
         << (c.at.us - run.now.us) / 1'000'000 << " s\n";
  }
  void wish(const AwaitEvent& c) { text << "    await " << c.event << " " << c.key << "\n"; }
  void wish(const StopAwaiting& c) {
    text << "    stop awaiting " << c.event << " " << c.key << "\n";
  }
  void wish(const Publish& c) {
    text << "    publish " << c.event << " " << c.key << " " << belay::runtime::to_json(c.payload)
         << "\n";
  }
  void wish(const StartChild& c) {
    text << "    start " << c.workflow << " for " << path_text(run.graph, c.path) << " "
         << belay::runtime::to_json(c.input) << (c.detached ? ", detached" : "") << "\n";
  }
  void wish(const StopChild& c) {
    text << "    stop the child of " << path_text(run.graph, c.path) << ": " << c.because << "\n";
  }
  void wish(const Finish& c) { text << "    finish " << name(c.status) << "\n"; }

  void check_golden(const std::string& file) {
    const std::string path = std::string(BELAY_SOURCE_DIR) + "/tests/golden/journals/" + file;
    if (std::getenv("BELAY_UPDATE_GOLDEN") != nullptr) std::ofstream(path) << text.str();
    std::ifstream in(path);
    const std::string expected((std::istreambuf_iterator<char>(in)), {});
    CHECK(text.str() == expected);
  }

  Run run;
  std::ostringstream text;
};

}  // namespace belay::testing
