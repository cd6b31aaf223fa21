// The journal told as a story. An entry kind that is not known here is left out: a story is no
// journal.
#include "runtime/simulator/timeline.h"

#include <algorithm>
#include <set>

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: every type here is the interpreter's

std::string call_words(const Graph& graph, const Path& path, Direction direction) {
  return call_words(place_text(graph, path), direction);
}

std::string call_words(const std::string& place, Direction direction) {
  const std::string name = "`" + place + "`";
  switch (direction) {
    case Direction::kForward: return name;
    case Direction::kCheck: return "the check of " + name;
    case Direction::kUndo: return "the undo of " + name;
    case Direction::kUndoCheck: return "the check of the undo of " + name;
  }
  return name;
}

std::string action_name(const Graph& graph, const Node& node, const Call& call) {
  return call.action < graph.actions.size() ? graph.actions[call.action].name : node.run.workflow;
}

std::vector<std::string> errors_of(const Graph& graph, const CallAt& at) {
  const Node& node = graph.nodes[at.node];
  const bool undo = at.direction == Direction::kUndo;
  if (node.kind == NodeKind::kRun) {  // how a child saga fails, and how its undoing does
    if (node.run.detached) return {};
    return {undo ? "left_over" : "cancelled"};
  }
  return graph.actions[(undo ? *node.undo : node.call).action].errors;
}

std::string length_words(std::int64_t ms) {
  constexpr std::int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute,
                         kDay = 24 * kHour;
  const auto two = [](std::int64_t n, const char* unit, std::int64_t rest, const char* small) {
    return std::to_string(n) + unit + (rest == 0 ? "" : " " + std::to_string(rest) + small);
  };
  if (ms < 10 * kSecond && ms % kSecond != 0) {
    return std::to_string(ms / kSecond) + "." + std::to_string(ms % kSecond / 100) + " s";
  }
  if (ms < kMinute) return std::to_string(ms / kSecond) + " s";
  if (ms < kHour) return two(ms / kMinute, " min", ms % kMinute / kSecond, " s");
  if (ms < kDay) return two(ms / kHour, " h", ms % kHour / kMinute, " min");
  return two(ms / kDay, ms / kDay == 1 ? " day" : " days", ms % kDay / kHour, " h");
}

const char* hold_words(HoldReason reason) {
  switch (reason) {
    case HoldReason::kUnknownOutcome: return "nobody knows whether it happened";
    case HoldReason::kRefused: return "it was refused";
    case HoldReason::kFailed: return "it failed";
    case HoldReason::kGaveUp: return "its tries are used up";
    case HoldReason::kUndoFailed: return "it fails";
    case HoldReason::kRequestChanged: return "the request is not the one that was sent";
    case HoldReason::kBadValue: return "an expression failed";
    case HoldReason::kNone: break;
  }
  return "";
}

namespace {

class Story {
 public:
  Story(const Graph& graph, const Run& run) : graph_(graph), run_(run) {}

  struct Line {
    std::uint64_t told = 0;  // twice Run::told, and one more for a note
    Happening what;
  };

  std::vector<Line> tell() {
    std::size_t note = 0;
    for (std::size_t i = 0; i < run_.journal.size(); ++i) {
      const Entry& entry = run_.journal[i];
      entry_ = &entry;
      told_ = 2 * run_.told[i];
      std::visit([this](const auto& fact) { this->fact(fact); }, entry.fact);
      for (const Drawn& drawn : entry.drawn)
        std::visit([this](const auto& d) { this->drew(d); }, drawn);
      for (; note < run_.notes.size() && run_.notes[note].after_seq <= entry.seq; ++note) {
        told_ = 2 * run_.notes[note].told + 1;  // behind that entry
        add(run_.notes[note].at, run_.notes[note].text);
      }
    }
    told_ = static_cast<std::uint64_t>(-1);
    if (!run_.problem.empty()) add(run_.ended_at, run_.problem);
    return std::move(story_);
  }

