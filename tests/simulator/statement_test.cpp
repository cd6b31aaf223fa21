// Every statement on the simulator: the scenarios of tests/golden/syntax/statements come true and
// their journals replay, sentences about what cannot be are refused, the reading names what each
// statement does, and the what-if table tells what may happen in races, loops and child sagas.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "runtime/simulator/explain.h"
#include "runtime/simulator/what_if.h"
#include "tests/simulator/support.h"

using namespace belay;
using namespace belay::testing;

namespace {

// The text files of the folder: one program. The YAML files beside them say the same.
const std::map<std::string, std::string>& sources() {
  static const std::map<std::string, std::string> all = [] {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(
             std::string(BELAY_SOURCE_DIR) + "/tests/golden/syntax/statements")) {
      if (entry.path().extension() != ".belay") continue;
      std::ifstream in(entry.path(), std::ios::binary);
      files["w/" + entry.path().filename().string()] =
          std::string(std::istreambuf_iterator<char>(in), {});
    }
    return files;
  }();
  return all;
}

const dsl::Compilation& statements() {
  static const dsl::Compilation compiled = dsl::compile_sources(sources());
  return compiled;
}

const interpreter::Graph& graph_of(const std::string& workflow) {
  for (const interpreter::Graph& graph : statements().program.graphs) {
    if (graph.workflow == workflow) return graph;
  }
  FAIL("no workflow " << workflow);
  return statements().program.graphs.front();
}

// The codes that sentences about a workflow of the folder earn, and the first message.
std::string problem(const std::string& workflow, const std::string& sentences) {
  std::map<std::string, std::string> files = sources();
  files.erase("w/scenarios.belay");
  files["w/mine.belay"] = "belay 1\n\nscenario \"Mine\" for " + workflow + "\n" + sentences;
  const dsl::Compilation compiled = dsl::compile_sources(files);
  const auto& all = compiled.diagnostics.all();
  return all.empty() ? "" : std::string(all.front().kind->code) + " " + all.front().message;
}

void check(const std::string& workflow, const std::string& sentence, const std::string& expected) {
  INFO(sentence);
  CHECK(problem(workflow, "  when " + sentence + "\n  then it ends completed\n") == expected);
}

std::string reading_of(const std::string& workflow) {
  const sim::Reading reading = sim::read_out(graph_of(workflow));
  std::string text;
  for (const std::string& line : reading.frame) text += line + "\n";
  for (const sim::ReadingLine& line : reading.steps) text += line.number + " " + line.text + "\n";
  return text;
}

void check_reading(const std::string& workflow, const std::string& expected) {
  const std::string text = reading_of(workflow);
  INFO(text);
  CHECK(text.find(expected) != std::string::npos);
}

sim::WhatIf table_of(const std::string& workflow) {
  return sim::what_if(graph_of(workflow), statements().program.scenarios,
                      surroundings(statements()));
}

const sim::WhatIfRow* row(const sim::WhatIf& table, const std::string& section,
                          const std::string& one) {
  for (const sim::WhatIfSection& s : table.sections) {
    if (s.title.find(section) == std::string::npos) continue;
    for (const sim::WhatIfRow& r : s.rows) {
      if (std::find(r.ifs.begin(), r.ifs.end(), one) != r.ifs.end()) return &r;
    }
  }
  return nullptr;
}

// How a case ends: its ending, what is undone, what is left over.
void check_row(const sim::WhatIf& table, const std::string& section, const std::string& one,
               const std::string& expected) {
  INFO(section << ": " << one);
  const sim::WhatIfRow* found = row(table, section, one);
  REQUIRE(found != nullptr);
  std::string text = found->ends;
  for (const std::string& undone : found->undone) text += "; undone " + undone;
  for (const std::string& left : found->left_over) text += "; left over " + left;
  CHECK(text == expected);
}

}  // namespace

