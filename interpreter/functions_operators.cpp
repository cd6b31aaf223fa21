// Arithmetic and comparison. Whole numbers never wrap: an overflow is an error. Numbers compare by
// value across int, uint and double, exactly (no rounding to double on the way). Money meets only
// money of its own currency.
#include <algorithm>
#include <cmath>
#include <compare>
#include <limits>
#include <utility>

#include "interpreter/functions.h"
#include "interpreter/time.h"

namespace belay::interpreter {
namespace {

using Kind = Value::Kind;

Evaluated overflow(std::string_view what) { return bad(std::string(what) + " overflow"); }

Evaluated int_arithmetic(Function f, std::int64_t a, std::int64_t b) {
  std::int64_t out = 0;
  bool over = false;
  switch (f) {
    case Function::kAdd: over = __builtin_add_overflow(a, b, &out); break;
    case Function::kSubtract: over = __builtin_sub_overflow(a, b, &out); break;
    case Function::kMultiply: over = __builtin_mul_overflow(a, b, &out); break;
    default:
      if (b == 0) return bad(f == Function::kDivide ? "division by zero" : "modulus by zero");
      over = a == std::numeric_limits<std::int64_t>::min() && b == -1;
      if (!over) out = f == Function::kDivide ? a / b : a % b;
  }
  return over ? overflow("int") : good(Value::integer(out));
}

Evaluated uint_arithmetic(Function f, std::uint64_t a, std::uint64_t b) {
  std::uint64_t out = 0;
  bool over = false;
  switch (f) {
    case Function::kAdd: over = __builtin_add_overflow(a, b, &out); break;
    case Function::kSubtract: over = __builtin_sub_overflow(a, b, &out); break;
    case Function::kMultiply: over = __builtin_mul_overflow(a, b, &out); break;
    default:
      if (b == 0) return bad(f == Function::kDivide ? "division by zero" : "modulus by zero");
      out = f == Function::kDivide ? a / b : a % b;
  }
  return over ? overflow("uint") : good(Value::unsigned_integer(out));
}

Evaluated double_arithmetic(Function f, double a, double b, Args args) {
  switch (f) {
    case Function::kAdd: return good(Value::real(a + b));
    case Function::kSubtract: return good(Value::real(a - b));
    case Function::kMultiply: return good(Value::real(a * b));
    case Function::kDivide: return good(Value::real(a / b));
    default: return no_overload(f, args);
  }
}

Evaluated money_sum(Function f, const Money& a, const Money& b) {
  if (a.currency != b.currency) {
    return bad("money in " + std::string(a.code()) + " and in " + std::string(b.code()) +
               " cannot be " + (f == Function::kAdd ? "added" : "subtracted"));
  }
  Money out = a;
  const bool over = f == Function::kAdd ? __builtin_add_overflow(a.minor, b.minor, &out.minor)
                                        : __builtin_sub_overflow(a.minor, b.minor, &out.minor);
  return over ? overflow("money") : good(Value::money(out));
}

Evaluated money_times(const Money& money, std::int64_t times) {
  Money out = money;
  if (__builtin_mul_overflow(money.minor, times, &out.minor)) return overflow("money");
  return good(Value::money(out));
}

Evaluated from(std::optional<Timestamp> t) {
  return t ? good(Value::timestamp(*t)) : bad("timestamp out of range");
}
Evaluated from(std::optional<Duration> d) {
  return d ? good(Value::duration(*d)) : bad("duration out of range");
}

// Timestamps and durations; `sign` is 1 for + and -1 for -.
Evaluated time_arithmetic(Function f, Args args) {
  const std::int64_t sign = f == Function::kAdd ? 1 : -1;
  const Value &a = args[0], &b = args[1];
  const auto shift = [&](const Timestamp& t, const Duration& d) {
    return from(make_timestamp(t.seconds + sign * d.seconds, t.nanos + sign * d.nanos));
  };
  if (a.kind() == Kind::kTimestamp && b.kind() == Kind::kDuration)
    return shift(a.as_timestamp(), b.as_duration());
  if (a.kind() == Kind::kDuration && b.kind() == Kind::kTimestamp && sign > 0) {
    return shift(b.as_timestamp(), a.as_duration());
  }
  if (a.kind() == Kind::kDuration && b.kind() == Kind::kDuration) {
    return from(make_duration(a.as_duration().seconds + sign * b.as_duration().seconds,
                              a.as_duration().nanos + sign * b.as_duration().nanos));
  }
  if (a.kind() == Kind::kTimestamp && b.kind() == Kind::kTimestamp && sign < 0) {
    return from(make_duration(a.as_timestamp().seconds - b.as_timestamp().seconds,
                              a.as_timestamp().nanos - b.as_timestamp().nanos));
  }
  return no_overload(f, args);
}

Evaluated concatenate(Args args, Budget& budget) {
  const Value &a = args[0], &b = args[1];
  if (a.kind() == Kind::kList) {
    const List &x = a.as_list(), &y = b.as_list();
    if (!budget.charge(x.size() + y.size())) return out_of_budget();
    List out;
    out.reserve(x.size() + y.size());
    out.insert(out.end(), x.begin(), x.end());
    out.insert(out.end(), y.begin(), y.end());
    Value value = Value::list(std::move(out));
    return charge_tree(value, budget) ? good(std::move(value)) : out_of_budget();
  }
  const std::string& x = a.kind() == Kind::kString ? a.as_string() : a.as_bytes();
  const std::string& y = a.kind() == Kind::kString ? b.as_string() : b.as_bytes();
  if (!budget.charge((x.size() + y.size()) / 16)) return out_of_budget();
  return good(a.kind() == Kind::kString ? Value::string(x + y) : Value::bytes(x + y));
}

Evaluated negate(Args args) {
  const Value& a = args[0];
  switch (a.kind()) {
    case Kind::kInt: return int_arithmetic(Function::kSubtract, 0, a.as_int());
    case Kind::kDouble: return good(Value::real(-a.as_double()));
    case Kind::kMoney: return money_times(a.as_money(), -1);
    case Kind::kDuration:
      return good(Value::duration({-a.as_duration().seconds, -a.as_duration().nanos}));
    default: return no_overload(Function::kNegate, args);
  }
}

// ---- Comparison

bool is_number(Kind kind) {
  return kind == Kind::kInt || kind == Kind::kUint || kind == Kind::kDouble;
}

std::partial_ordering order_int_double(std::int64_t i, double d) {
  if (std::isnan(d)) return std::partial_ordering::unordered;
  if (d >= 9223372036854775808.0) return std::partial_ordering::less;
  if (d < -9223372036854775808.0) return std::partial_ordering::greater;
  const auto whole = static_cast<std::int64_t>(d);
  if (i != whole) return i <=> whole;
  return 0.0 <=> (d - static_cast<double>(whole));
}

std::partial_ordering order_uint_double(std::uint64_t u, double d) {
  if (std::isnan(d)) return std::partial_ordering::unordered;
  if (d >= 18446744073709551616.0) return std::partial_ordering::less;
  if (d < 0) return std::partial_ordering::greater;
  const auto whole = static_cast<std::uint64_t>(d);
  if (u != whole) return u <=> whole;
  return 0.0 <=> (d - static_cast<double>(whole));
}

std::partial_ordering reversed(std::partial_ordering o) { return 0 <=> o; }

std::partial_ordering order_numbers(const Value& a, const Value& b) {
  if (a.kind() == Kind::kDouble) {
    if (b.kind() == Kind::kDouble) return a.as_double() <=> b.as_double();
    return reversed(order_numbers(b, a));
  }
  if (b.kind() == Kind::kDouble) {
    return a.kind() == Kind::kInt ? order_int_double(a.as_int(), b.as_double())
                                  : order_uint_double(a.as_uint(), b.as_double());
  }
  if (a.kind() == b.kind()) {
    return a.kind() == Kind::kInt ? a.as_int() <=> b.as_int() : a.as_uint() <=> b.as_uint();
  }
  if (a.kind() == Kind::kUint) return reversed(order_numbers(b, a));
  return std::cmp_less(a.as_int(), b.as_uint())      ? std::partial_ordering::less
         : std::cmp_greater(a.as_int(), b.as_uint()) ? std::partial_ordering::greater
                                                     : std::partial_ordering::equivalent;
}

bool equal_entries(const Map& a, const Map& b, Budget& budget, bool& equal) {
  for (const auto& [key, value] : a) {
    const Value* other = find_key(b, key);
    if (other == nullptr) {
      equal = false;
      return true;
    }
    const auto same = equal_within(value, *other, budget);
    if (!same) return false;
    if (!*same) {
      equal = false;
      return true;
    }
  }
  equal = true;
  return true;
}

Evaluated no_comparison(Function f, const Value& a, const Value& b) {
  const Value pair[] = {a, b};
  return no_overload(f, pair);
}

Evaluated order_values(Function f, const Value& a, const Value& b) {
  std::partial_ordering o = std::partial_ordering::unordered;
  if (is_number(a.kind()) && is_number(b.kind())) {
    o = order_numbers(a, b);
  } else if (a.kind() != b.kind()) {
    return no_comparison(f, a, b);
  } else if (a.kind() == Kind::kMoney) {
    if (a.as_money().currency != b.as_money().currency) {
      return bad("money in " + std::string(a.as_money().code()) + " and in " +
                 std::string(b.as_money().code()) + " cannot be compared");
    }
    o = a.as_money().minor <=> b.as_money().minor;
  } else if (a.kind() == Kind::kString || a.kind() == Kind::kBytes || a.kind() == Kind::kBool ||
             a.kind() == Kind::kTimestamp || a.kind() == Kind::kDuration) {
    o = order(a, b);
  } else {
    return no_comparison(f, a, b);
  }
  switch (f) {
    case Function::kLess: return good(Value::boolean(o < 0));
    case Function::kLessEqual: return good(Value::boolean(o <= 0));
    case Function::kGreater: return good(Value::boolean(o > 0));
    default: return good(Value::boolean(o >= 0));
  }
}

Evaluated contained(const Value& item, const Value& range, Budget& budget) {
  if (item.kind() == Kind::kString && !budget.charge(item.as_string().size() / 16))
    return out_of_budget();
  if (range.kind() == Kind::kMap)
    return good(Value::boolean(find_key(range.as_map(), item) != nullptr));
  if (range.kind() != Kind::kList) return no_comparison(Function::kIn, item, range);
  for (const Value& candidate : range.as_list()) {
    const auto same = equal_within(item, candidate, budget);
    if (!same) return out_of_budget();
    if (*same) return good(Value::boolean(true));
  }
  return good(Value::boolean(false));
}

}  // namespace

namespace {

// What comparing two texts may have to read.
std::size_t text_cost(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return 0;
  if (a.kind() == Kind::kString) return std::min(a.as_string().size(), b.as_string().size()) / 64;
  if (a.kind() == Kind::kBytes) return std::min(a.as_bytes().size(), b.as_bytes().size()) / 64;
  return 0;
}

}  // namespace

std::optional<bool> equal_within(const Value& a, const Value& b, Budget& budget) {
  if (!budget.charge(1 + text_cost(a, b))) return std::nullopt;
  if (is_number(a.kind()) && is_number(b.kind())) return order_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  if (a.kind() == Kind::kList) {
    const List &x = a.as_list(), &y = b.as_list();
    if (x.size() != y.size()) return false;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto same = equal_within(x[i], y[i], budget);
      if (!same || !*same) return same;
    }
    return true;
  }
  if (a.kind() == Kind::kMap) {
    if (a.as_map().size() != b.as_map().size()) return false;
    bool equal = false;
    if (!equal_entries(a.as_map(), b.as_map(), budget, equal)) return std::nullopt;
    return equal;
  }
  if (a.kind() == Kind::kOptional && a.as_optional() != nullptr && b.as_optional() != nullptr) {
    return equal_within(*a.as_optional(), *b.as_optional(), budget);
  }
  return a == b;
}

