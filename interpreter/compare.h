// Whether two versions of a workflow say the same somewhere. Ids are given anew by every
// compilation, so statements, actions and variables are compared by name, and expressions by what
// they compute. Texts that are only for people (titles, places, the spelling of an expression) do
// not count. Pure. Tested in tests/interpreter/replay_test.cpp and, through the business diff, in
// tests/dsl/diff_test.cpp.
#pragma once
#include "interpreter/graph.h"

namespace belay::interpreter {

bool same(const Program& before, const Program& after);
bool same(const std::vector<Binding>& before, const std::vector<Binding>& after);

class Versions {
 public:
  Versions(const Graph& before, const Graph& after) : before_(before), after_(after) {}
  const Graph& before() const { return before_; }
  const Graph& after() const { return after_; }

  // Each takes the older version's part first.
  bool same_action(ActionId a, ActionId b) const;
  bool same_block(const Block& a, const Block& b) const;  // the same names in the same order
  bool same_act(const Act& a, const Act& b) const;
  bool same_handlers(const std::vector<Handler>& a, const std::vector<Handler>& b) const;
  bool same_keep(const std::optional<Keep>& a, const std::optional<Keep>& b) const;
  bool same_rate(const std::optional<Rate>& a, const std::optional<Rate>& b) const;
  bool same_call(const Call& a, const Call& b) const;
  // All but its undo and the blocks that it holds (their statements are compared by themselves).
  bool same_forward(const Node& a, const Node& b) const;
  bool same_undo(const Node& a, const Node& b) const;
  // It stands in the same block of the same statement.
  bool same_place(const Node& a, const Node& b) const;

 private:
  const Graph& before_;
  const Graph& after_;
};

}  // namespace belay::interpreter