TEST_CASE("the scenarios of every statement come true, and their journals replay") {
  CHECK(statements().ok());
  CHECK(statements().program.scenarios.size() >= 35);
  for (const dsl::Scenario& scenario : statements().program.scenarios) {
    const interpreter::Graph& graph = graph_of(scenario.workflow);
    const sim::ScenarioResult result =
        sim::run_scenario(graph, scenario, surroundings(statements()));
    INFO(scenario.title << "\n" << story(graph, result.run));
    for (const sim::Miss& miss : result.misses) UNSCOPED_INFO(miss.expected << ": " << miss.seen);
    CHECK(result.ok());
    CHECK(sim::disagreements(graph, result.run).empty());
    check_replay(graph, result.run);
  }
}

TEST_CASE("the acts of handlers count as exercised") {
  sim::Coverage coverage(graph_of("print_tickets"));
  for (const dsl::Scenario& scenario : statements().program.scenarios) {
    if (scenario.workflow != "print_tickets") continue;
    coverage.add(sim::run_scenario(graph_of(scenario.workflow), scenario).run);
  }
  CHECK(coverage.missing() ==
        std::vector<std::string>{"no scenario exercises `card.refund` (the undo of `charge`)"});
}

TEST_CASE("a sentence about a round or a child that cannot be is refused") {
  check("hold_seats", "hold of item 2 fails with seat.taken", "");
  check("hold_seats", "hold of item 0 fails with seat.taken",
        "BEL4018 items of `for_each_1` count from 1 to 10000");
  check("hold_seats", "hold of round 2 fails", "BEL5131 `hold` stands in a `for each`");
  check("follow_visa", "look of item 2 fails", "BEL5131 `look` stands in a `repeat`");
  check("follow_visa", "look of round 49 fails", "BEL4018 rounds of `repeat_1` count from 1 to 48");
  check("reserve_room", "seaside of item 1 fails", "BEL5131 `seaside` does not stand in a loop");
  check("book_trip", "the child of stay is cancelled", "");
  check("book_trip", "stay fails with cancelled", "");
  check("book_trip", "the undo of stay fails with left_over", "");
  check("book_trip", "stay fails with hotel.full",
        "BEL5131 stay runs a saga: it cannot end in `hotel.full`");
  check("book_trip", "stay is unavailable",
        "BEL5131 `stay` runs a saga: that ends well, or is undone");
  check("book_trip", "stay gives roof = \"r\"", "BEL4001 `book_stay` has no output `roof`");
  check("book_trip", "the child of greet is cancelled",
        "BEL5131 nobody waits for the saga of `greet`");
  check("reserve_room", "the child of seaside is cancelled",
        "BEL3131 `seaside` is a step, not a child saga");
  check("book_trip", "stay.room fails with hotel.full", "");
  check("book_trip", "greet.welcome is unavailable once", "");
  check("book_trip", "stay.rom fails", "BEL3131 `book_stay` has no step `rom`");
  check("book_trip", "stay.room fails with hotel.unknown",
        "BEL5131 `stay.room` cannot end in `hotel.unknown`");
  check("book_trip", "stay.room of item 1 fails", "BEL5131 `stay.room` does not stand in a loop");
  check("book_trip", "stay.paid arrives", "BEL3131 `book_stay` has no wait `paid`");
  CHECK(problem("book_trip", "  then undone is stay.room\n") ==
        "BEL5131 `stay.room` is a step of the saga that `stay` runs");
  CHECK(problem("hold_seats", "  then undone is hold of item 3, hold of item 1\n") == "");
  CHECK(problem("hold_seats", "  then undone is hold of round 3\n") ==
        "BEL5131 `hold` stands in a `for each`");
}

TEST_CASE("two items can be told apart in what is expected") {
  const auto misses = [](const std::string& sentences) {
    std::map<std::string, std::string> files = sources();
    files.erase("w/scenarios.belay");
    files["w/mine.belay"] = "belay 1\n\nscenario \"S\" for hold_seats\n" + sentences;
    return misses_of(dsl::compile_sources(files));
  };
  const std::string one =
      "  when hold of item 1 fails with seat.taken\n  and hold of item 3 is unavailable always\n";
  CHECK(misses(one + "  then undone is hold of item 2\n") == "");
  CHECK(misses(one + "  then undone is hold\n") == "");
  CHECK(misses(one + "  then undone is hold of item 1\n") ==
        "S: undone is hold of item 1 -> undone was hold of item 2\n");
  CHECK(misses(one + "  then done is hold of item 3\n") ==
        "S: done is hold of item 3 -> done was hold of item 2\n");
  const std::string cancelled =
      "  when someone cancels it because \"X\" during hold of item 3\n"
      "  and the undo of hold of item 2 fails\n";
  CHECK(misses(cancelled + "  then undone is hold of item 1, hold of item 3\n"
                           "  and left over is hold of item 2\n") == "");
  CHECK(misses(cancelled + "  then left over is hold of item 1, hold of item 2\n")
            .starts_with("S: left over is hold of item 1, hold of item 2 -> "
                         "left over was hold of item 2; "));
}

