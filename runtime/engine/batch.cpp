// Rows by owner, and splitting by owner. See batch.h.
#include "runtime/engine/batch.h"

#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/limits.h"

namespace belay::runtime {
namespace {

using OwnerIndex = Batch::OwnerIndex;

// Calls f(rows, owners) for each list, of one batch or of two in step.
template <class F, class... B>
void for_each_list(F&& f, B&... batch) {
  f(batch.flush.instances..., batch.of.instances...);
  f(batch.flush.journal..., batch.of.journal...);
  f(batch.flush.events..., batch.of.events...);
  f(batch.flush.events_claimed..., batch.of.events_claimed...);
  f(batch.flush.subscriptions..., batch.of.subscriptions...);
  f(batch.flush.subscriptions_gone..., batch.of.subscriptions_gone...);
  f(batch.flush.mail..., batch.of.mail...);
  f(batch.flush.mail_consumed..., batch.of.mail_consumed...);
  f(batch.flush.start_keys..., batch.of.start_keys...);
  f(batch.flush.start_keys_gone..., batch.of.start_keys_gone...);
  f(batch.flush.dedup..., batch.of.dedup...);
  f(batch.flush.turns..., batch.of.turns...);
  f(batch.flush.turns_gone..., batch.of.turns_gone...);
  f(batch.flush.questions..., batch.of.questions...);
  f(batch.flush.questions_gone..., batch.of.questions_gone...);
  f(batch.flush.saga_keys..., batch.of.saga_keys...);
}

// Moves what `keep` does not want from `from` to `to`, keeping the order in both.
template <class T, class OwnerOf>
void split(std::vector<T>& from, std::vector<T>& to, OwnerOf owner_of,
           const std::vector<bool>& keep) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (!keep[owner_of(i)]) {
      to.push_back(std::move(from[i]));
    } else {
      if (kept != i) from[kept] = std::move(from[i]);
      ++kept;
    }
  }
  from.erase(from.begin() + static_cast<std::ptrdiff_t>(kept), from.end());
}

}  // namespace

OwnerIndex Batch::add_owner(Owner owner) {
  owners.push_back(std::move(owner));
  return static_cast<OwnerIndex>(owners.size() - 1);
}

