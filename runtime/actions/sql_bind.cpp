// A statement's holes become parameters, cast to the declared types. See sql_action.h.
#include <map>

#include "interpreter/sql_text.h"
#include "interpreter/time.h"
#include "runtime/actions/sql_action.h"
#include "runtime/base/json_value.h"

namespace belay::runtime {
namespace {

using interpreter::Field;
using interpreter::Type;
using interpreter::Value;

bool is_word_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word(char c) { return is_word_start(c) || (c >= '0' && c <= '9'); }

const Field* find_field(const std::vector<Field>& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

const char* cast_of(Type::Base base) {
  switch (base) {
    case Type::Base::kUuid: return "uuid";
    case Type::Base::kDate: return "date";
    case Type::Base::kInt: return "bigint";
    case Type::Base::kUint: return "numeric";
    case Type::Base::kDouble: return "double precision";
    case Type::Base::kBool: return "boolean";
    case Type::Base::kTimestamp: return "timestamptz";
    case Type::Base::kDuration: return "interval";
    case Type::Base::kBytes: return "bytea";
    case Type::Base::kText:
    case Type::Base::kEmail:
    case Type::Base::kUrl:
    case Type::Base::kOneOf: return "text";
    case Type::Base::kJson:
    case Type::Base::kMoney:
    case Type::Base::kList:
    case Type::Base::kMap:
    case Type::Base::kRecord:
    case Type::Base::kNull:
    case Type::Base::kType:
    case Type::Base::kError: return "jsonb";
  }
  return "text";
}

std::optional<std::string> text_of(Type::Base base, const Value* value) {
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (std::string_view(cast_of(base)) == "jsonb") return to_json(*value);
  switch (value->kind()) {
    case Value::Kind::kString: return value->as_string();
    case Value::Kind::kBool: return value->as_bool() ? "true" : "false";
    case Value::Kind::kTimestamp: return interpreter::format_timestamp(value->as_timestamp());
    case Value::Kind::kDuration: return interpreter::format_duration(value->as_duration());
    case Value::Kind::kDouble: return interpreter::double_to_text(value->as_double());
    case Value::Kind::kInt: return std::to_string(value->as_int());
    case Value::Kind::kUint: return std::to_string(value->as_uint());
    case Value::Kind::kBytes: {
      static constexpr char kHex[] = "0123456789abcdef";
      std::string hex = "\\x";
      for (const char c : value->as_bytes()) {
        hex += kHex[static_cast<unsigned char>(c) >> 4];
        hex += kHex[static_cast<unsigned char>(c) & 15];
      }
      return hex;
    }
    default: return to_json(*value);
  }
}

struct Hole {
  Type::Base base;
  std::optional<std::string> text;
};

// `price`, or a part of it: `price.minor`, `customer.id`. `parts` is empty for the whole.
Result<Hole> fill(const Field& field, const Value* value, const std::vector<std::string>& parts) {
  const Type* type = &field.type;
  Value part;
  for (const std::string& name : parts) {
    if (type->base == Type::Base::kMoney) {
      static const Type minor{.base = Type::Base::kInt}, currency{.base = Type::Base::kText};
      type = name == "minor" ? &minor : &currency;
      if (value != nullptr && value->kind() == Value::Kind::kMoney) {
        part = name == "minor" ? Value::integer(value->as_money().minor)
                               : Value::string(std::string(value->as_money().code()));
        value = &part;
      }
    } else {
      type = &find_field(type->fields, name)->type;
      value = value != nullptr ? value->find(name) : nullptr;
    }
  }
  Hole hole{type->base, text_of(type->base, value)};
  if (hole.text && hole.text->find('\0') != std::string::npos) {
    return fail(ErrorCode::kInvalid, field.name + ": a text with U+0000 cannot go to the database");
  }
  return hole;
}

// How many of the words after the first name a part of the type.
std::vector<std::string> parts_at(std::string_view sql, std::size_t& at, const Type& whole) {
  std::vector<std::string> parts;
  const Type* type = &whole;
  while (at + 1 < sql.size() && sql[at] == '.' && is_word_start(sql[at + 1])) {
    std::size_t end = at + 1;
    while (end < sql.size() && is_word(sql[end])) ++end;
    const std::string name(sql.substr(at + 1, end - at - 1));
    if (type->base == Type::Base::kMoney && (name == "minor" || name == "currency")) {
      parts.push_back(name);
      at = end;
      break;
    }
    const Field* inner =
        type->base == Type::Base::kRecord ? find_field(type->fields, name) : nullptr;
    if (inner == nullptr) break;
    parts.push_back(name);
    type = &inner->type;
    at = end;
  }
  return parts;
}

}  // namespace

Result<BoundSql> bind_sql(const std::string& statement, const std::vector<Field>& takes,
                          const Value& args) {
  BoundSql out;
  std::map<std::string, std::string> placeholders;  // the same hole twice is one parameter
  const std::string_view sql = statement;
  for (std::size_t at = 0; at < sql.size();) {
    if (const std::size_t end = interpreter::sql_skip(sql, at); end != at) {
      out.text += sql.substr(at, end - at);
      at = end;
      continue;
    }
    std::size_t end = at + 1;
    while (end < sql.size() && is_word(sql[end])) ++end;
    const bool named = sql[at] == ':' && end > at + 1 && is_word_start(sql[at + 1]);
    const Field* field = named ? find_field(takes, sql.substr(at + 1, end - at - 1)) : nullptr;
    if (field == nullptr) {
      out.text += sql[at++];
      continue;
    }
    const std::vector<std::string> parts = parts_at(sql, end, field->type);
    std::string& placeholder = placeholders[std::string(sql.substr(at, end - at))];
    if (placeholder.empty()) {
      auto hole = fill(*field, args.find(field->name), parts);
      if (!hole) return fail(hole.error());
      out.params.push_back(std::move(hole->text));
      placeholder = "$" + std::to_string(out.params.size()) + "::" + cast_of(hole->base);
    }
    out.text += placeholder;
    at = end;
  }
  return out;
}

}  // namespace belay::runtime
