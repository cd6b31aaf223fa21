// Diagnostics for people: the line, a caret under the place, the rule, a way out (LANGUAGE.md §7).
// Carets stand by display width, so lines with accents or CJK text line up; a long line is shown as
// the window around its caret.
#include <algorithm>
#include <cstdint>

#include "dsl/diagnostic.h"
#include "dsl/render_json.h"

namespace belay::dsl {
namespace {

constexpr std::size_t kWindow = 110;  // columns of an author's line that are shown
constexpr std::size_t kAlsoShown = 6;

std::string count(std::size_t n, const char* word) {
  return std::to_string(n) + " " + word + (n == 1 ? "" : "s");
}

struct Glyph {
  std::string text;       // what is printed
  std::size_t width = 1;  // columns
  std::size_t bytes = 1;  // of the source
};

bool within(std::uint32_t c, std::uint32_t low, std::uint32_t high) {
  return c >= low && c <= high;
}

std::size_t width_of(std::uint32_t c) {
  if (within(c, 0x300, 0x36F) || within(c, 0x200B, 0x200F) || within(c, 0x20D0, 0x20FF) ||
      within(c, 0xFE00, 0xFE0F) || within(c, 0xFE20, 0xFE2F) || c == 0xFEFF) {
    return 0;
  }
  const bool wide =
      within(c, 0x1100, 0x115F) || within(c, 0x2E80, 0x303E) || within(c, 0x3041, 0xA4CF) ||
      within(c, 0xAC00, 0xD7A3) || within(c, 0xF900, 0xFAFF) || within(c, 0xFE30, 0xFE6F) ||
      within(c, 0xFF00, 0xFF60) || within(c, 0xFFE0, 0xFFE6) || within(c, 0x1F300, 0x1F64F) ||
      within(c, 0x1F900, 0x1F9FF) || within(c, 0x20000, 0x3FFFD);
  return wide ? 2 : 1;
}

// The glyph at `text[at]`. Tabs are two spaces; control and broken bytes become a visible stand-in.
Glyph glyph_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first == '\t') return {"  ", 2, 1};
  if (first < 0x20 || first == 0x7F) return {"?", 1, 1};
  if (first < 0x80) return {std::string(1, text[at]), 1, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first > 0xF4 || at + length > text.size()) return {"?", 1, 1};
  std::uint32_t code = first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return {"?", 1, 1};
    code = code << 6 | (byte(at + i) & 0x3Fu);
  }
  if (within(code, 0x80, 0x9F) || within(code, 0x202A, 0x202E) || within(code, 0x2066, 0x2069)) {
    return {"?", 1, length};  // no terminal tricks from a source file
  }
  return {std::string(text.substr(at, length)), width_of(code), length};
}

// The line around [begin, end) and the columns before and under the caret.
struct Excerpt {
  std::string shown;
  std::size_t before = 0, under = 1;
};

Excerpt excerpt(std::string_view line, std::size_t begin, std::size_t length) {
  begin = std::min(begin, line.size());
  const std::size_t end = std::min(line.size(), begin + length);
  Excerpt out;
  std::size_t from = 0;
  if (line.size() > kWindow && begin > kWindow / 2) {
    from = begin - kWindow / 2;
    while (from > 0 && (static_cast<unsigned char>(line[from]) & 0xC0) == 0x80) --from;
    out.shown = "…";
    out.before = 1;
  }
  std::size_t under = 0, columns = out.before;
  for (std::size_t at = from; at < line.size();) {
    if (columns >= kWindow && at >= begin) {
      out.shown += "…";
      break;
    }
    const Glyph glyph = glyph_at(line, at);
    out.shown += glyph.text;
    if (at < begin) out.before += glyph.width;
    if (at >= begin && at < end) under += glyph.width;
    columns += glyph.width;
    at += glyph.bytes;
  }
  out.under = std::max<std::size_t>(1, under);
  return out;
}

