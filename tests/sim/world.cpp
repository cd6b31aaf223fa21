// Nodes, steps and time. See world.h.
#include "tests/sim/world.h"

#include <algorithm>
#include <cstdio>

#include "runtime/base/clock.h"
#include "tests/sim/world_parts.h"

namespace belay::sim {

using namespace runtime;

namespace {

constexpr std::int64_t kEpochUs = 1'700'000'000'000'000;
constexpr std::int64_t kLeaseUs = 15'000'000;
constexpr int kStepsMax = 20'000;
constexpr int kIdleTicksMax = 3;  // then time jumps to what comes next
constexpr std::int64_t kTickUs = 500'000;
constexpr int kSettlingTicksMax = 120;
constexpr int kOverdueJumpsMax = 5;  // of 21 seconds: the engine looks for what is due every 20

}  // namespace

World::World(const Program& program, const Plan& plan, Options options)
    : program_(program),
      plan_(plan),
      options_(options),
      provider_(program, plan),
      auditor_(program),
      random_(plan.seed) {
  store_.use_clock([this] { return Instant{kEpochUs + now_us_}; });
  auditor_.prove_replay(options.prove_replay);
  for (const Ask& ask : plan.asks) {
    Client client;
    client.ask = ask;
    client.key = std::string(name(ask.kind)) + "-" + std::to_string(ask.arg) + "-" +
                 std::to_string(clients_.size());
    client.copies_left = ask.twice ? 2 : 1;
    clients_.push_back(std::move(client));
  }
  use_virtual_clock(&now_us_);
}

World::~World() {
  over_ = true;
  nodes_.clear();
  use_virtual_clock(nullptr);
}

Report World::run() {
  open(0);
  while (!auditor_.violation() && !over_) {
    if (++report_.steps > kStepsMax) {
      bad(checks::kEnds, "it goes on for ever");
      break;
    }
    if (!provider_.wrong().empty()) bad(checks::kProvider, provider_.wrong());
    if (!step() && !pass_time()) break;
  }
  if (!auditor_.violation() && !over_) check_end();
  report_.end = end_of_run();
  if (!plan_.end.empty() && !report_.held && !auditor_.violation() && report_.end != plan_.end) {
    bad(checks::kCrashProof,
        "without a fault it ends `" + plan_.end + "`, with it `" + report_.end + "`");
  }
  report_.violation = auditor_.violation();
  report_.flushes = flushes_;
  report_.boundaries = auditor_.boundaries();
  return std::move(report_);
}

void World::note(const char* what, std::uint64_t number) {
  for (; *what != 0; ++what)
    report_.trace = (report_.trace ^ static_cast<unsigned char>(*what)) * 1099511628211ULL;
  report_.trace = (report_.trace ^ number ^ static_cast<std::uint64_t>(now_us_)) * 1099511628211ULL;
}

// ---- Nodes

void World::open(int number) {
  while (nodes_.size() <= static_cast<std::size_t>(number)) nodes_.emplace_back();
  Node& node = nodes_[static_cast<std::size_t>(number)];
  if (database_down()) {
    node.back_at_us = down_until_us_;
    return;
  }
  ++node.life;
  node.dying = Dying::kNo;
  node.store = make_store(*this, number, store_);
  node.runner = make_runner(*this, number, node.life);
  EngineOptions options;
  options.node = "node_" + std::to_string(number);
  options.ids_seed =
      (plan_.seed + 1) * 1'000 + static_cast<std::uint64_t>(number * 100 + node.life);
  // In every third run sagas leave memory as soon as they only wait.
  if (plan_.seed % 3 == 1) options.parked_in_memory_max = 0;
  auto opened = SteppedEngine::open_stepped(*node.store, *node.runner, options);
  if (!opened)
    return bad(checks::kEnds,
               "node " + std::to_string(number) + " does not open: " + to_text(opened.error()));
  node.engine = std::move(*opened);
  node.writes = node.loads = true;
  for (const auto& graph : program_.graphs) {
    if (const auto installed = node.engine->install(*graph); !installed)
      bad(checks::kEnds, to_text(installed.error()));
  }
  node.engine->on_change(
      [this](const SagaId& id, const interpreter::State& state) { auditor_.told(id, state); });
  if (options_.show)
    std::printf("%9.3f  node %d lives\n", static_cast<double>(now_us_) / 1e6, number);
}

void World::kill(int number) {
  Node& node = nodes_[static_cast<std::size_t>(number)];
  if (options_.show)
    std::printf("%9.3f  node %d dies\n", static_cast<double>(now_us_) / 1e6, number);
  note("dies", static_cast<std::uint64_t>(number));
  ++report_.deaths;
  for (auto& call : calls_) {
    if (call->node != number) continue;
    if (!call->arrived && random_() % 2 == 0)
      orphans_.push_back(std::move(*call));  // it is on its way
    call.reset();
  }
  std::erase(calls_, nullptr);
  node.engine.reset();  // callers hear that nobody knows
  node.dying = Dying::kNo;
  node.back_at_us =
      now_us_ + (plan_.seed == 0 ? 100'000 : static_cast<std::int64_t>(random_() % 8'000'000));
}

// The node sleeps, for so long that its lanes may be claimed, and another claims them. Then it
// wakes up where it was, and later they share the lanes.
void World::take_over(int number) {
  nodes_[static_cast<std::size_t>(number)].dying = Dying::kNo;
  if (options_.show)
    std::printf("%9.3f  node %d sleeps, and loses its lanes\n", static_cast<double>(now_us_) / 1e6,
                number);
  note("sleeps", static_cast<std::uint64_t>(number));
  now_us_ += kLeaseUs + 1'000'000;
  const int next = static_cast<int>(nodes_.size());
  open(next);
  for (Client& client : clients_) client.prefers = static_cast<std::size_t>(next);
}

// ---- Steps

bool World::step() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].awake() || nodes_[i].back_at_us == 0 || now_us_ < nodes_[i].back_at_us) continue;
    nodes_[i].back_at_us = 0;
    open(static_cast<int>(i));
    return true;
  }
  if (send_requests()) return true;
  return plan_.seed == 0 ? step_in_order() : step_by_chance();
}

