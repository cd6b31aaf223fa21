// The engine from outside: what it promises when all goes well and when the database or the process
// does not.
#include <algorithm>
#include <set>

#include "tests/runtime/engine_harness.h"

using namespace belay::testing;
using interpreter::FailureKind;
using interpreter::Status;

TEST_CASE("engine: a saga runs to its end, each step journaled before the next is sent") {
  Bench bench;
  const SagaId saga = bench.start("buy", "item", "lamp");
  const auto state = bench.wait_ended(saga);
  CHECK(state.status == Status::kCompleted);
  CHECK(*state.output.find("charge") == Value::string("charge_1"));
  const auto journal = bench.store.journal_of(saga);
  REQUIRE(journal.size() == 3);
  CHECK(journal[0].kind == "Started");
  CHECK(journal[0].actor == "key:test");
  const auto row = bench.store.instance(saga);
  REQUIRE(row);
  CHECK(row->status == "completed");
  CHECK(row->ended_at);
  const auto view =
      bench.engine->view("acme", saga);  // it has left memory: folded from the journal
  REQUIRE(view);
  CHECK(view->state == state);
  CHECK(!bench.engine->view("other", saga));
}

TEST_CASE("engine: a business error undoes what was done") {
  Bench bench;
  bench.runner.answer(
      "charge", [](const ActionCall&) { return failed(FailureKind::kBusiness, "shop.declined"); });
  const SagaId saga = bench.start("buy", "item", "lamp");
  CHECK(bench.wait_ended(saga).status == Status::kCompensated);
  CHECK(bench.runner.count("unreserve") == 1);
  CHECK(bench.runner.count("refund") == 0);
}

TEST_CASE("engine: nothing is sent and nobody is answered before the commit") {
  Bench bench;
  std::atomic<bool> answered{false}, flushing{false}, commit{false};
  bench.store.before_flush([&] {
    flushing = true;
    while (!commit) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  bench.engine->start(bench.request("buy", "item", "lamp"),
                      [&](Result<StartReply>) { answered = true; });
  bench.until([&] { return flushing.load(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // enough for a mistake to show
  CHECK(bench.runner.count("reserve") == 0);
  CHECK(!answered);
  commit = true;
  bench.until([&] { return answered.load(); });
  bench.until([&] { return bench.runner.count("charge") == 1; });
}

TEST_CASE("engine: a lost acknowledgement commits once") {
  Bench bench;
  bench.store.lose_acknowledgements(2);
  const SagaId saga = bench.start("buy", "item", "lamp");
  CHECK(bench.wait_ended(saga).status == Status::kCompleted);
  CHECK(bench.store.journal_of(saga).size() == 3);
  CHECK(bench.runner.count("reserve") == 1);
}

TEST_CASE("engine: a fenced node writes nothing and sends nothing more") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId saga = bench.start("buy", "item", "lamp");
  auto call = bench.runner.take("charge");
  std::vector<Lane> all;
  for (Lane lane = 0; lane < 32; ++lane) all.push_back(lane);
  bench.store.take_over(all);
  const auto before = bench.store.journal_of(saga).size();
  call.done(succeeded("c"));
  const auto reply = bench.engine->start(bench.request("buy", "item", "other"));
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kFenced);
  CHECK(bench.store.journal_of(saga).size() == before);
  bench.until([&] {  // of the other lanes it hears with its next sign of life
    return std::none_of(all.begin(), all.end(),
                        [&](Lane lane) { return bench.engine->holder(lane).mine; });
  });
}

TEST_CASE("engine: one bad row takes down neither the lane nor the batch") {
  Bench bench;
  bench.store.refuse_rows(
      [](const JournalRow& row) { return row.body.find("poison") != std::string::npos; });
  bench.runner.answer("charge", [](const ActionCall& call) {
    return succeeded(call.args.find("item")->as_string() == "bad" ? "poison" : "fine");
  });
  bench.runner.hold("reserve");
  std::vector<SagaId> sagas;
  for (int i = 0; i < 20; ++i) sagas.push_back(bench.start("buy", "item", i == 7 ? "bad" : "good"));
  bench.runner.release("reserve");
  for (int i = 0; i < 20; ++i) bench.runner.take("reserve").done(succeeded("r"));
  for (int i = 0; i < 20; ++i) {
    if (i == 7) continue;
    CHECK(bench.wait_ended(sagas[static_cast<std::size_t>(i)]).status == Status::kCompleted);
  }
  bench.until([&] { return bench.store.instance(sagas[7])->health == "quarantined"; });
  CHECK(bench.store.journal_of(sagas[7]).size() == 2);
  const auto view = bench.engine->view("acme", sagas[7]);
  REQUIRE(!view);
  CHECK(view.error().code == ErrorCode::kCorrupt);
}

TEST_CASE("engine: a start that the database refuses is told so, and is not there") {
  Bench bench;
  bench.store.refuse_rows(
      [](const JournalRow& row) { return row.body.find("poison") != std::string::npos; });
  const auto reply = bench.engine->start(bench.request("buy", "item", "poison"));
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kInvalid);
  CHECK(bench.store.counts().instances == 0);
  CHECK(bench.wait_ended(bench.start("buy", "item", "fine")).status == Status::kCompleted);
}

TEST_CASE("engine: after a kill -9 every saga goes on, under the same keys") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId saga = bench.start("buy", "item", "lamp");
  const std::string key = bench.runner.take("charge").call.key;
  bench.restart();
  auto again = bench.runner.take("charge");
  CHECK(again.call.key == key);
  CHECK(again.call.saga == saga);
  again.done(succeeded("charge_9"));
  CHECK(bench.wait_ended(saga).status == Status::kCompleted);
  CHECK(bench.runner.count("reserve") == 1);
}

TEST_CASE("engine: a saga that cannot be folded is quarantined and the others go on") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId broken = bench.start("buy", "item", "lamp");
  const SagaId fine = bench.start("buy", "item", "chair");
  bench.runner.take("charge");
  bench.runner.take("charge");
  bench.crash();
  bench.store.damage_journal(broken);
  bench.runner.release("charge");
  bench.open();
  CHECK(bench.wait_ended(fine).status == Status::kCompleted);
  bench.until([&] { return bench.store.instance(broken)->health == "quarantined"; });
}

