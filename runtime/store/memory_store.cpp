// See memory_store.h.
#include "runtime/store/memory_store.h"

#include <algorithm>
#include <chrono>
#include <tuple>

#include "interpreter/defects.h"
#include "runtime/base/check.h"

namespace belay::runtime {
namespace {

tl::unexpected<Failure> no_database() {
  return fail(ErrorCode::kUnavailable, "the database does not answer");
}

}  // namespace

MemoryStore::MemoryStore(std::int32_t lanes) : lanes_(static_cast<std::size_t>(lanes)) {}

void MemoryStore::refuse_rows(std::function<bool(const JournalRow&)> bad) {
  std::lock_guard lock(mutex_);
  bad_ = std::move(bad);
}
void MemoryStore::take_over(const std::vector<Lane>& lanes) {
  std::lock_guard lock(mutex_);
  for (const Lane lane : lanes) {
    LaneRow& row = lanes_[static_cast<std::size_t>(lane)];
    row.owner = "somebody else";
    ++row.epoch;
    row.lease_until = {now().us + lease_ms_ * 1'000};
  }
}
void MemoryStore::forget_owner() {
  std::lock_guard lock(mutex_);
  for (LaneRow& lane : lanes_) lane.owner.clear();
  nodes_.clear();
}
void MemoryStore::kill(const std::string& node) {
  std::lock_guard lock(mutex_);
  dead_.insert(node);
  nodes_.erase(node);
}
void MemoryStore::before_flush(std::function<void()> hook) {
  std::lock_guard lock(mutex_);
  before_flush_ = std::move(hook);
}
void MemoryStore::after_events_read(std::function<void()> hook) {
  std::lock_guard lock(mutex_);
  after_events_read_ = std::move(hook);
}
void MemoryStore::after_mailbox_read(std::function<void(const MailQuery&)> hook) {
  std::lock_guard lock(mutex_);
  after_mailbox_read_ = std::move(hook);
}
void MemoryStore::damage_journal(const SagaId& saga) {
  std::lock_guard lock(mutex_);
  journal_.erase(journal_.lower_bound({saga, 0}));
}

void MemoryStore::set_health(const SagaId& saga, const std::string& health) {
  std::lock_guard lock(mutex_);
  instances_.at(saga).health = health;
}

std::vector<SagaId> MemoryStore::sagas() const {
  std::lock_guard lock(mutex_);
  std::vector<SagaId> ids;
  for (const auto& [id, row] : instances_) ids.push_back(id);
  return ids;
}

MemoryStore::Counts MemoryStore::counts() const {
  std::lock_guard lock(mutex_);
  Counts counts;
  counts.carried = carried_.size();
  counts.instances = instances_.size();
  counts.journal = journal_.size();
  counts.events = events_.size();
  counts.subscriptions = subscriptions_.size();
  counts.mail = mail_.size();
  counts.start_keys = start_keys_.size();
  counts.dedup = dedup_.size();
  counts.turns = turns_.size();
  counts.questions = questions_.size();
  counts.flushes = flushes_;
  for (const auto& [key, event] : events_) counts.unclaimed_events += event.claimed ? 0 : 1;
  return counts;
}
std::vector<JournalRow> MemoryStore::journal_of(const SagaId& saga) const {
  std::lock_guard lock(mutex_);
  std::vector<JournalRow> rows;
  for (auto it = journal_.lower_bound({saga, 0}); it != journal_.end() && it->first.first == saga;
       ++it) {
    rows.push_back(it->second);
  }
  return rows;
}
std::optional<InstanceRow> MemoryStore::instance(const SagaId& saga) const {
  std::lock_guard lock(mutex_);
  const auto found = instances_.find(saga);
  return found == instances_.end() ? std::nullopt : std::optional<InstanceRow>(found->second);
}
std::vector<EventRow> MemoryStore::events() const {
  std::lock_guard lock(mutex_);
  std::vector<EventRow> rows;
  for (const auto& [key, row] : events_) rows.push_back(row);
  return rows;
}

std::vector<DedupRow> MemoryStore::remembered(const std::string& scope) const {
  std::lock_guard lock(mutex_);
  std::vector<DedupRow> rows;
  for (const auto& [key, row] : dedup_) {
    if (row.scope == scope) rows.push_back(row);
  }
  return rows;
}
std::vector<QuestionRow> MemoryStore::questions() const {
  std::lock_guard lock(mutex_);
  std::vector<QuestionRow> rows;
  for (const auto& [key, row] : questions_) rows.push_back(row);
  return rows;
}
std::string MemoryStore::everything() const {
  std::lock_guard lock(mutex_);
  std::string all;
  for (const auto& [id, row] : instances_) {
    all +=
        row.key + '\n' + row.waiting_on + '\n' + row.failure + '\n' + row.state.value_or("") + '\n';
  }
  for (const auto& [key, row] : journal_) all += row.actor + '\n' + row.body + '\n';
  for (const auto& [key, row] : events_)
    all += row.id + '\n' + row.key + '\n' + row.payload + '\n' + row.metadata + '\n';
  for (const auto& [key, row] : mail_) all += row.body + '\n';
  for (const auto& [key, row] : start_keys_) all += row.key + '\n' + row.digest + '\n';
  for (const auto& [key, row] : dedup_) all += row.key + '\n' + row.answer + '\n';
  for (const auto& [key, row] : turns_) all += row.name + '\n';
  for (const auto& [key, row] : saga_keys_) all += row.wrapped + '\n';
  return all;
}
void MemoryStore::erase_key(const SagaId& saga) {
  std::lock_guard lock(mutex_);
  saga_keys_.erase(saga);
  InstanceRow& row = instances_.at(saga);
  row.state.reset();
  row.state_seq = 0;
}

Instant MemoryStore::now() const {
  if (clock_) return {clock_().us + ahead_us_};
  const auto real = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(real).count() + ahead_us_};
}

FlushResult MemoryStore::flush(const Flush& flush, std::size_t) {
  std::function<void()> hook;
  {
    std::lock_guard lock(mutex_);
    hook = before_flush_;
  }
  if (hook) hook();
  FlushResult result;
  if (down_) {
    result.kind = FlushResult::Kind::kDown;
    return result;
  }
  std::lock_guard lock(mutex_);
  ++flushes_;
  result.db_now = now();
  if (bad_ && std::any_of(flush.journal.begin(), flush.journal.end(), bad_)) {
    result.kind = FlushResult::Kind::kDataError;
    result.message = "invalid input (22P02)";
    return result;
  }
  std::set<Lane> moved, landed;
  for (const LaneFence& fence : flush.lanes) {
    LaneRow& lane = lanes_[static_cast<std::size_t>(fence.lane)];
    const bool again = defective(Defect::kResendWritesTwice) && lane.epoch == fence.epoch &&
                       lane.head == fence.head + 1;
    const bool open = defective(Defect::kFenceDropped) || again;
    if (open || (lane.epoch == fence.epoch && lane.head == fence.head)) {
      ++lane.head;
      lane.lease_until = {now().us + lease_ms_ * 1'000};
      moved.insert(fence.lane);
    } else if (lane.epoch == fence.epoch && lane.head == fence.head + 1) {
      landed.insert(
          fence.lane);  // sent before, and nobody else has this epoch: it is this very flush
    } else {
      result.fenced.push_back(fence.lane);
    }
  }
  BELAY_CHECK(moved.empty() || landed.empty(), "a flush lands in all of its lanes or in none");
  write(flush, moved);
  if (lose_acknowledgements_ > 0) {
    --lose_acknowledgements_;
    FlushResult lost;
    lost.kind = FlushResult::Kind::kDown;
    return lost;
  }
  if (!result.fenced.empty()) result.kind = FlushResult::Kind::kFenced;
  return result;
}

void MemoryStore::write(const Flush& flush, const std::set<Lane>& lanes) {
  const bool unfenced = defective(Defect::kRowsWithoutFence);
  const auto ours = [&](Lane lane) { return unfenced || lanes.contains(lane); };
  const auto listed = [&](Lane lane) {
    const bool found = std::any_of(flush.lanes.begin(), flush.lanes.end(),
                                   [&](const LaneFence& f) { return f.lane == lane; });
    BELAY_CHECK(found, "each row's lane is among the flush's lanes");
    return unfenced || lanes.contains(lane);
  };
  for (const InstanceRow& row : flush.instances) {
    if (!listed(row.lane)) continue;
    InstanceRow& stored = instances_[row.id];
    auto state = row.state ? row.state : std::move(stored.state);
    const auto state_seq = row.state ? row.state_seq : stored.state_seq;
    stored = row;
    stored.state = std::move(state);
    stored.state_seq = state_seq;
  }
  for (const JournalRow& row : flush.journal) {
    if (!listed(row.lane)) continue;
    const bool fresh = journal_.emplace(std::pair(row.id, row.seq), row).second;
    BELAY_CHECK(fresh, "an entry is written once");
  }
  Instant latest_before;
  for (const LaneRow& lane : lanes_) latest_before = std::max(latest_before, last(lane));
  for (EventRow row : flush.events) {
    if (!listed(row.lane)) continue;
    row.at = std::max(row.at, std::min(latest_before, Instant{row.at.us + kRaisedMaxUs}));
    BELAY_CHECK(events_.emplace(std::pair(row.lane, row.eseq), row).second, "an eseq is used once");
  }
  for (const Lane lane : lanes) {
    Instant& last = lanes_[static_cast<std::size_t>(lane)].last;
    last = std::max(last, latest(flush));
  }
  for (const auto& [lane, eseq] : flush.events_claimed) {
    if (auto it = events_.find({lane, eseq}); listed(lane) && it != events_.end())
      it->second.claimed = true;
  }
  const auto key_of = [](const SubscriptionRow& row) {
    return std::tuple(row.lane, row.tenant, row.type, row.key, row.saga, row.path);
  };
  for (const SubscriptionRow& row : flush.subscriptions) {
    if (listed(row.lane)) subscriptions_[key_of(row)] = row;
  }
  for (const SubscriptionRow& row : flush.subscriptions_gone) {
    if (listed(row.lane)) subscriptions_.erase(key_of(row));
  }
  for (const MailboxRow& row : flush.mail) {
    if (listed(row.from))
      BELAY_CHECK(mail_.emplace(std::tuple(row.to, row.from, row.number), row).second,
                  "mail is numbered");
  }
  for (const MailboxRow& row : flush.mail_consumed) {
    if (listed(row.to) && !defective(Defect::kMailStays))
      mail_.erase({row.to, row.from, row.number});
  }
  for (const StartKeyRow& row : flush.start_keys_gone) {
    const auto it = start_keys_.find({row.lane, row.tenant, row.key});
    if (ours(row.lane) && it != start_keys_.end() && it->second.saga == row.saga)
      start_keys_.erase(it);
  }
  for (const StartKeyRow& row : flush.start_keys) {
    if (listed(row.lane)) start_keys_[{row.lane, row.tenant, row.key}] = row;
  }
  for (const DedupRow& row : flush.dedup) {
    if (listed(row.lane)) dedup_.emplace(std::tuple(row.lane, row.tenant, row.scope, row.key), row);
  }
  for (const TurnRow& row : flush.turns) {
    if (listed(row.lane)) turns_[{row.lane, row.tenant, row.name, row.saga}] = row;
  }
  for (const TurnRow& row : flush.turns_gone) {
    if (listed(row.lane)) turns_.erase({row.lane, row.tenant, row.name, row.saga});
  }
  for (const QuestionRow& row : flush.questions) {
    if (listed(row.lane)) questions_[{row.saga, row.path}] = row;
  }
  for (const QuestionRow& row : flush.questions_gone) {
    if (listed(row.lane)) questions_.erase({row.saga, row.path});
  }
  for (const SagaKeyRow& row : flush.saga_keys) {
    if (listed(row.lane)) saga_keys_.emplace(row.saga, row);
  }
}

Instant MemoryStore::last(const LaneRow& lane) const {
  return lane.last.us < now().us + kSetBackMaxUs ? lane.last : Instant{};
}

bool MemoryStore::free(const LaneRow& lane) const {
  return lane.owner.empty() || lane.lease_until <= now() || dead_.contains(lane.owner);
}

Result<std::vector<ClaimedLane>> MemoryStore::claim(const Claim& claim) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  std::vector<Lane> wanted = claim.lanes;
  for (std::size_t i = 0; claim.lanes.empty() && i < lanes_.size(); ++i)
    wanted.push_back(static_cast<Lane>(i));
  std::vector<ClaimedLane> claimed;
  for (const Lane number : wanted) {
    LaneRow& lane = lanes_[static_cast<std::size_t>(number)];
    if (claimed.size() >= claim.at_most) break;
    if (!free(lane) && !(claim.own_name_too && lane.owner == claim.owner)) continue;
    lane.owner = claim.owner;
    if (!defective(Defect::kClaimKeepsEpoch)) ++lane.epoch;
    lane.lease_until = {now().us + lease_ms_ * 1'000};
    claimed.push_back({number, lane.epoch, lane.head, lane.crashes++, last(lane)});
  }
  if (!claimed.empty()) dead_.erase(claim.owner);
  std::sort(claimed.begin(), claimed.end(),
            [](const auto& a, const auto& b) { return a.lane < b.lane; });
  return claimed;
}

Result<void> MemoryStore::release(const std::string& owner, const std::vector<LaneFence>& lanes) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  for (const LaneFence& fence : lanes) {
    LaneRow& lane = lanes_[static_cast<std::size_t>(fence.lane)];
    if (lane.owner != owner || lane.epoch != fence.epoch) continue;
    lane.owner.clear();
    lane.crashes = std::max(lane.crashes - 1, 0);
  }
  return {};
}

Result<Cluster> MemoryStore::beat(const NodeBeat& me) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  nodes_[me.name] = {me.address, {now().us + me.lease_ms * 1'000}};
  Cluster cluster;
  cluster.db_now = now();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    cluster.lanes.push_back(
        {static_cast<Lane>(i), lanes_[i].owner, lanes_[i].epoch, free(lanes_[i])});
    cluster.latest = std::max(cluster.latest, last(lanes_[i]));
  }
  for (const auto& [name, node] : nodes_) {
    if (name == me.name || node.lease_until <= now() || dead_.contains(name)) continue;
    cluster.nodes.push_back({name, node.address, (node.lease_until.us - now().us) / 1'000});
  }
  return cluster;
}

Result<void> MemoryStore::release_lanes(const std::string& owner) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  for (LaneRow& lane : lanes_) {
    if (lane.owner != owner) continue;
    lane.owner.clear();
    lane.crashes = std::max(lane.crashes - 1, 0);
  }
  return {};
}

Result<void> MemoryStore::forgive_crashes(const std::string& owner,
                                          const std::vector<Lane>& lanes) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const bool meant =
        lanes.empty() || std::find(lanes.begin(), lanes.end(), static_cast<Lane>(i)) != lanes.end();
    if (meant && lanes_[i].owner == owner) lanes_[i].crashes = 1;
  }
  return {};
}

