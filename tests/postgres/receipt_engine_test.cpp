// A SQL step on a real database whose connection is cut around the commit, again and again: the
// engine asks until the receipt tells. Nobody is needed, and nothing happens twice.
#include "runtime/actions/sql_action.h"
#include "tests/postgres/store_database.h"
#include "tests/runtime/engine_harness.h"
#include "tests/support/fault_proxy.h"

using namespace belay::testing;
using belay::runtime::testing::migrated_database;
using belay::runtime::testing::take;
using belay::test::FaultProxy;
using belay::test::LinkFault;

namespace {

const char* const kAccounts = R"(belay 1

action account.take "Take one"
  reserves
  takes
    item  text
  gives
    n  int
  sql |
    UPDATE account SET n = n - 1 WHERE item = :item RETURNING n

action account.give "Give it back"
  records
  takes
    item  text
  gives
    n  int
  harmless if nothing was done
  sql |
    UPDATE account SET n = n + 1 WHERE item = :item RETURNING n

workflow take_one "Take one", version 1
  takes
    item  text
  step hold "Take it"
    do account.take
      item = item
    retry 2 tries in all, first wait 1 second
    undo with account.give
      item = item
      retry 2 tries in all, first wait 1 second
  step pay "Pay for it"
    do charge
      item = item
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"
)";

// SQL goes to the database, through the proxy; the rest does what the test says.
struct Runner final : ActionRunner {
  FakeRunner fake;
  std::unique_ptr<SqlRunner> sql;
  void run(ActionCall call, std::function<void(ActionOutcome)> done) override {
    const bool is_sql = call.graph->actions[call.action].runs == interpreter::Action::Runs::kSql;
    if (is_sql)
      sql->run(std::move(call), std::move(done));
    else
      fake.run(std::move(call), std::move(done));
  }
};

std::string between(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from) + from.size();
  return text.substr(at, text.find(to, at) - at);
}

struct Node {
  PostgresOptions database = migrated_database();
  std::string socket = between(database.connection, "host='", "'");
  FaultProxy proxy{socket + "/.s.PGSQL.5432"};
  std::unique_ptr<PostgresConnection> side = take_side();
  std::unique_ptr<Store> store = take(open_postgres_store(database));
  Runner runner;
  std::unique_ptr<Engine> engine;

