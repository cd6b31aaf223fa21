// An engine on a store in memory, with actions that do what a test says. Definitions are compiled
// from text, so what is tested is the path that a user's saga takes.
#pragma once
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dsl/compile.h"
#include "interpreter/view.h"
#include "runtime/actions/action_runner.h"
#include "runtime/base/journal_json.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/saga.h"
#include "tests/catch.h"
#include "tests/interpreter/replay.h"
#include "tests/runtime/cell_stores.h"

namespace belay::testing {

using namespace belay::runtime;
namespace interpreter = ::belay::interpreter;
using interpreter::Value;

inline const char* const kShop = R"(belay 1

event shop.paid, version 1, key order
  order   text
  amount  int

action reserve "Reserve"
  reserves
  takes
    item  text
  gives
    id  text
  can end in shop.sold_out
  repeating is safe
  plugin reserve

action unreserve "Give back"
  records
  takes
    id  text
  harmless if nothing was done
  repeating is safe
  plugin unreserve

action charge "Charge"
  moves money
  takes
    item  text
  gives
    id  text
  can end in shop.declined
  repeating is safe
  plugin charge

action refund "Refund"
  records
  takes
    id  text
  harmless if nothing was done
  repeating is safe
  plugin refund

workflow buy "Buy", version 1
  takes
    item  text
  gives
    charge = pay.id
  step hold "Hold it"
    do reserve
      item = item
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"
  step pay "Pay for it"
    do charge
      item = item
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"

workflow buy_once "Buy once", version 1
  takes
    item  text
    note  text
  once per item
  step hold "Hold it"
    do reserve
      item = item
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"

workflow await_payment "Wait for the payment", version 1
  takes
    order  text
  gives
    amount = paid.amount
  wait paid "The customer pays"
    for shop.paid, key order
    within 1 hour, otherwise cancel because "Not paid"

workflow late_payment "Wait for the payment after a nap", version 1
  takes
    order  text
  gives
    amount = paid.amount
  step hold "Hold it"
    do reserve
      item = order
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"
  wait paid "The customer pays"
    for shop.paid, key order, even if up to 1 hour before
    within 1 hour, otherwise cancel because "Not paid"
)";

// The definitions of a text that goes with the shop's declarations.
inline std::vector<interpreter::Graph> compile_with_shop(const std::string& text) {
  std::map<std::string, std::string> sources{{"shop.belay", kShop}};
  if (!text.empty()) sources["more.belay"] = text;
  dsl::Compilation compiled = dsl::compile_sources(sources);
  for (const auto& diagnostic : compiled.diagnostics.all()) {
    if (!compiled.ok()) UNSCOPED_INFO(diagnostic.message);
  }
  REQUIRE(compiled.ok());
  return compiled.program.graphs;
}
// Compiles once for all tests.
inline const std::vector<interpreter::Graph>& shop() {
  static const std::vector<interpreter::Graph> graphs = compile_with_shop("");
  return graphs;
}

// A start with one field of text, by `acme`.
inline StartRequest start_request(const std::string& workflow, const std::string& field,
                                  const std::string& value, const std::string& key = "") {
  StartRequest start;
  start.tenant = "acme";
  start.workflow = workflow;
  std::vector<std::pair<std::string, Value>> fields{{field, Value::string(value)}};
  if (workflow == "buy_once") fields.emplace_back("note", Value::string("none"));
  start.input = interpreter::record(std::move(fields));
  start.idempotency_key = key;
  return start;
}
inline PublishRequest paid_request(const std::string& order, int amount,
                                   const std::string& id = "") {
  PublishRequest request;
  request.tenant = "acme";
  request.type = "shop.paid";
  request.key = order;
  request.payload =
      interpreter::record({{"order", Value::string(order)}, {"amount", Value::integer(amount)}});
  request.id = id;
  request.source = "api";
  return request;
}

