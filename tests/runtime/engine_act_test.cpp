// What people do: once, to the state that was shown, or refused with a reason.
#include "tests/runtime/engine_harness.h"

using namespace belay::testing;

TEST_CASE("act: cancel is journaled with who and why, and undoes") {
  Bench bench;
  const SagaId saga = bench.start("late_payment", "order", "o1");
  bench.wait(saga, [](const interpreter::State& s) { return s.seq >= 2; });
  const auto dry = bench.cancel(saga, "", {}, true);
  REQUIRE(dry);
  CHECK(dry->preview.allowed);
  const auto reply = bench.cancel(saga);
  REQUIRE(reply);
  CHECK(bench.wait_ended(saga).status == interpreter::Status::kCompensated);
  const auto journal = bench.store.journal_of(saga);
  CHECK(journal[2].kind == "CancelAsked");
  CHECK(journal[2].actor == "key:anna");
  CHECK(journal[2].body.find("the customer called") != std::string::npos);
  CHECK(bench.runner.count("unreserve") == 1);
  const auto again = bench.cancel(saga);
  REQUIRE(!again);
  CHECK(again.error().code == ErrorCode::kNotAllowedNow);
  bench.until([&] { return bench.store.counts().subscriptions == 0 && bench.store.counts().mail == 0; });
}

TEST_CASE("act: If-Match of a state that is gone is refused") {
  Bench bench;
  const SagaId saga = bench.start("late_payment", "order", "o1");
  const auto seq = bench.wait(saga, [](const interpreter::State& s) { return s.seq >= 2; }).seq;
  const auto stale = bench.cancel(saga, "", seq - 1);
  REQUIRE(!stale);
  CHECK(stale.error().code == ErrorCode::kStale);
  CHECK(bench.cancel(saga, "", seq));
}

TEST_CASE("act: the same Idempotency-Key acts once, and answers the same") {
  Bench bench;
  const SagaId saga = bench.start("late_payment", "order", "o1");
  bench.wait(saga, [](const interpreter::State& s) { return s.seq >= 2; });
  const auto first = bench.cancel(saga, "a1");
  REQUIRE(first);
  CHECK(!first->repeated);
  const auto again = bench.cancel(saga, "a1");
  REQUIRE(again);
  CHECK(again->repeated);
  CHECK(again->seq == first->seq);
  CHECK(again->preview.undoes == first->preview.undoes);
}

TEST_CASE("act: another tenant's saga is not found") {
  Bench bench;
  const SagaId saga = bench.start("late_payment", "order", "o1");
  ActRequest act;
  act.tenant = "other";
  act.saga = saga;
  act.fact = [](const interpreter::Graph&) -> Result<interpreter::Fact> { return interpreter::CancelAsked{}; };
  const auto reply = bench.engine->act(act);
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kNotFound);
}