void Batch::add(OwnerIndex owner, InstanceRow row) {
  bytes += (row.state ? row.state->size() : 0) + 200;
  flush.instances.push_back(std::move(row));
  of.instances.push_back(owner);
}
void Batch::add(OwnerIndex owner, JournalRow row) {
  bytes += row.body.size() + 100;
  flush.journal.push_back(std::move(row));
  of.journal.push_back(owner);
}
void Batch::add(OwnerIndex owner, EventRow row) {
  bytes += row.payload.size() + row.metadata.size() + 200;
  flush.events.push_back(std::move(row));
  of.events.push_back(owner);
}
void Batch::add(OwnerIndex owner, StartKeyRow row) {
  bytes += 200;
  flush.start_keys.push_back(std::move(row));
  of.start_keys.push_back(owner);
}
void Batch::add(OwnerIndex owner, DedupRow row) {
  bytes += row.answer.size() + 200;
  flush.dedup.push_back(std::move(row));
  of.dedup.push_back(owner);
}
void Batch::add(OwnerIndex owner, SubscriptionRow row) {
  bytes += 200;
  flush.subscriptions.push_back(std::move(row));
  of.subscriptions.push_back(owner);
}
void Batch::add_claimed(OwnerIndex owner, Lane lane, std::int64_t eseq) {
  flush.events_claimed.emplace_back(lane, eseq);
  of.events_claimed.push_back(owner);
}
void Batch::add_gone(OwnerIndex owner, SubscriptionRow row) {
  flush.subscriptions_gone.push_back(std::move(row));
  of.subscriptions_gone.push_back(owner);
}
void Batch::add_gone(OwnerIndex owner, StartKeyRow row) {
  flush.start_keys_gone.push_back(std::move(row));
  of.start_keys_gone.push_back(owner);
}
void Batch::add(OwnerIndex owner, TurnRow row) {
  bytes += 200;
  flush.turns.push_back(std::move(row));
  of.turns.push_back(owner);
}
void Batch::add_gone(OwnerIndex owner, TurnRow row) {
  flush.turns_gone.push_back(std::move(row));
  of.turns_gone.push_back(owner);
}
void Batch::add(OwnerIndex owner, QuestionRow row) {
  bytes += 200;
  flush.questions.push_back(std::move(row));
  of.questions.push_back(owner);
}
void Batch::add_gone(OwnerIndex owner, QuestionRow row) {
  flush.questions_gone.push_back(std::move(row));
  of.questions_gone.push_back(owner);
}
void Batch::add(OwnerIndex owner, SagaKeyRow row) {
  bytes += 200;
  flush.saga_keys.push_back(std::move(row));
  of.saga_keys.push_back(owner);
}
void Batch::keep(const SubscriptionRow& row) {
  for (std::size_t i = flush.subscriptions_gone.size(); i-- > 0;) {
    const SubscriptionRow& gone = flush.subscriptions_gone[i];
    if (gone.saga != row.saga || gone.path != row.path || gone.type != row.type ||
        gone.key != row.key)
      continue;
    flush.subscriptions_gone.erase(flush.subscriptions_gone.begin() +
                                   static_cast<std::ptrdiff_t>(i));
    of.subscriptions_gone.erase(of.subscriptions_gone.begin() + static_cast<std::ptrdiff_t>(i));
  }
}
bool Batch::unmake_start_key(const SagaId& saga, const std::string& key) {
  for (std::size_t i = 0; i < flush.start_keys.size(); ++i) {
    if (flush.start_keys[i].saga != saga || flush.start_keys[i].key != key) continue;
    flush.start_keys.erase(flush.start_keys.begin() + static_cast<std::ptrdiff_t>(i));
    of.start_keys.erase(of.start_keys.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  }
  return false;
}
void Batch::add_consumed(OwnerIndex owner, MailboxRow row) {
  flush.mail_consumed.push_back(std::move(row));
  of.mail_consumed.push_back(owner);
}
void Batch::add(OwnerIndex owner, Mail mail) {
  MailboxRow row = encode_mail(mail);
  bytes += row.body.size() + 100;
  flush.mail.push_back(std::move(row));
  of.mail.push_back(owner);
  effects.push_back({owner, std::move(mail)});
}

std::vector<Batch::Answer> Batch::give_up() {
  std::vector<Answer> given_up, kept;
  for (Answer& answer : answers)
    (answer.until_known ? kept : given_up).push_back(std::move(answer));
  answers = std::move(kept);
  return given_up;
}

bool Batch::full() const {
  return flush.journal.size() + flush.mail.size() + flush.events.size() >=
             limits::flush_entries_max ||
         bytes >= limits::flush_bytes_max;
}

Batch split_off(Batch& batch, const std::vector<bool>& keep) {
  BELAY_CHECK(keep.size() == batch.owners.size(), "one answer for each owner");
  Batch other;
  other.number = batch.number;
  other.owners.resize(batch.owners.size());
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (!keep[i])
      std::swap(other.owners[i], batch.owners[i]);  // leaves a struck one (lane -1) behind
  }
  other.opened = batch.opened;
  for_each_list(
      [&](auto& rows, auto& other_rows, std::vector<OwnerIndex>& owners,
          std::vector<OwnerIndex>& other_owners) {
        BELAY_CHECK(rows.size() == owners.size(), "each row has an owner");
        split(
            rows, other_rows, [&](std::size_t i) { return owners[i]; }, keep);
        const std::vector<OwnerIndex> before = owners;
        split(
            owners, other_owners, [&](std::size_t i) { return before[i]; }, keep);
      },
      batch, other);
  split(
      batch.effects, other.effects, [&](std::size_t i) { return batch.effects[i].owner; }, keep);
  split(
      batch.answers, other.answers, [&](std::size_t i) { return batch.answers[i].owner; }, keep);
  return other;
}

}  // namespace belay::runtime
