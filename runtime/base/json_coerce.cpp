// Untyped values to declared types, with every problem named by its path. Strict where a guess
// could cost money (no number becomes text, no text becomes a number), lenient where JSON has only
// one way to write a thing (3.0 is an int). See json_value.h.
#include <charconv>
#include <cmath>

#include "interpreter/time.h"
#include "runtime/base/ids.h"
#include "runtime/base/json_text.h"
#include "runtime/base/json_value.h"
#include "runtime/base/pattern.h"

namespace belay::runtime {
namespace {

using interpreter::Field;
using interpreter::List;
using interpreter::Map;
using interpreter::Type;
using interpreter::Value;

constexpr std::size_t kProblemsMax = 10;
constexpr double kExactDoubleMax =
    9007199254740992.0;  // 2^53: beyond it not every integer is a double

std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

bool is_email(std::string_view text) {
  if (text.size() > 254 || text.size() < 3) return false;
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at > 64 ||
      text.find('@', at + 1) != std::string_view::npos)
    return false;
  const std::string_view domain = text.substr(at + 1);
  if (domain.empty() || domain.front() == '.' || domain.back() == '.' ||
      domain.find("..") != std::string_view::npos) {
    return false;
  }
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7f || c == '<' || c == '>' || c == ',' || c == ';' || c == '"' ||
        c == '(' || c == ')' || c == '\\') {
      return false;
    }
  }
  return true;
}

bool is_url(std::string_view text) {
  if (text.size() > 2048) return false;
  std::string_view rest;
  if (text.starts_with("https://"))
    rest = text.substr(8);
  else if (text.starts_with("http://"))
    rest = text.substr(7);
  else
    return false;
  const std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.empty()) return false;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u <= 0x20 || u == 0x7f || c == '<' || c == '>' || c == '"' || c == '\\' || c == '`')
      return false;
  }
  return true;
}

// ISO 8601 with days and smaller: P1D, PT15M, P1DT2H30M, PT0.5S. Months and years have no fixed
// length.
std::optional<interpreter::Duration> parse_iso_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (!text.starts_with('P') || text.size() < 3) return std::nullopt;
  text.remove_prefix(1);
  std::string cel = negative ? "-" : "";
  bool time = false;
  std::string_view order = "DHMS";
  while (!text.empty()) {
    if (text.front() == 'T') {
      if (time || text.size() == 1) return std::nullopt;
      time = true;
      if (order.front() == 'D') order.remove_prefix(1);
      text.remove_prefix(1);
      continue;
    }
    const std::size_t end = text.find_first_not_of("0123456789.");
    if (end == 0 || end == std::string_view::npos || end > 18) return std::nullopt;
    const char unit = text[end];
    const std::size_t place = order.find(unit);
    if (place == std::string_view::npos || (unit == 'D') == time) return std::nullopt;
    const std::string_view number = text.substr(0, end);
    if (unit == 'D') {
      std::int64_t days = 0;
      const auto read = std::from_chars(number.data(), number.data() + number.size(), days);
      if (read.ec != std::errc() || read.ptr != number.data() + number.size() || days > 5'000'000)
        return std::nullopt;
      cel += std::to_string(days * 24) + "h";
    } else {
      cel += number;
      cel += unit == 'H' ? 'h' : unit == 'M' ? 'm' : 's';
    }
    order.remove_prefix(place + 1);
    text.remove_prefix(end + 1);
  }
  return interpreter::parse_duration(cel);
}

const char* kind_word(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kNull: return "nothing";
    case Value::Kind::kBool: return "a boolean";
    case Value::Kind::kInt:
    case Value::Kind::kUint: return "a whole number";
    case Value::Kind::kDouble: return "a number";
    case Value::Kind::kString: return "text";
    case Value::Kind::kBytes: return "bytes";
    case Value::Kind::kList: return "a list";
    case Value::Kind::kMap: return "an object";
    case Value::Kind::kTimestamp: return "a timestamp";
    case Value::Kind::kDuration: return "a duration";
    case Value::Kind::kMoney: return "money";
    case Value::Kind::kType: return "a type";
    case Value::Kind::kOptional: return "an optional";
  }
  return "something";
}

