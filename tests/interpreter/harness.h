// Drives one saga through the interpreter as the engine would, without an engine: facts in,
// commands out, a journal that grows. When a Run ends, it proves for every prefix of its journal
// that replay finds the same state and that deciding anew draws the same and wishes the same: the
// property that durability stands on.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "interpreter/interpret.h"
#include "interpreter/view.h"
#include "tests/catch.h"
#include "tests/interpreter/replay.h"

namespace belay::testing {

using namespace belay::interpreter;

// Builds graphs by hand, for tests that should not depend on the compiler.
class GraphBuilder {
 public:
  GraphBuilder() {
    graph.workflow = "test";
    graph.if_undo_fails.for_ms = 3'600'000;
    graph.if_undo_fails.then.kind = ActKind::kHandTo;
    graph.if_undo_fails.then.team = "ops";
  }

  SlotId take(const std::string& name) {
    graph.takes.push_back({name, {}});
    return slot(name);
  }
  SlotId slot(const std::string& name) {
    graph.slots.push_back({name, {}, depth});
    return static_cast<SlotId>(graph.slots.size() - 1);
  }
  ActionId action(const std::string& name, std::uint8_t effects, bool repeat_safe = true) {
    Action a;
    a.name = name;
    a.effects = effects;
    a.repeat_safe = repeat_safe;
    a.runs = Action::Runs::kPlugin;
    a.plugin.plugin = name;
    graph.actions.push_back(std::move(a));
    return static_cast<ActionId>(graph.actions.size() - 1);
  }
  Node& node(NodeKind kind, const std::string& name) {
    Node n;
    n.kind = kind;
    n.name = name;
    const bool gives = kind == NodeKind::kStep || kind == NodeKind::kWait ||
                       kind == NodeKind::kAsk || kind == NodeKind::kRun || kind == NodeKind::kSet;
    n.slot = gives ? slot(name) : kNoSlot;
    graph.nodes.push_back(std::move(n));
    return graph.nodes.back();
  }
  // A step at the end of `block`, with an undo action unless `undo` is 0xffffffff.
  NodeId step(Block& block, const std::string& name, ActionId action, ActionId undo = 0xffffffff) {
    Node& n = node(NodeKind::kStep, name);
    n.call.action = action;
    if (undo != 0xffffffff) {
      n.undo = Call{};
      n.undo->action = undo;
    }
    const auto id = static_cast<NodeId>(graph.nodes.size() - 1);
    block.push_back(id);
    return id;
  }
  NodeId last() const { return static_cast<NodeId>(graph.nodes.size() - 1); }

  static Program literal(Value value) {
    Program p;
    ExprNode n;
    n.kind = ExprKind::kLiteral;
    n.literal = std::move(value);
    p.nodes.push_back(std::move(n));
    return p;
  }
  static Program read(SlotId slot) {
    Program p;
    ExprNode n;
    n.kind = ExprKind::kSlot;
    n.index = slot;
    p.nodes.push_back(std::move(n));
    return p;
  }
  static Value seconds(std::int64_t s) { return Value::duration({s, 0}); }

  Graph done() {
    graph.index();
    return graph;
  }

  // An expression that always fails: it reads what was never set.
  Program broken() { return read(slot("never_set")); }

  // A statement made by `node` and then completed, at the end of `block`.
  template <class Fill>
  NodeId add(Block& block, NodeKind kind, const std::string& name, Fill fill) {
    fill(node(kind, name));
    block.push_back(last());
    return last();
  }
  // A block whose statements stand in the body of one more loop.
  template <class Fill>
  Block body(Fill fill) {
    ++depth;
    Block block;
    fill(block);
    --depth;
    return block;
  }

  std::uint32_t depth = 0;  // of the loops that surround what is being made
  Graph graph;
};

inline const std::uint8_t kMarks = static_cast<std::uint8_t>(Effect::kMovesMoney);

class Run {
 public:
  explicit Run(Graph g, Value input = record({}), bool queued = false) : graph(std::move(g)) {
    put(Started{std::move(input), {}, queued});
  }
  ~Run() { prove_replay(); }

