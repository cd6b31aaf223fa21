// The shape of a step graph: which blocks a node holds and where each node stands. Everything that
// walks a graph (apply, decide, pictures, the codec's checks) goes through blocks_of, so that a new
// kind of block is added once. Tested in tests/dsl/graph_codec_test.cpp.
#include "interpreter/graph.h"

#include <algorithm>
#include <string_view>

namespace belay::interpreter {
namespace {

void append_act_block(const Act& act, std::vector<const Block*>& out) {
  if (act.kind == ActKind::kBlock) out.push_back(&act.block);
}

void append_call_blocks(const Call& call, std::vector<const Block*>& out) {
  for (const Handler& handler : call.handlers) append_act_block(handler.act, out);
  if (call.keep) append_act_block(call.keep->then, out);
}

bool has_otherwise(NodeKind kind) {
  return kind == NodeKind::kWait || kind == NodeKind::kAsk || kind == NodeKind::kRepeat;
}

void place(Graph& graph, const Block& list, NodeId parent, std::uint32_t block) {
  std::uint32_t position = 0;
  for (NodeId id : list) {
    if (id >= graph.nodes.size()) continue;
    graph.nodes[id].parent = parent;
    graph.nodes[id].block = block;
    graph.nodes[id].position = position++;
  }
}

}  // namespace

std::vector<const Block*> blocks_of(const Node& node) {
  std::vector<const Block*> blocks;
  switch (node.kind) {
    case NodeKind::kWhen:
      for (const Arm& arm : node.arms) blocks.push_back(&arm.block);
      break;
    case NodeKind::kTogether:
      for (const Block& branch : node.branches) blocks.push_back(&branch);
      break;
    case NodeKind::kForEach:
    case NodeKind::kRepeat: blocks.push_back(&node.body); break;
    case NodeKind::kTry:
      blocks.push_back(&node.body);
      append_call_blocks(node.call, blocks);
      break;
    case NodeKind::kStep:
    case NodeKind::kRun: append_call_blocks(node.call, blocks); break;
    case NodeKind::kWait:
    case NodeKind::kAsk:
    case NodeKind::kAct:
    case NodeKind::kPause:
    case NodeKind::kPublish:
    case NodeKind::kSet:
    case NodeKind::kCancel:
    case NodeKind::kFinish:
    case NodeKind::kPointOfNoReturn: break;
  }
  if (node.undo) append_call_blocks(*node.undo, blocks);
  if (has_otherwise(node.kind)) append_act_block(node.otherwise, blocks);
  return blocks;
}

namespace {

bool private_in(const Type& type);

bool private_in(const std::vector<Field>& fields) {
  return std::any_of(fields.begin(), fields.end(),
                     [](const Field& field) { return private_in(field.type); });
}

bool private_in(const Type& type) {
  return type.is_private || private_in(type.fields) ||
         std::any_of(type.element.begin(), type.element.end(),
                     [](const Type& element) { return private_in(element); });
}

bool private_in(const Graph& graph) {
  if (private_in(graph.takes)) return true;
  for (const SlotInfo& slot : graph.slots) {
    if (private_in(slot.type)) return true;
  }
  for (const EventType& event : graph.events) {
    if (private_in(event.fields)) return true;
  }
  for (const Action& action : graph.actions) {
    if (private_in(action.takes)) return true;
    for (const Gives& gives : action.gives) {
      if (private_in(gives.field.type)) return true;
    }
  }
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const Node& node) { return private_in(node.answers); });
}

}  // namespace

bool holds_private(const std::vector<Field>& fields) { return private_in(fields); }

void Graph::index() {
  asks = std::any_of(nodes.begin(), nodes.end(),
                     [](const Node& node) { return node.kind == NodeKind::kAsk; });
  holds_private = private_in(*this);
  place(*this, root, kNoNode, 0);
  for (NodeId id = 0; id < nodes.size(); ++id) {
    std::uint32_t number = 0;
    for (const Block* block : blocks_of(nodes[id])) place(*this, *block, id, number++);
  }
}

bool in_loop_body(const Graph& graph, NodeId node) {
  const NodeId parent = graph.nodes[node].parent;
  if (parent == kNoNode || graph.nodes[node].block != 0) return false;
  const NodeKind kind = graph.nodes[parent].kind;
  return kind == NodeKind::kForEach || kind == NodeKind::kRepeat;
}

bool told_by_receipt(const Graph& graph, const Call& call) {
  if (call.action >= graph.actions.size()) return false;  // a child saga
  const Action& action = graph.actions[call.action];
  if (action.runs != Action::Runs::kSql || !call.check.empty()) return false;
  if (action.effects == static_cast<std::uint8_t>(Effect::kReads)) return false;
  return !call.if_unsure || call.if_unsure->kind == Unsure::Kind::kTryAgain;
}

NodeId find_node(const Graph& graph, std::string_view name) {
  for (NodeId id = 0; id < graph.nodes.size(); ++id) {
    if (graph.nodes[id].name == name) return id;
  }
  return kNoNode;
}

}  // namespace belay::interpreter
