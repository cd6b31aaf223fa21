// The door: who floods is refused there, and others are not.
#include "runtime/engine/door.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "runtime/engine/stepped_engine.h"
#include "tests/runtime/engine_harness.h"

namespace belay::testing {
namespace {

using Passes = std::vector<std::shared_ptr<Door::Pass>>;

std::size_t flood(Door& door, const std::string& tenant, Passes& held) {
  std::size_t in = 0;
  for (auto pass = door.enter(tenant); pass; pass = door.enter(tenant)) {
    held.push_back(std::move(pass));
    ++in;
  }
  return in;
}

TEST_CASE("door: a tenant that floods it is refused, another gets in, and places come back") {
  Door door(100, 1'000);
  Passes noisy, quiet;
  CHECK(flood(door, "noisy", noisy) == 75);
  CHECK(door.enter("quiet"));
  CHECK(flood(door, "other", quiet) > 10);
  CHECK(door.enter("quiet"));
  CHECK(!door.enter("noisy"));
  CHECK(door.inside() <= 100);
  noisy.clear();
  quiet.clear();
  CHECK(door.inside() == 0);
  CHECK(door.enter("noisy"));
}

TEST_CASE("door: what requests carry has a fair bound too") {
  Door door(100, 1'000);
  const auto first = door.enter("noisy");
  CHECK(first->carry(700));
  auto second = door.enter("noisy");
  CHECK(!second->carry(200));
  CHECK(second->carry(10));
  const auto quiet = door.enter("quiet");
  CHECK(quiet->carry(150));
  CHECK(!quiet->carry(1'000));
  second.reset();
  CHECK(door.enter("noisy"));
}

TEST_CASE("door: many threads never hold more places than there are") {
  Door door(50, 1'000'000);
  std::atomic<std::size_t> most{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Passes held;
      for (int round = 0; round < 2'000; ++round) {
        if (auto pass = door.enter("tenant " + std::to_string(i))) held.push_back(std::move(pass));
        if (round % 7 == 0) held.clear();
        const std::size_t inside = door.inside();
        for (std::size_t known = most;
             inside > known && !most.compare_exchange_weak(known, inside);) {
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(most <= 50);
  CHECK(door.inside() == 0);
}

StartRequest start_of(const std::string& tenant, const std::string& item) {
  StartRequest request;
  request.tenant = tenant;
  request.workflow = "buy";
  request.input = interpreter::record({{"item", Value::string(item)}});
  return request;
}

// A stepped engine: nothing happens unless a test has it happen.
struct Stepped {
  explicit Stepped(EngineOptions options) {
    use_virtual_clock(&us);
    store.use_clock([this] { return Instant{1'700'000'000'000'000 + us}; });
    options.node = "a";
    options.ids_seed = 1;
    auto opened = SteppedEngine::open_stepped(store, runner, options);
    REQUIRE(opened);
    engine = std::move(*opened);
    for (const interpreter::Graph& graph : shop()) REQUIRE(engine->install(graph));
  }
  ~Stepped() {
    engine.reset();
    use_virtual_clock(nullptr);
  }

  // Answers come into `told` as "tenant item" in their order, or "tenant code".
  void start(const std::string& tenant, const std::string& item) {
    engine->start(start_of(tenant, item), [this, tenant, item](Result<StartReply> reply) {
      told.push_back(tenant + " " + (reply ? item : std::string(to_string(reply.error().code))));
    });
  }
  // One turn of the loop and one flush of what it has recorded; what the flush tells comes with the
  // next turn.
  void turn() {
    engine->step_loop();
    engine->step_writer(0);
    engine->step_loader();
  }
  std::size_t told_of(const std::string& text) const {
    return static_cast<std::size_t>(std::count_if(
        told.begin(), told.end(), [&](const std::string& t) { return t.starts_with(text); }));
  }

  std::int64_t us = 1'000'000;
  MemoryStore store;
  FakeRunner runner;
  std::unique_ptr<SteppedEngine> engine;
  std::vector<std::string> told;
};

TEST_CASE(
    "door: a flood of starts is refused before the loop has done anything, and a quiet tenant gets "
    "in") {
  EngineOptions options;
  options.requests_max = 40;
  Stepped world(options);
  for (int i = 0; i < 100; ++i) world.start("noisy", std::to_string(i));
  CHECK(world.told == std::vector<std::string>(70, "noisy overloaded"));
  CHECK(world.engine->stats().refused_busy == 70);
  CHECK(world.engine->stats().live == 0);
  world.start("quiet", "q");
  CHECK(world.told.size() == 70);
  for (int i = 0; i < 10; ++i) world.turn();
  CHECK(world.told_of("quiet q") == 1);
  CHECK(world.told.size() == 101);
  world.start("noisy", "again");  // the places of what was answered are free
  CHECK(world.told.size() == 101);
}

TEST_CASE("door: acts, events and views of a tenant have its part too") {
  EngineOptions options;
  options.requests_max = 8;
  int refused = 0;  // told to the end of the world
  Stepped world(options);
  const auto count = [&](const auto& reply) {
    refused += !reply && reply.error().code == ErrorCode::kOverloaded;
  };
  for (int i = 0; i < 6; ++i)
    world.engine->view("noisy", "0190d6a8-0000-7000-8000-00000000abcd", count);
  CHECK(refused == 0);
  PublishRequest event;
  event.tenant = "noisy";
  event.type = "shop.paid";
  event.key = "o1";
  event.payload =
      interpreter::record({{"order", Value::string("o1")}, {"amount", Value::integer(1)}});
  world.engine->publish(event, count);
  CHECK(refused == 1);
  ActRequest act;
  act.tenant = "noisy";
  act.saga = "0190d6a8-0000-7000-8000-00000000abcd";
  world.engine->act(act, count);
  CHECK(refused == 2);
  world.start("noisy", "n");
  CHECK(world.told == std::vector<std::string>{"noisy overloaded"});
  event.tenant = "quiet";
  world.engine->publish(event, count);
  CHECK(refused == 2);
}

TEST_CASE(
    "shares: while another is at work, a flood brings a few rows to a flush and the quiet one is "
    "in the next") {
  EngineOptions options;
  options.shared_flush_rows = 4;
  Stepped world(options);
  world.runner.hold("reserve");
  world.start("quiet", "first");
  for (int i = 0; i < 200; ++i) world.start("noisy", std::to_string(i));
  for (int i = 0; i < 3; ++i) world.turn();
  CHECK(world.told_of("quiet") == 1);
  const std::size_t before = world.told_of("noisy");
  world.start("quiet", "second");
  world.turn();
  world.turn();
  CHECK(world.told_of("quiet") == 2);
  CHECK(world.told_of("noisy") >= before + 4);
  CHECK(world.told_of("noisy") <= before + 8);
  for (int i = 0; i < 200; ++i) world.turn();
  CHECK(world.told_of("noisy") == 200);
}

TEST_CASE("shares: beside one that asks for little a flood brings less than when that is silent") {
  EngineOptions options;
  options.shared_flush_rows = 20;
  options.quiet_flush_rows = 4;
  Stepped world(options);
  world.runner.hold("reserve");
  world.start("quiet", "first");
  for (int i = 0; i < 200; ++i) world.start("noisy", std::to_string(i));
  for (int i = 0; i < 4; ++i) world.turn();
  const auto told_in_a_turn = [&] {
    const std::size_t before = world.told_of("noisy");
    world.turn();
    return world.told_of("noisy") - before;
  };
  CHECK(told_in_a_turn() == 4);
  CHECK(told_in_a_turn() == 4);
  world.us += 6'000;
  for (int i = 0; i < 2; ++i) world.turn();
  CHECK(told_in_a_turn() == 20);
  CHECK(told_in_a_turn() == 20);
  world.start("quiet", "second");
  for (int i = 0; i < 3; ++i) world.turn();
  CHECK(world.told_of("quiet second") == 1);
  CHECK(told_in_a_turn() == 4);
}

TEST_CASE("shares: a tenant that is alone fills a flush") {
  EngineOptions options;
  options.shared_flush_rows = 4;
  Stepped world(options);
  world.runner.hold("reserve");
  for (int i = 0; i < 200; ++i) world.start("noisy", std::to_string(i));
  for (int i = 0; i < 3; ++i) world.turn();
  CHECK(world.told_of("noisy") == 200);
}

TEST_CASE(
    "shares: timers that are due together wait for their tenant's part, and each fires once") {
  EngineOptions options;
  options.shared_flush_rows = 4;
  Stepped world(options);
  std::vector<SagaId> sagas;
  for (int i = 0; i < 50; ++i) {
    StartRequest request = start_of("noisy", "");
    request.workflow = "await_payment";
    request.input = interpreter::record({{"order", Value::string("o" + std::to_string(i))}});
    world.engine->start(std::move(request),
                        [&](Result<StartReply> reply) { sagas.push_back(reply->saga); });
  }
  for (int i = 0; i < 5; ++i) world.turn();
  REQUIRE(sagas.size() == 50);
  world.us += 3'599'000'000;
  world.start("quiet", "before");
  for (int i = 0; i < 3; ++i) world.turn();
  CHECK(world.told_of("quiet before") == 1);
  world.us += 2'000'000;
  world.start("quiet", "meanwhile");
  for (int i = 0; i < 3; ++i) world.turn();
  CHECK(world.told_of("quiet meanwhile") == 1);
  const auto fired = [&](const SagaId& saga) {
    const auto journal = world.store.journal_of(saga);
    return std::count_if(journal.begin(), journal.end(),
                         [](const JournalRow& row) { return row.kind == "TimerFired"; });
  };
  const auto all = std::count_if(sagas.begin(), sagas.end(),
                                 [&](const SagaId& saga) { return fired(saga) > 0; });
  CHECK(all > 0);
  CHECK(all < 50);
  for (int i = 0; i < 100; ++i) world.turn();
  for (const SagaId& saga : sagas) CHECK(fired(saga) == 1);
}

TEST_CASE("room: a tenant's running sagas leave room for another's") {
  EngineOptions options;
  options.live_sagas_max = 12;
  Stepped world(options);
  world.runner.hold("reserve");
  for (int i = 0; i < 20; ++i) world.start("noisy", std::to_string(i));
  for (int i = 0; i < 5; ++i) world.turn();
  CHECK(world.told_of("noisy overloaded") == 11);
  CHECK(world.engine->stats().live == 9);
  world.start("quiet", "q");
  for (int i = 0; i < 5; ++i) world.turn();
  CHECK(world.told_of("quiet q") == 1);
  // One that ends makes room again.
  world.runner.take("reserve").done(failed(interpreter::FailureKind::kBusiness, "shop.sold_out"));
  for (int i = 0; i < 5; ++i) world.turn();
  CHECK(world.engine->stats().live == 9);
}

}  // namespace
}  // namespace belay::testing
