// What literals mean: numbers, quoted text and bytes with all of CEL's escapes, amounts of money,
// durations. Pure functions of the text as written. Tested in tests/dsl/expr_parse_test.cpp.
#include <charconv>
#include <limits>

#include "dsl/expr/tree.h"
#include "interpreter/text.h"
#include "interpreter/time.h"

namespace belay::dsl {
namespace {

using interpreter::Value;

LiteralRead wrong(std::string_view code, std::size_t at, std::size_t length, std::string message,
                  std::string help = {}) {
  return {.value = {},
          .problem = SyntaxProblem{code, static_cast<std::uint32_t>(at),
                                   static_cast<std::uint32_t>(length), std::move(message),
                                   std::move(help)}};
}

LiteralRead right(Value value) { return {.value = std::move(value), .problem = {}}; }

// The value of `digits` hexadecimal or octal digits at `at`; nullopt when they are not there.
std::optional<std::uint32_t> code_digits(std::string_view text, std::size_t at, std::size_t digits,
                                         int base) {
  if (at + digits > text.size()) return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data() + at, text.data() + at + digits, value, base);
  if (error != std::errc() || end != text.data() + at + digits) return std::nullopt;
  return value;
}

struct Escape {
  std::size_t length = 0;  // after the backslash; 0: no such escape
  std::uint32_t value = 0;
  bool is_byte = false;  // \x and octal: a byte in bytes, a code point in text
};

Escape read_escape(std::string_view text, std::size_t at) {
  const char c = at < text.size() ? text[at] : '\0';
  static constexpr std::string_view names = "abfnrtv\\?\"'`", values = "\a\b\f\n\r\t\v\\?\"'`";
  if (const auto i = names.find(c); c != '\0' && i != std::string_view::npos) {
    return {1, static_cast<unsigned char>(values[i]), false};
  }
  const auto coded = [&](std::size_t digits, int base, std::size_t skip, bool byte) -> Escape {
    const auto value = code_digits(text, at + skip, digits, base);
    return value ? Escape{skip + digits, *value, byte} : Escape{};
  };
  switch (c) {
    case 'x':
    case 'X': return coded(2, 16, 1, true);
    case 'u': return coded(4, 16, 1, false);
    case 'U': return coded(8, 16, 1, false);
    case '0':
    case '1':
    case '2':
    case '3': return coded(3, 8, 0, true);
    default: return {};
  }
}

}  // namespace

LiteralRead read_number(std::string_view text) {
  std::string_view body = text;
  const bool negative = body.starts_with('-');
  if (negative) body.remove_prefix(1);
  const bool is_unsigned = body.ends_with('u') || body.ends_with('U');
  const bool hex = body.size() > 2 && (body[1] == 'x' || body[1] == 'X');
  if (!is_unsigned && !hex && body.find_first_of(".eE") != std::string_view::npos) {
    double value = 0;
    std::string written = body.starts_with('.') ? "0" + std::string(body) : std::string(body);
    const auto [end, error] =
        std::from_chars(written.data(), written.data() + written.size(), value);
    if (error != std::errc() || end != written.data() + written.size()) {
      return wrong("BEL1211", 0, text.size(),
                   "the number `" + std::string(text) + "` is out of range");
    }
    return right(Value::real(negative ? -value : value));
  }
  if (is_unsigned) body.remove_suffix(1);
  if (hex) body.remove_prefix(2);
  std::uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(body.data(), body.data() + body.size(), magnitude, hex ? 16 : 10);
  const std::uint64_t int_max = std::numeric_limits<std::int64_t>::max();
  const bool fits =
      error == std::errc() &&
      (is_unsigned ? !negative || magnitude == 0 : magnitude <= int_max + (negative ? 1 : 0));
  if (!fits) {
    return wrong("BEL1211", 0, text.size(),
                 "the number `" + std::string(text) + "` is out of range",
                 is_unsigned ? "" : "an int goes from -9223372036854775808 to 9223372036854775807");
  }
  if (is_unsigned) return right(Value::unsigned_integer(magnitude));
  return right(Value::integer(static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude)));
}

