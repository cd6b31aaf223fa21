// The store port: all that the engine asks of a database. One adapter: Postgres (postgres_store.h).
// Rows carry text that is already encoded (journal_json.h, state_json.h); the store knows nothing
// of sagas but keys and columns.
//
// A flush is one statement over all lanes that this connection writes: it moves each touched lane's
// fence and writes that lane's rows only if the fence moved. What fails and what follows is in
// FlushResult.
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/journal.h"
#include "runtime/base/result.h"

namespace belay::runtime {

using interpreter::Instant;
using Lane = std::int32_t;

// A saga's id: 16 bytes, time-ordered (UUID version 7), text form lower-case with dashes.
using SagaId = std::string;  // 36 characters

struct LaneFence {
  Lane lane = 0;
  std::int64_t epoch = 0;
  std::int64_t head = 0;  // before the flush
};

struct InstanceRow {  // upsert: the row is written whole
  Lane lane = 0;
  SagaId id;
  std::string tenant, workflow;
  std::uint32_t workflow_version = 1;
  std::string definition;      // the graph's hash
  std::string status, health;  // interpreter::name()
  std::string waiting_on, failure;
  Instant health_since, due_at, created_at, updated_at, ended_at;  // 0: null
  std::string key;        // the `once per` value, for lists; may be empty
  std::uint64_t seq = 0;  // of the last entry
  std::optional<std::string>
      state;  // snapshot as of `seq` (state_json.h); nullopt keeps the stored one
  std::uint64_t state_seq = 0;
  // Written because the saga has ended, for the first time: no other entry will be its first end.
  // Says nothing of a row that was read.
  bool first_end = false;
};

struct JournalRow {
  Lane lane = 0;
  SagaId id;
  std::uint64_t seq = 0;
  std::string kind;  // "StepSucceeded"
  std::uint16_t version = 1;
  std::string actor;
  std::string body;  // JSON: reason, fact, drawn
  Instant at;
};

struct EventRow {
  Lane lane = 0;          // the key lane
  std::int64_t eseq = 0;  // time-ordered, rising within a lane
  std::string id;         // the sender's id, or ours
  std::string tenant, type;
  std::uint32_t version = 1;
  std::string key, payload, metadata;  // JSON
  Instant at;  // the store raises it to the latest time that was written before, in any lane of the
               // database
  bool claimed = false;  // a saga has taken it
};

struct SubscriptionRow {
  Lane lane = 0;  // the key lane
  std::string tenant, type, key;
  SagaId saga;
  std::string path;
  Instant since;
};

// A message from one lane to another, written by the sender's flush and deleted by the receiver's.
struct MailboxRow {
  Lane to = 0;
  Lane from = 0;
  std::int64_t number = 0;  // rising per sender (its head at the flush times 1,000,000 plus index)
  std::string kind;         // subscribe, unsubscribe, publish, offer, taken, declined
  std::string body;         // JSON
};

inline constexpr Lane kAnyLane = -1;

// A clock that was set back by more than this was badly wrong before: nobody waits until it is
// there again.
inline constexpr std::int64_t kSetBackMaxUs = 3'600'000'000;
// An event's time is raised by this at most, to the latest that was written before it.
inline constexpr std::int64_t kRaisedMaxUs = 60'000'000;

inline constexpr std::int64_t kCarryWithinUs = 60'000'000;
inline constexpr std::int64_t kRememberCarriedUs = 3'600'000'000;

struct StartKeyRow {
  Lane lane = 0;
  std::string tenant;
  std::string key;  // "once:<workflow>:<value>" or "key:<Idempotency-Key>"; `~` before it: not in
                    // its own lane (adr/0016)
  SagaId saga;
  std::string digest;  // of the request, hex
  Instant at;
};

// An idempotent request that was answered: an operator's act or a publish. Kept 24 hours or more.
struct DedupRow {
  Lane lane = 0;
  std::string tenant;
  std::string scope;  // "act", "event:<source>"
  std::string key;
  std::string digest;
  std::string answer;  // JSON
  Instant at;
};

// A saga that is under way or queued where `one at a time` says so. Of one (lane, tenant, name) at
// most one is holding.
struct TurnRow {
  Lane lane = 0;
  std::string tenant;
  std::string name;  // "<workflow>:<value>"
  SagaId saga;
  bool holding = false;
};

struct QuestionRow {  // an open `ask`
  Lane lane = 0;
  SagaId saga;
  std::string path;
  std::string tenant, role;
  Instant since, until;  // until none: no limit
};

// The data key of a saga with private values, wrapped (seal.h). Erased: no row.
struct SagaKeyRow {
  Lane lane = 0;
  SagaId saga;
  std::string tenant, wrapped;
};

struct Flush {
  std::vector<LaneFence> lanes;
  std::vector<InstanceRow> instances;
  std::vector<JournalRow> journal;
  std::vector<EventRow> events;
  std::vector<std::pair<Lane, std::int64_t>> events_claimed;
  std::vector<SubscriptionRow> subscriptions, subscriptions_gone;
  std::vector<MailboxRow> mail, mail_consumed;  // consumed: to, from and number matter
  std::vector<StartKeyRow> start_keys, start_keys_gone;
  std::vector<DedupRow> dedup;
  std::vector<TurnRow> turns, turns_gone;  // turns: upsert
  std::vector<QuestionRow> questions, questions_gone;
  std::vector<SagaKeyRow> saga_keys;
};

// The latest time of an entry or event in it; none: it has none.
inline Instant latest(const Flush& flush) {
  Instant latest;
  for (const JournalRow& row : flush.journal) latest = std::max(latest, row.at);
  for (const EventRow& row : flush.events) latest = std::max(latest, row.at);
  return latest;
}

struct FlushResult {
  enum class Kind {
    kCommitted,
    kFenced,     // `fenced` lanes belong to somebody else now; the others' rows are committed
    kDataError,  // SQLSTATE 22, 23, 54: nothing is written; bisect and quarantine
    kDown,  // no database; nothing is known to be written, the store has already looked (epoch,
            // head) when it could
  } kind = Kind::kCommitted;
  std::vector<Lane> fenced;
  std::string message;
  Instant db_now;  // the database's clock, when it answered
  // Of the fenced lanes: their rows may have been written before the lane was lost.
  bool in_doubt = false;
};

struct ClaimedLane {
  Lane lane = 0;
  std::int64_t epoch = 0, head = 0;
  std::int32_t crashes = 0;  // claims without a clean release before this one, and not forgiven
  Instant last;              // the latest time that was written in it, as Cluster::latest
};

struct Claim {
  std::string owner;
  std::vector<Lane> lanes;  // wanted, the dearest first; empty: any
  std::size_t at_most = SIZE_MAX;
  bool own_name_too = true;  // also lanes held under the same name, for one that comes back; those
                             // of others when free
};

// ---- Many nodes. Who holds a lane is the lane's row alone; the rest is for finding each other and
// sharing fairly. ----

struct NodeBeat {
  std::string name, address;
  std::int64_t lease_ms = 0;  // 0: it leaves
};
struct NodeRow {
  std::string name, address;
  std::int64_t lease_ms = 0;  // what is left of it
};
struct LaneOwner {
  Lane lane = 0;
  std::string owner;
  std::int64_t epoch = 0;
  bool free = false;  // nobody's, its lease is over, or its owner's process is known to be dead
};
struct Cluster {
  std::vector<LaneOwner> lanes;  // all, by number
  std::vector<NodeRow> nodes;    // alive, the asking one not among them, by name
  Instant db_now;
  // The latest time that was written in any lane; none: nothing was. It is later than db_now only
  // when the database's clock was set back. More than kSetBackMaxUs later it does not count.
  Instant latest;
};

struct MailQuery {
  std::vector<Lane> to;        // empty: all
  std::vector<Lane> not_from;  // senders to leave out, of the receiver's own cell: mail of another
                               // cell always comes
  std::size_t at_most = SIZE_MAX;  // of each cell
};

struct DueTime {  // both included; `from` 0: from the beginning
  Instant from, until;
};
struct DueSaga {
  Lane lane = 0;
  SagaId id;
  Instant due_at;
};

struct LoadedSaga {
  InstanceRow row;  // state: the snapshot, if any
  std::vector<JournalRow>
      journal;  // entries after row.state_seq, by seq; all when there is no snapshot
};

class Store {
 public:
  virtual ~Store() = default;

