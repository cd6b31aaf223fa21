// See again.h.
#include "dsl/compile/again.h"

namespace belay::dsl {
namespace {

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.';
}

}  // namespace

// Every dotted word, and what stands before each of its dots: `shop.hold.id` may name `shop.hold`.
void EditorMemory::note_names(const SourceFile& source, const File* file, ReadFile& out) {
  const std::string_view text = source.text;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_name_char(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && is_name_char(text[end])) {
      if (text[end] == '.' && end > at) out.words.emplace(text.substr(at, end - at));
      ++end;
    }
    out.words.emplace(text.substr(at, end - at));
    at = end;
  }
  // YAML may write any character as an escape.
  out.names_anything = !source.path.ends_with(".belay") && text.find('\\') != text.npos;
  if (file == nullptr) return;
  for (const Declaration& declaration : file->declarations)
    out.names.push_back(declaration.name.text);
}

void EditorMemory::spread(std::vector<std::string> names) {
  while (!names.empty()) {
    const std::string name = std::move(names.back());
    names.pop_back();
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (changed[i] || (!files[i].names_anything && !files[i].words.contains(name))) continue;
      changed[i] = true;
      names.insert(names.end(), files[i].names.begin(), files[i].names.end());
    }
  }
}

bool EditorMemory::take(const std::string& name, ActionInfo& action) {
  const auto known = actions.find(name);
  if (known == actions.end() || changed[action.at->name.span.file]) {
    ++checks;
    return false;
  }
  const Declaration* at = action.at;
  const ActionDecl* decl = action.decl;
  action = std::move(known->second);
  action.at = at;
  action.decl = decl;
  return true;
}

bool EditorMemory::take(const Declaration& workflow, Tables& tables,
                        std::vector<interpreter::Graph>& graphs) {
  const auto known = lowered.find(workflow.name.text);
  const auto info = tables.sagas.find(workflow.name.text);
  if (known == lowered.end() || changed[workflow.name.span.file] || info == tables.sagas.end() ||
      info->second.at != &workflow) {
    ++checks;
    return false;
  }
  info->second = std::move(known->second.info);
  info->second.at = &workflow;
  graphs.push_back(std::move(known->second.graph));
  tables.symbols->scopes.push_back(std::move(known->second.scope));
  lowered.erase(known);
  return true;
}

}  // namespace belay::dsl
