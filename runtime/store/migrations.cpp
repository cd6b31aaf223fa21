// Migrations and guard rails. See migrations.h and postgres_guard.h.
#include "runtime/store/migrations.h"

#include <charconv>
#include <vector>

#include "runtime/store/embedded_sql.h"
#include "runtime/store/losing_commits.h"
#include "runtime/store/postgres_guard.h"

namespace belay::runtime {
namespace {

constexpr int kServerMin = 140000;
constexpr int kMonthsAhead = 3;

struct Migration {
  std::int64_t number;
  std::string_view name, text;
};

// The embedded files whose names begin with a number, which are sorted by it.
std::vector<Migration> migrations() {
  std::vector<Migration> all;
  for (const EmbeddedSql& file : embedded_sql()) {
    std::int64_t number = 0;
    const auto read =
        std::from_chars(file.name.data(), file.name.data() + file.name.size(), number);
    if (read.ec == std::errc() && number > 0) all.push_back({number, file.name, file.text});
  }
  return all;
}

Result<void> run(PostgresConnection& connection, const std::string& sql, std::string_view doing) {
  auto done = connection.execute(sql);
  if (!done) return fail(to_failure(done.error(), doing));
  return {};
}

Failure too_new(std::int64_t found, std::int64_t known) {
  return {ErrorCode::kUnsupported,
          "the database schema is at migration " + std::to_string(found) +
              ", this program knows up to " + std::to_string(known),
          "run a newer belay"};
}

Result<std::int64_t> version_of(PostgresConnection& connection) {
  auto exists = connection.run("schema_exists");
  if (!exists) return fail(to_failure(exists.error(), "tell its schema"));
  if (!exists->flag(0, 0)) return 0;
  auto version = connection.run("schema_version");
  if (!version) return fail(to_failure(version.error(), "tell its schema"));
  return version->number(0, 0);
}

// Inside a transaction that holds the lock.
Result<void> migrate_locked(PostgresConnection& connection) {
  const std::vector<Migration> all = migrations();
  auto version = version_of(connection);
  if (!version) return fail(version.error());
  if (*version > all.back().number) return fail(too_new(*version, all.back().number));
  if (*version == 0) {
    auto made = run(connection,
                    "CREATE SCHEMA IF NOT EXISTS belay; CREATE TABLE belay.migration (number int "
                    "PRIMARY KEY, name "
                    "text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
                    "make its schema");
    if (!made) return made;
  }
  for (const Migration& migration : all) {
    if (migration.number <= *version) continue;
    if (auto done =
            run(connection, std::string(migration.text), "apply " + std::string(migration.name));
        !done) {
      return done;
    }
    auto recorded =
        connection.execute("INSERT INTO belay.migration (number, name) VALUES ($1, $2)",
                           {std::to_string(migration.number), std::string(migration.name)});
    if (!recorded) return fail(to_failure(recorded.error(), "record a migration"));
  }
  auto partitions = connection.run("make_partitions", PostgresParams().int4(kMonthsAhead));
  if (!partitions) return fail(to_failure(partitions.error(), "make partitions"));
  return {};
}

}  // namespace

Result<void> guard(PostgresConnection& connection, const PostgresOptions& options) {
  auto rows = connection.run("guard");
  if (!rows) return fail(to_failure(rows.error(), "tell its settings"));
  const bool careful = !options.unsafe_commits_for_tests;
  if (careful && rows->text(0, 0) != "on") {
    return fail(ErrorCode::kMisconfigured,
                std::string("the database runs with fsync=off and ") + kLosesCommits,
                "set fsync = on in postgresql.conf and reload");
  }
  if (careful && rows->text(0, 1) == "off") {
    return fail(ErrorCode::kMisconfigured,
                std::string("the database runs with synchronous_commit=off and ") + kLosesCommits,
                "set synchronous_commit = on, for the server or for this user (ALTER ROLE … SET)");
  }
  if (rows->number(0, 2) < kServerMin) {
    return fail(ErrorCode::kUnsupported, "this Postgres is older than version 14",
                "use Postgres 15");
  }
  return {};
}

Result<void> check_schema(PostgresConnection& connection) {
  auto version = version_of(connection);
  if (!version) return fail(version.error());
  const std::int64_t known = migrations().back().number;
  if (*version > known) return fail(too_new(*version, known));
  if (*version < known) {
    return fail(ErrorCode::kUnsupported,
                "the database schema is at migration " + std::to_string(*version) +
                    ", this program needs " + std::to_string(known),
                "run `belay migrate`");
  }
  return {};
}

Result<void> migrate(const PostgresOptions& options) {
  auto connection = PostgresConnection::open(options);
  if (!connection) return fail(to_failure(connection.error(), "answer"));
  PostgresConnection& c = **connection;
  if (auto fine = guard(c, options); !fine) return fine;
  if (auto begun =
          run(c, "BEGIN; SELECT pg_advisory_xact_lock(hashtext('belay migrations'))", "begin");
      !begun) {
    return begun;
  }
  auto done = migrate_locked(c);
  if (!done) {
    (void)c.execute("ROLLBACK");
    return done;
  }
  return run(c, "COMMIT", "commit its migrations");
}

Result<void> make_partitions(const PostgresOptions& options) {
  auto connection = PostgresConnection::open(options);
  if (!connection) return fail(to_failure(connection.error(), "answer"));
  auto made = (*connection)->run("make_partitions", PostgresParams().int4(kMonthsAhead));
  if (!made) return fail(to_failure(made.error(), "make partitions"));
  return {};
}

}  // namespace belay::runtime
