// Whether a graph that was read from bytes keeps the promises that the interpreter counts on.
// Internal to the interpreter; used by graph_codec.cpp.
#pragma once
#include <string>

#include "interpreter/graph.h"

namespace belay::interpreter {

// Empty when it does, else what is wrong. Does not need Graph::index().
std::string graph_problem(const Graph& graph);

}  // namespace belay::interpreter
