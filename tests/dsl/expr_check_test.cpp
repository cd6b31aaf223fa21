// Checking expressions against declared names: types, presence, what fits. One check(expression,
// wanted) shows the type that was found, or the problems with their exact columns.
#include "../catch.h"
#include "dsl/expr/expr.h"
#include "interpreter/value.h"

namespace belay::dsl {
namespace {

using interpreter::Field;
using interpreter::Type;
using Base = interpreter::Type::Base;

Type of(Base base) {
  Type type;
  type.base = base;
  return type;
}
Type optional(Type type) {
  type.optional = true;
  return type;
}
Type list(Type element) {
  Type type = of(Base::kList);
  type.element = {std::move(element)};
  return type;
}
Type map(Type element) {
  Type type = of(Base::kMap);
  type.element = {std::move(element)};
  return type;
}
Type options(std::vector<std::string> values) {
  Type type = of(Base::kOneOf);
  type.options = std::move(values);
  return type;
}
Type record(std::string name, std::vector<Field> fields) {
  Type type = of(Base::kRecord);
  type.record = std::move(name);
  type.fields = std::move(fields);
  return type;
}
Type seats() {
  Type type = of(Base::kInt);
  type.min = 1;
  type.max = 9;
  return type;
}
Type customer() {
  return record(
      "Customer",
      {{"id", of(Base::kUuid)}, {"email", of(Base::kEmail)}, {"phone", optional(of(Base::kText))}});
}

class Booking final : public Names {
 public:
  std::optional<NameInfo> find(std::string_view name) const override {
    for (std::uint32_t i = 0; i < names_.size(); ++i) {
      if (names_[i].first != name) continue;
      NameInfo info{.type = names_[i].second, .slot = i};
      if (name == "paid") {
        info.may_be_absent = true;
        info.absent_because = "`paid` exists only after the wait";
      }
      return info;
    }
    return std::nullopt;
  }
  std::vector<std::string> all() const override {
    std::vector<std::string> out;
    for (const auto& [name, type] : names_) out.push_back(name);
    return out;
  }

