// Random programs of every statement, nested in each other, that the compiler accepts: the
// generator knows which names exist where, what may be absent, and what may stand after a point of
// no return or in a branch.
#pragma once
#include "tests/reference/program.h"

namespace belay::reference {

Program generate(std::uint64_t seed);

}  // namespace belay::reference
