// The loader thread: everything that is read from the database while the loop goes on. Questions
// that come while one is being answered are collected and asked together, one store call a kind.
// Sagas are folded here, not on the loop. Every `then` is called on the loop thread, through the
// inbox; kUnavailable means: ask again. Tested through tests/runtime/engine_test.cpp.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "interpreter/replay.h"
#include "runtime/engine/graphs.h"
#include "runtime/engine/inbox.h"
#include "runtime/engine/saga.h"

namespace belay::runtime {

// A subscription and where its saga lives (the row does not say).
struct Subscriber {
  SubscriptionRow row;
  Lane saga_lane = 0;
};

// What a load found.
struct LoadResult {
  enum class Kind {
    kFolded,      // `saga`
    kMarkFirst,   // its lane is suspect: commit `row` (health `loading`), then load with `marked`
    kPoison,      // it was marked when the process died: quarantine it, `row` and `why`
    kUnfoldable,  // cannot be read: quarantine it, `row` and `why`
    kSetAside,    // quarantined, and has been for a while; `row`
  } kind = Kind::kFolded;
  std::unique_ptr<Saga> saga;
  InstanceRow row;
  std::string why;
};

// A journal replayed against another definition.
struct ReplayResult {
  GraphPtr from;          // by which it was recorded
  std::uint64_t seq = 0;  // of the journal's last entry
  interpreter::Replayed replayed;
};

class Loader {
 public:
  template <class T>
  using Then = std::function<void(Result<T>)>;
  using KeyQuery = std::tuple<Lane, std::string, std::string>;  // lane, tenant, key
  using DedupQuery =
      std::tuple<Lane, std::string, std::string, std::string>;  // lane, tenant, scope, key
  using TopicQuery =
      std::tuple<Lane, std::string, std::string, std::string>;  // lane, tenant, type, key
  using EventsQuery = std::tuple<Lane, std::string, std::string, std::string, Instant>;
  struct Which {
    std::optional<Lane> lane;  // none: find it
    std::string tenant;        // needed to find it
    SagaId saga;
    bool marked = false;
    bool set_aside_too = false;  // fold also a quarantined one
    std::uint64_t asked_at =
        0;  // Lanes::gains() then: what was read before its lane came is not to be used
  };

  Loader(Store& store, std::shared_ptr<Inbox> inbox, Graphs& graphs, SealerPtr sealer,
         bool own_thread = true);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // kNotFound when there is no such saga.
  void load(Which which, std::function<void(Result<std::shared_ptr<LoadResult>>)> then);
  void start_keys(std::vector<KeyQuery> keys, Then<std::vector<StartKeyRow>> then);
  void dedup(DedupQuery key, Then<std::optional<DedupRow>> then);
  void subscribers(TopicQuery topic, Then<std::vector<Subscriber>> then);
  void events(EventsQuery query, Then<std::vector<EventRow>> then);
  void turns(KeyQuery name, Then<std::vector<TurnRow>> then);
  void graph(std::string hash, Then<GraphPtr> then);
  // As Engine::open_payload.
  void payload(EventRow event, Then<std::string> then);
  // Reads the whole journal of a saga that runs by `from`, and replays it against `to`.
  void replay(Lane lane, SagaId saga, GraphPtr from, GraphPtr to,
              Then<std::shared_ptr<ReplayResult>> then);
  void due(DueTime time, std::size_t limit, std::vector<Lane> lanes,
           Then<std::vector<DueSaga>> then);
  // Sagas of these lanes are marked before they are folded; not any more.
  void suspect(std::vector<Lane> lanes);
  void unsuspect(std::vector<Lane> lanes);
  // In the store, and here: these lanes are not suspect any more.
  void forgive_crashes(std::string owner, std::vector<Lane> lanes, Then<void> then);
  // Anything else that needs the loader's connection. Runs on the loader thread. After stop() it is
  // not run.
  void run(std::function<void(Store&)> job);
  void stop();

  // Without a thread of its own: answers what has been asked. False: nothing has.
  bool step();

  // On the loader thread, or before it has work. Null when the store does not have it.
  static Result<std::string> open_payload(Store& store, const SealerPtr& sealer,
                                          const EventRow& event);
  static Result<GraphPtr> graph_of(Store& store, Graphs& graphs, const std::string& hash);

 private:
  template <class Q, class T>
  struct Ask {
    Q query;
    Then<T> then;
  };
  struct Work {
    std::vector<Ask<Which, std::shared_ptr<LoadResult>>> loads;
    std::vector<Ask<std::vector<KeyQuery>, std::vector<StartKeyRow>>> start_keys;
    std::vector<Ask<DedupQuery, std::optional<DedupRow>>> dedup;
    std::vector<Ask<TopicQuery, std::vector<Subscriber>>> subscribers;
    std::vector<Ask<EventsQuery, std::vector<EventRow>>> events;
    std::vector<std::function<void(Store&)>> jobs;
    bool empty() const {
      return loads.empty() && start_keys.empty() && dedup.empty() && subscribers.empty() &&
             events.empty() && jobs.empty();
    }
  };

  template <class F>
  void add(F&& change);
  // What is asked together: of one cell each, so that one that is away fails nothing of the others.
  template <class A, class CellOf>
  std::vector<std::vector<A>> apart(std::vector<A> asks, CellOf cell_of) const;
  void run_thread();
  void do_work(Work work);
  void do_start_keys(std::vector<Ask<std::vector<KeyQuery>, std::vector<StartKeyRow>>> asks);
  void do_dedup(std::vector<Ask<DedupQuery, std::optional<DedupRow>>> asks);
  void do_subscribers(std::vector<Ask<TopicQuery, std::vector<Subscriber>>> asks);
  void do_events(std::vector<Ask<EventsQuery, std::vector<EventRow>>> asks);
  void do_loads(std::vector<Ask<Which, std::shared_ptr<LoadResult>>> asks);
  // Finds the key of a saga with private values and opens what is sealed. `erased`: there is none
  // any more.
  Result<SealPtr> open(LoadedSaga& loaded, bool& erased);
  Result<std::shared_ptr<LoadResult>> make(LoadedSaga loaded, const Which& which);
  template <class T>
  void answer(Then<T> then, Result<T> result);

  Store& store_;
  const std::shared_ptr<Inbox> inbox_;
  Graphs& graphs_;
  const SealerPtr sealer_;
  std::set<Lane> suspect_;  // on the loader thread

  std::mutex mutex_;
  std::condition_variable wake_;
  Work work_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace belay::runtime
