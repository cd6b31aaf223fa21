// Walks a Program. The tree was built by the compiler, but a recorded run brings it back from
// storage, so nothing about it is trusted: indexes and shapes are checked, depth and cost are
// bounded, and whatever is wrong is an error value.
//
// Three ideas from CEL: an error is a value that `&&`, `||`, all and exists may absorb when the
// other side decides; maps iterate in the order of their keys; a missing key is an error. One of
// ours: absence. A slot without a value, a missing field and null are absent, which `is present`
// and `or else` ask about without failing (see soft()).
#include <array>

#include "interpreter/access.h"
#include "interpreter/expr.h"
#include "interpreter/functions.h"

namespace belay::interpreter {
namespace {

using Kind = Value::Kind;

constexpr int depth_max = 512;

class Evaluator {
 public:
  Evaluator(const Program& program, const Scope& scope) : program_(program), scope_(scope) {}

  Evaluated run() { return eval(static_cast<std::uint32_t>(program_.nodes.size() - 1)); }

 private:
  Evaluated eval(std::uint32_t index) {
    if (index >= program_.nodes.size()) return bad("the expression is damaged");
    if (!budget_.charge(1)) return out_of_budget();
    if (depth_ >= depth_max) return bad("the expression nests too deep");
    ++depth_;
    Evaluated result = eval_node(program_.nodes[index]);
    --depth_;
    return result;
  }

  Evaluated eval_node(const ExprNode& node) {
    if (node.args.size() < args_min(node.kind)) return bad("the expression is damaged");
    switch (node.kind) {
      case ExprKind::kLiteral: return good(node.literal);
      case ExprKind::kSlot: {
        const Value* value = scope_.slot(node.index);
        return value != nullptr ? good(*value)
                                : bad(node.text.empty() ? "a name has no value"
                                                        : "`" + node.text + "` has no value");
      }
      case ExprKind::kNow: return good(Value::timestamp(scope_.now()));
      case ExprKind::kLocal:
        if (node.index >= locals_.size()) return bad("the expression is damaged");
        return locals_[node.index].at != nullptr ? good(*locals_[node.index].at)
                                                 : locals_[node.index].own;
      case ExprKind::kField: return field(node);
      case ExprKind::kHas: return has(node);
      case ExprKind::kPresent: {
        const Soft soft = eval_soft(node.args[0]);
        return soft.result.ok || soft.absent ? good(Value::boolean(!soft.absent)) : soft.result;
      }
      case ExprKind::kOrElse: {
        const Soft soft = eval_soft(node.args[0]);
        return soft.absent ? eval(node.args[1]) : soft.result;
      }
      case ExprKind::kIndex: return subscript(node);
      case ExprKind::kCall: return call(node);
      case ExprKind::kAnd: return logic(node, false);
      case ExprKind::kOr: return logic(node, true);
      case ExprKind::kConditional: {
        const Evaluated condition = eval(node.args[0]);
        if (!condition.ok) return condition;
        if (condition.value.kind() != Kind::kBool) return bad("a condition must be true or false");
        return eval(node.args[condition.value.as_bool() ? 1 : 2]);
      }
      case ExprKind::kList: return list(node);
      case ExprKind::kMap: return map(node);
      case ExprKind::kAll: return quantifier(node, false);
      case ExprKind::kExists: return quantifier(node, true);
      case ExprKind::kExistsOne: return exists_one(node);
      case ExprKind::kFilter: return filter(node);
      case ExprKind::kMapMacro: return map_macro(node);
      case ExprKind::kTransformMap:
      case ExprKind::kTransformEntries: return transform_map(node);
      case ExprKind::kSortBy: return sort_by(node);
      case ExprKind::kLet: return let(node);
      case ExprKind::kOptionalField:
      case ExprKind::kOptionalIndex: return optional_select(node);
      case ExprKind::kOptionalEntry: return bad("an optional entry stands only in a list or a map");
      case ExprKind::kOptionalMap:
      case ExprKind::kOptionalFlatMap: return optional_map(node);
      case ExprKind::kOptionalOr:
      case ExprKind::kOptionalOrValue: return optional_or(node);
    }
    return bad("the expression is damaged");
  }

