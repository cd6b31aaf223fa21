// See access.h.
#include "interpreter/access.h"

namespace belay::interpreter {
namespace {

using Kind = Value::Kind;

Evaluated some_of(Evaluated result) {
  if (!result.ok || result.value.kind() == Kind::kOptional) return result;
  return good(Value::some(std::move(result.value)));
}

}  // namespace

Evaluated field_of(const Value& base, const std::string& name) {
  if (base.kind() == Kind::kMoney && name == "minor")
    return good(Value::integer(base.as_money().minor));
  if (base.kind() == Kind::kMoney && name == "currency") {
    return good(Value::string(std::string(base.as_money().code())));
  }
  if (base.kind() == Kind::kOptional)
    return optional_field_of(base, name);  // optional values stay optional
  if (base.kind() != Kind::kMap) {
    return bad(std::string(kind_text(base.kind())) + " has no field `" + name + "`");
  }
  const Value* found = base.find(name);
  return found != nullptr ? good(*found) : bad("no such key: `" + name + "`");
}

Evaluated optional_field_of(const Value& base, const std::string& name) {
  const Value* record = base.kind() == Kind::kOptional ? base.as_optional() : &base;
  if (record == nullptr) return good(Value::none());
  if (record->kind() == Kind::kMap && record->find(name) == nullptr) return good(Value::none());
  return some_of(field_of(*record, name));
}

Evaluated optional_index_of(const Value& base, const Value& key, Budget& budget) {
  const Value* range = base.kind() == Kind::kOptional ? base.as_optional() : &base;
  if (range == nullptr) return good(Value::none());
  if (is_missing(*range, key)) return good(Value::none());
  return some_of(subscript_of(*range, key, budget));
}

bool is_missing(const Value& range, const Value& key) {
  if (range.kind() == Kind::kMap) return find_key(range.as_map(), key) == nullptr;
  if (range.kind() != Kind::kList) return false;
  const auto size = static_cast<std::int64_t>(range.as_list().size());
  if (key.kind() == Kind::kInt) return key.as_int() < 0 || key.as_int() >= size;
  if (key.kind() == Kind::kUint) return key.as_uint() >= static_cast<std::uint64_t>(size);
  return false;
}

Evaluated subscript_of(const Value& base, const Value& key, Budget& budget) {
  if (base.kind() == Kind::kOptional) return optional_index_of(base, key, budget);
  if (base.kind() == Kind::kMap) {
    if (key.kind() == Kind::kString && !budget.charge(key.as_string().size() / 16))
      return out_of_budget();
    const Value* found = find_key(base.as_map(), key);
    return found != nullptr ? good(*found) : bad("no such key: " + brief(key));
  }
  if (base.kind() != Kind::kList)
    return bad(std::string(kind_text(base.kind())) + " cannot be indexed");
  std::int64_t index = -1;
  if (key.kind() == Kind::kInt)
    index = key.as_int();
  else if (key.kind() == Kind::kUint && key.as_uint() < base.as_list().size())
    index = static_cast<std::int64_t>(key.as_uint());
  else if (key.kind() == Kind::kDouble) {
    const double d = key.as_double();
    if (!(d >= 0 && d < 1e9) || d != static_cast<double>(static_cast<std::int64_t>(d))) {
      return bad("a list index must be a whole number");
    }
    index = static_cast<std::int64_t>(d);
  } else if (key.kind() != Kind::kUint) {
    return bad("a list index must be a whole number, not " + std::string(kind_text(key.kind())));
  }
  if (index < 0 || index >= static_cast<std::int64_t>(base.as_list().size())) {
    return bad("index out of range: " + to_text(key));
  }
  return good(base.as_list()[static_cast<std::size_t>(index)]);
}

}  // namespace belay::interpreter
