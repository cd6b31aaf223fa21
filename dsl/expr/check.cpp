// Names, types and presence. One walk, top down, that carries what is known to be present (`known`)
// and brings back the type and what the value proves: `a and b` checks b knowing what a proves when
// true, `a or b` what a proves when false, so that `phone is present and phone.size() > 3` reads
// phone where it certainly exists.
//
// Types come from the declarations; `json` is open and checks nothing. After a complaint the type
// is kError, which fits everything and stays silent. In plain mode (CEL alone) types are not
// enforced: what CEL finds at run time stays there. Operators are in check_operators.cpp, functions
// and macros in check_calls.cpp, fitting in fit.cpp. Tested in tests/dsl/expr_check_test.cpp.
#include "dsl/expr/check.h"

#include <algorithm>
#include <iterator>

#include "interpreter/value.h"

namespace belay::dsl {

using interpreter::ExprKind;
using interpreter::Type;
using interpreter::Value;
using Base = interpreter::Type::Base;

namespace {

Typed typed(Type type) {
  return {.type = std::move(type), .when_true = {}, .when_false = {}, .maybe_absent = false};
}
Typed typed(Base base) { return typed(type_of(base)); }

Facts both(const Facts& a, const Facts& b) {
  Facts out = a;
  out.insert(b.begin(), b.end());
  return out;
}

Facts common(const Facts& a, const Facts& b) {
  Facts out;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(out, out.end()));
  return out;
}

// `x.y.z is present` proves x, x.y and x.y.z.
void add_path(Facts& facts, const std::string& path) {
  for (std::size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
    facts.insert(path.substr(0, dot));
  }
  if (!path.empty()) facts.insert(path);
}

constexpr std::string_view type_names[] = {"bool",
                                           "int",
                                           "uint",
                                           "double",
                                           "string",
                                           "bytes",
                                           "list",
                                           "map",
                                           "null_type",
                                           "type",
                                           "optional_type",
                                           "google.protobuf.Timestamp",
                                           "google.protobuf.Duration"};

bool is_type_name(std::string_view name) {
  return std::find(std::begin(type_names), std::end(type_names), name) != std::end(type_names);
}

}  // namespace

Typed ExprCheck::check(Tree& node, const Facts& known, bool may_be_absent) {
  Typed out = check_node(node, known, may_be_absent);
  node.found.type = out.type;
  return out;
}

Typed ExprCheck::check_node(Tree& node, const Facts& known, bool may_be_absent) {
  switch (node.op) {
    case Op::kLiteral: return check_literal(node);
    case Op::kName: return check_name(node, known, may_be_absent);
    case Op::kField: return check_field(node, known, may_be_absent);
    case Op::kIndex: return check_index(node, known, may_be_absent);
    case Op::kCall: return check_call(node, known);
    case Op::kMemberCall: return check_member_call(node, known);
    case Op::kList: return check_list(node, known);
    case Op::kMap: return check_map(node, known);
    case Op::kNot: return check_not(node, known);
    case Op::kNegate: return check_negate(node, known);
    case Op::kBinary: return check_binary(node, known);
    case Op::kAnd:
    case Op::kOr: return check_logic(node, known);
    case Op::kConditional: return check_conditional(node, known);
    case Op::kPresent: return check_present(node, known);
    case Op::kOrElse: return check_or_else(node, known, may_be_absent);
    case Op::kOptionalField:
    case Op::kOptionalIndex:
    case Op::kOptionalEntry: return check_optional(node, known);
  }
  return typed(Base::kError);
}

Typed ExprCheck::check_literal(const Tree& node) {
  switch (node.literal.kind()) {
    case Value::Kind::kNull: return typed(Base::kNull);
    case Value::Kind::kBool: return typed(Base::kBool);
    case Value::Kind::kInt: return typed(Base::kInt);
    case Value::Kind::kUint: return typed(Base::kUint);
    case Value::Kind::kDouble: return typed(Base::kDouble);
    case Value::Kind::kString: return typed(Base::kText);
    case Value::Kind::kBytes: return typed(Base::kBytes);
    case Value::Kind::kTimestamp: return typed(Base::kTimestamp);
    case Value::Kind::kDuration: return typed(Base::kDuration);
    case Value::Kind::kMoney: return typed(Base::kMoney);
    case Value::Kind::kType: return typed(Base::kType);
    default: return typed(Base::kJson);
  }
}

