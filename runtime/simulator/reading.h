// A workflow read out in plain English: what happens in order, what each step does to the world,
// how it is undone, what may go wrong, who is asked, and until when there is a way back. Made from
// the step graph alone. Names stand in backticks; the renderers (explain.h) set them as their
// format does. Tested in tests/simulator/explain_test.cpp.
#pragma once
#include <string>
#include <vector>

#include "interpreter/graph.h"

namespace belay::runtime::simulator {

struct ReadingLine {
  int depth = 0;
  std::string number;  // "3", "7.1"; empty: goes on with the line before
  std::string text;
};

struct Reading {
  std::string title;               // "Confirm a booking (`confirm_booking`, version 1)"
  std::vector<std::string> frame;  // what it takes, when it must be finished, …
  std::vector<ReadingLine> steps;
  std::vector<std::string> money;   // every step that moves money, and its way back
  std::vector<std::string> people;  // who is asked when
  std::string gives;                // empty: nothing
};

Reading read_out(const interpreter::Graph& graph);

// "Hold the slot (`hold`)", or "`hold`" without a title.
std::string title_of(const interpreter::Node& node);

}  // namespace belay::runtime::simulator
