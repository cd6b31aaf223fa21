// Whether an expression fits the type that its place wants. Literals get a closer look than values:
// a text is checked against the options, the form of a uuid or a date, the bounds; a map literal
// against the fields of a record. A text literal where a timestamp or a duration is wanted becomes
// one.
#include <algorithm>

#include "dsl/expr/check.h"
#include "interpreter/text.h"
#include "interpreter/time.h"

namespace belay::dsl {

using interpreter::Field;
using interpreter::Type;
using interpreter::Value;
using Base = interpreter::Type::Base;

namespace {

std::string for_whom(const std::string& wanted_for) {
  return wanted_for.empty() ? "" : " for " + wanted_for;
}

}  // namespace

void ExprCheck::misfit(const Tree& node, const Type& wanted, const std::string& wanted_for) {
  const Type type = bare(node.found.type);
  Diagnostic& d = report("BEL4202", node,
                         to_text(type) + " does not fit " + to_text(wanted) + for_whom(wanted_for));
  const Base base = wanted.base;
  if (base == Base::kMoney && is_number(type)) {
    d.help = "an amount has a currency: `EUR 49.90` or `money(\"EUR\", 4990)`";
  } else if (is_text(type) && is_text(wanted)) {  // nothing to convert with: say what would do
    d.help = "declare it as `" + to_text(bare(wanted)) + "` where it comes from";
  } else if (base == Base::kDuration && type.base == Base::kInt) {
    d.help = "a duration has a unit: `15 minutes`";
  } else if (base == Base::kInt && type.base == Base::kMoney) {
    d.help = "the minor units of an amount are `.minor`";
  } else if ((base == Base::kInt || base == Base::kDouble) && (is_text(type) || is_number(type))) {
    d.help = base == Base::kInt ? "convert it with `int(…)`" : "convert it with `double(…)`";
  } else if (base == Base::kText &&
             (is_number(type) || type.base == Base::kBool || type.base == Base::kMoney ||
              type.base == Base::kTimestamp || type.base == Base::kDuration)) {
    d.help = "turn it into text with `string(…)`";
  } else if (type.base == Base::kNull) {
    d.help = "a value must be given here";
  }
}

void ExprCheck::fit(Tree& node, const Type& wanted, const std::string& wanted_for) {
  if (options_.plain || is_open(node.found.type) || is_open(wanted)) return;
  if (node.op == Op::kConditional || node.op == Op::kOrElse) {  // each outcome by itself
    for (std::size_t i = node.op == Op::kConditional ? 1 : 0; i < node.args.size(); ++i)
      fit(node.args[i], wanted, wanted_for);
    return;
  }
  if (node.op == Op::kList && wanted.base == Base::kList && !wanted.element.empty()) {
    if (wanted.size_max && static_cast<std::int64_t>(node.args.size()) > *wanted.size_max) {
      report("BEL4207", node,
             "at most " + std::to_string(*wanted.size_max) + " items fit" + for_whom(wanted_for));
    }
    for (Tree& item : node.args) fit(item, wanted.element[0], wanted_for);
    return;
  }
  if (node.op == Op::kMap && (wanted.base == Base::kMap || wanted.base == Base::kRecord)) {
    fit_literal_map(node, wanted, wanted_for);
    return;
  }
  if (node.op == Op::kLiteral && node.literal.kind() == Value::Kind::kString) {
    fit_literal_text(node, wanted, wanted_for);
    return;
  }
  Type from = node.found.type;
  from.optional = false;  // presence was settled where it was read
  if (!fits(from, wanted)) {
    misfit(node, wanted, wanted_for);
    return;
  }
  if (node.op == Op::kLiteral && node.literal.kind() == Value::Kind::kInt) {
    const std::int64_t value = node.literal.as_int();
    if ((wanted.min && value < *wanted.min) || (wanted.max && value > *wanted.max)) {
      report("BEL4207", node, std::to_string(value) + " is out of bounds" + for_whom(wanted_for))
          .help = "it takes `" + to_text(wanted) + "`";
    }
  }
}

void ExprCheck::fit_literal_text(Tree& node, const Type& wanted, const std::string& wanted_for) {
  const std::string text = node.literal.as_string();
  if (wanted.base == Base::kOneOf) {
    if (std::find(wanted.options.begin(), wanted.options.end(), text) != wanted.options.end())
      return;
    Diagnostic& d =
        report("BEL4205", node, source_of(node) + " is none of the options" + for_whom(wanted_for));
    suggest(d, text, wanted.options);
    if (d.help.empty()) d.help = "it takes `" + to_text(bare(wanted)) + "`";
    return;
  }
  const bool times = wanted.base == Base::kTimestamp || wanted.base == Base::kDuration;
  if (!is_text(wanted) && !times) {
    misfit(node, wanted, wanted_for);
    return;
  }
  if (wanted.base == Base::kDuration && text.find(' ') == std::string::npos) {
    // `15m`: what YAML makes of an abbreviated duration.
    report("BEL1206", node, "`" + text + "` is no duration").help =
        "write a number and a whole word, such as `15 minutes`";
    return;
  }
  const std::string example = malformed_as(text, wanted.base);
  if (!example.empty()) {
    report("BEL4206", node,
           source_of(node) + " is no " + to_text(bare(wanted)) + for_whom(wanted_for))
        .help = wanted.base == Base::kDuration ? "write `15 minutes`"
                                               : "it looks like `\"" + example + "\"`";
    return;
  }
  if (wanted.base == Base::kTimestamp)
    node.literal = Value::timestamp(*interpreter::parse_timestamp(text));
  if (wanted.base == Base::kDuration)
    node.literal = Value::duration(*interpreter::parse_duration(text));
  if (wanted.size_max &&
      static_cast<std::int64_t>(interpreter::count_code_points(text)) > *wanted.size_max) {
    report("BEL4207", node,
           "the text has more than " + std::to_string(*wanted.size_max) + " characters" +
               for_whom(wanted_for));
  }
}

void ExprCheck::fit_literal_map(Tree& node, const Type& wanted, const std::string& wanted_for) {
  std::set<std::string> given;
  for (std::size_t i = 0; i + 1 < node.args.size(); i += 2) {
    const Tree& key = node.args[i];
    Tree& value = node.args[i + 1];
    const bool literal_key = key.op == Op::kLiteral && key.literal.kind() == Value::Kind::kString;
    const Type* type = nullptr;
    if (wanted.base == Base::kMap) {
      if (!wanted.element.empty()) type = &wanted.element[0];
    } else if (!literal_key) {
      report("BEL4211", key,
             "the keys must be literal text, so that they can be checked against `" +
                 to_text(bare(wanted)) + "`");
      return;
    } else {
      given.insert(key.literal.as_string());
      for (const Field& field : wanted.fields) {
        if (field.name == key.literal.as_string()) type = &field.type;
      }
      if (type == nullptr) {
        Diagnostic& d = report("BEL4211", key,
                               "`" + to_text(bare(wanted)) + "` has no field " + source_of(key));
        std::vector<std::string> names;
        for (const Field& field : wanted.fields) names.push_back(field.name);
        suggest(d, key.literal.as_string(), names);
        continue;
      }
    }
    if (type == nullptr) continue;
    fit(value, *type, literal_key ? "field `" + key.literal.as_string() + "`" : wanted_for);
  }
  if (wanted.base != Base::kRecord) return;
  for (const Field& field : wanted.fields) {
    if (field.type.optional || given.contains(field.name)) continue;
    report("BEL4211", node.begin, 1,
           "the field `" + field.name + "` of `" + to_text(bare(wanted)) + "` is missing");
  }
}

}  // namespace belay::dsl
