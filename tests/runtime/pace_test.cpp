// Calls that are held back by their rate, and calls that must be heard from.
#include "runtime/actions/pace.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <vector>

#include "runtime/actions/plugin_runner.h"
#include "tests/catch.h"

using namespace belay::runtime;
using Clock = std::chrono::steady_clock;

namespace {

struct Log {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::pair<int, Clock::time_point>> seen;

  void note(int what) {
    const std::lock_guard lock(mutex);
    seen.emplace_back(what, Clock::now());
    changed.notify_all();
  }
  std::vector<std::pair<int, Clock::time_point>> wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return seen.size() >= count; }));
    return seen;
  }
};

ActionCall call_of(const std::string& plugin, std::int64_t alive_ms) {
  auto graph = std::make_shared<belay::interpreter::Graph>();
  belay::interpreter::Action action;
  action.runs = belay::interpreter::Action::Runs::kPlugin;
  action.plugin.plugin = plugin;
  graph->actions.push_back(action);
  ActionCall call;
  call.graph = graph;
  call.args = belay::interpreter::record({});
  call.alive_ms = alive_ms;
  return call;
}

}  // namespace

TEST_CASE("calls of one measure leave in order, never more than so many in a stretch", "[pace]") {
  Log log;  // outlives the pace, whose thread writes to it
  Pace pace;
  for (int i = 0; i < 7; ++i) REQUIRE(pace.pass("a", 2, 60, [&, i] { log.note(i); }));
  REQUIRE(pace.pass("b", 2, 60, [&] { log.note(100); }));
  const auto seen = log.wait_for(8);
  std::vector<Clock::time_point> times;
  int expected = 0;
  for (const auto& [what, at] : seen) {
    if (what == 100) continue;
    CHECK(what == expected++);
    times.push_back(at);
  }
  // Each is at least a stretch later than the one two before it (a call is noted after it was let
  // out).
  for (std::size_t i = 2; i < times.size(); ++i)
    CHECK(times[i] - times[i - 2] > std::chrono::milliseconds(50));
  CHECK(seen[2].first == 100);  // another measure does not wait
}

TEST_CASE("what waits beyond the bound is refused", "[pace]") {
  Pace pace(2);
  CHECK(pace.pass("a", 1, 3'600'000, [] {}));
  CHECK(pace.pass("a", 1, 3'600'000, [] {}));
  CHECK(pace.pass("a", 1, 3'600'000, [] {}));
  CHECK_FALSE(pace.pass("a", 1, 3'600'000, [] {}));
}

TEST_CASE("a plugin that is not heard of is unsure, and its late word changes nothing",
          "[plugin]") {
  std::mutex mutex;
  std::condition_variable changed;
  bool go_on = false;
  std::vector<ActionOutcome> outcomes;
  const auto wait = [&](auto condition) {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(20), condition));
  };
  PluginRegistry plugins;
  plugins.add("hangs", [&](const PluginCall&) {
    wait([&] { return go_on; });
    return PluginResult::success(belay::interpreter::record({}));
  });
  plugins.add("speaks", [&](const PluginCall& call) {
    const auto end = Clock::now() + std::chrono::milliseconds(150);
    while (Clock::now() < end) call.alive();
    return PluginResult::success(belay::interpreter::record({}));
  });
  {
    PluginRunner runner(plugins, 2);
    const auto note = [&](ActionOutcome outcome) {
      const std::lock_guard lock(mutex);
      outcomes.push_back(std::move(outcome));
      changed.notify_all();
    };
    runner.run(call_of("hangs", 30), note);
    wait([&] { return outcomes.size() == 1; });
    CHECK(outcomes[0].kind == belay::interpreter::FailureKind::kUnsure);
    CHECK(outcomes[0].error == "silent");
    runner.run(call_of("speaks", 100), note);
    wait([&] { return outcomes.size() == 2; });
    CHECK(outcomes[1].ok);
    {
      const std::lock_guard lock(mutex);
      go_on = true;
      changed.notify_all();
    }
  }
  CHECK(outcomes.size() == 2);
}
