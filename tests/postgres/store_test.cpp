// Migrations, guard rails, definitions.
#include <atomic>
#include <thread>

#include "tests/postgres/store_database.h"

using namespace belay::runtime;
using namespace belay::runtime::testing;

TEST_CASE("migrations are applied once, and by several at the same time") {
  const PostgresOptions options = TestServer::get().fresh();
  const auto early = open_postgres_store(options);
  REQUIRE(!early);
  CHECK(early.error().code == ErrorCode::kUnsupported);
  CHECK(early.error().hint == "run `belay migrate`");
  std::vector<std::thread> threads;
  std::atomic<int> fine{0};
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { fine += migrate(options).has_value(); });
  for (std::thread& thread : threads) thread.join();
  CHECK(fine == 4);
  CHECK(open_postgres_store(options));
  auto side = PostgresConnection::open(options);
  CHECK((*side)->execute("SELECT count(*) FROM belay.migration")->number(0, 0) >= 1);
  // Last month, this one, three ahead.
  CHECK((*side)->execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'belay.journal'::regclass")->number(0, 0) == 5);
  CHECK((*side)->execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'belay.event'::regclass")->number(0, 0) == 5);

  REQUIRE((*side)->execute("INSERT INTO belay.migration (number, name) VALUES (9999, 'from the future')"));
  for (const ErrorCode code : {open_postgres_store(options).error().code, migrate(options).error().code}) {
    CHECK(code == ErrorCode::kUnsupported);
  }
}

TEST_CASE("a database that would lose what it answered for is refused") {
  PostgresOptions options = migrated_database();
  auto side = PostgresConnection::open(options);
  REQUIRE((*side)->execute("ALTER DATABASE " + (*side)->execute("SELECT current_database()")->str(0, 0) +
                           " SET synchronous_commit = off"));
  const auto store = open_postgres_store(options);
  REQUIRE(!store);
  CHECK(store.error().code == ErrorCode::kMisconfigured);
  CHECK(store.error().message.find("synchronous_commit=off") != std::string::npos);
  CHECK(!migrate(options));
}

TEST_CASE("a database that cannot be reached says so") {
  PostgresOptions options;
  options.connection = "host=/nonexistent dbname=belay";
  CHECK(open_postgres_store(options).error().code == ErrorCode::kUnavailable);
  options.connection = "postgresql://nobody@127.0.0.1:1/belay";
  CHECK(open_postgres_store(options).error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a plan that was made while a table was empty is made anew when it has grown") {
  auto connection = PostgresConnection::open(migrated_database());
  REQUIRE(connection);
  PostgresConnection& session = **connection;
  REQUIRE(session.use_generic_plans());
  const auto read = [&] {
    using Of = PostgresArray::Of;
    PostgresArray lanes(Of::kInt4), tenants(Of::kText), types(Of::kText), keys(Of::kText),
        since(Of::kInt8);
    lanes.add_int4(1);
    tenants.add_text("acme");
    types.add_text("shop.paid");
    keys.add_text("7");
    since.add_int8(1);
    PostgresParams params;
    params.array(std::move(lanes))
        .array(std::move(tenants))
        .array(std::move(types))
        .array(std::move(keys));
    REQUIRE(session.run("events_since", params.array(std::move(since))));
  };
  read();
  REQUIRE(
      session.execute("INSERT INTO belay.event (lane, eseq, id, tenant, type, version, key, at, "
                      "claimed, payload, metadata) "
                      "SELECT 1, belay.us(now()) * 1000 + n, n, 'acme', 'shop.paid', 1, n, now(), "
                      "false, '{}', '{}' "
                      "FROM generate_series(1, 5000) AS n"));
  for (int i = 0; i < 20; ++i) read();
  const auto plan = session.execute(
      "EXPLAIN EXECUTE events_since ('{1}', '{acme}', '{shop.paid}', '{7}', '{1}')");
  REQUIRE(plan);
  const std::string month = session.execute("SELECT to_char(now(), 'YYYYMM')")->str(0, 0);
  std::string text;
  for (std::size_t i = 0; i < plan->size(); ++i) text += plan->str(i, 0) + "\n";
  INFO(text);
  CHECK(text.find("using event_" + month + "_lane_tenant_type_key_eseq_idx") != std::string::npos);
}

TEST_CASE("a definition's version holds one content") {
  auto store = take(open_postgres_store(migrated_database()));
  const std::string graph("belay graph 1\0\x01\xff'\\", 18);
  REQUIRE(store->put_definition("confirm_booking", 1, "h1", graph));
  REQUIRE(store->put_definition("confirm_booking", 1, "h1", graph));
  CHECK(take(store->get_definition("h1")) == graph);
  const auto changed = store->put_definition("confirm_booking", 1, "h2", "other");
  REQUIRE(!changed);
  CHECK(changed.error().code == ErrorCode::kConflict);
  REQUIRE(store->put_definition("confirm_booking", 2, "h2", "other"));
  CHECK(store->get_definition("h3").error().code == ErrorCode::kNotFound);
}