std::string MemoryStore::owner(Lane lane) const {
  std::lock_guard lock(mutex_);
  return lanes_[static_cast<std::size_t>(lane)].owner;
}

std::int32_t MemoryStore::crashes(Lane lane) const {
  std::lock_guard lock(mutex_);
  return lanes_[static_cast<std::size_t>(lane)].crashes;
}

Result<std::vector<std::pair<Lane, std::int64_t>>> MemoryStore::last_events(
    const std::vector<Lane>& lanes) {
  if (down_ || unreadable_) return no_database();
  std::lock_guard lock(mutex_);
  std::vector<std::pair<Lane, std::int64_t>> last;
  for (const Lane lane : lanes) {
    std::int64_t eseq = 0;
    for (const auto& [place, row] : events_) {
      if (row.lane == lane) eseq = std::max(eseq, row.eseq);
    }
    if (eseq != 0) last.emplace_back(lane, eseq);
  }
  return last;
}

Result<std::vector<SagaId>> MemoryStore::running_sagas(Lane lane) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  std::vector<SagaId> ids;
  for (const auto& [id, row] : instances_) {
    if (row.lane == lane && !row.ended_at && row.waiting_on.empty()) ids.push_back(id);
  }
  return ids;
}

Result<std::vector<LoadedSaga>> MemoryStore::load_sagas(
    const std::vector<std::pair<Lane, SagaId>>& which) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  std::vector<LoadedSaga> loaded;
  for (const auto& [lane, id] : which) {
    const auto found = instances_.find(id);
    if (found == instances_.end() || found->second.lane != lane) continue;
    LoadedSaga saga{found->second, {}};
    for (auto it = journal_.upper_bound({id, saga.row.state ? saga.row.state_seq : 0});
         it != journal_.end() && it->first.first == id; ++it) {
      saga.journal.push_back(it->second);
    }
    loaded.push_back(std::move(saga));
  }
  return loaded;
}