  // `at_commit`: the body of a trigger that runs inside the COMMIT of whatever changes the account.
  explicit Node(const std::string& at_commit) {
    sql("CREATE TABLE account (item text PRIMARY KEY, n int NOT NULL); INSERT INTO account VALUES "
        "('lamp', 10); CREATE SEQUENCE commits; CREATE FUNCTION at_commit() RETURNS trigger "
        "LANGUAGE plpgsql AS $$ BEGIN " +
        at_commit +
        "; RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON account "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()");
    SqlOptions options;
    options.database = database;
    const std::size_t host = options.database.connection.find("host='");
    options.database.connection.replace(host, socket.size() + 7, "host=127.0.0.1");
    const std::size_t port = options.database.connection.find("port=");
    const std::size_t end = options.database.connection.find(' ', port);
    options.database.connection.replace(port, end - port, "port=" + std::to_string(proxy.port()));
    runner.sql = std::make_unique<SqlRunner>(std::move(options));
    EngineOptions engine_options;
    engine_options.node = "node";
    engine_options.lease_ms = database.lease_ms;
    engine_options.stop_grace_ms = 0;
    engine = take(Engine::open(*store, runner, engine_options));
    for (const interpreter::Graph& graph : compile_with_shop(kAccounts))
      REQUIRE(engine->install(graph));
  }
  ~Node() {
    engine.reset();
    runner.sql.reset();
  }

  std::unique_ptr<PostgresConnection> take_side() {
    return std::move(*PostgresConnection::open(database));
  }
  void sql(const std::string& text) {
    const auto done = side->execute(text);
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
  }
  std::int64_t number(const std::string& query) { return side->execute(query)->number(0, 0); }
  std::int64_t n() { return number("SELECT n FROM account"); }

  SagaId start() {
    const auto reply = engine->start(start_request("take_one", "item", "lamp"));
    REQUIRE((reply ? "" : to_text(reply.error())) == std::string());
    return reply->saga;
  }
  SagaView view(const SagaId& saga) { return take(engine->view("acme", saga)); }
  // It is never held on the way there.
  template <class Done>
  void until(const SagaId& saga, Done done) {
    for (int i = 0; i < 3'000; ++i) {
      const SagaView now = view(saga);
      INFO(now.row.status << ", " << now.row.health << ", " << now.row.failure);
      REQUIRE(now.row.health != "unknown_outcome");
      REQUIRE(now.row.health != "held");
      REQUIRE(now.row.health != "undo_failed");
      if (done(now)) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    FAIL("it did not come to that");
  }
  void until_status(const SagaId& saga, const std::string& status) {
    until(saga, [&](const SagaView& now) { return now.row.status == status; });
  }
  void until_true(const std::string& query) {
    for (int i = 0; i < 400 && number(query) == 0; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    REQUIRE(number(query) != 0);
  }
};

std::uint32_t tries(const SagaView& now) {
  return now.state.activities.empty() ? 0 : now.state.activities.front().forward.tries;
}

}  // namespace

TEST_CASE("SQL: committed, its answer lost, and the database out of reach for longer than tries") {
  Node node("PERFORM pg_advisory_xact_lock(7)");
  node.sql("SELECT pg_advisory_lock(7)");
  const SagaId saga = node.start();
  node.until_true("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
  node.proxy.set({.kind = LinkFault::Kind::kHalfOpen});  // the COMMIT is there, its answer never
  node.sql("SELECT pg_advisory_unlock(7)");
  node.until_true("SELECT count(*) FROM account WHERE n = 9");
  node.proxy.set({.kind = LinkFault::Kind::kReset});
  node.until(saga, [&](const SagaView& now) { return tries(now) > 4; });
  CHECK(node.view(saga).row.health == "retrying");
  node.proxy.set({});
  node.until_status(saga, "completed");
  CHECK(node.n() == 9);
  CHECK(node.number("SELECT count(*) FROM belay.receipt") == 1);
}

TEST_CASE("SQL: the connection is cut in the commit eight times in a row, of a step and its undo") {
  Node node(
      "IF nextval('commits') % 9 <> 0 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END "
      "IF");
  node.runner.fake.answer("charge", [](const ActionCall&) {
    return failed(interpreter::FailureKind::kBusiness, "shop.declined");
  });
  const SagaId saga = node.start();
  node.until_status(saga, "compensated");
  CHECK(node.n() == 10);
  CHECK(node.number("SELECT count(*) FROM belay.receipt") == 2);
  CHECK(node.number("SELECT last_value FROM commits") == 18);
}

TEST_CASE("SQL: cancelled while its answer is lost, it is found and taken back") {
  Node node("PERFORM pg_advisory_xact_lock(7)");
  node.sql("SELECT pg_advisory_lock(7)");
  const SagaId saga = node.start();
  node.until_true("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
  node.proxy.set({.kind = LinkFault::Kind::kHalfOpen});
  node.sql("SELECT pg_advisory_unlock(7)");
  node.until_true("SELECT count(*) FROM account WHERE n = 9");
  node.proxy.set({.kind = LinkFault::Kind::kReset});
  node.until(saga, [&](const SagaView& now) { return tries(now) > 1; });
  ActRequest cancel;
  cancel.tenant = "acme";
  cancel.saga = saga;
  cancel.fact = [](const interpreter::Graph&) -> Result<interpreter::Fact> {
    return interpreter::CancelAsked{};
  };
  cancel.request_digest = "cancel";
  cancel.reason = "the guest called";
  REQUIRE(node.engine->act(cancel));
  node.until(saga, [&](const SagaView& now) { return tries(now) > 4; });
  node.proxy.set({});
  node.until_status(saga, "compensated");
  CHECK(node.n() == 10);
}
