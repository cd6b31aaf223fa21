// The names of one file with their places and what each stands for, walked out of its tree, which
// knows both forms. Names are unresolved: dsl::Symbols says what they are.
#pragma once
#include <string>
#include <vector>

#include "dsl/symbols.h"

namespace belay::runtime::lsp {

struct Use {
  enum class Role {
    kDeclaration,
    kAction,
    kEvent,
    kType,
    kConnector,
    kWorkflow,
    kPlan,
    kError,
    kArgument,  // left of `=`: a field of what `owner` takes (of what it gives, under `gives`)
    kLocal,  // where a workflow's name is declared; `owner` is the action, event or workflow it is
             // of
  } role;
  std::string name;
  dsl::Span span;
  std::string owner;
};

struct ExprUse {
  const dsl::Expr* expr;
  const dsl::Declaration* in;
  bool result = false;  // `result` is known here: `undone by`
};

struct FileIndex {
  std::vector<Use> uses;
  std::vector<ExprUse> exprs;
};

// In the order of the text. Points into `file`, which must outlive it.
FileIndex index_of(const dsl::File& file);

// The tree of a source; nullptr: it is none of ours, or could not be read at all.
const dsl::File* file_of(const dsl::Compilation& compilation, std::uint32_t source);

}  // namespace belay::runtime::lsp
