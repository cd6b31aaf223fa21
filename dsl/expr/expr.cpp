// The front door: parse, check, lower; constant durations; words that cannot be names. Each phase
// has its own file: parse.cpp (with builder.cpp, literals.cpp, explain.cpp) → check*.cpp and
// fit.cpp → lower.cpp; print.cpp goes back to text.
#include "dsl/expr/expr.h"

#include <algorithm>

#include "dsl/expr/check.h"
#include "dsl/expr/signatures.h"
#include "dsl/expr/tree.h"

namespace belay::dsl {
namespace {

using interpreter::Value;

class NoNames final : public Names {
 public:
  std::optional<NameInfo> find(std::string_view) const override { return std::nullopt; }
  std::vector<std::string> all() const override { return {}; }
};

struct NoScope final : interpreter::Scope {
  const Value* slot(std::uint32_t) const override { return nullptr; }
  interpreter::Timestamp now() const override { return {}; }
};

std::vector<std::string> without(const Facts& facts, const Facts& known) {
  std::vector<std::string> out;
  std::set_difference(facts.begin(), facts.end(), known.begin(), known.end(),
                      std::back_inserter(out));
  return out;
}

// Patterns and named zones are looked up at run time only.
bool needs_environment(const interpreter::Program& program) {
  using interpreter::Function;
  return std::any_of(program.nodes.begin(), program.nodes.end(),
                     [](const interpreter::ExprNode& node) {
                       if (node.kind != interpreter::ExprKind::kCall) return false;
                       const auto f = static_cast<Function>(node.index);
                       return f == Function::kMatches ||
                              (f >= Function::kGetFullYear && f <= Function::kGetMilliseconds &&
                               node.args.size() == 2);
                     });
}

// A name or field that may be absent, where that is allowed: null instead of an error.
Tree or_null(Tree tree) {
  Tree null;
  Tree out;
  out.op = Op::kOrElse;
  out.found.kind = interpreter::ExprKind::kOrElse;
  out.begin = tree.begin;
  out.end = tree.end;
  out.args.push_back(std::move(tree));
  out.args.push_back(std::move(null));
  return out;
}

}  // namespace

Span span_in(const Expr& expr, std::uint32_t at, std::uint32_t length) {
  const std::string_view text = expr.text;
  at = std::min(at, static_cast<std::uint32_t>(text.size()));
  std::size_t line = 0, line_start = 0;
  for (std::size_t i = 0; i < at; ++i) {
    if (text[i] != '\n') continue;
    ++line;
    line_start = i + 1;
  }
  Span span = expr.span;
  if (line > 0 && line <= expr.lines.size()) {
    span = expr.lines[line - 1];
  } else if (line > 0) {  // lines whose places nobody noted: indentation is part of the text
    span.line += static_cast<std::uint32_t>(line);
    span.column = 1;
  }
  span.column += static_cast<std::uint32_t>(at - line_start);
  const std::size_t line_end = std::min(text.find('\n', at), text.size());
  span.length = static_cast<std::uint32_t>(std::min<std::size_t>(length, line_end - at));
  return span;
}

CheckedExpr check_expression(const Expr& expr, const Names& names, const CheckOptions& options,
                             Diagnostics& diagnostics) {
  CheckedExpr out;
  out.type = type_of(interpreter::Type::Base::kError);
  Parsed parsed = parse_expression(expr.text, options.plain);
  if (!parsed.tree) {
    SyntaxProblem& problem = *parsed.problem;
    Diagnostic& d = diagnostics.add(problem.code, span_in(expr, problem.at, problem.length),
                                    std::move(problem.message));
    d.help = std::move(problem.help);
    return out;
  }
  Tree& tree = *parsed.tree;
  ExprCheck check(expr, names, options, diagnostics);
  const Facts known(options.present.begin(), options.present.end());
  const Typed typed = check.check(tree, known, options.wanted && options.wanted->optional);
  if (options.wanted) check.fit(tree, *options.wanted, options.wanted_for);
  if (check.failed()) return out;
  out.ok = true;
  out.type = typed.type;
  if (typed.maybe_absent) tree = or_null(std::move(tree));
  out.program = lower_expression(tree, expr.text);
  out.reads.assign(check.reads().begin(), check.reads().end());
  out.proves_present = without(typed.when_true, known);
  out.proves_present_if_false = without(typed.when_false, known);
  const bool reads_now =
      std::any_of(out.program.nodes.begin(), out.program.nodes.end(),
                  [](const auto& node) { return node.kind == interpreter::ExprKind::kNow; });
  if (out.reads.empty() && !reads_now) {
    interpreter::Evaluated value = evaluate(out.program, NoScope());
    if (value.ok) {
      out.constant = std::move(value.value);
    } else if (!options.plain && !needs_environment(out.program)) {
      diagnostics.add("BEL4217", span_in(expr, tree.begin, tree.end - tree.begin),
                      "this always fails: " + value.error);
      out.ok = false;
      out.type = type_of(interpreter::Type::Base::kError);
    }
  }
  return out;
}

std::optional<std::int64_t> constant_duration_ms(const Expr& expr, Diagnostics& diagnostics) {
  CheckOptions options;
  options.wanted = type_of(interpreter::Type::Base::kDuration);
  const std::size_t errors = diagnostics.errors();
  const CheckedExpr checked = check_expression(expr, NoNames(), options, diagnostics);
  if (!checked.ok || !checked.constant || checked.constant->kind() != Value::Kind::kDuration) {
    if (diagnostics.errors() == errors) {
      diagnostics
          .add("BEL4213", span_in(expr, 0, static_cast<std::uint32_t>(expr.text.size())),
               "a fixed duration is needed here")
          .help = "write for example `15 minutes`";
    }
    return std::nullopt;
  }
  const interpreter::Duration d = checked.constant->as_duration();
  return d.seconds * 1000 + d.nanos / 1'000'000;
}

bool is_reserved_name(std::string_view word) {
  static constexpr std::string_view words[] = {
      "true", "false", "null", "now", "event", "body", "header", "status", "result", "old",
      "secret",
      // CEL's types, and the macros and functions that are called without a receiver
      "bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type", "dyn",
      "timestamp", "duration", "size", "has", "matches", "all", "exists", "exists_one", "filter",
      "money", "min", "max", "math"};
  if (is_skin_word(word) || is_cel_reserved(word)) return true;
  if (std::find(std::begin(words), std::end(words), word) != std::end(words)) return true;
  const auto functions = signatures();
  return std::any_of(functions.begin(), functions.end(), [&](const Signature& s) {
    return s.name == word && !s.plain_only && !s.name_is_free;
  });
}

}  // namespace belay::dsl