// ---- Names and fields

bool ExprCheck::is_local(std::string_view name) const {
  return std::any_of(locals_.begin(), locals_.end(),
                     [&](const auto& local) { return local.first == name; });
}

std::string ExprCheck::path_of(const Tree& node) const {
  if (node.op == Op::kName) return node.text.starts_with('.') ? node.text.substr(1) : node.text;
  if (node.op != Op::kField) return {};
  const std::string base = path_of(node.args[0]);
  return base.empty() ? base : base + "." + node.text;
}

Typed ExprCheck::check_name(Tree& node, const Facts& known, bool may_be_absent) {
  const bool rooted = node.text.starts_with('.');
  const std::string name = rooted ? node.text.substr(1) : node.text;
  for (std::size_t i = locals_.size(); i-- > 0 && !rooted;) {
    if (locals_[i].first != name) continue;
    node.found = {.kind = ExprKind::kLocal, .index = static_cast<std::uint32_t>(i)};
    return typed(locals_[i].second);
  }
  Type qualified;
  if (options_.plain && find_qualified(node, name, rooted, qualified)) return typed(qualified);
  if (const auto info = options_.plain ? std::nullopt : names_.find(name)) {
    reads_.insert(name);
    node.found = {.kind = ExprKind::kSlot, .index = info->slot};
    const bool maybe = (info->may_be_absent || info->type.optional) && !known.contains(name);
    if (maybe && !may_be_absent) {
      Diagnostic& d = report("BEL5201", node, "`" + name + "` may be absent here");
      if (!info->absent_because.empty()) d.notes.push_back({.text = info->absent_because});
      d.help = "ask first with `" + name + " is present`, or give another value with `" + name +
               " or else …`";
    }
    Typed out = typed(info->type);
    out.type.optional = false;
    out.maybe_absent = maybe;
    return out;
  }
  if (name == "now" && !options_.plain) {
    node.found.kind = ExprKind::kNow;
    return typed(Base::kTimestamp);
  }
  if (!options_.plain && name != "optional_type" && is_type_name(name)) {
    node.literal = Value::type(name);
    node.found.constant = true;
    return typed(Base::kType);
  }
  if (options_.plain) {  // an error when it is evaluated, which `||` may absorb
    node.found = {.kind = ExprKind::kSlot, .index = unknown_index};
    return typed(Base::kJson);
  }
  Diagnostic& d = report("BEL3201", node, "`" + name + "` is not known here");
  std::vector<std::string> candidates = names_.all();
  for (const auto& local : locals_) candidates.push_back(local.first);
  candidates.push_back("now");
  suggest(d, name, candidates);
  return typed(Base::kError);
}

// In container a.b the name x is a.b.x, a.x or x, whichever comes first; a leading dot means x
// alone.
bool ExprCheck::find_qualified(Tree& node, std::string_view path, bool rooted, Type& type) {
  std::string within = rooted ? "" : options_.container;
  while (true) {
    const std::string name = within.empty() ? std::string(path) : within + "." + std::string(path);
    if (const auto info = names_.find(name)) {
      node.found = {.kind = ExprKind::kSlot, .index = info->slot};
      reads_.insert(name);
      type = info->type;
      return true;
    }
    if (is_type_name(name)) {
      node.literal = Value::type(name);
      node.found.constant = true;
      type = type_of(Base::kType);
      return true;
    }
    if (within.empty()) return false;
    const std::size_t dot = within.rfind('.');
    within.resize(dot == std::string::npos ? 0 : dot);
  }
}