inline ActionOutcome succeeded(const std::string& id) {
  ActionOutcome outcome;
  outcome.ok = true;
  outcome.result = interpreter::record({{"id", Value::string(id)}});
  return outcome;
}
inline ActionOutcome failed(interpreter::FailureKind kind, const std::string& error) {
  ActionOutcome outcome;
  outcome.kind = kind;
  outcome.error = error;
  outcome.answered = kind == interpreter::FailureKind::kBusiness;
  return outcome;
}

// Answers on the caller's thread, as an inline plugin does, or keeps the call until it is told.
class FakeRunner final : public ActionRunner {
 public:
  struct Call {
    ActionCall call;
    std::string action;
    std::function<void(ActionOutcome)> done;
  };
  using Script = std::function<ActionOutcome(const ActionCall&)>;

  void run(ActionCall call, std::function<void(ActionOutcome)> done) override {
    const std::string action = call.graph->actions[call.action].name;
    Script script;
    {
      std::lock_guard lock(mutex_);
      keys_.push_back(action + " " + call.key);
      ++counts_[action];
      if (hold_.contains(action)) {
        held_.push_back({std::move(call), action, std::move(done)});
        changed_.notify_all();
        return;
      }
      if (const auto found = scripts_.find(action); found != scripts_.end()) script = found->second;
    }
    done(script ? script(call) : succeeded(action + "_1"));
  }

  void answer(const std::string& action, Script script) {
    std::lock_guard lock(mutex_);
    scripts_[action] = std::move(script);
  }
  void hold(const std::string& action) {
    std::lock_guard lock(mutex_);
    hold_.insert(action);
  }
  // Waits until a call of `action` is held, and takes it.
  Call take(const std::string& action) {
    std::unique_lock lock(mutex_);
    std::size_t at = 0;
    const bool there = changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      for (at = 0; at < held_.size(); ++at) {
        if (held_[at].action == action) return true;
      }
      return false;
    });
    REQUIRE(there);
    Call call = std::move(held_[at]);
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(at));
    return call;
  }
  void release(const std::string& action) {
    std::lock_guard lock(mutex_);
    hold_.erase(action);
  }
  std::size_t count(const std::string& action) {
    std::lock_guard lock(mutex_);
    return counts_[action];
  }
  std::vector<std::string> keys() {
    std::lock_guard lock(mutex_);
    return keys_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Script> scripts_;
  std::set<std::string> hold_;
  std::vector<Call> held_;
  std::vector<std::string> keys_;
  std::map<std::string, std::size_t> counts_;
};

struct Bench {
  CellStores store;
  FakeRunner runner;
  std::unique_ptr<Engine> engine;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<SagaId, interpreter::State> seen;  // the latest committed

  std::vector<interpreter::Graph> graphs = shop();
  SealerPtr sealer;  // of the first engine

  explicit Bench(EngineOptions options = {}) { open(options); }
  // With definitions beside the shop's.
  explicit Bench(std::vector<interpreter::Graph> definitions, EngineOptions options = {})
      : graphs(std::move(definitions)) {
    open(options);
  }
  ~Bench() {
    if (engine) engine->stop();
    prove_replay();
  }
  // Every journal that this test has made, as it is stored, folds to what was decided.
  void prove_replay() const {
    for (const SagaId& id : store.sagas()) {
      const InstanceRow row = *store.instance(id);
      if (row.health == "quarantined") continue;
      const auto graph =
          std::find_if(graphs.begin(), graphs.end(),
                       [&](const interpreter::Graph& g) { return g.hash == row.definition; });
      if (graph == graphs.end()) continue;  // a definition of the test's own
      std::vector<interpreter::Entry> journal;
      LoadedSaga stored{row, store.journal_of(id)};
      if (is_sealed_body(stored.journal.front().body)) {
        const auto keys = store.saga_keys({{row.lane, id}});
        if (!keys || keys->empty() || !sealer) continue;  // erased
        const auto key = sealer->unwrap(keys->front().wrapped, id);
        if (!key || !open_sealed(stored, *key)) continue;
      }
      for (const JournalRow& entry : stored.journal) {
        auto decoded = decode_entry(
            *graph, {entry.seq, entry.version, entry.at, entry.actor, entry.kind, entry.body});
        if (!decoded)
          FAIL_CHECK(to_text(decoded.error()));
        else
          journal.push_back(std::move(*decoded));
      }
      const std::string problem = replay_problem(*graph, id, journal);
      if (!problem.empty()) FAIL_CHECK("replay of " << row.workflow << ": " << problem);
    }
  }