Result<std::vector<JournalRow>> MemoryStore::journal(Lane, const SagaId& saga) {
  if (down_) return no_database();
  return journal_of(saga);
}

Result<std::vector<DueSaga>> MemoryStore::due_sagas(DueTime time, std::size_t limit,
                                                    const std::vector<Lane>& lanes) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  std::vector<DueSaga> due;
  for (const auto& [id, row] : instances_) {
    const bool asked = std::find(lanes.begin(), lanes.end(), row.lane) != lanes.end();
    if (asked && row.due_at && row.due_at >= time.from && row.due_at <= time.until)
      due.push_back({row.lane, id, row.due_at});
  }
  std::sort(due.begin(), due.end(), [](const DueSaga& a, const DueSaga& b) {
    return std::tie(a.due_at.us, a.lane, a.id) < std::tie(b.due_at.us, b.lane, b.id);
  });
  if (due.size() > limit) due.resize(limit);
  return due;
}

Result<std::vector<MailboxRow>> MemoryStore::mailbox(const MailQuery& query) {
  if (down_) return no_database();
  ++mailbox_reads_;
  const auto listed = [](const std::vector<Lane>& lanes, Lane lane) {
    return std::find(lanes.begin(), lanes.end(), lane) != lanes.end();
  };
  std::unique_lock lock(mutex_);
  std::vector<MailboxRow> rows;
  for (const auto& [key, row] : mail_) {
    if (rows.size() >= query.at_most) break;
    if ((query.to.empty() || listed(query.to, row.to)) && !listed(query.not_from, row.from))
      rows.push_back(row);
  }
  const auto hook = after_mailbox_read_;
  lock.unlock();
  if (hook) hook(query);
  return rows;
}

