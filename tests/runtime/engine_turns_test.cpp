// `one at a time`: in line, or refused; nobody is left standing, whatever happens.
#include <future>

#include "tests/runtime/engine_harness.h"
#include "tests/runtime/shop_workflows.h"

using namespace belay::testing;

namespace {

const std::string kLines = std::string(R"(belay 1

workflow refuse "One, or none", version 1
  takes
    item  text
  one at a time per item, others are refused
  step hold "Hold it"
    do reserve
      item = item
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"

workflow paid_queue "By event", version 1
  takes
    item  text
  one at a time per item, others queue
  starts on shop.paid
    item = event.order
  step hold "Hold it"
    do reserve
      item = item
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"

workflow once_refuse "Both", version 1
  takes
    item  text
    kind  text
  once per item
  one at a time per kind, others are refused
  step hold "Hold it"
    do reserve
      item = item
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"
)") + kQueue;

const std::vector<interpreter::Graph>& lines() {
  static const std::vector<interpreter::Graph> graphs = compile_with_shop(kLines);
  return graphs;
}

bool queued(Bench& bench, const SagaId& saga) {
  const auto view = bench.engine->view("acme", saga);
  REQUIRE(view);
  return view->state.queued;
}

void settled(Bench& bench) {
  bench.until([&] { return bench.store.counts().mail == 0; });
}

}  // namespace

TEST_CASE("turns: a second start waits until the first has ended, in order") {
  Bench bench(lines());
  bench.runner.hold("reserve");
  const SagaId first = bench.start("queue", "item", "a");
  const SagaId second = bench.start("queue", "item", "a");
  const SagaId third = bench.start("queue", "item", "a");
  const SagaId other = bench.start("queue", "item", "b");
  auto call = bench.runner.take("reserve");
  CHECK(call.call.saga == first);
  CHECK(bench.runner.take("reserve").call.saga == other);
  CHECK(queued(bench, second));
  CHECK(queued(bench, third));
  call.done(succeeded("r1"));
  bench.wait_ended(first);
  call = bench.runner.take("reserve");
  CHECK(call.call.saga == second);
  CHECK(queued(bench, third));
  CHECK(bench.runner.count("reserve") == 3);
  call.done(succeeded("r2"));
  call = bench.runner.take("reserve");
  CHECK(call.call.saga == third);
  call.done(succeeded("r3"));
  bench.wait_ended(third);
  settled(bench);
  CHECK(bench.store.counts().turns == 1);  // the other one's
}

TEST_CASE("turns: one that is cancelled in line leaves it with nothing done") {
  Bench bench(lines());
  bench.runner.hold("reserve");
  const SagaId first = bench.start("queue", "item", "a");
  const SagaId second = bench.start("queue", "item", "a");
  const SagaId third = bench.start("queue", "item", "a");
  auto call = bench.runner.take("reserve");
  REQUIRE(bench.cancel(second));
  CHECK(bench.wait_ended(second).status == interpreter::Status::kCompensated);
  call.done(succeeded("r1"));
  call = bench.runner.take("reserve");
  CHECK(call.call.saga == third);
  call.done(succeeded("r3"));
  bench.wait_ended(first);
  bench.wait_ended(third);
  settled(bench);
  CHECK(bench.store.counts().turns == 0);
  CHECK(bench.runner.count("reserve") == 2);
}

TEST_CASE("turns: refused while one is under way, naming it") {
  Bench bench(lines());
  bench.runner.hold("reserve");
  const SagaId first = bench.start("refuse", "item", "a");
  auto call = bench.runner.take("reserve");
  const auto second = bench.engine->start(bench.request("refuse", "item", "a"));
  REQUIRE(!second);
  CHECK(second.error().code == ErrorCode::kOneAtATime);
  CHECK_THAT(second.error().message, belay::ContainsSubstring(first));
  CHECK(bench.engine->start(bench.request("refuse", "item", "b")));
  call.done(failed(interpreter::FailureKind::kBusiness, "shop.sold_out"));
  bench.wait_ended(first);
  settled(bench);
  CHECK(bench.engine->start(bench.request("refuse", "item", "a")));
}

TEST_CASE("turns: the same Idempotency-Key gets the same saga, queued or not") {
  Bench bench(lines());
  bench.runner.hold("reserve");
  bench.start("queue", "item", "a");
  const auto second = bench.engine->start(bench.request("queue", "item", "a", "k2"));
  const auto again = bench.engine->start(bench.request("queue", "item", "a", "k2"));
  REQUIRE(second);
  REQUIRE(again);
  CHECK(second->created);
  CHECK(!again->created);
  CHECK(again->saga == second->saga);
}

