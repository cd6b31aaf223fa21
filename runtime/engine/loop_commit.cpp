// What follows a flush: effects and answers of what was committed, the end of a lane that was lost, the culprit of a
// data error. See loop.h.
#include <algorithm>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/engine/children.h"
#include "runtime/engine/event_starts.h"
#include "runtime/engine/log.h"
#include "runtime/engine/loop.h"
#include "runtime/engine/topics.h"
#include "runtime/engine/turns.h"

namespace belay::runtime {
namespace {

constexpr auto kLeaseLeft = std::chrono::seconds(5);

}  // namespace

void Loop::on_flushed(Channel& channel, FlushReport report) {
  if (report.last) channel.busy = false;
  counters_.flushes.fetch_add(1, std::memory_order_relaxed);
  counters_.flush_rows.fetch_add(report.batch.flush.journal.size() + report.batch.flush.instances.size(),
                                 std::memory_order_relaxed);
  counters_.flush_us.fetch_add(static_cast<std::uint64_t>(report.took_us), std::memory_order_relaxed);
  switch (report.result.kind) {
    case FlushResult::Kind::kCommitted:
    case FlushResult::Kind::kFenced:
      return committed(report);
    case FlushResult::Kind::kDataError:
      return culprit(report);
    case FlushResult::Kind::kDown: {  // only when the writer was told to give up
      const Failure failure{ErrorCode::kInDoubt, "stopped before the database answered",
                            "send it again with the same Idempotency-Key"};
      for (const Batch::Answer& answer : report.batch.answers) answer.tell(&failure);
      return;
    }
  }
}

void Loop::committed(FlushReport& report) {
  Batch& batch = report.batch;
  for (const Lane lane : report.result.fenced) lose_lane(lane);
  const SteadyTime lease_until = report.started + std::chrono::milliseconds(options_.lease_ms);
  for (const LaneFence& fence : batch.flush.lanes) {
    LaneState& lane = lanes_[static_cast<std::size_t>(fence.lane)];
    lane.renewing = false;
    if (lane.epoch == fence.epoch) lease(lane, std::max(lane.lease_until, lease_until));
  }
  if (!deferred_.empty()) {
    auto again = std::move(deferred_);
    deferred_.clear();
    for (auto& [lane, send] : again) dispatch({0, std::move(send)}, lane);
  }

  const auto kept = [&](Batch::OwnerIndex owner) { return holds(batch.owners[owner].lane); };
  for (const Batch::Owner& owner : batch.owners) {
    if (owner.lane < 0 || owner.saga.empty()) continue;
    if (Saga* saga = find(owner.saga)) {
      BELAY_CHECK(saga->uncommitted > 0, "a commit is counted once");
      --saga->uncommitted;
    }
  }
  for (Batch::Effect& effect : batch.effects) {
    if (kept(effect.owner)) dispatch(std::move(effect), batch.owners[effect.owner].lane);
  }
  const Failure fenced{ErrorCode::kFenced, "another node has taken over while this was written",
                       "send it again to that node"};
  for (const Batch::Answer& answer : batch.answers) answer.tell(kept(answer.owner) ? nullptr : &fenced);
  for (const Batch::Owner& owner : batch.owners) {
    if (owner.lane < 0 || owner.saga.empty()) continue;
    if (Saga* saga = find(owner.saga)) settle(*saga);
  }
}

// A saga whose commits are all known: tell who listens, and see whether it may leave.
void Loop::settle(Saga& saga) {
  if (saga.uncommitted > 0) return;
  if (hook_) hook_(saga.id, saga.state);
  if (saga.state.ended()) return erase(saga);
  if (saga.parked && !saga.in_idle) {
    idle_.push_back(&saga);
    saga.idle = std::prev(idle_.end());
    saga.in_idle = true;
    evict();
  }
}

// Nothing leaves when we are stopping: its intent is journaled, and the next owner takes it up.
void Loop::dispatch(Batch::Effect&& effect, Lane lane) {
  if (stopping_ || !holds(lane)) return;
  if (auto* mail = std::get_if<Mail>(&effect.what)) return deliver(std::move(*mail));
  auto& send = std::get<SendAction>(effect.what);
  const LaneState& state = lanes_[static_cast<std::size_t>(lane)];
  if (state.lease_until < steady_now() + kLeaseLeft) {
    deferred_.emplace_back(lane, std::move(send));
    return;
  }
  send_action(std::move(send));
}

void Loop::deliver(Mail mail) {
  const bool kin = std::holds_alternative<RunChild>(mail.what) || std::holds_alternative<HaltChild>(mail.what) ||
                   std::holds_alternative<ChildEnded>(mail.what);
  if (kin) return children_->deliver(std::move(mail));
  if (std::holds_alternative<StartByEvent>(mail.what)) return event_starts_->deliver(std::move(mail));
  if (std::holds_alternative<NextTurn>(mail.what)) return turns_->deliver(std::move(mail));
  topics_->deliver(std::move(mail));
}

void Loop::send_action(SendAction&& send) {
  counters_.actions_sent.fetch_add(1, std::memory_order_relaxed);
  counters_.in_flight.fetch_add(1, std::memory_order_relaxed);
  send.call.now = clock(send.call.lane).now();
  send.call.send_until_us = lanes_[static_cast<std::size_t>(send.call.lane)].send_until_us;
  auto done = [this, inbox = inbox_, graph = send.call.graph, saga = send.call.saga, path = std::move(send.path), direction = send.direction,
               generation = send.generation](ActionOutcome outcome) mutable {
    interpreter::Fact fact;
    if (outcome.ok) {
      fact = interpreter::StepSucceeded{std::move(path), direction, generation, std::move(outcome.result)};
    } else {
      fact = interpreter::StepFailed{.path = std::move(path),
                                     .direction = direction,
                                     .generation = generation,
                                     .kind = outcome.kind,
                                     .error = std::move(outcome.error),
                                     .message = std::move(outcome.message),
                                     .answered = outcome.answered,
                                     .retry_after_ms = outcome.retry_after_ms};
    }
    // The inbox outlives the loop; once it is closed the task is dropped, so `this` is alive when it runs.
    inbox->push([this, graph = std::move(graph), saga = std::move(saga), fact = std::move(fact)]() mutable {
      on_outcome(saga, graph, std::move(fact));
    });
  };
  runner_.run(std::move(send.call), std::move(done));
}

void Loop::on_outcome(const SagaId& id, const GraphPtr& graph, interpreter::Fact fact) {
  counters_.in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (const auto* failed = std::get_if<interpreter::StepFailed>(&fact)) {
    (failed->kind == interpreter::FailureKind::kUnsure ? counters_.actions_unsure : counters_.actions_failed)
        .fetch_add(1, std::memory_order_relaxed);
  } else {
    counters_.actions_ok.fetch_add(1, std::memory_order_relaxed);
  }
  Saga* saga = find(id);
  if (saga == nullptr || saga->state.ended()) return;  // its lane was lost, or it was quarantined
  if (saga->graph->hash != graph->hash) {
    std::string problem;
    const bool there = std::visit(
        [&](auto& outcome) {
          if constexpr (requires { outcome.path; }) {
            return interpreter::translate(*graph, *saga->graph, outcome.path, problem);
          }
          return false;
        },
        fact);
    BELAY_CHECK(there, "a saga is moved only to a definition that knows its calls");
  }
  record(*saga, std::move(fact));
}

void Loop::lease(LaneState& lane, SteadyTime until) {
  lane.lease_until = until;
  const auto last = (until - kLeaseLeft).time_since_epoch();
  if (!lane.send_until_us) lane.send_until_us = std::make_shared<std::atomic<std::int64_t>>();
  *lane.send_until_us = std::chrono::duration_cast<std::chrono::microseconds>(last).count();
}

void Loop::lose_lane(Lane number) {
  LaneState& lane = lanes_[static_cast<std::size_t>(number)];
  if (lane.epoch == 0) return;
  log_warning("lane " + std::to_string(number) + " belongs to another node now; its sagas are dropped from memory");
  lane.epoch = 0;
  *lane.send_until_us = 0;
  counters_.lanes_held = false;
  const Failure why{ErrorCode::kFenced, "another node has taken over", "send it again to that node"};
  strip([&](const Batch::Owner& owner) { return owner.lane == number; }, why);
  std::vector<Saga*> gone;
  for (auto& [id, saga] : sagas_) {
    if (saga->lane == number) gone.push_back(saga.get());
  }
  for (Saga* saga : gone) erase(*saga);
  topics_->lose_lane(number);
}

// Takes what belongs to certain owners out of the batches that wait.
void Loop::strip(const std::function<bool(const Batch::Owner&)>& gone, const Failure& why) {
  std::vector<Batch> stripped;
  for (Channel& channel : channels_) {
    for (Batch& batch : channel.pending) {
      std::vector<bool> keep(batch.owners.size(), true);
      for (std::size_t i = 0; i < keep.size(); ++i) {
        keep[i] = batch.owners[i].lane < 0 || !gone(batch.owners[i]);
      }
      if (std::find(keep.begin(), keep.end(), false) != keep.end()) stripped.push_back(split_off(batch, keep));
    }
  }
  for (const Batch& batch : stripped) {
    for (const Batch::Answer& answer : batch.answers) answer.tell(&why);
  }
}

// The database refuses what one owner wanted to write; everybody else's rows are committed.
void Loop::culprit(FlushReport& report) {
  Batch& batch = report.batch;
  const Failure why{ErrorCode::kInvalid, "the database refuses the data: " + report.result.message,
                    "nothing of this request was written"};
  for (const Batch::Owner& owner : batch.owners) {
    if (owner.lane < 0) continue;
    if (owner.saga.empty()) {
      log_warning("an event of " + owner.topic + " cannot be written: " + report.result.message);
      if (!batch.flush.mail_consumed.empty() && holds(owner.lane)) {  // its mail must not come back for ever
        const Slot slot = this->slot(owner.lane, owner.topic);
        for (MailboxRow& row : batch.flush.mail_consumed) slot.batch->add_consumed(slot.owner, std::move(row));
      }
      topics_->forget(owner.topic);
      continue;
    }
    strip([&](const Batch::Owner& other) { return other.saga == owner.saga; }, why);
    if (Saga* saga = find(owner.saga)) erase(*saga);
    if (!quarantined_.insert(owner.saga).second) {
      log_warning("saga " + owner.saga + " cannot even be marked as quarantined: " + report.result.message);
      continue;
    }
    log_warning("saga " + owner.saga + " is quarantined: " + report.result.message);
    Loader::Which which;
    which.lane = owner.lane;
    which.saga = owner.saga;
    loader_->load(which, [this, message = report.result.message](Result<std::shared_ptr<LoadResult>> loaded) {
      if (loaded) quarantine(std::move((*loaded)->row), message);  // else it was never stored
    });
  }
  for (const Batch::Answer& answer : batch.answers) answer.tell(&why);
}

void Loop::quarantine(InstanceRow row, const std::string& why) {
  if (!holds(row.lane)) return;
  quarantined_.insert(row.id);
  counters_.quarantined.fetch_add(1, std::memory_order_relaxed);
  row.health = kQuarantined;
  row.health_since = row.updated_at = now(row.lane);
  row.waiting_on = "a person: quarantined";
  row.due_at = {};
  row.state.reset();
  row.failure.clear();
  for (const char c : why.substr(0, 500)) row.failure += c >= ' ' && c <= '~' ? c : '?';
  Batch& batch = open_batch(row.lane);
  const auto owner = batch.add_owner({.lane = row.lane, .saga = row.id});
  batch.add(owner, std::move(row));
}

}  // namespace belay::runtime