class Coercion {
 public:
  explicit Coercion(const CoerceOptions& options) : options_(options) {}

  Value value(const Type& type, const Value& v, const std::string& path, std::size_t depth) {
    if (depth > limits::json_depth_max) return problem(path, "nested too deep");
    switch (type.base) {
      case Type::Base::kJson:
      case Type::Base::kType:
      case Type::Base::kError: return v;
      case Type::Base::kNull: return v.is_null() ? v : wrong(path, "null", v);
      case Type::Base::kText: return text(type, v, path);
      case Type::Base::kUuid: {
        if (v.kind() != Value::Kind::kString) return wrong(path, "a uuid", v);
        auto id = normalise_uuid(v.as_string());
        return id ? Value::string(std::move(*id)) : problem(path, "not a uuid");
      }
      case Type::Base::kEmail: return checked_text(v, path, "an e-mail address", is_email);
      case Type::Base::kUrl:
        return checked_text(v, path, "a URL that begins with http:// or https://", is_url);
      case Type::Base::kDate:
        return checked_text(v, path, "a date (YYYY-MM-DD)", interpreter::is_date);
      case Type::Base::kOneOf: return one_of(type, v, path);
      case Type::Base::kInt: return integer(type, v, path);
      case Type::Base::kUint: {
        if (v.kind() == Value::Kind::kUint) return v;
        if (v.kind() == Value::Kind::kInt && v.as_int() >= 0) {
          return Value::unsigned_integer(static_cast<std::uint64_t>(v.as_int()));
        }
        return wrong(path, "a whole number, not negative", v);
      }
      case Type::Base::kDouble:
        if (v.kind() == Value::Kind::kDouble) return v;
        if (v.kind() == Value::Kind::kInt) return Value::real(static_cast<double>(v.as_int()));
        if (v.kind() == Value::Kind::kUint) return Value::real(static_cast<double>(v.as_uint()));
        return wrong(path, "a number", v);
      case Type::Base::kBool:
        return v.kind() == Value::Kind::kBool ? v : wrong(path, "true or false", v);
      case Type::Base::kMoney: return money(v, path);
      case Type::Base::kTimestamp: {
        if (v.kind() == Value::Kind::kTimestamp) return v;
        if (v.kind() != Value::Kind::kString) return wrong(path, "a timestamp", v);
        const auto at = interpreter::parse_timestamp(v.as_string());
        return at ? Value::timestamp(*at)
                  : problem(path, "not a timestamp, write 2026-11-21T12:00:00Z");
      }
      case Type::Base::kDuration: {
        if (v.kind() == Value::Kind::kDuration) return v;
        if (v.kind() != Value::Kind::kString) return wrong(path, "a duration", v);
        auto length = interpreter::parse_duration(v.as_string());
        if (!length) length = parse_iso_duration(v.as_string());
        return length ? Value::duration(*length)
                      : problem(path, "not a duration, write 900s or PT15M");
      }
      case Type::Base::kBytes: {
        if (v.kind() == Value::Kind::kBytes) return v;
        std::string bytes;
        if (v.kind() != Value::Kind::kString) return wrong(path, "base64 text", v);
        return from_base64(v.as_string(), bytes) ? Value::bytes(std::move(bytes))
                                                 : problem(path, "not base64");
      }
      case Type::Base::kList: return list(type, v, path, depth);
      case Type::Base::kMap: return map(type, v, path, depth);
      case Type::Base::kRecord: return record(type.fields, v, path, depth);
    }
    return v;
  }

