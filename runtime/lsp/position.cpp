// See position.h.
#include "runtime/lsp/position.h"

#include <algorithm>

namespace belay::runtime::lsp {
namespace {

// Bytes of the character at `at`; 1 where no character is.
std::size_t width_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t width = first < 0x80                     ? 1
                            : first >= 0xF0 && first <= 0xF4 ? 4
                            : first >= 0xE0                  ? 3
                            : first >= 0xC2                  ? 2
                                                             : 1;
  if (first > 0xF4 || at + width > text.size()) return 1;
  for (std::size_t i = 1; i < width; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 1;
  }
  return width;
}

}  // namespace

std::uint32_t utf16_units(std::string_view utf8) {
  std::uint32_t units = 0;
  for (std::size_t at = 0; at < utf8.size();) {
    const std::size_t width = width_at(utf8, at);
    units += width == 4 ? 2 : 1;
    at += width;
  }
  return units;
}

std::size_t byte_of(std::string_view line, std::uint32_t units) {
  std::size_t at = 0;
  std::uint32_t seen = 0;
  while (at < line.size() && seen < units) {
    const std::size_t width = width_at(line, at);
    seen += width == 4 ? 2 : 1;
    if (seen > units) break;  // between the halves of a pair
    at += width;
  }
  return at;
}

Lines::Lines(std::string_view text) : text_(text), starts_{0} {
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1))
    starts_.push_back(at + 1);
}

std::string_view Lines::line(std::uint32_t index) const {
  if (index >= starts_.size()) return {};
  const std::size_t end = index + 1 < starts_.size() ? starts_[index + 1] - 1 : text_.size();
  std::string_view line = text_.substr(starts_[index], end - starts_[index]);
  if (index + 1 < starts_.size() && line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::size_t Lines::offset_of(Position position) const {
  if (position.line >= starts_.size()) return text_.size();
  return starts_[position.line] + byte_of(line(position.line), position.character);
}

Position Lines::position_of(std::size_t offset) const {
  offset = std::min(offset, text_.size());
  const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
  const auto index = static_cast<std::uint32_t>(next - starts_.begin() - 1);
  const std::string_view whole = line(index);
  return {index, utf16_units(whole.substr(0, std::min(offset - starts_[index], whole.size())))};
}

Range range_of(const dsl::Sources& sources, const dsl::Span& span) {
  const std::uint32_t line = span.line == 0 ? 0 : span.line - 1;
  const std::string_view text = sources.line(span.file, span.line);
  const std::size_t begin =
      std::min<std::size_t>(span.column == 0 ? 0 : span.column - 1, text.size());
  const std::size_t end = std::min(begin + span.length, text.size());
  const std::uint32_t from = utf16_units(text.substr(0, begin));
  return {{line, from}, {line, from + utf16_units(text.substr(begin, end - begin))}};
}

dsl::Span span_of(const dsl::Sources& sources, std::uint32_t file, Position position) {
  const std::string_view text = sources.line(file, position.line + 1);
  return {.file = file,
          .line = position.line + 1,
          .column = static_cast<std::uint32_t>(byte_of(text, position.character)) + 1,
          .length = 0};
}

}  // namespace belay::runtime::lsp
