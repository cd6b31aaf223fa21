// Several engines on one store in memory, stepped by hand on a virtual clock: a step of each in
// turn, and time passes only when nobody has anything to do.
#pragma once
#include "runtime/engine/starts.h"
#include "runtime/engine/stepped_engine.h"
#include "runtime/engine/topics.h"
#include "tests/runtime/engine_harness.h"
#include "tests/runtime/shop_workflows.h"

namespace belay::testing {

inline const std::string kMore = std::string(R"(belay 1

workflow stay_once "Keep a room, once", version 1
  takes
    item  text
  gives
    id = hold.id
  once per item
  step hold "Hold it"
    do reserve
      item = item
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"

workflow trip_once "A trip with a room of its own", version 1
  takes
    item  text
  step room "Keep a room"
    run stay_once
      item = item
    if cancelled, cancel because "No room"
  step pay "Pay"
    do charge
      item = item
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"
)") + kStay + kTrip + kQueue + kThank;

// With sagas that run sagas, stand in line, start by events: what goes from lane to lane.
inline const std::vector<interpreter::Graph>& more() {
  static const std::vector<interpreter::Graph> graphs = compile_with_shop(kMore);
  return graphs;
}

class Nodes {
 public:
  struct Node {
    FakeRunner runner;
    std::unique_ptr<Store> store;
    std::unique_ptr<SteppedEngine> engine;
    bool frozen = false;  // as by SIGSTOP
  };

  explicit Nodes(std::vector<interpreter::Graph> definitions = shop(),
                 std::size_t cells = cells_of_tests(), std::size_t writers = 1)
      : store(cells, writers), graphs(std::move(definitions)) {
    use_virtual_clock(&us_);
    store.use_clock([this] { return Instant{1'700'000'000'000'000 + us_}; });
  }
  ~Nodes() {
    for (auto& [name, node] : nodes_) {
      if (node.engine && !node.frozen) node.engine->stop();
    }
    nodes_.clear();
    use_virtual_clock(nullptr);
  }

  Node& open(const std::string& name) {
    open_uninstalled(name);
    Node& node = nodes_[name];
    for (const interpreter::Graph& graph : graphs) REQUIRE(node.engine->install(graph));
    return node;
  }
  // Without the definitions.
  SteppedEngine* open_uninstalled(const std::string& name) {
    Node& node = nodes_[name];
    EngineOptions options;
    options.node = name;
    options.address = "http://" + name + ":8080";
    options.ids_seed = std::hash<std::string>()(name) | 1;
    options.stop_grace_ms = 0;
    node.engine.reset();
    node.store = store.port();
    auto opened = SteppedEngine::open_stepped(*node.store, node.runner, options);
    REQUIRE(opened);
    node.engine = std::move(*opened);
    return node.engine.get();
  }
  Node& at(const std::string& name) { return nodes_.at(name); }
  // Clean.
  void stop(const std::string& name) {
    nodes_.at(name).engine->stop();
    nodes_.at(name).engine.reset();
  }
  // The death of its process; known to be dead only when `seen`.
  void die(const std::string& name, bool seen) {
    nodes_.at(name).engine.reset();
    if (seen) store.kill(name);
  }

  bool step() {
    bool worked = false;
    for (auto& [name, node] : nodes_) {
      if (!node.engine || node.frozen) continue;
      const bool due = node.engine->loop_has_work() || node.engine->wake_at() <= steady_now();
      if (due) node.engine->step_loop();
      worked |= due;
      worked |= node.engine->step_loader();
      for (std::size_t i = 0; i < node.engine->writers(); ++i)
        worked |= node.engine->step_writer(i);
    }
    return worked;
  }
  // Until it holds, but not for longer than this time. Returns how long it took.
  std::int64_t until(const std::function<bool()>& holds, std::int64_t ms = 30'000) {
    const std::int64_t began = us_;
    for (int idle = 0; us_ - began <= ms * 1'000;) {
      if (holds()) return (us_ - began) / 1'000;
      if (step() && ++idle < 500) continue;
      idle = 0;
      us_ += 5'000;
    }
    FAIL("it never came true");
    return 0;
  }
  void run(std::int64_t ms) {
    const std::int64_t end = us_ + ms * 1'000;
    until([&] { return us_ >= end; }, ms + 1'000);
  }
  // A node does nothing while time passes.
  void pass(std::int64_t ms) { us_ += ms * 1'000; }

  std::size_t lanes_of(const std::string& name) const {
    std::size_t count = 0;
    for (Lane lane = 0; lane < 32; ++lane) count += store.owner(lane) == name ? 1 : 0;
    return count;
  }
  void balanced(const std::map<std::string, std::size_t>& wanted) {
    until([&] {
      return std::all_of(wanted.begin(), wanted.end(), [&](const auto& node) {
        std::size_t held = 0;
        for (Lane lane = 0; lane < 32; ++lane)
          held += at(node.first).engine->holder(lane).mine ? 1 : 0;
        return held == node.second && lanes_of(node.first) == node.second;
      });
    });
  }
  std::string holder(Lane lane) const { return store.owner(lane); }

  static StartRequest request(const std::string& workflow, const std::string& field,
                              const std::string& value, const std::string& key = "") {
    return start_request(workflow, field, value, key);
  }
  Result<StartReply> start(const std::string& name, StartRequest request) {
    return answer<StartReply>(
        [&](auto done) { at(name).engine->start(std::move(request), std::move(done)); });
  }
  Result<PublishReply> publish(const std::string& name, const std::string& order, int amount,
                               const std::string& id = "") {
    return answer<PublishReply>([&](auto done) {
      at(name).engine->publish(paid_request(order, amount, id), std::move(done));
    });
  }
  Result<SagaView> view(const std::string& name, const SagaId& saga) {
    return answer<SagaView>(
        [&](auto done) { at(name).engine->view("acme", saga, std::move(done)); });
  }
  template <class T>
  Result<T> answer(const std::function<void(std::function<void(Result<T>)>)>& ask) {
    auto answered = std::make_shared<std::optional<Result<T>>>();
    ask([answered](Result<T> result) { *answered = std::move(result); });
    until([&] { return answered->has_value(); });
    return std::move(**answered);
  }
  std::string status(const SagaId& saga) const {
    const auto row = store.instance(saga);
    return row ? row->status : "";
  }
  Lane lane_of_order(const std::string& order) const {
    return Topics::lane("acme", "shop.paid", order);
  }

  CellStores store;
  std::vector<interpreter::Graph> graphs;

 private:
  std::int64_t us_ = 1'000'000;
  std::map<std::string, Node> nodes_;
};

inline std::size_t entries(const Nodes& nodes, const SagaId& saga, const std::string& kind) {
  std::size_t count = 0;
  for (const JournalRow& row : nodes.store.journal_of(saga)) count += row.kind == kind ? 1 : 0;
  return count;
}

// Every journal is one history: numbered without a gap.
inline void whole(const Nodes& nodes) {
  for (const SagaId& saga : nodes.store.sagas()) {
    std::uint64_t seq = 0;
    for (const JournalRow& row : nodes.store.journal_of(saga)) CHECK(row.seq == ++seq);
  }
}

inline std::vector<SagaId> of_workflow(const Nodes& nodes, const std::string& workflow) {
  std::vector<SagaId> found;
  for (const SagaId& id : nodes.store.sagas()) {
    if (nodes.store.instance(id)->workflow == workflow) found.push_back(id);
  }
  return found;
}

}  // namespace belay::testing
