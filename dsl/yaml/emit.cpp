// Layout and quoting of YAML. A scalar stays plain only when it would stay the same inside `{ }`
// too, so that moving it never changes its meaning; anything YAML 1.1 or 1.2 might take for null, a
// number or a flag is our reader's business, which goes by the field, so only null words and what
// data fields would misread are quoted. See print_yaml.cpp.
#include "dsl/yaml/emit.h"

#include <algorithm>

#include "dsl/text/lexical.h"
#include "dsl/yaml/reader.h"

namespace belay::dsl::yaml {
namespace {

constexpr std::size_t kWidth = 100;

bool needs_quotes(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ') return true;
  if (text.find_first_of(",[]{}#:?\"'\\") != std::string_view::npos) return true;
  if (std::string_view("-&*!|>%@`").find(text.front()) != std::string_view::npos) return true;
  return text == "~" || text == "null" || text == "Null" || text == "NULL";
}

bool needs_escapes(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

std::string quoted(std::string_view text) {
  if (needs_escapes(text))
    return quote(text);  // the same escapes mean the same in YAML's double quotes
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += '\'';
  }
  return out + "'";
}

// The value on one line; empty when it does not fit there.
bool flow(const Out& value, std::string& out) {
  switch (value.kind) {
    case Out::Kind::kText: return false;
    case Out::Kind::kScalar: out += value.text; return true;
    case Out::Kind::kMap: {
      if (value.block) return false;
      out += value.entries.empty() ? "{" : "{ ";
      bool first = true;
      for (const auto& [key, inner] : value.entries) {
        if (inner.commented()) return false;
        out += (first ? "" : ", ") + key + ": ";
        first = false;
        if (!flow(inner, out)) return false;
      }
      out += value.entries.empty() ? "}" : " }";
      return true;
    }
    case Out::Kind::kList: {
      if (value.block) return false;
      out += "[";
      bool first = true;
      for (const Out& inner : value.items) {
        if (inner.commented()) return false;
        out += first ? "" : ", ";
        first = false;
        if (!flow(inner, out)) return false;
      }
      out += "]";
      return true;
    }
  }
  return false;
}

void lines(const Out& value, std::size_t indent, std::string& out);

void comments(const std::vector<std::string>& list, std::size_t indent, std::string& out) {
  for (const std::string& one : list)
    out += one.empty() ? "\n" : std::string(indent, ' ') + one + "\n";
}
std::string behind(const Out& value) {
  return value.behind.empty() ? "\n" : "  " + value.behind + "\n";
}

// What stands behind `key:` or `-`.
void value_of(const Out& value, std::size_t indent, std::size_t column, std::string& out) {
  std::string one;
  const bool fits =
      flow(value, one) && (value.kind == Out::Kind::kScalar || column + 1 + one.size() <= kWidth);
  if (fits) {
    out += " " + one + behind(value);
  } else if (value.kind == Out::Kind::kText) {
    out += " |" + behind(value);
    std::size_t from = 0;
    while (from <= value.text.size()) {
      const std::size_t end = std::min(value.text.find('\n', from), value.text.size());
      if (end > from) out += std::string(indent + 2, ' ') + value.text.substr(from, end - from);
      out += "\n";
      from = end + 1;
    }
  } else {
    out += behind(value);
    lines(value, indent + 2, out);
  }
}

void entries(const Out& map, std::size_t indent, std::string& out, bool first_indented) {
  for (const auto& [key, value] : map.entries) {
    if (first_indented) {
      comments(value.before, indent, out);
      out += std::string(indent, ' ');
    }
    first_indented = true;
    out += key + ":";
    value_of(value, indent, indent + key.size() + 1, out);
    comments(value.after, indent, out);
  }
}

void lines(const Out& value, std::size_t indent, std::string& out) {
  if (value.kind == Out::Kind::kMap) {
    entries(value, indent, out, true);
    return;
  }
  for (const Out& item : value.items) {
    comments(item.before, indent, out);
    out += std::string(indent, ' ') + "-";
    std::string one;
    const bool fits = flow(item, one) && indent + 2 + one.size() <= kWidth;
    if (item.kind == Out::Kind::kMap && !item.entries.empty() && (item.block || !fits)) {
      out += " ";
      entries(item, indent + 2, out, false);
    } else {
      value_of(item, indent, indent + 1, out);
    }
    comments(item.after, indent, out);
  }
}

}  // namespace

Out Out::scalar(std::string_view text) {
  return raw(needs_quotes(text) || needs_escapes(text) ? quoted(text) : std::string(text));
}

Out Out::data_text(std::string_view text) {
  return data_kind(text, true) == DataKind::kString ? scalar(text) : raw(quoted(text));
}

Out Out::raw(std::string text) { return {Kind::kScalar, std::move(text), false, {}, {}}; }

Out Out::block_text(std::string_view text) {
  const bool odd = text.empty() || text.front() == ' ' || text.front() == '\n' ||
                   text.find('\t') != std::string_view::npos || needs_escapes([&] {
                     std::string rest(text);
                     std::erase(rest, '\n');
                     return rest;
                   }());
  return odd ? scalar(text) : Out{Kind::kText, std::string(text), false, {}, {}};
}

Out& Out::put(std::string_view key, Out value) {
  entries.emplace_back(needs_quotes(key) || needs_escapes(key) ? quoted(key) : std::string(key),
                       std::move(value));
  return *this;
}

Out& Out::push(Out value) {
  items.push_back(std::move(value));
  return *this;
}

std::string emit(const Sheet& sheet) {
  std::string out;
  comments(sheet.before, 0, out);
  out += "belay: 1" + (sheet.behind.empty() ? "" : "  " + sheet.behind) + "\n";
  bool first = true;
  for (const Out& document : sheet.documents) {
    if (!first) out += "---\n";
    first = false;
    comments(document.before, 0, out);
    entries(document, 0, out, true);
    comments(document.after, 0, out);
  }
  comments(sheet.at_end, 0, out);
  return out;
}

}  // namespace belay::dsl::yaml
