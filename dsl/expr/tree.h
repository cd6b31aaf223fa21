// The tree of one parsed expression, before anything is known of names and types. The English skin
// leaves no trace here except where a rule needs it (`word`): `is` and `==` are the same node. The
// checker writes what it found out into `found`; the lowering reads both. Byte positions count from
// the start of Expr::text.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/expr/expr.h"
#include "interpreter/expr.h"
#include "interpreter/type.h"
#include "interpreter/value.h"

namespace belay::dsl {

enum class Op : std::uint8_t {
  kLiteral,     // literal
  kName,        // text; `.name` keeps its dot
  kField,       // args[0].text
  kIndex,       // args[0][args[1]]
  kCall,        // text(args…)
  kMemberCall,  // args[0].text(args[1]…)
  kList,
  kMap,  // args; a map has key, value, key, value
  kNot,
  kNegate,
  kBinary,  // text is the CEL operator: + - * / % == != < <= > >= in
  kAnd,
  kOr,  // two or more args
  kConditional,
  kPresent,  // args[0] is present
  kOrElse,   // args[0] or else args[1]
  // Optional values, of plain CEL only.
  kOptionalField,  // args[0].?text
  kOptionalIndex,  // args[0][?args[1]]
  kOptionalEntry,  // ?args[0]: an item of a list, or a value of a map (`{?key: value}`)
};

// What the checker found out about a node.
struct Found {
  interpreter::ExprKind kind = interpreter::ExprKind::kLiteral;  // what to lower it to
  std::uint32_t index = 0;                                       // slot, local, function
  bool constant = false;  // the node became a literal (see Tree::literal)
  interpreter::Type type;
};

struct Tree {
  Op op = Op::kLiteral;
  interpreter::Value literal;
  std::string text;
  std::vector<Tree> args;
  std::uint32_t begin = 0, end = 0;         // the whole node
  std::uint32_t mark = 0, mark_length = 0;  // the operator, the field's or function's name
  bool word = false;                        // kAnd, kOr: spelled with the word
  bool bracketed = false;                   // stood in round brackets
  Found found;
};

// Same shape, names and literals; positions and spelling do not count.
bool same_expression(const Tree& a, const Tree& b);

struct SyntaxProblem {
  std::string_view code;
  std::uint32_t at = 0, length = 1;
  std::string message, help;
};

struct Parsed {
  std::optional<Tree> tree;
  std::optional<SyntaxProblem> problem;  // exactly one of the two
};

Parsed parse_expression(std::string_view text, bool plain);

// Canonical text of a tree: CEL's operators, no more brackets than needed; parses back into the
// same tree (with `plain` as long as it holds no skin-only node: present, or else, money,
// durations).
std::string print_expression(const Tree& tree);

// The span of `length` bytes at `at` of the expression's text.
Span span_in(const Expr& expr, std::uint32_t at, std::uint32_t length);

// ---- Literals (literals.cpp)

// The value of a literal as written, or why not. A number may carry its sign.
struct LiteralRead {
  std::optional<interpreter::Value> value;
  std::optional<SyntaxProblem> problem;  // `at` counts from the literal's first byte
};
LiteralRead read_number(std::string_view text);  // 12, -0x1F, 3u, 1.5e3
LiteralRead read_quoted(std::string_view text);  // 'a', r"b", b'''c'''
LiteralRead read_amount(std::string_view currency, std::string_view number);  // EUR 49.90
LiteralRead read_duration(std::string_view number, std::string_view unit);    // 15 minutes
// Milliseconds of a unit word such as `minutes`, or 0.
std::int64_t unit_ms(std::string_view word);

// ---- What went wrong (explain.cpp)

// Why nothing could be read at `at`, where `expected` ("a value", "`)`") should stand: finds the
// habit behind it.
SyntaxProblem explain_syntax(std::string_view text, std::size_t at, std::string_view expected,
                             bool plain);
// A word that has a meaning in operator position, such as `is` or `and`.
bool is_skin_word(std::string_view word);
bool is_cel_reserved(std::string_view word);

}  // namespace belay::dsl
