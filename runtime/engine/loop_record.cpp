// From a fact to rows and effects. See loop.h.
#include <algorithm>
#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/check.h"
#include "runtime/base/journal_json.h"
#include "runtime/base/json_value.h"
#include "runtime/base/limits.h"
#include "runtime/base/state_json.h"
#include "runtime/engine/children.h"
#include "runtime/engine/loop.h"
#include "runtime/engine/starts.h"
#include "runtime/engine/topics.h"
#include "runtime/engine/turns.h"

namespace belay::runtime {

using interpreter::Entry;
using interpreter::Fact;
using interpreter::State;

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

bool holds_private_payload(const interpreter::Graph& graph, const std::string& event) {
  for (const interpreter::EventType& type : graph.events) {
    if (type.name == event) return interpreter::holds_private(type.fields);
  }
  return true;
}

// A large state is not written again before about as much was journaled: else each item of a long
// `for each` would write a part of all others. A load then reads at most twice the state; and no
// more than so many entries.
bool wants_snapshot(const Saga& saga) {
  constexpr std::uint64_t kEntriesMax = 10 * limits::snapshot_every_entries;
  const std::uint64_t entries = saga.state.seq - saga.journaled;
  if (saga.state.ended() || entries < limits::snapshot_every_entries) return false;
  return saga.journaled_bytes >= saga.snapshot_bytes || entries >= kEntriesMax;
}

bool at_cap(const State& state, const Fact& fact) {
  return state.seq + 1 >= limits::entries_per_saga_max && !state.capped && !state.ended() &&
         !std::holds_alternative<interpreter::CapReached>(fact);
}

}  // namespace

Slot Loop::record(Saga& saga, Fact fact, std::string actor, std::string reason) {
  BELAY_CHECK(holds(saga.lane), "only the owner of a lane records");
  BELAY_CHECK(!saga.erased, "an erased saga has ended for good");
  if (at_cap(saga.state, fact)) record(saga, interpreter::CapReached{});
  wake(saga);
  const Slot slot = this->slot(saga);
  Entry entry;
  entry.seq = saga.state.seq + 1;
  entry.at = std::max(now(saga.lane), saga.state.now);
  entry.actor = std::move(actor);
  entry.reason = std::move(reason);
  entry.fact = std::move(fact);
  saga.state = interpreter::apply(*saga.graph, std::move(saga.state), entry);
  BELAY_CHECK(saga.state.seq == entry.seq, "apply counts every entry");
  interpreter::Decision decision = interpreter::decide(*saga.graph, std::move(saga.state), saga.id);
  saga.state = std::move(decision.state);
  entry.drawn = std::move(decision.drawn);

  JournalRow row;
  row.lane = saga.lane;
  row.id = saga.id;
  row.seq = entry.seq;
  row.kind = kind_name(entry.fact);
  row.version = entry.version;
  row.at = entry.at;
  if (saga.seal) {
    std::string whole;
    append_entry_body(*saga.graph, entry, whole);
    row.body = sealed_body(*saga.seal, entry_body(*saga.graph, without_values(entry)), whole,
                           bound_to_entry(saga.id, entry.seq));
  } else {
    append_entry_body(*saga.graph, entry, row.body);
  }
  row.actor = std::move(entry.actor);
  saga.journaled_bytes += row.body.size();
  const bool forgets = defective(Defect::kTimerNotJournaled) && row.kind == "TimerFired";
  if (!forgets) slot.batch->add(slot.owner, std::move(row));
  counters_.entries.fetch_add(1, std::memory_order_relaxed);

  set_timer(saga);
  carry_out(saga, slot, std::move(decision.commands));
  return slot;
}

