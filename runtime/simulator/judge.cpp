// What is expected, held against a finished run: each expectation is one case that looks at it.
#include "runtime/simulator/judge.h"

#include <algorithm>
#include <set>

#include "runtime/simulator/timeline.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's
using Then = dsl::ScenarioThen;

namespace {

std::string names_of(const Graph& graph, const std::vector<Path>& paths) {
  std::string out;
  for (const Path& path : paths) out += (out.empty() ? "" : ", ") + place_text(graph, path);
  return out.empty() ? "nothing" : out;
}

std::vector<Path> paths_of(const std::vector<std::pair<Path, std::uint64_t>>& paths) {
  std::vector<Path> out;
  for (const auto& [path, seq] : paths) out.push_back(path);
  return out;
}

bool is_meant(const dsl::ScenarioCall& said, const Path& path) {
  return said.node == path.node && in_round(said.round, path.iteration);
}

// In any order: each that is said was seen, each that was seen is said.
bool same_places(const std::vector<dsl::ScenarioCall>& said, const std::vector<Path>& seen) {
  const bool all_seen = std::all_of(said.begin(), said.end(), [&](const auto& one) {
    return std::any_of(seen.begin(), seen.end(), [&](const Path& p) { return is_meant(one, p); });
  });
  const bool all_said = std::all_of(seen.begin(), seen.end(), [&](const Path& path) {
    return std::any_of(said.begin(), said.end(), [&](const auto& s) { return is_meant(s, path); });
  });
  return all_seen && all_said;
}

class Judge {
 public:
  Judge(const Graph& graph, const dsl::Scenario& scenario, const Run& run)
      : graph_(graph), scenario_(scenario), run_(run) {}

  std::vector<Miss> judge() {
    if (!run_.problem.empty()) {
      misses_.push_back({"the scenario can be run", run_.problem, 0, {}});
      return std::move(misses_);
    }
    for (const dsl::Expectation& one : scenario_.then) expect(one);
    return std::move(misses_);
  }

 private:
  void miss(const dsl::Expectation& one, std::string seen, std::uint64_t seq = 0) {
    misses_.push_back({one.text, std::move(seen), seq, one.span});
  }

  void expect(const dsl::Expectation& one) {
    switch (one.kind) {
      case Then::Kind::kEnds: ends(one); break;
      case Then::Kind::kHeld: held(one); break;
      case Then::Kind::kWaits: waits(one); break;
      case Then::Kind::kUndone: undone(one); break;
      case Then::Kind::kDone: done(one); break;
      case Then::Kind::kLeftOver: left(one); break;
      case Then::Kind::kPublishes: publishes(one); break;
      case Then::Kind::kPublishesNothing:
        if (!run_.published.empty()) miss(one, "it published " + run_.published.front().event);
        break;
      case Then::Kind::kWithin: {
        const std::int64_t took = (run_.ended_at.us - kStart.us) / 1000;
        if (took > one.within_ms) miss(one, "it took " + length_words(took));
        break;
      }
      case Then::Kind::kTried: {
        const std::uint32_t times = sent(one.call);
        if (times != one.times)
          miss(one, times == 1 ? "it was tried once"
                               : "it was tried " + std::to_string(times) + " times");
        break;
      }
      case Then::Kind::kHolds: holds(one); break;
      case Then::Kind::kSecondQueues: second(one, SagaRun::Begun::kQueued); break;
      case Then::Kind::kSecondRefused: second(one, SagaRun::Begun::kRefused); break;
      case Then::Kind::kSecondNothing: second(one, SagaRun::Begun::kSame); break;
      case Then::Kind::kSecondEnds: second_ends(one); break;
    }
  }

  // Calls `visit(graph, run, rounds, words)` for the saga itself, or for each run of the saga that
  // these statements run.
  template <class Visit>
  void each_saga(const std::vector<NodeId>& of, Visit visit) const {
    if (of.empty()) {
      visit(graph_, run_, std::vector<std::uint32_t>(),
            [&](const Path& path) { return place_text(graph_, path); });
    }
    for (const SagaRun& other : run_.others) {
      if (other.second || other.of != of || of.empty()) continue;
      visit(*other.graph, other.run, other.rounds,
            [&](const Path& path) { return place_text(other, path); });
    }
  }
  static bool in_rounds(std::int64_t round, std::vector<std::uint32_t> outer, const Path& path) {
    outer.insert(outer.end(), path.iteration.begin(), path.iteration.end());
    return in_round(round, outer);
  }

  const SagaRun* second_start() const {
    for (const SagaRun& other : run_.others) {
      if (other.second && other.of.empty()) return &other;
    }
    return nullptr;
  }