  // Journals a fact at the present time.
  void put(Fact fact, std::string reason = "") {
    Entry entry;
    entry.seq = state.seq + 1;
    entry.at = now;
    entry.reason = std::move(reason);
    entry.fact = std::move(fact);
    Decision decision = decide(graph, apply(graph, std::move(state), entry), "saga");
    entry.drawn = decision.drawn;
    state = std::move(decision.state);
    if (std::getenv("BELAY_TRACE") != nullptr) trace(entry);
    journal.push_back(std::move(entry));
    commands = std::move(decision.commands);
    for (const Command& command : commands) {
      if (const auto* run = std::get_if<RunAction>(&command)) sent.push_back(*run);
      // A child is answered like a call: its start, and the request to undo itself.
      const auto* start = std::get_if<StartChild>(&command);
      if (start != nullptr && !start->detached) {
        sent.push_back(
            {start->path, Direction::kForward, start->generation, kNoAction, "", start->input});
      }
      const auto* stop = std::get_if<StopChild>(&command);
      if (stop != nullptr && stop->direction == Direction::kUndo) {
        sent.push_back({stop->path, Direction::kUndo, stop->generation, kNoAction});
      }
    }
  }

  Path at(const std::string& name) const { return parse_path(graph, name); }
  std::uint32_t generation(const std::string& name, Direction direction) const {
    for (auto it = sent.rbegin(); it != sent.rend(); ++it) {
      if (it->path == at(name) && it->direction == direction) return it->generation;
    }
    FAIL("nothing was sent for " << name);
    return 0;
  }

  void ok(const std::string& name, Value result = record({}),
          Direction direction = Direction::kForward) {
    put(StepSucceeded{at(name), direction, generation(name, direction), std::move(result)});
  }
  void fail(const std::string& name, FailureKind kind, const std::string& error,
            Direction direction = Direction::kForward) {
    put(StepFailed{at(name), direction, generation(name, direction), kind, error, "",
                   kind == FailureKind::kBusiness, 0});
  }
  // Lets time pass and fires what is due.
  void pass(std::int64_t seconds_passed) {
    now.us += seconds_passed * 1'000'000;
    for (const Fact& fact : due_timers(graph, state, now)) put(fact);
  }

  // What was sent by the latest fact: "hold do 0, capture undo 1, child start 0, child stop do 0".
  std::string latest() const {
    std::string text;
    const auto say = [&](const Path& path, const std::string& words, std::uint32_t generation) {
      if (!text.empty()) text += ", ";
      text += path_text(graph, path) + " " + words + " " + std::to_string(generation);
    };
    for (const Command& command : commands) {
      if (const auto* run = std::get_if<RunAction>(&command))
        say(run->path, name(run->direction), run->generation);
      if (const auto* start = std::get_if<StartChild>(&command))
        say(start->path, "start", start->generation);
      if (const auto* stop = std::get_if<StopChild>(&command)) {
        say(stop->path, std::string("stop ") + name(stop->direction), stop->generation);
      }
    }
    return text;
  }
  std::string status() const { return name(state.status); }
  std::string health() const { return name(summary(graph, state).health); }

  // One line an entry, for a failing seed: BELAY_TRACE=1.
  void trace(const Entry& entry) const {
    static constexpr const char* kFacts[] = {
        "Started",       "StepSucceeded", "StepFailed",  "TimerFired", "EventTaken", "CancelAsked",
        "OperatorActed", "CapReached",    "AnswerGiven", "TurnCame",   "UndoAsked",  "Migrated"};
    static constexpr const char* kDrawn[] = {"Took",       "Assigned",    "Sent",      "RetryAt",
                                             "Settled",    "Held",        "Failed",    "Handled",
                                             "Waiting",    "PausedUntil", "Published", "Passed",
                                             "DeadlineAt", "Cancelling",  "NotUndone", "Ended",
                                             "Looped",     "Asked",       "Unwinding", "Unwound"};
    std::string line = std::to_string(entry.seq) + " " + kFacts[entry.fact.index()];
    const auto place = [&](const auto& item) {
      if constexpr (requires { item.part; }) line += " part " + std::to_string(item.part) + " of";
      if constexpr (requires { item.path; }) line += " " + path_text(graph, item.path);
      if constexpr (requires { item.direction; }) line += std::string(" ") + name(item.direction);
      if constexpr (requires { item.kind; }) line += std::string(" ") + name(item.kind);
      if constexpr (requires { item.generation; }) line += " " + std::to_string(item.generation);
      if constexpr (requires { item.happened; }) line += item.happened ? " happened" : " not";
    };
    std::visit(place, entry.fact);
    for (const Drawn& drawn : entry.drawn) {
      line += std::string(" | ") + kDrawn[drawn.index()];
      std::visit(place, drawn);
    }
    std::puts(line.c_str());
  }

  void prove_replay() const {
    const std::string problem = replay_problem(graph, "saga", journal, &state);
    if (!problem.empty()) FAIL_CHECK("replay: " << problem);
  }

  Graph graph;
  State state;
  std::vector<Entry> journal;
  std::vector<Command> commands;
  std::vector<RunAction> sent;
  Instant now{1'800'000'000'000'000};
};

}  // namespace belay::testing
