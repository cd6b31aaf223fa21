// Building, ordering, hashing and printing of values. Everything here must give the same bytes on
// every machine: big-endian canonical bytes, std::to_chars for numbers, no locale. Tested in
// tests/interpreter/value_test.cpp.
#include "interpreter/value.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "interpreter/time.h"

namespace belay::interpreter {
namespace {

// All NaNs are one value, so that equal states have equal bytes.
std::uint64_t double_bits(double v) {
  if (std::isnan(v)) v = std::numeric_limits<double>::quiet_NaN();
  return std::bit_cast<std::uint64_t>(v);
}

std::strong_ordering order_doubles(double a, double b) {
  if (a < b) return std::strong_ordering::less;
  if (a > b) return std::strong_ordering::greater;
  if (std::isnan(a) != std::isnan(b))
    return std::isnan(b) ? std::strong_ordering::less : std::strong_ordering::greater;
  return double_bits(b) <=>
         double_bits(a);  // equal, or signed zeros: -0.0 has the greater bits and sorts first
}

std::strong_ordering order_lists(const List& a, const List& b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (const auto o = order(a[i], b[i]); o != 0) return o;
  }
  return a.size() <=> b.size();
}

std::strong_ordering order_maps(const Map& a, const Map& b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (const auto o = order(a[i].first, b[i].first); o != 0) return o;
    if (const auto o = order(a[i].second, b[i].second); o != 0) return o;
  }
  return a.size() <=> b.size();
}

std::strong_ordering order_strings(std::string_view a, std::string_view b) {
  return a.compare(b) <=> 0;
}

void append_u64(std::uint64_t v, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>((v >> shift) & 0xff);
}

void append_sized(std::string_view bytes, std::string& out) {
  append_u64(bytes.size(), out);
  out += bytes;
}

std::string quote(std::string_view text, bool bytes) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = bytes ? "b\"" : "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (u < 0x20 || u == 0x7f || (bytes && u >= 0x80)) {
      out += bytes ? "\\x" : "\\u00";
      out += hex[u >> 4];
      out += hex[u & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

std::string duration_text(Duration d) {
  struct Unit {
    std::int64_t seconds;
    const char* name;
  };
  static constexpr Unit units[] = {{86'400, "day"}, {3'600, "hour"}, {60, "minute"}, {1, "second"}};
  const auto counted = [](std::int64_t n, const char* unit) {
    return std::to_string(n) + " " + unit + (n == 1 || n == -1 ? "" : "s");
  };
  if (d.nanos == 0) {
    for (const Unit& unit : units) {
      if (d.seconds % unit.seconds == 0 && (d.seconds != 0 || unit.seconds == 1)) {
        return counted(d.seconds / unit.seconds, unit.name);
      }
    }
  }
  if (d.nanos % 1'000'000 == 0)
    return counted(d.seconds * 1000 + d.nanos / 1'000'000, "millisecond");
  std::string text = format_duration(d);
  text.pop_back();
  return text + " seconds";
}

}  // namespace

Value Value::boolean(bool v) {
  Value out;
  out.data_.emplace<1>(v);
  return out;
}
Value Value::integer(std::int64_t v) {
  Value out;
  out.data_.emplace<2>(v);
  return out;
}
Value Value::unsigned_integer(std::uint64_t v) {
  Value out;
  out.data_.emplace<3>(v);
  return out;
}
Value Value::real(double v) {
  Value out;
  out.data_.emplace<4>(v);
  return out;
}
Value Value::string(std::string v) {
  Value out;
  out.data_.emplace<5>(std::make_shared<const std::string>(std::move(v)));
  return out;
}
Value Value::bytes(std::string v) {
  Value out;
  out.data_.emplace<6>(Bytes{std::make_shared<const std::string>(std::move(v))});
  return out;
}
Value Value::list(List v) {
  Value out;
  out.data_.emplace<7>(std::make_shared<const List>(std::move(v)));
  return out;
}
Value Value::map(Map v) {
  std::sort(v.begin(), v.end(),
            [](const auto& a, const auto& b) { return order(a.first, b.first) < 0; });
  Value out;
  out.data_.emplace<8>(std::make_shared<const Map>(std::move(v)));
  return out;
}
Value Value::timestamp(Timestamp v) {
  Value out;
  out.data_.emplace<9>(v);
  return out;
}
Value Value::duration(Duration v) {
  Value out;
  out.data_.emplace<10>(v);
  return out;
}
Value Value::money(Money v) {
  Value out;
  out.data_.emplace<11>(v);
  return out;
}
Value Value::type(std::string name) {
  Value out;
  out.data_.emplace<12>(std::make_shared<const TypeName>(TypeName{std::move(name)}));
  return out;
}

