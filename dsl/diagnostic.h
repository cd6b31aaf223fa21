// Diagnostics are the user interface: what was seen, the rule, a way out. One registry
// (diagnostic_kinds.cpp) holds every kind with its code and its page; nothing else may invent a
// code. Messages are lower case, names in backticks, no full stop. Golden files in
// tests/golden/diagnostics.
#pragma once
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/source.h"

namespace belay::dsl {

enum class Severity { kError, kWarning };

// One kind of problem. `code` is "BEL1001"; ranges: 1xxx reading (syntax, YAML, limits), 2xxx saga
// safety, 3xxx names, 4xxx types and arguments, 5xxx flow (presence, reachability).
struct DiagnosticKind {
  std::string_view code;
  Severity severity;
  std::string_view title;                  // a few words
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
  std::vector<Span> also;   // further places with the very same problem (see merge)
};

// Collects the problems of one run; bounded (the rest is counted), duplicates at the same span and
// kind dropped.
class Diagnostics {
 public:
  // `code` must be a registered one (BELAY-internal check). Returns a reference to fill in label,
  // notes, help.
  Diagnostic& add(std::string_view code, Span span, std::string message);
  const std::vector<Diagnostic>& all() const { return all_; }
  std::size_t errors() const { return errors_; }
  std::size_t dropped() const { return dropped_; }
  // By file, line, column, code.
  void sort();
  // A name that is wrong in one place is often read in ten: problems about names that say the same
  // words become one, with the other places in `also`. REQUIRES: sorted.
  void merge(const Sources& sources);
  // An author's `allow`: problems of this kind on these lines are kept apart, with the reason, and
  // do not count. Call before what would report them.
  struct Allowance {
    std::string code;
    std::uint32_t file = 0, from_line = 0, to_line = 0;
    Span span;  // of the clause
    std::string because;
    std::size_t used = 0;
  };
  struct Allowed {
    Diagnostic diagnostic;
    std::size_t by = 0;  // index into allowances()
  };
  void allow(Allowance allowance) { allowances_.push_back(std::move(allowance)); }
  bool allows(std::string_view code, const Span& span) const;
  const std::vector<Allowance>& allowances() const { return allowances_; }
  const std::deque<Allowed>& allowed() const { return allowed_; }
  // Drops what was added since all() had `begin` entries and only follows from a declaration that
  // could not be read whole: names that nobody declares, arguments that are missing. What is
  // certain all the same (it has a "did you mean") stays.
  void forget_follow_ups(std::size_t begin);
  // Takes over what another run found.
  void absorb(Diagnostics&& other);
  // For a problem that is not to be told.
  Diagnostic& untold();
  // How often something was said, told or not: when it is the same before and after, the part of a
  // program that was looked at in between earned no word.
  std::size_t said() const { return said_; }

 private:
  std::vector<Diagnostic> all_;
  std::size_t errors_ = 0, dropped_ = 0, said_ = 0;
  Diagnostic overflow_;
  std::vector<Allowance> allowances_;
  std::deque<Allowed> allowed_;  // stable addresses: callers fill in what they added
};

// Every kind, sorted by code.
const std::vector<DiagnosticKind>& diagnostic_kinds();
const DiagnosticKind* find_kind(std::string_view code);
// Whether an author may allow it: warnings, and what is unsafe but can be run. A second point of no
// return, a cancel after it or an undo that reads nothing have no meaning that could be allowed.
bool may_be_allowed(const DiagnosticKind& kind);

// As LANGUAGE.md §7 shows, one after another, then a line that counts. Colours when `colour`.
std::string render_text(const Diagnostics&, const Sources&, bool colour);
// What authors allowed, each with its reason, and how many; empty when there is nothing.
std::string render_allowed(const Diagnostics&, const Sources&);
// SARIF 2.1.0. `prefix` is put before every path: the folder that the paths are relative to, seen
// from the root of the repository.
std::string render_sarif(const Diagnostics&, const Sources&, std::string_view prefix = {});
// {"diagnostics":[{code,severity,file,line,column,length,message,label,notes,also?,help,fix?}],"errors":n,"warnings":n}
std::string render_json(const Diagnostics&, const Sources&);

// The candidate nearest to `name` by edit distance, or empty when none is near enough to be meant.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);
// help: "did you mean `meant`?". It is a fix too where the diagnostic's span is just what was said,
// maybe in quotes.
void did_you_mean(Diagnostic& diagnostic, std::string_view said, std::string_view meant);

}  // namespace belay::dsl