bool cel_equal(const Value& a, const Value& b) {
  Budget budget{std::numeric_limits<std::int64_t>::max()};
  return equal_within(a, b, budget).value_or(false);
}

const Value* find_key(const Map& map, const Value& key) {
  const auto lookup = [&](const Value& exact) -> const Value* {
    const auto it = std::lower_bound(
        map.begin(), map.end(), exact,
        [](const auto& entry, const Value& k) { return order(entry.first, k) < 0; });
    return it != map.end() && it->first == exact ? &it->second : nullptr;
  };
  if (!is_number(key.kind())) return lookup(key);
  // The same number as int and as uint.
  for (const Value& candidate : {Value::integer(0), Value::unsigned_integer(0)}) {
    const bool as_int = candidate.kind() == Kind::kInt;
    Value exact;
    if (key.kind() == Kind::kInt) {
      if (!as_int && key.as_int() < 0) continue;
      exact = as_int ? key : Value::unsigned_integer(static_cast<std::uint64_t>(key.as_int()));
    } else if (key.kind() == Kind::kUint) {
      if (as_int && std::cmp_greater(key.as_uint(), std::numeric_limits<std::int64_t>::max()))
        continue;
      exact = as_int ? Value::integer(static_cast<std::int64_t>(key.as_uint())) : key;
    } else {
      const double d = key.as_double();
      if (std::isnan(d) || d != std::floor(d)) continue;
      if (as_int ? d < -9223372036854775808.0 || d >= 9223372036854775808.0
                 : d < 0 || d >= 18446744073709551616.0) {
        continue;
      }
      exact = as_int ? Value::integer(static_cast<std::int64_t>(d))
                     : Value::unsigned_integer(static_cast<std::uint64_t>(d));
    }
    if (const Value* found = lookup(exact)) return found;
  }
  return nullptr;
}

