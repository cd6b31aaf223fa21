// Runs one saga on the real interpreter in a scripted world: virtual time, no threads, no database,
// no clock. What the interpreter decides is journaled as the engine journals it; a killed engine
// folds that journal and recovers. The world keeps its own books of what it was told to do, so that
// what is left over can be held against what the saga believes. A command that the simulator does
// not know ends the run with a problem. Tested in tests/simulator.
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
};

struct Run {
  std::vector<Entry> journal;
  State state;
  std::map<Path, WorldEffect> world;
  std::vector<PublishedEvent> published;
  std::vector<Note> notes;
  std::map<CallAt, std::uint32_t> sends;  // how often each call was sent
  std::string problem;  // the run could not go on: an unknown command, no end; empty: none
  Instant ended_at;     // time of the last entry
};

struct Surroundings {                              // what a graph does not hold
  std::map<std::string, std::int64_t> timeout_ms;  // by connector
};

Run simulate(const Graph& graph, const Script& script, const Surroundings& around = {});

// What stands in the world although everything should be undone, by the world's own books: paths of
// effects that were carried out and not taken back. Empty for a saga that completed.
std::vector<Path> world_left_over(const Graph& graph, const Run& run);

// The books against the saga's own account (left_over); what differs, in words. Empty: they agree.
std::vector<std::string> disagreements(const Graph& graph, const Run& run);

// The value of a program over a state (as a saga at the end of it would see it), with `extra`
// values for slots from graph.slots.size() on.
interpreter::Evaluated evaluate_in(const Graph& graph, const State& state,
                                   const interpreter::Program& program,
                                   const std::vector<std::uint32_t>& iteration = {},
                                   const std::vector<Value>* extra = nullptr);

}  // namespace belay::runtime::simulator
