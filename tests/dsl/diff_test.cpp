// The business diff. Golden pairs: tests/golden/diff/NAME.before.belay, NAME.after.belay, and what
// is said in NAME.txt. Statements are also tried one by one on graphs made by hand.
#include "dsl/diff/diff.h"

#include <algorithm>
#include <filesystem>

#include "interpreter/compare.h"
#include "tests/catch.h"
#include "tests/dsl/compile_support.h"

namespace belay::dsl {
namespace {

namespace fs = std::filesystem;

const fs::path kFolder = fs::path(BELAY_SOURCE_DIR) / "tests/golden/diff";

CompiledProgram compiled(const fs::path& path) {
  Compilation c = compile_sources({{path.filename().string(), testing::read_file(path.string())}});
  INFO(path << "\n" << render_text(c.diagnostics, c.sources, false));
  REQUIRE(c.ok());
  return std::move(c.program);
}

TEST_CASE("diff: golden pairs") {
  std::size_t pairs = 0;
  for (const auto& file : fs::directory_iterator(kFolder)) {
    const std::string name = file.path().filename().string();
    const auto at = name.find(".before.belay");
    if (at == std::string::npos) continue;
    const std::string pair = name.substr(0, at);
    const auto diffs =
        business_diff(compiled(file.path()), compiled(kFolder / (pair + ".after.belay")));
    testing::check_golden("diff/" + pair + ".txt", render(diffs, DiffFormat::kText));
    ++pairs;
    // The same in both directions, as often as there is something to say.
    const auto back =
        business_diff(compiled(kFolder / (pair + ".after.belay")), compiled(file.path()));
    INFO(pair);
    CHECK(diffs.empty() == back.empty());
    CHECK(business_diff(compiled(file.path()), compiled(file.path())).empty());
  }
  CHECK(pairs >= 25);
}

TEST_CASE("diff: as Markdown and as JSON") {
  const auto diffs = business_diff(compiled(kFolder / "condition.before.belay"),
                                   compiled(kFolder / "condition.after.belay"));
  testing::check_golden("diff/condition.md", render(diffs, DiffFormat::kMarkdown));
  testing::check_golden("diff/condition.json", render(diffs, DiffFormat::kJson));
}

TEST_CASE("diff: gravest first") {
  const auto diffs = business_diff(compiled(kFolder / "policies.before.belay"),
                                   compiled(kFolder / "policies.after.belay"));
  REQUIRE(!diffs.empty());
  CHECK(std::is_sorted(diffs[0].changes.begin(), diffs[0].changes.end(),
                       [](const Change& a, const Change& b) { return a.gravity < b.gravity; }));
}

// ---- Statements that stand in no golden pair

using interpreter::Graph;
using interpreter::Node;
using interpreter::NodeKind;
using interpreter::Program;
using interpreter::Value;

Program text(const std::string& source) {
  Program program;
  program.source = source;
  program.nodes.push_back(
      {.kind = interpreter::ExprKind::kLiteral, .literal = Value::string(source)});
  return program;
}

// One statement before the change and after it; what is said, a line each.
void check(const Node& before, const Node& after, const std::vector<std::string>& expected) {
  const auto graph = [](const Node& node, std::uint32_t version) {
    Graph g;
    g.workflow = "w";
    g.version = version;
    g.hash = std::to_string(version);
    g.slots.push_back({"all", {}, 0});
    g.actions.push_back({.name = "shop.pay",
                         .effects = static_cast<std::uint8_t>(interpreter::Effect::kMovesMoney)});
    g.nodes.push_back(node);
    g.root.push_back(0);
    for (const char* name : {"one", "two", "three"}) {  // for blocks: nodes 1, 2, 3
      Node step;
      step.name = name;
      g.nodes.push_back(step);
    }
    g.index();
    return g;
  };
  CompiledProgram old, now;
  old.graphs.push_back(graph(before, 1));
  now.graphs.push_back(graph(after, 2));
  std::vector<std::string> said;
  for (const SubjectDiff& diff : business_diff(old, now)) {
    for (const Change& change : diff.changes) {
      said.push_back(std::string(name(change.gravity)) + ": " + change.text +
                     (change.before.empty() ? "" : " | " + change.before) +
                     (change.after.empty() ? "" : " > " + change.after));
    }
  }
  CHECK(said == expected);
}

Node node_of(NodeKind kind, const std::string& name) {
  Node node;
  node.kind = kind;
  node.name = name;
  return node;
}

TEST_CASE("diff: together, for any") {
  Node before = node_of(NodeKind::kTogether, "together_1");
  before.branches = {{1}, {2}, {3}};
  before.branch_names = {"one", "two", "three"};
  Node after = before;
  after.wanted = 1;
  check(before, after,
        {"money: of what is done together (`one`, `two` and `three`) any one of them must succeed, "
         "before all of them; the others are undone"});
  after.wanted = 2;
  check(after, before,
        {"money: of what is done together (`one`, `two` and `three`) all of them must succeed, "
         "before 2 of 3"});
}

TEST_CASE("diff: for each") {
  Node before = node_of(NodeKind::kForEach, "for_each_1");
  before.items = text("rooms");
  before.body = {1};
  Node after = before;
  after.at_once = 5;
  after.tolerated = 2;
  after.exports = {{1, 0}};
  check(before, after,
        {"money: in the loop over `rooms` 2 may fail (each is undone) before everything is undone, "
         "not 0",
         "flow: the loop over `rooms` does 5 at once, not 1",
         "flow: the loop over `rooms` leaves behind `all`, before nothing"});
  after = before;
  after.items = text("suites");
  check(before, after, {"flow: the loop over `suites` goes over another list | rooms > suites"});
}

TEST_CASE("diff: repeat") {
  Node before = node_of(NodeKind::kRepeat, "repeat_1");
  before.until = text("done");
  before.times = 3;
  before.body = {1};
  before.otherwise.because = "gave up";
  Node after = before;
  after.times = 5;
  after.otherwise.because = "enough";
  check(before, after,
        {"customer: when the rounds of the repetition until `done` are used up, everything is "
         "undone because \"enough\"; before, everything is undone because \"gave up\"",
         "time: the repetition until `done` makes at most 5 rounds, not 3"});
  after = before;
  after.until = text("really done");
  check(before, after, {"flow: it repeats until something else holds | done > really done"});
}

TEST_CASE("diff: ask") {
  Node before = node_of(NodeKind::kAsk, "approve");
  before.role = "manager";
  before.within = text("1 day");
  interpreter::Type yes;
  yes.base = interpreter::Type::Base::kBool;
  before.answers = {{"yes", yes}};
  Node after = before;
  after.role = "director";
  after.within = text("2 days");
  after.answers.push_back({"why", {.base = interpreter::Type::Base::kText}});
  check(before, after,
        {"customer: `approve` is asked of `director`, not of `manager` any more",
         "callers: answers to `approve` must give `why` now: text",
         "time: `approve` has another limit | 1 day > 2 days"});
}

TEST_CASE("diff: try") {
  Node before = node_of(NodeKind::kTry, "try_1");
  before.body = {1};
  interpreter::Handler handler;
  handler.errors = {"shop.sold_out"};
  handler.act.kind = interpreter::ActKind::kCarryOn;
  before.call.handlers = {handler};
  Node after = before;
  after.call.handlers[0].act.kind = interpreter::ActKind::kHandTo;
  after.call.handlers[0].act.team = "ops";
  interpreter::Handler any;
  any.act.because = "it went wrong";
  after.call.handlers.push_back(any);
  check(before, after,
        {"money: when the `try` of `one` ends in `any error`, everything is undone because \"it "
         "went wrong\"; before, nothing was said about it",
         "money: when the `try` of `one` ends in `shop.sold_out`, it is handed to ops; before, it "
         "carries on"});
}

TEST_CASE("diff: run") {
  Node before = node_of(NodeKind::kRun, "ship");
  before.call.action = interpreter::kNoAction;
  before.run = {"shipping", 1, "aa", false};
  before.undo = interpreter::Call{.action = interpreter::kNoAction};
  Node after = before;
  after.run = {"shipping", 2, "bb", true};
  after.undo.reset();
  check(before, after,
        {"safety: nobody waits for `ship` any more, and nobody undoes it",
         "safety: `ship` is not undone any more",
         "flow: `ship` runs another definition of `shipping` (version 2, before 1)"});
  after = before;
  after.run.workflow = "parcel";
  check(before, after, {"flow: `ship` runs `parcel`, not `shipping` any more"});
}

TEST_CASE("diff: wait for several") {
  Node before = node_of(NodeKind::kWait, "news");
  before.sources = {{"a", "shop.paid", text("k"), 0}, {"b", "shop.gone", text("k"), 0}};
  Node after = before;
  after.any_source = true;
  check(before, after,
        {"customer: `news` waits for `shop.paid` or `shop.gone`, not for `shop.paid` and "
         "`shop.gone` any more"});
  after = before;
  after.sources[1].even_before_ms = 3'600'000;
  check(before, after,
        {"customer: `news` takes `shop.gone` also up to 1 hour from before its start"});
}

TEST_CASE("diff: acts in a handler's block") {
  Node before = node_of(NodeKind::kAct, "act_1");
  before.act.kind = interpreter::ActKind::kTryAgain;
  before.act.after_ms = 1000;
  before.act.at_most = 2;
  Node after = before;
  after.act.at_most = 5;
  check(before, after,
        {"flow: in a handler it is tried again after 1 second, at most 5 times; before, it is "
         "tried again after 1 second, at most 2 times"});
}

TEST_CASE("diff: rates, signs of life, what a check does, finishing early") {
  Node before = node_of(NodeKind::kStep, "pay");
  before.no_undo_because = "final";
  Node after = before;
  after.call.rate = interpreter::Rate{10, 60'000, text("customer")};
  after.call.alive_ms = 5000;
  check(before, after,
        {"time: `pay` has to show a sign of life every 5 seconds",
         "running: `pay` is held to a rate > at most 10 per 1 minute per customer"});
  check(after, before,
        {"time: `pay` need not show signs of life any more",
         "running: `pay` is held to no rate any more | at most 10 per 1 minute per customer"});
  before.call.check = {interpreter::Call{}};
  after = before;
  after.call.check[0].args = {{"order", text("o")}};
  check(before, after, {"money: `order` of the check of `pay` is given now > o"});
  before = node_of(NodeKind::kFinish, "finish_1");
  before.act.kind = interpreter::ActKind::kFinish;
  after = before;
  after.act.with = {{"done", text("yes")}};
  check(before, after, {"callers: it gives `done` now when it finishes early > yes"});
}

// Whether values of the one type always fit the other.
void check_accepts(const interpreter::Type& before, const interpreter::Type& after, bool expected) {
  INFO(interpreter::to_text(before) << " -> " << interpreter::to_text(after));
  CHECK(accepts_all(before, after) == expected);
}

TEST_CASE("diff: which types take all that others take") {
  using Base = interpreter::Type::Base;
  const interpreter::Type whole{.base = Base::kInt}, small{.base = Base::kInt, .min = 1, .max = 9},
      string{.base = Base::kText}, uuid{.base = Base::kUuid}, json{.base = Base::kJson},
      ab{.base = Base::kOneOf, .options = {"a", "b"}},
      abc{.base = Base::kOneOf, .options = {"a", "b", "c"}},
      maybe{.base = Base::kInt, .optional = true}, short_text{.base = Base::kText, .size_max = 5};
  check_accepts(small, whole, true);
  check_accepts(whole, small, false);
  check_accepts(uuid, string, true);
  check_accepts(string, uuid, false);
  check_accepts(ab, abc, true);
  check_accepts(abc, ab, false);
  check_accepts(whole, maybe, true);
  check_accepts(maybe, whole, false);
  check_accepts(short_text, string, true);
  check_accepts(string, short_text, false);
  check_accepts(whole, json, true);
  check_accepts(json, whole, false);
}

}  // namespace
}  // namespace belay::dsl
