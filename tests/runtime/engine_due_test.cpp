// Parked sagas that are not in memory when their time comes: read ahead page by page, fired in
// time, never early.
#include <algorithm>

#include "runtime/engine/stepped_engine.h"
#include "tests/runtime/engine_harness.h"

namespace belay::testing {
namespace {

constexpr const char* kNap = R"(belay 1

workflow nap "Nap", version 1
  takes
    due  timestamp
  pause until due
)";

constexpr std::int64_t kBegin = 1'700'000'000'000'000;

struct Late {
  std::size_t fired = 0;
  std::int64_t least_us = 0, most_us = 0;
};

// So many sleepers, none of them kept in memory; each due `due_us(i)` after the beginning. How late
// they fire when the clock moves by a tenth of a second whenever nobody has work.
Late run_sleepers(std::size_t count, const std::function<std::int64_t(std::size_t)>& due_us) {
  std::int64_t us = 1'000'000;
  use_virtual_clock(&us);
  MemoryStore store;
  store.use_clock([&us] { return Instant{kBegin + us}; });
  FakeRunner runner;
  EngineOptions options;
  options.node = "a";
  options.ids_seed = 1;
  options.parked_in_memory_max = 0;
  auto opened = SteppedEngine::open_stepped(store, runner, options);
  REQUIRE(opened);
  SteppedEngine& engine = **opened;
  for (const interpreter::Graph& graph : compile_with_shop(kNap)) REQUIRE(engine.install(graph));
  std::map<SagaId, std::int64_t> due;
  const auto step = [&] {
    bool worked = engine.loop_has_work();
    if (worked) engine.step_loop();
    worked |= engine.step_loader();
    worked |= engine.step_writer(0);
    return worked;
  };
  for (std::size_t i = 0; i < count; ++i) {
    StartRequest request;
    request.tenant = "acme";
    request.workflow = "nap";
    const std::int64_t at = kBegin + due_us(i);
    request.input =
        interpreter::record({{"due", Value::timestamp(interpreter::to_timestamp({at}))}});
    engine.start(request, [&, at](Result<StartReply> reply) {
      REQUIRE(reply);
      due[reply->saga] = at;
    });
    while (i % 500 == 499 && step()) {
    }
  }
  while (us < 300'000'000) {
    if (step()) continue;
    us += 100'000;
    engine.step_loop();
  }
  REQUIRE(due.size() == count);
  Late late{0, INT64_MAX, INT64_MIN};
  for (const auto& [saga, at] : due) {
    for (const JournalRow& row : store.journal_of(saga)) {
      if (row.kind != "TimerFired") continue;
      ++late.fired;
      late.least_us = std::min(late.least_us, row.at.us - at);
      late.most_us = std::max(late.most_us, row.at.us - at);
    }
  }
  use_virtual_clock(nullptr);
  return late;
}

TEST_CASE("due: more sleepers than a page that are due within a second fire within the next one") {
  const Late late = run_sleepers(
      3'500, [](std::size_t i) { return 200'000'000 + static_cast<std::int64_t>(i) * 280; });
  CHECK(late.fired == 3'500);
  CHECK(late.least_us >= 0);
  CHECK(late.most_us <= 1'000'000);
}

TEST_CASE(
    "due: more sleepers than a page that are due at one instant fire within the next second") {
  const Late late = run_sleepers(3'500, [](std::size_t) { return 200'000'000; });
  CHECK(late.fired == 3'500);
  CHECK(late.least_us >= 0);
  CHECK(late.most_us <= 1'000'000);
}

constexpr const char* kMany = R"(belay 1

workflow many "Many", version 1
  takes
    items  list of text
  for each item in items, at most 50 at once
    step hold "Hold it"
      do reserve
        item = item
      undo with unreserve
        id = hold.id
      if shop.sold_out, cancel because "Sold out"
  step pay "Pay"
    do charge
      item = "all"
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"
)";

TEST_CASE(
    "snapshots: a large state is not written again before as much was journaled, and is folded "
    "with the rest") {
  Bench bench(compile_with_shop(kMany));
  bench.runner.hold("charge");
  std::vector<Value> items(600, Value::string(std::string(300, 'x')));
  StartRequest request;
  request.tenant = "acme";
  request.workflow = "many";
  request.input = interpreter::record({{"items", Value::list(items)}});
  const auto reply = bench.engine->start(request);
  REQUIRE(reply);
  bench.runner.take("charge");
  bench.until([&] { return bench.store.journal_of(reply->saga).size() == 601; });
  const InstanceRow row = *bench.store.instance(reply->saga);
  CHECK(row.state_seq >= 100);
  CHECK(row.state_seq < 300);  // 600 entries of a few hundred bytes, a state of 200 KB
  bench.runner.release("charge");
  bench.restart();
  bench.wait_ended(reply->saga);
}

}  // namespace
}  // namespace belay::testing
