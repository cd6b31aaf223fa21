// The switchboard of the functions, and what all of them share. Each family has its own file, split
// as in functions.h.
#include "interpreter/functions.h"

#include "interpreter/value.h"

namespace belay::interpreter {
namespace {

constexpr std::string_view function_texts[] = {
#define BELAY_FUNCTION_TEXT(name, text) text,
    BELAY_FUNCTIONS(BELAY_FUNCTION_TEXT)
#undef BELAY_FUNCTION_TEXT
};

}  // namespace

std::string_view function_text(Function f) { return function_texts[static_cast<std::uint32_t>(f)]; }

std::optional<Function> find_function(std::string_view text) {
  for (std::uint32_t i = 0; i < function_count; ++i) {
    if (function_texts[i] == text) return static_cast<Function>(i);
  }
  return std::nullopt;
}

Evaluated good(Value value) { return {.ok = true, .value = std::move(value), .error = {}}; }
Evaluated bad(std::string error) { return {.ok = false, .value = {}, .error = std::move(error)}; }
Evaluated out_of_budget() { return bad("the expression costs too much to evaluate"); }

std::string_view kind_text(Value::Kind kind) {
  switch (kind) {
    case Value::Kind::kNull: return "null";
    case Value::Kind::kBool: return "bool";
    case Value::Kind::kInt: return "int";
    case Value::Kind::kUint: return "uint";
    case Value::Kind::kDouble: return "double";
    case Value::Kind::kString: return "text";
    case Value::Kind::kBytes: return "bytes";
    case Value::Kind::kList: return "list";
    case Value::Kind::kMap: return "map";
    case Value::Kind::kTimestamp: return "timestamp";
    case Value::Kind::kDuration: return "duration";
    case Value::Kind::kMoney: return "money";
    case Value::Kind::kType: return "type";
    case Value::Kind::kOptional: return "optional";
  }
  return "unknown";
}

Evaluated no_overload(Function f, Args args) {
  std::string text = "`";
  text += f == Function::kNegate ? "-" : f == Function::kSplitMoney ? "split" : function_text(f);
  text += "` cannot take ";
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (i > 0) text += i + 1 == args.size() ? " and " : ", ";
    text += kind_text(args[i].kind());
  }
  return bad(std::move(text));
}

namespace {

bool charge_level(const Value& value, Budget& budget, int level) {
  if (level > value_depth_max || !budget.charge(1)) return false;
  if (value.kind() == Value::Kind::kList) {
    for (const Value& item : value.as_list()) {
      if (!charge_level(item, budget, level + 1)) return false;
    }
  } else if (value.kind() == Value::Kind::kMap) {
    for (const auto& [key, item] : value.as_map()) {
      if (!budget.charge(1) || !charge_level(item, budget, level + 1)) return false;
    }
  } else if (value.kind() == Value::Kind::kOptional && value.as_optional() != nullptr) {
    return charge_level(*value.as_optional(), budget, level + 1);
  }
  return true;
}

}  // namespace

bool charge_tree(const Value& value, Budget& budget) { return charge_level(value, budget, 0); }

std::string brief(const Value& value) {
  constexpr std::size_t longest = 80;
  switch (value.kind()) {
    case Value::Kind::kString:
      if (value.as_string().size() > longest)
        return to_text(Value::string(value.as_string().substr(0, longest))) + "…";
      return to_text(value);
    case Value::Kind::kBytes:
    case Value::Kind::kList:
    case Value::Kind::kMap:
    case Value::Kind::kOptional: return std::string(kind_text(value.kind()));
    default: return to_text(value);
  }
}

Evaluated call_function(Function f, Args args, Budget& budget, const Environment* environment) {
  switch (f) {
    case Function::kAdd:
    case Function::kSubtract:
    case Function::kMultiply:
    case Function::kDivide:
    case Function::kModulo:
    case Function::kNegate: return call_arithmetic(f, args, budget);
    case Function::kNot:
      if (args.size() != 1 || args[0].kind() != Value::Kind::kBool) return no_overload(f, args);
      return good(Value::boolean(!args[0].as_bool()));
    case Function::kEqual:
    case Function::kNotEqual:
    case Function::kLess:
    case Function::kLessEqual:
    case Function::kGreater:
    case Function::kGreaterEqual:
    case Function::kIn: return call_comparison(f, args, budget);
    case Function::kToInt:
    case Function::kToUint:
    case Function::kToDouble:
    case Function::kToString:
    case Function::kToBytes:
    case Function::kToBool:
    case Function::kToTimestamp:
    case Function::kToDuration:
    case Function::kType:
    case Function::kDyn:
    case Function::kBase64Encode:
    case Function::kBase64Decode: return call_conversion(f, args, budget);
    case Function::kSize:
    case Function::kContains:
    case Function::kStartsWith:
    case Function::kEndsWith:
    case Function::kLowerAscii:
    case Function::kUpperAscii:
    case Function::kTrim:
    case Function::kReplace:
    case Function::kJoin:
    case Function::kSubstring:
    case Function::kIndexOf:
    case Function::kLastIndexOf:
    case Function::kCharAt:
    case Function::kReverse:
    case Function::kQuote:
      if (f == Function::kReverse && !args.empty() && args[0].kind() == Value::Kind::kList) {
        return call_list(f, args, budget);
      }
      return call_text(f, args, budget);
    case Function::kFormat: return call_format(args, budget);
    case Function::kMatches: return call_matches(args, budget, environment);
    case Function::kSplitText:  // `.split(3)` of json data that turns out to be money
      if (!args.empty() && args[0].kind() == Value::Kind::kMoney) {
        return call_money(Function::kSplitMoney, args, budget);
      }
      return call_text(f, args, budget);
    case Function::kGetFullYear:
    case Function::kGetMonth:
    case Function::kGetDate:
    case Function::kGetDayOfMonth:
    case Function::kGetDayOfWeek:
    case Function::kGetDayOfYear:
    case Function::kGetHours:
    case Function::kGetMinutes:
    case Function::kGetSeconds:
    case Function::kGetMilliseconds: return call_time(f, args, environment);
    case Function::kMoney:
    case Function::kShare:
    case Function::kSplitMoney: return call_money(f, args, budget);
    case Function::kGreatest:
    case Function::kLeast:
    case Function::kCeil:
    case Function::kFloor:
    case Function::kSqrt:
    case Function::kRound:
    case Function::kTrunc:
    case Function::kAbs:
    case Function::kSign:
    case Function::kIsNan:
    case Function::kIsInf:
    case Function::kIsFinite:
    case Function::kBitAnd:
    case Function::kBitOr:
    case Function::kBitXor:
    case Function::kBitNot:
    case Function::kBitShiftLeft:
    case Function::kBitShiftRight: return call_math(f, args, budget);
    case Function::kOptionalOf:
    case Function::kOptionalNone:
    case Function::kOptionalOfNonZero:
    case Function::kHasValue:
    case Function::kOptionalValue:
    case Function::kUnwrap:
    case Function::kFirst:
    case Function::kLast: return call_optional(f, args, budget);
    case Function::kFlatten:
    case Function::kSlice:
    case Function::kDistinct:
    case Function::kSort:
    case Function::kRange:
    case Function::kSetsContains:
    case Function::kSetsEquivalent:
    case Function::kSetsIntersects: return call_list(f, args, budget);
  }
  return bad("a function that this version does not know");
}

}  // namespace belay::interpreter
