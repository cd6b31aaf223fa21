// See names.h.
#include "runtime/lsp/names.h"

#include <algorithm>

namespace belay::runtime::lsp {

using namespace dsl;
using interpreter::Type;

const Declaration* declaration_at(const File& file, std::uint32_t line) {
  const Declaration* found = nullptr;
  for (const Declaration& d : file.declarations) {
    if (d.span.line <= line && (found == nullptr || found->span.line <= d.span.line)) found = &d;
  }
  return found;
}

const Declaration* declaration_of(const View& view, std::string_view name) {
  const Symbol* symbol = view.symbols.find(name);
  const File* file = symbol == nullptr ? nullptr : file_of(view.compilation, symbol->at.file);
  if (file == nullptr) return nullptr;
  for (const Declaration& d : file->declarations) {
    if (d.name.span == symbol->at) return &d;
  }
  return nullptr;
}

namespace {

Type plain(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

std::string told(const LocalName& local, const std::string& owner) {
  const std::string of = owner.empty() ? "" : " (`" + owner + "`)";
  switch (local.origin) {
    case LocalName::Origin::kTake: return "an input";
    case LocalName::Origin::kStep: return "the result of this step" + of;
    case LocalName::Origin::kWait: return "what this wait gets" + of;
    case LocalName::Origin::kSet: return "set here";
    case LocalName::Origin::kAsk: return "the answer to this question";
    case LocalName::Origin::kItem: return "one item of this loop";
    case LocalName::Origin::kCollect: return "collected by a loop";
  }
  return {};
}

// The indexes known at the place. Statements are told by where their heads stand: the last one
// above whose head is less far right is around it, one in the same column is before it.
std::vector<std::uint32_t> known(const Scope& scope, const Span& at, std::uint32_t column,
                                 bool yaml, bool own) {
  const ScopePoint* best = nullptr;
  bool after = false;
  for (const ScopePoint& point : scope.points) {
    const Span& head = point.at;
    if (head.line > at.line || head.column > column) continue;
    if (best != nullptr && head.line < best->at.line) continue;
    best = &point;
    after = head.line < at.line && head.column == column && !yaml;
  }
  if (best == nullptr) {
    // Above the first statement stand clauses: they read inputs, and `gives` reads everything.
    return own ? scope.whole.after : scope.whole.before;
  }
  std::vector<std::uint32_t> ids = after ? best->after : best->before;
  if (own && !after) {
    for (const std::uint32_t id : best->after) {
      if (scope.names[id].at.line == best->at.line) ids.push_back(id);
    }
  }
  return ids;
}

}  // namespace

Env names_at(const View& view, const File& file, const FileIndex& index, const Span& at, bool own) {
  Env env;
  const Declaration* in = declaration_at(file, at.line);
  if (in == nullptr) return env;
  env["now"] = {plain(Type::Base::kTimestamp), {.line = 0}, {}, "the time of the checkpoint"};
  if (const auto* action = std::get_if<ActionDecl>(&in->body)) {
    const Symbol* symbol = view.symbols.find(in->name.text);
    if (symbol == nullptr) return env;
    for (const interpreter::Field& take : symbol->takes) {
      const auto span = field_span(view, symbol->name, take.name, false);
      env[take.name] = {take.type, span.value_or(Span{.line = 0}), take.type.record,
                        "an argument of `" + symbol->name + "`"};
    }
    env["result"] = {symbol->gives, {.line = 0}, symbol->name, "what the action gives"};
    if (action->runs == ActionDecl::Runs::kCall) {
      env["body"] = {plain(Type::Base::kJson), {.line = 0}, {}, "the body of the answer"};
      env["status"] = {plain(Type::Base::kInt), {.line = 0}, {}, "the HTTP status of the answer"};
    }
    return env;
  }
  if (std::holds_alternative<WebhookDecl>(in->body)) {
    env["body"] = {plain(Type::Base::kJson), {.line = 0}, {}, "the body of the request"};
    env["received_at"] = {plain(Type::Base::kTimestamp), {.line = 0}, {}, "when it came"};
    return env;
  }
  if (const auto* scenario = std::get_if<ScenarioDecl>(&in->body)) {
    // What the workflow knows at its end: sentences read its names as they are by then.
    for (const Scope& scope : view.symbols.scopes) {
      if (scope.workflow != scenario->workflow.text) continue;
      for (const std::uint32_t id : scope.whole.after) {
        const LocalName& local = scope.names[id];
        env[local.name] = {local.type, local.at, local.type.record, told(local, local.type.record)};
      }
    }
    return env;
  }
  for (const Scope& scope : view.symbols.scopes) {
    if (scope.workflow != in->name.text || scope.at.file != file.source) continue;
    const std::string_view line = view.compilation.sources.line(at.file, at.line);
    const std::size_t first = line.find_first_not_of(" \r");
    std::uint32_t column = at.column;
    if (first != std::string_view::npos) column = static_cast<std::uint32_t>(first) + 1;
    const bool yaml = file.form == File::Form::kYaml;
    if (yaml && first != std::string_view::npos && line.substr(first).starts_with("- "))
      column += 2;
    for (const std::uint32_t id : known(scope, at, column, yaml, own)) {
      const LocalName& local = scope.names[id];
      std::string owner = local.type.record;
      for (const Use& use : index.uses) {
        if (use.role == Use::Role::kLocal && use.span == local.at && !use.owner.empty())
          owner = use.owner;
      }
      env[local.name] = {local.type, local.at, owner, told(local, owner)};
    }
  }
  return env;
}

std::optional<Span> field_span(const View& view, std::string_view owner, std::string_view field,
                               bool gives) {
  const Declaration* d = declaration_of(view, owner);
  if (d == nullptr) return std::nullopt;
  const auto among = [&](const auto& list) -> std::optional<Span> {
    for (const auto& entry : list) {
      if (entry.name.text == field) return entry.name.span;
    }
    return std::nullopt;
  };
  if (const auto* type = std::get_if<TypeDecl>(&d->body)) return among(type->fields);
  if (const auto* event = std::get_if<EventDecl>(&d->body)) return among(event->fields);
  if (const auto* action = std::get_if<ActionDecl>(&d->body))
    return among(gives ? action->gives : action->takes);
  if (const auto* workflow = std::get_if<WorkflowDecl>(&d->body))
    return gives ? among(workflow->gives) : among(workflow->takes);
  return std::nullopt;
}

std::optional<Meaning> resolve(const View& view, const Env& env,
                               const std::vector<std::string>& path) {
  if (path.empty()) return std::nullopt;
  const auto found = env.find(path[0]);
  if (found == env.end()) return std::nullopt;
  Meaning out = found->second;
  for (std::size_t i = 1; i < path.size(); ++i) {
    const auto field = std::find_if(out.type.fields.begin(), out.type.fields.end(),
                                    [&](const auto& f) { return f.name == path[i]; });
    if (field == out.type.fields.end()) return std::nullopt;
    const std::string owner = out.owner;
    const Type type = field->type;
    out = {type, field_span(view, owner, path[i], true).value_or(Span{.line = 0}), type.record,
           owner.empty() ? "a field" : "a field of `" + owner + "`"};
  }
  return out;
}

}  // namespace belay::runtime::lsp