Typed ExprCheck::check_field(Tree& node, const Facts& known, bool may_be_absent) {
  const std::string path = path_of(node);
  if (options_.plain && !path.empty()) {
    const std::string root = path.substr(0, path.find('.'));
    const Tree* first = &node;
    while (first->op == Op::kField) first = &first->args[0];
    const bool rooted = first->text.starts_with('.');
    Type type;  // CEL's qualified names: `x.y` may be one variable
    if ((rooted || !is_local(root)) && find_qualified(node, path, rooted, type)) return typed(type);
  }
  node.found.kind = ExprKind::kField;
  const Typed base = check(node.args[0], known, may_be_absent);
  Typed out = typed(Base::kJson);
  out.maybe_absent = base.maybe_absent;
  switch (base.type.base) {
    case Base::kError: out.type = type_of(Base::kError); return out;
    case Base::kJson: return out;
    case Base::kMap:
      out.type = base.type.element.empty() ? type_of(Base::kJson) : bare(base.type.element[0]);
      return out;
    case Base::kMoney:
      if (node.text == "minor") {
        out.type = type_of(Base::kInt);
        return out;
      }
      if (node.text == "currency") {
        out.type = type_of(Base::kText);
        return out;
      }
      break;
    case Base::kRecord: {
      for (const interpreter::Field& field : base.type.fields) {
        if (field.name != node.text) continue;
        const bool maybe = field.type.optional && (path.empty() || !known.contains(path));
        if (maybe && !may_be_absent) {
          report("BEL5201", node, "`" + source_of(node) + "` may be absent: the field is optional")
              .help = "ask first with `" + source_of(node) +
                      " is present`, or give another value with `" + source_of(node) +
                      " or else …`";
        }
        out.type = field.type;
        out.type.optional = false;
        out.maybe_absent = out.maybe_absent || maybe;
        return out;
      }
      const std::string owner =
          base.type.record.empty() ? source_of(node.args[0]) : base.type.record;
      Diagnostic& d =
          report_mark("BEL3202", node, "`" + owner + "` has no field `" + node.text + "`");
      std::vector<std::string> names;
      for (const interpreter::Field& field : base.type.fields) names.push_back(field.name);
      suggest(d, node.text, names);
      if (d.help.empty() && !names.empty() && names.size() <= 8) {
        for (const std::string& name : names)
          d.help += (d.help.empty() ? "its fields are `" : ", `") + name + "`";
      }
      out.type = type_of(Base::kError);
      return out;
    }
    default: break;
  }
  if (options_.plain) return out;
  Diagnostic& d = report_mark("BEL4212", node,
                              "`" + source_of(node.args[0]) + "` is " + to_text(base.type) +
                                  " and has no field `" + node.text + "`");
  if (base.type.base == Base::kMoney) d.help = "money has `minor` and `currency`";
  out.type = type_of(Base::kError);
  return out;
}

Typed ExprCheck::check_index(Tree& node, const Facts& known, bool may_be_absent) {
  node.found.kind = ExprKind::kIndex;
  const Typed base = check(node.args[0], known, may_be_absent);
  const Typed key = check(node.args[1], known);
  Typed out = typed(Base::kJson);
  out.maybe_absent = base.maybe_absent;
  if (is_error(base.type) || is_error(key.type)) return typed(Base::kError);
  if (options_.plain || is_open(base.type)) return out;
  const Type element =
      base.type.element.empty() ? type_of(Base::kJson) : bare(base.type.element[0]);
  if (base.type.base == Base::kList) {
    if (key.type.base != Base::kInt && !is_open(key.type)) {
      report("BEL4214", node.args[1], "a list is indexed by int, not by " + to_text(key.type));
      return typed(Base::kError);
    }
    out.type = element;
    return out;
  }
  if (base.type.base == Base::kMap) {
    if (!is_text(key.type) && !is_open(key.type)) {
      report("BEL4214", node.args[1], "this map has text keys, not " + to_text(key.type));
      return typed(Base::kError);
    }
    out.type = element;
    return out;
  }
  Diagnostic& d = report(
      "BEL4214", node.args[0],
      "`" + source_of(node.args[0]) + "` is " + to_text(base.type) + " and cannot be indexed");
  if (base.type.base == Base::kRecord) d.help = "read a field with `.name`";
  return typed(Base::kError);
}