 private:
  void add(Instant at, std::string text) {
    story_.push_back(
        {told_,
         {entry_ == nullptr ? 0 : entry_->seq, (at.us - kStart.us) / 1000, std::move(text), {}}});
  }
  void add(std::string text) { add(entry_->at, std::move(text)); }
  std::string call(const Path& path, Direction direction) const {
    return call_words(graph_, path, direction);
  }

  // ---- Facts ----
  void fact(const Started& f) {
    constexpr std::string_view kEvent = "event:";
    std::string by;
    if (entry_->actor.starts_with(kEvent))
      by = ", by the event " + entry_->actor.substr(kEvent.size());
    add(f.queued ? "it waits for its turn: another one is under way" : "it starts" + by);
  }
  void fact(const TurnCame&) { add("its turn has come: it starts"); }
  void fact(const StepSucceeded& f) {
    if (const Value* word = f.result.find("happened");
        word != nullptr && f.direction != Direction::kForward && f.direction != Direction::kUndo) {
      add(call(f.path, f.direction) + " says " + to_text(*word));
    } else {
      add(call(f.path, f.direction) + " is done");
    }
  }
  void fact(const StepFailed& f) {
    const std::string who = call(f.path, f.direction);
    switch (f.kind) {
      case FailureKind::kBusiness: add(who + " fails: " + f.error); break;
      case FailureKind::kTransient: add(who + " cannot be reached"); break;
      case FailureKind::kUnsure: add(who + " is unsure: " + f.error); break;
    }
  }
  void fact(const TimerFired& f) {
    if (f.purpose == TimerPurpose::kDeadline) add("the time for the whole saga is over");
    if (f.purpose == TimerPurpose::kLimit)
      add("the time of `" + place_text(graph_, f.path) + "` is over");
  }
  void fact(const EventTaken& f) {
    add("`" + place_text(graph_, f.path) + "` arrives: " + f.event);
  }
  void fact(const AnswerGiven& f) {
    add("someone answers `" + place_text(graph_, f.path) + "`: " + to_text(f.answer));
  }
  void fact(const UndoAsked&) { add("its parent wants it undone"); }
  void fact(const CancelAsked&) {
    add((entry_->actor.empty() ? "someone" : entry_->actor) + " cancels it: " + entry_->reason);
  }
  void fact(const OperatorActed& f) {
    const std::string who = f.path.node == kNoNode ? "it" : call(f.path, f.direction);
    switch (f.act) {
      case OperatorAct::kPause: add("someone pauses it"); break;
      case OperatorAct::kResume: add("someone lets it go on"); break;
      case OperatorAct::kRetry: add("someone retries " + who); break;
      case OperatorAct::kSkip: add("someone skips " + who); break;
      case OperatorAct::kResolve:
        add("someone finds that " + who + (f.happened ? " happened" : " did not happen"));
        break;
    }
  }
  template <class Other>
  void fact(const Other&) {}