bool World::step_in_order() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].awake() && nodes_[i].engine->loop_has_work()) {
      nodes_[i].engine->step_loop();
      return true;
    }
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].awake() && step_writer(static_cast<int>(i))) return true;
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].awake() && nodes_[i].engine->step_loader()) return true;
  }
  if (calls_.empty()) return false;
  deliver(0);
  return true;
}

bool World::step_by_chance() {
  struct Choice {
    enum What { kLoop, kWriter, kLoader, kArrive, kAnswer, kOrphan } what;
    std::size_t at;
  };
  while (true) {
    std::vector<Choice> choices;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      Node& node = nodes_[i];
      if (!node.awake()) continue;
      if (node.engine->loop_has_work()) choices.push_back({Choice::kLoop, i});
      if (node.writes && !(database_down() && node.tried_at_us == now_us_))
        choices.push_back({Choice::kWriter, i});
      if (node.loads) choices.push_back({Choice::kLoader, i});
    }
    for (std::size_t i = 0; i < calls_.size(); ++i)
      choices.push_back({calls_[i]->arrived ? Choice::kAnswer : Choice::kArrive, i});
    for (std::size_t i = 0; i < orphans_.size(); ++i) choices.push_back({Choice::kOrphan, i});
    if (choices.empty()) return false;
    // Now and then time passes although there is something to do.
    if (random_() % 64 == 0) now_us_ += static_cast<std::int64_t>(random_() % 700'000);
    const Choice choice = choices[random_() % choices.size()];
    note("step", choice.what * 16U + choice.at);
    switch (choice.what) {
      case Choice::kLoop:
        nodes_[choice.at].engine->step_loop();
        nodes_[choice.at].writes = nodes_[choice.at].loads = true;
        return true;
      case Choice::kWriter:
        if (step_writer(static_cast<int>(choice.at))) return true;
        nodes_[choice.at].writes = false;
        break;
      case Choice::kLoader:
        if (nodes_[choice.at].engine->step_loader()) return true;
        nodes_[choice.at].loads = false;
        break;
      case Choice::kArrive: arrive(choice.at); return true;
      case Choice::kAnswer: deliver(choice.at); return true;
      case Choice::kOrphan: {
        const Call orphan = std::move(orphans_[choice.at]);
        orphans_.erase(orphans_.begin() + static_cast<std::ptrdiff_t>(choice.at));
        // Nothing stays on its way for longer than the provider's checks allow for.
        if (now_us_ - orphan.sent_at_us < 10'000'000) provider_.call(orphan.call, now_us_);
        return true;
      }
    }
  }
}

