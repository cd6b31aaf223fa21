// Plugins: registration, threads, and what each end of a call means.
#include "runtime/actions/plugin.h"

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>

#include "runtime/actions/plugin_runner.h"
#include "tests/catch.h"

using namespace belay::runtime;
using namespace belay::interpreter;
using TheCall = belay::runtime::PluginCall;  // the graph has one of its own

namespace {

ActionCall call_of(const std::string& plugin, Value args = record({})) {
  Action action;
  action.name = "shop." + plugin;
  action.runs = Action::Runs::kPlugin;
  action.plugin.plugin = plugin;
  Type text;
  text.base = Type::Base::kText;
  action.gives = {{{"id", text}, {}}};
  auto graph = std::make_shared<Graph>();
  graph->actions = {action};
  ActionCall call;
  call.graph = graph;
  call.tenant = "acme";
  call.saga = "s1";
  call.key = "s1:step:do:0";
  call.args = std::move(args);
  return call;
}

ActionOutcome run(ActionRunner& runner, ActionCall call) {
  std::promise<ActionOutcome> promise;
  auto future = promise.get_future();
  runner.run(std::move(call),
             [&](ActionOutcome outcome) { promise.set_value(std::move(outcome)); });
  return future.get();
}

PluginResult an_id(const char* id) {
  return PluginResult::success(record({{"id", Value::string(id)}}));
}

}  // namespace

TEST_CASE("the registry is sorted and says what it has") {
  PluginRegistry plugins;
  plugins.add("b", [](const TheCall&) { return an_id("b"); });
  plugins.add("a", [](const TheCall&) { return an_id("a"); });
  CHECK(plugins.names() == std::vector<std::string>{"a", "b"});
  REQUIRE(plugins.find("b") != nullptr);
  CHECK(plugins.find("b")->thread == PluginThread::kPool);
  CHECK(plugins.find("c") == nullptr);
}

TEST_CASE("what a plugin gives becomes an outcome") {
  for (const PluginThread thread : {PluginThread::kPool, PluginThread::kInline}) {
    PluginRegistry plugins;
    plugins.add(
        "echo",
        [](const TheCall& call) {
          return PluginResult::success(
              record({{"id", Value::string(call.key + " " + call.tenant + " " + call.saga)}}));
        },
        thread);
    plugins.add(
        "refuse",
        [](const TheCall&) { return PluginResult::business("shop.sold_out", "none left"); },
        thread);
    plugins.add(
        "busy", [](const TheCall&) { return PluginResult::transient("later", 250); }, thread);
    plugins.add(
        "maybe", [](const TheCall&) { return PluginResult::unsure("no idea"); }, thread);
    plugins.add(
        "throw", [](const TheCall&) -> PluginResult { throw std::runtime_error("oops"); }, thread);
    plugins.add(
        "odd",
        [](const TheCall&) {
          return PluginResult::success(record({{"id", Value::integer(1)}}));
        },
        thread);
    plugins.add(
        "extra",
        [](const TheCall&) {
          return PluginResult::success(
              record({{"id", Value::string("x")}, {"more", Value::integer(1)}}));
        },
        thread);
    PluginRunner runner(plugins, 2);
    CHECK(run(runner, call_of("echo")).result.find("id")->as_string() == "s1:step:do:0 acme s1");
    CHECK(run(runner, call_of("extra")).result == record({{"id", Value::string("x")}}));
    ActionOutcome outcome = run(runner, call_of("refuse"));
    CHECK(outcome.kind == FailureKind::kBusiness);
    CHECK(outcome.error == "shop.sold_out");
    outcome = run(runner, call_of("busy"));
    CHECK(outcome.kind == FailureKind::kTransient);
    CHECK(outcome.retry_after_ms == 250);
    // "lost" is of a call whose engine died, which goes out again at once and without an end.
    outcome = run(runner, call_of("maybe"));
    CHECK(outcome.kind == FailureKind::kUnsure);
    CHECK(outcome.error == "no_answer");
    outcome = run(runner, call_of("throw"));
    CHECK(outcome.kind == FailureKind::kUnsure);
    CHECK(outcome.error == "no_answer");
    CHECK(outcome.message == "the plugin threw: oops");
    outcome = run(runner, call_of("odd"));
    CHECK(outcome.kind == FailureKind::kUnsure);
    CHECK(outcome.message ==
          "the plugin's result does not fit: id: must be text, is a whole number");
    CHECK(run(runner, call_of("none")).kind == FailureKind::kTransient);
  }
}

TEST_CASE(
    "plugins that block run side by side; the queue is bounded; the end waits for what runs") {
  std::promise<void> gate;
  auto opened = gate.get_future().share();
  std::atomic<int> inside{0};
  PluginRegistry plugins;
  plugins.add("block", [&](const TheCall&) {
    ++inside;
    opened.wait();
    return an_id("x");
  });
  std::atomic<int> ok{0}, refused{0};
  {
    PluginRunner runner(plugins, 3, 5);
    for (int i = 0; i < 20; ++i) {
      runner.run(call_of("block"), [&](ActionOutcome outcome) { ++(outcome.ok ? ok : refused); });
      if (i < 3) {
        while (inside <= i) std::this_thread::yield();  // each takes a thread of its own
      }
    }
    CHECK(inside == 3);
    CHECK(refused == 13);  // three run, four wait: of five places one tenant does not get the last
    std::thread opener([&] {
      while (refused < 17) std::this_thread::yield();  // the end has answered those who wait
      gate.set_value();
    });
    opener.detach();
  }
  CHECK(ok == 3);
  CHECK(refused == 17);
}

TEST_CASE(
    "tenants whose plugin calls wait take turns, and one that floods leaves a place to others") {
  std::promise<void> gate;
  auto opened = gate.get_future().share();
  std::atomic<bool> busy{false};
  std::mutex mutex;
  std::vector<std::string> order;
  std::atomic<int> refused{0};
  PluginRegistry plugins;
  plugins.add("block", [&](const TheCall& call) {
    busy = true;
    opened.wait();
    const std::lock_guard lock(mutex);
    order.push_back(call.tenant);
    return an_id("x");
  });
  std::promise<void> all;
  std::atomic<int> left{10};
  {
    PluginRunner runner(plugins, 1, 10);
    const auto ask = [&](const std::string& tenant) {
      ActionCall call = call_of("block");
      call.tenant = tenant;
      runner.run(std::move(call), [&](ActionOutcome outcome) {
        if (!outcome.ok)
          ++refused;
        else if (--left == 0)
          all.set_value();
      });
    };
    ask("noisy");
    while (!busy) std::this_thread::yield();
    for (int i = 0; i < 20; ++i) ask("noisy");
    CHECK(refused == 12);  // eight wait
    ask("quiet");
    CHECK(refused == 12);
    gate.set_value();
    all.get_future().wait();
  }
  REQUIRE(order.size() == 10);
  CHECK(order[0] == "noisy");
  CHECK((order[1] == "quiet" || order[2] == "quiet"));
}

TEST_CASE("a hundred thousand calls are each answered once") {
  PluginRegistry plugins;
  plugins.add("quick", [](const TheCall&) { return an_id("x"); });
  std::atomic<int> answered{0};
  {
    PluginRunner runner(plugins, 4, 200'000);  // of which one tenant gets three quarters
    const ActionCall call = call_of("quick");
    for (int i = 0; i < 100'000; ++i) runner.run(call, [&](ActionOutcome) { ++answered; });
  }
  CHECK(answered == 100'000);
}
