// Structural control flow and lookups. Control flow is by structure: a node that is done hands over
// to the next one in its block, a block that is done hands over to the node that holds it. Nothing
// here evaluates an expression.
#include "interpreter/control.h"

#include <algorithm>
#include <numeric>

#include "interpreter/defects.h"
#include "interpreter/loops.h"

namespace belay::interpreter {

namespace {

auto lower_activity(std::vector<Activity>& all, const Path& path) {
  return std::lower_bound(all.begin(), all.end(), path,
                          [](const Activity& a, const Path& p) { return a.path < p; });
}

void wake(Awake& awake, std::uint32_t position) {
  if (!awake.known) return;
  const auto it = std::lower_bound(awake.positions.begin(), awake.positions.end(), position);
  if (it == awake.positions.end() || *it != position) awake.positions.insert(it, position);
}

auto lower_join(std::vector<Join>& all, const Path& path) {
  return std::lower_bound(all.begin(), all.end(), path,
                          [](const Join& j, const Path& p) { return j.path < p; });
}

}  // namespace

Activity* find_activity(State& state, const Path& path) {
  const auto it = lower_activity(state.activities, path);
  if (it == state.activities.end() || it->path != path) return nullptr;
  wake(state.awake, static_cast<std::uint32_t>(it - state.activities.begin()));
  return &*it;
}

const Activity* find_activity(const State& state, const Path& path) {
  const auto it = lower_activity(const_cast<State&>(state).activities, path);
  return it != state.activities.end() && it->path == path ? &*it : nullptr;
}

Activity& activity_at(State& state, const Path& path) {
  const auto it = lower_activity(state.activities, path);
  const auto at = static_cast<std::uint32_t>(it - state.activities.begin());
  if (it == state.activities.end() || it->path != path) {
    for (std::uint32_t& position : state.awake.positions) position += position >= at ? 1 : 0;
    Activity fresh;
    fresh.path = path;
    state.activities.insert(it, std::move(fresh));
  }
  wake(state.awake, at);
  return state.activities[at];
}

std::vector<Activity>& all_activities(State& state) {
  state.awake = {};
  return state.activities;
}

bool at_rest(const Activity& activity) {
  const auto over = [](const CallState& call) {
    return call.phase == CallPhase::kIdle || call.phase == CallPhase::kSucceeded ||
           call.phase == CallPhase::kRefused;
  };
  return !activity.open && over(activity.forward) && over(activity.undo) &&
         activity.check.phase == CallPhase::kIdle && activity.undo_check.phase == CallPhase::kIdle;
}

void look_who_is_awake(State& state) {
  std::vector<std::uint32_t>& positions = state.awake.positions;
  if (!state.awake.known) {
    positions.resize(state.activities.size());
    std::iota(positions.begin(), positions.end(), 0U);
    state.awake.known = true;
  }
  std::erase_if(positions, [&](std::uint32_t at) { return at_rest(state.activities[at]); });
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
    if (node.kind == NodeKind::kStep || node.kind == NodeKind::kRun) main = &node.call;
  } else if (node.undo) {
    main = &*node.undo;
  }
  if (main == nullptr || direction == main_of(direction)) return main;
  return main->check.empty() ? nullptr : &main->check.front();
}

const Action& action_of(const Graph& graph, const Call& call) {
  static const Action child = [] {
    Action action;
    action.repeat_safe = true;
    action.effects = static_cast<std::uint8_t>(Effect::kRecords);
    return action;
  }();
  return call.action < graph.actions.size() ? graph.actions[call.action] : child;
}

std::size_t depth_of(const Graph& graph, NodeId node) {
  std::size_t depth = 0;
  for (NodeId at = node; at != kNoNode; at = graph.nodes[at].parent)
    depth += in_loop_body(graph, at) ? 1 : 0;
  return depth;
}

Join* find_join(State& state, const Path& path) {
  const auto it = lower_join(state.joins, path);
  return it != state.joins.end() && it->path == path ? &*it : nullptr;
}

const Join* find_join(const State& state, const Path& path) {
  return find_join(const_cast<State&>(state), path);
}

Direction main_of(Direction direction) {
  return direction == Direction::kForward || direction == Direction::kCheck ? Direction::kForward
                                                                            : Direction::kUndo;
}

Direction check_of(Direction direction) {
  return main_of(direction) == Direction::kForward ? Direction::kCheck : Direction::kUndoCheck;
}

const Value* find_variable(const State& state, SlotId slot,
                           const std::vector<std::uint32_t>& iteration, std::size_t depth) {
  const auto begin = iteration.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(std::min(depth, iteration.size()));
  const auto it = std::lower_bound(
      state.variables.begin(), state.variables.end(), slot, [&](const Variable& v, SlotId s) {
        if (v.slot != s) return v.slot < s;
        return std::lexicographical_compare(v.iteration.begin(), v.iteration.end(), begin, end);
      });
  if (it == state.variables.end() || it->slot != slot) return nullptr;
  if (!std::equal(it->iteration.begin(), it->iteration.end(), begin, end)) return nullptr;
  return &it->value;
}

