// What a simulated world does: how each call ends, which events come when, where the engine is
// killed, what people do, whether the workflow is started twice. Scenarios are turned into scripts
// (scenario_run.h), and the what-if table writes its own (what_if.h).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/interpret.h"

namespace belay::runtime::simulator {

using interpreter::Binding;
using interpreter::Direction;
using interpreter::NodeId;

struct CallAt {  // one call of a statement, in every round of the loops around it
  NodeId node = interpreter::kNoNode;
  Direction direction = Direction::kForward;
  // The statements that run the child saga it stands in, outermost first; empty: the saga itself.
  std::vector<NodeId> of = {};
  auto operator<=>(const CallAt&) const = default;
};

// A round of the loop that a statement stands in (the innermost), from 0; kEveryRound: all of them.
// A child saga's statement that stands in no loop is in the round of the statement that runs it.
inline constexpr std::int64_t kEveryRound = -1;

inline bool in_round(std::int64_t round, const std::vector<std::uint32_t>& rounds) {
  return round == kEveryRound || (!rounds.empty() && rounds.back() == round);
}

struct Answer {
  enum class Kind : std::uint8_t { kSuccess, kBusiness, kTransient, kUnsure } kind = Kind::kSuccess;
  bool happened = false;       // kUnsure: the world did it although nobody was told
  bool timed_out = false;      // kUnsure: no answer came within the call's limit
  std::string error;           // kBusiness
  std::vector<Binding> gives;  // kSuccess: fields of the result; the others are samples
  std::vector<std::pair<std::string, interpreter::Value>> fields;  // the same, worked out already
  std::string says;  // kSuccess of a check: "yes", "no", "not yet"; empty: what is true
};

struct Rule {  // a rule about one round comes before those about all
  CallAt call;
  Answer answer;
  std::uint32_t times = 0;  // how often; 0: always. Then the next rule of the call, else success.
  std::int64_t round = kEveryRound;
};

struct Arrival {  // of a wait's event, or of the answer to a question
  NodeId wait = interpreter::kNoNode;
  std::int64_t source = -1;  // which of the wait's sources; -1: each of them
  bool never = false;
  bool early = false;                 // it was there when the saga started
  std::int64_t after_ms = 1000;       // since the wait began
  std::int64_t before_start_ms = -1;  // >= 0: so long before the saga started
  std::uint32_t copies = 1;
  std::vector<Binding> with;  // fields of the event; the others are samples
  std::int64_t round = kEveryRound;
  std::vector<NodeId> of = {};  // as CallAt::of
};

enum class Moment : std::uint8_t { kBefore, kDuring, kAfter };

// The engine is gone, once, and comes back: before the call left it, after the world carried the
// call out but before its outcome was journaled, or after that but before anything that follows
// left.
struct Crash {
  CallAt call;
  Moment moment = Moment::kDuring;
  std::int64_t round = kEveryRound;
};

struct PersonAct {
  enum class When : std::uint8_t {
    kAfterStart,  // after_ms
    kAtCall,      // at `call`: kDuring when it was sent (or the wait began), kAfter when it has
                  // succeeded
    kWhenHeld,    // once `call` is held
  } when = When::kAfterStart;
  CallAt call;
  std::int64_t round = kEveryRound;
  Moment moment = Moment::kAfter;
  std::int64_t after_ms = 0;
  interpreter::Fact fact;  // its path, output and direction are filled in when it happens
  std::string reason;
  std::vector<Binding> with;  // kSkip, kResolve: the result
};

struct SecondStart {          // of the workflow, beside the first
  std::int64_t after_ms = 0;  // since the first
  std::vector<Binding> with;  // inputs that are others; the rest is the same
};

struct Script {
  interpreter::Value input;
  std::string started_by;  // the event that starts it; empty: somebody does
  std::optional<SecondStart> again;
  std::vector<Rule> rules;
  std::vector<Arrival> arrivals;
  std::vector<Crash> crashes;
  std::vector<PersonAct> acts;
  // The run ends once one of these waits is open and only time could pass.
  std::vector<CallAt> rest_at;
  bool events_come = false;  // waits without an arrival get their event all the same
};

}  // namespace belay::runtime::simulator
