// What follows a flush: effects and answers of what was committed, the end of a lane that was lost,
// the culprit of a data error. See loop.h.
#include <algorithm>
#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/check.h"
#include "runtime/engine/asks.h"
#include "runtime/engine/children.h"
#include "runtime/engine/event_starts.h"
#include "runtime/engine/log.h"
#include "runtime/engine/loop.h"
#include "runtime/engine/mailroom.h"
#include "runtime/engine/topics.h"
#include "runtime/engine/turns.h"

namespace belay::runtime {
namespace {

constexpr auto kLeaseLeft = std::chrono::seconds(5);

}  // namespace

void Loop::on_flushed(Channel& channel, FlushReport report) {
  if (report.last) channel.busy = false;
  counters_.flushes.fetch_add(1, std::memory_order_relaxed);
  counters_.flush_rows.fetch_add(
      report.batch.flush.journal.size() + report.batch.flush.instances.size(),
      std::memory_order_relaxed);
  counters_.flush_us.fetch_add(static_cast<std::uint64_t>(report.took_us),
                               std::memory_order_relaxed);
  switch (report.result.kind) {
    case FlushResult::Kind::kCommitted:
    case FlushResult::Kind::kFenced: return committed(report);
    case FlushResult::Kind::kDataError: return culprit(report);
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
  const FlushResult& result = report.result;
  const auto fenced = [&](Lane lane) {
    return std::find(result.fenced.begin(), result.fenced.end(), lane) != result.fenced.end();
  };
  const SteadyTime lease_until = report.started + std::chrono::milliseconds(options_.lease_ms);
  std::vector<std::int64_t> epochs(lanes_.count(),
                                   0);  // under which this was written; 0: it was not
  for (const LaneFence& fence : batch.flush.lanes) {
    LaneState& lane = lanes_.at(fence.lane);
    if (!fenced(fence.lane) || defective(Defect::kFencedGoesOn))
      epochs[static_cast<std::size_t>(fence.lane)] = fence.epoch;
    if (lane.epoch != fence.epoch) continue;
    lane.renewing = false;
    if (fenced(fence.lane) && !defective(Defect::kFencedGoesOn))
      lanes_.lost(fence.lane);
    else
      Lanes::lease(lane, std::max(lane.lease_until, lease_until));
  }
  if (!deferred_.empty()) {
    auto again = std::move(deferred_);
    deferred_.clear();
    for (auto& [lane, send] : again) dispatch({0, std::move(send)}, lane);
  }

  const auto written = [&](Lane lane) {
    return lane >= 0 && epochs[static_cast<std::size_t>(lane)] != 0;
  };
  // In memory now, and it was in memory when this was recorded.
  const auto saga_of = [&](const Batch::Owner& owner) -> Saga* {
    if (owner.saga.empty() || !written(owner.lane)) return nullptr;
    Saga* saga = find(owner.saga);
    return saga != nullptr && epochs[static_cast<std::size_t>(owner.lane)] == saga->epoch ? saga
                                                                                          : nullptr;
  };
  for (const Batch::Owner& owner : batch.owners) {
    if (Saga* saga = saga_of(owner)) {
      BELAY_CHECK(saga->uncommitted > 0, "a commit is counted once");
      --saga->uncommitted;
    }
  }
  for (const MailboxRow& row : batch.flush.mail_consumed) {
    if (written(row.to)) mailroom_->consumed(row);
  }
  for (Batch::Effect& effect : batch.effects) {
    if (written(batch.owners[effect.owner].lane))
      dispatch(std::move(effect), batch.owners[effect.owner].lane);
  }
  for (const Batch::Answer& answer : batch.answers) {
    const Lane lane = batch.owners[answer.owner].lane;
    if (written(lane)) {
      answer.tell(nullptr);
      continue;
    }
    const Failure unknown{ErrorCode::kInDoubt, "another node has taken over while this was written",
                          "send it again with the same Idempotency-Key"};
    const Failure elsewhere = held_elsewhere(lane);
    answer.tell(result.in_doubt ? &unknown : &elsewhere);
  }
  for (const Batch::Owner& owner : batch.owners) {
    if (Saga* saga = saga_of(owner)) settle(*saga);
  }
}

// A saga whose commits are all known: tell who listens, and see whether it may leave.
void Loop::settle(Saga& saga) {
  if (saga.uncommitted > 0) return;
  if (hook_) hook_(saga.id, saga.state);
  if (saga.state.ended()) return erase(saga);
  if (saga.parked && !saga.in_idle) {
    rest(saga);
    evict();
  }
}

// Nothing leaves when we are stopping: its intent is journaled, and the next owner takes it up.
void Loop::dispatch(Batch::Effect&& effect, Lane lane) {
  if (stopping_) return;
  if (auto* mail = std::get_if<Mail>(&effect.what)) {
    // The receiver's flush could not delete it where it lies: it must be carried over first,
    // whoever holds the receiver.
    const bool crosses = store_.cell_of(mail->to) != store_.cell_of(lane);
    if (crosses) mailroom_->expect();
    if (!holds(mail->to)) {
      if (crosses || !lanes_.withhold(*mail)) mailroom_->sent_away(mail->to);
      return;
    }
    if (crosses) return;
    if (mailroom_->first_time(mail->to, mail->from, mail->number)) deliver(std::move(*mail));
    return;
  }
  auto& send = std::get<SendAction>(effect.what);
  const LaneState& state = lanes_.at(lane);
  // Of a lane that is being handed over nothing more is sent.
  if (state.stage != LaneState::Stage::kHeld || find(send.call.saga) == nullptr) return;
  if (state.lease_until < steady_now() + kLeaseLeft && !defective(Defect::kLeaseIgnored)) {
    deferred_.emplace_back(lane, std::move(send));
    return;
  }
  send_action(std::move(send));
}

void Loop::deliver(Mail mail) {
  if (!holds(mail.to)) return;
  const std::string tenant = tenant_of(mail);
  if (tenant.empty()) return receive(std::move(mail));  // between nodes
  shares(mail.to).run(tenant, Shares::Kind::kWork,
                      [this, mail = std::move(mail)]() mutable { receive(std::move(mail)); });
}

void Loop::receive(Mail mail) {
  if (!holds(mail.to)) return;
  const bool kin = std::holds_alternative<RunChild>(mail.what) ||
                   std::holds_alternative<HaltChild>(mail.what) ||
                   std::holds_alternative<ChildEnded>(mail.what);
  if (kin) return children_->deliver(std::move(mail));
  if (std::holds_alternative<StartByEvent>(mail.what))
    return event_starts_->deliver(std::move(mail));
  if (std::holds_alternative<NextTurn>(mail.what)) return turns_->deliver(std::move(mail));
  const bool node =
      std::holds_alternative<NodeAsks>(mail.what) || std::holds_alternative<NodeAnswers>(mail.what);
  if (node) return asks_->deliver(std::move(mail));
  topics_->deliver(std::move(mail));
}

void Loop::send_action(SendAction&& send) {
  counters_.actions_sent.fetch_add(1, std::memory_order_relaxed);
  counters_.in_flight.fetch_add(1, std::memory_order_relaxed);
  send.call.now = clock_.now();
  LaneState& lane = lanes_.at(send.call.lane);
  send.call.send_until_us = lane.send_until_us;
  ++lane.in_flight;
  auto done = [this, inbox = inbox_, graph = send.call.graph, saga = send.call.saga,
               tenant = send.call.tenant, lane = send.call.lane, epoch = lane.epoch,
               path = std::move(send.path), direction = send.direction,
               generation = send.generation](ActionOutcome outcome) mutable {
    interpreter::Fact fact;
    if (outcome.ok) {
      fact = interpreter::StepSucceeded{std::move(path), direction, generation,
                                        std::move(outcome.result)};
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
    // The inbox outlives the loop; once it is closed the task is dropped, so `this` is alive when
    // it runs.
    inbox->push([this, graph = std::move(graph), saga = std::move(saga), tenant = std::move(tenant),
                 lane, epoch, fact = std::move(fact)]() mutable {
      shares(lane).run(tenant, Shares::Kind::kWork,
                       [this, graph = std::move(graph), saga = std::move(saga), lane, epoch,
                        fact = std::move(fact)]() mutable {
                         on_outcome(saga, lane, epoch, graph, std::move(fact));
                       });
    });
  };
  runner_.run(std::move(send.call), std::move(done));
}

void Loop::on_outcome(const SagaId& id, Lane lane, std::int64_t epoch, const GraphPtr& graph,
                      interpreter::Fact fact) {
  counters_.in_flight.fetch_sub(1, std::memory_order_relaxed);
  --lanes_.at(lane).in_flight;
  if (const auto* failed = std::get_if<interpreter::StepFailed>(&fact)) {
    (failed->kind == interpreter::FailureKind::kUnsure ? counters_.actions_unsure
                                                       : counters_.actions_failed)
        .fetch_add(1, std::memory_order_relaxed);
  } else {
    counters_.actions_ok.fetch_add(1, std::memory_order_relaxed);
  }
  Saga* saga = find(id);
  if (saga == nullptr || saga->state.ended()) return;  // its lane was lost, or it was quarantined
  // Its lane was away and has come back: who held it meanwhile has asked again, and so have we.
  if (saga->epoch != epoch) return;
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
  if (defective(Defect::kOutcomeTwice)) record(*saga, fact);
  if (defective(Defect::kOutcomeTwice) && saga->state.ended()) return;
  record(*saga, std::move(fact));
}

void Loop::strip_lane(Lane number) {
  strip([&](const Batch::Owner& owner) { return owner.lane == number; }, held_elsewhere(number));
}

// Out of memory; what is recorded of it is flushed all the same, unless it was stripped.
void Loop::lane_gone(Lane number) {
  std::vector<Saga*> gone;
  for (auto& [id, saga] : sagas_) {
    if (saga->lane == number) gone.push_back(saga.get());
  }
  for (Saga* saga : gone) erase(*saga);
  std::erase_if(quarantined_, [&](const auto& set_aside) { return set_aside.second == number; });
  std::erase_if(deferred_, [&](const auto& waiting) { return waiting.first == number; });
  loader_->unsuspect({number});
  topics_->lose_lane(number);
  mailroom_->lane_gone(number);
}

// Nothing of these was handed to the writer.
void Loop::refuse(const Batch& stripped) {
  for (const Batch::Answer& answer : stripped.answers) {
    const Failure why = held_elsewhere(stripped.owners[answer.owner].lane);
    answer.tell(&why);
  }
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
      if (std::find(keep.begin(), keep.end(), false) != keep.end())
        stripped.push_back(split_off(batch, keep));
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
      if (!batch.flush.mail_consumed.empty() &&
          holds(owner.lane)) {  // its mail must not come back for ever
        const Slot slot = this->slot(owner.lane, owner.topic);
        for (MailboxRow& row : batch.flush.mail_consumed)
          slot.batch->add_consumed(slot.owner, std::move(row));
      }
      topics_->forget(owner.topic);
      continue;
    }
    strip([&](const Batch::Owner& other) { return other.saga == owner.saga; }, why);
    if (Saga* saga = find(owner.saga)) erase(*saga);
    if (!quarantined_.emplace(owner.saga, owner.lane).second) {
      log_warning("saga " + owner.saga +
                  " cannot even be marked as quarantined: " + report.result.message);
      continue;
    }
    log_warning("saga " + owner.saga + " is quarantined: " + report.result.message);
    Loader::Which which;
    which.lane = owner.lane;
    which.saga = owner.saga;
    set_aside(which, report.result.message);
  }
  for (const Batch::Answer& answer : batch.answers) answer.tell(&why);
}

// Its row as it is stored, marked. One that is not there was never stored; a database that is away
// is asked again.
void Loop::set_aside(const Loader::Which& which, const std::string& why) {
  loader_->load(which, [this, which, why](Result<std::shared_ptr<LoadResult>> loaded) {
    if (loaded) return quarantine(std::move((*loaded)->row), why);
    if (loaded.error().code == ErrorCode::kUnavailable)
      later([this, which, why] { set_aside(which, why); });
  });
}

void Loop::quarantine(InstanceRow row, const std::string& why) {
  if (!holds(row.lane)) return;
  quarantined_.emplace(row.id, row.lane);
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
