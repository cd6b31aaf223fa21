// The reading, the time budget and the what-if table of a workflow as one page: text for a
// terminal, Markdown, or one self-contained HTML file. Tested in tests/simulator/explain_test.cpp.
#pragma once
#include <string>

#include "dsl/time_budget.h"
#include "runtime/simulator/reading.h"
#include "runtime/simulator/what_if.h"

namespace belay::runtime::simulator {

struct Explanation {
  Reading reading;
  std::vector<std::string> time;  // the time budget, a sentence each
  WhatIf table;
  std::string picture;  // SVG; empty: none
};

Explanation explain(const Graph& graph, const std::vector<dsl::Scenario>& scenarios,
                    const Surroundings& around = {}, WhatIfBounds bounds = {});

// What the table adds up to, how it was made, and what it leaves out.
std::string table_note(const WhatIf& table);

// Every row of one section has the section's columns: what happens, how it ends, undone, left over,
// told.
std::string explain_text(const Explanation& explanation);
std::string explain_markdown(const Explanation& explanation);
std::string explain_html(const Explanation& explanation);

}  // namespace belay::runtime::simulator
