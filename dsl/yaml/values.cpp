// Scalars, read by what their field is for, never by what YAML thinks of them.
//   names, texts, numbers, choices: the text of the scalar (`no`, `on`, `007` stay text)
//   expressions (conditions, keys, durations, gives, set): the bare text; a leading `=` is allowed
//   and dropped data (with, data, query, headers): a literal, unless it begins with `=`
// The rule for data, in the order in which it is asked:
//   1. it begins with `=`                                   → the rest is an expression
//   2. unquoted, and a whole number, decimal, true, false or null → that literal (`007` and `yes`
//   are text)
//   3. reads as a duration (`40 minutes`) or money (`EUR 49.90`)  → that literal, quoted or not
//   4. anything else                                        → text
// A quoted '12' is text, as it is for every YAML tool; quotes that such tools add or drop at will
// change nothing. Text that looks like a duration or money is written as an expression: `'= "40
// minutes"'`. Maps and lists of data become CEL maps and lists.
#include <algorithm>
#include <cctype>
#include <charconv>

#include "dsl/limits.h"
#include "dsl/text/lexical.h"
#include "dsl/text/words.h"
#include "dsl/yaml/reader.h"

namespace belay::dsl::yaml {

// ---- Fields

Fields::Fields(Reader& reader, const Node& map, std::string what)
    : reader_(reader), map_(map), what_(std::move(what)), taken_(map.entries.size()) {
  if (map.kind != Node::Kind::kMap && !map.broken) {
    reader_.problem("BEL1108", map.span, what_ + " is a map: `key: value` pairs");
  }
}

const Node* Fields::take(std::string_view key) {
  asked_.emplace_back(key);
  for (std::size_t i = 0; i < map_.entries.size(); ++i) {
    if (map_.entries[i].key.text != key) continue;
    taken_[i] = true;
    const Node& value = map_.entries[i].value;
    if (value.kind == Node::Kind::kMissing) {
      if (!value.broken) {
        reader_
            .problem("BEL1107", map_.entries[i].key.span, "`" + std::string(key) + "` has no value")
            .help = "write a value, or leave the key out";
      }
      reader_.broken_ = true;
      return nullptr;
    }
    if (value.broken) reader_.broken_ = true;
    return &value;
  }
  return nullptr;
}

const Node* Fields::need(std::string_view key) {
  const Node* value = take(key);
  if (value == nullptr && !has(key) && map_.kind == Node::Kind::kMap) {
    const auto first = std::find_if(map_.entries.begin(), map_.entries.end(),
                                    [](const Entry& e) { return e.key.text != "belay"; });
    reader_.problem("BEL1038", first == map_.entries.end() ? map_.span : first->key.span,
                    what_ + " needs `" + std::string(key) + "`");
  }
  return value;
}

bool Fields::has(std::string_view key) const {
  return std::any_of(map_.entries.begin(), map_.entries.end(),
                     [&](const Entry& e) { return e.key.text == key; });
}

Span Fields::key_span(std::string_view key) const {
  for (const Entry& entry : map_.entries) {
    if (entry.key.text == key) return entry.key.span;
  }
  return map_.span;
}

void Fields::reserved(std::string_view key) {
  if (!has(key)) return;
  for (std::size_t i = 0; i < map_.entries.size(); ++i)
    taken_[i] = taken_[i] || map_.entries[i].key.text == key;
  reader_.problem("BEL1040", key_span(key),
                  "`" + std::string(key) + "` is reserved, and not in this version yet");
}

void Fields::done() {
  if (reader_.key_log_ != nullptr) {
    reader_.key_log_->push_back({what_, {}, asked_});
    for (const Entry& entry : map_.entries) reader_.key_log_->back().held.push_back(entry.key.text);
  }
  bool under_empty = false;  // below a key without a value: what should be indented under it
  for (std::size_t i = 0; i < map_.entries.size(); ++i) {
    if (taken_[i] || under_empty) {
      under_empty = !taken_[i] || (map_.entries[i].value.kind == Node::Kind::kMissing &&
                                   !map_.entries[i].value.broken && !map_.flow);
      continue;
    }
    const Node& key = map_.entries[i].key;
    static const std::vector<std::string> kOfSteps = {
        "do",     "with",      "undo",        "no_undo_because", "retry",      "within",
        "errors", "if_unsure", "keep_trying", "request_key",     "alive_every"};
    const bool other = key.text == "else" || key.text == "elif" || key.text == "else_if";
    const bool step = std::find(kOfSteps.begin(), kOfSteps.end(), key.text) != kOfSteps.end();
    const bool asked = std::find(asked_.begin(), asked_.end(), key.text) != asked_.end();
    Diagnostic& d = reader_.problem(other            ? "BEL1033"
                                    : step && !asked ? "BEL1031"
                                                     : "BEL1105",
                                    key.span, "`" + key.text + "` is no key of " + what_);
    if (step && !asked) {
      d.help = "it is a key of a `step`";
      continue;
    }
    const std::string near = nearest(key.text, asked_);
    if (!near.empty()) {
      did_you_mean(d, key.text, near);
    } else if (key.text == "if" || other) {
      d.help = key.text == "if" ? "a decision on data is `when`" : "say `otherwise`";
    }
  }
}

// ---- Scalars

namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

bool plain_integer(std::string_view text) {
  return all_digits(text) && (text == "0" || text[0] != '0');
}

bool number_literal(std::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return plain_integer(text);
  return plain_integer(text.substr(0, dot)) && all_digits(text.substr(dot + 1));
}

bool duration_literal(std::string_view text) {
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos || !all_digits(text.substr(0, space))) return false;
  std::string_view unit = text.substr(text.find_first_not_of(' ', space) == std::string_view::npos
                                          ? text.size()
                                          : text.find_first_not_of(' ', space));
  if (unit.size() > 1 && unit.back() == 's') unit.remove_suffix(1);
  return unit == "millisecond" || unit == "second" || unit == "minute" || unit == "hour" ||
         unit == "day";
}

