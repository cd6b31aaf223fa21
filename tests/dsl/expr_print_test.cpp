// parse(print(tree)) is the same tree, over trees grown at random from a fixed seed.
#include <random>

#include "../catch.h"
#include "dsl/expr/tree.h"
#include "interpreter/value.h"

namespace belay::dsl {
namespace {

using interpreter::Value;

class Grower {
 public:
  Grower(std::uint32_t seed, bool plain) : random_(seed), plain_(plain) {}

  Tree grow(int depth) {
    if (depth == 0) return leaf();
    const int kind = pick(plain_ ? 14 : 13);
    if (plain_ && kind >= 11) {  // optional values
      if (kind == 11) return node(Op::kOptionalField, depth, 1, one_of({"b", "is", "with-dash"}));
      if (kind == 12) return node(Op::kOptionalIndex, depth, 2);
      const bool list = pick(2) == 0;
      Tree out = node(list ? Op::kList : Op::kMap, depth, 4);
      for (std::size_t i = 1; i < out.args.size(); i += 2) {
        Tree entry;
        entry.op = Op::kOptionalEntry;
        entry.args.push_back(std::move(out.args[i]));
        out.args[i] = std::move(entry);
      }
      return out;
    }
    switch (kind) {
      case 0: return leaf();
      case 1:
        return node(Op::kField, depth, 1, one_of({"b", "is", "not", "x_1", "with-dash", "in"}));
      case 2: return node(Op::kIndex, depth, 2);
      case 3: return node(Op::kCall, depth, pick(3), one_of({"f", "size", "g2"}));
      case 4: return node(Op::kMemberCall, depth, 1 + pick(3), one_of({"f", "or", "size"}));
      case 5: return node(Op::kList, depth, pick(4));
      case 6: return node(Op::kMap, depth, 2 * pick(3));
      case 7: return node(pick(2) ? Op::kNot : Op::kNegate, depth, 1);
      case 8:
        return node(Op::kBinary, depth, 2,
                    one_of({"+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in"}));
      case 9: return node(pick(2) ? Op::kAnd : Op::kOr, depth, 2 + pick(3));
      case 10: return node(Op::kConditional, depth, 3);
      case 11: return node(Op::kPresent, depth, 1);
      default: return node(Op::kOrElse, depth, 2);
    }
  }

 private:
  int pick(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }
  std::string one_of(std::vector<const char*> words) {
    return words[static_cast<std::size_t>(pick(static_cast<int>(words.size())))];
  }

  Tree node(Op op, int depth, int args, std::string text = {}) {
    Tree out;
    out.op = op;
    out.text = std::move(text);
    for (int i = 0; i < args; ++i) out.args.push_back(grow(pick(depth)));
    return out;
  }

  Tree leaf() {
    Tree out;
    switch (pick(plain_ ? 8 : 10)) {
      case 0: out.literal = Value::integer(pick(2000) - 1000); break;
      case 1: out.literal = Value::unsigned_integer(7); break;
      case 2: out.literal = Value::real(pick(100) / 8.0 - 5); break;
      case 3:
        out.literal = Value::string(
            one_of({"", "a", "it's", "\"q\"", "tab\t", "back\\", "line\n", "Grüße", "\x01"}));
        break;
      case 4: out.literal = Value::bytes(one_of({"", "a", "\xff\x01"})); break;
      case 5: out.literal = pick(2) ? Value::boolean(pick(2)) : Value(); break;
      case 8: out.literal = Value::money({pick(10000), {'E', 'U', 'R'}}); break;
      case 9: out.literal = Value::duration({pick(200'000) - 1000, 0}); break;
      default: out.op = Op::kName; out.text = one_of({"a", "price", "x1", "EUR", "m"});
    }
    return out;
  }

  std::mt19937 random_;
  bool plain_;
};

void check(const Tree& tree, bool plain) {
  const std::string text = print_expression(tree);
  CAPTURE(text);
  const Parsed parsed = parse_expression(text, plain);
  if (parsed.problem) FAIL(std::string(parsed.problem->code) + " " + parsed.problem->message);
  CHECK(same_expression(*parsed.tree, tree));
  CHECK(print_expression(*parsed.tree) == text);
}

TEST_CASE("a printed expression reads back as the same tree") {
  for (std::uint32_t seed = 0; seed < 4000; ++seed) {
    CAPTURE(seed);
    check(Grower(seed, false).grow(5), false);
    check(Grower(seed, true).grow(5), true);
  }
}

}  // namespace
}  // namespace belay::dsl
