// A journal entry in words, for people who look for what went wrong at three in the morning: one
// line for the fact, one for each thing that followed from it. Names are those of the definition.
// Tested in tests/runtime/api_text_test.cpp.
#pragma once
#include <string>
#include <vector>

#include "interpreter/graph.h"
#include "interpreter/journal.h"

namespace belay::runtime::api {

// How a line is to be read at a glance; the console and the command line choose a symbol for each.
enum class Mark : std::uint8_t {
  kInfo,
  kSent,
  kOk,
  kFailed,
  kUnsure,
  kWaiting,
  kUndo,
  kPerson,
  kAlarm,
  kEnd
};
const char* name(Mark mark);

struct HistoryLine {
  Mark mark = Mark::kInfo;
  std::string text;
  std::vector<std::string> follows;  // what decide drew from the fact
};
HistoryLine history_line(const interpreter::Graph& graph, const interpreter::Entry& entry);

// `1 hour 30 minutes`, `2 seconds`, `150 milliseconds`: at most two units.
std::string duration_text(std::int64_t us);

// "do not know whether it happened", … for people.
const char* words(interpreter::HoldReason reason);

}  // namespace belay::runtime::api
