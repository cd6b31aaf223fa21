// One schedule, run: the real engine on the memory store, stepped by hand on a virtual clock; a provider with a ledger;
// clients that repeat what was not answered; a database that fails as Postgres does; processes that die. Everything that
// happens follows from the plan, so the same plan gives the same trace. The first broken promise ends the run.
//
// The safety phase has the plan's faults; when the plan is used up, what is left is the liveness phase: nothing fails
// any more, and everything must end, or be held with a reason.
#pragma once
#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "runtime/engine/stepped_engine.h"
#include "runtime/store/memory_store.h"
#include "tests/sim/auditor.h"
#include "tests/sim/provider.h"

namespace belay::sim {

struct Options {
  bool prove_replay = false;  // decide every entry anew
  bool show = false;          // every step on standard output
};

struct Report {
  std::optional<Violation> violation;
  int flushes = 0, steps = 0, deaths = 0, faults = 0, entries = 0;
  bool held = false;
  std::uint64_t trace = 14695981039346656037ULL;  // of everything that was done, in order
  std::string end;                                // status of each order, and what stands: comparable between runs
  std::vector<std::uint64_t> boundaries;          // reached by commits
  std::vector<std::uint64_t> died_at;             // and those at which a process died or lost its lanes
};

class World {
 public:
  World(const Program& program, const Plan& plan, Options options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  Report run();

 private:
  friend class NodeStore;
  friend class NodeRunner;
  enum class Dying { kNo, kNow, kAfterLoop, kTakeOver };
  struct Node {
    std::unique_ptr<runtime::Store> store;
    std::unique_ptr<runtime::ActionRunner> runner;
    std::unique_ptr<runtime::SteppedEngine> engine;
    int life = 0;  // counts its processes
    Dying dying = Dying::kNo;
    std::int64_t tried_at_us = -1;  // its writer, while the database was away
    std::int64_t back_at_us = 0;
    bool writes = true, loads = true;  // there may be something to do
    bool awake() const { return engine != nullptr; }
  };
  struct Call {  // under way
    int node = 0, life = 0;
    runtime::ActionCall call;
    std::function<void(runtime::ActionOutcome)> done;
    bool arrived = false;
    std::int64_t sent_at_us = 0;
    runtime::ActionOutcome outcome;
  };
  struct Client {
    Ask ask;
    std::string key;
    int copies_left = 1, under_way = 0;
    bool answered = false, refused = false;
    int refusals = 0;
    std::int64_t again_at_us = 0, answered_at_us = 0;
    std::size_t prefers = 0;  // which node it asks
    SagaId saga;
  };

  // world.cpp: nodes, steps and time
  void open(int node);
  void kill(int node);
  void take_over(int node);
  bool step();
  bool step_in_order();
  bool step_by_chance();
  bool step_writer(int node);
  void deliver(std::size_t call);
  void arrive(std::size_t call);
  bool pass_time();
  void all_loops();
  bool between_nodes() const;
  std::int64_t next_due() const;
  void note(const char* what, std::uint64_t number);
  // world_store.cpp: the model of Postgres
  runtime::FlushResult flush(int node, const runtime::Flush& flush);
  void run_call(int node, int life, runtime::ActionCall call, std::function<void(runtime::ActionOutcome)> done);
  bool database_down() const { return now_us_ < down_until_us_; }
  void fail_over();
  // world_clients.cpp: requests
  bool send_requests();
  void send(std::size_t client);
  template <class Reply>
  void answered(std::size_t client, std::size_t asked, const runtime::Result<Reply>& reply);
  void accepted(Client& client, const SagaId& saga);
  const Client* start_of(int order) const;
  // world_end.cpp: what must hold when nothing moves any more
  void check_quiet();
  void check_end();
  void check_saga(const SagaId& id, const Auditor::Watch& watch);
  void check_orders();
  std::string expected_end(int order) const;
  bool step_is_checked(const std::string& step) const;
  static bool activity_of_completed(const interpreter::State& state);
  std::string end_of_run() const;
  void bad(const char* check, std::string what) { auditor_.bad(check, std::move(what)); }

  const Program& program_;
  const Plan& plan_;
  const Options options_;
  std::int64_t now_us_ = 1'000'000;
  runtime::MemoryStore store_;
  Provider provider_;
  Auditor auditor_;
  std::vector<Node> nodes_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<Call> orphans_;  // requests of dead processes that have not arrived yet
  std::vector<Client> clients_;
  std::mt19937_64 random_;
  Report report_;
  int flushes_ = 0;
  int idle_ticks_ = 0, overdue_jumps_ = 0, settling_ticks_ = 0;
  std::int64_t down_until_us_ = 0;
  std::vector<std::pair<SagaId, std::uint64_t>> refused_rows_;
  bool data_error_ = false, over_ = false;
};

// The plan, run once.
Report run(const Plan& plan, Options options = {});

}  // namespace belay::sim