Result<bool> MemoryStore::carry_in(const std::vector<MailboxRow>& rows, Instant read_at) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  if (now().us > read_at.us + kCarryWithinUs) return false;
  for (const MailboxRow& row : rows) {
    const std::tuple key(row.to, row.from, row.number);
    if (carried_.emplace(key, now()).second) mail_.emplace(key, row);
  }
  return true;
}

Result<void> MemoryStore::carried_out(const std::vector<MailboxRow>& rows) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  if (lose_carried_out_ > 0) {
    --lose_carried_out_;
    return fail(ErrorCode::kInternal, "cut before it was deleted");
  }
  for (const MailboxRow& row : rows) mail_.erase({row.to, row.from, row.number});
  return {};
}

Result<void> MemoryStore::forget_carried(const std::vector<Lane>& to,
                                         const std::vector<Lane>& from) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  const auto listed = [](const std::vector<Lane>& lanes, Lane lane) {
    return std::find(lanes.begin(), lanes.end(), lane) != lanes.end();
  };
  std::erase_if(carried_, [&](const auto& entry) {
    const auto& [receiver, sender, number] = entry.first;
    return entry.second.us < now().us - kRememberCarriedUs && listed(to, receiver) &&
           listed(from, sender);
  });
  return {};
}

Result<std::vector<SubscriptionRow>> MemoryStore::subscriptions_of(
    const std::vector<std::tuple<Lane, std::string, std::string, std::string>>& topics) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  std::vector<SubscriptionRow> rows;
  for (const auto& [key, row] : subscriptions_) {
    if (std::find(topics.begin(), topics.end(),
                  std::tuple(row.lane, row.tenant, row.type, row.key)) != topics.end()) {
      rows.push_back(row);
    }
  }
  return rows;
}

