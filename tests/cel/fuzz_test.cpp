// Expressions that nobody would write: the public cases, cut and stirred by a fixed seed. Nothing
// crashes or hangs, plain or with the skin; what can be read is printed and reads back as the same
// tree; what passes the check evaluates to a value or an error.
#include <chrono>
#include <fstream>
#include <random>

#include "../catch.h"
#include "dsl/expr/expr.h"
#include "dsl/expr/tree.h"
#include "runtime/base/environment.h"
#include "runtime/base/json_value.h"

namespace belay {
namespace {

using interpreter::Value;

std::vector<std::string> corpus() {
  std::vector<std::string> texts{"a is more than 3 and b is not present",
                                 "x or else 15 minutes",
                                 "EUR 49.90 is at most y",
                                 "not a is one of [1, 2]",
                                 "a.?b[?c].orValue({?'k': d})",
                                 "cel.bind(x, [1], x.map(y, y))"};
  for (const char* file : {"cases.jsonl", "more.jsonl"}) {
    std::ifstream in(std::string(BELAY_SOURCE_DIR) + "/tests/cel/" + file);
    for (std::string line; std::getline(in, line);) {
      const auto json = runtime::parse_json(line, {.nul_allowed = true});
      REQUIRE(json);
      texts.push_back(json->find("expr")->as_string());
    }
  }
  return texts;
}

class Stirrer {
 public:
  explicit Stirrer(const std::vector<std::string>& texts) : texts_(texts) {}

  std::string next() {
    std::string text = any();
    for (int i = pick(4); i > 0; --i) {
      const std::size_t at = pick(static_cast<int>(text.size()) + 1), length = pick(8);
      switch (pick(4)) {
        case 0: text.erase(at, length); break;
        case 1: text.insert(at, tokens[pick(std::size(tokens))]); break;
        case 2: {
          const std::string other = any();
          text.insert(at, other.substr(pick(static_cast<int>(other.size()) + 1), length));
          break;
        }
        default: text.insert(at, 1, static_cast<char>(pick(256)));
      }
    }
    return text;
  }

 private:
  static constexpr const char* tokens[] = {
      "(",    ")",      "[",         "]",        "{",     "}",
      "?",    ":",      ".",         ",",        "-",     "!",
      " is ", " not ",  " or else ", " and ",    "||",    "\"",
      "'",    "\"\"\"", "r'",        "b\"",      "\\",    "1",
      "0x",   "1e9",    "u",         " present", "size(", ".map(x,",
      "`",    "EUR ",   " minutes",  "//",       "\n",    "\xf0\x9f\x98\xac"};
  std::size_t pick(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  const std::string& any() { return texts_[pick(texts_.size())]; }

  const std::vector<std::string>& texts_;
  std::mt19937 random_{20261121};
};

class AnyName final : public dsl::Names, public interpreter::Scope {
 public:
  std::optional<dsl::NameInfo> find(std::string_view name) const override {
    if (name.size() != 1) return std::nullopt;
    dsl::NameInfo info;
    info.slot = static_cast<unsigned char>(name[0]) % 3;
    return info;
  }
  std::vector<std::string> all() const override { return {"a", "b", "c"}; }
  const Value* slot(std::uint32_t index) const override {
    return index < 2 ? &values_[index] : nullptr;
  }
  interpreter::Timestamp now() const override { return {}; }
  const interpreter::Environment* environment() const override { return &runtime::environment(); }

 private:
  Value values_[2] = {Value::integer(7), interpreter::record({{"b", Value::string("x")}})};
};

void check(const std::string& text, bool plain, std::size_t& read) {
  CAPTURE(text, plain);
  const dsl::Parsed parsed = dsl::parse_expression(text, plain);
  REQUIRE(parsed.tree.has_value() != parsed.problem.has_value());
  if (!parsed.tree) return;
  ++read;
  const std::string printed = dsl::print_expression(*parsed.tree);
  CAPTURE(printed);
  const dsl::Parsed again = dsl::parse_expression(printed, plain);
  // Brackets and escapes make a text longer, so that what is near a limit may pass it.
  const bool at_limit =
      again.problem && (again.problem->code == "BEL1209" || again.problem->code == "BEL1210");
  if (!at_limit) {
    if (again.problem) FAIL(std::string(again.problem->code) + " " + again.problem->message);
    CHECK(dsl::same_expression(*again.tree, *parsed.tree));
  }
  const AnyName names;
  dsl::Expr expr;
  expr.text = text;
  dsl::Diagnostics diagnostics;
  const dsl::CheckedExpr checked =
      dsl::check_expression(expr, names, {.plain = plain}, diagnostics);
  CHECK(checked.ok == (diagnostics.errors() == 0));
  if (!checked.ok) return;
  const interpreter::Evaluated result = interpreter::evaluate(checked.program, names);
  CHECK(result.ok == result.error.empty());
}

TEST_CASE("stirred expressions: read, printed, read again, checked and evaluated") {
  const std::vector<std::string> texts = corpus();
  std::size_t read = 0;
  for (const std::string& text : texts) {
    check(text, true, read);
    check(text, false, read);
  }
  Stirrer stirrer(texts);
  for (int i = 0; i < 6'000; ++i) {
    const std::string text = stirrer.next();
    check(text, true, read);
    check(text, false, read);
  }
  CHECK(read > 4'000);  // otherwise nothing was tried
}

}  // namespace
}  // namespace belay
