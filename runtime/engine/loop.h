// The loop: one thread that owns all sagas of our lanes. Everything is a task from the inbox, run
// to its end without a lock: a fact is recorded (apply, decide, a journal row, what the commands
// ask for as effects of the open batch), and at the end of a turn the batch goes to the writer if
// that one is free. What comes back committed is dispatched.
//
//   inbox ─▶ record() ─▶ batch ─▶ writer ─▶ inbox ─▶ on_flushed() ─▶ actions, mail, answers
//
// The parts hold their own state and use the loop's: Starts, Acts, Topics (lanes of event keys),
// Recovery. Files: loop.cpp (turns, leases, stop), loop_record.cpp (facts, rows, effects),
// loop_commit.cpp (what follows a flush), loop_load.cpp (sagas in and out of memory). Tested in
// tests/runtime/engine_test.cpp.
#pragma once
#include <atomic>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/engine/batch.h"
#include "runtime/engine/directory.h"
#include "runtime/engine/gate.h"
#include "runtime/engine/lanes.h"
#include "runtime/engine/loader.h"
#include "runtime/engine/shares.h"
#include "runtime/engine/writer.h"

namespace belay::runtime {

class Starts;
class Acts;
class Topics;
class Children;
class EventStarts;
class Turns;
class Migrations;
class Recovery;
class DueSagas;
class Mailroom;
class Asks;

// EngineStats as they are counted: written by the loop, read by anybody.
struct Counters {
  std::atomic<std::uint64_t> started{0}, completed{0}, compensated{0}, held{0}, entries{0},
      flushes{0}, flush_rows{0}, flush_us{0}, actions_sent{0}, actions_ok{0}, actions_failed{0},
      actions_unsure{0}, events{0}, events_duplicate{0}, refused_busy{0}, quarantined{0},
      event_starts{0}, event_starts_failed{0};
  std::atomic<std::size_t> live{0}, in_flight{0};
  std::atomic<bool> database_up{true}, any_database_up{true};  // up: all of them
  std::string database_why() const {
    const std::lock_guard lock(mutex);
    return why_down;
  }
  mutable std::mutex mutex;
  std::string why_down;  // guarded; the last one that was told
};

// Where rows of an owner go: its index in a batch that is still open.
struct Slot {
  Batch* batch = nullptr;
  Batch::OwnerIndex owner = 0;
  void answer(Tell tell) const { batch->answers.push_back({owner, std::move(tell), false}); }
  // After the commit is known, or known to have failed, however long that takes.
  void when_known(Tell tell) const { batch->answers.push_back({owner, std::move(tell), true}); }
};

// It can go to that lane's holder as it is.
inline Failure held_elsewhere(Lane lane) {
  Failure failure{ErrorCode::kFenced, "another node holds the lane of this",
                  "send it to that node"};
  failure.lane = lane;
  return failure;
}
// A lane came and went and came while it was looked at; nothing was done.
inline Failure lane_came_back() {
  return {ErrorCode::kUnavailable, "the lane of this was at another node meanwhile",
          "try again in a second"};
}

class Loop {
 public:
  struct Opening {  // what open() has read
    Cluster cluster;
    std::int64_t asked_us = 0, answered_us = 0;  // for `cluster`, by monotonic_us()
    GainedLanes gained;
  };
  using OnSaga = std::function<void(Result<Saga*>)>;
  using ChangeHook = std::function<void(const SagaId&, const interpreter::State&)>;

  Loop(Store& store, ActionRunner& runner, const EngineOptions& options, DatabaseClock& clock,
       Graphs& graphs, Counters& counters, Directory& directory, std::shared_ptr<Inbox> inbox,
       Opening opening);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // The body of the loop thread; returns after stop() once everything that can be written is.
  void run();
  // Or, without that thread (stepped_engine.h): begin(), then step() whenever there is something in
  // the inbox or it is wake_at(). False: stopped, and everything that can be written is.
  void begin();
  bool step(SteadyTime wait_until);
  SteadyTime wake_at() const;
  Writer& writer(std::size_t number) { return *channels_[number].writer; }
  // On the loop thread from here on.
  void stop();
  void set_hook(ChangeHook hook) { hook_ = std::move(hook); }
  void view(const std::string& tenant, const SagaId& saga,
            std::function<void(Result<SagaView>)> done);
  Starts& starts() { return *starts_; }
  Acts& acts() { return *acts_; }
  Migrations& migrations() { return *migrations_; }
  Topics& topics() { return *topics_; }
  Children& children() { return *children_; }
  EventStarts& event_starts() { return *event_starts_; }
  Turns& turns() { return *turns_; }
  Asks& asks() { return *asks_; }
  // To whom it is for, when its lane is ours; else it is in the table for who has that.
  void deliver(Mail mail);

