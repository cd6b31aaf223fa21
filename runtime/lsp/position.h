// Places as editors count them (lines and UTF-16 code units from 0) and as the compiler does (lines
// and bytes from 1). Lines end at `\n`; a `\r` before it belongs to the break. Places past the end
// of a line or of the text are taken as that end; bytes that are no UTF-8 count one unit each.
// Tested in tests/runtime/lsp_test.cpp.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/source.h"

namespace belay::runtime::lsp {

struct Position {
  std::uint32_t line = 0, character = 0;
  auto operator<=>(const Position&) const = default;
};
struct Range {
  Position start, end;
  bool operator==(const Range&) const = default;
};

std::uint32_t utf16_units(std::string_view utf8);
// The byte at which `units` code units of the line are over; never inside a character.
std::size_t byte_of(std::string_view line, std::uint32_t units);

class Lines {
 public:
  explicit Lines(std::string_view text);  // REQUIRES: `text` outlives it
  std::size_t count() const { return starts_.size(); }
  // Without its break; empty past the end.
  std::string_view line(std::uint32_t index) const;
  std::size_t offset_of(Position position) const;
  Position position_of(std::size_t offset) const;

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

Range range_of(const dsl::Sources& sources, const dsl::Span& span);
// file, line and column; length 0.
dsl::Span span_of(const dsl::Sources& sources, std::uint32_t file, Position position);

}  // namespace belay::runtime::lsp
