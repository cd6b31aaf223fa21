// Types as an author would write them. Tested in tests/interpreter/value_test.cpp.
#include "interpreter/type.h"

namespace belay::interpreter {
namespace {

std::string base_text(const Type& type) {
  switch (type.base) {
    case Type::Base::kJson: return "json";
    case Type::Base::kText: return "text";
    case Type::Base::kUuid: return "uuid";
    case Type::Base::kEmail: return "email";
    case Type::Base::kUrl: return "url";
    case Type::Base::kDate: return "date";
    case Type::Base::kInt: return "int";
    case Type::Base::kDouble: return "double";
    case Type::Base::kBool: return "bool";
    case Type::Base::kMoney: return "money";
    case Type::Base::kTimestamp: return "timestamp";
    case Type::Base::kDuration: return "duration";
    case Type::Base::kBytes: return "bytes";
    case Type::Base::kOneOf: {
      std::string out = "one of ";
      for (std::size_t i = 0; i < type.options.size(); ++i)
        out += (i ? ", \"" : "\"") + type.options[i] + "\"";
      return out;
    }
    case Type::Base::kList:
      return "list of " + (type.element.empty() ? "json" : to_text(type.element[0]));
    case Type::Base::kMap:
      return "map of " + (type.element.empty() ? "json" : to_text(type.element[0]));
    case Type::Base::kRecord: return type.record.empty() ? "record" : type.record;
    case Type::Base::kUint: return "uint";
    case Type::Base::kNull: return "null";
    case Type::Base::kType: return "type";
    case Type::Base::kError: return "unknown";
  }
  return {};
}

}  // namespace

std::string to_text(const Type& type) {
  std::string out = type.optional ? "optional " : "";
  if (type.is_private) out += "private ";
  out += base_text(type);
  if (type.min && type.max)
    out += " from " + std::to_string(*type.min) + " to " + std::to_string(*type.max);
  if (!type.pattern.empty()) out += " matching \"" + type.pattern + "\"";
  if (type.size_max) {
    const bool items = type.base == Type::Base::kList || type.base == Type::Base::kMap;
    out += " at most " + std::to_string(*type.size_max) + (items ? " items" : " characters");
  }
  return out;
}

}  // namespace belay::interpreter
