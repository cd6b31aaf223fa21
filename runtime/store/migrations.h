// Numbered migrations (runtime/store/sql/0001_first.sql …), embedded, applied in order, each in a
// transaction, under an advisory lock, recorded in belay.migration. They only expand; a released
// one never changes. Tested in tests/postgres/store_test.cpp.
#pragma once
#include "runtime/store/postgres_store.h"

namespace belay::runtime {

// Brings the schema up to this program and makes the partitions of the coming months. Safe to run
// from several processes at once. Failures: kUnsupported (the schema is newer), kUnavailable,
// kMisconfigured (missing rights, fsync=off).
Result<void> migrate(const PostgresOptions& options);

// Makes the partitions of this and the coming months where they are missing. Once a day is enough.
Result<void> make_partitions(const PostgresOptions& options);

}  // namespace belay::runtime
