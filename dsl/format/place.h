// Writes notes into a print of the same tree.
#pragma once
#include <string>
#include <vector>

#include "dsl/format/notes.h"

namespace belay::dsl::format {

// `plain` is the print without comments, `layout` its layout.
std::string place_in_text(const std::string& plain, const Layout& layout,
                          const std::vector<Note>& notes, bool same_form);
std::string place_in_yaml(yaml::Sheet sheet, Layout layout, const std::vector<Note>& notes,
                          bool same_form);

// The unit that an own-line note above or below belongs to in this layout; kNone: at the end of the
// file.
std::size_t unit_before(const Layout& layout, const Note& note, bool same_form);
std::size_t unit_after(const Layout& layout, const Note& note, bool same_form);
// The unit that begins the line of a unit: the first entry of an item or a document stands on the
// item's own line.
std::size_t line_of(const Layout& layout, std::size_t unit);
// The unit whose line a note stands behind.
std::size_t unit_behind(const Layout& layout, const Note& note, bool same_form);

}  // namespace belay::dsl::format
