// YAML as we write it: small maps and lists on one line, the rest in blocks, quotes only where YAML
// needs them.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace belay::dsl {
struct File;
}

namespace belay::dsl::yaml {

struct Out {
  enum class Kind { kScalar, kText, kMap, kList } kind = Kind::kScalar;
  std::string text;    // kScalar: quoted already; kText: block text, to be written behind `|`
  bool block = false;  // kMap, kList: one entry a line, however short
  std::vector<std::pair<std::string, Out>> entries;  // kMap; keys quoted already
  std::vector<Out> items;                            // kList
  // Comments of the entry, item or document that this is the value of: whole lines above and below
  // it ("" is a blank line), and the end of its first line. What holds a commented entry or item is
  // written in blocks.
  std::vector<std::string> before = {}, after = {};
  std::string behind = {};

  static Out scalar(std::string_view text);  // quotes where needed
  static Out data_text(
      std::string_view text);  // a literal text in a data field: also quotes what reads as a number
  static Out raw(std::string text);  // as it is
  static Out block_text(std::string_view text);
  static Out map() { return {Kind::kMap, {}, false, {}, {}}; }
  static Out list() { return {Kind::kList, {}, false, {}, {}}; }

  Out& put(std::string_view key, Out value);  // returns the map itself
  Out& push(Out value);
  bool empty() const { return entries.empty() && items.empty(); }
  bool commented() const { return !before.empty() || !after.empty() || !behind.empty(); }
};

// A file: its first line `belay: 1`, the documents (maps, at the left edge), and comments around
// them.
struct Sheet {
  std::vector<std::string> before = {};
  std::string behind = {};
  std::vector<Out> documents = {};
  std::vector<std::string> at_end = {};
};

std::string emit(const Sheet& sheet);

// The file without comments (print_yaml.cpp).
Sheet sheet(const File& file);

}  // namespace belay::dsl::yaml