Evaluated call_arithmetic(Function f, Args args, Budget& budget) {
  if (f == Function::kNegate) return args.size() == 1 ? negate(args) : no_overload(f, args);
  if (args.size() != 2) return no_overload(f, args);
  const Value &a = args[0], &b = args[1];
  if (a.kind() == b.kind()) {
    switch (a.kind()) {
      case Kind::kInt: return int_arithmetic(f, a.as_int(), b.as_int());
      case Kind::kUint: return uint_arithmetic(f, a.as_uint(), b.as_uint());
      case Kind::kDouble: return double_arithmetic(f, a.as_double(), b.as_double(), args);
      case Kind::kString:
      case Kind::kBytes:
      case Kind::kList:
        return f == Function::kAdd ? concatenate(args, budget) : no_overload(f, args);
      case Kind::kMoney:
        if (f == Function::kAdd || f == Function::kSubtract)
          return money_sum(f, a.as_money(), b.as_money());
        return no_overload(f, args);
      default: break;
    }
  }
  if (f == Function::kMultiply) {
    if (a.kind() == Kind::kMoney && b.kind() == Kind::kInt)
      return money_times(a.as_money(), b.as_int());
    if (a.kind() == Kind::kInt && b.kind() == Kind::kMoney)
      return money_times(b.as_money(), a.as_int());
  }
  if (f == Function::kAdd || f == Function::kSubtract) return time_arithmetic(f, args);
  return no_overload(f, args);
}

Evaluated compare(Function f, const Value& a, const Value& b, Budget& budget) {
  if (f == Function::kIn) return contained(a, b, budget);
  if (f != Function::kEqual && f != Function::kNotEqual) {
    return budget.charge(text_cost(a, b)) ? order_values(f, a, b) : out_of_budget();
  }
  const auto same = equal_within(a, b, budget);
  if (!same) return out_of_budget();
  return good(Value::boolean(*same == (f == Function::kEqual)));
}

Evaluated call_comparison(Function f, Args args, Budget& budget) {
  if (args.size() != 2) return no_overload(f, args);
  return compare(f, args[0], args[1], budget);
}

}  // namespace belay::interpreter
