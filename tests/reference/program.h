// A program as the reference knows it: a small tree of statements and expressions, and the few
// facts about actions that matter. It shares nothing with dsl/syntax.h or interpreter/graph.h: the
// only way from here to them is the text that print.h writes. Made by generate.h, made smaller by
// shrink.h, run by saga.h.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace belay::reference {

// ---- Values and expressions

struct Value {
  enum class Kind { kNull, kInt, kBool, kList, kRecord };
  Kind kind = Kind::kNull;
  std::int64_t number = 0;  // kBool: 0 or 1
  std::vector<Value> items;
  std::map<std::string, Value> fields;
  bool operator==(const Value&) const = default;

  static Value integer(std::int64_t n) { return {Kind::kInt, n, {}, {}}; }
  static Value boolean(bool b) { return {Kind::kBool, b ? 1 : 0, {}, {}}; }
  static Value list(std::vector<Value> items) { return {Kind::kList, 0, std::move(items), {}}; }
  static Value record(std::map<std::string, Value> f) {
    return {Kind::kRecord, 0, {}, std::move(f)};
  }
};
std::string text(const Value& value);

struct Expr {
  enum class Op {
    kNumber,
    kName,
    kAdd,
    kDivide,
    kLess,
    kIs,
    kNot,
    kAnd,
    kOrElse,
    kPresent,
    kList,
    kSize
  };
  Op op = Op::kNumber;
  std::int64_t number = 0;
  std::vector<std::string> path;  // kName: `charge.n`
  std::vector<Expr> of;
  bool operator==(const Expr&) const = default;
};
inline Expr number(std::int64_t n) { return {Expr::Op::kNumber, n, {}, {}}; }
inline Expr name(std::vector<std::string> path) {
  return {Expr::Op::kName, 0, std::move(path), {}};
}
inline Expr apply(Expr::Op op, std::vector<Expr> of) { return {op, 0, {}, std::move(of)}; }

// ---- Actions

struct Action {
  const char* name;
  bool reads = false;     // no other effect
  bool safe = false;      // repeating is safe
  bool checked = false;   // `checked by ref.find`
  bool harmless = false;  // if nothing was done
  int keys_for_s = 0;     // how long the other side remembers keys; 0: for ever
  bool later = false;     // its check is ref.find_later, which settles in kSettlesIn seconds
  bool receipt = false;   // SQL: one transaction with its receipt
};
// All actions take `v int` and give `n int`; all may end in ref.no and ref.full.
inline constexpr Action kActions[] = {
    {.name = "ref.look", .reads = true, .safe = true},
    {.name = "ref.safe", .safe = true},
    {.name = "ref.unsafe"},
    {.name = "ref.known", .checked = true},
    {.name = "ref.both", .safe = true, .checked = true},
    {.name = "ref.brief", .safe = true, .checked = true, .keys_for_s = 4},
    {.name = "ref.slow_to_show", .checked = true, .later = true},
    {.name = "ref.row", .safe = true, .receipt = true},
    {.name = "ref.take_back", .safe = true, .harmless = true},
    {.name = "ref.take_back_once"},
    {.name = "ref.take_back_known", .checked = true},
    {.name = "ref.take_back_row", .safe = true, .receipt = true},
    {.name = "ref.find", .reads = true, .safe = true},  // the checks
    {.name = "ref.find_later", .reads = true, .safe = true},
};
inline constexpr int kForwardActions = 8, kFirstUndo = 8, kUndoActions = 4;
inline constexpr int kFind = 12, kFindLater = 13, kSettlesIn = 5;
inline constexpr int kReceiptWaitMax = 60;  // seconds

// ---- Statements

struct Stmt;
using Block = std::vector<Stmt>;

struct Act {
  enum class Kind { kNone, kCancel, kCarryOn, kTryAgain, kHandTo, kBlock };
  Kind kind = Kind::kNone;
  std::optional<Expr> with;      // kCarryOn: the number in the result
  int after_s = 0, at_most = 0;  // kTryAgain
  Block block;
};
struct Handler {
  std::vector<std::string> errors;  // empty: any error
  Act act;
};
struct Plan {
  int tries = 4, first_s = 1, at_most_s = 0;  // at_most_s 0: not said
  bool doubling = true;
};
struct Keep {
  int for_s = 0;
  bool carry_on = false;  // else hand to a team
};
enum class IfUnsure { kNothing, kCheck, kTryAgain, kUndoAnyway, kHandTo };

struct Use {  // of an action
  int action = 0;
  Expr v;
  std::optional<Plan> plan;
  int within_ms = 0;
  std::vector<Handler> handlers;
  std::optional<Keep> keep;
  IfUnsure if_unsure = IfUnsure::kNothing;
};

struct Source {  // of a wait
  std::string name;
  int event = 0;  // ref.e0 …
  Expr key;
  int even_before_s = 0;
};

struct Stmt {
  enum class Kind {
    kStep,
    kRun,
    kSet,
    kWhen,
    kTogether,
    kForEach,
    kRepeat,
    kWait,
    kPause,
    kAsk,
    kTry,
    kPoint,
    kPublish,
    kCancel,
    kFinish,
    kCarryOn,
    kTryAgain,
    kHandTo,
  };
  Kind kind = Kind::kStep;
  std::string name;         // of what has one
  Use call;                 // kStep; kRun: v and handlers; kTry: handlers
  std::optional<Use> undo;  // kStep, kWait
  bool no_undo = false;     // `no undo because`
  bool detached = false;    // kRun
  std::vector<Expr>
      conditions;  // kWhen: one a block, and one block more is `otherwise`; kRepeat: until
  std::vector<Block> blocks;       // kWhen, kTogether; kForEach, kRepeat, kTry: one
  int wanted = 0;                  // kTogether: 0: all
  Expr value;                      // kSet, kForEach (the list), kPublish (n), kFinish (out)
  Expr key;                        // kPublish
  int at_once = 1, tolerated = 0;  // kForEach
  std::string collect;             // kForEach: a name, or empty
  Expr collected;
  int times = 1;                // kRepeat
  std::vector<Source> sources;  // kWait
  bool any_source = false;
  int ms = 0;  // kWait, kAsk: within; kPause; uneven, so that no two end at one moment
  Act act;     // kWait, kAsk, kRepeat: otherwise; kCarryOn, kTryAgain
};
inline constexpr int kStmtKinds = 18;
const char* words(Stmt::Kind kind);

struct Program {
  Block body;
  Expr gives;
  int finish_within_s = 0;  // 0: no deadline
  std::optional<Keep> if_undo_fails;
};

}  // namespace belay::reference
