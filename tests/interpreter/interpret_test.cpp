// apply and decide by what a saga's owner would see: which requests leave, under which key, in
// which order, and how it ends. Every Run proves replay for each prefix of its journal (harness.h).
#include "tests/interpreter/harness.h"

using namespace belay::testing;

namespace {

constexpr auto kBusiness = FailureKind::kBusiness;
constexpr auto kTransient = FailureKind::kTransient;
constexpr auto kUnsure = FailureKind::kUnsure;

// hold → capture → confirm, each with an undo; `safe`: may the key be sent again.
Graph three_steps(bool safe = true, bool check = false) {
  GraphBuilder b;
  const auto hold = b.action("hold", kMarks), release = b.action("release", kMarks);
  const auto capture = b.action("capture", kMarks, safe), refund = b.action("refund", kMarks);
  const auto confirm = b.action("confirm", kMarks), cancel = b.action("cancel", kMarks);
  const auto find = b.action("find", static_cast<std::uint8_t>(Effect::kReads));
  Block root;
  b.step(root, "hold", hold, release);
  const NodeId c = b.step(root, "capture", capture, refund);
  if (check) {
    Call call;
    call.action = find;
    b.graph.nodes[c].call.check.push_back(call);
  }
  b.step(root, "confirm", confirm, cancel);
  b.graph.root = root;
  return b.done();
}

}  // namespace

TEST_CASE("a saga runs its steps in order and completes") {
  Run run(three_steps());
  CHECK(run.latest() == "hold do 0");
  run.ok("hold");
  CHECK(run.latest() == "capture do 0");
  run.ok("capture");
  run.ok("confirm");
  CHECK(run.status() == "completed");
}

TEST_CASE("a business error undoes what was done, the latest first") {
  Run run(three_steps());
  run.ok("hold");
  run.ok("capture");
  run.fail("confirm", kBusiness, "booking.taken");
  CHECK(run.status() == "compensating");
  CHECK(run.latest() == "capture undo 0");
  run.ok("capture", record({}), Direction::kUndo);
  CHECK(run.latest() == "hold undo 0");
  run.ok("hold", record({}), Direction::kUndo);
  CHECK(run.status() == "compensated");
  CHECK(left_over(run.graph, run.state).empty());
}

TEST_CASE("a transient failure is tried again under a new key, then given up") {
  Run run(three_steps());
  for (std::uint32_t generation = 0; generation < 4; ++generation) {
    CHECK(run.generation("hold", Direction::kForward) == generation);
    run.fail("hold", kTransient, "unavailable");
    run.pass(100);
  }
  CHECK(run.status() == "compensated");
  CHECK(run.state.because.find("gave_up") != std::string::npos);
}

TEST_CASE("a rotated key of the connector does not cancel sagas") {
  Run run(three_steps());
  for (int i = 0; i < 50; ++i) {
    run.fail("hold", kTransient, "sign_in");
    CHECK(run.health() == "retrying");
    run.pass(61);
  }
  run.ok("hold");
  CHECK(run.latest() == "capture do 0");
}

TEST_CASE("an unsure step is sent again under the same key") {
  Run run(three_steps());
  run.ok("hold");
  run.fail("capture", kUnsure, "timeout");
  CHECK(run.health() == "retrying");
  run.pass(2);
  CHECK(run.latest() == "capture do 0");
  run.fail("capture", kTransient, "unavailable");  // this try never arrived; the first one may have
  run.pass(10);
  CHECK(run.latest() == "capture do 0");
  run.ok("capture");
  CHECK(run.latest() == "confirm do 0");
}

TEST_CASE(
    "a refusal under an unsure key is not repeated: it tells nothing of the tries before it") {
  SECTION("a check finds out") {
    Run run(three_steps(true, true));
    run.ok("hold");
    run.fail("capture", kUnsure, "timeout");
    run.pass(2);
    run.fail("capture", kBusiness, "refused");
    CHECK(run.latest() == "capture check 0");
  }
  SECTION("without a check a person must") {
    Run run(three_steps());
    run.ok("hold");
    run.fail("capture", kUnsure, "timeout");
    run.pass(2);
    run.fail("capture", kBusiness, "refused");
    CHECK(run.health() == "unknown_outcome");
  }
  SECTION("also of an undo, which is else tried for a day") {
    Run run(three_steps());
    run.ok("hold");
    run.ok("capture");
    run.fail("confirm", kBusiness, "booking.taken");
    run.fail("capture", kUnsure, "timeout", Direction::kUndo);
    run.pass(2);
    run.fail("capture", kBusiness, "refused", Direction::kUndo);
    CHECK(run.health() == "unknown_outcome");
  }
}