bool money_literal(std::string_view text) {
  if (text.size() < 5 || text[3] != ' ') return false;
  if (!std::all_of(text.begin(), text.begin() + 3, [](char c) { return c >= 'A' && c <= 'Z'; }))
    return false;
  std::string_view amount = text.substr(4);
  if (amount[0] == '-') amount.remove_prefix(1);
  const std::size_t dot = amount.find('.');
  return dot == std::string_view::npos
             ? all_digits(amount)
             : all_digits(amount.substr(0, dot)) && all_digits(amount.substr(dot + 1));
}

std::string single_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += '\'';
  }
  return out + "'";
}

// Line breaks outside brackets become blanks; inside brackets they stay, without indentation: what
// text lines can say.
std::string joined(std::string_view text) {
  std::string out;
  std::size_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const std::size_t end = std::min(string_end(text, i), text.size());
      out += text.substr(i, end - i);
      i = end - 1;
    } else if (c == '\n' || c == '\r') {
      while (!out.empty() && out.back() == ' ') out.pop_back();
      while (i + 1 < text.size() && (text[i + 1] == ' ' || text[i + 1] == '\n' ||
                                     text[i + 1] == '\r' || text[i + 1] == '\t'))
        ++i;
      out += depth > 0 ? '\n' : ' ';
    } else {
      if (c == '(' || c == '[' || c == '{') ++depth;
      if ((c == ')' || c == ']' || c == '}') && depth > 0) --depth;
      out += c == '\t' ? ' ' : c;
    }
  }
  const std::size_t first = out.find_first_not_of(" \n");
  if (first == std::string::npos) return {};
  return out.substr(first, out.find_last_not_of(" \n") - first + 1);
}

}  // namespace

DataKind data_kind(std::string_view text, bool plain) {
  if (!text.empty() && text[0] == '=') return DataKind::kExpression;
  if (plain && (number_literal(text) || text == "true" || text == "false" || text == "null"))
    return DataKind::kLiteral;
  if (duration_literal(text) || money_literal(text)) return DataKind::kLiteral;
  return DataKind::kString;
}

Diagnostic& Reader::problem(std::string_view code, Span at, std::string message) {
  broken_ = true;
  return diagnostics_.add(code, at, std::move(message));
}

bool Reader::scalar(const Node& node, const char* wanted) {
  if (node.broken) {
    broken_ = true;
    return false;
  }
  if (node.kind == Node::Kind::kScalar) return true;
  if (node.kind == Node::Kind::kMissing) {
    problem("BEL1107", node.span, std::string(wanted) + " is needed here");
    return false;
  }
  const bool map = node.kind == Node::Kind::kMap;
  Diagnostic& d =
      problem("BEL1108", node.span,
              std::string(wanted) + " is needed here, and this is a " + (map ? "map" : "list"));
  d.help = std::string("an expression that begins with `") + (map ? "{" : "[") + "` must be quoted";
  return false;
}

