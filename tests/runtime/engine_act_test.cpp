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
  bench.until(
      [&] { return bench.store.counts().subscriptions == 0 && bench.store.counts().mail == 0; });
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
  act.fact = [](const interpreter::Graph&) -> Result<interpreter::Fact> {
    return interpreter::CancelAsked{};
  };
  const auto reply = bench.engine->act(act);
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kNotFound);
}

TEST_CASE(
    "act: a quarantined saga is taken up again where it was, under the same key, once and with who "
    "and why") {
  Bench bench;
  bench.store.refuse_rows(
      [](const JournalRow& row) { return row.body.find("charge_9") != std::string::npos; });
  bench.runner.hold("charge");
  const SagaId saga = bench.start("buy", "item", "lamp");
  auto charge = bench.runner.take("charge");
  const std::string key = charge.call.key;
  charge.done(succeeded("charge_9"));
  bench.until([&] { return bench.store.instance(saga)->health == "quarantined"; });
  const std::size_t entries = bench.store.journal_of(saga).size();
  const std::uint64_t shown = bench.store.instance(saga)->seq;  // the row's, which people see

  const auto dry = bench.take_up_again(saga, "", true);
  REQUIRE(dry);
  CHECK(dry->preview.allowed);
  CHECK(dry->seq == shown);
  CHECK(!bench.cancel(saga));
  const auto stale = bench.take_up_again(saga, "", false, shown + 1);
  REQUIRE(!stale);
  CHECK(stale.error().code == ErrorCode::kStale);
  const auto reply = bench.take_up_again(saga, "r1", false, shown);
  REQUIRE(reply);
  CHECK(bench.store.instance(saga)->health == "ok");
  auto again = bench.runner.take("charge");
  CHECK(again.call.key == key);

  // Nothing was mended: it is set aside again, and can be taken up again.
  again.done(succeeded("charge_9"));
  bench.until([&] { return bench.store.instance(saga)->health == "quarantined"; });
  const auto same = bench.take_up_again(saga, "r1");
  REQUIRE(same);
  CHECK(same->repeated);
  bench.store.refuse_rows({});
  REQUIRE(bench.take_up_again(saga, "r2"));
  bench.runner.take("charge").done(succeeded("charge_9"));
  CHECK(bench.wait_ended(saga).status == interpreter::Status::kCompleted);
  const auto journal = bench.store.journal_of(saga);
  std::size_t acts = 0;
  for (std::size_t i = entries; i < journal.size(); ++i) {
    if (journal[i].kind != "OperatorActed") continue;
    ++acts;
    CHECK(journal[i].actor == "key:anna");
    CHECK(journal[i].body.find("the row is mended") != std::string::npos);
  }
  CHECK(acts == 2);
  CHECK(bench.runner.count("reserve") == 1);
}

TEST_CASE("act: a quarantined saga that still cannot be read stays where it is") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId broken = bench.start("buy", "item", "lamp");
  bench.runner.take("charge");
  bench.crash();
  bench.store.damage_journal(broken);
  bench.open();
  bench.until([&] { return bench.store.instance(broken)->health == "quarantined"; });
  const auto dry = bench.take_up_again(broken, "", true);
  REQUIRE(dry);
  CHECK(!dry->preview.allowed);
  const auto reply = bench.take_up_again(broken, "r1");
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kNotAllowedNow);
  CHECK(bench.store.instance(broken)->health == "quarantined");
}

TEST_CASE("act: an event that came for a quarantined saga is taken once it is taken up again") {
  Bench bench;
  const SagaId saga = bench.start("await_payment", "order", "o1");
  bench.until(
      [&] { return bench.store.counts().subscriptions == 1 && bench.store.counts().mail == 0; });
  bench.crash();
  bench.store.set_health(saga, "quarantined");
  bench.open();
  bench.publish("o1", 12);
  bench.until([&] { return bench.store.counts().mail == 1; });
  REQUIRE(!bench.engine->view("acme", saga));
  REQUIRE(bench.take_up_again(saga));
  CHECK(bench.wait_ended(saga).status == interpreter::Status::kCompleted);
}

TEST_CASE("act: a paused saga that was quarantined stays paused when it is taken up again") {
  Bench bench;
  bench.runner.hold("reserve");
  const SagaId saga = bench.start("buy", "item", "lamp");
  auto reserve = bench.runner.take("reserve");
  ActRequest pause;
  pause.tenant = "acme";
  pause.saga = saga;
  pause.fact = [](const interpreter::Graph&) -> Result<interpreter::Fact> {
    interpreter::OperatorActed fact;
    fact.act = interpreter::OperatorAct::kPause;
    return interpreter::Fact(std::move(fact));
  };
  pause.reason = "wait";
  REQUIRE(bench.engine->act(pause));
  reserve.done(succeeded("r"));
  bench.wait(saga, [](const interpreter::State& s) { return s.paused && s.seq >= 3; });
  bench.crash();
  bench.store.set_health(saga, "quarantined");
  bench.open();
  REQUIRE(bench.take_up_again(saga));
  CHECK(bench.store.instance(saga)->health == "paused");
  CHECK(bench.runner.count("charge") == 0);
}
