// Turns of the loop, timers, leases and the end. See loop.h.
#include "runtime/engine/loop.h"

#include <algorithm>
#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/check.h"
#include "runtime/base/limits.h"
#include "runtime/engine/acts.h"
#include "runtime/engine/asks.h"
#include "runtime/engine/mailroom.h"
#include "runtime/engine/log.h"
#include "runtime/engine/migrations.h"
#include "runtime/engine/recovery.h"
#include "runtime/engine/starts.h"
#include "runtime/engine/children.h"
#include "runtime/engine/event_starts.h"
#include "runtime/engine/topics.h"
#include "runtime/engine/turns.h"

namespace belay::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kTick = milliseconds(500);
constexpr auto kTickRecovering = milliseconds(20);
constexpr auto kDuePoll = seconds(20);
constexpr std::int64_t kDueAheadUs = 60'000'000;
constexpr std::size_t kDueAtOnce = 1'000;
constexpr auto kCallerWaits = seconds(10);
constexpr int kDrainsATurn = 4;

}  // namespace

Loop::Loop(Store& store, ActionRunner& runner, const EngineOptions& options, DatabaseClock& clock, Graphs& graphs,
           Counters& counters, Directory& directory, std::shared_ptr<Inbox> inbox, Opening opening)
    : store_(store),
      runner_(runner),
      options_(options),
      clock_(clock),
      graphs_(graphs),
      counters_(counters),
      inbox_(std::move(inbox)),
      ids_(options.ids_seed == 0 ? 0 : ~options.ids_seed),  // never the same as the engine's own
      lanes_(*this, directory, std::move(opening.cluster)),
      starts_(std::make_unique<Starts>(*this)),
      acts_(std::make_unique<Acts>(*this)),
      topics_(std::make_unique<Topics>(*this)),
      children_(std::make_unique<Children>(*this)),
      event_starts_(std::make_unique<EventStarts>(*this)),
      turns_(std::make_unique<Turns>(*this)),
      migrations_(std::make_unique<Migrations>(*this)),
      recovery_(std::make_unique<Recovery>(*this)),
      mailroom_(std::make_unique<Mailroom>(*this)),
      asks_(std::make_unique<Asks>(*this)),
      opening_(std::move(opening)) {
  loader_ = std::make_unique<Loader>(store_, inbox_, graphs_, options_.sealer, options_.own_threads);
  keeper_ = std::make_unique<Loader>(store_, inbox_, graphs_, options_.sealer, options_.own_threads);
  writer_ = std::make_unique<Writer>(
      store_, clock_, inbox_, std::vector<ClaimedLane>{}, [this](FlushReport report) { on_flushed(std::move(report)); },
      [this](bool down, const std::string& why) {
        down_ = down;
        down_since_ = steady_now();
        counters_.database_up = !down;
        if (down) log_warning("the database does not answer, nothing is sent until it does: " + why);
        else log_info("the database answers again");
      },
      options_.own_threads);
}

Loop::~Loop() {
  inbox_->close();
  writer_->stop();
  loader_->stop();
  keeper_->stop();
}

Instant Loop::now(Lane lane) {
  LaneState& state = lanes_.at(lane);
  state.last = std::max(state.last, clock_.now());
  if (defective(Defect::kClockAhead)) return {state.last.us + 5'000'000};
  return state.last;
}

void Loop::run() {
  begin();
  while (step(wake_at())) {
  }
}

void Loop::begin() {
  next_due_poll_ = steady_now();
  lanes_.gained(std::move(opening_.gained));
}

bool Loop::step(SteadyTime wait_until) {
  inbox_->drain(tasks_, wait_until);
  for (int drains = 1;; ++drains) {
    for (Task& task : tasks_) task();
    tasks_.clear();
    turn();
    if (drains == kDrainsATurn) break;
    // What inline actions have answered meanwhile joins the same batch.
    inbox_->drain(tasks_);
    if (tasks_.empty()) break;
  }
  hand_over();
  return !(stopping_ && finished());
}

void Loop::turn() {
  if (!stopping_) {
    fire_timers();
    starts_->admit();
    const SteadyTime at = steady_now();
    lanes_.step(at);
    mailroom_->step(at);
  }
  if (steady_now() >= next_tick_) tick();
}

void Loop::fire_timers() {
  if (down_ || timers_.empty()) return;
  const Instant at = clock_.now();
  while (!timers_.empty() && timers_.begin()->first <= at) {
    Saga& saga = *timers_.begin()->second;
    timers_.erase(timers_.begin());
    saga.timer_at = {};
    for (interpreter::Fact& fact : interpreter::due_timers(*saga.graph, saga.state, at)) {
      record(saga, std::move(fact));
    }
    set_timer(saga);
    // A wake-up that changed nothing must not spin: look again at the next turn.
    if (saga.timer_at && saga.timer_at <= at) break;
    if (pending_.size() > 8) break;
  }
}

