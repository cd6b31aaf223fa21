// Evaluating expressions: one check(expression, value or error) over tables. Expressions are
// compiled by dsl/expr in plain mode first, then with the English skin.
#include <chrono>

#include "../catch.h"
#include "dsl/expr/expr.h"
#include "interpreter/expr.h"
#include "interpreter/functions.h"
#include "interpreter/time.h"
#include "runtime/base/environment.h"

namespace belay::interpreter {
namespace {

Value money(const char* code, std::int64_t minor) {
  return Value::money({minor, {code[0], code[1], code[2]}});
}

struct World final : Scope, dsl::Names {
  struct Entry {
    std::string name;
    std::optional<Value> value;
  };
  std::vector<Entry> entries{
      {"price", money("EUR", 4990)},
      {"dollars", money("USD", 4990)},
      {"seats", Value::integer(3)},
      {"name", Value::string("Grüße")},
      {"booked", Value::timestamp(*parse_timestamp("2026-11-21T12:34:56.789Z"))},
      {"customer", record({{"email", Value::string("ann@example.com")}, {"phone", Value()}})},
      {"absent", std::nullopt},
      {"items", Value::list({Value::integer(3), Value::integer(1), Value::integer(2)})},
      {"rates", record({{"b", Value::integer(2)}, {"a", Value::integer(1)}})},
      {"long", Value::string(std::string(1'000'000, 'a'))},
      {"long_b", Value::string(std::string(999'999, 'a') + "b")},
  };

  const Value* slot(std::uint32_t i) const override {
    return i < entries.size() && entries[i].value ? &*entries[i].value : nullptr;
  }
  Timestamp now() const override { return *parse_timestamp("2026-11-21T00:00:00Z"); }
  const Environment* environment() const override {
    return with_environment ? &runtime::environment() : nullptr;
  }
  bool with_environment = true;
  std::optional<dsl::NameInfo> find(std::string_view name) const override {
    for (std::uint32_t i = 0; i < entries.size(); ++i) {
      if (entries[i].name == name)
        return dsl::NameInfo{.type = {}, .slot = i, .may_be_absent = false, .absent_because = {}};
    }
    return std::nullopt;
  }
  std::vector<std::string> all() const override { return {}; }
};

std::string result_of(const std::string& text, bool plain) {
  const World world;
  dsl::Expr expr;
  expr.text = text;
  dsl::Diagnostics diagnostics;
  dsl::CheckOptions options;
  options.plain = plain;
  const dsl::CheckedExpr checked = dsl::check_expression(expr, world, options, diagnostics);
  if (!checked.ok) return "refused: " + diagnostics.all().at(0).message;
  const Evaluated result = evaluate(checked.program, world);
  return result.ok ? to_text(result.value) : "error: " + result.error;
}

void check(const std::string& text, const std::string& expected) {
  CAPTURE(text);
  CHECK(result_of(text, true) == expected);
}

void check_skin(const std::string& text, const std::string& expected) {
  CAPTURE(text);
  CHECK(result_of(text, false) == expected);
}

TEST_CASE("whole numbers never wrap") {
  check("1 + 2 * 3", "7");
  check("9223372036854775807 + 1", "error: int overflow");
  check("-9223372036854775808 - 1", "error: int overflow");
  check("-9223372036854775808 / -1", "error: int overflow");
  check("-(-9223372036854775808)", "error: int overflow");
  check("1 / 0", "error: division by zero");
  check("7 % 0", "error: modulus by zero");
  check("-7 / 2", "-3");
  check("-7 % 2", "-1");
  check("0u - 1u", "error: uint overflow");
  check("1 + 1u", "error: `+` cannot take int and uint");
  check("1.0 / 0.0", "Infinity");
}

TEST_CASE("numbers compare by value across kinds, exactly") {
  check("1 == 1u && 1 == 1.0 && 2u == 2.0", "true");
  check("9007199254740993 == 9007199254740992.0", "false");
  check("9007199254740993 > 9007199254740992.0", "true");
  check("-1 < 0u", "true");
  check("dyn(1) < dyn('a')", "error: `<` cannot take int and text");
  check("'a' == 1", "false");
  check("[1, 2u] == [1.0, 2]", "true");
  check("{1: 'a'} == {1u: 'a'}", "true");
  check("{1: 'a'}[1.0]", "\"a\"");
}

TEST_CASE("and, or, all and exists absorb errors from either side") {
  check("1 / 0 == 1 || true", "true");
  check("true || 1 / 0 == 1", "true");
  check("1 / 0 == 1 && false", "false");
  check("1 / 0 == 1 && true", "error: division by zero");
  check("1 / 0 == 1 || false", "error: division by zero");
  check("[1, 0].exists(x, 1 / x == 1)", "true");
  check("[0, 1].exists(x, 1 / x == 1)", "true");
  check("[0, 2].all(x, 1 / x == 1)", "false");
  check("[0, 1].all(x, 1 / x == 1)", "error: division by zero");
}

TEST_CASE("maps: missing keys are errors, iteration is sorted") {
  check("rates.c", "error: no such key: `c`");
  check("rates['c']", "error: no such key: \"c\"");
  check("has(rates.a) && !has(rates.c)", "true");
  check("rates.map(k, k)", R"(["a", "b"])");
  check("rates.map(k, rates[k] > 1, k)", R"(["b"])");
  check("{'a': 1, 'a': 2}", "error: the key \"a\" stands twice in a map");
  check("{1: 1, 1u: 2}", "error: the key 1u stands twice in a map");
  check("{1.5: 1}", "error: double cannot be a map key");
  check("'a' in rates && !('c' in rates)", "true");
}

TEST_CASE("lists and macros") {
  check("items[0]", "3");
  check("items[3]", "error: index out of range: 3");
  check("items[-1]", "error: index out of range: -1");
  check("items.filter(x, x > 1)", "[3, 2]");
  check("items.map(x, x * 2)", "[6, 2, 4]");
  check("items.exists_one(x, x == 2)", "true");
  check("items.map(x, items.map(y, x * y))", "[[9, 3, 6], [3, 1, 2], [6, 2, 4]]");
  check("items.exists(i, v, i == 1 && v == 1)", "true");
  check("1 in items", "true");
  check("[1] + [2]", "[1, 2]");
  check("size(items)", "3");
}

TEST_CASE("text counts code points") {
  check("size(name)", "5");
  check("name.size()", "5");
  check("name.charAt(2)", "\"ü\"");
  check("name.substring(3)", "\"ße\"");
  check("name.indexOf('ß')", "3");
  check("'a,b,c'.split(',')", R"(["a", "b", "c"])");
  check("'abc'.split('')", R"(["a", "b", "c"])");
  check("['a', 'b'].join('-')", "\"a-b\"");
  check("'aXbX'.replace('X', '-', 1)", "\"a-bX\"");
  check("'ab'.replace('', '-')", "\"-a-b-\"");
  check("'  x '.trim()", "\"x\"");
  check("'ÄbC'.lowerAscii()", "\"Äbc\"");
  check("'abc'.substring(2, 1)", "error: `substring` ends before it begins");
}

TEST_CASE("conversions") {
  check("int('12') + int(1.9) + int(2u)", "15");
  check("int('x')", "error: \"x\" is no int");
  check("int(1e30)", "error: int out of range");
  check("string(price)", "\"EUR 49.90\"");
  check("string(1.5)", "\"1.5\"");
  check("string(b'\\xff')", "error: the bytes are not UTF-8");
  check("timestamp('2026-11-21T12:00:00Z') - timestamp('2026-11-21T11:00:00Z')", "1 hour");
  check("duration('90s')", "90 seconds");
  check("bool('true')", "true");
  check("type(1) == int", "true");
  check("base64.encode(b'hello')", "\"aGVsbG8=\"");
}

TEST_CASE("time") {
  check("booked.getFullYear()", "2026");
  check("booked.getMonth()", "10");
  check("booked.getDate()", "21");
  check("booked.getDayOfWeek()", "6");
  check("booked.getHours('+02:00')", "14");
  check("booked.getHours('Europe/Berlin')", "13");
  check("(booked - duration('3600h')).getHours('Europe/Berlin')", "14");  // summer
  check("booked.getHours('Berlin')",
        "error: \"Berlin\" is no time zone, such as \"Europe/Berlin\", \"UTC\" or \"+02:00\"");
  check("booked.getMilliseconds()", "789");
  check_skin("booked + 15 minutes", "2026-11-21T12:49:56.789Z");
  check_skin("now + 1 day", "2026-11-22T00:00:00Z");
  check_skin("booked is more than now", "true");
}

TEST_CASE("money is exact and keeps to its currency") {
  check_skin("EUR 49.90 is price", "true");
  check_skin("price + EUR 0.10", "EUR 50.00");
  check_skin("price * 3", "EUR 149.70");
  check_skin("2 * price", "EUR 99.80");
  check_skin("-price", "-EUR 49.90");
  check_skin("price.minor", "4990");
  check_skin("price.currency", "\"EUR\"");
  check_skin("price is dollars", "false");
  check_skin("price is less than dollars", "error: money in EUR and in USD cannot be compared");
  check_skin("price + dollars", "error: money in EUR and in USD cannot be added");
  check_skin("money(\"eur\", 100)", "EUR 1.00");
  check_skin("money(\"XYZ\", 100)", "refused: this always fails: \"XYZ\" is no ISO 4217 currency");
  check_skin("EUR 0.50.share(1, 100)", "EUR 0.00");
  check_skin("EUR 1.50.share(1, 100)", "EUR 0.02");
  check_skin("EUR 2.50.share(1, 100)", "EUR 0.02");
  check_skin("(-EUR 1.50).share(1, 100)", "-EUR 0.02");
  check_skin("price.share(19, 100)", "EUR 9.48");
  check_skin("price.share(1, 0)", "error: `share` needs a whole greater than 0");
  check_skin("EUR 1.00.split(3)", "[EUR 0.34, EUR 0.33, EUR 0.33]");
  check_skin("(-EUR 1.00).split(3)", "[-EUR 0.34, -EUR 0.33, -EUR 0.33]");
  check_skin("price.split(0)", "error: `split` takes from 1 to 10000 parts");
  check_skin("JPY 500", "JPY 500");
  check_skin("max(EUR 1.00, EUR 2.00)", "EUR 2.00");
  check_skin("EUR 92233720368547758.07 * 2", "refused: this always fails: money overflow");
}

TEST_CASE("absence: present and or else never fail on what is missing") {
  check_skin("absent is present", "false");
  check_skin("absent.x.y is present", "false");
  check_skin("customer.phone is present", "false");
  check_skin("customer.email is present", "true");
  check_skin("customer.fax is not present", "true");
  check_skin("absent or else 5", "5");
  check_skin("absent.a or else absent.b or else 7", "7");
  check_skin("customer.email or else \"none\"", "\"ann@example.com\"");
  check_skin("customer.email.x is present", "error: text has no field `x`");
  check_skin("items[9] or else 0", "0");
  check_skin("1 / 0 or else 5", "refused: this always fails: division by zero");
  check_skin("absent", "error: `absent` has no value");
  check_skin("has(absent.x)", "false");
}

TEST_CASE("the skin says the same as CEL") {
  check_skin("seats is 3 and not seats is 4", "true");
  check_skin("seats is not 3 or seats is at least 3", "true");
  check_skin("seats is one of [1, 2, 3]", "true");
  check_skin("seats is not one of [1, 2, 3]", "false");
  check_skin("seats is more than 3 ? \"many\" : \"few\"", "\"few\"");
  check_skin("seats is at most 3 and seats is less than 4", "true");
}

TEST_CASE("no expression can hang a lane") {
  const auto begin = std::chrono::steady_clock::now();
  std::string doubled = "[1]";
  for (int i = 0; i < 40; ++i) doubled += ".map(a, [a, a])";
  check(doubled + " == []", "error: the expression costs too much to evaluate");
  std::string product = "true";
  for (const char* v : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    product = std::string("[0,1,2,3,4,5,6,7,8,9].all(") + v + ", " + product + ")";
  }
  check(product, "error: the expression costs too much to evaluate");
  std::string text = "'0123456789abcdef'";
  for (int i = 0; i < 30; ++i) text += ".replace('', '0123456789abcdef')";
  check(text, "error: the expression costs too much to evaluate");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

// Each of these reads or makes far more than it looks; all end soon, by an error of the budget.
TEST_CASE("no expression is dear: long texts") {
  const auto begin = std::chrono::steady_clock::now();
  const std::string dear = "error: the expression costs too much to evaluate";
  check("lists.range(100000).all(i, long != long_b)", dear);
  check("lists.range(100000).exists(i, long > long_b)", dear);
  check("lists.range(100000).all(i, !(long in rates))", dear);
  check("lists.range(100000).all(i, has({long: 1}.a) || true)", dear);
  check("lists.range(100000).map(i, long + long)", dear);
  check("lists.range(100000).map(i, [long, long].join(long))", dear);
  check("lists.range(100000).map(i, '%s%s%s'.format([long, long, long]))", dear);
  check("lists.range(100000).map(i, long.matches('(a+)+$'))", dear);
  check("lists.range(100000).map(i, long.reverse())", dear);
  check("lists.range(100000).exists(i, rates[long] == 1)", dear);
  check("lists.range(100000).map(i, lists.range(100000))", dear);
  check("long.split('').map(c, long)", dear);
  check("long.contains(long_b.substring(500000, 1000000))", "false");
  check("long.lastIndexOf('b' + long.substring(500000))", "-1");
  check("long.indexOf(long.substring(500000) + 'b')", "-1");
  check("long.replace('a', long)", dear);
  check("'%1000000000d'.format([1])", "error: no such clause in `format`: \"%1000000\"");
  check("long.matches('a{1000}{1000}')", "error: \"a{1000}{1000}\" is no pattern of RE2");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}

TEST_CASE("values nest only so deep") {
  Value deep = Value::integer(1);
  for (int i = 0; i < 100'000; ++i) {
    Budget budget{1'000'000};
    const Value grown = Value::list({deep});
    if (!charge_tree(grown, budget)) break;
    deep = grown;
  }
  CHECK(to_text(deep).size() < 2 * static_cast<std::size_t>(value_depth_max) + 10);
}

TEST_CASE(
    "without an environment there are no patterns and no named zones, and nothing else is "
    "missing") {
  World world;
  world.with_environment = false;
  const auto run = [&](const char* text) {
    dsl::Expr expr;
    expr.text = text;
    dsl::Diagnostics diagnostics;
    const Evaluated result =
        evaluate(dsl::check_expression(expr, world, {.plain = true}, diagnostics).program, world);
    return result.ok ? to_text(result.value) : result.error;
  };
  CHECK(run("'a'.matches('a')") == "`matches` is not at hand here");
  CHECK(run("booked.getHours('Europe/Berlin')") == "named time zones are not at hand here");
  CHECK(run("booked.getHours('+01:00')") == "13");
}

TEST_CASE("a damaged program is an error, not a crash") {
  const World world;
  const auto run = [&](std::vector<ExprNode> nodes) {
    Program program;
    program.nodes = std::move(nodes);
    return evaluate(program, world).error;
  };
  CHECK(run({{.kind = ExprKind::kField}}) == "the expression is damaged");
  CHECK(run({{.kind = ExprKind::kConditional, .args = {0, 0}}}) == "the expression is damaged");
  CHECK(run({{.kind = ExprKind::kLocal, .index = 3}}) == "the expression is damaged");
  CHECK(run({{.kind = ExprKind::kCall, .index = 9999}}) ==
        "a function that this version does not know");
  CHECK(run({{.kind = ExprKind::kList, .args = {0}}}) == "the expression nests too deep");
  CHECK(run({}) == "nothing is written here");
}

TEST_CASE("functions keep their numbers: recorded programs hold them") {
  CHECK(static_cast<int>(Function::kAdd) == 0);
  CHECK(static_cast<int>(Function::kIn) == 13);
  CHECK(static_cast<int>(Function::kSize) == 24);
  CHECK(static_cast<int>(Function::kMoney) == 50);
  CHECK(static_cast<int>(Function::kBase64Decode) == 71);
  CHECK(static_cast<int>(Function::kFormat) == 72);
  CHECK(static_cast<int>(Function::kMatches) == 73);
  CHECK(static_cast<int>(Function::kSetsIntersects) == 90);
  CHECK(static_cast<int>(ExprKind::kTransformMap) == 20);
  CHECK(static_cast<int>(ExprKind::kOptionalOrValue) == 30);
  CHECK(find_function("startsWith") == Function::kStartsWith);
}

}  // namespace
}  // namespace belay::interpreter
