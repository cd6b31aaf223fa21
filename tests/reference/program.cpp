// Words for values and statements.
#include "tests/reference/program.h"

namespace belay::reference {

std::string text(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull: return "null";
    case Value::Kind::kInt: return std::to_string(value.number);
    case Value::Kind::kBool: return value.number != 0 ? "true" : "false";
    case Value::Kind::kList: {
      std::string out = "[";
      for (const Value& item : value.items) out += (out.size() > 1 ? ", " : "") + text(item);
      return out + "]";
    }
    case Value::Kind::kRecord: {
      std::string out = "{";
      for (const auto& [name, field] : value.fields)
        out += (out.size() > 1 ? ", " : "") + name + ": " + text(field);
      return out + "}";
    }
  }
  return "";
}

const char* words(Stmt::Kind kind) {
  static constexpr const char* kWords[kStmtKinds] = {
      "step",    "run",    "set",    "when",     "together",  "for each",
      "repeat",  "wait",   "pause",  "ask",      "try",       "point of no return",
      "publish", "cancel", "finish", "carry on", "try again", "hand to"};
  return kWords[static_cast<int>(kind)];
}

}  // namespace belay::reference
