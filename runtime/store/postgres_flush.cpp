// Rows to columns, in the order of flush_hot.sql, flush_full.sql and flush_rare.sql. On the hot
// path: one pass a column set, appended binary, no temporary strings. See postgres_flush.h.
#include "runtime/store/postgres_flush.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "runtime/base/check.h"
#include "runtime/store/short_form.h"

namespace belay::runtime {
namespace {

using Of = PostgresArray::Of;

// Which lanes the flush moves.
class Lanes {
 public:
  explicit Lanes(const std::vector<LaneFence>& fences) {
    for (const LaneFence& fence : fences) {
      if (fence.lane >= static_cast<Lane>(known_.size()))
        known_.resize(static_cast<std::size_t>(fence.lane) + 1);
      known_[static_cast<std::size_t>(fence.lane)] = true;
    }
  }
  // A row of another lane would be dropped in silence.
  void check(Lane lane) const {
    BELAY_CHECK(lane >= 0 && lane < static_cast<Lane>(known_.size()) &&
                    known_[static_cast<std::size_t>(lane)],
                "every row belongs to a lane of the flush");
  }

 private:
  std::vector<bool> known_;
};

void add_fences(const std::vector<LaneFence>& fences, std::int64_t lease_ms, Instant latest,
                PostgresParams& params) {
  PostgresArray lane(Of::kInt4), epoch(Of::kInt8), head(Of::kInt8);
  for (const LaneFence& fence : fences) {
    lane.add_int4(fence.lane);
    epoch.add_int8(fence.epoch);
    head.add_int8(fence.head);
  }
  params.array(std::move(lane))
      .array(std::move(epoch))
      .array(std::move(head))
      .int8(lease_ms)
      .int8(latest.us);
}

// A saga's rows in one flush become one: the last, with the latest snapshot. Most flushes have no
// such pair.
struct MergedInstance {
  const InstanceRow* row;
  const InstanceRow* snapshot;  // whose state counts, or nullptr
  // Entries that are kept in the row, or nullptr.
  const JournalRow* started = nullptr;
  const JournalRow* end = nullptr;
};
struct Rows {
  std::vector<MergedInstance> instances;
  std::vector<const JournalRow*> journal;
};
Rows merge(const Flush& flush, StoredForm form) {
  Rows rows;
  std::vector<MergedInstance>& out = rows.instances;
  out.reserve(flush.instances.size());
  std::unordered_map<std::string_view, std::size_t> seen;
  seen.reserve(flush.instances.size());
  for (const InstanceRow& row : flush.instances) {
    const auto [at, fresh] = seen.try_emplace(row.id, out.size());
    if (fresh) out.push_back({&row, nullptr});
    MergedInstance& merged = out[at->second];
    merged.row = &row;
    if (row.state) merged.snapshot = &row;
  }
  rows.journal.reserve(flush.journal.size());
  for (const JournalRow& entry : flush.journal) {
    const auto at =
        form == StoredForm::kJournalAlone || entry.version != 1 ? seen.end() : seen.find(entry.id);
    MergedInstance* merged = at == seen.end() ? nullptr : &out[at->second];
    if (merged != nullptr && entry.seq == 1 && entry.kind == "Started" &&
        entry.at == merged->row->created_at) {
      merged->started = &entry;
    } else if (merged != nullptr && merged->row->first_end && entry.seq == merged->row->seq) {
      merged->end = &entry;
    } else {
      rows.journal.push_back(&entry);
    }
  }
  return rows;
}

void add_text_or_null(const std::string& text, PostgresArray& to) {
  if (text.empty())
    to.add_null();
  else
    to.add_text(text);
}

// Kinds and bodies in the form that is written.
class Words {
 public:
  explicit Words(StoredForm form) : short_(form == StoredForm::kShort) {}
  bool shorten() const { return short_; }
  void add_kind(const JournalRow& entry, PostgresArray& to) const {
    to.add_text(short_ ? short_kind(entry.kind) : entry.kind);
  }
  void add_body(const JournalRow& entry, PostgresArray& to) {
    to.add_text(short_ ? short_body(entry.body, room_) : entry.body);
  }