TEST_CASE("an unsure step that must not be repeated is checked") {
  SECTION("it happened") {
    Run run(three_steps(false, true));
    run.ok("hold");
    run.fail("capture", kUnsure, "timeout");
    CHECK(run.latest() == "capture check 0");
    run.ok("capture",
           record({{"happened", Value::string("yes")}, {"charge", Value::string("ch_1")}}),
           Direction::kCheck);
    CHECK(run.latest() == "confirm do 0");
  }
  SECTION("it did not") {
    Run run(three_steps(false, true));
    run.ok("hold");
    run.fail("capture", kUnsure, "timeout");
    run.ok("capture", record({{"happened", Value::string("no")}}), Direction::kCheck);
    run.pass(5);
    CHECK(run.latest() == "capture do 1");
  }
  SECTION("nobody knows") {
    Run run(three_steps(false, true));
    run.ok("hold");
    run.fail("capture", kUnsure, "timeout");
    for (int i = 0; i < 4; ++i) {
      run.ok("capture", record({{"happened", Value::string("not yet")}}), Direction::kCheck);
      run.pass(100);
    }
    CHECK(run.health() == "unknown_outcome");
  }
}

TEST_CASE("without a check an unsure step is held, and a person resolves it") {
  Run run(three_steps(false));
  run.ok("hold");
  run.fail("capture", kUnsure, "timeout");
  CHECK(run.health() == "unknown_outcome");
  SECTION("cancelled meanwhile, nothing before it is undone until it is settled") {
    run.put(CancelAsked{}, "customer called");
    CHECK(run.latest() == "");
    CHECK(run.status() == "compensating");
    run.put(OperatorActed{OperatorAct::kResolve, run.at("capture"), Direction::kForward, true,
                          record({}), "seen"});
    CHECK(run.latest() == "capture undo 0");
  }
  SECTION("resolved as happened it is shown among what is kept") {
    const Fact act = OperatorActed{
        OperatorAct::kResolve, run.at("capture"), Direction::kForward, true, record({}), "seen"};
    CHECK(preview(run.graph, run.state, act, "saga").keeps ==
          std::vector<std::string>{"hold (moves money)", "capture (moves money)"});
  }
  SECTION("it did not happen") {
    run.put(OperatorActed{
        OperatorAct::kResolve, run.at("capture"), Direction::kForward, false, {}, "seen"});
    CHECK(run.latest() == "capture do 1");
  }
  SECTION("a blind retry is not offered") {
    const Fact retry =
        OperatorActed{OperatorAct::kRetry, run.at("capture"), Direction::kForward, false, {}, ""};
    CHECK_FALSE(preview(run.graph, run.state, retry, "saga").allowed);
  }
}

TEST_CASE("a late success of an unsure call counts") {
  Run run(three_steps(false));
  run.ok("hold");
  run.fail("capture", kUnsure, "timeout");
  run.ok("capture");
  CHECK(run.latest() == "confirm do 0");
  run.ok("capture");  // and once only
  CHECK(run.latest() == "");
}

TEST_CASE("cancel waits for what is in flight, then undoes it too") {
  Run run(three_steps());
  run.ok("hold");
  run.put(CancelAsked{}, "customer called");
  CHECK(run.status() == "compensating");
  CHECK(run.latest() == "");
  run.ok("capture");
  CHECK(run.latest() == "capture undo 0");
}

TEST_CASE("cancel settles an unsure call by its check rather than by sending it again") {
  Run run(three_steps(true, true));
  run.ok("hold");
  run.put(CancelAsked{}, "customer called");
  run.fail("capture", kUnsure, "timeout");
  CHECK(run.latest() == "capture check 0");
  run.ok("capture", record({{"happened", Value::string("no")}}), Direction::kCheck);
  CHECK(run.latest() == "hold undo 0");
}

