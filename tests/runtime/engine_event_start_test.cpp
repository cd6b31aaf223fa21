// Events that start sagas: once each, through crashes, and never dropped in silence.
#include "runtime/engine/event_starts.h"
#include "tests/runtime/engine_harness.h"
#include "tests/runtime/shop_workflows.h"

using namespace belay::testing;

namespace {

const std::string kShipping = std::string(R"(belay 1

workflow ship "Ship what was paid", version 1
  takes
    order   text
    amount  int from 1 to 100
  gives
    hold = hold.id
  starts on shop.paid
    order  = event.order
    amount = 100 / event.amount
  step hold "Hold it"
    do reserve
      item = order
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"
)") + kThank;

const std::vector<interpreter::Graph>& shipping() {
  static const std::vector<interpreter::Graph> graphs = compile_with_shop(kShipping);
  return graphs;
}

std::size_t count(const Bench& bench, const std::string& workflow, const std::string& status = "") {
  std::size_t found = 0;
  for (const SagaId& id : bench.store.sagas()) {
    const InstanceRow row = *bench.store.instance(id);
    found += row.workflow == workflow && (status.empty() || row.status == status) ? 1 : 0;
  }
  return found;
}

void settled(Bench& bench) {
  bench.until([&] { return bench.store.counts().mail == 0; });
}

}  // namespace

TEST_CASE("event starts: an event starts a saga of each workflow that says so, and is claimed") {
  Bench bench(shipping());
  bench.publish("o1", 4, "e1");
  bench.until([&] {
    return count(bench, "ship", "completed") == 1 && count(bench, "thank", "completed") == 1;
  });
  settled(bench);
  CHECK(bench.store.counts().unclaimed_events == 0);
  CHECK(bench.engine->stats().event_starts == 2);
  for (const SagaId& id : bench.store.sagas()) {
    const InstanceRow row = *bench.store.instance(id);
    const JournalRow started = bench.store.journal_of(id).front();
    const char* input = row.workflow == "ship" ? R"({"input":{"amount":25,"order":"o1"})"
                                               : R"({"input":{"order":"o1"})";
    CHECK(started.body.starts_with(input));
    CHECK(started.actor == "event:shop.paid e1");
  }
}

TEST_CASE("event starts: a duplicate event starts nothing twice") {
  Bench bench(shipping());
  bench.publish("o1", 4, "e1");
  CHECK(bench.publish("o1", 4, "e1").duplicate);
  settled(bench);
  CHECK(count(bench, "ship") == 1);
  // Another event is another start; `once per` has the first one.
  bench.publish("o1", 4, "e2");
  settled(bench);
  CHECK(count(bench, "ship") == 2);
  CHECK(count(bench, "thank") == 1);
  CHECK(bench.store.counts().unclaimed_events == 0);
}

TEST_CASE(
    "event starts: an input that cannot be worked out or does not fit is told beside the event") {
  struct Case {
    int amount;
    const char* says;
  };
  for (const Case& c :
       {Case{0, "the input `amount` cannot be worked out"}, Case{101, "the input does not fit"}}) {
    Bench bench(shipping());
    bench.publish("o1", c.amount, "e1");
    settled(bench);
    CHECK(count(bench, "ship") == 0);
    const auto event = bench.store.events().front();
    const auto reasons = bench.store.remembered(not_started_scope(event.eseq));
    REQUIRE(reasons.size() == 1);
    CHECK(reasons.front().key == "ship");
    CHECK_THAT(reasons.front().answer, belay::ContainsSubstring(c.says));
    CHECK(reasons.front().lane == event.lane);
    CHECK(bench.engine->stats().event_starts_failed == 1);
  }
}

TEST_CASE("event starts: a crash anywhere on the way starts each saga once") {
  // The process dies before the n-th flush after the publish.
  for (int n = 1; n <= 7; ++n) {
    Bench bench(shipping());
    std::atomic<int> left{n};
    bench.store.before_flush([&] {
      if (--left <= 0) bench.store.set_down(true);
    });
    bench.engine->publish(paid_request("o1", 4, "e1"), [](Result<PublishReply>) {});
    bench.until([&] {
      return left <= 0 ||
             (bench.store.counts().mail == 0 && count(bench, "ship", "completed") == 1);
    });
    bench.store.before_flush({});
    bench.restart();
    bench.publish("o1", 4, "e1");
    bench.until([&] {
      return count(bench, "ship", "completed") == 1 && count(bench, "thank", "completed") == 1;
    });
    settled(bench);
    INFO("died before flush " << n);
    CHECK(count(bench, "ship") == 1);
    CHECK(count(bench, "thank") == 1);
    CHECK(bench.store.counts().unclaimed_events == 0);
  }
}
