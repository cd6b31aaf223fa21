// Turns of the loop, timers, leases and the end. See loop.h.
#include "runtime/engine/loop.h"

#include <algorithm>
#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/check.h"
#include "runtime/base/limits.h"
#include "runtime/engine/acts.h"
#include "runtime/engine/asks.h"
#include "runtime/engine/children.h"
#include "runtime/engine/due.h"
#include "runtime/engine/event_starts.h"
#include "runtime/engine/log.h"
#include "runtime/engine/mailroom.h"
#include "runtime/engine/migrations.h"
#include "runtime/engine/recovery.h"
#include "runtime/engine/starts.h"
#include "runtime/engine/topics.h"
#include "runtime/engine/turns.h"
#include "runtime/store/losing_commits.h"

namespace belay::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kTick = milliseconds(500);
constexpr auto kTickRecovering = milliseconds(20);
constexpr auto kCallerWaits = seconds(10);
constexpr int kDrainsATurn = 4;
constexpr std::size_t kFiredATurn = 5'000;
constexpr std::size_t kBytesAsRow = 4'096;

std::string said_to_anybody(const std::string& why) {
  return why.find(kLosesCommits) != std::string::npos ? why : "the database does not answer";
}

}  // namespace

Loop::Loop(Store& store, ActionRunner& runner, const EngineOptions& options, DatabaseClock& clock,
           Graphs& graphs, Counters& counters, Directory& directory, std::shared_ptr<Inbox> inbox,
           Opening opening)
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
      due_(std::make_unique<DueSagas>(*this)),
      mailroom_(std::make_unique<Mailroom>(*this)),
      asks_(std::make_unique<Asks>(*this)),
      opening_(std::move(opening)) {
  loader_ =
      std::make_unique<Loader>(store_, inbox_, graphs_, options_.sealer, options_.own_threads);
  keeper_ =
      std::make_unique<Loader>(store_, inbox_, graphs_, options_.sealer, options_.own_threads);
  open_channels();
}

void Loop::open_channels() {
  channels_.resize(store_.writers());
  for (std::size_t i = 0; i < channels_.size(); ++i) {
    Channel& channel = channels_[i];
    channel.writer = std::make_unique<Writer>(
        store_, i, store_.cell_of_writer(i) == 0 ? clock_ : other_clock_, inbox_,
        std::vector<ClaimedLane>{},
        [this, &channel](FlushReport report) { on_flushed(channel, std::move(report)); },
        [this, &channel](bool down, const std::string& why) {
          channel.down = down;
          counters_.database_up = std::none_of(channels_.begin(), channels_.end(),
                                               [](const Channel& c) { return c.down; });
          counters_.any_database_up = !database_down();
          {
            const std::lock_guard lock(counters_.mutex);
            if (counters_.database_up)
              counters_.why_down.clear();
            else if (down)
              counters_.why_down = said_to_anybody(why);
          }
          if (down)
            log_warning("the database cannot be written to, nothing is sent until it can: " + why);
          else
            log_info("the database can be written to again");
        },
        options_.own_threads);
    channel.shares =
        std::make_unique<Shares>(Shares::Parts{.beside_quiet = options_.quiet_flush_rows,
                                               .beside_busy = options_.shared_flush_rows,
                                               .alone = limits::flush_entries_max},
                                 [&channel] { return rows_pending(channel); });
  }
}

// Roughly; of the batches before the open one only that they are full.
std::size_t Loop::rows_pending(const Channel& channel) {
  if (channel.pending.empty()) return 0;
  const Batch& open = channel.pending.back();
  return open.flush.journal.size() + open.flush.mail.size() + open.flush.events.size() +
         open.bytes / kBytesAsRow + (channel.pending.size() - 1) * limits::flush_entries_max;
}

bool Loop::database_down() const {
  return std::all_of(channels_.begin(), channels_.end(),
                     [](const Channel& channel) { return channel.down; });
}

bool Loop::keeps_up() const {
  return !database_down() &&
         std::all_of(channels_.begin(), channels_.end(), [](const Channel& channel) {
           return channel.down || channel.pending.size() <= 3;
         });
}

Loop::~Loop() {
  inbox_->close();
  for (Channel& channel : channels_) channel.writer->stop();
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

void Loop::begin() { lanes_.gained(std::move(opening_.gained)); }

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
  for (Channel& channel : channels_) hand_over(channel);
  return !(stopping_ && finished());
}

void Loop::turn() {
  const SteadyTime at = steady_now();
  for (Channel& channel : channels_) {
    channel.shares->open_to_all(channel.down || stopping_);
    channel.shares->run_waiting(at);
  }
  if (!stopping_) {
    for (Channel& channel : channels_) fire_timers(channel);
    starts_->admit();
    lanes_.step(at);
    due_->step(at);
  }
  if (!stopping_ || asks_->waiting()) mailroom_->step(at);
  if (steady_now() >= next_tick_) tick();
}

void Loop::fire_timers(Channel& channel) {
  auto& timers = channel.timers;
  if (channel.down || timers.empty()) return;
  const Instant at = clock_.passed();
  // Not more: a wake-up that changed nothing must not spin, and what is due waits in the lines of
  // its tenants.
  for (std::size_t left = kFiredATurn; left > 0 && !timers.empty() && timers.begin()->first <= at;
       --left) {
    Saga& saga = *timers.begin()->second;
    timers.erase(timers.begin());
    saga.firing = true;
    channel.shares->run(saga.row.tenant, Shares::Kind::kWork, [this, id = saga.id] { fire(id); });
  }
}