Result<std::vector<EventRow>> MemoryStore::events_since(
    const std::vector<std::tuple<Lane, std::string, std::string, std::string, Instant>>& topics) {
  if (down_) return no_database();
  std::unique_lock lock(mutex_);
  std::vector<EventRow> rows;
  for (const auto& [lane, tenant, type, key, since] : topics) {
    for (const auto& [place, row] : events_) {
      if (row.lane == lane && row.tenant == tenant && row.type == type && row.key == key &&
          row.at >= since) {
        rows.push_back(row);
      }
    }
  }
  const auto hook = after_events_read_;
  lock.unlock();
  if (hook) hook();
  return rows;
}

Result<std::vector<StartKeyRow>> MemoryStore::start_keys(
    const std::vector<std::tuple<Lane, std::string, std::string>>& keys) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  std::vector<StartKeyRow> rows;
  for (const auto& key : keys) {
    if (const auto found = start_keys_.find(key); found != start_keys_.end())
      rows.push_back(found->second);
    if (std::get<0>(key) != kAnyLane) continue;
    for (const auto& [place, row] : start_keys_) {
      if (row.tenant == std::get<1>(key) && row.key == std::get<2>(key)) rows.push_back(row);
    }
  }
  return rows;
}

Result<std::vector<DedupRow>> MemoryStore::dedup(
    const std::vector<std::tuple<Lane, std::string, std::string, std::string>>& keys) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  std::vector<DedupRow> rows;
  for (const auto& key : keys) {
    if (const auto found = dedup_.find(key); found != dedup_.end()) rows.push_back(found->second);
  }
  return rows;
}

