// Which parts of a statement hold no holes. See sql_text.h; tested in
// tests/interpreter/sql_text_test.cpp.
#include "interpreter/sql_text.h"

namespace belay::interpreter {
namespace {

bool is_high(char c) { return static_cast<unsigned char>(c) >= 0x80; }  // a letter beyond ASCII
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_high(c);
}
bool is_tag(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }
bool is_name(char c) { return is_tag(c) || c == '$'; }

std::size_t behind(std::string_view sql, std::string_view end, std::size_t from) {
  const std::size_t found = sql.find(end, from);
  return found == std::string_view::npos ? sql.size() : found + end.size();
}

// `'` and `"`; a doubled quote begins the next string at once, which comes to the same.
std::size_t quoted(std::string_view sql, std::size_t at) {
  const char mark = sql[at];
  const bool escapes = mark == '\'' && at > 0 && (sql[at - 1] == 'E' || sql[at - 1] == 'e') &&
                       (at < 2 || !is_name(sql[at - 2]));
  for (std::size_t i = at + 1; i < sql.size(); ++i) {
    if (escapes && sql[i] == '\\') {
      ++i;
    } else if (sql[i] == mark) {
      if (!escapes || i + 1 >= sql.size() || sql[i + 1] != mark) return i + 1;
      ++i;  // still the string with escapes
    }
  }
  return sql.size();
}

std::size_t comment(std::string_view sql, std::size_t at) {
  std::size_t open = 0;
  for (std::size_t i = at; i + 1 < sql.size(); ++i) {
    const std::string_view two = sql.substr(i, 2);
    if (two == "/*") {
      ++open;
      ++i;
    } else if (two == "*/") {
      ++i;
      if (--open == 0) return i + 1;
    }
  }
  return sql.size();
}

// `$$` or `$tag$`; `$1` is a parameter, and in `a$b$` the dollars belong to a name.
std::size_t dollars(std::string_view sql, std::size_t at) {
  if (at > 0 && is_name(sql[at - 1])) return at;
  std::size_t end = at + 1;
  if (end < sql.size() && sql[end] != '$' && !is_name_start(sql[end])) return at;
  while (end < sql.size() && is_tag(sql[end])) ++end;
  if (end >= sql.size() || sql[end] != '$') return at;
  return behind(sql, sql.substr(at, end + 1 - at), end + 1);
}

}  // namespace

std::size_t sql_skip(std::string_view sql, std::size_t at) {
  const std::string_view two = sql.substr(at, 2);
  if (sql[at] == '\'' || sql[at] == '"') return quoted(sql, at);
  if (two == "--") return behind(sql, "\n", at);
  if (two == "/*") return comment(sql, at);
  if (two == "::") return at + 2;
  if (sql[at] == '$') return dollars(sql, at);
  return at;
}

}  // namespace belay::interpreter
