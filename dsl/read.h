// Reads one file of either form into the syntax tree, and prints a tree in either form.
// Every problem is reported; what could be read is returned. No exception leaves.
#pragma once
#include <string>

#include "dsl/diagnostic.h"
#include "dsl/syntax.h"

namespace belay::dsl {

// `source` is an index into `sources`. Limits (limits.h) are enforced here: size, depth, number of
// nodes.
File read_text(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics);
File read_yaml(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics);

// Whether a YAML file is ours: it has the line `belay: 1`. Without it, a file whose first document
// has a declaration key earns a diagnostic, any other file is skipped.
enum class YamlKind { kBelay, kForeign };
YamlKind classify_yaml(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics);

std::string print_text(const File& file);
std::string print_yaml(const File& file);

}  // namespace belay::dsl
