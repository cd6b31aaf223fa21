// The author's files and their lines. Everything that shows a place to a person goes through
// Sources::line.
#include "dsl/source.h"

#include <string_view>
#include <utility>

namespace belay::dsl {

std::uint32_t Sources::add(std::string path, std::string text) {
  SourceFile file{std::move(path), std::move(text), {0}};
  for (std::size_t i = 0; i < file.text.size(); ++i) {
    if (file.text[i] == '\n') file.line_starts.push_back(static_cast<std::uint32_t>(i + 1));
  }
  return add(std::move(file));
}

std::uint32_t Sources::add(SourceFile file) {
  files_.push_back(std::move(file));
  return static_cast<std::uint32_t>(files_.size() - 1);
}

std::string_view Sources::line(std::uint32_t file, std::uint32_t line) const {
  const SourceFile& source = files_.at(file);
  if (line == 0 || line > source.line_starts.size()) return {};
  const std::size_t begin = source.line_starts[line - 1];
  std::size_t end =
      line < source.line_starts.size() ? source.line_starts[line] - 1 : source.text.size();
  if (end > begin && source.text[end - 1] == '\r') --end;
  return std::string_view(source.text).substr(begin, end - begin);
}

}  // namespace belay::dsl