LiteralRead read_quoted(std::string_view text) {
  bool raw = false, bytes = false;
  std::size_t at = 0;
  for (; text[at] != '"' && text[at] != '\''; ++at) {
    raw = raw || text[at] == 'r' || text[at] == 'R';
    bytes = bytes || text[at] == 'b' || text[at] == 'B';
  }
  const bool triple = text.size() >= at + 6 && text[at] == text[at + 1] && text[at] == text[at + 2];
  const std::size_t quotes = triple ? 3 : 1, end = text.size() - quotes;
  std::string out;
  for (at += quotes; at < end;) {
    if (text[at] != '\\' || raw) {
      // A line break is one character, however the file ends its lines.
      if (text[at] == '\r' && at + 1 < end && text[at + 1] == '\n') ++at;
      out += text[at] == '\r' ? '\n' : text[at];
      ++at;
      continue;
    }
    const Escape escape = read_escape(text, at + 1);
    if (escape.length == 0) {
      const auto next = interpreter::code_point_at(text, at + 1);
      const std::size_t length = std::max<std::size_t>(1, next.length);
      return wrong("BEL1212", at, 1 + length,
                   "`" + std::string(text.substr(at, 1 + length)) + "` is no escape",
                   "write `\\\\` for a backslash, or put `r` before the quotes");
    }
    if (bytes && !escape.is_byte && (text[at + 1] == 'u' || text[at + 1] == 'U')) {
      return wrong("BEL1212", at, 1 + escape.length,
                   "bytes have no `\\" + std::string(1, text[at + 1]) + "` escape",
                   "write each byte as `\\xNN`");
    }
    if (bytes) {
      out += static_cast<char>(escape.value);
    } else if (escape.value > 0x10ffff || (escape.value >= 0xd800 && escape.value <= 0xdfff)) {
      return wrong(
          "BEL1212", at, 1 + escape.length,
          "`" + std::string(text.substr(at, 1 + escape.length)) + "` is no Unicode character");
    } else {
      interpreter::append_utf8(escape.value, out);
    }
    at += 1 + escape.length;
  }
  return right(bytes ? Value::bytes(std::move(out)) : Value::string(std::move(out)));
}

LiteralRead read_amount(std::string_view currency, std::string_view number) {
  const int decimals = interpreter::currency_decimals(currency);
  const std::string code(currency);
  if (decimals < 0) {
    return wrong("BEL1215", 0, currency.size(), "`" + code + "` is no currency of ISO 4217");
  }
  const std::size_t point = number.find('.');
  const std::size_t written = point == std::string_view::npos ? 0 : number.size() - point - 1;
  std::string digits(number);
  if (point != std::string_view::npos) digits.erase(point, 1);
  if (written != 0 && written != static_cast<std::size_t>(decimals)) {
    std::string whole(number.substr(0, point)), example = whole;
    if (decimals > 0) {
      example += "." + std::string(number.substr(point + 1, static_cast<std::size_t>(decimals)));
      while (example.size() - whole.size() - 1 < static_cast<std::size_t>(decimals)) example += '0';
    }
    return wrong("BEL1214", 0, currency.size() + 1 + number.size(),
                 code + " has " + (decimals == 0 ? "no" : std::to_string(decimals)) +
                     " decimals, " + std::to_string(written) + (written == 1 ? " is" : " are") +
                     " written",
                 "write all of its decimals or none: `" + code + " " + example + "`");
  }
  if (written == 0) digits.append(static_cast<std::size_t>(decimals), '0');
  std::int64_t minor = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), minor);
  if (error != std::errc()) {
    return wrong("BEL1211", 0, currency.size() + 1 + number.size(), "the amount is out of range");
  }
  return right(Value::money({minor, {currency[0], currency[1], currency[2]}}));
}

std::int64_t unit_ms(std::string_view word) {
  if (word.ends_with('s')) word.remove_suffix(1);
  return word == "millisecond" ? 1
         : word == "second"    ? 1000
         : word == "minute"    ? 60'000
         : word == "hour"      ? 3'600'000
         : word == "day"       ? 86'400'000
                               : 0;
}

LiteralRead read_duration(std::string_view number, std::string_view unit) {
  const std::int64_t ms = unit_ms(unit);
  std::int64_t count = 0, total = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
  if (end != number.data() + number.size()) {
    return wrong("BEL1216", 0, number.size(),
                 "a duration counts whole units, not `" + std::string(number) + "`",
                 "use a smaller unit, such as `90 minutes` for one and a half hours");
  }
  if (error != std::errc() || __builtin_mul_overflow(count, ms, &total) ||
      !interpreter::make_duration(total / 1000, total % 1000 * 1'000'000)) {
    return wrong("BEL1216", 0, number.size(), "the duration is longer than 292 years");
  }
  return right(
      Value::duration(*interpreter::make_duration(total / 1000, total % 1000 * 1'000'000)));
}

}  // namespace belay::dsl
