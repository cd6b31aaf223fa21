// What the reference interpreter (tests/reference) found, one test a mistake: each names what went
// wrong. The reasons are in docs/adr/0015-what-the-reference-found.md. Every Run proves replay for
// each prefix of its journal (harness.h).
#include "tests/interpreter/harness.h"

using namespace belay::testing;

namespace {

constexpr auto kBusiness = FailureKind::kBusiness;
constexpr auto kUnsure = FailureKind::kUnsure;
constexpr auto kUndo = Direction::kUndo;
constexpr auto kCheck = Direction::kCheck;

// first → charge, whose key is remembered for two seconds
Graph forgetful(std::int64_t first_wait_ms, bool checked) {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  const auto find = b.action("find", static_cast<std::uint8_t>(Effect::kReads));
  b.graph.actions[act].keys_remembered_s = 2;
  Block root;
  b.step(root, "charge", act, back);
  Call& call = b.graph.nodes[b.last()].call;
  call.retry.first_wait_ms = first_wait_ms;
  if (checked) {
    call.check.push_back({});
    call.check.back().action = find;
  }
  b.graph.root = root;
  return b.done();
}

// A field of what was never set.
Program fails(GraphBuilder& b) {
  Program program = b.broken();
  program.nodes.push_back({ExprKind::kField, 0, {}, "n", {0}});
  return program;
}

Handler again(ActKind kind, Block block = {}) {
  Handler handler;
  handler.act.kind = kind;
  handler.act.after_ms = 2000;
  handler.act.at_most = 1;
  handler.act.block = std::move(block);
  return handler;
}

}  // namespace

TEST_CASE("a try was sent under a key that was forgotten while it waited") {
  SECTION("the wait would outlive the key: the check is asked at once") {
    Run run(forgetful(3000, true));
    run.fail("charge", kUnsure, "timeout");
    CHECK(run.latest() == "charge check 0");
  }
  SECTION("the wait was to end in time, but the saga was paused meanwhile") {
    Run run(forgetful(1000, true));
    run.fail("charge", kUnsure, "timeout");
    CHECK(run.latest() == "");
    run.put(OperatorActed{OperatorAct::kPause, {}, Direction::kForward, false, {}, ""});
    run.now.us += 60'000'000;
    run.put(OperatorActed{OperatorAct::kResume, {}, Direction::kForward, false, {}, ""});
    run.pass(0);
    CHECK(run.latest() == "charge check 0");
    run.ok("charge", record({{"happened", Value::string("no")}}), kCheck);
    run.pass(10);
    CHECK(run.latest() == "charge do 1");  // it did not happen: a new key
  }
  SECTION("nobody can be asked: a person") {
    Run run(forgetful(3000, false));
    run.fail("charge", kUnsure, "timeout");
    CHECK(run.health() == "unknown_outcome");
  }
  SECTION("still remembered: the same key") {
    Run run(forgetful(1000, true));
    run.fail("charge", kUnsure, "timeout");
    run.pass(1);
    CHECK(run.latest() == "charge do 0");
  }
}

TEST_CASE("the wait for the next try of an unsure step began anew when the saga was cancelled") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  b.step(root, "charge", act, back);
  b.graph.root = root;
  Run run(b.done());
  run.fail("charge", kUnsure, "timeout");
  CHECK(run.latest() == "");
  run.put(CancelAsked{}, "customer called");
  CHECK(run.latest() == "charge do 0");  // the wait is cut short
  run.ok("charge");
  CHECK(run.latest() == "charge undo 0");
}

TEST_CASE("an undo that its handler tried again let the branch that had lost go on") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root, slow, fast;
  b.step(slow, "slow_a", act, back);
  b.graph.nodes[b.last()].undo->handlers = {again(ActKind::kTryAgain)};
  b.step(slow, "slow_b", act, back);
  b.step(fast, "fast", act, back);
  b.add(root, NodeKind::kTogether, "race", [&](Node& n) {
    n.branches = {slow, fast};
    n.wanted = 1;
  });
  b.graph.root = root;
  Run run(b.done());
  run.ok("fast");
  run.ok("slow_a");
  CHECK(run.latest() == "slow_a undo 0");
  run.fail("slow_a", kBusiness, "no", kUndo);
  CHECK(run.latest() == "");  // and not: slow_b do 0
  run.pass(2);
  CHECK(run.latest() == "slow_a undo 1");
  run.ok("slow_a", record({}), kUndo);
  CHECK(run.status() == "completed");
}

