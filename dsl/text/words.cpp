// Which words are names, which are types, and how types and tries are written. Shared by both
// readers and both printers.
#include "dsl/text/words.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "dsl/diagnostic.h"
#include "dsl/text/lexical.h"

namespace belay::dsl::text {

const std::vector<std::string>& base_types() {
  static const std::vector<std::string> types = {"text",  "int",       "money", "bool",
                                                 "uuid",  "timestamp", "date",  "duration",
                                                 "email", "url",       "json"};
  return types;
}

bool is_identifier(std::string_view word) {
  if (word.empty() || std::isdigit(static_cast<unsigned char>(word[0]))) return false;
  return std::all_of(word.begin(), word.end(), is_word);
}

bool is_dotted_name(std::string_view word) {
  bool begins = true;
  for (const char c : word) {
    const bool letter = (c >= 'a' && c <= 'z') || c == '_';
    if (c == '.') {
      if (begins) return false;
      begins = true;
    } else if (letter || (!begins && std::isdigit(static_cast<unsigned char>(c)))) {
      begins = false;
    } else {
      return false;
    }
  }
  return !begins;
}

std::string as_name(std::string_view word) {
  std::string out;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    const bool upper = c >= 'A' && c <= 'Z';
    const bool hump = upper && i > 0 && word[i - 1] >= 'a' && word[i - 1] <= 'z';
    if (hump) out += '_';
    if (upper) {
      out += static_cast<char>(c - 'A' + 'a');
    } else if (c == '-' || c == ' ') {
      out += '_';
    } else if (is_word(c) || c == '.') {
      out += c;
    }
  }
  return is_dotted_name(out) ? out : "";
}

bool is_type_name(std::string_view word) {
  if (std::find(base_types().begin(), base_types().end(), word) != base_types().end()) return true;
  return is_identifier(word) && word[0] >= 'A' && word[0] <= 'Z';
}

std::string type_help(std::string_view word) {
  static const std::pair<std::string_view, std::string_view> kOther[] = {
      {"string", "text"},       {"str", "text"},        {"integer", "int"},
      {"number", "int"},        {"float", "money"},     {"double", "money"},
      {"decimal", "money"},     {"boolean", "bool"},    {"datetime", "timestamp"},
      {"time", "timestamp"},    {"object", "json"},     {"any", "json"},
      {"list", "list of text"}, {"map", "map of text"}, {"array", "list of text"},
      {"enum", "one of"}};
  for (const auto& [said, meant] : kOther) {
    if (said == word) return "say `" + std::string(meant) + "`";
  }
  const std::string near = nearest(word, base_types());
  return near.empty() ? "a declared type begins with a capital" : "did you mean `" + near + "`?";
}

TypeExpr type_of(const std::vector<Part>& parts, std::size_t& next,
                 const std::function<Span(const Part&)>& at, std::string& error,
                 std::size_t& failed) {
  TypeExpr root;
  TypeExpr* here = &root;
  TypeExpr* outer = nullptr;  // the list or map around `here`
  bool named = false;
  const auto fail = [&](std::size_t i, std::string why) {
    if (error.empty()) {
      error = std::move(why);
      failed = i;
    }
  };
  const auto number = [&](const Part& part) {
    Number n{0, at(part)};
    std::from_chars(part.text.data(), part.text.data() + part.text.size(), n.value);
    return n;
  };
  if (next < parts.size()) root.span = at(parts[next]);
  std::size_t depth = 0;
  for (; next < parts.size(); ++next) {
    const Part& part = parts[next];
    if (part.tag == Part::Tag::kName) {
      if (named) break;
      here->name = {part.text, at(part)};
      named = true;
      if (!is_type_name(part.text)) fail(next, "`" + part.text + "` is not a type");
    } else if (part.tag == Part::Tag::kString) {
      here->options.push_back({unquote(part.text), at(part)});
    } else if (part.tag != Part::Tag::kWord || part.text == "=") {
      break;
    } else if (part.text == "optional") {
      here->optional = true;
    } else if (part.text == "private") {
      here->is_private = true;
    } else if (part.text == "one of") {
      here->shape = TypeExpr::Shape::kOneOf;
      named = true;
    } else if (part.text == "list of" || part.text == "map of") {
      if (++depth > 8) {
        fail(next, "types are nested more than 8 deep");
        continue;
      }
      here->shape = part.text == "list of" ? TypeExpr::Shape::kList : TypeExpr::Shape::kMap;
      here->element.emplace_back();
      outer = here;
      here = &here->element.back();
      here->span = at(part);
    } else if (part.text == "from" && next + 3 < parts.size()) {
      here->min = number(parts[next + 1]);
      here->max = number(parts[next + 3]);
      if (here->min->value > here->max->value) fail(next, "the bound begins above its end");
      next += 3;
    } else if (part.text == "matching" && next + 1 < parts.size()) {
      here->pattern = Text{unquote(parts[next + 1].text), at(parts[next + 1])};
      ++next;
    } else if (part.text == "at most" && next + 2 < parts.size()) {
      const bool items = parts[next + 2].text == "items";
      TypeExpr* bounded = items && outer != nullptr ? outer : here;
      if (items && outer == nullptr) fail(next + 2, "only a list or a map has items");
      bounded->size_max = number(parts[next + 1]);
      bounded->size_in_items = items;
      next += 2;
    } else if (part.text.empty()) {
      continue;  // a comma
    } else {
      break;
    }
  }
  if (!named) fail(next, "a type is needed");
  return root;
}

