// What the API asks of the database beside the engine: lists, history, events, counts, keys. Reads
// committed rows only, through its own few connections; thread-safe; every list is bounded and
// pages by a keyset cursor, so that page 1,000 costs what page 1 does. Tested in
// tests/postgres/reader_test.cpp.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/store/postgres_store.h"

namespace belay::runtime {

struct SagaFilter {
  std::string tenant;                         // required
  std::string workflow, status, health, key;  // exact; empty: any
  std::string waiting_on;                     // contained in waiting_on; empty: any
  Instant created_from, created_until;        // from <= created < until; none: open
  std::string cursor;                         // of the page before; empty: the first
  std::size_t limit = 50;                     // capped at limits::page_rows_max
};
struct SagaPage {  // newest first; rows without input and state
  std::vector<InstanceRow> rows;
  std::string next;  // cursor of the next page; empty: this was the last
};

struct HistoryPage {  // oldest first
  std::vector<JournalRow> rows;
  std::uint64_t next_after = 0;  // pass as `after`; 0: this was the last page
};

struct EventFilter {
  std::string tenant;     // required
  std::string type, key;  // exact; empty: any
  bool unclaimed_only = false;
  std::string cursor;
  std::size_t limit = 50;
};
struct EventPage {  // newest first
  std::vector<EventRow> rows;
  // Of the same length: {"workflow": "why it was not started by this event"}, or empty. Those count
  // as unclaimed.
  std::vector<std::string> not_started;
  std::string next;
};

struct StatusCount {
  std::string tenant, workflow, status, health;
  std::uint64_t count = 0;
};

struct ApiKeyRow {
  std::string id;  // public, for lists and revoking
  std::string tenant, role, name;
  Instant created_at, revoked_at;       // revoked_at none: valid
  std::vector<std::string> may_answer;  // roles of questions, beside what `role` allows
};

struct QuestionFilter {
  std::string tenant;  // required
  std::string role;    // exact; empty: any
  std::string cursor;
  std::size_t limit = 50;
};
struct QuestionPage {  // oldest saga first
  struct Row {
    QuestionRow question;
    std::string workflow, definition;  // definition: the hash
  };
  std::vector<Row> rows;
  std::string next;
};

class Reader {
 public:
  static Result<std::unique_ptr<Reader>> open(PostgresOptions options, std::size_t connections = 4);
  virtual ~Reader() = default;

  // Failure kInvalid for a cursor that is none of ours.
  virtual Result<SagaPage> sagas(const SagaFilter& filter) = 0;
  // kNotFound when the tenant has no such saga.
  virtual Result<InstanceRow> saga(const std::string& tenant, const SagaId& id) = 0;
  virtual Result<HistoryPage> history(const std::string& tenant, const SagaId& id,
                                      std::uint64_t after, std::size_t limit) = 0;
  // Deletes the key of an ended saga's private values, and with it the values. Audited, in one
  // transaction. False: there is no such key (any more).
  virtual Result<bool> erase(const std::string& tenant, const SagaId& id, const std::string& actor,
                             const std::string& reason) = 0;
  virtual Result<EventPage> events(const EventFilter& filter) = 0;
  // Open ones; those of quarantined sagas are left out.
  virtual Result<QuestionPage> questions(const QuestionFilter& filter) = 0;
  // Sagas that have not ended, by tenant, workflow, status and health: for /metrics.
  virtual Result<std::vector<StatusCount>> counts() = 0;
  virtual Result<void> ping() = 0;

  // Keys are stored as SHA-256; the key itself is shown once, by whoever made it.
  virtual Result<void> add_api_key(const ApiKeyRow& row, const std::string& sha256_hex) = 0;
  virtual Result<std::optional<ApiKeyRow>> find_api_key(const std::string& sha256_hex) = 0;
  virtual Result<std::vector<ApiKeyRow>> api_keys(
      const std::string& tenant) = 0;                              // empty: of all tenants
  virtual Result<bool> revoke_api_key(const std::string& id) = 0;  // false: no such valid key

  // Who did what over the API, beside what journals say (keys made, definitions installed).
  virtual Result<void> audit(const std::string& tenant, const std::string& actor,
                             const std::string& act, const std::string& detail_json) = 0;
};

}  // namespace belay::runtime