TEST_CASE(
    "engine: in a lane that crashed twice sagas are marked, one by one, and the marked one is set "
    "aside") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId first = bench.start("buy", "item", "lamp");
  const SagaId second = bench.start("buy", "item", "chair");
  bench.runner.take("charge");
  bench.runner.take("charge");
  bench.restart();
  bench.crash();
  bench.runner.release("charge");
  bench.open();  // the third claim without a release: all go on, each marked for a moment
  CHECK(bench.wait_ended(first).status == Status::kCompleted);
  CHECK(bench.wait_ended(second).status == Status::kCompleted);
}

TEST_CASE(
    "engine: a saga that was marked once when the process was killed goes on, and its mark goes") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId working = bench.start("buy", "item", "lamp");
  const SagaId waiting = bench.start("await_payment", "order", "o1");
  bench.runner.take("charge");
  bench.restart();
  bench.crash();
  bench.store.set_health(working, "loading");
  bench.store.set_health(waiting, "loading");
  bench.runner.release("charge");
  bench.open();
  CHECK(bench.wait_ended(working).status == Status::kCompleted);
  CHECK(bench.engine->view(bench.request("buy", "item", "lamp").tenant, waiting));
  bench.until([&] { return bench.store.instance(waiting)->health == "ok"; });
  CHECK(bench.engine->stats().quarantined == 0);
}

TEST_CASE(
    "engine: the saga that was marked twice when the process died is set aside without being "
    "folded") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId poison = bench.start("buy", "item", "lamp");
  const SagaId fine = bench.start("buy", "item", "chair");
  bench.runner.take("charge");
  bench.runner.take("charge");
  bench.restart();
  bench.crash();
  bench.store.set_health(poison, "loading_again");
  bench.runner.release("charge");
  bench.open();
  CHECK(bench.wait_ended(fine).status == Status::kCompleted);
  bench.until([&] { return bench.store.instance(poison)->health == "quarantined"; });
  CHECK(bench.store.instance(poison)->status == "running");
  CHECK(bench.engine->stats().quarantined == 1);
  CHECK(!bench.cancel(poison));
}

TEST_CASE("engine: crashes are forgiven once everything was taken up and went well for a while") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId working = bench.start("buy", "item", "lamp");
  const SagaId waiting = bench.start("await_payment", "order", "o1");
  bench.runner.take("charge");
  bench.restart();
  bench.runner.take("charge");
  bench.restart();  // its minute is not over
  bench.runner.take("charge");
  CHECK(bench.store.crashes(0) == 3);

  EngineOptions soon;
  soon.forgive_after_ms = 0;
  bench.restart(soon);
  bench.runner.take("charge");
  bench.until([&] { return bench.store.crashes(0) == 1; });
  // This process is careful no more: it folds what it would have taken for poison, and removes the
  // mark.
  bench.store.set_health(waiting, "loading_again");
  CHECK(bench.engine->view(bench.request("buy", "item", "lamp").tenant, waiting));
  bench.until([&] { return bench.store.instance(waiting)->health == "ok"; });

  bench.store.set_health(working, "loading_again");
  bench.runner.release("charge");
  bench.restart();  // nor is the next one
  CHECK(bench.store.crashes(0) == 2);
  CHECK(bench.wait_ended(working).status == Status::kCompleted);
}

