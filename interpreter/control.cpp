// Structural control flow and lookups. Control flow is by structure: a node that is done hands over to the next one in
// its block, a block that is done hands over to the node that holds it. Nothing here evaluates an expression.
#include "interpreter/control.h"

#include <algorithm>

namespace belay::interpreter {

namespace {

auto lower_activity(std::vector<Activity>& all, const Path& path) {
  return std::lower_bound(all.begin(), all.end(), path,
                          [](const Activity& a, const Path& p) { return a.path < p; });
}

}  // namespace

Activity* find_activity(State& state, const Path& path) {
  const auto it = lower_activity(state.activities, path);
  return it != state.activities.end() && it->path == path ? &*it : nullptr;
}

const Activity* find_activity(const State& state, const Path& path) {
  return find_activity(const_cast<State&>(state), path);
}

Activity& activity_at(State& state, const Path& path) {
  const auto it = lower_activity(state.activities, path);
  if (it != state.activities.end() && it->path == path) return *it;
  Activity fresh;
  fresh.path = path;
  return *state.activities.insert(it, std::move(fresh));
}

CallState& call_of(Activity& activity, Direction direction) {
  switch (direction) {
    case Direction::kForward: return activity.forward;
    case Direction::kCheck: return activity.check;
    case Direction::kUndo: return activity.undo;
    case Direction::kUndoCheck: return activity.undo_check;
  }
  return activity.forward;
}

const CallState& call_of(const Activity& activity, Direction direction) {
  return call_of(const_cast<Activity&>(activity), direction);
}

const Call* spec_of(const Node& node, Direction direction) {
  const Call* main = nullptr;
  if (main_of(direction) == Direction::kForward) {
    if (node.kind == NodeKind::kStep) main = &node.call;
  } else if (node.undo) {
    main = &*node.undo;
  }
  if (main == nullptr || direction == main_of(direction)) return main;
  return main->check.empty() ? nullptr : &main->check.front();
}

Direction main_of(Direction direction) {
  return direction == Direction::kForward || direction == Direction::kCheck ? Direction::kForward : Direction::kUndo;
}

Direction check_of(Direction direction) {
  return main_of(direction) == Direction::kForward ? Direction::kCheck : Direction::kUndoCheck;
}

const Value* find_variable(const State& state, SlotId slot, const std::vector<std::uint32_t>& iteration,
                           std::size_t depth) {
  const auto begin = iteration.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(std::min(depth, iteration.size()));
  const auto it = std::lower_bound(state.variables.begin(), state.variables.end(), slot,
                                   [&](const Variable& v, SlotId s) {
                                     if (v.slot != s) return v.slot < s;
                                     return std::lexicographical_compare(v.iteration.begin(), v.iteration.end(), begin, end);
                                   });
  if (it == state.variables.end() || it->slot != slot) return nullptr;
  if (!std::equal(it->iteration.begin(), it->iteration.end(), begin, end)) return nullptr;
  return &it->value;
}

void set_variable(const Graph& graph, State& state, SlotId slot, const std::vector<std::uint32_t>& iteration,
                  Value value) {
  if (slot >= graph.slots.size()) return;
  const std::size_t depth = std::min<std::size_t>(graph.slots[slot].depth, iteration.size());
  Variable fresh{slot, {iteration.begin(), iteration.begin() + static_cast<std::ptrdiff_t>(depth)}, std::move(value)};
  const auto it = std::lower_bound(state.variables.begin(), state.variables.end(), fresh,
                                   [](const Variable& a, const Variable& b) {
                                     if (a.slot != b.slot) return a.slot < b.slot;
                                     return a.iteration < b.iteration;
                                   });
  if (it != state.variables.end() && it->slot == fresh.slot && it->iteration == fresh.iteration) {
    it->value = std::move(fresh.value);
  } else {
    state.variables.insert(it, std::move(fresh));
  }
}

void enter_block(const Graph& graph, State& state, NodeId parent, const Block& block,
                 const std::vector<std::uint32_t>& iteration) {
  if (block.empty()) {
    leave_block(graph, state, parent, iteration);
  } else {
    state.ready.push_back({block.front(), iteration});
  }
}

void complete(const Graph& graph, State& state, const Path& path) {
  const Node& node = graph.nodes[path.node];
  std::size_t next = node.position + 1;
  if (node.parent == kNoNode) {
    if (next < graph.root.size()) {
      state.ready.push_back({graph.root[next], path.iteration});
    } else {
      state.at_end = true;
    }
    return;
  }
  const auto blocks = blocks_of(graph.nodes[node.parent]);
  if (node.block < blocks.size() && next < blocks[node.block]->size()) {
    state.ready.push_back({(*blocks[node.block])[next], path.iteration});
  } else {
    leave_block(graph, state, node.parent, path.iteration);
  }
}

void leave_block(const Graph& graph, State& state, NodeId parent, const std::vector<std::uint32_t>& iteration) {
  if (parent == kNoNode) {
    state.at_end = true;
    return;
  }
  const Path path{parent, iteration};
  if (graph.nodes[parent].kind == NodeKind::kTogether) {
    const auto join = std::find_if(state.joins.begin(), state.joins.end(), [&](const Join& j) { return j.path == path; });
    if (join == state.joins.end()) return;
    if (join->left > 1) {
      --join->left;
      return;
    }
    state.joins.erase(join);
  }
  complete(graph, state, path);
}

void forward_succeeded(const Graph& graph, State& state, Activity& activity, const Value& result) {
  const Node& node = graph.nodes[activity.path.node];
  activity.forward.phase = CallPhase::kSucceeded;
  activity.forward.unsure = false;
  activity.forward.hold = HoldReason::kNone;
  activity.check.phase = CallPhase::kIdle;
  activity.effect = leaves_mark(graph, node) ? EffectState::kDone : EffectState::kNone;
  if (node.slot != kNoSlot && !result.is_null()) {
    set_variable(graph, state, node.slot, activity.path.iteration, result);
  }
  if (!activity.open) return;
  activity.open = false;
  if (state.status != Status::kCompensating) complete(graph, state, Path(activity.path));
}

void remove_ready(State& state, const Path& path) {
  const auto it = std::find(state.ready.begin(), state.ready.end(), path);
  if (it != state.ready.end()) state.ready.erase(it);
}

namespace {

// From the top level down to the node: (node, block of its parent, position in it).
struct Standing {
  NodeId node, parent;
  std::uint32_t block, position;
};

std::vector<Standing> standing_of(const Graph& graph, NodeId node) {
  std::vector<Standing> up;
  for (NodeId n = node; n != kNoNode && n < graph.nodes.size(); n = graph.nodes[n].parent) {
    up.push_back({n, graph.nodes[n].parent, graph.nodes[n].block, graph.nodes[n].position});
  }
  std::reverse(up.begin(), up.end());
  return up;
}

}  // namespace

bool precedes(const Graph& graph, const Path& first, const Path& second) {
  if (first == second) return false;
  const Node& a_node = graph.nodes[first.node];
  const Node& b_node = graph.nodes[second.node];
  if (a_node.parent == b_node.parent && a_node.block == b_node.block && first.iteration == second.iteration) {
    return a_node.position < b_node.position;  // the common case, without building chains
  }
  const auto a = standing_of(graph, first.node);
  const auto b = standing_of(graph, second.node);
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (a[i].block != b[i].block) return false;  // side by side: branches, or arms of which one was taken
    if (a[i].position != b[i].position) return a[i].position < b[i].position;
  }
  // One holds the other: a step comes before what its handler's block does. Rounds of loops: earlier first.
  if (a.size() != b.size()) return a.size() < b.size();
  return first.iteration < second.iteration;
}

bool leaves_mark(const Graph& graph, const Node& node) {
  if (node.undo) return true;
  if (node.kind != NodeKind::kStep) return false;
  const auto reads = static_cast<std::uint8_t>(Effect::kReads);
  return (graph.actions[node.call.action].effects & static_cast<std::uint8_t>(~reads)) != 0;
}

bool is_settled(const Activity& activity) {
  switch (activity.forward.phase) {
    case CallPhase::kDue:
    case CallPhase::kInFlight:
    case CallPhase::kFailed:
    case CallPhase::kBackoff:
    case CallPhase::kSettling: return false;
    case CallPhase::kHeld:
      if (activity.forward.unsure) return false;
      break;
    case CallPhase::kIdle:
    case CallPhase::kSucceeded:
    case CallPhase::kRefused: break;
  }
  return activity.effect != EffectState::kDone && activity.effect != EffectState::kMaybe;
}

bool key_worn_out(const Action& action, const CallState& call, Instant now) {
  if (action.keys_remembered_s <= 0) return false;
  return now.us - call.first_sent_at.us >= action.keys_remembered_s * 1'000'000;
}

}  // namespace belay::interpreter
