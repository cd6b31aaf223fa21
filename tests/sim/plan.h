// One schedule, written down: which program runs, what the provider answers, what clients ask for and when, where the
// database or a process fails, and in which order the parts of the engine take their steps. The same plan runs the same
// way every time, so a plan is what a seed becomes, what a shrinker makes smaller and what a failure is repeated from.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace belay::sim {

// How the provider takes one call.
enum class Outcome : std::uint8_t {
  kOk,
  kBusiness,     // a certain refusal: it did not happen and will not
  kTransient,    // it did not happen, later it may
  kUnsureDid,    // no answer, and it happened
  kUnsureDidNot, // no answer, and it did not
  kLate,         // no answer, and it happens a little later
};
inline constexpr int kOutcomes = 6;
const char* name(Outcome outcome);

// What the provider answers to the calls of one step, in order; afterwards everything is fine.
struct Script {
  std::string step;    // its name
  bool undo = false;   // to the calls of its undo
  std::vector<Outcome> outcomes;
  bool operator==(const Script&) const = default;
};

enum class FaultKind : std::uint8_t {
  kDieBefore,      // the process dies, the flush is not written
  kDieUnheard,     // the flush is written, the process dies before it hears of it
  kDieAfter,       // what follows the flush has left, then the process dies
  kRollback,       // the flush is not written, the writer hears that there is no database
  kAckLost,        // the flush is written, the writer hears that there is no database
  kOutage,         // no database for some seconds, from this flush on
  kDataError,      // the database refuses the flush's first journal row, always
  kTakeOver,       // the flush is written; the node sleeps until its lease is over, another claims, then the first wakes
  kFailover,       // the database comes back as it was `arg` flushes ago: what synchronous commit excludes
};
inline constexpr int kFaultKinds = 9;
const char* name(FaultKind kind);

struct Fault {
  FaultKind kind = FaultKind::kDieBefore;
  int flush = 1;  // counted over the whole run, from 1
  int arg = 0;
  bool operator==(const Fault&) const = default;
};

enum class AskKind : std::uint8_t {
  kStart,   // the program's workflow, for order `arg`
  kCancel,  // the saga of order `arg`
  kEvent,   // publish pay.arrived for order `arg`
  kPause, kResume,
  kAnswer,  // the open question: granted
  kJump,    // no request: `arg` seconds pass at once
};
inline constexpr int kAskKinds = 7;
const char* name(AskKind kind);

struct Ask {
  AskKind kind = AskKind::kStart;
  int after_flush = 0;  // sent once so many flushes are through
  int arg = 1;
  bool twice = false;   // the client sends it a second time without waiting for the first answer
  bool operator==(const Ask&) const = default;
};

struct Plan {
  std::string program;
  std::uint64_t seed = 0;  // of the order of steps; 0: the loop, the writer, the loader, then the oldest answer
  std::vector<Script> scripts;
  std::vector<Ask> asks;
  std::vector<Fault> faults;
  std::string end;         // how it must end (Report::end); empty: not compared. Not part of the text
  bool operator==(const Plan&) const = default;
};

// One line: "line_3 seed=7 s1=transient,ok undo.s2=late start@0:1 cancel@4:1 die_after@3".
std::string to_text(const Plan& plan);
std::optional<Plan> parse_plan(const std::string& text);

}  // namespace belay::sim