TEST_CASE(
    "turns: with `once per`, an undone saga frees its value although it lies in another lane") {
  Bench bench(lines());
  bench.runner.answer("reserve", [](const ActionCall&) {
    return failed(interpreter::FailureKind::kBusiness, "shop.sold_out");
  });
  StartRequest start = bench.request("once_refuse", "item", "a");
  start.input = interpreter::record({{"item", Value::string("a")}, {"kind", Value::string("k")}});
  const auto first = bench.engine->start(start);
  REQUIRE(first);
  bench.wait_ended(first->saga);
  settled(bench);
  CHECK(bench.store.counts().start_keys == 0);
  const auto second = bench.engine->start(start);
  REQUIRE(second);
  CHECK(second->created);
}

TEST_CASE("turns: sagas that events start stand in line too") {
  Bench bench(lines());
  bench.runner.hold("reserve");
  bench.publish("o1", 1, "e1");
  auto call = bench.runner.take("reserve");
  bench.publish("o1", 1, "e2");
  bench.until([&] { return bench.store.counts().turns == 2 && bench.store.counts().mail == 0; });
  CHECK(bench.runner.count("reserve") == 1);
  call.done(succeeded("r1"));
  bench.runner.take("reserve").done(succeeded("r2"));
  bench.until([&] { return bench.store.counts().turns == 0 && bench.store.counts().mail == 0; });
}

TEST_CASE("turns: many at once run one after the other, each") {
  Bench bench(lines());
  std::atomic<int> under_way{0}, most{0};
  bench.runner.answer("reserve", [&](const ActionCall&) {
    most = std::max(most.load(), ++under_way);
    --under_way;
    return succeeded("r");
  });
  std::vector<std::future<SagaId>> sagas;
  for (int i = 0; i < 40; ++i) {
    auto promise = std::make_shared<std::promise<SagaId>>();
    sagas.push_back(promise->get_future());
    bench.engine->start(bench.request("queue", "item", i % 2 == 0 ? "a" : "b"),
                        [promise](Result<StartReply> reply) { promise->set_value(reply->saga); });
  }
  for (auto& saga : sagas)
    CHECK(bench.wait_ended(saga.get()).status == interpreter::Status::kCompleted);
  settled(bench);
  CHECK(bench.store.counts().turns == 0);
}

TEST_CASE("turns: a crash at any flush leaves nobody standing") {
  for (int n = 1; n <= 8; ++n) {
    INFO("died before flush " << n);
    Bench bench(lines());
    bench.runner.hold("reserve");
    const SagaId first = bench.start("queue", "item", "a");
    const SagaId second = bench.start("queue", "item", "a");
    settled(bench);
    auto call = bench.runner.take("reserve");
    std::atomic<int> left{n};
    bench.store.before_flush([&] {
      if (--left <= 0) bench.store.set_down(true);
    });
    bench.runner.release("reserve");
    call.done(succeeded("r1"));
    bench.until([&] {
      return left <= 0 || (bench.store.counts().turns == 0 && bench.store.counts().mail == 0);
    });
    bench.store.before_flush({});
    bench.restart();
    bench.until([&] {
      return bench.store.instance(first)->status == "completed" &&
             bench.store.instance(second)->status == "completed";
    });
    settled(bench);
    CHECK(bench.store.counts().turns == 0);
    std::size_t turns = 0;
    for (const JournalRow& row : bench.store.journal_of(second))
      turns += row.kind == "TurnCame" ? 1 : 0;
    CHECK(turns == 1);
  }
}

TEST_CASE(
    "turns: one in line that cannot be read is passed over, and asks again when it is mended") {
  Bench bench(lines(), {.parked_in_memory_max = 0});
  bench.runner.hold("reserve");
  const SagaId first = bench.start("queue", "item", "a");
  const SagaId second = bench.start("queue", "item", "a");
  const SagaId third = bench.start("queue", "item", "a");
  settled(bench);
  auto call = bench.runner.take("reserve");
  bench.store.set_health(second, "quarantined");
  call.done(succeeded("r1"));
  call = bench.runner.take("reserve");
  CHECK(call.call.saga == third);
  REQUIRE(bench.take_up_again(second));
  settled(bench);
  call.done(succeeded("r3"));
  call = bench.runner.take("reserve");
  CHECK(call.call.saga == second);
  call.done(succeeded("r2"));
  bench.wait_ended(second);
  settled(bench);
  CHECK(bench.store.counts().turns == 0);
}
