// Phase 2: declared types become interpreter::Type, with records inlined, so that a graph needs
// nothing else. Records cannot hold themselves, and what inlining makes of them is bounded (a chain
// of doublings would otherwise explode). Also here: events, whose fields are types, and retry plans
// and durations, which are as plain.
#include <re2/re2.h>

#include <algorithm>
#include <map>

#include "dsl/compile/tables.h"

namespace belay::dsl {
namespace {

using interpreter::Field;
using interpreter::Type;
using Base = interpreter::Type::Base;

constexpr std::size_t kRecordDepthMax = 24;
constexpr std::size_t kRecordFieldsMax = 2'000;  // all inlined

std::optional<Base> base_of(std::string_view name) {
  static constexpr std::pair<std::string_view, Base> kBases[] = {
      {"text", Base::kText}, {"int", Base::kInt},           {"money", Base::kMoney},
      {"bool", Base::kBool}, {"uuid", Base::kUuid},         {"timestamp", Base::kTimestamp},
      {"date", Base::kDate}, {"duration", Base::kDuration}, {"email", Base::kEmail},
      {"url", Base::kUrl},   {"json", Base::kJson}};
  for (const auto& [word, base] : kBases) {
    if (word == name) return base;
  }
  return std::nullopt;
}

bool is_texty(Base base) {
  return base == Base::kText || base == Base::kEmail || base == Base::kUrl;
}

Type error_type() {
  Type type;
  type.base = Base::kError;
  return type;
}

void resolve_declared(const std::string& name, TypeInfo& info, Tables& tables);

Type resolve_named(const TypeExpr& expr, Tables& tables) {
  const std::string& name = expr.name.text;
  if (const auto base = base_of(name)) {
    Type type;
    type.base = *base;
    return type;
  }
  if (name.empty()) return error_type();  // the reader complained
  auto found = tables.types.find(name);
  if (found == tables.types.end()) {
    std::vector<std::string> candidates = keys_of(tables.types);
    for (std::string_view word : {"text", "int", "money", "bool", "uuid", "timestamp", "date",
                                  "duration", "email", "url", "json"}) {
      candidates.emplace_back(word);
    }
    // A word that cannot be the name of a type was reported by the reader.
    if (name[0] >= 'A' && name[0] <= 'Z')
      report_unknown("BEL3002", "type", expr.name, candidates, tables);
    return error_type();
  }
  TypeInfo& info = found->second;
  if (info.state == TypeInfo::State::kOpen) {
    Diagnostic& d = tables.diagnostics.add("BEL3003", expr.name.span,
                                           "a " + quoted(name) + " cannot hold itself");
    add_note_at(d, info.at->name.span, quoted(name) + " is declared here");
    d.help = "refer to the other one by its id, for example `uuid`";
    return error_type();
  }
  resolve_declared(name, info, tables);
  return info.type;
}

void measure(const Type& type, std::size_t depth, TypeInfo& info) {
  info.depth = std::max(info.depth, depth);
  for (const Type& element : type.element) measure(element, depth, info);
  for (const Field& field : type.fields) {
    ++info.size;
    if (info.size <= kRecordFieldsMax) measure(field.type, depth + 1, info);
  }
}

void resolve_declared(const std::string& name, TypeInfo& info, Tables& tables) {
  if (info.state != TypeInfo::State::kNew) return;
  info.state = TypeInfo::State::kOpen;
  info.type.base = Base::kRecord;
  info.type.record = name;
  info.type.fields = resolve_fields(info.decl->fields, tables);
  info.state = TypeInfo::State::kDone;
  if (info.at->broken) {  // a field may have been lost
    info.type = error_type();
    return;
  }
  measure(info.type, 1, info);
  if (info.size > kRecordFieldsMax || info.depth > kRecordDepthMax) {
    Diagnostic& d = tables.diagnostics.add(
        "BEL1306", info.at->name.span,
        quoted(name) + " is larger than a record may be, with all that it holds");
    add_note(d, "a record may have " + std::to_string(kRecordFieldsMax) + " fields in all and be " +
                    std::to_string(kRecordDepthMax) + " deep");
    info.type = error_type();
  }
}

void bad_bound(const Span& span, std::string message, std::string help, Tables& tables) {
  tables.diagnostics.add("BEL4004", span, std::move(message)).help = std::move(help);
}

void check_bounds(const TypeExpr& expr, Type& type, Tables& tables) {
  if (type.base == Base::kError) return;
  if (expr.min || expr.max) {
    const Span span = expr.min ? expr.min->span : expr.max->span;
    if (type.base != Base::kInt) {
      bad_bound(span, "`from … to …` bounds an `int`, and this is " + quoted(to_text(type)),
                "leave it out", tables);
    } else {
      if (expr.min) type.min = expr.min->value;
      if (expr.max) type.max = expr.max->value;
    }
  }
  if (expr.pattern) {
    if (!is_texty(type.base)) {
      bad_bound(expr.pattern->span,
                "`matching` bounds a `text`, and this is " + quoted(to_text(type)), "leave it out",
                tables);
    } else if (re2::RE2 pattern(expr.pattern->text, re2::RE2::Quiet); !pattern.ok()) {
      bad_bound(expr.pattern->span, "this pattern is not a regular expression: " + pattern.error(),
                "the syntax is RE2's", tables);
    } else {
      type.pattern = expr.pattern->text;
    }
  }
  if (expr.size_max) {
    const bool collection = type.base == Base::kList || type.base == Base::kMap;
    if (!collection && !is_texty(type.base)) {
      bad_bound(expr.size_max->span,
                "`at most` bounds texts and lists, and this is " + quoted(to_text(type)),
                "leave it out", tables);
    } else if (collection != expr.size_in_items) {
      bad_bound(expr.size_max->span,
                collection ? "a list is counted in items" : "a text is counted in characters",
                "write `at most " + std::to_string(expr.size_max->value) +
                    (collection ? " items`" : " characters`"),
                tables);
    } else if (expr.size_max->value < 1) {
      bad_bound(expr.size_max->span,
                "`at most " + std::to_string(expr.size_max->value) + "` leaves no room",
                "write a number above 0", tables);
    } else {
      type.size_max = expr.size_max->value;
    }
  }
}

}  // namespace

Type resolve_type(const TypeExpr& expr, Tables& tables) {
  Type type;
  switch (expr.shape) {
    case TypeExpr::Shape::kNamed: type = resolve_named(expr, tables); break;
    case TypeExpr::Shape::kList:
    case TypeExpr::Shape::kMap:
      if (expr.element.empty()) return error_type();
      type.base = expr.shape == TypeExpr::Shape::kList ? Base::kList : Base::kMap;
      type.element.push_back(resolve_type(expr.element.front(), tables));
      if (type.element.front().base == Base::kError) return error_type();
      break;
    case TypeExpr::Shape::kOneOf:
      type.base = Base::kOneOf;
      for (const Text& option : expr.options) {
        if (std::find(type.options.begin(), type.options.end(), option.text) !=
            type.options.end()) {
          bad_bound(option.span, "\"" + option.text + "\" stands twice in `one of`",
                    "leave one out", tables);
        } else {
          type.options.push_back(option.text);
        }
      }
      break;
  }
  check_bounds(expr, type, tables);
  if (expr.optional) type.optional = true;
  if (expr.is_private) type.is_private = true;
  return type;
}

std::vector<Field> resolve_fields(const std::vector<FieldDecl>& decls, Tables& tables) {
  std::vector<Field> fields;
  std::set<std::string> seen;
  for (const FieldDecl& decl : decls) {
    Field field{decl.name.text, resolve_type(decl.type, tables)};
    if (decl.name.empty()) continue;
    if (!seen.insert(decl.name.text).second) continue;  // the reader complained
    fields.push_back(std::move(field));
  }
  return fields;
}

void resolve_types(Tables& tables) {
  for (auto& [name, info] : tables.types) resolve_declared(name, info, tables);
}

namespace {

// What older payloads become: the fields of this version, from `old`, whose shape nobody declares
// any more. A field that is not given is taken from it under its own name.
void check_lifts(const EventInfo& info, Tables& tables) {
  Type old;
  old.base = Base::kJson;
  FixedNames names;
  names.add("old", std::move(old), 0);
  PlainChecker checker(names, tables.diagnostics);
  const ArgsContext context{.fields = info.type.fields,
                            .owner = quoted(info.type.name),
                            .noun = "field",
                            .declared_at = info.at->name.span,
                            .note_json = false,
                            .complete = !info.at->broken};
  std::map<std::int64_t, Span> seen;
  for (const EventDecl::Lift& lift : info.decl->lifts) {
    const std::int64_t from = lift.from.value;
    if (!info.at->broken && (from < 1 || from >= info.decl->version.value)) {
      Diagnostic& d =
          tables.diagnostics.add("BEL4012", lift.from.span,
                                 "version " + std::to_string(from) + " is no earlier version of " +
                                     quoted(info.type.name));
      add_note_at(d, info.decl->version.span,
                  "this is version " + std::to_string(info.decl->version.value));
      d.help = "`from version` says how a payload of an earlier version becomes one of this";
    }
    const auto [first, fresh] = seen.emplace(from, lift.from.span);
    if (!fresh && !info.at->broken) {
      Diagnostic& d = tables.diagnostics.add(
          "BEL4003", lift.from.span, "version " + std::to_string(from) + " is lifted twice");
      add_note_at(d, first->second, "the first is here");
    }
    check_args(lift.values, context, checker, tables);
  }
}

}  // namespace

void check_events(Tables& tables) {
  for (auto& [name, info] : tables.events) {
    const EventDecl& decl = *info.decl;
    info.type.name = name;
    info.type.fields = resolve_fields(decl.fields, tables);
    info.type.key = decl.key.text;
    if (decl.version.value < 1 || decl.version.value > 1'000'000) {
      if (!info.at->broken) {
        tables.diagnostics
            .add("BEL4012", decl.version.span,
                 "the version of an event is a number from 1 to 1000000")
            .help = "begin with `version 1`, and count up when the fields change";
      }
      info.ok = false;
    } else {
      info.type.version = static_cast<std::uint32_t>(decl.version.value);
    }
    const bool lost = info.at->broken && decl.fields.empty();  // they could not be read
    if (lost) info.ok = false;
    if (!decl.key.empty() && !lost && find_field(info.type.fields, decl.key.text) == nullptr) {
      std::vector<std::string> fields;
      for (const Field& field : info.type.fields) fields.push_back(field.name);
      Diagnostic& d = tables.diagnostics.add(
          "BEL4016", decl.key.span,
          "the key " + quoted(decl.key.text) + " is no field of " + quoted(name));
      if (!suggest(d, decl.key.text, fields))
        d.help = "add it to the fields: the key finds who waits for the event";
      info.ok = false;
    }
    if (!lost) check_lifts(info, tables);
  }
}

std::optional<std::int64_t> positive_duration(const Expr& expr, std::string_view what,
                                              Tables& tables) {
  if (expr.empty()) return std::nullopt;
  const auto ms = constant_duration_ms(expr, tables.diagnostics);
  if (ms && *ms <= 0) {
    tables.diagnostics.add("BEL4018", expr.span, std::string(what) + " wants a time above zero")
        .help = "write for example `10 seconds`";
    return std::nullopt;
  }
  return ms;
}

interpreter::RetryPlan make_plan(const Tries& tries, Tables& tables, bool& ok) {
  interpreter::RetryPlan plan;
  if (tries.tries.value < 1 || tries.tries.value > 10'000) {
    if (tries.tries.value > 0) {  // else the reader complained
      tables.diagnostics.add("BEL4018", tries.tries.span, "a plan has at most 10000 tries in all")
          .help = "a step that must get through says `keep trying for 1 day, then hand to TEAM`";
    }
    ok = false;
  } else {
    plan.tries = static_cast<std::uint32_t>(tries.tries.value);
  }
  if (!tries.first_wait.empty()) {
    const auto ms = positive_duration(tries.first_wait, "`first wait`", tables);
    if (ms)
      plan.first_wait_ms = *ms;
    else
      ok = false;
  }
  plan.doubling = tries.doubling;
  plan.spread = tries.spread;
  if (!tries.at_most.empty()) {
    const auto ms = positive_duration(tries.at_most, "`at most`", tables);
    if (ms)
      plan.wait_ms_max = *ms;
    else
      ok = false;
    if (ms && *ms < plan.first_wait_ms) {
      tables.diagnostics
          .add("BEL4018", tries.at_most.span, "`at most` is shorter than the first wait")
          .help = "make it at least as long";
      ok = false;
    }
  } else {
    plan.wait_ms_max = std::max(plan.wait_ms_max, plan.first_wait_ms);
  }
  return plan;
}

void check_plans(Tables& tables) {
  for (auto& [name, info] : tables.plans) {
    bool ok = true;
    info.plan = make_plan(std::get<PlanDecl>(info.at->body).tries, tables, ok);
  }
}

}  // namespace belay::dsl