  // Who writes what. A store may have several writers, each a connection of its own for some of the
  // lanes, and its lanes may lie in several databases (cells); the engine goes by the clock of the
  // first. Fixed while it is open.
  virtual std::size_t writers() const { return 1; }
  virtual std::size_t writer_of(Lane) const { return 0; }
  virtual std::size_t cell_of_writer(std::size_t) const { return 0; }
  std::size_t cell_of(Lane lane) const { return cell_of_writer(writer_of(lane)); }
  virtual std::size_t cells() const { return 1; }

  // Called on the thread of `writer` only, with lanes of that writer. Blocks. After a lost
  // connection it reconnects once and reads (epoch, head): the same epoch and head+1 means that it
  // landed, the same head means that it did not and the identical statement is sent again, anything
  // else is kFenced.
  virtual FlushResult flush(const Flush& flush, std::size_t writer = 0) = 0;

  // Compare-and-set each: what others hold stays theirs, and is not an error. By number.
  virtual Result<std::vector<ClaimedLane>> claim(const Claim& claim) = 0;
  Result<std::vector<ClaimedLane>> claim_lanes(const std::string& owner) {
    return claim({.owner = owner});
  }
  // Clean: the claim was no crash. Those before it stay counted until they are forgiven
  // (forgive_crashes). Those of `lanes` that are still held as they were claimed (lane, epoch).
  virtual Result<void> release(const std::string& owner, const std::vector<LaneFence>& lanes) = 0;
  virtual Result<void> release_lanes(const std::string& owner) = 0;  // all of this process
  // A sign of life, and everything about lanes and nodes in return: one statement.
  virtual Result<Cluster> beat(const NodeBeat& me) = 0;

