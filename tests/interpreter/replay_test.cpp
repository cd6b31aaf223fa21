// Recorded histories against edited definitions: a history is made under one text, a few words of
// the text are changed, and the verdict is compared with what it has to be.
#include "interpreter/replay.h"

#include "dsl/compile.h"
#include "tests/interpreter/harness.h"

namespace belay::testing {
namespace {

const char* const kText = R"(belay 1

event shop.paid, version 1, key order
  order   text
  amount  int

action reserve
  reserves
  takes
    item  text
  gives
    id  text
  can end in shop.sold_out
  repeating is safe
  plugin reserve
action unreserve
  records
  takes
    id  text
  harmless if nothing was done
  repeating is safe
  plugin unreserve
action charge
  moves money
  takes
    item    text
    amount  int
  gives
    id  text
  can end in shop.declined
  repeating is safe
  plugin charge
action charge_elsewhere
  moves money
  takes
    item    text
    amount  int
  gives
    id  text
  can end in shop.declined
  repeating is safe
  plugin charge_elsewhere
action refund
  records
  takes
    id  text
  harmless if nothing was done
  repeating is safe
  plugin refund

workflow buy, version 1
  takes
    item  text
  gives
    charge = pay.id
  finish within 3 hours
  step hold
    do reserve
      item = item
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"
  wait paid
    for shop.paid, key item
    within 1 hour, otherwise cancel because "Not paid"
  when paid.amount is more than 100
    cancel because "Too dear"
  step pay
    do charge
      item   = item
      amount = paid.amount
    retry 3 tries in all, first wait 2 seconds
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"
  step tell
    do reserve
      item = pay.id
    undo with unreserve
      id = tell.id
    if shop.sold_out, cancel because "Nobody to tell"
)";

Graph compiled(std::string text) {
  dsl::Compilation c = dsl::compile_sources({{"shop.belay", std::move(text)}});
  INFO(dsl::render_text(c.diagnostics, c.sources, false));
  REQUIRE(c.ok());
  return c.program.graphs.at(0);
}

struct Edit {  // everywhere
  const char* from;
  const char* to;
};

Graph edited(const Edit& edit) {
  std::string text = kText;
  INFO(edit.from);
  auto at = text.find(edit.from);
  REQUIRE(at != std::string::npos);
  for (; at != std::string::npos; at = text.find(edit.from, at + std::string(edit.to).size())) {
    text.replace(at, std::string(edit.from).size(), edit.to);
  }
  return compiled(std::move(text));
}

// How far a history goes.
enum Until { kHolding, kPaidFor, kPaying, kTrying, kPaid, kDone, kDeclined };

const Graph& base() {
  static const Graph graph = compiled(kText);
  return graph;
}

Run history(Until until) {
  Run run(base(), record({{"item", Value::string("lamp")}}));
  if (until == kHolding) return run;
  run.ok("hold", record({{"id", Value::string("h1")}}));
  if (until == kPaidFor) return run;
  run.put(EventTaken{run.at("paid"), "e1", "shop.paid",
                     record({{"order", Value::string("lamp")}, {"amount", Value::integer(50)}})});
  if (until == kPaying) return run;
  run.fail("pay", FailureKind::kTransient, "no_answer");
  if (until == kTrying) return run;
  run.pass(10);
  if (until == kDeclined) {
    run.fail("pay", FailureKind::kBusiness, "shop.declined");
    return run;
  }
  run.ok("pay", record({{"id", Value::string("c1")}}));
  if (until == kPaid) return run;
  run.ok("tell", record({{"id", Value::string("t1")}}));
  return run;
}

// "same", "differs 3: why", "ahead 7: names", "cannot 2: why".
std::string words(const Verdict& verdict) {
  if (verdict.kind == VerdictKind::kSame) return "same";
  std::string text = verdict.ahead ? "ahead" : name(verdict.kind);
  text += " " + std::to_string(verdict.entry) + ": ";
  if (!verdict.ahead) return text + verdict.why;
  for (const std::string& statement : verdict.changed) text += statement + ",";
  text.pop_back();
  return text;
}

void check(Until until, const Edit& edit, const std::string& expected) {
  Run run = history(until);
  const Graph after = edited(edit);
  INFO("edit: " << edit.from << " -> " << edit.to);
  const Replayed replayed = replay(run.graph, after, "saga", run.journal);
  CHECK(words(replayed.verdict) == expected);
  CHECK(replayed.verdict.movable() == (replayed.state.seq == run.journal.size()));
  if (!replayed.verdict.movable()) return;
  // What the loader would fold from the stored journal is what was told.
  State folded;
  for (Entry entry : run.journal) {
    std::string problem;
    const auto move = [&](auto& one) {
      if constexpr (requires { one.path; }) REQUIRE(translate(run.graph, after, one.path, problem));
    };
    std::visit(move, entry.fact);
    for (Drawn& drawn : entry.drawn) std::visit(move, drawn);
    folded = apply(after, std::move(folded), entry);
  }
  CHECK(folded == replayed.state);
  CHECK(decide(after, replayed.state, "saga").drawn.empty());
}

const Edit kNothing{"workflow buy, version 1", "workflow buy \"Buy it\", version 2"};

TEST_CASE("replay: a history of the same text is the same, however far it went") {
  for (const Until until : {kHolding, kPaidFor, kPaying, kTrying, kPaid, kDone, kDeclined}) {
    check(until, kNothing, "same");
  }
}

TEST_CASE("replay: what lies ahead may change") {
  const Edit undo{"undo with refund\n      id = pay.id", "no undo because \"we are generous\""};
  check(kHolding, undo, "ahead 2: pay");
  check(kPaid, undo, "ahead 7: pay");
  check(kDone, undo, "same");
  const Edit added{"  step tell\n", "  pause for 1 minute\n  step tell\n"};
  check(kHolding, added, "ahead 2: pause_1");
  check(kPaying, added, "ahead 4: pause_1");
  check(kPaid, added, "differs 6: the edited definition draws something else");
  const Edit condition{"is more than 100", "is more than 40"};
  check(kPaidFor, condition, "ahead 3: when_1");
  check(kPaying, condition, "differs 3: the edited definition draws something else");
  const Edit gives{"charge = pay.id", "charge = hold.id"};
  check(kPaid, gives, "ahead 7: gives");
}

TEST_CASE("replay: the request of a call that was answered may change, of one under way not") {
  const Edit request{"      item   = item\n", "      item   = \"a \" + item\n"};
  check(kPaidFor, request, "ahead 3: pay");
  check(kPaying, request,
        "differs 3: `pay` was sent and is not settled, and its request would be another one");
  check(kTrying, request,
        "ahead 5: pay");  // the next try is another request under a key of its own
  check(kPaid, request, "same");
  check(kDone, request, "same");
  const Edit action{"    do charge\n", "    do charge_elsewhere\n"};
  check(kPaid, action, "differs 3: the edited definition draws something else");
}

TEST_CASE("replay: times that are over do not count, those that run do") {
  const Edit retry{"first wait 2 seconds", "first wait 3 seconds"};
  check(kTrying, retry,
        "differs 4: `pay` waits to be tried again, and would wait for another length of time");
  check(kPaid, retry, "same");
  const Edit limit{"within 1 hour", "within 2 hours"};
  check(kPaidFor, limit, "differs 2: `paid` is under way and would have another limit");
  check(kPaying, limit, "same");
  const Edit deadline{"finish within 3 hours", "finish within 4 hours"};
  check(kPaying, deadline, "differs 1: the time by which it has to finish is another one");
  check(kDone, deadline, "same");
  const Edit turn{"  finish within 3 hours\n",
                  "  finish within 3 hours\n  one at a time per item, others queue\n"};
  check(kPaying, turn,
        "differs 1: it takes its turn among others than it would (`one at a time per`)");
}

TEST_CASE("replay: what the edited definition has no place for") {
  const Edit renamed{"tell", "inform"};
  check(kPaying, renamed, "ahead 4: inform,tell");
  check(kPaid, renamed, "cannot 6: `tell` is not there any more");
  const Edit event{"amount  int\n\n", "amount  int\n  currency  text\n\n"};
  check(kPaidFor, event, "same");
  check(kPaying, event,
        "cannot 3: the event `shop.paid` that `paid` took does not fit its type now: it has no "
        "`currency`");
  const Edit input{"    item  text\n  gives\n    charge",
                   "    item  text\n    note  text\n  gives\n    charge"};
  check(kHolding, input,
        "cannot 1: the input does not fit what the workflow takes now: it has no `note`");
  const Edit optional{"    item  text\n  gives\n    charge",
                      "    item  text\n    note  optional text\n  gives\n    charge"};
  check(kPaying, optional, "same");
  const Edit result{"  gives\n    id  text\n  can end in shop.declined",
                    "  gives\n    id  text\n    fee  int\n  can end in shop.declined"};
  check(kPaid, result, "cannot 6: what `pay` gave does not fit what it gives now: it has no `fee`");
  const Edit kind{
      "step tell\n    do reserve\n      item = pay.id\n    undo with unreserve\n      id = "
      "tell.id\n"
      "    if shop.sold_out, cancel because \"Nobody to tell\"",
      "wait tell\n    for shop.paid, key pay.id\n"
      "    within 1 hour, otherwise cancel because \"Nobody to tell\""};
  check(kPaid, kind, "cannot 6: `tell` was a step and is a wait now");
  check(kPaying, kind, "ahead 4: tell");
  const Edit other_event{"for shop.paid, key item", "for shop.paid, key item + \"!\""};
  check(kPaidFor, other_event, "differs 2: the edited definition draws something else");
}

// The same actions, in loops and parts.
std::string in_loops() {
  const std::string text = kText;
  return text.substr(0, text.find("workflow buy")) + R"(workflow stock, version 1
  takes
    items  list of text
  for each item in items, at most 1 at once
    step got
      do reserve
        item = item
      undo with unreserve
        id = got.id
      if shop.sold_out, cancel because "Sold out"
  try
    step fee
      do charge
        item   = "fee"
        amount = 1
      undo with refund
        id = fee.id
    step extra
      do reserve
        item = "more"
      undo with unreserve
        id = extra.id
  if shop.declined or shop.sold_out, carry on
  step last
    do reserve
      item = "last"
    undo with unreserve
      id = last.id
    if shop.sold_out, cancel because "Sold out"
)";
}