Value Value::some(Value v) {
  Value out;
  out.data_.emplace<13>(Optional{std::make_shared<const Value>(std::move(v))});
  return out;
}
Value Value::none() {
  Value out;
  out.data_.emplace<13>();
  return out;
}

const Value* Value::find(std::string_view key) const {
  if (kind() != Kind::kMap) return nullptr;
  const Map& map = as_map();
  // Keys sort by kind first, so the string keys stand together in byte order.
  const auto it =
      std::lower_bound(map.begin(), map.end(), key, [](const auto& entry, std::string_view k) {
        if (entry.first.kind() != Kind::kString) return entry.first.kind() < Kind::kString;
        return std::string_view(entry.first.as_string()) < k;
      });
  if (it == map.end() || it->first.kind() != Kind::kString || it->first.as_string() != key)
    return nullptr;
  return &it->second;
}

bool operator==(const Value& a, const Value& b) { return order(a, b) == 0; }

std::strong_ordering order(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return a.kind() <=> b.kind();
  switch (a.kind()) {
    case Value::Kind::kNull: return std::strong_ordering::equal;
    case Value::Kind::kBool: return a.as_bool() <=> b.as_bool();
    case Value::Kind::kInt: return a.as_int() <=> b.as_int();
    case Value::Kind::kUint: return a.as_uint() <=> b.as_uint();
    case Value::Kind::kDouble: return order_doubles(a.as_double(), b.as_double());
    case Value::Kind::kString:
      return &a.as_string() == &b.as_string() ? std::strong_ordering::equal
                                              : order_strings(a.as_string(), b.as_string());
    case Value::Kind::kBytes: return order_strings(a.as_bytes(), b.as_bytes());
    case Value::Kind::kList:
      return &a.as_list() == &b.as_list() ? std::strong_ordering::equal
                                          : order_lists(a.as_list(), b.as_list());
    case Value::Kind::kMap:
      return &a.as_map() == &b.as_map() ? std::strong_ordering::equal
                                        : order_maps(a.as_map(), b.as_map());
    case Value::Kind::kTimestamp: return a.as_timestamp() <=> b.as_timestamp();
    case Value::Kind::kDuration: return a.as_duration() <=> b.as_duration();
    case Value::Kind::kMoney: {
      if (const auto o = order_strings(a.as_money().code(), b.as_money().code()); o != 0) return o;
      return a.as_money().minor <=> b.as_money().minor;
    }
    case Value::Kind::kType: return order_strings(a.as_type(), b.as_type());
    case Value::Kind::kOptional: {
      const Value *x = a.as_optional(), *y = b.as_optional();
      if (x == nullptr || y == nullptr) return (x != nullptr) <=> (y != nullptr);
      return order(*x, *y);
    }
  }
  return std::strong_ordering::equal;
}

Value record(std::vector<std::pair<std::string, Value>> fields) {
  Map map;
  map.reserve(fields.size());
  for (auto& [name, value] : fields)
    map.emplace_back(Value::string(std::move(name)), std::move(value));
  return Value::map(std::move(map));
}

