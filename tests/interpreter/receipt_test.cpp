// What changes the database by SQL leaves a receipt: a lost answer is asked for under the same key
// until it is told, and is nobody's work but the engine's.
#include "tests/interpreter/harness.h"

using namespace belay::testing;

namespace {

constexpr auto kBusiness = FailureKind::kBusiness;
constexpr auto kTransient = FailureKind::kTransient;
constexpr auto kUnsure = FailureKind::kUnsure;
constexpr auto kUndo = Direction::kUndo;

struct Maker : GraphBuilder {
  ActionId take = sql("take"), give_back = sql("give_back");

  ActionId sql(const std::string& name, std::uint8_t effects = kMarks) {
    const ActionId id = action(name, effects);
    graph.actions[id].runs = Action::Runs::kSql;
    return id;
  }
  // hold → confirm; `hold` and its undo are SQL.
  Graph two_steps() {
    step(graph.root, "hold", take, give_back);
    step(graph.root, "confirm", action("confirm", kMarks), action("cancel", kMarks));
    return done();
  }
  Call& hold() { return graph.nodes[find_node(graph, "hold")].call; }
};

// Each try fails in that way, after ever longer waits, and goes out again under the same key.
void fail_for_long(Run& run, FailureKind kind, const std::string& error, Direction direction) {
  for (int i = 0; i < 30; ++i) {
    run.fail("hold", kind, error, direction);
    CHECK(run.health() == "retrying");
    CHECK(run.latest() == "");
    run.pass(60);
    CHECK(run.latest() == std::string("hold ") + name(direction) + " 0");
  }
}

}  // namespace

TEST_CASE("a lost answer of SQL is asked for until the receipt tells, however long it takes") {
  Run run(Maker().two_steps());
  SECTION("it had happened") {
    fail_for_long(run, kUnsure, "no_answer", Direction::kForward);
    run.ok("hold");
    CHECK(run.latest() == "confirm do 0");
  }
  SECTION("then the database cannot be reached: that tells nothing of the first try") {
    run.fail("hold", kUnsure, "no_answer");
    run.pass(1);
    fail_for_long(run, kTransient, "unavailable", Direction::kForward);
    run.ok("hold");
    CHECK(run.latest() == "confirm do 0");
  }
  SECTION("the receipt holds a declared error") {
    fail_for_long(run, kUnsure, "no_answer", Direction::kForward);
    run.fail("hold", kBusiness, "seat.taken");
    CHECK(run.status() == "compensated");
    CHECK(left_over(run.graph, run.state).empty());
  }
  SECTION("the receipt holds a refusal: it is certain, like any other") {
    fail_for_long(run, kUnsure, "no_answer", Direction::kForward);
    run.fail("hold", kBusiness, "refused");
    CHECK(run.health() == "held");
    run.put(CancelAsked{});
    CHECK(run.status() == "compensated");
    CHECK(left_over(run.graph, run.state).empty());
  }
  SECTION("a refusal that is in no receipt tells nothing") {
    run.fail("hold", kUnsure, "no_answer");
    run.pass(1);
    run.put(StepFailed{run.at("hold"), Direction::kForward, 0, kBusiness, "refused", "", false, 0});
    CHECK(run.health() == "unknown_outcome");
  }
  SECTION("a receipt that cannot be read comes again: a person must look") {
    for (int i = 0; i < 4; ++i) {
      run.put(
          StepFailed{run.at("hold"), Direction::kForward, 0, kUnsure, "unreadable", "", true, 0});
      run.pass(60);
    }
    CHECK(run.health() == "unknown_outcome");
  }
  SECTION("cancelled meanwhile: asked at once, and undone if it had happened") {
    fail_for_long(run, kUnsure, "no_answer", Direction::kForward);
    run.fail("hold", kUnsure, "no_answer");
    run.put(CancelAsked{});
    CHECK(run.latest() == "hold do 0");
    fail_for_long(run, kTransient, "unavailable", Direction::kForward);
    run.ok("hold");
    CHECK(run.latest() == "hold undo 0");
    run.ok("hold", record({}), kUndo);
    CHECK(run.status() == "compensated");
  }
}

TEST_CASE("a lost answer of an undo in SQL is asked for as well, longer than undos are tried") {
  Run run(Maker().two_steps());
  run.ok("hold");
  run.fail("confirm", kBusiness, "no");
  CHECK(run.latest() == "hold undo 0");
  for (int hour = 0; hour < 3; ++hour) fail_for_long(run, kUnsure, "no_answer", kUndo);
  run.pass(86'400 * 2);
  fail_for_long(run, kTransient, "unavailable", kUndo);
  run.ok("hold", record({}), kUndo);
  CHECK(run.status() == "compensated");
  CHECK(left_over(run.graph, run.state).empty());
}

TEST_CASE("who is said to find out finds out, also of SQL") {
  Maker maker;
  SECTION("hand to") {
    maker.step(maker.graph.root, "hold", maker.take, maker.give_back);
    maker.hold().if_unsure = Unsure{Unsure::Kind::kHandTo, "ops"};
    Run run(maker.done());
    for (int i = 0; i < 4; ++i, run.pass(60)) run.fail("hold", kUnsure, "no_answer");
    CHECK(run.health() == "unknown_outcome");
  }
  SECTION("a check") {
    maker.step(maker.graph.root, "hold", maker.take, maker.give_back);
    Call check;
    check.action = maker.sql("find", static_cast<std::uint8_t>(Effect::kReads));
    maker.hold().check.push_back(check);
    Run run(maker.done());
    for (int i = 0; i < 3; ++i, run.pass(60)) run.fail("hold", kUnsure, "no_answer");
    run.fail("hold", kUnsure, "no_answer");
    CHECK(run.latest() == "hold check 0");
  }
  SECTION("what only reads needs nobody: it is given up like what never arrived") {
    maker.step(maker.graph.root, "hold",
               maker.sql("look", static_cast<std::uint8_t>(Effect::kReads)));
    Run run(maker.done());
    for (int i = 0; i < 4; ++i, run.pass(60)) run.fail("hold", kUnsure, "no_answer");
    CHECK(run.status() == "compensated");
  }
}
