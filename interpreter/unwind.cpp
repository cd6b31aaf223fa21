// Parts that are undone, the order of undoing, and the way of failures. See unwind.h; the rules are
// in docs/language: errors. Tested in tests/interpreter/unwind_test.cpp and, above all, by
// random_test.cpp.
#include "interpreter/unwind.h"

#include <algorithm>
#include <functional>

#include "interpreter/control.h"
#include "interpreter/defects.h"
#include "interpreter/loops.h"
#include "interpreter/policy.h"

namespace belay::interpreter {

namespace {

constexpr std::uint32_t kNoBlock = 0xffffffff;

// Which block of `holder` holds `node`, directly or deeper.
std::uint32_t block_holding(const Graph& graph, NodeId holder, NodeId node) {
  for (NodeId at = node; at != kNoNode; at = graph.nodes[at].parent) {
    if (graph.nodes[at].parent == holder) return graph.nodes[at].block;
  }
  return kNoBlock;
}

bool begins_with(const std::vector<std::uint32_t>& iteration,
                 const std::vector<std::uint32_t>& outer) {
  return iteration.size() >= outer.size() &&
         std::equal(outer.begin(), outer.end(), iteration.begin());
}

bool has_part(NodeKind kind, std::uint32_t block, std::uint32_t part) {
  return kind == NodeKind::kTogether ? block == part : block == 0;
}

// Whether values of that slot are made inside the part: those names end with it.
bool declares(const Graph& graph, NodeId whole, std::uint32_t part, SlotId slot) {
  const NodeKind kind = graph.nodes[whole].kind;
  if (kind == NodeKind::kForEach && graph.nodes[whole].slot == slot) return true;
  for (NodeId id = 0; id < graph.nodes.size(); ++id) {
    const Node& node = graph.nodes[id];
    const bool makes =
        node.slot == slot || std::any_of(node.exports.begin(), node.exports.end(),
                                         [&](const Export& e) { return e.outer == slot; });
    if (!makes) continue;
    const std::uint32_t block = block_holding(graph, whole, id);
    if (block != kNoBlock && has_part(kind, block, part)) return true;
  }
  return false;
}

}  // namespace

bool inside(const Graph& graph, const Path& place, const Path& whole, std::uint32_t part) {
  const std::size_t depth = whole.iteration.size();
  if (place.node == kNoNode || !begins_with(place.iteration, whole.iteration)) return false;
  const NodeKind kind = graph.nodes[whole.node].kind;
  if (kind == NodeKind::kForEach &&
      (place.iteration.size() == depth || place.iteration[depth] != part))
    return false;
  const std::uint32_t block = block_holding(graph, whole.node, place.node);
  return block != kNoBlock && has_part(kind, block, part);
}

bool below(const Graph& graph, const Path& place, const Path& whole) {
  return begins_with(place.iteration, whole.iteration) &&
         block_holding(graph, whole.node, place.node) != kNoBlock;
}

bool undoing(const Graph& graph, const State& state, const Path& place) {
  if (state.status == Status::kCompensating) return true;
  return std::any_of(state.unwinding.begin(), state.unwinding.end(),
                     [&](const Unwind& u) { return inside(graph, place, u.path, u.part); });
}

std::optional<Unwinding> caught(const Graph& graph, const State& state, const Path& path,
                                std::string_view error) {
  Path at = without_round(graph, path);
  while (graph.nodes[at.node].parent != kNoNode) {
    const std::uint32_t block = graph.nodes[at.node].block;
    std::uint32_t item = 0;
    if (in_loop_body(graph, at.node)) {
      item = at.iteration.back();
      at.iteration.pop_back();
    }
    at.node = graph.nodes[at.node].parent;
    const Node& node = graph.nodes[at.node];
    if (node.kind == NodeKind::kTry && block == 0) {
      if (const auto handler = handler_for(node.call, error))
        return Unwinding{at, 0, *handler, path, ""};
    }
    if (error == "refused") continue;  // only a handler takes what nobody has foreseen
    if (node.kind == NodeKind::kForEach) {
      const Loop* loop = find_loop(state, at);
      if (loop != nullptr && loop->failed < node.tolerated) return Unwinding{at, item, 0, path, ""};
    }
    if (node.kind == NodeKind::kTogether) {
      const Join* join = find_join(state, at);
      if (join != nullptr && join->running.size() > join->left)
        return Unwinding{at, block, 0, path, ""};
    }
  }
  return std::nullopt;
}

void close(const Graph& graph, Activity& activity) {
  activity.open = activity.open && defective(Defect::kGoesOnAfterCancel);
  CallState& call = activity.forward;
  const Node& node = graph.nodes[activity.path.node];
  switch (call.phase) {
    case CallPhase::kDue:
    case CallPhase::kBackoff:
    case CallPhase::kFailed:
      // Waits are cut short: a check is asked now; without one the same request leaves now.
      if (call.unsure && node.call.check.empty() && call.phase == CallPhase::kBackoff) {
        call.phase = CallPhase::kDue;
      } else {
        call.phase = call.unsure && !defective(Defect::kUnsureDropped) ? CallPhase::kFailed
                                                                       : CallPhase::kRefused;
      }
      if (call.unsure) call.failure = FailureKind::kUnsure;
      if (call.unsure && node.call.if_unsure &&
          node.call.if_unsure->kind == Unsure::Kind::kUndoAnyway) {
        call.phase = CallPhase::kRefused;
        activity.effect =
            defective(Defect::kUndoAnywaySkipped) ? EffectState::kNone : EffectState::kMaybe;
      }
      break;
    case CallPhase::kHeld:
      if (!call.unsure) call.phase = CallPhase::kRefused;
      break;
    case CallPhase::kIdle:
    case CallPhase::kInFlight:
    case CallPhase::kSettling:
    case CallPhase::kSucceeded:
    case CallPhase::kRefused: break;
  }
}

void join_the_whole(State& state, const std::function<bool(const Path&)>& in) {
  std::erase_if(state.unwinding, [&](const Unwind& u) {
    if (!in(u.path)) return false;
    state.lost.push_back({u.path, u.part});
    return true;
  });
}

void begin_unwinding(const Graph& graph, State& state, const Unwinding& drawn) {
  const auto in = [&](const Path& place) { return inside(graph, place, drawn.path, drawn.part); };
  std::erase_if(state.ready, in);
  std::erase_if(state.joins, [&](const Join& j) { return in(j.path); });
  std::erase_if(state.loops, [&](const Loop& l) { return in(l.path); });
  // What is being undone inside goes on being undone, as a part of this.
  join_the_whole(state, in);
  for (Activity& activity : all_activities(state)) {
    if (in(activity.path)) close(graph, activity);
  }
  const bool loser = drawn.cause.node == kNoNode;
  if (Join* join = find_join(state, drawn.path)) {
    std::erase(join->running, drawn.part);
    if (join->left == 0 && join->running.empty()) {
      std::erase_if(state.joins, [&](const Join& j) { return j.path == drawn.path; });
    }
  }
  if (Loop* loop = find_loop(state, drawn.path)) {
    std::erase(loop->running, drawn.part);
    ++loop->failed;
  }
  const auto at = std::lower_bound(state.unwinding.begin(), state.unwinding.end(), drawn,
                                   [](const Unwind& a, const Unwinding& b) {
                                     return a.path != b.path ? a.path < b.path : a.part < b.part;
                                   });
  state.unwinding.insert(at, Unwind{drawn.path, drawn.part, drawn.handler, loser, drawn.because});
}

void end_unwinding(const Graph& graph, State& state, const Unwound& drawn) {
  const auto found =
      std::find_if(state.unwinding.begin(), state.unwinding.end(),
                   [&](const Unwind& u) { return u.path == drawn.path && u.part == drawn.part; });
  if (found == state.unwinding.end()) return;
  const Unwind unwind = *found;
  state.unwinding.erase(found);
  const Node& node = graph.nodes[drawn.path.node];
  std::vector<std::uint32_t> iteration = drawn.path.iteration;
  if (node.kind == NodeKind::kForEach) iteration.push_back(drawn.part);
  std::erase_if(state.variables, [&](const Variable& v) {
    return begins_with(v.iteration, iteration) &&
           declares(graph, drawn.path.node, drawn.part, v.slot);
  });
  std::erase_if(state.lost,
                [&](const Lost& lost) { return inside(graph, lost.path, drawn.path, drawn.part); });
  if (node.kind == NodeKind::kForEach) item_over(graph, state, drawn.path, drawn.part);
  if (node.kind != NodeKind::kTry || unwind.handler >= node.call.handlers.size()) return;
  // The handler's turn: decide draws what it says.
  const auto& errors = node.call.handlers[unwind.handler].errors;
  Activity& activity = activity_at(state, drawn.path);
  activity.forward.phase = CallPhase::kFailed;
  activity.forward.failure = FailureKind::kBusiness;
  activity.forward.error = errors.empty() ? "" : errors.front();
  activity.forward.message = unwind.because;
}

bool hidden(const Graph& graph, const State& state, std::uint32_t slot, const Path& reader) {
  // Nobody outside of an item, or of the body of a `try`, reads its names before that is undone.
  const auto gone = [&](const auto& u) {
    return graph.nodes[u.path.node].kind == NodeKind::kTogether &&
           begins_with(reader.iteration, u.path.iteration) &&
           declares(graph, u.path.node, u.part, slot) && !inside(graph, reader, u.path, u.part);
  };
  return std::any_of(state.unwinding.begin(), state.unwinding.end(), gone) ||
         std::any_of(state.lost.begin(), state.lost.end(), gone);
}

// ---- Order

namespace {

// Where an activity stands, from the top level down: the position in a block, the block inside the
// statement there, the round of that loop, the position in that block, … Two places are ordered by
// the first step in which they differ, when that is one after the other; branches stand side by
// side. A statement comes before what its blocks hold.
struct Step {
  std::uint32_t number = 0;
  bool in_turn = true;
  bool operator==(const Step& other) const { return number == other.number; }
  bool operator<(const Step& other) const { return number < other.number; }
};
using Standing = std::vector<Step>;

Standing standing_of(const Graph& graph, const Path& path) {
  Standing up;  // from the node to the top
  std::size_t depth = depth_of(graph, path.node);
  for (NodeId at = path.node; at != kNoNode; at = graph.nodes[at].parent) {
    const Node& node = graph.nodes[at];
    up.push_back({node.position, true});
    if (node.parent == kNoNode) break;
    const Node& parent = graph.nodes[node.parent];
    if (in_loop_body(graph, at)) {
      const std::uint32_t round = --depth < path.iteration.size() ? path.iteration[depth] : 0;
      up.push_back({round, parent.kind == NodeKind::kRepeat || parent.at_once <= 1});
    }
    up.push_back({node.block, parent.kind != NodeKind::kTogether});
  }
  std::reverse(up.begin(), up.end());
  return up;
}

struct Place {
  Standing standing;
  const Path* path;
};

// Of places that agree in their first `level` steps, sorted: those that nothing in [begin, end)
// comes after.
void find_last(const Place* begin, const Place* end, std::size_t level, std::vector<Path>& last) {
  if ((end - 1)->standing.size() == level) {
    for (; begin != end; ++begin) last.push_back(*begin->path);
    return;
  }
  while (begin->standing.size() == level)
    ++begin;  // it comes before the others, which stand in its blocks
  if (begin->standing[level].in_turn) {
    const Step step = (end - 1)->standing[level];
    while (!(begin->standing[level] == step)) ++begin;
    find_last(begin, end, level + 1, last);
    return;
  }
  while (begin != end) {
    const Place* next = begin;
    while (next != end && next->standing[level] == begin->standing[level]) ++next;
    find_last(begin, next, level + 1, last);
    begin = next;
  }
}

}  // namespace

bool precedes(const Graph& graph, const Path& first, const Path& second) {
  const Standing a = standing_of(graph, first), b = standing_of(graph, second);
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (!(a[i] == b[i])) return a[i].in_turn && a[i] < b[i];
  }
  return a.size() < b.size();
}

std::vector<Path> last_unsettled(const Graph& graph, const State& state, const Unwind* part) {
  std::vector<Place> places;
  for (const Activity& activity : state.activities) {
    if (is_settled(activity)) continue;
    if (part != nullptr && !inside(graph, activity.path, part->path, part->part)) continue;
    places.push_back({standing_of(graph, activity.path), &activity.path});
  }
  std::vector<Path> last;
  if (places.empty()) return last;
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.standing < b.standing; });
  if (defective(Defect::kUndoForwardOrder)) return {*places.front().path};
  if (defective(Defect::kUndoAllAtOnce)) {
    for (const Place& place : places) last.push_back(*place.path);
    return last;
  }
  find_last(places.data(), places.data() + places.size(), 0, last);
  std::sort(last.begin(), last.end());
  return last;
}

}  // namespace belay::interpreter