  // ---- Drawn ----
  void drew(const Sent& d) {
    const Node& node = graph_.nodes[d.path.node];
    const bool undo = d.direction == Direction::kUndo || d.direction == Direction::kUndoCheck;
    const bool check = d.direction == Direction::kCheck || d.direction == Direction::kUndoCheck;
    const Call& main = undo ? *node.undo : node.call;
    const Call& call = check ? main.check.front() : main;
    const std::uint32_t tries = ++tries_[{d.path, d.direction}];
    if (node.kind == NodeKind::kRun && undo) {
      add(this->call(d.path, d.direction) + ": its saga is told to undo itself");
      return;
    }
    add(this->call(d.path, d.direction) + " runs " + action_name(graph_, node, call) +
        (tries > 1 ? " (try " + std::to_string(tries) + ")" : ""));
  }
  void drew(const Settled& d) {
    if (graph_.nodes[d.path.node].kind == NodeKind::kWait) return;  // it arrived: said already
    add(call(d.path, d.direction) + (d.happened ? " did happen" : " did not happen"));
  }
  void drew(const Held& d) {
    add(call(d.path, d.direction) + " is held, a person must act: " + hold_words(d.reason) +
        (d.team.empty() ? "" : " (for " + d.team + ")"));
  }
  void drew(const Failed& d) {
    add(call(d.path, d.direction) + " fails: bad_value (" + d.message + ")");
  }
  void drew(const Handled& d) {
    if (d.handler != kLimitHandler) add("it carries on after " + call(d.path, d.direction));
  }
  void drew(const Waiting& d) {
    add("it waits for `" + place_text(graph_, d.path) + "`" +
        (d.until ? ", at most " + length_words((d.until.us - entry_->at.us) / 1000) : ""));
  }
  void drew(const Asked& d) {
    add("somebody of " + graph_.nodes[d.path.node].role + " is asked: `" +
        place_text(graph_, d.path) + "`");
  }
  void drew(const Unwinding& d) {
    add("a part of `" + place_text(graph_, d.path) + "` is undone" +
        (d.because.empty() ? "" : ": " + d.because));
  }
  void drew(const PausedUntil& d) {
    add("it pauses for " + length_words((d.until.us - entry_->at.us) / 1000));
  }
  void drew(const Published& d) { add("it publishes " + d.event); }
  void drew(const Passed&) { add("the point of no return is passed"); }
  void drew(const Cancelling& d) { add("everything is undone: " + d.because); }
  void drew(const NotUndone& d) { add("`" + place_text(graph_, d.path) + "` stays: " + d.because); }
  void drew(const Ended& d) { add(std::string("it ends ") + name(d.status)); }
  template <class Other>
  void drew(const Other&) {}

  const Graph& graph_;
  const Run& run_;
  const Entry* entry_ = nullptr;
  std::map<std::pair<Path, Direction>, std::uint32_t> tries_;
  std::uint64_t told_ = 0;
  std::vector<Line> story_;
};

// Paths for which `holds` becomes true, in the order in which it does.
template <class Holds>
std::vector<std::pair<Path, std::uint64_t>> in_order(const Graph& graph, const Run& run,
                                                     Holds holds) {
  std::vector<std::pair<Path, std::uint64_t>> out;
  std::set<Path> known;
  State state;
  for (const Entry& entry : run.journal) {
    state = apply(graph, std::move(state), entry);
    for (const Activity& activity : state.activities) {
      if (holds(activity) && known.insert(activity.path).second) {
        out.emplace_back(activity.path, entry.seq);
      }
    }
  }
  return out;
}

}  // namespace

std::vector<Happening> timeline(const Graph& graph, const Run& run) {
  std::vector<Story::Line> lines = Story(graph, run).tell();
  for (const SagaRun& other : run.others) {
    const std::string name = other.name();
    const std::string before =
        std::string(2 * std::max<std::size_t>(other.of.size(), 1), ' ') + name + ": ";
    for (Story::Line& line : Story(*other.graph, other.run).tell()) {
      line.what = {0, line.what.after_ms, before + line.what.text, name};
      lines.push_back(std::move(line));
    }
  }
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.told < b.told; });
  std::vector<Happening> out;
  for (Story::Line& line : lines) out.push_back(std::move(line.what));
  return out;
}

std::vector<std::pair<Path, std::uint64_t>> undone_in_order(const Graph& graph, const Run& run) {
  return in_order(graph, run, [](const Activity& a) { return a.effect == EffectState::kUndone; });
}

std::vector<std::pair<Path, std::uint64_t>> done_in_order(const Graph& graph, const Run& run) {
  return in_order(graph, run,
                  [](const Activity& a) { return a.forward.phase == CallPhase::kSucceeded; });
}

}  // namespace belay::runtime::simulator
