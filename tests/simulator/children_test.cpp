// Sagas that are run by sagas, on the simulator: the child's graph is run, sentences reach into it,
// its undo is its parent's, killed engines lose nothing of either, and the what-if table tells what
// may happen in the child as far as its bound goes.
#include <algorithm>
#include <random>

#include "runtime/simulator/explain.h"
#include "tests/simulator/support.h"

using namespace belay;
using namespace belay::testing;

namespace {

// A trip books a stay for each city, takes the money, and writes a letter that nobody waits for.
constexpr const char* kTrip = R"(belay 1

connector c
  base "https://c.example.com"
  request key in "Idempotency-Key"

action room.hold
  reserves
  takes
    city  text
  gives
    room  text = body.room
  repeating is safe
  call c, POST "/rooms"
    city = city
  if status is 409, room.none

action room.free
  records
  takes
    room  text
  repeating is safe
  call c, DELETE "/rooms/{room}"

action card.take
  moves money
  takes
    trip  text
  gives
    id  text = body.id
  repeating is safe
  call c, POST "/take"
    trip = trip
  if status is 402, card.declined

action card.back
  moves money
  takes
    id  text
  repeating is safe
  call c, POST "/back/{id}"

action letter.send
  notifies
  takes
    trip  text
  repeating is safe
  call c, POST "/letters"
    trip = trip

event guest.agreed, version 1, key city
  city   text
  floor  int

workflow book_room, version 1
  takes
    city  text
  gives
    room = hold.room
  finish within 1 day
  step hold
    do room.hold
      city = city
    undo with room.free
      room = hold.room
    if room.none, cancel because "No room"

workflow book_stay, version 1
  takes
    city  text
  gives
    room = inner.room
  finish within 2 days
  step inner
    run book_room
      city = city
    if cancelled, cancel because "No stay"
  wait agreed
    for guest.agreed, key city
    within 1 hour, otherwise cancel because "Nobody agreed"

workflow write_letter, version 1
  takes
    trip  text
  finish within 1 day
  step send
    do letter.send
      trip = trip
    no undo because "A letter cannot be called back"

workflow trip, version 1
  takes
    name    text
    cities  list of text at most 9 items
  finish within 5 days
  for each city in cities, at most 2 at once
    step stay
      run book_stay
        city = city
      if cancelled, cancel because "No stay in a city"
  step letter
    run write_letter, and do not wait
      trip = name
    no undo because "A letter does no harm"
  step take
    do card.take
      trip = name
    undo with card.back
      id = take.id
    if card.declined, cancel because "Declined"
)";

dsl::Compilation trip(const std::string& scenario) { return compile(kTrip + scenario); }

void check(const std::string& sentences, const std::string& expected) {
  INFO(sentences);
  CHECK(misses_of(trip("\nscenario \"S\" for trip\n" + sentences)) == expected);
}

const std::string kAgreed = "  when stay.agreed arrives\n";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("what a saga runs is run, and sentences reach into it") {
  check(kAgreed + "  then it ends completed\n  and stay.inner.hold is tried twice\n", "");
  check("  then it ends compensated because \"No stay in a city\"\n  and nothing is undone\n", "");
  check(
      "  when stay.agreed arrives after 59 minutes\n  then it ends completed\n"
      "  and within 1 hour\n",
      "");
  check(
      "  when stay.agreed arrives after 61 minutes\n"
      "  then it ends compensated because \"No stay in a city\"\n",
      "");
  check(kAgreed +
            "  and stay.inner.hold fails with room.none once\n"
            "  then it ends compensated because \"No stay in a city\"\n"
            "  and nothing is left over\n",
        "");
  check("  given name = \"Rome\"\n" + kAgreed +
            "  and stay.agreed arrives with floor = size(name)\n  then it ends completed\n",
        "");
  check("  then it waits for stay.agreed\n", "");
  check(kAgreed +
            "  and take fails with card.declined\n"
            "  then it ends compensated because \"Declined\"\n"
            "  and undone is stay of item 1, stay of item 2\n"
            "  and the undo of stay.inner.hold is tried twice\n"
            "  and the undo of stay.inner.hold of item 2 is tried once\n"
            "  and nothing is left over\n",
        "");
}

