// A quick selection of the simulation, as a unit test: what is enumerated of the small programs,
// some hundred seeds, that the same seed repeats exactly, that a failing plan is made smaller, and
// the plans of bugs that the simulation has found. The whole of it is tests/sim/run.sh.
#include <spdlog/spdlog.h>

#include "tests/catch.h"
#include "tests/sim/exhaustive.h"
#include "tests/sim/random_plan.h"

using namespace belay::sim;

namespace {

void check(const Plan& plan) {
  spdlog::set_level(spdlog::level::off);
  const Report report = run(plan, {.prove_replay = true});
  INFO("sim --plan '" << to_text(plan) << "' --trace");
  if (report.violation) FAIL_CHECK(report.violation->check << ": " << report.violation->what);
}

void check(const std::string& text) {
  const auto plan = parse_plan(text);
  REQUIRE(plan);
  CHECK(to_text(*plan) == text);
  check(*plan);
}

}  // namespace

TEST_CASE("simulation: what is enumerated of one small program") {
  spdlog::set_level(spdlog::level::off);
  long schedules = 0;
  const bool whole =
      enumerate({0, 40}, true, [&](Family, const Plan& plan) -> std::optional<Report> {
        ++schedules;
        Report report = run(plan, {.prove_replay = schedules % 8 == 0});
        INFO("sim --plan '" << to_text(plan) << "' --trace");
        if (report.violation) FAIL_CHECK(report.violation->check << ": " << report.violation->what);
        return report;
      });
  CHECK(whole);
  CHECK(schedules > 500);
}

TEST_CASE("simulation: seeds") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    INFO("BELAY_SIM_SEED=" << seed);
    check(plan_of_seed(seed));
  }
}

TEST_CASE("simulation: the same seed does the same, another does not") {
  spdlog::set_level(spdlog::level::off);
  for (std::uint64_t seed = 1000; seed < 1050; ++seed) {
    const Plan plan = plan_of_seed(seed);
    CHECK(plan == plan_of_seed(seed));
    const Report once = run(plan), twice = run(plan);
    CHECK(once.trace == twice.trace);
    CHECK(once.steps == twice.steps);
    CHECK(once.trace != run(plan_of_seed(seed + 100)).trace);
  }
}

TEST_CASE("simulation: a plan is text, and the text is the plan") {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    const Plan plan = plan_of_seed(seed);
    const auto read = parse_plan(to_text(plan));
    REQUIRE(read);
    CHECK(*read == plan);
  }
  CHECK_FALSE(parse_plan(""));
  CHECK_FALSE(parse_plan("line_1 s1=perhaps"));
  CHECK_FALSE(parse_plan("line_1 explode@3"));
}

TEST_CASE(
    "simulation: a failover that loses acknowledged flushes is seen, and its plan made smaller") {
  spdlog::set_level(spdlog::level::off);
  const auto plan = parse_plan(
      "line_3 seed=5 s2=late undo.s1=transient start@0:1+ cancel@9:1 ack_lost@2 failover@6");
  REQUIRE(plan);
  const auto fails = [](const Plan& candidate) {
    const Report report = run(candidate);
    return report.violation && report.violation->check == checks::kAnswered;
  };
  REQUIRE(fails(*plan));
  const Plan small = shrink(*plan, fails);
  CHECK(fails(small));
  CHECK(to_text(small).size() < to_text(*plan).size());
  CHECK(small.faults.size() == 1);
}

TEST_CASE(
    "simulation: a saga that is paused over a call, and whose process dies, asks after the call") {
  check("line_2 start@0:1 pause@1:1 resume@3:1 die_unheard@3");
}

TEST_CASE("simulation: a saga is quarantined although somebody acts on it at that moment") {
  check("point start@0:1 cancel@3:1 data_error@3");
  check("point start@0:1 cancel@2:1 data_error@2");
}

TEST_CASE(
    "simulation: a saga is quarantined although its lane is suspect and somebody acts on it at "
    "that moment") {
  check(
      "line_4 seed=15835 s1=unsure_did s4=late start@0:1+ cancel@12:1+ jump@4:3919 die_after@7 "
      "die_unheard@6 data_error@13");
}

TEST_CASE("simulation: a saga is quarantined although the database is away at that moment") {
  check("again seed=40547 start@0:1 start@1:2 die_before@1 outage@10:4 outage@2:26 data_error@9");
}

TEST_CASE(
    "simulation: a check's no is as old as its question, although the saga was paused meanwhile") {
  check("naps s2=late start@0:1 pause@6:1 resume@10:1 start@6:2 jump@4:1491 die_before@3");
}

TEST_CASE("simulation: a request that left late is not found missing too early") {
  check("line_6 seed=101372 s2=late s6=unsure_did start@0:1 outage@3:35 die_after@15");
  check("line_6 s2=late start@0:1 outage@2:35");
}