  static std::size_t args_min(ExprKind kind) {
    switch (kind) {
      case ExprKind::kField:
      case ExprKind::kHas:
      case ExprKind::kPresent:
      case ExprKind::kOptionalField:
      case ExprKind::kOptionalEntry: return 1;
      case ExprKind::kOrElse:
      case ExprKind::kIndex:
      case ExprKind::kAll:
      case ExprKind::kExists:
      case ExprKind::kExistsOne:
      case ExprKind::kFilter:
      case ExprKind::kMapMacro:
      case ExprKind::kTransformMap:
      case ExprKind::kTransformEntries:
      case ExprKind::kSortBy:
      case ExprKind::kLet:
      case ExprKind::kOptionalIndex:
      case ExprKind::kOptionalMap:
      case ExprKind::kOptionalFlatMap:
      case ExprKind::kOptionalOr:
      case ExprKind::kOptionalOrValue: return 2;
      case ExprKind::kConditional: return 3;
      default: return 0;
    }
  }

  // A variable of a macro points at the element it stands for; what is computed it owns.
  struct Local {
    const Value* at = nullptr;
    Evaluated own;  // when at is null
  };

  // ---- Looking without copying

  // Where the value of a path (a name and fields of records) stands, or nullptr when it has to be
  // evaluated, be it because it fails. Valid until the next evaluation, which may grow locals_.
  const Value* peek(std::uint32_t index) {
    if (index >= program_.nodes.size() || !budget_.charge(1)) return nullptr;
    const ExprNode& node = program_.nodes[index];
    switch (node.kind) {
      case ExprKind::kLiteral: return &node.literal;
      case ExprKind::kSlot: return scope_.slot(node.index);
      case ExprKind::kLocal: {
        if (node.index >= locals_.size()) return nullptr;
        const Local& local = locals_[node.index];
        return local.at != nullptr ? local.at : local.own.ok ? &local.own.value : nullptr;
      }
      case ExprKind::kField: {
        if (node.args.empty() || node.args[0] >= index)
          return nullptr;  // a circle, in a damaged program
        const Value* base = peek(node.args[0]);
        return base != nullptr ? base->find(node.text) : nullptr;
      }
      default: return nullptr;
    }
  }

  // `a == b` and the like: the commonest calls, and nothing of their operands needs to be copied.
  Evaluated comparison(const ExprNode& node) {
    const auto f = static_cast<Function>(node.index);
    Evaluated left, right;
    const Value* a = peek(node.args[0]);
    if (a == nullptr) {
      left = eval(node.args[0]);
      if (!left.ok) return left;
    }
    if (f == Function::kIn && is_literal_list(node.args[1])) {
      return literal_in(a != nullptr ? *a : left.value, program_.nodes[node.args[1]]);
    }
    const Value* b = peek(node.args[1]);
    if (b == nullptr) {
      right = eval(node.args[1]);
      if (!right.ok) return right;
      if (a != nullptr) a = peek(node.args[0]);
      if (a == nullptr && !left.ok) return out_of_budget();
    }
    return compare(f, a != nullptr ? *a : left.value, b != nullptr ? *b : right.value, budget_);
  }

  bool is_literal_list(std::uint32_t index) const {
    if (index >= program_.nodes.size() || program_.nodes[index].kind != ExprKind::kList)
      return false;
    for (const std::uint32_t arg : program_.nodes[index].args) {
      if (arg >= program_.nodes.size() || program_.nodes[arg].kind != ExprKind::kLiteral)
        return false;
    }
    return true;
  }

  Evaluated literal_in(const Value& item, const ExprNode& list) {
    for (const std::uint32_t arg : list.args) {
      const auto same = equal_within(item, program_.nodes[arg].literal, budget_);
      if (!same) return out_of_budget();
      if (*same) return good(Value::boolean(true));
    }
    return good(Value::boolean(false));
  }

  // ---- Absence

  struct Soft {
    bool absent = false;
    Evaluated result;  // when not absent
  };

  static Soft present_or_absent(Evaluated result) {
    if (result.ok && result.value.is_null()) return {.absent = true, .result = {}};
    return {.absent = false, .result = std::move(result)};
  }