TEST_CASE(
    "a check's no counts only so long after the request was heard of, whenever it was decided to "
    "send it") {
  Graph graph = three_steps(false, true);
  graph.actions[graph.nodes[find_node(graph, "capture")].call.check.front().action].settling_s = 20;
  Run run(graph);
  run.ok("hold");
  run.pass(35);  // the commit took so long, or a limiter: only then did it leave
  run.fail("capture", kUnsure, "timeout");
  run.ok("capture", record({{"happened", Value::string("no")}}), Direction::kCheck);
  CHECK(run.health() == "retrying");
  CHECK(run.latest() == "");
  run.pass(20);
  CHECK(run.latest() == "capture check 1");
  run.ok("capture", record({{"happened", Value::string("no")}}), Direction::kCheck);
  run.pass(1);
  CHECK(run.latest() == "capture do 1");
}

TEST_CASE("a check's no is as old as its question, although the saga was paused meanwhile") {
  Graph graph = three_steps(false, true);
  graph.actions[graph.nodes[find_node(graph, "capture")].call.check.front().action].settling_s = 20;
  Run run(graph);
  run.ok("hold");
  run.fail("capture", kUnsure, "timeout");
  run.put(OperatorActed{OperatorAct::kPause, {}, Direction::kForward, false, {}, ""}, "a look");
  run.ok("capture", record({{"happened", Value::string("no")}}), Direction::kCheck);
  run.pass(600);
  run.put(OperatorActed{OperatorAct::kResume, {}, Direction::kForward, false, {}, ""}, "go on");
  run.pass(1);
  CHECK(run.latest() == "capture check 1");
}

TEST_CASE("an undo that keeps failing is held, shown, and goes on when a person says so") {
  Run run(three_steps());
  run.ok("hold");
  run.ok("capture");
  run.fail("confirm", kBusiness, "booking.taken");
  run.fail("capture", kBusiness, "refused", Direction::kUndo);
  CHECK(run.health() == "undo_failed");
  const auto left = left_over(run.graph, run.state);
  REQUIRE(left.size() == 2);
  const Fact retry =
      OperatorActed{OperatorAct::kRetry, run.at("capture"), Direction::kUndo, false, {}, ""};
  const Preview shown = preview(run.graph, run.state, retry, "saga");
  CHECK(shown.allowed);
  CHECK(shown.repeats.size() == 1);
  CHECK(shown.leaves.empty());
  run.put(retry, "the bank is back");
  CHECK(run.latest() == "capture undo 1");
  run.ok("capture", record({}), Direction::kUndo);
  run.ok("hold", record({}), Direction::kUndo);
  CHECK(run.status() == "compensated");
}

TEST_CASE("an undo that is skipped is left over for ever") {
  Run run(three_steps());
  run.ok("hold");
  run.ok("capture");
  run.fail("confirm", kBusiness, "booking.taken");
  run.fail("capture", kBusiness, "refused", Direction::kUndo);
  run.put(OperatorActed{OperatorAct::kSkip, run.at("capture"), Direction::kUndo, false, {}, ""},
          "refunded by hand");
  CHECK(run.latest() == "hold undo 0");
  run.ok("hold", record({}), Direction::kUndo);
  CHECK(run.status() == "compensated");
  REQUIRE(left_over(run.graph, run.state).size() == 1);
  CHECK(left_over(run.graph, run.state)[0].why == "refunded by hand");
}

TEST_CASE("paused: facts are recorded, nothing is sent, due timers fire on resume") {
  Run run(three_steps());
  run.put(OperatorActed{OperatorAct::kPause, {}, Direction::kForward, false, {}, ""}, "look at it");
  run.ok("hold");
  CHECK(run.latest() == "");
  CHECK(run.health() == "paused");
  run.put(OperatorActed{OperatorAct::kResume, {}, Direction::kForward, false, {}, ""}, "go on");
  CHECK(run.latest() == "capture do 0");
}

