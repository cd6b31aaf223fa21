// Wiring: the threads, the way in for callers, and the end. What happens inside is loop.h.
#include "runtime/engine/engine.h"

#include <unistd.h>

#include <algorithm>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "interpreter/graph_codec.h"
#include "runtime/base/check.h"
#include "runtime/base/environment.h"
#include "runtime/base/limits.h"
#include "runtime/engine/acts.h"
#include "runtime/engine/asks.h"
#include "runtime/engine/door.h"
#include "runtime/engine/log.h"
#include "runtime/engine/loop.h"
#include "runtime/engine/mailroom.h"
#include "runtime/engine/migrations.h"
#include "runtime/engine/starts.h"
#include "runtime/engine/stepped_engine.h"
#include "runtime/engine/topics.h"

namespace belay::runtime {
namespace {

constexpr auto kCallerWaits = std::chrono::seconds(15);

// Answers exactly once, also when everything that held it is thrown away: nobody waits for ever.
// The place at the door is free before the caller hears, so that it may ask for the next thing
// then.
template <class T>
std::function<void(Result<T>)> answer_once(std::function<void(Result<T>)> done,
                                           std::shared_ptr<Door::Pass> pass = {}) {
  struct Guard {
    std::shared_ptr<Door::Pass> pass;
    std::function<void(Result<T>)> done;
    ~Guard() {
      pass.reset();
      if (done)
        done(fail(ErrorCode::kInDoubt, "the engine stopped before this was answered",
                  "look, then ask again"));
    }
  };
  auto guard = std::make_shared<Guard>();
  guard->done = std::move(done);
  guard->pass = std::move(pass);
  return [guard](Result<T> result) {
    guard->pass.reset();
    if (auto once = std::exchange(guard->done, nullptr)) once(std::move(result));
  };
}

template <class T, class Ask>
Result<T> wait_for(Ask ask) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> answer = promise->get_future();
  ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
  if (answer.wait_for(kCallerWaits) == std::future_status::timeout) {
    return fail(ErrorCode::kInDoubt,
                "no answer within 15 seconds; the request may still take effect",
                "send it again with the same Idempotency-Key");
  }
  return answer.get();
}

Failure busy() {
  return {ErrorCode::kOverloaded, "too many requests of this tenant wait for the engine",
          "try again in a second"};
}

class EngineImpl final : public SteppedEngine {
 public:
  EngineImpl(Store& store, ActionRunner& runner, EngineOptions options, std::string owner,
             Loop::Opening opening)
      : store_(store),
        options_(std::move(options)),
        owner_(std::move(owner)),
        ids_(options_.ids_seed),
        directory_(owner_, options_.address),
        door_(options_.requests_max, options_.requests_bytes_max),
        inbox_(std::make_shared<Inbox>()) {
    if (opening.cluster.db_now)
      clock_.answered(opening.cluster.db_now, opening.asked_us, opening.answered_us);
    clock_.at_least(opening.cluster.latest);
    directory_.heard(opening.cluster, kNodeLeaseMs);
    loop_ = std::make_unique<Loop>(store_, runner, options_, clock_, graphs_, counters_, directory_,
                                   inbox_, std::move(opening));
    if (options_.own_threads)
      thread_ = std::thread([this] { loop_->run(); });
    else
      loop_->begin();
  }
  ~EngineImpl() override {
    if (options_.own_threads) stop();
  }

  Result<void> install(const interpreter::Graph& graph) override {
    auto copy = std::make_shared<interpreter::Graph>(graph);
    copy->index();
    copy->environment = &environment();
    if (copy->holds_private && !options_.sealer) {
      return fail(ErrorCode::kMisconfigured,
                  "workflow `" + copy->workflow +
                      "` holds private values, and there is no key to seal them with",
                  "set BELAY_SEAL_KEY (`openssl rand -base64 32` makes one; keep it as safe as the "
                  "database), or name a "
                  "file with --seal-key-file");
    }
    const std::string bytes = interpreter::encode_graph(*copy, false);
    const Result<bool> put = on_loader<bool>([copy, bytes](Store& store) -> Result<bool> {
      const Result<void> stored =
          store.put_definition(copy->workflow, copy->version, copy->hash, bytes);
      if (!stored) return fail(stored.error());
      return true;
    });
    if (!put) return fail(put.error());
    graphs_.make_current(graphs_.keep(std::move(copy)));
    return {};
  }
  GraphPtr definition(const std::string& workflow) const override {
    return graphs_.current(workflow);
  }
  std::vector<GraphPtr> definitions() const override { return graphs_.all_current(); }
  GraphPtr definition_by_hash(const std::string& hash) override {
    if (GraphPtr known = graphs_.by_hash(hash)) return known;
    const Result<GraphPtr> loaded = on_loader<GraphPtr>(
        [this, hash](Store& store) { return Loader::graph_of(store, graphs_, hash); });
    return loaded ? *loaded : nullptr;
  }

