// A program as text of the language, for the real compiler.
#pragma once
#include <string>

#include "tests/reference/program.h"

namespace belay::reference {

std::string print(const Program& program, const std::string& workflow);
// What every program is written against: actions, events and a child, as kActions says them.
std::string print_world();

}  // namespace belay::reference
