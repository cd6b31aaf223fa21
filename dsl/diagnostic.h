// Diagnostics are the user interface: what was seen, the rule, a way out. One registry (diagnostic_kinds.cpp) holds
// every kind with its code and its page; nothing else may invent a code. Messages are lower case, names in backticks,
// no full stop. Golden files in tests/golden/diagnostics.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/source.h"

namespace belay::dsl {

enum class Severity { kError, kWarning };

// One kind of problem. `code` is "BEL1001"; ranges: 1xxx reading (syntax, YAML, limits), 2xxx saga safety,
// 3xxx names, 4xxx types and arguments, 5xxx flow (presence, reachability).
struct DiagnosticKind {
  std::string_view code;
  Severity severity;
  std::string_view title;    // a few words
  std::string_view what, why, bad, fixed;  // the page that `belay explain CODE` prints
};

struct Note {
  Span span;  // file/line shown when length or line is set; see has_span
  bool has_span = false;
  std::string text;
};

// What to write instead, where that is certain enough to offer: a quick fix of editors. The text of
// `span` is replaced; length 0 inserts.
struct Fix {
  Span span;
  std::string text;
};

struct Diagnostic {
  const DiagnosticKind* kind = nullptr;
  Span span;
  std::string message;
  std::string label;        // under the caret; may be empty
  std::vector<Note> notes;  // `= …` lines
  std::string help;         // `help: …`; may be empty
  std::optional<Fix> fix;   // what the help says, for tools
};

// Collects the problems of one run; bounded (the rest is counted), duplicates at the same span and kind dropped.
class Diagnostics {
 public:
  // `code` must be a registered one (BELAY-internal check). Returns a reference to fill in label, notes, help.
  Diagnostic& add(std::string_view code, Span span, std::string message);
  const std::vector<Diagnostic>& all() const { return all_; }
  std::size_t errors() const { return errors_; }
  std::size_t dropped() const { return dropped_; }
  // By file, line, column, code.
  void sort();

 private:
  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0, dropped_ = 0;
  Diagnostic overflow_;
};

// Every kind, sorted by code.
const std::vector<DiagnosticKind>& diagnostic_kinds();
const DiagnosticKind* find_kind(std::string_view code);

// As LANGUAGE.md §7 shows, one after another, then a line that counts. Colours when `colour`.
std::string render_text(const Diagnostics&, const Sources&, bool colour);
// {"diagnostics":[{code,severity,file,line,column,length,message,label,notes,help,fix?}],"errors":n,"warnings":n}
std::string render_json(const Diagnostics&, const Sources&);

// The candidate nearest to `name` by edit distance, or empty when none is near enough to be meant.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);
// help: "did you mean `meant`?". It is a fix too where the diagnostic's span is just what was said, maybe in quotes.
void did_you_mean(Diagnostic& diagnostic, std::string_view said, std::string_view meant);

}  // namespace belay::dsl
