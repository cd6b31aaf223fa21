#include "runtime/cli/cel_case.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "dsl/expr/expr.h"
#include "interpreter/functions.h"
#include "interpreter/time.h"
#include "runtime/base/environment.h"
#include "runtime/base/json_value.h"

namespace belay::runtime::cli {
namespace {

using interpreter::Value;
using Kind = Value::Kind;

Result<Value> wrong(std::string what) { return fail(ErrorCode::kInvalid, std::move(what)); }

template <class T>
bool read_number(const Value& json, T& out) {
  const std::string text = json.kind() == Kind::kString ? json.as_string() : to_json(json);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

Result<Value> read_list(const Value& json) {
  if (json.kind() != Kind::kList) return wrong("a list must be an array");
  interpreter::List items;
  for (const Value& item : json.as_list()) {
    auto value = read_typed(item);
    if (!value) return value;
    items.push_back(std::move(*value));
  }
  return Value::list(std::move(items));
}

Result<Value> read_map(const Value& json) {
  if (json.kind() != Kind::kList) return wrong("a map must be an array of pairs");
  interpreter::Map entries;
  for (const Value& pair : json.as_list()) {
    if (pair.kind() != Kind::kList || pair.as_list().size() != 2)
      return wrong("a map must be an array of pairs");
    auto key = read_typed(pair.as_list()[0]);
    if (!key) return key;
    const Kind kind = key->kind();
    if (kind != Kind::kBool && kind != Kind::kInt && kind != Kind::kUint && kind != Kind::kString) {
      return wrong("a map key must be bool, int, uint or string");
    }
    auto value = read_typed(pair.as_list()[1]);
    if (!value) return value;
    entries.emplace_back(std::move(*key), std::move(*value));
  }
  Value map = Value::map(std::move(entries));
  for (const auto& entry : map.as_map()) {  // of two equal keys only the first is found
    if (interpreter::find_key(map.as_map(), entry.first) != &entry.second)
      return wrong("a key stands twice in a map");
  }
  return map;
}

// The names of one case; a declared name without value is known, but has none.
class CaseScope final : public dsl::Names, public interpreter::Scope {
 public:
  Result<void> read(const Value& json) {
    if (const Value* bindings = json.find("bindings")) {
      if (bindings->kind() != Kind::kMap)
        return fail(ErrorCode::kInvalid, "`bindings` must be an object");
      for (const auto& [name, typed] : bindings->as_map()) {
        auto value = read_typed(typed);
        if (!value) return fail(value.error());
        names_.emplace_back(name.as_string(), std::move(*value));
      }
    }
    const Value* declared = json.find("declared");
    if (declared == nullptr || declared->is_null()) return {};
    if (declared->kind() != Kind::kList)
      return fail(ErrorCode::kInvalid, "`declared` must be an array");
    for (const Value& name : declared->as_list()) {
      if (name.kind() != Kind::kString)
        return fail(ErrorCode::kInvalid, "`declared` must hold names");
      if (!find(name.as_string())) names_.emplace_back(name.as_string(), std::nullopt);
    }
    return {};
  }

  std::optional<dsl::NameInfo> find(std::string_view name) const override {
    for (std::uint32_t i = 0; i < names_.size(); ++i) {
      if (names_[i].first != name) continue;
      dsl::NameInfo info;
      info.slot = i;
      return info;
    }
    return std::nullopt;
  }
  std::vector<std::string> all() const override { return {}; }
  const Value* slot(std::uint32_t index) const override {
    return index < names_.size() && names_[index].second ? &*names_[index].second : nullptr;
  }
  interpreter::Timestamp now() const override { return {}; }
  const interpreter::Environment* environment() const override { return &runtime::environment(); }

 private:
  std::vector<std::pair<std::string, std::optional<Value>>> names_;
};

bool is_true(const Value& json, std::string_view name) {
  const Value* flag = json.find(name);
  return flag != nullptr && flag->kind() == Kind::kBool && flag->as_bool();
}

Result<Value> evaluate_case(const Value& json) {
  const Value* text = json.find("expr");
  if (text == nullptr || text->kind() != Kind::kString) return wrong("the case has no `expr`");
  CaseScope scope;
  if (const auto read = scope.read(json); !read) return fail(read.error());
  dsl::Expr expr;
  expr.text = text->as_string();
  dsl::CheckOptions options;
  options.plain = true;
  options.macros = !is_true(json, "disable_macros");
  if (const Value* container = json.find("container");
      container != nullptr && container->kind() == Kind::kString) {
    options.container = container->as_string();
  }
  dsl::Diagnostics diagnostics;
  const dsl::CheckedExpr checked = dsl::check_expression(expr, scope, options, diagnostics);
  if (!checked.ok) {
    return wrong(diagnostics.all().empty() ? "the expression cannot be read"
                                           : diagnostics.all().front().message);
  }
  interpreter::Evaluated result = interpreter::evaluate(checked.program, scope);
  if (!result.ok) return wrong(std::move(result.error));
  return std::move(result.value);
}

// As the cases write doubles: the shortest digits that read back, a point always (1.0), an exponent
// only where the number is below 0.0001 or has more than 16 digits before the point (1e-05, 1e+16).
std::string double_text(double d) {
  if (std::isnan(d)) return "nan";
  if (std::isinf(d)) return d < 0 ? "-inf" : "inf";
  char buffer[400];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific);
  const std::string scientific(buffer, end.ptr);
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  if (d != 0 && (exponent < -4 || exponent >= 16)) return scientific;
  end = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::fixed);
  const std::string fixed(buffer, end.ptr);
  return fixed.find('.') == std::string::npos ? fixed + ".0" : fixed;
}

void append_text_member(const char* type, std::string_view text, std::string& out) {
  out += "{\"";
  out += type;
  out += "\":";
  append_json_string(text, out);
  out += '}';
}

}  // namespace

