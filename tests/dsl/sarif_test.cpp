// SARIF 2.1.0: the keys that readers of it need, relative paths, columns in code points.
#include <nlohmann/json.hpp>

#include "dsl/compile.h"
#include "tests/catch.h"
#include "tests/dsl/compile_support.h"

using namespace belay::dsl;
using nlohmann::json;

namespace {

void check_location(const json& location) {
  const json& place = location.at("physicalLocation");
  const std::string uri = place.at("artifactLocation").at("uri").get<std::string>();
  INFO(location.dump(1));
  CHECK(!uri.empty());
  CHECK(uri[0] != '/');
  CHECK(uri.find(' ') == std::string::npos);
  CHECK(place.at("artifactLocation").at("uriBaseId") == "%SRCROOT%");
  const json& region = place.at("region");
  CHECK(region.at("startLine").get<int>() >= 1);
  CHECK(region.at("startColumn").get<int>() >= 1);
  CHECK(region.at("endLine") == region.at("startLine"));
  CHECK(region.at("endColumn").get<int>() >= region.at("startColumn").get<int>());
}

}  // namespace

TEST_CASE("SARIF says what the compiler says, in its structure") {
  const Compilation c = compile_sources(
      {{"w f/world.belay", testing::world()},
       {"w f/case.belay",
        "belay 1\n\nworkflow w, version 1\n  takes\n    price  money\n  step capture \"Tåke\"\n"
        "    allow BEL2001 because \"it is \\\"kept\\\"\"\n    do stripe.capture\n      intent = "
        "\"å\" + prise\n"
        "      amount = price\n    if stripe.card_declined, cancel because \"No\"\n  pause for "
        "prise\n"}});
  const json log = json::parse(render_sarif(c.diagnostics, c.sources, "below"));
  CHECK(log.at("version") == "2.1.0");
  CHECK(log.at("$schema").get<std::string>().find("sarif-2.1.0") != std::string::npos);
  REQUIRE(log.at("runs").size() == 1);
  const json& run = log.at("runs")[0];
  CHECK(run.at("columnKind") == "unicodeCodePoints");
  const json& driver = run.at("tool").at("driver");
  CHECK(driver.at("name") == "belay");
  std::vector<std::string> ids;
  for (const json& rule : driver.at("rules")) {
    ids.push_back(rule.at("id").get<std::string>());
    CHECK(!rule.at("shortDescription").at("text").get<std::string>().empty());
    CHECK(!rule.at("fullDescription").at("text").get<std::string>().empty());
    CHECK(!rule.at("help").at("text").get<std::string>().empty());
    CHECK(!rule.at("help").at("markdown").get<std::string>().empty());
    const std::string level = rule.at("defaultConfiguration").at("level").get<std::string>();
    CHECK((level == "error" || level == "warning"));
  }
  const json& results = run.at("results");
  CHECK(results.size() == c.diagnostics.all().size() + c.diagnostics.allowed().size());
  int suppressed = 0, related = 0, same = 0;
  for (const json& result : results) {
    CHECK(ids.at(result.at("ruleIndex").get<std::size_t>()) ==
          result.at("ruleId").get<std::string>());
    CHECK(!result.at("message").at("text").get<std::string>().empty());
    REQUIRE(result.at("locations").size() == 1);
    check_location(result.at("locations")[0]);
    for (const json& location : result.value("relatedLocations", json::array())) {
      check_location(location);
      ++related;
      same += location.at("message").at("text") == "the same here" ? 1 : 0;
    }
    for (const json& suppression : result.value("suppressions", json::array())) {
      ++suppressed;
      CHECK(result.at("ruleId") == "BEL2001");
      CHECK(suppression.at("kind") == "inSource");
      CHECK(suppression.at("justification") == "it is \"kept\"");
    }
  }
  CHECK(suppressed == 1);
  CHECK(related > 0);
  CHECK(same == 1);  // `prise`, twice
  const json& region = results[0].at("locations")[0].at("physicalLocation").at("region");
  CHECK(results[0].at("locations")[0].at("physicalLocation").at("artifactLocation").at("uri") ==
        "below/w%20f/case.belay");
  CHECK(region.at("startLine") == 9);
  CHECK(region.at("startColumn") == 22);  // `å` counts once
}

TEST_CASE("SARIF of sound definitions is an empty run") {
  const Compilation c = compile_sources({{"w/world.belay", testing::world()}});
  const json log = json::parse(render_sarif(c.diagnostics, c.sources));
  CHECK(log.at("runs")[0].at("results").empty());
}
