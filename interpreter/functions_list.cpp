// CEL's extensions for lists and sets, and optional values. Sets are lists whose order and
// repetitions do not count.
#include <algorithm>
#include <limits>
#include <numeric>

#include "interpreter/functions.h"

namespace belay::interpreter {
namespace {

using Kind = Value::Kind;

constexpr std::int64_t range_max = 100'000;

bool is_list(const Value& value) { return value.kind() == Kind::kList; }

Evaluated built(List items, Budget& budget) {
  Value value = Value::list(std::move(items));
  return charge_tree(value, budget) ? good(std::move(value)) : out_of_budget();
}

// Whether `items` holds an equal of `wanted`; nullopt: out of budget.
std::optional<bool> holds(const List& items, const Value& wanted, Budget& budget) {
  for (const Value& item : items) {
    const auto same = equal_within(item, wanted, budget);
    if (!same || *same) return same;
  }
  return false;
}

// Whether all of `wanted` (or, with `any`, one of them) stand in `items`.
std::optional<bool> holds_of(const List& items, const List& wanted, bool any, Budget& budget) {
  for (const Value& item : wanted) {
    const auto found = holds(items, item, budget);
    if (!found) return std::nullopt;
    if (*found == any) return any;
  }
  return !any;
}

Evaluated set_function(Function f, Args args, Budget& budget) {
  if (args.size() != 2 || !is_list(args[0]) || !is_list(args[1])) return no_overload(f, args);
  const List &a = args[0].as_list(), &b = args[1].as_list();
  std::optional<bool> answer = holds_of(a, b, f == Function::kSetsIntersects, budget);
  if (f == Function::kSetsEquivalent && answer && *answer) answer = holds_of(b, a, false, budget);
  return answer ? good(Value::boolean(*answer)) : out_of_budget();
}

bool flatten_into(const List& from, std::int64_t levels, List& out, Budget& budget) {
  for (const Value& item : from) {
    if (!budget.charge(1)) return false;
    if (levels > 0 && is_list(item)) {
      if (!flatten_into(item.as_list(), levels - 1, out, budget)) return false;
    } else {
      out.push_back(item);
    }
  }
  return true;
}

Evaluated flatten(Args args, Budget& budget) {
  const bool counted = args.size() == 2 && args[1].kind() == Kind::kInt;
  if (args.empty() || !is_list(args[0]) || (args.size() != 1 && !counted))
    return no_overload(Function::kFlatten, args);
  if (counted && args[1].as_int() < 0) return bad("`flatten` needs a depth from 0");
  List out;
  if (!flatten_into(args[0].as_list(), counted ? args[1].as_int() : 1, out, budget))
    return out_of_budget();
  return built(std::move(out), budget);
}

Evaluated slice(Args args, Budget& budget) {
  if (args.size() != 3 || !is_list(args[0]) || args[1].kind() != Kind::kInt ||
      args[2].kind() != Kind::kInt) {
    return no_overload(Function::kSlice, args);
  }
  const List& items = args[0].as_list();
  const std::int64_t from = args[1].as_int(), to = args[2].as_int();
  if (from < 0 || to < 0) return bad("index out of range: " + std::to_string(std::min(from, to)));
  if (from > to) return bad("`slice` ends before it begins");
  if (to > static_cast<std::int64_t>(items.size()))
    return bad("index out of range: " + std::to_string(to));
  return built(List(items.begin() + from, items.begin() + to), budget);
}

Evaluated distinct(const List& items, Budget& budget) {
  List out;
  for (const Value& item : items) {
    const auto known = holds(out, item, budget);
    if (!known) return out_of_budget();
    if (!*known) out.push_back(item);
  }
  return built(std::move(out), budget);
}

Evaluated range(Args args, Budget& budget) {
  if (args.size() != 1 || args[0].kind() != Kind::kInt) return no_overload(Function::kRange, args);
  const std::int64_t count = args[0].as_int();
  if (count > range_max)
    return bad("`lists.range` makes at most " + std::to_string(range_max) + " numbers");
  List out;
  for (std::int64_t i = 0; i < count; ++i) out.push_back(Value::integer(i));
  return built(std::move(out), budget);
}

bool is_zero(const Value& v) {
  switch (v.kind()) {
    case Kind::kNull: return true;
    case Kind::kBool: return !v.as_bool();
    case Kind::kInt: return v.as_int() == 0;
    case Kind::kUint: return v.as_uint() == 0;
    case Kind::kDouble: return v.as_double() == 0;
    case Kind::kString: return v.as_string().empty();
    case Kind::kBytes: return v.as_bytes().empty();
    case Kind::kList: return v.as_list().empty();
    case Kind::kMap: return v.as_map().empty();
    case Kind::kTimestamp:
      return v.as_timestamp() == Timestamp{-62135596800, 0};  // year 1: CEL's zero time
    case Kind::kDuration: return v.as_duration() == Duration{};
    case Kind::kMoney: return v.as_money().minor == 0;
    case Kind::kType: return false;
    case Kind::kOptional: return v.as_optional() == nullptr;
  }
  return false;
}

}  // namespace

Evaluated sorted_by(const List& items, const List& keys, Budget& budget) {
  for (std::size_t i = 0; i < keys.size(); ++i) {  // all of one kind that has an order
    const Value pair[] = {keys[0], keys[i]};
    const Evaluated ordered = call_comparison(Function::kLess, pair, budget);
    if (!ordered.ok) return ordered;
    if (keys[i].kind() != keys[0].kind()) return bad("`sort` needs values of one kind");
  }
  std::vector<std::size_t> places(items.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  bool afford = true;
  std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
    const std::size_t text = keys[a].kind() == Kind::kString ? keys[a].as_string().size() / 64 : 0;
    afford = afford && budget.charge(1 + text);
    return afford && order(keys[a], keys[b]) < 0;
  });
  if (!afford) return out_of_budget();
  List out;
  out.reserve(items.size());
  for (const std::size_t place : places) out.push_back(items[place]);
  return built(std::move(out), budget);
}