  void start(StartRequest request, std::function<void(Result<StartReply>)> done) override {
    const auto pass = enter(request.tenant, done);
    if (!pass) return;
    Result<StartInput> input =
        Starts::prepare(std::move(request), graphs_, clock_, ids_, directory_);
    if (!input) return done(fail(input.error()));
    if (!pass->carry(input->bytes)) return refuse(done);
    input->done = answer_once(std::move(done), pass);
    post([this, input = std::move(*input)]() mutable { loop_->starts().start(std::move(input)); });
  }
  void act(ActRequest request, std::function<void(Result<ActReply>)> done) override {
    const auto pass = enter(request.tenant, done);
    if (!pass) return;
    post([this, request = std::move(request), done = answer_once(std::move(done), pass)]() mutable {
      const SagaId saga = request.saga;
      const std::string tenant = request.tenant;
      loop_->request(saga, tenant,
                     [this, request = std::move(request), done = std::move(done)]() mutable {
                       loop_->acts().act(std::move(request), std::move(done));
                     });
    });
  }
  void migrate(MigrateRequest request, std::function<void(Result<MigrateReply>)> done) override {
    const auto pass = enter(request.tenant, done);
    if (!pass) return;
    post([this, request = std::move(request), done = answer_once(std::move(done), pass)]() mutable {
      const SagaId saga = request.saga;
      const std::string tenant = request.tenant;
      loop_->request(saga, tenant,
                     [this, request = std::move(request), done = std::move(done)]() mutable {
                       loop_->migrations().migrate(std::move(request), std::move(done));
                     });
    });
  }
  void publish(PublishRequest request, std::function<void(Result<PublishReply>)> done) override {
    const auto pass = enter(request.tenant, done);
    if (!pass) return;
    Result<PublishInput> input = Topics::prepare(std::move(request), graphs_, clock_, ids_);
    if (!input) return done(fail(input.error()));
    if (!pass->carry(input->row.payload.size())) return refuse(done);
    input->done = answer_once(std::move(done), pass);
    post([this, input = std::move(*input)]() mutable {
      const Lane lane = input.row.lane;
      const std::string tenant = input.row.tenant;
      loop_->request(lane, tenant, [this, input = std::move(input)]() mutable {
        loop_->topics().publish(std::move(input));
      });
    });
  }
  void view(std::string tenant, SagaId saga, std::function<void(Result<SagaView>)> done) override {
    const auto pass = enter(tenant, done);
    if (!pass) return;
    post([this, tenant = std::move(tenant), saga = std::move(saga),
          done = answer_once(std::move(done), pass)]() mutable {
      loop_->request(saga, tenant, [this, tenant, saga, done = std::move(done)]() mutable {
        loop_->view(tenant, saga, std::move(done));
      });
    });
  }

  Result<std::string> open_payload(const EventRow& event) override {
    if (!is_sealed_value(event.payload)) return event.payload;
    return on_loader<std::string>([this, event](Store& store) {
      return Loader::open_payload(store, options_.sealer, event);
    });
  }

  LaneHolder holder(Lane lane) const override { return directory_.holder(lane); }
  std::vector<NodeView> nodes() const override { return directory_.nodes(); }
  void mail_request(Lane lane, std::string body,
                    std::function<void(Result<std::string>)> done) override {
    const auto pass =
        enter("", done);  // for all tenants: limits::mailed_requests_max of them at once
    if (!pass) return;
    post([this, lane, body = std::move(body), done = answer_once(std::move(done), pass)]() mutable {
      loop_->asks().ask(lane, std::move(body), std::move(done));
    });
  }
  void on_request(RequestHook hook) override {
    inbox_->push(
        [this, hook = std::move(hook)]() mutable { loop_->asks().on_request(std::move(hook)); });
  }

  void on_mail(MailHook hook) override {
    inbox_->push(
        [this, hook = std::move(hook)]() mutable { loop_->mailroom().set_hook(std::move(hook)); });
  }
  void look_for_mail() override {
    if (to_look_.exchange(true)) return;
    inbox_->push([this] {
      to_look_ = false;
      loop_->mailroom().expect();
    });
  }

