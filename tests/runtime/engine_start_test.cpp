// Which saga a start is: keys, `once per`, and what happens at the same time.
#include "tests/runtime/engine_harness.h"

using namespace belay::testing;

TEST_CASE("start: the same Idempotency-Key is the same saga, with another body it is refused") {
  Bench bench;
  const auto first = bench.engine->start(bench.request("buy", "item", "lamp", "k1"));
  REQUIRE(first);
  CHECK(first->created);
  const auto again = bench.engine->start(bench.request("buy", "item", "lamp", "k1"));
  REQUIRE(again);
  CHECK(!again->created);
  CHECK(again->saga == first->saga);
  const auto other = bench.engine->start(bench.request("buy", "item", "chair", "k1"));
  REQUIRE(!other);
  CHECK(other.error().code == ErrorCode::kKeyReused);
}

TEST_CASE("start: twenty at once under one key are one saga") {
  Bench bench;
  std::mutex mutex;
  std::map<SagaId, int> sagas;
  std::atomic<int> created{0}, answered{0};
  for (int i = 0; i < 20; ++i) {
    bench.engine->start(bench.request("buy", "item", "lamp", "k"), [&](Result<StartReply> reply) {
      std::lock_guard lock(mutex);
      if (reply) ++sagas[reply->saga];
      if (reply && reply->created) ++created;
      ++answered;
    });
  }
  bench.until([&] { return answered == 20; });
  CHECK(sagas.size() == 1);
  CHECK(created == 1);
  CHECK(bench.store.counts().instances == 1);
}

TEST_CASE("start: once per value, until it was undone with nothing left over") {
  Bench bench;
  const auto first = bench.engine->start(bench.request("buy_once", "item", "lamp"));
  REQUIRE(first);
  bench.wait_ended(first->saga);
  const auto again = bench.engine->start(bench.request("buy_once", "item", "lamp"));
  REQUIRE(again);
  CHECK(again->saga == first->saga);

  bench.runner.answer("reserve", [](const ActionCall&) {
    return failed(interpreter::FailureKind::kBusiness, "shop.sold_out");
  });
  const auto chair = bench.engine->start(bench.request("buy_once", "item", "chair"));
  REQUIRE(chair);
  bench.wait_ended(chair->saga);
  const auto second_chair = bench.engine->start(bench.request("buy_once", "item", "chair"));
  REQUIRE(second_chair);
  CHECK(second_chair->created);
}

TEST_CASE("start: an unknown workflow is not found") {
  Bench bench;
  const auto reply = bench.engine->start(bench.request("bye", "item", "lamp"));
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kNotFound);
}

TEST_CASE("start: a full house refuses, and says to come back") {
  EngineOptions options;
  options.live_sagas_max = 2;
  Bench bench(options);
  bench.runner.hold("reserve");
  bench.start("buy", "item", "a");
  bench.start("buy", "item", "b");
  const auto reply = bench.engine->start(bench.request("buy", "item", "c"));
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kOverloaded);
}

TEST_CASE(
    "start: patterns and time zones work in the engine, in starts and in sagas, before and after a "
    "restart") {
  const char* const source = R"(belay 1

event parcel.weighed, version 1, key parcel
  parcel  text

workflow sort_parcel "Sort a parcel", version 1
  takes
    parcel  text
  gives
    is_letter = is_letter
    hour = hour
  once per string(parcel.matches("^[LM]"))
  wait weighed "It is weighed"
    for parcel.weighed, key parcel
    within 1 hour, otherwise cancel because "Lost"
  set is_letter = parcel.matches("^L[0-9]+$")
  set hour = timestamp("2026-07-01T12:00:00Z").getHours("Europe/Berlin")
)";
  const belay::dsl::Compilation compiled = belay::dsl::compile_sources({{"parcels.belay", source}});
  for (const auto& diagnostic : compiled.diagnostics.all()) UNSCOPED_INFO(diagnostic.message);
  REQUIRE(compiled.ok());
  Bench bench;
  REQUIRE(bench.engine->install(compiled.program.graphs.at(0)));
  const SagaId saga = bench.start("sort_parcel", "parcel", "L12");
  const auto second = bench.engine->start(bench.request("sort_parcel", "parcel", "M1"));
  CHECK(!second);  // the same `once per` value with another input
  CHECK(bench.start("sort_parcel", "parcel", "X1") != saga);
  bench.restart();  // the graph comes back from the store
  PublishRequest weighed;
  weighed.tenant = "acme";
  weighed.type = "parcel.weighed";
  weighed.key = "L12";
  weighed.payload = interpreter::record({{"parcel", Value::string("L12")}});
  weighed.source = "api";
  REQUIRE(bench.engine->publish(weighed));
  const interpreter::State state = bench.wait_ended(saga);
  CHECK(to_text(state.output) == R"({"hour": 14, "is_letter": true})");
}
