// Lanes of event keys. A topic is (tenant, event, key); its lane orders publishing and subscribing,
// so that an event and a wait that cross each other always meet: whichever comes second finds the
// first.
//
//   wait      saga ─ Subscribe ─▶ topic: row, and offers of what came before
//   event     publish ─▶ topic: row, an offer to each subscription
//   offer     topic ─ Offer ─▶ saga: EventTaken is recorded, or not ─ OfferAnswered ─▶ topic: row
//   gone, event claimed
//
// What one topic does is done in order, one operation after the other, even when one has to read
// from the database. Every message may come twice; each handler makes the second one harmless.
// Tested in tests/runtime/engine_events_test.cpp.
#pragma once
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/engine/loop.h"

namespace belay::runtime {

// A publish from outside, made ready on the caller's thread.
struct PublishInput {
  EventRow row;  // without eseq and at
  std::string source;
  std::string digest;
  bool deduplicate = false;  // the sender gave the id
  bool holds_private = false;
  std::function<void(Result<PublishReply>)> done;
};

class Topics {
 public:
  explicit Topics(Loop& loop) : loop_(loop) {}

  static Lane lane(const std::string& tenant, const std::string& event, const std::string& key);
  // Thread-safe. Failures: kInvalid, kTooLarge.
  static Result<PublishInput> prepare(PublishRequest request, const Graphs& graphs,
                                      DatabaseClock& clock, IdGenerator& ids);

  void publish(PublishInput input);
  // Mail after its commit, or out of the mailbox table after a restart.
  void deliver(Mail mail);
  void lose_lane(Lane lane);
  // The database refused a row of this topic: what memory knows of it is not what was written.
  void forget(const std::string& name);

  // Its next event gets a greater number.
  void last_event(Lane lane, std::int64_t eseq);

 private:
  struct Topic;
  struct Operation {
    std::function<void(Topic&)> run;
    std::function<void(const Failure&)> refuse;  // may be empty
  };
  struct Topic {
    std::string name;
    Lane lane = 0;
    std::int64_t epoch = 0;  // of the lane since it is in memory
    std::string tenant, type, key;
    bool loaded = false, busy = false;
    std::deque<Operation> waiting;
    std::vector<Subscriber> subscribers;
    std::vector<EventRow>
        unflushed;  // published, not yet known to be committed: the loader cannot see them
    std::uint32_t uncommitted = 0;
    std::uint64_t gone_in = 0;  // the batch in which a subscription was last removed
    std::list<Topic*>::iterator used;
  };

  Topic& topic(Lane lane, const std::string& tenant, const std::string& type,
               const std::string& key);
  Topic* find(const std::string& name);
  void enqueue(Topic& topic, Operation operation);
  void pump(Topic& topic);
  void load(Topic& topic);
  Slot slot(Topic& topic);
  void evict();

  void subscribe(Topic& topic, const Mail& mail, const Subscribe& message);
  void subscribed(Topic& topic, const Mail& mail, const Subscribe& message,
                  std::vector<EventRow> earlier);
  void unsubscribe(Topic& topic, const Mail& mail, const SubscriptionRow& row);
  void answered(Topic& topic, const Mail& mail, const OfferAnswered& message);
  void start_answered(Topic& topic, const Mail& mail, const EventStarted& message);
  // `source`: of its id.
  Slot add_event(Topic& topic, EventRow row, const std::string& source);
  void remove(Topic& topic, Slot slot, const SubscriptionRow& row);
  void offered(const Mail& mail, const Offer& message);
  void offer(const Mail& mail, const Offer& message);
  void offered_to(Saga& saga, const Mail& mail, const Offer& message);
  void enqueue_publish(PublishInput input, Gate::Keys keys);

  std::int64_t& last_eseq(Lane lane);

  Loop& loop_;
  std::unordered_map<std::string, std::unique_ptr<Topic>> topics_;
  std::list<Topic*> used_;  // longest unused first
  std::vector<std::int64_t> last_eseq_;
};

}  // namespace belay::runtime
