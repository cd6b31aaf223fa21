// Sagas that run sagas: results, failures, undo and crashes on the way between them.
#include "tests/runtime/engine_harness.h"
#include "tests/runtime/shop_workflows.h"

using namespace belay::testing;
using interpreter::FailureKind;
using interpreter::Status;

namespace {

const std::string kTrips = std::string(R"(belay 1

workflow lone_stay "Keep a room, one at a time", version 1
  takes
    item  text
  gives
    id = hold.id
  one at a time per item, others are refused
  step hold "Hold it"
    do reserve
      item = item
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"

workflow lone_trip "A trip, one at a time", version 1
  takes
    item  text
  step room "Keep a room"
    run lone_stay
      item = item
    if cancelled, cancel because "No room"

workflow send_off "Nobody waits", version 1
  takes
    item  text
  step room "Keep a room"
    run stay, and do not wait
      item = item
    no undo because "It is no concern of ours"
  step pay "Pay"
    do charge
      item = item
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"
)") + kStay + kTrip;

const std::vector<interpreter::Graph>& trips() {
  static const std::vector<interpreter::Graph> graphs = compile_with_shop(kTrips);
  return graphs;
}

void settled(Bench& bench) {
  bench.until([&] { return bench.store.counts().mail == 0; });
}

// The only saga of a workflow.
SagaId only(const Bench& bench, const std::string& workflow) {
  SagaId found;
  for (const SagaId& id : bench.store.sagas()) {
    if (bench.store.instance(id)->workflow != workflow) continue;
    CHECK(found.empty());
    found = id;
  }
  REQUIRE(!found.empty());
  return found;
}

std::string status(const Bench& bench, const SagaId& id) {
  return bench.store.instance(id)->status;
}

ActionOutcome declined(const ActionCall&) {
  return failed(FailureKind::kBusiness, "shop.declined");
}

}  // namespace

TEST_CASE("children: a child runs, and its parent goes on with what it gives") {
  Bench bench(trips());
  const SagaId parent = bench.start("trip", "item", "a");
  CHECK(*bench.wait_ended(parent).output.find("room") == Value::string("reserve_1"));
  settled(bench);
  const SagaId child = only(bench, "stay");
  CHECK(status(bench, child) == "completed");
  const auto view = bench.engine->view("acme", child);
  REQUIRE(view);
  CHECK(view->state.parent.saga == parent);
  CHECK(bench.store.journal_of(child).front().actor == "saga:" + parent);
}

TEST_CASE("children: a child that is undone is the error `cancelled` of its parent") {
  Bench bench(trips());
  bench.runner.answer(
      "reserve", [](const ActionCall&) { return failed(FailureKind::kBusiness, "shop.sold_out"); });
  const SagaId parent = bench.start("trip", "item", "a");
  const auto state = bench.wait_ended(parent);
  CHECK(state.status == Status::kCompensated);
  CHECK(state.because == "No room");
  CHECK(bench.runner.count("charge") == 0);
  settled(bench);
}

TEST_CASE("children: a parent that is cancelled stops its child, and ends after it") {
  Bench bench(trips());
  bench.runner.hold("reserve");
  const SagaId parent = bench.start("trip", "item", "a");
  auto call = bench.runner.take("reserve");
  REQUIRE(bench.cancel(parent));
  bench.until([&] { return status(bench, only(bench, "stay")) == "compensating"; });
  CHECK(status(bench, parent) == "compensating");
  call.done(succeeded("r1"));
  CHECK(bench.wait_ended(parent).status == Status::kCompensated);
  CHECK(bench.runner.count("unreserve") == 1);
  CHECK(status(bench, only(bench, "stay")) == "compensated");
  settled(bench);
}

TEST_CASE("children: a completed child is undone with its parent") {
  Bench bench(trips());
  bench.runner.answer("charge", declined);
  const SagaId parent = bench.start("trip", "item", "a");
  CHECK(bench.wait_ended(parent).status == Status::kCompensated);
  CHECK(bench.runner.count("unreserve") == 1);
  CHECK(status(bench, only(bench, "stay")) == "compensated");
  settled(bench);
}

