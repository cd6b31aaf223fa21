// The other side: the same program through the real compiler and the real interpreter (apply and
// decide), in the same world, told in the same words.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "interpreter/graph.h"
#include "tests/reference/saga.h"

namespace belay::reference {

// The graphs of several programs, in their order; null where the compiler refused one. `problems`
// says why.
struct Compiled {
  std::vector<std::shared_ptr<const interpreter::Graph>> graphs;
  std::string problems;
  std::vector<std::string> codes;  // of the errors
};
Compiled compile(const std::vector<std::string>& programs);

Played play_real(const Program& program, const interpreter::Graph& graph, const Script& script);

}  // namespace belay::reference
