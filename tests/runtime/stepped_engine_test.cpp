// The engine stepped by hand, on a virtual clock: what tests/sim stands on.
#include "runtime/engine/stepped_engine.h"

#include "tests/runtime/engine_harness.h"

namespace belay::testing {
namespace {

// One engine, one saga, all steps taken in turn until nothing has work.
std::vector<std::string> run_one(std::uint64_t seed) {
  std::int64_t us = 1'000'000;
  use_virtual_clock(&us);
  MemoryStore store;
  store.use_clock([&us] { return Instant{1'700'000'000'000'000 + us}; });
  FakeRunner runner;
  EngineOptions options;
  options.node = "a";
  options.ids_seed = seed;
  auto opened = SteppedEngine::open_stepped(store, runner, options);
  REQUIRE(opened);
  SteppedEngine& engine = **opened;
  for (const interpreter::Graph& graph : shop()) REQUIRE(engine.install(graph));
  StartRequest request;
  request.tenant = "acme";
  request.workflow = "buy";
  request.input = interpreter::record({{"item", Value::string("o1")}});
  std::optional<Result<StartReply>> answer;
  engine.start(request, [&](Result<StartReply> reply) { answer = std::move(reply); });
  for (int steps = 0; steps < 500; ++steps) {
    bool worked = engine.loop_has_work();
    if (worked) engine.step_loop();
    worked |= engine.step_loader();
    worked |= engine.step_writer(0);
    if (!worked) {
      us += 100'000;
      engine.step_loop();
    }
  }
  REQUIRE(answer.has_value());
  REQUIRE(*answer);
  std::vector<std::string> told = {(*answer)->saga};
  for (const JournalRow& row : store.journal_of((*answer)->saga)) {
    told.push_back(std::to_string(row.seq) + " " + row.kind + " " + std::to_string(row.at.us) +
                   " " + row.body);
  }
  use_virtual_clock(nullptr);
  return told;
}

TEST_CASE("a stepped engine writes the same bytes for the same seed") {
  const std::vector<std::string> once = run_one(7);
  REQUIRE(once.size() > 3);
  CHECK(once == run_one(7));
  CHECK(once.front() != run_one(8).front());
}

// Who looks while the end is being written is answered when it is, and with all of it.
TEST_CASE("a saga that is shown as ended says when") {
  std::int64_t us = 1'000'000;
  use_virtual_clock(&us);
  MemoryStore store;
  store.use_clock([&us] { return Instant{1'700'000'000'000'000 + us}; });
  FakeRunner runner;
  EngineOptions options;
  options.node = "a";
  options.ids_seed = 7;
  auto opened = SteppedEngine::open_stepped(store, runner, options);
  REQUIRE(opened);
  SteppedEngine& engine = **opened;
  for (const interpreter::Graph& graph : shop()) REQUIRE(engine.install(graph));
  const auto steps = [&](int count, bool writes) {
    for (int i = 0; i < count; ++i) {
      if (engine.loop_has_work()) engine.step_loop();
      engine.step_loader();
      if (writes) engine.step_writer(0);
      us += 1'000;
    }
  };
  const auto start = [&](SagaId* id) {
    engine.start(start_request("buy", "item", "o1"), [id](Result<StartReply> reply) {
      if (reply && id != nullptr) *id = reply->saga;
    });
  };
  runner.hold("charge");
  SagaId saga;
  start(&saga);
  steps(200, true);
  auto last = runner.take("charge");
  start(nullptr);
  steps(3, false);  // the writer has something else in its hands
  last.done(succeeded("charge_1"));
  steps(3, false);
  std::optional<SagaView> seen;
  engine.view("acme", saga, [&](Result<SagaView> view) {
    if (view) seen = std::move(*view);
  });
  steps(3, false);
  CHECK(!seen);
  runner.release("charge");
  steps(200, true);
  REQUIRE(seen);
  CHECK(seen->state.ended());
  CHECK(seen->row.status == "completed");
  CHECK(seen->row.ended_at);
  use_virtual_clock(nullptr);
}

}  // namespace
}  // namespace belay::testing
