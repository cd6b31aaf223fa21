// Why nothing could be read at a place. The grammar knows where it stopped and what should stand
// there; this file knows what people type instead: `=` for `is`, quotes from a word processor,
// `15m`, `AND`, `<>`. Each habit has its code, so that `belay explain` can teach it. Tested in
// tests/dsl/expr_parse_test.cpp.
#include <algorithm>
#include <array>

#include "dsl/expr/tree.h"
#include "interpreter/text.h"

namespace belay::dsl {
namespace {

constexpr std::string_view skin_words[] = {"is", "not",  "and",  "or", "else", "present", "one",
                                           "of", "more", "less", "at", "than", "least",   "most"};
constexpr std::string_view cel_reserved[] = {
    "as", "break", "const", "continue", "else",      "for",    "function", "if",   "import",
    "in", "let",   "loop",  "package",  "namespace", "return", "var",      "void", "while"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view word_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && (is_letter(text[end]) || is_digit(text[end]))) ++end;
  return text.substr(at, end - at);
}

// What stands at `at`, as a person would point to it.
std::string_view token_at(std::string_view text, std::size_t at) {
  if (is_letter(text[at]) || is_digit(text[at])) return word_at(text, at);
  const std::size_t length = interpreter::code_point_at(text, at).length;
  return text.substr(at, length == 0 ? 1 : length);
}

std::string lower(std::string_view word) {
  std::string out(word);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

SyntaxProblem problem(std::string_view code, std::size_t at, std::size_t length,
                      std::string message, std::string help) {
  return {code, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(length),
          std::move(message), std::move(help)};
}

bool is_smart_quote(std::string_view token) {
  static constexpr std::string_view marks[] = {"\u2018", "\u2019", "\u201a", "\u201c",
                                               "\u201d", "\u201e", "\u00ab", "\u00bb"};
  return std::find(std::begin(marks), std::end(marks), token) != std::end(marks);
}

// The unit that an abbreviation means, singular.
std::string_view unit_meant(std::string_view word) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 19> units = {
      {{"ms", "millisecond"},
       {"msec", "millisecond"},
       {"millis", "millisecond"},
       {"s", "second"},
       {"sec", "second"},
       {"secs", "second"},
       {"m", "minute"},
       {"min", "minute"},
       {"mins", "minute"},
       {"minuts", "minute"},
       {"h", "hour"},
       {"hr", "hour"},
       {"hrs", "hour"},
       {"d", "day"},
       {"second", "second"},
       {"minute", "minute"},
       {"hour", "hour"},
       {"day", "day"},
       {"millisecond", "millisecond"}}};
  std::string low = lower(word);
  for (int round = 0; round < 2; ++round) {
    for (const auto& [short_name, unit] : units) {
      if (low == short_name) return unit;
    }
    if (low.size() > 3 && low.back() == 's') low.pop_back();
  }
  return {};
}

// The whole number that ends right before `at` (blanks between allowed), or empty.
struct NumberBefore {
  std::size_t begin = 0;
  std::string_view digits;
};
NumberBefore number_before(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\t')) --end;
  std::size_t begin = end;
  while (begin > 0 && (is_digit(text[begin - 1]) || text[begin - 1] == '.')) --begin;
  if (begin > 0 && is_letter(text[begin - 1])) return {};
  return {begin, text.substr(begin, end - begin)};
}

std::optional<SyntaxProblem> duration_habit(std::string_view text, std::size_t at, bool plain) {
  const std::string_view word = word_at(text, at);
  const NumberBefore number = number_before(text, at);
  if (plain || word.empty() || number.digits.empty()) return std::nullopt;
  const std::size_t length = at + word.size() - number.begin;
  const std::string low = lower(word);
  if (low.starts_with("week") || low == "w" || low.starts_with("month") ||
      low.starts_with("year") || low == "y") {
    const bool week = low[0] == 'w';
    return problem(
        "BEL1216", number.begin, length,
        "durations count days, hours, minutes, seconds or milliseconds",
        week ? "a week is `7 days`" : "a month or a year has no fixed length; write it in days");
  }
  std::string unit(unit_meant(word));
  if (unit.empty() && word.size() > 3) {  // `40 minuets`
    unit = nearest(
        low, {"minutes", "minute", "seconds", "second", "hours", "hour", "days", "milliseconds"});
    if (unit.ends_with("s")) unit.pop_back();
  }
  if (unit.empty()) return std::nullopt;
  const std::string meant =
      std::string(number.digits) + " " + unit + (number.digits == "1" ? "" : "s");
  return problem("BEL1206", number.begin, length,
                 "`" + std::string(text.substr(number.begin, length)) + "` is no duration",
                 "write `" + meant + "`");
}

struct Habit {
  std::string_view written, help;
};

std::optional<SyntaxProblem> operator_habit(std::string_view text, std::size_t at, bool plain) {
  static constexpr Habit symbols[] = {{"<>", "write `is not` (or `!=`)"},
                                      {"=<", "write `is at most` (or `<=`)"},
                                      {"=>", "write `is at least` (or `>=`)"},
                                      {"===", "write `is` (or `==`)"},
                                      {"!==", "write `is not` (or `!=`)"},
                                      {">>", "shifts are `math.bitShiftRight(a, b)`"},
                                      {"<<", "shifts are `math.bitShiftLeft(a, b)`"},
                                      {"&", "write `and` (or `&&`)"},
                                      {"|", "write `or` (or `||`)"},
                                      {"??", "write `or else`"},
                                      {"^", "powers are not part of the language"},
                                      {";", "one expression is enough here"},
                                      {"++", "expressions change nothing; write `x + 1`"},
                                      {"~", "use `math.bitNot(x)`"}};
  const std::string_view rest = text.substr(at);
  for (const Habit& habit : symbols) {
    if (rest.starts_with(habit.written)) {
      return problem("BEL1205", at, habit.written.size(),
                     "`" + std::string(habit.written) + "` is no operator",
                     std::string(habit.help));
    }
  }
  if (plain) return std::nullopt;
  static constexpr Habit words[] = {{"equals", "write `is`"},
                                    {"eq", "write `is`"},
                                    {"ne", "write `is not`"},
                                    {"isnt", "write `is not`"},
                                    {"gt", "write `is more than`"},
                                    {"lt", "write `is less than`"},
                                    {"ge", "write `is at least`"},
                                    {"le", "write `is at most`"},
                                    {"exists", "write `is present`"},
                                    {"contains", "write `text.contains(\"part\")`"},
                                    {"plus", "write `+`"},
                                    {"minus", "write `-`"},
                                    {"times", "write `*`"},
                                    {"mod", "write `%`"},
                                    {"if", "write `condition ? yes : no`, or use `when`"},
                                    {"then", "write `condition ? yes : no`"},
                                    {"else", "write `a or else b`, or `condition ? yes : no`"},
                                    {"has", "write `has(x.field)` or `x is present`"},
                                    {"more", "write `is more than`"},
                                    {"less", "write `is less than`"},
                                    {"at", "write `is at least` or `is at most`"},
                                    {"one", "write `is one of [..]`"},
                                    {"present", "write `is present`"}};
  const std::string word(word_at(text, at));
  const std::string low = lower(word);
  if (word != low && is_skin_word(low)) {
    return problem("BEL1205", at, word.size(), "`" + word + "` is no operator",
                   "write `" + low + "` in lower case");
  }
  for (const Habit& habit : words) {
    if (low == habit.written) {
      return problem("BEL1205", at, word.size(), "`" + word + "` is no operator here",
                     std::string(habit.help));
    }
  }
  return std::nullopt;
}

// `is not more than 5`, `is in [..]`, `is greater than`: a word after `is` that is no value.
std::string help_for_value(std::string_view word, bool after_not) {
  if (word == "more") return after_not ? "write `is at most`" : "write `is more than`";
  if (word == "less") return after_not ? "write `is at least`" : "write `is less than`";
  if (word == "at")
    return after_not ? "write `is more than` or `is less than`"
                     : "write `is at least` or `is at most`";
  if (word == "in") return after_not ? "write `is not one of [..]`" : "write `is one of [..]`";
  if (word == "one") return after_not ? "write `is not one of [..]`" : "write `is one of [..]`";
  if (word == "if") return "write `condition ? yes : no`, or use `when`";
  if (word == "not") return "put `not` before the whole comparison: `not a is b`";
  return {};
}

bool follows_word(std::string_view text, std::size_t at, std::string_view word) {
  while (at > 0 && (text[at - 1] == ' ' || text[at - 1] == '\t')) --at;
  return at >= word.size() && text.substr(at - word.size(), word.size()) == word;
}

SyntaxProblem value_missing(std::string_view text, std::size_t at, std::string_view expected,
                            bool plain) {
  const std::string token(token_at(text, at));
  std::string help;
  if (is_cel_reserved(token) || is_skin_word(token)) {
    const bool after_not = follows_word(text, at, "not"),
               after_is = after_not || follows_word(text, at, "is");
    if (!plain && (after_is || token == "if" || token == "not"))
      help = help_for_value(token, after_not);
    if (help.empty()) help = "`" + token + "` is a word of the language; it cannot be a name";
    return problem("BEL1213", at, token.size(),
                   "expected " + std::string(expected) + ", found `" + token + "`", help);
  }
  return problem("BEL1201", at, token.size(),
                 "expected " + std::string(expected) + ", found `" + token + "`", help);
}

}  // namespace

