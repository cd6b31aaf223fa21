// Parts that are undone while the rest goes on: branches that lost or failed, bodies of `try`, and
// the way of a failure outward. Every Run proves replay for each prefix of its journal (harness.h).
#include "tests/interpreter/harness.h"

using namespace belay::testing;

namespace {

constexpr auto kBusiness = FailureKind::kBusiness;
constexpr auto kTransient = FailureKind::kTransient;
constexpr auto kUnsure = FailureKind::kUnsure;
constexpr auto kUndo = Direction::kUndo;

// Graphs of steps that all have an undo.
struct Maker : GraphBuilder {
  ActionId act = action("act", kMarks), back = action("back", kMarks),
           unsafe = action("unsafe", kMarks, false);

  Block steps(std::initializer_list<const char*> names) {
    Block block;
    for (const char* name : names) step(block, name, act, back);
    return block;
  }
  NodeId together(Block& block, const std::string& name, std::vector<Block> branches,
                  std::uint32_t wanted) {
    return add(block, NodeKind::kTogether, name, [&](Node& n) {
      n.branches = std::move(branches);
      n.wanted = wanted;
    });
  }
  NodeId try_(Block& block, const std::string& name, Block body, std::vector<Handler> handlers) {
    return add(block, NodeKind::kTry, name, [&](Node& n) {
      n.body = std::move(body);
      n.call.action = kNoAction;
      n.call.handlers = std::move(handlers);
    });
  }
  Graph root(Block block) {
    graph.root = std::move(block);
    return done();
  }
};

Handler on(std::vector<std::string> errors, ActKind kind, Block block = {}) {
  Handler handler;
  handler.errors = std::move(errors);
  handler.act.kind = kind;
  handler.act.because = kind == ActKind::kCancel ? "said so" : "";
  handler.act.team = kind == ActKind::kHandTo ? "ops" : "";
  handler.act.block = std::move(block);
  return handler;
}

// first → (left_a left_b | right_a right_b) → last
Graph two_branches(std::uint32_t wanted) {
  Maker m;
  Block root = m.steps({"first"});
  m.together(root, "both", {m.steps({"left_a", "left_b"}), m.steps({"right_a", "right_b"})},
             wanted);
  m.step(root, "last", m.act, m.back);
  return m.root(root);
}

}  // namespace