 private:
  std::vector<std::pair<std::string, Type>> names_{
      {"booking", of(Base::kUuid)},
      {"price", of(Base::kMoney)},
      {"seats", seats()},
      {"starts_at", of(Base::kTimestamp)},
      {"customer", customer()},
      {"state", options({"draft", "paid", "gone"})},
      {"name", of(Base::kText)},
      {"note", optional(of(Base::kText))},
      {"tags", list(of(Base::kText))},
      {"rates", map(of(Base::kInt))},
      {"data", of(Base::kJson)},
      {"rate", of(Base::kDouble)},
      {"done", of(Base::kBool)},
      {"capture",
       record("", {{"charge", of(Base::kText)}, {"receipt", optional(of(Base::kText))}})},
      {"paid", record("", {{"amount", of(Base::kMoney)}, {"by", optional(of(Base::kText))}})},
      {"day", of(Base::kDate)}};
};

struct Seen {
  CheckedExpr checked;
  std::string text;
};

Seen look(const std::string& text, std::optional<Type> wanted = {},
          std::vector<std::string> present = {}) {
  const Booking names;
  Expr expr;
  expr.text = text;
  Diagnostics diagnostics;
  CheckOptions options;
  options.wanted = std::move(wanted);
  options.present = std::move(present);
  Seen out;
  out.checked = check_expression(expr, names, options, diagnostics);
  for (const Diagnostic& d : diagnostics.all()) {
    out.text += (out.text.empty() ? "" : "; ") + std::string(d.kind->code) + " " +
                std::to_string(d.span.column) + "+" + std::to_string(d.span.length) + ": " +
                d.message + (d.help.empty() ? "" : " (" + d.help + ")");
  }
  REQUIRE(out.checked.ok == diagnostics.all().empty());
  if (out.checked.ok) out.text = to_text(out.checked.type);
  return out;
}

void check(const std::string& text, const std::string& expected, std::optional<Type> wanted = {}) {
  CAPTURE(text);
  CHECK(look(text, std::move(wanted)).text == expected);
}

// Only the code and the place.
void check_code(const std::string& text, const std::string& expected,
                std::optional<Type> wanted = {}) {
  CAPTURE(text);
  const std::string seen = look(text, std::move(wanted)).text;
  CAPTURE(seen);
  CHECK(seen.substr(0, seen.find(':')) == expected);
}

TEST_CASE("types come from the declarations") {
  check("price", "money");
  check("price * seats", "money");
  check("price.minor + 1", "int");
  check("customer.email", "email");
  check("starts_at + 15 minutes", "timestamp");
  check("starts_at - now", "duration");
  check("name + \"!\"", "text");
  check("tags.filter(t, t.startsWith(\"a\"))", "list of text");
  check("tags.map(t, size(t))", "list of int");
  check("rates[\"a\"] + 1", "int");
  check("data.anything.goes", "json");
  check("data.x is 5 ? name : \"none\"", "text");
  check("price.split(3)[0]", "money");
  check("max(price, EUR 5.00)", "money");
  check("[1, \"a\"]", "list of json");
  check("seats is one of [1, 2]", "bool");
  check("name.split(\",\").exists(part, part is name)", "bool");
  check("price.currency is \"EUR\"", "bool");
}

TEST_CASE("names and fields: did you mean") {
  check("prize", "BEL3201 1+5: `prize` is not known here (did you mean `price`?)");
  check("capture.chrage", "BEL3202 9+6: `capture` has no field `chrage` (did you mean `charge`?)");
  check("customer.zip",
        "BEL3202 10+3: `Customer` has no field `zip` (its fields are `id`, `email`, `phone`)");
  check(
      "price.cents",
      "BEL4212 7+5: `price` is money and has no field `cents` (money has `minor` and `currency`)");
  check("name.toUpper()", "BEL3203 6+7: there is no function `toUpper`");
  check("name.startWith(\"a\")",
        "BEL3203 6+9: there is no function `startWith` (did you mean `startsWith`?)");
  check("trim(name)", "BEL3203 1+4: `trim` is a function of a value (write `text.trim()`)");
  check("name.matches(\"a\")", "bool");
  check("name.orValue(\"a\")",
        "BEL3205 6+7: `orValue` works on optional values, which workflows do not have (ask with `x "
        "is present`, or give another value with `x or else y`)");
  check("prize + 1 is prise.x",
        "BEL3201 1+5: `prize` is not known here (did you mean `price`?); BEL3201 14+5: `prise` is "
        "not known here (did you mean `price`?)");
  check_code("tags.all(name, name is \"a\")", "BEL3204 10+4");
  check_code("tags.all(size, true)", "BEL3204 10+4");
  check_code("tags.all(t)", "BEL4208 6+3");
}

TEST_CASE("operators have types") {
  check(
      "name + 1",
      "BEL4201 6+1: `+` cannot take text and int (turn the other side into text with `string(…)`)");
  check("price * rate",
        "BEL4201 7+1: `*` cannot take money and double (for a part of an amount use `.share(19, "
        "100)`)");
  check("price / 2",
        "BEL4201 7+1: `/` cannot take money and int (for a part of an amount use `.share(1, 3)` or "
        "`.split(3)`)");
  check("seats is \"2\"", "BEL4204 7+2: int and text are never equal");
  check("price is more than 5",
        "BEL4204 7+12: money and int cannot be ordered (an amount has a currency: `EUR 5.00`)");
  check(
      "tags is \"a\"",
      "BEL4204 6+2: list of text and text are never equal (to look into a list write `is one of`)");
  check("state is \"payd\"",
        "BEL4205 10+6: \"payd\" is none of the options (did you mean `paid`?)");
  check_code("state is one of [\"paid\", \"gon\"]", "BEL4205 26+5");
  check_code("booking is \"abc\"", "BEL4206 12+5");
  check("state is \"draft\" or \"paid\"",
        "BEL4203 21+6: `\"paid\"` is a value, not a condition (write `state is one of [\"draft\", "
        "\"paid\"]`)");
  check("state is not \"draft\" or \"paid\"",
        "BEL4203 25+6: `\"paid\"` is a value, not a condition (write `state is not one of "
        "[\"draft\", \"paid\"]`)");
  check("name and done",
        "BEL4209 1+4: `name` is text, not a condition (say what to compare, such as `name is …`, "
        "or ask `name is present`)");
  check_code("not seats", "BEL4209 5+5");
  check_code("name.startsWith(5)", "BEL4208 6+10");
  check_code("seats.all(x, true)", "BEL4214 1+5");
  check_code("name[0]", "BEL4214 1+4");
  check_code("\"a\" in name", "BEL4201 5+2");
  check_code("-name", "BEL4201 1+1");
  check_code("seats % 2 is 0", "bool");
}

TEST_CASE("what may be absent is asked about first") {
  check("note",
        "BEL5201 1+4: `note` may be absent here (ask first with `note is present`, or give another "
        "value with `note or else …`)");
  check("customer.phone",
        "BEL5201 1+14: `customer.phone` may be absent: the field is optional (ask first with "
        "`customer.phone is present`, or give another value with `customer.phone or else …`)");
  check("note or else \"\"", "text");
  check("note is present and note.size() > 3", "bool");
  check("note is not present or note.size() > 3", "bool");
  check("not note is present or note.size() > 3", "bool");
  check("note is present ? note : \"none\"", "text");
  check("note is not present ? \"none\" : note", "text");
  check("paid is present and paid.amount is price", "bool");
  check("paid.by is present and paid.amount is price", "bool");
  check("paid.by or else name", "text");
  check("has(customer.phone) && customer.phone.size() > 3", "bool");
  check_code("note is present or note.size() > 3", "BEL5201 20+4");
  check_code("note is not present and note.size() > 3", "BEL5201 25+4");
  check_code("note.size() > 3 and note is present", "BEL5201 1+4");
  check_code("paid is present and paid.by is \"x\"", "BEL5201 21+7");
  check_code("note is present ? \"a\" : note", "BEL5201 25+4");
  check("tags.all(t, note is present and t is note)", "bool");
  check("note or else 5", "BEL4204 14+1: `or else` needs text here, not int");
}

TEST_CASE("what a condition proves is told to the caller") {
  const auto proves = [](const std::string& text) {
    const CheckedExpr checked = look(text).checked;
    std::string out;
    for (const std::string& path : checked.proves_present) out += "+" + path;
    for (const std::string& path : checked.proves_present_if_false) out += "-" + path;
    return out;
  };
  CHECK(proves("note is present") == "+note");
  CHECK(proves("note is not present") == "-note");
  CHECK(proves("customer.phone is present and done") == "+customer+customer.phone");
  CHECK(proves("note is present or done") == "");
  CHECK(proves("note is not present or done") == "-note");
  CHECK(proves("not (note is not present or paid is not present)") == "+note+paid");
  CHECK(proves("note is present or (note is present and done)") == "+note");
  CHECK(look("customer.phone", {}, {"customer.phone"}).text == "text");
  CHECK(look("paid.amount", {}, {"paid"}).text == "money");
}

TEST_CASE("what fits a wanted type") {
  check("price", "money", of(Base::kMoney));
  check("data.x", "json", of(Base::kMoney));
  check("booking", "uuid", of(Base::kText));
  check("5",
        "BEL4202 1+1: int does not fit money (an amount has a currency: `EUR 49.90` or "
        "`money(\"EUR\", 4990)`)",
        of(Base::kMoney));
  check("name", "BEL4202 1+4: text does not fit uuid (declare it as `uuid` where it comes from)",
        of(Base::kUuid));
  check("15", "BEL4202 1+2: int does not fit duration (a duration has a unit: `15 minutes`)",
        of(Base::kDuration));
  check("\"12\"",
        "BEL4206 1+4: \"12\" is no uuid (it looks like `\"6f1c1a52-7d3c-4a3e-9f0a-1f2e3d4c5b6a\"`)",
        of(Base::kUuid));
  check("\"6f1c1a52-7d3c-4a3e-9f0a-1f2e3d4c5b6a\"", "text", of(Base::kUuid));
  check("\"ann@example.com\"", "text", of(Base::kEmail));
  check_code("\"ann\"", "BEL4206 1+5", of(Base::kEmail));
  check_code("\"ftp://x\"", "BEL4206 1+9", of(Base::kUrl));
  check_code("\"2026-02-30\"", "BEL4206 1+12", of(Base::kDate));
  check_code("\"tomorrow\"", "BEL4206 1+10", of(Base::kTimestamp));
  check("12", "BEL4207 1+2: 12 is out of bounds (it takes `int from 1 to 9`)", seats());
  check("9", "int", seats());
  check("\"payd\"", "BEL4205 1+6: \"payd\" is none of the options (did you mean `paid`?)",
        options({"draft", "paid"}));
  check("done ? \"draft\" : \"payd\"",
        "BEL4205 18+6: \"payd\" is none of the options (did you mean `paid`?)",
        options({"draft", "paid"}));
  check("state",
        "BEL4202 1+5: one of \"draft\", \"paid\", \"gone\" does not fit one of \"draft\", \"paid\" "
        "(declare it as `one of \"draft\", \"paid\"` where it comes from)",
        options({"draft", "paid"}));
  check("{\"booking\": booking}", "map of uuid", of(Base::kJson));
  check("{\"booking\": booking}", "map of uuid", map(of(Base::kText)));
  check_code("{\"booking\": seats}", "BEL4202 13+5", map(of(Base::kText)));
  check("[1, 12]", "BEL4207 5+2: 12 is out of bounds (it takes `int from 1 to 9`)", list(seats()));
  check("note", "text", optional(of(Base::kText)));
  check("customer.phone", "text", optional(of(Base::kText)));
  check("null", "null", optional(of(Base::kText)));
  check_code("null", "BEL4202 1+4", of(Base::kText));
  check("customer", "Customer", customer());
  check("{\"id\": booking, \"email\": customer.email}", "map of text", customer());
  check("{\"id\": booking, \"mail\": customer.email}",
        "BEL4211 17+6: `Customer` has no field \"mail\" (did you mean `email`?); BEL4211 1+1: the "
        "field `email` of `Customer` is missing",
        customer());
}

TEST_CASE("programs: constants are folded, absent arguments become null, reads are listed") {
  CHECK(look("1 + 2 * 3").checked.program.nodes.size() == 1);
  CHECK(look("1 / 0").checked.program.nodes.size() == 3);
  CHECK(look("price * 2").checked.program.nodes.size() == 3);
  CHECK(look("now + 1 day").checked.constant == std::nullopt);
  CHECK(look("1 day + 1 hour").checked.constant.has_value());
  CHECK(look("tags.all(t, t is name)").checked.reads == std::vector<std::string>{"name", "tags"});
  CHECK(look("note", optional(of(Base::kText))).checked.program.nodes.back().kind ==
        interpreter::ExprKind::kOrElse);
  CHECK(look("\"2026-11-21T12:00:00Z\"", of(Base::kTimestamp))
            .checked.program.nodes.back()
            .literal.kind() == interpreter::Value::Kind::kTimestamp);
  CHECK(look("a or else b").checked.ok == false);
  CHECK(look("price  +  price").checked.program.source == "price  +  price");
}

TEST_CASE("an error stays silent downstream") {
  check_code("(prize + 1).x.y * 2 is name.size()", "BEL3201 2+5");
  check("unknown.x is present", "BEL3201 1+7: `unknown` is not known here");
  check_code("nofunc(price) + EUR 5.00", "BEL3203 1+6");
}

TEST_CASE("constant durations") {
  const auto ms = [](const std::string& text) {
    Expr expr;
    expr.text = text;
    Diagnostics diagnostics;
    const auto result = constant_duration_ms(expr, diagnostics);
    if (result) return std::to_string(*result);
    REQUIRE(diagnostics.all().size() == 1);
    return std::string(diagnostics.all()[0].kind->code);
  };
  CHECK(ms("15 minutes") == "900000");
  CHECK(ms("1 hour + 30 minutes") == "5400000");
  CHECK(ms("500 milliseconds") == "500");
  CHECK(ms("15") == "BEL4202");
  CHECK(ms("15m") == "BEL1206");
  CHECK(ms("delay") == "BEL3201");
  CHECK(ms("") == "BEL1201");
}

TEST_CASE("spans follow an expression over its lines") {
  Expr expr;
  expr.text = "price +\nprize";
  expr.span = {.file = 3, .line = 10, .column = 20, .length = 7};
  expr.lines = {{.file = 3, .line = 11, .column = 9, .length = 5}};
  Diagnostics diagnostics;
  check_expression(expr, Booking(), {}, diagnostics);
  REQUIRE(diagnostics.all().size() == 1);
  CHECK(diagnostics.all()[0].span == Span{.file = 3, .line = 11, .column = 9, .length = 5});
}

TEST_CASE("words of the language cannot be names") {
  for (const char* word :
       {"is", "and", "present", "now", "secret", "status", "size", "int", "for", "true", "money"}) {
    CAPTURE(word);
    CHECK(is_reserved_name(word));
  }
  for (const char* word : {"format", "value", "first", "last", "sort", "lists", "cel", "optional",
                           "price", "capture", "isnt", "minutes", "email"}) {
    CAPTURE(word);
    CHECK(!is_reserved_name(word));
  }
}

}  // namespace
}  // namespace belay::dsl
