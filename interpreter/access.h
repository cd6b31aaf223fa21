// Reading into a value: `base.name`, `base[key]` and their optional forms, as CEL has them. What is
// read of an optional value is optional again; a failure is an error value.
#pragma once
#include <string>

#include "interpreter/functions.h"

namespace belay::interpreter {

Evaluated field_of(const Value& base, const std::string& name);
// base.?name: none when a map has no such key, or when base is none.
Evaluated optional_field_of(const Value& base, const std::string& name);
// base[key]; a long key costs.
Evaluated subscript_of(const Value& base, const Value& key, Budget& budget);
Evaluated optional_index_of(const Value& base, const Value& key, Budget& budget);
// A key that the map or the list does not have; false when it could not have such a key at all.
bool is_missing(const Value& range, const Value& key);

}  // namespace belay::interpreter
