// What the tests of both readers share: reading from memory, files of tests/golden, and golden
// comparison.
#pragma once
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "dsl/read.h"
#include "tests/catch.h"
#include "tests/dsl/compile_support.h"

namespace belay::dsl::testing {

struct ReadResult {
  File file;
  Sources sources;
  Diagnostics diagnostics;
  std::string rendered;
  bool clean() const { return diagnostics.all().empty(); }
};

inline ReadResult read(const std::string& path, const std::string& text) {
  ReadResult out;
  out.sources.add(path, text);
  out.file = path.ends_with(".yaml") ? read_yaml(out.sources, 0, out.diagnostics)
                                     : read_text(out.sources, 0, out.diagnostics);
  out.diagnostics.sort();
  out.rendered = render_text(out.diagnostics, out.sources, false);
  return out;
}

inline std::string load(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline std::string golden_dir(const std::string& name) {
  return std::string(BELAY_SOURCE_DIR) + "/tests/golden/" + name;
}

}  // namespace belay::dsl::testing