void Loop::carry_out(Saga& saga, Slot slot, std::vector<interpreter::Command> commands) {
  const auto topic = [&](const interpreter::Path& path, const std::string& event,
                         const std::string& key) {
    SubscriptionRow row;
    row.lane = Topics::lane(saga.row.tenant, event, key);
    row.tenant = saga.row.tenant;
    row.type = event;
    row.key = key;
    row.saga = saga.id;
    row.path = interpreter::path_text(*saga.graph, path);
    return row;
  };
  for (interpreter::Command& command : commands) {
    std::visit(
        Overloaded{
            [&](interpreter::RunAction& run) {
              SendAction send;
              send.call.graph = saga.graph;
              send.call.action = run.action;
              send.call.tenant = saga.row.tenant;
              send.call.saga = saga.id;
              send.call.lane = saga.lane;
              send.call.key = run.key.empty()
                                  ? interpreter::effect_key(saga.id, *saga.graph, run.path,
                                                            run.direction, run.generation)
                                  : std::move(run.key);
              send.call.seal = saga.seal;
              send.call.args = std::move(run.args);
              send.call.within_ms = run.within_ms;
              send.call.alive_ms = run.alive_ms;
              send.call.rate_count = run.rate_count;
              send.call.rate_per_ms = run.rate_per_ms;
              if (run.rate_count > 0) {
                send.call.rate_measure = saga.row.tenant + '\0' + saga.row.workflow + '\0' +
                                         saga.graph->nodes[run.path.node].name + '\0' +
                                         run.rate_key;
              }
              send.path = std::move(run.path);
              send.direction = run.direction;
              send.generation = run.generation;
              if (defective(Defect::kSendsBeforeCommit)) return send_action(std::move(send));
              slot.batch->effects.push_back({slot.owner, std::move(send)});
            },
            [&](interpreter::AwaitEvent& await) {
              Subscribe subscribe{topic(await.path, await.event, await.key), saga.lane};
              subscribe.row.since = await.since;
              this->send(slot, subscribe.row.lane, subscribe);
            },
            [&](interpreter::StopAwaiting& stop) {
              const Unsubscribe unsubscribe{topic(stop.path, stop.event, stop.key)};
              this->send(slot, unsubscribe.row.lane, unsubscribe);
            },
            [&](interpreter::Publish& publish) {
              EventRow row;
              row.lane = Topics::lane(saga.row.tenant, publish.event, publish.key);
              row.id = saga.id + ":" + interpreter::path_text(*saga.graph, publish.path);
              row.tenant = saga.row.tenant;
              row.type = publish.event;
              row.version = publish.version;
              row.key = publish.key;
              row.payload = to_json(publish.payload);
              if (saga.seal && holds_private_payload(*saga.graph, publish.event)) {
                row.payload = sealed_payload(*saga.seal, {saga.id, saga.lane}, row.payload,
                                             bound_to_event(row.id));
              }
              row.metadata = "{\"saga\":\"" + saga.id + "\"}";
              this->send(slot, row.lane, PublishEvent{row});
            },
            [&](interpreter::StartChild& start) { children_->start(saga, slot, start); },
            [&](interpreter::StopChild& stop) { children_->stop(saga, slot, stop); },
            [](interpreter::StartTimer&) {},  // set_timer() asks the state for the earliest of all
            [](interpreter::Finish&) {},      // the state says so
        },
        command);
  }
}

void Loop::set_timer(Saga& saga) {
  const Instant next =
      saga.state.ended() ? Instant{} : interpreter::next_wakeup(*saga.graph, saga.state);
  if (saga.firing) {  // its row says when it is due; fire() puts it among the timers again
    saga.timer_at = next;
    return;
  }
  if (next == saga.timer_at) return;
  auto& timers = channel(saga.lane).timers;
  if (saga.timer_at) timers.erase({saga.timer_at, &saga});
  saga.timer_at = next;
  if (next) timers.emplace(next, &saga);
}

Batch& Loop::open_batch(Lane lane) {
  std::deque<Batch>& pending = channel(lane).pending;
  if (pending.empty() || pending.back().full()) {
    if (!pending.empty()) seal(pending.back());
    Batch& batch = pending.emplace_back();
    batch.number = ++batches_;
    batch.opened = steady_now();
  }
  return pending.back();
}

Slot Loop::slot(Saga& saga) {
  Batch& batch = open_batch(saga.lane);
  if (saga.batch != batch.number) {
    saga.batch = batch.number;
    saga.owner = batch.add_owner({.lane = saga.lane, .saga = saga.id});
    ++saga.uncommitted;
    wake(saga);
  }
  return {&batch, saga.owner};
}

Slot Loop::slot(Lane lane, const std::string& topic) {
  Batch& batch = open_batch(lane);
  return {&batch, batch.add_owner({.lane = lane, .topic = topic})};
}

void Loop::send(Slot slot, Lane to, decltype(Mail::what) what) {
  const Lane from = slot.batch->owners[slot.owner].lane;
  slot.batch->add(slot.owner, Mail{to, from, ++lanes_.at(from).mail_number, std::move(what)});
}

void Loop::consume(Slot slot, const Mail& mail) {
  if (slot.batch->owners[slot.owner].lane == mail.to) {
    return slot.batch->add_consumed(slot.owner,
                                    {.to = mail.to, .from = mail.from, .number = mail.number});
  }
  slot.when_known([this, mail](const Failure* failure) {
    if (!holds(mail.to)) return;
    if (failure == nullptr) return consume(this->slot(mail.to, "mail"), mail);
    // The database was away for long: it is committed yet, and the mail, told again, changes
    // nothing.
    if (failure->code == ErrorCode::kInDoubt) later([this, mail] { deliver(mail); });
  });
}

