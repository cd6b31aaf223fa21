// Holes of a SQL statement: what is one and what is not, casts by declared type, parts of money and
// records.
#include "runtime/actions/sql_action.h"
#include "tests/catch.h"

using namespace belay::runtime;
using namespace belay::interpreter;

namespace {

Type of(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

std::vector<Field> takes() {
  Type customer = of(Type::Base::kRecord);
  customer.fields = {{"id", of(Type::Base::kUuid)}, {"price", of(Type::Base::kMoney)}};
  Type note = of(Type::Base::kText);
  note.optional = true;
  return {{"hold", of(Type::Base::kUuid)},
          {"price", of(Type::Base::kMoney)},
          {"keep_for", of(Type::Base::kDuration)},
          {"at", of(Type::Base::kTimestamp)},
          {"customer", customer},
          {"note", note},
          {"seats", of(Type::Base::kInt)},
          {"tags", of(Type::Base::kJson)},
          {"blob", of(Type::Base::kBytes)},
          {"ok", of(Type::Base::kBool)}};
}

Value args() {
  return record({{"hold", Value::string("0198f3c2-7d1a-7000-8000-0123456789ab")},
                 {"price", Value::money({4990, {'E', 'U', 'R'}})},
                 {"keep_for", Value::duration({2400, 0})},
                 {"at", Value::timestamp({1795262400, 0})},
                 {"customer", record({{"id", Value::string("c")},
                                      {"price", Value::money({7, {'J', 'P', 'Y'}})}})},
                 {"seats", Value::integer(2)},
                 {"tags", Value::list({Value::integer(1), Value::string("x")})},
                 {"blob", Value::bytes(std::string("\x00\xff", 2))},
                 {"ok", Value::boolean(true)}});
}

void check(const std::string& sql, const std::string& text,
           std::vector<std::optional<std::string>> params) {
  INFO(sql);
  const auto bound = bind_sql(sql, takes(), args());
  REQUIRE(bound);
  CHECK(bound->text == text);
  CHECK(bound->params == params);
}

}  // namespace

TEST_CASE("holes become parameters of the declared types") {
  const std::string hold = "0198f3c2-7d1a-7000-8000-0123456789ab";
  check("DELETE FROM t WHERE id = :hold", "DELETE FROM t WHERE id = $1::uuid", {hold});
  check(":hold,:hold,:seats", "$1::uuid,$1::uuid,$2::bigint", {hold, "2"});
  check("now() + :keep_for", "now() + $1::interval", {"2400s"});
  check(":at", "$1::timestamptz", {"2026-11-21T12:00:00Z"});
  check(":price.minor, :price.currency", "$1::bigint, $2::text", {"4990", "EUR"});
  check(":price", "$1::jsonb", {R"({"currency":"EUR","minor":4990})"});
  check(":customer.id :customer.price.minor", "$1::uuid $2::bigint", {"c", "7"});
  check(":customer", "$1::jsonb", {R"({"id":"c","price":{"currency":"JPY","minor":7}})"});
  check(":note", "$1::text", {std::nullopt});
  check(":tags", "$1::jsonb", {R"([1,"x"])"});
  check(":blob", "$1::bytea", {"\\x00ff"});
  check("WHERE :ok", "WHERE $1::boolean", {"true"});
  check("(:hold).x :hold.x", "($1::uuid).x $1::uuid.x", {hold});
}

TEST_CASE("what is no hole stays as it is") {
  for (const char* sql :
       {"SELECT 'it''s :hold'", "SELECT \":hold\" FROM t", "SELECT 1 -- :hold",
        "SELECT /* :hold */ 1", "SELECT x::hold", "SELECT a[1:2]", "SELECT $$ :hold $$",
        "SELECT $q$ :hold $$ $q$", "SELECT E'\\' :hold'", "SELECT :unknown", "SELECT ':hold",
        "SELECT /* :hold", ":", "", "$1 :9"}) {
    check(sql, sql, {});
  }
  check("'a' :seats 'b'", "'a' $1::bigint 'b'", {"2"});
  check("-- x\n:seats", "-- x\n$1::bigint", {"2"});
  check("'\\' :seats", "'\\' $1::bigint", {"2"});  // no escapes in a plain string
}

TEST_CASE("a text with U+0000 is refused before it is sent") {
  std::vector<Field> note{{"note", of(Type::Base::kText)}};
  CHECK(!bind_sql(":note", note, record({{"note", Value::string(std::string("a\0b", 3))}})));
}
