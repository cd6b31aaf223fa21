// Waits for several events, questions, child sagas, turns, acts inside handlers' blocks, rates: one
// test a rule. Every Run proves replay for each prefix of its journal (harness.h).
#include "tests/interpreter/harness.h"

using namespace belay::testing;

namespace {

constexpr auto kBusiness = FailureKind::kBusiness;
constexpr auto kForward = Direction::kForward;
constexpr auto kUndo = Direction::kUndo;

Fact person(OperatorAct act, const Path& path, Direction direction = kForward) {
  return OperatorActed{act, path, direction, false, {}, ""};
}

// hold → wait both for "paid" under k1 and "signed" under k2 → last
Graph two_events(bool any, ActKind otherwise = ActKind::kCarryOn) {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  b.step(root, "hold", act, back);
  b.add(root, NodeKind::kWait, "both", [&](Node& n) {
    n.sources = {
        {"paid", "payment.authorised", GraphBuilder::literal(Value::string("k1")), 3'600'000},
        {"signed", "contract.signed", GraphBuilder::literal(Value::string("k2")), 0}};
    n.any_source = any;
    n.within = GraphBuilder::literal(GraphBuilder::seconds(60));
    n.otherwise.kind = otherwise;
    n.otherwise.team = "ops";
    n.undo = Call{};
    n.undo->action = back;
  });
  const SlotId both = b.graph.nodes[b.last()].slot;
  b.step(root, "last", act, back);
  b.graph.nodes[b.last()].call.args = {{"both", GraphBuilder::read(both)}};
  b.graph.root = root;
  return b.done();
}

Fact paid(const Run& run, const std::string& id) {
  return EventTaken{run.at("both"), id, "payment.authorised",
                    record({{"amount", Value::integer(7)}}), 0};
}
Fact signed_(const Run& run, const std::string& id) {
  return EventTaken{run.at("both"), id, "contract.signed", record({{"by", Value::string("ada")}}),
                    1};
}

std::string stopped(const Run& run) {
  std::string text;
  for (const Command& command : run.commands) {
    if (const auto* stop = std::get_if<StopAwaiting>(&command))
      text += stop->event + " " + stop->key + ";";
  }
  return text;
}

}  // namespace

