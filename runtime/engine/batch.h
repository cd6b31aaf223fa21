// What happened since the last flush was handed over: rows for the store, and what may follow only
// after the commit, namely effects and answers. Every row, effect and answer belongs to an owner (a
// saga, or the key of an event), so that a batch which the database refuses can be split by owner
// until the culprit stands alone. Tested in tests/runtime/engine_batch_test.cpp.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "runtime/actions/action_runner.h"
#include "runtime/engine/inbox.h"
#include "runtime/engine/mail.h"
#include "runtime/store/store.h"

namespace belay::runtime {

struct SendAction {
  ActionCall call;
  interpreter::Path path;
  interpreter::Direction direction = interpreter::Direction::kForward;
  std::uint32_t generation = 0;
};

// Told once: nullptr after the commit, else why not.
using Tell = std::function<void(const Failure*)>;

struct Batch {
  using OwnerIndex = std::uint32_t;
  struct Owner {
    Lane lane = -1;     // -1: struck, its rows went to another batch when this one was split
    SagaId saga;        // empty: the key of an event
    std::string topic;  // Topics' name of that key
  };
  // Which owner each row of the flush belongs to, list by list.
  struct Owners {
    std::vector<OwnerIndex> instances, journal, events, events_claimed, subscriptions,
        subscriptions_gone, mail, mail_consumed, start_keys, start_keys_gone, dedup, turns,
        turns_gone, questions, questions_gone, saga_keys;
  };
  struct Effect {
    OwnerIndex owner = 0;
    std::variant<SendAction, Mail> what;
  };
  struct Answer {
    OwnerIndex owner = 0;
    Tell tell;
    // A caller hears after a while that the outcome is not known; what holds others back (the gate
    // of a start key) waits until it is.
    bool until_known = false;
  };

  std::uint64_t number = 0;
  std::vector<Owner> owners;
  Flush flush;  // `lanes` is filled by the writer
  Owners of;
  std::vector<Effect> effects;
  std::vector<Answer> answers;
  std::vector<Lane> renew;  // lanes whose lease is to be renewed although they have no rows
  std::vector<ClaimedLane>
      gained;  // since the batch before: the writer learns of them in the order of its batches
  std::size_t bytes = 0;  // rough
  SteadyTime opened;

  OwnerIndex add_owner(Owner owner);
  void add(OwnerIndex owner, InstanceRow row);
  void add(OwnerIndex owner, JournalRow row);
  void add(OwnerIndex owner, EventRow row);
  void add(OwnerIndex owner, StartKeyRow row);
  void add(OwnerIndex owner, DedupRow row);
  void add(OwnerIndex owner, SubscriptionRow row);
  void add_claimed(OwnerIndex owner, Lane lane, std::int64_t eseq);
  void add_gone(OwnerIndex owner, SubscriptionRow row);
  void add_gone(OwnerIndex owner, StartKeyRow row);
  // Within one flush the store deletes last. So: a subscription that comes back is not deleted…
  void keep(const SubscriptionRow& row);
  // …and a start key whose saga ends in the flush that made it is not made. False: it was made
  // before.
  bool unmake_start_key(const SagaId& saga, const std::string& key);
  void add(OwnerIndex owner, TurnRow row);
  void add_gone(OwnerIndex owner, TurnRow row);
  void add(OwnerIndex owner, QuestionRow row);
  void add_gone(OwnerIndex owner, QuestionRow row);
  void add(OwnerIndex owner, SagaKeyRow row);
  void add_consumed(OwnerIndex owner, MailboxRow row);
  // The row, and the delivery after the commit.
  void add(OwnerIndex owner, Mail mail);

  // Takes out what callers wait for, leaves what waits until the outcome is known.
  std::vector<Answer> give_up();

  bool empty() const { return owners.empty() && renew.empty(); }
  bool full() const;
};

// Moves the rows, effects and answers of the owners for which `keep` is false out of `batch` into
// the one returned. Owners keep their index; where their rows are not, they are struck.
Batch split_off(Batch& batch, const std::vector<bool>& keep);

}  // namespace belay::runtime