  // Evaluates a path whose steps may be missing: absence instead of an error.
  Soft eval_soft(std::uint32_t index) {
    if (index >= program_.nodes.size())
      return {.absent = false, .result = bad("the expression is damaged")};
    const ExprNode& node = program_.nodes[index];
    if (const Value* value = peek(index)) return present_or_absent(good(*value));
    if (node.kind == ExprKind::kSlot) {
      const Value* value = scope_.slot(node.index);
      return value == nullptr ? Soft{.absent = true, .result = {}}
                              : present_or_absent(good(*value));
    }
    if (node.kind == ExprKind::kOrElse &&
        node.args.size() == 2) {  // a chain: `a or else b or else c`
      if (!budget_.charge(1)) return {.absent = false, .result = out_of_budget()};
      if (depth_ >= depth_max)
        return {.absent = false, .result = bad("the expression nests too deep")};
      ++depth_;
      Soft left = eval_soft(node.args[0]);
      if (left.absent) left = eval_soft(node.args[1]);
      --depth_;
      return left;
    }
    const bool is_field = node.kind == ExprKind::kField && node.args.size() == 1;
    const bool is_index = node.kind == ExprKind::kIndex && node.args.size() == 2;
    if (!is_field && !is_index) return present_or_absent(eval(index));
    if (!budget_.charge(1)) return {.absent = false, .result = out_of_budget()};
    if (depth_ >= depth_max)
      return {.absent = false, .result = bad("the expression nests too deep")};
    ++depth_;
    Soft base = eval_soft(node.args[0]);
    --depth_;
    if (base.absent || !base.result.ok) return base;
    if (is_field) {
      if (base.result.value.kind() == Kind::kMap && base.result.value.find(node.text) == nullptr) {
        return {.absent = true, .result = {}};
      }
      return present_or_absent(field_of(base.result.value, node.text));
    }
    Evaluated key = eval(node.args[1]);
    if (!key.ok) return {.absent = false, .result = std::move(key)};
    const Value& range = base.result.value;
    if (is_missing(range, key.value)) return {.absent = true, .result = {}};
    return present_or_absent(subscript_of(range, key.value, budget_));
  }

  // ---- Reading into values

  Evaluated field(const ExprNode& node) {
    if (const Value* base = peek(node.args[0])) return field_of(*base, node.text);
    const Evaluated base = eval(node.args[0]);
    return base.ok ? field_of(base.value, node.text) : base;
  }

  Evaluated has(const ExprNode& node) {
    Soft base;
    if (node.index == 1)
      base.result = eval(node.args[0]);
    else
      base = eval_soft(node.args[0]);
    if (base.absent) return good(Value::boolean(false));
    if (!base.result.ok) return base.result;
    const Value* record = &base.result.value;
    while (record->kind() == Kind::kOptional) {
      if (record->as_optional() == nullptr) return good(Value::boolean(false));
      record = record->as_optional();
    }
    if (record->kind() != Kind::kMap)
      return bad(std::string(kind_text(record->kind())) + " has no fields");
    return good(Value::boolean(record->find(node.text) != nullptr));
  }

  // ---- Optional values

  Evaluated optional_select(const ExprNode& node) {
    const Evaluated base = eval(node.args[0]);
    if (!base.ok) return base;
    if (node.kind == ExprKind::kOptionalField) return optional_field_of(base.value, node.text);
    const Evaluated key = eval(node.args[1]);
    return key.ok ? optional_index_of(base.value, key.value, budget_) : key;
  }

  // The optional that args[0] must be.
  Evaluated optional_operand(const ExprNode& node, std::uint32_t index, std::string_view what) {
    Evaluated operand = eval(node.args[index]);
    if (operand.ok && operand.value.kind() != Kind::kOptional) {
      return bad("`" + std::string(what) + "` needs an optional value, not " +
                 std::string(kind_text(operand.value.kind())));
    }
    return operand;
  }

  Evaluated optional_or(const ExprNode& node) {
    const bool unpack = node.kind == ExprKind::kOptionalOrValue;
    Evaluated left = optional_operand(node, 0, unpack ? "orValue" : "or");
    if (!left.ok) return left;
    if (left.value.as_optional() != nullptr) return unpack ? good(*left.value.as_optional()) : left;
    return unpack ? eval(node.args[1]) : optional_operand(node, 1, "or");
  }

