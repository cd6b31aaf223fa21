// Types → JSON Schema. See type_schema.h.
#include "runtime/api/type_schema.h"

#include "runtime/api/json_writer.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

using Base = Type::Base;

void write_fields(JsonWriter& w, const std::vector<Field>& fields);

void write_text(JsonWriter& w, const Type& type, const char* format) {
  w.field("type", "string");
  if (format != nullptr) w.field("format", format);
  if (type.size_max) w.field("maxLength", *type.size_max);
  // RE2 matches the whole value, JSON Schema searches in it.
  if (!type.pattern.empty()) w.field("pattern", "^(?:" + type.pattern + ")$");
}

void write(JsonWriter& w, const Type& type) {
  w.begin_object();
  switch (type.base) {
    case Base::kText: write_text(w, type, nullptr); break;
    case Base::kUuid: write_text(w, type, "uuid"); break;
    case Base::kEmail: write_text(w, type, "email"); break;
    case Base::kUrl: write_text(w, type, "uri"); break;
    case Base::kDate: write_text(w, type, "date"); break;
    case Base::kTimestamp: write_text(w, type, "date-time"); break;
    case Base::kDuration:
      write_text(w, type, nullptr);
      w.field("description", "a duration: 900s, 15m, 1h30m or PT15M");
      break;
    case Base::kBytes: w.field("type", "string").field("contentEncoding", "base64"); break;
    case Base::kInt:
    case Base::kUint:
      w.field("type", "integer");
      if (type.min) w.field("minimum", *type.min);
      if (type.max) w.field("maximum", *type.max);
      if (type.base == Base::kUint && !type.min) w.field("minimum", 0);
      break;
    case Base::kDouble: w.field("type", "number"); break;
    case Base::kBool: w.field("type", "boolean"); break;
    case Base::kMoney:
      w.field("type", "object")
          .raw_field(
              "properties",
              R"({"currency":{"type":"string","pattern":"^[A-Z]{3}$"},"minor":{"type":"integer"}})");
      w.raw_field("required", R"(["currency","minor"])").field("additionalProperties", false);
      break;
    case Base::kOneOf: w.strings("enum", type.options); break;
    case Base::kList:
      w.field("type", "array").raw_field("items", schema_of(type.element.front()));
      if (type.size_max) w.field("maxItems", *type.size_max);
      break;
    case Base::kMap:
      w.field("type", "object").raw_field("additionalProperties", schema_of(type.element.front()));
      if (type.size_max) w.field("maxProperties", *type.size_max);
      break;
    case Base::kRecord:
      w.field_unless_empty("title", type.record);
      write_fields(w, type.fields);
      break;
    case Base::kNull: w.field("type", "null"); break;
    case Base::kJson:
    case Base::kType:
    case Base::kError: break;  // anything
  }
  if (type.is_private) w.field("writeOnly", true);
  w.end_object();
}

void write_fields(JsonWriter& w, const std::vector<Field>& fields) {
  w.field("type", "object").key("properties").begin_object();
  for (const Field& field : fields) {
    w.key(field.name);
    write(w, field.type);
  }
  w.end_object();
  std::vector<std::string> required;
  for (const Field& field : fields) {
    if (!field.type.optional) required.push_back(field.name);
  }
  w.strings("required", required).field("additionalProperties", false);
}

}  // namespace

std::string schema_of(const Type& type) {
  JsonWriter w;
  write(w, type);
  return w.take();
}

std::string schema_of(const std::vector<Field>& fields) {
  JsonWriter w;
  w.begin_object();
  write_fields(w, fields);
  w.end_object();
  return w.take();
}

}  // namespace belay::runtime::api