TEST_CASE("any: the first branch that succeeds lets control go on, the loser is undone meanwhile") {
  Run run(two_branches(1));
  run.ok("first");
  run.ok("left_a");
  run.ok("right_a");
  CHECK(run.latest() == "right_b do 0");
  run.ok("right_b");
  CHECK(run.latest() == "last do 0");  // left_b is in flight: it settles first
  CHECK(run.state.unwinding.size() == 1);
  SECTION("its late success is undone") {
    run.ok("left_b");
    CHECK(run.latest() == "left_b undo 0");
    run.ok("last");
    CHECK(run.status() == "running");  // not before the loser is undone
    run.ok("left_b", record({}), kUndo);
    CHECK(run.latest() == "left_a undo 0");
    run.ok("left_a", record({}), kUndo);
    CHECK(run.status() == "completed");
    CHECK(left_over(run.graph, run.state).empty());
  }
  SECTION("its failure means nothing any more") {
    run.fail("left_b", kBusiness, "no");
    CHECK(run.latest() == "left_a undo 0");
    run.ok("last");
    run.ok("left_a", record({}), kUndo);
    CHECK(run.status() == "completed");
  }
  SECTION("its retry is cut short") {
    run.fail("left_b", kTransient, "unavailable");
    CHECK(run.latest() == "left_a undo 0");
  }
  SECTION("a failure while it is being undone undoes everything, and nothing is undone twice") {
    run.fail("left_b", kBusiness, "no");
    CHECK(run.latest() == "left_a undo 0");
    run.fail("last", kBusiness, "no");
    CHECK(run.status() == "compensating");
    CHECK(run.state.unwinding.empty());
    CHECK(run.latest() == "right_b undo 0");
    run.ok("right_b", record({}), kUndo);
    run.ok("right_a", record({}), kUndo);
    CHECK(run.latest() == "");  // first came before left_a
    run.ok("left_a", record({}), kUndo);
    CHECK(run.latest() == "first undo 0");
    run.ok("first", record({}), kUndo);
    CHECK(run.status() == "compensated");
  }
  SECTION("cancel while it is being undone") {
    run.fail("left_b", kBusiness, "no");
    run.put(CancelAsked{}, "customer called");
    CHECK(run.state.unwinding.empty());
    run.ok("left_a", record({}), kUndo);
    CHECK(run.latest() == "");
    run.ok("last");
    CHECK(run.latest() == "last undo 0");
  }
  SECTION("its undo is held: the rest goes on, a person has it tried again") {
    run.fail("left_b", kBusiness, "no");
    run.fail("left_a", kBusiness, "refused", kUndo);
    CHECK(run.health() == "undo_failed");
    REQUIRE(left_over(run.graph, run.state).size() == 1);
    run.ok("last");
    CHECK(run.status() == "running");
    CHECK(summary(run.graph, run.state).parked);
    run.put(OperatorActed{OperatorAct::kRetry, run.at("left_a"), kUndo, false, {}, ""}, "again");
    CHECK(run.latest() == "left_a undo 1");
    run.ok("left_a", record({}), kUndo);
    CHECK(run.status() == "completed");
  }
  SECTION("its undo is skipped: it is left over, and said so of a completed saga") {
    run.fail("left_b", kBusiness, "no");
    run.fail("left_a", kBusiness, "refused", kUndo);
    run.put(OperatorActed{OperatorAct::kSkip, run.at("left_a"), kUndo, false, {}, ""},
            "given back by hand");
    run.ok("last");
    CHECK(run.status() == "completed");
    REQUIRE(left_over(run.graph, run.state).size() == 1);
    CHECK(left_over(run.graph, run.state)[0].why == "given back by hand");
  }
}

TEST_CASE("any: a branch that fails is undone at once while another can still succeed") {
  Run run(two_branches(1));
  run.ok("first");
  run.ok("left_a");
  run.fail("left_b", kBusiness, "no");
  CHECK(run.status() == "running");
  CHECK(run.latest() == "left_a undo 0");
  SECTION("the other succeeds") {
    run.ok("right_a");
    run.ok("right_b");
    CHECK(run.latest() == "last do 0");
    run.ok("last");
    run.ok("left_a", record({}), kUndo);
    CHECK(run.status() == "completed");
  }
  SECTION("the other fails, too: everything is undone") {
    run.fail("right_a", kBusiness, "no");
    CHECK(run.status() == "compensating");
    CHECK(run.state.because == "`right_a` failed: no");
    CHECK(run.latest() == "");
    run.ok("left_a", record({}), kUndo);
    CHECK(run.latest() == "first undo 0");
  }
}

TEST_CASE("2 of 3: one may fail, the second failure is one too many") {
  Maker m;
  Block root;
  m.together(root, "three", {m.steps({"a"}), m.steps({"b"}), m.steps({"c"})}, 2);
  m.step(root, "last", m.act, m.back);
  Run run(m.root(root));
  CHECK(run.latest() == "a do 0, b do 0, c do 0");
  run.fail("b", kBusiness, "no");
  CHECK(run.state.joins.size() == 1);
  SECTION("the others succeed") {
    run.ok("c");
    CHECK(run.latest() == "");
    run.ok("a");
    CHECK(run.latest() == "last do 0");
    CHECK(run.state.joins.empty());
    CHECK(run.state.unwinding.empty());
  }
  SECTION("another fails") {
    run.ok("a");
    run.fail("c", kBusiness, "no");
    CHECK(run.latest() == "a undo 0");
    CHECK(run.status() == "compensating");
  }
}