  // ---- For the parts ----
  const EngineOptions& options() const { return options_; }
  Counters& counters() { return counters_; }
  // Of the first cell's database, for all lanes: when an event was published and since when a saga
  // waits for it is compared, and the two may lie in different cells.
  DatabaseClock& clock() { return clock_; }
  Graphs& graphs() { return graphs_; }
  IdGenerator& ids() { return ids_; }
  Loader& loader() { return *loader_; }
  // Runs a job of the nodes' upkeep on a thread that no long read holds up.
  void keeper(std::function<void(Store&)> job) { keeper_->run(std::move(job)); }
  bool step_keeper() { return keeper_->step(); }
  const std::shared_ptr<Inbox>& inbox() const { return inbox_; }
  Lanes& lanes() { return lanes_; }
  Mailroom& mailroom() { return *mailroom_; }
  Recovery& recovery() { return *recovery_; }
  Gate& gate() { return gate_; }
  bool stopping() const { return stopping_; }
  // Of the lane's database. Without a lane: of all.
  bool database_down(Lane lane) const { return channel(lane).down; }
  std::size_t cells() const { return store_.cells(); }
  bool database_down() const;
  bool holds(Lane lane) const { return lanes_.holds(lane); }
  // Of a lane that we hold; else 0. What was read under another epoch says nothing any more.
  std::int64_t epoch(Lane lane) const { return holds(lane) ? lanes_.at(lane).epoch : 0; }
  // Time for an entry of this lane: the database's, never less than the lane's last.
  Instant now(Lane lane);
  // True while starts may be let in: the writers keep up.
  bool keeps_up() const;
  // There is room for another running saga of this tenant.
  bool has_room(const std::string& tenant) const;
  // Takes in a request: it is `work`, in its tenant's part of a flush of the lane's.
  void request(Lane lane, const std::string& tenant, Task work);
  void request(const SagaId& saga, const std::string& tenant, Task work);
  Shares& shares(Lane lane) { return *channel(lane).shares; }

  // How many wake-ups there are before `at`, or at just that time; counted up to `enough`.
  std::size_t timers_before(Instant at, std::size_t enough) const;
  std::size_t timers_at(Instant at, std::size_t enough) const;
  // So many parked sagas that even those due soon leave.
  bool crowded() const;
  bool may_load(const SagaId& id, Lane lane) const {
    return holds(lane) && !quarantined_.contains(id);
  }
  Saga* find(const SagaId& id);
  Saga& insert(std::unique_ptr<Saga> saga);
  // The saga, from memory or loaded. `then` gets kNotFound (also for another tenant's),
  // kUnavailable, kFenced, kCorrupt. `which.tenant` may be empty when the lane is known: then any
  // tenant's.
  void with_saga(Loader::Which which, OnSaga then);

  // Records a fact: the entry, what decide draws from it, and what must follow.
  Slot record(Saga& saga, interpreter::Fact fact, std::string actor = {}, std::string reason = {});
  // Has commands carried out once `slot` is committed.
  void carry_out(Saga& saga, Slot slot, std::vector<interpreter::Command> commands);
  void set_timer(Saga& saga);
  Slot slot(Saga& saga);
  Slot slot(Lane lane, const std::string& topic);
  // Posts mail from the slot's owner's lane.
  void send(Slot slot, Lane to, decltype(Mail::what) what);
  // Nothing more is added to the lane's open batch.
  void seal_open(Lane lane);
  // For Lanes: what the writer and the loader must know of lanes that came, and what memory must
  // forget of one that went.
  void lanes_gained(const std::vector<ClaimedLane>& lanes, std::vector<Lane> suspects);
  void lane_gone(Lane lane);
  void strip_lane(Lane lane);
  // With the slot's rows where that is one lane; else once those are committed, so the mail may
  // come again meanwhile and must change nothing then.
  void consume(Slot slot, const Mail& mail);
  // Again in a second: the database was away.
  void later(Task task) { later_.push_back(std::move(task)); }
  // Marks a saga that cannot go on; nobody touches it again.
  void quarantine(InstanceRow row, const std::string& why);
  // Puts one that was quarantined and could be folded back to work. Its mark goes with its next
  // commit: should it bring the process down again before that, it is quarantined still.
  Saga& readmit(std::unique_ptr<Saga> saga);
  // Mail for it that came while it was quarantined stayed in the table.
  void deliver_kept_mail(const SagaId& id);

 private:
  struct Earlier {  // by time, then by id: the same in every run; before all of a time: no saga
    bool operator()(const std::pair<Instant, Saga*>& a, const std::pair<Instant, Saga*>& b) const {
      if (a.first != b.first) return a.first < b.first;
      if (a.second == nullptr || b.second == nullptr)
        return a.second == nullptr && b.second != nullptr;
      return a.second->id < b.second->id;
    }
  };
  // A writer and what waits for it. Each lane belongs to one; what one commits never waits for
  // another, and nothing but mail goes from lane to lane.
  struct Channel {
    std::unique_ptr<Writer> writer;
    std::unique_ptr<Shares> shares;
    std::deque<Batch> pending;  // the last one is open, all others are sealed
    std::set<std::pair<Instant, Saga*>, Earlier> timers;  // next wake-up of each of its sagas
    std::vector<ClaimedLane> gained;                      // for the next batch
    bool busy = false, down = false;
  };
  struct Load {
    std::vector<OnSaga> waiting;
    bool marked = false;
  };

