// The store on Postgres: one connection that writes, a small pool that reads. The interesting part
// is what happens when a flush is answered by anything but success; the rest is statements with
// names. See postgres_store.h.
#include "runtime/store/postgres_store.h"

#include <algorithm>
#include <charconv>
#include <mutex>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/store/losing_commits.h"
#include "runtime/store/migrations.h"
#include "runtime/store/postgres_flush.h"
#include "runtime/store/postgres_guard.h"
#include "runtime/store/postgres_lanes.h"
#include "runtime/store/postgres_owner.h"
#include "runtime/store/postgres_pool.h"
#include "runtime/store/postgres_rows.h"

namespace belay::runtime {
namespace {

using Of = PostgresArray::Of;

constexpr std::size_t kReadConnections = 2;
constexpr std::int64_t kPartitionsEvery = 24LL * 3600 * 1'000'000;  // microseconds
constexpr int kMonthsAhead = 3;
constexpr std::int64_t kMarksEvery = 60LL * 1'000'000;  // microseconds
constexpr std::int64_t kYoungMs = 60'000;

std::vector<Lane> lanes_in(std::string_view comma_separated) {
  std::vector<Lane> lanes;
  const char* at = comma_separated.data();
  const char* end = at + comma_separated.size();
  while (at < end) {
    Lane lane = 0;
    at = std::from_chars(at, end, lane).ptr + 1;
    lanes.push_back(lane);
  }
  return lanes;
}

class PostgresStore final : public Store {
 public:
  PostgresStore(PostgresOptions options, std::unique_ptr<PostgresConnection> writer,
                std::shared_ptr<TableGrowth> growth)
      : growth_(std::move(growth)),
        options_(std::move(options)),
        writer_(std::move(writer)),
        readers_(options_, kReadConnections),
        lanes_(options_) {}

  FlushResult flush(const Flush& flush, std::size_t writer) override;
  Result<std::vector<ClaimedLane>> claim(const Claim& claim) override {
    return lanes_.claim(claim);
  }
  Result<void> release(const std::string& owner, const std::vector<LaneFence>& lanes) override {
    return lanes_.release(owner, lanes);
  }
  Result<void> release_lanes(const std::string& owner) override {
    return lanes_.release_all(owner);
  }
  Result<Cluster> beat(const NodeBeat& me) override { return lanes_.beat(me); }
  Result<void> forgive_crashes(const std::string& owner, const std::vector<Lane>& lanes) override;

  Result<std::vector<std::pair<Lane, std::int64_t>>> last_events(
      const std::vector<Lane>& lanes) override;
  Result<std::vector<SagaId>> running_sagas(Lane lane) override;
  Result<std::vector<LoadedSaga>> load_sagas(
      const std::vector<std::pair<Lane, SagaId>>& which) override;
  Result<std::vector<JournalRow>> journal(Lane lane, const SagaId& saga) override;
  Result<std::vector<DueSaga>> due_sagas(DueTime time, std::size_t limit,
                                         const std::vector<Lane>& lanes) override;
  Result<std::vector<MailboxRow>> mailbox(const MailQuery& query) override;
  Result<bool> carry_in(const std::vector<MailboxRow>& rows, Instant read_at) override;
  Result<void> carried_out(const std::vector<MailboxRow>& rows) override;
  Result<void> forget_carried(const std::vector<Lane>& to, const std::vector<Lane>& from) override;
  Result<std::vector<SubscriptionRow>> subscriptions_of(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string>>& topics) override;
  Result<std::vector<EventRow>> events_since(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string, Instant>>& topics)
      override;
  Result<std::vector<StartKeyRow>> start_keys(
      const std::vector<std::tuple<Lane, std::string, std::string>>& keys) override;
  Result<std::vector<DedupRow>> dedup(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string>>& keys) override;
  Result<std::vector<TurnRow>> turns(
      const std::vector<std::tuple<Lane, std::string, std::string>>& names) override;
  Result<std::vector<SagaKeyRow>> saga_keys(
      const std::vector<std::pair<Lane, SagaId>>& which) override;
  Result<std::map<SagaId, Lane>> find_sagas(
      const std::vector<std::pair<std::string, SagaId>>& which) override;
  Result<Instant> database_now(std::size_t cell) override;
  Result<void> put_definition(const std::string& workflow, std::uint32_t version,
                              const std::string& hash, const std::string& graph) override;
  Result<std::string> get_definition(const std::string& hash) override;

