// Tables, times, symbols. See terminal.h.
#include "runtime/cli/terminal.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "interpreter/text.h"
#include "interpreter/time.h"

namespace belay::runtime::cli {
namespace {

bool is_wide(std::uint32_t c) {
  return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
         (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
         (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
         (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1f64f) ||
         (c >= 0x1f900 && c <= 0x1f9ff) || (c >= 0x20000 && c <= 0x3fffd);
}

bool is_combining(std::uint32_t c) {
  return (c >= 0x300 && c <= 0x36f) || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x20d0 && c <= 0x20ff) || (c >= 0xfe00 && c <= 0xfe0f);
}

std::size_t width_of(std::uint32_t c) { return is_combining(c) ? 0 : is_wide(c) ? 2 : 1; }

// Bidirectional overrides can make a line read as something else.
bool is_control(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    const interpreter::CodePoint c = interpreter::code_point_at(text, i);
    width += c.length == 0 ? 1 : width_of(c.value);
    i += c.length == 0 ? 1 : c.length;
  }
  return width;
}

std::string harmless(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const interpreter::CodePoint c = interpreter::code_point_at(text, i);
    if (c.length == 0)
      out += "\xef\xbf\xbd";
    else if (c.value == '\n' || c.value == '\t')
      out += ' ';
    else if (is_control(c.value))
      out += "\xef\xbf\xbd";
    else
      out += text.substr(i, c.length);
    i += c.length == 0 ? 1 : c.length;
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  std::size_t used = 0, i = 0;
  while (i < text.size()) {
    const interpreter::CodePoint c = interpreter::code_point_at(text, i);
    const std::size_t w = c.length == 0 ? 1 : width_of(c.value);
    if (used + w + 1 > width) break;
    used += w;
    i += c.length == 0 ? 1 : c.length;
  }
  return std::string(text.substr(0, i)) + "…";
}

std::string padded(std::string_view text, std::size_t width) {
  const std::size_t has = display_width(text);
  return std::string(text) + std::string(has < width ? width - has : 0, ' ');
}

Terminal Terminal::of_stdout() {
  const char* no_color = std::getenv("NO_COLOR");
  return Terminal(isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0'));
}

std::string Terminal::paint(Colour colour, std::string_view text) const {
  if (!colours_ || colour == Colour::kNone) return std::string(text);
  const char* code = "";
  switch (colour) {
    case Colour::kNone: break;
    case Colour::kDim: code = "2"; break;
    case Colour::kBold: code = "1"; break;
    case Colour::kGreen: code = "32"; break;
    case Colour::kYellow: code = "33"; break;
    case Colour::kRed: code = "31"; break;
    case Colour::kCyan: code = "36"; break;
  }
  return std::string("\x1b[") + code + "m" + std::string(text) + "\x1b[0m";
}

std::string table(const Terminal& terminal, const std::vector<std::string>& header,
                  const std::vector<std::vector<Cell>>& rows, std::size_t cell_max) {
  std::vector<std::size_t> widths;
  for (const std::string& title : header) widths.push_back(display_width(title));
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], std::min(cell_max, display_width(row[i].text)));
    }
  }
  std::string out;
  const auto line = [&](const std::vector<Cell>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const bool last = i + 1 == cells.size();
      const std::string text = last ? cells[i].text : shortened(cells[i].text, cell_max);
      out += terminal.paint(cells[i].colour, text);
      if (!last) out += std::string(widths[i] - std::min(widths[i], display_width(text)) + 2, ' ');
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    out += '\n';
  };
  std::vector<Cell> titles;
  for (const std::string& title : header) titles.emplace_back(title, Colour::kDim);
  line(titles);
  for (const auto& row : rows) line(row);
  return out;
}

std::int64_t instant_us(std::string_view rfc3339) {
  const auto t = interpreter::parse_timestamp(rfc3339);
  return t ? t->seconds * 1'000'000 + t->nanos / 1000 : 0;
}

std::int64_t wall_clock_us() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

std::string relative(std::int64_t at_us, std::int64_t now_us) {
  if (at_us == 0) return "";
  const bool past = at_us <= now_us;
  const std::int64_t s = (past ? now_us - at_us : at_us - now_us) / 1'000'000;
  std::string text;
  if (s < 1) return past ? "just now" : "now";
  if (s < 60)
    text = std::to_string(s) + " s";
  else if (s < 3600)
    text = std::to_string(s / 60) + " min";
  else if (s < 86'400)
    text = std::to_string(s / 3600) + " h";
  else
    text = std::to_string(s / 86'400) + " d";
  return past ? text + " ago" : "in " + text;
}

std::string offset(std::int64_t us) {
  if (us < 0) us = 0;
  char out[32];
  const auto n = [](std::int64_t v) { return static_cast<long long>(v); };
  const std::int64_t s = us / 1'000'000;
  if (s < 60)
    std::snprintf(out, sizeof out, "+%lld.%03llds", n(s), n(us / 1000 % 1000));
  else if (s < 3600)
    std::snprintf(out, sizeof out, "+%lldm%02llds", n(s / 60), n(s % 60));
  else if (s < 86'400)
    std::snprintf(out, sizeof out, "+%lldh%02lldm", n(s / 3600), n(s / 60 % 60));
  else
    std::snprintf(out, sizeof out, "+%lldd%02lldh", n(s / 86'400), n(s / 3600 % 24));
  return out;
}

Colour colour_of_health(std::string_view health) {
  if (health == "ok") return Colour::kGreen;
  if (health == "retrying" || health == "paused" || health == "overdue") return Colour::kYellow;
  return Colour::kRed;
}

std::pair<const char*, Colour> symbol_of_phase(std::string_view phase) {
  struct Symbol {
    std::string_view phase;
    const char* symbol;
    Colour colour;
  };
  static constexpr Symbol kSymbols[] = {
      {"succeeded", "✓", Colour::kGreen},
      {"in_flight", "▸", Colour::kCyan},
      {"due", "▸", Colour::kCyan},
      {"waiting", "…", Colour::kCyan},
      {"retrying", "↻", Colour::kYellow},
      {"settling", "?", Colour::kYellow},
      {"held", "!", Colour::kRed},
      {"failed", "✗", Colour::kRed},
      {"limit_passed", "✗", Colour::kYellow},
      {"undoing", "↶", Colour::kCyan},
      {"undo_retrying", "↶", Colour::kYellow},
      {"undo_settling", "?", Colour::kYellow},
      {"undone", "↶", Colour::kGreen},
      {"undo_held", "!", Colour::kRed},
      {"undo_failed", "✗", Colour::kRed},
      {"skipped", "-", Colour::kDim},
  };
  for (const Symbol& s : kSymbols) {
    if (s.phase == phase) return {s.symbol, s.colour};
  }
  return {"·", Colour::kDim};
}

std::pair<const char*, Colour> symbol_of_mark(std::string_view mark) {
  struct Symbol {
    std::string_view mark;
    const char* symbol;
    Colour colour;
  };
  static constexpr Symbol kSymbols[] = {
      {"ok", "✓", Colour::kGreen},      {"failed", "✗", Colour::kRed},
      {"unsure", "?", Colour::kYellow}, {"waiting", "…", Colour::kCyan},
      {"undo", "↶", Colour::kGreen},    {"person", "☞", Colour::kBold},
      {"alarm", "!", Colour::kRed},     {"end", "■", Colour::kBold},
      {"sent", "▸", Colour::kCyan},
  };
  for (const Symbol& s : kSymbols) {
    if (s.mark == mark) return {s.symbol, s.colour};
  }
  return {"·", Colour::kDim};
}

}  // namespace belay::runtime::cli
