// Columns to rows, shared by the store and the reader. Private to runtime/store.
#pragma once
#include "runtime/store/postgres_connection.h"
#include "runtime/store/store.h"

namespace belay::runtime {

// In the order of load_instances (load.sql) and saga_by_id (reader.sql).
InstanceRow instance_of(const PostgresRows& rows, std::size_t i);
// lane, iid, seq, at, version, kind, actor, body.
JournalRow journal_of(const PostgresRows& rows, std::size_t i);
// lane, eseq, id, tenant, type, version, key, at, claimed, payload, metadata.
EventRow event_of(const PostgresRows& rows, std::size_t i);

}  // namespace belay::runtime
