// One store over several. Everything here is about who is asked, and what becomes of an answer that
// is missing; see cells.h for the way of mail. Which databases are cells of each other is in
// cells_guard.cpp.
#include "runtime/store/cells.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"

namespace belay::runtime {
namespace {

constexpr std::int64_t kDownFor_us = 1'000'000;
constexpr std::int64_t kForgetEvery_us = 60'000'000;
constexpr std::size_t kCarryAtOnce = 1'000;
constexpr int kCarryRounds = 8;

// Whether a database answers, as far as this process knows. After a failure it is asked by one at a
// time, and not for a second: so who needs it hears so at once, and who does not need it is not
// held up.
class Pulse {
 public:
  bool may_ask() {
    const std::lock_guard lock(mutex_);
    if (!down_) return true;
    if (asking_ || monotonic_us() < again_at_) return false;
    asking_ = true;
    return true;
  }
  void heard(bool up) {
    const std::lock_guard lock(mutex_);
    asking_ = false;
    down_ = !up;
    again_at_ = monotonic_us() + kDownFor_us;
  }

 private:
  std::mutex mutex_;
  bool down_ = false, asking_ = false;
  std::int64_t again_at_ = 0;
};

class CellStore final : public Store {
 public:
  explicit CellStore(std::vector<std::vector<std::shared_ptr<Store>>> stores)
      : stores_(std::move(stores)),
        writers_(stores_.front().size()),
        pulses_(stores_.size()),
        heard_(stores_.size()) {
    for (const auto& cell : stores_)
      BELAY_CHECK(cell.size() == writers_, "every cell has as many writers");
    BELAY_CHECK(writers_ > 0 && stores_.size() <= kCellsMax,
                "a cell has a writer, and there are a few");
  }

  std::size_t writers() const override { return stores_.size() * writers_; }
  std::size_t writer_of(Lane lane) const override {
    return of(lane) * writers_ + static_cast<std::size_t>(lane) % writers_;
  }
  std::size_t cell_of_writer(std::size_t writer) const override { return writer / writers_; }
  std::size_t cells() const override { return stores_.size(); }

  FlushResult flush(const Flush& flush, std::size_t writer) override {
    return stores_[writer / writers_][writer % writers_]->flush(flush, 0);
  }

  Result<std::vector<ClaimedLane>> claim(const Claim& claim) override;
  Result<void> release(const std::string& owner, const std::vector<LaneFence>& lanes) override;
  Result<void> release_lanes(const std::string& owner) override;
  Result<Cluster> beat(const NodeBeat& me) override;
  Result<void> forgive_crashes(const std::string& owner, const std::vector<Lane>& lanes) override;

