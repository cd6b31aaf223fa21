// What expressions need of the world: patterns by RE2, named time zones from the system's table
// (package tzdata). The engine gives it to every graph it runs (Graph::environment); scopes outside
// the engine name it themselves. Thread-safe. Tested in tests/cel and
// tests/runtime/environment_test.cpp.
#pragma once
#include "interpreter/expr.h"

namespace belay::runtime {

const interpreter::Environment& environment();

}  // namespace belay::runtime
