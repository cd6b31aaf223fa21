// `for each` and `repeat` in a state: rounds begin and end, names are left behind. A loop's body
// runs at the loop's own iteration with the round's number added. Nothing here evaluates an
// expression. Internal to the interpreter.
#pragma once
#include "interpreter/interpret.h"

namespace belay::interpreter {

// The statement that a path of a `repeat` is about: without the round that the path may end with.
Path without_round(const Graph& graph, const Path& path);

// `for each` begins with these items; one of its items is over (done, or undone again): the next
// ones begin, and after the last one control goes on.
void begin_loop(const Graph& graph, State& state, const Path& path,
                const std::vector<Value>& items);
void item_over(const Graph& graph, State& state, const Path& path, std::uint32_t item);

Loop* find_loop(State& state, const Path& path);
const Loop* find_loop(const State& state, const Path& path);

// The values that the last round of a `repeat` leaves behind.
void export_round(const Graph& graph, State& state, const Path& path, std::uint32_t round);

}  // namespace belay::interpreter
