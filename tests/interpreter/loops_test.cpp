// `for each` and `repeat`: rounds, what they leave behind, what is undone and in which order. Every
// Run proves replay for each prefix of its journal (harness.h).
#include <chrono>

#include "interpreter/unwind.h"
#include "tests/interpreter/harness.h"

using namespace belay::testing;

namespace {

constexpr auto kBusiness = FailureKind::kBusiness;
constexpr auto kUndo = Direction::kUndo;

struct Options {
  int items = 3;
  std::uint32_t at_once = 1, tolerated = 0;
};

// each LINE: charge, book, collect its id → last
Graph for_each(Options options) {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  SlotId item = kNoSlot, inner = kNoSlot;
  Block body = b.body([&](Block& in) {
    item = b.slot("line");
    b.step(in, "charge", act, back);
    b.graph.nodes[b.last()].call.args = {{"line", GraphBuilder::read(item)}};
    b.graph.nodes[b.last()].undo->args = {{"line", GraphBuilder::read(item)}};
    b.step(in, "book", act, back);
    b.add(in, NodeKind::kSet, "collect_ids", [&](Node& n) { n.value = GraphBuilder::read(item); });
    inner = b.graph.nodes[b.last()].slot;
  });
  const SlotId outer = b.slot("ids");
  b.add(root, NodeKind::kForEach, "lines", [&](Node& n) {
    std::vector<Value> items;
    for (int i = 0; i < options.items; ++i) items.push_back(Value::integer(100 + i));
    n.items = GraphBuilder::literal(Value::list(std::move(items)));
    n.body = std::move(body);
    n.slot = item;
    n.at_once = options.at_once;
    n.tolerated = options.tolerated;
    n.exports = {{inner, outer}};
  });
  b.step(root, "last", act, back);
  b.graph.nodes[b.last()].call.args = {{"ids", GraphBuilder::read(outer)}};
  b.graph.root = root;
  return b.done();
}

std::string ids(const Run& run) { return to_text(*run.sent.back().args.find("ids")); }

void item_ok(Run& run, int i) {
  const std::string at = "lines[" + std::to_string(i) + "].";
  run.ok(at + "charge");
  run.ok(at + "book");
}

}  // namespace

TEST_CASE("for each: item after item, then the list of what was collected") {
  Run run(for_each({}));
  CHECK(run.latest() == "lines[0].charge do 0");
  CHECK(*run.sent.back().args.find("line") == Value::integer(100));
  item_ok(run, 0);
  CHECK(run.latest() == "lines[1].charge do 0");
  item_ok(run, 1);
  item_ok(run, 2);
  CHECK(run.latest() == "last do 0");
  CHECK(ids(run) == "[100, 101, 102]");
  CHECK(run.state.loops.empty());
  run.fail("last", kBusiness, "no");
  CHECK(run.latest() == "lines[2].book undo 0");  // one item at a time forward: one at a time back
  run.ok("lines[2].book", record({}), kUndo);
  CHECK(run.latest() == "lines[2].charge undo 0");
  CHECK(*run.sent.back().args.find("line") == Value::integer(102));
  run.ok("lines[2].charge", record({}), kUndo);
  CHECK(run.latest() == "lines[1].book undo 0");
}

TEST_CASE("for each: an empty list is over at once") {
  Run run(for_each({.items = 0}));
  CHECK(run.latest() == "last do 0");
  CHECK(ids(run) == "[]");
}

TEST_CASE("for each: no more than so many at once, undone side by side") {
  Run run(for_each({.items = 4, .at_once = 2}));
  CHECK(run.latest() == "lines[0].charge do 0, lines[1].charge do 0");
  item_ok(run, 1);
  CHECK(run.latest() == "lines[2].charge do 0");
  run.ok("lines[0].charge");
  run.ok("lines[2].charge");
  run.fail("lines[2].book", kBusiness, "no");
  CHECK(run.status() == "compensating");
  CHECK(run.latest() == "lines[2].charge undo 0, lines[1].book undo 0");
  run.ok("lines[0].book");  // was in flight
  CHECK(run.latest() == "lines[0].book undo 0");
}

