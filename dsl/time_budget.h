// How long a workflow may take at worst, by its own words: every try of every call runs into its
// limit, every wait between tries and every wait for an event takes all its time, and then it still
// goes on. Held against `finish within` and against the life of what was reserved on the way.
//
// The life of a hold: a step whose action `reserves` and that is given a constant duration by an
// argument `keep_for` (or by the only argument of type duration). It must last until the last step,
// not behind the point of no return, that moves money or reads the hold's result; without such a
// step, until that point. Tested in tests/dsl/time_budget_test.cpp.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/graph.h"

namespace belay::dsl {

struct NodeBudget {
  interpreter::NodeId node = interpreter::kNoNode;
  std::int64_t begins_ms = 0, ends_ms = 0;  // at worst, since the start
};

struct HoldBudget {
  interpreter::NodeId step = interpreter::kNoNode;
  std::int64_t life_ms = 0;
  interpreter::NodeId until =
      interpreter::kNoNode;   // the step that needs it last, or the point, or kNoNode: the end
  std::int64_t worst_ms = 0;  // from the hold's first try until then
};

struct TimeBudget {
  std::vector<NodeBudget> nodes;         // statements that take time, in order
  std::int64_t total_ms = 0;             // to the end
  std::optional<std::int64_t> point_ms;  // until the point of no return
  std::optional<std::int64_t> finish_within_ms;
  std::vector<HoldBudget> holds;
  // Statements whose time no constant bounds (a pause until a point in time, a limit that is
  // computed): left out.
  std::vector<interpreter::NodeId> open;

  // What `finish within` must cover: after the point of no return it only marks the saga overdue.
  std::int64_t binding_ms() const { return point_ms.value_or(total_ms); }
};

// `timeout_ms`: of one call, by connector.
TimeBudget time_budget(const interpreter::Graph& graph,
                       const std::map<std::string, std::int64_t>& timeout_ms);

// "40 minutes", "1 hour 5 minutes": two units at most.
std::string length_text(std::int64_t ms);

}  // namespace belay::dsl
