// The reference interpreter: a saga as LANGUAGE.md tells it, played once from its start to its end
// in a scripted world. It keeps no journal, survives no crash and is in no hurry: each statement
// that is under way is an object (frame.h) that starts, is told what came of its parts, and can be
// taken back; time is a list of things to do. Where LANGUAGE.md is silent,
// docs/adr/0015-what-the-reference-found.md says what was decided.
#pragma once
#include "tests/reference/program.h"
#include "tests/reference/trace.h"
#include "tests/reference/world.h"

namespace belay::reference {

// Mistakes that the reference can be told to make, for a test that disagreements are found.
enum class Flaw { kNone, kNewKeyAfterUnsure, kUndoForward, kKeepLosers, kNoDeadline, kOneTryLess };

// Whether a person who looks after a held step would have it sent again: not where a repeat could
// do the thing twice, and not where a handler may have done something since.
bool may_be_retried(const Stmt& step, Direction direction, bool unknown);

struct Played {
  Trace trace;
  std::map<std::string, std::string> told;  // what the world did, by call
  bool tied = false;  // two limits were over at one moment: which counts first is nobody's promise
  std::set<Stmt::Kind> entered;  // kinds of statements that ran
};
Played play(const Program& program, const Script& script, Flaw flaw = Flaw::kNone);

}  // namespace belay::reference
