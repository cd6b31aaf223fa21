// SQL actions: once by receipt, whatever happens around the commit; what each end of a statement
// means.
#include <atomic>
#include <condition_variable>
#include <thread>

#include "interpreter/functions.h"
#include "runtime/actions/sql_action.h"
#include "runtime/base/ids.h"
#include "tests/postgres/store_database.h"

using namespace belay::runtime;
using namespace belay::runtime::testing;
using namespace belay::interpreter;

namespace {

Type of(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

// `slot text = left is right` over body.<name>.
Program body_is(std::uint32_t body_slot, const std::string& name, Value right) {
  Program program;
  program.nodes.resize(4);
  program.nodes[0].kind = ExprKind::kSlot;
  program.nodes[0].index = body_slot;
  program.nodes[1].kind = ExprKind::kField;
  program.nodes[1].text = name;
  program.nodes[1].args = {0};
  program.nodes[2].literal = std::move(right);
  program.nodes[3].kind = ExprKind::kCall;
  program.nodes[3].index = static_cast<std::uint32_t>(Function::kEqual);
  program.nodes[3].args = {1, 2};
  return program;
}

struct World {
  PostgresOptions options = migrated_database();
  std::unique_ptr<PostgresConnection> side = std::move(*PostgresConnection::open(options));
  std::unique_ptr<SqlRunner> runner;
  Action action;

  World() {
    sql("CREATE TABLE account (id int PRIMARY KEY, n int NOT NULL, at timestamptz NOT NULL DEFAULT "
        "'2026-11-21 12:00:00.5+01',"
        " CONSTRAINT not_negative CHECK (n >= 0)); INSERT INTO account VALUES (1, 10)");
    SqlOptions sql_options;
    sql_options.database = options;
    sql_options.connections = 4;
    sql_options.lock_timeout_ms = 300;
    runner = std::make_unique<SqlRunner>(sql_options);
    action.name = "account.take";
    action.runs = Action::Runs::kSql;
    action.takes = {{"by", of(Type::Base::kInt)}};
    action.gives = {{{"n", of(Type::Base::kInt)}, {}}, {{"at", of(Type::Base::kTimestamp)}, {}}};
    action.sql.statement = "UPDATE account SET n = n - :by WHERE id = 1 RETURNING n, at";
  }
  void sql(const std::string& text) {
    const auto done = side->execute(text);
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
  }
  std::int64_t n() { return side->execute("SELECT n FROM account")->number(0, 0); }
  std::int64_t receipts() {
    return side->execute("SELECT count(*) FROM belay.receipt")->number(0, 0);
  }

  ActionCall call(const std::string& key, std::int64_t by = 3) {
    auto graph = std::make_shared<Graph>();
    graph->actions = {action};
    ActionCall out;
    out.graph = graph;
    out.tenant = "acme";
    out.saga = "s";
    out.key = key;
    out.args = record({{"by", Value::integer(by)}});
    return out;
  }
  ActionOutcome run(const std::string& key, std::int64_t by = 3) { return run(call(key, by)); }
  ActionOutcome run(ActionCall what) {
    std::mutex mutex;
    std::condition_variable wake;
    std::optional<ActionOutcome> outcome;
    runner->run(std::move(what), [&](ActionOutcome out) {
      const std::lock_guard lock(mutex);
      outcome = std::move(out);
      wake.notify_one();
    });
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return outcome.has_value(); });
    return *outcome;
  }
};

}  // namespace