void check_loops(std::size_t outcomes, const std::string& from, const std::string& to,
                 const std::string& expected) {
  Run run(compiled(in_loops()),
          record({{"items", Value::list({Value::string("a"), Value::string("b")})}}));
  const Value id = record({{"id", Value::string("r")}});
  const char* const steps[] = {
      "for_each_1[0].got", "for_each_1[1].got", "fee", "extra", "fee", "last"};
  for (std::size_t i = 0; i < outcomes; ++i) {
    if (i == 3)
      run.fail("extra", FailureKind::kBusiness, "shop.sold_out");
    else
      run.ok(steps[i], id, i == 4 ? Direction::kUndo : Direction::kForward);
  }
  std::string text = in_loops();
  const auto at = text.find(from, text.find("workflow stock"));
  INFO(outcomes << " outcomes, edit: " << from << " -> " << to);
  REQUIRE(at != std::string::npos);
  const Graph after = compiled(text.replace(at, from.size(), to));
  const Replayed replayed = replay(run.graph, after, "saga", run.journal);
  CHECK(words(replayed.verdict) == expected);
}

TEST_CASE("replay: loops and parts") {
  for (std::size_t outcomes = 0; outcomes <= 6; ++outcomes) {
    check_loops(outcomes, "version 1", "version 2", "same");
  }
  check_loops(1, "at most 1 at once", "at most 2 at once",
              "differs 1: the edited definition draws something else");
  check_loops(1, "at most 1 at once", "at most 1 at once, tolerating 1 failure",
              "ahead 3: for_each_1");
  check_loops(1, "  try\n    step fee", "  pause for 1 hour\n  try\n    step fee",
              "ahead 3: pause_1");
  check_loops(2, "  try\n    step fee", "  pause for 1 hour\n  try\n    step fee",
              "differs 3: the edited definition draws something else");
  check_loops(1, "item = item", "item = \"x\" + item",
              "differs 2: `for_each_1[1].got` was sent and is not settled, and its request would "
              "be another one");
  check_loops(2, "item = item", "item = \"x\" + item", "ahead 4: got");
  check_loops(4, "carry on\n", "cancel because \"No\"\n", "ahead 6: try_1");
  check_loops(5, "carry on\n", "cancel because \"No\"\n",
              "differs 6: the edited definition draws something else");
}