Name Reader::plain_name(const Node* node) {
  if (node == nullptr || !scalar(*node, "a name")) return {};
  return {node->text, node->span};
}

Name Reader::key_name(const Node& key, bool dots) {
  Name out{key.text, key.span};
  if (!text::is_dotted_name(out.text)) {
    Diagnostic& d = problem(
        "BEL1041", out.span,
        "`" + out.text + "` is not a name: small letters, digits and `_`, with dots between");
    const std::string better = text::as_name(out.text);
    if (!better.empty()) d.help = "say `" + better + "`";
  } else if (!dots && out.text.find('.') != std::string::npos) {
    problem("BEL1041", out.span, "`" + out.text + "` has a dot: names inside a workflow have none");
  }
  return out;
}

Name Reader::name(const Node* node) {
  if (node == nullptr || !scalar(*node, "a name")) return {};
  return key_name(*node, true);
}

Name Reader::declared(const Node* node) {
  if (node == nullptr || !scalar(*node, "a name")) return {};
  return key_name(*node, false);
}

Text Reader::text(const Node* node) {
  if (node == nullptr || !scalar(*node, "a text")) return {};
  Text out{node->text, node->span};
  while (node->block && !out.text.empty() && out.text.back() == '\n') out.text.pop_back();
  return out;
}

Number Reader::number(const Node* node) {
  if (node == nullptr || !scalar(*node, "a whole number")) return {};
  Number out{0, node->span};
  const char* end = node->text.data() + node->text.size();
  const auto result = std::from_chars(node->text.data(), end, out.value);
  if (result.ec != std::errc{} || result.ptr != end)
    problem("BEL1037", node->span, "`" + node->text + "` is not a whole number");
  return out;
}

std::string Reader::word(const Node* node, const std::vector<std::string>& words) {
  if (node == nullptr || !scalar(*node, "a word")) return {};
  if (std::find(words.begin(), words.end(), node->text) != words.end()) return node->text;
  std::string list;
  for (std::size_t i = 0; i < words.size(); ++i)
    list += (i == 0 ? "`" : i + 1 == words.size() ? " or `" : ", `") + words[i] + "`";
  Diagnostic& d =
      problem("BEL1111", node->span, "`" + node->text + "` stands where " + list + " is needed");
  const std::string near = nearest(node->text, words);
  if (!near.empty()) did_you_mean(d, node->text, near);
  return {};
}

bool Reader::flag(const Node* node) { return word(node, {"true", "false"}) == "true"; }

const std::vector<Node>& Reader::list(const Node* node) {
  static const std::vector<Node> none;
  if (node == nullptr) return none;
  if (node->kind == Node::Kind::kList) return node->items;
  if (node->broken) {
    broken_ = true;
  } else {
    problem("BEL1108", node->span, "a list is needed here: items that begin with `- `");
  }
  return none;
}

