// What shape.cpp asks about the text of a line, without knowing what surrounds it. Columns count
// from 0.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace belay::dsl::yaml {

inline constexpr std::size_t kNone = std::string::npos;

// Nothing, or a comment alone.
bool blank(std::string_view line);
// Of the first character that is no space; the line's length when there is none.
std::size_t column_of(std::string_view line);
// Where the colon behind the key that begins at `from` stands; kNone when none begins there.
std::size_t key_end(std::string_view text, std::size_t from);
// That key, or empty.
std::string key_of(std::string_view text, std::size_t from);
// Where the quote that opens at `from` is closed on this line; kNone when it is not.
std::size_t closed(std::string_view text, std::size_t from);
// Whether a line stands deeper than `column` and does not look like an entry: part of a value over
// several lines.
bool goes_on(const std::vector<std::string>& lines, std::size_t line, std::size_t column);
// Whether a line, at `column` or deeper, begins with a closing bracket.
bool closes(const std::vector<std::string>& lines, std::size_t line, std::size_t column);

}  // namespace belay::dsl::yaml
