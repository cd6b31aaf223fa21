// Random sagas in a random world. The world keeps its own books of what was really done; after
// every saga they must agree with what the interpreter says: nothing done twice under different
// keys, everything undone or named as left over, no undo before what came after it, and no saga
// that waits for nothing.
#include <algorithm>
#include <random>
#include <set>

#include "interpreter/control.h"
#include "tests/interpreter/harness.h"

using namespace belay::testing;

// A broken promise: the saga of that seed is shown, and no further one.
#define BAD(text) (failed = true, [&] { FAIL_CHECK(text); }())

namespace {

// Makes graphs of every statement, nested in each other.
class Maker {
 public:
  explicit Maker(std::mt19937_64& random) : random_(random) {}

  Graph graph() {
    check_ = pick(2) == 0;
    safe_ = b_.action("safe", kMarks, true);
    unsafe_ = b_.action("unsafe", kMarks, false);
    undo_ = b_.action("undo", kMarks, true);
    find_ = b_.action("find", static_cast<std::uint8_t>(Effect::kReads), true);
    Block root = block(0);
    if (pick(6) == 0) {
      b_.add(root, NodeKind::kPointOfNoReturn, fresh("point"), [](Node&) {});
      past_ = true;
      for (const NodeId id : block(1)) root.push_back(id);
    }
    b_.graph.root = std::move(root);
    return b_.done();
  }

