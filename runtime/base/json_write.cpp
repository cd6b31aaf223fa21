// Values to JSON for other systems and people, appended by hand. See json_value.h.
#include <charconv>
#include <cmath>

#include "interpreter/time.h"
#include "runtime/base/json_text.h"
#include "runtime/base/json_value.h"

namespace belay::runtime {
namespace {

using interpreter::Field;
using interpreter::Type;
using interpreter::Value;

constexpr char kHex[] = "0123456789abcdef";
constexpr std::string_view kMasked = "\"***\"";

bool is_continuation(unsigned char c) { return (c & 0xc0) == 0x80; }

const Type* field_type(const std::vector<Field>& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (field.name == name) return &field.type;
  }
  return nullptr;
}

void append_key(const Value& key, std::string& out) {
  if (key.kind() == Value::Kind::kString)
    append_json_string(key.as_string(), out);
  else
    append_json_string(interpreter::to_text(key), out);
  out += ':';
}

void append_money(interpreter::Money money, std::string& out) {
  out += "{\"currency\":\"";
  out += money.code();
  out += "\",\"minor\":";
  append_int(money.minor, out);
  out += '}';
}

}  // namespace

std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t left = text.size() - at;
  const unsigned char c = byte(at);
  if (c < 0x80) return 1;
  if (c >= 0xc2 && c <= 0xdf) return left >= 2 && is_continuation(byte(at + 1)) ? 2 : 0;
  if (c >= 0xe0 && c <= 0xef) {
    if (left < 3 || !is_continuation(byte(at + 1)) || !is_continuation(byte(at + 2))) return 0;
    if (c == 0xe0 && byte(at + 1) < 0xa0) return 0;  // overlong
    if (c == 0xed && byte(at + 1) > 0x9f) return 0;  // surrogates
    return 3;
  }
  if (c >= 0xf0 && c <= 0xf4) {
    if (left < 4 || !is_continuation(byte(at + 1)) || !is_continuation(byte(at + 2)) ||
        !is_continuation(byte(at + 3))) {
      return 0;
    }
    if (c == 0xf0 && byte(at + 1) < 0x90) return 0;
    if (c == 0xf4 && byte(at + 1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  std::size_t plain = 0;  // start of the run that needs no change
  std::size_t at = 0;
  while (at < text.size()) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
      ++at;
      continue;
    }
    if (c >= 0x80) {
      if (const std::size_t length = utf8_length(text, at); length != 0) {
        at += length;
        continue;
      }
    }
    out.append(text, plain, at - plain);
    if (c == '"')
      out += "\\\"";
    else if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c >= 0x80)
      out += "\xef\xbf\xbd";
    else {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    }
    plain = ++at;
  }
  out.append(text, plain);
  out += '"';
}

bool is_storable_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\0') return false;
    const std::size_t length = utf8_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

void append_int(std::int64_t v, std::string& out) {
  char buffer[24];
  out.append(buffer, static_cast<std::size_t>(std::to_chars(buffer, buffer + sizeof buffer, v).ptr -
                                              buffer));
}

void append_uint(std::uint64_t v, std::string& out) {
  char buffer[24];
  out.append(buffer, static_cast<std::size_t>(std::to_chars(buffer, buffer + sizeof buffer, v).ptr -
                                              buffer));
}

void append_finite_double(double v, std::string& out) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v);
  const std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos)
    out += ".0";  // or it would be read as an int
}

