// JSON in and out: untyped reading and its bounds, typed reading and its messages, writing,
// masking.
#include <limits>

#include "interpreter/time.h"
#include "runtime/base/json_value.h"
#include "tests/catch.h"

using namespace belay::runtime;
using namespace belay::interpreter;

namespace {

Type of(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}
Type optional(Type type) {
  type.optional = true;
  return type;
}
Type list_of(Type element) {
  Type type = of(Type::Base::kList);
  type.element = {std::move(element)};
  return type;
}

// What a JSON text becomes as `type`, or the complaint.
std::string read(const Type& type, std::string_view json) {
  const auto value = parse_json(json);
  if (!value) return "! " + value.error().message;
  const auto typed = coerce(type, *value, "x");
  return typed ? to_text(*typed) : "! " + typed.error().message;
}

std::vector<Field> booking() {
  Type customer = of(Type::Base::kRecord);
  Type email = of(Type::Base::kEmail);
  email.is_private = true;
  Type seats = of(Type::Base::kInt);
  seats.min = 1;
  seats.max = 9;
  customer.fields = {
      {"id", of(Type::Base::kUuid)}, {"email", email}, {"phone", optional(of(Type::Base::kText))}};
  return {{"booking", of(Type::Base::kUuid)},        {"customer", customer},
          {"price", of(Type::Base::kMoney)},         {"seats", seats},
          {"starts_at", of(Type::Base::kTimestamp)}, {"note", optional(of(Type::Base::kText))}};
}

std::string complaint(std::string_view json) {
  const auto value = decode_json(booking(), json);
  return value ? "" : value.error().message;
}

}  // namespace

TEST_CASE("JSON becomes values") {
  const auto value = parse_json(R"({"b":[1,2.0,-3,1e3,true,null,"x"],"a":18446744073709551615})");
  REQUIRE(value);
  CHECK(to_text(*value) ==
        R"({"a": 18446744073709551615u, "b": [1, 2.0, -3, 1000.0, true, null, "x"]})");
  CHECK(to_json(*value) == R"({"a":18446744073709551615,"b":[1,2.0,-3,1000.0,true,null,"x"]})");
}

TEST_CASE("a declared pattern is a match of the whole value") {
  Type code = of(Type::Base::kText);
  code.pattern = "[A-Z]{2}[0-9]+";
  CHECK(read(code, R"("DE42")") == "\"DE42\"");
  CHECK(read(code, R"("xDE42")") == "! x: must match \"[A-Z]{2}[0-9]+\"");
  CHECK(read(code, R"("DE42 ")") == "! x: must match \"[A-Z]{2}[0-9]+\"");
}

