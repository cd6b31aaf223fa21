// Collecting problems: bounded, without duplicates, in a stable order; and the edit distance behind
// "did you mean".
#include "dsl/diagnostic.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <tuple>
#include <utility>

#include "dsl/limits.h"

namespace belay::dsl {
namespace {

// What a reader says of a line that holds an expression, and the expression's own word for the
// same.
bool said_by_reader(const Diagnostic& known, std::string_view code, const Span& span) {
  static constexpr std::pair<std::string_view, std::string_view> kSame[] = {
      {"BEL1021", "BEL1202"}, {"BEL1025", "BEL1204"}, {"BEL1004", "BEL1209"}};
  // Of an expression that is too long only the first character was read.
  if (known.kind->code == "BEL1003" && code.starts_with("BEL12") && known.span.file == span.file &&
      known.span.line == span.line && span.column - known.span.column <= 1)
    return true;
  return std::any_of(std::begin(kSame), std::end(kSame), [&](const auto& same) {
    return known.kind->code == same.first && code == same.second && known.span.file == span.file &&
           known.span.line == span.line && known.span.column == span.column;
  });
}

}  // namespace

Diagnostic& Diagnostics::add(std::string_view code, Span span, std::string message) {
  const DiagnosticKind* kind = find_kind(code);
  if (kind == nullptr) {  // a bug of ours: a code that no page explains
    std::fprintf(stderr, "belay: diagnostic code %.*s is not registered\n",
                 static_cast<int>(code.size()), code.data());
    std::abort();
  }
  ++said_;
  overflow_ = Diagnostic{};
  overflow_.kind = kind;
  for (const Diagnostic& known : all_) {
    if (known.kind == kind && known.span == span) return overflow_;
    if (said_by_reader(known, code, span)) return overflow_;
  }
  for (std::size_t i = 0; i < allowances_.size(); ++i) {
    Allowance& one = allowances_[i];
    if (one.code != code || one.file != span.file || span.line < one.from_line ||
        span.line > one.to_line)
      continue;
    ++one.used;
    allowed_.push_back({{.kind = kind, .span = span, .message = std::move(message)}, i});
    return allowed_.back().diagnostic;
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

bool Diagnostics::allows(std::string_view code, const Span& span) const {
  return std::any_of(allowances_.begin(), allowances_.end(), [&](const Allowance& one) {
    return one.code == code && one.file == span.file && span.line >= one.from_line &&
           span.line <= one.to_line;
  });
}

bool may_be_allowed(const DiagnosticKind& kind) {
  if (kind.severity == Severity::kWarning) return true;
  for (const std::string_view none :
       {"BEL2003", "BEL2004", "BEL2005", "BEL2007", "BEL2011", "BEL2013", "BEL2014"}) {
    if (kind.code == none) return false;
  }
  return kind.code.starts_with("BEL2");
}

void Diagnostics::absorb(Diagnostics&& other) {
  for (Diagnostic& d : other.all_) {
    if (all_.size() >= limits::diagnostics_max) {
      ++other.dropped_;
    } else {
      all_.push_back(std::move(d));
    }
  }
  errors_ += other.errors_;
  dropped_ += other.dropped_;
  other = {};
}

Diagnostic& Diagnostics::untold() {
  ++said_;
  overflow_ = Diagnostic{};
  return overflow_;
}

void Diagnostics::merge(const Sources& sources) {
  // One name written for another is one mistake, wherever and as whatever it stands.
  // So is one name of the wrong type: `price` is an int, and three places want money.
  const auto mistaken = [&](const Diagnostic& d) -> std::string {
    const bool type = d.kind->code == "BEL4202";
    if ((!type && !d.help.starts_with("did you mean")) || d.span.length == 0) return {};
    const std::string_view line = sources.line(d.span.file, d.span.line);
    if (d.span.column > line.size()) return {};
    std::string word;
    for (const char c : line.substr(d.span.column - 1, d.span.length)) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.') word += c;
    }
    if (!type) return word + " " + d.help;
    if (word.size() != d.span.length || word.empty() || (word[0] >= '0' && word[0] <= '9'))
      return {};
    return word + " " + d.message.substr(0, d.message.find(" for ")) + " " +
           std::to_string(d.span.file);
  };
  const auto of_names = [](std::string_view code) {
    return code.starts_with("BEL3") || code == "BEL4001" || code == "BEL4002" ||
           code == "BEL4005" || code == "BEL4006" || code == "BEL4016" || code == "BEL5001" ||
           code == "BEL5004" || code == "BEL5201" || code == "BEL4202";
  };
  std::vector<Diagnostic> kept;
  std::map<std::pair<std::string_view, std::string>, std::size_t> first;
  for (Diagnostic& d : all_) {
    if (of_names(d.kind->code)) {
      const std::string pair = mistaken(d);
      const auto [known, fresh] = first.emplace(
          pair.empty() ? std::pair(d.kind->code, d.message) : std::pair(std::string_view(), pair),
          kept.size());
      if (!fresh) {
        kept[known->second].also.push_back(d.span);
        if (d.kind->severity == Severity::kError) --errors_;
        continue;
      }
    }
    kept.push_back(std::move(d));
  }
  all_ = std::move(kept);
}

void Diagnostics::forget_follow_ups(std::size_t begin) {
  const auto follows = [](const Diagnostic& d) {
    const std::string_view code = d.kind->code;
    if (d.help.starts_with("did you mean")) return false;
    for (const std::string_view one :
         {"BEL3201", "BEL3202", "BEL3008", "BEL4001", "BEL4002", "BEL4005", "BEL4006", "BEL4016",
          "BEL5001", "BEL5003", "BEL5004", "BEL5006", "BEL5201"}) {
      if (code == one) return true;
    }
    return code.starts_with("BEL2");
  };
  const auto keep =
      std::remove_if(all_.begin() + static_cast<std::ptrdiff_t>(std::min(begin, all_.size())),
                     all_.end(), [&](const Diagnostic& d) {
                       if (!follows(d)) return false;
                       if (d.kind->severity == Severity::kError) --errors_;
                       return true;
                     });
  all_.erase(keep, all_.end());
}

void Diagnostics::sort() {
  std::stable_sort(all_.begin(), all_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.span.file, a.span.line, a.span.column, a.kind->code) <
           std::tie(b.span.file, b.span.line, b.span.column, b.kind->code);
  });
}

namespace {

// Damerau-Levenshtein (neighbours swapped count once); gives up early is not needed: words are
// short.
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
  std::size_t best = std::clamp<std::size_t>(name.size() / 3, 1, 3) + 1;
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
