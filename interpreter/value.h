// The values that flow through a saga: CEL's, plus money. Immutable once built; strings, lists and
// maps are shared, so copying a Value never copies its content and evaluating an expression never
// copies the state. Tested in tests/interpreter/value_test.cpp.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace belay::interpreter {

// A point in time, UTC. Range as in CEL: 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z.
struct Timestamp {
  std::int64_t seconds = 0;  // since 1970-01-01T00:00:00Z
  std::int32_t nanos = 0;    // 0 to 999,999,999, always counted forward
  auto operator<=>(const Timestamp&) const = default;
};

// A length of time. `nanos` has the sign of `seconds` (both may be negative).
struct Duration {
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
  auto operator<=>(const Duration&) const = default;
};

// An exact amount: minor units (cents) of an ISO 4217 currency. Never a double.
struct Money {
  std::int64_t minor = 0;
  std::array<char, 3> currency{'X', 'X', 'X'};
  bool operator==(const Money&) const = default;
  std::string_view code() const { return {currency.data(), currency.size()}; }
};

// Decimals of an ISO 4217 currency (EUR 2, JPY 0, KWD 3), or -1 when the code is not one.
int currency_decimals(std::string_view code);

class Value;
using List = std::vector<Value>;
// Sorted by key (see Value::map); keys are bool, int, uint or string.
using Map = std::vector<std::pair<Value, Value>>;

// The name of a CEL type as a value: what `type(x)` gives.
struct TypeName {
  std::string name;
  bool operator==(const TypeName&) const = default;
};

class Value {
 public:
  enum class Kind : std::uint8_t {
    kNull,
    kBool,
    kInt,
    kUint,
    kDouble,
    kString,
    kBytes,
    kList,
    kMap,
    kTimestamp,
    kDuration,
    kMoney,
    kType,
    kOptional,  // of plain CEL: a value or none; no declared type holds one, so no saga does
  };

  Value() = default;  // null
  static Value boolean(bool v);
  static Value integer(std::int64_t v);
  static Value unsigned_integer(std::uint64_t v);
  static Value real(double v);
  static Value string(std::string v);
  static Value bytes(std::string v);
  static Value list(List v);
  // Sorts by key. REQUIRES: no key twice.
  static Value map(Map v);
  static Value timestamp(Timestamp v);
  static Value duration(Duration v);
  static Value money(Money v);
  static Value type(std::string name);
  static Value some(Value v);  // optional.of(v)
  static Value none();         // optional.none()

  Kind kind() const { return static_cast<Kind>(data_.index()); }
  bool is_null() const { return kind() == Kind::kNull; }
  // Each REQUIRES the matching kind().
  bool as_bool() const { return std::get<1>(data_); }
  std::int64_t as_int() const { return std::get<2>(data_); }
  std::uint64_t as_uint() const { return std::get<3>(data_); }
  double as_double() const { return std::get<4>(data_); }
  const std::string& as_string() const { return *std::get<5>(data_); }
  const std::string& as_bytes() const { return *std::get<6>(data_).bytes; }
  const List& as_list() const { return *std::get<7>(data_); }
  const Map& as_map() const { return *std::get<8>(data_); }
  const Timestamp& as_timestamp() const { return std::get<9>(data_); }
  const Duration& as_duration() const { return std::get<10>(data_); }
  const Money& as_money() const { return std::get<11>(data_); }
  const std::string& as_type() const { return std::get<12>(data_)->name; }
  // The value inside, or nullptr when there is none.
  const Value* as_optional() const { return std::get<13>(data_).value.get(); }

  // The entry of a map under a string key, or nullptr when this is no map or has no such key.
  const Value* find(std::string_view key) const;

  // Structural: same kind and same content (1 and 1u differ, 0.0 and -0.0 differ; CEL's `==` is in
  // expr.h). NaN equals NaN. Equal exactly when the canonical bytes are.
  friend bool operator==(const Value& a, const Value& b);

 private:
  struct Bytes {
    std::shared_ptr<const std::string> bytes;
  };
  struct Optional {
    std::shared_ptr<const Value> value;
  };
  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double,
               std::shared_ptr<const std::string>, Bytes, std::shared_ptr<const List>,
               std::shared_ptr<const Map>, Timestamp, Duration, Money,
               std::shared_ptr<const TypeName>, Optional>
      data_;
};

// A total order over all values (kind first, then content): for sorted containers, not for CEL's
// `<`.
std::strong_ordering order(const Value& a, const Value& b);

// Builds a record (a map with string keys).
Value record(std::vector<std::pair<std::string, Value>> fields);

// Canonical bytes of a value: equal values give equal bytes on every machine. Appends to `out`.
void append_canonical(const Value& value, std::string& out);

// 64-bit FNV-1a of canonical bytes: notices change, is not cryptography.
std::uint64_t fnv1a(std::string_view bytes, std::uint64_t seed = 14695981039346656037ULL);

// For people: `EUR 49.90`, `15 minutes`, `2026-11-21T12:00:00Z`, "text" quoted, lists and maps in
// CEL notation.
std::string to_text(const Value& value);
std::string to_text(Money money);
// Shortest text that reads back as the same double: `1.5`, `1e+30`, `NaN`, `Infinity`.
std::string double_to_text(double v);

}  // namespace belay::interpreter
