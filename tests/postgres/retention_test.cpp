// What retention takes and what it leaves: months, rows of months that stay, what stands outside of
// months. That a flush does not wait for it, and what a kill leaves, is in retention_cut_test.cpp.
#include "runtime/api/api.h"
#include "tests/postgres/retention_world.h"
#include "tests/runtime/engine_harness.h"
#include "tests/runtime/shop_workflows.h"

using namespace belay::testing;
using namespace belay::runtime::testing;
using End = RetentionVisit::End;

namespace {

const std::string kLong = std::string(R"(belay 1

workflow patient "Wait for years", version 1
  takes
    order  text
  gives
    amount = paid.amount
  wait paid "The customer pays"
    for shop.paid, key order
    within 3000 days, otherwise cancel because "Not paid"
)") + kStay + kTrip;

// An engine at the time that the database shows.
struct Node {
  std::unique_ptr<Store> store;
  FakeRunner& runner;
  std::unique_ptr<Engine> engine;

  Node(const PostgresOptions& database, FakeRunner& actions) : runner(actions) {
    store = belay::runtime::testing::take(open_postgres_store(database));
    EngineOptions options;
    options.node = "node";
    options.lease_ms = database.lease_ms;
    options.stop_grace_ms = 0;
    engine = belay::runtime::testing::take(Engine::open(*store, runner, options));
    for (const interpreter::Graph& graph : compile_with_shop(kLong))
      REQUIRE(engine->install(graph));
  }
  ~Node() { engine->stop(); }
  SagaId start(const std::string& workflow, const std::string& field, const std::string& value,
               const std::string& key = "") {
    StartRequest request;
    request.tenant = "acme";
    request.workflow = workflow;
    request.input = interpreter::record({{field, Value::string(value)}});
    request.idempotency_key = key;
    const auto reply = engine->start(request);
    REQUIRE((reply ? "" : to_text(reply.error())) == std::string());
    return reply->saga;
  }
  void publish(const std::string& order, int amount) {
    REQUIRE(engine->publish(paid_request(order, amount)));
  }
  std::string status(const SagaId& saga) {
    const auto view = engine->view("acme", saga);
    return view ? view->row.status : to_text(view.error());
  }
  void until(const SagaId& saga, const std::string& wanted) {
    for (int i = 0; i < 2'000 && status(saga) != wanted; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(status(saga) == wanted);
  }
};

// What the API says of a saga's history.
HttpResponse history(Node& node, Reader& reader, const SagaId& saga, int keep_days) {
  SecretStore secrets;
  api::ApiOptions options;
  options.keys_required = false;
  options.tenant = "acme";
  options.keep_days = keep_days;
  api::Api api(*node.engine, reader, secrets, options);
  for (const api::Route& route : api.routes()) {
    if (route.method != "GET" || route.pattern != "/v1/sagas/{id}/history") continue;
    HttpRequest request;
    request.method = "GET";
    request.path = "/v1/sagas/" + saga + "/history";
    request.params["id"] = saga;
    return api.handle(route, request);
  }
  FAIL("there is no such route");
  return {};
}

}  // namespace

TEST_CASE("retention: a saga of two years ago that lives is not touched, and runs to its end") {
  RetentionWorld world;
  FakeRunner runner;
  world.move_clock(-730);
  SagaId lives, parent, child, done, taken;
  {
    Node node(world.options, runner);
    lives = node.start("patient", "order", "o1", "k1");
    done = node.start("buy", "item", "lamp", "k2");
    taken = node.start("patient", "order", "o2");
    node.publish("o2", 7);
    node.publish("o7", 9);  // nobody waits for it
    node.until(done, "completed");
    runner.hold("charge");
    parent = node.start("trip", "item", "room");
    (void)runner.take("charge");  // lost with this engine
    node.until(taken, "completed");
    child = world.text("SELECT saga FROM belay.start_key WHERE key LIKE 'child:" + parent + "%'");
    node.until(child, "completed");
  }
  const std::string month = world.month_of(world.now());
  CHECK(world.months("journal").contains(month));  // made by the flush that needed it
  CHECK(world.count("event_" + month) == 2);
  world.move_clock(0);

  const std::string before = world.all_of(lives) + world.all_of(parent) + world.all_of(child);
  REQUIRE(before.find("Started") != std::string::npos);
  const RetentionVisit first = world.visit(70);
  INFO(to_text(first));
  CHECK(first.end == End::kDone);
  CHECK(first.gone.sagas == 2);
  CHECK(first.gone.entries == 1);  // the other ones stood in the rows of their sagas
  CHECK(world.months("journal").contains(
      month));  // the empty ones that were made ahead then are gone
  CHECK(world.months("event").contains(month));
  CHECK(first.journals_kept == std::vector<std::string>{month});
  CHECK(first.events_kept ==
        std::vector<std::string>{month});  // `lives` began before these events, and may take one
  CHECK(world.all_of(lives) + world.all_of(parent) + world.all_of(child) == before);
  CHECK(world.all_of(taken) == "");
  CHECK(world.count("journal WHERE iid = '" + done + "'") == 0);
  CHECK(world.count("start_key WHERE saga = '" + done + "'") ==
        0);  // 400 days, and its saga is gone
  CHECK(world.count("start_key WHERE saga = '" + lives + "'") == 1);
  CHECK(world.visit(70).gone.sagas == 0);

  {
    runner.release("charge");
    runner.answer("charge", [](const ActionCall&) {
      return failed(interpreter::FailureKind::kBusiness, "shop.declined");
    });
    Node node(world.options, runner);
    CHECK(node.status(lives) == "running");
    CHECK(node.start("patient", "order", "o1", "k1") == lives);
    node.publish("o1", 5);
    node.until(lives, "completed");
    node.until(parent, "compensated");  // the child that had completed was undone with it
    node.until(child, "compensated");
    CHECK(runner.count("unreserve") == 1);
    const auto view = node.engine->view("acme", lives);
    REQUIRE(view);
    CHECK(*view->state.output.find("amount") == Value::integer(5));
    auto reader = belay::runtime::testing::take(Reader::open(world.options, 1));
    CHECK(history(node, *reader, lives, 70).status == 200);
    const HttpResponse gone = history(node, *reader, done, 70);
    CHECK(gone.status == 404);
    CHECK(gone.body.find("what ended more than 70 days ago is not kept") != std::string::npos);
    CHECK(history(node, *reader, world.ids.next(machine_now()), 70).body.find("not kept") ==
          std::string::npos);
  }

  // They ended just now: they stay. Nobody waits for the old events any more.
  const RetentionVisit second = world.visit(70);
  INFO(to_text(second));
  CHECK(second.gone.sagas == 0);
  CHECK(second.journals_kept == std::vector<std::string>{month});
  CHECK(second.gone.events == 2);
  CHECK(second.gone.unclaimed == 1);
  CHECK(second.gone.types == "1 of shop.paid (acme)");
  CHECK(to_text(second).find("1 of these taken by nobody: 1 of shop.paid (acme)") !=
        std::string::npos);
  CHECK(world.text("SELECT tenant || ' ' || actor || ' ' || (detail->>'type') || ' ' || "
                   "(detail->>'count') || ' ' || "
                   "(detail->>'month') FROM belay.audit WHERE act = 'events.dropped_unclaimed'") ==
        "acme engine shop.paid 1 " + month);
  CHECK(!world.months("event").contains(month));

  world.move_clock(75);
  const RetentionVisit third = world.visit(70);
  INFO(to_text(third));
  CHECK(third.gone.sagas == 3);  // `lives`, the parent, and in the next pass its child
  CHECK(!world.months("journal").contains(month));
  CHECK(world.all_of(lives) == "");
}

TEST_CASE(
    "retention: a month whose sagas all ended before the cutoff is dropped whole, with what "
    "belongs to them") {
  RetentionWorld world;
  Rows rows(world);
  Flush flush;
  const Instant old = world.days_ago(200), yesterday = world.days_ago(1);
  std::vector<SagaId> gone;
  for (int i = 0; i < 120; ++i) gone.push_back(rows.add(flush, {old.us + i}, {old.us + kDay}));
  const SagaId parent = gone.front();
  for (int i = 0; i < 3; ++i)
    gone.push_back(rows.add(flush, {old.us + 1000 + i}, {old.us + kDay}, "saga:" + gone.back()));
  const SagaId recent = rows.add(flush, world.days_ago(1), world.now());
  const Lane lane = flush.instances[0].lane;
  flush.saga_keys = {{lane, parent, "acme", "w"}};
  flush.questions = {{lane, parent, "approve", "acme", "boss", old, {}}};
  flush.start_keys = {
      {lane, "acme", "key:young", parent, "d", world.days_ago(200)},
      {lane, "acme", "key:old", parent, "d", world.days_ago(401)},
      {lane, "acme", "key:lives", recent, "d", world.days_ago(401)},
      {(lane + 1) % 32, "acme", "child:elsewhere", recent, "d", world.days_ago(401)}};
  flush.dedup = {{lane, "acme", "act", "old", "d", "{}", world.days_ago(71)},
                 {lane, "acme", "act", "young", "d", "{}", world.days_ago(69)},
                 {lane, "acme", "not_started:" + std::to_string(yesterday.us * 1000 + 1), "buy", "",
                  "{}", world.days_ago(80)},
                 {lane, "acme", "not_started:" + std::to_string(yesterday.us * 1000 + 2), "buy", "",
                  "{}", world.days_ago(80)}};
  flush.events = {Rows::event(yesterday, 1, false)};
  flush.events[0].lane = lane;
  rows.flush(std::move(flush));
  const std::string month = world.month_of(old);
  REQUIRE(world.count("journal_" + month) == 246);

  Retention retention(world.options, world.keeping(70));
  const RetentionVisit visit = belay::runtime::testing::take(retention.visit());
  INFO(to_text(visit));
  CHECK(visit.end == End::kDone);
  CHECK(visit.gone.sagas == 123);
  CHECK(visit.gone.entries == 0);  // with their month
  CHECK(visit.gone.months == 2);   // of its journals, and of no events
  CHECK(visit.gone.bytes > 0);
  CHECK(visit.journals_kept.empty());
  CHECK(!world.months("journal").contains(month));
  CHECK(world.text("SELECT coalesce(to_regclass('belay.journal_" + month +
                   "')::text, 'none') || "
                   "coalesce(to_regclass('belay.gone_journal_" +
                   month + "')::text, 'none')") == "nonenone");
  CHECK(world.count("instance") == 1);
  CHECK(world.count("saga_key") + world.count("question") == 0);
  CHECK(world.text("SELECT string_agg(key, ' ' ORDER BY key) FROM belay.start_key") ==
        "child:elsewhere key:lives key:young");
  CHECK(
      world.text("SELECT string_agg(left(scope, 11) || key, ' ' ORDER BY key) FROM belay.dedup") ==
      "not_startedbuy actyoung");
  CHECK(retention.total().sagas == 123);
  CHECK(to_text(visit).find("123 sagas") != std::string::npos);
}

TEST_CASE("retention: what a receipt protects is kept as long as it may be needed") {
  RetentionWorld world;
  Rows rows(world);
  Flush flush;
  const SagaId lives = world.ids.next(world.days_ago(500)),
               ended = world.ids.next(world.days_ago(500));
  Rows::add(flush, 3, lives, world.days_ago(500), {});
  Rows::add(flush, 3, ended, world.days_ago(500), world.days_ago(490));
  Rows::add(flush, 4, world.ids.next(world.days_ago(500)), world.days_ago(500),
            world.days_ago(490));
  Rows::add(flush, 5, world.ids.next(world.days_ago(300)), world.days_ago(300),
            {});  // younger than the receipts
  rows.flush(std::move(flush));
  world.sql("SELECT belay.move_mark(lane, interval '1 minute') FROM belay.lane WHERE lane <> 6");
  const auto receipt = [&](Lane lane, const std::string& key, int days) {
    world.sql("INSERT INTO belay.receipt VALUES (" + std::to_string(lane) + ", 'acme', '" + key +
              "', '{}', now() - interval '" + std::to_string(days) + " days')");
  };
  receipt(3, lives + ":hold:do:0", 450);
  receipt(3, ended + ":hold:undo-check:2", 450);
  receipt(4, ended + ":hold:do:0", 399);  // not old enough
  receipt(3, "invoice-1", 450);           // of whom, nobody knows: `lives` is older
  receipt(4, "invoice-2", 450);
  receipt(5, "invoice-3", 450);
  receipt(6, "invoice-4", 450);  // who lives there is not known for sure: its mark stands still
  receipt(3, lives.substr(0, 35) + "0", 450);  // looks like an id, and is a key of the author's
  const RetentionVisit visit = world.visit(70);
  INFO(to_text(visit));
  CHECK(visit.gone.receipts == 3);
  CHECK(world.text("SELECT string_agg(lane || right(key, 9), ' ' ORDER BY lane, right(key, 9)) "
                   "FROM belay.receipt") ==
        "3" + lives.substr(27, 8) + "0 3hold:do:0 3invoice-1 4hold:do:0 6invoice-4");
  CHECK(world.visit(36'500).gone.receipts == 0);
}

TEST_CASE("retention: what did not end before the cutoff stays, whatever else it says") {
  RetentionWorld world;
  Rows rows(world);
  Flush flush;
  const Instant old = world.days_ago(140);
  rows.add(flush, old, {});
  rows.add(flush, old, {});
  flush.instances.back().status = "compensating";
  flush.instances.back().health = "quarantined";
  rows.add(flush, old, {});
  flush.instances.back().status = "completed";  // ended, but nobody knows when
  rows.add(flush, old, world.days_ago(69));
  rows.add(flush, old, world.days_ago(139));
  flush.instances.back().status = "running";  // revived in the very flush
  rows.flush(std::move(flush));
  const RetentionVisit visit = world.visit(70);
  CHECK(visit.gone.sagas + visit.gone.entries + visit.gone.start_keys == 0);
  CHECK(visit.journals_kept.size() == 1);
  CHECK(world.count("instance") == 5);
  CHECK(world.count("journal") == 10);
}

TEST_CASE("retention: a visit does a bounded piece, and the next goes on where it stopped") {
  RetentionWorld world;
  Rows rows(world);
  Flush flush;
  for (int i = 0; i < 200; ++i) rows.add(flush, {world.days_ago(200).us + i}, world.days_ago(190));
  const SagaId lives = rows.add(flush, world.days_ago(200), {});
  rows.flush(std::move(flush));
  RetentionOptions small = world.keeping(70);
  small.batch_rows = 3;
  small.batches_max = 10;
  Retention retention(world.options, small);
  int visits = 0;
  std::int64_t sagas = 0, entries = 0;
  for (;; ++visits) {
    REQUIRE(visits < 200);
    const RetentionVisit visit = belay::runtime::testing::take(retention.visit());
    CHECK(visit.gone.sagas <= 30);
    sagas += visit.gone.sagas;
    entries += visit.gone.entries;
    if (visit.end == End::kDone) break;
  }
  CHECK(visits > 20);
  CHECK(sagas == 200);
  CHECK(entries == 400);
  CHECK(world.count("journal") == 2);
  CHECK(world.all_of(lives).find("Started") != std::string::npos);
}

TEST_CASE(
    "months are made where a row needs them, whatever the clock says, and nobody waits for it") {
  RetentionWorld world;
  Rows rows(world);
  auto reading = world.connected();
  REQUIRE(reading->execute(
      "BEGIN; SELECT count(*) FROM belay.journal, belay.event"));  // a long look at both tables
  Flush flush;
  const SagaId late = rows.add(flush, world.days_ago(3000), {});
  rows.add(flush, world.days_ago(-4000), {});
  flush.events = {Rows::event(world.days_ago(2000), 1, false),
                  Rows::event(world.days_ago(-1000), 2, false)};
  rows.flush(std::move(flush));
  CHECK(
      belay::runtime::testing::take(rows.store->journal(lane_of("acme", late, 32), late)).size() ==
      2);
  CHECK(world.count("event") == 2);
  for (const int days : {3000, -4000, 2000, -1000}) {
    CHECK(world.months("journal").contains(world.month_of(world.days_ago(days))));
  }
  REQUIRE(reading->execute("ROLLBACK"));

  // A node that was off for a year finds the months that it needs made when it opens.
  world.move_clock(365);
  REQUIRE(migrate(world.options));
  CHECK(world.months("journal").contains(world.month_of(world.days_ago(-90))));
  // Made by attaching, they are what the first ones are: the same indexes, the same columns.
  CHECK(world.text("SELECT count(DISTINCT n)::text FROM (SELECT count(*) AS n FROM pg_inherits AS "
                   "h JOIN pg_index AS x ON "
                   "x.indrelid = h.inhrelid WHERE h.inhparent = 'belay.event'::regclass GROUP BY "
                   "h.inhrelid) AS per") == "1");
}

TEST_CASE("retention: by a clock that is wrong nothing is thrown away") {
  RetentionWorld world;
  Rows rows(world);
  Flush flush;
  rows.add(flush, world.days_ago(200), world.days_ago(190));
  rows.flush(std::move(flush));
  RetentionOptions keep = world.keeping(70);
  world.move_clock(1);
  Retention retention(world.options, keep);
  const auto visit = retention.visit();
  REQUIRE(!visit);
  CHECK(visit.error().code == ErrorCode::kMisconfigured);
  CHECK(world.count("instance") == 1);
}
