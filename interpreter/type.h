// The declared types of the language as data: what an input, an argument, a result or an event
// field may hold. The compiler checks expressions against them; the edges of the runtime decode and
// validate JSON against them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace belay::interpreter {

struct Field;

struct Type {
  enum class Base : std::uint8_t {
    kJson,  // anything; reading into it is unchecked (`dyn` in CEL)
    kText,
    kUuid,
    kEmail,
    kUrl,
    kDate,  // all strings as values; a date is YYYY-MM-DD
    kInt,
    kDouble,
    kBool,
    kMoney,
    kTimestamp,
    kDuration,
    kBytes,
    kOneOf,  // a string out of `options`
    kList,
    kMap,     // of `element[0]`; map keys are strings
    kRecord,  // `record` names the type declaration, `fields` are its fields, in order
    kUint,
    kNull,
    kType,   // CEL's own; no declaration can name them
    kError,  // of an expression that was already complained about: silent downstream
  };
  Base base = Base::kJson;
  bool optional = false;                 // the value may be absent
  bool is_private = false;               // masked in answers and logs
  std::optional<std::int64_t> min, max;  // int: bounds of the value
  std::optional<std::int64_t> size_max;  // text: characters; list and map: items
  std::string pattern;                   // text: RE2, whole value; empty means none
  std::vector<std::string> options;      // kOneOf
  std::vector<Type> element;             // kList, kMap: exactly one
  std::string record;                    // kRecord
  std::vector<Field> fields;             // kRecord

  bool operator==(const Type&) const = default;
};

struct Field {
  std::string name;
  Type type;
  bool operator==(const Field&) const = default;
};

// As an author would write it: `optional text`, `list of Customer`, `int from 1 to 9`.
std::string to_text(const Type& type);

}  // namespace belay::interpreter
