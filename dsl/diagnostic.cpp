// Collecting problems: bounded, without duplicates, in a stable order; and the edit distance behind "did you mean".
#include "dsl/diagnostic.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <tuple>
#include <utility>

#include "dsl/limits.h"

namespace belay::dsl {

Diagnostic& Diagnostics::add(std::string_view code, Span span, std::string message) {
  const DiagnosticKind* kind = find_kind(code);
  if (kind == nullptr) {  // a bug of ours: a code that no page explains
    std::fprintf(stderr, "belay: diagnostic code %.*s is not registered\n", static_cast<int>(code.size()),
                 code.data());
    std::abort();
  }
  overflow_ = Diagnostic{};
  overflow_.kind = kind;
  for (const Diagnostic& known : all_) {
    if (known.kind == kind && known.span == span) return overflow_;
  }
  if (kind->severity == Severity::kError) ++errors_;
  if (all_.size() >= limits::diagnostics_max) {
    ++dropped_;
    return overflow_;
  }
  Diagnostic diagnostic;
  diagnostic.kind = kind;
  diagnostic.span = span;
  diagnostic.message = std::move(message);
  all_.push_back(std::move(diagnostic));
  return all_.back();
}

void Diagnostics::sort() {
  std::stable_sort(all_.begin(), all_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.span.file, a.span.line, a.span.column, a.kind->code) <
           std::tie(b.span.file, b.span.line, b.span.column, b.kind->code);
  });
}

namespace {

// Damerau-Levenshtein (neighbours swapped count once); gives up early is not needed: words are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  constexpr std::size_t kLongest = 64;  // nobody mistypes a longer word into a shorter bound
  if (name.size() < 2 || name.size() > kLongest) return {};
  std::size_t best = std::max<std::size_t>(1, name.size() / 3) + 1;
  std::string found;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const std::size_t apart = candidate.size() > name.size() ? candidate.size() - name.size()
                                                             : name.size() - candidate.size();
    if (apart >= best) continue;
    const std::size_t d = distance(name, candidate);
    if (d < best && d < name.size()) {
      best = d;
      found = candidate;
    }
  }
  return found;
}

void did_you_mean(Diagnostic& diagnostic, std::string_view said, std::string_view meant) {
  diagnostic.help = "did you mean `" + std::string(meant) + "`?";
  Span span = diagnostic.span;
  if (span.length == said.size() + 2) {  // quotes around it stay
    ++span.column;
    span.length -= 2;
  }
  if (span.length == said.size()) diagnostic.fix = {span, std::string(meant)};
}

}  // namespace belay::dsl
