// The JSON Schema (draft-07) of the YAML form, for editors: completion, hover, and typos as one
// types.
#pragma once
#include <string>

namespace belay::dsl {

std::string yaml_schema();

}  // namespace belay::dsl
