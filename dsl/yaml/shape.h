// The shape of the lines of a YAML file, looked at only when YAML or the reader found something
// wrong. See shape.cpp.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/source.h"

namespace belay::dsl::yaml {

struct Shape {
  std::string text;               // the file, mended: as many lines as before
  std::set<std::uint32_t> parts;  // lines that begin a document though no `---` stands before them
  std::set<std::uint32_t> lost;   // lines of which something had to be left out
};

// Reports lines that have no sound shape, and mends them, so that the rest can be read.
Shape mend_shape(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics);

// What stands in a mended file for a value that could not be read.
inline constexpr std::string_view kStandIn = "\xEE\x80\x80";  // U+E000

}  // namespace belay::dsl::yaml
