// The state of one saga: what its journal adds up to. A plain value: comparable, copyable, ordered
// containers only. Only apply() changes it; everybody else reads it through the questions of
// view.h.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "interpreter/journal.h"

namespace belay::interpreter {

// A new meaning of the stored form. A snapshot of another format is thrown away and the journal
// folded again.
inline constexpr std::uint32_t kStateFormat = 3;

enum class CallPhase : std::uint8_t {
  kIdle,      // never sent
  kDue,       // to be sent: its wait is over, or a person said so
  kInFlight,  // sent, no outcome yet
  kFailed,    // an outcome came, decide has not drawn from it yet (never at rest)
  kBackoff,   // waits until `due`
  kSettling,  // unsure; its check runs
  kHeld,      // a person must act
  kSucceeded,
  kRefused,  // certainly not done, and will not be
};

struct CallState {
  CallPhase phase = CallPhase::kIdle;
  std::uint32_t generation = 0;
  std::uint32_t tries = 0;          // sends so far, over all generations
  std::uint32_t handler_tries = 0;  // `try again` of a handler
  bool unsure = false;              // the present generation may have taken effect
  std::uint64_t digest = 0;
  Instant first_sent_at;  // of the present generation: keys wear out
  Instant sent_at;        // the latest: when it was decided, it may have left later
  Instant unsure_at;      // when the latest unsure outcome came: by then it had left
  Instant due;            // kBackoff
  FailureKind failure = FailureKind::kTransient;  // of the latest failure
  std::string error, message;
  bool answered = false;
  std::int64_t retry_after_ms = 0;
  HoldReason hold = HoldReason::kNone;
  std::string team;
  Value result;     // kSucceeded, until drawn from (checks), else null
  std::string key;  // only with `request key`
  bool operator==(const CallState&) const = default;
};

// What a step, wait, question or pause has done to the world.
enum class EffectState : std::uint8_t { kNone, kMaybe, kDone, kUndone, kLeftOver };

struct Activity {
  Path path;
  bool open = true;  // forward control still stands here
  EffectState effect = EffectState::kNone;
  CallState forward, check, undo, undo_check;
  Instant until;  // a wait's limit, a pause's end
  bool limit_passed = false;
  std::vector<std::string> keys;     // a wait's, one a source
  std::vector<std::uint32_t> taken;  // a wait's sources whose events have come, sorted
  Instant keep_since, undo_since;    // when trying began
  std::string left_because;
  bool operator==(const Activity&) const = default;
};

struct Variable {
  SlotId slot = 0;
  std::vector<std::uint32_t> iteration;
  Value value;
  bool operator==(const Variable&) const = default;
};

struct Join {  // of a `together` that is under way
  Path path;
  std::uint32_t left = 0;              // successes still needed
  std::vector<std::uint32_t> running;  // branches that are neither over nor being undone, sorted
  bool operator==(const Join&) const = default;
};

struct Loop {  // of a `for each` that is under way
  Path path;
  std::vector<Value> items;            // null once begun: it is in its variable then
  std::uint32_t next = 0;              // the first item that was not begun
  std::uint32_t failed = 0;            // tolerated so far
  std::vector<std::uint32_t> running;  // items that are neither over nor being undone, sorted
  bool operator==(const Loop&) const = default;
};

struct Unwind {  // see Unwinding in journal.h
  Path path;
  std::uint32_t part = 0;
  std::uint32_t handler = 0;
  bool loser = false;  // the statement went on without it
  std::string because;
  bool operator==(const Unwind&) const = default;
};

struct Lost {  // a branch that is undone, once more around it is undone too: for the others its
               // names stay gone
  Path path;   // of the `together`
  std::uint32_t part = 0;
  bool operator==(const Lost&) const = default;
};

// The positions of the activities that are not at rest, sorted: what follows of itself is looked
// for there only, so that an item of a long loop costs the same as one of a short loop. It may name
// one that has come to rest, never miss one that has not. No part of what a state says: worked out
// from the activities where it is not known.
struct Awake {
  bool known = false;
  std::vector<std::uint32_t> positions;
  bool operator==(const Awake&) const { return true; }
};

struct State {
  std::uint64_t seq = 0;    // of the last entry
  Instant started_at, now;  // now: of the last entry
  Status status = Status::kRunning;
  Parent parent;
  bool undo_asked = false;  // by the parent, after it had completed or before
  bool queued = false;      // `one at a time`: its turn has not come
  bool paused = false;
  bool cancel_asked = false;
  bool deadline_passed = false;
  bool past_no_return = false;
  bool capped = false;
  Instant deadline;
  std::string because;      // why it was cancelled
  std::vector<Path> ready;  // nodes to be entered, in order
  bool at_end = false;      // control has left the last node
  std::vector<Activity>
      activities;  // sorted by path; changed only as control.h has it, for `awake`
  Awake awake;
  std::vector<Variable> variables;        // sorted by slot, iteration
  std::vector<Join> joins;                // sorted by path
  std::vector<Loop> loops;                // sorted by path
  std::vector<Unwind> unwinding;          // sorted by path, part
  std::vector<Lost> lost;                 // in the order in which they came
  std::vector<std::string> taken_events;  // ids, sorted
  Value output;
  std::string problem;
  bool operator==(const State&) const = default;

  bool ended() const { return status == Status::kCompleted || status == Status::kCompensated; }
};

}  // namespace belay::interpreter