TEST_CASE("a saga completed though the output of its `finish with` could not be worked out") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root, body;
  b.step(body, "charge", act, back);
  const Program broken = fails(b);
  b.add(body, NodeKind::kFinish, "end", [&](Node& n) {
    n.act.kind = ActKind::kFinish;
    n.act.with = {{"out", broken}};
  });
  SECTION("everything is undone") {
    b.graph.root = body;
    Run run(b.done());
    run.ok("charge");
    CHECK(run.latest() == "charge undo 0");
    CHECK(run.state.because.find("bad_value") != std::string::npos);
  }
  SECTION("a `try` takes it") {
    b.add(root, NodeKind::kTry, "attempt", [&](Node& n) {
      n.body = body;
      n.call.action = kNoAction;
      n.call.handlers = {{{"bad_value"}, {.kind = ActKind::kCarryOn}}};
    });
    b.graph.root = root;
    Run run(b.done());
    run.ok("charge");
    CHECK(run.latest() == "charge undo 0");
    run.ok("charge", record({}), kUndo);
    CHECK(run.status() == "completed");
  }
}

TEST_CASE("a value of `carry on with` that could not be worked out held the saga") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  const Program broken = fails(b);
  b.step(root, "hold", act, back);
  SECTION("behind an error") {
    b.step(root, "price", act, back);
    Handler handler = again(ActKind::kCarryOn);
    handler.act.with = {{"price", broken}};
    b.graph.nodes[b.last()].call.handlers = {handler};
    b.graph.root = root;
    Run run(b.done());
    run.ok("hold");
    run.fail("price", kBusiness, "no");
    CHECK(run.latest() == "hold undo 0");
  }
  SECTION("behind `otherwise`") {
    b.add(root, NodeKind::kAsk, "approve", [&](Node& n) {
      n.within = GraphBuilder::literal(GraphBuilder::seconds(5));
      n.otherwise.kind = ActKind::kCarryOn;
      n.otherwise.with = {{"granted", broken}};
    });
    b.graph.root = root;
    Run run(b.done());
    run.ok("hold");
    run.pass(5);
    CHECK(run.latest() == "hold undo 0");
  }
}

TEST_CASE("of events that came too few in time a part could be read") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  b.add(root, NodeKind::kWait, "papers", [&](Node& n) {
    n.sources = {{"one", "e", GraphBuilder::literal(Value::string("k")), 0},
                 {"two", "f", GraphBuilder::literal(Value::string("k")), 0}};
    n.within = GraphBuilder::literal(GraphBuilder::seconds(5));
    n.otherwise.kind = ActKind::kCarryOn;
  });
  const SlotId papers = b.graph.nodes[b.last()].slot;
  b.step(root, "last", act, back);
  b.graph.nodes[b.last()].call.args = {{"papers", GraphBuilder::read(papers)}};
  b.graph.root = root;
  Run run(b.done());
  run.put(EventTaken{run.at("papers"), "e1", "e", record({}), 0});
  run.pass(5);
  CHECK(run.latest() == "last do 0");
  CHECK(run.sent.back().args.find("papers") == nullptr);
}

TEST_CASE("`try again` in a block, used up, forgot what `keep trying` says") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root, block;
  b.add(block, NodeKind::kAct, "once_more", [](Node& n) {
    n.act.kind = ActKind::kTryAgain;
    n.act.after_ms = 2000;
    n.act.at_most = 1;
  });
  b.step(root, "tell", act, back);
  Node& tell = b.graph.nodes[b.last()];
  tell.call.handlers = {again(ActKind::kBlock, block)};
  tell.call.keep = Keep{60'000, {.kind = ActKind::kCarryOn}};
  b.step(root, "last", act, back);
  b.graph.root = root;
  Run run(b.done());
  run.fail("tell", kBusiness, "no");
  run.pass(2);
  CHECK(run.latest() == "tell do 1");
  run.fail("tell", kBusiness, "no");
  CHECK(run.latest() == "last do 0");
  run.ok("last");
  CHECK(run.status() == "completed");
}

TEST_CASE("a repeat kept the name of a branch that had lost and was not undone yet") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root, slow, fast;
  SlotId inner = kNoSlot;
  Block body = b.body([&](Block& in) {
    b.step(slow, "slow", act, back);
    inner = b.graph.nodes[b.last()].slot;
    b.step(slow, "slower", act, back);
    b.step(fast, "fast", act, back);
    b.add(in, NodeKind::kTogether, "race", [&](Node& n) {
      n.branches = {slow, fast};
      n.wanted = 1;
    });
  });
  const SlotId outer = b.slot("slow_after");
  b.add(root, NodeKind::kRepeat, "rounds", [&](Node& n) {
    n.body = std::move(body);
    n.until = GraphBuilder::literal(Value::boolean(true));
    n.exports = {{inner, outer}};
  });
  b.step(root, "last", act, back);
  b.graph.nodes[b.last()].call.args = {{"slow", GraphBuilder::read(outer)}};
  b.graph.root = root;
  Run run(b.done());
  run.ok("rounds[0].slow", record({{"n", Value::integer(7)}}));
  run.ok("rounds[0].fast");
  CHECK(run.latest() == "last do 0");
  CHECK(run.sent.back().args.find("slow") == nullptr);
}