TEST_CASE("the same key runs the statement once, and gives the same outcome for ever") {
  World world;
  const ActionOutcome first = world.run("s:take:do:0");
  INFO(first.message);
  REQUIRE(first.ok);
  CHECK(first.result.find("n")->as_int() == 7);
  CHECK(to_text(*first.result.find("at")) == "2026-11-21T11:00:00.500Z");
  for (int i = 0; i < 3; ++i) CHECK(world.run("s:take:do:0", 99).result == first.result);
  CHECK(world.n() == 7);
  CHECK(world.run("s:take:do:1").result.find("n")->as_int() == 4);

  // Many at once under one key.
  std::atomic<int> same{0}, busy{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const ActionOutcome outcome = world.run("s:take:do:2", 1);
      same += outcome.ok && outcome.result.find("n")->as_int() == 3;
      busy += !outcome.ok && outcome.kind == FailureKind::kTransient;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(same + busy == 8);
  CHECK(same >= 1);
  CHECK(world.n() == 3);
}

TEST_CASE("what a statement's end means") {
  World world;
  const std::uint32_t body = 1;
  SECTION("an error that a rule maps by constraint, kept in the receipt") {
    world.action.outcomes = {
        {body_is(body, "constraint", Value::string("not_negative")), "account.empty"}};
    for (int i = 0; i < 2; ++i) {
      const ActionOutcome outcome = world.run("k", 11);
      CHECK(outcome.kind == FailureKind::kBusiness);
      CHECK(outcome.error == "account.empty");
      world.sql("UPDATE account SET n = 100 - 90");  // no matter what it would be now
    }
    CHECK(world.n() == 10);
    CHECK(world.receipts() == 1);
  }
  SECTION("a declared error named by the constraint") {
    world.action.errors = {"not_negative"};
    CHECK(world.run("k", 11).error == "not_negative");
  }
  SECTION("a declared error raised by name") {
    world.action.errors = {"account.closed"};
    world.action.sql.statement = "SELECT belay_raise(:by)";
    world.sql(
        "CREATE FUNCTION belay_raise(bigint) RETURNS int LANGUAGE plpgsql AS $$ BEGIN UPDATE "
        "account SET n = 0; RAISE "
        "EXCEPTION 'account.closed'; END $$");
    const ActionOutcome outcome = world.run("k");
    CHECK(outcome.error == "account.closed");
    CHECK(outcome.kind == FailureKind::kBusiness);
    CHECK(world.n() == 10);
  }
  SECTION("no row, mapped") {
    world.sql("DELETE FROM account");
    world.action.outcomes = {{body_is(body, "rows", Value::integer(0)), "account.gone"}};
    CHECK(world.run("k").error == "account.gone");
  }
  SECTION("no row, not mapped: refused, and the key stays free") {
    world.sql("UPDATE account SET id = 2");
    const ActionOutcome outcome = world.run("k");
    CHECK(outcome.error == "refused");
    CHECK(outcome.kind == FailureKind::kBusiness);
    CHECK(outcome.message == "the statement gave 0 rows, exactly one was expected");
    CHECK(world.receipts() == 0);
    world.sql("UPDATE account SET id = 1");
    CHECK(world.run("k").ok);
  }
  SECTION("any rows") {
    world.sql("DELETE FROM account");
    world.action.sql.any_rows = true;
    world.action.gives.clear();
    CHECK(world.run("k").ok);
    CHECK(world.receipts() == 1);
  }
  SECTION("an error nobody mapped is refused") {
    const ActionOutcome outcome = world.run("k", 11);
    CHECK(outcome.error == "refused");
    CHECK(outcome.message.find("23514") != std::string::npos);
  }
  SECTION("a statement that is wrong is refused") {
    world.action.sql.statement = "SELEKT 1";
    CHECK(world.run("k").error == "refused");
  }
  SECTION("a result that does not fit is rolled back") {
    world.action.gives[0].field.type = of(Type::Base::kUuid);
    const ActionOutcome outcome = world.run("k");
    CHECK(outcome.error == "refused");
    CHECK(outcome.message.find("n: must be a uuid") != std::string::npos);
    CHECK(world.n() == 10);
  }
  SECTION("a lock that is held is transient") {
    world.sql("BEGIN; UPDATE account SET n = n");
    const ActionOutcome outcome = world.run("k");
    CHECK(outcome.kind == FailureKind::kTransient);
    world.sql("ROLLBACK");
    CHECK(world.run("k").ok);
  }
  SECTION("too slow is transient") {
    world.action.sql.statement = "SELECT 1 AS n, now() AS at FROM pg_sleep(30)";
    ActionCall call = world.call("k");
    call.within_ms = 50;
    const ActionOutcome outcome = world.run(call);
    CHECK(outcome.kind == FailureKind::kTransient);
    CHECK(outcome.error == "timeout");
  }
  SECTION("a lease that is over") {
    ActionCall call = world.call("k");
    call.send_until_us = std::make_shared<std::atomic<std::int64_t>>(0);
    CHECK(world.run(call).kind == FailureKind::kTransient);
    CHECK(world.n() == 10);
  }
}

TEST_CASE("a connection lost while the statement runs is a certain rollback") {
  World world;
  world.action.sql.statement =
      "UPDATE account SET n = n - :by FROM pg_sleep(20) WHERE id = 1 RETURNING n, at";
  std::thread cutter([&] {
    auto cut = std::move(*PostgresConnection::open(world.options));
    for (;;) {
      auto done = cut->execute(
          "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE "
          "'%pg_sleep(20) WHERE%' AND "
          "state = 'active' AND pid <> pg_backend_pid()");
      REQUIRE(done);
      if (done->number(0, 0) > 0) return;
    }
  });
  const ActionOutcome outcome = world.run("k");
  cutter.join();
  CHECK(outcome.kind == FailureKind::kTransient);
  CHECK(world.n() == 10);
  CHECK(world.receipts() == 0);
}

TEST_CASE("a refusal is kept under the engine's key, so that it speaks for every try under it") {
  World world;
  world.sql("UPDATE account SET id = 2");
  for (const char* key : {"s:take:do:0", "order-7"}) {
    const ActionOutcome first = world.run(key);
    CHECK(first.error == "refused");
    CHECK(first.answered == (key[0] == 's'));
  }
  CHECK(world.receipts() == 1);
  world.sql("UPDATE account SET id = 1");
  // A node that stood still sends it only now.
  const ActionOutcome late = world.run("s:take:do:0");
  CHECK(late.error == "refused");
  CHECK(late.answered);
  CHECK(late.message == "the statement gave 0 rows, exactly one was expected");
  CHECK(world.n() == 10);
  CHECK(world.run("s:take:do:1").ok);
  CHECK(world.run("order-7").ok);
  CHECK(world.n() == 4);

  world.action.sql.statement = "SELEKT 1";
  CHECK(world.run("s:take:do:2").error == "refused");
  CHECK(world.receipts() == 4);
}

TEST_CASE("a receipt reaches the disk before it is told, whatever synchronous_commit says") {
  World world;
  // Inside the COMMIT, after everything that was executed.
  world.sql(
      "CREATE TABLE seen (setting text); CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END "
      "$$; CREATE CONSTRAINT TRIGGER see AFTER UPDATE ON account DEFERRABLE INITIALLY DEFERRED FOR "
      "EACH ROW EXECUTE FUNCTION see(); CREATE FUNCTION hurry() RETURNS int LANGUAGE plpgsql AS $$ "
      "BEGIN PERFORM set_config('synchronous_commit', 'off', false); RETURN 1; END $$");
  const auto seen = [&](const std::string& key, const std::string& setting, bool unsafe = false) {
    world.sql("DELETE FROM seen; ALTER DATABASE " +
              world.side->execute("SELECT current_database()")->str(0, 0) +
              " SET synchronous_commit = " + setting);
    SqlOptions options;
    options.database = world.options;
    options.database.unsafe_commits_for_tests = unsafe;
    world.runner = std::make_unique<SqlRunner>(options);
    const ActionOutcome outcome = world.run(key, 1);
    INFO(outcome.message);
    REQUIRE(outcome.ok);
    return world.side->execute("SELECT setting FROM seen")->str(0, 0);
  };
  CHECK(seen("a", "off") == "on");
  CHECK(seen("b", "on") == "on");
  CHECK(seen("c", "remote_write") == "remote_write");  // more than on a machine alone: it stays
  CHECK(seen("d", "off", true) == "off");              // the campaign's negative control
  world.action.sql.statement = "UPDATE account SET n = n - :by WHERE id = hurry() RETURNING n, at";
  CHECK(seen("e", "on") == "on");
  // It holds for the transaction alone, so the next one is looked at again.
  CHECK(world.run("f", 1).ok);
  CHECK(world.side->execute("SELECT count(*) FROM seen WHERE setting = 'on'")->number(0, 0) == 2);
  CHECK(world.n() == 4);
}

TEST_CASE("a receipt that cannot be read is no lost answer: the same will come again") {
  World world;
  world.sql("INSERT INTO belay.receipt (lane, tenant, key, outcome) VALUES (0, 'acme', 'k', '{}')");
  const ActionOutcome outcome = world.run("k");
  CHECK(outcome.kind == FailureKind::kUnsure);
  CHECK(outcome.error == "unreadable");
  CHECK(outcome.answered);
  CHECK(world.n() == 10);
}

TEST_CASE("connections cut at every moment: each key at most once, and told as it was") {
  World world;
  world.sql("UPDATE account SET n = 1000000");
  std::atomic<bool> stop{false};
  std::thread cutter([&] {
    auto cut = std::move(*PostgresConnection::open(world.options));
    while (!stop) {
      (void)cut->execute(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
          "current_database() AND pid <> "
          "pg_backend_pid() AND application_name = 'cut me'");
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  });
  SqlOptions sql_options;
  sql_options.database = world.options;
  sql_options.database.application = "'cut me'";
  world.runner = std::make_unique<SqlRunner>(sql_options);
  std::int64_t done = 0, lost = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  for (int i = 0; std::chrono::steady_clock::now() < until; ++i) {
    bool unsure = false;
    for (int generation = 0;;) {
      const ActionOutcome outcome =
          world.run("s:step" + std::to_string(i) + ":do:" + std::to_string(generation), 1);
      if (outcome.ok) {
        ++done;
        break;
      }
      // As the interpreter does: a new key after a certain failure; the same one after an unsure
      // outcome, until it is settled.
      CHECK(outcome.kind != FailureKind::kBusiness);
      unsure = unsure || outcome.kind == FailureKind::kUnsure;
      if (!unsure) ++generation;
      ++lost;
    }
  }
  stop = true;
  cutter.join();
  CHECK(done > 0);
  CHECK(lost > 0);
  CHECK(world.n() == 1000000 - done);
}
