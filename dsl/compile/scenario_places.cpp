// See scenario_places.h.
#include "dsl/compile/scenario_places.h"

#include <algorithm>

namespace belay::dsl {

using interpreter::Direction;
using interpreter::Graph;
using interpreter::kNoNode;
using interpreter::Node;
using interpreter::NodeId;
using interpreter::NodeKind;

namespace {

const char* noun_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::kStep: return "step";
    case NodeKind::kWait: return "wait";
    case NodeKind::kAsk: return "question";
    case NodeKind::kRun: return "step";
    default: return "statement";
  }
}

}  // namespace

Diagnostic& ScenarioPlaces::error(std::string_view code, Span span, std::string message) {
  ok_ = false;
  return tables_.diagnostics.add(code, span, std::move(message));
}

const Graph* ScenarioPlaces::graph_run_by(const Node& node) const {
  for (const Graph& graph : graphs_) {
    if (node.kind == NodeKind::kRun && graph.workflow == node.run.workflow) return &graph;
  }
  return nullptr;
}

ScenarioPlaces::Spot ScenarioPlaces::spot(const Name& said) const {
  Spot out{&graph_, {}, said};
  for (;;) {
    const std::size_t dot = out.name.text.find('.');
    if (dot == std::string::npos) return out;
    const NodeId id = interpreter::find_node(*out.graph, out.name.text.substr(0, dot));
    const Graph* child = id == kNoNode ? nullptr : graph_run_by(out.graph->nodes[id]);
    if (child == nullptr) return out;
    out.graph = child;
    out.of.push_back(id);
    out.name.text.erase(0, dot + 1);
    out.name.span.column += static_cast<std::uint32_t>(dot + 1);
    out.name.span.length -= static_cast<std::uint32_t>(dot + 1);
  }
}

const Graph& ScenarioPlaces::graph_of(const ScenarioCall& call) const {
  const Graph* graph = &graph_;
  for (const NodeId id : call.of) graph = graph_run_by(graph->nodes[id]);
  return *graph;
}

ScenarioCall ScenarioPlaces::named(const Name& said, std::initializer_list<NodeKind> kinds,
                                   const char* noun) {
  ScenarioCall out;
  if (said.empty()) return out;
  const Spot at = spot(said);
  const Graph& graph = *at.graph;
  const NodeId id = interpreter::find_node(graph, at.name.text);
  const auto fits = [&](const Node& node) {
    return std::find(kinds.begin(), kinds.end(), node.kind) != kinds.end();
  };
  if (id != kNoNode && fits(graph.nodes[id])) {
    out.node = id;
    out.of = at.of;
    return out;
  }
  if (id != kNoNode) {
    Diagnostic& d =
        error("BEL3131", at.name.span,
              quoted(at.name.text) + " is " + with_article(noun_of(graph.nodes[id].kind)) +
                  ", not " + with_article(noun));
    add_note(d, "it stands at " + graph.nodes[id].at);
    return out;
  }
  std::vector<std::string> candidates;
  for (const Node& node : graph.nodes) {
    if (fits(node)) candidates.push_back(node.name);
  }
  Diagnostic& d = error("BEL3131", at.name.span,
                        quoted(graph.workflow) + " has no " + noun + " " + quoted(at.name.text));
  if (!suggest(d, at.name.text, candidates) && !candidates.empty() && candidates.size() <= 8) {
    add_note(d, "it has " + join_names(candidates));
  }
  return out;
}

const Node* ScenarioPlaces::loop_around(const ScenarioCall& of) const {
  ScenarioCall call = of;
  for (;;) {
    const Graph& graph = graph_of(call);
    for (NodeId at = call.node; at != kNoNode; at = graph.nodes[at].parent) {
      if (interpreter::in_loop_body(graph, at)) return &graph.nodes[graph.nodes[at].parent];
    }
    if (call.of.empty()) return nullptr;
    call.node = call.of.back();
    call.of.pop_back();
  }
}

std::int64_t ScenarioPlaces::round(const CallName& said, const ScenarioCall& call) {
  if (!said.round || call.node == kNoNode) return -1;
  const Node* around = loop_around(call);
  if (around == nullptr) {
    error("BEL5131", said.step.span, quoted(said.step.text) + " does not stand in a loop").help =
        "leave out `of " + std::string(said.of_item ? "item " : "round ") +
        std::to_string(said.round->value) + "`";
    return -1;
  }
  const Node& loop = *around;
  const bool repeats = loop.kind == NodeKind::kRepeat;
  if (repeats == said.of_item) {
    error("BEL5131", said.step.span,
          quoted(said.step.text) + " stands in a `" + (repeats ? "repeat" : "for each") + "`")
        .help = std::string("write `of ") + (repeats ? "round " : "item ") +
                std::to_string(said.round->value) + "`";
  }
  const std::int64_t most = repeats ? loop.times : 10'000;
  if (said.round->value < 1 || said.round->value > most) {
    error("BEL4018", said.round->span,
          std::string(repeats ? "rounds" : "items") + " of " + quoted(loop.name) +
              " count from 1 to " + std::to_string(most));
  }
  return said.round->value - 1;
}

ScenarioCall ScenarioPlaces::call(const CallName& said) {
  ScenarioCall out =
      said.undo ? named(said.step, {NodeKind::kStep, NodeKind::kRun, NodeKind::kWait}, "step")
                : named(said.step, {NodeKind::kStep, NodeKind::kRun}, "step");
  out.direction = said.undo ? (said.check ? Direction::kUndoCheck : Direction::kUndo)
                            : (said.check ? Direction::kCheck : Direction::kForward);
  if (out.node == kNoNode) return out;
  out.round = round(said, out);
  const Node& node = graph_of(out).nodes[out.node];
  if (said.undo && !node.undo) {
    error("BEL5131", said.step.span, quoted(node.name) + " has no undo").help =
        "it stands at " + node.at;
    out.node = kNoNode;
    return out;
  }
  const interpreter::Call& main = said.undo ? *node.undo : node.call;
  if (said.check && main.check.empty()) {
    error("BEL5131", said.step.span,
          (said.undo ? "the undo of " : "") + quoted(node.name) + " has no check");
    out.node = kNoNode;
  }
  return out;
}

const interpreter::Call* ScenarioPlaces::spec(const ScenarioCall& call) const {
  if (call.node == kNoNode) return nullptr;
  const Node& node = graph_of(call).nodes[call.node];
  const bool undo = call.direction == Direction::kUndo || call.direction == Direction::kUndoCheck;
  const bool check = call.direction == Direction::kCheck || call.direction == Direction::kUndoCheck;
  const interpreter::Call& main = undo ? *node.undo : node.call;
  return check ? &main.check.front() : &main;
}

const ActionInfo* ScenarioPlaces::action_of(const ScenarioCall& call) const {
  const interpreter::Call* use = spec(call);
  if (use == nullptr || use->action >= graph_of(call).actions.size()) return nullptr;
  const auto found = tables_.actions.find(graph_of(call).actions[use->action].name);
  return found == tables_.actions.end() ? nullptr : &found->second;
}

}  // namespace belay::dsl