  Evaluated optional_map(const ExprNode& node) {
    const bool flat = node.kind == ExprKind::kOptionalFlatMap;
    Evaluated base = optional_operand(node, 0, flat ? "optFlatMap" : "optMap");
    if (!base.ok || base.value.as_optional() == nullptr) return base;
    locals_.push_back({.at = base.value.as_optional(), .own = {}});
    Evaluated result = flat ? optional_operand(node, 1, "optFlatMap") : eval(node.args[1]);
    locals_.pop_back();
    if (!result.ok || flat) return result;
    return good(Value::some(std::move(result.value)));
  }

  // cel.bind: what it is bound to may fail without harm as long as nobody reads it.
  Evaluated let(const ExprNode& node) {
    Evaluated value = eval(node.args[0]);
    locals_.push_back({.at = nullptr, .own = std::move(value)});
    Evaluated result = eval(node.args[1]);
    locals_.pop_back();
    return result;
  }

  // ---- Subscripts

  Evaluated subscript(const ExprNode& node) {
    const Evaluated base = eval(node.args[0]);
    if (!base.ok) return base;
    const Evaluated key = eval(node.args[1]);
    return key.ok ? subscript_of(base.value, key.value, budget_) : key;
  }

  // ---- Calls, logic, building

  Evaluated call(const ExprNode& node) {
    if (node.index >= function_count) {
      return bad(node.text.empty() ? "a function that this version does not know"
                                   : "there is no function `" + node.text + "`");
    }
    const auto f = static_cast<Function>(node.index);
    if (f >= Function::kEqual && f <= Function::kIn && node.args.size() == 2)
      return comparison(node);
    constexpr std::size_t few = 3;
    if (node.args.size() <= few) {
      std::array<Value, few> args;
      return call_with(f, node, args.data());
    }
    std::vector<Value> args(node.args.size());
    return call_with(f, node, args.data());
  }

  Evaluated call_with(Function f, const ExprNode& node, Value* args) {
    for (std::size_t i = 0; i < node.args.size(); ++i) {
      Evaluated value = eval(node.args[i]);
      if (!value.ok) return value;
      args[i] = std::move(value.value);
    }
    return call_function(f, Args(args, node.args.size()), budget_, scope_.environment());
  }

  // `decides` settles the result whatever the other sides say, errors included.
  Evaluated logic(const ExprNode& node, bool decides) {
    Evaluated failure = good(Value::boolean(!decides));
    for (const std::uint32_t arg : node.args) {
      Evaluated side = eval(arg);
      if (side.ok && side.value.kind() != Kind::kBool) {
        side = bad(std::string(decides ? "`||`" : "`&&`") + " cannot take " +
                   std::string(kind_text(side.value.kind())));
      }
      if (side.ok && side.value.as_bool() == decides) return side;
      if (!side.ok && failure.ok) failure = std::move(side);
    }
    return failure;
  }

  Evaluated list(const ExprNode& node) {
    List items;
    items.reserve(node.args.size());
    for (const std::uint32_t arg : node.args) {
      Evaluated item = entry(arg);
      if (!item.ok) return item;
      if (left_out(arg, item.value)) continue;
      items.push_back(std::move(item.value));
    }
    return built(Value::list(std::move(items)));
  }

  // An item of a list or the value of a map; an optional one that is none comes back as it is (see
  // left_out).
  Evaluated entry(std::uint32_t index) {
    if (!is_optional_entry(index)) return eval(index);
    Evaluated item = optional_operand(program_.nodes[index], 0, "?");
    if (!item.ok || item.value.as_optional() == nullptr) return item;
    return good(*item.value.as_optional());
  }
  bool is_optional_entry(std::uint32_t index) const {
    return index < program_.nodes.size() &&
           program_.nodes[index].kind == ExprKind::kOptionalEntry &&
           !program_.nodes[index].args.empty();
  }
  bool left_out(std::uint32_t index, const Value& value) const {
    return is_optional_entry(index) && value.kind() == Kind::kOptional &&
           value.as_optional() == nullptr;
  }

  Evaluated map(const ExprNode& node) {
    if (node.args.size() % 2 != 0) return bad("the expression is damaged");
    Map entries;
    for (std::size_t i = 0; i < node.args.size(); i += 2) {
      Evaluated key = eval(node.args[i]);
      if (!key.ok) return key;
      Evaluated value = entry(node.args[i + 1]);
      if (!value.ok) return value;
      if (left_out(node.args[i + 1], value.value)) continue;
      entries.emplace_back(std::move(key.value), std::move(value.value));
    }
    return built_map(std::move(entries));
  }