  Result<std::vector<SagaId>> running_sagas(Lane lane) override {
    return ask(of(lane), [&](Store& store) { return store.running_sagas(lane); });
  }
  Result<std::vector<std::pair<Lane, std::int64_t>>> last_events(
      const std::vector<Lane>& lanes) override {
    std::vector<std::pair<Lane, std::int64_t>> all;
    const auto by_cell = spread(lanes);
    for (std::size_t cell = 0; cell < by_cell.size(); ++cell) {
      if (by_cell[cell].empty()) continue;
      auto some = ask(cell, [&](Store& store) { return store.last_events(by_cell[cell]); });
      if (!some) return fail(some.error());
      all.insert(all.end(), some->begin(), some->end());
    }
    return all;
  }
  Result<std::vector<JournalRow>> journal(Lane lane, const SagaId& saga) override {
    return ask(of(lane), [&](Store& store) { return store.journal(lane, saga); });
  }
  Result<std::vector<LoadedSaga>> load_sagas(
      const std::vector<std::pair<Lane, SagaId>>& which) override {
    return joined(which, [](Store& store, const auto& some) { return store.load_sagas(some); });
  }
  Result<std::vector<SubscriptionRow>> subscriptions_of(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string>>& topics) override {
    return joined(topics,
                  [](Store& store, const auto& some) { return store.subscriptions_of(some); });
  }
  Result<std::vector<EventRow>> events_since(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string, Instant>>& topics)
      override {
    return joined(topics, [](Store& store, const auto& some) { return store.events_since(some); });
  }
  Result<std::vector<StartKeyRow>> start_keys(
      const std::vector<std::tuple<Lane, std::string, std::string>>& keys) override {
    return joined(keys, [](Store& store, const auto& some) { return store.start_keys(some); });
  }
  Result<std::vector<DedupRow>> dedup(
      const std::vector<std::tuple<Lane, std::string, std::string, std::string>>& keys) override {
    return joined(keys, [](Store& store, const auto& some) { return store.dedup(some); });
  }
  Result<std::vector<TurnRow>> turns(
      const std::vector<std::tuple<Lane, std::string, std::string>>& names) override {
    return joined(names, [](Store& store, const auto& some) { return store.turns(some); });
  }
  Result<std::vector<SagaKeyRow>> saga_keys(
      const std::vector<std::pair<Lane, SagaId>>& which) override {
    return joined(which, [](Store& store, const auto& some) { return store.saga_keys(some); });
  }
  Result<std::vector<DueSaga>> due_sagas(DueTime time, std::size_t limit,
                                         const std::vector<Lane>& lanes) override;
  Result<std::map<SagaId, Lane>> find_sagas(
      const std::vector<std::pair<std::string, SagaId>>& which) override;
  Result<Instant> database_now(std::size_t cell) override {
    return ask(cell, [](Store& store) { return store.database_now(); });
  }

  Result<std::vector<MailboxRow>> mailbox(const MailQuery& query) override;
  Result<bool> carry_in(const std::vector<MailboxRow>&, Instant) override {
    return not_from_outside();
  }
  Result<void> carried_out(const std::vector<MailboxRow>&) override { return not_from_outside(); }
  Result<void> forget_carried(const std::vector<Lane>&, const std::vector<Lane>&) override {
    return not_from_outside();
  }

  Result<void> put_definition(const std::string& workflow, std::uint32_t version,
                              const std::string& hash, const std::string& graph) override;
  Result<std::string> get_definition(const std::string& hash) override;

 private:
  std::size_t of(Lane lane) const { return cell_of_lane(lane, stores_.size()); }
  Store& first(std::size_t cell) { return *stores_[cell].front(); }
  std::vector<Lane> lanes_of(std::size_t cell) const;
  // Those of `lanes` (empty: all), by cell.
  std::vector<std::vector<Lane>> spread(const std::vector<Lane>& lanes) const;

  static tl::unexpected<Failure> not_from_outside() {
    return fail(ErrorCode::kUnsupported, "mail is carried between cells, not into all of them");
  }
  template <class F>
  auto ask(std::size_t cell, F call) -> decltype(call(std::declval<Store&>()));
  // One answer of those of all cells that are asked: fails when one of them does.
  template <class Q, class F>
  auto joined(const std::vector<Q>& queries, F call)
      -> decltype(call(std::declval<Store&>(), queries));
  void carry(std::size_t from, std::size_t to, const std::vector<Lane>& lanes);