void Reader::route(const Node* node, Text& method, Text& path) {
  const Text whole = text(node);
  if (whole.empty()) return;
  const std::size_t space = whole.text.find(' ');
  const std::string verb = whole.text.substr(0, space);
  const bool capitals = !verb.empty() && std::all_of(verb.begin(), verb.end(),
                                                     [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!capitals || space == std::string::npos) {
    problem("BEL1035", whole.span, "a route is a method and a path").help =
        "for example `POST /hooks/stripe`";
    return;
  }
  const std::size_t from = whole.text.find_first_not_of(' ', space);
  method = {verb, whole.span};
  path = {from == std::string::npos ? "" : whole.text.substr(from), whole.span};
}

// ---- Expressions and data

Expr Reader::placed(std::string source, const Node& node, std::size_t skipped) {
  Expr out{joined(source), node.span, {}};
  const std::size_t lead = std::min(source.find_first_not_of(" \n"), source.size());
  if (node.block) {
    out.span.line += 1;
    out.span.column = static_cast<std::uint32_t>(
        std::min(sources_.line(source_, out.span.line).find_first_not_of(' '),
                 limits::line_bytes_max) +
        1 + (skipped > 0 ? skipped + lead : 0));
  } else {
    out.span.column += static_cast<std::uint32_t>(skipped + lead + (node.plain ? 0 : 1));
  }
  const std::size_t first_line = std::min(out.text.find('\n'), out.text.size());
  out.span.length = static_cast<std::uint32_t>(first_line);
  std::uint32_t line = out.span.line;
  for (std::size_t i = first_line; i < out.text.size();
       i = std::min(out.text.find('\n', i + 1), out.text.size())) {
    ++line;
    const std::string_view there = sources_.line(source_, line);
    const std::size_t column = std::min(there.find_first_not_of(' '), there.size());
    out.lines.push_back({source_, line, static_cast<std::uint32_t>(column + 1),
                         static_cast<std::uint32_t>(there.size() - column)});
  }
  return out;
}

Expr Reader::expr_of(std::string source, const Node& node, std::size_t skipped) {
  Expr out = placed(std::move(source), node, skipped);
  const std::size_t first_line = std::min(out.text.find('\n'), out.text.size());
  if (out.text.empty()) {
    problem("BEL1107", node.span, "an expression is needed here");
    return out;
  }
  if (out.text[0] == '=') {
    problem("BEL1035", {out.span.file, out.span.line, out.span.column, 1},
            "`=` stands where an expression is needed");
    return out;
  }
  if (out.text.size() > limits::expression_bytes_max) {
    problem("BEL1003", out.span,
            "the expression has " + std::to_string(out.text.size()) + " bytes, at most " +
                std::to_string(limits::expression_bytes_max) + " are read");
    out.text.resize(1);
    out.lines.clear();
    return out;
  }
  using Kind = LexicalProblem::Kind;
  const LexicalProblem wrong = expression_problem(out.text);
  if (wrong.kind == Kind::kNone) {
    if (out.text.back() == ':' || out.text.ends_with(" |")) {
      problem("BEL1035", out.span, "the expression ends where a value is needed");
    }
    return out;
  }
  const auto digit = [&](std::size_t i) {
    return i < out.text.size() && out.text[i] >= '0' && out.text[i] <= '9';
  };
  if (wrong.kind == Kind::kComma && wrong.at > 0 && digit(wrong.at - 1) && digit(wrong.at + 1)) {
    return out;  // `EUR 49,90`: the expression's own complaint says more
  }
  Span at = out.span;
  const bool first = wrong.at < first_line;
  if (first) at.column += static_cast<std::uint32_t>(wrong.at);
  if (first) at.length = 1;
  const std::string_view found = std::string_view(out.text).substr(wrong.at, 1);
  const bool cut =
      node.plain && (wrong.kind == Kind::kOpenBracket || wrong.kind == Kind::kOpenString);
  if (cut) {
    const std::string_view there = sources_.line(source_, node.span.line);
    std::string whole(there.substr(std::min<std::size_t>(node.span.column - 1, there.size())));
    problem("BEL1106", node.span, "YAML ends this value before the expression is complete").help =
        "quote this: `" + single_quoted(whole) + "`";
  } else if (wrong.kind == Kind::kSmartQuote) {
    at.length = first ? 3 : 0;
    problem("BEL1021", at, "a word processor's quote stands here").help = "use a straight quote";
  } else if (wrong.kind == Kind::kTooDeep) {
    problem(
        "BEL1004", at,
        "brackets are nested more than " + std::to_string(limits::expression_depth_max) + " deep");
  } else if (wrong.kind == Kind::kOpenBracket) {
    problem("BEL1024", at, "`" + std::string(found) + "` is opened here and never closed");
  } else if (wrong.kind == Kind::kOpenString) {
    problem("BEL1025", at, "the string that begins here does not end on its line");
  } else if (wrong.kind == Kind::kStrayBracket) {
    problem("BEL1026", at, "`" + std::string(found) + "` closes a bracket that was never opened");
  } else {
    problem("BEL1036", at, "`" + std::string(found) + "` is left over here")
        .notes.push_back(
            {{}, false, "a comma or `#` outside brackets and strings is no part of an expression"});
  }
  return out;
}

Expr Reader::expr(const Node* node) {
  if (node == nullptr || !scalar(*node, "an expression")) return {};
  const bool marked =
      !node->text.empty() && node->text[0] == '=' && node->text.substr(0, 2) != "==";
  return expr_of(marked ? node->text.substr(1) : node->text, *node, marked ? 1 : 0);
}

std::string Reader::data_text(const Node& node) {
  if (node.broken) broken_ = true;
  switch (node.kind) {
    case Node::Kind::kMissing:
      if (!node.broken) problem("BEL1107", node.span, "a value is needed here");
      return "null";
    case Node::Kind::kScalar:
      switch (data_kind(node.text, node.plain)) {
        case DataKind::kExpression:
          return node.broken ? "null" : expr_of(node.text.substr(1), node, 1).text;
        case DataKind::kLiteral: return node.text;
        case DataKind::kString: return quote(text(&node).text);
      }
      return {};
    case Node::Kind::kMap: {
      std::string out = "{";
      for (const Entry& entry : node.entries) {
        if (entry.value.kind == Node::Kind::kMissing && !entry.value.broken) {
          problem("BEL1107", entry.key.span, "`" + entry.key.text + "` has no value");
          continue;
        }
        out +=
            (out.size() == 1 ? "" : ", ") + quote(entry.key.text) + ": " + data_text(entry.value);
      }
      return out + "}";
    }
    case Node::Kind::kList: {
      std::string out = "[";
      for (std::size_t i = 0; i < node.items.size(); ++i)
        out += (i == 0 ? "" : ", ") + data_text(node.items[i]);
      return out + "]";
    }
  }
  return {};
}

Expr Reader::data(const Node* node) {
  if (node == nullptr) return {};
  if (node->kind == Node::Kind::kScalar && !node->broken &&
      data_kind(node->text, node->plain) == DataKind::kExpression) {
    return expr_of(node->text.substr(1), *node, 1);
  }
  Expr out{data_text(*node), node->span, {}};
  if (node->kind == Node::Kind::kScalar && !node->plain && out.text[0] != '"') out.span.column += 1;
  if (node->kind != Node::Kind::kScalar) out.span.length = 1;
  for (std::size_t i = out.text.find('\n'); i != std::string::npos; i = out.text.find('\n', i + 1))
    out.lines.push_back(node->span);
  if (out.text.size() > limits::expression_bytes_max) {
    problem("BEL1003", node->span,
            "the value has " + std::to_string(out.text.size()) + " bytes, at most " +
                std::to_string(limits::expression_bytes_max) + " are read");
    out.text = "null";
    out.lines.clear();
  }
  return out;
}

// ---- Lists of named things

std::vector<Arg> Reader::data_args(const Node* node, bool any_names) {
  std::vector<Arg> out;
  if (node == nullptr) return out;
  if (node->kind != Node::Kind::kMap) Fields(*this, *node, "this");
  for (const Entry& entry : node->entries) {
    Name name{entry.key.text, entry.key.span};
    if (!any_names && !text::is_identifier(name.text)) {
      problem("BEL1041", name.span, "`" + name.text + "` is not the name of an argument");
    }
    if (entry.value.kind == Node::Kind::kMissing && !entry.value.broken) {
      problem("BEL1107", entry.key.span, "`" + name.text + "` has no value").help =
          "write a value, or leave the key out";
      continue;
    }
    if (entry.value.broken) {
      broken_ = true;
      continue;
    }
    out.push_back({std::move(name), data(&entry.value)});
  }
  return out;
}

std::vector<Arg> Reader::expr_args(const Node* node) {
  std::vector<Arg> out;
  if (node == nullptr) return out;
  Fields fields(*this, *node, "this");
  for (const Entry& entry : node->entries) {
    Name name = key_name(entry.key, false);
    Expr value = expr(fields.take(entry.key.text));
    if (!value.empty()) out.push_back({std::move(name), std::move(value)});
  }
  return out;
}

TypeExpr Reader::type(const Node* node) {
  TypeExpr out;
  if (node == nullptr || !scalar(*node, "a type")) return out;
  const std::uint32_t base = node->span.column + (node->plain ? 0 : 1);
  const LexicalProblem lexical = expression_problem(node->text);
  const text::Parsed parsed = text::parse_line(text::Rule::kType, node->text, 0);
  const auto at = [&](const text::Part& part) {
    Span span = node->span;
    span.column = base + static_cast<std::uint32_t>(part.offset);
    span.length = static_cast<std::uint32_t>(part.length);
    return span;
  };
  std::size_t next = 0, failed = 0;
  std::string error;
  if (parsed.ok && lexical.kind != LexicalProblem::Kind::kOpenString) {
    out = text::type_of(parsed.parts, next, at, error, failed);
    if (error.empty()) return out;
    const std::string help =
        failed < parsed.parts.size() && parsed.parts[failed].tag == text::Part::Tag::kName
            ? text::type_help(parsed.parts[failed].text)
            : "";
    Diagnostic& d = problem(
        "BEL1042", failed < parsed.parts.size() ? at(parsed.parts[failed]) : node->span, error);
    d.help = help;
    // "did you mean `text`?", "say `text`": the word in backticks is the fix.
    const std::size_t tick = help.find('`');
    const std::size_t end = tick == std::string::npos ? tick : help.find('`', tick + 1);
    if (end != std::string::npos && d.span.length == parsed.parts[failed].text.size())
      d.fix = Fix{d.span, help.substr(tick + 1, end - tick - 1)};
    return out;
  }
  problem("BEL1042", node->span, "`" + node->text + "` is not a type").help =
      "see `belay explain BEL1042` for what a type can be";
  return out;
}

std::vector<FieldDecl> Reader::fields(const Node* node, bool values) {
  std::vector<FieldDecl> out;
  if (node == nullptr) return out;
  Fields map(*this, *node, "a list of fields");
  for (const Entry& entry : node->entries) {
    FieldDecl field;
    field.name = key_name(entry.key, false);
    const Node* value = map.take(entry.key.text);
    if (value == nullptr) continue;
    if (values && value->kind == Node::Kind::kMap) {
      Fields parts(*this, *value, "a field");
      field.type = type(parts.need("type"));
      field.value = expr(parts.take("from"));
      parts.done();
    } else {
      field.type = type(value);
    }
    out.push_back(std::move(field));
  }
  return out;
}

// ---- Tries

Tries Reader::tries_of(Fields& fields, Span span) {
  Tries out;
  out.span = span;
  out.tries = number(fields.need("tries"));
  out.first_wait = expr(fields.take("first_wait"));
  out.doubling = flag(fields.take("doubling"));
  out.at_most = expr(fields.take("at_most"));
  out.spread = flag(fields.take("random_spread"));
  out.doubling_span = fields.key_span("doubling");
  out.spread_span = fields.key_span("random_spread");
  if (out.tries.value < 1 && fields.has("tries") && !fields.map().broken &&
      out.tries.span.line == fields.key_span("tries").line) {
    problem("BEL1037", out.tries.span, "at least one try is needed");
  }
  return out;
}

Tries Reader::tries_text(const Node& node) {
  Tries out;
  out.span = node.span;
  const text::Parsed parsed = text::parse_line(text::Rule::kTries, node.text, 0);
  if (!parsed.ok) {
    problem("BEL1035", node.span,
            "`" + node.text + "` is neither the name of a retry plan nor tries")
        .help = "for example `5 tries in all, first wait 2 seconds, doubling`";
    return out;
  }
  const auto place = [&](const text::Part& part) {
    Span span = node.span;
    span.column += static_cast<std::uint32_t>(part.offset + (node.plain ? 0 : 1));
    span.length = static_cast<std::uint32_t>(part.length);
    return span;
  };
  for (std::size_t i = 0; i < parsed.parts.size(); ++i) {
    const text::Part& part = parsed.parts[i];
    if (part.tag == text::Part::Tag::kNumber)
      std::from_chars(part.text.data(), part.text.data() + part.text.size(), out.tries.value);
    if (part.tag == text::Part::Tag::kNumber) out.tries.span = place(part);
    if (part.text == "first wait")
      out.first_wait = {parsed.parts[i + 1].text, place(parsed.parts[i + 1]), {}};
    if (part.text == "at most")
      out.at_most = {parsed.parts[i + 1].text, place(parsed.parts[i + 1]), {}};
    if (part.text == "doubling") {
      out.doubling = true;
      out.doubling_span = place(part);
    }
    if (part.text == "random spread") {
      out.spread = true;
      out.spread_span = place(part);
    }
  }
  return out;
}

Tries Reader::tries(const Node* node) {
  if (node == nullptr) return {};
  if (node->kind == Node::Kind::kScalar) return node->broken ? Tries{} : tries_text(*node);
  Fields fields(*this, *node, "a retry");
  Tries out = tries_of(fields, node->span);
  fields.done();
  return out;
}

}  // namespace belay::dsl::yaml