  Value record(const std::vector<Field>& fields, const Value& v, const std::string& path,
               std::size_t depth) {
    if (v.kind() != Value::Kind::kMap) return wrong(path, "an object", v);
    Map out;
    out.reserve(fields.size());
    for (const Field& field : fields) {
      const std::string at = path.empty() ? field.name : path + "." + field.name;
      const Value* found = v.find(field.name);
      const bool absent =
          found == nullptr || (found->is_null() && field.type.base != Type::Base::kNull &&
                               (field.type.optional || field.type.base != Type::Base::kJson));
      if (!absent)
        out.emplace_back(Value::string(field.name), value(field.type, *found, at, depth + 1));
      else if (!field.type.optional)
        problem(at, "is missing");
    }
    if (!options_.ignore_unknown && v.as_map().size() > out.size()) unknown(fields, v, path);
    return Value::map(std::move(out));
  }

  bool failed() const { return count_ > 0; }
  Failure failure() {
    if (count_ > kProblemsMax) text_ += "; and " + std::to_string(count_ - kProblemsMax) + " more";
    return {ErrorCode::kInvalid, std::move(text_), {}};
  }

 private:
  Value problem(const std::string& path, const std::string& what) {
    if (++count_ > kProblemsMax) return {};
    if (!text_.empty()) text_ += "; ";
    if (!path.empty()) text_ += path + ": ";
    text_ += what;
    return {};
  }
  Value wrong(const std::string& path, const std::string& wanted, const Value& v) {
    return problem(path, "must be " + wanted + ", is " + kind_word(v));
  }

  void unknown(const std::vector<Field>& fields, const Value& v, const std::string& path) {
    for (const auto& [key, item] : v.as_map()) {
      bool known = false;
      const bool is_text = key.kind() == Value::Kind::kString;
      for (const Field& field : fields) known = known || (is_text && field.name == key.as_string());
      if (known) continue;
      const std::string name = is_text ? key.as_string().substr(0, 60) : interpreter::to_text(key);
      problem(path.empty() ? name : path + "." + name, "is not a known field");
    }
  }

  bool storable(const Value& v, const std::string& path) {
    if (is_storable_text(v.as_string())) return true;
    problem(path, "is not text in UTF-8 without U+0000");
    return false;
  }

  Value text(const Type& type, const Value& v, const std::string& path) {
    if (v.kind() != Value::Kind::kString) return wrong(path, "text", v);
    if (!storable(v, path)) return {};
    const std::string& s = v.as_string();
    if (type.size_max && characters(s) > static_cast<std::uint64_t>(*type.size_max)) {
      return problem(path, "must be at most " + std::to_string(*type.size_max) + " characters");
    }
    if (!type.pattern.empty() && !matches_pattern(type.pattern, s)) {
      return problem(path, "must match \"" + type.pattern + "\"");
    }
    return v;
  }

  template <class Check>
  Value checked_text(const Value& v, const std::string& path, const std::string& what,
                     Check check) {
    if (v.kind() != Value::Kind::kString) return wrong(path, what, v);
    if (!storable(v, path)) return {};
    return check(v.as_string()) ? v : problem(path, "not " + what);
  }

  Value one_of(const Type& type, const Value& v, const std::string& path) {
    if (v.kind() == Value::Kind::kString) {
      for (const std::string& option : type.options) {
        if (option == v.as_string()) return v;
      }
    }
    std::string all;
    for (const std::string& option : type.options) {
      if (!all.empty()) all += ", ";
      all += '"' + option + '"';
    }
    return problem(path, "must be one of " + all);
  }

  Value integer(const Type& type, const Value& v, const std::string& path) {
    std::int64_t number = 0;
    if (v.kind() == Value::Kind::kInt) {
      number = v.as_int();
    } else if (v.kind() == Value::Kind::kDouble && std::trunc(v.as_double()) == v.as_double() &&
               std::abs(v.as_double()) <= kExactDoubleMax) {
      number = static_cast<std::int64_t>(v.as_double());
    } else if (v.kind() == Value::Kind::kUint &&
               v.as_uint() <= static_cast<std::uint64_t>(INT64_MAX)) {
      number = static_cast<std::int64_t>(v.as_uint());
    } else if (v.kind() == Value::Kind::kUint) {
      return problem(path, "is too large for a whole number");
    } else {
      return wrong(path, "a whole number", v);
    }
    if (type.min && number < *type.min)
      return problem(path, "must be at least " + std::to_string(*type.min));
    if (type.max && number > *type.max)
      return problem(path, "must be at most " + std::to_string(*type.max));
    return Value::integer(number);
  }