// Only plain CEL has them, and it leaves types to run time.
Typed ExprCheck::check_optional(Tree& node, const Facts& known) {
  node.found.kind = node.op == Op::kOptionalField   ? ExprKind::kOptionalField
                    : node.op == Op::kOptionalIndex ? ExprKind::kOptionalIndex
                                                    : ExprKind::kOptionalEntry;
  for (Tree& arg : node.args) check(arg, known);
  return typed(Base::kJson);
}

// ---- Logic and presence

Typed ExprCheck::check_logic(Tree& node, const Facts& known) {
  const bool is_and = node.op == Op::kAnd;
  node.found.kind = is_and ? ExprKind::kAnd : ExprKind::kOr;
  Typed out = typed(Base::kBool);
  Facts so_far = known;
  bool first = true;
  for (std::size_t i = 0; i < node.args.size(); ++i) {
    const Typed side = check(node.args[i], so_far);
    if (side.type.base != Base::kBool && !is_open(side.type) && !options_.plain)
      value_as_condition(node, i, side.type);
    so_far = both(so_far, is_and ? side.when_true : side.when_false);
    if (is_and) {
      out.when_true = both(out.when_true, side.when_true);
      out.when_false = first ? side.when_false : common(out.when_false, side.when_false);
    } else {
      out.when_false = both(out.when_false, side.when_false);
      out.when_true = first ? side.when_true : common(out.when_true, side.when_true);
    }
    first = false;
  }
  return out;
}

// `status is "a" or "b"`: not a type error to the author, but a list that was meant.
void ExprCheck::value_as_condition(const Tree& logic, std::size_t at, const Type& type) {
  std::size_t first = at;
  while (first > 0 && logic.args[first].op == Op::kLiteral) --first;
  const Tree& comparison = logic.args[first];
  const bool compares =
      comparison.op == Op::kBinary && (comparison.text == "==" || comparison.text == "!=");
  if (logic.args[at].op != Op::kLiteral || !compares) {
    condition(const_cast<Tree&>(logic.args[at]), type);
    return;
  }
  std::string values = source_of(comparison.args[1]);
  for (std::size_t i = first + 1; i < logic.args.size() && logic.args[i].op == Op::kLiteral; ++i) {
    values += ", " + source_of(logic.args[i]);
  }
  report("BEL4203", logic.args[at],
         "`" + source_of(logic.args[at]) + "` is a value, not a condition")
      .help = "write `" + source_of(comparison.args[0]) +
              (comparison.text == "==" ? " is one of [" : " is not one of [") + values + "]`";
}

void ExprCheck::condition(Tree& node, const Type& type) {
  if (type.base == Base::kBool || is_open(type) || options_.plain) return;
  Diagnostic& d = report("BEL4209", node,
                         "`" + source_of(node) + "` is " + to_text(type) + ", not a condition");
  d.help = "say what to compare, such as `" + source_of(node) + " is …`, or ask `" +
           source_of(node) + " is present`";
}

Typed ExprCheck::check_not(Tree& node, const Facts& known) {
  node.found = {.kind = ExprKind::kCall,
                .index = static_cast<std::uint32_t>(interpreter::Function::kNot)};
  Typed inner = check(node.args[0], known);
  condition(node.args[0], inner.type);
  inner.type = type_of(Base::kBool);
  std::swap(inner.when_true, inner.when_false);
  return inner;
}

Typed ExprCheck::check_conditional(Tree& node, const Facts& known) {
  node.found.kind = ExprKind::kConditional;
  const Typed test = check(node.args[0], known);
  condition(node.args[0], test.type);
  const Typed yes = check(node.args[1], both(known, test.when_true));
  const Typed no = check(node.args[2], both(known, test.when_false));
  return typed(join_types(yes.type, no.type));
}

