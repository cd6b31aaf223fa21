// Reads along: everything that the database commits, entry by entry, with books of its own about
// fences, intents, keys, timers and turns, and says when a promise of docs/ARCHITECTURE.md is
// broken. It trusts neither the engine nor the store. Of the interpreter it uses the fold alone, to
// compare what the engine believes with what is stored.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "interpreter/interpret.h"
#include "runtime/store/memory_store.h"
#include "tests/sim/programs.h"
#include "tests/sim/violation.h"

namespace belay::sim {

using interpreter::Direction;
using interpreter::Instant;
using interpreter::Path;
using runtime::Lane;
using runtime::SagaId;

class Auditor {
 public:
  // What is known of one saga from its committed journal.
  struct Watch {
    const interpreter::Graph* graph = nullptr;
    std::uint64_t seq = 0;
    Instant at;
    interpreter::State state;                 // the fold
    runtime::InstanceRow row;                 // as last committed
    std::string input;                        // JSON
    std::set<std::string> intents;            // request keys that may leave
    bool passed = false, cancelling = false;  // the point of no return; everything is undone
    bool must_compensate = false;             // a cancel was taken in time
    bool failed = false;                      // some call failed, or some limit passed
    std::uint64_t boundary = 14695981039346656037ULL;  // of what was committed so far
    int cancels = 0, pauses = 0, resumes = 0, answers = 0;
    std::vector<std::string> took;  // ids of events
  };

  explicit Auditor(const Program& program) : program_(program) {}
  // Deciding anew costs as much as deciding: not in every schedule.
  void prove_replay(bool on) { prove_ = on; }

  // A node has claimed lanes.
  void claimed(int node, const std::vector<runtime::ClaimedLane>& lanes);
  // The store has answered a flush of `node`.
  void flushed(int node, const runtime::Flush& flush, const runtime::FlushResult& result,
               Instant now);
  // Whether the database has this flush already: it is sent once more because its acknowledgement
  // was lost.
  bool has(const runtime::Flush& flush) const;
  // A call leaves `node`.
  void sends(int node, const std::string& saga, Lane lane, const std::string& key);
  // The engine tells a committed state.
  void told(const SagaId& saga, const interpreter::State& state);

  const Watch* saga(const SagaId& id) const;
  const std::map<SagaId, Watch>& sagas() const { return sagas_; }
  bool has_event(const std::string& id) const { return events_.contains(id); }
  // At the end: what the store holds is what was committed.
  void compare(const runtime::MemoryStore& store);

  void bad(const char* check, std::string what) {
    if (!violation_) violation_ = Violation{check, std::move(what)};
  }
  const std::optional<Violation>& violation() const { return violation_; }
  // Boundaries: what was committed when, as hashes over kinds and places of entries.
  const std::vector<std::uint64_t>& boundaries() const { return boundaries_; }
  int holder(Lane lane) const;

 private:
  struct LaneBook {
    std::int64_t epoch = 0, head = 0;
    int holder = -1;
  };
  struct CallBook {
    std::uint32_t generation = 0;
    bool sent = false, unsure = false;
  };
  struct Book {  // beside Watch: what only the checks need
    std::map<std::pair<Path, Direction>, CallBook> calls;
    std::set<std::tuple<Path, Direction, std::uint32_t>> succeeded;
    std::map<std::tuple<Path, interpreter::TimerPurpose, Direction>, Instant> armed;
  };

  void entry(const runtime::JournalRow& row, Instant now);
  void fact(const SagaId& id, Watch& watch, Book& book, const interpreter::Entry& entry);
  void drawn(const SagaId& id, Watch& watch, Book& book, const interpreter::Drawn& drawn);

  const Program& program_;
  bool prove_ = false;
  std::vector<LaneBook> lanes_ = std::vector<LaneBook>(64);
  std::map<SagaId, Watch> sagas_;
  std::unordered_map<SagaId, Book> books_;
  std::map<std::string, int> events_;
  std::optional<Violation> violation_;
  std::vector<std::uint64_t> boundaries_;
};

}  // namespace belay::sim
