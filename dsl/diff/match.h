// Which statement of a new version is which of the old one, and which have moved. Internal to
// dsl/diff.
#pragma once
#include <vector>

#include "interpreter/compare.h"

namespace belay::diff {

struct Matching {
  std::vector<interpreter::NodeId> of_before, of_after;        // its other self, or kNoNode
  std::vector<interpreter::NodeId> order_before, order_after;  // all nodes as they are read
};
// Steps, waits, questions and child sagas are found by name (or, when that is gone, by what they
// do: they were renamed); all others by what they do, then by where they stand.
Matching match(const interpreter::Versions& versions);

struct Move {
  interpreter::NodeId before = 0, after = 0;
  bool earlier = false;
  // What it has passed, in the order of the new version; the nearest is the one it stands next to
  // now.
  std::vector<interpreter::NodeId> passed;  // ids of the new version
  bool elsewhere = false;                   // in another block; then nothing is said of order
};
// The fewest moves that explain the new order; between two that explain it alike, the step that
// moves money has moved.
std::vector<Move> moves(const interpreter::Versions& versions, const Matching& matching);

}  // namespace belay::diff
