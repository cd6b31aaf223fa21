// Moving about in a state: lookups and structural control flow, shared by apply, decide and the
// views. Internal to the interpreter; nobody else includes this.
#pragma once
#include "interpreter/interpret.h"
#include "interpreter/unwind.h"

namespace belay::interpreter {

// To change it: it is awake then.
Activity* find_activity(State& state, const Path& path);
const Activity* find_activity(const State& state, const Path& path);
// The activity of that path, made when it is not there yet. To change it.
Activity& activity_at(State& state, const Path& path);
// To change any of them, or to take some out.
std::vector<Activity>& all_activities(State& state);

// Whether nothing follows of it before somebody changes it: control has left it, no call of it is
// under way or waits.
bool at_rest(const Activity& activity);
// Leaves out of `state.awake` what has come to rest.
void look_who_is_awake(State& state);
// Calls `visit(activity)` in order for all that are awake, and perhaps for others.
template <class Visit>
void each_awake(const State& state, Visit visit) {
  if (state.awake.known) {
    for (const std::uint32_t at : state.awake.positions) visit(state.activities[at]);
  } else {
    for (const Activity& activity : state.activities) visit(activity);
  }
}

CallState& call_of(Activity& activity, Direction direction);
const CallState& call_of(const Activity& activity, Direction direction);
// What the call runs: the step's call, its check, its undo, the undo's check. Null when the node
// has none such.
const Call* spec_of(const Node& node, Direction direction);
// kForward for kForward and kCheck, kUndo for the others: the call that a check is about.
Direction main_of(Direction direction);
Direction check_of(Direction direction);

// What the call does. A call that runs a child saga is as good as one that is safe to repeat: the
// same one starts once.
const Action& action_of(const Graph& graph, const Call& call);
// How many loops surround the node.
std::size_t depth_of(const Graph& graph, NodeId node);
Join* find_join(State& state, const Path& path);
const Join* find_join(const State& state, const Path& path);

const Value* find_variable(const State& state, SlotId slot,
                           const std::vector<std::uint32_t>& iteration, std::size_t depth);
void set_variable(const Graph& graph, State& state, SlotId slot,
                  const std::vector<std::uint32_t>& iteration, Value value);

// Control enters a block of `parent` (or leaves it at once when it is empty), leaves a node, leaves
// a block of `parent`. The iteration is the one inside the block.
void enter_block(const Graph& graph, State& state, NodeId parent, std::uint32_t block,
                 const std::vector<std::uint32_t>& iteration);
void complete(const Graph& graph, State& state, const Path& path);
void leave_block(const Graph& graph, State& state, NodeId parent, std::uint32_t block,
                 const std::vector<std::uint32_t>& iteration);
// The branches of a `together` begin.
void begin_branches(const Graph& graph, State& state, const Path& path);
// The step did what it should: its result is known, control goes on unless everything is being
// undone.
void forward_succeeded(const Graph& graph, State& state, Activity& activity, const Value& result);
// Whether the wait still takes an event of that source.
bool awaits(const Graph& graph, const Activity& activity, std::uint32_t source);
// Whether a person may let it be tried anew: not when something of its own blocks has been begun.
bool may_try_anew(const Graph& graph, const State& state, const Activity& activity,
                  Direction direction);
void remove_ready(State& state, const Path& path);

// Whether the step leaves a mark outside that an undo would take back.
bool leaves_mark(const Graph& graph, const Node& node);
// Whether nothing about this activity is open any more: proven free, undone, or left over.
bool is_settled(const Activity& activity);
// The other side may have forgotten the key of this call by `now`.
bool key_worn_out(const Action& action, const CallState& call, Instant now);

// What is known of variables when evaluating at `path`, which must outlive the scope.
class StateScope : public Scope {
 public:
  StateScope(const Graph& graph, const State& state, const Path& path)
      : graph_(graph), state_(state), path_(path) {}
  const Value* slot(std::uint32_t index) const override {
    if (index >= graph_.slots.size()) return nullptr;
    if (!(state_.unwinding.empty() && state_.lost.empty()) && hidden(graph_, state_, index, path_))
      return nullptr;
    return find_variable(state_, index, path_.iteration, graph_.slots[index].depth);
  }
  Timestamp now() const override { return to_timestamp(state_.now); }
  const Environment* environment() const override { return graph_.environment; }

 private:
  const Graph& graph_;
  const State& state_;
  const Path& path_;
};

}  // namespace belay::interpreter
