// CEL's `format`: "%s paid %.2f".format([name, amount]). Clauses: %s any value, %d whole numbers,
// %f and %e numbers (a precision may stand before), %b %o %x %X digits in another base, %% itself.
// Doubles are written from their exact binary value, rounded half to even, with no locale. Tested
// in tests/interpreter/eval_test.cpp and tests/cel.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "interpreter/functions.h"
#include "interpreter/text.h"
#include "interpreter/time.h"

namespace belay::interpreter {
namespace {

using Kind = Value::Kind;

constexpr int precision_max = 1'000;
constexpr int precision_default = 6;

struct Clause {
  char letter = 's';
  int precision = -1;  // -1: none written
};

Evaluated cannot(const Clause& clause, const Value& value) {
  const char* takes = clause.letter == 'd' || clause.letter == 'o' ? "whole numbers"
                      : clause.letter == 'b'                       ? "whole numbers and bools"
                      : clause.letter == 'x' || clause.letter == 'X'
                          ? "whole numbers, text and bytes"
                          : "numbers";
  return bad(std::string("`%") + clause.letter + "` takes " + takes + ", not " +
             std::string(kind_text(value.kind())));
}

// What every part of the result costs.
bool append(std::string_view text, std::string& out, Budget& budget) {
  if (!budget.charge(text.size() / 16 + 1)) return false;
  out += text;
  return true;
}

// A value inside `%s`: text bare, containers with their items in the same way. False: out of
// budget.
bool append_plain(const Value& value, std::string& out, Budget& budget);

bool append_list(const List& list, std::string& out, Budget& budget) {
  out += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ", ";
    if (!append_plain(list[i], out, budget)) return false;
  }
  out += ']';
  return true;
}

// Sorted by the text of the keys, so that 1, 2u and true have one order.
bool append_map(const Map& map, std::string& out, Budget& budget) {
  std::vector<std::pair<std::string, const Value*>> entries;
  for (const auto& [key, value] : map) {
    std::string text;
    if (!append_plain(key, text, budget)) return false;
    entries.emplace_back(std::move(text), &value);
  }
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  out += '{';
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out += ", ";
    out += entries[i].first;
    out += ": ";
    if (!append_plain(*entries[i].second, out, budget)) return false;
  }
  out += '}';
  return true;
}

bool append_plain(const Value& value, std::string& out, Budget& budget) {
  switch (value.kind()) {
    case Kind::kString: return append(value.as_string(), out, budget);
    case Kind::kBytes: return append(value.as_bytes(), out, budget);
    case Kind::kUint: return append(std::to_string(value.as_uint()), out, budget);
    case Kind::kDouble: return append(double_to_text(value.as_double()), out, budget);
    case Kind::kDuration: return append(format_duration(value.as_duration()), out, budget);
    case Kind::kTimestamp: return append(timestamp_text(value.as_timestamp()), out, budget);
    case Kind::kList: return append_list(value.as_list(), out, budget);
    case Kind::kMap: return append_map(value.as_map(), out, budget);
    case Kind::kOptional:
      if (value.as_optional() == nullptr) return append("optional.none()", out, budget);
      out += "optional(";
      if (!append_plain(*value.as_optional(), out, budget)) return false;
      out += ')';
      return true;
    default: return append(to_text(value), out, budget);
  }
}

std::string digits_in(std::uint64_t magnitude, bool negative, int base) {
  char buffer[72];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, magnitude, base);
  return (negative ? "-" : "") + std::string(buffer, end.ptr);
}

