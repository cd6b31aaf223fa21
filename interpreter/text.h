// UTF-8 by hand: code points counted and cut, with no locale. A byte that is not valid UTF-8 counts
// as one.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belay::interpreter {

bool is_utf8(std::string_view text);

// Byte offsets where code points begin, then the size of `text`.
std::vector<std::size_t> code_points(std::string_view text);
std::size_t count_code_points(std::string_view text);

// REQUIRES: a Unicode scalar value (not a surrogate, at most 0x10FFFF).
void append_utf8(std::uint32_t code_point, std::string& out);

// The code point at `at` and its length in bytes; length 0 when the bytes there are not valid.
struct CodePoint {
  std::uint32_t value = 0;
  std::size_t length = 0;
};
CodePoint code_point_at(std::string_view text, std::size_t at);

}  // namespace belay::interpreter