  EngineStats stats() const override {
    EngineStats s;
    const Counters& c = counters_;
    s.started = c.started;
    s.completed = c.completed;
    s.compensated = c.compensated;
    s.held = c.held;
    s.entries = c.entries;
    s.flushes = c.flushes;
    s.flush_rows = c.flush_rows;
    s.actions_sent = c.actions_sent;
    s.actions_ok = c.actions_ok;
    s.actions_failed = c.actions_failed;
    s.actions_unsure = c.actions_unsure;
    s.events = c.events;
    s.events_duplicate = c.events_duplicate;
    s.refused_busy = c.refused_busy;
    s.quarantined = c.quarantined;
    s.event_starts = c.event_starts;
    s.event_starts_failed = c.event_starts_failed;
    s.live = c.live;
    s.in_flight = c.in_flight;
    s.inbox = inbox_->size();
    s.flush_ms_avg =
        s.flushes == 0 ? 0
                       : static_cast<double>(c.flush_us) / 1000.0 / static_cast<double>(s.flushes);
    s.database_up = c.database_up;
    s.database_why = c.database_why();
    return s;
  }
  bool ready() const override {
    return !stopped_ && directory_.hears() && counters_.any_database_up;
  }

  void stop() override {
    {
      std::lock_guard lock(stop_mutex_);
      if (stopped_.exchange(true)) return;
    }
    inbox_->push([this] { loop_->stop(); });
    if (options_.own_threads)
      thread_.join();
    else
      run_to_the_end();
    std::vector<LaneFence> claimed = loop_->lanes().claimed();
    // What could not be written there is for the next owner to find out.
    std::erase_if(claimed, [&](const LaneFence& lane) { return loop_->database_down(lane.lane); });
    const bool any_up = counters_.any_database_up;
    loop_.reset();  // its threads end; callers that still wait are answered
    if (!any_up) return;
    if (const Result<void> released = store_.release(owner_, claimed); !released) {
      return log_warning("the lanes were not released: " + to_text(released.error()));
    }
    (void)store_.beat(
        {.name = owner_, .address = options_.address, .lease_ms = 0});  // nobody waits for us
  }
  void on_change(std::function<void(const SagaId&, const interpreter::State&)> hook) override {
    inbox_->push([this, hook = std::move(hook)]() mutable { loop_->set_hook(std::move(hook)); });
  }

  // Without the real clock's grace: what is under way is left to the next owner.
  void run_to_the_end() {
    for (int steps = 0; steps < 1'000; ++steps) {
      if (!loop_->step(steady_now())) return;
      for (std::size_t i = 0; i < writers(); ++i) loop_->writer(i).step();
      loop_->step_keeper();
    }
  }
  bool step_loop() override { return loop_->step(steady_now()); }
  bool loop_has_work() const override { return inbox_->size() > 0; }
  SteadyTime wake_at() const override { return loop_->wake_at(); }
  std::size_t writers() const override { return store_.writers(); }
  bool step_writer(std::size_t number) override { return loop_->writer(number).step(); }
  bool step_loader() override {
    const bool loaded = loop_->loader().step();
    return loop_->step_keeper() || loaded;
  }

 private:
  // A place for a request, or null: `done` has been told why not.
  template <class T>
  std::shared_ptr<Door::Pass> enter(const std::string& tenant,
                                    const std::function<void(Result<T>)>& done) {
    if (stopped_) {
      done(fail(ErrorCode::kShuttingDown, "the engine is stopping"));
      return nullptr;
    }
    auto pass = door_.enter(tenant);
    if (!pass) refuse(done);
    return pass;
  }
  template <class T>
  void refuse(const std::function<void(Result<T>)>& done) {
    counters_.refused_busy.fetch_add(1, std::memory_order_relaxed);
    done(fail(busy()));
  }
  // When the engine stops meanwhile, the task is dropped and its caller told so.
  void post(Task task) { inbox_->push(std::move(task)); }

  // Runs a job on the loader thread and waits for it.
  template <class T>
  Result<T> on_loader(std::function<Result<T>(Store&)> job) {
    if (!options_.own_threads) return job(store_);
    return wait_for<T>([&](std::function<void(Result<T>)> done) {
      done = answer_once<T>(std::move(done));
      std::lock_guard lock(stop_mutex_);
      if (stopped_) return done(fail(ErrorCode::kShuttingDown, "the engine is stopping"));
      loop_->loader().run([job = std::move(job), done](Store& store) { done(job(store)); });
    });
  }