namespace {

// a race of (slow slower | fast), then `last`, which reads `slow`; so does its undo
Graph read_of_a_loser() {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root, slow, fast;
  b.step(slow, "slow", act, back);
  const Program read = GraphBuilder::read(b.graph.nodes[b.last()].slot);
  b.step(slow, "slower", act, back);
  b.step(fast, "fast", act, back);
  b.add(root, NodeKind::kTogether, "race", [&](Node& n) {
    n.branches = {slow, fast};
    n.wanted = 1;
  });
  b.step(root, "last", act, back);
  b.graph.nodes[b.last()].call.args = {{"slow", read}};
  b.graph.nodes[b.last()].undo->args = {{"slow", read}};
  b.graph.root = root;
  return b.done();
}

}  // namespace

TEST_CASE("a branch that failed in a race could be read until it was undone") {
  Run run(read_of_a_loser());
  run.ok("slow");
  run.fail("slower", kBusiness, "no");
  CHECK(run.latest() == "slow undo 0");
  run.ok("fast");
  CHECK(run.latest() == "last do 0");
  CHECK(run.sent.back().args.find("slow") == nullptr);
}

TEST_CASE("an undo read a branch that had lost, which its step had not read") {
  Run run(read_of_a_loser());
  run.ok("slow");
  run.ok("fast");
  CHECK(run.latest() == "last do 0");
  CHECK(run.sent.back().args.find("slow") == nullptr);
  run.put(CancelAsked{}, "customer called");  // slower is in flight: the loser is not undone yet
  run.ok("last");
  CHECK(run.latest() == "last undo 0");
  CHECK(run.sent.back().args.find("slow") == nullptr);
  run.ok("last", record({}), kUndo);
  CHECK(run.latest() == "fast undo 0");
  run.ok("slower");
  CHECK(run.latest() == "slower undo 0");
}

namespace {

Fact person(OperatorAct act, const Path& path, Direction direction = Direction::kForward) {
  return OperatorActed{act, path, direction, false, {}, ""};
}

Graph kept(std::int64_t keep_ms, bool safe) {
  GraphBuilder b;
  const auto act = b.action("act", kMarks, safe), back = b.action("back", kMarks);
  Block root;
  b.step(root, "tell", act, back);
  Call& call = b.graph.nodes[b.last()].call;
  call.retry.tries = 1;
  call.keep = Keep{keep_ms, {.kind = ActKind::kHandTo}};
  b.graph.root = root;
  return b.done();
}

}  // namespace

TEST_CASE("what a person had sent again waited first") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  b.step(root, "charge", act, back);
  b.graph.nodes[b.last()].call.retry.first_wait_ms = 60'000;
  b.graph.nodes[b.last()].call.retry.tries = 2;
  b.graph.root = root;
  Run run(b.done());
  run.fail("charge", kUnsure, "timeout");
  SECTION("while it waited for its next try: the wait began anew") {
    run.put(person(OperatorAct::kRetry, run.at("charge")), "now");
    CHECK(run.latest() == "charge do 0");
  }
  SECTION("when it was held") {
    run.pass(60);
    run.fail("charge", kUnsure, "timeout");
    CHECK(run.health() == "unknown_outcome");
    run.put(person(OperatorAct::kRetry, run.at("charge")), "again");
    run.pass(0);
    CHECK(run.latest() == "charge do 0");
  }
}

TEST_CASE("the age of a new key was counted from the old one when a person had it sent again") {
  Run run(forgetful(1000, true));
  run.fail("charge", kBusiness, "refused");
  CHECK(run.health() == "held");
  run.now.us += 60'000'000;
  run.put(person(OperatorAct::kRetry, run.at("charge")), "again");
  CHECK(run.latest() == "charge do 1");
  run.fail("charge", kUnsure, "timeout");
  CHECK(run.latest() == "");
  run.pass(1);
  CHECK(run.latest() == "charge do 1");  // and not: charge check 0
}

