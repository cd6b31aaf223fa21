// The registry of diagnostics: every kind, its severity, and the page that `belay explain CODE`
// prints. Each part of the compiler keeps its kinds beside its code, as initialiser entries in an
// .inc file; they meet here and nowhere else.
#include <algorithm>

#include "dsl/diagnostic.h"

namespace belay::dsl {

const std::vector<DiagnosticKind>& diagnostic_kinds() {
  static const std::vector<DiagnosticKind> kinds = [] {
    std::vector<DiagnosticKind> all = {
#include "dsl/diagnostic_kinds_read.inc"
#if __has_include("dsl/expr/diagnostic_kinds.inc")
#include "dsl/expr/diagnostic_kinds.inc"
#endif
#if __has_include("dsl/compile/diagnostic_kinds.inc")
#include "dsl/compile/diagnostic_kinds.inc"
#endif
#include "dsl/compile/diagnostic_kinds_desk.inc"
    };
    std::sort(all.begin(), all.end(),
              [](const DiagnosticKind& a, const DiagnosticKind& b) { return a.code < b.code; });
    return all;
  }();
  return kinds;
}

const DiagnosticKind* find_kind(std::string_view code) {
  const std::vector<DiagnosticKind>& kinds = diagnostic_kinds();
  const auto it = std::lower_bound(
      kinds.begin(), kinds.end(), code,
      [](const DiagnosticKind& kind, std::string_view wanted) { return kind.code < wanted; });
  return it != kinds.end() && it->code == code ? &*it : nullptr;
}

}  // namespace belay::dsl