void set_variable(const Graph& graph, State& state, SlotId slot,
                  const std::vector<std::uint32_t>& iteration, Value value) {
  if (slot >= graph.slots.size()) return;
  const std::size_t depth = std::min<std::size_t>(graph.slots[slot].depth, iteration.size());
  Variable fresh{slot,
                 {iteration.begin(), iteration.begin() + static_cast<std::ptrdiff_t>(depth)},
                 std::move(value)};
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

void enter_block(const Graph& graph, State& state, NodeId parent, std::uint32_t block,
                 const std::vector<std::uint32_t>& iteration) {
  const Block& nodes = parent == kNoNode ? graph.root : *blocks_of(graph.nodes[parent])[block];
  if (nodes.empty()) {
    leave_block(graph, state, parent, block, iteration);
  } else {
    state.ready.push_back({nodes.front(), iteration});
  }
}

void complete(const Graph& graph, State& state, const Path& path) {
  const Node& node = graph.nodes[path.node];
  const std::size_t next = node.position + 1;
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
    leave_block(graph, state, node.parent, node.block, path.iteration);
  }
}

namespace {

// The last success that was needed lets control go on; decide then names the losers among those
// that still run.
void branch_over(const Graph& graph, State& state, const Path& path, std::uint32_t branch) {
  Join* join = find_join(state, path);
  // A branch that ends after the last one needed (while the saga was paused) has lost none the
  // less.
  if (join == nullptr || join->left == 0 || std::erase(join->running, branch) == 0) return;
  if (--join->left > 0) return;
  if (join->running.empty())
    std::erase_if(state.joins, [&](const Join& j) { return j.path == path; });
  complete(graph, state, path);
}

}  // namespace

void leave_block(const Graph& graph, State& state, NodeId parent, std::uint32_t block,
                 const std::vector<std::uint32_t>& iteration) {
  if (parent == kNoNode) {
    state.at_end = true;
    return;
  }
  const NodeKind kind = graph.nodes[parent].kind;
  Path path{parent, iteration};
  if (kind == NodeKind::kTogether) {
    branch_over(graph, state, path, block);
  } else if (kind == NodeKind::kForEach) {
    const std::uint32_t item = path.iteration.back();
    path.iteration.pop_back();
    item_over(graph, state, path, item);
  } else if (kind == NodeKind::kRepeat && block == 0) {
    state.ready.push_back(std::move(path));  // `until` is to be looked at
  } else {
    complete(graph, state, path);
  }
}

void begin_branches(const Graph& graph, State& state, const Path& path) {
  const Node& node = graph.nodes[path.node];
  Join join{path, 0, {}};
  for (std::uint32_t i = 0; i < node.branches.size(); ++i) {
    if (!node.branches[i].empty()) join.running.push_back(i);
  }
  const std::size_t wanted = node.wanted == 0 ? node.branches.size() : node.wanted;
  const std::size_t empty =
      node.branches.size() - join.running.size();  // they succeed by doing nothing
  if (wanted <= empty || join.running.empty()) return complete(graph, state, path);
  join.left = static_cast<std::uint32_t>(std::min(wanted - empty, join.running.size()));
  if (defective(Defect::kJoinEarly) && join.left > 1) --join.left;
  for (const std::uint32_t i : join.running)
    state.ready.push_back({node.branches[i].front(), path.iteration});
  state.joins.insert(lower_join(state.joins, path), std::move(join));
}

void forward_succeeded(const Graph& graph, State& state, Activity& activity, const Value& result) {
  const Node& node = graph.nodes[activity.path.node];
  activity.forward.phase = CallPhase::kSucceeded;
  activity.forward.unsure = false;
  activity.forward.hold = HoldReason::kNone;
  activity.check.phase = CallPhase::kIdle;
  const bool forgets = defective(Defect::kUndoForgotten);
  activity.effect = leaves_mark(graph, node) && !forgets ? EffectState::kDone : EffectState::kNone;
  if (node.slot != kNoSlot && !result.is_null()) {
    set_variable(graph, state, node.slot, activity.path.iteration, result);
  }
  if (!activity.open) return;
  activity.open = false;
  complete(graph, state, Path(activity.path));
}

bool awaits(const Graph& graph, const Activity& activity, std::uint32_t source) {
  const Node& node = graph.nodes[activity.path.node];
  return node.kind == NodeKind::kWait && activity.open && !activity.limit_passed &&
         activity.forward.phase == CallPhase::kIdle && source < node.sources.size() &&
         source < activity.keys.size() &&
         !std::binary_search(activity.taken.begin(), activity.taken.end(), source);
}

bool may_try_anew(const Graph& graph, const State& state, const Activity& activity,
                  Direction direction) {
  if (direction != Direction::kForward) return true;
  return std::none_of(state.activities.begin(), state.activities.end(), [&](const Activity& other) {
    return below(graph, other.path, activity.path) &&
           other.path.iteration.size() >= activity.path.iteration.size();
  });
}

void remove_ready(State& state, const Path& path) {
  const auto it = std::find(state.ready.begin(), state.ready.end(), path);
  if (it != state.ready.end()) state.ready.erase(it);
}

bool leaves_mark(const Graph& graph, const Node& node) {
  if (node.undo) return true;
  if (node.kind != NodeKind::kStep && node.kind != NodeKind::kRun) return false;
  const auto reads = static_cast<std::uint8_t>(Effect::kReads);
  return (action_of(graph, node.call).effects & static_cast<std::uint8_t>(~reads)) != 0;
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
