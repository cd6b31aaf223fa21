// What must hold before this program trusts a database. Private to runtime/store.
#pragma once
#include "runtime/store/postgres_connection.h"

namespace belay::runtime {

// Refuses fsync=off, synchronous_commit=off (kMisconfigured), as they are for this very session,
// and servers before 14 (kUnsupported).
Result<void> guard(PostgresConnection& connection, const PostgresOptions& options);
// Refuses a schema that was not migrated to exactly this program's.
Result<void> check_schema(PostgresConnection& connection);

}  // namespace belay::runtime