 private:
  PostgresResult<void> connect_writer();
  FlushResult answer(const Flush& flush, const PostgresRows& rows);
  FlushResult refused(const PostgresFailure& failure);
  // What became of a flush whose answer did not come: kCommitted or kFenced; kDown with `same` set
  // when no fence moved.
  FlushResult look(const Flush& flush, bool& same);
  FlushResult down(const PostgresFailure& failure);
  void keep_house();
  template <class F>
  auto read_rows(const char* statement, const PostgresParams& params, std::string_view doing,
                 F&& row)
      -> Result<std::vector<decltype(row(std::declval<const PostgresRows&>(), std::size_t{}))>>;

  const std::shared_ptr<TableGrowth> growth_;  // under writer_mutex_
  const PostgresOptions options_;
  std::mutex writer_mutex_;
  std::unique_ptr<PostgresConnection> writer_;
  bool unsafe_seen_ = false;  // and not made up for
  PostgresPool readers_;
  PostgresLanes lanes_;
  KnownDefinitions definitions_;
  // Loader thread only; monotonic.
  std::int64_t partitions_made_at_ = 0, marks_moved_at_ = 0;
};

// ---- The flush

PostgresResult<void> PostgresStore::connect_writer() {
  if (writer_ != nullptr && !writer_->lost()) return {};
  writer_.reset();  // the old backend is told before a new one is asked for
  auto opened = PostgresConnection::open(options_);
  if (!opened) return tl::unexpected(opened.error());
  // What was fit at the start need not be now: another server after a failover, another setting of
  // the role.
  if (const auto fine = guard(**opened, options_); !fine) {
    PostgresFailure refused;
    refused.lost = (*opened)->lost();
    refused.message = to_text(fine.error());
    return tl::unexpected(std::move(refused));
  }
  if (unsafe_seen_) {  // what was committed meanwhile is made to last by a commit that waits for
                       // the disk
    if (auto lasting = (*opened)->run("commit_for_good"); !lasting)
      return tl::unexpected(lasting.error());
    unsafe_seen_ = false;
  }
  writer_ = std::move(*opened);
  return writer_->use_generic_plans();
}

FlushResult PostgresStore::flush(const Flush& flush, std::size_t) {
  const std::lock_guard lock(writer_mutex_);
  FlushStatement statement = flush_statement(flush, options_.lease_ms, lanes_.form(), definitions_);
  bool partitions_tried = false;
  for (int attempt = 1;; ++attempt) {
    if (auto connected = connect_writer(); !connected) return down(connected.error());
    auto rows = writer_->run(statement.name, statement.params);
    if (rows) {
      note_growth(flush, *growth_);
      FlushResult result = answer(flush, *rows);
      result.in_doubt = attempt > 1;  // what was sent before may have landed after we looked
      return result;
    }
    if (!rows.error().lost) {
      const bool no_partition =
          rows.error().message.find("no partition of relation") != std::string::npos;
      if (!no_partition || partitions_tried) return refused(rows.error());
      partitions_tried = true;  // they were not made ahead, or some clock is or was wrong: what is
                                // written needs them
      PostgresArray sagas(Of::kUuid), events(Of::kInt8);
      for (const JournalRow& row : flush.journal) sagas.add_uuid(row.id);
      for (const EventRow& row : flush.events) events.add_int8(row.eseq);
      auto made = writer_->run("make_months",
                               PostgresParams().array(std::move(sagas)).array(std::move(events)));
      if (!made) return refused(made.error());
      continue;
    }
    // In doubt. Connect once more and see which it was.
    const PostgresFailure failure = rows.error();
    if (attempt > 1) return down(failure);
    if (auto connected = connect_writer(); !connected) return down(connected.error());
    bool same = false;
    FlushResult seen = look(flush, same);
    if (!same) return seen;
  }
}

FlushResult PostgresStore::answer(const Flush& flush, const PostgresRows& rows) {
  if (!rows.flag(0, 2) && !options_.unsafe_commits_for_tests) {
    // Switched off under way. It may have landed and may be lost again: nobody is answered before a
    // connection that the guard lets pass has found it.
    unsafe_seen_ = true;
    writer_.reset();
    PostgresFailure unsafe;
    unsafe.message =
        std::string("the database runs with fsync=off or synchronous_commit=off and ") +
        kLosesCommits;
    return down(unsafe);
  }
  const std::vector<Lane> moved = lanes_in(rows.text(0, 0));
  FlushResult result;
  result.db_now = {rows.number(0, 1)};
  if (moved.size() == flush.lanes.size()) return result;
  // A fence that did not move belongs to somebody else, or this very flush landed before, when its
  // answer was lost.
  bool same = false;
  FlushResult seen = look(flush, same);
  if (seen.kind == FlushResult::Kind::kDown) return seen;
  std::erase_if(seen.fenced, [&](Lane lane) {
    return std::find(moved.begin(), moved.end(), lane) != moved.end();
  });
  seen.kind = seen.fenced.empty() ? FlushResult::Kind::kCommitted : FlushResult::Kind::kFenced;
  if (seen.fenced.empty()) seen.message.clear();
  seen.db_now = result.db_now;
  return seen;
}

FlushResult PostgresStore::look(const Flush& flush, bool& same) {
  same = false;
  PostgresArray lanes(Of::kInt4);
  for (const LaneFence& fence : flush.lanes) lanes.add_int4(fence.lane);
  auto rows = writer_->run("fences", PostgresParams().array(std::move(lanes)));
  if (!rows) return down(rows.error());
  auto now = writer_->run("database_now");
  if (!now) return down(now.error());
  FlushResult result;
  result.db_now = {now->number(0, 0)};
  std::size_t unmoved = 0;
  for (const LaneFence& fence : flush.lanes) {
    bool landed = false, still = false;
    for (std::size_t i = 0; i < rows->size(); ++i) {
      if (rows->number(i, 0) != fence.lane || rows->number(i, 1) != fence.epoch) continue;
      landed = rows->number(i, 2) == fence.head + 1;
      still = rows->number(i, 2) == fence.head;
    }
    if (still) ++unmoved;
    if (!landed) result.fenced.push_back(fence.lane);
  }
  if (result.fenced.empty()) return result;
  // All fences of lanes that are still ours move together. None moved: it did not land, and may be
  // sent again as it is.
  if (unmoved == result.fenced.size() && unmoved == flush.lanes.size()) {
    same = true;
    result.kind = FlushResult::Kind::kDown;
    result.fenced.clear();
    return result;
  }
  const bool none_landed = result.fenced.size() == flush.lanes.size();
  if (none_landed &&
      unmoved > 0) {  // some lanes are gone, the others' rows were not written: send them again
    same = true;
    result.kind = FlushResult::Kind::kDown;
    result.fenced.clear();
    return result;
  }
  result.kind = FlushResult::Kind::kFenced;
  result.in_doubt = true;  // whoever has them now may have come after it landed
  result.message = "lanes belong to another node now";
  return result;
}

FlushResult PostgresStore::refused(const PostgresFailure& failure) {
  FlushResult result = down(failure);
  // 21: one row twice in a statement; like bad data it stays what it is however often it is sent.
  if (failure.is_data_error() || failure.sqlstate.starts_with("21"))
    result.kind = FlushResult::Kind::kDataError;
  return result;
}

FlushResult PostgresStore::down(const PostgresFailure& failure) {
  FlushResult result;
  result.kind = FlushResult::Kind::kDown;
  result.message = failure.message;
  if (!failure.sqlstate.empty()) result.message += " (" + failure.sqlstate + ")";
  // A standby, or a server about to stop: another connection may find another server.
  if (failure.sqlstate == "25006" && writer_ != nullptr) writer_.reset();
  return result;
}

// ---- Lanes

Result<void> PostgresStore::forgive_crashes(const std::string& owner,
                                            const std::vector<Lane>& lanes) {
  // Between two flushes, on their connection: beside one, both would lock lanes, each in its own
  // order.
  const std::lock_guard lock(writer_mutex_);
  static constexpr std::string_view kDoing = "forgive earlier crashes";
  if (auto connected = connect_writer(); !connected)
    return fail(to_failure(connected.error(), kDoing));
  PostgresArray of(Of::kInt4);
  for (const Lane lane : lanes_or_all(lanes)) of.add_int4(lane);
  auto rows = writer_->run("forgive_crashes",
                           PostgresParams().text(owner).text(this_process()).array(std::move(of)));
  if (!rows) return fail(to_failure(rows.error(), kDoing));
  return {};
}

// ---- Reading

template <class F>
auto PostgresStore::read_rows(const char* statement, const PostgresParams& params,
                              std::string_view doing, F&& row)
    -> Result<std::vector<decltype(row(std::declval<const PostgresRows&>(), std::size_t{}))>> {
  auto rows = readers_.read(statement, params);
  if (!rows) return fail(to_failure(rows.error(), doing));
  std::vector<decltype(row(std::declval<const PostgresRows&>(), std::size_t{}))> out;
  out.reserve(rows->size());
  for (std::size_t i = 0; i < rows->size(); ++i) out.push_back(row(*rows, i));
  return out;
}

Result<std::vector<std::pair<Lane, std::int64_t>>> PostgresStore::last_events(
    const std::vector<Lane>& lanes) {
  PostgresArray array(Of::kInt4);
  for (const Lane lane : lanes) array.add_int4(lane);
  return read_rows("last_events", PostgresParams().array(std::move(array)),
                   "tell the last events of lanes", [](const PostgresRows& rows, std::size_t i) {
                     return std::pair(static_cast<Lane>(rows.number(i, 0)), rows.number(i, 1));
                   });
}

Result<std::vector<SagaId>> PostgresStore::running_sagas(Lane lane) {
  return read_rows("running_sagas", PostgresParams().int4(lane), "list running sagas",
                   [](const PostgresRows& rows, std::size_t i) { return rows.str(i, 0); });
}

Result<std::vector<LoadedSaga>> PostgresStore::load_sagas(
    const std::vector<std::pair<Lane, SagaId>>& which) {
  PostgresArray lanes(Of::kInt4), ids(Of::kUuid);
  for (const auto& [lane, id] : which) {
    if (!is_uuid(id)) continue;
    lanes.add_int4(lane);
    ids.add_uuid(id);
  }
  auto instances =
      read_rows("load_instances", PostgresParams().array(std::move(lanes)).array(std::move(ids)),
                "load sagas", instance_of);
  if (!instances) return fail(instances.error());
  PostgresArray of_lane(Of::kInt4), of_id(Of::kUuid), after(Of::kInt4);
  std::vector<LoadedSaga> sagas;
  sagas.reserve(instances->size());
  for (InstanceRow& row : *instances) {
    of_lane.add_int4(row.lane);
    of_id.add_uuid(row.id);
    after.add_int4(row.state ? static_cast<std::int32_t>(row.state_seq) : 0);
    sagas.push_back({std::move(row), {}});
  }
  auto entries = read_rows(
      "load_journals",
      PostgresParams().array(std::move(of_lane)).array(std::move(of_id)).array(std::move(after)),
      "load journals", journal_of);
  if (!entries) return fail(entries.error());
  std::size_t saga = 0;  // both lists are in the same order
  for (JournalRow& row : *entries) {
    while (saga < sagas.size() && sagas[saga].row.id != row.id) ++saga;
    BELAY_CHECK(saga < sagas.size(), "journals come in the order of their sagas");
    sagas[saga].journal.push_back(std::move(row));
  }
  return sagas;
}

Result<std::vector<JournalRow>> PostgresStore::journal(Lane lane, const SagaId& saga) {
  if (!is_uuid(saga)) return std::vector<JournalRow>{};
  PostgresArray of_lane(Of::kInt4), of_id(Of::kUuid), after(Of::kInt4);
  of_lane.add_int4(lane);
  of_id.add_uuid(saga);
  after.add_int4(0);
  return read_rows(
      "load_journals",
      PostgresParams().array(std::move(of_lane)).array(std::move(of_id)).array(std::move(after)),
      "load a journal", journal_of);
}

Result<std::vector<DueSaga>> PostgresStore::due_sagas(DueTime time, std::size_t limit,
                                                      const std::vector<Lane>& lanes) {
  keep_house();
  PostgresArray of(Of::kInt4);
  for (const Lane lane : lanes) of.add_int4(lane);
  return read_rows(
      "due_sagas",
      PostgresParams()
          .int8(time.until.us)
          .int8(static_cast<std::int64_t>(limit))
          .array(std::move(of))
          .int8(std::max<std::int64_t>(time.from.us, 1)),
      "list due sagas", [](const PostgresRows& rows, std::size_t i) {
        return DueSaga{static_cast<Lane>(rows.number(i, 0)), rows.str(i, 1), {rows.number(i, 2)}};
      });
}

// The engine asks for due sagas for ever, which makes this the place that is visited every minute
// and every day.
void PostgresStore::keep_house() {
  const std::int64_t now = monotonic_us();
  if (marks_moved_at_ == 0 || now - marks_moved_at_ >= kMarksEvery) {
    marks_moved_at_ = now;
    for (const Lane lane : lanes_.owned()) {
      // A failure only means that a restart has more to read.
      if (!readers_.read("move_mark", PostgresParams().int4(lane).int8(kYoungMs))) break;
    }
  }
  if (partitions_made_at_ == 0 || now - partitions_made_at_ >= kPartitionsEvery) {
    partitions_made_at_ = now;  // a failure is tried again tomorrow; three months are made ahead
    (void)readers_.read("make_partitions", PostgresParams().int4(kMonthsAhead));
  }
}

Result<std::vector<MailboxRow>> PostgresStore::mailbox(const MailQuery& query) {
  PostgresArray to(Of::kInt4), not_from(Of::kInt4);
  for (const Lane lane : lanes_or_all(query.to)) to.add_int4(lane);
  for (const Lane lane : query.not_from) not_from.add_int4(lane);
  PostgresParams params;
  params.array(std::move(to)).array(std::move(not_from));
  params.int8(static_cast<std::int64_t>(std::min<std::size_t>(query.at_most, INT64_MAX)));
  return read_rows("mailbox", params, "read mail", [](const PostgresRows& rows, std::size_t i) {
    return MailboxRow{.to = static_cast<Lane>(rows.number(i, 0)),
                      .from = static_cast<Lane>(rows.number(i, 1)),
                      .number = rows.number(i, 2),
                      .kind = rows.str(i, 3),
                      .body = rows.str(i, 4)};
  });
}

Result<bool> PostgresStore::carry_in(const std::vector<MailboxRow>& rows, Instant read_at) {
  PostgresArray to(Of::kInt4), from(Of::kInt4), number(Of::kInt8), kind(Of::kText), body(Of::kText);
  for (const MailboxRow& row : rows) {
    to.add_int4(row.to);
    from.add_int4(row.from);
    number.add_int8(row.number);
    kind.add_text(row.kind);
    body.add_text(row.body);
  }
  PostgresParams params;
  params.array(std::move(to))
      .array(std::move(from))
      .array(std::move(number))
      .array(std::move(kind));
  params.array(std::move(body)).int8(read_at.us + kCarryWithinUs);
  const auto taken = readers_.read("carry_mail_in", params);
  if (!taken) return fail(to_failure(taken.error(), "take mail of another cell"));
  return taken->flag(0, 0);
}

Result<void> PostgresStore::carried_out(const std::vector<MailboxRow>& rows) {
  PostgresArray to(Of::kInt4), from(Of::kInt4), number(Of::kInt8);
  for (const MailboxRow& row : rows) {
    to.add_int4(row.to);
    from.add_int4(row.from);
    number.add_int8(row.number);
  }
  const auto gone = readers_.read(
      "carried_mail_out",
      PostgresParams().array(std::move(to)).array(std::move(from)).array(std::move(number)));
  if (!gone) return fail(to_failure(gone.error(), "let go of mail for another cell"));
  return {};
}

Result<void> PostgresStore::forget_carried(const std::vector<Lane>& to,
                                           const std::vector<Lane>& from) {
  PostgresArray receivers(Of::kInt4), senders(Of::kInt4);
  for (const Lane lane : to) receivers.add_int4(lane);
  for (const Lane lane : from) senders.add_int4(lane);
  const auto gone = readers_.read("forget_carried", PostgresParams()
                                                        .array(std::move(receivers))
                                                        .array(std::move(senders))
                                                        .int8(kRememberCarriedUs));
  if (!gone) return fail(to_failure(gone.error(), "forget mail of another cell"));
  return {};
}

Result<std::vector<SubscriptionRow>> PostgresStore::subscriptions_of(
    const std::vector<std::tuple<Lane, std::string, std::string, std::string>>& topics) {
  PostgresArray lanes(Of::kInt4), tenants(Of::kText), types(Of::kText), keys(Of::kText);
  for (const auto& [lane, tenant, type, key] : topics) {
    lanes.add_int4(lane);
    tenants.add_text(tenant);
    types.add_text(type);
    keys.add_text(key);
  }
  PostgresParams params;
  params.array(std::move(lanes))
      .array(std::move(tenants))
      .array(std::move(types))
      .array(std::move(keys));
  return read_rows("subscriptions_of", params, "read subscriptions",
                   [](const PostgresRows& rows, std::size_t i) {
                     return SubscriptionRow{.lane = static_cast<Lane>(rows.number(i, 0)),
                                            .tenant = rows.str(i, 1),
                                            .type = rows.str(i, 2),
                                            .key = rows.str(i, 3),
                                            .saga = rows.str(i, 4),
                                            .path = rows.str(i, 5),
                                            .since = {rows.number(i, 6)}};
                   });
}

Result<std::vector<EventRow>> PostgresStore::events_since(
    const std::vector<std::tuple<Lane, std::string, std::string, std::string, Instant>>& topics) {
  PostgresArray lanes(Of::kInt4), tenants(Of::kText), types(Of::kText), keys(Of::kText),
      since(Of::kInt8);
  for (const auto& [lane, tenant, type, key, at] : topics) {
    lanes.add_int4(lane);
    tenants.add_text(tenant);
    types.add_text(type);
    keys.add_text(key);
    since.add_int8(at.us);
  }
  PostgresParams params;
  params.array(std::move(lanes))
      .array(std::move(tenants))
      .array(std::move(types))
      .array(std::move(keys));
  return read_rows("events_since", params.array(std::move(since)), "read events", event_of);
}

Result<std::vector<StartKeyRow>> PostgresStore::start_keys(
    const std::vector<std::tuple<Lane, std::string, std::string>>& keys) {
  PostgresArray lanes(Of::kInt4), tenants(Of::kText), texts(Of::kText);
  PostgresArray away_tenants(Of::kText), away(Of::kText);
  for (const auto& [lane, tenant, key] : keys) {
    if (lane != kAnyLane) lanes.add_int4(lane);
    (lane == kAnyLane ? away_tenants : tenants).add_text(tenant);
    (lane == kAnyLane ? away : texts).add_text(key);
  }
  PostgresParams params;
  params.array(std::move(lanes)).array(std::move(tenants)).array(std::move(texts));
  params.array(std::move(away_tenants)).array(std::move(away));
  return read_rows("start_keys", params, "read start keys",
                   [](const PostgresRows& rows, std::size_t i) {
                     return StartKeyRow{.lane = static_cast<Lane>(rows.number(i, 0)),
                                        .tenant = rows.str(i, 1),
                                        .key = rows.str(i, 2),
                                        .saga = rows.str(i, 3),
                                        .digest = rows.str(i, 4),
                                        .at = {rows.number(i, 5)}};
                   });
}

Result<std::vector<DedupRow>> PostgresStore::dedup(
    const std::vector<std::tuple<Lane, std::string, std::string, std::string>>& keys) {
  PostgresArray lanes(Of::kInt4), tenants(Of::kText), scopes(Of::kText), texts(Of::kText);
  for (const auto& [lane, tenant, scope, key] : keys) {
    lanes.add_int4(lane);
    tenants.add_text(tenant);
    scopes.add_text(scope);
    texts.add_text(key);
  }
  PostgresParams params;
  params.array(std::move(lanes))
      .array(std::move(tenants))
      .array(std::move(scopes))
      .array(std::move(texts));
  return read_rows("dedup", params, "read remembered requests",
                   [](const PostgresRows& rows, std::size_t i) {
                     return DedupRow{.lane = static_cast<Lane>(rows.number(i, 0)),
                                     .tenant = rows.str(i, 1),
                                     .scope = rows.str(i, 2),
                                     .key = rows.str(i, 3),
                                     .digest = rows.str(i, 4),
                                     .answer = rows.str(i, 5),
                                     .at = {rows.number(i, 6)}};
                   });
}

Result<std::vector<TurnRow>> PostgresStore::turns(
    const std::vector<std::tuple<Lane, std::string, std::string>>& names) {
  PostgresArray lanes(Of::kInt4), tenants(Of::kText), texts(Of::kText);
  for (const auto& [lane, tenant, name] : names) {
    lanes.add_int4(lane);
    tenants.add_text(tenant);
    texts.add_text(name);
  }
  PostgresParams params;
  params.array(std::move(lanes)).array(std::move(tenants)).array(std::move(texts));
  return read_rows("turns", params, "read turns", [](const PostgresRows& rows, std::size_t i) {
    return TurnRow{.lane = static_cast<Lane>(rows.number(i, 0)),
                   .tenant = rows.str(i, 1),
                   .name = rows.str(i, 2),
                   .saga = rows.str(i, 3),
                   .holding = rows.flag(i, 4)};
  });
}

Result<std::vector<SagaKeyRow>> PostgresStore::saga_keys(
    const std::vector<std::pair<Lane, SagaId>>& which) {
  PostgresArray lanes(Of::kInt4), ids(Of::kUuid);
  for (const auto& [lane, id] : which) {
    if (!is_uuid(id)) continue;
    lanes.add_int4(lane);
    ids.add_uuid(id);
  }
  return read_rows("saga_keys", PostgresParams().array(std::move(lanes)).array(std::move(ids)),
                   "read keys of sagas", [](const PostgresRows& rows, std::size_t i) {
                     return SagaKeyRow{.lane = static_cast<Lane>(rows.number(i, 0)),
                                       .saga = rows.str(i, 1),
                                       .tenant = {},
                                       .wrapped = rows.str(i, 2)};
                   });
}

Result<std::map<SagaId, Lane>> PostgresStore::find_sagas(
    const std::vector<std::pair<std::string, SagaId>>& which) {
  PostgresArray tenants(Of::kText), ids(Of::kUuid);
  for (const auto& [tenant, id] : which) {
    if (!is_uuid(id)) continue;
    tenants.add_text(tenant);
    ids.add_uuid(id);
  }
  auto rows =
      readers_.read("find_sagas", PostgresParams().array(std::move(tenants)).array(std::move(ids)));
  if (!rows) return fail(to_failure(rows.error(), "find sagas"));
  std::map<SagaId, Lane> lanes;
  for (std::size_t i = 0; i < rows->size(); ++i)
    lanes.emplace(rows->str(i, 0), static_cast<Lane>(rows->number(i, 1)));
  return lanes;
}

Result<Instant> PostgresStore::database_now(std::size_t) {
  auto rows = readers_.read("database_now");
  if (!rows) return fail(to_failure(rows.error(), "tell the time"));
  return Instant{rows->number(0, 0)};
}

// ---- Definitions

Result<void> PostgresStore::put_definition(const std::string& workflow, std::uint32_t version,
                                           const std::string& hash, const std::string& graph) {
  const PostgresParams params = PostgresParams()
                                    .text(hash)
                                    .text(workflow)
                                    .int4(static_cast<std::int32_t>(version))
                                    .bytes(graph);
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto rows = readers_.read("put_definition", params);
    if (!rows) return fail(to_failure(rows.error(), "store a definition"));
    for (std::size_t i = 0; i < rows->size(); ++i) {
      if (rows->text(i, 0) != hash) continue;
      if (rows->text(i, 1) == workflow && rows->number(i, 2) == version)
        definitions_.add(workflow, version, hash);
      return {};
    }
    if (rows->size() > 0) {
      return fail(ErrorCode::kConflict,
                  "version " + std::to_string(version) + " of workflow `" + workflow +
                      "` is known with other content (" + rows->str(0, 0).substr(0, 12) + ")",
                  "give the changed workflow a new version");
    }
    // Nothing inserted and nothing seen: somebody stored it a moment ago. Look again.
  }
  return fail(ErrorCode::kUnavailable, "a definition is being stored by somebody else");
}

Result<std::string> PostgresStore::get_definition(const std::string& hash) {
  auto rows = readers_.read("get_definition", PostgresParams().text(hash));
  if (!rows) return fail(to_failure(rows.error(), "read a definition"));
  if (rows->size() == 0)
    return fail(ErrorCode::kNotFound, "no definition has the hash " + hash.substr(0, 64));
  definitions_.add(rows->str(0, 1), static_cast<std::uint32_t>(rows->number(0, 2)), hash);
  const std::string_view hex = rows->text(0, 0);
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string graph;
  graph.reserve(hex.size() / 2);
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    graph += static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1]));
  return graph;
}

}  // namespace

Result<std::unique_ptr<Store>> open_postgres_store(PostgresOptions options) {
  const auto growth = std::make_shared<TableGrowth>();
  options.growth = growth;
  auto writer = PostgresConnection::open(options);
  if (!writer) return fail(to_failure(writer.error(), "answer"));
  if (auto fine = guard(**writer, options); !fine) return fail(fine.error());
  if (auto fine = check_schema(**writer); !fine) return fail(fine.error());
  if (auto generic = (*writer)->use_generic_plans(); !generic) {
    return fail(to_failure(generic.error(), "set up a connection"));
  }
  return std::make_unique<PostgresStore>(std::move(options), std::move(*writer), growth);
}

}  // namespace belay::runtime