 private:
  int pick(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  std::string fresh(const std::string& prefix) {
    return prefix + std::to_string(b_.graph.nodes.size());
  }

  Block block(int depth) {
    Block nodes;
    const int length = 1 + pick(2);
    for (int i = 0; i < length; ++i) statement(nodes, depth);
    return nodes;
  }

  void statement(Block& nodes, int depth) {
    const int kind = pick(depth < 3 ? 20 : 10);
    switch (kind) {
      case 6: return wait(nodes, depth);
      case 7: return ask(nodes, depth);
      case 8: return run(nodes);
      case 9: return small(nodes);
      case 10:
      case 11:
      case 12: return together(nodes, depth);
      case 13:
      case 14:
      case 15: return for_each(nodes, depth);
      case 16: return repeat(nodes, depth);
      case 17:
      case 18:
      case 19: return try_(nodes, depth);
      default: return step(nodes, depth);
    }
  }

  Act act(int depth, bool of_step) {
    Act act;
    switch (pick(of_step ? 7 : 6)) {
      case 0:
        act.kind = past_ ? ActKind::kCarryOn : ActKind::kCancel;
        act.because = "said so";
        break;
      case 1: act.kind = ActKind::kHandTo; break;
      case 2:
      case 3:
        act.kind = ActKind::kBlock;
        act.block = handler_block(depth + 1, of_step);
        break;
      case 6:
        act.kind = ActKind::kTryAgain;
        act.after_ms = 1000;
        act.at_most = 1;
        break;
      default: act.kind = ActKind::kCarryOn; break;
    }
    return act;
  }

  // Some steps, or acts about the statement itself.
  Block handler_block(int depth, bool of_step) {
    Block nodes;
    const bool again = of_step && pick(4) == 0;
    if (!again) nodes = block(std::max(depth, 2));
    if (!again && pick(2) == 0) return nodes;
    b_.add(nodes, NodeKind::kAct, fresh("act"), [&](Node& n) {
      n.act.kind = again ? ActKind::kTryAgain : pick(3) == 0 ? ActKind::kHandTo : ActKind::kCarryOn;
      n.act.at_most = 2;
      n.act.after_ms = 1000;
    });
    return nodes;
  }

  void step(Block& nodes, int depth) {
    std::vector<Handler> handlers;
    if (pick(4) == 0) handlers.push_back({{}, act(depth, true)});
    b_.step(nodes, fresh("n"), pick(2) == 0 ? safe_ : unsafe_, undo_);
    Node& step = b_.graph.nodes[nodes.back()];
    step.call.handlers = std::move(handlers);
    Call find;
    find.action = find_;
    if (check_) step.call.check.push_back(find);
    if (!check_ && pick(4) == 0) step.call.if_unsure = Unsure{Unsure::Kind::kUndoAnyway, ""};
    if (pick(6) == 0)
      step.call.keep = Keep{5'000, {.kind = pick(2) == 0 ? ActKind::kCarryOn : ActKind::kHandTo}};
    if (pick(8) == 0) step.undo.reset();
  }

  void run(Block& nodes) {
    b_.add(nodes, NodeKind::kRun, fresh("r"), [&](Node& n) {
      n.call.action = kNoAction;
      n.run.workflow = "child";
      n.run.detached = pick(4) == 0;
      if (n.run.detached || pick(4) == 0) return;
      n.undo = Call{};
      n.undo->action = kNoAction;
    });
  }

  void wait(Block& nodes, int depth) {
    const int several = pick(3);
    const Act otherwise = act(depth, false);
    b_.add(nodes, NodeKind::kWait, fresh("w"), [&](Node& n) {
      for (int i = 0; i < (several == 0 ? 1 : 2); ++i) {
        const std::string source = several == 0 ? "" : "s" + std::to_string(i);
        n.sources.push_back({source, "e", GraphBuilder::literal(Value::string("k" + source)), 0});
      }
      n.any_source = several == 1;
      if (pick(4) != 0) n.within = GraphBuilder::literal(GraphBuilder::seconds(50));
      n.otherwise = otherwise;
    });
  }

  void ask(Block& nodes, int depth) {
    const Act otherwise = act(depth, false);
    b_.add(nodes, NodeKind::kAsk, fresh("a"), [&](Node& n) {
      n.role = "manager";
      if (pick(4) != 0) n.within = GraphBuilder::literal(GraphBuilder::seconds(50));
      n.otherwise = otherwise;
    });
  }

  void small(Block& nodes) {
    const int kind = pick(8);
    if (kind == 0 && !past_) {
      b_.add(nodes, NodeKind::kCancel, fresh("c"), [](Node& n) { n.act.because = "enough"; });
    } else if (kind < 3) {
      const Program value = kind == 1 ? b_.broken() : GraphBuilder::literal(Value::integer(1));
      b_.add(nodes, NodeKind::kSet, fresh("s"), [&](Node& n) { n.value = value; });
    } else if (kind < 6) {
      const Block inner = block(3);
      b_.add(nodes, NodeKind::kWhen, fresh("if"), [&](Node& n) { n.arms.push_back({{}, inner}); });
    } else {
      b_.add(nodes, NodeKind::kPause, fresh("p"),
             [](Node& n) { n.pause_for = GraphBuilder::literal(GraphBuilder::seconds(20)); });
    }
  }

  void together(Block& nodes, int depth) {
    std::vector<Block> branches;
    const int count = 2 + pick(2);
    for (int i = 0; i < count; ++i) branches.push_back(block(depth + 1));
    b_.add(nodes, NodeKind::kTogether, fresh("t"), [&](Node& n) {
      n.branches = std::move(branches);
      n.wanted = static_cast<std::uint32_t>(pick(count));
    });
  }

  void for_each(Block& nodes, int depth) {
    SlotId inner = kNoSlot, item = kNoSlot;
    Block body = b_.body([&](Block& in) {
      item = b_.slot("item");
      for (const NodeId id : block(depth + 1)) in.push_back(id);
      b_.add(in, NodeKind::kSet, fresh("collect"),
             [&](Node& n) { n.value = GraphBuilder::read(item); });
      inner = b_.graph.nodes[b_.last()].slot;
    });
    const SlotId outer = b_.slot("collected");
    std::vector<Value> items;
    for (int i = pick(4); i > 0; --i) items.push_back(Value::integer(i));
    b_.add(nodes, NodeKind::kForEach, fresh("each"), [&](Node& n) {
      n.body = std::move(body);
      n.slot = item;
      n.items = GraphBuilder::literal(Value::list(std::move(items)));
      n.at_once = 1 + static_cast<std::uint32_t>(pick(3));
      n.tolerated = static_cast<std::uint32_t>(pick(3));
      n.exports = {{inner, outer}};
    });
  }

  void repeat(Block& nodes, int depth) {
    Block body = b_.body([&](Block& in) { in = block(depth + 1); });
    const Program until =
        pick(8) == 0 ? b_.broken() : GraphBuilder::literal(Value::boolean(pick(2) == 0));
    Act otherwise;
    if (pick(3) != 0) otherwise = act(depth, false);
    b_.add(nodes, NodeKind::kRepeat, fresh("repeat"), [&](Node& n) {
      n.body = std::move(body);
      n.until = until;
      n.times = 1 + static_cast<std::uint32_t>(pick(3));
      n.otherwise = std::move(otherwise);
    });
  }

  void try_(Block& nodes, int depth) {
    Block body = block(depth + 1);
    std::vector<Handler> handlers{
        {pick(2) == 0 ? std::vector<std::string>{} : std::vector<std::string>{"a.no"},
         act(depth, false)}};
    if (depth == 0 && pick(6) == 0) handlers[0].act = {.kind = ActKind::kFinish};
    b_.add(nodes, NodeKind::kTry, fresh("try"), [&](Node& n) {
      n.body = std::move(body);
      n.call.action = kNoAction;
      n.call.handlers = std::move(handlers);
    });
  }

  std::mt19937_64& random_;
  GraphBuilder b_;
  ActionId safe_ = 0, unsafe_ = 0, undo_ = 0, find_ = 0;
  bool check_ = false, past_ = false;
};

class World {
 public:
  World(std::uint64_t seed) : random_(seed) {}

  int pick(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  Graph graph() { return Maker(random_).graph(); }

  void live(Run& run) {
    if (run.journal.size() == 1) hear(run);
    std::vector<RunAction> open(run.sent);
    std::size_t known = run.sent.size(), entries = 0;
    for (int round = 0; round < 3000 && !run.state.ended(); ++round) {
      if (round == 300) calm_ = true;  // liveness: from here on everything works
      move(run, open, round);
      for (; known < run.sent.size(); ++known) open.push_back(run.sent[known]);
      for (; entries < run.journal.size(); ++entries) look_at(run, run.journal[entries]);
      const Summary s = summary(run.graph, run.state);
      if (!run.state.ended() && s.parked && s.waiting_on.empty())
        BAD("parked, and nothing moves it on");
      if (!run.state.ended() && open.empty() && !s.parked) BAD("works on nothing");
    }
    if (!run.state.ended()) BAD("it does not end");
    finish(run);
  }

  // The saga was somebody's child and is undone although it had completed.
  void undo(Run& run) {
    put(run, UndoAsked{}, "");
    run.sent = sent_by_latest(run);
    live(run);
    if (run.state.status != Status::kCompensated) BAD("a child was not undone");
  }

  mutable bool failed = false;

 private:
  void move(Run& run, std::vector<RunAction>& open, int round) {
    const int move = pick(14);
    if (move == 0 && !calm_ && pick(6) == 0) {
      put(run, CancelAsked{}, "cancel");
    } else if (move == 1) {
      event(run);
    } else if (move == 2 && pick(3) == 0) {
      restart(run, open);
    } else if (move == 3) {
      disturb(run, round);
    } else if (!open.empty() && move < 10) {
      const auto index = static_cast<std::size_t>(pick(static_cast<int>(open.size())));
      const RunAction sent = open[index];
      open.erase(open.begin() + static_cast<std::ptrdiff_t>(index));
      if (sent.action == kNoAction) {
        answer_child(run, sent);
      } else {
        answer(run, sent);
      }
    } else {
      person(run);
      const Instant wake = next_wakeup(run.graph, run.state);
      if (wake) {
        run.now = std::max(run.now, wake);
        for (const Fact& fact : due_timers(run.graph, run.state, run.now)) put(run, fact);
      }
    }
  }

  static std::vector<RunAction> sent_by_latest(const Run& run) {
    std::vector<RunAction> sent;
    for (const Command& command : run.commands) {
      if (const auto* action = std::get_if<RunAction>(&command)) sent.push_back(*action);
      const auto* stop = std::get_if<StopChild>(&command);
      if (stop != nullptr)
        sent.push_back({stop->path, stop->direction, stop->generation, kNoAction});
    }
    return sent;
  }

  // The world hears each wish.
  void put(Run& run, Fact fact, const std::string& reason = "") {
    run.put(std::move(fact), reason);
    hear(run);
  }

  void hear(const Run& run) {
    for (const Command& command : run.commands) {
      if (const auto* await = std::get_if<AwaitEvent>(&command)) {
        if (!awaited_.insert({await->path, await->source}).second) BAD("awaits an event twice");
      } else if (const auto* stop = std::get_if<StopAwaiting>(&command)) {
        if (awaited_.erase({stop->path, stop->source}) == 0)
          BAD("stops awaiting what it does not await");
      } else if (const auto* child = std::get_if<StopChild>(&command);
                 child && child->direction == Direction::kForward) {
        if (!stopped_.insert(child->path).second) BAD("stops a child twice");
      }
    }
  }

  // Facts that no longer fit, and people who interrupt.
  void disturb(Run& run, int round) {
    if (calm_ || pick(3) != 0) {
      const auto past = run.journal.begin() + pick(static_cast<int>(run.journal.size()));
      const bool outcome = std::holds_alternative<StepSucceeded>(past->fact) ||
                           std::holds_alternative<EventTaken>(past->fact) ||
                           std::holds_alternative<AnswerGiven>(past->fact);
      if (!outcome) return;
      State before = run.state;
      put(run, Fact(past->fact));
      before.seq = run.state.seq;
      before.now = run.state.now;
      if (!(before == run.state))
        BAD("a fact that was known already changed something, round " << round);
      return;
    }
    put(run, OperatorActed{OperatorAct::kPause, {}, Direction::kForward, false, {}, ""});
  }

  // Carries out (or not) one request and tells the saga what it would see.
  void answer(Run& run, const RunAction& sent) {
    const std::string key =
        effect_key("saga", run.graph, sent.path, sent.direction, sent.generation);
    const std::string place = path_text(run.graph, sent.path);
    if (sent.direction == Direction::kCheck) {
      const char* word = done_.count(place) != 0 ? "yes" : "no";
      put(run, StepSucceeded{sent.path, sent.direction, sent.generation,
                             record({{"happened", Value::string(word)}})});
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
      put(run, StepSucceeded{sent.path, sent.direction, sent.generation, record({})});
    } else if (outcome == 6 && !seen) {
      const char* error = pick(4) == 0 ? "refused" : "a.no";
      put(run, StepFailed{sent.path, sent.direction, sent.generation, FailureKind::kBusiness, error,
                          "", true, 0});
    } else if (outcome == 7) {
      put(run, StepFailed{sent.path, sent.direction, sent.generation, FailureKind::kTransient,
                          "unavailable", "", false, 0});
    } else {
      put(run, StepFailed{sent.path, sent.direction, sent.generation, FailureKind::kUnsure,
                          "timeout", "", false, 0});
    }
  }

  // A child completes, or has undone itself; or, when it is to be undone afterwards, leaves
  // something over.
  void answer_child(Run& run, const RunAction& sent) {
    const Activity* activity = find_activity(std::as_const(run.state), sent.path);
    REQUIRE(activity != nullptr);
    const bool forward = sent.direction == Direction::kForward;
    if (forward && !activity->open && stopped_.count(sent.path) == 0)
      BAD("a child was not stopped");
    stopped_.erase(sent.path);
    if (calm_ || pick(3) != 0) {
      carry_out(run, sent, path_text(run.graph, sent.path));
      put(run, StepSucceeded{sent.path, sent.direction, sent.generation, record({})});
      return;
    }
    const char* error = forward ? "cancelled" : "left_over";
    put(run, StepFailed{sent.path, sent.direction, sent.generation, FailureKind::kBusiness, error,
                        "", true, 0});
  }

  void carry_out(Run& run, const RunAction& sent, const std::string& place) {
    if (sent.direction == Direction::kForward) {
      if (!done_.insert(place).second) BAD(place << " happened twice");
      return;
    }
    const auto& unsure = run.graph.nodes[sent.path.node].call.if_unsure;
    const bool anyway = unsure && unsure->kind == Unsure::Kind::kUndoAnyway;
    if (done_.erase(place) == 0 && !anyway) BAD(place << " was undone but had not happened");
    for (const std::string& other : done_) {
      const Path path = run.at(other);
      const Activity* after = find_activity(std::as_const(run.state), path);
      if (after != nullptr && after->effect == EffectState::kLeftOver) continue;
      if (!precedes(run.graph, sent.path, path)) continue;
      const bool apart = std::any_of(parts_.begin(), parts_.end(), [&](const Unwinding& u) {
        return inside(run.graph, sent.path, u.path, u.part) &&
               !inside(run.graph, path, u.path, u.part);
      });
      if (!apart) BAD(place << " was undone before " << other);
    }
  }

  void look_at(const Run& run, const Entry& entry) {
    for (const Drawn& drawn : entry.drawn) {
      if (const auto* unwinding = std::get_if<Unwinding>(&drawn)) parts_.push_back(*unwinding);
      if (const auto* unwound = std::get_if<Unwound>(&drawn))
        check_gone(run, unwound->path, unwound->part);
    }
  }

  // What stands of a part that was undone has been named.
  void check_gone(const Run& run, const Path& path, std::uint32_t part) {
    if (done_.empty()) return;
    const std::set<std::string> left = left_places(run);
    for (const std::string& place : done_) {
      if (left.count(place) == 0 && inside(run.graph, run.at(place), path, part)) {
        BAD(place << " stands although its part was undone, and nobody was told");
      }
    }
  }

  void event(Run& run) {
    if (awaited_.empty()) return;
    const auto it = std::next(awaited_.begin(), pick(static_cast<int>(awaited_.size())));
    const auto [path, source] = *it;
    const Activity* activity = find_activity(std::as_const(run.state), path);
    if (activity == nullptr || !awaits(run.graph, *activity, source)) return;  // declined
    awaited_.erase(it);
    put(run, EventTaken{path, "e" + std::to_string(events_++), "e", record({}), source});
  }

  // The engine dies: what was in flight may have happened, nobody will tell. Children go on, and
  // are told again.
  void restart(Run& run, std::vector<RunAction>& open) {
    std::set<std::pair<Path, Direction>> children;
    std::vector<RunAction> kept;
    for (const RunAction& sent : open) {
      if (sent.action == kNoAction) {
        kept.push_back(sent);
        children.insert({sent.path, sent.direction});
        continue;
      }
      const std::string key =
          effect_key("saga", run.graph, sent.path, sent.direction, sent.generation);
      if (sent.direction == Direction::kCheck || pick(2) == 0 || !keys_.insert(key).second)
        continue;
      carry_out(run, sent, path_text(run.graph, sent.path));
    }
    open = std::move(kept);
    const Recovery recovery = recover(run.graph, run.state);
    for (const Command& command : recovery.commands) {
      if (const auto* start = std::get_if<StartChild>(&command))
        children.erase({start->path, Direction::kForward});
      if (const auto* stop = std::get_if<StopChild>(&command))
        children.erase({stop->path, stop->direction});
      if (const auto* await = std::get_if<AwaitEvent>(&command);
          await && !awaited_.count({await->path, await->source})) {
        BAD("awaits after a restart what it did not await before");
      }
    }
    if (!children.empty()) BAD("a child was forgotten by a restart");
    for (const Fact& fact : recovery.facts) put(run, fact);
  }

  // Answers, resolves, retries, or skips where nothing else is left.
  void person(Run& run) {
    if (run.state.queued) return put(run, TurnCame{});
    const auto acts = allowed_acts(run.graph, run.state);
    for (const AllowedAct& act : acts) {
      if (act.act == "resume" && pick(2) == 0) {
        return put(run,
                   OperatorActed{OperatorAct::kResume, {}, Direction::kForward, false, {}, ""});
      }
      if (act.path.empty()) continue;
      const Path path = run.at(act.path);
      const bool happened = act.direction == Direction::kForward ? done_.count(act.path) != 0
                                                                 : done_.count(act.path) == 0;
      if (act.act == "answer" && pick(2) == 0) return put(run, AnswerGiven{path, record({})});
      if (act.act == "resolve") {
        return put(run, OperatorActed{OperatorAct::kResolve, path, act.direction, happened,
                                      record({}), "looked"});
      }
      if (act.act == "retry" && pick(4) != 0 &&
          summary(run.graph, run.state).health != Health::kRetrying) {
        return put(run, OperatorActed{OperatorAct::kRetry, path, act.direction, false, {}, ""},
                   "again");
      }
      const CallState& call =
          call_of(*find_activity(std::as_const(run.state), path), act.direction);
      if (act.act == "skip" && !call.unsure && pick(4) == 0) {
        return put(run, OperatorActed{OperatorAct::kSkip, path, act.direction, false, {}, ""},
                   "let it be");
      }
    }
  }

  std::set<std::string> left_places(const Run& run) const {
    std::set<std::string> left;
    for (const LeftOver& l : left_over(run.graph, run.state))
      left.insert(path_text(run.graph, l.path));
    return left;
  }

  void finish(const Run& run) {
    if (!awaited_.empty()) BAD("it has ended and still awaits an event");
    const std::set<std::string> left = left_places(run);
    const bool compensated = run.state.status == Status::kCompensated;
    for (const std::string& place : done_) {
      const Path path = run.at(place);
      const bool undone =
          compensated || std::any_of(parts_.begin(), parts_.end(), [&](const Unwinding& u) {
            return inside(run.graph, path, u.path, u.part);
          });
      if (undone && left.count(place) == 0)
        BAD(place << " stands although it was to be undone, and nobody was told");
    }
    for (const Activity& activity : run.state.activities) {
      if (compensated || activity.effect != EffectState::kUndone) continue;
      const bool asked = std::any_of(parts_.begin(), parts_.end(), [&](const Unwinding& u) {
        return inside(run.graph, activity.path, u.path, u.part);
      });
      if (!asked)
        BAD(path_text(run.graph, activity.path) << " was undone although nothing asked for it");
    }
  }

  std::mt19937_64 random_;
  std::set<std::string> keys_, done_;
  std::set<std::pair<Path, std::uint32_t>> awaited_;
  std::set<Path> stopped_;
  std::vector<Unwinding> parts_;
  int events_ = 0;
  bool calm_ = false;
};

}  // namespace

TEST_CASE("random sagas in a random world keep their promises") {
  const char* only = std::getenv("BELAY_SEED");
  const std::uint64_t first = only != nullptr ? std::strtoull(only, nullptr, 10) : 1;
  std::size_t entries = 0;
  for (std::uint64_t seed = first; seed <= (only != nullptr ? first : 20000); ++seed) {
    CAPTURE(seed);
    World world(seed);
    Run run(world.graph(), record({}), world.pick(20) == 0);
    world.live(run);
    const bool child =
        run.state.status == Status::kCompleted && !run.state.past_no_return && world.pick(4) == 0;
    if (child) world.undo(run);
    entries += run.journal.size();
    if (world.failed) break;
  }
  if (std::getenv("BELAY_TRACE") != nullptr) std::printf("%zu entries\n", entries);
}