TEST_CASE("rounds used up, races lost and undone loops count as exercised") {
  const auto missing = [](const std::string& workflow, const std::string& scenarios) {
    std::map<std::string, std::string> files = sources();
    files.erase("w/scenarios.belay");
    files["w/mine.belay"] = "belay 1\n\n" + scenarios;
    const dsl::Compilation compiled = dsl::compile_sources(files);
    REQUIRE(compiled.diagnostics.all().empty());
    const interpreter::Graph& graph = graph_in(compiled, workflow);
    sim::Coverage coverage(graph);
    for (const dsl::Scenario& scenario : compiled.program.scenarios)
      coverage.add(sim::run_scenario(graph, scenario).run);
    CHECK(coverage.ways().all >= coverage.ways().seen);
    std::string out = std::to_string(coverage.ways().seen);
    for (const std::string& one : coverage.missing()) {
      const bool way = one.find(" lose") != std::string::npos ||
                       one.find("uses up") != std::string::npos ||
                       one.find("undoes two") != std::string::npos ||
                       one.find("while the others") != std::string::npos;
      if (way)
        out += "; " + one.substr(0, one.find(" (w/")) + (one.ends_with(" lose") ? " lose" : "");
    }
    return out;
  };
  CHECK(missing("follow_visa",
                "scenario \"S\" for follow_visa\n  when look gives state = \"granted\"\n  then it "
                "ends completed\n") == "0; no scenario uses up the rounds of `repeat_1`");
  CHECK(missing("follow_visa",
                "scenario \"S\" for follow_visa\n  when look gives state = "
                "\"open\"\n  then it ends compensated\n") == "1");
  CHECK(missing("reserve_room", "scenario \"S\" for reserve_room\n  then it ends completed\n") ==
        "1; no scenario lets the branch `seaside` of `together_1` lose");
  CHECK(missing("reserve_room",
                "scenario \"A\" for reserve_room\n  then it ends completed\n\n"
                "scenario \"B\" for reserve_room\n  when seaside is unavailable\n"
                "  then undone is seaside\n") == "2");
  // A branch that fails has not lost a race.
  CHECK(missing("reserve_room",
                "scenario \"S\" for reserve_room\n  when seaside fails with "
                "hotel.full\n  then it ends completed\n") ==
        "0; no scenario lets the branch `seaside` of `together_1` lose; no scenario lets the "
        "branch `central` of `together_1` lose");
  CHECK(missing("hold_seats", "scenario \"S\" for hold_seats\n  then it ends completed\n") ==
        "0; no scenario lets an item of `for_each_1`; no scenario undoes two items of "
        "`for_each_1`");
  CHECK(missing("hold_seats",
                "scenario \"A\" for hold_seats\n  when hold of item 2 fails with "
                "seat.taken\n  then it ends completed\n\nscenario \"B\" for "
                "hold_seats\n  when someone cancels it because \"X\" during hold of "
                "item 3\n  then it ends compensated\n") == "2");
}

