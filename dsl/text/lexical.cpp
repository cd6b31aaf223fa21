// Strings, brackets and bytes: see lexical.h. One scanner serves the line reader, the YAML reader
// and the printers, so that all of them agree where an expression ends.
#include "dsl/text/lexical.h"

#include <algorithm>
#include <cctype>

#include "dsl/diagnostic.h"
#include "dsl/limits.h"

namespace belay::dsl {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

namespace {

bool is_raw(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  bool raw = false;
  while (begin > 0 && at - begin < 2 &&
         std::string_view("rRbB").find(text[begin - 1]) != std::string_view::npos) {
    raw = raw || text[begin - 1] == 'r' || text[begin - 1] == 'R';
    --begin;
  }
  return raw && (begin == 0 || !is_word(text[begin - 1]));
}

char closing(char open) { return open == '(' ? ')' : open == '[' ? ']' : '}'; }

}  // namespace

std::size_t string_end(std::string_view text, std::size_t at) {
  const char mark = text[at];
  const bool raw = is_raw(text, at);
  const bool triple = text.substr(at, 3) == std::string(3, mark);
  for (std::size_t i = at + (triple ? 3 : 1); i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == '\\' && !raw) {
      ++i;
    } else if (text[i] == mark && (!triple || text.substr(i, 3) == std::string(3, mark))) {
      return i + (triple ? 3 : 1);
    }
  }
  return std::string_view::npos;
}

std::size_t expression_end(std::string_view text, std::size_t from) {
  std::size_t depth = 0;
  for (std::size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const std::size_t end = string_end(text, i);
      if (end == std::string_view::npos) return text.size();
      i = end - 1;
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (c == ')' || c == ']' || c == '}') {
      if (depth > 0) --depth;
    } else if (c == ',' && depth == 0) {
      return i;
    }
  }
  return text.size();
}

LexicalProblem expression_problem(std::string_view text) {
  using Kind = LexicalProblem::Kind;
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const std::size_t end = string_end(text, i);
      if (end == std::string_view::npos) return {Kind::kOpenString, i};
      i = end - 1;
    } else if (c == '(' || c == '[' || c == '{') {
      open.push_back(i);
      if (open.size() > limits::expression_depth_max) return {Kind::kTooDeep, i};
    } else if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || closing(text[open.back()]) != c) return {Kind::kStrayBracket, i};
      open.pop_back();
    } else if (c == ',' && open.empty()) {
      return {Kind::kComma, i};
    } else if (c == '#') {
      return {Kind::kHash, i};
    } else if (c == '\xE2') {
      for (const std::string_view smart : {"“", "”", "„", "‘", "’"}) {
        if (text.substr(i, smart.size()) == smart) return {Kind::kSmartQuote, i};
      }
    }
  }
  if (!open.empty()) return {Kind::kOpenBracket, open.back()};
  return {};
}

std::string indented(std::string_view expression) {
  std::string out;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    out += c;
    if (c == '"' || c == '\'') {
      const std::size_t end = std::min(string_end(expression, i), expression.size());
      out += expression.substr(i + 1, end - i - 1);
      i = end - 1;
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if ((c == ')' || c == ']' || c == '}') && depth > 0) {
      --depth;
    } else if (c == '\n') {
      const std::size_t first = expression.find_first_not_of(' ', i + 1);
      const bool closes = first < expression.size() &&
                          std::string_view(")]}").find(expression[first]) != std::string_view::npos;
      out.append(2 * (closes && depth > 0 ? depth - 1 : depth), ' ');
    }
  }
  return out;
}

std::string dedent(std::string_view text) {
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else if (c != '\r') {
      lines.back() += c;
    }
  }
  const auto blank = [](const std::string& line) {
    return line.find_first_not_of(" \t") == std::string::npos;
  };
  while (!lines.empty() && blank(lines.back())) lines.pop_back();
  std::size_t first = 0;
  while (first < lines.size() && blank(lines[first])) ++first;
  std::size_t shared = std::string::npos;
  for (std::size_t i = first; i < lines.size(); ++i) {
    if (!blank(lines[i])) shared = std::min(shared, lines[i].find_first_not_of(' '));
  }
  std::string out;
  for (std::size_t i = first; i < lines.size(); ++i) {
    if (i > first) out += '\n';
    if (!blank(lines[i])) out += lines[i].substr(shared);
  }
  return out;
}

namespace {
unsigned hex(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  return c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a' + 10) : 16;
}
}  // namespace

std::string unquote(std::string_view quoted) {
  std::string out;
  if (quoted.size() < 2) return out;
  quoted = quoted.substr(1, quoted.size() - 2);
  for (std::size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] != '\\' || i + 1 == quoted.size()) {
      out += quoted[i];
      continue;
    }
    const char c = quoted[++i];
    if (c == 'n') {
      out += '\n';
    } else if (c == 't') {
      out += '\t';
    } else if (c == 'r') {
      out += '\r';
    } else if (c == 'u' && quoted.substr(i + 1, 2) == "00" && i + 4 < quoted.size() &&
               hex(quoted[i + 3]) < 2 && hex(quoted[i + 4]) < 16) {
      out += static_cast<char>(hex(quoted[i + 3]) * 16 + hex(quoted[i + 4]));
      i += 4;
    } else {
      if (c != '"' && c != '\\' && c != '\'')
        out += '\\';  // no other escape: keep what was written
      out += c;
    }
  }
  return out;
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      static const char kHex[] = "0123456789abcdef";
      out += std::string("\\u00") + kHex[static_cast<unsigned char>(c) >> 4] + kHex[c & 15];
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out + "\"";
}

// ---- Bytes

namespace {

// Length of the UTF-8 sequence at `at`; 0: broken.
std::size_t sequence(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80)
    return first >= 0x20 && first != 0x7F ? 1 : (first == '\t' || first == '\n' || first == '\r');
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first > 0xF4 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  if ((first == 0xE0 && byte(at + 1) < 0xA0) || (first == 0xED && byte(at + 1) > 0x9F) ||
      (first == 0xF0 && byte(at + 1) < 0x90) || (first == 0xF4 && byte(at + 1) > 0x8F)) {
    return 0;
  }
  return length;
}

}  // namespace

bool readable(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics) {
  const SourceFile& file = sources.file(source);
  if (file.text.size() > limits::file_bytes_max) {
    diagnostics.add("BEL1001", {source, 1, 1, 0},
                    "the file has " + std::to_string(file.text.size()) + " bytes, at most " +
                        std::to_string(limits::file_bytes_max) + " are read");
    return false;
  }
  for (std::size_t at = 0; at < file.text.size();) {
    const std::size_t length = sequence(file.text, at);
    if (length == 0) {
      const auto next = std::upper_bound(file.line_starts.begin(), file.line_starts.end(), at);
      const auto line = static_cast<std::uint32_t>(next - file.line_starts.begin());
      const auto column = static_cast<std::uint32_t>(at - file.line_starts[line - 1] + 1);
      diagnostics
          .add("BEL1002", {source, line, column, 1},
               "this is not UTF-8 text, so the file was not read")
          .help = "save the file as UTF-8, without control characters";
      return false;
    }
    at += length;
  }
  return true;
}

}  // namespace belay::dsl
