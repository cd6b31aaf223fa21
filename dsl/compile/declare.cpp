// Phase 1: who is who. Every declaration puts its name into one table for the whole workspace; a
// second one of the same name is reported with the place of the first and is not looked at further.
// Also here: the rules for names and the phrases that all phases share.
#include <algorithm>

#include "dsl/compile/tables.h"

namespace belay::dsl {
namespace {

std::string_view noun_of(const Declaration& declaration) {
  struct Nouns {
    std::string_view operator()(const TypeDecl&) const { return "type"; }
    std::string_view operator()(const EventDecl&) const { return "event"; }
    std::string_view operator()(const ConnectorDecl&) const { return "connector"; }
    std::string_view operator()(const ActionDecl&) const { return "action"; }
    std::string_view operator()(const WorkflowDecl&) const { return "workflow"; }
    std::string_view operator()(const WebhookDecl&) const { return "webhook"; }
    std::string_view operator()(const PlanDecl&) const { return "retry plan"; }
    std::string_view operator()(const ScenarioDecl&) const { return "scenario"; }
    std::string_view operator()(const ReservedDecl&) const { return "declaration"; }
  };
  return std::visit(Nouns{}, declaration.body);
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

void enter(const Declaration& declaration, Tables& tables) {
  const std::string& name = declaration.name.text;
  if (const auto* type = std::get_if<TypeDecl>(&declaration.body)) {
    tables.types[name] = {.at = &declaration, .decl = type};
  } else if (const auto* event = std::get_if<EventDecl>(&declaration.body)) {
    tables.events[name] = {.at = &declaration, .decl = event, .ok = !declaration.broken};
  } else if (const auto* connector = std::get_if<ConnectorDecl>(&declaration.body)) {
    tables.connectors[name] = {.at = &declaration, .decl = connector, .ok = !declaration.broken};
  } else if (const auto* action = std::get_if<ActionDecl>(&declaration.body)) {
    tables.actions[name] = {.at = &declaration, .decl = action, .ok = !declaration.broken};
  } else if (std::holds_alternative<WorkflowDecl>(declaration.body)) {
    tables.workflows.push_back(&declaration);
    tables.sagas[name] = {.at = &declaration};
  } else if (std::holds_alternative<WebhookDecl>(declaration.body)) {
    tables.webhooks.push_back(&declaration);
  } else if (std::holds_alternative<PlanDecl>(declaration.body)) {
    tables.plans[name] = {.at = &declaration};
  }
}

}  // namespace

void declare_names(const std::vector<File>& files, Tables& tables) {
  for (const File& file : files) {
    for (const Declaration& declaration : file.declarations) {
      if (std::holds_alternative<ScenarioDecl>(declaration.body)) {
        tables.scenarios.push_back(&declaration);  // named by its title
        continue;
      }
      if (std::holds_alternative<ReservedDecl>(declaration.body) || declaration.name.empty())
        continue;
      if (!std::holds_alternative<TypeDecl>(declaration.body))
        check_name(declaration.name, true, tables);
      const auto [first, fresh] = tables.declared.emplace(declaration.name.text, &declaration);
      if (fresh) {
        enter(declaration, tables);
        continue;
      }
      Diagnostic& d = tables.diagnostics.add("BEL3001", declaration.name.span,
                                             quoted(declaration.name.text) + " is declared twice");
      add_note_at(d, first->second->name.span,
                  "the first is " + with_article(kind_of(*first->second)) + ", declared here");
      d.help = "rename one of them: a name is declared once in a workspace, whatever it is";
    }
  }
}

// ---- Names

bool is_snake(std::string_view name, bool dotted) {
  bool at_start = true;
  for (char c : name) {
    if (c == '.' && dotted && !at_start) {
      at_start = true;
    } else if (at_start ? is_lower(c) : (is_lower(c) || is_digit(c) || c == '_')) {
      at_start = false;
    } else {
      return false;
    }
  }
  return !at_start;
}

bool check_name(const Name& name, bool dotted, Tables& tables) {
  if (name.empty()) return false;
  if (!is_snake(name.text, dotted)) return false;  // the reader complained
  // Only a whole name can be mistaken for a word of an expression: `event.created` is fine, `event`
  // is not.
  if (!dotted && is_reserved_name(name.text)) {
    tables.diagnostics
        .add("BEL3011", name.span,
             quoted(name.text) + " is a word of the language and cannot be a name")
        .help = "choose another name, for example " + quoted("the_" + name.text);
    return false;
  }
  return true;
}

// ---- Phrases

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

std::string place(const Span& span, const Sources& sources) {
  return sources.file(span.file).path + ":" + std::to_string(span.line);
}

std::string kind_of(const Declaration& declaration) { return std::string(noun_of(declaration)); }

std::string with_article(std::string_view noun) {
  const bool vowel =
      !noun.empty() && std::string_view("aeiou").find(noun[0]) != std::string_view::npos;
  return (vowel ? "an " : "a ") + std::string(noun);
}

std::string join_names(const std::vector<std::string>& names, std::string_view last) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " " + std::string(last) + " " : ", ";
    out += quoted(names[i]);
  }
  return out;
}

void add_note(Diagnostic& diagnostic, std::string text) {
  diagnostic.notes.push_back({{}, false, std::move(text)});
}
void add_note_at(Diagnostic& diagnostic, Span span, std::string text) {
  diagnostic.notes.push_back({span, true, std::move(text)});
}

bool suggest(Diagnostic& diagnostic, std::string_view name,
             const std::vector<std::string>& candidates) {
  const std::string near = nearest(name, candidates);
  if (near.empty()) return false;
  did_you_mean(diagnostic, name, near);
  return true;
}

Diagnostic& report_unknown(std::string_view code, std::string_view noun, const Name& name,
                           const std::vector<std::string>& candidates, Tables& tables) {
  if (auto other = tables.declared.find(name.text); other != tables.declared.end()) {
    const Declaration& declared = *other->second;
    Diagnostic& d =
        tables.diagnostics.add(code, name.span,
                               quoted(name.text) + " is " + with_article(kind_of(declared)) +
                                   ", not " + with_article(noun));
    add_note_at(d, declared.name.span, "declared here");
    return d;
  }
  if (tables.lost && nearest(name.text, candidates).empty()) return tables.diagnostics.untold();
  Diagnostic& d = tables.diagnostics.add(
      code, name.span, "there is no " + std::string(noun) + " " + quoted(name.text));
  if (suggest(d, name.text, candidates)) return d;
  if (candidates.empty()) {
    add_note(d, "this workspace declares no " + std::string(noun));
  } else if (candidates.size() <= 8) {
    add_note(d, "there is " + join_names(candidates));
  }
  return d;
}

}  // namespace belay::dsl
