// Small pieces that write JSON by hand: shared by json_write.cpp, journal_json.cpp and
// state_json.cpp.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace belay::runtime {

void append_int(std::int64_t v, std::string& out);
void append_uint(std::uint64_t v, std::string& out);
// Shortest text that reads back as the same double, never looking like an int. REQUIRES: finite.
void append_finite_double(double v, std::string& out);

// Bytes of the UTF-8 character at `at`, or 0 when there is none (overlong, surrogate, cut off).
std::size_t utf8_length(std::string_view text, std::size_t at);

}  // namespace belay::runtime