std::string hex_of(std::string_view bytes) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += hex[static_cast<unsigned char>(c) >> 4];
    out += hex[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

// %d %b %o %x %X; nullopt when the clause does not take the value.
std::optional<std::string> whole_text(const Clause& clause, const Value& value) {
  const int base = clause.letter == 'd'   ? 10
                   : clause.letter == 'b' ? 2
                   : clause.letter == 'o' ? 8
                                          : 16;
  std::string out;
  if (value.kind() == Kind::kInt) {
    const std::int64_t n = value.as_int();
    out = digits_in(n < 0 ? 0 - static_cast<std::uint64_t>(n) : static_cast<std::uint64_t>(n),
                    n < 0, base);
  } else if (value.kind() == Kind::kUint) {
    out = digits_in(value.as_uint(), false, base);
  } else if (base == 2 && value.kind() == Kind::kBool) {
    out = value.as_bool() ? "1" : "0";
  } else if (base == 16 && value.kind() == Kind::kString) {
    out = hex_of(value.as_string());
  } else if (base == 16 && value.kind() == Kind::kBytes) {
    out = hex_of(value.as_bytes());
  } else if (base == 10 && value.kind() == Kind::kDouble && !std::isfinite(value.as_double())) {
    out = double_to_text(value.as_double());
  } else {
    return std::nullopt;
  }
  if (clause.letter == 'X') {
    for (char& c : out) c = c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return out;
}

std::optional<std::string> real_text(const Clause& clause, const Value& value) {
  double d = 0;
  if (value.kind() == Kind::kDouble)
    d = value.as_double();
  else if (value.kind() == Kind::kInt)
    d = static_cast<double>(value.as_int());
  else if (value.kind() == Kind::kUint)
    d = static_cast<double>(value.as_uint());
  else
    return std::nullopt;
  if (!std::isfinite(d)) return double_to_text(d);
  const int precision = clause.precision < 0 ? precision_default : clause.precision;
  std::string out(static_cast<std::size_t>(precision) + 330, '\0');
  const auto end = std::to_chars(
      out.data(), out.data() + out.size(), d,
      clause.letter == 'f' ? std::chars_format::fixed : std::chars_format::scientific, precision);
  out.resize(static_cast<std::size_t>(end.ptr - out.data()));
  return out;
}

// Reads what stands after `%`; `at` moves past it.
std::optional<Clause> read_clause(std::string_view text, std::size_t& at) {
  Clause clause;
  if (at < text.size() && text[at] == '.') {
    const char* const begin = text.data() + at + 1;
    const auto [end, error] = std::from_chars(begin, text.data() + text.size(), clause.precision);
    if (error != std::errc() || clause.precision < 0 || clause.precision > precision_max)
      return std::nullopt;
    at = static_cast<std::size_t>(end - text.data());
  }
  if (at >= text.size()) return std::nullopt;
  clause.letter = text[at++];
  const bool real = clause.letter == 'f' || clause.letter == 'e';
  const bool known =
      real || std::string_view("sdboxX").find(clause.letter) != std::string_view::npos;
  if (!known || (clause.precision >= 0 && !real)) return std::nullopt;
  return clause;
}

}  // namespace

Evaluated call_format(Args args, Budget& budget) {
  if (args.size() != 2 || args[0].kind() != Kind::kString || args[1].kind() != Kind::kList) {
    return no_overload(Function::kFormat, args);
  }
  const std::string& text = args[0].as_string();
  const List& values = args[1].as_list();
  if (!budget.charge(text.size() / 16)) return out_of_budget();
  std::string out;
  std::size_t next = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t percent = std::min(text.find('%', at), text.size());
    out.append(text, at, percent - at);
    if (percent == text.size()) break;
    at = percent + 1;
    if (at < text.size() && text[at] == '%') {
      out += '%';
      ++at;
      continue;
    }
    const auto clause = read_clause(text, at);
    if (!clause)
      return bad("no such clause in `format`: " + brief(Value::string(text.substr(percent, 8))));
    if (next >= values.size())
      return bad("`format` has more clauses than values: " + std::to_string(values.size()));
    const Value& value = values[next++];
    if (clause->letter == 's') {
      if (!append_plain(value, out, budget)) return out_of_budget();
      continue;
    }
    const bool real = clause->letter == 'f' || clause->letter == 'e';
    const bool long_text = value.kind() == Kind::kString || value.kind() == Kind::kBytes;
    if (long_text &&
        !budget.charge(
            (value.kind() == Kind::kString ? value.as_string() : value.as_bytes()).size() / 4)) {
      return out_of_budget();
    }
    const auto written = real ? real_text(*clause, value) : whole_text(*clause, value);
    if (!written) return cannot(*clause, value);
    if (!append(*written, out, budget)) return out_of_budget();
  }
  return good(Value::string(std::move(out)));
}

}  // namespace belay::interpreter
