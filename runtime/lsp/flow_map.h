// The `{ … }` of one YAML line that a place is inside of, told by the text before it: half a line
// is no YAML yet. Tested in tests/runtime/lsp_test.cpp.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace belay::runtime::lsp {

struct FlowMap {
  struct Frame {
    std::string of;  // the key whose value this map is; empty: of none
    std::map<std::string, std::string> given;
    bool list = false;
    std::string value(const std::string& key) const {
      const auto found = given.find(key);
      return found == given.end() ? std::string() : found->second;
    }
  };
  std::vector<Frame> frames;  // those not closed before the place, the outermost first
  std::string key;            // whose value stands at the place; empty: a key does
  std::string typed;          // what stands there so far

  bool open() const { return !frames.empty() && !frames.back().list; }
  bool is_inside(std::string_view of) const;
};

FlowMap flow_map_at(std::string_view before);

}  // namespace belay::runtime::lsp