  Store& store_;
  const EngineOptions options_;
  const std::string owner_;
  DatabaseClock clock_;
  IdGenerator ids_;
  Graphs graphs_;
  Counters counters_;
  Directory directory_;
  Door door_;
  const std::shared_ptr<Inbox> inbox_;
  std::mutex stop_mutex_;
  std::atomic<bool> stopped_{false}, to_look_{false};
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

// For people: the store adds by itself which process this is.
std::string owner_name(const std::string& node) {
  if (!node.empty()) return node;
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return std::string(host) + ":" + std::to_string(getpid());
}

// What is free, up to a fair share; and what a process of the same name has left, which cannot be
// alive.
Result<Loop::Opening> take_lanes(Store& store, const std::string& owner,
                                 const EngineOptions& options) {
  Loop::Opening opening;
  opening.asked_us = monotonic_us();
  Result<Cluster> cluster =
      store.beat({.name = owner, .address = options.address, .lease_ms = kNodeLeaseMs});
  opening.answered_us = monotonic_us();
  if (!cluster) return fail(cluster.error());
  opening.cluster = std::move(*cluster);
  std::vector<Lane> free, wanted;
  for (const LaneOwner& lane : opening.cluster.lanes) {
    if (lane.owner == owner)
      wanted.push_back(lane.lane);
    else if (lane.free)
      free.push_back(lane.lane);
  }
  free = in_order_of(owner, std::move(free));
  wanted.insert(wanted.end(), free.begin(), free.end());
  opening.gained.claimed_at = steady_now();
  if (wanted.empty()) return opening;
  const SteadyTime at = steady_now();
  Result<std::vector<ClaimedLane>> lanes = store.claim({.owner = owner,
                                                        .lanes = wanted,
                                                        .at_most = fair_share(opening.cluster),
                                                        .own_name_too = true});
  if (!lanes) return fail(lanes.error());
  Result<GainedLanes> gained = read_lanes(store, std::move(*lanes), {});
  if (!gained) return fail(gained.error());
  opening.gained = std::move(*gained);
  opening.gained.claimed_at = at;
  return opening;
}

Result<std::unique_ptr<EngineImpl>> open_engine(Store& store, ActionRunner& runner,
                                                EngineOptions options) {
  const std::string owner = owner_name(options.node);
  Result<Loop::Opening> opening = take_lanes(store, owner, options);
  if (!opening) return fail(opening.error());
  if (const std::size_t lanes = opening->gained.lanes.size();
      lanes < opening->cluster.lanes.size()) {
    log_info("this node begins with " + std::to_string(lanes) + " lanes of " +
             std::to_string(opening->cluster.lanes.size()));
  }
  return std::make_unique<EngineImpl>(store, runner, std::move(options), owner,
                                      std::move(*opening));
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(Store& store, ActionRunner& runner,
                                             EngineOptions options) {
  Result<std::unique_ptr<EngineImpl>> opened = open_engine(store, runner, std::move(options));
  if (!opened) return fail(opened.error());
  return std::unique_ptr<Engine>(std::move(*opened));
}

Result<std::unique_ptr<SteppedEngine>> SteppedEngine::open_stepped(Store& store,
                                                                   ActionRunner& runner,
                                                                   EngineOptions options) {
  options.own_threads = false;
  Result<std::unique_ptr<EngineImpl>> opened = open_engine(store, runner, std::move(options));
  if (!opened) return fail(opened.error());
  return std::unique_ptr<SteppedEngine>(std::move(*opened));
}
Result<StartReply> Engine::start(StartRequest request) {
  return wait_for<StartReply>([&](auto done) { start(std::move(request), std::move(done)); });
}
Result<ActReply> Engine::act(ActRequest request) {
  return wait_for<ActReply>([&](auto done) { act(std::move(request), std::move(done)); });
}
Result<MigrateReply> Engine::migrate(MigrateRequest request) {
  return wait_for<MigrateReply>([&](auto done) { migrate(std::move(request), std::move(done)); });
}
Result<PublishReply> Engine::publish(PublishRequest request) {
  return wait_for<PublishReply>([&](auto done) { publish(std::move(request), std::move(done)); });
}
Result<SagaView> Engine::view(std::string tenant, SagaId saga) {
  return wait_for<SagaView>(
      [&](auto done) { view(std::move(tenant), std::move(saga), std::move(done)); });
}

}  // namespace belay::runtime