TEST_CASE("a person found that it had not happened, and the time to keep trying was over already") {
  Run run(kept(10'000, false));
  run.fail("tell", kUnsure, "timeout");
  CHECK(run.health() == "unknown_outcome");
  run.now.us += 60'000'000;
  run.put(person(OperatorAct::kResolve, run.at("tell")), "looked");
  CHECK(run.latest() == "tell do 1");
  run.fail("tell", FailureKind::kTransient, "unavailable");
  CHECK(run.health() == "retrying");
}

TEST_CASE("a retry of a step used up the time of its undo") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  b.graph.if_undo_fails.for_ms = 10'000;
  Block root;
  b.step(root, "charge", act, back);
  b.graph.nodes[b.last()].undo->retry.tries = 1;
  b.step(root, "last", act, back);
  b.graph.root = root;
  Run run(b.done());
  run.fail("charge", kBusiness, "refused");
  run.put(person(OperatorAct::kRetry, run.at("charge")), "again");
  run.ok("charge");
  run.now.us += 60'000'000;
  run.fail("last", kBusiness, "no");
  CHECK(run.latest() == "charge undo 0");
  run.fail("charge", FailureKind::kTransient, "unavailable", kUndo);
  CHECK(run.health() == "retrying");  // for ten seconds, and not held at once
  run.pass(1);
  CHECK(run.latest() == "charge undo 1");
}

TEST_CASE("`try again` in a block, used up after `gave_up`, went outward under another name") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root, body, block;
  b.add(block, NodeKind::kAct, "once_more", [](Node& n) {
    n.act.kind = ActKind::kTryAgain;
    n.act.after_ms = 2000;
    n.act.at_most = 1;
  });
  b.step(body, "price", act, back);
  Call& call = b.graph.nodes[b.last()].call;
  call.retry.tries = 1;
  call.handlers = {again(ActKind::kBlock, block)};
  b.add(root, NodeKind::kTry, "attempt", [&](Node& n) {
    n.body = body;
    n.call.action = kNoAction;
    n.call.handlers = {{{"gave_up"}, {.kind = ActKind::kCarryOn}}};
  });
  b.graph.root = root;
  Run run(b.done());
  run.fail("price", FailureKind::kTransient, "unavailable");
  run.pass(2);
  CHECK(run.latest() == "price do 1");
  run.fail("price", FailureKind::kTransient, "unavailable");
  CHECK(run.status() == "completed");  // the `try` takes it
}

namespace {

const auto kReads = static_cast<std::uint8_t>(Effect::kReads);

// charge → look (two tries) → last
struct Looking {
  Looking() {
    act = b.action("act", kMarks);
    const auto back = b.action("back", kMarks), find = b.action("look", kReads);
    b.step(root, "charge", act, back);
    b.step(root, "look", find);
    look = b.last();
    call().retry.tries = 2;
    b.step(root, "last", act, back);
  }
  Call& call() { return b.graph.nodes[look].call; }
  // The saga when `look` has been sent.
  Run run() {
    b.graph.root = root;
    Run run(b.done());
    run.ok("charge");
    return run;
  }
  GraphBuilder b;
  Block root;
  ActionId act = kNoAction;
  NodeId look = kNoNode;
};

void lose_each_try(Run& run) {
  run.fail("look", kUnsure, "timeout");
  run.pass(1);
  CHECK(run.latest() == "look do 0");  // the same request, while there are tries
  run.fail("look", kUnsure, "timeout");
}

void restart(Run& run) {
  for (const Fact& fact : recover(run.graph, run.state).facts) run.put(fact);
  for (const Fact& fact : due_timers(run.graph, run.state, run.now)) run.put(fact);
}

}  // namespace

