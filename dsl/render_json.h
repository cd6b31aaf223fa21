// JSON text, for the renderers of diagnostics.
#pragma once
#include <string>
#include <string_view>

namespace belay::dsl {

// As a JSON string; bytes that are no UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);

}  // namespace belay::dsl
