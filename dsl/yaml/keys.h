// The keys of the YAML form, construct by construct, with what editors say of them: what `belay
// schema` is made from. A test holds this table against the keys that the reader takes
// (tests/dsl/schema_test.cpp), so neither can drift.
#pragma once
#include <string_view>
#include <vector>

namespace belay::dsl::yaml {

struct KeyRow {
  std::string_view of;  // the construct: a declaration, a statement, or a map inside one
  std::string_view key;
  std::string_view shape;  // of its value: a shape of dsl/schema.cpp, or a construct
  std::string_view doc;    // for people, one or two sentences
  bool needed = false;
  std::string_view unless = "";  // needed only where none of these keys stands (blanks between)
};

struct Construct {
  enum class Kind { kDeclaration, kStatement, kMap } kind = Kind::kMap;
  std::string_view name;
  std::string_view
      label;  // kMap: what the reader calls it (Fields); others are told by their first key
};

// Declarations and statements in the order in which their keys are looked for.
const std::vector<Construct>& constructs();
const std::vector<KeyRow>& key_rows();

}  // namespace belay::dsl::yaml
