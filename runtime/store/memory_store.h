// A Store in memory with the fences of the real one, for tests: it can lose an acknowledgement, be
// down, refuse a marked row, be taken over by another node. Several engines may share it: one after
// the other is a restart, at the same time they are nodes. Thread-safe. Tested by every engine
// test.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/store/store.h"

namespace belay::runtime {

class MemoryStore final : public Store {
 public:
  explicit MemoryStore(std::int32_t lanes = 32);

  // ---- Faults. Any thread, any time. ----
  // The next `n` flushes commit, but the writer hears kDown.
  void lose_acknowledgements(int n) { lose_acknowledgements_ = n; }
  // Nothing answers until it is up again.
  void set_down(bool down) { down_ = down; }
  // A flush with such a row is refused as kDataError.
  void refuse_rows(std::function<bool(const JournalRow&)> bad);
  // Somebody else claims these lanes now.
  void take_over(const std::vector<Lane>& lanes);
  // As after a kill -9 of who holds lanes now: the next claim by anybody succeeds and counts a
  // crash.
  void forget_owner();
  // The same of one node, whose process is then known to be dead, as on one machine.
  void kill(const std::string& node);
  // What a claim and a flush give a lane.
  void set_lease_ms(std::int64_t ms) { lease_ms_ = ms; }
  // The next `n` times mail has arrived in another cell it is not deleted here.
  void lose_carried_out(int n) { lose_carried_out_ = n; }
  // Lanes can be claimed, but what is in them cannot be read.
  void set_unreadable(bool unreadable) { unreadable_ = unreadable; }
  // Each flush waits for this first; empty: it does not.
  void before_flush(std::function<void()> hook);
  // Called by events_since() after it has looked and before it tells.
  void after_events_read(std::function<void()> hook);
  // The same of mailbox().
  void after_mailbox_read(std::function<void(const MailQuery&)> hook);
  // Instead of the machine's clock.
  void use_clock(std::function<Instant()> clock) { clock_ = std::move(clock); }
  // Added to the clock.
  void advance(std::int64_t us) { ahead_us_ += us; }
  void damage_journal(const SagaId& saga);
  void set_health(const SagaId& saga, const std::string& health);

  // ---- What is stored. ----
  struct Counts {
    std::size_t carried = 0, instances = 0, journal = 0, events = 0, subscriptions = 0, mail = 0,
                start_keys = 0, dedup = 0, flushes = 0, unclaimed_events = 0, turns = 0,
                questions = 0;
  };
  Counts counts() const;
  std::vector<SagaId> sagas() const;
  std::vector<JournalRow> journal_of(const SagaId& saga) const;
  std::optional<InstanceRow> instance(const SagaId& saga) const;
  std::vector<EventRow> events() const;
  std::vector<DedupRow> remembered(const std::string& scope) const;
  std::vector<QuestionRow> questions() const;
  // Every text that is stored, for searching.
  std::string everything() const;
  // As Reader::erase().
  void erase_key(const SagaId& saga);
  // Claims of this lane without a clean release, the present one included.
  std::int32_t crashes(Lane lane) const;
  std::string owner(Lane lane) const;
  // Reads of the mailbox table so far.
  std::size_t mailbox_reads() const { return mailbox_reads_; }

  // ---- The port. ----
  void set_writers(std::size_t writers) { writers_ = writers; }  // before an engine is opened
  std::size_t writers() const override { return writers_; }
  std::size_t writer_of(Lane lane) const override {
    return static_cast<std::size_t>(lane) % writers_;
  }
  FlushResult flush(const Flush& flush, std::size_t writer = 0) override;
  Result<std::vector<ClaimedLane>> claim(const Claim& claim) override;
  Result<void> release(const std::string& owner, const std::vector<LaneFence>& lanes) override;
  Result<Cluster> beat(const NodeBeat& me) override;
  Result<void> release_lanes(const std::string& owner) override;
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
  Result<Instant> database_now(std::size_t cell = 0) override;
  Result<void> forgive_crashes(const std::string& owner, const std::vector<Lane>& lanes) override;
  Result<void> put_definition(const std::string& workflow, std::uint32_t version,
                              const std::string& hash, const std::string& graph) override;
  Result<std::string> get_definition(const std::string& hash) override;

 private:
  struct LaneRow {
    std::string owner;
    std::int64_t epoch = 0, head = 0;
    std::int32_t crashes = 0;
    Instant lease_until, last;
  };
  struct Node {
    std::string address;
    Instant lease_until;
  };
  bool free(const LaneRow& lane) const;
  Instant last(const LaneRow& lane) const;
  void write(const Flush& flush, const std::set<Lane>& lanes);
  Instant now() const;

  mutable std::mutex mutex_;
  std::vector<LaneRow> lanes_;
  std::map<std::string, Node> nodes_;
  std::set<std::string> dead_;
  std::map<SagaId, InstanceRow> instances_;
  std::map<std::pair<SagaId, std::uint64_t>, JournalRow> journal_;
  std::map<std::pair<Lane, std::int64_t>, EventRow> events_;
  std::map<std::tuple<Lane, std::string, std::string, std::string, SagaId, std::string>,
           SubscriptionRow>
      subscriptions_;
  std::map<std::tuple<Lane, Lane, std::int64_t>, MailboxRow> mail_;
  std::map<std::tuple<Lane, Lane, std::int64_t>, Instant>
      carried_;  // mail of other cells, and when it came
  std::map<std::tuple<Lane, std::string, std::string>, StartKeyRow> start_keys_;
  std::map<std::tuple<Lane, std::string, std::string, std::string>, DedupRow> dedup_;
  std::map<std::tuple<Lane, std::string, std::string, SagaId>, TurnRow> turns_;
  std::map<std::pair<SagaId, std::string>, QuestionRow> questions_;
  std::map<SagaId, SagaKeyRow> saga_keys_;
  std::map<std::pair<std::string, std::uint32_t>, std::string> versions_;
  std::map<std::string, std::string> definitions_;
  std::size_t flushes_ = 0;
  std::size_t writers_ = 1;
  std::function<bool(const JournalRow&)> bad_;
  std::function<Instant()> clock_;
  std::function<void()> before_flush_, after_events_read_;
  std::function<void(const MailQuery&)> after_mailbox_read_;
  std::atomic<int> lose_acknowledgements_{0}, lose_carried_out_{0};
  std::atomic<bool> down_{false}, unreadable_{false};
  std::atomic<std::int64_t> ahead_us_{0}, lease_ms_{15'000};
  std::atomic<std::size_t> mailbox_reads_{0};
};

}  // namespace belay::runtime
