// Scenarios on the simulator: the shipped ones come true and exercise everything, a wrong
// expectation says what was there instead, and every journal that a scenario writes replays.
#include <algorithm>

#include "tests/simulator/support.h"

using namespace belay;
using namespace belay::testing;

TEST_CASE("the scenarios of the shipped workflows come true, and their journals replay") {
  CHECK(shipped().diagnostics.all().empty());
  CHECK(shipped().program.scenarios.size() >= 24);
  for (const dsl::Scenario& scenario : shipped().program.scenarios) {
    const interpreter::Graph& graph = shipped_graph(scenario.workflow);
    const sim::ScenarioResult result = sim::run_scenario(graph, scenario);
    INFO(scenario.title << "\n" << story(graph, result.run));
    for (const sim::Miss& miss : result.misses) UNSCOPED_INFO(miss.expected << ": " << miss.seen);
    CHECK(result.ok());
    CHECK(sim::disagreements(graph, result.run).empty());
    check_replay(graph, result.run);
  }
}

TEST_CASE("the shipped scenarios exercise all of the shipped workflows") {
  for (const interpreter::Graph& graph : shipped().program.graphs) {
    sim::Coverage coverage(graph);
    for (const dsl::Scenario& scenario : shipped().program.scenarios) {
      if (scenario.workflow == graph.workflow) coverage.add(sim::run_scenario(graph, scenario).run);
    }
    INFO(graph.workflow);
    CHECK(coverage.missing() == std::vector<std::string>{});
    CHECK(coverage.statements().seen == graph.nodes.size());
  }
}

namespace {

// A scenario's sentences against confirm_booking: what missed, "expected -> seen" a line.
std::string misses(const std::string& sentences) {
  static const std::string shipped_text = [] {
    std::string all = "belay 1\n";
    for (const dsl::File& file : shipped().files) {
      std::string text = shipped().sources.file(file.source).text;
      const std::size_t scenario = text.find("\nscenario ");
      text = text.substr(8, scenario == std::string::npos ? scenario : scenario - 8);
      all += text;
    }
    return all;
  }();
  const dsl::Compilation compiled =
      compile(shipped_text + "\nscenario \"Mine\" for confirm_booking\n" + sentences);
  REQUIRE(compiled.program.scenarios.size() == 1);
  std::string out;
  for (const interpreter::Graph& graph : compiled.program.graphs) {
    if (graph.workflow != "confirm_booking") continue;
    const sim::ScenarioResult result = sim::run_scenario(graph, compiled.program.scenarios[0]);
    check_replay(graph, result.run);
    for (const sim::Miss& miss : result.misses) out += miss.expected + " -> " + miss.seen + "\n";
  }
  return out;
}

void check(const std::string& sentences, const std::string& expected) {
  INFO(sentences);
  CHECK(misses(sentences) == expected);
}

}  // namespace

TEST_CASE("an expectation that does not come true says what was there instead") {
  check("  when paid arrives\n  then it ends compensated because \"No\"\n",
        "it ends compensated because \"No\" -> it ended completed\n");
  check(
      "  when capture fails with stripe.card_declined\n  and paid arrives\n"
      "  then it ends compensated because \"Declined\"\n  and undone is hold, intent\n"
      "  and left over is hold\n  and it publishes booking.confirmed\n  and within 1 second\n",
      "it ends compensated because \"Declined\" -> it ended compensated because \"Card declined\"\n"
      "undone is hold, intent -> undone was intent, hold\n"
      "left over is hold -> left over was nothing\n"
      "it publishes booking.confirmed -> it was not published\n"
      "within 1 second -> it took 2 s\n");
  check(
      "  when hold is unavailable twice\n  and paid never arrives\n  then hold is tried twice\n"
      "  and it is held at capture\n  and confirmed_at is present\n  and done is hold\n",
      "hold is tried twice -> it was tried 3 times\n"
      "it is held at capture -> nothing was held: it ended compensated because \"The customer did "
      "not pay in time\"\n"
      "confirmed_at is present -> it is not so; there are no outputs: it ended compensated because "
      "\"The customer did not pay in time\"\n"
      "done is hold -> done was hold, intent\n");
}

TEST_CASE("what people and machines do in scenarios") {
  const std::string paid = "  when paid arrives\n";
  // Given values reach the event, and an expression reads them at the end.
  check("  given price = EUR 7.00\n" + paid + "  then price is EUR 7.00 and paid.amount is price\n",
        "");
  // The engine is killed before, during and after a call: nothing happens twice, nothing is lost.
  for (const char* moment : {"before", "during", "after"}) {
    for (const char* step : {"hold", "intent", "capture", "confirm", "email"}) {
      check(paid + "  and the engine stops " + moment + " " + step +
                "\n  then it ends completed\n  and nothing is left over\n",
            "");
    }
    check("  when the engine stops " + std::string(moment) +
              " the undo of intent\n  then it ends compensated\n  and undone is intent, hold\n",
          "");
  }
  check(paid +
            "  and capture is unsure and happened always\n  and the check of capture is "
            "unavailable always\n"
            "  and someone finds that capture happened with charge = \"ch_7\"\n"
            "  then it is held at capture\n  and it ends completed\n  and capture.charge is "
            "\"ch_7\"\n",
        "");
  check(paid +
            "  and the check of capture says \"no\"\n  and capture is unsure and did not happen "
            "always\n"
            "  then it ends compensated\n  and undone is intent, hold\n",
        "");
  check(paid + "  and confirm fails\n  and someone skips confirm\n  then it is held at confirm\n",
        "");
  check(
      "  when someone cancels it because \"Wrong day\" after 5 minutes\n"
      "  then it ends compensated because \"Wrong day\"\n  and undone is intent, hold\n",
      "");
  check(
      "  when someone cancels it because \"Wrong day\" after intent\n  and paid arrives\n"
      "  then it ends compensated because \"Wrong day\"\n",
      "");
  check(
      paid +
          "  and someone cancels it because \"Too late\" during email\n  then it ends completed\n",
      "");
  check("  when paid never arrives\n  then it waits for paid\n", "");
  check(paid + "  and capture gives charge = \"ch_1\"\n  then capture.charge is \"ch_1\"\n", "");
}

TEST_CASE("the world's books tell of a charge that a person's wrong word doubled") {
  check(
      "  when paid arrives\n  and capture is unsure and happened always\n"
      "  and the check of capture is unavailable always\n"
      "  and someone finds that capture did not happen\n  then nothing is left over\n",
      "nothing is left over -> left over was hold, intent, capture; "
      "hold (reserves): its undo has not begun; intent (reserves): its undo has not begun; "
      "capture (moves money): its outcome is unknown; `capture` happened 2 times\n");
}