  // Shared parts make a value cheap to hold but dear to walk; what it weighs as a tree is paid
  // where it is built.
  Evaluated built(Value value) {
    return charge_tree(value, budget_) ? good(std::move(value)) : out_of_budget();
  }

  Evaluated built_map(Map entries) {
    for (const auto& [key, value] : entries) {
      if (key.kind() != Kind::kString && key.kind() != Kind::kInt && key.kind() != Kind::kUint &&
          key.kind() != Kind::kBool) {
        return bad(std::string(kind_text(key.kind())) + " cannot be a map key");
      }
    }
    const std::size_t count = entries.size();
    Value value = Value::map(std::move(entries));
    const Map& sorted = value.as_map();
    for (std::size_t i = 0; i < count; ++i) {
      const bool twin = i + 1 < count && sorted[i].first == sorted[i + 1].first;
      // 1 and 1u are one key; ints sort before uints, so look the uint up among the ints.
      const bool number_twin = sorted[i].first.kind() == Kind::kUint &&
                               find_key(sorted, sorted[i].first) != &sorted[i].second;
      if (twin || number_twin)
        return bad("the key " + brief(sorted[i].first) + " stands twice in a map");
    }
    return built(std::move(value));
  }

  // ---- Macros

  // One round: (element, -) of a list or (key, -) of a map; with two variables (index, element) and
  // (key, value).
  struct Range {
    Evaluated value;
    std::size_t size = 0;
    bool pairs = false;
  };

  Range range_of(const ExprNode& node) {
    Range range;
    range.pairs = node.index == 2;
    range.value = eval(node.args[0]);
    if (!range.value.ok) return range;
    if (range.value.value.kind() == Kind::kList)
      range.size = range.value.value.as_list().size();
    else if (range.value.value.kind() == Kind::kMap)
      range.size = range.value.value.as_map().size();
    else
      range.value = bad(std::string(kind_text(range.value.value.kind())) + " cannot be iterated");
    return range;
  }

  // The variables of a macro, as long as its rounds last. They point at what is iterated.
  class Variables {
   public:
    Variables(Evaluator& evaluator, const Range& range)
        : evaluator_(evaluator), first_(evaluator.locals_.size()) {
      evaluator_.locals_.resize(first_ + (range.pairs ? 2 : 1));
    }
    ~Variables() { evaluator_.locals_.resize(first_); }
    Variables(const Variables&) = delete;

    void set(const Range& range, std::size_t i) {
      Local& first = evaluator_.locals_[first_];
      Local& last = evaluator_.locals_.back();
      if (range.value.value.kind() == Kind::kList) {
        if (range.pairs) first.own = good(Value::integer(static_cast<std::int64_t>(i)));
        last.at = &range.value.value.as_list()[i];
      } else {
        if (range.pairs) last.at = &range.value.value.as_map()[i].second;
        first.at = &range.value.value.as_map()[i].first;
      }
    }

   private:
    Evaluator& evaluator_;
    std::size_t first_;
  };

  Evaluated in_round(const Range& range, std::size_t i, std::uint32_t body) {
    if (!budget_.charge(1)) return out_of_budget();
    Variables variables(*this, range);
    variables.set(range, i);
    return eval(body);
  }

  Evaluated condition_in_round(const Range& range, std::size_t i, std::uint32_t body) {
    Evaluated result = in_round(range, i, body);
    if (result.ok && result.value.kind() != Kind::kBool)
      return bad("a condition must be true or false");
    return result;
  }

  Evaluated quantifier(const ExprNode& node, bool decides) {
    const Range range = range_of(node);
    if (!range.value.ok) return range.value;
    Evaluated failure = good(Value::boolean(!decides));
    for (std::size_t i = 0; i < range.size && budget_.left > 0; ++i) {
      Evaluated side = condition_in_round(range, i, node.args[1]);
      if (side.ok && side.value.as_bool() == decides) return side;
      if (!side.ok && failure.ok) failure = std::move(side);
    }
    return budget_.left > 0 ? failure : out_of_budget();
  }

