// The database of a test in memory: one, or several as cells, seen as one. BELAY_TEST_CELLS=2 in
// the environment runs every test of the engine over two cells. Faults hit all of them; of a single
// one through cell(i).
#pragma once
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <vector>

#include "runtime/store/cells.h"
#include "runtime/store/memory_store.h"

namespace belay::testing {

using namespace belay::runtime;

inline std::size_t cells_of_tests() {
  const char* cells = std::getenv("BELAY_TEST_CELLS");
  return cells != nullptr && *cells != '\0' ? static_cast<std::size_t>(std::atoi(cells)) : 1;
}

class CellStores {
 public:
  explicit CellStores(std::size_t cells = cells_of_tests(), std::size_t writers = 1)
      : writers_(writers) {
    for (std::size_t i = 0; i < cells; ++i) cells_.push_back(std::make_shared<MemoryStore>());
    own_ = port();
  }
  // As a process of its own sees them: what it knows of who answers is its own.
  std::unique_ptr<Store> port() const {
    std::vector<std::vector<std::shared_ptr<Store>>> stores;
    for (const auto& cell : cells_) stores.emplace_back(writers_, cell);
    return join_cells(std::move(stores));
  }
  // As a new process, which knows nothing of who did not answer. REQUIRES: no engine is open on it.
  void reconnect() { own_ = port(); }
  operator Store&() {
    return cells() == 1 && writers_ == 1 ? static_cast<Store&>(*cells_.front()) : *own_;
  }

  std::size_t cells() const { return cells_.size(); }
  MemoryStore& cell(std::size_t number) const { return *cells_[number]; }
  MemoryStore& of(Lane lane) const { return *cells_[cell_of_lane(lane, cells_.size())]; }

  // ---- Faults: of all. ----
  void lose_acknowledgements(int n) {
    for (auto& cell : cells_) cell->lose_acknowledgements(n);
  }
  void set_down(bool down) {
    for (auto& cell : cells_) cell->set_down(down);
  }
  void refuse_rows(std::function<bool(const JournalRow&)> bad) {
    for (auto& cell : cells_) cell->refuse_rows(bad);
  }
  void take_over(const std::vector<Lane>& lanes) {
    for (const Lane lane : lanes) of(lane).take_over({lane});
  }
  void forget_owner() {
    for (auto& cell : cells_) cell->forget_owner();
  }
  void kill(const std::string& node) {
    for (auto& cell : cells_) cell->kill(node);
  }
  void set_lease_ms(std::int64_t ms) {
    for (auto& cell : cells_) cell->set_lease_ms(ms);
  }
  void before_flush(std::function<void()> hook) {
    for (auto& cell : cells_) cell->before_flush(hook);
  }
  void after_events_read(std::function<void()> hook) {
    for (auto& cell : cells_) cell->after_events_read(hook);
  }
  void after_mailbox_read(std::function<void(const MailQuery&)> hook) {
    for (auto& cell : cells_) cell->after_mailbox_read(hook);
  }
  void set_unreadable(bool unreadable) {
    for (auto& cell : cells_) cell->set_unreadable(unreadable);
  }
  void use_clock(std::function<Instant()> clock) {
    for (auto& cell : cells_) cell->use_clock(clock);
  }
  void advance(std::int64_t us) {
    for (auto& cell : cells_) cell->advance(us);
  }
  void damage_journal(const SagaId& saga) {
    for (auto& cell : cells_)
      if (cell->instance(saga)) cell->damage_journal(saga);
  }
  void set_health(const SagaId& saga, const std::string& health) {
    home(saga).set_health(saga, health);
  }
  void erase_key(const SagaId& saga) { home(saga).erase_key(saga); }

  // ---- What is stored. ----
  MemoryStore::Counts counts() const {
    MemoryStore::Counts all;
    for (const auto& cell : cells_) {
      const MemoryStore::Counts one = cell->counts();
      all.carried += one.carried;
      all.instances += one.instances;
      all.journal += one.journal;
      all.events += one.events;
      all.subscriptions += one.subscriptions;
      all.mail += one.mail;
      all.start_keys += one.start_keys;
      all.dedup += one.dedup;
      all.flushes += one.flushes;
      all.unclaimed_events += one.unclaimed_events;
      all.turns += one.turns;
      all.questions += one.questions;
    }
    return all;
  }
  std::vector<SagaId> sagas() const {
    auto all = joined([](MemoryStore& cell) { return cell.sagas(); });
    std::sort(all.begin(), all.end());
    return all;
  }
  std::vector<JournalRow> journal_of(const SagaId& saga) const {
    return joined([&](MemoryStore& cell) { return cell.journal_of(saga); });
  }
  std::optional<InstanceRow> instance(const SagaId& saga) const {
    for (const auto& cell : cells_) {
      if (auto row = cell->instance(saga)) return row;
    }
    return std::nullopt;
  }
  std::vector<EventRow> events() const {
    return joined([](MemoryStore& cell) { return cell.events(); });
  }
  std::vector<DedupRow> remembered(const std::string& scope) const {
    return joined([&](MemoryStore& cell) { return cell.remembered(scope); });
  }
  std::vector<QuestionRow> questions() const {
    return joined([](MemoryStore& cell) { return cell.questions(); });
  }
  std::string everything() const {
    std::string all;
    for (const auto& cell : cells_) all += cell->everything();
    return all;
  }
  std::int32_t crashes(Lane lane) const { return of(lane).crashes(lane); }
  std::string owner(Lane lane) const { return of(lane).owner(lane); }
  std::size_t mailbox_reads() const {
    std::size_t reads = 0;
    for (const auto& cell : cells_) reads += cell->mailbox_reads();
    return reads;
  }
  Result<std::vector<SagaKeyRow>> saga_keys(
      const std::vector<std::pair<Lane, SagaId>>& which) const {
    return own_->saga_keys(which);
  }
  Result<Instant> database_now() const { return cells_.front()->database_now(); }

 private:
  MemoryStore& home(const SagaId& saga) const {
    for (const auto& cell : cells_) {
      if (cell->instance(saga)) return *cell;
    }
    return *cells_.front();
  }
  template <class F>
  auto joined(F rows_of) const -> decltype(rows_of(std::declval<MemoryStore&>())) {
    decltype(rows_of(std::declval<MemoryStore&>())) all;
    for (const auto& cell : cells_) {
      for (auto& row : rows_of(*cell)) all.push_back(std::move(row));
    }
    return all;
  }

  const std::size_t writers_;
  std::vector<std::shared_ptr<MemoryStore>> cells_;
  std::unique_ptr<Store> own_;
};

}  // namespace belay::testing
