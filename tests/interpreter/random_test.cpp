// Random graphs against a random world: every call may succeed, be refused, fail before it did anything, or leave one
// unsure whether it did. The world keeps its own books by request key; at the end they must agree with the journal's
// story: nothing happened twice, what was cancelled is undone in reverse causal order or listed as left over, and a
// saga that has not ended always has a timer, a call in flight, an event to wait for, or a person to ask.
#include <algorithm>
#include <random>
#include <set>

#include "interpreter/unwind.h"
#include "tests/interpreter/harness.h"

using namespace belay::testing;

namespace {

class World {
 public:
  World(std::uint64_t seed) : random_(seed) {}

  int pick(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }

  Graph graph() {
    GraphBuilder b;
    const bool check = pick(2) == 0;
    safe_ = b.action("safe", kMarks, true);
    unsafe_ = b.action("unsafe", kMarks, false);
    undo_ = b.action("undo", kMarks, true);
    find_ = b.action("find", static_cast<std::uint8_t>(Effect::kReads), true);
    b.graph.root = block(b, 0, check);
    return b.done();
  }

  Block block(GraphBuilder& b, int depth, bool check) {
    Block nodes;
    const int length = 1 + pick(3);
    for (int i = 0; i < length; ++i) {
      const std::string name = "n" + std::to_string(b.graph.nodes.size());
      const int kind = pick(depth < 2 ? 8 : 6);
      if (kind >= 6) {
        const std::vector<Block> branches{block(b, depth + 1, check), block(b, depth + 1, check)};
        b.node(NodeKind::kTogether, "t" + std::to_string(b.graph.nodes.size())).branches = branches;
        nodes.push_back(b.last());
        continue;
      }
      if (kind == 5) {
        Node& wait = b.node(NodeKind::kWait, "w" + std::to_string(b.graph.nodes.size()));
        wait.sources = {{"", "e", GraphBuilder::literal(Value::string(name)), 0}};
        wait.within = GraphBuilder::literal(GraphBuilder::seconds(50));
        wait.otherwise.kind = pick(2) == 0 ? ActKind::kCarryOn : ActKind::kCancel;
        nodes.push_back(b.last());
        continue;
      }
      b.step(nodes, name, pick(2) == 0 ? safe_ : unsafe_, undo_);
      Node& step = b.graph.nodes[b.last()];
      if (check) {
        Call find;
        find.action = find_;
        step.call.check.push_back(find);
      }
      if (pick(4) == 0) {
        Handler handler;
        handler.act.kind = ActKind::kCarryOn;
        step.call.handlers.push_back(handler);
      }
    }
    return nodes;
  }

  // Carries out (or not) one request and tells the saga what it would see.
  void answer(Run& run, const RunAction& sent) {
    const std::string key = effect_key("saga", run.graph, sent.path, sent.direction, sent.generation);
    const std::string place = path_text(run.graph, sent.path);
    if (sent.direction == Direction::kCheck) {
      const char* word = done_.count(place) != 0 ? "yes" : "no";
      run.put(StepSucceeded{sent.path, sent.direction, sent.generation, record({{"happened", Value::string(word)}})});
      return;
    }
    const int outcome = calm_ ? 0 : pick(10);
    const bool seen = keys_.count(key) != 0;
    const bool happens = outcome < 6 || outcome == 8;
    if (happens && !seen) {
      keys_.insert(key);
      carry_out(run, sent, place);
    }
    if (outcome < 6) {
      run.put(StepSucceeded{sent.path, sent.direction, sent.generation, record({})});
    } else if (outcome == 6 && !seen) {
      run.put(StepFailed{sent.path, sent.direction, sent.generation, FailureKind::kBusiness, "a.no", "", true, 0});
    } else if (outcome == 7) {
      run.put(StepFailed{sent.path, sent.direction, sent.generation, FailureKind::kTransient, "unavailable", "", false, 0});
    } else {
      run.put(StepFailed{sent.path, sent.direction, sent.generation, FailureKind::kUnsure, "timeout", "", false, 0});
    }
  }

  void carry_out(Run& run, const RunAction& sent, const std::string& place) {
    if (sent.direction == Direction::kForward) {
      if (!done_.insert(place).second) FAIL_CHECK(place << " happened twice");
      return;
    }
    if (done_.erase(place) == 0) FAIL_CHECK(place << " was undone but had not happened");
    for (const std::string& other : done_) {
      if (precedes(run.graph, sent.path, run.at(other))) FAIL_CHECK(place << " was undone before " << other);
    }
  }