// Nothing is added to a sealed batch; the instance rows of its sagas say what they are now.
void Loop::seal(Batch& batch) {
  for (std::size_t i = 0; i < batch.owners.size(); ++i) {
    const Batch::Owner& owner = batch.owners[i];
    if (owner.lane < 0 || owner.saga.empty()) continue;
    Saga* saga = find(owner.saga);
    if (saga != nullptr && saga->batch == batch.number) {
      seal_saga(batch, static_cast<Batch::OwnerIndex>(i), *saga);
    }
  }
}

void Loop::seal_saga(Batch& batch, Batch::OwnerIndex owner, Saga& saga) {
  const State& state = saga.state;
  // A child that had completed may be undone within one entry.
  const bool had_ended = saga.row.ended_at && saga.row.status == interpreter::name(state.status);
  bool write = refresh_row(saga);
  std::optional<std::string> snapshot;
  if (saga.rewrite || wants_snapshot(saga)) {
    snapshot = encode_state(*saga.graph, state);
    saga.journaled = state.seq;
    saga.journaled_bytes = 0;
    saga.snapshot_bytes = snapshot->size();
    write = true;
  }
  const bool held = !state.ended() &&
                    (saga.row.health == interpreter::name(interpreter::Health::kHeld) ||
                     saga.row.health == interpreter::name(interpreter::Health::kUnknownOutcome) ||
                     saga.row.health == interpreter::name(interpreter::Health::kUndoFailed));
  if (held && !saga.counted_held) counters_.held.fetch_add(1, std::memory_order_relaxed);
  saga.counted_held = held;
  if (state.ended() && !had_ended) {
    ended(batch, owner, saga);
    write = true;
  }
  if (saga.graph->asks) write_questions(batch, owner, saga);
  if (!write) return;
  saga.stored = true;
  saga.row.seq = state.seq;
  saga.row.updated_at = state.now;
  const bool too_large = snapshot && !saga.rewrite && snapshot->size() > limits::state_bytes_max;
  saga.rewrite = false;
  if (snapshot && saga.seal)
    *snapshot = sealed_value(*saga.seal, *snapshot, bound_to_state(saga.id, state.seq));
  InstanceRow row = saga.row;
  row.first_end = state.ended() && !had_ended && !state.undo_asked;
  if (snapshot && !too_large) {
    row.state = std::move(snapshot);
    row.state_seq = state.seq + (defective(Defect::kSnapshotAhead) ? 1 : 0);
    saga.row.state_seq = state.seq;
  }
  batch.add(owner, std::move(row));
  if (too_large && !state.capped) {
    later([this, id = saga.id] {
      if (Saga* large = find(id);
          large != nullptr && !large->state.ended() && !large->state.capped) {
        record(*large, interpreter::CapReached{});
      }
    });
  }
}

// The rows of open questions are what they were, and what has changed since.
void Loop::write_questions(Batch& batch, Batch::OwnerIndex owner, Saga& saga) {
  std::vector<std::string> open = open_questions(*saga.graph, saga.state);
  const auto missing_in = [](const std::vector<std::string>& paths, const std::string& path) {
    return !std::binary_search(paths.begin(), paths.end(), path);
  };
  for (const std::string& path : saga.questions) {
    if (missing_in(open, path) && !defective(Defect::kQuestionKept))
      batch.add_gone(owner, QuestionRow{saga.lane, saga.id, path, saga.row.tenant, {}, {}, {}});
  }
  for (const std::string& path : open) {
    if (!missing_in(saga.questions, path)) continue;
    const interpreter::Path at = interpreter::parse_path(*saga.graph, path);
    Instant until;
    for (const interpreter::Activity& activity : saga.state.activities) {
      if (activity.path == at) until = activity.until;
    }
    batch.add(owner, QuestionRow{saga.lane, saga.id, path, saga.row.tenant,
                                 saga.graph->nodes[at.node].role, saga.state.now, until});
  }
  saga.questions = std::move(open);
}

void Loop::ended(Batch& batch, Batch::OwnerIndex owner, Saga& saga) {
  const bool completed = saga.state.status == interpreter::Status::kCompleted;
  (completed ? counters_.completed : counters_.compensated).fetch_add(1, std::memory_order_relaxed);
  if (!saga.state.parent.saga.empty()) children_->ended(saga, {&batch, owner});
  turns_->ended(saga, {&batch, owner});
  // `once per`: one that was undone without a rest frees its value.
  if (!completed && !saga.row.key.empty() &&
      interpreter::left_over(*saga.graph, saga.state).empty()) {
    StartKeyRow key;
    key.lane = saga.lane;
    key.tenant = saga.row.tenant;
    key.key = Starts::once_key(saga.row.tenant, saga.row.workflow, saga.row.key, saga.lane);
    key.saga = saga.id;
    if (saga.first_batch != batch.number || !batch.unmake_start_key(saga.id, key.key)) {
      batch.add_gone(owner, std::move(key));
    }
  }
}

}  // namespace belay::runtime
