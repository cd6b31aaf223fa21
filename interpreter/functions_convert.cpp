// Conversions between kinds: int("12"), string(x), timestamp("…"), type(x), base64. A conversion
// that would lose meaning (out of range, malformed) is an error; `int(1.9)` truncates, as CEL says.
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "interpreter/functions.h"
#include "interpreter/text.h"
#include "interpreter/time.h"

namespace belay::interpreter {
namespace {

using Kind = Value::Kind;

Evaluated out_of_range(std::string_view what) { return bad(std::string(what) + " out of range"); }

Evaluated malformed(const std::string& text, std::string_view what) {
  return bad(to_text(Value::string(text.substr(0, 40))) + " is no " + std::string(what));
}

template <typename T>
std::optional<T> parse_number(const std::string& text) {
  T out{};
  std::string_view digits = text;
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return out;
}

Evaluated to_int(Args args) {
  const Value& v = args[0];
  switch (v.kind()) {
    case Kind::kInt: return good(v);
    case Kind::kUint:
      if (v.as_uint() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return out_of_range("int");
      return good(Value::integer(static_cast<std::int64_t>(v.as_uint())));
    case Kind::kDouble:
      // The bounds themselves are excluded: at that size a double no longer says which integer was
      // meant.
      if (!(v.as_double() > -9223372036854775808.0 && v.as_double() < 9223372036854775807.0)) {
        return out_of_range("int");
      }
      return good(Value::integer(static_cast<std::int64_t>(v.as_double())));
    case Kind::kString: {
      const auto n = parse_number<std::int64_t>(v.as_string());
      return n ? good(Value::integer(*n)) : malformed(v.as_string(), "int");
    }
    case Kind::kTimestamp: return good(Value::integer(v.as_timestamp().seconds));
    default: return no_overload(Function::kToInt, args);
  }
}

Evaluated to_uint(Args args) {
  const Value& v = args[0];
  switch (v.kind()) {
    case Kind::kUint: return good(v);
    case Kind::kInt:
      if (v.as_int() < 0) return out_of_range("uint");
      return good(Value::unsigned_integer(static_cast<std::uint64_t>(v.as_int())));
    case Kind::kDouble:
      if (!(v.as_double() >= 0 && v.as_double() < 18446744073709551615.0))
        return out_of_range("uint");
      return good(Value::unsigned_integer(static_cast<std::uint64_t>(v.as_double())));
    case Kind::kString: {
      const auto n = parse_number<std::uint64_t>(v.as_string());
      return n ? good(Value::unsigned_integer(*n)) : malformed(v.as_string(), "uint");
    }
    default: return no_overload(Function::kToUint, args);
  }
}

Evaluated to_double(Args args) {
  const Value& v = args[0];
  switch (v.kind()) {
    case Kind::kDouble: return good(v);
    case Kind::kInt: return good(Value::real(static_cast<double>(v.as_int())));
    case Kind::kUint: return good(Value::real(static_cast<double>(v.as_uint())));
    case Kind::kString: {
      const auto n = parse_number<double>(v.as_string());
      return n ? good(Value::real(*n)) : malformed(v.as_string(), "double");
    }
    default: return no_overload(Function::kToDouble, args);
  }
}

Evaluated to_string(Args args, Budget& budget) {
  const Value& v = args[0];
  switch (v.kind()) {
    case Kind::kString: return good(v);
    case Kind::kBool:
    case Kind::kInt: return good(Value::string(to_text(v)));
    case Kind::kUint: return good(Value::string(std::to_string(v.as_uint())));
    case Kind::kDouble: return good(Value::string(double_to_text(v.as_double())));
    case Kind::kBytes:
      if (!budget.charge(v.as_bytes().size() / 16)) return out_of_budget();
      if (!is_utf8(v.as_bytes())) return bad("the bytes are not UTF-8");
      return good(Value::string(v.as_bytes()));
    case Kind::kTimestamp: return good(Value::string(timestamp_text(v.as_timestamp())));
    case Kind::kDuration: return good(Value::string(format_duration(v.as_duration())));
    case Kind::kMoney: return good(Value::string(to_text(v.as_money())));
    default: return no_overload(Function::kToString, args);
  }
}

Evaluated to_bool(Args args) {
  const Value& v = args[0];
  if (v.kind() == Kind::kBool) return good(v);
  if (v.kind() != Kind::kString) return no_overload(Function::kToBool, args);
  for (const char* yes : {"1", "t", "T", "true", "True", "TRUE"}) {
    if (v.as_string() == yes) return good(Value::boolean(true));
  }
  for (const char* no : {"0", "f", "F", "false", "False", "FALSE"}) {
    if (v.as_string() == no) return good(Value::boolean(false));
  }
  return malformed(v.as_string(), "bool");
}

Evaluated to_timestamp(Args args) {
  const Value& v = args[0];
  if (v.kind() == Kind::kTimestamp) return good(v);
  if (v.kind() == Kind::kInt) {
    const auto t = make_timestamp(v.as_int(), 0);
    return t ? good(Value::timestamp(*t)) : out_of_range("timestamp");
  }
  if (v.kind() != Kind::kString) return no_overload(Function::kToTimestamp, args);
  const auto t = parse_timestamp(v.as_string());
  return t ? good(Value::timestamp(*t))
           : malformed(v.as_string(), "timestamp such as 2026-11-21T12:00:00Z");
}

Evaluated to_duration(Args args) {
  const Value& v = args[0];
  if (v.kind() == Kind::kDuration) return good(v);
  if (v.kind() != Kind::kString) return no_overload(Function::kToDuration, args);
  const auto d = parse_duration(v.as_string());
  return d ? good(Value::duration(*d)) : malformed(v.as_string(), "duration such as 90s or 1h30m");
}

std::string type_name(const Value& v) {
  switch (v.kind()) {
    case Kind::kNull: return "null_type";
    case Kind::kString: return "string";
    case Kind::kOptional: return "optional_type";
    case Kind::kTimestamp: return "google.protobuf.Timestamp";
    case Kind::kDuration: return "google.protobuf.Duration";
    default: return std::string(kind_text(v.kind()));
  }
}

constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string base64_encode(const std::string& in) {
  std::string out;
  for (std::size_t i = 0; i < in.size(); i += 3) {
    const auto byte = [&](std::size_t k) {
      return k < in.size() ? static_cast<unsigned char>(in[k]) : 0u;
    };
    const unsigned bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += base64_alphabet[bits >> 18];
    out += base64_alphabet[bits >> 12 & 63];
    out += i + 1 < in.size() ? base64_alphabet[bits >> 6 & 63] : '=';
    out += i + 2 < in.size() ? base64_alphabet[bits & 63] : '=';
  }
  return out;
}

std::optional<std::string> base64_decode(std::string_view in) {
  while (!in.empty() && in.back() == '=') in.remove_suffix(1);
  if (in.size() % 4 == 1) return std::nullopt;
  std::string out;
  unsigned bits = 0, have = 0;
  for (const char c : in) {
    const std::size_t value = base64_alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<unsigned>(value);
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 0xff);
    }
  }
  return out;
}

Evaluated base64(Function f, Args args, Budget& budget) {
  const Value& v = args[0];
  const bool encode = f == Function::kBase64Encode;
  if (v.kind() != (encode ? Kind::kBytes : Kind::kString)) return no_overload(f, args);
  const std::string& in = encode ? v.as_bytes() : v.as_string();
  if (!budget.charge(in.size() / 8)) return out_of_budget();
  if (encode) return good(Value::string(base64_encode(in)));
  auto out = base64_decode(in);
  return out ? good(Value::bytes(std::move(*out))) : malformed(in, "base64");
}

}  // namespace

Evaluated call_conversion(Function f, Args args, Budget& budget) {
  if (args.size() != 1) return no_overload(f, args);
  switch (f) {
    case Function::kToInt: return to_int(args);
    case Function::kToUint: return to_uint(args);
    case Function::kToDouble: return to_double(args);
    case Function::kToString: return to_string(args, budget);
    case Function::kToBytes:
      if (args[0].kind() == Kind::kBytes) return good(args[0]);
      if (args[0].kind() != Kind::kString) return no_overload(f, args);
      if (!budget.charge(args[0].as_string().size() / 16)) return out_of_budget();
      return good(Value::bytes(args[0].as_string()));
    case Function::kToBool: return to_bool(args);
    case Function::kToTimestamp: return to_timestamp(args);
    case Function::kToDuration: return to_duration(args);
    case Function::kType: return good(Value::type(type_name(args[0])));
    case Function::kDyn: return good(args[0]);
    default: return base64(f, args, budget);
  }
}

}  // namespace belay::interpreter