  // loop.cpp
  void open_channels();
  void turn();
  void tick();
  void fire_timers(Channel& channel);
  void fire(const SagaId& id);
  static std::size_t rows_pending(const Channel& channel);
  void renew_leases(SteadyTime at);
  void hand_over(Channel& channel);
  void leave_gone_lanes(Batch& batch);
  void give_up_answers();
  bool finished() const;
  // loop_record.cpp
  Channel& channel(Lane lane) { return channels_[store_.writer_of(lane)]; }
  const Channel& channel(Lane lane) const { return channels_[store_.writer_of(lane)]; }
  Batch& open_batch(Lane lane);
  void seal(Batch& batch);
  void seal_saga(Batch& batch, Batch::OwnerIndex owner, Saga& saga);
  void ended(Batch& batch, Batch::OwnerIndex owner, Saga& saga);
  static void write_questions(Batch& batch, Batch::OwnerIndex owner, Saga& saga);
  // loop_commit.cpp
  void on_flushed(Channel& channel, FlushReport report);
  void committed(FlushReport& report);
  void culprit(FlushReport& report);
  void set_aside(const Loader::Which& which, const std::string& why);
  void settle(Saga& saga);
  void dispatch(Batch::Effect&& effect, Lane lane);
  void send_action(SendAction&& send);
  // `graph`: by which the call was made; the saga may have been moved to another one since.
  // `epoch`: of its lane then.
  void on_outcome(const SagaId& saga, Lane lane, std::int64_t epoch, const GraphPtr& graph,
                  interpreter::Fact fact);
  static void refuse(const Batch& stripped);
  void strip(const std::function<bool(const Batch::Owner&)>& gone, const Failure& why);
  // loop_load.cpp
  void on_loaded(const Loader::Which& which, Result<std::shared_ptr<LoadResult>> result);
  void tell_waiting(const SagaId& id, const Result<Saga*>& result);
  void take_up(Saga& saga);
  void erase(Saga& saga);
  void wake(Saga& saga);
  void rest(Saga& saga);
  void receive(Mail mail);
  void evict();
  void view_from_store(const std::string& tenant, const SagaId& saga,
                       std::function<void(Result<SagaView>)> done);

  Store& store_;
  ActionRunner& runner_;
  const EngineOptions options_;
  DatabaseClock& clock_;
  Graphs& graphs_;
  Counters& counters_;
  const std::shared_ptr<Inbox> inbox_;
  ChangeHook hook_;
  IdGenerator ids_;

  Lanes lanes_;
  std::unordered_map<SagaId, std::unique_ptr<Saga>> sagas_;
  std::list<Saga*> idle_;  // parked and committed, longest idle first
  std::unordered_map<std::string, std::size_t>
      running_;  // by tenant: those of sagas_ that are not idle
  std::unordered_map<SagaId, Load> loading_;
  std::deque<SagaId>
      suspects_;  // of suspect lanes: taken up one after the other, the first is at it
  std::unordered_map<SagaId, Task> suspect_tasks_;
  std::unordered_map<SagaId, Lane> quarantined_;
  Gate gate_;
  std::vector<Task> later_;

  std::vector<Task> tasks_;  // taken out of the inbox, at hand
  std::uint64_t batches_ = 0;
  std::vector<std::pair<Lane, SendAction>>
      deferred_;  // committed, but their lease was too short to send
  SteadyTime next_tick_;
  bool stopping_ = false;
  SteadyTime stop_by_;

  std::unique_ptr<Starts> starts_;
  std::unique_ptr<Acts> acts_;
  std::unique_ptr<Topics> topics_;
  std::unique_ptr<Children> children_;
  std::unique_ptr<EventStarts> event_starts_;
  std::unique_ptr<Turns> turns_;
  std::unique_ptr<Migrations> migrations_;
  std::unique_ptr<Recovery> recovery_;
  std::unique_ptr<DueSagas> due_;
  std::unique_ptr<Mailroom> mailroom_;
  std::unique_ptr<Asks> asks_;
  std::unique_ptr<Loader> loader_;  // last: their threads end before anything else goes
  std::unique_ptr<Loader> keeper_;
  DatabaseClock other_clock_;     // what the databases of other cells say; nobody reads it
  std::deque<Channel> channels_;  // by number of the writer
  Opening opening_;
};

}  // namespace belay::runtime