  Evaluated exists_one(const ExprNode& node) {
    const Range range = range_of(node);
    if (!range.value.ok) return range.value;
    std::size_t count = 0;
    for (std::size_t i = 0; i < range.size; ++i) {
      const Evaluated side = condition_in_round(range, i, node.args[1]);
      if (!side.ok) return side;
      if (side.value.as_bool()) ++count;
    }
    return good(Value::boolean(count == 1));
  }

  Evaluated filter(const ExprNode& node) {
    const Range range = range_of(node);
    if (!range.value.ok) return range.value;
    List kept;
    for (std::size_t i = 0; i < range.size; ++i) {
      const Evaluated side = condition_in_round(range, i, node.args[1]);
      if (!side.ok) return side;
      if (!side.value.as_bool()) continue;
      const Value& source = range.value.value;
      kept.push_back(source.kind() == Kind::kList ? source.as_list()[i] : source.as_map()[i].first);
    }
    return built(Value::list(std::move(kept)));
  }

  // Whether the filter args[2], if any, lets round `i` through.
  Evaluated passes(const ExprNode& node, const Range& range, std::size_t i) {
    return node.args.size() > 2 ? condition_in_round(range, i, node.args[2])
                                : good(Value::boolean(true));
  }

  Evaluated map_macro(const ExprNode& node) {
    const Range range = range_of(node);
    if (!range.value.ok) return range.value;
    List items;
    for (std::size_t i = 0; i < range.size; ++i) {
      const Evaluated pass = passes(node, range, i);
      if (!pass.ok) return pass;
      if (!pass.value.as_bool()) continue;
      Evaluated item = in_round(range, i, node.args[1]);
      if (!item.ok) return item;
      items.push_back(std::move(item.value));
    }
    return built(Value::list(std::move(items)));
  }

  Evaluated transform_map(const ExprNode& node) {
    const Range range = range_of(node);
    if (!range.value.ok) return range.value;
    Map entries;
    for (std::size_t i = 0; i < range.size; ++i) {
      const Evaluated pass = passes(node, range, i);
      if (!pass.ok) return pass;
      if (!pass.value.as_bool()) continue;
      Evaluated item = in_round(range, i, node.args[1]);
      if (!item.ok) return item;
      if (node.kind == ExprKind::kTransformEntries) {
        if (item.value.kind() != Kind::kMap)
          return bad("`transformMapEntry` needs a map for each element");
        for (const auto& made : item.value.as_map()) {
          if (!budget_.charge(1)) return out_of_budget();
          entries.push_back(made);
        }
        continue;
      }
      const Value& source = range.value.value;
      entries.emplace_back(source.kind() == Kind::kMap
                               ? source.as_map()[i].first
                               : Value::integer(static_cast<std::int64_t>(i)),
                           std::move(item.value));
    }
    return built_map(std::move(entries));
  }

  Evaluated sort_by(const ExprNode& node) {
    const Range range = range_of(node);
    if (!range.value.ok) return range.value;
    if (range.value.value.kind() != Kind::kList) return bad("`sortBy` needs a list");
    List keys;
    for (std::size_t i = 0; i < range.size; ++i) {
      Evaluated key = in_round(range, i, node.args[1]);
      if (!key.ok) return key;
      keys.push_back(std::move(key.value));
    }
    return sorted_by(range.value.value.as_list(), keys, budget_);
  }

  const Program& program_;
  const Scope& scope_;
  Budget budget_{cost_max};
  int depth_ = 0;
  std::vector<Local> locals_;
};

}  // namespace

std::uint32_t locals_inside(const ExprNode& node) {
  switch (node.kind) {
    case ExprKind::kAll:
    case ExprKind::kExists:
    case ExprKind::kExistsOne:
    case ExprKind::kFilter:
    case ExprKind::kMapMacro:
    case ExprKind::kTransformMap:
    case ExprKind::kTransformEntries: return node.index == 2 ? 2 : 1;
    case ExprKind::kSortBy:
    case ExprKind::kLet:
    case ExprKind::kOptionalMap:
    case ExprKind::kOptionalFlatMap: return 1;
    default: return 0;
  }
}

Evaluated evaluate(const Program& program, const Scope& scope) {
  if (program.nodes.empty()) return bad("nothing is written here");
  return Evaluator(program, scope).run();
}

}  // namespace belay::interpreter