  void second(const dsl::Expectation& one, SagaRun::Begun wanted) {
    const SagaRun* start = second_start();
    if (start == nullptr) return miss(one, "it was not started again: " + how_it_ended());
    if (start->begun == wanted) return;
    switch (start->begun) {
      case SagaRun::Begun::kAtOnce:
        return miss(one, "it began at once: nothing was under way for the same value");
      case SagaRun::Begun::kQueued: return miss(one, "it queued");
      case SagaRun::Begun::kRefused: return miss(one, "it was refused: " + start->why);
      case SagaRun::Begun::kSame: return miss(one, "it was the first saga (once per)");
    }
  }

  void second_ends(const dsl::Expectation& one) {
    const SagaRun* start = second_start();
    if (start == nullptr || start->run.journal.empty()) return miss(one, "there is no second saga");
    const Status wanted = one.compensated ? Status::kCompensated : Status::kCompleted;
    const bool why = one.because.empty() || start->run.state.because == one.because;
    if (start->run.state.status != wanted || !why) miss(one, how_it_ended(start->run));
  }

  // "it ended compensated because …", "it has not ended: …".
  std::string how_it_ended() const { return how_it_ended(run_); }
  std::string how_it_ended(const Run& run) const {
    if (!run.state.ended()) {
      const Summary summary = interpreter::summary(graph_, run.state);
      return "it has not ended" +
             (summary.waiting_on.empty() ? "" : ": it waits for " + summary.waiting_on);
    }
    std::string text = std::string("it ended ") + name(run.state.status);
    if (run.state.status == Status::kCompensated) text += " because \"" + run.state.because + "\"";
    return text;
  }
  std::uint64_t where_it_turned() const {
    for (const Entry& entry : run_.journal) {
      for (const Drawn& drawn : entry.drawn) {
        if (std::holds_alternative<Cancelling>(drawn) || std::holds_alternative<Ended>(drawn))
          return entry.seq;
      }
    }
    return 0;
  }

  void ends(const dsl::Expectation& one) {
    const Status wanted = one.compensated ? Status::kCompensated : Status::kCompleted;
    const bool why = one.because.empty() || run_.state.because == one.because;
    if (run_.state.status != wanted || !why) miss(one, how_it_ended(), where_it_turned());
  }

  std::uint32_t sent(const dsl::ScenarioCall& call) const {
    std::uint32_t times = 0;
    each_saga(call.of, [&](const Graph&, const Run& run, const auto& rounds, const auto&) {
      for (const Entry& entry : run.journal) {
        for (const Drawn& drawn : entry.drawn) {
          const auto* sent = std::get_if<Sent>(&drawn);
          if (sent == nullptr || sent->path.node != call.node || sent->direction != call.direction)
            continue;
          times += in_rounds(call.round, rounds, sent->path) ? 1 : 0;
        }
      }
    });
    return times;
  }

  void held(const dsl::Expectation& one) {
    std::string seen;
    bool met = false;
    const bool of_undo =
        one.call.direction == Direction::kUndo || one.call.direction == Direction::kUndoCheck;
    const Direction main = of_undo ? Direction::kUndo : Direction::kForward;
    const auto look = [&](const Graph&, const Run& run, const auto& rounds, const auto& words,
                          bool meant) {
      for (const Entry& entry : run.journal) {
        for (const Drawn& drawn : entry.drawn) {
          const auto* held = std::get_if<Held>(&drawn);
          if (held == nullptr) continue;
          const bool same = meant && held->path.node == one.call.node && held->direction == main &&
                            in_rounds(one.call.round, rounds, held->path);
          met = met || (same && (one.team.empty() || held->team == one.team));
          seen = "it was held at " + call_words(words(held->path), held->direction) +
                 (held->team.empty() ? "" : " for " + held->team);
        }
      }
    };
    look(
        graph_, run_, std::vector<std::uint32_t>(),
        [&](const Path& path) { return place_text(graph_, path); }, one.call.of.empty());
    for (const SagaRun& other : run_.others) {
      if (other.second) continue;
      look(
          *other.graph, other.run, other.rounds,
          [&](const Path& path) { return place_text(other, path); },
          !other.of.empty() && other.of == one.call.of);
    }
    if (met) return;
    miss(one, seen.empty() ? "nothing was held: " + how_it_ended() : seen);
  }

