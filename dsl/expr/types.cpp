// What the checker knows about types: families that compare, what two branches have in common,
// which value fits where, and the forms of uuids, addresses and dates.
#include <algorithm>

#include "dsl/expr/check.h"
#include "interpreter/time.h"

namespace belay::dsl {

using interpreter::Type;
using Base = interpreter::Type::Base;

Type type_of(Base base) {
  Type type;
  type.base = base;
  return type;
}

Type list_of(Type element) {
  Type type = type_of(Base::kList);
  type.element.push_back(std::move(element));
  return type;
}

bool is_error(const Type& type) { return type.base == Base::kError; }
bool is_open(const Type& type) { return type.base == Base::kJson || type.base == Base::kError; }

bool is_text(const Type& type) {
  switch (type.base) {
    case Base::kText:
    case Base::kUuid:
    case Base::kEmail:
    case Base::kUrl:
    case Base::kDate:
    case Base::kOneOf: return true;
    default: return false;
  }
}

bool is_number(const Type& type) {
  return type.base == Base::kInt || type.base == Base::kUint || type.base == Base::kDouble;
}

Type bare(Type type) {
  type.optional = type.is_private = false;
  type.min.reset();
  type.max.reset();
  type.size_max.reset();
  type.pattern.clear();
  return type;
}

Type join_types(const Type& a, const Type& b) {
  if (is_error(a) || is_error(b)) return type_of(Base::kError);
  if (a.base == Base::kNull) return bare(b);
  if (b.base == Base::kNull) return bare(a);
  Type x = bare(a);
  const Type y = bare(b);
  if (x == y) return x;
  if (is_text(x) && is_text(y)) return type_of(Base::kText);
  if (x.base == y.base && (x.base == Base::kList || x.base == Base::kMap) && !x.element.empty() &&
      !y.element.empty()) {
    x.element[0] = join_types(x.element[0], y.element[0]);
    return x;
  }
  return type_of(Base::kJson);
}

bool comparable(const Type& a, const Type& b) {
  if (is_open(a) || is_open(b) || a.base == Base::kNull || b.base == Base::kNull) return true;
  if (is_text(a) && is_text(b)) return true;
  if (is_number(a) && is_number(b)) return true;
  const auto is_map = [](const Type& t) { return t.base == Base::kMap || t.base == Base::kRecord; };
  if (is_map(a) && is_map(b)) return true;
  if (a.base == Base::kList && b.base == Base::kList && !a.element.empty() && !b.element.empty()) {
    return comparable(a.element[0], b.element[0]);
  }
  return a.base == b.base;
}

bool fits(const Type& from, const Type& to) {
  if (is_open(from) || is_open(to)) return true;
  if (from.optional && !to.optional) return false;
  if (from.base == Base::kNull) return to.optional;
  const auto element = [](const Type& t) {
    return t.element.empty() ? type_of(Base::kJson) : t.element[0];
  };
  switch (to.base) {
    case Base::kText: return is_text(from);
    case Base::kOneOf:
      return from.base == Base::kOneOf &&
             std::all_of(from.options.begin(), from.options.end(), [&](const auto& o) {
               return std::find(to.options.begin(), to.options.end(), o) != to.options.end();
             });
    case Base::kList: return from.base == Base::kList && fits(element(from), element(to));
    case Base::kMap:
      if (from.base == Base::kRecord) {
        return std::all_of(from.fields.begin(), from.fields.end(),
                           [&](const auto& f) { return fits(bare(f.type), element(to)); });
      }
      return from.base == Base::kMap && fits(element(from), element(to));
    case Base::kRecord: {
      if (from.base != Base::kRecord) return false;
      if (!from.record.empty() && !to.record.empty()) return from.record == to.record;
      // A record without a name, such as a result: field by field.
      return from.fields.size() == to.fields.size() &&
             std::all_of(to.fields.begin(), to.fields.end(), [&](const auto& wanted) {
               return std::any_of(from.fields.begin(), from.fields.end(), [&](const auto& has) {
                 return has.name == wanted.name && fits(has.type, wanted.type);
               });
             });
    }
    default: return from.base == to.base;
  }
}

namespace {

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

bool is_email(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size() ||
      text.find('@', at + 1) != std::string_view::npos) {
    return false;
  }
  return text.find_first_of(" \t\r\n<>,;\"") == std::string_view::npos && text[at + 1] != '.' &&
         text.back() != '.';
}

bool is_url(std::string_view text) {
  const std::size_t host = text.starts_with("https://") ? 8 : text.starts_with("http://") ? 7 : 0;
  return host > 0 && text.size() > host && text[host] != '/' &&
         text.find_first_of(" \t\r\n\"<>") == std::string_view::npos;
}

}  // namespace

std::string malformed_as(std::string_view text, Base base) {
  switch (base) {
    case Base::kUuid: return is_uuid(text) ? "" : "6f1c1a52-7d3c-4a3e-9f0a-1f2e3d4c5b6a";
    case Base::kEmail: return is_email(text) ? "" : "ann@example.com";
    case Base::kUrl: return is_url(text) ? "" : "https://example.com/path";
    case Base::kDate: return interpreter::is_date(text) ? "" : "2026-11-21";
    case Base::kTimestamp: return interpreter::parse_timestamp(text) ? "" : "2026-11-21T12:00:00Z";
    case Base::kDuration: return interpreter::parse_duration(text) ? "" : "90s";
    default: return "";
  }
}

}  // namespace belay::dsl
