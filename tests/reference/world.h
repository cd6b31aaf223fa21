// The world of one run, fixed by a script: what every call meets and how long it takes, which
// events come when, who answers, when somebody cancels. Both interpreters get a world of their own
// from the same script; the same question always has the same answer, because answers are drawn
// from the seed and the question, not from a sequence. The world keeps its books: a request key
// that took effect is answered as done when it is repeated, and a check tells the truth.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/reference/program.h"

namespace belay::reference {

using Time = std::int64_t;  // microseconds since the saga began
inline constexpr Time kSecond = 1'000'000;

enum class Direction { kDo, kCheck, kUndo, kUndoCheck };
const char* words(Direction direction);

struct Event {
  Time at = 0;  // negative: before the saga began
  int event = 0;
  std::int64_t key = 0, n = 0;
};

struct Script {
  std::uint64_t seed = 0;
  int trouble = 0;              // 0: everything works … 3: little does
  std::vector<Event> events;    // by time
  std::optional<Time> cancel;   // somebody asks for it
  bool people = false;          // somebody looks after what is held
  std::set<std::string> tamed;  // calls, by id, that just work: the shrinker's
  std::int64_t x = 0;           // the input
};
Script make_script(std::uint64_t seed);
std::string text(const Script& script);

struct Answer {
  enum class Kind { kOk, kBusiness, kTransient, kUnsure };
  Kind kind = Kind::kOk;
  std::string error;  // kBusiness
  Time after = 0;
  std::int64_t n = 0;      // kOk
  std::string happened;    // of a check: yes, no, not yet
  std::string id;          // what a script tames
  const char* words = "";  // what it was, for people and for counting
};

// What a person does with a step that is held.
struct Help {
  enum class Kind { kRetry, kSkip, kResolve };
  Kind kind = Kind::kRetry;
  Time after = 0;
  std::int64_t n = 0;  // kSkip, kResolve: the result
};

// All that an answer may be, in the words of Answer::words.
inline constexpr const char* kOutcomes[] = {"ok",
                                            "business",
                                            "refused",
                                            "transient",
                                            "unsure, did not happen",
                                            "unsure, happened",
                                            "late success",
                                            "check yes",
                                            "check no",
                                            "check not yet",
                                            "check transient",
                                            "check unsure",
                                            "check refused",
                                            "child ok",
                                            "child cancelled",
                                            "child stopped",
                                            "child done before it was stopped",
                                            "child undone",
                                            "child left something over",
                                            "a person answers",
                                            "nobody answers",
                                            "a person retries",
                                            "a person skips",
                                            "a person looks: yes",
                                            "a person looks: no"};

class World {
 public:
  explicit World(const Script& script) : script_(script) {}

  // One sending of a call. `place` is the statement with its rounds: `charge[1]`.
  Answer call(const std::string& place, Direction direction, std::uint32_t generation, int action,
              Time within);
  // How a child ends, how long after it was started, or told to stop, or told to undo itself.
  Answer child(const std::string& place);
  Answer child_stopped(const std::string& place);
  Answer child_undone(const std::string& place);
  // The answer to a question, so long after it was asked; or nobody answers.
  std::optional<Answer> person(const std::string& place);

  // Somebody may look after a held step, up to three times. `unknown`: whether it happened is not
  // known; `anew`: a retry is possible.
  std::optional<Help> help(const std::string& place, Direction direction, bool unknown, bool anew);
  // What that person finds when looking.
  bool happened(const std::string& place, Direction direction);

  const std::map<std::string, std::string>& told() const { return told_; }  // id → what came of it

 private:
  std::uint64_t draw(const std::string& id, const char* what) const;
  Answer base(const std::string& id);
  Answer note(Answer answer, const char* words);

  const Script& script_;
  std::map<std::string, int> sends_;
  std::set<std::string> keys_;         // request keys that took effect
  std::map<std::string, bool> done_;   // place and direction → whether it happened
  std::map<std::string, int> hidden_;  // so many checks do not see it yet
  std::map<std::string, std::string> told_;
};

}  // namespace belay::reference