TEST_CASE("any: a branch that ends while the saga is paused has lost none the less") {
  Run run(two_branches(1));
  run.ok("first");
  run.ok("left_a");
  run.ok("right_a");
  run.put(OperatorActed{OperatorAct::kPause, {}, Direction::kForward, false, {}, ""});
  run.ok("right_b");
  run.ok("left_b");
  run.put(OperatorActed{OperatorAct::kResume, {}, Direction::kForward, false, {}, ""});
  CHECK(run.latest() == "left_b undo 0, last do 0");
}

TEST_CASE("the names of a branch that lost are unknown at once, though its undo still reads them") {
  Maker m;
  Block root;
  Block left = m.steps({"left", "more"});
  const SlotId slot = m.graph.nodes[left[0]].slot;
  m.graph.nodes[left[0]].undo->args = {{"id", GraphBuilder::read(slot)}};
  m.together(root, "both", {left, m.steps({"right"})}, 1);
  Program present;
  present.nodes = GraphBuilder::read(slot).nodes;
  present.nodes.push_back({ExprKind::kPresent, 0, {}, "", {0}});
  m.add(root, NodeKind::kSet, "seen", [&](Node& n) { n.value = present; });
  const SlotId seen = m.graph.nodes[m.last()].slot;
  m.step(root, "last", m.act);
  m.graph.nodes[m.last()].call.args = {{"seen", GraphBuilder::read(seen)}};
  Run run(m.root(root));
  run.ok("left", record({{"x", Value::integer(7)}}));
  run.ok("right");
  CHECK(*run.sent.back().args.find("seen") == Value::boolean(false));
  run.fail("more", kBusiness, "no");
  CHECK(run.latest() == "left undo 0");
  CHECK(run.sent.back().args.find("id") != nullptr);
  run.ok("left", record({}), kUndo);
  for (const Variable& variable : run.state.variables) CHECK(variable.slot != slot);
}

TEST_CASE("an unsure call of a part that is undone is settled by its check first") {
  Maker m;
  const ActionId find = m.action("find", static_cast<std::uint8_t>(Effect::kReads));
  Block root, left;
  m.step(left, "left", m.act, m.back);
  m.step(left, "charge", m.unsafe, m.back);
  Call check;
  check.action = find;
  m.graph.nodes[m.last()].call.check.push_back(check);
  m.together(root, "both", {left, m.steps({"right"})}, 1);
  Run run(m.root(root));
  run.ok("left");
  run.ok("right");
  run.fail("charge", kUnsure, "timeout");
  CHECK(run.latest() == "charge check 0");
  SECTION("it happened") {
    run.ok("charge", record({{"happened", Value::string("yes")}}), Direction::kCheck);
    CHECK(run.latest() == "charge undo 0");
  }
  SECTION("it did not") {
    run.ok("charge", record({{"happened", Value::string("no")}}), Direction::kCheck);
    CHECK(run.latest() == "left undo 0");
  }
}

