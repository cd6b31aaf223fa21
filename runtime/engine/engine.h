// The engine: lanes of sagas kept in memory, one loop thread that applies facts and decides, one
// writer thread that flushes everything that happened meanwhile in one statement. Effects leave,
// and callers are answered, only after the flush that records them has committed.
// docs/ARCHITECTURE.md has the picture.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/graph.h"
#include "interpreter/replay.h"
#include "interpreter/state.h"
#include "interpreter/view.h"
#include "runtime/base/result.h"
#include "runtime/base/seal.h"
#include "runtime/store/store.h"

namespace belay::runtime {

class ActionRunner;  // runtime/actions/action_runner.h

using GraphPtr = std::shared_ptr<const interpreter::Graph>;

struct StartRequest {
  std::string tenant, workflow;
  interpreter::Value input;     // decoded and validated against the workflow's takes
  std::string idempotency_key;  // may be empty
  std::string actor;
};
struct StartReply {
  SagaId saga;
  bool created = false;  // false: the same start was seen before, `saga` is the first one
  std::uint64_t seq = 0;
};

struct ActRequest {  // cancel, pause, resume, retry, skip, resolve
  std::string tenant;
  SagaId saga;
  // Built against the saga's own graph once it is known, e.g. to parse the path. Returns the fact
  // or a failure.
  std::function<Result<interpreter::Fact>(const interpreter::Graph&)> fact;
  std::string request_digest;  // of act, path, body: the same key with another digest is refused
  std::optional<std::uint64_t> if_match;  // seq that was shown
  std::string idempotency_key, actor, reason;
  bool dry_run = false;
  // Of a quarantined saga, the only act that it takes: it is read again and, when that works, taken
  // up where it was. Journaled as a resume (as a pause when it was paused: then it stays so).
  // `fact` is not asked unless the saga is not quarantined any more. kNotAllowedNow: it still
  // cannot be read.
  bool take_up_again = false;
};
struct ActReply {
  std::uint64_t seq = 0;
  interpreter::Preview preview;  // as it was before the act
  bool repeated = false;         // the same Idempotency-Key was answered before
};

// Moves a saga to another definition of its workflow, if a replay of its journal shows that nothing
// of what is recorded would have been otherwise.
struct MigrateRequest {
  std::string tenant;
  SagaId saga;
  std::string to;  // the hash of a definition; empty: the current one
  std::string request_digest;
  std::optional<std::uint64_t> if_match;
  std::string idempotency_key, actor, reason;
  bool dry_run = false;
};
struct MigrateReply {
  std::uint64_t seq = 0;
  GraphPtr from, to;
  interpreter::Verdict verdict;  // its paths: `recorded` by `from`, `instead` by `to`
  bool moved = false;            // false: only asked, or the verdict does not allow it
  bool repeated =
      false;  // the same Idempotency-Key was answered before; of the verdict only the kind is known
};

struct PublishRequest {
  std::string tenant, type, key;
  interpreter::Value payload;  // validated against the event's fields
  std::string id;              // of the sender; empty: one is made
  std::string source;          // "api", "webhook:stripe_in": ids are unique per source
  std::string actor;
  bool holds_private = false;  // the payload may: it is sealed
  std::string metadata;        // JSON object: correlation, causation, user
};
struct PublishReply {
  std::string id;
  bool duplicate = false;
};

struct SagaView {
  GraphPtr graph;
  interpreter::State state;
  InstanceRow row;
  SealPtr seal;         // of its journal's bodies, when it has private values
  bool erased = false;  // the key is gone: the state has no values
};

struct EngineOptions {
  std::string node;     // owner name in the lane table; empty: made up
  std::string address;  // where peers reach this node's API; empty: they use the mailbox
  // Requests that are not answered yet, and what their bodies keep in memory; more are refused
  // (kOverloaded). Of these and of running sagas a tenant has a fair part: three quarters when it
  // is alone (base/fair.h).
  std::size_t requests_max = 20'000;
  std::size_t requests_bytes_max = 256 * 1024 * 1024;
  std::size_t live_sagas_max =
      100'000;  // in memory; running ones are never evicted, starts beyond it are refused
  // What each tenant brings to a flush while others are at work, and while one of those asks for
  // little (engine/shares.h). Less: a shorter wait for that one; more: more sagas a second for who
  // asks for much.
  std::size_t shared_flush_rows = 32, quiet_flush_rows = 8;
  std::size_t parked_in_memory_max = 20'000;
  std::size_t recovery_per_second = 2'000;
  std::int64_t lease_ms = 15'000;  // what the store's flush gives a lane, not more
  std::int64_t forgive_after_ms =
      60'000;               // lived so long since all was taken up: earlier crashes count no more
  bool own_threads = true;  // false: stepped_engine.h
  std::uint64_t ids_seed = 0;  // simulation only; 0: ids are random
  SealerPtr
      sealer;  // the master key of private values; null: definitions that hold some are refused
  std::int64_t stop_grace_ms =
      2'000;  // stop() waits so long for actions under way, so that they need no check later
};

struct EngineStats {  // for /metrics; counters since start
  std::uint64_t started = 0, completed = 0, compensated = 0, held = 0, entries = 0, flushes = 0,
                flush_rows = 0, actions_sent = 0, actions_ok = 0, actions_failed = 0,
                actions_unsure = 0, events = 0, events_duplicate = 0, refused_busy = 0,
                quarantined = 0, event_starts = 0, event_starts_failed = 0;
  std::size_t live = 0, in_flight = 0, inbox = 0;
  double flush_ms_avg = 0;
  bool database_up = true;   // every database can be written to
  std::string database_why;  // it is not up: what was said of it last
};

// A lane as this node last saw it.
struct LaneHolder {
  Lane lane = 0;
  std::string node, address;  // empty: nobody holds it
  bool mine = false;
};

// A node as this one last saw it.
struct NodeView {
  std::string node, address;  // address: "http://10.0.0.7:8080", as peers reach it; empty: not told
  std::size_t lanes = 0;
  std::int64_t lease_ms = 0;  // what is left of it
  bool me = false;
};

class Engine {
 public:
  // Claims lanes, loads what runs in them and takes it up again. It opens with what it gets, be it
  // nothing: lanes come and go while it runs, as nodes do. `store` and `runner` outlive the engine.
  static Result<std::unique_ptr<Engine>> open(Store& store, ActionRunner& runner,
                                              EngineOptions options);
  virtual ~Engine() = default;

