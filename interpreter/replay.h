// A recorded history against an edited definition: would the edited one have drawn the same from
// the same facts, and may the saga go on under it? Pure. The journal is read by the definition that
// wrote it; its statements are found in the edited one by name. Tested in
// tests/interpreter/replay_test.cpp.
//
// At every entry the edited definition decides for itself and is compared with what was recorded.
// Three things may differ without a difference, because they are over: the request of a call that
// was answered, the time of a retry that was made, the limit of a wait that has ended. Of what is
// not over they do count.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/interpret.h"

namespace belay::interpreter {

enum class VerdictKind : std::uint8_t {
  kSame,     // every entry draws the same, and nothing that may still come has changed
  kDiffers,  // from `entry` on it goes another way
  kCannot,   // entry `entry` holds something for which the edited definition has no place
};

struct Verdict {
  VerdictKind kind = VerdictKind::kSame;
  std::uint64_t entry =
      0;  // kSame: 0; when only what comes after the journal differs: the last entry's + 1
  bool ahead = false;  // kDiffers: all entries draw the same, what may still come has changed
  std::string why;     // plain words; empty for kSame
  std::vector<Drawn> recorded;  // from the first difference on; paths by the recorded definition
  std::vector<Drawn> instead;   // what the edited one draws there; paths by the edited definition
  std::vector<std::string> changed;  // ahead: the statements that have changed, by name
  // Whether the saga may go on under the edited definition: nothing of what is recorded would have
  // been otherwise.
  bool movable() const { return kind == VerdictKind::kSame || ahead; }
};

struct Replayed {
  Verdict verdict;
  State state;  // the fold of the journal by the edited definition; only when movable
};

// REQUIRES: both graphs are indexed; the journal is whole, from entry 1, and was written under
// `recorded_by` (or migrated to it).
Replayed replay(const Graph& recorded_by, const Graph& edited, std::string_view saga,
                const std::vector<Entry>& journal);

const char* name(VerdictKind kind);  // "same", "differs", "cannot"

// The path of the same statement in another version; kNoNode stays itself. On failure says why in
// `problem` (a line without a full stop) and returns false.
bool translate(const Graph& from, const Graph& to, Path& path, std::string& problem);

// Whether a value is one of this type. Patterns are not tried; private values pass, they may be
// sealed.
bool fits(const Value& value, const Type& type);

}  // namespace belay::interpreter