TEST_CASE("try: its body is undone, then the handler runs") {
  Maker m;
  Block root = m.steps({"first"});
  SECTION("carry on") {
    m.try_(root, "attempt", m.steps({"a", "b"}), {on({"x.gone"}, ActKind::kCarryOn)});
    m.step(root, "last", m.act, m.back);
    Run run(m.root(root));
    run.ok("first");
    run.ok("a", record({{"id", Value::integer(1)}}));
    SECTION("the error is named") {
      run.fail("b", kBusiness, "x.gone");
      CHECK(run.status() == "running");
      CHECK(run.latest() == "a undo 0");
      run.ok("a", record({}), kUndo);
      CHECK(run.latest() == "last do 0");
      CHECK(run.state.variables.empty() == false);
      run.ok("last");
      CHECK(run.status() == "completed");
    }
    SECTION("another error goes outward") {
      run.fail("b", kBusiness, "x.other");
      CHECK(run.status() == "compensating");
    }
    SECTION("cancel while the body is undone") {
      run.fail("b", kBusiness, "x.gone");
      run.put(CancelAsked{}, "customer called");
      run.ok("a", record({}), kUndo);
      CHECK(run.latest() == "first undo 0");
    }
    SECTION("the undo of the body is held, then done by a person: the handler runs after that") {
      run.fail("b", kBusiness, "x.gone");
      run.fail("a", kBusiness, "refused", kUndo);
      CHECK(run.health() == "undo_failed");
      run.put(OperatorActed{OperatorAct::kSkip, run.at("a"), kUndo, false, {}, ""}, "by hand");
      CHECK(run.latest() == "last do 0");
    }
    SECTION("an unmapped refusal is held: nobody has foreseen it") {
      run.fail("b", kBusiness, "refused");
      CHECK(run.health() == "held");
      run.put(OperatorActed{OperatorAct::kRetry, run.at("b"), Direction::kForward, false, {}, ""},
              "again");
      CHECK(run.latest() == "b do 1");
    }
  }
  SECTION("any error takes an unmapped refusal as well") {
    m.try_(root, "attempt", m.steps({"a", "b"}), {on({}, ActKind::kCarryOn)});
    Run run(m.root(root));
    run.ok("first");
    run.ok("a");
    run.fail("b", kBusiness, "refused");
    CHECK(run.latest() == "a undo 0");
  }
  SECTION("a block, which fails itself: its failure goes outward, not to the same try") {
    const Block block = m.steps({"instead"});
    m.try_(root, "attempt", m.steps({"a", "b"}), {on({}, ActKind::kBlock, block)});
    Run run(m.root(root));
    run.ok("first");
    run.ok("a");
    run.fail("b", kBusiness, "x.gone");
    CHECK(run.latest() == "a undo 0");
    run.ok("a", record({}), kUndo);
    CHECK(run.latest() == "instead do 0");
    run.fail("instead", kBusiness, "x.gone");
    CHECK(run.status() == "compensating");
    CHECK(run.latest() == "first undo 0");
  }
  SECTION("cancel") {
    m.try_(root, "attempt", m.steps({"a"}), {on({}, ActKind::kCancel)});
    Run run(m.root(root));
    run.ok("first");
    run.fail("a", kBusiness, "x.gone");
    CHECK(run.state.because == "said so");
    CHECK(run.latest() == "first undo 0");
  }
  SECTION("finish") {
    m.try_(root, "attempt", m.steps({"a"}), {on({}, ActKind::kFinish)});
    m.step(root, "last", m.act, m.back);
    Run run(m.root(root));
    run.ok("first");
    run.fail("a", kBusiness, "x.gone");
    CHECK(run.status() == "completed");
  }
  SECTION("hand to: a person lets it go on, but cannot have the body begun anew") {
    m.try_(root, "attempt", m.steps({"a"}), {on({}, ActKind::kHandTo)});
    m.step(root, "last", m.act, m.back);
    Run run(m.root(root));
    run.ok("first");
    run.fail("a", kBusiness, "x.gone");
    CHECK(run.health() == "held");
    CHECK(summary(run.graph, run.state).waiting_on.find("ops") != std::string::npos);
    const Fact retry =
        OperatorActed{OperatorAct::kRetry, run.at("attempt"), Direction::kForward, false, {}, ""};
    CHECK_FALSE(preview(run.graph, run.state, retry, "saga").allowed);
    run.put(retry);
    CHECK(run.latest() == "");
    run.put(
        OperatorActed{OperatorAct::kSkip, run.at("attempt"), Direction::kForward, false, {}, ""},
        "go on");
    CHECK(run.latest() == "last do 0");
  }
}

