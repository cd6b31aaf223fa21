// The loop of one simulated saga: the earliest of what is under way (outcomes, events, people, a
// restart) or of the interpreter's timers comes next, becomes a fact, and its entry is journaled
// with what the interpreter drew from it.
#include "runtime/simulator/simulator.h"

#include <algorithm>
#include <functional>
#include <set>
#include <tuple>

#include "runtime/simulator/world.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: every type of the loop is the interpreter's

namespace {

constexpr std::size_t kEntriesMax = 5000;
constexpr std::int64_t kDownMs = 5000;       // how long a killed engine is away
constexpr std::int64_t kPersonMs = 600'000;  // how long a held saga waits for its person
constexpr std::int64_t kMicros = 1000;

// A directed call in its main direction: what a hold is about.
Direction main_of(Direction direction) {
  if (direction == Direction::kCheck) return Direction::kForward;
  return direction == Direction::kUndoCheck ? Direction::kUndo : direction;
}

const Activity* activity_of(const State& state, const Path& path) {
  for (const Activity& activity : state.activities) {
    if (activity.path == path) return &activity;
  }
  return nullptr;
}

class Simulation {
 public:
  Simulation(const Graph& graph, const Script& script, const Surroundings& around)
      : graph_(graph),
        script_(script),
        world_(graph, script, around, run_),
        crashed_(script.crashes.size()),
        acted_(script.acts.size()) {}

  Run run() {
    for (std::size_t i = 0; i < script_.acts.size(); ++i) {
      if (script_.acts[i].when == PersonAct::When::kAfterStart) {
        acted_[i] = true;
        later(script_.acts[i].after_ms, [this, i] { act(i); });
      }
    }
    put(Started{script_.input}, "", "");
    while (run_.problem.empty() && next()) {
      if (run_.journal.size() > kEntriesMax) {
        run_.problem =
            "it does not come to an end: more than " + std::to_string(kEntriesMax) + " entries";
      }
    }
    run_.ended_at = run_.state.now;
    return std::move(run_);
  }

 private:
  struct Pending {
    Instant at;
    std::uint64_t order = 0;
    bool of_engine = false;  // lost with it
    std::function<void()> happen;
  };

  void later(std::int64_t ms, std::function<void()> happen, bool of_engine = false) {
    pending_.push_back({{now_.us + ms * kMicros}, ++order_, of_engine, std::move(happen)});
  }

  // The next thing that happens; false when nothing is left to happen.
  bool next() {
    const auto first =
        std::min_element(pending_.begin(), pending_.end(), [](const auto& a, const auto& b) {
          return std::tie(a.at, a.order) < std::tie(b.at, b.order);
        });
    if (first == pending_.end() && rests_where_told()) return false;
    const Instant wake = down_ ? Instant{} : next_wakeup(graph_, run_.state);
    if (first != pending_.end() && (!wake || first->at <= wake)) {
      const Pending one = std::move(*first);
      pending_.erase(first);
      now_ = std::max(now_, one.at);
      one.happen();
      return true;
    }
    if (!wake) return false;
    now_ = std::max(now_, wake);
    for (const Fact& fact : due_timers(graph_, run_.state, now_)) {
      if (!down_) put(fact, "", "");
    }
    return true;
  }

  bool rests_where_told() const {
    const auto& told = script_.rest_at;
    return std::any_of(
        run_.state.activities.begin(), run_.state.activities.end(), [&](const Activity& a) {
          return a.open && std::find(told.begin(), told.end(), a.path.node) != told.end();
        });
  }

  void note(std::string text) { run_.notes.push_back({run_.state.seq, now_, std::move(text)}); }

  // Journals a fact as the engine does; carries out what follows unless the engine is killed just
  // then.
  void put(const Fact& fact, std::string actor, std::string reason, bool killed = false) {
    Entry entry;
    entry.seq = run_.state.seq + 1;
    entry.at = now_;
    entry.actor = std::move(actor);
    entry.reason = std::move(reason);
    entry.fact = fact;
    Decision decision = decide(graph_, apply(graph_, run_.state, entry), kSaga);
    entry.drawn = std::move(decision.drawn);
    run_.state = std::move(decision.state);
    run_.journal.push_back(std::move(entry));
    count_sends(run_.journal.back());
    // What was published is in the committed entry, whoever dies.
    for (const Drawn& drawn : run_.journal.back().drawn) {
      if (const auto* published = std::get_if<Published>(&drawn)) {
        run_.published.push_back({published->event, published->key, published->payload});
      }
      if (const auto* asked = std::get_if<Asked>(&drawn)) expect_answer(asked->path);
    }
    if (killed) {
      kill();
      return;
    }
    for (const Command& command : decision.commands) {
      std::visit([this](const auto& c) { carry_out(c); }, command);
      if (down_) return;
    }
    people_at_holds();
  }

