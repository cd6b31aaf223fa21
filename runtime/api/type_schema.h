// Declared types as JSON Schema (2020-12): what programs that start sagas and publish events
// validate and generate code from. Says the same as coerce() in json_value.h. Tested in
// tests/runtime/api_text_test.cpp.
#pragma once
#include <string>
#include <vector>

#include "interpreter/type.h"

namespace belay::runtime::api {

std::string schema_of(const interpreter::Type& type);
// Of a record of these fields: an object without further properties.
std::string schema_of(const std::vector<interpreter::Field>& fields);

}  // namespace belay::runtime::api
