// Questions about a state: what people and the instance row are told. Pure; nothing here is stored
// in the state.
#pragma once
#include <string>
#include <vector>

#include "interpreter/interpret.h"

namespace belay::interpreter {

enum class Health : std::uint8_t {
  kOk,
  kRetrying,
  kPaused,
  kOverdue,
  kHeld,            // a person must act: refused, failed, gave up, request changed, …
  kUnknownOutcome,  // a person must find out whether it happened
  kUndoFailed,      // an undo keeps failing, a person must act
};

struct Summary {
  Health health = Health::kOk;
  std::string
      waiting_on;  // "event payment.authorised, key 7" / "retry of capture" /
                   // "an answer to `approve` by manager" / "its turn (one at a time per customer)"
                   // / "a person: capture (unknown outcome)"; empty while it works
  std::string failure;  // the latest failure that matters, "capture: stripe.card_declined: …"
  bool parked = false;  // nothing is in flight: only a timer, an event or a person moves it on
};
Summary summary(const Graph& graph, const State& state);

struct LeftOver {
  Path path;
  std::string what;  // "capture (moves money)"
  std::string why;   // "its undo keeps failing: …", "no undo because …", "skipped by a person",
                     // "outcome unknown"
};
// What stands in the world although it was to be undone, or would stand if everything stopped now.
// Of a running or completed saga: what is left of the parts of it that were undone.
std::vector<LeftOver> left_over(const Graph& graph, const State& state);

// The acts that would be accepted now: {"cancel", ""}, {"retry", "capture"}, {"resolve",
// "capture"}, …
struct AllowedAct {
  std::string act;   // cancel, pause, resume, retry, skip, resolve, answer
  std::string path;  // of a step or a question, else empty
  Direction direction = Direction::kForward;
};
std::vector<AllowedAct> allowed_acts(const Graph& graph, const State& state);

// What an act would do, worked out by running it on a copy: what is repeated, kept, undone, left
// over.
struct Preview {
  bool allowed = false;
  std::string why_not;
  std::vector<std::string> repeats, keeps, undoes, leaves;  // paths with words
  std::string next;                                         // what happens first
};
Preview preview(const Graph& graph, const State& state, const Fact& act, std::string_view saga);

const char* kind_words(NodeKind kind);  // "a step", "a `for each`", "a question"
const char* name(Health health);        // "ok", "retrying", "paused", "overdue", "held",
                                        // "unknown_outcome", "undo_failed"
const char* name(Status status);        // "running", "compensating", "completed", "compensated"
const char* name(HoldReason reason);
const char* name(Direction direction);  // "do", "check", "undo", "undo-check"
const char* name(FailureKind kind);     // "business", "transient", "unsure"

}  // namespace belay::interpreter
