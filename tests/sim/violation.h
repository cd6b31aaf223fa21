// A broken promise: which check saw it, and what it saw. The names are those of the table in docs/testing.md.
#pragma once
#include <string>

namespace belay::sim {

struct Violation {
  std::string check, what;
  bool operator==(const Violation&) const = default;
};

namespace checks {
inline constexpr const char* kAnswered = "an answer means committed";
inline constexpr const char* kFold = "the state is the fold of the journal";
inline constexpr const char* kReplay = "deciding anew draws the same";
inline constexpr const char* kIntent = "no effect before its intent is committed";
inline constexpr const char* kHolder = "only a lane's holder sends";
inline constexpr const char* kUnsureKey = "an unsure call keeps its key";
inline constexpr const char* kOneOutcome = "one outcome a key";
inline constexpr const char* kNothingNew = "nothing new is begun once all is undone";
inline constexpr const char* kPaused = "nothing is sent while it is paused";
inline constexpr const char* kTurnBack = "cancel against confirm: one wins";
inline constexpr const char* kFence = "a fenced node writes nothing";
inline constexpr const char* kTimers = "timers fire once and never early";
inline constexpr const char* kClock = "entries are of their time";
inline constexpr const char* kGaps = "a journal has no gaps";
inline constexpr const char* kStored = "what was committed is stored";
inline constexpr const char* kProvider = "the provider is asked only for what makes sense";
inline constexpr const char* kMoney = "the provider's ledger agrees";
inline constexpr const char* kEnd = "it ends as its answers say";
inline constexpr const char* kCrashProof = "a crash changes nothing about the end";
inline constexpr const char* kAwake = "no wake-up is lost";
inline constexpr const char* kEnds = "everything ends, or is held with a reason";
inline constexpr const char* kOnce = "the same request is one request";
inline constexpr const char* kEvents = "events are taken once, and nothing of them stays";
inline constexpr const char* kLine = "one at a time";
inline constexpr const char* kAsserted = "BELAY_CHECK in the product";
}  // namespace checks

}  // namespace belay::sim