  const std::vector<std::vector<std::shared_ptr<Store>>> stores_;
  const std::size_t writers_;
  std::vector<Pulse> pulses_;
  std::mutex mutex_;
  std::vector<std::vector<LaneOwner>> heard_;  // of each cell, the last time that it answered
  std::array<std::array<std::int64_t, kCellsMax>, kCellsMax> forgot_at_{};  // from, to
};

std::vector<Lane> CellStore::lanes_of(std::size_t cell) const {
  std::vector<Lane> lanes;
  for (Lane lane = 0; lane < static_cast<Lane>(limits::lanes_default); ++lane) {
    if (of(lane) == cell) lanes.push_back(lane);
  }
  return lanes;
}

std::vector<std::vector<Lane>> CellStore::spread(const std::vector<Lane>& lanes) const {
  std::vector<std::vector<Lane>> by_cell(stores_.size());
  for (const Lane lane : lanes) by_cell[of(lane)].push_back(lane);
  for (std::size_t cell = 0; lanes.empty() && cell < by_cell.size(); ++cell)
    by_cell[cell] = lanes_of(cell);
  return by_cell;
}

template <class F>
auto CellStore::ask(std::size_t cell, F call) -> decltype(call(std::declval<Store&>())) {
  if (stores_.size() == 1) return call(first(cell));
  Pulse& pulse = pulses_[cell];
  if (!pulse.may_ask()) {
    return fail(ErrorCode::kUnavailable,
                "the database of cell " + std::to_string(cell) + " does not answer");
  }
  auto answer = call(first(cell));
  pulse.heard(answer || answer.error().code != ErrorCode::kUnavailable);
  return answer;
}

template <class Q, class F>
auto CellStore::joined(const std::vector<Q>& queries, F call)
    -> decltype(call(std::declval<Store&>(), queries)) {
  std::vector<std::vector<Q>> by_cell(stores_.size());
  for (const Q& query : queries) {
    const Lane lane = std::get<0>(query);
    if (lane != kAnyLane) by_cell[of(lane)].push_back(query);
    for (std::size_t cell = 0; lane == kAnyLane && cell < by_cell.size(); ++cell)
      by_cell[cell].push_back(query);
  }
  decltype(call(std::declval<Store&>(), queries)) all;
  for (std::size_t cell = 0; cell < by_cell.size(); ++cell) {
    if (by_cell[cell].empty()) continue;
    auto some = ask(cell, [&](Store& store) { return call(store, by_cell[cell]); });
    if (!some) return some;
    all->insert(all->end(), std::make_move_iterator(some->begin()),
                std::make_move_iterator(some->end()));
  }
  return all;
}

// ---- Lanes

// The dearest first, as many as are still wanted at a time: what is not free makes room for the
// next.
Result<std::vector<ClaimedLane>> CellStore::claim(const Claim& claim) {
  std::vector<Lane> wanted = claim.lanes;
  for (std::size_t cell = 0; claim.lanes.empty() && cell < stores_.size(); ++cell) {
    for (const Lane lane : lanes_of(cell)) wanted.push_back(lane);
  }
  std::vector<ClaimedLane> claimed;
  std::optional<Failure> failure;
  bool answered = false;
  while (!wanted.empty() && claimed.size() < claim.at_most) {
    const std::size_t some = std::min(wanted.size(), claim.at_most - claimed.size());
    const std::vector<Lane> now(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(some));
    wanted.erase(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(some));
    const std::vector<std::vector<Lane>> by_cell = spread(now);
    for (std::size_t cell = 0; cell < by_cell.size(); ++cell) {
      if (by_cell[cell].empty()) continue;
      Claim part = claim;
      part.lanes = by_cell[cell];
      part.at_most = part.lanes.size();
      auto got = ask(cell, [&](Store& store) { return store.claim(part); });
      if (!got) {
        failure = got.error();
        continue;
      }
      answered = true;
      claimed.insert(claimed.end(), got->begin(), got->end());
    }
  }
  if (!answered && failure) return fail(*failure);
  std::sort(claimed.begin(), claimed.end(),
            [](const auto& a, const auto& b) { return a.lane < b.lane; });
  return claimed;
}

Result<void> CellStore::release(const std::string& owner, const std::vector<LaneFence>& lanes) {
  std::vector<std::vector<LaneFence>> by_cell(stores_.size());
  for (const LaneFence& lane : lanes) by_cell[of(lane.lane)].push_back(lane);
  Result<void> all;
  for (std::size_t cell = 0; cell < by_cell.size(); ++cell) {
    if (by_cell[cell].empty()) continue;
    auto done = ask(cell, [&](Store& store) { return store.release(owner, by_cell[cell]); });
    if (!done) all = std::move(done);
  }
  return all;
}

Result<void> CellStore::release_lanes(const std::string& owner) {
  Result<void> all;
  for (std::size_t cell = 0; cell < stores_.size(); ++cell) {
    auto done = ask(cell, [&](Store& store) { return store.release_lanes(owner); });
    if (!done) all = std::move(done);
  }
  return all;
}

// On the connection of their writer: beside one of its flushes, both would lock lanes, each in its
// own order.
Result<void> CellStore::forgive_crashes(const std::string& owner, const std::vector<Lane>& lanes) {
  const std::vector<std::vector<Lane>> by_cell = spread(lanes);
  Result<void> all;
  for (std::size_t cell = 0; cell < by_cell.size(); ++cell) {
    for (std::size_t writer = 0; writer < writers_; ++writer) {
      std::vector<Lane> some;
      for (const Lane lane : by_cell[cell]) {
        if (static_cast<std::size_t>(lane) % writers_ == writer) some.push_back(lane);
      }
      if (some.empty()) continue;
      auto done =
          ask(cell, [&](Store&) { return stores_[cell][writer]->forgive_crashes(owner, some); });
      if (!done) all = std::move(done);
    }
  }
  return all;
}

// A node is there if it is there for any cell. Of a cell that does not answer, what it said last is
// the best that is known, but nothing there is free: nobody could claim it.
Result<Cluster> CellStore::beat(const NodeBeat& me) {
  Cluster all;
  std::map<std::string, NodeRow> nodes;
  std::optional<Failure> failure;
  bool answered = false;
  for (std::size_t cell = 0; cell < stores_.size(); ++cell) {
    Result<Cluster> one = ask(cell, [&](Store& store) { return store.beat(me); });
    const std::lock_guard lock(mutex_);
    std::vector<LaneOwner>& lanes = heard_[cell];
    if (lanes.empty()) {
      for (const Lane lane : lanes_of(cell))
        lanes.push_back({.lane = lane, .owner = {}, .epoch = 0, .free = false});
    }
    if (one) {
      answered = true;
      if (cell == 0) all.db_now = one->db_now;
      all.latest = std::max(all.latest, one->latest);
      lanes.clear();
      for (LaneOwner& lane : one->lanes) {
        if (of(lane.lane) == cell) lanes.push_back(std::move(lane));
      }
      for (NodeRow& node : one->nodes) {
        NodeRow& known = nodes[node.name];
        if (known.name.empty() || known.lease_ms < node.lease_ms) known = std::move(node);
      }
    } else {
      failure = one.error();
      for (LaneOwner& lane : lanes) lane.free = false;
    }
    all.lanes.insert(all.lanes.end(), lanes.begin(), lanes.end());
  }
  if (!answered && failure) return fail(*failure);
  for (auto& [name, node] : nodes) all.nodes.push_back(std::move(node));
  return all;
}

// ---- Reading

Result<std::vector<DueSaga>> CellStore::due_sagas(DueTime time, std::size_t limit,
                                                  const std::vector<Lane>& lanes) {
  std::vector<std::vector<Lane>> by_cell(stores_.size());
  for (const Lane lane : lanes) by_cell[of(lane)].push_back(lane);
  std::vector<DueSaga> due;
  std::optional<Failure> failure;
  bool answered = false;
  for (std::size_t cell = 0; cell < by_cell.size(); ++cell) {
    if (by_cell[cell].empty()) continue;
    auto some =
        ask(cell, [&](Store& store) { return store.due_sagas(time, limit, by_cell[cell]); });
    if (!some) {
      failure = some.error();  // asked for again in a while
      continue;
    }
    answered = true;
    due.insert(due.end(), std::make_move_iterator(some->begin()),
               std::make_move_iterator(some->end()));
  }
  if (!answered && failure) return fail(*failure);
  std::stable_sort(due.begin(), due.end(),
                   [](const DueSaga& a, const DueSaga& b) { return a.due_at < b.due_at; });
  if (due.size() > limit) due.resize(limit);
  return due;
}

Result<std::map<SagaId, Lane>> CellStore::find_sagas(
    const std::vector<std::pair<std::string, SagaId>>& which) {
  std::map<SagaId, Lane> lanes;
  std::vector<std::pair<std::string, SagaId>> left = which;
  std::optional<Failure> failure;
  for (std::size_t cell = 0; cell < stores_.size() && !left.empty(); ++cell) {
    auto found = ask(cell, [&](Store& store) { return store.find_sagas(left); });
    if (!found) {
      failure = found.error();
      continue;
    }
    std::erase_if(left, [&](const auto& saga) { return found->contains(saga.second); });
    lanes.merge(*found);
  }
  if (failure && !left.empty()) return fail(*failure);  // they may be there
  return lanes;
}

// ---- Mail

Result<std::vector<MailboxRow>> CellStore::mailbox(const MailQuery& query) {
  const std::vector<std::vector<Lane>> to = spread(query.to);
  std::vector<std::vector<Lane>> not_from(stores_.size());
  for (const Lane lane : query.not_from) not_from[of(lane)].push_back(lane);
  std::vector<MailboxRow> all;
  std::optional<Failure> failure;
  bool answered = false;
  for (std::size_t cell = 0; cell < to.size(); ++cell) {
    if (to[cell].empty()) continue;
    for (std::size_t from = 0; from < stores_.size(); ++from) {
      if (from != cell) carry(from, cell, to[cell]);
    }
    const MailQuery part{.to = to[cell], .not_from = not_from[cell], .at_most = query.at_most};
    auto rows = ask(cell, [&](Store& store) { return store.mailbox(part); });
    if (!rows) {
      failure = rows.error();
      continue;
    }
    answered = true;
    all.insert(all.end(), std::make_move_iterator(rows->begin()),
               std::make_move_iterator(rows->end()));
  }
  if (!answered && failure) return fail(*failure);
  return all;
}

// What fails here is tried again with the next look.
void CellStore::carry(std::size_t from, std::size_t to, const std::vector<Lane>& lanes) {
  bool all_gone = false;
  for (int round = 0; round < kCarryRounds && !all_gone; ++round) {
    const Result<Instant> before = database_now(to);
    if (!before) return;
    const MailQuery query{.to = lanes, .not_from = {}, .at_most = kCarryAtOnce};
    const auto rows = ask(from, [&](Store& store) { return store.mailbox(query); });
    if (!rows) return;
    all_gone = rows->size() < kCarryAtOnce;
    if (rows->empty()) break;
    const Result<bool> taken =
        ask(to, [&](Store& store) { return store.carry_in(*rows, *before); });
    if (!taken || !*taken) return;
    if (!ask(from, [&](Store& store) { return store.carried_out(*rows); })) return;
  }
  if (!all_gone) return;
  {
    const std::lock_guard lock(mutex_);
    std::int64_t& forgot_at = forgot_at_[from][to];
    if (forgot_at != 0 && monotonic_us() < forgot_at + kForgetEvery_us) return;
    forgot_at = monotonic_us();
  }
  (void)ask(to, [&](Store& store) { return store.forget_carried(lanes, lanes_of(from)); });
}

// ---- Definitions

Result<void> CellStore::put_definition(const std::string& workflow, std::uint32_t version,
                                       const std::string& hash, const std::string& graph) {
  for (std::size_t cell = 0; cell < stores_.size(); ++cell) {
    auto put = ask(
        cell, [&](Store& store) { return store.put_definition(workflow, version, hash, graph); });
    if (!put) return put;
  }
  return {};
}

// One cell may have it and another not: it was installed while that one was away.
Result<std::string> CellStore::get_definition(const std::string& hash) {
  std::optional<Failure> failure;
  for (std::size_t cell = 0; cell < stores_.size(); ++cell) {
    auto graph = ask(cell, [&](Store& store) { return store.get_definition(hash); });
    if (graph) return graph;
    if (!failure || graph.error().code != ErrorCode::kNotFound) failure = graph.error();
  }
  return fail(*failure);
}

}  // namespace

std::unique_ptr<Store> join_cells(std::vector<std::vector<std::shared_ptr<Store>>> stores) {
  BELAY_CHECK(!stores.empty(), "there is a cell");
  return std::make_unique<CellStore>(std::move(stores));
}

}  // namespace belay::runtime
