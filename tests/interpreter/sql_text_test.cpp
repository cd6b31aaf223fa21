// Where a statement's holes are not looked for. Each case names what is left when everything that
// `sql_skip` passes over is taken out.
#include "interpreter/sql_text.h"

#include <string>

#include "tests/catch.h"

namespace belay::interpreter {
namespace {

void check(std::string_view sql, const std::string& expected) {
  std::string left;
  for (std::size_t at = 0; at < sql.size();) {
    const std::size_t end = sql_skip(sql, at);
    INFO(sql << " at " << at);
    REQUIRE(end >= at);
    REQUIRE(end <= sql.size());
    if (end == at) left += sql[at++];
    at = std::max(at, end);
  }
  INFO(sql);
  CHECK(left == expected);
}

TEST_CASE("strings, quoted names, comments and casts hold no holes") {
  check("a = ':x' AND b = :y", "a =  AND b = :y");
  check("'it''s :x' :y", " :y");
  check("\":x\" :y", " :y");
  check("-- :x\n:y", ":y");
  check("/* :x */:y", ":y");
  check("/* :x /* inner */ :x */:y", ":y");
  check(":y::text", ":ytext");
  check("/*/ :x */:y", ":y");
}

TEST_CASE("strings with escapes end where PostgreSQL ends them") {
  check("E'\\' :x' :y", "E :y");
  check("e'\\\\' :y", "e :y");
  check("E'it''s \\' :x' :y", "E :y");
  check("'\\' :y", " :y");          // no escapes without the E
  check("sale'\\' :y", "sale :y");  // a name that ends in e is no mark
  check(
      "\xC3\xA9"
      "E'\\' :y",
      "\xC3\xA9"
      "E :y");  // nor one with a letter beyond ASCII
}

TEST_CASE("dollar quotes end at their own tag") {
  check("$$ :x $$:y", ":y");
  check("$tag$ :x $$ :x $other$ :x $tag$:y", ":y");
  check("$_t1$ it's :x $_t1$:y", ":y");
  check("$\xC3\xA9$ :x $\xC3\xA9$:y", ":y");
  check("$1 :y", "$1 :y");            // a parameter
  check("$1$ :y $1$", "$1$ :y $1$");  // a tag is a name
  check("a$b$ :y", "a$b$ :y");        // dollars of a name
  check("$tag :y", "$tag :y");
}

TEST_CASE("what is never closed reaches to the end") {
  for (const char* sql : {"':x", "\":x", "E'\\", "$$ :x", "$t$ :x $$", "/* :x /* */", "-- :x"})
    check(sql, sql[0] == 'E' ? "E" : "");
  check("", "");
  check("$", "$");
  check("/", "/");
  check(":", ":");
}

}  // namespace
}  // namespace belay::interpreter
