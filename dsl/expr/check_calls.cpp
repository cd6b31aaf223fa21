// Functions by their signatures (signatures.cpp), and the macros: has, all, exists, exists_one,
// map, filter, and CEL's two-variable forms. A macro's variable is a fresh name: nothing is
// shadowed.
#include <algorithm>

#include "dsl/expr/check.h"
#include "dsl/expr/pattern.h"
#include "dsl/expr/signatures.h"

namespace belay::dsl {

using interpreter::ExprKind;
using interpreter::Function;
using interpreter::Type;
using Base = interpreter::Type::Base;

namespace {

Typed typed(Type type) {
  return {.type = std::move(type), .when_true = {}, .when_false = {}, .maybe_absent = false};
}
Typed typed(Base base) { return typed(type_of(base)); }

bool takes(char code, const Type& type) {
  if (is_open(type)) return true;
  switch (code) {
    case 's': return is_text(type);
    case 'i': return type.base == Base::kInt;
    case 'u': return type.base == Base::kUint;
    case 'd': return type.base == Base::kDouble;
    case 'b': return type.base == Base::kBool;
    case 'y': return type.base == Base::kBytes;
    case 't': return type.base == Base::kTimestamp;
    case 'D': return type.base == Base::kDuration;
    case 'm': return type.base == Base::kMoney;
    case 'L': return type.base == Base::kList;
    case 'M': return type.base == Base::kMap || type.base == Base::kRecord;
    case 'n': return is_number(type);
    default: return true;
  }
}

std::string code_text(char code) {
  switch (code) {
    case 's': return "text";
    case 'i': return "int";
    case 'u': return "uint";
    case 'd': return "double";
    case 'b': return "bool";
    case 'y': return "bytes";
    case 't': return "timestamp";
    case 'D': return "duration";
    case 'm': return "money";
    case 'L': return "list";
    case 'M': return "map";
    case 'n': return "number";
    default: return "anything";
  }
}

Type result_of(char code, const std::vector<Type>& args) {
  switch (code) {
    case 's': return type_of(Base::kText);
    case 'i': return type_of(Base::kInt);
    case 'u': return type_of(Base::kUint);
    case 'd': return type_of(Base::kDouble);
    case 'b': return type_of(Base::kBool);
    case 'y': return type_of(Base::kBytes);
    case 't': return type_of(Base::kTimestamp);
    case 'D': return type_of(Base::kDuration);
    case 'm': return type_of(Base::kMoney);
    case 'S': return list_of(type_of(Base::kText));
    case 'N': return list_of(type_of(Base::kMoney));
    case 'I': return list_of(type_of(Base::kInt));
    case 'J': return list_of(type_of(Base::kJson));
    case 'T': return type_of(Base::kType);
    case '=': return args.empty() ? type_of(Base::kJson) : bare(args[0]);
    default: return type_of(Base::kJson);
  }
}

// "text.startsWith(text)"
std::string form_of(const Signature& signature) {
  std::string out = signature.member ? code_text(signature.params[0]) + "." : "";
  out += std::string(signature.name) + "(";
  for (std::size_t i = signature.member ? 1 : 0; i < signature.params.size(); ++i) {
    if (out.back() != '(') out += ", ";
    out += code_text(signature.params[i]);
  }
  return out + ")";
}

struct Macro {
  std::string_view name;
  ExprKind kind;
  std::size_t variables, args_min, args_max;  // args: without the range
  bool plain_only = false;
};

constexpr Macro macros[] = {
    {"all", ExprKind::kAll, 1, 2, 2},
    {"all", ExprKind::kAll, 2, 3, 3},
    {"exists", ExprKind::kExists, 1, 2, 2},
    {"exists", ExprKind::kExists, 2, 3, 3},
    {"exists_one", ExprKind::kExistsOne, 1, 2, 2},
    {"existsOne", ExprKind::kExistsOne, 1, 2, 2},
    {"existsOne", ExprKind::kExistsOne, 2, 3, 3},
    {"filter", ExprKind::kFilter, 1, 2, 2},
    {"map", ExprKind::kMapMacro, 1, 2, 3},
    {"transformList", ExprKind::kMapMacro, 2, 3, 4},
    {"transformMap", ExprKind::kTransformMap, 2, 3, 4},
    {"exists_one", ExprKind::kExistsOne, 2, 3, 3},
    {"transformMapEntry", ExprKind::kTransformEntries, 2, 3, 4},
    {"sortBy", ExprKind::kSortBy, 1, 2, 2},
    {"optMap", ExprKind::kOptionalMap, 1, 2, 2, true},
    {"optFlatMap", ExprKind::kOptionalFlatMap, 1, 2, 2, true},
};

const Macro* find_macro(const Tree& node, bool plain) {
  const std::size_t count = node.args.size() - 1;
  for (const Macro& macro : macros) {
    if (macro.plain_only && !plain) continue;
    if (macro.name == node.text && count >= macro.args_min && count <= macro.args_max)
      return &macro;
  }
  return nullptr;
}

bool is_macro_name(std::string_view name) {
  return std::any_of(std::begin(macros), std::end(macros),
                     [&](const Macro& m) { return m.name == name; });
}

bool is_namespace(std::string_view name) {
  static constexpr std::string_view names[] = {"math",  "strings", "base64",
                                               "lists", "sets",    "optional"};
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// The names that CEL's optimizers write for variables: cel.index(0), cel.iterVar(0, 1),
// cel.accuVar(0, 1). They become names that nobody can write.
void rename_cel_variable(Tree& node) {
  if (node.op != Op::kMemberCall || node.args[0].op != Op::kName || node.args[0].text != "cel")
    return;
  const bool index = node.text == "index" && node.args.size() == 2;
  const bool loop = (node.text == "iterVar" || node.text == "accuVar") && node.args.size() == 3;
  if (!index && !loop) return;
  std::string name = "@" + node.text;
  for (std::size_t i = 1; i < node.args.size(); ++i) {
    const Tree& number = node.args[i];
    if (number.op != Op::kLiteral || number.literal.kind() != interpreter::Value::Kind::kInt)
      return;
    name += ":" + std::to_string(number.literal.as_int());
  }
  node.op = Op::kName;
  node.text = std::move(name);
  node.args.clear();
}

}  // namespace

Typed ExprCheck::check_call(Tree& node, const Facts& known) {
  if (node.text == "has" && options_.macros) return check_has(node, known);
  const std::string name = node.text.starts_with('.') ? node.text.substr(1) : node.text;
  if (!options_.plain && (name == "min" || name == "max"))
    return check_extreme(node, name == "min" ? "math.least" : "math.greatest", known);
  return check_signature(node, name, false, known);
}

Typed ExprCheck::check_member_call(Tree& node, const Facts& known) {
  if (node.found.kind == ExprKind::kLet) return check_let(node, known);  // a part of cel.block
  if (options_.plain) rename_cel_variable(node);
  if (node.op == Op::kName) return check_name(node, known, false);
  const Tree& receiver = node.args[0];
  const std::string root = receiver.text.starts_with('.') ? receiver.text.substr(1) : receiver.text;
  const bool free = receiver.op == Op::kName && !is_local(root) && !names_.find(root);
  if (free && root == "cel" && options_.macros) {
    if (node.text == "bind" && node.args.size() == 4) {
      node.args.erase(node.args.begin());
      return check_let(node, known);
    }
    if (options_.plain && node.text == "block" && node.args.size() == 3)
      return check_block(node, known);
  }
  if (free && is_namespace(root)) {
    const std::string name = root + "." + node.text;
    node.args.erase(node.args.begin());
    if (name == "math.greatest" || name == "math.least") return check_extreme(node, name, known);
    return check_signature(node, name, false, known);
  }
  if (options_.macros && find_macro(node, options_.plain) != nullptr)
    return check_macro(node, known);
  if (options_.plain && node.args.size() == 2 &&
      (node.text == "or" || node.text == "orValue")) {  // the other side waits
    node.found.kind = node.text == "or" ? ExprKind::kOptionalOr : ExprKind::kOptionalOrValue;
    for (Tree& arg : node.args) check(arg, known);
    return typed(Base::kJson);
  }
  return check_signature(node, node.text, true, known);
}

Typed ExprCheck::check_has(Tree& node, const Facts& known) {
  Typed out = typed(Base::kBool);
  if (options_.plain && node.args.size() == 1 && node.args[0].op == Op::kOptionalField) {
    report("BEL4208", node, "`has` takes a field without `?`");
    return out;
  }
  if (node.args.size() != 1 || node.args[0].op != Op::kField) {
    report("BEL4208", node, "`has` takes one field, such as `has(customer.phone)`").help =
        "to ask for a name write `x is present`";
    return out;
  }
  node.found.kind = ExprKind::kHas;
  node.found.index = options_.plain ? 1 : 0;
  Tree& field = node.args[0];
  const Typed checked = check(field, known, true);
  if (field.found.kind == ExprKind::kSlot) {  // a qualified name of plain CEL
    node.found.kind = ExprKind::kPresent;
    return out;
  }
  if (!is_error(checked.type) && !path_of(field).empty()) {
    const std::string path = path_of(field);
    for (std::size_t dot = path.find('.'); dot != std::string::npos;
         dot = path.find('.', dot + 1)) {
      out.when_true.insert(path.substr(0, dot));
    }
    out.when_true.insert(path);
  }
  return out;
}

bool ExprCheck::declare_variable(const Tree& node, const Type& type) {
  if (node.op != Op::kName || node.text.starts_with('.')) {
    report("BEL3204", node, "a macro needs a fresh name here, not `" + source_of(node) + "`").help =
        "write `items.all(item, item > 0)`";
    return false;
  }
  if (!options_.plain &&
      (is_local(node.text) || names_.find(node.text) || is_reserved_name(node.text))) {
    report("BEL3204", node,
           "`" + node.text + "` is taken; the variable of a macro needs a name of its own");
    return false;
  }
  locals_.emplace_back(node.text, type);
  return true;
}

// cel.bind(name, value, body)
Typed ExprCheck::check_let(Tree& node, const Facts& known) {
  node.found.kind = ExprKind::kLet;
  const Typed value = check(node.args[1], known);
  if (options_.plain) rename_cel_variable(node.args[0]);
  if (!declare_variable(node.args[0], bare(value.type))) return typed(Base::kError);
  const Typed body = check(node.args[2], known);
  locals_.pop_back();
  return typed(body.type);
}

// cel.block([a, b], body): cel.index(0) is a in b and in body. Written as nested cel.bind.
Typed ExprCheck::check_block(Tree& node, const Facts& known) {
  constexpr std::size_t parts_max = 64;
  if (node.args[1].op != Op::kList || node.args[1].args.size() > parts_max) {
    report("BEL4208", node,
           "`cel.block` takes a list of at most " + std::to_string(parts_max) + " parts");
    return typed(Base::kError);
  }
  std::vector<Tree> parts = std::move(node.args[1].args);
  Tree body = std::move(node.args[2]);
  for (std::size_t i = parts.size(); i-- > 0;) {
    Tree name, let;
    name.op = Op::kName;
    name.text = "@index:" + std::to_string(i);
    let.op = Op::kMemberCall;
    let.text = "bind";
    let.begin = node.begin;
    let.end = node.end;
    let.args.push_back(std::move(name));
    let.args.push_back(std::move(parts[i]));
    let.args.push_back(std::move(body));
    let.found.kind = ExprKind::kLet;
    body = std::move(let);
  }
  const bool lets = !parts.empty();
  node = std::move(body);
  return lets ? check_let(node, known) : check(node, known);
}

Typed ExprCheck::check_macro(Tree& node, const Facts& known) {
  const Macro& macro = *find_macro(node, options_.plain);
  for (std::size_t i = 1; options_.plain && i <= macro.variables; ++i)
    rename_cel_variable(node.args[i]);
  node.found = {.kind = macro.kind, .index = static_cast<std::uint32_t>(macro.variables)};
  const Typed range = check(node.args[0], known);
  const bool is_list = range.type.base == Base::kList, is_map = range.type.base == Base::kMap;
  if (!is_list && !is_map && !is_open(range.type) && !options_.plain) {
    report("BEL4214", node.args[0],
           "`" + node.text + "` needs a list or a map, not " + to_text(bare(range.type)));
    return typed(Base::kError);
  }
  const Type element =
      range.type.element.empty() ? type_of(Base::kJson) : bare(range.type.element[0]);
  const Type key = is_map    ? type_of(Base::kText)
                   : is_list ? type_of(Base::kInt)
                             : type_of(Base::kJson);
  const std::size_t outer = locals_.size();
  bool declared = true;
  if (macro.variables == 2) {
    declared = declare_variable(node.args[1], key);
    if (declared && node.args[1].text == node.args[2].text) {
      report("BEL3204", node.args[2], "the two variables of a macro need different names");
      declared = false;
    }
    declared = declared && declare_variable(node.args[2], element);
  } else {
    declared = declare_variable(node.args[1], is_map ? type_of(Base::kText) : element);
  }
  if (!declared) {
    locals_.resize(outer);
    return typed(Base::kError);
  }
  const std::size_t first = macro.variables + 1;
  const bool transforms = macro.kind == ExprKind::kMapMacro ||
                          macro.kind == ExprKind::kTransformMap ||
                          macro.kind == ExprKind::kTransformEntries ||
                          macro.kind == ExprKind::kSortBy || macro.plain_only;
  Facts inside = known;
  Typed body;
  for (std::size_t i = first; i < node.args.size(); ++i) {
    body = check(node.args[i], inside);
    const bool is_condition = !transforms || i + 1 < node.args.size();
    if (is_condition) condition(node.args[i], body.type);
    inside.insert(body.when_true.begin(), body.when_true.end());
  }
  locals_.resize(outer);
  switch (macro.kind) {
    case ExprKind::kFilter:
      return typed(is_map    ? list_of(type_of(Base::kText))
                   : is_list ? bare(range.type)
                             : list_of(type_of(Base::kJson)));
    case ExprKind::kMapMacro:
      return typed(list_of(is_error(body.type) ? type_of(Base::kJson) : bare(body.type)));
    case ExprKind::kTransformMap:
    case ExprKind::kTransformEntries:
    case ExprKind::kOptionalMap:
    case ExprKind::kOptionalFlatMap: return typed(Base::kJson);
    case ExprKind::kSortBy:
      return typed(is_list ? bare(range.type) : list_of(type_of(Base::kJson)));
    default: return typed(Base::kBool);
  }
}

Typed ExprCheck::check_extreme(Tree& node, const std::string& name, const Facts& known) {
  node.found = {.kind = ExprKind::kCall,
                .index = static_cast<std::uint32_t>(name == "math.least" ? Function::kLeast
                                                                         : Function::kGreatest)};
  std::vector<Type> types;
  for (Tree& arg : node.args) types.push_back(bare(check(arg, known).type));
  if (types.empty()) {
    report("BEL4208", node, "`" + node.text + "` needs a value");
    return typed(Base::kError);
  }
  if (options_.plain) return typed(Base::kJson);
  if (types.size() == 1 && types[0].base == Base::kList && !types[0].element.empty())
    return typed(types[0].element[0]);
  Type out = types[0];
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Type& type = types[i];
    const bool has_order = is_open(type) || is_number(type) || is_text(type) ||
                           type.base == Base::kMoney || type.base == Base::kTimestamp ||
                           type.base == Base::kDuration;
    if (!has_order || !comparable(types[0], type)) {
      report("BEL4208", node.args[i],
             "`" + node.text + "` cannot compare " + to_text(types[0]) + " with " + to_text(type));
      return typed(Base::kError);
    }
    out = is_number(out) && is_number(type) && out.base != type.base ? type_of(Base::kJson)
                                                                     : join_types(out, type);
  }
  return typed(out);
}

void ExprCheck::check_pattern(const Tree& pattern) {
  if (pattern.op != Op::kLiteral || pattern.literal.kind() != interpreter::Value::Kind::kString)
    return;
  const std::string problem = pattern_problem(pattern.literal.as_string());
  if (problem.empty()) return;
  report("BEL4215", pattern, source_of(pattern) + " is no pattern: " + problem).help =
      "the syntax is RE2's";
}

void ExprCheck::unknown_function(const Tree& node, const std::string& name, bool member) {
  const auto functions = signatures();
  const auto gives_optional = [&](const auto& known) {
    return known.plain_only && known.name == name;
  };
  if (name == "or" || name == "orValue" ||
      std::any_of(functions.begin(), functions.end(), gives_optional) ||
      std::any_of(std::begin(macros), std::end(macros), gives_optional)) {
    report_mark("BEL3205", node,
                "`" + name + "` works on optional values, which workflows do not have")
        .help = "ask with `x is present`, or give another value with `x or else y`";
    return;
  }
  if (member && is_macro_name(name)) {
    report_mark("BEL4208", node,
                "`" + name + "` takes a variable and a condition, such as `items." + name +
                    "(item, item > 0)`");
    return;
  }
  Diagnostic& d = report_mark("BEL3203", node, "there is no function `" + name + "`");
  std::vector<std::string> names;
  for (const Signature& s : signatures()) {
    if (s.plain_only) continue;
    if (s.name == name) {
      d.message = member ? "`" + name + "` is no function of a value"
                         : "`" + name + "` is a function of a value";
      d.help = "write `" + form_of(s) + "`";
      return;
    }
    names.emplace_back(s.name);
  }
  for (const Macro& macro : macros) names.emplace_back(macro.name);
  names.insert(names.end(), {"has", "min", "max"});
  suggest(d, name, names);
}

Typed ExprCheck::check_signature(Tree& node, const std::string& name, bool member,
                                 const Facts& known) {
  std::vector<const Signature*> named;
  for (const Signature& s : signatures()) {
    if (s.name == name && s.member == member && (options_.plain || !s.plain_only))
      named.push_back(&s);
  }
  if (named.empty() && options_.plain) {  // an error when it is evaluated
    node.found = {.kind = ExprKind::kCall, .index = unknown_index};
    for (Tree& arg : node.args) check(arg, known);
    return typed(Base::kJson);
  }
  if (named.empty()) {
    unknown_function(node, name, member);
    // Macro variables in its arguments would only be complained about again.
    if (member) check(node.args[0], known);
    return typed(Base::kError);
  }
  std::vector<Type> types;
  bool silent = false;
  for (Tree& arg : node.args) {
    types.push_back(bare(check(arg, known).type));
    silent = silent || is_error(types.back());
  }
  node.found = {.kind = ExprKind::kCall,
                .index = static_cast<std::uint32_t>(named.front()->function)};
  const auto fitting = [&](const Signature* s) {
    if (s->params.size() != types.size()) return false;
    for (std::size_t i = 0; i < types.size(); ++i) {
      if (!takes(s->params[i], types[i])) return false;
    }
    return true;
  };
  if (options_.plain) {  // found at run time
    return typed(Base::kJson);
  }
  std::vector<const Signature*> matching;
  std::copy_if(named.begin(), named.end(), std::back_inserter(matching), fitting);
  if (silent)
    return typed(matching.empty() ? type_of(Base::kError)
                                  : result_of(matching.front()->result, types));
  if (!matching.empty()) {
    const Signature* first = matching.front();
    if (first->function == Function::kMatches) check_pattern(node.args[1]);
    if (first->function == Function::kDyn && !is_open(types[0])) {
      Diagnostic& d = diagnostics_.add("BEL4216", span_in(expr_, node.begin, node.end - node.begin),
                                       "`dyn` hides that this is " + to_text(types[0]));
      d.help = "leave it out: only `json` is unchecked";
    }
    node.found.index = static_cast<std::uint32_t>(first->function);
    const bool same = std::all_of(matching.begin(), matching.end(),
                                  [&](const Signature* s) { return s->result == first->result; });
    return typed(same ? result_of(first->result, types) : type_of(Base::kJson));
  }
  std::string given;
  for (std::size_t i = member ? 1 : 0; i < types.size(); ++i)
    given += (given.empty() ? "" : ", ") + to_text(types[i]);
  const std::string on = member ? " of " + to_text(types[0]) : "";
  Diagnostic& d =
      report_mark("BEL4208", node, "`" + name + "`" + on + " cannot take (" + given + ")");
  std::vector<std::string> forms;
  for (const Signature* s : named) forms.push_back("`" + form_of(*s) + "`");
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  for (const std::string& form : forms) d.help += (d.help.empty() ? "it takes " : " or ") + form;
  return typed(Base::kError);
}

}  // namespace belay::dsl
