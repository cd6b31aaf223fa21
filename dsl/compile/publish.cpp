// `publish`, the same in workflows and webhooks: the data against the event's fields. The key fills
// the field that the event declares as its key, so that an author says it once.
#include "dsl/compile/tables.h"

namespace belay::dsl {

PublishParts check_publish(const Statement& statement, const EventInfo& event, ExprChecker& checker,
                           Tables& tables, bool note_json) {
  PublishParts parts;
  const std::string name = quoted(event.type.name);
  const ArgsContext context{.fields = event.type.fields,
                            .owner = name,
                            .noun = "field",
                            .declared_at = event.at->name.span,
                            .note_json = note_json,
                            .complete = !event.at->broken};
  CheckedArgs args = check_args(statement.args, context, checker, tables);
  parts.ok = args.ok;
  parts.data = std::move(args.bindings);

  const interpreter::Field* key_field = find_field(event.type.fields, event.type.key);
  const Expr& key = statement.source.key;
  if (!key.empty()) {
    CheckOptions options;
    if (key_field != nullptr && key_field->type.base != interpreter::Type::Base::kError) {
      options.wanted = key_field->type;
      options.wanted_for = "the key of " + name;
    }
    CheckedExpr checked = checker.check(key, options);
    parts.ok = parts.ok && checked.ok;
    parts.key = std::move(checked.program);
    if (key_field != nullptr && !args.given.contains(key_field->name)) {
      parts.data.push_back({key_field->name, parts.key});
      args.given.insert(key_field->name);
    }
  } else if (const interpreter::Binding* given = find_binding(parts.data, event.type.key);
             given != nullptr) {
    parts.key = given->value;
  } else if (!args.given.contains(event.type.key)) {
    parts.ok = false;  // the reader complained
    if (key_field != nullptr) args.given.insert(key_field->name);
  }
  if (!check_missing(parts.data, context, statement.source.event.span, args.given, tables))
    parts.ok = false;
  return parts;
}

}  // namespace belay::dsl
