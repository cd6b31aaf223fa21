// Reading expressions: what each spelling means (shown by its canonical print), and what the reader
// says, with the exact column, when it cannot.
#include "../catch.h"
#include "dsl/expr/tree.h"
#include "dsl/limits.h"
#include "interpreter/value.h"

namespace belay::dsl {
namespace {

// The canonical text, or "CODE column+length: message (help)".
std::string read(const std::string& text, bool plain) {
  const Parsed parsed = parse_expression(text, plain);
  if (parsed.tree) return print_expression(*parsed.tree);
  const SyntaxProblem& p = *parsed.problem;
  return std::string(p.code) + " " + std::to_string(p.at + 1) + "+" + std::to_string(p.length) +
         ": " + p.message + (p.help.empty() ? "" : " (" + p.help + ")");
}

void check(const std::string& text, const std::string& expected) {
  CAPTURE(text);
  CHECK(read(text, false) == expected);
}

void check_plain(const std::string& text, const std::string& expected) {
  CAPTURE(text);
  CHECK(read(text, true) == expected);
}

TEST_CASE("CEL's operators and their order") {
  check("a+b*c-d", "a + b * c - d");
  check("(a+b)*c", "(a + b) * c");
  check("a-(b-c)", "a - (b - c)");
  check("a == b && c < d || !e", "a == b && c < d || !e");
  check("(a || b) && c", "(a || b) && c");
  check("a ? b : c ? d : e", "a ? b : c ? d : e");
  check("(a ? b : c) ? d : e", "(a ? b : c) ? d : e");
  check("-a.b[1].c(2, x)", "-a.b[1].c(2, x)");
  check("(-a).b", "(-a).b");
  check("- 5", "-(5)");
  check("1 -1", "1 - 1");
  check("1 - -1", "1 - -1");
  check("{'a': [1, 2,], \"b\": {}}", R"({"a": [1, 2], "b": {}})");
  check("a in [1] // comment", "a in [1]");
  check("a.`b-c`", "a.`b-c`");
  check("  a\n  + b  ", "a + b");
}

TEST_CASE("literals") {
  check("0x1F", "31");
  check("-9223372036854775808", "-9223372036854775808");
  check("7u", "7u");
  check(".5e1", "5.0");
  check("1.", "BEL1201 3+0: the expression ends where a name is expected");
  check(R"('a\n\x41\u00e9\U0001F600\101\'')", "\"a\\nAé😀A'\"");
  check(R"(r'a\n')", R"("a\\n")");
  check("'''a'b\n'''", R"("a'b\n")");
  check(R"(b'\xff\377a')", R"(b"\xff\xffa")");
  check("true == false || null == null", "true == false || null == null");
}

TEST_CASE("the English skin is only spelling") {
  check("a is b", "a == b");
  check("a is not b", "a != b");
  check("a is more than b", "a > b");
  check("a is less than b", "a < b");
  check("a is at least b", "a >= b");
  check("a is at most b", "a <= b");
  check("a is one of [1, 2]", "a in [1, 2]");
  check("a is not one of [1, 2]", "!(a in [1, 2])");
  check("a is present", "a is present");
  check("a.b is not present", "!(a.b is present)");
  check("not a is b", "!(a == b)");
  check("not a and b", "!a && b");
  check("not not a", "!!a");
  check("a and b and c", "a && b && c");
  check("(a and b) or c", "a && b || c");
  check("a or else b is c", "a or else b == c");
  check("a or else b or else c", "a or else b or else c");
  check("a + 1 or else b", "a + 1 or else b");
  check("a.is.not.or.present", "a.is.not.or.present");
  check("a.not(b)", "a.not(b)");
}

TEST_CASE("skin words are names in plain CEL") {
  check_plain("is == not && present", "is == not && present");
  check_plain("a is b", "BEL1201 3+2: expected an operator or the end, found `is`");
  check_plain("15 minutes", "BEL1201 4+7: expected an operator or the end, found `minutes`");
}

TEST_CASE("durations and amounts") {
  check("15 minutes", "15 minutes");
  check("1 day", "1 day");
  check("60 seconds", "1 minute");
  check("500 milliseconds", "500 milliseconds");
  check("-2 hours", "-2 hours");
  check("EUR 49.90", "EUR 49.90");
  check("EUR 49", "EUR 49.00");
  check("JPY 500 * 2", "JPY 500 * 2");
  check("f(EUR 49, 90)", "f(EUR 49.00, 90)");
  check("EUR + 1", "EUR + 1");
}

TEST_CASE("what people really write") {
  check("status = \"paid\"", "BEL1203 8+1: `=` does not compare (write `is` (or `==`))");
  check("status is “paid”",
        "BEL1202 11+3: `“` is a typographic quote (use straight quotes: `\"…\"` or `'…'`)");
  check("status is \"paid",
        "BEL1204 11+1: the text is never closed (end it with `\"` on the same line, or use three "
        "quotes)");
  check("a <> b", "BEL1205 3+2: `<>` is no operator (write `is not` (or `!=`))");
  check("a AND b", "BEL1205 3+3: `AND` is no operator (write `and` in lower case)");
  check("a equals b", "BEL1205 3+6: `equals` is no operator here (write `is`)");
  check("a & b", "BEL1205 3+1: `&` is no operator (write `and` (or `&&`))");
  check("15m", "BEL1206 1+3: `15m` is no duration (write `15 minutes`)");
  check("pause is 1h", "BEL1206 10+2: `1h` is no duration (write `1 hour`)");
  check("90 secs", "BEL1206 1+7: `90 secs` is no duration (write `90 seconds`)");
  check("2 weeks",
        "BEL1216 1+7: durations count days, hours, minutes, seconds or milliseconds (a week is `7 "
        "days`)");
  check("1.5 hours",
        "BEL1216 1+3: a duration counts whole units, not `1.5` (use a smaller unit, such as `90 "
        "minutes` for one and a half hours)");
  check("price is EUR 49,90",
        "BEL1207 10+9: an amount has a point before its decimals, not a comma (write `EUR 49.90`)");
  check("EUR 49.9",
        "BEL1214 1+8: EUR has 2 decimals, 1 is written (write all of its decimals or none: `EUR "
        "49.90`)");
  check("JPY 5.00",
        "BEL1214 1+8: JPY has no decimals, 2 are written (write all of its decimals or none: `JPY "
        "5`)");
  check("XYZ 5", "BEL1215 1+3: `XYZ` is no currency of ISO 4217");
  check("a and b or c",
        "BEL1208 9+2: `and` and `or` are mixed without brackets (write `(a and b) or c`, or put "
        "the brackets elsewhere)");
  check("a or b and c",
        "BEL1208 8+3: `and` and `or` are mixed without brackets (write `a or (b and c)`, or put "
        "the brackets elsewhere)");
  check("a is not more than 5",
        "BEL1213 10+4: expected a value, found `more` (write `is at most`)");
  check("a is in [1]", "BEL1213 6+2: expected a value, found `in` (write `is one of [..]`)");
  check("a more than 5", "BEL1205 3+4: `more` is no operator here (write `is more than`)");
  check("if a then b",
        "BEL1213 1+2: expected a value, found `if` (write `condition ? yes : no`, or use `when`)");
  check("else is 5",
        "BEL1213 1+4: expected a value, found `else` (`else` is a word of the language; it cannot "
        "be a name)");
  check("Customer{id: 5}",
        "BEL1217 9+1: objects of a type cannot be built here (write a map: `{\"field\": value}`)");
  check("\"50\\%\"",
        "BEL1212 4+2: `\\%` is no escape (write `\\\\` for a backslash, or put `r` before the "
        "quotes)");
  check("9223372036854775808",
        "BEL1211 1+19: the number `9223372036854775808` is out of range (an int goes from "
        "-9223372036854775808 to 9223372036854775807)");
}

TEST_CASE("plain mistakes point at their place") {
  check("", "BEL1201 1+0: an expression is missing");
  check("a +", "BEL1201 4+0: the expression ends where a value is expected");
  check("a + * b", "BEL1201 5+1: expected a value, found `*`");
  check("(a", "BEL1201 3+0: the expression ends where `)` is expected");
  check("[a, b", "BEL1201 6+0: the expression ends where `]` is expected");
  check("{a: 1, b}", "BEL1201 9+1: expected `:`, found `}`");
  check("a b", "BEL1201 3+1: expected an operator or the end, found `b`");
  check("a.5", "BEL1201 3+1: expected a name, found `5`");
  check("f(a,,b)", "BEL1201 5+1: expected a value, found `,`");
  check("a ? b", "BEL1201 6+0: the expression ends where `:` is expected");
  check("a)", "BEL1201 2+1: expected an operator or the end, found `)`");
}

TEST_CASE("depth and length are bounded") {
  const auto code = [](const std::string& text) { return read(text, false).substr(0, 7); };
  const auto many = [](const char* part, std::size_t n) {
    std::string out;
    for (std::size_t i = 0; i < n; ++i) out += part;
    return out;
  };
  CHECK(code(many("(", 100'000)) == "BEL1210");
  for (const char* part : {"(", "[", "{1:", "!", "-", "not ", "a?b:", "f(", "a[", "x.f("}) {
    CAPTURE(part);
    CHECK(code(many(part, 4000 / std::string(part).size()) + "1") == "BEL1209");
  }
  CHECK(code(many("1+", 2000) + "1") == "BEL1209");
  CHECK(code(many("a.", 2000) + "b") == "BEL1209");
  CHECK(code(many("(", 50) + "1" + many(")", 50)) == "1");
  CHECK(code("a" + many(" && a", 700)) == "a && a ");
}

}  // namespace
}  // namespace belay::dsl
