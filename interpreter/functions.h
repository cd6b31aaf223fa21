// What an expression can call: CEL's operators, conversions and standard functions, its string and
// math extensions, and money. Functions dispatch on the kinds of their arguments; a combination
// that has no meaning is an error value. Tested in tests/interpreter/eval_test.cpp.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "interpreter/expr.h"
#include "interpreter/value.h"

namespace belay::interpreter {

// NAME, text. The position is ExprNode::index of a recorded program: append only, never reorder.
#define BELAY_FUNCTIONS(F)                                                                                        \
  F(kAdd, "+")                                                                                                    \
  F(kSubtract, "-")                                                                                               \
  F(kMultiply, "*") F(kDivide, "/") F(kModulo, "%") F(kNegate, "-x") F(kNot, "!") F(                              \
      kEqual, "==") F(kNotEqual, "!=") F(kLess, "<") F(kLessEqual, "<=") F(kGreater, ">")                         \
      F(kGreaterEqual, ">=") F(kIn, "in") F(kToInt, "int") F(kToUint, "uint") F(                                  \
          kToDouble, "double") F(kToString, "string") F(kToBytes, "bytes") F(kToBool, "bool")                     \
          F(kToTimestamp, "timestamp") F(kToDuration, "duration") F(kType, "type") F(kDyn, "dyn")                 \
              F(kSize, "size") F(kContains, "contains") F(kStartsWith, "startsWith") F(                           \
                  kEndsWith, "endsWith") F(kLowerAscii, "lowerAscii") F(kUpperAscii, "upperAscii")                \
                  F(kTrim, "trim") F(kReplace, "replace") F(kSplitText, "split") F(                               \
                      kJoin, "join") F(kSubstring, "substring") F(kIndexOf, "indexOf")                            \
                      F(kLastIndexOf, "lastIndexOf") F(kCharAt, "charAt") F(                                      \
                          kReverse, "reverse") F(kQuote, "strings.quote")                                         \
                          F(kGetFullYear, "getFullYear") F(kGetMonth, "getMonth") F(                              \
                              kGetDate,                                                                           \
                              "getDate") F(kGetDayOfMonth,                                                        \
                                           "getDayOfMonth") F(kGetDayOfWeek, "getDayOfWeek")                      \
                              F(kGetDayOfYear, "getDayOfYear") F(kGetHours, "getHours") F(                        \
                                  kGetMinutes, "getMinutes") F(kGetSeconds, "getSeconds")                         \
                                  F(kGetMilliseconds, "getMilliseconds") F(kMoney, "money") F(                    \
                                      kShare,                                                                     \
                                      "share") F(kSplitMoney, "split money")                                      \
                                      F(kGreatest, "math.greatest") F(kLeast, "math.least") F(                    \
                                          kCeil,                                                                  \
                                          "math.ceil") F(kFloor,                                                  \
                                                         "math.floor") F(kRound, "math.round")                    \
                                          F(kTrunc,                                                               \
                                            "math.trunc") F(kAbs, "math.abs")                                     \
                                              F(kSign, "math.sign") F(kIsNan, "math.isNaN") F(                    \
                                                  kIsInf,                                                         \
                                                  "math.isInf") F(kIsFinite, "math.isFinite")                     \
                                                  F(kBitAnd, "math.bitAnd") F(                                    \
                                                      kBitOr,                                                     \
                                                      "math."                                                     \
                                                      "bitOr") F(kBitXor, "math.bitXor")                          \
                                                      F(kBitNot, "math.bitNot") F(                                \
                                                          kBitShiftLeft, "math.bitShiftLeft")                     \
                                                          F(kBitShiftRight,                                       \
                                                            "math.bitShiftRight") F(kBase64Encode,                \
                                                                                    "base64."                     \
                                                                                    "encode")                     \
                                                              F(kBase64Decode, "base64.decode") F(                \
                                                                  kFormat, "format") F(kMatches,                  \
                                                                                       "matches")                 \
                                                                  F(kSqrt, "math.sqrt") F(                        \
                                                                      kOptionalOf,                                \
                                                                      "optional.of") F(kOptionalNone,             \
                                                                                       "optional."                \
                                                                                       "none")                    \
                                                                      F(                                          \
                                                                          kOptionalOfNonZero,                     \
                                                                          "optional."                             \
                                                                          "ofNonZeroValue") F(kHasValue,          \
                                                                                              "ha"                \
                                                                                              "sV"                \
                                                                                              "al"                \
                                                                                              "u"                 \
                                                                                              "e")                \
                                                                          F(kOptionalValue,                       \
                                                                            "value") F(kUnwrap,                   \
                                                                                       "optional."                \
                                                                                       "unwrap") F(kFirst,        \
                                                                                                   "f"            \
                                                                                                   "i"            \
                                                                                                   "r"            \
                                                                                                   "s"            \
                                                                                                   "t") F(kLast,  \
                                                                                                          "last") \
                                                                              F(kFlatten, "flatte"                \
                                                                                          "n") F(                 \
                                                                                  kSlice,                         \
                                                                                  "slic"                          \
                                                                                  "e") F(kDistinct,               \
                                                                                         "distinc"                \
                                                                                         "t")                     \
                                                                                  F(kSort, "sort") F(             \
                                                                                      kRange,                     \
                                                                                      "lists."                    \
                                                                                      "range")                    \
                                                                                      F(kSetsContains,            \
                                                                                        "sets."                   \
                                                                                        "contain"                 \
                                                                                        "s") F(kSetsEquivalent,   \
                                                                                               "s"                \
                                                                                               "e"                \
                                                                                               "t"                \
                                                                                               "s"                \
                                                                                               "."                \
                                                                                               "e"                \
                                                                                               "q"                \
                                                                                               "u"                \
                                                                                               "i"                \
                                                                                               "v"                \
                                                                                               "a"                \
                                                                                               "l"                \
                                                                                               "e"                \
                                                                                               "n"                \
                                                                                               "t")               \
                                                                                          F(kSetsIntersects,      \
                                                                                            "sets"                \
                                                                                            ".int"                \
                                                                                            "erse"                \
                                                                                            "cts")

enum class Function : std::uint32_t {
#define BELAY_FUNCTION_ENUM(name, text) name,
  BELAY_FUNCTIONS(BELAY_FUNCTION_ENUM)
#undef BELAY_FUNCTION_ENUM
};

inline constexpr std::uint32_t function_count =
    static_cast<std::uint32_t>(Function::kSetsIntersects) + 1;

// For codecs and messages; REQUIRES: f < function_count.
std::string_view function_text(Function f);
std::optional<Function> find_function(std::string_view text);

// What one evaluation may still spend. One unit is about one node, or 16 bytes of fresh text.
struct Budget {
  std::int64_t left = 0;
  bool charge(std::size_t units) {
    left -= static_cast<std::int64_t>(units);
    return left >= 0;
  }
};
inline constexpr std::int64_t cost_max = 1'000'000;

using Args = std::span<const Value>;

Evaluated call_function(Function f, Args args, Budget& budget,
                        const Environment* environment = nullptr);

// ---- For the parts of this folder

Evaluated good(Value value);
Evaluated bad(std::string error);
Evaluated out_of_budget();
// "`+` cannot take text and int"
Evaluated no_overload(Function f, Args args);
// A kind in the author's words: `text`, `list`, `record`.
std::string_view kind_text(Value::Kind kind);

// `a` f `b` for the comparisons and `in`, without copying either.
Evaluated compare(Function f, const Value& a, const Value& b, Budget& budget);
// Equality with a budget; nullopt when it runs out.
std::optional<bool> equal_within(const Value& a, const Value& b, Budget& budget);
// The entry of a map under a key that is equal as CEL sees it (1, 1u and 1.0 are one key).
const Value* find_key(const Map& map, const Value& key);
// Nodes in a value seen as a tree, counted no further than the budget; charges it. False when it
// runs out, or when the value nests deeper than value_depth_max (what walks values recurses).
bool charge_tree(const Value& value, Budget& budget);
inline constexpr int value_depth_max = 256;
// As to_text, cut short: for messages about values that may be huge.
std::string brief(const Value& value);

Evaluated call_arithmetic(Function f, Args args, Budget& budget);  // + - * / % -x
Evaluated call_comparison(Function f, Args args, Budget& budget);  // == != < <= > >= in
Evaluated call_conversion(Function f, Args args, Budget& budget);
Evaluated call_text(Function f, Args args, Budget& budget);
Evaluated call_format(Args args, Budget& budget);
Evaluated call_matches(Args args, Budget& budget, const Environment* environment);
Evaluated call_time(Function f, Args args, const Environment* environment);
Evaluated call_math(Function f, Args args, Budget& budget);
Evaluated call_money(Function f, Args args, Budget& budget);
Evaluated call_optional(Function f, Args args, Budget& budget);
Evaluated call_list(Function f, Args args, Budget& budget);  // CEL's list and set extensions
// `keys[i]` belongs to `items[i]`: the items in the order of their keys.
Evaluated sorted_by(const List& items, const List& keys, Budget& budget);

}  // namespace belay::interpreter