Result<Value> read_typed(const Value& json) {
  if (json.kind() != Kind::kMap || json.as_map().size() != 1)
    return wrong("a value is an object with its type as the only name");
  const std::string& type = json.as_map()[0].first.as_string();
  const Value& v = json.as_map()[0].second;
  const auto malformed = [&] { return wrong("not a value of type `" + type.substr(0, 40) + "`"); };
  if (type == "null") return Value();
  if (type == "bool") return v.kind() == Kind::kBool ? Result<Value>(v) : malformed();
  if (type == "list") return read_list(v);
  if (type == "map") return read_map(v);
  if (type == "int") {
    std::int64_t n = 0;
    return read_number(v, n) ? Result<Value>(Value::integer(n)) : malformed();
  }
  if (type == "uint") {
    std::uint64_t n = 0;
    return read_number(v, n) ? Result<Value>(Value::unsigned_integer(n)) : malformed();
  }
  if (type == "double") {
    double d = 0;
    return read_number(v, d) ? Result<Value>(Value::real(d)) : malformed();
  }
  if (type == "optional") {
    if (v.is_null()) return Value::none();
    auto inner = read_typed(v);
    return inner ? Result<Value>(Value::some(std::move(*inner))) : inner;
  }
  if (v.kind() != Kind::kString) return malformed();
  const std::string& text = v.as_string();
  if (type == "string") return v;
  if (type == "type") return Value::type(text);
  if (type == "bytes") {
    std::string bytes;
    return from_base64(text, bytes) ? Result<Value>(Value::bytes(std::move(bytes))) : malformed();
  }
  if (type == "timestamp") {
    const auto t = interpreter::parse_timestamp(text);
    return t ? Result<Value>(Value::timestamp(*t)) : malformed();
  }
  if (type == "duration") {
    const auto d = interpreter::parse_duration(text);
    return d ? Result<Value>(Value::duration(*d)) : malformed();
  }
  return wrong("no such type: `" + type.substr(0, 40) + "`");
}

void append_typed(const Value& value, std::string& out) {
  switch (value.kind()) {
    case Kind::kNull: out += "{\"null\":null}"; return;
    case Kind::kBool: out += value.as_bool() ? "{\"bool\":true}" : "{\"bool\":false}"; return;
    case Kind::kInt: append_text_member("int", std::to_string(value.as_int()), out); return;
    case Kind::kUint: append_text_member("uint", std::to_string(value.as_uint()), out); return;
    case Kind::kDouble: append_text_member("double", double_text(value.as_double()), out); return;
    case Kind::kString: append_text_member("string", value.as_string(), out); return;
    case Kind::kBytes: append_text_member("bytes", to_base64(value.as_bytes()), out); return;
    case Kind::kType: append_text_member("type", value.as_type(), out); return;
    case Kind::kTimestamp:
      append_text_member("timestamp", interpreter::format_timestamp(value.as_timestamp()), out);
      return;
    case Kind::kDuration:
      append_text_member("duration", interpreter::format_duration(value.as_duration()), out);
      return;
    case Kind::kMoney:
      append_text_member("money", interpreter::to_text(value.as_money()), out);
      return;
    case Kind::kOptional:
      out += "{\"optional\":";
      if (value.as_optional() != nullptr)
        append_typed(*value.as_optional(), out);
      else
        out += "null";
      out += '}';
      return;
    case Kind::kList: {
      out += "{\"list\":[";
      bool first = true;
      for (const Value& item : value.as_list()) {
        if (!first) out += ',';
        first = false;
        append_typed(item, out);
      }
      out += "]}";
      return;
    }
    case Kind::kMap: {
      out += "{\"map\":[";
      bool first = true;
      for (const auto& [key, item] : value.as_map()) {
        out += first ? "[" : ",[";
        first = false;
        append_typed(key, out);
        out += ',';
        append_typed(item, out);
        out += ']';
      }
      out += "]}";
      return;
    }
  }
}

std::string answer_cel_case(std::string_view line) {
  const Result<Value> json =
      parse_json(line, {.bytes_max = cel_case_bytes_max, .nul_allowed = true});
  const Value* id = json && json->kind() == Kind::kMap ? json->find("id") : nullptr;
  std::string out = "{\"id\":";
  if (id != nullptr)
    append_json(*id, out);
  else
    out += "null";
  Result<Value> value = !json                        ? fail(json.error())
                        : json->kind() == Kind::kMap ? evaluate_case(*json)
                                                     : wrong("a case is an object");
  if (value) {
    out += ",\"value\":";
    append_typed(*value, out);
  } else {
    out += ",\"error\":";
    append_json_string(value.error().message, out);
  }
  return out + "}";
}

}  // namespace belay::runtime::cli
