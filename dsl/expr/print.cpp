// Tree → canonical text. CEL's operators (the skin is spelling), brackets only where the grammar
// needs them, literals as the value prints. parse(print(tree)) is the same tree;
// tests/dsl/expr_print_test.cpp holds that over random trees.
#include <algorithm>

#include "dsl/expr/tree.h"
#include "interpreter/value.h"

namespace belay::dsl {
namespace {

using interpreter::Value;

// How tight a node binds; a child that binds looser than its place needs brackets.
enum Level {
  kChoice = 0,
  kOrLevel,
  kAndLevel,
  kRelation,
  kAlternative,
  kSum,
  kProduct,
  kUnary,
  kPostfix
};

bool is_number(const Tree& node) {
  if (node.op != Op::kLiteral) return false;
  const Value::Kind kind = node.literal.kind();
  return kind == Value::Kind::kInt || kind == Value::Kind::kUint || kind == Value::Kind::kDouble ||
         kind == Value::Kind::kDuration;
}

Level level_of(const Tree& node) {
  switch (node.op) {
    case Op::kConditional: return kChoice;
    case Op::kOr: return kOrLevel;
    case Op::kAnd: return kAndLevel;
    case Op::kPresent: return kRelation;
    case Op::kOrElse: return kAlternative;
    case Op::kNot:
    case Op::kNegate: return kUnary;
    case Op::kBinary:
      if (node.text == "+" || node.text == "-") return kSum;
      if (node.text == "*" || node.text == "/" || node.text == "%") return kProduct;
      return kRelation;
    default: return kPostfix;
  }
}

bool is_plain_name(const std::string& text) {
  return !text.empty() && !(text[0] >= '0' && text[0] <= '9') &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_';
         });
}

std::string print(const Tree& node);

std::string at_level(const Tree& node, Level least) {
  return level_of(node) < least ? "(" + print(node) + ")" : print(node);
}

std::string joined(const std::vector<Tree>& args, std::size_t from) {
  std::string out;
  for (std::size_t i = from; i < args.size(); ++i) out += (i > from ? ", " : "") + print(args[i]);
  return out;
}

std::string logical(const Tree& node, const char* op, Level inside) {
  std::string out;
  for (std::size_t i = 0; i < node.args.size(); ++i)
    out += (i > 0 ? op : "") + at_level(node.args[i], inside);
  return out;
}

std::string print(const Tree& node) {
  const auto arg = [&](std::size_t i, Level least) { return at_level(node.args[i], least); };
  // `.field` right after a number or a negative one would be read as part of it.
  const auto base = [&] {
    return is_number(node.args[0]) ? "(" + print(node.args[0]) + ")" : arg(0, kPostfix);
  };
  switch (node.op) {
    case Op::kLiteral: return interpreter::to_text(node.literal);
    case Op::kName: return node.text;
    case Op::kField:
      return base() + "." + (is_plain_name(node.text) ? node.text : "`" + node.text + "`");
    case Op::kOptionalField:
      return base() + ".?" + (is_plain_name(node.text) ? node.text : "`" + node.text + "`");
    case Op::kOptionalIndex: return base() + "[?" + print(node.args[1]) + "]";
    case Op::kOptionalEntry: return "?" + print(node.args[0]);
    case Op::kIndex: return base() + "[" + print(node.args[1]) + "]";
    case Op::kCall: return node.text + "(" + joined(node.args, 0) + ")";
    case Op::kMemberCall: return base() + "." + node.text + "(" + joined(node.args, 1) + ")";
    case Op::kList: return "[" + joined(node.args, 0) + "]";
    case Op::kMap: {
      std::string out = "{";
      for (std::size_t i = 0; i + 1 < node.args.size(); i += 2) {
        const bool optional = node.args[i + 1].op == Op::kOptionalEntry;
        const Tree& value = optional ? node.args[i + 1].args[0] : node.args[i + 1];
        out += std::string(i > 0 ? ", " : "") + (optional ? "?" : "") + print(node.args[i]) + ": " +
               print(value);
      }
      return out + "}";
    }
    case Op::kNot: return "!" + arg(0, kUnary);
    case Op::kNegate:
      return is_number(node.args[0]) ? "-(" + print(node.args[0]) + ")" : "-" + arg(0, kUnary);
    case Op::kBinary: {
      const Level level = level_of(node);
      const Level right = static_cast<Level>(level + 1);
      // `a - -1` keeps its blank; a comparison on the left of a comparison needs no brackets, on
      // the right it does.
      return arg(0, level) + " " + node.text + " " + arg(1, right);
    }
    case Op::kAnd: return logical(node, " && ", kRelation);
    case Op::kOr: return logical(node, " || ", kAndLevel);
    case Op::kConditional:
      return arg(0, kOrLevel) + " ? " + arg(1, kOrLevel) + " : " + arg(2, kChoice);
    case Op::kPresent: return arg(0, kRelation) + " is present";
    case Op::kOrElse: return arg(0, kAlternative) + " or else " + arg(1, kSum);
  }
  return {};
}

}  // namespace

std::string print_expression(const Tree& tree) { return print(tree); }

bool same_expression(const Tree& a, const Tree& b) {
  return a.op == b.op && a.text == b.text && a.literal == b.literal &&
         a.args.size() == b.args.size() &&
         std::equal(a.args.begin(), a.args.end(), b.args.begin(), same_expression);
}

}  // namespace belay::dsl