  // Called on the loader thread only (its own connection). Blocks.
  // The number of the last event of each of the lanes that has any.
  virtual Result<std::vector<std::pair<Lane, std::int64_t>>> last_events(
      const std::vector<Lane>& lanes) = 0;
  virtual Result<std::vector<SagaId>> running_sagas(
      Lane lane) = 0;  // not ended and not parked (waiting_on = '')
  virtual Result<std::vector<LoadedSaga>> load_sagas(
      const std::vector<std::pair<Lane, SagaId>>& which) = 0;
  // All entries of a saga, by seq, whatever snapshot there is.
  virtual Result<std::vector<JournalRow>> journal(Lane lane, const SagaId& saga) = 0;
  // Parked sagas of these lanes due in that time, earliest first, at most `limit`.
  virtual Result<std::vector<DueSaga>> due_sagas(DueTime time, std::size_t limit,
                                                 const std::vector<Lane>& lanes) = 0;
  virtual Result<std::vector<MailboxRow>> mailbox(const MailQuery& query) = 0;
  Result<std::vector<MailboxRow>> mailbox() { return mailbox(MailQuery{}); }
  // Mail on its way from cell to cell (cells.h). Puts messages of another database into this one's
  // mailbox, each once, whoever brings it and however often. `read_at` is a time of this database
  // before they were read in the other one: false, and nothing is taken, when that was more than
  // kCarryWithinUs ago.
  virtual Result<bool> carry_in(const std::vector<MailboxRow>& rows, Instant read_at) = 0;
  // Deletes what has arrived in another database: by receiver, sender and number.
  virtual Result<void> carried_out(const std::vector<MailboxRow>& rows) = 0;
  // What came in to these lanes from those need not be remembered any more, if it came longer than
  // kRememberCarriedUs ago. REQUIRES: nothing that came so long ago is left in the senders'
  // database.
  virtual Result<void> forget_carried(const std::vector<Lane>& to,
                                      const std::vector<Lane>& from) = 0;
  virtual Result<std::vector<SubscriptionRow>> subscriptions_of(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string>>&
          lane_tenant_type_key) = 0;
  virtual Result<std::vector<EventRow>> events_since(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string, Instant>>&
          lane_tenant_type_key_since) = 0;
  // Lane kAnyLane: of a key that lies with its saga (it begins with `~`), whichever lane that is.
  virtual Result<std::vector<StartKeyRow>> start_keys(
      const std::vector<std::tuple<Lane, std::string, std::string>>& lane_tenant_key) = 0;
  virtual Result<std::vector<DedupRow>> dedup(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string>>&
          lane_tenant_scope_key) = 0;
  // Of each name the holder first, then in the order of ids; at most 100.
  virtual Result<std::vector<TurnRow>> turns(
      const std::vector<std::tuple<Lane, std::string, std::string>>& lane_tenant_name) = 0;
  virtual Result<std::vector<SagaKeyRow>> saga_keys(
      const std::vector<std::pair<Lane, SagaId>>& which) = 0;
  // The lanes of those that there are. kUnavailable when one may lie in a cell that does not
  // answer.
  virtual Result<std::map<SagaId, Lane>> find_sagas(
      const std::vector<std::pair<std::string, SagaId>>& tenant_saga) = 0;
  Result<std::optional<Lane>> find_saga(const std::string& tenant, const SagaId& id);
  virtual Result<Instant> database_now(std::size_t cell = 0) = 0;
  // What this owner's lanes (of `lanes`; empty: all) went through before it is forgotten: should it
  // crash later, that is their first crash.
  virtual Result<void> forgive_crashes(const std::string& owner,
                                       const std::vector<Lane>& lanes = {}) = 0;

  // Definitions: hash → encoded graph. Refused (kConflict) when the version is known under another
  // hash.
  virtual Result<void> put_definition(const std::string& workflow, std::uint32_t version,
                                      const std::string& hash, const std::string& graph) = 0;
  virtual Result<std::string> get_definition(const std::string& hash) = 0;
};

inline Result<std::optional<Lane>> Store::find_saga(const std::string& tenant, const SagaId& id) {
  const Result<std::map<SagaId, Lane>> found = find_sagas({{tenant, id}});
  if (!found) return fail(found.error());
  return found->empty() ? std::nullopt : std::optional(found->begin()->second);
}

}  // namespace belay::runtime
