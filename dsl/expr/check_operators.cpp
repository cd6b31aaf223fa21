// Operators by type: `int + int`, `money + money`, `money * int`, `timestamp ± duration`, `text +
// text`, lists; and comparisons, where two sides that can never be equal are a mistake, and so is
// text that is none of the options.
#include <algorithm>

#include "dsl/expr/check.h"
#include "interpreter/value.h"

namespace belay::dsl {

using interpreter::ExprKind;
using interpreter::Function;
using interpreter::Type;
using interpreter::Value;
using Base = interpreter::Type::Base;

namespace {

Typed typed(Type type) {
  return {.type = std::move(type), .when_true = {}, .when_false = {}, .maybe_absent = false};
}

struct Arithmetic {
  char op;
  Base left, right, result;
};

constexpr Arithmetic rules[] = {
    {'+', Base::kMoney, Base::kMoney, Base::kMoney},
    {'-', Base::kMoney, Base::kMoney, Base::kMoney},
    {'*', Base::kMoney, Base::kInt, Base::kMoney},
    {'*', Base::kInt, Base::kMoney, Base::kMoney},
    {'+', Base::kTimestamp, Base::kDuration, Base::kTimestamp},
    {'+', Base::kDuration, Base::kTimestamp, Base::kTimestamp},
    {'-', Base::kTimestamp, Base::kDuration, Base::kTimestamp},
    {'-', Base::kTimestamp, Base::kTimestamp, Base::kDuration},
    {'+', Base::kDuration, Base::kDuration, Base::kDuration},
    {'-', Base::kDuration, Base::kDuration, Base::kDuration},
    {'+', Base::kBytes, Base::kBytes, Base::kBytes},
};

std::string arithmetic_help(const std::string& op, const Type& a, const Type& b) {
  if (op == "+" && (is_text(a) || is_text(b)))
    return "turn the other side into text with `string(…)`";
  if (a.base == Base::kMoney || b.base == Base::kMoney) {
    if (op == "*" && (a.base == Base::kDouble || b.base == Base::kDouble))
      return "for a part of an amount use `.share(19, 100)`";
    if (op == "/") return "for a part of an amount use `.share(1, 3)` or `.split(3)`";
    if (op == "+" || op == "-") return "an amount has a currency: `EUR 5.00`";
  }
  if ((op == "+" || op == "-") && (a.base == Base::kTimestamp || b.base == Base::kTimestamp)) {
    return "add a duration such as `15 minutes`";
  }
  if (is_number(a) && is_number(b)) return "convert one side with `int(…)` or `double(…)`";
  return {};
}

}  // namespace

Typed ExprCheck::check_negate(Tree& node, const Facts& known) {
  node.found = {.kind = ExprKind::kCall, .index = static_cast<std::uint32_t>(Function::kNegate)};
  const Typed inner = check(node.args[0], known);
  const Base base = inner.type.base;
  if (options_.plain || is_open(inner.type)) return typed(bare(inner.type));
  if (base == Base::kInt || base == Base::kDouble || base == Base::kMoney ||
      base == Base::kDuration) {
    return typed(bare(inner.type));
  }
  report_mark("BEL4201", node, "`-` cannot take " + to_text(inner.type));
  return typed(type_of(Base::kError));
}

Typed ExprCheck::check_binary(Tree& node, const Facts& known) {
  static constexpr std::pair<std::string_view, Function> functions[] = {
      {"+", Function::kAdd},       {"-", Function::kSubtract},      {"*", Function::kMultiply},
      {"/", Function::kDivide},    {"%", Function::kModulo},        {"==", Function::kEqual},
      {"!=", Function::kNotEqual}, {"<", Function::kLess},          {"<=", Function::kLessEqual},
      {">", Function::kGreater},   {">=", Function::kGreaterEqual}, {"in", Function::kIn}};
  node.found.kind = ExprKind::kCall;
  for (const auto& [text, function] : functions) {
    if (text == node.text) node.found.index = static_cast<std::uint32_t>(function);
  }
  const Typed a = check(node.args[0], known);
  const Typed b = check(node.args[1], known);
  const bool is_arithmetic = std::string_view("+-*/%").find(node.text) != std::string_view::npos;
  if (is_arithmetic) {
    return typed(options_.plain ? type_of(Base::kJson)
                                : arithmetic(node, bare(a.type), bare(b.type)));
  }
  if (!options_.plain)
    node.text == "in" ? compare_in(node, a.type, b.type) : compare(node, a.type, b.type);
  return typed(type_of(Base::kBool));
}

Type ExprCheck::arithmetic(Tree& node, const Type& a, const Type& b) {
  if (is_error(a) || is_error(b)) return type_of(Base::kError);
  if (is_open(a) && is_open(b)) return type_of(Base::kJson);
  const char op = node.text[0];
  if (is_open(a) || is_open(b)) {  // the open side may turn out to fit
    const Type& other = is_open(a) ? b : a;
    if (is_number(other) || other.base == Base::kMoney || other.base == Base::kDuration ||
        other.base == Base::kTimestamp) {
      return type_of(Base::kJson);
    }
    if (op == '+' && (is_text(other) || other.base == Base::kList || other.base == Base::kBytes)) {
      return is_text(other)              ? type_of(Base::kText)
             : other.base == Base::kList ? list_of(type_of(Base::kJson))
                                         : other;
    }
  } else if (is_number(a) && a.base == b.base && !(op == '%' && a.base == Base::kDouble)) {
    return a;
  } else if (op == '+' && is_text(a) && is_text(b)) {
    return type_of(Base::kText);
  } else if (op == '+' && a.base == Base::kList && b.base == Base::kList) {
    return join_types(a, b);
  } else {
    for (const Arithmetic& rule : rules) {
      if (rule.op == op && rule.left == a.base && rule.right == b.base) return type_of(rule.result);
    }
  }
  report_mark("BEL4201", node,
              "`" + node.text + "` cannot take " + to_text(a) + " and " + to_text(b))
      .help = arithmetic_help(node.text, a, b);
  return type_of(Base::kError);
}

void ExprCheck::compare(Tree& node, const Type& a, const Type& b) {
  if (is_error(a) || is_error(b)) return;
  const bool ordered = node.text != "==" && node.text != "!=";
  if (!comparable(a, b)) {
    Diagnostic& d = report_mark("BEL4204", node,
                                to_text(bare(a)) + " and " + to_text(bare(b)) +
                                    (ordered ? " cannot be ordered" : " are never equal"));
    if (a.base == Base::kMoney || b.base == Base::kMoney)
      d.help = "an amount has a currency: `EUR 5.00`";
    if (a.base == Base::kList || b.base == Base::kList)
      d.help = "to look into a list write `is one of`";
    return;
  }
  if (ordered) {
    for (const Type* side : {&a, &b}) {
      const bool has_order = is_open(*side) || is_text(*side) || is_number(*side) ||
                             side->base == Base::kBool || side->base == Base::kMoney ||
                             side->base == Base::kTimestamp || side->base == Base::kDuration ||
                             side->base == Base::kBytes;
      if (has_order) continue;
      report_mark("BEL4204", node, to_text(bare(*side)) + " has no order");
      return;
    }
    return;
  }
  compare_literal(node.args[0], b);
  compare_literal(node.args[1], a);
}

// Text against a type whose values are known beforehand: a typing error can never match.
void ExprCheck::compare_literal(const Tree& literal, const Type& other) {
  if (literal.op != Op::kLiteral || literal.literal.kind() != Value::Kind::kString) return;
  const std::string& text = literal.literal.as_string();
  if (other.base == Base::kOneOf) {
    if (std::find(other.options.begin(), other.options.end(), text) != other.options.end()) return;
    Diagnostic& d = report("BEL4205", literal, source_of(literal) + " is none of the options");
    suggest(d, text, other.options);
    if (d.help.empty()) d.help = "the type is `" + to_text(bare(other)) + "`";
    return;
  }
  const std::string example = is_text(other) ? malformed_as(text, other.base) : "";
  if (!example.empty()) {
    report("BEL4206", literal,
           source_of(literal) + " is no " + to_text(bare(other)) + ", so they are never equal")
        .help = "a " + to_text(bare(other)) + " looks like `" + example + "`";
  }
}

void ExprCheck::compare_in(Tree& node, const Type& a, const Type& b) {
  if (is_error(a) || is_open(b)) return;
  const Type element = b.element.empty() ? type_of(Base::kJson) : b.element[0];
  const Tree& range = node.args[1];
  if (b.base == Base::kList) {
    if (range.op == Op::kList) {  // item by item: a mixed list is no excuse
      for (const Tree& item : range.args) {
        if (item.op != Op::kLiteral) continue;
        const Type type = check_literal(item).type;
        if (!comparable(a, type)) {
          report("BEL4204", item, to_text(bare(a)) + " and " + to_text(type) + " are never equal");
        } else {
          compare_literal(item, a);
        }
      }
    }
    if (!comparable(a, element)) {
      report_mark("BEL4204", node, to_text(bare(a)) + " is never in a " + to_text(bare(b)));
    }
    return;
  }
  if (b.base == Base::kMap || b.base == Base::kRecord) {
    if (!is_text(a) && !is_open(a))
      report_mark("BEL4204", node, "the keys of a map are text, not " + to_text(bare(a)));
    return;
  }
  report_mark("BEL4201", node, "a list is needed on the right, not " + to_text(bare(b))).help =
      is_text(b) && is_text(a) ? "for a part of a text write `text.contains(\"part\")`"
                               : "write `is one of [..]`";
}

}  // namespace belay::dsl