  void waits(const dsl::Expectation& one) {
    for (const dsl::ScenarioCall& wait : one.calls) {
      bool there = false;
      each_saga(wait.of, [&](const Graph&, const Run& run, const auto&, const auto&) {
        for (const Activity& a : run.state.activities)
          there = there || (a.open && a.path.node == wait.node);
      });
      if (!there) miss(one, how_it_ended());
    }
  }

  void undone(const dsl::Expectation& one) {
    const auto seen = undone_in_order(graph_, run_);
    std::size_t i = 0;
    while (i < seen.size() && i < one.calls.size() && is_meant(one.calls[i], seen[i].first)) ++i;
    if (i == seen.size() && i == one.calls.size()) return;
    miss(one, "undone was " + names_of(graph_, paths_of(seen)),
         i < seen.size() ? seen[i].second : 0);
  }

  void done(const dsl::Expectation& one) {
    std::vector<Path> seen;
    for (const Path& path : paths_of(done_in_order(graph_, run_))) {
      const bool named = std::any_of(one.calls.begin(), one.calls.end(),
                                     [&](const auto& said) { return said.node == path.node; });
      if (graph_.nodes[path.node].kind == NodeKind::kStep || named) seen.push_back(path);
    }
    if (!same_places(one.calls, seen)) miss(one, "done was " + names_of(graph_, seen));
  }

  void left(const dsl::Expectation& one) {
    std::set<Path> paths;
    for (const LeftOver& left : left_over(graph_, run_.state)) paths.insert(left.path);
    for (const Path& path : world_left_over(graph_, run_)) paths.insert(path);
    // Of a saga that it runs: what is left over there is left over of the statement that runs it.
    std::string text;
    for (const SagaRun& other : run_.others) {
      if (other.second || other.detached) continue;
      std::set<Path> inside;
      for (const LeftOver& left : left_over(*other.graph, other.run.state))
        inside.insert(left.path);
      for (const Path& path : world_left_over(*other.graph, other.run)) inside.insert(path);
      if (inside.empty()) continue;
      paths.insert(
          {other.of.front(),
           {other.rounds.begin(),
            other.rounds.begin() + static_cast<std::ptrdiff_t>(loops_around(other.of.front()))}});
      for (const Path& path : inside) text += "; " + place_text(other, path) + " stands";
    }
    const std::vector<Path> seen(paths.begin(), paths.end());
    if (same_places(one.calls, seen)) return;
    for (const LeftOver& left : left_over(graph_, run_.state))
      text += "; " + left.what + ": " + left.why;
    text = "left over was " + names_of(graph_, seen) + text;
    for (const std::string& other : disagreements(graph_, run_)) text += "; " + other;
    miss(one, text);
  }

  std::size_t loops_around(NodeId id) const {
    std::size_t count = 0;
    for (; id != kNoNode; id = graph_.nodes[id].parent) count += in_loop_body(graph_, id) ? 1 : 0;
    return count;
  }

  void publishes(const dsl::Expectation& one) {
    std::string seen;
    for (const PublishedEvent& event : run_.published) {
      if (event.event != one.event) continue;
      seen = "it published " + event.event + " with " + to_text(event.payload);
      bool same = true;
      for (const Binding& binding : one.with) {
        const Evaluated wanted = evaluate_in(graph_, run_.state, binding.value, {}, &outputs());
        const Value* got = event.payload.find(binding.name);
        same = same && wanted.ok && got != nullptr && cel_equal(wanted.value, *got);
      }
      if (same) return;
    }
    miss(one, seen.empty() ? "it was not published" : seen);
  }

  void holds(const dsl::Expectation& one) {
    const Evaluated value = evaluate_in(graph_, run_.state, one.holds, {}, &outputs());
    if (!value.ok) {
      miss(one, value.error);
    } else if (value.value.kind() != Value::Kind::kBool || !value.value.as_bool()) {
      miss(one, run_.state.output.is_null()
                    ? "it is not so; there are no outputs: " + how_it_ended()
                    : "it is not so; the outputs are " + to_text(run_.state.output));
    }
  }

  const std::vector<Value>& outputs() {
    if (outputs_.empty()) {
      for (const Binding& give : graph_.gives) {
        const Value* value = run_.state.output.find(give.name);
        outputs_.push_back(value == nullptr ? Value() : *value);
      }
    }
    return outputs_;
  }

  const Graph& graph_;
  const dsl::Scenario& scenario_;
  const Run& run_;
  std::vector<Miss> misses_;
  std::vector<Value> outputs_;
};

}  // namespace

std::vector<Miss> judged(const Graph& graph, const dsl::Scenario& scenario, const Run& run) {
  return Judge(graph, scenario, run).judge();
}

}  // namespace belay::runtime::simulator