TEST_CASE("for each: a tolerated failure is undone at once, and so many are tolerated") {
  Run run(for_each({.items = 3, .at_once = 1, .tolerated = 1}));
  run.ok("lines[0].charge");
  run.fail("lines[0].book", kBusiness, "no");
  CHECK(run.status() == "running");
  CHECK(run.latest() == "lines[0].charge undo 0");
  SECTION("the next begins when it is undone; the list leaves it out") {
    run.ok("lines[0].charge", record({}), kUndo);
    CHECK(run.latest() == "lines[1].charge do 0");
    item_ok(run, 1);
    item_ok(run, 2);
    CHECK(ids(run) == "[101, 102]");
  }
  SECTION("one more is too many") {
    run.ok("lines[0].charge", record({}), kUndo);
    run.ok("lines[1].charge");
    run.fail("lines[1].book", kBusiness, "no");
    CHECK(run.status() == "compensating");
    CHECK(run.latest() == "lines[1].charge undo 0");
  }
  SECTION("its undo is held: the item keeps its place, the loop waits") {
    run.fail("lines[0].charge", kBusiness, "refused", kUndo);
    CHECK(run.health() == "undo_failed");
    CHECK(run.latest() == "");
    run.put(OperatorActed{OperatorAct::kRetry, run.at("lines[0].charge"), kUndo, false, {}, ""},
            "again");
    CHECK(run.latest() == "lines[0].charge undo 1");
    run.ok("lines[0].charge", record({}), kUndo);
    CHECK(run.latest() == "lines[1].charge do 0");
  }
  SECTION("an unmapped refusal is not tolerated but held") {
    run.ok("lines[0].charge", record({}), kUndo);
    run.fail("lines[1].charge", kBusiness, "refused");
    CHECK(run.health() == "held");
  }
}

TEST_CASE("for each: a tolerated last item ends the loop once it is undone") {
  Run run(for_each({.items = 1, .at_once = 1, .tolerated = 1}));
  run.fail("lines[0].charge", kBusiness, "no");
  CHECK(run.latest() == "last do 0");
  CHECK(ids(run) == "[]");
}

TEST_CASE("for each: an item that is being undone keeps its place, and the loop waits for it") {
  Run run(for_each({.items = 3, .at_once = 2, .tolerated = 1}));
  run.ok("lines[0].charge");
  run.fail("lines[0].book", kBusiness, "no");
  CHECK(run.latest() == "lines[0].charge undo 0");  // not yet the third
  item_ok(run, 1);
  CHECK(run.latest() == "lines[2].charge do 0");
  item_ok(run, 2);
  CHECK(run.latest() == "");
  run.ok("lines[0].charge", record({}), kUndo);
  CHECK(run.latest() == "last do 0");
  CHECK(ids(run) == "[101, 102]");
}