  void count_sends(const Entry& entry) {
    for (const Drawn& drawn : entry.drawn) {
      if (const auto* sent = std::get_if<Sent>(&drawn))
        ++run_.sends[{sent->path.node, sent->direction}];
    }
  }

  // ---- Commands ----

  struct Place {  // one call of one round
    Path path;
    Direction direction = Direction::kForward;
  };

  void carry_out(const RunAction& command) {
    const Place call{command.path, command.direction};
    if (crash_at(call, Moment::kBefore)) {
      kill();
      return;
    }
    deliver(call, world_.answer(command, now_));
  }

  // The outcome reaches the engine later, unless it is killed before.
  void deliver(const Place& call, CallOutcome outcome) {
    people_at(call, Moment::kDuring);
    const bool lost = crash_at(call, Moment::kDuring);
    later(
        outcome.after_ms,
        [this, call, lost, fact = std::move(outcome.fact)] {
          if (lost) {
            kill();
            return;
          }
          coming_.erase(call.path);
          const bool done = std::holds_alternative<StepSucceeded>(fact);
          put(fact, "", "", crash_at(call, Moment::kAfter));
          if (done) people_at(call, Moment::kAfter);
        },
        true);
  }

  void carry_out(const AwaitEvent& command) {
    const Place wait{command.path};
    people_at(wait, Moment::kDuring);
    expect_event(command);
    if (crash_at(wait, Moment::kDuring)) kill();
  }

  void expect_event(const AwaitEvent& command) {
    if (!expected_.insert({command.path, command.source}).second) return;
    const Arrival arrival = arrival_at(command.path, command.source);
    if (arrival.never) return;
    std::int64_t after_ms = arrival.after_ms;
    if (arrival.early || arrival.before_start_ms >= 0) {
      const Instant came{kStart.us - std::max<std::int64_t>(arrival.before_start_ms, 0) * kMicros};
      if (came < command.since) {
        note("`" + command.event + "` came before anything that this saga still looks at");
        world_.event_came_late(command.path);
        return;
      }
      after_ms = 0;
    }
    for (std::uint32_t copy = 0; copy < arrival.copies; ++copy) {
      later(after_ms, [this, command, arrival] { event(command, arrival); });
    }
  }

  // The last one counts; those about one round come before those about all.
  Arrival arrival_at(const Path& path, std::uint32_t source) const {
    Arrival arrival;
    arrival.never = !script_.events_come;
    for (const Arrival& one : script_.arrivals) {
      const bool this_one = one.source < 0 || one.source == static_cast<std::int64_t>(source);
      if (one.wait != path.node || !this_one || !in_round(one.round, path)) continue;
      if (one.round != kEveryRound || arrival.round == kEveryRound) arrival = one;
    }
    return arrival;
  }

  // A question is answered by a person, who needs no engine to think.
  void expect_answer(const Path& path) {
    people_at({path}, Moment::kDuring);
    const Arrival arrival = arrival_at(path, 0);
    if (arrival.never) return;
    later(arrival.after_ms, [this, path, arrival] { answer(path, arrival); });
  }

  void answer(const Path& path, const Arrival& arrival) {
    const Place at{path};
    const Activity* activity = activity_of(run_.state, path);
    if (down_) {
      later(kDownMs, [this, path, arrival] { answer(path, arrival); });
    } else if (activity == nullptr || !activity->open || run_.state.ended()) {
      note("someone answers `" + path_text(graph_, path) + "`, and nobody asks any more");
    } else {
      put(AnswerGiven{path, world_.answer_to(path, arrival.with, now_)}, "someone", "",
          crash_at(at, Moment::kAfter));
      people_at(at, Moment::kAfter);
    }
  }

  // ---- Children: a saga of their own, of which only the outcome is seen ----

  void carry_out(const StartChild& command) {
    const Place call{command.path};
    if (crash_at(call, Moment::kBefore)) {
      kill();
      return;
    }
    CallOutcome outcome = world_.start(command, now_);
    if (command.detached) return;
    coming_.insert(command.path);
    deliver(call, std::move(outcome));
  }
  // A child whose end is on its way has ended before it can be stopped.
  void carry_out(const StopChild& command) {
    const bool ended = command.direction == Direction::kForward && coming_.count(command.path) != 0;
    if (ended) return;
    deliver({command.path, command.direction}, world_.stop(command));
  }

  void carry_out(const StartTimer&) {}    // next_wakeup knows
  void carry_out(const StopAwaiting&) {}  // an event that comes now finds the wait closed
  void carry_out(const Publish&) {}       // taken from the entry
  void carry_out(const Finish&) {}
  template <class Other>
  void carry_out(const Other&) {
    run_.problem = "the simulator does not know how to carry out what this workflow wants";
  }