TEST_CASE("a sentence about a round of the loop around a child is about that child") {
  check(kAgreed +
            "  and stay.inner.hold of item 2 is unavailable 3 times\n"
            "  then it ends completed\n  and stay.inner.hold of item 1 is tried once\n"
            "  and stay.inner.hold of item 2 is tried 4 times\n",
        "");
  check(
      "  when stay.agreed of item 1 arrives\n"
      "  then it ends compensated\n  and undone is stay of item 1\n",
      "");
  const std::string told = story_of(
      trip("\nscenario \"S\" for trip\n" + kAgreed +
           "  and stay.inner.hold of item 2 fails with room.none\n  then it ends compensated\n"));
  CHECK(has(told, " `stay of item 2` runs book_stay\n"));
  CHECK(has(told, "   stay of item 2: it starts\n"));
  CHECK(has(told, "     stay.inner of item 2: `hold` fails: room.none\n"));
  CHECK(has(told, "   letter: ") == false);
}

TEST_CASE("a child that nobody waits for is run as well") {
  const std::string told =
      story_of(trip("\nscenario \"S\" for trip\n" + kAgreed + "  then it ends completed\n"));
  CHECK(has(told, "   letter: `send` is done\n"));
  check(kAgreed +
            "  and letter.send fails\n  then it ends completed\n"
            "  and it is held at letter.send\n  and nothing is left over\n",
        "");
}

TEST_CASE("what a scenario says of a child's end comes in place of running it") {
  const dsl::Compilation said = trip(
      "\nscenario \"S\" for trip\n  when stay gives room = \"r\"\n  then it ends completed\n"
      "  and stay.inner is tried 0 times\n");
  CHECK(misses_of(said) == "");
  CHECK_FALSE(has(story_of(said), "stay of item 1:"));
  check(kAgreed +
            "  and the child of stay of item 2 is cancelled\n"
            "  then it ends compensated because \"No stay in a city\"\n"
            "  and undone is stay of item 1\n",
        "S: undone is stay of item 1 -> undone was nothing\n"  // it was stopped before it had ended
  );
  // Without the definition only the end is seen, and it is a good one.
  const sim::ScenarioResult unknown =
      sim::run_scenario(graph_in(said, "trip"), said.program.scenarios.front(), {});
  CHECK(unknown.ok());
  CHECK(unknown.run.others.empty());
}

TEST_CASE("a child's undo that fails holds the child, and its parent waits") {
  const std::string declined = kAgreed + "  and take fails with card.declined\n";
  check(declined +
            "  and the undo of stay.inner.hold of item 1 fails\n"
            "  then it is held at the undo of stay.inner.hold of item 1 for operations\n"
            "  and left over is stay of item 1\n  and undone is stay of item 2\n",
        "");
  check(declined +
            "  and the undo of stay.inner.hold of item 1 fails once\n"
            "  and someone retries the undo of stay.inner.hold of item 1\n"
            "  then it ends compensated\n  and nothing is left over\n",
        "");
  check(declined +
            "  and the undo of stay.inner.hold of item 1 fails\n"
            "  and someone skips the undo of stay.inner.hold of item 1\n"
            "  then it is held at the undo of stay.inner of item 1 for operations\n"
            "  and left over is stay of item 1\n",
        "");
  check(declined +
            "  and the undo of stay fails once\n"
            "  then it is held at the undo of stay\n",
        "");
}

TEST_CASE("a child past its point of no return does not hear its parent's cancel") {
  std::string text = kTrip;
  const auto put = [&](const std::string& behind, const std::string& what) {
    text.insert(text.find(behind) + behind.size(), what);
  };
  put("    if cancelled, cancel because \"No stay\"\n", "  point of no return\n");
  const std::string late = "otherwise cancel because \"Nobody agreed\"";
  text.replace(text.find(late), late.size(), "otherwise carry on");
  put("      if cancelled, cancel because \"No stay in a city\"\n",
      "      no undo because \"It stands\"\n");
  CHECK(misses_of(compile(text + "\nscenario \"S\" for trip\n"
                                 "  when stay.agreed arrives after 5 minutes\n"
                                 "  and someone cancels it because \"Ill\" after 1 minute\n"
                                 "  then it ends compensated because \"Ill\"\n"
                                 "  and nothing is undone\n  and left over is stay\n")) == "");
}

