// What people see: tables that line up, times that say how long ago, symbols and (on a terminal)
// colours. Text from sagas is made harmless first: no control character reaches a terminal. Tested
// in tests/system/cli_test.cpp.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belay::runtime::cli {

enum class Colour : std::uint8_t { kNone, kDim, kBold, kGreen, kYellow, kRed, kCyan };

// Columns of a terminal that a text takes: code points, wide ones twice, combining ones not at all.
std::size_t display_width(std::string_view text);
// Control characters and broken UTF-8 become U+FFFD, line breaks blanks.
std::string harmless(std::string_view text);
// At most `width` columns, with `…` where something is cut off.
std::string shortened(std::string_view text, std::size_t width);
std::string padded(std::string_view text, std::size_t width);

class Terminal {
 public:
  // Colours when standard output is a terminal and NO_COLOR is not set.
  static Terminal of_stdout();
  explicit Terminal(bool colours) : colours_(colours) {}
  std::string paint(Colour colour, std::string_view text) const;

 private:
  bool colours_ = false;
};

struct Cell {
  Cell(std::string t, Colour c = Colour::kNone) : text(std::move(t)), colour(c) {}
  Cell(const char* t, Colour c = Colour::kNone) : text(t), colour(c) {}
  std::string text;
  Colour colour;
};
// Rows under a header, every column as wide as its widest cell, capped at `cell_max`; the last
// column is never padded.
std::string table(const Terminal& terminal, const std::vector<std::string>& header,
                  const std::vector<std::vector<Cell>>& rows, std::size_t cell_max = 60);

// RFC 3339 → microseconds since 1970; 0 when it is none.
std::int64_t instant_us(std::string_view rfc3339);
std::int64_t wall_clock_us();
// "3 min ago", "in 2 h", "just now".
std::string relative(std::int64_t at_us, std::int64_t now_us);
// "+0.012s", "+1m05s", "+3h20m", "+2d04h".
std::string offset(std::int64_t us);

Colour colour_of_health(std::string_view health);
// The symbol and colour of a step's phase, or of the mark of a history line.
std::pair<const char*, Colour> symbol_of_phase(std::string_view phase);
std::pair<const char*, Colour> symbol_of_mark(std::string_view mark);

}  // namespace belay::runtime::cli
