// Arguments against what is taken: by name, never by position. Used for steps, undos, checks,
// events and webhooks, so that the same mistake earns the same words everywhere.
#include <algorithm>

#include "dsl/compile/tables.h"

namespace belay::dsl {

using interpreter::Binding;
using interpreter::Field;
using interpreter::Type;

const Field* find_field(const std::vector<Field>& fields, std::string_view name) {
  const auto found =
      std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

const Binding* find_binding(const std::vector<Binding>& bindings, std::string_view name) {
  const auto found = std::find_if(bindings.begin(), bindings.end(),
                                  [&](const Binding& b) { return b.name == name; });
  return found == bindings.end() ? nullptr : &*found;
}

namespace {

// Returns the name that was probably meant, or nothing.
std::string report_unknown_argument(const Arg& arg, const ArgsContext& context, Tables& tables) {
  std::vector<std::string> names;
  for (const Field& field : context.fields) names.push_back(field.name);
  Diagnostic& d = tables.diagnostics.add(
      "BEL4001", arg.name.span,
      context.owner + " has no " + context.noun + " " + quoted(arg.name.text));
  if (!suggest(d, arg.name.text, names)) {
    add_note(d, names.empty() ? context.owner + " takes nothing" : "it has " + join_names(names));
  }
  add_note_at(d, context.declared_at, context.owner + " is declared here");
  return nearest(arg.name.text, names);
}

}  // namespace

bool reads_like_name(const Arg& arg, const Names& names, const Tables& tables) {
  const std::string& text = arg.value.text;
  const SourceFile& file = tables.sources.file(arg.value.span.file);
  if (text.size() < 3 || text.front() != '"' || text.back() != '"' || file.path.ends_with(".belay"))
    return false;
  const std::string path = text.substr(1, text.size() - 2);
  const std::size_t dot = path.find('.');
  if (!is_snake(path, true) || (dot == std::string::npos && path != arg.name.text)) return false;
  const std::string name = path.substr(0, dot);
  const std::vector<std::string> known = names.all();
  if (std::find(known.begin(), known.end(), name) == known.end()) return false;
  if (dot == std::string::npos) return true;
  const std::optional<NameInfo> info = names.find(name);
  if (!info) return false;
  const std::string field = path.substr(dot + 1, path.find('.', dot + 1) - dot - 1);
  const bool money =
      info->type.base == Type::Base::kMoney && (field == "minor" || field == "currency");
  return money || find_field(info->type.fields, field) != nullptr;
}

void warn_of_name(const Arg& arg, Tables& tables) {
  const std::string path = arg.value.text.substr(1, arg.value.text.size() - 2);
  Diagnostic& d = tables.diagnostics.add("BEL4020", arg.value.span,
                                         quoted(path) + " is a text here, not a value");
  add_note(d, "in YAML data is literal unless it begins with `=`");
  d.help = "write `= " + path + "`; if the text is meant, write `'= \"" + path + "\"'`";
}

namespace {

// A time that runs backwards is a slip of the pen.
void refuse_negative(const Arg& arg, const CheckedExpr& checked, Tables& tables) {
  const std::optional<interpreter::Value>& value = checked.constant;
  if (!value || value->kind() != interpreter::Value::Kind::kDuration) return;
  if (value->as_duration() >= interpreter::Duration{}) return;
  tables.diagnostics.add("BEL4018", arg.value.span, "a duration below zero is given here").help =
      "write for example `10 minutes`";
}

// A json value passes every type at compile time; that nobody checked it should be visible.
void warn_of_json(const Arg& arg, const Type& wanted, const CheckedExpr& checked,
                  const ArgsContext& context, Tables& tables) {
  if (!context.note_json || !checked.ok || checked.type.base != Type::Base::kJson) return;
  if (wanted.base == Type::Base::kJson || wanted.base == Type::Base::kError) return;
  Type plain = wanted;
  plain.optional = false;
  Diagnostic& d = tables.diagnostics.add(
      "BEL4011", arg.value.span,
      "this is `json`, and nothing checks that it is " + quoted(to_text(plain)));
  d.help =
      "declare a type for it where it comes from; else a value that does not fit ends the step in "
      "`bad_value`";
}

}  // namespace

CheckedArgs check_args(const std::vector<Arg>& args, const ArgsContext& context,
                       ExprChecker& checker, Tables& tables) {
  CheckedArgs out;
  std::vector<std::optional<Binding>> found(context.fields.size());
  std::map<std::string, Span> seen;
  for (const Arg& arg : args) {
    if (arg.name.empty()) continue;
    const auto [first, fresh] = seen.emplace(arg.name.text, arg.name.span);
    out.given.insert(arg.name.text);
    if (!fresh) {
      Diagnostic& d = tables.diagnostics.add("BEL4003", arg.name.span,
                                             quoted(arg.name.text) + " is given twice");
      add_note_at(d, first->second, "the first is here");
      out.ok = false;
      continue;
    }
    const Field* field = find_field(context.fields, arg.name.text);
    CheckOptions options;
    if (field == nullptr) {
      if (context.complete) out.given.insert(report_unknown_argument(arg, context, tables));
      out.ok = false;
    } else if (field->type.base != Type::Base::kError) {
      options.wanted = field->type;
      options.wanted_for = context.noun + " " + quoted(field->name) + " of " + context.owner;
    }
    CheckedExpr checked = checker.check(arg.value, options);
    out.ok = out.ok && checked.ok;
    if (field == nullptr || !checked.ok) continue;
    if (checker.reads_like_name(arg, tables)) warn_of_name(arg, tables);
    refuse_negative(arg, checked, tables);
    warn_of_json(arg, field->type, checked, context, tables);
    found[static_cast<std::size_t>(field - context.fields.data())] =
        Binding{field->name, std::move(checked.program)};
  }
  for (std::optional<Binding>& binding : found) {
    if (binding) out.bindings.push_back(std::move(*binding));
  }
  return out;
}

bool check_missing(const std::vector<Binding>& bindings, const ArgsContext& context, Span at,
                   const std::set<std::string>& given, Tables& tables) {
  std::vector<std::string> missing;
  for (const Field& field : context.fields) {
    if (field.type.optional || given.contains(field.name)) continue;
    if (find_binding(bindings, field.name) == nullptr) missing.push_back(field.name);
  }
  if (missing.empty()) return true;
  if (!context.complete) return false;
  Diagnostic& d =
      tables.diagnostics.add("BEL4002", at, context.owner + " needs " + join_names(missing));
  add_note_at(d, context.declared_at, context.owner + " is declared here");
  d.help = "add a line `" + missing.front() + " = …`";
  return false;
}

void FixedNames::add(std::string name, Type type, std::uint32_t slot) {
  NameInfo info;
  info.type = std::move(type);
  info.slot = slot;
  if (info.type.optional) {
    info.may_be_absent = true;
    info.absent_because = quoted(name) + " is optional";
  }
  names_.emplace(std::move(name), std::move(info));
}

std::optional<NameInfo> FixedNames::find(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> FixedNames::all() const { return keys_of(names_); }

}  // namespace belay::dsl
