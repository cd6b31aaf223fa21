// The engine on the real store: the same sagas as in tests/runtime/engine_test.cpp, through the
// real flush. With BELAY_TEST_CELLS=2 in the environment the same on two servers that are cells of
// each other; ctest does both.
#include <atomic>

#include "runtime/store/cells.h"
#include "tests/postgres/store_database.h"
#include "tests/runtime/engine_harness.h"

using namespace belay::testing;
using belay::runtime::testing::migrated_database;
using belay::runtime::testing::SecondServer;
using belay::runtime::testing::take;
using belay::runtime::testing::TestServer;

namespace {

// What an engine runs on.
class Databases {
 public:
  Databases() {
    if (cells_of_tests() > 1) second_ = std::make_unique<SecondServer>();
    all_.push_back(migrated_database());
    if (second_) all_.push_back(second_->database());
  }
  std::unique_ptr<Store> open() const {
    return take(second_ ? open_cells(all_, all_.size()) : open_postgres_store(all_.front()));
  }
  std::int64_t lease_ms() const { return all_.front().lease_ms; }

 private:
  std::unique_ptr<SecondServer> second_;
  std::vector<PostgresOptions> all_;
};

struct Node {
  std::unique_ptr<Store> store;
  FakeRunner runner;
  std::unique_ptr<Engine> engine;

  explicit Node(const Databases& databases) : store(databases.open()) {
    EngineOptions options;
    options.node = "node";
    options.lease_ms = databases.lease_ms();
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
    std::string seen;  // the last answer: a cell that just failed is not asked for a moment
    for (int i = 0; i < 2'000 && (seen = status(saga)) != wanted; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(seen == wanted);
  }
};

}  // namespace

TEST_CASE("engine on Postgres: steps, undo, keys") {
  const Databases databases;
  Node node(databases);
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
  const Databases databases;
  SagaId waits, early;
  {
    Node node(databases);
    waits = node.start("await_payment", "order", "o1");
    node.publish("o2", 7, "e1");
    node.publish("o2", 7, "e1");
    node.runner.hold("reserve");
    early = node.start("late_payment", "order", "o2");
    node.runner.take("reserve");
    node.engine->stop();
  }
  Node node(databases);
  node.publish("o1", 5);
  node.until(waits, "completed");
  node.until(early, "completed");
  const auto view = node.engine->view("acme", early);
  REQUIRE(view);
  CHECK(*view->state.output.find("amount") == Value::integer(7));
}

TEST_CASE("engine on Postgres: the second owner of the same name fences the first") {
  const Databases databases;
  Node first(databases);
  first.runner.hold("charge");
  const SagaId saga = first.start("buy", "item", "lamp");
  auto call = first.runner.take("charge");
  Node second(databases);
  second.until(saga, "completed");
  call.done(succeeded("late"));
  const auto reply = first.engine->start(start_request("buy", "item", "x"));
  REQUIRE(!reply);
  CHECK(reply.error().code == ErrorCode::kFenced);
  const auto view = second.engine->view("acme", saga);
  REQUIRE(view);
  CHECK(*view->state.output.find("charge") == Value::string("charge_1"));
}

TEST_CASE("engine on Postgres: the server is killed under 200 sagas") {
  const Databases databases;
  Node node(databases);
  std::atomic<int> answered{0}, committed{0};
  std::vector<SagaId> sagas;
  std::mutex mutex;
  for (int i = 0; i < 200; ++i) {
    node.engine->start(start_request("buy", "item", "lamp"), [&](Result<StartReply> reply) {
      std::lock_guard lock(mutex);
      if (reply) sagas.push_back(reply->saga);
      committed += reply ? 1 : 0;
      ++answered;
    });
    if (i == 100) TestServer::get().postgres().kill9();
  }
  REQUIRE(TestServer::get().postgres().restart());
  for (int i = 0; i < 3'000 && answered < 200; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(answered == 200);
  for (const SagaId& saga : sagas) node.until(saga, "completed");
}