class Painter {
 public:
  Painter(const Sources& sources, bool colour) : sources_(sources), colour_(colour) {}

  void paint(const Diagnostic& diagnostic) {
    const bool error = diagnostic.kind->severity == Severity::kError;
    out_ += paint_as(error ? "1;31" : "1;33",
                     (error ? "error[" : "warning[") + std::string(diagnostic.kind->code) + "]");
    out_ += paint_as("1", ": " + diagnostic.message) + "\n";
    const std::string number = std::to_string(diagnostic.span.line);
    const std::string gutter(number.size(), ' ');
    out_ += gutter + paint_as("1;34", "-->") + " " + place(diagnostic.span, true) + "\n";
    if (diagnostic.span.file < sources_.size() && diagnostic.span.line > 0) {
      const std::string_view line = sources_.line(diagnostic.span.file, diagnostic.span.line);
      const std::size_t column = diagnostic.span.column == 0 ? 1 : diagnostic.span.column;
      const Excerpt shown = excerpt(line, column - 1, diagnostic.span.length);
      out_ += gutter + paint_as("1;34", " |") + "\n";
      out_ +=
          paint_as("1;34", number + " |") + (shown.shown.empty() ? "" : " ") + shown.shown + "\n";
      out_ += gutter + paint_as("1;34", " |") + " " + std::string(shown.before, ' ') +
              paint_as(error ? "1;31" : "1;33", std::string(shown.under, '^') +
                                                    (diagnostic.label.empty() ? "" : " ") +
                                                    diagnostic.label) +
              "\n";
    }
    for (const Note& note : diagnostic.notes) {
      out_ += gutter + paint_as("1;34", " =") + " " + note.text;
      if (note.has_span) out_ += ", " + place(note.span, false);
      out_ += "\n";
    }
    if (!diagnostic.also.empty()) {
      out_ += gutter + paint_as("1;34", " =") + " the same in ";
      for (std::size_t i = 0; i < std::min(diagnostic.also.size(), kAlsoShown); ++i) {
        out_ += (i == 0 ? "" : ", ") + place(diagnostic.also[i], false);
      }
      if (diagnostic.also.size() > kAlsoShown) {
        out_ += " and " + count(diagnostic.also.size() - kAlsoShown, "more place");
      }
      out_ += "\n";
    }
    if (!diagnostic.help.empty()) out_ += paint_as("1;32", "help") + ": " + diagnostic.help + "\n";
    out_ += "\n";
  }

  std::string& out() { return out_; }

 private:
  std::string place(const Span& span, bool column) const {
    if (span.file >= sources_.size()) return "?";
    std::string text = sources_.file(span.file).path + ":" + std::to_string(span.line);
    if (column) text += ":" + std::to_string(span.column);
    return text;
  }
  std::string paint_as(const char* code, const std::string& text) const {
    return colour_ ? "\x1b[" + std::string(code) + "m" + text + "\x1b[0m" : text;
  }

  const Sources& sources_;
  bool colour_;
  std::string out_;
};

std::size_t warnings_of(const Diagnostics& diagnostics) {
  return static_cast<std::size_t>(
      std::count_if(diagnostics.all().begin(), diagnostics.all().end(),
                    [](const Diagnostic& d) { return d.kind->severity == Severity::kWarning; }));
}

}  // namespace

std::string render_text(const Diagnostics& diagnostics, const Sources& sources, bool colour) {
  Painter painter(sources, colour);
  for (const Diagnostic& diagnostic : diagnostics.all()) painter.paint(diagnostic);
  const std::size_t warnings = warnings_of(diagnostics);
  std::string totals;
  if (diagnostics.errors() > 0) totals = count(diagnostics.errors(), "error");
  if (warnings > 0) totals += (totals.empty() ? "" : ", ") + count(warnings, "warning");
  if (diagnostics.dropped() > 0)
    totals += ", " + std::to_string(diagnostics.dropped()) + " not shown";
  if (!totals.empty()) painter.out() += totals + "\n";
  return std::move(painter.out());
}

