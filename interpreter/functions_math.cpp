// CEL's math extension. `min` and `max` of the language are math.least and math.greatest, and also
// take money of one currency, timestamps, durations and text.
#include <cmath>
#include <limits>

#include "interpreter/functions.h"

namespace belay::interpreter {
namespace {

using Kind = Value::Kind;

Evaluated extreme(Function f, Args args, Budget& budget) {
  if (args.size() == 1 && args[0].kind() == Kind::kList) {
    const List items = args[0].as_list();
    if (items.empty()) return bad("an empty list has no least or greatest");
    return extreme(f, items, budget);
  }
  if (args.empty()) return no_overload(f, args);
  const Value* best = &args[0];
  for (const Value& candidate : args) {
    if (!budget.charge(1)) return out_of_budget();
    const Value pair[] = {candidate, *best};
    const Evaluated better = call_comparison(
        f == Function::kGreatest ? Function::kGreater : Function::kLess, pair, budget);
    if (!better.ok) return better;
    if (better.value.as_bool()) best = &candidate;
  }
  if (best->kind() == Kind::kList || best->kind() == Kind::kMap) return no_overload(f, args);
  return good(*best);
}

Evaluated round_double(Function f, Args args) {
  const bool whole = args[0].kind() == Kind::kInt || args[0].kind() == Kind::kUint;
  if (f == Function::kSqrt && whole) {
    const double n = args[0].kind() == Kind::kInt ? static_cast<double>(args[0].as_int())
                                                  : static_cast<double>(args[0].as_uint());
    return good(Value::real(std::sqrt(n)));
  }
  if (args[0].kind() != Kind::kDouble) return no_overload(f, args);
  const double d = args[0].as_double();
  switch (f) {
    case Function::kCeil: return good(Value::real(std::ceil(d)));
    case Function::kFloor: return good(Value::real(std::floor(d)));
    case Function::kRound: return good(Value::real(std::round(d)));
    case Function::kSqrt: return good(Value::real(std::sqrt(d)));
    case Function::kTrunc: return good(Value::real(std::trunc(d)));
    case Function::kIsNan: return good(Value::boolean(std::isnan(d)));
    case Function::kIsInf: return good(Value::boolean(std::isinf(d)));
    default: return good(Value::boolean(std::isfinite(d)));
  }
}

Evaluated magnitude(Function f, Args args) {
  const Value& v = args[0];
  const bool sign = f == Function::kSign;
  if (v.kind() == Kind::kInt) {
    const std::int64_t i = v.as_int();
    if (sign) return good(Value::integer(i > 0 ? 1 : i < 0 ? -1 : 0));
    if (i == std::numeric_limits<std::int64_t>::min()) return bad("int overflow");
    return good(Value::integer(i < 0 ? -i : i));
  }
  if (v.kind() == Kind::kUint)
    return good(sign ? Value::unsigned_integer(v.as_uint() > 0 ? 1 : 0) : v);
  if (v.kind() == Kind::kDouble) {
    const double d = v.as_double();
    if (!sign) return good(Value::real(std::fabs(d)));
    return good(Value::real(std::isnan(d) ? d : d > 0 ? 1.0 : d < 0 ? -1.0 : 0.0));
  }
  return no_overload(f, args);
}

// Bits are the same for int and uint; shifts fill with zeros, and a shift by 64 or more leaves
// none.
Evaluated bits(Function f, Args args) {
  const auto raw = [](const Value& v) {
    return v.kind() == Kind::kInt ? static_cast<std::uint64_t>(v.as_int()) : v.as_uint();
  };
  const auto back = [&](std::uint64_t b) {
    return good(args[0].kind() == Kind::kInt ? Value::integer(static_cast<std::int64_t>(b))
                                             : Value::unsigned_integer(b));
  };
  if (args[0].kind() != Kind::kInt && args[0].kind() != Kind::kUint) return no_overload(f, args);
  if (f == Function::kBitNot) return args.size() == 1 ? back(~raw(args[0])) : no_overload(f, args);
  if (args.size() != 2) return no_overload(f, args);
  if (f == Function::kBitShiftLeft || f == Function::kBitShiftRight) {
    if (args[1].kind() != Kind::kInt) return no_overload(f, args);
    if (args[1].as_int() < 0) return bad("a shift by a negative offset");
    if (args[1].as_int() > 63) return back(0);
    const auto by = static_cast<unsigned>(args[1].as_int());
    return back(f == Function::kBitShiftLeft ? raw(args[0]) << by : raw(args[0]) >> by);
  }
  if (args[1].kind() != args[0].kind()) return no_overload(f, args);
  const std::uint64_t a = raw(args[0]), b = raw(args[1]);
  return back(f == Function::kBitAnd ? a & b : f == Function::kBitOr ? a | b : a ^ b);
}

}  // namespace

Evaluated call_math(Function f, Args args, Budget& budget) {
  if (f == Function::kGreatest || f == Function::kLeast) return extreme(f, args, budget);
  if (args.empty()) return no_overload(f, args);
  switch (f) {
    case Function::kBitAnd:
    case Function::kBitOr:
    case Function::kBitXor:
    case Function::kBitNot:
    case Function::kBitShiftLeft:
    case Function::kBitShiftRight: return bits(f, args);
    default: break;
  }
  if (args.size() != 1) return no_overload(f, args);
  return f == Function::kAbs || f == Function::kSign ? magnitude(f, args) : round_double(f, args);
}

}  // namespace belay::interpreter
