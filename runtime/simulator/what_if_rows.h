// One run of the what-if table as a row, rows with the same ending put together, and their words.
#pragma once
#include "runtime/simulator/what_if.h"

namespace belay::runtime::simulator {

std::string quoted(std::string_view name);

// How the run ended; without what happened in it (`ifs`).
WhatIfRow row_of_run(const Graph& graph, const Run& run);

bool same_outcome(const WhatIfRow& a, const WhatIfRow& b);

// Adds the row, or its `ifs` to a row with the same outcome.
void merge(std::vector<WhatIfRow>& rows, WhatIfRow row);

// Where a row has all of some alternatives, they become one.
void compact(std::vector<std::string>& ifs);

}  // namespace belay::runtime::simulator
