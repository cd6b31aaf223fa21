// A saga in memory: its state, the instance row as it was last handed to a batch, and where it
// stands in the batches, the timers and the list of parked ones. Loading is folding: a snapshot if
// its format fits, then the entries after it, checked for gaps. A saga that cannot be folded is
// quarantined, never guessed at. Tested in tests/runtime/engine_test.cpp.
#pragma once
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "interpreter/interpret.h"
#include "interpreter/view.h"
#include "runtime/engine/engine.h"

namespace belay::runtime {

struct Saga {
  SagaId id;
  Lane lane = 0;
  GraphPtr graph;
  interpreter::State state;
  InstanceRow row;                  // row.state is never kept here
  std::uint64_t journaled = 0;      // entries at the last snapshot; 0: none
  std::size_t journaled_bytes = 0;  // of the entries since then
  std::size_t snapshot_bytes = 0;   // of that snapshot
  std::uint64_t batch = 0;          // number of the batch it last had rows in
  std::uint64_t first_batch = 0;    // of its start; 0: it was loaded
  std::int64_t epoch = 0;           // of its lane, since it is in memory
  std::uint32_t owner = 0;          // its index among that batch's owners
  std::uint32_t uncommitted = 0;    // batches with rows of it that have not come back
  Instant timer_at;                 // its place in the timers; 0: none
  bool firing = false;              // a timer is due, and waits for its tenant's part of a flush
  bool stored = false;              // the instance row exists in the database or in a batch
  bool parked = false;              // as in the last summary
  bool rewrite =
      false;  // its next row carries the state, whatever its size: it has another definition
  bool counted_held = false;        // stats
  std::list<Saga*>::iterator idle;  // its place among the parked ones, when in_idle
  bool in_idle = false;
  SealPtr seal;         // of one with private values
  bool erased = false;  // its key is gone: it has ended, and nothing more may be written
  std::vector<std::string> questions;  // paths of those open as the rows say, sorted
};

// Names of health that only the engine gives.
inline constexpr const char* kQuarantined = "quarantined";
// The marks of one that is being taken up after repeated crashes. To be found with the first may be
// chance: somebody killed the process just then. To be found with the second is not.
inline constexpr const char* kLoading = "loading";
inline constexpr const char* kLoadingAgain = "loading_again";

// What seals which row: moved to another place, it does not open.
inline std::string bound_to_state(const SagaId& saga, std::uint64_t seq) {
  return saga + ":state:" + std::to_string(seq);
}
inline std::string bound_to_event(const std::string& id) { return "event:" + id; }

// Opens what is sealed of a loaded saga; without a key what may be read without one stays.
// Failures: kCorrupt.
Result<void> open_sealed(LoadedSaga& loaded, const SealPtr& key);

// Folds. Failures: kCorrupt (a gap, a body that cannot be read), kUnsupported (written by a newer
// program).
Result<std::unique_ptr<Saga>> fold(LoadedSaga loaded, GraphPtr graph);

// The paths of the questions that are open, sorted as text. Empty, at no cost, for workflows that
// ask nobody.
std::vector<std::string> open_questions(const interpreter::Graph& graph,
                                        const interpreter::State& state);

// What the instance row should say now. Returns true when it differs from `saga.row` in what people
// or the loader look for (status, health, waiting_on, failure, due_at), and updates saga.row (with
// ended_at) and saga.parked.
bool refresh_row(Saga& saga);

}  // namespace belay::runtime
