// What editors ask of a workspace: who is declared where, with which types, and which names are
// known at which statement. Data only, filled by the compiler on the way (dsl/compile/symbols.cpp,
// Lowering::note_scope), also for declarations that have errors: half a file is what an editor
// holds most of the time. Types are interpreter types; to_text() spells them.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compile.h"

namespace belay::dsl {

struct Symbol {
  enum class Kind { kType, kEvent, kConnector, kAction, kWorkflow, kWebhook, kPlan } kind;
  std::string name, title;
  Span at;                                // of the name
  std::vector<interpreter::Field> takes;  // of an action or workflow; the fields of a type or event
  interpreter::Type gives;                // of an action or workflow: a record
  std::vector<std::string> errors;        // of an action, without the built-in ones
  std::vector<std::string> effects;       // of an action, as written: `moves money`
  std::string undone_by, checked_by;      // of an action; empty: not said
  std::string key;                        // of an event: its key's field
  std::string facts;                      // further words for people, empty or one sentence
};

// A name of one workflow.
struct LocalName {
  std::string name;
  interpreter::Type type;
  Span at;  // where it is declared
  enum class Origin { kTake, kStep, kWait, kSet, kAsk, kItem, kCollect } origin = Origin::kTake;
};

// What is known before and after one statement: indexes into Scope::names.
struct ScopePoint {
  Span at;  // the statement's head
  std::vector<std::uint32_t> before, after;
};

struct Scope {
  std::string workflow;
  Span at;  // of the declaration's head
  std::vector<LocalName> names;
  std::vector<ScopePoint> points;  // in the order of lowering; bounded by limits::scope_names_max
  ScopePoint whole;                // before: the inputs; after: what is known at the end
};

struct Symbols {
  std::map<std::string, Symbol, std::less<>> declared;
  std::vector<Scope> scopes;

  const Symbol* find(std::string_view name) const {
    const auto found = declared.find(name);
    return found == declared.end() ? nullptr : &found->second;
  }
};

struct EditorMemory;  // dsl/compile/again.h

// compile_sources, and the symbols beside.
struct EditorCompilation {
  Compilation compilation;
  Symbols symbols;
  std::shared_ptr<EditorMemory> memory;  // for compile_again
};
EditorCompilation compile_for_editor(const std::map<std::string, std::string>& files,
                                     const PluginCatalog* catalog = nullptr);
// Makes of `compiled` what compile_for_editor makes of these files, with less work where few of
// them have changed since it was made. Returns how much: files that were read, and actions and
// workflows that were checked.
struct EditorWork {
  std::size_t reads = 0, checks = 0;
};
EditorWork compile_again(EditorCompilation& compiled,
                         const std::map<std::string, std::string>& files,
                         const PluginCatalog* catalog = nullptr);

// The definitions below a folder, paths relative to it; files that cannot be read are left out.
// The same files that compile_workspace takes; those directly in it when !below.
std::map<std::string, std::string> read_definitions(const std::string& dir, bool below = true);
// Whether compile_workspace would take a file of this path, relative to the workspace's folder.
bool is_definition_path(std::string_view path);

}  // namespace belay::dsl