Typed ExprCheck::check_present(Tree& node, const Facts& known) {
  node.found.kind = ExprKind::kPresent;
  const Typed inner = check(node.args[0], known, true);
  Typed out = typed(Base::kBool);
  if (!is_error(inner.type)) add_path(out.when_true, path_of(node.args[0]));
  return out;
}

Typed ExprCheck::check_or_else(Tree& node, const Facts& known, bool may_be_absent) {
  node.found.kind = ExprKind::kOrElse;
  const Typed left = check(node.args[0], known, true);
  const Typed right = check(node.args[1], known, may_be_absent);
  Typed out = typed(join_types(left.type, right.type));
  out.maybe_absent = right.maybe_absent;
  if (comparable(left.type, right.type) || options_.plain) return out;
  report("BEL4204", node.args[1],
         "`or else` needs " + to_text(bare(left.type)) + " here, not " + to_text(right.type));
  out.type = type_of(Base::kError);
  return out;
}

// ---- Lists and maps

Typed ExprCheck::check_list(Tree& node, const Facts& known) {
  node.found.kind = ExprKind::kList;
  std::optional<Type> element;
  for (Tree& arg : node.args) {
    const Typed item = check(arg, known);
    element = element ? join_types(*element, item.type) : bare(item.type);
  }
  if (element && is_error(*element))
    element = type_of(Base::kJson);  // complained about already; the list stands
  return typed(list_of(element.value_or(type_of(Base::kJson))));
}

Typed ExprCheck::check_map(Tree& node, const Facts& known) {
  node.found.kind = ExprKind::kMap;
  std::optional<Type> element;
  bool text_keys = true;
  Facts keys;
  for (std::size_t i = 0; i + 1 < node.args.size(); i += 2) {
    const Typed key = check(node.args[i], known);
    const Typed value = check(node.args[i + 1], known);
    text_keys = text_keys && (is_text(key.type) || is_open(key.type));
    element = element ? join_types(*element, value.type) : bare(value.type);
    if (options_.plain) continue;
    if (!is_text(key.type) && !is_open(key.type)) {
      Diagnostic& d =
          report("BEL4211", node.args[i], "the key of a map is text, not " + to_text(key.type));
      if (node.args[i].op == Op::kName)
        d.help = "put the key in quotes: `\"" + node.args[i].text + "\"`";
    } else if (node.args[i].op == Op::kLiteral && key.type.base == Base::kText &&
               !keys.insert(node.args[i].literal.as_string()).second) {
      report("BEL4211", node.args[i],
             "the key " + source_of(node.args[i]) + " stands twice in the map");
    }
  }
  if (!text_keys || (element && is_error(*element))) return typed(Base::kJson);
  Type type = type_of(Base::kMap);
  type.element.push_back(element.value_or(type_of(Base::kJson)));
  return typed(std::move(type));
}

// ---- Reports

Diagnostic& ExprCheck::report(std::string_view code, std::uint32_t at, std::uint32_t length,
                              std::string message) {
  failed_ = true;
  return diagnostics_.add(code, span_in(expr_, at, length), std::move(message));
}

Diagnostic& ExprCheck::report(std::string_view code, const Tree& node, std::string message) {
  return report(code, node.begin, node.end - node.begin, std::move(message));
}

Diagnostic& ExprCheck::report_mark(std::string_view code, const Tree& node, std::string message) {
  return report(code, node.mark, node.mark_length, std::move(message));
}

std::string ExprCheck::source_of(const Tree& node) const {
  constexpr std::size_t longest = 60;
  std::string out = expr_.text.substr(node.begin, node.end - node.begin);
  std::replace(out.begin(), out.end(), '\n', ' ');
  if (out.size() > longest) out = "…";
  return out;
}

void ExprCheck::suggest(Diagnostic& diagnostic, std::string_view name,
                        const std::vector<std::string>& candidates) {
  const std::string near = nearest(name, candidates);
  if (!near.empty()) did_you_mean(diagnostic, name, near);
}

}  // namespace belay::dsl