bool World::step_writer(int number) {
  Node& node = nodes_[static_cast<std::size_t>(number)];
  if (database_down() && node.tried_at_us == now_us_) return false;
  node.tried_at_us = now_us_;
  bool wrote = false;
  for (std::size_t i = 0; i < node.engine->writers() && node.dying == Dying::kNo; ++i)
    wrote |= node.engine->step_writer(i);
  if (!wrote) return false;
  switch (node.dying) {
    case Dying::kNo: break;
    case Dying::kNow: kill(number); break;
    case Dying::kAfterLoop:
      node.engine->step_loop();
      kill(number);
      break;
    case Dying::kTakeOver: take_over(number); break;
  }
  return true;
}

void World::arrive(std::size_t at) {
  Call& call = *calls_[at];
  call.arrived = true;
  call.outcome = provider_.call(call.call, now_us_);
}

void World::deliver(std::size_t at) {
  const std::unique_ptr<Call> call = std::move(calls_[at]);
  calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(at));
  if (options_.show) {
    std::printf("%9.3f  node %d hears %s of %s\n", static_cast<double>(now_us_) / 1e6, call->node,
                call->outcome.ok ? "ok" : call->outcome.error.c_str(),
                call->call.key.substr(24).c_str());
  }
  note("hears", static_cast<std::uint64_t>(call->node));
  call->done(std::move(call->outcome));
}

// ---- Time

// The next moment at which a saga or a client wants something; 0: none.
std::int64_t World::next_due() const {
  std::int64_t next = 0;
  const auto take = [&](std::int64_t at) {
    if (at > 0 && (next == 0 || at < next)) next = at;
  };
  for (const auto& [id, watch] : auditor_.sagas()) {
    if (watch.graph == nullptr || watch.state.ended() || watch.row.health == "quarantined")
      continue;
    const Instant due = interpreter::next_wakeup(*watch.graph, watch.state);
    if (due) take(std::max<std::int64_t>(due.us - kEpochUs, 1));
  }
  for (const Client& client : clients_) {
    if (client.again_at_us > 0 && !client.answered) take(client.again_at_us);
  }
  for (const Node& node : nodes_) {
    if (!node.awake()) take(node.back_at_us);
  }
  if (database_down()) take(down_until_us_);
  return next;
}

// Something is on its way from node to node: mail in the table, or a saga at work whose lane has
// changed hands.
bool World::between_nodes() const {
  if (store_.counts().mail > 0) return true;
  return std::any_of(auditor_.sagas().begin(), auditor_.sagas().end(), [](const auto& saga) {
    return saga.second.graph != nullptr && !saga.second.state.ended() &&
           saga.second.row.waiting_on.empty();
  });
}

void World::all_loops() {
  for (Node& node : nodes_) {
    if (node.awake()) node.engine->step_loop();
    node.writes = node.loads = true;
  }
}

// Nothing can be done now. The engine's own ticks come first; when they bring nothing, what is due.
// False: nothing is.
bool World::pass_time() {
  check_quiet();
  if (auditor_.violation()) return false;
  if (idle_ticks_ < kIdleTicksMax) {
    ++idle_ticks_;
    std::int64_t tick = 0;
    for (const Node& node : nodes_) {
      if (!node.awake()) continue;
      const auto at = std::chrono::duration_cast<std::chrono::microseconds>(
                          node.engine->wake_at().time_since_epoch())
                          .count();
      if (tick == 0 || at < tick) tick = at;
    }
    now_us_ = std::max(now_us_ + 1, tick);
    all_loops();
    return true;
  }
  idle_ticks_ = 0;
  const std::int64_t due = next_due();
  if (due == 0) {
    if (!between_nodes() || ++settling_ticks_ > kSettlingTicksMax) return false;
    now_us_ += kTickUs;
    all_loops();
    return true;
  }
  if (due <= now_us_) {
    if (++overdue_jumps_ > kOverdueJumpsMax) {
      bad(checks::kAwake, "what was due " + std::to_string((now_us_ - due) / 1'000'000) +
                              " seconds ago does not happen");
    }
    now_us_ += 21'000'000;
  } else {
    now_us_ = due + 1;
  }
  provider_.land(now_us_);
  note("time", 0);
  all_loops();
  return true;
}

Report run(const Plan& plan, Options options) {
  return World(program(plan.program), plan, options).run();
}

}  // namespace belay::sim
