// Why a run has no end, in words: which statement repeats, and what a scenario or the workflow has
// to say so that it does not. Tested in tests/simulator/statement_test.cpp.
#include <algorithm>

#include "runtime/simulator/simulator.h"
#include "runtime/simulator/stage.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's

namespace {

template <class Key>
std::pair<Key, std::size_t> most_of(const std::map<Key, std::size_t>& counts) {
  std::pair<Key, std::size_t> most{};
  for (const auto& [key, count] : counts) {
    if (count > most.second) most = {key, count};
  }
  return most;
}

std::string at(const Graph& graph, const Path& path) {
  return "`" + place_text(graph, path) + "` (" + graph.nodes[path.node].at + ")";
}

std::string of_call(const Graph& graph, const Path& path, Direction direction, std::size_t tries) {
  const bool undo = direction == Direction::kUndo || direction == Direction::kUndoCheck;
  const bool check = direction == Direction::kCheck || direction == Direction::kUndoCheck;
  const std::string who = std::string(check ? "the check of " : "") + (undo ? "the undo of " : "");
  return who + at(graph, path) + " is tried again and again, " + std::to_string(tries) +
         " times so far; say how often that happens (`" + who + graph.nodes[path.node].name +
         " is unavailable 3 times`) in place of `always`, or let the workflow try it less often "
         "(`retry`, `keep trying for`)";
}

}  // namespace

std::string what_repeats(const Graph& graph, const Run& run) {
  std::map<std::pair<Path, Direction>, std::size_t> tries;
  std::map<NodeId, std::size_t> rounds;
  std::map<NodeId, std::uint32_t> furthest;
  const auto stands_in = [&](const Path& path) {  // the loop around it, outermost first
    std::vector<NodeId> loops;
    for (NodeId id = path.node; id != kNoNode; id = graph.nodes[id].parent) {
      if (in_loop_body(graph, id)) loops.insert(loops.begin(), graph.nodes[id].parent);
    }
    for (std::size_t i = 0; i < loops.size() && i < path.iteration.size(); ++i) {
      ++rounds[loops[i]];
      furthest[loops[i]] = std::max(furthest[loops[i]], path.iteration[i] + 1);
    }
  };
  for (const Entry& entry : run.journal) {
    for (const Drawn& drawn : entry.drawn) {
      if (const auto* sent = std::get_if<Sent>(&drawn)) ++tries[{sent->path, sent->direction}];
      std::visit(
          [&](const auto& one) {
            if constexpr (requires { one.path.iteration; }) {
              if (one.path.node != kNoNode) stands_in(one.path);
            }
          },
          drawn);
    }
  }
  const auto call = most_of(tries);
  // A call that is repeated, or a loop that goes round: whatever more of the journal is about.
  NodeId loop = kNoNode;
  for (const auto& [id, far] : furthest) {
    if (loop == kNoNode || far > furthest[loop]) loop = id;
  }
  if (loop == kNoNode && tries.empty()) return "its journal grows without a call or a loop";
  if (loop == kNoNode || furthest[loop] <= call.second)
    return of_call(graph, call.first.first, call.first.second, call.second);
  const Node& node = graph.nodes[loop];
  const std::string it = "`" + node.name + "` (" + node.at + ") ";
  if (node.kind == NodeKind::kForEach) {
    return it + "is at its item " + std::to_string(furthest[loop]) +
           "; give it fewer items: a scenario needs no more than show the case";
  }
  std::string step;
  for (const auto& [sent, times] : tries) {
    const NodeId id = sent.first.node;
    if (step.empty() && sent.second == Direction::kForward && in_loop_body(graph, id) &&
        graph.nodes[id].parent == loop)
      step = graph.nodes[id].name;
  }
  return it + "is in its round " + std::to_string(furthest[loop]) + " of " +
         std::to_string(node.times) + ", and `" + node.until.source + "` is not true yet; say in " +
         "which round it is" + (step.empty() ? "" : " (`" + step + " of round 3 gives …`)") +
         ", or let it go round fewer times (`at most N times`)";
}

}  // namespace belay::runtime::simulator
