// Names of places and effects: paths as text and back, and the request key of an effect. Both are
// promises: a key that was sent once must be derived the same way for ever. Tested in
// tests/interpreter/journal_test.cpp.
#include "interpreter/journal.h"

#include <algorithm>

#include "interpreter/defects.h"

namespace belay::interpreter {

Timestamp to_timestamp(Instant at) {
  std::int64_t seconds = at.us / 1'000'000;
  std::int64_t rest = at.us % 1'000'000;
  if (rest < 0) {
    rest += 1'000'000;
    --seconds;
  }
  return {seconds, static_cast<std::int32_t>(rest * 1000)};
}

std::string path_text(const Graph& graph, const Path& path) {
  if (path.node >= graph.nodes.size()) return "";
  std::string text = graph.nodes[path.node].name;
  if (path.iteration.empty()) return text;
  std::vector<NodeId> loops;  // around the node, the innermost first
  for (NodeId at = path.node; at != kNoNode; at = graph.nodes[at].parent) {
    if (in_loop_body(graph, at)) loops.push_back(graph.nodes[at].parent);
  }
  std::string prefix;
  for (std::size_t i = 0; i < path.iteration.size(); ++i) {
    const std::string round = "[" + std::to_string(path.iteration[i]) + "]";
    if (i < loops.size()) {
      prefix += graph.nodes[loops[loops.size() - 1 - i]].name + round + ".";
    } else {
      text += round;  // a round of the loop itself
    }
  }
  return prefix + text;
}

Path parse_path(const Graph& graph, std::string_view text) {
  Path path;
  std::string_view name;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find_first_of(".[");
    if (end != 0) name = rest.substr(0, end);
    rest.remove_prefix(std::min(end, rest.size()));
    if (rest.empty()) break;
    const std::size_t close = rest.find(']');
    if (rest.front() == '[') {
      if (close == std::string_view::npos || close == 1 || close > 10) return {};
      std::uint64_t round = 0;
      for (const char c : rest.substr(1, close - 1)) {
        if (c < '0' || c > '9') return {};
        round = round * 10 + static_cast<std::uint64_t>(c - '0');
      }
      path.iteration.push_back(static_cast<std::uint32_t>(round));
    }
    rest.remove_prefix(rest.front() == '[' ? close + 1 : 1);
  }
  path.node = find_node(graph, name);
  return path.node != kNoNode && path_text(graph, path) == text ? path : Path{};
}

std::string effect_key(std::string_view saga, const Graph& graph, const Path& path,
                       Direction direction, std::uint32_t generation) {
  static constexpr const char* kNames[] = {":do:", ":check:", ":undo:", ":undo-check:"};
  std::string key(saga);
  key += ':';
  key += path_text(graph, path);
  key += kNames[static_cast<std::size_t>(direction)];
  key += std::to_string(defective(Defect::kKeyWithoutGeneration) ? 0 : generation);
  return key;
}

}  // namespace belay::interpreter
