// The engine on the real store: the same sagas as in tests/runtime/engine_test.cpp, through the real flush.
#include <atomic>

#include "tests/postgres/store_database.h"
#include "tests/runtime/engine_harness.h"

using namespace belay::testing;
using belay::runtime::testing::migrated_database;
using belay::runtime::testing::TestServer;

namespace {

struct Node {
  std::unique_ptr<Store> store;
  FakeRunner runner;
  std::unique_ptr<Engine> engine;

  explicit Node(const PostgresOptions& database, const std::string& name = "node") {
    auto opened = open_postgres_store(database);
    REQUIRE(opened);
    store = std::move(*opened);
    EngineOptions options;
    options.node = name;
    options.lease_ms = database.lease_ms;
    options.stop_grace_ms = 0;
    auto engine_opened = Engine::open(*store, runner, options);
    REQUIRE(engine_opened);
    engine = std::move(*engine_opened);
    for (const interpreter::Graph& graph : shop()) REQUIRE(engine->install(graph));
  }
  SagaId start(const std::string& workflow, const std::string& field, const std::string& value,
               const std::string& key = "") {
    const auto reply = engine->start(start_request(workflow, field, value, key));
    REQUIRE((reply ? "" : to_text(reply.error())) == std::string());
    return reply->saga;
  }
  void publish(const std::string& order, int amount, const std::string& id = "") {
    const auto reply = engine->publish(paid_request(order, amount, id));
    REQUIRE((reply ? "" : to_text(reply.error())) == std::string());
  }
  std::string status(const SagaId& saga) {
    const auto view = engine->view("acme", saga);
    return view ? view->row.status : to_text(view.error());
  }
  void until(const SagaId& saga, const std::string& wanted) {
    for (int i = 0; i < 2'000 && status(saga) != wanted; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(status(saga) == wanted);
  }
};

}  // namespace

TEST_CASE("engine on Postgres: steps, undo, keys") {
  Node node(migrated_database());
  node.until(node.start("buy", "item", "lamp"), "completed");
  node.runner.answer("charge", [](const ActionCall&) {
    return failed(interpreter::FailureKind::kBusiness, "shop.declined");
  });
  const SagaId first = node.start("buy", "item", "chair", "k1");
  node.until(first, "compensated");
  CHECK(node.start("buy", "item", "chair", "k1") == first);

  node.runner.answer("reserve", [](const ActionCall&) {
    return failed(interpreter::FailureKind::kBusiness, "shop.sold_out");
  });
  const SagaId gone = node.start("buy_once", "item", "lamp");
  node.until(gone, "compensated");
  CHECK(node.start("buy_once", "item", "lamp") != gone);
}

TEST_CASE("engine on Postgres: events early and late, over a restart") {
  const PostgresOptions database = migrated_database();
  SagaId waits, early;
  {
    Node node(database);
    waits = node.start("await_payment", "order", "o1");
    node.publish("o2", 7, "e1");
    node.publish("o2", 7, "e1");
    node.runner.hold("reserve");
    early = node.start("late_payment", "order", "o2");
    node.runner.take("reserve");
    node.engine->stop();
  }
  Node node(database);
  node.publish("o1", 5);
  node.until(waits, "completed");
  node.until(early, "completed");
  const auto view = node.engine->view("acme", early);
  REQUIRE(view);
  CHECK(*view->state.output.find("amount") == Value::integer(7));
}

TEST_CASE("engine on Postgres: the second owner of the same name fences the first") {
  const PostgresOptions database = migrated_database();
  Node first(database);
  first.runner.hold("charge");
  const SagaId saga = first.start("buy", "item", "lamp");
  auto call = first.runner.take("charge");
  Node second(database);
  second.until(saga, "completed");
  call.done(succeeded("late"));
  StartRequest request;
  request.tenant = "acme";
  request.workflow = "buy";
  request.input = interpreter::record({{"item", Value::string("x")}});
  const auto reply = first.engine->start(request);
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kFenced);
  const auto view = second.engine->view("acme", saga);
  REQUIRE(view);
  CHECK(*view->state.output.find("charge") == Value::string("charge_1"));
}

TEST_CASE("engine on Postgres: the server is killed under 200 sagas") {
  const PostgresOptions database = migrated_database();
  Node node(database);
  std::atomic<int> answered{0}, committed{0};
  std::vector<SagaId> sagas;
  std::mutex mutex;
  for (int i = 0; i < 200; ++i) {
    StartRequest request;
    request.tenant = "acme";
    request.workflow = "buy";
    request.input = interpreter::record({{"item", Value::string("lamp")}});
    node.engine->start(request, [&](Result<StartReply> reply) {
      std::lock_guard lock(mutex);
      if (reply) sagas.push_back(reply->saga);
      committed += reply ? 1 : 0;
      ++answered;
    });
    if (i == 100) TestServer::get().postgres().kill9();
  }
  REQUIRE(TestServer::get().postgres().restart());
  for (int i = 0; i < 3'000 && answered < 200; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(answered == 200);
  for (const SagaId& saga : sagas) node.until(saga, "completed");
}