TEST_CASE("a run without an end says what repeats, and what to change") {
  const auto seen = [](const std::string& statements, const std::string& sentences,
                       const std::string& workflow = "w") {
    const dsl::Compilation compiled = compile(
        "belay 1\n\nconnector c\n  base \"https://c.example.com\"\n"
        "action c.look\n  reads\n  gives\n    n  int = body.n\n  repeating is safe\n"
        "  call c, GET \"/n\"\n"
        "workflow w, version 1\n  takes\n    numbers  list of int at most 9000 items\n"
        "  finish within 300 days\n" +
        statements + "scenario \"S\" for " + workflow + "\n" + sentences);
    const dsl::Scenario& scenario = compiled.program.scenarios.front();
    const sim::ScenarioResult result =
        sim::run_scenario(graph_in(compiled, workflow), scenario, surroundings(compiled));
    REQUIRE(result.misses.size() == 1);
    CHECK(result.misses.front().expected == "the scenario can be run");
    return result.misses.front().seen;
  };
  const std::string stops =
      "the simulator stops after 5000 entries, in which nothing has "
      "come to an end: ";
  CHECK(seen("  repeat until look.n > 5, at most 9000 times, otherwise carry on\n"
             "    step look\n      do c.look\n",
             "  then it ends completed\n") ==
        stops +
            "`repeat_1` (w/test.belay:15) is in its round 5001 of 9000, and `look.n > 5` is "
            "not true yet; say in which round it is (`look of round 3 gives …`), or let it go "
            "round fewer times (`at most N times`)");
  CHECK(seen("  step look\n    do c.look\n    retry 9000 tries in all, first wait 1 second\n",
             "  when look is unavailable always\n  then it ends completed\n")
            .starts_with(stops + "`look` (w/test.belay:15) is tried again and again, "));
  // Many small sagas: the loop that runs them is what to change.
  const std::string steps = [] {
    std::string out;
    for (const char* n : {"a", "b", "c", "d", "e"})
      out += std::string("  step ") + n + "\n    do c.look\n";
    return out;
  }();
  CHECK(seen(steps + "workflow many, version 1\n  finish within 300 days\n"
                     "  repeat until false, at most 900 times, otherwise carry on\n"
                     "    step small\n      run w\n        numbers = []\n"
                     "      if cancelled, cancel because \"No\"\n",
             "  then it ends completed\n", "many") ==
        stops +
            "715 sagas of `w` are run; let the loop that runs them have fewer items or "
            "rounds");
}

TEST_CASE("a date that is given counts from the start of the saga") {
  const dsl::Compilation compiled = compile(
      "belay 1\n\nworkflow w, version 1\n  takes\n    starts_at  timestamp\n"
      "  gives\n    soon = starts_at - now < 2 days\n"
      "  when starts_at - now < 2 days\n    cancel because \"Too late\"\n"
      "scenario \"Late\" for w\n  given starts_at = now + 1 day\n"
      "  then it ends compensated because \"Too late\"\n"
      "scenario \"In time\" for w\n  given starts_at = now + 5 days\n"
      "  then it ends completed\n");
  REQUIRE(compiled.program.scenarios.size() == 2);
  for (const dsl::Scenario& scenario : compiled.program.scenarios) {
    INFO(scenario.title);
    CHECK(sim::run_scenario(compiled.program.graphs.front(), scenario).ok());
  }
}

TEST_CASE("the reading says what each statement does") {
  check_reading("reserve_room", "until the first of 2 has succeeded; the others are stopped");
  check_reading("compare_hotels", "until 2 of 3 have succeeded");
  check_reading("hold_seats", "For each `seat` in `seats`, at most 3 at once; when one fails, ");
  check_reading("hold_seats", "Its `hold.hold` goes into the list `held`.");
  check_reading("watch_visa", "\n1a.1 Say that it takes longer (`tell`)");
  check_reading("approve_stay",
                "somebody with the role `manager` is asked for `granted` (bool) and `why` ");
  check_reading("print_all",
                "It is sent at most 3 times in 1 h for one `guest`; what is more waits.");
  check_reading("print_all", "While it runs it shows every 30 s that it is alive");
  check_reading("start_booking",
                "For one `customer` only one saga is under way at a time: others wait until it is "
                "their turn.");
  check_reading("renew_booking", "another start is refused meanwhile");
  check_reading("start_booking",
                "The event `booking.renewed` starts it, with `booking = event.booking`, ");
  check_reading("book_trip", "nobody waits for it and nothing undoes it");
  check_reading("take_payment", "what this part did is undone first:");
}