  void live(Run& run) {
    std::vector<RunAction> open(run.sent);
    std::size_t known = run.sent.size();
    for (int round = 0; round < 3000 && !run.state.ended(); ++round) {
      if (round == 400) calm_ = true;  // liveness: from here on everything works
      const int move = pick(12);
      if (move == 0 && round < 400 && pick(6) == 0) {
        run.put(CancelAsked{}, "cancel");
      } else if (move == 1) {
        event(run);
      } else if (move == 2 && pick(3) == 0) {
        restart(run, open);
      } else if (!open.empty() && move < 9) {
        const auto index = static_cast<std::size_t>(pick(static_cast<int>(open.size())));
        const RunAction sent = open[index];
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
        answer(run, sent);
      } else {
        person(run);
        const Instant wake = next_wakeup(run.graph, run.state);
        if (wake) {
          run.now = std::max(run.now, wake);
          for (const Fact& fact : due_timers(run.graph, run.state, run.now)) run.put(fact);
        }
      }
      for (; known < run.sent.size(); ++known) open.push_back(run.sent[known]);
      const Summary s = summary(run.graph, run.state);
      if (!run.state.ended() && s.parked && s.waiting_on.empty()) FAIL_CHECK("parked, and nothing moves it on");
      if (!run.state.ended() && open.empty() && !s.parked) FAIL_CHECK("works on nothing");
    }
    CHECK(run.state.ended());
    finish(run);
  }

  void event(Run& run) {
    for (const Activity& activity : run.state.activities) {
      if (!activity.open || run.graph.nodes[activity.path.node].kind != NodeKind::kWait) continue;
      run.put(EventTaken{activity.path, "e" + std::to_string(pick(1000)), "e", record({})});
      return;
    }
  }

  // The engine dies: what was in flight may have happened, nobody will tell.
  void restart(Run& run, std::vector<RunAction>& open) {
    for (const RunAction& sent : open) {
      const std::string key = effect_key("saga", run.graph, sent.path, sent.direction, sent.generation);
      if (sent.direction == Direction::kCheck || pick(2) == 0 || !keys_.insert(key).second) continue;
      carry_out(run, sent, path_text(run.graph, sent.path));
    }
    open.clear();
    const Recovery recovery = recover(run.graph, run.state);
    for (const Fact& fact : recovery.facts) run.put(fact);
  }

  // Looks at the world and resolves, or retries, what is held.
  void person(Run& run) {
    const auto acts = allowed_acts(run.graph, run.state);
    for (const AllowedAct& act : acts) {
      if (act.path.empty()) continue;
      const bool happened = act.direction == Direction::kForward ? done_.count(act.path) != 0 : done_.count(act.path) == 0;
      if (act.act == "resolve") {
        run.put(OperatorActed{OperatorAct::kResolve, run.at(act.path), act.direction, happened, record({}), "looked"});
        return;
      }
      if (act.act == "retry" && summary(run.graph, run.state).health != Health::kRetrying) {
        run.put(OperatorActed{OperatorAct::kRetry, run.at(act.path), act.direction, false, {}, ""}, "again");
        return;
      }
    }
  }

  void finish(Run& run) {
    if (run.state.status != Status::kCompensated) return;
    std::set<std::string> left;
    for (const LeftOver& l : left_over(run.graph, run.state)) left.insert(path_text(run.graph, l.path));
    for (const std::string& place : done_) {
      if (left.count(place) == 0) FAIL_CHECK(place << " stands although all was undone, and nobody was told");
    }
  }

 private:
  std::mt19937_64 random_;
  ActionId safe_ = 0, unsafe_ = 0, undo_ = 0, find_ = 0;
  std::set<std::string> keys_, done_;
  bool calm_ = false;
};

}  // namespace

TEST_CASE("random sagas in a random world keep their promises") {
  const char* only = std::getenv("BELAY_SEED");
  const std::uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  for (std::uint64_t seed = first; seed <= (only != nullptr ? first : 20000); ++seed) {
    CAPTURE(seed);
    World world(seed);
    Run run(world.graph());
    world.live(run);
    if (Catch::getResultCapture().lastAssertionPassed() == false) break;
  }
}