TEST_CASE("a killed engine loses nothing of a saga and of what it runs") {
  for (const char* moment : {"before", "during", "after"}) {
    for (const char* call : {"stay of item 1", "stay of item 2", "stay.inner", "letter",
                             "stay.inner.hold of item 2", "letter.send", "take"}) {
      const bool unwatched = std::string(call) == "letter";
      if (unwatched && std::string(moment) != "before") continue;
      check(kAgreed + "  and the engine stops " + moment + " " + call +
                "\n  then it ends completed\n  and stay.inner is tried twice\n"
                "  and nothing is left over\n",
            "");
    }
    for (const char* call : {"stay", "stay.inner", "stay.inner.hold of item 2"}) {
      check(kAgreed + "  and take fails with card.declined\n  and the engine stops " + moment +
                " the undo of " + call +
                "\n  then it ends compensated\n  and nothing is left over\n",
            "");
    }
  }
  check(
      "  when stay.agreed arrives after 10 minutes\n  and the engine stops during stay.agreed\n"
      "  then it ends completed\n",
      "");
}

TEST_CASE("somebody cancels while a child is under way, and when it has just ended") {
  check(
      "  when someone cancels it because \"Ill\" during stay.agreed of item 1\n"
      "  then it ends compensated because \"Ill\"\n  and nothing is undone\n"
      "  and the undo of stay.inner is tried twice\n  and nothing is left over\n",
      "");
  check(kAgreed +
            "  and someone cancels it because \"Ill\" after stay.agreed of item 2\n"
            "  then it ends compensated because \"Ill\"\n"
            "  and undone is stay of item 1, stay of item 2\n",
        "");
}

TEST_CASE("children that take turns queue behind each other, or are refused") {
  const std::string text = std::string(kTrip);
  const auto one_at_a_time = [&](const std::string& others) {
    std::string out = text;
    const std::string after = "  gives\n    room = hold.room\n";
    out.insert(out.find(after) + after.size(),
               "  one at a time per \"any\", others " + others + "\n");
    return out;
  };
  const dsl::Compilation queue = compile(one_at_a_time("queue") + "\nscenario \"S\" for trip\n" +
                                         kAgreed + "  then it ends completed\n");
  CHECK(misses_of(queue) == "");
  // One that is stopped while it waits for its turn has done nothing, and leaves the line.
  const dsl::Compilation stopped =
      compile(one_at_a_time("queue") + "\nscenario \"S\" for trip\n" +
              "  when someone cancels it because \"Ill\" during stay.inner of item 2\n" +
              "  then it ends compensated because \"Ill\"\n  and nothing is left over\n" +
              "  and stay.inner.hold of item 2 is tried 0 times\n");
  CHECK(misses_of(stopped) == "");
  CHECK(has(story_of(queue), "     stay.inner of item 2: it waits for its turn"));
  CHECK(has(story_of(queue), "     stay.inner of item 2: its turn has come: it starts\n"));
  const dsl::Compilation refused =
      compile(one_at_a_time("are refused") + "\nscenario \"S\" for trip\n" + kAgreed +
              "  then it ends compensated because \"No stay in a city\"\n");
  CHECK(misses_of(refused) == "");
  CHECK(has(story_of(refused), "stay.inner of item 2 is refused: another one is under way"));
}