TEST_CASE("the what-if table of every statement is whole and ends") {
  for (const interpreter::Graph& graph : statements().program.graphs) {
    const sim::WhatIf table = table_of(graph.workflow);
    INFO(graph.workflow);
    CHECK(table.not_reached == std::vector<std::string>{});
    CHECK(table.cut == 0);
    for (const sim::WhatIfSection& section : table.sections) {
      for (const sim::WhatIfRow& one : section.rows) {
        INFO(section.title << ": " << one.ifs.front() << ": " << one.ends);
        CHECK(one.remarks == std::vector<std::string>{});
        CHECK_FALSE(one.ends.starts_with("it waits"));
      }
    }
  }
}

TEST_CASE("rows of races, loops, questions, waits and child sagas") {
  const sim::WhatIf seats = table_of("hold_seats");
  check_row(seats, "`hold`", "it ends in `seat.taken` for the second item only", "completed");
  check_row(seats, "`hold`", "it ends in `seat.taken`", "everything is undone");
  check_row(seats, "`hold`", "somebody cancels while it is under way",
            "everything is undone; undone `hold of item 1`; undone `hold of item 2`; "
            "undone `hold of item 3`");
  const sim::WhatIf visa = table_of("follow_visa");
  check_row(visa, "`repeat_1`", "`look` gives `state` = \"granted\"", "completed after 1 h");
  check_row(visa, "`repeat_1`", "`look` gives `state` = \"open\"",
            "everything is undone after 2 days");
  const sim::WhatIf race = table_of("reserve_room");
  check_row(race, "nothing goes wrong", "every step works and every event comes",
            "completed; undone `central`");
  check_row(race, "`seaside`", "it ends in `hotel.full`", "completed");
  const sim::WhatIf question = table_of("approve_stay");
  check_row(question, "`approve`", "somebody answers", "completed after 1 day");
  check_row(question, "`approve`", "nobody answers",
            "everything is undone after 2 days; left over `remind` (notifies): A mail cannot be "
            "called back");
  const sim::WhatIf papers = table_of("collect_papers");
  check_row(papers, "`papers`", "`contract` never comes", "everything is undone after 7 days");
  check_row(papers, "`papers`", "`passport` came before the saga started, in time", "completed");
  check_row(table_of("await_payment"), "`paid`", "only `transfer` comes", "completed");
  const sim::WhatIf trip = table_of("book_trip");
  check_row(trip, "`stay`", "that saga is cancelled", "everything is undone");
  check_row(trip, "The undo of Book the stay", "something of that saga is left over",
            "held at the undo of `stay` (it fails) for `operations`; left over `stay` (a saga of "
            "book_stay): its undo failed");
  check_row(trip, "In the saga of `stay`: `room`", "it ends in `hotel.full`",
            "everything is undone");
  check_row(trip, "In the saga of `stay`: `room`", "somebody cancels right after it",
            "everything is undone; undone `stay.room`; undone `stay`");
  check_row(trip, "In the saga of `stay`: the undo of `room`",
            "it cannot be reached until its tries are used up",
            "held at the undo of `stay.room` (it fails) for `operations`; left over `stay` (a saga "
            "of book_stay): its outcome is unknown; left over `stay.room` (reserves): its undo "
            "failed");
  const sim::WhatIf payment = table_of("take_payment");
  check_row(payment, "`card`", "it ends in `card.declined`", "completed");
}

TEST_CASE("a long loop does not make the table endless") {
  const dsl::Compilation compiled = compile(
      "belay 1\n\nconnector c\n  base \"https://c.example.com\"\n"
      "action c.look\n  reads\n  gives\n    n  int = body.n\n  repeating is safe\n"
      "  call c, GET \"/n\"\n"
      "workflow w, version 1\n  finish within 30 days\n"
      "  repeat until look.n > 5, at most 300 times, otherwise cancel because \"Never\"\n"
      "    step look\n      do c.look\n");
  const sim::WhatIf table = sim::what_if(compiled.program.graphs.front(), {});
  CHECK(table.cut == 0);
  check_row(table, "Again and again", "its steps answer as above", "everything is undone");
  const sim::WhatIf cut =
      sim::what_if(compiled.program.graphs.front(), {}, {}, {.entries_max = 2000});
  CHECK(cut.cut > 0);
}
