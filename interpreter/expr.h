// A compiled expression: a flat tree of nodes, ready to evaluate, with no parser needed. dsl/expr builds it from text.
// `evaluate` is pure, total and bounded: every failure is an error value with a message, never an exception, and cost
// and depth have limits, so that no expression can hang a lane. Tested in tests/interpreter/eval_test.cpp.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "interpreter/value.h"

namespace belay::interpreter {

enum class ExprKind : std::uint8_t {
  kLiteral,   // literal
  kSlot,      // index = slot: a name of the workflow (or action, or webhook) scope; text = the name, for messages
  kNow,       // the time of the checkpoint
  kLocal,     // index = depth of the macro variable, 0 the outermost
  kField,     // args[0].text
  kHas,       // has(args[0].text): false when the field is absent, or args[0] is absent
  kPresent,   // args[0] is present: a slot without value, a missing field or null gives false
  kOrElse,    // args[0] or else args[1]
  kIndex,     // args[0][args[1]]
  kCall,      // index = Function (functions.h), args
  kAnd, kOr,  // n-ary is fine; errors are absorbed as CEL says
  kConditional,
  kList,      // args
  kMap,       // args: key, value, key, value, …
  // Macros: index 2 means two new locals (index and element, key and value), else one (element, key).
  kAll, kExists, kExistsOne, kFilter,  // args[0] range, args[1] body over the new locals
  kMapMacro,  // args[0] range, args[1] transform, optionally args[2] a filter
  kTransformMap,  // as kMapMacro, but the result keeps the keys
};

struct ExprNode {
  ExprKind kind = ExprKind::kLiteral;
  std::uint32_t index = 0;
  Value literal;
  std::string text;
  std::vector<std::uint32_t> args;  // indexes into Program::nodes; an argument comes before its user
  bool operator==(const ExprNode&) const = default;
};

// The last node is the root. An empty program is absent: it means that the author wrote nothing there.
struct Program {
  std::vector<ExprNode> nodes;
  std::string source;  // as the author wrote it, for people; not part of the graph's hash
  bool empty() const { return nodes.empty(); }
  bool operator==(const Program& other) const { return nodes == other.nodes; }
};

// Where names get their values. A slot without a value is nullptr.
class Scope {
 public:
  virtual ~Scope() = default;
  virtual const Value* slot(std::uint32_t index) const = 0;
  virtual Timestamp now() const = 0;
};

struct Evaluated {
  bool ok = false;
  Value value;        // when ok
  std::string error;  // when not: plain words, no trailing stop
};

// REQUIRES: !program.empty().
Evaluated evaluate(const Program& program, const Scope& scope);

// CEL's `==`: numbers compare by value across int, uint and double.
bool cel_equal(const Value& a, const Value& b);

}  // namespace belay::interpreter