namespace {

std::string bounds_text(const TypeExpr& type) {
  std::string out;
  if (type.min && type.max)
    out += " from " + std::to_string(type.min->value) + " to " + std::to_string(type.max->value);
  if (type.pattern) out += " matching " + quote(type.pattern->text);
  if (type.size_max) {
    out += " at most " + std::to_string(type.size_max->value) +
           (type.size_in_items ? " items" : " characters");
  }
  return out;
}

}  // namespace

std::string type_text(const TypeExpr& type) {
  std::string out =
      std::string(type.optional ? "optional " : "") + (type.is_private ? "private " : "");
  switch (type.shape) {
    case TypeExpr::Shape::kNamed: out += type.name.text; break;
    case TypeExpr::Shape::kOneOf:
      out += "one of";
      for (std::size_t i = 0; i < type.options.size(); ++i)
        out += (i == 0 ? " " : ", ") + quote(type.options[i].text);
      break;
    case TypeExpr::Shape::kList: out += "list of "; break;
    case TypeExpr::Shape::kMap: out += "map of "; break;
  }
  for (const TypeExpr& element : type.element) out += type_text(element);
  return out + bounds_text(type);
}

std::string wanted_problem(const Statement& together) {
  if (together.wanted != Statement::Wanted::kSome) return {};
  const std::int64_t count = together.wanted_count.value, of = together.wanted_of.value;
  const auto branches = static_cast<std::int64_t>(together.branches.size());
  if (of != branches) {
    return "`" + std::to_string(count) + " of " + std::to_string(of) + "`, but " +
           std::to_string(branches) + (branches == 1 ? " branch stands" : " branches stand") +
           " under `together`";
  }
  if (count < 1) return "at least one branch is waited for";
  if (count > of)
    return std::to_string(count) + " of " + std::to_string(of) + " branches can never be done";
  return {};
}

std::string wanted_help(const Statement& together) {
  const std::string branches = std::to_string(together.branches.size());
  const bool fits =
      together.wanted_count.value >= 1 &&
      together.wanted_count.value <= static_cast<std::int64_t>(together.branches.size());
  return "say `" + (fits ? std::to_string(together.wanted_count.value) : branches) + " of " +
         branches + "`";
}

std::string tries_text(const Tries& tries) {
  std::string out = std::to_string(tries.tries.value) +
                    (tries.tries.value == 1 ? " try in all" : " tries in all");
  if (!tries.first_wait.empty()) out += ", first wait " + tries.first_wait.text;
  if (tries.doubling) out += ", doubling";
  if (!tries.at_most.empty()) out += ", at most " + tries.at_most.text;
  if (tries.spread) out += ", random spread";
  return out;
}

}  // namespace belay::dsl::text
