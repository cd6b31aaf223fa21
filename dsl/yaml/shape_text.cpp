// See shape_text.h.
#include "dsl/yaml/shape_text.h"

#include <algorithm>

#include "dsl/yaml/shape_keys.h"

namespace belay::dsl::yaml {

bool blank(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  return first == kNone || line[first] == '#';
}
std::size_t column_of(std::string_view line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

std::size_t key_end(std::string_view text, std::size_t from) {
  std::size_t end = from;
  if (from < text.size() && (text[from] == '"' || text[from] == '\'')) {
    end = text.find(text[from], from + 1);
    if (end == kNone) return kNone;
    ++end;
  } else {
    while (end < text.size() && text.substr(end, 2) != ": " && text[end] != '#' &&
           std::string_view("{[\"'").find(text[end]) == kNone &&
           !(text[end] == ':' && end + 1 == text.size())) {
      ++end;
    }
  }
  return end < text.size() && end > from && text[end] == ':' ? end : kNone;
}

std::string key_of(std::string_view text, std::size_t from) {
  const std::size_t end = key_end(text, from);
  return end == kNone ? "" : std::string(text.substr(from, end - from));
}

std::size_t closed(std::string_view text, std::size_t from) {
  const char mark = text[from];
  for (std::size_t i = from + 1; i < text.size(); ++i) {
    if (mark == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == mark) {
      if (mark == '\'' && i + 1 < text.size() && text[i + 1] == '\'') {
        ++i;
      } else {
        return i;
      }
    }
  }
  return kNone;
}

bool goes_on(const std::vector<std::string>& lines, std::size_t line, std::size_t column) {
  if (line >= lines.size()) return false;
  if (blank(lines[line])) return true;
  const std::size_t first = column_of(lines[line]);
  if (first <= column || lines[line].substr(first, 2) == "- ") return false;
  return !is_known(key_of(lines[line], first));
}

bool closes(const std::vector<std::string>& lines, std::size_t line, std::size_t column) {
  if (line >= lines.size() || blank(lines[line])) return false;
  const std::size_t first = column_of(lines[line]);
  return first >= column && (lines[line][first] == '}' || lines[line][first] == ']');
}

}  // namespace belay::dsl::yaml
