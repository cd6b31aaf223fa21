// Runs one saga on the real interpreter in a scripted world: virtual time, no threads, no database,
// no clock. The sagas that it runs are run as well, each on its own graph, where the workspace has
// their definition. What the interpreter decides is journaled as the engine journals it; a killed
// engine folds those journals and recovers. The world keeps its own books of what it was told to
// do, so that what is left over can be held against what the saga believes. The loop is in stage.h,
// one saga of it in player.h. Tested in tests/simulator.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "interpreter/view.h"
#include "runtime/simulator/script.h"

namespace belay::runtime::simulator {

using interpreter::Entry;
using interpreter::Graph;
using interpreter::Instant;
using interpreter::Path;
using interpreter::State;
using interpreter::Value;

inline constexpr std::string_view kSaga = "simulated";
inline constexpr Instant kStart{1'800'000'000'000'000};  // 2027-01-15T08:00:00Z

// One effect in the world's books.
struct WorldEffect {
  Path path;
  std::uint32_t done = 0;  // how often it was carried out
  bool undone = false;
  bool excused = false;     // its undo was answered with a business error: nothing there to undo
  bool late_event = false;  // an event that came when nobody waited for it any more
  Value result;
};

struct PublishedEvent {
  std::string event, key;
  Value payload;
};

struct Note {  // what happened outside of the journal: the engine was killed, an event found nobody
  std::uint64_t after_seq = 0;
  Instant at;
  std::string text;
  std::uint64_t told = 0;  // see Run::told
};

struct SagaRun;

struct Run {
  std::vector<Entry> journal;
  std::vector<std::uint64_t> told;  // the place of each entry among those of all sagas of the world
  State state;
  std::map<Path, WorldEffect> world;
  std::vector<PublishedEvent> published;
  std::vector<Note> notes;
  std::string problem;  // the run could not go on: no value, no end; empty: none
  Instant ended_at;     // time of the last entry
  // Of the saga itself, not of a SagaRun: how often each call of any saga was sent, and the other
  // sagas of its world in the order in which they began.
  std::map<CallAt, std::uint32_t> sends;
  std::vector<SagaRun> others;
};

// A saga beside the first: one that is run by a statement, or a second start of the workflow.
struct SagaRun {
  enum class Begun : std::uint8_t {
    kAtOnce,
    kQueued,   // `one at a time`: it had to wait for its turn, which may have come since
    kRefused,  // another one was under way: there is no journal
    kSame,     // `once per`: the start found the first saga: there is no journal
  } begun = Begun::kAtOnce;
  const Graph* graph = nullptr;  // of Surroundings::workflows, or the run's own: must outlive this
  std::string id;
  std::vector<NodeId> of;             // the statements that run it, outermost first
  std::vector<std::uint32_t> rounds;  // of the loops around these statements, outermost first
  std::string dotted;                 // `stay`, `trip.stay`; empty: a second start
  std::string in;         // " of item 2", of the loops around these statements; or empty
  bool second = false;    // a second start, or below one
  bool detached = false;  // nobody waits for it, nobody undoes it
  std::string why;        // kRefused
  Run run;
  std::string name() const { return of.empty() ? "the second start" : dotted + in; }
};

struct Surroundings {                              // what a graph does not hold
  std::map<std::string, std::int64_t> timeout_ms;  // by connector
  // The definitions of the workspace, for the sagas that a saga runs; nullptr: of these only the
  // outcome is made up.
  const std::vector<Graph>* workflows = nullptr;
};

Run simulate(const Graph& graph, const Script& script, const Surroundings& around = {});

// What a `run` statement runs, or nullptr when the workspace does not have that very definition.
const Graph* child_of(const interpreter::Node& run, const Surroundings& around);

// `capture`, `hold of item 2`, `look of item 1 of round 3`: as sentences of a scenario say it, the
// innermost loop first, counted from 1.
std::string place_text(const Graph& graph, const Path& path);
// The same of another saga's statement: `stay.room`, `stay.room of item 2`.
std::string place_text(const SagaRun& saga, const Path& path);

// What stands in the world although everything should be undone, by the world's own books: paths of
// effects that were carried out and not taken back. Empty for a saga that completed.
std::vector<Path> world_left_over(const Graph& graph, const Run& run);

// The books against the accounts of the saga and of all others (left_over); what differs, in words.
// Empty: they agree.
std::vector<std::string> disagreements(const Graph& graph, const Run& run);

// The value of a program over a state (as a saga at the end of it would see it), with `extra`
// values for slots from graph.slots.size() on.
interpreter::Evaluated evaluate_in(const Graph& graph, const State& state,
                                   const interpreter::Program& program,
                                   const std::vector<std::uint32_t>& iteration = {},
                                   const std::vector<Value>* extra = nullptr);

}  // namespace belay::runtime::simulator
