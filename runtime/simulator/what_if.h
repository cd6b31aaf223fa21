// The what-if table: for every step, wait and undo of a workflow and of the sagas that it waits
// for, everything that may happen to it, each run on the simulator, and how it ends: what was
// undone, what is left over, what the customer is told. Nothing here works out an ending; rows are
// what runs gave, and equal ones are put together. Tested in tests/simulator/explain_test.cpp.
#pragma once
#include <string>
#include <vector>

#include "dsl/scenario.h"
#include "runtime/simulator/simulator.h"

namespace belay::runtime::simulator {

struct WhatIfRow {
  std::vector<std::string> ifs;  // what happens; any of them ends like this
  std::string ends;              // "completed", "everything is undone", "held at …"
  std::vector<std::string> undone, left_over, told;
  std::vector<std::string> remarks;  // where the world's books differ from the saga's
  // The same, and then an undo fails as well: `ifs` says which and how.
  std::vector<WhatIfRow> undo_failures;
};

struct WhatIfSection {
  std::string title;  // "Take the money (`capture`)"
  std::string about;  // in which world it is tried, when that is not the plain one
  std::vector<WhatIfRow> rows;
};

struct WhatIf {
  std::vector<WhatIfSection> sections;
  std::vector<std::string> not_reached;  // statements that no sample and no scenario reaches
  // Cases, and how many of them end in which way.
  std::size_t cases = 0, completed = 0, undone = 0, left_over = 0, need_a_person = 0;
  std::size_t runs = 0;
  std::size_t cut = 0;                    // runs that the bound left out
  std::vector<std::string> cut_children;  // sagas that it runs of which some statement has no case
};

struct WhatIfBounds {
  std::size_t runs_max = 5000;
  std::size_t entries_max = 150'000;  // of the journals of all runs: long loops take long
};

WhatIf what_if(const Graph& graph, const std::vector<dsl::Scenario>& scenarios,
               const Surroundings& around = {}, WhatIfBounds bounds = {});

}  // namespace belay::runtime::simulator
