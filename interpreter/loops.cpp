// Rounds of loops. An item of a `for each` counts against `at once` from its begin until it is
// over, or, when it failed and that is tolerated, until it is undone.
#include "interpreter/loops.h"

#include <algorithm>
#include <utility>

#include "interpreter/control.h"

namespace belay::interpreter {

namespace {

std::vector<std::uint32_t> round_of(const Path& path, std::uint32_t round) {
  std::vector<std::uint32_t> iteration = path.iteration;
  iteration.push_back(round);
  return iteration;
}

void export_items(const Graph& graph, State& state, const Path& path, std::uint32_t items) {
  for (const Export& name : graph.nodes[path.node].exports) {
    std::vector<Value> values;
    for (std::uint32_t i = 0; i < items; ++i) {
      const auto iteration = round_of(path, i);
      if (const Value* value = find_variable(state, name.inner, iteration, iteration.size()))
        values.push_back(*value);
    }
    set_variable(graph, state, name.outer, path.iteration, Value::list(std::move(values)));
  }
}

void begin_items(const Graph& graph, State& state, Loop& loop) {
  const Node& node = graph.nodes[loop.path.node];
  const auto undone = std::count_if(state.unwinding.begin(), state.unwinding.end(),
                                    [&](const Unwind& u) { return u.path == loop.path; });
  const std::size_t busy = static_cast<std::size_t>(undone);
  while (loop.next < loop.items.size() && loop.running.size() + busy < std::max(node.at_once, 1U)) {
    const auto iteration = round_of(loop.path, loop.next);
    // The item moves into its variable: a long list is not kept twice.
    if (node.slot != kNoSlot) {
      set_variable(graph, state, node.slot, iteration,
                   std::exchange(loop.items[loop.next], Value()));
    }
    state.ready.push_back({node.body.front(), iteration});
    loop.running.push_back(loop.next++);
  }
  if (loop.next < loop.items.size() || !loop.running.empty() || undone > 0) return;
  const Path path = loop.path;
  export_items(graph, state, path, loop.next);
  std::erase_if(state.loops, [&](const Loop& l) { return l.path == path; });
  complete(graph, state, path);
}

}  // namespace

Path without_round(const Graph& graph, const Path& path) {
  Path own = path;
  const std::size_t depth = depth_of(graph, path.node);
  if (own.iteration.size() > depth) own.iteration.resize(depth);
  return own;
}

Loop* find_loop(State& state, const Path& path) {
  const auto it = std::lower_bound(state.loops.begin(), state.loops.end(), path,
                                   [](const Loop& l, const Path& p) { return l.path < p; });
  return it != state.loops.end() && it->path == path ? &*it : nullptr;
}

const Loop* find_loop(const State& state, const Path& path) {
  return find_loop(const_cast<State&>(state), path);
}

void begin_loop(const Graph& graph, State& state, const Path& path,
                const std::vector<Value>& items) {
  if (items.empty() || graph.nodes[path.node].body.empty()) {
    export_items(graph, state, path, 0);
    complete(graph, state, path);
    return;
  }
  const auto at = std::lower_bound(state.loops.begin(), state.loops.end(), path,
                                   [](const Loop& l, const Path& p) { return l.path < p; });
  begin_items(graph, state, *state.loops.insert(at, Loop{path, items, 0, 0, {}}));
}

void item_over(const Graph& graph, State& state, const Path& path, std::uint32_t item) {
  Loop* loop = find_loop(state, path);
  if (loop == nullptr) return;
  std::erase(loop->running, item);
  begin_items(graph, state, *loop);
}

void export_round(const Graph& graph, State& state, const Path& path, std::uint32_t round) {
  const auto iteration = round_of(path, round);
  for (const Export& name : graph.nodes[path.node].exports) {
    // The losers of a race in this round may not be undone yet; their names are gone all the same.
    if (hidden(graph, state, name.inner, {path.node, iteration})) continue;
    const Value* value = find_variable(state, name.inner, iteration, iteration.size());
    if (value != nullptr) set_variable(graph, state, name.outer, path.iteration, Value(*value));
  }
}

}  // namespace belay::interpreter