  Value money(const Value& v, const std::string& path) {
    if (v.kind() == Value::Kind::kMoney) return v;
    if (v.kind() != Value::Kind::kMap)
      return wrong(path, R"(money, {"currency": "EUR", "minor": 4990})", v);
    interpreter::Money out;
    const std::string dot = path.empty() ? "" : path + ".";
    const Value* currency = v.find("currency");
    if (currency == nullptr) {
      problem(dot + "currency", "is missing");
    } else if (currency->kind() != Value::Kind::kString || currency->as_string().size() != 3 ||
               interpreter::currency_decimals(currency->as_string()) < 0) {
      problem(dot + "currency", "not a currency code");
    } else {
      for (std::size_t i = 0; i < 3; ++i) out.currency[i] = currency->as_string()[i];
    }
    const Value* minor = v.find("minor");
    if (minor == nullptr)
      problem(dot + "minor", "is missing");
    else if (minor->kind() != Value::Kind::kInt)
      problem(dot + "minor", "must be a whole number of the smallest unit");
    else
      out.minor = minor->as_int();
    for (const auto& [key, item] : v.as_map()) {
      if (options_.ignore_unknown || &item == currency || &item == minor) continue;
      problem(dot + (key.kind() == Value::Kind::kString ? key.as_string().substr(0, 60)
                                                        : interpreter::to_text(key)),
              "is not a known field");
    }
    return Value::money(out);
  }

  Value list(const Type& type, const Value& v, const std::string& path, std::size_t depth) {
    if (v.kind() != Value::Kind::kList) return wrong(path, "a list", v);
    if (type.size_max && v.as_list().size() > static_cast<std::uint64_t>(*type.size_max)) {
      return problem(path, "must be at most " + std::to_string(*type.size_max) + " items");
    }
    List out;
    out.reserve(v.as_list().size());
    for (std::size_t i = 0; i < v.as_list().size(); ++i) {
      out.push_back(
          value(type.element[0], v.as_list()[i], path + "[" + std::to_string(i) + "]", depth + 1));
    }
    return Value::list(std::move(out));
  }

  Value map(const Type& type, const Value& v, const std::string& path, std::size_t depth) {
    if (v.kind() != Value::Kind::kMap) return wrong(path, "an object", v);
    if (type.size_max && v.as_map().size() > static_cast<std::uint64_t>(*type.size_max)) {
      return problem(path, "must be at most " + std::to_string(*type.size_max) + " items");
    }
    Map out;
    out.reserve(v.as_map().size());
    for (const auto& [key, item] : v.as_map()) {
      if (key.kind() != Value::Kind::kString) return problem(path, "must have text for keys");
      out.emplace_back(key, value(type.element[0], item,
                                  path + "[\"" + key.as_string().substr(0, 60) + "\"]", depth + 1));
    }
    return Value::map(std::move(out));
  }

  const CoerceOptions& options_;
  std::string text_;
  std::size_t count_ = 0;
};

}  // namespace

Result<Value> coerce(const Type& type, const Value& value, std::string_view path,
                     const CoerceOptions& options) {
  if (type.optional && value.is_null()) return Value();
  Coercion coercion(options);
  Value out = coercion.value(type, value, std::string(path), 0);
  if (coercion.failed()) return fail(coercion.failure());
  return out;
}

Result<Value> coerce(const std::vector<Field>& fields, const Value& value, std::string_view path,
                     const CoerceOptions& options) {
  Coercion coercion(options);
  Value out = coercion.record(fields, value, std::string(path), 0);
  if (coercion.failed()) return fail(coercion.failure());
  return out;
}

Result<Value> decode_json(const std::vector<Field>& fields, std::string_view text,
                          JsonLimits bounds, const CoerceOptions& options) {
  auto parsed = parse_json(text, bounds);
  if (!parsed) return parsed;
  return coerce(fields, *parsed, {}, options);
}

}  // namespace belay::runtime