TEST_CASE("hostile JSON earns a clear refusal") {
  const auto why = [](std::string_view json, JsonLimits bounds = {}) {
    const auto value = parse_json(json, bounds);
    return value ? "" : value.error().message;
  };
  CHECK(why(std::string(65, '[')) == "nested deeper than 64");
  CHECK(why(std::string(100'000, '[')) == "nested deeper than 64");
  CHECK(why(std::string(64, '[') + std::string(64, ']')) == "");
  CHECK(why(R"({"a":1,"a":2})") == "the name \"a\" stands twice in one object");
  CHECK(why(R"(["\u0000"])") == "a text holds U+0000");
  CHECK(why(R"({"\u0000":1})") == "a name holds U+0000");
  CHECK(why("[1e999]") != "");
  CHECK(why("[1,]").starts_with("malformed JSON at byte 4"));
  CHECK(why("").starts_with("malformed JSON"));
  CHECK(why("[1] x").starts_with("malformed JSON"));
  CHECK(why("\"\xff\"").starts_with("malformed JSON"));
  CHECK(why("\"\xed\xa0\x80\"").starts_with("malformed JSON"));
  CHECK(why("[1,2]", {.bytes_max = 4}) == "the JSON is 5 bytes, the limit is 4");
}

TEST_CASE("typed reading") {
  using Base = Type::Base;
  CHECK(read(of(Base::kInt), "3.0") == "3");
  CHECK(read(of(Base::kInt), "3.5") == "! x: must be a whole number, is a number");
  CHECK(read(of(Base::kInt), "9223372036854775808") == "! x: is too large for a whole number");
  CHECK(read(of(Base::kInt), "\"3\"") == "! x: must be a whole number, is text");
  CHECK(read(of(Base::kDouble), "3") == "3.0");
  CHECK(read(of(Base::kBool), "1") == "! x: must be true or false, is a whole number");
  CHECK(read(of(Base::kUuid), "\"0198F3C2-7D1A-7000-8000-0123456789AB\"") ==
        "\"0198f3c2-7d1a-7000-8000-0123456789ab\"");
  CHECK(read(of(Base::kUuid), "\"0198f3c2\"") == "! x: not a uuid");
  CHECK(read(of(Base::kTimestamp), "\"2026-11-21T13:00:00+01:00\"") == "2026-11-21T12:00:00Z");
  CHECK(read(of(Base::kTimestamp), "\"2026-13-21T13:00:00Z\"") ==
        "! x: not a timestamp, write 2026-11-21T12:00:00Z");
  CHECK(read(of(Base::kTimestamp), "1795262400") == "! x: must be a timestamp, is a whole number");
  CHECK(read(of(Base::kDuration), "\"900s\"") == "15 minutes");
  CHECK(read(of(Base::kDuration), "\"PT15M\"") == "15 minutes");
  CHECK(read(of(Base::kDuration), "\"P1DT2H30M0.5S\"") == "95400500 milliseconds");
  for (const char* bad : {"\"P\"", "\"PT\"", "\"P1M\"", "\"PT1D\"", "\"P1H\"", "\"PT5S3M\"",
                          "\"15\"", "\"P1.5D\"", "\"PT1H \""}) {
    CHECK(read(of(Base::kDuration), bad) == "! x: not a duration, write 900s or PT15M");
  }
  CHECK(read(of(Base::kMoney), R"({"currency":"EUR","minor":4990})") == "EUR 49.90");
  CHECK(read(of(Base::kMoney), R"({"currency":"eur","minor":4990})") ==
        "! x.currency: not a currency code");
  CHECK(read(of(Base::kMoney), R"({"currency":"EUR","minor":49.9,"x":1})") ==
        "! x.minor: must be a whole number of the smallest unit; x.x: is not a known field");
  CHECK(read(of(Base::kDate), "\"2026-02-29\"") == "! x: not a date (YYYY-MM-DD)");
  CHECK(read(of(Base::kEmail), "\"ada@example.org\"") == "\"ada@example.org\"");
  for (const char* bad :
       {"\"ada\"", "\"@x\"", "\"a@b@c\"", "\"a b@c\"", "\"a@.c\"", "\"a@c.\"", "\"a\\n@c\""}) {
    CHECK(read(of(Base::kEmail), bad) == "! x: not an e-mail address");
  }
  CHECK(read(of(Base::kUrl), "\"javascript:alert(1)\"").starts_with("! x: not a URL"));
  CHECK(read(of(Base::kUrl), "\"https:///x\"").starts_with("! x: not a URL"));
  CHECK(read(of(Base::kBytes), "\"AP8=\"") == "b\"\\x00\\xff\"");
  CHECK(read(of(Base::kBytes), "\"AP9=\"") == "! x: not base64");
  CHECK(read(list_of(of(Base::kInt)), "[1,\"2\"]") == "! x[1]: must be a whole number, is text");
  Type one_of = of(Base::kOneOf);
  one_of.options = {"a", "b"};
  CHECK(read(one_of, "\"b\"") == "\"b\"");
  CHECK(read(one_of, "\"c\"") == "! x: must be one of \"a\", \"b\"");
  Type text = of(Base::kText);
  text.size_max = 3;
  CHECK(read(text, "\"äöü\"") == "\"äöü\"");
  CHECK(read(text, "\"abcd\"") == "! x: must be at most 3 characters");
  CHECK(read(of(Base::kText), "null") == "! x: must be text, is nothing");
  CHECK(read(optional(of(Base::kText)), "null") == "null");
}

TEST_CASE("records are read whole, with every problem named") {
  const std::string fine =
      R"({"booking":"0198f3c2-7d1a-7000-8000-0123456789ab","customer":{"id":"0198f3c2-7d1a-7000-8000-0123456789ac","email":"a@b.c","phone":null},"price":{"currency":"EUR","minor":4990},"seats":2,"starts_at":"2026-11-21T12:00:00Z"})";
  CHECK(complaint(fine) == "");
  const Value value = *decode_json(booking(), fine);
  CHECK(value.find("note") == nullptr);
  CHECK(value.find("customer")->find("phone") == nullptr);
  CHECK(
      to_json_masked(booking(), value) ==
      R"({"booking":"0198f3c2-7d1a-7000-8000-0123456789ab","customer":{"email":"***","id":"0198f3c2-7d1a-7000-8000-0123456789ac"},"price":{"currency":"EUR","minor":4990},"seats":2,"starts_at":"2026-11-21T12:00:00Z"})");
  CHECK(complaint("[]") == "must be an object, is a list");
  CHECK(
      complaint(
          R"({"booking":"x","customer":{"id":1,"extra":1},"price":{},"seats":10,"starts_at":null,"more":1})") ==
      "booking: not a uuid; customer.id: must be a uuid, is a whole number; customer.email: is "
      "missing; customer.extra: "
      "is not a known field; price.currency: is missing; price.minor: is missing; seats: must be "
      "at most 9; starts_at: "
      "is missing; more: is not a known field");
  std::string many = "{";
  for (int i = 0; i < 50; ++i) many += (i > 0 ? ",\"f" : "\"f") + std::to_string(i) + "\":1";
  CHECK(complaint(many + "}").find("; and 45 more") != std::string::npos);

  CoerceOptions lenient;
  lenient.ignore_unknown = true;
  CHECK(coerce(
      booking()[1].type,
      *parse_json(R"({"id":"0198f3c2-7d1a-7000-8000-0123456789ac","email":"a@b.c","new":1})"), "",
      lenient));
}

TEST_CASE("writing never fails") {
  CHECK(to_json(Value::string("\"\\\n\r\t\x01\x7f/ü")) ==
        "\"\\\"\\\\\\n\\r\\t\\u0001\x5cu007f/ü\"");
  CHECK(to_json(Value::string("a\xff\xed\xa0\x80z")) ==
        "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
  CHECK(to_json(Value::real(5)) == "5.0");
  CHECK(to_json(Value::real(1e30)) == "1e+30");
  CHECK(to_json(Value::real(std::numeric_limits<double>::infinity())) == "\"Infinity\"");
  CHECK(to_json(Value::duration({900, 0})) == "\"900s\"");
  CHECK(to_json(Value::map({{Value::integer(1), Value()}})) == "{\"1\":null}");
  std::string bytes;
  for (const char* text : {"", "QQ==", "QUI=", "QUJD"}) {
    REQUIRE(from_base64(text, bytes));
    CHECK(to_base64(bytes) == text);
  }
  for (const char* bad : {"Q", "QQ=", "QQ=Q", "Q===", "QR==", "Q Q="})
    CHECK(!from_base64(bad, bytes));
}
