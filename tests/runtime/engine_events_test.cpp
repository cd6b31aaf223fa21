// Events and waits meet, whichever comes first and however often.
#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include "tests/runtime/engine_harness.h"

using namespace belay::testing;

namespace {

void settled(Bench& bench) {
  bench.until([&] { return bench.store.counts().mail == 0; });
}

}  // namespace

TEST_CASE("events: one that comes while the saga waits is taken and claimed") {
  Bench bench;
  const SagaId saga = bench.start("await_payment", "order", "o1");
  bench.publish("o1", 42);
  CHECK(*bench.wait_ended(saga).output.find("amount") == Value::integer(42));
  settled(bench);
  CHECK(bench.store.counts().unclaimed_events == 0);
  CHECK(bench.store.counts().subscriptions == 0);
}

TEST_CASE("events: one that came before the saga counts where the wait says so") {
  Bench bench;
  bench.publish("o1", 42);
  const SagaId late = bench.start("late_payment", "order", "o1");
  CHECK(*bench.wait_ended(late).output.find("amount") == Value::integer(42));
  const SagaId strict = bench.start("await_payment", "order", "o1");
  settled(bench);
  bench.publish("o1", 43);
  CHECK(*bench.wait_ended(strict).output.find("amount") == Value::integer(43));
}

TEST_CASE("events: one that crosses the saga's way to its wait is not lost") {
  Bench bench;
  bench.runner.hold("reserve");
  const SagaId saga = bench.start("late_payment", "order", "o1");
  auto call = bench.runner.take("reserve");
  bench.publish("o1", 5);
  call.done(succeeded("r"));
  CHECK(*bench.wait_ended(saga).output.find("amount") == Value::integer(5));
}

TEST_CASE("events: one that is committed while the loader tells what it saw before is not lost") {
  Bench bench;
  const auto wait_for = [](const std::atomic<bool>& flag) {
    for (int i = 0; i < 5'000 && !flag; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  std::atomic<bool> published{false}, looked{false}, committed{false};
  std::atomic<int> flushes{0};
  bench.store.before_flush([&] {
    const int flush = ++flushes;
    if (flush == 1) wait_for(published);  // the saga's start and its wait
    if (flush == 2) wait_for(looked);     // the event
  });
  bench.store.after_events_read([&] {
    looked = true;
    wait_for(committed);
  });
  std::promise<SagaId> saga;
  bench.engine->start(bench.request("await_payment", "order", "o1"),
                      [&](Result<StartReply> reply) { saga.set_value(reply->saga); });
  bench.engine->publish(paid_request("o1", 7), [&](Result<PublishReply>) { committed = true; });
  bench.until([&] { return bench.engine->stats().events == 1; });
  published = true;
  CHECK(*bench.wait_ended(saga.get_future().get()).output.find("amount") == Value::integer(7));
  bench.store.before_flush({});
  bench.store.after_events_read({});
}

TEST_CASE("events: a duplicate changes nothing, another body under the id is refused") {
  Bench bench;
  CHECK(!bench.publish("o1", 42, "e1").duplicate);
  CHECK(bench.publish("o1", 42, "e1").duplicate);
  CHECK(bench.store.counts().events == 1);
  const auto reply = bench.engine->publish(paid_request("o1", 1, "e1"));
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kKeyReused);
}

TEST_CASE("events: everybody who waits gets it") {
  Bench bench;
  std::vector<SagaId> sagas;
  for (int i = 0; i < 10; ++i) sagas.push_back(bench.start("await_payment", "order", "o1"));
  bench.until([&] { return bench.store.counts().subscriptions == 10; });
  bench.publish("o1", 1);
  for (const SagaId& saga : sagas) bench.wait_ended(saga);
  settled(bench);
  CHECK(bench.store.counts().subscriptions == 0);
}

TEST_CASE("events: a crash anywhere between wait and event loses neither") {
  for (int delay = 0; delay < 6; ++delay) {
    Bench bench;
    const SagaId saga = bench.start("await_payment", "order", "o1");
    if (delay < 3) {
      bench.until([&] {
        return bench.store.counts().subscriptions ==
               (delay == 0 ? bench.store.counts().subscriptions : 1);
      });
      bench.restart();
      bench.publish("o1", 42);
    } else {
      std::atomic<bool> answered{false};
      bench.engine->publish(paid_request("o1", 42),
                            [&](Result<PublishReply> reply) { answered = reply.has_value(); });
      bench.until([&] { return answered.load(); });
      bench.restart();
    }
    bench.until([&] { return bench.store.instance(saga)->status == "completed"; });
    settled(bench);
    CHECK(bench.store.counts().unclaimed_events == 0);
    CHECK(bench.store.counts().subscriptions == 0);
  }
}

TEST_CASE(
    "events: when the database's clock is set back, the next owner of a lane numbers on from its "
    "last event") {
  Bench bench;
  bench.publish("o1", 1);
  bench.store.advance(-60'000'000);
  bench.restart();
  bench.publish("o1", 2);
  std::vector<Lane> lanes;
  for (Lane l = 0; l < 32; ++l) lanes.push_back(l);
  std::vector<std::tuple<Lane, std::string, std::string, std::string, Instant>> everywhere;
  for (const Lane l : lanes) everywhere.emplace_back(l, "acme", "shop.paid", "o1", Instant{0});
  Store& store = bench.store;
  std::vector<EventRow> rows = store.events_since(everywhere).value();
  std::sort(rows.begin(), rows.end(),
            [](const EventRow& a, const EventRow& b) { return a.eseq < b.eseq; });
  REQUIRE(rows.size() == 2);
  CHECK(rows[1].payload.find("2") != std::string::npos);
  CHECK(rows[1].at >= rows[0].at);
  CHECK(store.last_events(lanes).value() == std::vector{std::pair(rows[1].lane, rows[1].eseq)});
}

TEST_CASE(
    "events: when the database's clock is set back, who waits already is told of what comes") {
  Bench bench;
  const SagaId saga = bench.start("await_payment", "order", "o1");
  settled(bench);
  bench.store.advance(-60'000'000);
  bench.restart();
  bench.publish("o1", 42);
  CHECK(*bench.wait_ended(saga).output.find("amount") == Value::integer(42));
}
