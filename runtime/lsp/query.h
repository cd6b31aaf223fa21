// What an editor asks about a place, answered from a compiled workspace. Plain data in and out; the
// protocol is server.cpp's. A place is a dsl::Span with length 0 (bytes, from 1).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "dsl/symbols.h"

namespace belay::runtime::lsp {

using View = dsl::EditorCompilation;

// The index of a path among the sources; nullopt: no such file.
std::optional<std::uint32_t> source_of(const View& view, const std::string& path);

struct Hover {
  dsl::Span span;
  std::string markdown;
};
// What people may want to know of what stands here; nullopt: nothing to tell.
std::optional<Hover> hover_at(const View& view, const dsl::Span& at);

// Where what stands here is declared; nullopt: nothing that is declared stands here.
std::optional<dsl::Span> definition_at(const View& view, const dsl::Span& at);

struct Suggestion {
  enum class Kind {
    kKeyword,
    kName,
    kField,
    kAction,
    kEvent,
    kType,
    kError,
    kWorkflow,
    kConnector,
    kPlan,
    kArgument
  };
  Kind kind = Kind::kName;
  std::string label;
  std::string insert;  // empty: the label
  std::string detail;  // a type, a title
  std::string doc;     // Markdown
};
struct Completion {
  dsl::Span replaced;  // what stands there so far
  std::vector<Suggestion> items;
};
// What may stand here; no items where nothing is known. At most a workspace's names.
Completion complete_at(const View& view, const dsl::Span& at);

struct OutlineItem {
  std::string name, detail;
  dsl::Span at;                 // of the name
  std::uint32_t last_line = 0;  // of all that belongs to it
  bool is_declaration = false;
  std::string kind;  // "action", "step", …
  std::vector<OutlineItem> inside;
};
// The declarations of a file with their steps inside, in the order of the text.
std::vector<OutlineItem> outline_of(const View& view, std::uint32_t file);

// The document laid out as `belay fmt` does; nullopt: it has errors, or is none of ours.
std::optional<std::string> formatted(const std::string& path, const std::string& text);

// The page of a kind of diagnostic.
std::string page_of(const dsl::DiagnosticKind& kind);

}  // namespace belay::runtime::lsp
