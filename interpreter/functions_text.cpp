// Functions of text (and `size` of anything). Positions and sizes count code points. `indexOf` past
// the end, `substring` and `charAt` outside the text are errors, as in CEL's string extension.
#include <algorithm>
#include <cstring>
#include <limits>

#include "interpreter/functions.h"
#include "interpreter/text.h"

namespace belay::interpreter {
namespace {

using Kind = Value::Kind;

bool takes(Args args, std::initializer_list<Kind> kinds) {
  if (args.size() != kinds.size()) return false;
  std::size_t i = 0;
  for (const Kind kind : kinds) {
    if (args[i++].kind() != kind) return false;
  }
  return true;
}

Evaluated out_of_range(std::int64_t index) {
  return bad("index out of range: " + std::to_string(index));
}

Evaluated size_of(Args args) {
  if (args.size() != 1) return no_overload(Function::kSize, args);
  const Value& v = args[0];
  const auto counted = [](std::size_t n) {
    return good(Value::integer(static_cast<std::int64_t>(n)));
  };
  switch (v.kind()) {
    case Kind::kString: return counted(count_code_points(v.as_string()));
    case Kind::kBytes: return counted(v.as_bytes().size());
    case Kind::kList: return counted(v.as_list().size());
    case Kind::kMap: return counted(v.as_map().size());
    default: return no_overload(Function::kSize, args);
  }
}

std::string change_case(const std::string& text, bool upper) {
  std::string out = text;
  for (char& c : out) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_space(std::uint32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

std::string trim(const std::string& text) {
  const std::vector<std::size_t> starts = code_points(text);
  std::size_t first = 0, last = starts.size() - 1;
  while (first < last && is_space(code_point_at(text, starts[first]).value)) ++first;
  while (last > first && is_space(code_point_at(text, starts[last - 1]).value)) --last;
  return text.substr(starts[first], starts[last] - starts[first]);
}

std::string reverse(const std::string& text) {
  const std::vector<std::size_t> starts = code_points(text);
  std::string out;
  for (std::size_t i = starts.size() - 1; i > 0; --i)
    out.append(text, starts[i - 1], starts[i] - starts[i - 1]);
  return out;
}

// Where `part` stands in `text` from `from` on, or npos. Linear in the text whatever the part
// (std::string::find is not).
std::size_t find_text(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.size() < 32) return text.find(part, from);  // the product stays small
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

// The last place that begins at `from` or before.
std::size_t find_text_last(std::string_view text, std::string_view part, std::size_t from) {
  if (part.size() < 32) return text.rfind(part, from);
  if (part.size() > text.size()) return std::string_view::npos;
  const std::size_t end = std::min(text.size(), from + part.size());
  const std::string backwards(text.rend() - static_cast<std::ptrdiff_t>(end), text.rend());
  const std::string wanted(part.rbegin(), part.rend());
  const std::size_t found = find_text(backwards, wanted, 0);
  return found == std::string_view::npos ? found : end - found - part.size();
}

Evaluated replace(Args args, Budget& budget) {
  const bool counted = takes(args, {Kind::kString, Kind::kString, Kind::kString, Kind::kInt});
  if (!counted && !takes(args, {Kind::kString, Kind::kString, Kind::kString})) {
    return no_overload(Function::kReplace, args);
  }
  const std::string &text = args[0].as_string(), &old = args[1].as_string(),
                    &fresh = args[2].as_string();
  std::int64_t left = counted ? args[3].as_int() : -1;
  if (left < 0) left = std::numeric_limits<std::int64_t>::max();
  std::string out;
  std::size_t at = 0;
  while (left > 0 && at <= text.size()) {
    std::size_t found = 0, step = old.size();
    if (old.empty()) {  // between all code points, and at both ends
      found = at;
      step = at < text.size() ? std::max<std::size_t>(1, code_point_at(text, at).length) : 1;
    } else {
      found = find_text(text, old, at);
      if (found == std::string::npos) break;
      out.append(text, at, found - at);
    }
    if (!budget.charge(1 + fresh.size() / 16)) return out_of_budget();
    out += fresh;
    if (old.empty() && at < text.size()) out.append(text, at, step);
    at = found + step;
    --left;
  }
  if (at < text.size()) out.append(text, at);
  return good(Value::string(std::move(out)));
}

Evaluated split(Args args, Budget& budget) {
  const bool counted = takes(args, {Kind::kString, Kind::kString, Kind::kInt});
  if (!counted && !takes(args, {Kind::kString, Kind::kString}))
    return no_overload(Function::kSplitText, args);
  const std::string &text = args[0].as_string(), &separator = args[1].as_string();
  const std::int64_t parts_max = counted && args[2].as_int() >= 0 ? args[2].as_int() : -1;
  List out;
  if (parts_max == 0) return good(Value::list({}));
  std::size_t at = 0;
  const auto room = [&] {
    return parts_max < 0 || static_cast<std::int64_t>(out.size()) + 1 < parts_max;
  };
  while (room()) {
    if (!budget.charge(1)) return out_of_budget();
    if (separator.empty()) {
      if (at >= text.size()) return good(Value::list(std::move(out)));
      const std::size_t step = std::max<std::size_t>(1, code_point_at(text, at).length);
      if (at + step >= text.size()) break;
      out.push_back(Value::string(text.substr(at, step)));
      at += step;
    } else {
      const std::size_t found = find_text(text, separator, at);
      if (found == std::string::npos) break;
      out.push_back(Value::string(text.substr(at, found - at)));
      at = found + separator.size();
    }
  }
  out.push_back(Value::string(text.substr(at)));
  return good(Value::list(std::move(out)));
}

Evaluated join(Args args, Budget& budget) {
  if (!takes(args, {Kind::kList}) && !takes(args, {Kind::kList, Kind::kString})) {
    return no_overload(Function::kJoin, args);
  }
  const std::string separator = args.size() == 2 ? args[1].as_string() : "";
  std::string out;
  bool first = true;
  for (const Value& part : args[0].as_list()) {
    if (part.kind() != Kind::kString) return bad("`join` needs a list of text");
    if (!budget.charge(1 + (part.as_string().size() + separator.size()) / 16))
      return out_of_budget();
    if (!first) out += separator;
    first = false;
    out += part.as_string();
  }
  return good(Value::string(std::move(out)));
}

Evaluated substring(Args args) {
  const bool both = takes(args, {Kind::kString, Kind::kInt, Kind::kInt});
  if (!both && !takes(args, {Kind::kString, Kind::kInt}))
    return no_overload(Function::kSubstring, args);
  const std::vector<std::size_t> starts = code_points(args[0].as_string());
  const auto count = static_cast<std::int64_t>(starts.size()) - 1;
  const std::int64_t begin = args[1].as_int(), end = both ? args[2].as_int() : count;
  if (begin < 0 || begin > count) return out_of_range(begin);
  if (end < 0 || end > count) return out_of_range(end);
  if (begin > end) return bad("`substring` ends before it begins");
  const std::size_t from = starts[static_cast<std::size_t>(begin)],
                    to = starts[static_cast<std::size_t>(end)];
  return good(Value::string(args[0].as_string().substr(from, to - from)));
}

Evaluated char_at(Args args) {
  if (!takes(args, {Kind::kString, Kind::kInt})) return no_overload(Function::kCharAt, args);
  const std::vector<std::size_t> starts = code_points(args[0].as_string());
  const auto count = static_cast<std::int64_t>(starts.size()) - 1;
  const std::int64_t index = args[1].as_int();
  if (index < 0 || index > count) return out_of_range(index);
  if (index == count) return good(Value::string(""));
  const auto i = static_cast<std::size_t>(index);
  return good(Value::string(args[0].as_string().substr(starts[i], starts[i + 1] - starts[i])));
}

Evaluated index_of(Function f, Args args) {
  const bool from_given = takes(args, {Kind::kString, Kind::kString, Kind::kInt});
  if (!from_given && !takes(args, {Kind::kString, Kind::kString})) return no_overload(f, args);
  const std::string &text = args[0].as_string(), &wanted = args[1].as_string();
  const std::vector<std::size_t> starts = code_points(text);
  const auto count = static_cast<std::int64_t>(starts.size()) - 1;
  const bool last = f == Function::kLastIndexOf;
  const std::int64_t from = from_given ? args[2].as_int() : last ? count : 0;
  if (from < 0 || from > count) return out_of_range(from);
  const std::size_t byte = starts[static_cast<std::size_t>(from)];
  const std::size_t found =
      last ? find_text_last(text, wanted, byte) : find_text(text, wanted, byte);
  if (found == std::string::npos) return good(Value::integer(-1));
  return good(Value::integer(
      static_cast<std::int64_t>(count_code_points(std::string_view(text).substr(0, found)))));
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    static constexpr std::string_view plain = "\a\b\f\n\r\t\v\\\"", letters = "abfnrtv\\\"";
    if (c.length == 0) {
      out += "\xef\xbf\xbd";
    } else if (const auto i = plain.find(text[at]); c.length == 1 && i != std::string_view::npos) {
      out += '\\';
      out += letters[i];
    } else {
      out.append(text, at, c.length);
    }
    at += std::max<std::size_t>(1, c.length);
  }
  return out + '"';
}

}  // namespace

Evaluated call_matches(Args args, Budget& budget, const Environment* environment) {
  if (!takes(args, {Kind::kString, Kind::kString})) return no_overload(Function::kMatches, args);
  const std::string &text = args[0].as_string(), &pattern = args[1].as_string();
  // RE2 reads the text once, the pattern some times; a long pattern makes each step dearer.
  const std::size_t step = 1 + pattern.size() / 64;
  if (!budget.charge(1 + pattern.size() + text.size() / 16 * step)) return out_of_budget();
  if (environment == nullptr) return bad("`matches` is not at hand here");
  const auto found = environment->matches(pattern, text);
  return found ? good(Value::boolean(*found)) : bad(brief(args[1]) + " is no pattern of RE2");
}

Evaluated call_text(Function f, Args args, Budget& budget) {
  // Every one of these reads its text once or so.
  if (!args.empty() && args[0].kind() == Kind::kString &&
      !budget.charge(args[0].as_string().size() / 16)) {
    return out_of_budget();
  }
  switch (f) {
    case Function::kSize: return size_of(args);
    case Function::kReplace: return replace(args, budget);
    case Function::kSplitText: return split(args, budget);
    case Function::kJoin: return join(args, budget);
    case Function::kSubstring: return substring(args);
    case Function::kCharAt: return char_at(args);
    case Function::kIndexOf:
    case Function::kLastIndexOf: return index_of(f, args);
    case Function::kContains:
    case Function::kStartsWith:
    case Function::kEndsWith: {
      if (!takes(args, {Kind::kString, Kind::kString})) return no_overload(f, args);
      const std::string &text = args[0].as_string(), &part = args[1].as_string();
      return good(Value::boolean(f == Function::kContains
                                     ? find_text(text, part, 0) != std::string::npos
                                 : f == Function::kStartsWith ? text.starts_with(part)
                                                              : text.ends_with(part)));
    }
    default: break;
  }
  if (!takes(args, {Kind::kString})) return no_overload(f, args);
  const std::string& text = args[0].as_string();
  switch (f) {
    case Function::kLowerAscii: return good(Value::string(change_case(text, false)));
    case Function::kUpperAscii: return good(Value::string(change_case(text, true)));
    case Function::kTrim: return good(Value::string(trim(text)));
    case Function::kReverse: return good(Value::string(reverse(text)));
    default: return good(Value::string(quoted(text)));
  }
}

}  // namespace belay::interpreter
