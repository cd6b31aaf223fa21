// A Flush as the parameters of its statement. Private to the store; tested in
// tests/postgres/flush_test.cpp.
#pragma once
#include "runtime/store/known_definitions.h"
#include "runtime/store/postgres_array.h"
#include "runtime/store/store.h"
#include "runtime/store/table_growth.h"

namespace belay::runtime {

struct FlushStatement {
  const char* name;  // flush_hot, or flush_full when a rarer table has rows
  PostgresParams params;
};

// Where entries are written. Either form is read, whichever is written.
enum class StoredForm {
  kJournalAlone,   // every entry in belay.journal: what programs up to schema 6 can read
  kEntriesInRows,  // the first entry and the one that ends a saga in the instance row that is
                   // written with it (adr/0019)
  kShort,          // so, in few bytes (short_form.h), and the definition's hash left out (adr/0021)
};

// REQUIRES: every row's lane is among flush.lanes (mail: the sender's).
// A saga that stands twice is written once, as its last row says. A start key or subscription that
// is both made and gone in one flush: the key is made (its row is replaced), the subscription is
// gone.
FlushStatement flush_statement(const Flush& flush, std::int64_t lease_ms, StoredForm form,
                               const KnownDefinitions& definitions);

// Counts what the flush writes, table by table.
void note_growth(const Flush& flush, TableGrowth& growth);

}  // namespace belay::runtime