bool is_skin_word(std::string_view word) {
  return std::find(std::begin(skin_words), std::end(skin_words), word) != std::end(skin_words);
}

bool is_cel_reserved(std::string_view word) {
  return std::find(std::begin(cel_reserved), std::end(cel_reserved), word) !=
         std::end(cel_reserved);
}

SyntaxProblem explain_syntax(std::string_view text, std::size_t at, std::string_view expected,
                             bool plain) {
  if (at >= text.size()) {
    const bool empty = text.find_first_not_of(" \t\r\n") == std::string_view::npos;
    std::size_t end = text.size();
    while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\n' || text[end - 1] == '\t'))
      --end;
    return problem("BEL1201", end, 0,
                   empty ? "an expression is missing"
                         : "the expression ends where " + std::string(expected) + " is expected",
                   "");
  }
  const std::string_view token = token_at(text, at);
  if (is_smart_quote(token)) {
    return problem("BEL1202", at, token.size(),
                   "`" + std::string(token) + "` is a typographic quote",
                   "use straight quotes: `\"…\"` or `'…'`");
  }
  if (text[at] == '"' || text[at] == '\'') {
    if (expected == "a value") {
      return problem(
          "BEL1204", at, 1, "the text is never closed",
          "end it with `" + std::string(1, text[at]) + "` on the same line, or use three quotes");
    }
  }
  if (text[at] == '=' && (at + 1 >= text.size() ||
                          (text[at + 1] != '=' && text[at + 1] != '>' && text[at + 1] != '<'))) {
    return problem("BEL1203", at, 1, "`=` does not compare",
                   plain ? "write `==`" : "write `is` (or `==`)");
  }
  if (text[at] == '?' && !plain && (expected == "a name" || expected == "a value")) {
    return problem("BEL3205", at, 1, "optional values are not part of workflows",
                   "ask with `x is present`, or give another value with `x or else y`");
  }
  if (expected == "a value") return value_missing(text, at, expected, plain);
  if (text[at] == '{' && at > 0) {
    return problem("BEL1217", at, 1, "objects of a type cannot be built here",
                   "write a map: `{\"field\": value}`");
  }
  if (auto found = duration_habit(text, at, plain)) return *found;
  if (auto found = operator_habit(text, at, plain)) return *found;
  const std::string wanted =
      expected == "an operator" ? "an operator or the end" : std::string(expected);
  return problem("BEL1201", at, token.size(),
                 "expected " + wanted + ", found `" + std::string(token) + "`", "");
}

}  // namespace belay::dsl