TEST_CASE("a step that only reads and was lost each time held the saga") {
  Looking looking;
  SECTION("everything is undone, as after used-up tries") {
    Run run = looking.run();
    lose_each_try(run);
    CHECK(run.latest() == "charge undo 0");
    CHECK(run.state.because.find("gave_up (") == std::string::npos);
    CHECK(run.state.because == "`look` failed: gave_up");
    run.ok("charge", record({}), kUndo);
    CHECK(run.status() == "compensated");
    CHECK(left_over(run.graph, run.state).empty());
  }
  SECTION("its handler for `gave_up` runs") {
    Handler handler = again(ActKind::kCarryOn);
    handler.errors = {"gave_up"};
    looking.call().handlers = {handler};
    Run run = looking.run();
    lose_each_try(run);
    CHECK(run.latest() == "last do 0");
  }
  SECTION("its handler tries again, under a new key") {
    looking.call().handlers = {again(ActKind::kTryAgain)};
    Run run = looking.run();
    lose_each_try(run);
    run.pass(2);
    CHECK(run.latest() == "look do 1");
  }
  SECTION("`keep trying` goes on for its time, then says what follows") {
    looking.call().keep = Keep{10'000, {.kind = ActKind::kCarryOn}};
    Run run = looking.run();
    lose_each_try(run);
    CHECK(run.health() == "retrying");
    run.pass(10);
    run.fail("look", kUnsure, "timeout");
    CHECK(run.latest() == "last do 0");
  }
  SECTION("after the point of no return it is held, and not as unknown") {
    Block root{looking.root[0]};
    looking.b.add(root, NodeKind::kPointOfNoReturn, "point", [](Node&) {});
    root.insert(root.end(), looking.root.begin() + 1, looking.root.end());
    looking.root = root;
    Run run = looking.run();
    lose_each_try(run);
    CHECK(run.health() == "held");
    CHECK(run.state.activities[1].forward.hold == HoldReason::kGaveUp);
  }
  SECTION("refused in the end: nobody has thought of that answer, which settles it too") {
    looking.call().handlers = {{{"refused"}, {.kind = ActKind::kCarryOn}}};
    Run run = looking.run();
    run.fail("look", kUnsure, "timeout");
    run.pass(1);
    run.fail("look", kBusiness, "refused");
    CHECK(run.latest() == "last do 0");
  }
  SECTION("`if unsure, try again` says no more than the action does") {
    looking.call().if_unsure = Unsure{Unsure::Kind::kTryAgain, ""};
    Run run = looking.run();
    lose_each_try(run);
    CHECK(run.latest() == "charge undo 0");
  }
  SECTION("`if unsure, hand to` is a wish of its own") {
    looking.call().if_unsure = Unsure{Unsure::Kind::kHandTo, "ops"};
    Run run = looking.run();
    lose_each_try(run);
    CHECK(run.health() == "unknown_outcome");
  }
}

TEST_CASE("a `try` did not hear of a read that was lost each time") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks),
             find = b.action("look", kReads);
  Block root, body;
  b.step(body, "charge", act, back);
  b.step(body, "look", find);
  b.graph.nodes[b.last()].call.retry.tries = 1;
  b.add(root, NodeKind::kTry, "attempt", [&](Node& n) {
    n.body = body;
    n.call.action = kNoAction;
    n.call.handlers = {{{"gave_up"}, {.kind = ActKind::kCarryOn}}};
  });
  b.graph.root = root;
  Run run(b.done());
  run.ok("charge");
  run.fail("look", kUnsure, "timeout");
  CHECK(run.latest() == "charge undo 0");
  run.ok("charge", record({}), kUndo);
  CHECK(run.status() == "completed");
}

TEST_CASE("an undo waited for what a step that only reads would have told") {
  Looking looking;
  Program now;
  now.nodes.push_back({ExprKind::kNow, 0, {}, "", {}});
  looking.call().args = {{"at", now}};
  Run run = looking.run();
  SECTION("on its way when the saga was cancelled, and lost") {
    run.put(CancelAsked{}, "customer called");
    CHECK(run.latest() == "");
    run.fail("look", kUnsure, "timeout");
    CHECK(run.latest() == "charge undo 0");
  }
  SECTION("on its way, and lost with the engine") {
    run.put(CancelAsked{}, "customer called");
    restart(run);
    CHECK(run.latest() == "charge undo 0");
  }
  SECTION("waiting for its next try") {
    run.fail("look", kUnsure, "timeout");
    run.put(CancelAsked{}, "customer called");
    CHECK(run.latest() == "charge undo 0");  // and not: look do 0
  }
  SECTION("held, because its next request would have been another one") {
    run.fail("look", kUnsure, "timeout");
    run.pass(1);
    CHECK(run.state.activities[1].forward.hold == HoldReason::kRequestChanged);
    run.put(CancelAsked{}, "customer called");
    CHECK(run.latest() == "charge undo 0");
  }
  run.ok("charge", record({}), kUndo);
  CHECK(run.status() == "compensated");
}

TEST_CASE(
    "a read that is lost with its engine uses up no try, also under a key that is forgotten") {
  Looking looking;
  looking.b.graph.actions[2].keys_remembered_s = 60;
  Run run = looking.run();
  for (int i = 0; i < 5; ++i) {
    restart(run);
    CHECK(run.latest() == "look do 0");
  }
  run.now.us += 61'000'000;
  restart(run);
  CHECK(run.latest() == "look do 1");
  run.ok("look");
  CHECK(run.latest() == "last do 0");
}