  void event(const AwaitEvent& command, const Arrival& arrival) {
    const Activity* activity = activity_of(run_.state, command.path);
    const std::string id =
        "simulated:" + path_text(graph_, command.path) + ":" + std::to_string(command.source);
    const auto& taken = run_.state.taken_events;
    if (std::binary_search(taken.begin(), taken.end(), id)) {
      note("`" + command.event + "` comes once more: it is the same event, and changes nothing");
      return;
    }
    if (down_) {  // it stays in the database until the engine is back
      later(kDownMs, [this, command, arrival] { event(command, arrival); });
      return;
    }
    if (activity == nullptr || !activity->open || run_.state.ended()) {
      note("`" + command.event + "` comes, and nothing waits for it any more");
      world_.event_came_late(command.path);
      return;
    }
    const Node& node = graph_.nodes[command.path.node];
    world_.event_taken(command.path);
    EventTaken taken_now;
    taken_now.path = command.path;
    taken_now.source = command.source;
    taken_now.event_id = id;
    taken_now.event = command.event;
    taken_now.payload = world_.payload(node, command, arrival.with, now_);
    put(std::move(taken_now), "", "", crash_at({command.path}, Moment::kAfter));
    people_at({command.path}, Moment::kAfter);
  }

  // ---- The engine is killed ----

  static bool same(const CallAt& said, std::int64_t round, const Place& place) {
    return said == CallAt{place.path.node, place.direction} && in_round(round, place.path);
  }

  bool crash_at(const Place& place, Moment moment) {
    for (std::size_t i = 0; i < script_.crashes.size(); ++i) {
      const Crash& crash = script_.crashes[i];
      if (crashed_[i] || crash.moment != moment || !same(crash.call, crash.round, place)) continue;
      crashed_[i] = true;
      return true;
    }
    return false;
  }

  void kill() {
    down_ = true;
    note("the engine stops");
    coming_.clear();
    std::erase_if(pending_, [](const Pending& p) { return p.of_engine; });
    later(kDownMs, [this] { restart(); });
  }

  // All that is left is the journal.
  void restart() {
    down_ = false;
    State folded;
    for (const Entry& entry : run_.journal) folded = apply(graph_, std::move(folded), entry);
    if (!(folded == run_.state)) {
      run_.problem = "the journal does not fold to the state that was lost";
      return;
    }
    run_.state = std::move(folded);
    note("the engine is back");
    const Recovery recovery = recover(graph_, run_.state);
    for (const Command& command : recovery.commands) {
      std::visit([this](const auto& c) { carry_out(c); }, command);
    }
    for (const Fact& fact : recovery.facts) {
      if (!down_) put(fact, "", "");
    }
  }

  // ---- People ----

  void people_at(const Place& place, Moment moment) {
    for (std::size_t i = 0; i < script_.acts.size(); ++i) {
      const PersonAct& one = script_.acts[i];
      if (acted_[i] || one.when != PersonAct::When::kAtCall || one.moment != moment ||
          !same(one.call, one.round, place))
        continue;
      acted_[i] = true;
      later(0, [this, i] { act(i); });
    }
  }

  void people_at_holds() {
    for (const Activity& activity : run_.state.activities) {
      for (const auto& [direction, call] : {std::pair(Direction::kForward, &activity.forward),
                                            std::pair(Direction::kUndo, &activity.undo)}) {
        if (call->phase != CallPhase::kHeld) continue;
        for (std::size_t i = 0; i < script_.acts.size(); ++i) {
          const PersonAct& one = script_.acts[i];
          if (acted_[i] || one.when != PersonAct::When::kWhenHeld) continue;
          if (one.call.node != activity.path.node || main_of(one.call.direction) != direction ||
              !in_round(one.round, activity.path))
            continue;
          acted_[i] = true;
          later(kPersonMs, [this, i] { act(i); });
          return;  // one act at a time
        }
      }
    }
  }

  static bool holds(const Activity& activity, Direction direction) {
    const auto& call = direction == Direction::kUndo ? activity.undo : activity.forward;
    return call.phase == CallPhase::kHeld;
  }

  void act(std::size_t index) {
    const PersonAct& one = script_.acts[index];
    Fact fact = one.fact;
    if (auto* acted = std::get_if<OperatorActed>(&fact)) {
      for (const Activity& activity : run_.state.activities) {
        const bool there =
            activity.path.node == one.call.node && in_round(one.round, activity.path);
        if (!there) continue;
        acted->path = activity.path;
        if (holds(activity, main_of(one.call.direction))) break;
      }
      acted->direction = main_of(one.call.direction);
      if (!one.with.empty()) acted->output = record(world_.values(one.with, acted->path.iteration));
    }
    const Preview shown = preview(graph_, run_.state, fact, kSaga);
    if (!shown.allowed) {
      note("someone's act is refused: " + shown.why_not);
      return;
    }
    put(fact, "someone", one.reason);
  }