TEST_CASE("together: branches run side by side, undo waits for nothing of its sibling") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root, left, right;
  b.step(root, "first", act, back);
  b.step(left, "left_a", act, back);
  b.step(left, "left_b", act, back);
  b.step(right, "right_a", act, back);
  b.node(NodeKind::kTogether, "both").branches = {left, right};
  root.push_back(b.last());
  b.step(root, "last", act, back);
  b.graph.root = root;
  Run run(b.done());
  run.ok("first");
  CHECK(run.latest() == "left_a do 0, right_a do 0");
  run.ok("right_a");
  run.ok("left_a");
  CHECK(run.latest() == "left_b do 0");
  run.ok("left_b");
  CHECK(run.latest() == "last do 0");
  run.fail("last", kBusiness, "no");
  CHECK(run.latest() == "left_b undo 0, right_a undo 0");
  run.ok("right_a", record({}), Direction::kUndo);
  CHECK(run.latest() == "");
  run.ok("left_b", record({}), Direction::kUndo);
  CHECK(run.latest() == "left_a undo 0");
  run.ok("left_a", record({}), Direction::kUndo);
  CHECK(run.latest() == "first undo 0");
  run.ok("first", record({}), Direction::kUndo);
  CHECK(run.status() == "compensated");
}

namespace {

Graph waiting(ActKind otherwise) {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  b.step(root, "hold", act, back);
  Node& wait = b.node(NodeKind::kWait, "paid");
  wait.sources = {{"", "payment.authorised", GraphBuilder::literal(Value::string("b1")), 0}};
  wait.within = GraphBuilder::literal(GraphBuilder::seconds(900));
  wait.otherwise.kind = otherwise;
  wait.otherwise.because = "not paid in time";
  root.push_back(b.last());
  b.step(root, "capture", act, back);
  b.graph.root = root;
  return b.done();
}

}  // namespace

TEST_CASE("a wait takes its event once and goes on") {
  Run run(waiting(ActKind::kCancel));
  run.ok("hold");
  REQUIRE(run.commands.size() == 2);
  CHECK(std::get<AwaitEvent>(run.commands[0]).key == "b1");
  CHECK(summary(run.graph, run.state).waiting_on == "event payment.authorised for b1");
  CHECK(summary(run.graph, run.state).parked);
  run.put(EventTaken{run.at("paid"), "e1", "payment.authorised", record({})});
  CHECK(run.latest() == "capture do 0");
  run.put(EventTaken{run.at("paid"), "e1", "payment.authorised", record({})});
  CHECK(run.latest() == "");
}

TEST_CASE("a wait that runs out follows its otherwise") {
  SECTION("cancel") {
    Run run(waiting(ActKind::kCancel));
    run.ok("hold");
    run.pass(901);
    CHECK(run.latest() == "hold undo 0");
    CHECK(run.state.because == "not paid in time");
  }
  SECTION("carry on") {
    Run run(waiting(ActKind::kCarryOn));
    run.ok("hold");
    run.pass(901);
    CHECK(run.latest() == "capture do 0");
    run.put(EventTaken{run.at("paid"), "e1", "payment.authorised", record({})});
    CHECK(run.latest() == "");
  }
}

TEST_CASE("cancel against the point of no return: exactly one wins") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  b.step(root, "hold", act, back);
  b.node(NodeKind::kPointOfNoReturn, "point");
  root.push_back(b.last());
  b.step(root, "mail", act);
  Keep keep;
  keep.for_ms = 60'000;
  keep.then.kind = ActKind::kCarryOn;
  b.graph.nodes[b.last()].call.keep = keep;
  b.graph.root = root;
  SECTION("cancel is too late") {
    Run run(b.done());
    run.ok("hold");
    CHECK(run.state.past_no_return);
    run.put(CancelAsked{}, "too late");
    CHECK(run.status() == "running");
    CHECK_FALSE(preview(run.graph, run.state, CancelAsked{}, "saga").allowed);
    run.fail("mail", kTransient, "unavailable");
    for (int i = 0; i < 20 && run.status() == "running"; ++i) {
      run.pass(30);
      if (!run.latest().empty()) run.fail("mail", kTransient, "unavailable");
    }
    CHECK(run.status() == "completed");
  }
  SECTION("cancel is in time") {
    Run run(b.done());
    run.put(CancelAsked{}, "in time");
    run.ok("hold");
    CHECK(run.latest() == "hold undo 0");
  }
}

