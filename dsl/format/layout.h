// How a file is laid out: its units (lines of the text form; entries and items of YAML) as a tree,
// the places of the syntax tree in them, and the comments between them. Both forms are seen alike
// here, which is what lets a comment find its way from one to the other. See layout.cpp.
#pragma once
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "dsl/source.h"
#include "dsl/syntax.h"
#include "dsl/yaml/emit.h"

namespace belay::dsl::format {

inline constexpr std::size_t kNone = static_cast<std::size_t>(-1);

struct Unit {
  std::uint32_t line = 0, column = 0;  // where it begins: an item at its dash
  std::uint32_t last_line = 0;         // of itself, without what is below it
  std::size_t parent = kNone;
  std::size_t end = 0;        // [index, end) is the unit and all below it
  std::string head;           // what it is called: to find it again in the same form
  bool top = false;           // a declaration or document, or the first line
  bool item = false;          // YAML: an item of a list
  bool in_flow = false;       // YAML: inside { } or [ ]
  std::size_t first = kNone;  // the first of its places and those below, in the order of the tree
  std::size_t last = kNone;   // the last of them, in the order of the file
  yaml::Out* out = nullptr;   // what prints it (place_yaml.cpp)
};

struct Position {
  std::uint32_t line = 0, column = 0;
  auto operator<=>(const Position&) const = default;
};

struct Layout {
  File::Form form = File::Form::kText;
  std::vector<Unit> units;        // in the order of the file
  std::vector<Span> places;       // places(file), behind the place of the first line
  std::vector<std::size_t> home;  // of each place: the unit it stands in; kNone: not known
  std::vector<Comment> comments;
  std::vector<std::uint32_t> document_lines;         // YAML: lines `---`
  std::vector<std::pair<Position, Position>> flows;  // YAML: outermost { } and [ ] of several lines

  // The units whose first place is `place`, from the innermost outwards. Empty when the place only
  // stands inside one.
  std::vector<std::size_t> beginning_with(std::size_t place) const;
  // The last unit that begins at or before a position; kNone.
  std::size_t unit_at(Position at) const;
  bool last_of_parent(std::size_t unit) const;
  bool first_of_parent(std::size_t unit) const;
};

// REQUIRES: `file` was read from `sources` without an error.
Layout layout_of(const Sources& sources, const File& file);

}  // namespace belay::dsl::format
