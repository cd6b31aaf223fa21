// What one compilation for an editor leaves to the next, so that an edit costs what depends on it
// and not the workspace. A file that did not change is not read again. An action or workflow is not
// looked at again when nothing was said about it (not even something allowed or dropped), its file
// did not change, and neither did any file that it depends on: a file depends on each that declares
// a name which stands in it, however deep. Names are told by the text alone, so that no use of them
// can be forgotten here; too many files may be taken as dependent, never too few. What is left out
// said nothing the last time and would say nothing now: the problems are the same, in the same
// order. tests/dsl/again_test.cpp compares with fresh compilations after random edits.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "dsl/compile/tables.h"
#include "dsl/symbols.h"

namespace belay::dsl {

struct EditorMemory {
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Words = std::unordered_set<std::string, Hash, std::equal_to<>>;

  struct ReadFile {                  // by source
    Diagnostics said;                // by its reader
    bool ours = false;               // a File came of it
    bool names_anything = false;     // its names cannot be told from its text
    Words words;                     // those that may be names of declarations
    std::vector<std::string> names;  // that it declares
  };
  struct Lowered {
    WorkflowInfo info;
    interpreter::Graph graph;
    Scope scope;
  };

  const PluginCatalog* catalog = nullptr;
  std::vector<ReadFile> files;
  Table<ActionInfo> actions;          // those about which nothing was said
  Table<WorkflowInfo> sagas;          // likewise; their graphs and scopes are in the compilation
  std::vector<bool> changed;          // by source: it, or one that it depends on
  Table<Lowered> lowered;             // of the compilation before, to be taken over
  std::size_t reads = 0, checks = 0;  // of files; of actions and workflows, in the last compilation

  // Marks what depends on files that changed. REQUIRES: `changed` holds those; `names` are all that
  // they declared before or declare now.
  void spread(std::vector<std::string> names);
  // Takes over what is known of it. Returns whether that is all that there is to do.
  bool take(const std::string& name, ActionInfo& action);
  bool take(const Declaration& workflow, Tables& tables, std::vector<interpreter::Graph>& graphs);

  // What the text and the tree of a file say about its names.
  static void note_names(const SourceFile& source, const File* file, ReadFile& out);
};

}  // namespace belay::dsl