// A few times a second, and more often while sagas are taken up.
void Loop::tick() {
  const SteadyTime at = steady_now();
  next_tick_ = at + (recovery_->busy() ? kTickRecovering : kTick);
  if (stopping_) return;
  recovery_->step();
  if (!down_) {
    std::vector<Task> again = std::move(later_);
    later_.clear();
    if (defective(Defect::kLaterForgotten)) again.clear();
    for (Task& task : again) task();
  }
  renew_leases(at);
  if (at >= next_due_poll_) poll_due();
  asks_->step(at);
  if (down_) give_up_answers();
}

void Loop::renew_leases(SteadyTime at) {
  const auto renew_at = milliseconds(options_.lease_ms * 2 / 3);
  for (const Lane number : lanes_.held()) {
    LaneState& lane = lanes_.at(number);
    if (lane.renewing || lane.lease_until > at + renew_at) continue;
    lane.renewing = true;
    open_batch().renew.push_back(number);
  }
}

// Parked sagas that left memory: whoever is due soon comes back, and its timer with it.
void Loop::poll_due() {
  next_due_poll_ = steady_now() + kDuePoll;
  loader_->due({clock_.now().us + kDueAheadUs}, kDueAtOnce, lanes_.held(), [this](Result<std::vector<std::pair<Lane, SagaId>>> due) {
    if (!due) return;
    std::size_t asked = 0;
    for (const auto& [lane, id] : *due) {
      if (find(id) != nullptr || !holds(lane) || quarantined_.contains(id)) continue;
      Loader::Which which;
      which.lane = lane;
      which.saga = id;
      with_saga(which, [](const Result<Saga*>&) {});
      ++asked;
    }
    if (due->size() == kDueAtOnce && asked > 0) next_due_poll_ = steady_now();
  });
}

void Loop::hand_over() {
  if (writer_busy_) return;
  while (!pending_.empty()) {
    if (pending_.size() == 1) seal(pending_.front());
    Batch batch = std::move(pending_.front());
    pending_.pop_front();
    if (batch.empty()) continue;
    leave_gone_lanes(batch);
    batch.gained = std::move(gained_);
    gained_.clear();
    writer_busy_ = true;
    return writer_->submit(std::move(batch));
  }
}

// What was recorded by somebody who did not look whether its lane is still ours.
void Loop::leave_gone_lanes(Batch& batch) {
  std::vector<bool> keep(batch.owners.size(), true);
  for (std::size_t i = 0; i < keep.size(); ++i) {
    keep[i] = batch.owners[i].lane < 0 || lanes_.at(batch.owners[i].lane).epoch != 0;
  }
  if (std::find(keep.begin(), keep.end(), false) == keep.end()) return;
  refuse(split_off(batch, keep));
}

void Loop::seal_open(Lane) {
  if (pending_.empty()) return;
  seal(pending_.back());
  Batch& batch = pending_.emplace_back();
  batch.number = ++batches_;
  batch.opened = steady_now();
}

void Loop::lanes_gained(const std::vector<ClaimedLane>& lanes, std::vector<Lane> suspects) {
  gained_.insert(gained_.end(), lanes.begin(), lanes.end());
  if (!suspects.empty()) loader_->suspect(std::move(suspects));
  next_due_poll_ = steady_now();
}

// The writer does this for the batch that it holds.
void Loop::give_up_answers() {
  const SteadyTime before = steady_now() - kCallerWaits;
  const Failure failure{ErrorCode::kInDoubt, "the database does not answer; the request may still take effect",
                        "send it again with the same Idempotency-Key"};
  for (Batch& batch : pending_) {
    if (batch.opened > before) continue;
    for (const Batch::Answer& answer : batch.give_up()) answer.tell(&failure);
  }
}

SteadyTime Loop::wake_at() const {
  SteadyTime at = next_tick_;
  if (!timers_.empty() && !down_ && !stopping_) {
    const std::int64_t wait_us = std::max<std::int64_t>(0, timers_.begin()->first.us - clock_.now().us);
    at = std::min(at, steady_now() + std::chrono::microseconds(wait_us + 1));
  }
  if (!stopping_) at = std::min({at, lanes_.due(), mailroom_->due()});
  if (starts_->waiting() && keeps_up()) at = std::min(at, steady_now());
  return at;
}

void Loop::stop() {
  stopping_ = true;
  stop_by_ = steady_now() + milliseconds(options_.stop_grace_ms);
  starts_->refuse_all();
  lanes_.leave();
  log_info("stopping: nothing new is sent");
}

// Outcomes that arrive within the grace are journaled too: an unsure action costs a check at the next start.
bool Loop::finished() const {
  const bool late = steady_now() >= stop_by_;
  const bool written = pending_.empty() && !writer_busy_;
  if (written && counters_.in_flight.load() == 0 && !lanes_.claims()) return true;
  return late && (written || down_);
}

}  // namespace belay::runtime