TEST_CASE("replay: what was recorded is shown beside what would be drawn") {
  Run run = history(kPaid);
  const Graph after = edited({"  step tell\n", "  pause for 1 minute\n  step tell\n"});
  const Verdict verdict = replay(run.graph, after, "saga", run.journal).verdict;
  REQUIRE(verdict.recorded.size() == 1);
  REQUIRE(verdict.instead.size() == 1);
  CHECK(path_text(run.graph, std::get<Sent>(verdict.recorded[0]).path) == "tell");
  CHECK(path_text(after, std::get<PausedUntil>(verdict.instead[0]).path) == "pause_1");
}

TEST_CASE("replay: a journal with a gap is not judged") {
  Run run = history(kPaid);
  std::vector<Entry> journal = run.journal;
  journal.erase(journal.begin() + 2);
  CHECK(words(replay(run.graph, run.graph, "saga", journal).verdict) ==
        "cannot 4: an entry before it is missing");
}

TEST_CASE("replay: while everything is undone only the undos lie ahead") {
  Run run = history(kDeclined);
  const Graph after = edited({"  step tell\n", "  pause for 1 minute\n  step tell\n"});
  CHECK(run.status() == "compensating");
  CHECK(words(replay(run.graph, after, "saga", run.journal).verdict) == "same");
  const Graph other =
      edited({"undo with unreserve\n      id = hold.id", "no undo because \"it lapses\""});
  CHECK(words(replay(run.graph, other, "saga", run.journal).verdict) ==
        "differs 6: the edited definition draws something else");
}

}  // namespace
}  // namespace belay::testing