TEST_CASE("engine: crashes are not forgiven while a saga is still being taken up") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId first = bench.start("buy", "item", "lamp");
  const SagaId second = bench.start("buy", "item", "chair");
  bench.runner.take("charge");
  bench.runner.take("charge");
  bench.restart();
  bench.crash();
  std::atomic<int> forgiven_early = 0, marks = 0;
  bench.store.before_flush([&] {
    if (marks < 2 && bench.store.crashes(0) != 3) ++forgiven_early;
    for (const SagaId& id : {first, second})
      marks += bench.store.instance(id)->health == "loading" ? 1 : 0;
  });
  bench.runner.release("charge");
  EngineOptions soon;
  soon.forgive_after_ms = 0;
  bench.open(soon);
  CHECK(bench.wait_ended(first).status == Status::kCompleted);
  CHECK(bench.wait_ended(second).status == Status::kCompleted);
  bench.until([&] { return bench.store.crashes(0) == 1; });
  CHECK(forgiven_early == 0);
  bench.store.before_flush({});
}

TEST_CASE("engine: a limit passes by the database's clock") {
  Bench bench;
  const SagaId saga = bench.start("await_payment", "order", "o1");
  bench.wait(saga, [](const interpreter::State& state) { return state.seq >= 1; });
  CHECK(bench.store.instance(saga)->due_at);
  bench.store.advance(3'599'000'000);
  bench.start("buy", "item", "lamp");  // its flush brings the database's time
  CHECK(!bench.engine->view("acme", saga)->state.ended());
  bench.store.advance(2'000'000);
  bench.start("buy", "item", "lamp");
  CHECK(bench.wait_ended(saga).status == Status::kCompensated);
  bench.until(
      [&] { return bench.store.counts().subscriptions == 0 && bench.store.counts().mail == 0; });
}

// Of several databases each is found to be away by itself: one_database.
TEST_CASE("engine: while the database is known to be away, nothing is taken in", "[one_database]") {
  Bench bench;
  bench.store.set_down(true);
  bench.engine->start(bench.request("buy", "item", "lamp"), [](Result<StartReply>) {});
  bench.until([&] { return !bench.engine->ready(); });
  const auto reply = bench.engine->start(bench.request("buy", "item", "chair"));
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kUnavailable);
  CHECK(bench.engine->stats().database_why == "the database does not answer");
  bench.store.set_down(false);
  bench.until([&] { return bench.store.counts().instances == 1 && bench.engine->ready(); });
  CHECK(bench.engine->stats().database_why.empty());
  bench.wait_ended(bench.start("buy", "item", "chair"));
}

TEST_CASE("engine: a clean stop loses nothing and counts no crash") {
  Bench bench;
  std::vector<SagaId> sagas;
  for (int i = 0; i < 50; ++i) sagas.push_back(bench.start("buy", "item", "lamp"));
  bench.engine->stop();
  bench.open();
  for (const SagaId& saga : sagas) {
    bench.until([&] { return bench.store.instance(saga)->status == "completed"; });
  }
}

TEST_CASE("engine: a thousand at once end, in far fewer flushes than entries") {
  Bench bench;
  std::atomic<int> started{0};
  for (int i = 0; i < 1'000; ++i) {
    bench.engine->start(bench.request("buy", "item", "lamp"),
                        [&](Result<StartReply> reply) { started += reply ? 1 : 0; });
  }
  bench.until([&] { return bench.engine->stats().completed == 1'000; });
  bench.until([&] { return bench.engine->stats().live == 0; });  // all committed
  CHECK(started == 1'000);
  CHECK(bench.store.counts().journal == 3'000);
  CHECK(bench.engine->stats().flushes <
        1'500);  // how many is the machine's affair; far fewer is ours
}

TEST_CASE("engine: a parked saga leaves memory and comes back for its timer") {
  EngineOptions options;
  options.parked_in_memory_max = 5;
  Bench bench(options);
  std::vector<SagaId> sagas;
  for (int i = 0; i < 30; ++i)
    sagas.push_back(bench.start("await_payment", "order", "o" + std::to_string(i)));
  bench.until([&] { return bench.engine->stats().live <= 5; });
  CHECK(bench.store.instance(sagas[0])->waiting_on.find("shop.paid") != std::string::npos);
  bench.publish("o0", 7);  // its saga is loaded for it
  const auto state = bench.wait_ended(sagas[0]);
  CHECK(*state.output.find("amount") == Value::integer(7));
}
