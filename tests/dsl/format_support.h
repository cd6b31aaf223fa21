// What the tests of layout share: printing from memory.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "dsl/format.h"
#include "tests/dsl/read_support.h"

namespace belay::dsl::testing {

inline File::Form form_of(const std::string& path) {
  return path.ends_with(".yaml") ? File::Form::kYaml : File::Form::kText;
}

// `text` in the form of `to` ("f.belay", "f.yaml"); fails the test when it has an error or cannot
// be kept.
inline std::string reprint(const std::string& path, const std::string& text,
                           const std::string& to) {
  const ReadResult read = testing::read(path, text);
  INFO(text);
  CHECK(read.rendered == "");
  const std::optional<std::string> done = format_file(read.sources, read.file, form_of(to));
  REQUIRE(done.has_value());
  return *done;
}

inline std::vector<std::string> lines_of_text(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace belay::dsl::testing