void append_canonical(const Value& value, std::string& out) {
  out += static_cast<char>(value.kind());
  switch (value.kind()) {
    case Value::Kind::kNull: return;
    case Value::Kind::kBool: out += value.as_bool() ? '\1' : '\0'; return;
    case Value::Kind::kInt: append_u64(static_cast<std::uint64_t>(value.as_int()), out); return;
    case Value::Kind::kUint: append_u64(value.as_uint(), out); return;
    case Value::Kind::kDouble: append_u64(double_bits(value.as_double()), out); return;
    case Value::Kind::kString: append_sized(value.as_string(), out); return;
    case Value::Kind::kBytes: append_sized(value.as_bytes(), out); return;
    case Value::Kind::kList:
      append_u64(value.as_list().size(), out);
      for (const Value& item : value.as_list()) append_canonical(item, out);
      return;
    case Value::Kind::kMap:
      append_u64(value.as_map().size(), out);
      for (const auto& [key, item] : value.as_map()) {
        append_canonical(key, out);
        append_canonical(item, out);
      }
      return;
    case Value::Kind::kTimestamp:
      append_u64(static_cast<std::uint64_t>(value.as_timestamp().seconds), out);
      append_u64(static_cast<std::uint64_t>(value.as_timestamp().nanos), out);
      return;
    case Value::Kind::kDuration:
      append_u64(static_cast<std::uint64_t>(value.as_duration().seconds), out);
      append_u64(static_cast<std::uint64_t>(static_cast<std::int64_t>(value.as_duration().nanos)),
                 out);
      return;
    case Value::Kind::kMoney:
      out += value.as_money().code();
      append_u64(static_cast<std::uint64_t>(value.as_money().minor), out);
      return;
    case Value::Kind::kType: append_sized(value.as_type(), out); return;
    case Value::Kind::kOptional:
      out += value.as_optional() != nullptr ? '\1' : '\0';
      if (value.as_optional() != nullptr) append_canonical(*value.as_optional(), out);
      return;
  }
}

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t seed) {
  for (const char c : bytes) {
    seed ^= static_cast<unsigned char>(c);
    seed *= 1099511628211ULL;
  }
  return seed;
}

std::string to_text(Money money) {
  const int decimals = std::max(0, currency_decimals(money.code()));
  const bool negative = money.minor < 0;
  // Through unsigned, so that the least int64 has a magnitude.
  std::string number = std::to_string(negative ? 0 - static_cast<std::uint64_t>(money.minor)
                                               : static_cast<std::uint64_t>(money.minor));
  if (decimals > 0) {
    while (static_cast<int>(number.size()) <= decimals) number.insert(number.begin(), '0');
    number.insert(number.size() - static_cast<std::size_t>(decimals), 1, '.');
  }
  return (negative ? "-" : "") + std::string(money.code()) + " " + number;
}

std::string double_to_text(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v < 0 ? "-Infinity" : "Infinity";
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v);
  return std::string(buffer, end.ptr);
}

std::string to_text(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return "null";
    case Value::Kind::kBool: return value.as_bool() ? "true" : "false";
    case Value::Kind::kInt: return std::to_string(value.as_int());
    case Value::Kind::kUint: return std::to_string(value.as_uint()) + "u";
    case Value::Kind::kDouble: {
      std::string text = double_to_text(value.as_double());
      const bool looks_int = text.find_first_not_of("-0123456789") == std::string::npos;
      return looks_int ? text + ".0" : text;
    }
    case Value::Kind::kString: return quote(value.as_string(), false);
    case Value::Kind::kBytes: return quote(value.as_bytes(), true);
    case Value::Kind::kList: {
      std::string out = "[";
      for (const Value& item : value.as_list()) {
        if (out.size() > 1) out += ", ";
        out += to_text(item);
      }
      return out + "]";
    }
    case Value::Kind::kMap: {
      std::string out = "{";
      for (const auto& [key, item] : value.as_map()) {
        if (out.size() > 1) out += ", ";
        out += to_text(key) + ": " + to_text(item);
      }
      return out + "}";
    }
    case Value::Kind::kTimestamp: return format_timestamp(value.as_timestamp());
    case Value::Kind::kDuration: return duration_text(value.as_duration());
    case Value::Kind::kMoney: return to_text(value.as_money());
    case Value::Kind::kType: return value.as_type();
    case Value::Kind::kOptional:
      if (value.as_optional() == nullptr) return "optional.none()";
      return "optional.of(" + to_text(*value.as_optional()) + ")";
  }
  return {};
}

}  // namespace belay::interpreter
