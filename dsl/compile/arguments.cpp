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

void report_unknown_argument(const Arg& arg, const ArgsContext& context, Tables& tables) {
  std::vector<std::string> names;
  for (const Field& field : context.fields) names.push_back(field.name);
  Diagnostic& d = tables.diagnostics.add(
      "BEL4001", arg.name.span,
      context.owner + " has no " + context.noun + " " + quoted(arg.name.text));
  if (!suggest(d, arg.name.text, names)) {
    add_note(d, names.empty() ? context.owner + " takes nothing" : "it has " + join_names(names));
  }
  add_note_at(d, context.declared_at, context.owner + " is declared here");
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
      report_unknown_argument(arg, context, tables);
      out.ok = false;
    } else if (field->type.base != Type::Base::kError) {
      options.wanted = field->type;
      options.wanted_for = context.noun + " " + quoted(field->name) + " of " + context.owner;
    }
    CheckedExpr checked = checker.check(arg.value, options);
    out.ok = out.ok && checked.ok;
    if (field == nullptr || !checked.ok) continue;
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