TEST_CASE("wait for all of: complete when all have come") {
  Run run(two_events(false));
  run.ok("hold");
  REQUIRE(run.commands.size() == 3);
  CHECK(std::get<AwaitEvent>(run.commands[0]).since.us == run.now.us - 3'600'000'000);
  CHECK(std::get<AwaitEvent>(run.commands[1]).since == run.now);
  CHECK(summary(run.graph, run.state).waiting_on ==
        "event payment.authorised for k1 and contract.signed for k2");
  run.put(signed_(run, "e1"));
  CHECK(run.latest() == "");
  CHECK(summary(run.graph, run.state).waiting_on == "event payment.authorised for k1");
  CHECK(recover(run.graph, run.state).commands.size() == 2);  // one source, and the limit
  run.put(signed_(run, "e2"));                                // that source has its event
  run.put(paid(run, "e1"));                                   // and that event was taken
  CHECK(run.latest() == "");
  run.put(paid(run, "e3"));
  CHECK(run.latest() == "last do 0");
  CHECK(stopped(run).empty());
  const Value both = *run.sent.back().args.find("both");
  CHECK(*both.find("paid")->find("amount") == Value::integer(7));
  CHECK(*both.find("signed")->find("by") == Value::string("ada"));
  run.fail("last", kBusiness, "no");
  CHECK(run.latest() == "both undo 0");
}

TEST_CASE("wait for any of: the first is enough, the others stop awaiting") {
  Run run(two_events(true));
  run.ok("hold");
  CHECK(summary(run.graph, run.state).waiting_on ==
        "event payment.authorised for k1 or contract.signed for k2");
  SECTION("at once") {
    run.put(signed_(run, "e1"));
    CHECK(run.latest() == "last do 0");
    CHECK(stopped(run) == "payment.authorised k1;");
    CHECK(run.sent.back().args.find("both")->find("paid") == nullptr);
    run.put(paid(run, "e2"));
    CHECK(run.latest() == "");
    run.fail("last", kBusiness, "no");
    CHECK(run.latest() == "both undo 0");
  }
  SECTION("while paused: the first stays the first") {
    run.put(person(OperatorAct::kPause, {}));
    run.put(signed_(run, "e1"));
    run.put(paid(run, "e2"));
    run.put(person(OperatorAct::kResume, {}));
    CHECK(run.latest() == "last do 0");
    CHECK(run.sent.back().args.find("both")->find("paid") == nullptr);
  }
  SECTION("while paused, then cancelled: what came is undone") {
    run.put(person(OperatorAct::kPause, {}));
    run.put(signed_(run, "e1"));
    run.put(CancelAsked{}, "enough");
    CHECK(run.latest() == "both undo 0");
  }
}

TEST_CASE("a wait for several that runs out follows its otherwise and stops awaiting") {
  SECTION("carry on") {
    Run run(two_events(false));
    run.ok("hold");
    run.put(signed_(run, "e1"));
    run.pass(61);
    CHECK(run.latest() == "last do 0");
    CHECK(stopped(run) == "payment.authorised k1;");
  }
  SECTION("hand to: a person has it wait anew") {
    Run run(two_events(false, ActKind::kHandTo));
    run.ok("hold");
    run.pass(61);
    CHECK(run.health() == "held");
    CHECK(stopped(run) == "payment.authorised k1;contract.signed k2;");
    run.put(paid(run, "e1"));  // nobody waits for it
    run.put(person(OperatorAct::kRetry, run.at("both")));
    CHECK(run.commands.size() == 3);
    run.put(paid(run, "e2"));
    run.put(signed_(run, "e3"));
    CHECK(run.latest() == "last do 0");
  }
}

namespace {

Graph question(Act otherwise) {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  b.step(root, "hold", act, back);
  b.add(root, NodeKind::kAsk, "approve", [&](Node& n) {
    n.role = "manager";
    n.within = GraphBuilder::literal(GraphBuilder::seconds(60));
    n.otherwise = otherwise;
  });
  const SlotId answer = b.graph.nodes[b.last()].slot;
  b.step(root, "last", act, back);
  b.graph.nodes[b.last()].call.args = {{"answer", GraphBuilder::read(answer)}};
  b.graph.root = root;
  return b.done();
}

}  // namespace

TEST_CASE("ask: the first answer counts") {
  Run run(question({.kind = ActKind::kCancel, .because = "nobody answered"}));
  run.ok("hold");
  CHECK(summary(run.graph, run.state).waiting_on == "an answer to `approve` by manager");
  CHECK(summary(run.graph, run.state).parked);
  CHECK(recover(run.graph, run.state).commands.size() == 1);  // the limit
  CHECK(next_wakeup(run.graph, run.state).us == run.now.us + 60'000'000);
  const Fact yes = AnswerGiven{run.at("approve"), record({{"yes", Value::boolean(true)}})};
  CHECK(allowed_acts(run.graph, run.state).back().act == "answer");
  CHECK(preview(run.graph, run.state, yes, "saga").next == "sends `last` with act");
  SECTION("in time") {
    run.put(yes);
    CHECK(run.latest() == "last do 0");
    CHECK(*run.sent.back().args.find("answer")->find("yes") == Value::boolean(true));
    CHECK_FALSE(preview(run.graph, run.state, yes, "saga").allowed);
    run.put(yes);
    CHECK(run.latest() == "");
  }
  SECTION("too late") {
    run.pass(61);
    CHECK(run.state.because == "nobody answered");
    CHECK(run.latest() == "hold undo 0");
    run.put(yes);
    CHECK(run.latest() == "");
  }
  SECTION("cancelled meanwhile") {
    run.put(CancelAsked{}, "enough");
    run.put(yes);
    run.ok("hold", record({}), kUndo);
    CHECK(run.status() == "compensated");
  }
}

TEST_CASE("ask: a late answer may carry on with a value, or run a block") {
  Run run(question({.kind = ActKind::kCarryOn,
                    .with = {{"yes", GraphBuilder::literal(Value::boolean(false))}}}));
  run.ok("hold");
  run.pass(61);
  CHECK(run.latest() == "last do 0");
  CHECK(*run.sent.back().args.find("answer")->find("yes") == Value::boolean(false));
}

namespace {

struct Child {
  bool detached = false, undo = true;
  std::vector<Handler> handlers;
};

Graph parent(Child child = {}) {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  b.step(root, "hold", act, back);
  b.add(root, NodeKind::kRun, "ship", [&](Node& n) {
    n.call.action = kNoAction;
    n.call.args = {{"order", GraphBuilder::literal(Value::integer(7))}};
    n.call.handlers = child.handlers;
    n.run = {"ship_order", 2, "abc", child.detached};
    if (child.undo && !child.detached) {
      n.undo = Call{};
      n.undo->action = kNoAction;
    }
    if (!child.undo) n.no_undo_because = "parcels do not come back";
  });
  b.step(root, "last", act, back);
  b.graph.root = root;
  return b.done();
}

}  // namespace

TEST_CASE("run: a child starts, its result is the step's, and it undoes itself") {
  Run run(parent());
  run.ok("hold");
  CHECK(run.latest() == "ship start 0");
  const auto start = std::get<StartChild>(run.commands.at(0));
  CHECK(start.workflow == "ship_order");
  CHECK(start.version == 2);
  CHECK(start.hash == "abc");
  CHECK(*start.input.find("order") == Value::integer(7));
  CHECK(summary(run.graph, run.state).waiting_on == "the child saga `ship` (ship_order)");
  CHECK(summary(run.graph, run.state).parked);
  SECTION("a restart says it again and calls nothing lost") {
    const Recovery recovery = recover(run.graph, run.state);
    CHECK(recovery.facts.empty());
    CHECK(recovery.commands == std::vector<Command>{start});
  }
  SECTION("it completes; later it is undone, and a restart asks for that again") {
    run.ok("ship", record({{"parcel", Value::string("p1")}}));
    CHECK(run.latest() == "last do 0");
    run.ok("ship");  // said twice
    CHECK(run.latest() == "");
    run.fail("last", kBusiness, "no");
    CHECK(run.latest() == "ship stop undo 0");
    CHECK(recover(run.graph, run.state).commands == run.commands);
    SECTION("with nothing left over") {
      run.ok("ship", record({}), kUndo);
      CHECK(run.latest() == "hold undo 0");
    }
    SECTION("something is left over: held, as any undo that fails; a person has it asked again") {
      run.fail("ship", kBusiness, "left_over", kUndo);
      CHECK(run.health() == "undo_failed");
      CHECK(left_over(run.graph, run.state).at(1).what == "ship (a saga of ship_order)");
      run.put(person(OperatorAct::kRetry, run.at("ship"), kUndo), "cleaned up");
      CHECK(run.latest() == "ship stop undo 1");
      CHECK(std::get<StopChild>(run.commands.at(0)).child_generation == 0);
      run.ok("ship", record({}), kUndo);
      CHECK(run.latest() == "hold undo 0");
    }
  }
  SECTION("it was cancelled") {
    run.fail("ship", kBusiness, "cancelled");
    CHECK(run.state.because == "`ship` failed: cancelled");
    CHECK(run.latest() == "hold undo 0");
  }
  SECTION("the parent is cancelled: the child is stopped, once, and says how it ended") {
    run.put(CancelAsked{}, "customer called");
    CHECK(run.latest() == "ship stop do 0");
    CHECK(std::get<StopChild>(run.commands.at(0)).because == "customer called");
    CHECK(recover(run.graph, run.state).commands == run.commands);
    SECTION("cancelled") {
      run.fail("ship", kBusiness, "cancelled");
      CHECK(run.latest() == "hold undo 0");
    }
    SECTION("completed before the stop arrived") {
      run.ok("ship");
      CHECK(run.latest() == "ship stop undo 0");
    }
  }
  SECTION("the preview of a cancel follows the child as well") {
    const Preview shown = preview(run.graph, run.state, CancelAsked{}, "saga");
    CHECK(shown.undoes == std::vector<std::string>{"hold by back"});
  }
}

TEST_CASE("run: handlers, detached children, children that need not be undone") {
  SECTION("try again is another child") {
    Handler handler;
    handler.errors = {"cancelled"};
    handler.act = {.kind = ActKind::kTryAgain, .after_ms = 1000, .at_most = 1};
    Run run(parent({.handlers = {handler}}));
    run.ok("hold");
    run.fail("ship", kBusiness, "cancelled");
    run.pass(2);
    CHECK(run.latest() == "ship start 1");
    run.fail("ship", kBusiness, "cancelled");
    CHECK(run.latest() == "hold undo 0");
  }
  SECTION("detached: nobody waits for it, nobody undoes it") {
    Run run(parent({.detached = true}));
    run.ok("hold");
    CHECK(run.latest() == "ship start 0, last do 0");
    run.fail("last", kBusiness, "no");
    CHECK(run.latest() == "hold undo 0");
    CHECK(left_over(run.graph, run.state).size() == 1);  // hold, whose undo is under way
  }
  SECTION("no undo because: it is left over, and named") {
    Run run(parent({.undo = false}));
    run.ok("hold");
    run.ok("ship");
    run.fail("last", kBusiness, "no");
    CHECK(run.latest() == "hold undo 0");
    run.ok("hold", record({}), kUndo);
    REQUIRE(left_over(run.graph, run.state).size() == 1);
    CHECK(left_over(run.graph, run.state)[0].why == "parcels do not come back");
  }
}

TEST_CASE("a child is undone at its parent's wish, completed or not, once") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  b.step(root, "a", act, back);
  b.graph.root = root;
  Run run(b.done());
  SECTION("completed") {
    run.ok("a");
    CHECK(run.status() == "completed");
    run.put(CancelAsked{}, "too late");
    CHECK(run.status() == "completed");
    run.put(UndoAsked{});
    CHECK(run.latest() == "a undo 0");
    CHECK(run.state.because == "its parent is undone");
    run.put(UndoAsked{});
    CHECK(run.latest() == "");
    run.ok("a", record({}), kUndo);
    CHECK(run.status() == "compensated");
    run.put(UndoAsked{});
    CHECK(run.status() == "compensated");
  }
  SECTION("running") {
    run.put(UndoAsked{});
    CHECK(run.status() == "compensating");
    run.fail("a", kBusiness, "no");
    CHECK(run.status() == "compensated");
  }
}

