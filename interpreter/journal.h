// The journal of one saga: facts in the past tense, and with each fact what `decide` drew from it.
// State is the fold of these entries and of nothing else. An entry is written once and never
// changed; a change of meaning is a new version. The JSON form is in runtime/base/journal_json.h.
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "interpreter/graph.h"
#include "interpreter/value.h"

namespace belay::interpreter {

// Microseconds since 1970-01-01T00:00:00Z, by the database's clock. 0 means "none".
struct Instant {
  std::int64_t us = 0;
  auto operator<=>(const Instant&) const = default;
  explicit operator bool() const { return us != 0; }
};
Timestamp to_timestamp(Instant at);

// A node, and in which round of each loop around it (outermost first).
struct Path {
  NodeId node = kNoNode;
  std::vector<std::uint32_t> iteration;
  auto operator<=>(const Path&) const = default;
};

// `capture`, or `items[3].charge` inside loops, by the names of the statements.
std::string path_text(const Graph& graph, const Path& path);
// The reverse; node is kNoNode when no such path exists.
Path parse_path(const Graph& graph, std::string_view text);

// Which of a step's calls. A check reads whether the call before it happened.
enum class Direction : std::uint8_t { kForward, kCheck, kUndo, kUndoCheck };

// What is sent to the other side as the request key:
// "<saga>:<path>:<do|check|undo|undo-check>:<generation>".
std::string effect_key(std::string_view saga, const Graph& graph, const Path& path,
                       Direction direction, std::uint32_t generation);

enum class FailureKind : std::uint8_t {
  kBusiness,   // it certainly did not happen, and trying again will not help
  kTransient,  // it certainly did not happen, trying again may help
  kUnsure,     // it may have happened
};

enum class HoldReason : std::uint8_t {
  kNone,
  kUnknownOutcome,  // unsure, and nothing settles it
  kRefused,         // a 4xx that nobody mapped
  kFailed,          // a business error after the point of no return, or handed to a team
  kGaveUp,          // tries used up after the point of no return, or handed to a team
  kUndoFailed,      // an undo keeps failing
  kRequestChanged,  // after a restart or a retry the request is not the one that was sent
  kBadValue,        // an expression failed where nothing may be undone any more
};

enum class TimerPurpose : std::uint8_t { kRetry, kLimit, kPause, kDeadline };

// ---- Facts

struct Parent {                  // of a child saga: who is told how it ends
  std::string saga;              // empty: no child
  std::string path;              // path_text of the parent's statement
  std::uint32_t generation = 0;  // of the parent's call
  std::int32_t lane = 0;         // where an engine finds it
  bool operator==(const Parent&) const = default;
};
struct Started {
  Value input;  // a record of the workflow's takes
  Parent parent;
  bool queued =
      false;  // `one at a time`: another one is under way, nothing is done before TurnCame
  bool operator==(const Started&) const = default;
};
struct StepSucceeded {
  Path path;
  Direction direction = Direction::kForward;
  std::uint32_t generation = 0;
  Value result;  // a record of the action's gives
  bool operator==(const StepSucceeded&) const = default;
};
struct StepFailed {
  Path path;
  Direction direction = Direction::kForward;
  std::uint32_t generation = 0;
  FailureKind kind = FailureKind::kTransient;
  std::string error;      // `stripe.card_declined`, or built in: refused, timeout, no_answer, lost
                          // (with its engine), …
  std::string message;    // plain words, bounded
  bool answered = false;  // a whole answer came back (so a replayed error would come again)
  std::int64_t retry_after_ms = 0;  // what the other side asked for; 0: nothing
  bool operator==(const StepFailed&) const = default;
};
struct TimerFired {
  Path path;  // node kNoNode for kDeadline
  TimerPurpose purpose = TimerPurpose::kRetry;
  Direction direction = Direction::kForward;  // kRetry: of which call
  bool operator==(const TimerFired&) const = default;
};
struct EventTaken {
  Path path;
  std::string event_id;
  std::string event;
  Value payload;
  std::uint32_t source = 0;  // which of the wait's sources
  bool operator==(const EventTaken&) const = default;
};
struct CancelAsked {  // reason and actor are the entry's
  bool operator==(const CancelAsked&) const = default;
};
enum class OperatorAct : std::uint8_t { kPause, kResume, kRetry, kSkip, kResolve };
struct OperatorActed {
  OperatorAct act = OperatorAct::kPause;
  Path path;  // kRetry, kSkip, kResolve
  Direction direction = Direction::kForward;
  bool happened = false;  // kResolve
  Value output;           // kSkip, kResolve(happened): the result; may be null
  std::string evidence;   // kResolve
  bool operator==(const OperatorActed&) const = default;
};
// A saga reached the cap of entries: held until a person acts.
struct CapReached {
  bool operator==(const CapReached&) const = default;
};

struct AnswerGiven {  // to an `ask`; who answered is the entry's actor
  Path path;
  Value answer;  // a record of the question's fields
  bool operator==(const AnswerGiven&) const = default;
};
struct TurnCame {  // `one at a time`: those before it are over
  bool operator==(const TurnCame&) const = default;
};
struct UndoAsked {  // by the parent, of a child that may have completed
  bool operator==(const UndoAsked&) const = default;
};
// The saga goes on under another definition. The journal is folded by that one from its first entry
// on, which a replay has shown to give what was done.
struct Migrated {
  std::string from, to;  // hashes
  bool operator==(const Migrated&) const = default;
};

using Fact = std::variant<Started, StepSucceeded, StepFailed, TimerFired, EventTaken, CancelAsked,
                          OperatorActed, CapReached, AnswerGiven, TurnCame, UndoAsked, Migrated>;

// ---- Drawn: what decide concluded from a fact

// An arm of `when` (arms.size(): none matched), the branches of `together`, the body of `try`; of
// `repeat`, whose path then ends with the round just over (or none, at first): kAgain, kEnough,
// kUsedUp.
struct Took {
  Path path;
  std::uint32_t arm = 0;
  bool operator==(const Took&) const = default;
};
inline constexpr std::uint32_t kAgain = 0, kEnough = 1, kUsedUp = 2;
struct Looped {  // `for each` begins
  Path path;
  std::vector<Value> items;
  bool operator==(const Looped&) const = default;
};
struct Assigned {  // `set`, `collect`
  Path path;
  Value value;
  bool operator==(const Assigned&) const = default;
};
struct Sent {  // a call leaves once this entry is committed
  Path path;
  Direction direction = Direction::kForward;
  std::uint32_t generation = 0;
  std::uint64_t digest =
      0;            // of action and arguments; an unequal one is never sent under the same key
  std::string key;  // only with `request key`; else effect_key(…)
  bool operator==(const Sent&) const = default;
};
struct RetryAt {
  Path path;
  Direction direction = Direction::kForward;
  std::uint32_t generation =
      0;  // of the next try: the same after an unsure outcome, one more after a certain failure
  Instant at;
  bool by_handler = false;  // `try again after` of a handler, which counts its own tries
  bool operator==(const RetryAt&) const = default;
};
struct Settled {  // a check's answer: an unsure call is unsure no more
  Path path;
  Direction direction = Direction::kForward;  // kForward or kUndo: the call that was checked
  bool happened = false;
  Value result;
  bool operator==(const Settled&) const = default;
};
struct Held {
  Path path;
  Direction direction = Direction::kForward;
  HoldReason reason = HoldReason::kNone;
  std::string team;
  bool operator==(const Held&) const = default;
};
struct Failed {  // an expression failed before anything was sent: error `bad_value`
  Path path;
  Direction direction = Direction::kForward;
  std::string message;
  bool operator==(const Failed&) const = default;
};
struct Handled {  // a failure or a passed limit met its handler
  Path path;
  Direction direction = Direction::kForward;
  std::uint32_t handler = 0;  // index into the call's handlers, or one of these:
  Value value;                // `carry on with`: the step's result; null: none
  bool operator==(const Handled&) const = default;
};
inline constexpr std::uint32_t kActHandler =
    0xfffffffd;  // `carry on` as a statement of a handler's block
inline constexpr std::uint32_t kKeepHandler = 0xfffffffe;   // of `keep trying`
inline constexpr std::uint32_t kLimitHandler = 0xffffffff;  // `otherwise`
struct Waiting {
  Path path;
  std::vector<std::string> keys;  // one a source
  Instant until;                  // none: no limit
  bool operator==(const Waiting&) const = default;
};
struct Asked {
  Path path;
  Instant until;  // none: no limit
  bool operator==(const Asked&) const = default;
};
struct PausedUntil {
  Path path;
  Instant until;
  bool operator==(const PausedUntil&) const = default;
};
struct Published {
  Path path;
  std::string event;
  std::uint32_t version = 1;
  std::string key;
  Value payload;
  bool operator==(const Published&) const = default;
};
struct Passed {  // the point of no return
  Path path;
  bool operator==(const Passed&) const = default;
};
struct DeadlineAt {  // `finish within`
  Instant at;
  bool operator==(const DeadlineAt&) const = default;
};
struct Cancelling {  // from here on everything is undone
  Path path;         // who said so; kNoNode: an operator or the deadline
  std::string because;
  bool operator==(const Cancelling&) const = default;
};
// A part of the saga is undone while the rest goes on: a branch that lost or failed where others
// are enough, an item that failed where that is tolerated, the body of a `try`.
struct Unwinding {
  Path path;                  // of the together, for each or try
  std::uint32_t part = 0;     // branch, item; 0
  std::uint32_t handler = 0;  // `try`: which handler goes on afterwards
  Path cause;                 // the statement that failed; kNoNode: it lost
  std::string because;
  bool operator==(const Unwinding&) const = default;
};
struct Unwound {  // nothing of it is left to undo; its names are forgotten, control goes on
  Path path;
  std::uint32_t part = 0;
  bool operator==(const Unwound&) const = default;
};
struct NotUndone {  // nothing can or need be done: left over
  Path path;
  std::string because;
  bool operator==(const NotUndone&) const = default;
};
enum class Status : std::uint8_t { kRunning, kCompensating, kCompleted, kCompensated };
struct Ended {
  Status status = Status::kCompleted;
  Value output;
  std::string problem;  // the outputs could not be worked out; empty: none
  bool operator==(const Ended&) const = default;
};

using Drawn = std::variant<Took, Assigned, Sent, RetryAt, Settled, Held, Failed, Handled, Waiting,
                           PausedUntil, Published, Passed, DeadlineAt, Cancelling, NotUndone, Ended,
                           Looped, Asked, Unwinding, Unwound>;

struct Entry {
  std::uint64_t seq = 0;  // from 1, no gaps
  std::uint16_t version = 1;
  Instant at;
  std::string actor;  // who acted: "key:ops-anna", "webhook:stripe_in"; empty: the engine
  std::string reason;
  Fact fact;
  std::vector<Drawn> drawn;
  bool operator==(const Entry&) const = default;
};

}  // namespace belay::interpreter