Result<std::vector<TurnRow>> MemoryStore::turns(
    const std::vector<std::tuple<Lane, std::string, std::string>>& names) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  std::vector<TurnRow> rows;
  for (const auto& [lane, tenant, name] : names) {
    std::vector<TurnRow> mine;
    for (const auto& [key, row] : turns_) {
      if (row.lane == lane && row.tenant == tenant && row.name == name) mine.push_back(row);
    }
    std::stable_partition(mine.begin(), mine.end(), [](const TurnRow& row) { return row.holding; });
    if (mine.size() > 100) mine.resize(100);
    rows.insert(rows.end(), mine.begin(), mine.end());
  }
  return rows;
}

Result<std::vector<SagaKeyRow>> MemoryStore::saga_keys(
    const std::vector<std::pair<Lane, SagaId>>& which) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  std::vector<SagaKeyRow> rows;
  for (const auto& [lane, id] : which) {
    if (const auto found = saga_keys_.find(id); found != saga_keys_.end())
      rows.push_back(found->second);
  }
  return rows;
}

Result<std::map<SagaId, Lane>> MemoryStore::find_sagas(
    const std::vector<std::pair<std::string, SagaId>>& which) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  std::map<SagaId, Lane> lanes;
  for (const auto& [tenant, id] : which) {
    const auto found = instances_.find(id);
    if (found != instances_.end() && found->second.tenant == tenant)
      lanes.emplace(id, found->second.lane);
  }
  return lanes;
}

Result<Instant> MemoryStore::database_now(std::size_t) {
  if (down_) return no_database();
  return now();
}

Result<void> MemoryStore::put_definition(const std::string& workflow, std::uint32_t version,
                                         const std::string& hash, const std::string& graph) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  const auto [known, fresh] = versions_.try_emplace({workflow, version}, hash);
  if (!fresh && known->second != hash) {
    return fail(ErrorCode::kConflict, "version " + std::to_string(version) + " of `" + workflow +
                                          "` has another content");
  }
  definitions_[hash] = graph;
  return {};
}

Result<std::string> MemoryStore::get_definition(const std::string& hash) {
  if (down_) return no_database();
  std::lock_guard lock(mutex_);
  const auto found = definitions_.find(hash);
  if (found == definitions_.end())
    return fail(ErrorCode::kNotFound, "there is no definition " + hash);
  return found->second;
}

}  // namespace belay::runtime
