// The store on Postgres. `migrate` (migrations.h) first, then open. The flush is
// runtime/store/sql/flush*.sql; what was measured about it is in docs/performance.md. Tested in
// tests/postgres/store_test.cpp and flush_test.cpp.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

#include "runtime/store/store.h"

namespace belay::runtime {

class TableGrowth;

struct PostgresOptions {
  std::string connection;  // libpq: "postgresql://…" or "host=… user=…"
  std::string application = "belay";
  int connect_timeout_s = 5;
  int tcp_user_timeout_ms =
      10'000;  // unsent or unacknowledged data for so long: the connection is lost
  std::int64_t statement_timeout_ms = 30'000;
  std::int64_t lease_ms = 15'000;  // each flush of a lane renews it
  bool unsafe_commits_for_tests =
      false;  // tests of what is lost then: work on fsync=off or synchronous_commit=off
  // Of the store whose database this is: its connections drop their plans when a table has doubled.
  // None: only from time to time.
  std::shared_ptr<const TableGrowth> growth;
};

// Connects, and refuses (kMisconfigured) a database with fsync=off or synchronous_commit=off, and
// (kUnsupported) a schema that was not migrated or is newer than this program. Later each new
// connection that flushes, and each flush, looks again: as long as the database would lose what it
// answers for, a flush is kDown, and its message says why.
Result<std::unique_ptr<Store>> open_postgres_store(PostgresOptions options);

}  // namespace belay::runtime
