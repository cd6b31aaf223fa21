// Drawing answers. Trouble grows less with every sending of one call, so that most sagas come to an
// end; durations are whole microseconds of a wide range, so that two things hardly ever happen at
// the same moment by chance.
#include "tests/reference/world.h"

#include <algorithm>

namespace belay::reference {
namespace {

std::uint64_t mix(std::uint64_t x) {  // splitmix64
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

const char* words(Direction direction) {
  switch (direction) {
    case Direction::kDo: return "do";
    case Direction::kCheck: return "check";
    case Direction::kUndo: return "undo";
    case Direction::kUndoCheck: return "undo-check";
  }
  return "";
}

Script make_script(std::uint64_t seed) {
  Script script;
  script.seed = seed;
  std::uint64_t state = mix(seed ^ 0x5c817);
  const auto pick = [&](std::uint64_t n) { return (state = mix(state)) % n; };
  script.trouble = static_cast<int>(pick(4));
  script.x = static_cast<std::int64_t>(pick(4));
  for (std::uint64_t i = pick(9); i > 0; --i) {
    const Time at = static_cast<Time>(pick(40 * kSecond)) - (pick(4) == 0 ? 39 * kSecond : 0);
    script.events.push_back({at, static_cast<int>(pick(2)), static_cast<std::int64_t>(pick(3)),
                             static_cast<std::int64_t>(pick(9))});
  }
  std::sort(script.events.begin(), script.events.end(),
            [](const Event& a, const Event& b) { return a.at < b.at; });
  script.people = pick(2) == 0;
  if (pick(4) == 0) script.cancel = static_cast<Time>(pick(20 * kSecond));
  return script;
}

std::string text(const Script& script) {
  std::string out = "input x = " + std::to_string(script.x) + "\n";
  for (const Event& e : script.events)
    out += "event ref.e" + std::to_string(e.event) + " key " + std::to_string(e.key) + " n " +
           std::to_string(e.n) + " at " + std::to_string(e.at) + "\n";
  if (script.people) out += "people look after what is held\n";
  if (script.cancel) out += "cancel asked at " + std::to_string(*script.cancel) + "\n";
  return out;
}

std::uint64_t World::draw(const std::string& id, const char* what) const {
  std::uint64_t h = 1469598103934665603ULL ^ script_.seed;
  for (const char c : id) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  for (const char* c = what; *c != 0; ++c)
    h = (h ^ static_cast<unsigned char>(*c)) * 1099511628211ULL;
  return mix(h);
}

Answer World::base(const std::string& id) {
  Answer answer;
  answer.id = id;
  answer.after = 1000 + static_cast<Time>(draw(id, "after") % (3 * kSecond));
  answer.n = static_cast<std::int64_t>(draw(id, "n") % 10);
  return answer;
}

Answer World::note(Answer answer, const char* words) {
  answer.words = words;
  told_[answer.id] = words;
  return answer;
}

Answer World::call(const std::string& place, Direction direction, std::uint32_t generation,
                   int action, Time within) {
  const std::string call = place + " " + words(direction);
  const int nth = sends_[call]++;
  Answer answer = base(call + " " + std::to_string(nth));
  const auto roll = static_cast<int>(draw(answer.id, "kind") % 100);
  const bool tame = script_.tamed.count(answer.id) != 0;
  const int bad = tame ? 0 : std::max(0, script_.trouble * 22 - nth * 8);  // percent

  if (direction == Direction::kCheck || direction == Direction::kUndoCheck) {
    const std::string of = place + (direction == Direction::kCheck ? " do" : " undo");
    if (roll < bad / 4)
      return answer.kind = Answer::Kind::kTransient, note(answer, "check transient");
    if (roll < bad / 2) return answer.kind = Answer::Kind::kUnsure, note(answer, "check unsure");
    if (roll < bad / 2 + bad / 8)
      return answer.kind = Answer::Kind::kBusiness, answer.error = "ref.no",
             note(answer, "check refused");
    if (hidden_[of] > 0) {
      --hidden_[of];
      answer.happened = "not yet";
      return note(answer, "check not yet");
    }
    answer.happened = done_[of] ? "yes" : "no";
    return note(answer, done_[of] ? "check yes" : "check no");
  }

  const std::string key = call + " " + std::to_string(generation);
  const bool reads = kActions[action].reads;
  const auto happen = [&] {
    keys_.insert(key);
    done_[call] = true;
  };
  if (within > 0 && answer.after > within && !tame) {  // the answer comes too late to be heard
    answer.after = within;
    answer.kind = Answer::Kind::kUnsure;
    if (!reads) happen();
    return note(answer, "late success");
  }
  if (roll >= bad) {
    happen();
    return note(answer, "ok");
  }
  const bool known = keys_.count(key) != 0;  // the other side honours its keys
  const auto which = draw(answer.id, "which") % 8;
  if (which < 2 && !known) {
    answer.kind = Answer::Kind::kBusiness;
    const auto error = draw(answer.id, "error") % 8;
    answer.error = error == 0 ? "refused" : error < 5 ? "ref.no" : "ref.full";
    return note(answer, error == 0 ? "refused" : "business");
  }
  if (which < 4) return answer.kind = Answer::Kind::kTransient, note(answer, "transient");
  answer.kind = Answer::Kind::kUnsure;
  if (which < 6 || reads) {
    if (which == 4) hidden_[call] = 1;
    return note(answer, "unsure, did not happen");
  }
  if (which == 6) hidden_[call] = 1 + static_cast<int>(draw(answer.id, "hidden") % 2);
  happen();
  return note(answer, "unsure, happened");
}

Answer World::child(const std::string& place) {
  Answer answer = base(place + " child");
  answer.after *= 3;
  if (script_.tamed.count(answer.id) == 0 &&
      static_cast<int>(draw(answer.id, "kind") % 100) < script_.trouble * 15) {
    answer.kind = Answer::Kind::kBusiness;
    answer.error = "cancelled";
    return note(answer, "child cancelled");
  }
  return note(answer, "child ok");
}

Answer World::child_stopped(const std::string& place) {
  Answer answer = base(place + " child stopped");
  if (draw(answer.id, "kind") % 4 == 0) return note(answer, "child done before it was stopped");
  answer.kind = Answer::Kind::kBusiness;
  answer.error = "cancelled";
  return note(answer, "child stopped");
}

Answer World::child_undone(const std::string& place) {
  Answer answer = base(place + " child undone");
  if (script_.tamed.count(answer.id) == 0 &&
      static_cast<int>(draw(answer.id, "kind") % 100) < script_.trouble * 8) {
    answer.kind = Answer::Kind::kBusiness;
    answer.error = "left_over";
    return note(answer, "child left something over");
  }
  return note(answer, "child undone");
}

std::optional<Answer> World::person(const std::string& place) {
  Answer answer = base(place + " person");
  answer.after *= 8;
  if (draw(answer.id, "kind") % 4 == 0) return note(answer, "nobody answers"), std::nullopt;
  return note(answer, "a person answers");
}

std::optional<Help> World::help(const std::string& place, Direction direction, bool unknown,
                                bool anew) {
  const std::string call = place + " " + words(direction) + " help";
  const int nth = sends_[call]++;
  Answer answer = base(call + " " + std::to_string(nth));
  if (!script_.people || nth >= 3) return std::nullopt;
  Help help{Help::Kind::kSkip, answer.after * 4, answer.n};
  const auto which = draw(answer.id, "which") % 3;
  if (anew && which == 0) {
    help.kind = Help::Kind::kRetry;
  } else if (unknown) {
    help.kind = Help::Kind::kResolve;
  }
  note(answer, help.kind == Help::Kind::kRetry ? "a person retries" : "a person skips");
  if (help.kind == Help::Kind::kResolve) told_.erase(answer.id);
  return help;
}

bool World::happened(const std::string& place, Direction direction) {
  const std::string call = place + " " + words(direction);
  const bool yes = done_[call];
  told_[call + " looked"] = yes ? "a person looks: yes" : "a person looks: no";
  return yes;
}

}  // namespace belay::reference