TEST_CASE("for each: what is no list, or too long a list, is a bad value") {
  Graph graph = for_each({});
  for (const Value& items : {Value::integer(7), Value::list(std::vector<Value>(10'001))}) {
    for (Node& node : graph.nodes) {
      if (node.kind == NodeKind::kForEach) node.items = GraphBuilder::literal(items);
    }
    Run run(graph);
    CHECK(run.status() == "compensated");
    CHECK(run.state.because.find("bad_value") != std::string::npos);
  }
}

TEST_CASE("a try in an item of a loop in a branch of a race") {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root, loop, other;
  SlotId item = kNoSlot;
  Block body = b.body([&](Block& in) {
    item = b.slot("line");
    Block attempt;
    b.step(attempt, "a", act, back);
    b.step(attempt, "b", act, back);
    b.add(in, NodeKind::kTry, "attempt", [&](Node& n) {
      n.body = attempt;
      n.call.action = kNoAction;
      n.call.handlers = {{{"x.gone"}, {.kind = ActKind::kCarryOn}}};
    });
  });
  b.add(loop, NodeKind::kForEach, "lines", [&](Node& n) {
    n.body = std::move(body);
    n.slot = item;
    n.items = GraphBuilder::literal(Value::list({Value::integer(1), Value::integer(2)}));
    n.at_once = 2;
    n.tolerated = 1;
  });
  b.step(other, "c", act, back);
  b.add(root, NodeKind::kTogether, "race", [&](Node& n) {
    n.branches = {loop, other};
    n.wanted = 1;
  });
  b.graph.root = root;
  Run run(b.done());
  run.ok("lines[0].a");
  run.ok("lines[1].a");
  run.fail("lines[0].b", kBusiness, "x.gone");
  run.fail("lines[1].b", kBusiness, "x.other");
  REQUIRE(run.state.unwinding.size() == 2);
  CHECK(run.state.unwinding[1].path == run.at("lines"));
  CHECK(run.state.unwinding[0].path == run.at("lines[0].attempt"));
  SECTION("both are undone, the loop is over, the branch has won") {
    run.ok("lines[0].a", record({}), kUndo);
    CHECK(run.status() == "running");
    run.ok("lines[1].a", record({}), kUndo);
    CHECK(run.state.unwinding.size() == 1);  // c, which has lost
    run.ok("c");
    CHECK(run.latest() == "c undo 0");
    run.ok("c", record({}), kUndo);
    CHECK(run.status() == "completed");
  }
  SECTION("the branch loses: its parts are undone as parts of it") {
    run.ok("c");
    REQUIRE(run.state.unwinding.size() == 1);
    CHECK(run.state.unwinding[0].loser);
    CHECK(run.state.loops.empty());
    run.ok("lines[1].a", record({}), kUndo);
    CHECK(run.status() == "running");
    run.ok("lines[0].a", record({}), kUndo);
    CHECK(run.status() == "completed");
  }
}

namespace {

// repeat until RESULT.done, at most 3 times: ask_bank → last
Graph repeat(Act otherwise = {}) {
  GraphBuilder b;
  const auto act = b.action("act", kMarks), back = b.action("back", kMarks);
  Block root;
  SlotId inner = kNoSlot;
  Block body = b.body([&](Block& in) {
    b.step(in, "poll", act, back);
    inner = b.graph.nodes[b.last()].slot;
  });
  const SlotId outer = b.slot("poll");
  b.add(root, NodeKind::kRepeat, "polling", [&](Node& n) {
    n.body = std::move(body);
    n.until = GraphBuilder::read(inner);
    n.until.nodes.push_back({ExprKind::kField, 0, {}, "done", {0}});
    n.times = 3;
    n.exports = {{inner, outer}};
    n.otherwise = otherwise;
  });
  b.step(root, "last", act, back);
  b.graph.nodes[b.last()].call.args = {{"poll", GraphBuilder::read(outer)}};
  b.graph.root = root;
  return b.done();
}

void poll(Run& run, int round, bool done) {
  run.ok("polling[" + std::to_string(round) + "].poll",
         record({{"done", Value::boolean(done)}, {"round", Value::integer(round)}}));
}

}  // namespace

TEST_CASE("repeat: until its condition holds, and the last round's names stay") {
  Run run(repeat());
  poll(run, 0, false);
  CHECK(run.latest() == "polling[1].poll do 0");
  poll(run, 1, true);
  CHECK(run.latest() == "last do 0");
  CHECK(*run.sent.back().args.find("poll")->find("round") == Value::integer(1));
  run.fail("last", kBusiness, "no");
  CHECK(run.latest() == "polling[1].poll undo 0");
  run.ok("polling[1].poll", record({}), kUndo);
  CHECK(run.latest() == "polling[0].poll undo 0");
}

TEST_CASE("repeat: the rounds are used up") {
  const auto use_up = [](Run& run) {
    for (int i = 0; i < 3; ++i) poll(run, i, false);
  };
  SECTION("nothing is said for it: gave_up") {
    Run run(repeat());
    use_up(run);
    CHECK(run.status() == "compensating");
    CHECK(run.state.because == "`polling` failed: gave_up");
    CHECK(run.latest() == "polling[2].poll undo 0");
  }
  SECTION("carry on") {
    Run run(repeat({.kind = ActKind::kCarryOn}));
    use_up(run);
    CHECK(run.latest() == "last do 0");
    CHECK(*run.sent.back().args.find("poll")->find("round") == Value::integer(2));
  }
  SECTION("cancel") {
    Run run(repeat({.kind = ActKind::kCancel, .because = "the bank is silent"}));
    use_up(run);
    CHECK(run.state.because == "the bank is silent");
  }
  SECTION("finish") {
    Run run(repeat({.kind = ActKind::kFinish}));
    use_up(run);
    CHECK(run.status() == "completed");
  }
  SECTION("hand to: a person lets it go on") {
    Run run(repeat({.kind = ActKind::kHandTo, .team = "ops"}));
    use_up(run);
    CHECK(run.health() == "held");
    CHECK_FALSE(
        preview(run.graph, run.state,
                OperatorActed{
                    OperatorAct::kRetry, run.at("polling"), Direction::kForward, false, {}, ""},
                "saga")
            .allowed);
    run.put(
        OperatorActed{OperatorAct::kSkip, run.at("polling"), Direction::kForward, false, {}, ""},
        "go on");
    CHECK(run.latest() == "last do 0");
  }
}

TEST_CASE(
    "repeat: a condition that fails is a bad value; after the point of no return a person may let "
    "it go on") {
  SECTION("before") {
    Run run(repeat());
    run.ok("polling[0].poll", record({}));
    CHECK(run.state.because.find("`polling` failed: bad_value") == 0);
  }
  SECTION("after") {
    Graph graph = repeat();
    Node point;
    point.kind = NodeKind::kPointOfNoReturn;
    point.name = "point";
    graph.nodes.push_back(point);
    graph.root.insert(graph.root.begin(), static_cast<NodeId>(graph.nodes.size() - 1));
    graph.index();
    Run run(graph);
    run.ok("polling[0].poll", record({}));
    CHECK(run.health() == "held");
    const auto acts = allowed_acts(run.graph, run.state);
    CHECK(acts.back().path == "polling[0]");
    run.put(
        OperatorActed{OperatorAct::kSkip, run.at("polling[0]"), Direction::kForward, false, {}, ""},
        "go on");
    CHECK(run.latest() == "last do 0");
  }
}

TEST_CASE("places inside loops have names that are found again") {
  Run run(for_each({}));
  const Graph& graph = run.graph;
  for (const char* text : {"lines[2].charge", "lines", "last"}) {
    const Path path = parse_path(graph, text);
    REQUIRE(path.node != kNoNode);
    CHECK(path_text(graph, path) == text);
  }
  for (const char* text :
       {"lines[2]charge", "other[2].charge", "charge[2]", "lines[].charge", "lines[2",
        "lines[99999999999].charge", "", ".", "lines[x].charge", "nobody"}) {
    CHECK(parse_path(graph, text).node == kNoNode);
  }
}

TEST_CASE("hundreds of items are worked through and undone in reasonable time") {
  for (const std::uint32_t at_once : {1U, 500U}) {
    const auto begin = std::chrono::steady_clock::now();
    const Graph graph = for_each({.items = 500, .at_once = at_once});
    State state;
    std::vector<Command> commands;
    const auto put = [&](Fact fact) {
      Entry entry;
      entry.seq = state.seq + 1;
      entry.at = Instant{1'800'000'000'000'000};
      entry.fact = std::move(fact);
      Decision decision = decide(graph, apply(graph, std::move(state), entry), "saga");
      state = std::move(decision.state);
      for (Command& command : decision.commands) commands.push_back(std::move(command));
    };
    put(Started{record({})});
    std::size_t calls = 0;
    for (std::size_t i = 0; i < commands.size() && !state.ended(); ++i) {
      const auto* run = std::get_if<RunAction>(&commands[i]);
      if (run == nullptr) continue;
      ++calls;
      const Path path = run->path;
      const Direction direction = run->direction;
      if (path_text(graph, path) == "last") {
        put(StepFailed{path, direction, 0, kBusiness, "no", "", true, 0});
      } else {
        put(StepSucceeded{path, direction, 0, record({})});
      }
    }
    CHECK(state.status == Status::kCompensated);
    CHECK(calls == 2001);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    INFO("took " << took.count() << " s");
    CHECK(took.count() < 10);
  }
}
