// A compiled expression: a flat tree of nodes, ready to evaluate, with no parser needed. dsl/expr
// builds it from text. `evaluate` is pure, total and bounded: every failure is an error value with
// a message, never an exception, and cost and depth have limits, so that no expression can hang a
// lane. Tested in tests/interpreter/eval_test.cpp.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/value.h"

namespace belay::interpreter {

enum class ExprKind : std::uint8_t {
  kLiteral,  // literal
  kSlot,     // index = slot: a name of the workflow (or action, or webhook) scope; text = the name,
             // for messages
  kNow,      // the time of the checkpoint
  kLocal,    // index = depth of the macro variable, 0 the outermost
  kField,    // args[0].text
  kHas,  // has(args[0].text): false when the field is absent, or args[0] is absent (index 1: then
         // an error, as CEL)
  kPresent,  // args[0] is present: a slot without value, a missing field or null gives false
  kOrElse,   // args[0] or else args[1]
  kIndex,    // args[0][args[1]]
  kCall,     // index = Function (functions.h), args
  kAnd,
  kOr,  // n-ary is fine; errors are absorbed as CEL says
  kConditional,
  kList,  // args
  kMap,   // args: key, value, key, value, …
  // Macros: index 2 means two new locals (index and element, key and value), else one (element,
  // key).
  kAll,
  kExists,
  kExistsOne,
  kFilter,        // args[0] range, args[1] body over the new locals
  kMapMacro,      // args[0] range, args[1] transform, optionally args[2] a filter
  kTransformMap,  // as kMapMacro, but the result keeps the keys
  // Stored by number: append only.
  kTransformEntries,  // as kMapMacro; each transform is a map, the result holds the entries of all
                      // of them
  kSortBy,            // args[0] list, args[1] the key of an element
  kLet,  // cel.bind: one new local, args[0]; the result is args[1]. An error of args[0] stays in
         // the local
  // Optional values, of plain CEL.
  kOptionalField,    // args[0].?text
  kOptionalIndex,    // args[0][?args[1]]
  kOptionalEntry,    // args[0] is optional: inside a kList, or as a value inside a kMap, left out
                     // when it is none
  kOptionalMap,      // args[0].optMap(local, args[1])
  kOptionalFlatMap,  // args[0].optFlatMap(local, args[1])
  kOptionalOr,       // args[0].or(args[1])
  kOptionalOrValue,  // args[0].orValue(args[1])
};
inline constexpr ExprKind kExprKindLast = ExprKind::kOptionalOrValue;

struct ExprNode {
  ExprKind kind = ExprKind::kLiteral;
  std::uint32_t index = 0;
  Value literal;
  std::string text;
  std::vector<std::uint32_t>
      args;  // indexes into Program::nodes; an argument comes before its user
  bool operator==(const ExprNode&) const = default;
};

// How many new locals the arguments after the first see.
std::uint32_t locals_inside(const ExprNode& node);

// The last node is the root. An empty program is absent: it means that the author wrote nothing
// there.
struct Program {
  std::vector<ExprNode> nodes;
  std::string source;  // as the author wrote it, for people; not part of the graph's hash
  bool empty() const { return nodes.empty(); }
  bool operator==(const Program& other) const { return nodes == other.nodes; }
};

// What evaluating needs of the world beyond the standard library; runtime/base/environment.h has
// the real one. Thread-safe. Answers may change with a newer library: what a saga drew from them is
// recorded, a replay does not ask again.
class Environment {
 public:
  virtual ~Environment() = default;
  // Whether `pattern` (RE2) is found anywhere in `text`; nullopt when it is no pattern.
  virtual std::optional<bool> matches(const std::string& pattern, std::string_view text) const = 0;
  // How many seconds the zone of that name ("Europe/Berlin") is east of UTC at `seconds` since
  // 1970; nullopt when there is no such zone.
  virtual std::optional<std::int64_t> zone_offset(const std::string& zone,
                                                  std::int64_t seconds) const = 0;
};

// Where names get their values. A slot without a value is nullptr.
class Scope {
 public:
  virtual ~Scope() = default;
  virtual const Value* slot(std::uint32_t index) const = 0;
  virtual Timestamp now() const = 0;
  // nullptr: `matches` and named time zones are errors.
  virtual const Environment* environment() const { return nullptr; }
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