TEST_CASE("one at a time: a queued saga does nothing before its turn") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks);
  const SlotId customer = b.take("customer");
  Block root;
  b.step(root, "a", act);
  b.graph.root = root;
  b.graph.one_at_a_time = GraphBuilder::read(customer);
  b.graph.one_at_a_time.source = "customer";
  b.graph.finish_within = GraphBuilder::literal(GraphBuilder::seconds(600));
  Run run(b.done(), record({{"customer", Value::string("c1")}}), true);
  CHECK(run.latest() == "");
  CHECK(run.status() == "running");
  CHECK(summary(run.graph, run.state).waiting_on == "its turn (one at a time per customer)");
  CHECK(summary(run.graph, run.state).parked);
  SECTION("its turn") {
    run.put(TurnCame{});
    CHECK(run.latest() == "a do 0");
    run.put(TurnCame{});
    CHECK(run.latest() == "");
  }
  SECTION("cancelled meanwhile: it ends with nothing done") {
    run.put(CancelAsked{}, "customer called");
    CHECK(run.status() == "compensated");
    run.put(TurnCame{});
    CHECK(run.latest() == "");
  }
  SECTION("its time runs while it queues") {
    run.pass(601);
    CHECK(run.status() == "compensated");
  }
}

namespace {

// main with a handler `if any error` whose block is: note, then the act.
Graph acting(Act act) {
  GraphBuilder b;
  const auto does = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root, block;
  SlotId note = kNoSlot;
  if (act.kind != ActKind::kTryAgain) {
    b.step(block, "tell", does, back);
    note = b.graph.nodes[b.last()].slot;
  }
  if (act.kind == ActKind::kCarryOn) act.with = {{"note", GraphBuilder::read(note)}};
  Block arm;
  b.add(arm, NodeKind::kAct, "act_1", [&](Node& n) { n.act = act; });
  b.add(block, NodeKind::kWhen, "when_1", [&](Node& n) { n.arms = {{{}, arm}}; });
  b.step(block, "never", does, back);
  b.step(root, "main", does, back);
  const SlotId result = b.graph.nodes[b.last()].slot;
  Handler handler;
  handler.act.kind = ActKind::kBlock;
  handler.act.block = block;
  b.graph.nodes[b.last()].call.handlers = {handler};
  b.step(root, "last", does, back);
  b.graph.nodes[b.last()].call.args = {{"main", GraphBuilder::read(result)}};
  b.graph.root = root;
  return b.done();
}

}  // namespace

