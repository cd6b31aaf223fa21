// What happened in a run, in words and in order: one line for each thing that a reader would tell.
#pragma once
#include <string>
#include <vector>

#include "runtime/simulator/simulator.h"

namespace belay::runtime::simulator {

struct Happening {
  std::uint64_t seq = 0;      // of the entry, or the one before
  std::int64_t after_ms = 0;  // since the start
  std::string text;           // of another saga: indented, behind that saga's name
  std::string saga;           // `stay`, `the second start`; empty: the saga itself
};

// What happened in all sagas of the run, in one order. `seq` is of the saga itself, else 0.
std::vector<Happening> timeline(const Graph& graph, const Run& run);

// `capture`, `the undo of capture`, `the check of capture`; with backticks around the name.
std::string call_words(const Graph& graph, const Path& path, Direction direction);
std::string call_words(const std::string& place, Direction direction);
// What a call runs: its action, or the child saga that it starts.
std::string action_name(const Graph& graph, const interpreter::Node& node,
                        const interpreter::Call& call);
// The business errors that a call of a step (not its check) may end in, by its declaration.
std::vector<std::string> errors_of(const Graph& graph, const CallAt& at);
// Why a call is held: "it was refused", "its tries are used up"; of an undo "it fails".
const char* hold_words(interpreter::HoldReason reason);
// "0.2 s", "15 min", "1 h 5 min", "2 days": two units at most.
std::string length_words(std::int64_t ms);

// Paths in the order in which the saga took them for undone, and the entry that made it so.
std::vector<std::pair<Path, std::uint64_t>> undone_in_order(const Graph& graph, const Run& run);
// Steps and waits that succeeded, in order, undone later or not.
std::vector<std::pair<Path, std::uint64_t>> done_in_order(const Graph& graph, const Run& run);

}  // namespace belay::runtime::simulator
