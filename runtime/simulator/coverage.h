// What the runs of a workflow's scenarios exercised, and what none of them did: statements, undos,
// declared errors, and the ways through loops and races. The sagas that a saga runs count for
// themselves: in scenarios of their own. Tested in tests/simulator/statement_test.cpp.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/simulator/simulator.h"

namespace belay::runtime::simulator {

// What the runs of a workflow exercised, and what none of them did.
class Coverage {
 public:
  explicit Coverage(const Graph& graph) : graph_(graph) {
    for (const interpreter::Node& node : graph.nodes) {
      acts_ = acts_ || node.kind == interpreter::NodeKind::kAct ||
              node.kind == interpreter::NodeKind::kFinish;
    }
  }
  void add(const Run& run);

  struct Count {
    std::size_t seen = 0, all = 0;
  };
  Count statements() const;
  Count undos() const;
  Count errors() const;
  // Ways through loops and races that a statement's name does not show: rounds used up, a branch
  // that loses, items that are undone.
  Count ways() const;
  // "no scenario exercises `stripe.refund` (the undo of `capture`)", in the order of the workflow.
  std::vector<std::string> missing() const;

 private:
  std::vector<std::pair<CallAt, std::string>> all_errors() const;

  // A way, by the loop or race it belongs to.
  enum class Way : std::uint8_t {
    kUsedUp,     // `repeat`: its rounds are used up
    kLoses,      // `together`, waiting for some: the others were faster than this branch
    kOneUndone,  // `for each`, tolerating failures: one item is undone while the others go on
    kManyUndone  // a loop: more than one item or round is undone
  };
  struct WayAt {
    NodeId node = interpreter::kNoNode;
    Way way = Way::kUsedUp;
    std::uint32_t branch = 0;  // kLoses
    auto operator<=>(const WayAt&) const = default;
  };
  std::vector<WayAt> all_ways() const;
  std::string words(const WayAt& way) const;
  void add_ways(const interpreter::Entry& entry);

  const Graph& graph_;
  bool acts_ = false;  // whether it has any
  std::set<NodeId> entered_, undone_, late_;
  std::set<std::pair<CallAt, std::string>> errors_;
  std::set<WayAt> ways_;
  // Of the run that is added: the rounds of each loop in which an undo was sent.
  std::map<std::pair<NodeId, std::vector<std::uint32_t>>, std::set<std::uint32_t>> undone_rounds_;
};

}  // namespace belay::runtime::simulator