TEST_CASE("a failure meets the innermost that takes it") {
  Maker m;
  Block root, branch;
  m.try_(branch, "inner", m.steps({"a", "b"}), {on({"x.gone"}, ActKind::kCarryOn)});
  Block outer;
  m.together(outer, "race", {branch, m.steps({"c"})}, 1);
  m.try_(root, "attempt", outer, {on({}, ActKind::kCarryOn)});
  m.step(root, "last", m.act, m.back);
  Run run(m.root(root));
  run.ok("a");
  SECTION("the inner try") {
    run.fail("b", kBusiness, "x.gone");
    CHECK(run.latest() == "a undo 0");
    CHECK(run.state.unwinding.at(0).path == run.at("inner"));
    run.ok("a", record({}), kUndo);
    CHECK(run.latest() == "last do 0");  // the branch has succeeded by carrying on; c has lost
  }
  SECTION("the branch, then the outer try: what is being undone inside goes on as a part of it") {
    run.fail("b", kBusiness, "x.other");
    CHECK(run.state.unwinding.at(0).path == run.at("race"));
    run.fail("c", kBusiness, "x.other");
    REQUIRE(run.state.unwinding.size() == 1);
    CHECK(run.state.unwinding.at(0).path == run.at("attempt"));
    CHECK(run.status() == "running");
    CHECK(run.latest() == "");
    run.ok("a", record({}), kUndo);
    CHECK(run.latest() == "last do 0");
  }
}

TEST_CASE("an expression that fails is the error bad_value, and travels like any other") {
  Maker m;
  Block root, body = m.steps({"a"});
  const Program broken = m.broken();
  m.add(body, NodeKind::kSet, "x", [&](Node& n) { n.value = broken; });
  m.try_(root, "attempt", body, {on({"bad_value"}, ActKind::kCarryOn)});
  Run run(m.root(root));
  run.ok("a");
  CHECK(run.latest() == "a undo 0");
  run.ok("a", record({}), kUndo);
  CHECK(run.status() == "completed");
}

TEST_CASE(
    "after the point of no return losers are undone all the same, and what nobody takes is held") {
  Maker m;
  Block root;
  m.add(root, NodeKind::kPointOfNoReturn, "point", [](Node&) {});
  m.together(root, "race", {m.steps({"a", "b"}), m.steps({"c"})}, 1);
  Run run(m.root(root));
  run.ok("a");
  SECTION("a loser") {
    run.ok("c");
    run.fail("b", kBusiness, "no");
    CHECK(run.latest() == "a undo 0");
    run.ok("a", record({}), kUndo);
    CHECK(run.status() == "completed");
  }
  SECTION("all fail") {
    run.fail("c", kBusiness, "no");
    run.fail("b", kBusiness, "no");
    CHECK(run.status() == "running");
    CHECK(run.health() == "held");
  }
}

TEST_CASE("finish waits for a loser that is being undone") {
  Maker m;
  Block root;
  m.together(root, "race", {m.steps({"a", "b"}), m.steps({"c"})}, 1);
  m.add(root, NodeKind::kFinish, "end", [](Node& n) { n.act.kind = ActKind::kFinish; });
  m.step(root, "never", m.act);
  Run run(m.root(root));
  run.ok("a");
  run.ok("c");
  CHECK(run.status() == "running");
  run.fail("b", kBusiness, "no");
  CHECK(run.latest() == "a undo 0");
  run.ok("a", record({}), kUndo);
  CHECK(run.status() == "completed");
}

TEST_CASE("undo anyway: an unknown outcome travels outward, and what may have happened is undone") {
  Maker m;
  Block root, body;
  m.step(body, "a", m.unsafe, m.back);
  m.graph.nodes[m.last()].call.if_unsure = Unsure{Unsure::Kind::kUndoAnyway, ""};
  m.try_(root, "attempt", body, {on({}, ActKind::kCarryOn)});
  Run run(m.root(root));
  SECTION("by itself") {
    run.fail("a", kUnsure, "timeout");
    CHECK(run.latest() == "a undo 0");
    run.ok("a", record({}), kUndo);
    CHECK(run.status() == "completed");
  }
  SECTION("in flight when everything is cancelled") {
    run.put(CancelAsked{}, "customer called");
    run.fail("a", kUnsure, "timeout");
    CHECK(run.latest() == "a undo 0");
  }
}