TEST_CASE("whatever happens to a saga and what it runs, journals replay and books agree") {
  const dsl::Compilation compiled = trip("");
  const interpreter::Graph& graph = graph_in(compiled, "trip");
  const sim::Surroundings around = surroundings(compiled);
  const interpreter::Graph& stay = graph_in(compiled, "book_stay");
  const auto id = [](const interpreter::Graph& of, const char* name) {
    return interpreter::find_node(of, name);
  };
  using sim::Direction;
  const std::vector<interpreter::NodeId> inner{id(graph, "stay"), id(stay, "inner")};
  const interpreter::NodeId hold = id(graph_in(compiled, "book_room"), "hold");
  const std::vector<sim::CallAt> calls{
      {hold, Direction::kForward, inner},
      {hold, Direction::kUndo, inner},
      {id(graph, "take"), Direction::kForward},
      {id(graph, "take"), Direction::kUndo},
      {id(graph_in(compiled, "write_letter"), "send"), Direction::kForward, {id(graph, "letter")}}};
  const std::vector<sim::CallAt> places{calls[0],
                                        calls[1],
                                        calls[2],
                                        {id(graph, "stay"), Direction::kForward},
                                        {id(graph, "stay"), Direction::kUndo},
                                        {inner[1], Direction::kForward, {inner[0]}},
                                        {inner[1], Direction::kUndo, {inner[0]}}};
  std::size_t completed = 0, undone = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    std::mt19937_64 random(seed);
    const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    sim::Script script;
    script.input = sim::sample_input(graph);
    script.events_come = pick(5) != 0;
    for (std::size_t n = pick(4); n > 0; --n) {
      sim::Rule rule{calls[pick(calls.size())], {}, static_cast<std::uint32_t>(1 + pick(3))};
      rule.answer.kind = static_cast<sim::Answer::Kind>(pick(4));
      rule.answer.happened = pick(2) == 0;
      rule.answer.error = pick(2) == 0 ? "refused" : "room.none";
      if (pick(3) == 0) rule.round = static_cast<std::int64_t>(pick(2));
      script.rules.push_back(rule);
    }
    for (std::size_t n = pick(3); n > 0; --n)
      script.crashes.push_back({places[pick(places.size())], static_cast<sim::Moment>(pick(3))});
    if (pick(3) == 0) {
      sim::PersonAct cancel;
      cancel.after_ms = static_cast<std::int64_t>(pick(4000));
      cancel.fact = interpreter::CancelAsked{};
      cancel.reason = "chance";
      script.acts.push_back(cancel);
    }
    const sim::Run run = sim::simulate(graph, script, around);
    INFO("seed " << seed << "\n" << story(graph, run));
    CHECK(run.problem == "");
    check_replay(graph, run);
    CHECK(sim::disagreements(graph, run) == std::vector<std::string>{});
    // Nothing stands of a trip that was undone whole.
    if (run.state.status == interpreter::Status::kCompensated &&
        interpreter::left_over(graph, run.state).empty()) {
      for (const sim::SagaRun& other : run.others) {
        if (!other.detached) CHECK(sim::world_left_over(*other.graph, other.run).empty());
      }
    }
    completed += run.state.status == interpreter::Status::kCompleted ? 1 : 0;
    undone += run.state.status == interpreter::Status::kCompensated ? 1 : 0;
  }
  CHECK(completed > 100);
  CHECK(undone > 100);
}

TEST_CASE("the what-if table goes into the sagas that a saga waits for") {
  const dsl::Compilation compiled = trip("");
  const interpreter::Graph& graph = graph_in(compiled, "trip");
  const sim::WhatIf table = sim::what_if(graph, {}, surroundings(compiled));
  CHECK(table.not_reached == std::vector<std::string>{});
  std::vector<std::string> titles;
  for (const sim::WhatIfSection& section : table.sections) titles.push_back(section.title);
  const auto there = [&](const std::string& title) {
    return std::find(titles.begin(), titles.end(), title) != titles.end();
  };
  CHECK(there("In the saga of `stay`: `agreed`"));
  CHECK(there("In the saga of `stay.inner`: `hold`"));
  CHECK(there("In the saga of `stay.inner`: the undo of `hold`: `room.free`"));
  CHECK_FALSE(there("In the saga of `letter`: `send`"));
  for (const sim::WhatIfSection& section : table.sections) {
    for (const sim::WhatIfRow& row : section.rows) {
      INFO(section.title << ": " << row.ifs.front() << ": " << row.ends);
      CHECK(row.remarks == std::vector<std::string>{});
      CHECK_FALSE(row.ends.starts_with("it waits"));
    }
  }
}

TEST_CASE("a bound that cuts the cases of children says of which") {
  const dsl::Compilation compiled = trip("");
  const interpreter::Graph& graph = graph_in(compiled, "trip");
  const sim::WhatIf table = sim::what_if(graph, {}, surroundings(compiled), {.runs_max = 60});
  CHECK(table.runs == 60);
  CHECK(table.cut_children == std::vector<std::string>{"stay", "stay.inner"});
  CHECK(has(sim::table_note(table),
            "Statements of sagas that it runs stayed without a case: in "
            "`stay`, `stay.inner`; the pages of these workflows have them."));
}
