// Hover and definition: what stands at a place, told and found. Names of the tree come first, then
// paths in expressions, then words of the language, then what is wrong here.
#include <algorithm>

#include "dsl/text/heads.h"
#include "dsl/yaml/keys.h"
#include "runtime/lsp/names.h"

namespace belay::runtime::lsp {

using namespace dsl;
using Role = Use::Role;

namespace {

bool holds(const Span& span, const Span& at) {
  return span.file == at.file && span.line == at.line && span.column <= at.column &&
         at.column <= span.column + span.length;
}
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
std::string code(const std::string& text) { return "`" + text + "`"; }

std::string list_fields(const std::string& head, const std::vector<interpreter::Field>& fields) {
  if (fields.empty()) return {};
  std::string out = "\n\n" + head + "\n";
  for (const interpreter::Field& field : fields)
    out += "- " + code(field.name) + " " + to_text(field.type) + "\n";
  return out;
}

std::string told(const Symbol& s) {
  static constexpr const char* kWords[] = {"type",     "event",   "connector", "action",
                                           "workflow", "webhook", "retry plan"};
  std::string out = std::string(kWords[static_cast<int>(s.kind)]) + " **" + s.name + "**";
  if (!s.title.empty()) out += ": " + s.title;
  if (!s.effects.empty()) {
    out += "\n\neffects: ";
    for (const std::string& effect : s.effects)
      out += (&effect == &s.effects[0] ? "" : ", ") + effect;
  }
  const bool calls = s.kind == Symbol::Kind::kAction || s.kind == Symbol::Kind::kWorkflow;
  out += list_fields(calls ? "takes" : "fields", s.takes);
  out += list_fields("gives", s.gives.fields);
  if (!s.errors.empty()) {
    out += "\n\nerrors: ";
    for (const std::string& error : s.errors)
      out += (&error == &s.errors[0] ? "" : ", ") + code(error);
  }
  if (!s.undone_by.empty()) out += "\n\nundone by " + code(s.undone_by);
  if (!s.checked_by.empty()) out += "\n\nchecked by " + code(s.checked_by);
  if (!s.key.empty()) out += "\n\nkey " + code(s.key);
  if (!s.facts.empty()) out += "\n\n" + s.facts;
  return out;
}

// The declaration that lists an error, and where.
struct ErrorAt {
  std::vector<std::string> actions;
  std::optional<Span> first;
};
ErrorAt find_error(const View& view, const std::string& name) {
  ErrorAt out;
  for (const File& file : view.compilation.files) {
    for (const Declaration& d : file.declarations) {
      const auto* action = std::get_if<ActionDecl>(&d.body);
      if (action == nullptr) continue;
      std::optional<Span> span;
      for (const OutcomeDecl& outcome : action->outcomes) {
        if (outcome.error.text == name && !span) span = outcome.error.span;
      }
      for (const Name& error : action->errors) {
        if (error.text == name && !span) span = error.span;
      }
      if (!span) continue;
      out.actions.push_back(d.name.text);
      if (!out.first) out.first = span;
    }
  }
  return out;
}

// The path around the place, up to the word under it: `capture.charge`.
struct Path {
  std::vector<std::string> words;
  Span last;
};
Path path_at(const Sources& sources, const Span& at) {
  const std::string_view line = sources.line(at.file, at.line);
  std::size_t end = std::min<std::size_t>(at.column - 1, line.size()), begin = end;
  while (end < line.size() && is_word(line[end])) ++end;
  while (begin > 0 && is_word(line[begin - 1])) --begin;
  Path out;
  if (begin == end) return out;
  out.last = {at.file, at.line, static_cast<std::uint32_t>(begin + 1),
              static_cast<std::uint32_t>(end - begin)};
  out.words.emplace_back(line.substr(begin, end - begin));
  while (begin > 1 && line[begin - 1] == '.' && is_word(line[begin - 2])) {
    end = --begin;
    while (begin > 0 && is_word(line[begin - 1])) --begin;
    out.words.emplace(out.words.begin(), line.substr(begin, end - begin));
  }
  return out;
}

bool in_expression(const FileIndex& index, const Sources& sources, const Span& at, bool& own) {
  for (const ExprUse& use : index.exprs) {
    const Span& from = use.expr->span;
    if (from.file != at.file || at.line < from.line) continue;
    const std::uint32_t last = use.expr->lines.empty() ? from.line : use.expr->lines.back().line;
    if (at.line > last || (at.line == from.line && at.column < from.column)) continue;
    const std::size_t length = use.expr->text.find('\n') == std::string::npos
                                   ? use.expr->text.size()
                                   : sources.line(at.file, at.line).size();
    if (last == from.line && at.column > from.column + length) continue;
    own = true;
    return true;
  }
  return false;
}

struct Target {
  Span span;  // what stands here
  std::string markdown;
  std::optional<Span> declared;
};

Target target_of_symbol(const View& view, const std::string& name, const Span& span) {
  const Symbol* symbol = view.symbols.find(name);
  if (symbol == nullptr) return {span, {}, std::nullopt};
  return {span, told(*symbol), symbol->at};
}

std::optional<Target> target_of_use(const View& view, const File& file, const FileIndex& index,
                                    const Use& use) {
  switch (use.role) {
    case Role::kArgument: {
      const Symbol* symbol = view.symbols.find(use.owner);
      if (symbol == nullptr) return std::nullopt;
      for (const auto& [fields, gives] :
           {std::pair{&symbol->takes, false}, {&symbol->gives.fields, true}}) {
        for (const interpreter::Field& field : *fields) {
          if (field.name != use.name) continue;
          return Target{
              use.span,
              code(field.name) + " " + to_text(field.type) + "\n\na field of " + code(symbol->name),
              field_span(view, use.owner, use.name, gives)};
        }
      }
      return std::nullopt;
    }
    case Role::kError: {
      const ErrorAt found = find_error(view, use.name);
      std::string text = "error " + code(use.name);
      for (const std::string& action : found.actions)
        text += "\n- " + code(action) + " can end in it";
      return Target{use.span, text, found.first};
    }
    case Role::kLocal: {
      Span inside = use.span;
      const Env env = names_at(view, file, index, inside, true);
      const auto found = env.find(use.name);
      std::string text = code(use.name);
      if (found != env.end())
        text += " " + to_text(found->second.type) + "\n\n" + found->second.what;
      return Target{use.span, text, use.span};
    }
    default: {
      Target out = target_of_symbol(view, use.name, use.span);
      if (out.markdown.empty() && !out.declared) return std::nullopt;
      return out;
    }
  }
}

std::optional<Target> target_at(const View& view, const Span& at) {
  const File* file = file_of(view.compilation, at.file);
  if (file == nullptr) return std::nullopt;
  const FileIndex index = index_of(*file);
  // The narrowest wins: a title is no name, but names may touch.
  for (const Use& use : index.uses) {
    if (holds(use.span, at)) {
      if (auto found = target_of_use(view, *file, index, use)) return found;
    }
  }
  bool own = false;
  if (!in_expression(index, view.compilation.sources, at, own)) return std::nullopt;
  const Path path = path_at(view.compilation.sources, at);
  Env env = names_at(view, *file, index, at, own);
  const auto found = resolve(view, env, path.words);
  if (!found) return std::nullopt;
  std::string name;
  for (const std::string& word : path.words) name += (name.empty() ? "" : ".") + word;
  Target out{path.last, code(name) + " " + to_text(found->type) + "\n\n" + found->what,
             std::nullopt};
  if (found->type.base == interpreter::Type::Base::kRecord)
    out.markdown += list_fields("fields", found->type.fields);
  if (found->at.line > 0) out.declared = found->at;
  return out;
}

// What editors say of a key of YAML; heads of the text form are the same words.
std::string_view doc_of(std::string word) {
  static constexpr std::pair<std::string_view, std::string_view> kOther[] = {
      {"undo_with", "undo"},
      {"cancel_because", "cancel"},
      {"hand_to", "hand_to"},
      {"together", "together"},
      {"keep_trying_for", "keep_trying"},
      {"if", "errors"},
      {"try_again_after", "try_again"},
      {"no_undo_because", "no_undo"},
      {"or_when", "or_when"}};
  std::replace(word.begin(), word.end(), ' ', '_');
  for (const auto& [said, key] : kOther) {
    if (word == said) word = key;
  }
  const yaml::KeyRow* found = nullptr;
  for (const yaml::KeyRow& row : yaml::key_rows()) {
    if (row.key == word && (found == nullptr || row.of == word)) found = &row;
  }
  return found == nullptr ? std::string_view{} : found->doc;
}

std::optional<Hover> keyword_at(const View& view, const Span& at) {
  const Sources& sources = view.compilation.sources;
  const std::string_view line = sources.line(at.file, at.line);
  std::size_t first = line.find_first_not_of(" ");
  if (first == std::string_view::npos) return std::nullopt;
  const bool text = sources.file(at.file).path.ends_with(".belay");
  std::size_t length = 0;
  std::string word;
  if (text) {
    const text::HeadMatch match = text::match_head(line.substr(first), ~0u);
    if (match.here == nullptr) return std::nullopt;
    length = match.length;
    word = match.here->words;
  } else {
    if (line.substr(first).starts_with("- ")) first += 2;
    while (first + length < line.size() && is_word(line[first + length])) ++length;
    if (length == 0 || line.substr(first + length, 1) != ":") return std::nullopt;
    word = line.substr(first, length);
  }
  const Span span{at.file, at.line, static_cast<std::uint32_t>(first + 1),
                  static_cast<std::uint32_t>(length)};
  const std::string_view doc = doc_of(word);
  if (!holds(span, at) || doc.empty()) return std::nullopt;
  return Hover{span, "**" + word + "**\n\n" + std::string(doc)};
}

}  // namespace

std::optional<Hover> hover_at(const View& view, const Span& at) {
  std::optional<Hover> out;
  if (auto target = target_at(view, at); target && !target->markdown.empty())
    out = Hover{target->span, target->markdown};
  if (!out) out = keyword_at(view, at);
  for (const Diagnostic& d : view.compilation.diagnostics.all()) {
    if (!holds(d.span, at)) continue;
    if (out) {
      out->markdown += "\n\n---\n\n" + page_of(*d.kind);
    } else {
      out = Hover{d.span, page_of(*d.kind)};
    }
    break;
  }
  return out;
}

std::optional<Span> definition_at(const View& view, const Span& at) {
  const auto target = target_at(view, at);
  return target ? target->declared : std::nullopt;
}

}  // namespace belay::runtime::lsp
