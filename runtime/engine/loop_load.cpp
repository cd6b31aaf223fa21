// Sagas in and out of memory. A saga enters by a start or by a load; one that was at work when it
// was last written is taken up again: calls are sent once more under the same key, or become
// unsure. A parked one leaves when there are too many. In a lane that has brought the process down
// twice, sagas are loaded one by one, each marked first: one that is found marked twice in a row is
// quarantined without being folded. See loop.h.
#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/check.h"
#include "runtime/base/fair.h"
#include "runtime/engine/due.h"
#include "runtime/engine/log.h"
#include "runtime/engine/loop.h"
#include "runtime/engine/topics.h"
#include "runtime/engine/turns.h"

namespace belay::runtime {
namespace {

// A parked saga that is due so soon stays: the loader would fetch it right back.
constexpr std::int64_t kSoonUs = 90'000'000;
// Of more than so many that are due soon only those due at once stay, so that memory has a bound.
constexpr std::size_t kSoonMax = 100'000;
constexpr std::int64_t kAtOnceUs = 5'000'000;

}  // namespace

Saga* Loop::find(const SagaId& id) {
  const auto found = sagas_.find(id);
  return found == sagas_.end() ? nullptr : found->second.get();
}

Saga& Loop::insert(std::unique_ptr<Saga> saga) {
  BELAY_CHECK(holds(saga->lane), "only the owner of a lane holds its sagas");
  saga->epoch = epoch(saga->lane);
  auto [place, inserted] = sagas_.try_emplace(saga->id, std::move(saga));
  BELAY_CHECK(inserted, "a saga is in memory once");
  ++running_[place->second->row.tenant];
  counters_.live.store(sagas_.size(), std::memory_order_relaxed);
  return *place->second;
}

void Loop::erase(Saga& saga) {
  if (saga.timer_at) channel(saga.lane).timers.erase({saga.timer_at, &saga});
  wake(saga);
  if (const auto own = running_.find(saga.row.tenant); --own->second == 0) running_.erase(own);
  sagas_.erase(SagaId(saga.id));
  counters_.live.store(sagas_.size(), std::memory_order_relaxed);
}

// Not idle any more; counted as running.
void Loop::wake(Saga& saga) {
  if (!saga.in_idle) return;
  idle_.erase(saga.idle);
  saga.in_idle = false;
  ++running_[saga.row.tenant];
}

void Loop::rest(Saga& saga) {
  idle_.push_back(&saga);
  saga.idle = std::prev(idle_.end());
  saga.in_idle = true;
  if (const auto own = running_.find(saga.row.tenant); --own->second == 0) running_.erase(own);
}

bool Loop::has_room(const std::string& tenant) const {
  const auto own = running_.find(tenant);
  return may_hold_more(own == running_.end() ? 0 : own->second, sagas_.size() - idle_.size(),
                       options_.live_sagas_max);
}

void Loop::request(Lane lane, const std::string& tenant, Task work) {
  if (lane < 0 || static_cast<std::size_t>(lane) >= lanes_.count()) return work();
  shares(lane).run(tenant, Shares::Kind::kRequest, std::move(work));
}

void Loop::request(const SagaId& id, const std::string& tenant, Task work) {
  const Saga* saga = find(id);
  request(saga == nullptr ? Lane{0} : saga->lane, tenant, std::move(work));
}

void Loop::with_saga(Loader::Which which, OnSaga then) {
  if (Saga* saga = find(which.saga)) {
    if (!which.tenant.empty() && which.tenant != saga->row.tenant) {
      return then(fail(ErrorCode::kNotFound, "there is no saga with the id " + which.saga));
    }
    if (saga->in_idle) idle_.splice(idle_.end(), idle_, saga->idle);
    return then(saga);
  }
  if (!which.tenant.empty()) {
    // Its tenant is checked when it is there: a load for one tenant may answer another's waiting
    // question.
    then = [tenant = which.tenant, id = which.saga, then = std::move(then)](Result<Saga*> saga) {
      if (saga && (*saga)->row.tenant != tenant) {
        return then(fail(ErrorCode::kNotFound, "there is no saga with the id " + id));
      }
      then(saga);
    };
  }
  const auto [load, first] = loading_.try_emplace(which.saga);
  load->second.waiting.push_back(std::move(then));
  if (!first) return;
  which.asked_at = lanes_.gains();
  loader_->load(which, [this, which](Result<std::shared_ptr<LoadResult>> result) {
    on_loaded(which, std::move(result));
  });
}

void Loop::on_loaded(const Loader::Which& which, Result<std::shared_ptr<LoadResult>> result) {
  const SagaId id = which.saga;
  if (!result) return tell_waiting(id, fail(result.error()));
  LoadResult& loaded = **result;
  const Lane lane = loaded.row.lane;
  if (!holds(lane)) {
    return tell_waiting(id, fail(held_elsewhere(lane)));
  }
  if (lanes_.at(lane).gain > which.asked_at) {  // read while another node had the lane
    Loader::Which again = which;
    again.asked_at = lanes_.gains();
    return loader_->load(again, [this, again](Result<std::shared_ptr<LoadResult>> fresh) {
      on_loaded(again, std::move(fresh));
    });
  }
  switch (loaded.kind) {
    case LoadResult::Kind::kFolded: {
      if (Saga* started = find(id)) return tell_waiting(id, started);
      if (quarantined_.contains(id)) {
        return tell_waiting(id, fail(ErrorCode::kCorrupt, "the saga is quarantined"));
      }
      Saga& saga = insert(std::move(loaded.saga));
      lanes_.at(lane).last = std::max(lanes_.at(lane).last, saga.state.now);
      take_up(saga);
      // One that only waits writes nothing: its mark must go all the same, or the next crash would
      // be blamed on it.
      if (saga.row.health == kLoading || saga.row.health == kLoadingAgain) slot(saga);
      tell_waiting(id, &saga);
      if (Saga* still = find(id)) settle(*still);
      return;
    }
    case LoadResult::Kind::kMarkFirst: {
      // Quarantined while it was read: that mark stays.
      const Failure aside{ErrorCode::kCorrupt, "the saga is quarantined"};
      if (quarantined_.contains(id)) return tell_waiting(id, fail(aside));
      suspects_.push_back(id);
      loaded.row.health = loaded.row.health == kLoading ? kLoadingAgain : kLoading;
      Task go = [this, aside, row = loaded.row, which]() mutable {
        if (quarantined_.contains(
                row.id)) {  // told in a turn of its own: this task goes with the telling
          return inbox_->push([this, aside, id = row.id] { tell_waiting(id, fail(aside)); });
        }
        Batch& batch = open_batch(row.lane);
        const Slot slot{&batch, batch.add_owner({.lane = row.lane, .saga = row.id})};
        Loader::Which again = which;
        again.lane = row.lane;
        again.marked = true;
        again.asked_at = lanes_.gains();
        batch.add(slot.owner, std::move(row));
        slot.when_known([this, again](const Failure* failure) {
          if (failure != nullptr) return tell_waiting(again.saga, fail(*failure));
          loader_->load(again, [this, again](Result<std::shared_ptr<LoadResult>> folded) {
            on_loaded(again, std::move(folded));
          });
        });
      };
      suspect_tasks_[id] = std::move(go);
      if (suspects_.size() == 1) suspect_tasks_[id]();
      return;
    }
    case LoadResult::Kind::kPoison:
    case LoadResult::Kind::kUnfoldable:
      log_warning("saga " + id + " is quarantined: " + loaded.why);
      quarantine(std::move(loaded.row), loaded.why);
      [[fallthrough]];
    case LoadResult::Kind::kSetAside:
      return tell_waiting(id, fail(ErrorCode::kCorrupt, "the saga is quarantined: " + loaded.why,
                                   "its journal is kept; see docs/ops"));
  }
}

void Loop::tell_waiting(const SagaId& id, const Result<Saga*>& result) {
  if (auto load = loading_.extract(id)) {
    for (const OnSaga& then : load.mapped().waiting) {
      // One of them may end the saga, and another commit cannot come between: pointers stay good
      // within this task.
      then(result);
    }
  }
  // The next suspect has its turn.
  if (!suspects_.empty() && suspects_.front() == id) {
    suspect_tasks_.erase(id);
    suspects_.pop_front();
    if (!suspects_.empty()) suspect_tasks_[suspects_.front()]();
  }
}

// A saga that is not parked was at work when its owner went away.
void Loop::take_up(Saga& saga) {
  if (saga.state.ended()) return;
  if (!defective(Defect::kTimersNotRearmed)) set_timer(saga);
  if (saga.parked) return;
  interpreter::Recovery recovery = interpreter::recover(*saga.graph, saga.state);
  Slot slot = this->slot(saga);
  for (interpreter::Fact& fact : recovery.facts) slot = record(saga, std::move(fact));
  carry_out(saga, slot, std::move(recovery.commands));
}

Saga& Loop::readmit(std::unique_ptr<Saga> folded) {
  log_info("saga " + folded->id + " is quarantined no longer");
  quarantined_.erase(folded->id);
  Saga& saga = insert(std::move(folded));
  Instant& last = lanes_.at(saga.lane).last;
  last = std::max(last, saga.state.now);
  // Its row said that it waits for a person; whether it was at work only its state knows.
  saga.parked = interpreter::summary(*saga.graph, saga.state).parked && !saga.state.ended();
  take_up(saga);
  if (saga.state.queued) turns_->look(saga, slot(saga));  // its turn may have passed it by
  return saga;
}

void Loop::deliver_kept_mail(const SagaId& id) {
  // The inbox outlives the loop; once it is closed the task is dropped, so `this` is alive when it
  // runs.
  loader_->run([this, id, mine = lanes_.held(), inbox = inbox_](Store& store) {
    auto rows = store.mailbox({.to = mine, .not_from = {}});
    if (!rows)
      return log_warning("mail for saga " + id + " waits for a restart: " + to_text(rows.error()));
    inbox->push([this, id, rows = std::move(*rows)] {
      for (const MailboxRow& row : rows) {
        auto mail = decode_mail(row);
        if (!mail) continue;  // the start has said so
        const auto* offer = std::get_if<Offer>(&mail->what);
        const auto* child = std::get_if<ChildEnded>(&mail->what);
        // Whom a halt is for stands behind a start key; any of them may come twice.
        const bool halt = std::holds_alternative<HaltChild>(mail->what);
        const bool for_it = (offer != nullptr && offer->row.saga == id) ||
                            (child != nullptr && child->parent.saga == id) || halt;
        if (for_it) deliver(std::move(*mail));
      }
    });
  });
}

bool Loop::crowded() const { return idle_.size() > options_.parked_in_memory_max + kSoonMax; }

void Loop::evict() {
  std::size_t tries = 8;
  while (idle_.size() > options_.parked_in_memory_max && tries-- > 0) {
    Saga& saga = *idle_.front();
    if (saga.firing ||
        (saga.timer_at && saga.timer_at.us < clock_.now().us + (crowded() ? kAtOnceUs : kSoonUs))) {
      idle_.splice(idle_.end(), idle_, idle_.begin());
      continue;
    }
    due_->left(saga.timer_at);
    erase(saga);
  }
}

void Loop::view(const std::string& tenant, const SagaId& id,
                std::function<void(Result<SagaView>)> done) {
  Loader::Which which;
  which.tenant = tenant;
  which.saga = id;
  // What memory holds of a lane whose lease is over may be old.
  const Saga* known = find(id);
  if (known != nullptr && lanes_.at(known->lane).lease_until < steady_now())
    return view_from_store(tenant, id, std::move(done));
  with_saga(which, [this, tenant, id, done = std::move(done)](Result<Saga*> saga) {
    if (!saga && saga.error().code == ErrorCode::kFenced) return view_from_store(tenant, id, done);
    if (!saga) return done(fail(saga.error()));
    Saga shown;  // the row in memory is brought up to date when its batch is sealed, a copy of it
                 // here
    shown.graph = (*saga)->graph;
    shown.state = (*saga)->state;
    shown.row = (*saga)->row;
    shown.timer_at = (*saga)->timer_at;
    shown.stored = true;
    shown.seal = (*saga)->seal;
    refresh_row(shown);
    shown.row.seq = shown.state.seq;
    shown.row.updated_at = shown.state.now;
    SagaView view{std::move(shown.graph), std::move(shown.state), std::move(shown.row),
                  std::move(shown.seal), (*saga)->erased};
    if ((*saga)->uncommitted == 0) return done(std::move(view));
    // Only what is committed is shown.
    slot(**saga).answer([view = std::move(view), done](const Failure* failure) {
      if (failure != nullptr) return done(fail(*failure));
      done(view);
    });
  });
}

// A saga of another node: as it is committed.
void Loop::view_from_store(const std::string& tenant, const SagaId& id,
                           std::function<void(Result<SagaView>)> done) {
  Loader::Which which;
  which.tenant = tenant;
  which.saga = id;
  which.marked = true;  // nothing is taken up: it need not be marked first
  loader_->load(which, [done = std::move(done)](Result<std::shared_ptr<LoadResult>> result) {
    if (!result) return done(fail(result.error()));
    LoadResult& loaded = **result;
    if (loaded.kind != LoadResult::Kind::kFolded) {
      return done(fail(ErrorCode::kCorrupt, "the saga is quarantined: " + loaded.why,
                       "its journal is kept; see docs/ops"));
    }
    Saga& saga = *loaded.saga;
    refresh_row(saga);
    saga.row.seq = saga.state.seq;
    saga.row.updated_at = saga.state.now;
    done(SagaView{std::move(saga.graph), std::move(saga.state), std::move(saga.row),
                  std::move(saga.seal), saga.erased});
  });
}

}  // namespace belay::runtime