TEST_CASE("handlers: carry on with a result, try again, a block") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root, inner;
  b.step(inner, "instead", act, back);
  b.step(root, "main", act, back);
  const NodeId main = b.last();
  b.step(root, "after", act, back);
  b.graph.root = root;
  Handler handler;
  handler.errors = {"a.b"};
  SECTION("carry on") {
    handler.act.kind = ActKind::kCarryOn;
    handler.act.with = {{"x", GraphBuilder::literal(Value::integer(7))}};
    b.graph.nodes[main].call.handlers = {handler};
    Run run(b.done());
    run.fail("main", kBusiness, "a.b");
    CHECK(run.latest() == "after do 0");
    run.fail("after", kBusiness, "c.d");
    CHECK(run.status() == "compensated");  // main counts as not done: nothing to undo
  }
  SECTION("try again") {
    handler.act.kind = ActKind::kTryAgain;
    handler.act.after_ms = 1000;
    handler.act.at_most = 1;
    b.graph.nodes[main].call.handlers = {handler};
    Run run(b.done());
    run.fail("main", kBusiness, "a.b");
    run.pass(2);
    CHECK(run.latest() == "main do 1");
    run.fail("main", kBusiness, "a.b");
    CHECK(run.status() == "compensated");
  }
  SECTION("a block") {
    handler.act.kind = ActKind::kBlock;
    handler.act.block = inner;
    b.graph.nodes[main].call.handlers = {handler};
    Run run(b.done());
    run.fail("main", kBusiness, "a.b");
    CHECK(run.latest() == "instead do 0");
    run.ok("instead");
    CHECK(run.latest() == "after do 0");
  }
}

TEST_CASE("after a restart: safe calls go out again under the same key, others become unsure") {
  const auto restart = [](Run& run) {
    const Recovery recovery = recover(run.graph, run.state);
    for (const Fact& fact : recovery.facts) run.put(fact);
    for (const Fact& fact : due_timers(run.graph, run.state, run.now)) run.put(fact);
  };
  SECTION("safe") {
    Run run(three_steps());
    run.ok("hold");
    const RunAction before = run.sent.back();
    restart(run);
    CHECK(run.sent.size() == 3);
    CHECK(run.sent.back() == before);
    run.fail("capture", kTransient,
             "unavailable");  // what was lost may have happened: still the same key
    run.pass(10);
    CHECK(run.latest() == "capture do 0");
  }
  SECTION("unsafe") {
    Run run(three_steps(false));
    run.ok("hold");
    restart(run);
    CHECK(run.health() == "unknown_outcome");
  }
  SECTION("worn out") {
    Graph graph = three_steps();
    graph.actions[2].keys_remembered_s = 60;
    Run run(graph);
    run.ok("hold");
    run.now.us += 61'000'000;
    restart(run);
    CHECK(run.sent.size() == 2);
    CHECK(run.health() == "unknown_outcome");
  }
}

TEST_CASE("keys that the other side may have forgotten are never sent again") {
  Graph graph = three_steps();
  graph.actions[2].keys_remembered_s = 60;
  Run run(graph);
  run.ok("hold");
  run.now.us += 61'000'000;
  run.fail("capture", kUnsure, "timeout");
  CHECK(run.health() == "unknown_outcome");
}

TEST_CASE("a stored error of the other side is not asked for twice") {
  Graph graph = three_steps(true, true);
  graph.actions[2].replays_errors = true;
  Run run(graph);
  run.ok("hold");
  run.put(StepFailed{run.at("capture"), Direction::kForward, 0, kUnsure, "server_error", "500",
                     true, 0});
  CHECK(run.latest() == "capture check 0");
}

TEST_CASE("finish within: the deadline undoes everything") {
  Graph graph = three_steps();
  graph.finish_within = GraphBuilder::literal(GraphBuilder::seconds(60));
  Run run(graph);
  run.ok("hold");
  run.fail("capture", kTransient, "unavailable");
  run.now.us += 1'000'000;
  run.put(TimerFired{{}, TimerPurpose::kDeadline, {}});
  CHECK(run.latest() == "hold undo 0");
}
