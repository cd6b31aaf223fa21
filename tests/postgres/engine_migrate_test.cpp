// A saga that was moved to another definition, on the real store: what a node that comes after
// reads is the new one.
#include "tests/postgres/store_database.h"
#include "tests/runtime/engine_harness.h"

using namespace belay::testing;
using belay::runtime::testing::migrated_database;

namespace {

interpreter::Graph doubled() {
  std::string text = kShop;
  const auto head = text.find("workflow await_payment");
  text.replace(text.find("version 1", head), 9, "version 2");
  const std::string gives = "amount = paid.amount";
  text.replace(text.find(gives, head), gives.size(), gives + " * 2");
  belay::dsl::Compilation compiled = belay::dsl::compile_sources({{"shop.belay", text}});
  REQUIRE(compiled.ok());
  for (const interpreter::Graph& graph : compiled.program.graphs) {
    if (graph.workflow == "await_payment") return graph;
  }
  return {};
}

std::unique_ptr<Engine> opened(Store& store, FakeRunner& runner, const PostgresOptions& database) {
  EngineOptions options;
  options.node = "node";
  options.lease_ms = database.lease_ms;
  options.stop_grace_ms = 0;
  auto engine = Engine::open(store, runner, options);
  REQUIRE((engine ? "" : to_text(engine.error())) == std::string());
  return std::move(*engine);
}

}  // namespace

TEST_CASE("migrate on Postgres: the next node reads the new definition and the whole journal") {
  const PostgresOptions database = migrated_database();
  auto store = open_postgres_store(database);
  REQUIRE(store);
  FakeRunner runner;
  auto engine = opened(**store, runner, database);
  for (const interpreter::Graph& graph : shop()) REQUIRE(engine->install(graph));
  StartRequest start;
  start.tenant = "acme";
  start.workflow = "await_payment";
  start.input = interpreter::record({{"order", Value::string("o1")}});
  const auto started = engine->start(start);
  REQUIRE(started);
  const interpreter::Graph to = doubled();
  REQUIRE(engine->install(to));
  MigrateRequest wish;
  wish.tenant = "acme";
  wish.saga = started->saga;
  wish.reason = "the new terms";
  wish.idempotency_key = "m1";
  wish.request_digest = "d";
  const auto moved = engine->migrate(wish);
  REQUIRE((moved ? "" : to_text(moved.error())) == std::string());
  CHECK(moved->moved);
  engine->stop();
  engine.reset();

  engine = opened(**store, runner, database);
  const auto view = engine->view("acme", started->saga);
  REQUIRE(view);
  CHECK(view->graph->hash == to.hash);
  CHECK(view->row.workflow_version == 2);
  const auto again = engine->migrate(wish);  // remembered in the database
  REQUIRE(again);
  CHECK(again->repeated);
  const auto lane = (*store)->find_saga("acme", started->saga);
  REQUIRE(lane);
  const auto journal = (*store)->journal(**lane, started->saga);
  REQUIRE(journal);
  REQUIRE(journal->size() == 2);
  CHECK(journal->at(0).kind == "Started");
  CHECK(journal->at(1).kind == "Migrated");
  PublishRequest paid;
  paid.tenant = "acme";
  paid.type = "shop.paid";
  paid.key = "o1";
  paid.payload =
      interpreter::record({{"order", Value::string("o1")}, {"amount", Value::integer(7)}});
  paid.source = "api";
  REQUIRE(engine->publish(paid));
  for (int i = 0; i < 2'000; ++i) {
    const auto now = engine->view("acme", started->saga);
    if (now && now->state.ended()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const auto ended = engine->view("acme", started->saga);
  REQUIRE(ended);
  REQUIRE(ended->state.ended());
  CHECK(*ended->state.output.find("amount") == Value::integer(14));
  engine->stop();
}
