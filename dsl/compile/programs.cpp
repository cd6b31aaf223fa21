// Programs are flat: an argument stands before its user, the root is last. Replacing a read by a
// program under a macro moves the replacement's own macro variables as deep as the place is.
#include "dsl/compile/programs.h"

#include <algorithm>

namespace belay::dsl {
namespace {

using interpreter::ExprKind;
using interpreter::ExprNode;
using interpreter::Program;
using interpreter::Value;

class Copier {
 public:
  Copier(Program& out, const std::vector<Program>* replacements)
      : out_(out), replacements_(replacements) {}

  // Copies the tree at `root`, `depth` macro variables deep; locals that it brings itself move by
  // `shift`.
  std::uint32_t copy(const Program& from, std::uint32_t root, std::uint32_t depth,
                     std::uint32_t shift) {
    const ExprNode& node = from.nodes[root];
    if (replacements_ != nullptr && node.kind == ExprKind::kSlot &&
        node.index < replacements_->size()) {
      const Program& replacement = (*replacements_)[node.index];
      Copier plain(out_, nullptr);
      return plain.copy(replacement, static_cast<std::uint32_t>(replacement.nodes.size() - 1),
                        depth, depth);
    }
    ExprNode made = node;
    if (made.kind == ExprKind::kLocal) made.index += shift;
    const std::uint32_t locals = interpreter::locals_inside(node);
    for (std::size_t i = 0; i < node.args.size(); ++i) {
      made.args[i] = copy(from, node.args[i], depth + (i > 0 ? locals : 0), shift);
    }
    out_.nodes.push_back(std::move(made));
    return static_cast<std::uint32_t>(out_.nodes.size() - 1);
  }

 private:
  Program& out_;
  const std::vector<Program>* replacements_;
};

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The end of the string that begins at `at` (one past its last quote).
std::size_t skip_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool triple = text.size() >= at + 3 && text[at + 1] == quote && text[at + 2] == quote;
  for (std::size_t i = at + (triple ? 3 : 1); i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (text[i] == quote && !triple)
      return i + 1;
    else if (text[i] == quote && text.substr(i, 3) == std::string(3, quote))
      return i + 3;
  }
  return text.size();
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// The part [begin, end) of an expression as one of its own.
Expr part_of(const Expr& expr, std::size_t begin, std::size_t end) {
  const std::string_view text = trimmed(std::string_view(expr.text).substr(begin, end - begin));
  const auto start = static_cast<std::size_t>(text.data() - expr.text.data());
  Expr part{std::string(text), locate(expr, start, text.size()), {}};
  for (std::size_t i = start; i < start + text.size(); ++i) {
    if (expr.text[i] == '\n') part.lines.push_back(locate(expr, i + 1, 0));
  }
  return part;
}

}  // namespace

Program slot_program(std::uint32_t slot, std::string source) {
  Program program;
  program.nodes.push_back({.kind = ExprKind::kSlot, .index = slot});
  program.source = std::move(source);
  return program;
}

Program field_program(const Program& of, const std::string& field) {
  Program program = of;
  program.nodes.push_back({.kind = ExprKind::kField,
                           .text = field,
                           .args = {static_cast<std::uint32_t>(program.nodes.size() - 1)}});
  program.source = of.source + "." + field;
  return program;
}

Program literal_program(Value value, std::string source) {
  Program program;
  program.nodes.push_back({.kind = ExprKind::kLiteral, .literal = std::move(value)});
  program.source = std::move(source);
  return program;
}

Program not_program(const Program& condition) {
  Program program = condition;
  const auto root = static_cast<std::uint32_t>(program.nodes.size() - 1);
  program.nodes.push_back({.kind = ExprKind::kLiteral, .literal = Value::boolean(false)});
  program.nodes.push_back({.kind = ExprKind::kLiteral, .literal = Value::boolean(true)});
  program.nodes.push_back({.kind = ExprKind::kConditional, .args = {root, root + 1, root + 2}});
  program.source = "not (" + condition.source + ")";
  return program;
}

Program substitute(const Program& program, const std::vector<Program>& replacements) {
  if (program.empty()) return program;
  Program out;
  out.source = program.source;
  Copier(out, &replacements)
      .copy(program, static_cast<std::uint32_t>(program.nodes.size() - 1), 0, 0);
  return out;
}

bool reads_slot(const Program& program, std::uint32_t slot) {
  return std::any_of(program.nodes.begin(), program.nodes.end(), [&](const ExprNode& node) {
    return node.kind == ExprKind::kSlot && node.index == slot;
  });
}

Program or_null_program(const Program& of) {
  Program program = of;
  const auto root = static_cast<std::uint32_t>(program.nodes.size() - 1);
  program.nodes.push_back({.kind = ExprKind::kLiteral});
  program.nodes.push_back({.kind = ExprKind::kOrElse, .args = {root, root + 1}});
  return program;
}

Span locate(const Expr& expr, std::size_t offset, std::size_t length) {
  const std::string_view before =
      std::string_view(expr.text).substr(0, std::min(offset, expr.text.size()));
  const auto breaks = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  Span span = expr.span;
  std::size_t column = offset;
  if (breaks > 0) {
    column = offset - before.rfind('\n') - 1;
    if (breaks <= expr.lines.size()) span = expr.lines[breaks - 1];
  }
  span.column += static_cast<std::uint32_t>(column);
  span.length = static_cast<std::uint32_t>(length);
  return span;
}

std::optional<Span> find_name(const Expr& expr, std::string_view word) {
  const std::string_view text = expr.text;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '"' || text[i] == '\'') {
      i = skip_string(text, i);
    } else if (is_word(text[i])) {
      std::size_t end = i;
      while (end < text.size() && is_word(text[end])) ++end;
      const std::string_view left = trimmed(text.substr(0, i));
      const bool member = !left.empty() && left.back() == '.';
      if (!member && text.substr(i, end - i) == word) return locate(expr, i, word.size());
      i = end;
    } else {
      ++i;
    }
  }
  return std::nullopt;
}

std::optional<std::vector<Arg>> split_map(const Expr& expr) {
  const std::string_view text = expr.text;
  const std::size_t open = text.find_first_not_of(" \t\r\n");
  const std::size_t close = text.find_last_not_of(" \t\r\n");
  if (open == std::string_view::npos || text[open] != '{' || text[close] != '}')
    return std::nullopt;
  std::vector<Arg> args;
  std::size_t begin = open + 1;
  std::size_t colon = std::string_view::npos;
  int depth = 0;
  for (std::size_t i = open + 1; i <= close;) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      i = skip_string(text, i);
      continue;
    }
    if (depth == 0 && (c == ',' || i == close)) {
      if (i == close && trimmed(text.substr(begin, i - begin)).empty())
        break;  // `{}`, or a comma at the end
      if (colon == std::string_view::npos) return std::nullopt;
      const Expr key = part_of(expr, begin, colon);
      const bool is_text = key.text.size() >= 2 && (key.text[0] == '"' || key.text[0] == '\'') &&
                           key.text.find('\\') == std::string::npos &&
                           skip_string(key.text, 0) == key.text.size();
      if (!is_text) return std::nullopt;
      args.push_back(
          {{key.text.substr(1, key.text.size() - 2), key.span}, part_of(expr, colon + 1, i)});
      begin = i + 1;
      colon = std::string_view::npos;
    } else if (depth == 0 && c == ':' && colon == std::string_view::npos) {
      colon = i;
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (c == ')' || c == ']' || c == '}') {
      if (--depth < 0) return std::nullopt;
    }
    ++i;
  }
  return args;
}

}  // namespace belay::dsl
