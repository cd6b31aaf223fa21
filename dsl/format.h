// Prints a file in its canonical look, or in the other form, with the author's comments. What
// `belay fmt`, `belay convert` and editors use.
#pragma once
#include <optional>
#include <string>

#include "dsl/source.h"
#include "dsl/syntax.h"

namespace belay::dsl {

// `file` in the form `to`. Every comment stands at the node that it stood at; blank lines between
// groups are kept (at most one) when the form stays the same. Printing what was printed gives the
// same bytes. nullopt: the result was read back and was not the same tree with the same comments;
// nothing should be written then. REQUIRES: `file` was read from `sources` without an error.
std::optional<std::string> format_file(const Sources& sources, const File& file, File::Form to);

// The comments of a file in their order, without the file being understood further than where
// strings end. REQUIRES: readable() and without an error.
std::vector<Comment> comments_of(const Sources& sources, const File& file);

}  // namespace belay::dsl
