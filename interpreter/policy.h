// What follows a failure: try again, check, hand over to a handler, hold, or undo everything. Looks
// at the step's policies and the state, evaluates only what a handler says. Internal to the
// interpreter; used by decide().
#pragma once
#include <optional>
#include <string_view>

#include "interpreter/control.h"

namespace belay::interpreter {

// What to do about a call in phase kFailed. `send` says that the check must be sent (its drawing
// needs arguments).
struct Resolution {
  std::optional<Drawn> drawn;
  bool send_check = false;
};
Resolution after_failure(const Graph& graph, const State& state, const Activity& activity,
                         Direction direction, std::string_view saga);

// Whether an unsure outcome of that call needs nobody to find out, because it only reads. Not when
// its author has said who is to find out: a check, `if unsure, undo anyway`, `if unsure, hand to`.
bool nothing_can_have_happened(const Graph& graph, const Activity& activity, Direction direction);

// What a finished check (phase kSucceeded) tells about its call.
Drawn after_check(const Graph& graph, const State& state, const Activity& activity, Direction check,
                  std::string_view saga);

// What follows a wait or a question whose limit has passed.
Drawn after_limit(const Graph& graph, const State& state, const Activity& activity);

// What follows when the body of a `try` is undone, or the rounds of a `repeat` are used up.
Drawn after_part(const Graph& graph, const State& state, const Activity& activity);

// What `carry on`, `try again`, `hand to` as statements of a handler's block at `path` say about
// their statement.
Drawn by_statement(const Graph& graph, const State& state, const Path& path, std::string_view saga);

// A failure at `path` that its statement's own handlers do not take: it goes outward to the part
// that takes it, else the whole saga is undone, or a person must look, when that is not possible
// any more.
struct Failure {
  std::string error, message;
  HoldReason hold = HoldReason::kFailed;  // after the point of no return
};
Drawn go_outward(const Graph& graph, const State& state, const Path& path, const Failure& failure);

// The handler that names the error, else the one for any error.
std::optional<std::uint32_t> handler_for(const Call& spec, std::string_view error);

// The outputs of `finish with` at `path`: Ended, or the way of the error `bad_value`. At the end of
// the saga (no path) the outputs are `gives`, and Ended names the problem when an expression
// failed.
Drawn ended_with(const Graph& graph, const State& state, const std::vector<Binding>& outputs,
                 const Path& path);

// A record of the bindings' values. Absent values (an optional name that is not there) are left
// out.
Evaluated evaluate_record(const Graph& graph, const State& state,
                          const std::vector<Binding>& bindings, const Path& path);

}  // namespace belay::interpreter
