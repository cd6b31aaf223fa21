// Whether a literal pattern of `matches` is one: RE2's syntax, as at run time
// (runtime/base/pattern.h).
#pragma once
#include <string>

namespace belay::dsl {

// What is wrong with the pattern, in RE2's words; empty when nothing is.
std::string pattern_problem(const std::string& pattern);

}  // namespace belay::dsl
