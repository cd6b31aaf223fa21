// See flow_map.h.
#include "runtime/lsp/flow_map.h"

#include <algorithm>

namespace belay::runtime::lsp {
namespace {

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

}  // namespace

bool FlowMap::is_inside(std::string_view of) const {
  return std::any_of(frames.begin(), frames.end(), [&](const Frame& f) { return f.of == of; });
}

FlowMap flow_map_at(std::string_view before) {
  FlowMap out;
  std::string key, text;  // of the entry that is being read
  const auto entry_ends = [&] {
    if (!out.frames.empty() && !key.empty()) out.frames.back().given[key] = trimmed(text);
    key.clear();
    text.clear();
  };
  for (std::size_t i = 0; i < before.size(); ++i) {
    const char c = before[i];
    if ((c == '"' || c == '\'') && trimmed(text).empty()) {  // a quoted value: to its end
      const std::size_t end = before.find(c, i + 1);
      const std::size_t stop = end == before.npos ? before.size() - 1 : end;
      text += before.substr(i, stop - i + 1);
      i = stop;
    } else if (c == '{' || c == '[') {
      out.frames.push_back({key, {}, c == '['});
      key.clear();
      text.clear();
    } else if ((c == '}' || c == ']') && !out.frames.empty()) {
      entry_ends();
      const std::string of = out.frames.back().of;
      out.frames.pop_back();
      key = of;
    } else if (c == ',' && !out.frames.empty()) {
      entry_ends();
    } else if (c == ':' && key.empty() && (i + 1 == before.size() || before[i + 1] == ' ')) {
      key = trimmed(text);
      if (key.starts_with("- ")) key.erase(0, 2);
      text.clear();
    } else {
      text += c;
    }
  }
  out.key = key;
  out.typed = trimmed(text);
  return out;
}

}  // namespace belay::runtime::lsp
