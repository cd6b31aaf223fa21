// Names of places and effects: paths as text and back, and the request key of an effect. Both are promises: a key that
// was sent once must be derived the same way for ever. Tested in tests/interpreter/journal_test.cpp.
#include "interpreter/journal.h"

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
  for (const auto round : path.iteration) text += "[" + std::to_string(round) + "]";
  return text;
}

Path parse_path(const Graph& graph, std::string_view text) {
  Path path;
  const auto bracket = text.find('[');
  const NodeId node = find_node(graph, text.substr(0, bracket));
  if (node == kNoNode) return path;
  while (bracket != std::string_view::npos && !text.empty()) {
    const auto open = text.find('[');
    if (open == std::string_view::npos) break;
    const auto close = text.find(']', open);
    if (close == std::string_view::npos || close == open + 1 || close - open > 10) return path;
    std::uint64_t round = 0;
    for (const char c : text.substr(open + 1, close - open - 1)) {
      if (c < '0' || c > '9') return path;
      round = round * 10 + static_cast<std::uint64_t>(c - '0');
    }
    if (round > 0xffffffffULL) return path;
    path.iteration.push_back(static_cast<std::uint32_t>(round));
    text.remove_prefix(close + 1);
    if (!text.empty() && text.front() != '[') return Path{};
  }
  path.node = node;
  return path;
}

std::string effect_key(std::string_view saga, const Graph& graph, const Path& path, Direction direction,
                       std::uint32_t generation) {
  static constexpr const char* kNames[] = {":do:", ":check:", ":undo:", ":undo-check:"};
  std::string key(saga);
  key += ':';
  key += path_text(graph, path);
  key += kNames[static_cast<std::size_t>(direction)];
  key += std::to_string(generation);
  return key;
}

}  // namespace belay::interpreter