 private:
  const bool short_;
  std::string room_;
};

void add_instances(const std::vector<MergedInstance>& rows, const Lanes& lanes, Words& words,
                   const KnownDefinitions& definitions, PostgresParams& params) {
  const std::size_t n = rows.size();
  PostgresArray lane(Of::kInt4, n), id(Of::kUuid, n), tenant(Of::kText, n), workflow(Of::kText, n),
      key(Of::kText, n), created(Of::kInt8, n), version(Of::kInt4, n), definition(Of::kText, n),
      status(Of::kText, n), health(Of::kText, n), seq(Of::kInt8, n), state_seq(Of::kInt8, n),
      since(Of::kInt8, n), due(Of::kInt8, n), updated(Of::kInt8, n), ended(Of::kInt8, n),
      waiting(Of::kText, n), failure(Of::kText, n), state(Of::kText, n), end_seq(Of::kInt4, n),
      end_at(Of::kInt8, n), end_kind(Of::kText, n), end_actor(Of::kText, n), end_body(Of::kText, n),
      started_actor(Of::kText, n), started_body(Of::kText, n);
  for (const auto& [row, snapshot, started, end] : rows) {
    lanes.check(row->lane);
    lane.add_int4(row->lane);
    id.add_uuid(row->id);
    tenant.add_text(row->tenant);
    workflow.add_text(row->workflow);
    key.add_text(row->key);
    created.add_int8(row->created_at.us);
    version.add_int4(static_cast<std::int32_t>(row->workflow_version));
    if (words.shorten() && definitions.holds(*row))
      definition.add_null();
    else
      definition.add_text(row->definition);
    status.add_text(row->status);
    health.add_text(row->health);
    seq.add_int8(static_cast<std::int64_t>(row->seq));
    state_seq.add_int8(snapshot ? static_cast<std::int64_t>(snapshot->state_seq) : 0);
    since.add_int8(row->health_since.us);
    due.add_int8(row->due_at.us);
    updated.add_int8(row->updated_at.us);
    ended.add_int8(row->ended_at.us);
    waiting.add_text(row->waiting_on);
    failure.add_text(row->failure);
    if (snapshot)
      state.add_text(*snapshot->state);
    else
      state.add_null();
    if (end != nullptr) {
      end_seq.add_int4(static_cast<std::int32_t>(end->seq));
      end_at.add_int8(end->at.us);
      words.add_kind(*end, end_kind);
      add_text_or_null(end->actor, end_actor);
      words.add_body(*end, end_body);
    } else {
      for (PostgresArray* column : {&end_seq, &end_at, &end_kind, &end_actor, &end_body})
        column->add_null();
    }
    if (started != nullptr) {
      add_text_or_null(started->actor, started_actor);
      words.add_body(*started, started_body);
    } else {
      for (PostgresArray* column : {&started_actor, &started_body}) column->add_null();
    }
  }
  for (PostgresArray* column :
       {&lane,       &id,        &tenant,   &workflow,      &key,         &created, &version,
        &definition, &status,    &health,   &seq,           &state_seq,   &since,   &due,
        &updated,    &ended,     &waiting,  &failure,       &state,       &end_seq, &end_at,
        &end_kind,   &end_actor, &end_body, &started_actor, &started_body}) {
    params.array(std::move(*column));
  }
}

void add_journal(const std::vector<const JournalRow*>& rows, const Lanes& lanes, Words& words,
                 PostgresParams& params) {
  const std::size_t n = rows.size();
  PostgresArray lane(Of::kInt4, n), id(Of::kUuid, n), seq(Of::kInt4, n), at(Of::kInt8, n),
      version(Of::kInt4, n), kind(Of::kText, n), actor(Of::kText, n), body(Of::kText, n);
  for (const JournalRow* row : rows) {
    lanes.check(row->lane);
    lane.add_int4(row->lane);
    id.add_uuid(row->id);
    seq.add_int4(static_cast<std::int32_t>(row->seq));
    at.add_int8(row->at.us);
    version.add_int4(row->version);
    words.add_kind(*row, kind);
    actor.add_text(row->actor);
    words.add_body(*row, body);
  }
  for (PostgresArray* column : {&lane, &id, &seq, &at, &version, &kind, &actor, &body})
    params.array(std::move(*column));
}

void add_start_keys(const std::vector<StartKeyRow>& rows, const Lanes& lanes,
                    PostgresParams& params) {
  PostgresArray lane(Of::kInt4), tenant(Of::kText), key(Of::kText), saga(Of::kUuid),
      digest(Of::kText), at(Of::kInt8);
  for (const StartKeyRow& row : rows) {
    lanes.check(row.lane);
    lane.add_int4(row.lane);
    tenant.add_text(row.tenant);
    key.add_text(row.key);
    saga.add_uuid(row.saga);
    digest.add_text(row.digest);
    at.add_int8(row.at.us);
  }
  for (PostgresArray* column : {&lane, &tenant, &key, &saga, &digest, &at})
    params.array(std::move(*column));
}

void add_events(const Flush& flush, const Lanes& lanes, PostgresParams& params) {
  const std::set<std::pair<Lane, std::int64_t>> claimed_now(flush.events_claimed.begin(),
                                                            flush.events_claimed.end());
  PostgresArray lane(Of::kInt4), eseq(Of::kInt8), id(Of::kText), tenant(Of::kText), type(Of::kText),
      version(Of::kInt4), key(Of::kText), at(Of::kInt8), claimed(Of::kBool), payload(Of::kJson),
      metadata(Of::kJson);
  for (const EventRow& row : flush.events) {
    lanes.check(row.lane);
    lane.add_int4(row.lane);
    eseq.add_int8(row.eseq);
    id.add_text(row.id);
    tenant.add_text(row.tenant);
    type.add_text(row.type);
    version.add_int4(static_cast<std::int32_t>(row.version));
    key.add_text(row.key);
    at.add_int8(row.at.us);
    claimed.add_bool(row.claimed || claimed_now.contains({row.lane, row.eseq}));
    payload.add_text(row.payload.empty() ? "null" : row.payload);
    metadata.add_text(row.metadata.empty() ? "{}" : row.metadata);
  }
  for (PostgresArray* column :
       {&lane, &eseq, &id, &tenant, &type, &version, &key, &at, &claimed, &payload, &metadata}) {
    params.array(std::move(*column));
  }
  PostgresArray claimed_lane(Of::kInt4), claimed_eseq(Of::kInt8);
  for (const auto& [of_lane, number] : claimed_now) {
    lanes.check(of_lane);
    claimed_lane.add_int4(of_lane);
    claimed_eseq.add_int8(number);
  }
  params.array(std::move(claimed_lane)).array(std::move(claimed_eseq));
}

using SubscriptionKey = std::tuple<Lane, std::string_view, std::string_view, std::string_view,
                                   std::string_view, std::string_view>;
SubscriptionKey key_of(const SubscriptionRow& row) {
  return {row.lane, row.tenant, row.type, row.key, row.saga, row.path};
}

void add_subscriptions(const Flush& flush, const Lanes& lanes, PostgresParams& params) {
  std::set<SubscriptionKey> gone;
  for (const SubscriptionRow& row : flush.subscriptions_gone) gone.insert(key_of(row));
  std::set<SubscriptionKey> made;
  for (const bool going : {false, true}) {
    PostgresArray lane(Of::kInt4), tenant(Of::kText), type(Of::kText), key(Of::kText),
        saga(Of::kUuid), path(Of::kText), since(Of::kInt8);
    for (const SubscriptionRow& row : going ? flush.subscriptions_gone : flush.subscriptions) {
      if (!going && (gone.contains(key_of(row)) || !made.insert(key_of(row)).second)) continue;
      lanes.check(row.lane);
      lane.add_int4(row.lane);
      tenant.add_text(row.tenant);
      type.add_text(row.type);
      key.add_text(row.key);
      saga.add_uuid(row.saga);
      path.add_text(row.path);
      since.add_int8(row.since.us);
    }
    for (PostgresArray* column : {&lane, &tenant, &type, &key, &saga, &path})
      params.array(std::move(*column));
    if (!going) params.array(std::move(since));
  }
}

void add_mail(const Flush& flush, const Lanes& lanes, PostgresParams& params) {
  PostgresArray lane(Of::kInt4), sender(Of::kInt4), number(Of::kInt8), kind(Of::kText),
      body(Of::kJson);
  for (const MailboxRow& row : flush.mail) {
    lanes.check(row.from);
    lane.add_int4(row.to);
    sender.add_int4(row.from);
    number.add_int8(row.number);
    kind.add_text(row.kind);
    body.add_text(row.body.empty() ? "null" : row.body);
  }
  for (PostgresArray* column : {&lane, &sender, &number, &kind, &body})
    params.array(std::move(*column));
  PostgresArray gone_lane(Of::kInt4), gone_sender(Of::kInt4), gone_number(Of::kInt8);
  for (const MailboxRow& row : flush.mail_consumed) {
    lanes.check(row.to);
    gone_lane.add_int4(row.to);
    gone_sender.add_int4(row.from);
    gone_number.add_int8(row.number);
  }
  params.array(std::move(gone_lane)).array(std::move(gone_sender)).array(std::move(gone_number));
}

void add_start_keys_gone(const Flush& flush, const Lanes& lanes, PostgresParams& params) {
  using Key = std::tuple<Lane, std::string_view, std::string_view>;
  std::set<Key> made;
  for (const StartKeyRow& row : flush.start_keys) made.insert({row.lane, row.tenant, row.key});
  PostgresArray lane(Of::kInt4), tenant(Of::kText), key(Of::kText), saga(Of::kUuid);
  for (const StartKeyRow& row : flush.start_keys_gone) {
    if (made.contains({row.lane, row.tenant, row.key})) continue;
    lanes.check(row.lane);
    lane.add_int4(row.lane);
    tenant.add_text(row.tenant);
    key.add_text(row.key);
    saga.add_uuid(row.saga);
  }
  params.array(std::move(lane))
      .array(std::move(tenant))
      .array(std::move(key))
      .array(std::move(saga));
}

void add_dedup(const std::vector<DedupRow>& rows, const Lanes& lanes, PostgresParams& params) {
  PostgresArray lane(Of::kInt4), tenant(Of::kText), scope(Of::kText), key(Of::kText),
      digest(Of::kText), answer(Of::kJson), at(Of::kInt8);
  for (const DedupRow& row : rows) {
    lanes.check(row.lane);
    lane.add_int4(row.lane);
    tenant.add_text(row.tenant);
    scope.add_text(row.scope);
    key.add_text(row.key);
    digest.add_text(row.digest);
    answer.add_text(row.answer.empty() ? "null" : row.answer);
    at.add_int8(row.at.us);
  }
  for (PostgresArray* column : {&lane, &tenant, &scope, &key, &digest, &answer, &at})
    params.array(std::move(*column));
}

// A saga that stands in line and ends within one flush leaves nothing; of two rows of one saga the
// later counts.
void add_turns(const Flush& flush, const Lanes& lanes, PostgresParams& params) {
  using Key = std::tuple<Lane, std::string_view, std::string_view, std::string_view>;
  const auto key_of = [](const TurnRow& row) {
    return Key{row.lane, row.tenant, row.name, row.saga};
  };
  std::set<Key> gone;
  for (const TurnRow& row : flush.turns_gone) gone.insert(key_of(row));
  std::map<Key, const TurnRow*> made;
  for (const TurnRow& row : flush.turns) {
    lanes.check(row.lane);
    if (!gone.contains(key_of(row))) made[key_of(row)] = &row;
  }
  for (const bool going : {false, true}) {
    PostgresArray lane(Of::kInt4), tenant(Of::kText), name(Of::kText), saga(Of::kUuid),
        holding(Of::kBool);
    const auto add = [&](const TurnRow& row) {
      lane.add_int4(row.lane);
      tenant.add_text(row.tenant);
      name.add_text(row.name);
      saga.add_uuid(row.saga);
      holding.add_bool(row.holding);
    };
    if (going) {
      for (const TurnRow& row : flush.turns_gone) {
        lanes.check(row.lane);
        add(row);
      }
    } else {
      for (const auto& [key, row] : made) add(*row);
    }
    for (PostgresArray* column : {&lane, &tenant, &name, &saga}) params.array(std::move(*column));
    if (!going) params.array(std::move(holding));
  }
}

void add_questions(const Flush& flush, const Lanes& lanes, PostgresParams& params) {
  using Key = std::pair<std::string_view, std::string_view>;
  std::set<Key> gone;
  for (const QuestionRow& row : flush.questions_gone) gone.insert({row.saga, row.path});
  std::map<Key, const QuestionRow*> made;
  for (const QuestionRow& row : flush.questions) {
    lanes.check(row.lane);
    if (!gone.contains({row.saga, row.path})) made[{row.saga, row.path}] = &row;
  }
  PostgresArray lane(Of::kInt4), saga(Of::kUuid), path(Of::kText), tenant(Of::kText),
      role(Of::kText), since(Of::kInt8), until(Of::kInt8);
  for (const auto& [key, row] : made) {
    lane.add_int4(row->lane);
    saga.add_uuid(row->saga);
    path.add_text(row->path);
    tenant.add_text(row->tenant);
    role.add_text(row->role);
    since.add_int8(row->since.us);
    until.add_int8(row->until.us);
  }
  for (PostgresArray* column : {&lane, &saga, &path, &tenant, &role, &since, &until})
    params.array(std::move(*column));
  PostgresArray gone_lane(Of::kInt4), gone_saga(Of::kUuid), gone_path(Of::kText);
  for (const QuestionRow& row : flush.questions_gone) {
    lanes.check(row.lane);
    gone_lane.add_int4(row.lane);
    gone_saga.add_uuid(row.saga);
    gone_path.add_text(row.path);
  }
  params.array(std::move(gone_lane)).array(std::move(gone_saga)).array(std::move(gone_path));
}

void add_saga_keys(const std::vector<SagaKeyRow>& rows, const Lanes& lanes,
                   PostgresParams& params) {
  PostgresArray lane(Of::kInt4), saga(Of::kUuid), tenant(Of::kText), wrapped(Of::kText);
  for (const SagaKeyRow& row : rows) {
    lanes.check(row.lane);
    lane.add_int4(row.lane);
    saga.add_uuid(row.saga);
    tenant.add_text(row.tenant);
    wrapped.add_text(row.wrapped);
  }
  params.array(std::move(lane))
      .array(std::move(saga))
      .array(std::move(tenant))
      .array(std::move(wrapped));
}

}  // namespace

FlushStatement flush_statement(const Flush& flush, std::int64_t lease_ms, StoredForm form,
                               const KnownDefinitions& definitions) {
  const bool hot = flush.events.empty() && flush.events_claimed.empty() &&
                   flush.subscriptions.empty() && flush.subscriptions_gone.empty() &&
                   flush.mail.empty() && flush.mail_consumed.empty() &&
                   flush.start_keys_gone.empty() && flush.dedup.empty();
  const bool rare = !(flush.turns.empty() && flush.turns_gone.empty() && flush.questions.empty() &&
                      flush.questions_gone.empty() && flush.saga_keys.empty());
  const Lanes lanes(flush.lanes);
  FlushStatement out{rare ? "flush_rare" : hot ? "flush_hot" : "flush_full", {}};
  add_fences(flush.lanes, lease_ms, latest(flush), out.params);
  const Rows rows = merge(flush, form);
  Words words(form);
  add_instances(rows.instances, lanes, words, definitions, out.params);
  add_journal(rows.journal, lanes, words, out.params);
  add_start_keys(flush.start_keys, lanes, out.params);
  if (hot && !rare) return out;
  add_events(flush, lanes, out.params);
  add_subscriptions(flush, lanes, out.params);
  add_mail(flush, lanes, out.params);
  add_start_keys_gone(flush, lanes, out.params);
  add_dedup(flush.dedup, lanes, out.params);
  if (!rare) return out;
  add_turns(flush, lanes, out.params);
  add_questions(flush, lanes, out.params);
  add_saga_keys(flush.saga_keys, lanes, out.params);
  return out;
}

void note_growth(const Flush& flush, TableGrowth& growth) {
  using Table = TableGrowth::Table;
  growth.wrote(Table::kInstance, flush.instances.size());
  growth.wrote(Table::kJournal, flush.journal.size());
  growth.wrote(Table::kEvent, flush.events.size());
  growth.wrote(Table::kSubscription, flush.subscriptions.size());
  growth.wrote(Table::kMailbox, flush.mail.size());
  growth.wrote(Table::kStartKey, flush.start_keys.size());
  growth.wrote(Table::kDedup, flush.dedup.size());
  growth.wrote(Table::kQuestion, flush.questions.size());
}

}  // namespace belay::runtime