Evaluated call_list(Function f, Args args, Budget& budget) {
  switch (f) {
    case Function::kSetsContains:
    case Function::kSetsEquivalent:
    case Function::kSetsIntersects: return set_function(f, args, budget);
    case Function::kFlatten: return flatten(args, budget);
    case Function::kSlice: return slice(args, budget);
    case Function::kRange: return range(args, budget);
    default: break;
  }
  if (args.size() != 1 || !is_list(args[0])) return no_overload(f, args);
  const List& items = args[0].as_list();
  if (f == Function::kDistinct) return distinct(items, budget);
  if (f == Function::kSort) return sorted_by(items, items, budget);
  return built(List(items.rbegin(), items.rend()), budget);  // reverse
}

Evaluated call_optional(Function f, Args args, Budget& budget) {
  if (f == Function::kOptionalNone)
    return args.empty() ? good(Value::none()) : no_overload(f, args);
  if (args.size() != 1) return no_overload(f, args);
  const Value& v = args[0];
  switch (f) {
    case Function::kOptionalOf:
    case Function::kOptionalOfNonZero: {
      if (f == Function::kOptionalOfNonZero && is_zero(v)) return good(Value::none());
      Value some = Value::some(v);
      return charge_tree(some, budget) ? good(std::move(some)) : out_of_budget();
    }
    case Function::kHasValue:
      return v.kind() == Kind::kOptional ? good(Value::boolean(v.as_optional() != nullptr))
                                         : no_overload(f, args);
    case Function::kOptionalValue:
      if (v.kind() != Kind::kOptional) return no_overload(f, args);
      return v.as_optional() != nullptr ? good(*v.as_optional())
                                        : bad("optional.none() has no value");
    default: break;
  }
  if (v.kind() != Kind::kList) return no_overload(f, args);
  const List& items = v.as_list();
  if (f == Function::kFirst || f == Function::kLast) {
    if (items.empty()) return good(Value::none());
    return good(Value::some(f == Function::kFirst ? items.front() : items.back()));
  }
  List out;  // unwrap: those that have a value
  for (const Value& item : items) {
    if (item.kind() != Kind::kOptional) return no_overload(f, args);
    if (item.as_optional() != nullptr) out.push_back(*item.as_optional());
  }
  return built(std::move(out), budget);
}

}  // namespace belay::interpreter