  void open(EngineOptions options = {}) {
    options.stop_grace_ms = 0;
    if (!sealer) sealer = options.sealer;
    if (!engine) store.reconnect();
    auto opened = Engine::open(store, runner, options);
    REQUIRE(opened);
    engine = std::move(*opened);
    engine->on_change([this](const SagaId& id, const interpreter::State& state) {
      std::lock_guard lock(mutex);
      seen[id] = state;
      changed.notify_all();
    });
    for (const interpreter::Graph& graph : graphs) REQUIRE(engine->install(graph));
  }
  // As after a kill -9: nothing is released, what is under way is lost.
  void crash() {
    store.set_down(true);
    engine->stop();
    engine.reset();
    store.set_down(false);
    store.forget_owner();
  }
  void restart(EngineOptions options = {}) {
    crash();
    open(options);
  }

  StartRequest request(const std::string& workflow, const std::string& field,
                       const std::string& value, const std::string& key = "") {
    StartRequest start = start_request(workflow, field, value, key);
    start.actor = "key:test";
    return start;
  }
  SagaId start(const std::string& workflow, const std::string& field, const std::string& value) {
    const auto reply = engine->start(request(workflow, field, value));
    REQUIRE(reply);
    return reply->saga;
  }
  PublishReply publish(const std::string& order, int amount, const std::string& id = "") {
    const auto reply = engine->publish(paid_request(order, amount, id));
    REQUIRE(reply);
    return *reply;
  }
  Result<ActReply> cancel(const SagaId& saga, const std::string& key = "",
                          std::optional<std::uint64_t> if_match = {}, bool dry_run = false) {
    ActRequest act;
    act.tenant = "acme";
    act.saga = saga;
    act.fact = [](const interpreter::Graph&) -> Result<interpreter::Fact> {
      return interpreter::CancelAsked{};
    };
    act.request_digest = "cancel";
    act.if_match = if_match;
    act.idempotency_key = key;
    act.actor = "key:anna";
    act.reason = "the customer called";
    act.dry_run = dry_run;
    return engine->act(act);
  }

  // The one act that a quarantined saga takes.
  Result<ActReply> take_up_again(const SagaId& saga, const std::string& key = "",
                                 bool dry_run = false, std::optional<std::uint64_t> if_match = {}) {
    ActRequest act;
    act.tenant = "acme";
    act.saga = saga;
    act.fact = [](const interpreter::Graph&) -> Result<interpreter::Fact> {
      interpreter::OperatorActed fact;
      fact.act = interpreter::OperatorAct::kResume;
      return interpreter::Fact(std::move(fact));
    };
    act.take_up_again = true;
    act.request_digest = "resume";
    act.idempotency_key = key;
    act.if_match = if_match;
    act.actor = "key:anna";
    act.reason = "the row is mended";
    act.dry_run = dry_run;
    return engine->act(act);
  }

  // The first committed state of the saga for which `wanted` holds.
  interpreter::State wait(const SagaId& saga,
                          const std::function<bool(const interpreter::State&)>& wanted) {
    std::unique_lock lock(mutex);
    const bool came = changed.wait_for(lock, std::chrono::seconds(20), [&] {
      return seen.contains(saga) && wanted(seen.at(saga));
    });
    if (!came && seen.contains(saga)) UNSCOPED_INFO("last seen at entry " << seen.at(saga).seq);
    REQUIRE(came);
    return seen.at(saga);
  }
  interpreter::State wait_ended(const SagaId& saga) {
    return wait(saga, [](const interpreter::State& state) { return state.ended(); });
  }
  // Until the store says so: what follows an answer (mail, claims) is committed a little later.
  void until(const std::function<bool()>& holds) {
    for (int i = 0; i < 4'000; ++i) {
      if (holds()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    FAIL("it never came true");
  }
};

}  // namespace belay::testing