void append_json(const Value& value, std::string& out) {
  switch (value.kind()) {
    case Value::Kind::kNull: out += "null"; return;
    case Value::Kind::kBool: out += value.as_bool() ? "true" : "false"; return;
    case Value::Kind::kInt: append_int(value.as_int(), out); return;
    case Value::Kind::kUint: append_uint(value.as_uint(), out); return;
    case Value::Kind::kDouble:
      if (std::isfinite(value.as_double()))
        append_finite_double(value.as_double(), out);
      else
        append_json_string(interpreter::double_to_text(value.as_double()), out);
      return;
    case Value::Kind::kString: append_json_string(value.as_string(), out); return;
    case Value::Kind::kBytes: append_json_string(to_base64(value.as_bytes()), out); return;
    case Value::Kind::kList: {
      out += '[';
      bool first = true;
      for (const Value& item : value.as_list()) {
        if (!first) out += ',';
        first = false;
        append_json(item, out);
      }
      out += ']';
      return;
    }
    case Value::Kind::kMap: {
      out += '{';
      bool first = true;
      for (const auto& [key, item] : value.as_map()) {
        if (!first) out += ',';
        first = false;
        append_key(key, out);
        append_json(item, out);
      }
      out += '}';
      return;
    }
    case Value::Kind::kTimestamp:
      append_json_string(interpreter::format_timestamp(value.as_timestamp()), out);
      return;
    case Value::Kind::kDuration:
      append_json_string(interpreter::format_duration(value.as_duration()), out);
      return;
    case Value::Kind::kMoney: append_money(value.as_money(), out); return;
    case Value::Kind::kType: append_json_string(value.as_type(), out); return;
    case Value::Kind::kOptional:
      append_json(value.as_optional() != nullptr ? *value.as_optional() : Value(), out);
      return;
  }
}

std::string to_json(const Value& value) {
  std::string out;
  append_json(value, out);
  return out;
}

void append_json_masked(const Type& type, const Value& value, std::string& out) {
  if (type.is_private) {
    out += kMasked;
    return;
  }
  if (type.base == Type::Base::kRecord && value.kind() == Value::Kind::kMap) {
    append_json_masked(type.fields, value, out);
  } else if (type.base == Type::Base::kList && value.kind() == Value::Kind::kList) {
    out += '[';
    bool first = true;
    for (const Value& item : value.as_list()) {
      if (!first) out += ',';
      first = false;
      append_json_masked(type.element[0], item, out);
    }
    out += ']';
  } else if (type.base == Type::Base::kMap && value.kind() == Value::Kind::kMap) {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : value.as_map()) {
      if (!first) out += ',';
      first = false;
      append_key(key, out);
      append_json_masked(type.element[0], item, out);
    }
    out += '}';
  } else {
    append_json(value, out);
  }
}

void append_json_masked(const std::vector<Field>& fields, const Value& value, std::string& out) {
  if (value.kind() != Value::Kind::kMap) {
    append_json(value, out);
    return;
  }
  out += '{';
  bool first = true;
  for (const auto& [key, item] : value.as_map()) {
    if (!first) out += ',';
    first = false;
    append_key(key, out);
    const Type* type =
        key.kind() == Value::Kind::kString ? field_type(fields, key.as_string()) : nullptr;
    if (type != nullptr)
      append_json_masked(*type, item, out);
    else
      append_json(item, out);
  }
  out += '}';
}

std::string to_json_masked(const std::vector<Field>& fields, const Value& value) {
  std::string out;
  append_json_masked(fields, value, out);
  return out;
}

std::string to_base64(std::string_view bytes) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    }
    out += kAlphabet[group >> 18];
    out += kAlphabet[group >> 12 & 63];
    out += i + 1 < bytes.size() ? kAlphabet[group >> 6 & 63] : '=';
    out += i + 2 < bytes.size() ? kAlphabet[group & 63] : '=';
  }
  return out;
}

bool from_base64(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (text.size() % 4 != 0) return false;
  const auto digit = [](char c) -> int {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : -1;
  };
  for (std::size_t i = 0; i < text.size(); i += 4) {
    const bool last = i + 4 == text.size();
    std::size_t padding = 0;
    if (last && text[i + 3] == '=') padding = text[i + 2] == '=' ? 2 : 1;
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const int d = k < 4 - padding ? digit(text[i + k]) : 0;
      if (d < 0) return false;
      group = group << 6 | static_cast<std::uint32_t>(d);
    }
    if (padding == 1 && (group & 0xff) != 0) return false;  // one text for one sequence of bytes
    if (padding == 2 && (group & 0xffff) != 0) return false;
    bytes += static_cast<char>(group >> 16);
    if (padding < 2) bytes += static_cast<char>(group >> 8 & 0xff);
    if (padding < 1) bytes += static_cast<char>(group & 0xff);
  }
  return true;
}

}  // namespace belay::runtime
