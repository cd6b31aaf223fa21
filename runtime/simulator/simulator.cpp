// What is asked of a run from outside: running it, names of its places, the world's books against
// the sagas' own accounts, and values over its states.
#include "runtime/simulator/simulator.h"

#include <algorithm>

#include "runtime/simulator/stage.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's

namespace {

// Reads variables of a finished state: by slot, in as many rounds of loops as the slot lies deep.
class AnyScope final : public Scope {
 public:
  AnyScope(const Graph& graph, const State& state, const std::vector<std::uint32_t>& iteration,
           const std::vector<Value>* extra)
      : graph_(graph), state_(state), iteration_(iteration), extra_(extra) {}

  const Value* slot(std::uint32_t index) const override {
    if (index >= graph_.slots.size()) {
      const std::size_t at = index - graph_.slots.size();
      if (extra_ == nullptr || at >= extra_->size() || (*extra_)[at].is_null()) return nullptr;
      return &(*extra_)[at];
    }
    const std::size_t depth = std::min<std::size_t>(graph_.slots[index].depth, iteration_.size());
    for (const Variable& variable : state_.variables) {
      if (variable.slot != index || variable.iteration.size() != depth) continue;
      if (std::equal(variable.iteration.begin(), variable.iteration.end(), iteration_.begin()))
        return &variable.value;
    }
    return nullptr;
  }
  Timestamp now() const override { return to_timestamp(state_.now); }
  const Environment* environment() const override { return graph_.environment; }

 private:
  const Graph& graph_;
  const State& state_;
  const std::vector<std::uint32_t>& iteration_;
  const std::vector<Value>* extra_;
};

bool leaves_mark(const Graph& graph, const Node& node) {
  if (node.undo) return true;
  if (node.kind == NodeKind::kRun) return !node.run.detached;
  if (node.kind != NodeKind::kStep) return false;
  const auto reads = static_cast<std::uint8_t>(Effect::kReads);
  return (graph.actions[node.call.action].effects & static_cast<std::uint8_t>(~reads)) != 0;
}

}  // namespace

Run simulate(const Graph& graph, const Script& script, const Surroundings& around) {
  return Stage(graph, script, around).run();
}

const Graph* child_of(const Node& run, const Surroundings& around) {
  if (run.kind != NodeKind::kRun || around.workflows == nullptr) return nullptr;
  for (const Graph& graph : *around.workflows) {
    if (graph.workflow == run.run.workflow && graph.hash == run.run.hash) return &graph;
  }
  return nullptr;
}

std::string place_text(const Graph& graph, const Path& path) {
  if (path.node == kNoNode) return "it";
  std::vector<bool> repeats;  // of the loops around it, outermost first
  for (NodeId id = path.node; id != kNoNode; id = graph.nodes[id].parent) {
    if (!in_loop_body(graph, id)) continue;
    repeats.insert(repeats.begin(), graph.nodes[graph.nodes[id].parent].kind == NodeKind::kRepeat);
  }
  repeats.push_back(graph.nodes[path.node].kind == NodeKind::kRepeat);  // a loop's own round
  std::string out = graph.nodes[path.node].name;
  for (std::size_t i = std::min(path.iteration.size(), repeats.size()); i > 0; --i) {
    out +=
        (repeats[i - 1] ? " of round " : " of item ") + std::to_string(path.iteration[i - 1] + 1);
  }
  return out;
}

std::string place_text(const SagaRun& saga, const Path& path) {
  const std::string own = place_text(*saga.graph, path);
  return (saga.dotted.empty() ? own : saga.dotted + "." + own) + saga.in;
}

Evaluated evaluate_in(const Graph& graph, const State& state, const Program& program,
                      const std::vector<std::uint32_t>& iteration,
                      const std::vector<Value>* extra) {
  return evaluate(program, AnyScope(graph, state, iteration, extra));
}

std::vector<Path> world_left_over(const Graph& graph, const Run& run) {
  std::vector<Path> left;
  for (const auto& [path, effect] : run.world) {
    if (effect.done == 0 || effect.undone || !leaves_mark(graph, graph.nodes[path.node])) continue;
    const bool stands =
        run.state.status == Status::kCompensating || run.state.status == Status::kCompensated;
    if (effect.late_event || (stands && !effect.excused)) left.push_back(path);
  }
  return left;
}

namespace {

template <class Name>
std::vector<std::string> differences(const Graph& graph, const Run& run, Name name_of) {
  std::vector<std::string> out;
  for (const auto& [path, effect] : run.world) {
    if (effect.done > 1) {
      out.push_back("`" + name_of(path) + "` happened " + std::to_string(effect.done) + " times");
    }
  }
  if (!run.state.ended()) return out;
  std::vector<Path> believed;
  for (const LeftOver& left : left_over(graph, run.state)) believed.push_back(left.path);
  const std::vector<Path> stands = world_left_over(graph, run);
  const auto has = [](const std::vector<Path>& list, const Path& path) {
    return std::find(list.begin(), list.end(), path) != list.end();
  };
  for (const Path& path : stands) {
    if (has(believed, path)) continue;
    const bool late = run.world.at(path).late_event;
    out.push_back("`" + name_of(path) +
                  (late ? "` came when nothing waited for it: nobody takes it, nobody undoes it"
                        : "` stands, and the saga does not know of it"));
  }
  for (const Path& path : believed) {
    if (!has(stands, path))
      out.push_back("`" + name_of(path) + "` counts as left over, but nothing of it stands");
  }
  if (run.state.status != Status::kCompleted) return out;
  for (const auto& [path, effect] : run.world) {
    const Activity* activity = activity_of(run.state, path);
    if (effect.done == 0 || effect.late_event || activity == nullptr) continue;
    if (!leaves_mark(graph, graph.nodes[path.node]) || activity->effect != EffectState::kNone)
      continue;
    out.push_back("`" + name_of(path) + "` happened, but the saga goes on as if it had not");
  }
  return out;
}

}  // namespace

std::vector<std::string> disagreements(const Graph& graph, const Run& run) {
  std::vector<std::string> out =
      differences(graph, run, [&](const Path& path) { return place_text(graph, path); });
  for (const SagaRun& other : run.others) {
    for (std::string& one : differences(
             *other.graph, other.run, [&](const Path& path) { return place_text(other, path); })) {
      out.push_back(other.second && other.dotted.empty() ? other.name() + ": " + one : one);
    }
  }
  return out;
}

}  // namespace belay::runtime::simulator