  // Makes a definition the current one of its workflow. Running sagas keep theirs.
  virtual Result<void> install(const interpreter::Graph& graph) = 0;
  // The current definition, or null.
  virtual GraphPtr definition(const std::string& workflow) const = 0;
  virtual std::vector<GraphPtr> definitions() const = 0;
  // A definition by hash (also an old one), or null.
  virtual GraphPtr definition_by_hash(const std::string& hash) = 0;

  // Any thread. The callback runs once, on the loop thread or here (refusals): it must be short.
  virtual void start(StartRequest request, std::function<void(Result<StartReply>)> done) = 0;
  virtual void act(ActRequest request, std::function<void(Result<ActReply>)> done) = 0;
  // kInvalid: `to` is of another workflow; kNotFound: no such saga or definition; kNotAllowedNow:
  // it runs by it already; kStale: it moved on, or does so faster than it can be read.
  virtual void migrate(MigrateRequest request, std::function<void(Result<MigrateReply>)> done) = 0;
  virtual void publish(PublishRequest request, std::function<void(Result<PublishReply>)> done) = 0;
  virtual void view(std::string tenant, SagaId saga,
                    std::function<void(Result<SagaView>)> done) = 0;

  // The same, waiting for the answer (kInDoubt after 15 seconds). Not from a callback.
  Result<StartReply> start(StartRequest request);
  Result<ActReply> act(ActRequest request);
  Result<MigrateReply> migrate(MigrateRequest request);
  Result<PublishReply> publish(PublishRequest request);
  Result<SagaView> view(std::string tenant, SagaId saga);

  // An event's payload as JSON, also when it is stored sealed. kNotFound: its key was erased.
  virtual Result<std::string> open_payload(const EventRow& event) { return event.payload; }

  // ---- Many nodes ----
  // Requests for a lane that another node holds are refused with kFenced and the lane; whoever
  // serves them forwards them. Any thread; from memory, a second old at most.
  virtual LaneHolder holder(Lane lane) const { return {.lane = lane, .mine = true}; }
  virtual std::vector<NodeView> nodes() const { return {}; }
  // When the holder of a lane cannot be reached: writes `body` to the lane's mailbox; `done` gets
  // what the holder's on_request hook answered, or kInDoubt after 15 seconds. `body` is the asker's
  // business, 1 MiB at most.
  virtual void mail_request(Lane, std::string, std::function<void(Result<std::string>)> done) {
    done(fail(ErrorCode::kUnsupported, "this engine knows no other nodes"));
  }
  // The other end. `id` is the same when the request comes again (after a crash it may): carry it
  // out once. The hook must not block; `reply` may be called on any thread, once.
  using RequestHook =
      std::function<void(std::string id, std::string body, std::function<void(std::string)> reply)>;
  virtual void on_request(RequestHook) {}
  // Mail for lanes of that node was committed. It looks for mail by itself a few times a second;
  // who tells it makes that sooner, and need not. On the loop thread, at most every 20 ms: it must
  // not block.
  using MailHook = std::function<void(const LaneHolder&)>;
  virtual void on_mail(MailHook) {}
  // Looks for mail of other nodes now. Any thread; too often does no harm.
  virtual void look_for_mail() {}

  virtual EngineStats stats() const = 0;
  virtual bool ready()
      const = 0;  // the database (of several: any) answers, and who holds which lane is known
  // Clean: stops sending, lets the last flush commit, releases the lanes.
  virtual void stop() = 0;
  // Called (on the loop thread) after a commit of a saga, with a committed state; changes that
  // follow each other fast may be told as one. For the live stream and for tests.
  virtual void on_change(std::function<void(const SagaId&, const interpreter::State&)> hook) = 0;
};

}  // namespace belay::runtime
