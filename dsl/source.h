// Where things stand in an author's files, and the files themselves.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace belay::dsl {

// A stretch of one line of one file. Lines and columns count from 1; columns and lengths are bytes
// (carets are drawn by display width when rendered). length 0 means "at this point". file is an
// index into Sources.
struct Span {
  std::uint32_t file = 0;
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::uint32_t length = 0;
  bool operator==(const Span&) const = default;
};

// A comment of either form: from its `#` to the end of its line, without trailing blanks.
struct Comment {
  std::string text;
  Span at;
  bool own_line = false;  // nothing else stands on its line
};

struct SourceFile {
  std::string path;  // as shown to people: relative to the workspace's parent, forward slashes
  std::string text;
  std::vector<std::uint32_t> line_starts;  // byte offset of each line
};

// All files of one run, in path order. Shared by the tree, the diagnostics and the printers.
class Sources {
 public:
  std::uint32_t add(std::string path, std::string text);
  std::uint32_t add(SourceFile file);
  // Gives a file away; an empty one stays in its place.
  SourceFile take(std::uint32_t index) { return std::move(files_.at(index)); }
  const SourceFile& file(std::uint32_t index) const { return files_.at(index); }
  std::size_t size() const { return files_.size(); }
  // The text of a line without its line break; empty past the end.
  std::string_view line(std::uint32_t file, std::uint32_t line) const;

 private:
  std::vector<SourceFile> files_;
};

}  // namespace belay::dsl
