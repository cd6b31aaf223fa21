// Whole-value match of a declared `matching "…"` (RE2: linear time, whatever a stranger sends).
// Patterns come from checked definitions; the compiled ones are kept, bounded. Thread-safe. Tested
// in tests/runtime/json_test.cpp.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace belay::runtime {

// False also for a pattern that is none.
bool matches_pattern(const std::string& pattern, std::string_view text);

// Whether the pattern is found anywhere in the text (CEL's `matches`); nullopt when it is no
// pattern, or too large.
std::optional<bool> finds_pattern(const std::string& pattern, std::string_view text);

}  // namespace belay::runtime
