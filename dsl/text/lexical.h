// What both readers must know of the inside of an expression without parsing it: where strings end,
// how brackets nest, and where a comma ends it. The expression grammar itself lives in dsl/expr.
// Tested through the readers.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/source.h"

namespace belay::dsl {

class Diagnostics;

// The place behind the string that begins with the quote at `text[at]`; npos when it does not end
// on its line. Knows CEL's raw (r"…") and triple-quoted strings.
std::size_t string_end(std::string_view text, std::size_t at);

struct LexicalProblem {
  enum class Kind {
    kNone,
    kOpenBracket,
    kStrayBracket,
    kOpenString,
    kTooDeep,
    kComma,
    kHash,
    kSmartQuote
  } kind = Kind::kNone;
  std::size_t at = 0;
};

// Where an expression that begins at `from` ends: at a comma outside brackets, or at the end of the
// text. REQUIRES: brackets and strings are sound.
std::size_t expression_end(std::string_view text, std::size_t from);

// The first thing that keeps `text` from being one expression; kComma and kHash are those outside
// brackets and strings (kHash anywhere outside strings).
LexicalProblem expression_problem(std::string_view text);

bool is_word(char c);  // letter, digit, underscore

// Lines without the indentation they share, without blank lines at both ends and without trailing
// line breaks.
std::string dedent(std::string_view text);

// An expression of several lines with each further line indented by how deep its brackets are: two
// blanks a level.
std::string indented(std::string_view expression);

// The contents of a quoted string as written in the text form, and the reverse.
std::string unquote(std::string_view quoted);
std::string quote(std::string_view text);

// Checks that hold for any form: size and UTF-8 without control characters. False: reported, do not
// read.
bool readable(const Sources& sources, std::uint32_t source, Diagnostics& diagnostics);

}  // namespace belay::dsl