TEST_CASE("children: what a child leaves over is told by its parent") {
  Bench bench(trips());
  bench.runner.answer("charge", declined);
  bench.runner.answer("unreserve",
                      [](const ActionCall&) { return failed(FailureKind::kBusiness, "refused"); });
  const SagaId parent = bench.start("trip", "item", "a");
  bench.until([&] { return bench.runner.count("unreserve") == 1; });
  const SagaId child = only(bench, "stay");
  bench.until([&] { return bench.store.instance(child)->health == "undo_failed"; });
  ActRequest skip;
  skip.tenant = "acme";
  skip.saga = child;
  skip.fact = [](const interpreter::Graph& graph) -> Result<interpreter::Fact> {
    interpreter::OperatorActed fact;
    fact.act = interpreter::OperatorAct::kSkip;
    fact.path = interpreter::parse_path(graph, "hold");
    fact.direction = interpreter::Direction::kUndo;
    return interpreter::Fact(std::move(fact));
  };
  skip.actor = "key:anna";
  skip.reason = "the hotel keeps it";
  REQUIRE(bench.engine->act(skip));
  bench.until([&] { return status(bench, child) == "compensated"; });
  bench.until([&] { return bench.store.instance(parent)->health == "undo_failed"; });
  settled(bench);
  const auto view = bench.engine->view("acme", parent);
  REQUIRE(view);
  const auto left = interpreter::left_over(*view->graph, view->state);
  REQUIRE(left.size() == 1);
  CHECK_THAT(left.front().why, belay::ContainsSubstring(child));
}

TEST_CASE("children: one that nobody waits for goes its own way") {
  Bench bench(trips());
  bench.runner.hold("reserve");
  bench.runner.answer("charge", declined);
  const SagaId parent = bench.start("send_off", "item", "a");
  CHECK(bench.wait_ended(parent).status == Status::kCompensated);
  auto call = bench.runner.take("reserve");
  call.done(succeeded("r1"));
  bench.until([&] { return status(bench, only(bench, "stay")) == "completed"; });
  settled(bench);
  CHECK(bench.runner.count("unreserve") == 0);
}

TEST_CASE("children: one that may not start now is told as undone, with nothing done") {
  Bench bench(trips());
  bench.runner.hold("reserve");
  const SagaId first = bench.start("lone_trip", "item", "a");
  auto call = bench.runner.take("reserve");
  const SagaId second = bench.start("lone_trip", "item", "a");
  CHECK(bench.wait_ended(second).status == Status::kCompensated);
  call.done(succeeded("r1"));
  CHECK(bench.wait_ended(first).status == Status::kCompleted);
  settled(bench);
}

TEST_CASE("children: a crash at any flush changes nothing but the time") {
  struct Case {
    const char* what;
    bool decline, cancel;
    const char* ends;
  };
  for (const Case& c : {Case{"straight through", false, false, "completed"},
                        Case{"undone after the child", true, false, "compensated"},
                        Case{"cancelled while the child runs", false, true, "compensated"}}) {
    for (int n = 1; n <= 12; ++n) {
      INFO(c.what << ", died before flush " << n);
      Bench bench(trips());
      if (c.decline) bench.runner.answer("charge", declined);
      if (c.cancel) bench.runner.hold("reserve");
      SagaId parent;
      std::atomic<int> left{n};
      const auto arm = [&] {
        bench.store.before_flush([&] {
          if (--left <= 0) bench.store.set_down(true);
        });
      };
      if (!c.cancel) bench.runner.hold("reserve");
      parent = bench.start("trip", "item", "a");
      auto call = bench.runner.take("reserve");
      arm();
      bench.runner.release("reserve");
      if (c.cancel) {
        ActRequest act;
        act.tenant = "acme";
        act.saga = parent;
        act.fact = [](const interpreter::Graph&) -> Result<interpreter::Fact> {
          return interpreter::CancelAsked{};
        };
        act.actor = "key:anna";
        act.reason = "the customer called";
        bench.engine->act(act, [](Result<ActReply>) {});
      }
      call.done(succeeded("r1"));
      bench.until([&] {
        return left <= 0 || (bench.store.counts().mail == 0 && status(bench, parent) == c.ends);
      });
      bench.store.before_flush({});
      bench.restart();
      // A cancel that was not committed is the caller's to send again, and may come too late then.
      if (c.cancel) (void)bench.cancel(parent);
      bench.until([&] { return bool(bench.store.instance(parent)->ended_at); });
      const std::string ends = status(bench, parent);
      if (!c.cancel) CHECK(ends == c.ends);
      const SagaId child = only(bench, "stay");
      bench.until([&] { return status(bench, child) == ends; });
      settled(bench);
      CHECK(bench.engine->view("acme", child)->state.parent.saga == parent);
    }
  }
}