std::string render_allowed(const Diagnostics& diagnostics, const Sources& sources) {
  std::string out;
  for (const Diagnostics::Allowed& one : diagnostics.allowed()) {
    const Diagnostic& d = one.diagnostic;
    out += "allowed[" + std::string(d.kind->code) + "] " + sources.file(d.span.file).path + ":" +
           std::to_string(d.span.line) + ": " + d.message +
           "\n  because: " + diagnostics.allowances()[one.by].because + "\n";
  }
  const std::size_t n = diagnostics.allowed().size();
  if (n > 0)
    out +=
        count(n, "finding") + " allowed, with " + (n == 1 ? "its reason" : "their reasons") + "\n";
  return out;
}

// ---- JSON

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[at]);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[at++];
    } else if (c == '\n') {
      out += "\\n";
      ++at;
    } else if (c < 0x20 || c == 0x7F) {
      static const char kHex[] = "0123456789abcdef";
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
      ++at;
    } else {
      const Glyph glyph = glyph_at(text, at);
      out += c >= 0x80 && glyph.text == "?" ? "\\ufffd" : glyph.text;
      at += glyph.bytes;
    }
  }
  return out + "\"";
}

namespace {

std::string json_place(const Span& span, const Sources& sources) {
  return "\"file\":" + json_quoted(span.file < sources.size() ? sources.file(span.file).path : "") +
         ",\"line\":" + std::to_string(span.line) + ",\"column\":" + std::to_string(span.column) +
         ",\"length\":" + std::to_string(span.length);
}

std::string json_of(const Diagnostic& diagnostic, const Sources& sources) {
  std::string out = "{\"code\":" + json_quoted(diagnostic.kind->code) + ",\"severity\":" +
                    (diagnostic.kind->severity == Severity::kError ? "\"error\"" : "\"warning\"") +
                    "," + json_place(diagnostic.span, sources) +
                    ",\"message\":" + json_quoted(diagnostic.message) +
                    ",\"label\":" + json_quoted(diagnostic.label) + ",\"notes\":[";
  bool first = true;
  for (const Note& note : diagnostic.notes) {
    if (!first) out += ",";
    first = false;
    out += "{\"text\":" + json_quoted(note.text);
    if (note.has_span) out += "," + json_place(note.span, sources);
    out += "}";
  }
  out += "]";
  if (!diagnostic.also.empty()) {
    out += ",\"also\":[";
    for (std::size_t i = 0; i < diagnostic.also.size(); ++i) {
      out += (i == 0 ? "{" : ",{") + json_place(diagnostic.also[i], sources) + "}";
    }
    out += "]";
  }
  out += ",\"help\":" + json_quoted(diagnostic.help);
  if (diagnostic.fix) {
    out += ",\"fix\":{" + json_place(diagnostic.fix->span, sources) +
           ",\"text\":" + json_quoted(diagnostic.fix->text) + "}";
  }
  return out + "}";
}

}  // namespace

std::string render_json(const Diagnostics& diagnostics, const Sources& sources) {
  std::string out = "{\"diagnostics\":[";
  bool first = true;
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    if (!first) out += ",";
    first = false;
    out += "\n" + json_of(diagnostic, sources);
  }
  out += "],\"allowed\":[";
  first = true;
  for (const Diagnostics::Allowed& one : diagnostics.allowed()) {
    if (!first) out += ",";
    first = false;
    std::string json = json_of(one.diagnostic, sources);
    json.pop_back();
    out +=
        "\n" + json + ",\"because\":" + json_quoted(diagnostics.allowances()[one.by].because) + "}";
  }
  return out + "],\"errors\":" + std::to_string(diagnostics.errors()) +
         ",\"warnings\":" + std::to_string(warnings_of(diagnostics)) + "}\n";
}

}  // namespace belay::dsl
