// Undoing: of the whole saga, or of a part while the rest goes on. A part is a branch of a
// `together`, an item of a `for each` or the body of a `try`; an activity is inside when its chain
// of parents passes through that part. Also the way of a failure outward, to the statement that
// takes it. Internal to the interpreter.
#pragma once
#include <functional>
#include <optional>

#include "interpreter/interpret.h"

namespace belay::interpreter {

// Whether the place is inside that part of the statement at `whole`.
bool inside(const Graph& graph, const Path& place, const Path& whole, std::uint32_t part);
// Whether the place is inside any part of the statement at `whole`: its body, a branch, a block of
// its handlers.
bool below(const Graph& graph, const Path& place, const Path& whole);

// Whether everything there is being undone: with the whole saga, or with a part of it.
bool undoing(const Graph& graph, const State& state, const Path& place);

// The part that is undone because of a failure at `path` which its statement's own handlers do not
// take, looked for from the inside to the outside; none: the whole saga.
std::optional<Unwinding> caught(const Graph& graph, const State& state, const Path& path,
                                std::string_view error);

// No new steps, retry waits cut short; what is in flight or unsure has still to settle.
void close(const Graph& graph, Activity& activity);

// What was being undone alone, where `in` holds, goes on being undone as a part of something
// greater.
void join_the_whole(State& state, const std::function<bool(const Path&)>& in);
void begin_unwinding(const Graph& graph, State& state, const Unwinding& drawn);
void end_unwinding(const Graph& graph, State& state, const Unwound& drawn);

// Whether a value of that slot is unknown to the reader: it was set inside a part that is being
// undone, and the reader stands outside of it.
bool hidden(const Graph& graph, const State& state, std::uint32_t slot, const Path& reader);

// Whether `first` comes before `second` in every run of the graph: what must be undone after it.
bool precedes(const Graph& graph, const Path& first, const Path& second);

// What of a part (null: of the whole saga) is not settled, and nothing that came after it is
// unsettled: what may be undone now, unless it is in flight, held, or has nothing to undo. Sorted.
// Empty: everything is settled.
std::vector<Path> last_unsettled(const Graph& graph, const State& state, const Unwind* part);

}  // namespace belay::interpreter