void Loop::fire(const SagaId& id) {
  Saga* saga = find(id);
  if (saga == nullptr || !saga->firing) return;  // it went meanwhile, and may have come back
  saga->firing = false;
  saga->timer_at = {};
  for (interpreter::Fact& fact :
       interpreter::due_timers(*saga->graph, saga->state, clock_.passed())) {
    record(*saga, std::move(fact));
  }
  set_timer(*saga);
}

// A few times a second, and more often while sagas are taken up.
void Loop::tick() {
  const SteadyTime at = steady_now();
  next_tick_ = at + (recovery_->busy() ? kTickRecovering : kTick);
  if (stopping_) return;
  recovery_->step();
  if (!database_down()) {
    std::vector<Task> again = std::move(later_);
    later_.clear();
    if (defective(Defect::kLaterForgotten)) again.clear();
    for (Task& task : again) task();
  }
  renew_leases(at);
  asks_->step(at);
  give_up_answers();
}

void Loop::renew_leases(SteadyTime at) {
  const auto renew_at = milliseconds(options_.lease_ms * 2 / 3);
  for (const Lane number : lanes_.held()) {
    LaneState& lane = lanes_.at(number);
    if (lane.renewing || lane.lease_until > at + renew_at) continue;
    lane.renewing = true;
    open_batch(number).renew.push_back(number);
  }
}

std::size_t Loop::timers_before(Instant at, std::size_t enough) const {
  std::size_t count = 0;
  for (const Channel& channel : channels_) {
    for (auto it = channel.timers.begin();
         it != channel.timers.end() && it->first < at && count < enough; ++it)
      ++count;
  }
  return count;
}

std::size_t Loop::timers_at(Instant at, std::size_t enough) const {
  std::size_t count = 0;
  for (const Channel& channel : channels_) {
    auto it = channel.timers.lower_bound({at, nullptr});
    for (; it != channel.timers.end() && it->first == at && count < enough; ++it) ++count;
  }
  return count;
}

void Loop::hand_over(Channel& channel) {
  if (channel.busy) return;
  channel.shares->next_flush();
  while (!channel.pending.empty()) {
    if (channel.pending.size() == 1) seal(channel.pending.front());
    Batch batch = std::move(channel.pending.front());
    channel.pending.pop_front();
    if (batch.empty()) continue;
    leave_gone_lanes(batch);
    batch.gained = std::move(channel.gained);
    channel.gained.clear();
    channel.busy = true;
    return channel.writer->submit(std::move(batch));
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

void Loop::seal_open(Lane lane) {
  std::deque<Batch>& pending = channel(lane).pending;
  if (pending.empty()) return;
  seal(pending.back());
  Batch& batch = pending.emplace_back();
  batch.number = ++batches_;
  batch.opened = steady_now();
}

void Loop::lanes_gained(const std::vector<ClaimedLane>& lanes, std::vector<Lane> suspects) {
  for (const ClaimedLane& lane : lanes) channel(lane.lane).gained.push_back(lane);
  if (!suspects.empty()) loader_->suspect(std::move(suspects));
  due_->start_over();
}

// The writer does this for the batch that it holds.
void Loop::give_up_answers() {
  const SteadyTime before = steady_now() - kCallerWaits;
  const Failure failure{ErrorCode::kInDoubt,
                        "the database does not answer; the request may still take effect",
                        "send it again with the same Idempotency-Key"};
  for (Channel& channel : channels_) {
    if (!channel.down) continue;
    for (Batch& batch : channel.pending) {
      if (batch.opened > before) continue;
      for (const Batch::Answer& answer : batch.give_up()) answer.tell(&failure);
    }
  }
}

SteadyTime Loop::wake_at() const {
  SteadyTime at = next_tick_;
  for (const Channel& channel : channels_) {
    if (channel.timers.empty() || channel.down || stopping_) continue;
    const std::int64_t wait_us =
        std::max<std::int64_t>(0, channel.timers.begin()->first.us - clock_.passed().us);
    at = std::min(at, steady_now() + std::chrono::microseconds(wait_us + 1));
  }
  if (!stopping_) at = std::min({at, lanes_.due(), database_down() ? at : due_->due()});
  if (!stopping_ || asks_->waiting()) at = std::min(at, mailroom_->due());
  const bool work = std::any_of(channels_.begin(), channels_.end(),
                                [](const Channel& c) { return c.shares->ready(); });
  if (work || (starts_->ready() && keeps_up())) at = std::min(at, steady_now());
  return at;
}

void Loop::stop() {
  stopping_ = true;
  stop_by_ = steady_now() + milliseconds(options_.stop_grace_ms);
  starts_->refuse_all({ErrorCode::kShuttingDown, "the engine is stopping", ""});
  lanes_.leave();
  log_info("stopping: nothing new is sent");
}

// Outcomes that arrive within the grace are journaled too: an unsure action costs a check at the
// next start. So are the answers of other nodes waited for: whoever asked would have to be told
// that nobody knows.
bool Loop::finished() const {
  const bool late = steady_now() >= stop_by_;
  bool written = true, waits = false;
  for (const Channel& channel : channels_) {
    const bool idle = channel.pending.empty() && !channel.busy && channel.shares->waiting() == 0;
    written = written && idle;
    waits = waits || (!idle && !channel.down);
  }
  const bool waits_for_nobody =
      counters_.in_flight.load() == 0 && !lanes_.claims() && !asks_->waiting();
  if (written && waits_for_nobody) return true;
  return late && !waits;  // one that is down would take for ever
}

}  // namespace belay::runtime
