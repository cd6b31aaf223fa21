// Comments and blank lines, each tied to a place of the syntax tree: what is carried from one print
// to another.
#pragma once
#include <string>
#include <vector>

#include "dsl/format/layout.h"

namespace belay::dsl::format {

struct Note {
  enum class Kind {
    kBefore,  // lines above what begins with `place`
    kBehind,  // the end of its line
    kAfter,   // lines below what reaches from `place` to `until`: the end of a block
    kEnd,     // the end of the file
  } kind = Kind::kBefore;
  std::size_t place = kNone, until = kNone;
  bool head = false;  // kBehind: of a line that holds no place itself, such as `takes`
  std::string hint;   // the head of the unit it was tied to: finds it again in the same form
  std::string text;   // from its `#`; empty: a blank line
  // Of the units that begin with `place` (kAfter: and end with `until`), from the innermost: which
  // one, of how many.
  std::size_t nth = 0, of = 0;
};

// In the order of the file.
std::vector<Note> notes_of(const Sources& sources, const File& file, const Layout& layout);

// The lines to print above a unit for the notes before it, blank lines among them. `natural`: the
// print has a blank line there anyway. `first`: it is the first in its block. `same_form`: blank
// lines are the author's, not the form's.
struct Group {
  bool natural = false, first = false, same_form = false;
};
std::vector<std::string> lines_of(const std::vector<std::string>& notes, Group how);

}  // namespace belay::dsl::format
