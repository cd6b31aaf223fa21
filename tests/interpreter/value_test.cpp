// Values: canonical bytes, order, text; timestamps and durations as text; currencies.
#include "interpreter/value.h"

#include "../catch.h"
#include "interpreter/time.h"
#include "interpreter/type.h"

namespace belay::interpreter {
namespace {

Value eur(std::int64_t minor) { return Value::money({minor, {'E', 'U', 'R'}}); }

std::vector<Value> samples() {
  const Value text = Value::string("a"), other = Value::string("b");
  return {Value(),
          Value::boolean(false),
          Value::boolean(true),
          Value::integer(-1),
          Value::integer(1),
          Value::unsigned_integer(1),
          Value::real(-0.0),
          Value::real(0.0),
          Value::real(1),
          Value::real(0.0 / 0.0),
          text,
          other,
          Value::bytes("a"),
          Value::list({}),
          Value::list({text}),
          Value::list({text, other}),
          Value::list({Value::list({text}), other}),
          Value::map({}),
          Value::map({{text, other}}),
          Value::map({{text, text}, {other, text}}),
          Value::timestamp({1, 0}),
          Value::timestamp({1, 5}),
          Value::duration({1, 0}),
          Value::duration({-1, -5}),
          eur(100),
          Value::money({100, {'U', 'S', 'D'}}),
          Value::type("int")};
}

void check(const Value& value, const std::string& expected) {
  CAPTURE(expected);
  CHECK(to_text(value) == expected);
}

TEST_CASE("equal values, and only those, have equal canonical bytes, and the order agrees") {
  const std::vector<Value> all = samples();
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = 0; j < all.size(); ++j) {
      CAPTURE(to_text(all[i]), to_text(all[j]));
      std::string a, b;
      append_canonical(all[i], a);
      append_canonical(all[j], b);
      CHECK((a == b) == (i == j));
      CHECK((all[i] == all[j]) == (i == j));
      CHECK((order(all[i], all[j]) < 0) == (order(all[j], all[i]) > 0));
    }
  }
}

TEST_CASE("canonical bytes are frozen: journals hold digests of them") {
  std::string bytes;
  append_canonical(
      record({{"b", Value::integer(1)}, {"a", eur(-5)}, {"c", Value::list({Value::real(1.5)})}}),
      bytes);
  CHECK(fnv1a(bytes) == 0xbf00dc23c1a081adULL);
  CHECK(fnv1a("") == 14695981039346656037ULL);
  CHECK(fnv1a("a") == 0xaf63dc4c8601ec8cULL);
}

TEST_CASE("maps sort by key and find by text") {
  const Value map = Value::map({{Value::string("z"), Value::integer(1)},
                                {Value::integer(7), Value::integer(2)},
                                {Value::string("a"), Value::integer(3)}});
  check(map, R"({7: 2, "a": 3, "z": 1})");
  REQUIRE(map.find("z") != nullptr);
  CHECK(map.find("z")->as_int() == 1);
  CHECK(map.find("y") == nullptr);
  CHECK(Value::integer(1).find("y") == nullptr);
}

TEST_CASE("values as text for people") {
  check(Value(), "null");
  check(eur(4990), "EUR 49.90");
  check(eur(-5), "-EUR 0.05");
  check(eur(INT64_MIN), "-EUR 92233720368547758.08");
  check(Value::money({500, {'J', 'P', 'Y'}}), "JPY 500");
  check(Value::money({1234, {'K', 'W', 'D'}}), "KWD 1.234");
  check(Value::duration({900, 0}), "15 minutes");
  check(Value::duration({86'400, 0}), "1 day");
  check(Value::duration({0, 0}), "0 seconds");
  check(Value::duration({1, 500'000'000}), "1500 milliseconds");
  check(Value::duration({0, 5}), "0.000000005 seconds");
  check(Value::timestamp({1'795'262'400, 0}), "2026-11-21T12:00:00Z");
  check(Value::string("a\"b\\\n\x01"), R"("a\"b\\\n\u0001")");
  check(Value::bytes("\xff"
                     "a"),
        R"(b"\xffa")");
  check(Value::real(3), "3.0");
  check(Value::real(1e30), "1e+30");
  check(Value::unsigned_integer(3), "3u");
  check(Value::list({Value::integer(1), Value::boolean(true)}), "[1, true]");
}

TEST_CASE("timestamps read and print") {
  const auto round = [](std::string_view text) {
    const auto t = parse_timestamp(text);
    return t ? format_timestamp(*t) : "refused";
  };
  CHECK(round("2026-11-21T12:00:00Z") == "2026-11-21T12:00:00Z");
  CHECK(round("2026-11-21T12:00:00.5+02:00") == "2026-11-21T10:00:00.500Z");
  CHECK(round("1969-12-31T23:59:59.999999999Z") == "1969-12-31T23:59:59.999999999Z");
  CHECK(round("0001-01-01T00:00:00Z") == "0001-01-01T00:00:00Z");
  CHECK(round("0001-01-01T00:00:00+01:00") == "refused");
  CHECK(round("2026-02-29T12:00:00Z") == "refused");
  CHECK(round("2026-11-21 12:00:00Z") == "refused");
  CHECK(round("2026-11-21T12:00:00") == "refused");
  CHECK(round("2026-11-21T24:00:00Z") == "refused");
  CHECK(round("") == "refused");
}

TEST_CASE("durations read and print") {
  const auto round = [](std::string_view text) {
    const auto d = parse_duration(text);
    return d ? format_duration(*d) : "refused";
  };
  CHECK(round("1h30m") == "5400s");
  CHECK(round("-1.5s") == "-1.5s");
  CHECK(round("100ms") == "0.1s");
  CHECK(round("1.5h") == "5400s");
  CHECK(round("0") == "0s");
  CHECK(round("") == "refused");
  CHECK(round("15") == "refused");
  CHECK(round("1x") == "refused");
  CHECK(round("99999999999s") == "refused");
}

TEST_CASE("currencies have their decimals") {
  CHECK(currency_decimals("EUR") == 2);
  CHECK(currency_decimals("JPY") == 0);
  CHECK(currency_decimals("KWD") == 3);
  CHECK(currency_decimals("CLF") == 4);
  CHECK(currency_decimals("ZWG") == 2);
  CHECK(currency_decimals("AED") == 2);
  CHECK(currency_decimals("EURO") == -1);
  CHECK(currency_decimals("eur") == -1);
  CHECK(currency_decimals("") == -1);
}

TEST_CASE("types as an author writes them") {
  Type seats;
  seats.base = Type::Base::kInt;
  seats.min = 1;
  seats.max = 9;
  CHECK(to_text(seats) == "int from 1 to 9");
  Type list;
  list.base = Type::Base::kList;
  list.optional = true;
  list.element = {seats};
  CHECK(to_text(list) == "optional list of int from 1 to 9");
}

}  // namespace
}  // namespace belay::interpreter