TEST_CASE("acts as statements of a handler's block are about the step that failed") {
  SECTION("carry on leaves the block, with the names that are known there") {
    Run run(acting({.kind = ActKind::kCarryOn}));
    run.fail("main", kBusiness, "a.b");
    CHECK(run.latest() == "tell do 0");
    run.ok("tell", record({{"id", Value::integer(3)}}));
    CHECK(run.latest() == "last do 0");
    CHECK(*run.sent.back().args.find("main")->find("note")->find("id") == Value::integer(3));
    run.fail("last", kBusiness, "no");
    CHECK(run.latest() == "tell undo 0");
  }
  SECTION("hand to holds the step; what its block has done is not begun anew") {
    Run run(acting({.kind = ActKind::kHandTo, .team = "ops"}));
    run.fail("main", kBusiness, "a.b");
    run.ok("tell");
    CHECK(run.health() == "held");
    CHECK(summary(run.graph, run.state).waiting_on == "a person: `main` (failed), handed to ops");
    run.put(person(OperatorAct::kRetry, run.at("main")));
    CHECK(run.latest() == "");
    SECTION("skipped") {
      run.put(person(OperatorAct::kSkip, run.at("main")), "done by hand");
      CHECK(run.latest() == "last do 0");
    }
    SECTION("cancelled") {
      run.put(CancelAsked{}, "enough");
      CHECK(run.latest() == "tell undo 0");
    }
  }
  SECTION("try again counts its tries, then the failure goes outward") {
    Run run(acting({.kind = ActKind::kTryAgain, .after_ms = 1000, .at_most = 2}));
    for (std::uint32_t i = 0; i < 2; ++i) {
      run.fail("main", kBusiness, "a.b");
      CHECK(run.latest() == "");
      CHECK(run.health() == "retrying");
      run.pass(2);
      CHECK(run.latest() == "main do " + std::to_string(i + 1));
    }
    run.fail("main", kBusiness, "a.b");
    CHECK(run.status() == "compensated");
    CHECK(run.state.because == "`main` failed: a.b");
  }
}

TEST_CASE("rate and signs of life reach the runner") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks);
  const SlotId customer = b.take("customer");
  Block root;
  b.step(root, "a", act);
  Call& call = b.graph.nodes[b.last()].call;
  call.alive_ms = 30'000;
  call.rate = Rate{10, 60'000, GraphBuilder::read(customer)};
  b.graph.root = root;
  Run run(b.done(), record({{"customer", Value::string("c1")}}));
  REQUIRE(run.sent.size() == 1);
  CHECK(run.sent[0].alive_ms == 30'000);
  CHECK(run.sent[0].rate_count == 10);
  CHECK(run.sent[0].rate_per_ms == 60'000);
  CHECK(run.sent[0].rate_key == "c1");
}