  const Graph& graph_;
  const Script& script_;
  Run run_;
  World world_;
  Instant now_ = kStart;
  std::vector<Pending> pending_;
  std::uint64_t order_ = 0;
  std::set<std::pair<Path, std::uint32_t>> expected_;  // sources whose event was scheduled
  std::set<Path> coming_;  // children whose end is on its way to the engine
  std::vector<bool> crashed_, acted_;
  bool down_ = false;
};

// Reads variables of a finished state: by slot, in as many rounds of loops as the slot lies deep.
class AnyScope final : public Scope {
 public:
  AnyScope(const Graph& graph, const State& state, const std::vector<std::uint32_t>& iteration,
           const std::vector<Value>* extra)
      : graph_(graph), state_(state), iteration_(iteration), extra_(extra) {}

  const Value* slot(std::uint32_t index) const override {
    if (index >= graph_.slots.size()) {
      const std::size_t at = index - graph_.slots.size();
      if (extra_ == nullptr || at >= extra_->size() || (*extra_)[at].is_null()) return nullptr;
      return &(*extra_)[at];
    }
    const std::size_t depth = std::min<std::size_t>(graph_.slots[index].depth, iteration_.size());
    for (const Variable& variable : state_.variables) {
      if (variable.slot != index || variable.iteration.size() != depth) continue;
      if (std::equal(variable.iteration.begin(), variable.iteration.end(), iteration_.begin()))
        return &variable.value;
    }
    return nullptr;
  }
  Timestamp now() const override { return to_timestamp(state_.now); }

 private:
  const Graph& graph_;
  const State& state_;
  const std::vector<std::uint32_t>& iteration_;
  const std::vector<Value>* extra_;
};

bool leaves_mark(const Graph& graph, const Node& node) {
  if (node.undo) return true;
  if (node.kind == NodeKind::kRun) return !node.run.detached;
  if (node.kind != NodeKind::kStep) return false;
  const auto reads = static_cast<std::uint8_t>(Effect::kReads);
  return (graph.actions[node.call.action].effects & static_cast<std::uint8_t>(~reads)) != 0;
}

}  // namespace

Run simulate(const Graph& graph, const Script& script, const Surroundings& around) {
  return Simulation(graph, script, around).run();
}

Evaluated evaluate_in(const Graph& graph, const State& state, const Program& program,
                      const std::vector<std::uint32_t>& iteration,
                      const std::vector<Value>* extra) {
  return evaluate(program, AnyScope(graph, state, iteration, extra));
}

std::vector<Path> world_left_over(const Graph& graph, const Run& run) {
  std::vector<Path> left;
  for (const auto& [path, effect] : run.world) {
    if (effect.done == 0 || effect.undone || !leaves_mark(graph, graph.nodes[path.node])) continue;
    const bool stands =
        run.state.status == Status::kCompensating || run.state.status == Status::kCompensated;
    if (effect.late_event || (stands && !effect.excused)) left.push_back(path);
  }
  return left;
}

std::vector<std::string> disagreements(const Graph& graph, const Run& run) {
  std::vector<std::string> out;
  for (const auto& [path, effect] : run.world) {
    if (effect.done > 1) {
      out.push_back("`" + path_text(graph, path) + "` happened " + std::to_string(effect.done) +
                    " times");
    }
  }
  if (!run.state.ended()) return out;
  std::vector<Path> believed;
  for (const LeftOver& left : left_over(graph, run.state)) believed.push_back(left.path);
  const std::vector<Path> stands = world_left_over(graph, run);
  const auto has = [](const std::vector<Path>& list, const Path& path) {
    return std::find(list.begin(), list.end(), path) != list.end();
  };
  for (const Path& path : stands) {
    if (has(believed, path)) continue;
    const bool late = run.world.at(path).late_event;
    out.push_back("`" + path_text(graph, path) +
                  (late ? "` came when nothing waited for it: nobody takes it, nobody undoes it"
                        : "` stands, and the saga does not know of it"));
  }
  for (const Path& path : believed) {
    if (!has(stands, path))
      out.push_back("`" + path_text(graph, path) +
                    "` counts as left over, but nothing of it stands");
  }
  if (run.state.status != Status::kCompleted) return out;
  for (const auto& [path, effect] : run.world) {
    const Activity* activity = activity_of(run.state, path);
    if (effect.done == 0 || effect.late_event || activity == nullptr) continue;
    if (!leaves_mark(graph, graph.nodes[path.node]) || activity->effect != EffectState::kNone)
      continue;
    out.push_back("`" + path_text(graph, path) +
                  "` happened, but the saga goes on as if it had not");
  }
  return out;
}

}  // namespace belay::runtime::simulator
