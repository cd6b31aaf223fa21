// Folding into a state, in place: the two halves of apply(). decide() uses absorb() to see the
// consequence of what it has just drawn. Internal to the interpreter.
#pragma once
#include "interpreter/control.h"

namespace belay::interpreter {

void absorb(const Graph& graph, State& state, const Fact& fact, const Entry& entry);
void absorb(const Graph& graph, State& state, const Drawn& drawn);

}  // namespace belay::interpreter
