// Statements whose meaning lies in the engine, with a real server and database that are killed:
// sagas in line, sagas that events start, questions, and private values at rest.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/catch.h"
#include "tests/support/world.h"

using namespace belay::test;

namespace {

const char* const kWorkspace = R"(belay 1

event test.go, version 1, key id
  id    text
  note  private text

workflow line "One after the other", version 1
  takes
    id    text
    item  text
    name  private text
  gives
    note = go.note
  one at a time per item, others queue
  wait go "Somebody says go"
    for test.go, key id
    within 1 hour, otherwise cancel because "Nobody said go"

workflow alone "One, or none", version 1
  takes
    id    text
    item  text
  one at a time per item, others are refused
  wait go "Somebody says go"
    for test.go, key id
    within 1 hour, otherwise cancel because "Nobody said go"

workflow follow "Begins with the event", version 1
  takes
    id    text
    note  private text
  gives
    agreed = approve.agreed
  starts on test.go
    id   = event.id
    note = event.note
  ask approve "Is it true?" of role clerk
    answers
      agreed  bool
    within 1 day, otherwise cancel because "Nobody knows"
)";

std::string workspace() {
  const std::string folder =
      std::filesystem::temp_directory_path() / ("belay_statements_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/statements.belay") << kWorkspace;
  return folder;
}

struct Statements {
  std::string folder = workspace();
  World world{{.workflows = folder}};
  ~Statements() { std::filesystem::remove_all(folder); }

  std::string start(const std::string& workflow, const json& input) {
    const Reply reply = world.api("POST", "/v1/sagas", {{"workflow", workflow}, {"input", input}});
    INFO(reply.text);
    REQUIRE(reply.ok());
    return text_at(reply.body, "/id");
  }
  std::string line(const std::string& id) {
    return start("line", {{"id", id}, {"item", "a"}, {"name", "MARKER of " + id}});
  }
  void go(const std::string& id) {
    const Reply reply = world.api("POST", "/v1/events",
                                  {{"type", "test.go"},
                                   {"id", "go-" + id},
                                   {"payload", {{"id", id}, {"note", "MARKER said"}}}});
    INFO(reply.text);
    REQUIRE(reply.ok());
  }
  void kill_and_start() {
    world.server().kill9();
    world.start_server();
  }
  json waiting(const std::string& id, const std::string& words) {
    const json saga = world.wait_until(id, [&](const json& s) {
      return text_at(s, "/waiting_on").find(words) != std::string::npos;
    });
    CHECK_THAT(text_at(saga, "/waiting_on"), belay::ContainsSubstring(words));
    return saga;
  }
  // Tables of ours with a row that holds the marker anywhere.
  std::string tables_with_marker() {
    std::string found;
    const std::string tables = world.sql(
        "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = 'belay' AND tablename "
        "<> 'definition'");
    std::istringstream names(tables);
    for (std::string table; names >> table;) {
      if (world.count("belay." + table + " AS t WHERE row_to_json(t)::text LIKE '%MARKER%'") > 0)
        found += table + " ";
    }
    return found;
  }
};

}  // namespace

TEST_CASE("sagas stand in line through kills, and nobody is left standing") {
  Statements test;
  const std::string first = test.line("l1"), second = test.line("l2"), third = test.line("l3");
  test.waiting(first, "test.go");
  test.waiting(second, "its turn");
  test.kill_and_start();
  test.waiting(second, "its turn");
  test.go("l1");
  test.world.server()
      .kill9();  // between the end of the first and the turn of the second, or near it
  test.world.start_server();
  CHECK(text_at(test.world.wait_ended(first), "/status") == "completed");
  test.waiting(second, "test.go");
  test.waiting(third, "its turn");
  test.go("l2");
  test.kill_and_start();
  test.waiting(third, "test.go");
  test.go("l3");
  CHECK(text_at(test.world.wait_ended(third), "/status") == "completed");
  CHECK(test.world.count("belay.turn") == 0);

  const std::string holder = test.start("alone", {{"id", "x1"}, {"item", "b"}});
  const Reply refused = test.world.api(
      "POST", "/v1/sagas", {{"workflow", "alone"}, {"input", {{"id", "x2"}, {"item", "b"}}}});
  CHECK(refused.status == 409);
  CHECK(text_at(refused.body, "/code") == "one_at_a_time");
  CHECK_THAT(text_at(refused.body, "/detail"), belay::ContainsSubstring(holder));
}

TEST_CASE(
    "an event starts a saga that asks, and its private values are sealed until they are erased") {
  Statements test;
  const std::string saga = test.line("p1");
  test.waiting(saga, "test.go");
  test.go("p1");
  test.kill_and_start();
  test.go("p1");  // again: it starts nothing twice
  CHECK(text_at(test.world.wait_ended(saga), "/status") == "completed");
  json questions;
  for (int i = 0; i < 500; ++i) {
    questions = test.world.api("GET", "/v1/questions?role=clerk").body;
    if (questions.contains("questions") && !questions["questions"].empty()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  REQUIRE(questions["questions"].size() == 1);
  const std::string href = text_at(questions, "/questions/0/href"),
                    follower = text_at(questions, "/questions/0/saga");
  CHECK(test.world.api("POST", href, {{"agreed", "perhaps"}}).status == 422);
  const Reply answered = test.world.api("POST", href, {{"agreed", true}});
  INFO(answered.text);
  CHECK(answered.status == 200);
  CHECK(test.world.api("POST", href, {{"agreed", true}}).status == 409);
  CHECK(text_at(test.world.wait_ended(follower), "/status") == "completed");
  CHECK(test.world.api("GET", "/v1/questions").body["questions"].empty());
  CHECK(test.world.count("belay.instance WHERE workflow = 'follow'") == 1);

  CHECK(test.tables_with_marker() == "");
  const json shown = test.world.saga(saga);
  CHECK(text_at(shown, "/input/item") == "a");
  CHECK(text_at(shown, "/input/name") == "***");
  CHECK_THAT(test.world.api("GET", "/v1/events?type=test.go").text,
             belay::ContainsSubstring(R"("note":"***")"));

  const Reply dry =
      test.world.api("POST", "/v1/sagas/" + saga + "/erase?dry_run=true", {{"reason", "asked to"}});
  CHECK(dry.status == 200);
  CHECK(test.world.count("belay.saga_key") == 2);
  const Reply erased =
      test.world.api("POST", "/v1/sagas/" + saga + "/erase", {{"reason", "the person asked"}});
  INFO(erased.text);
  REQUIRE(erased.status == 200);
  CHECK(test.world.count("belay.saga_key") == 1);
  CHECK(test.world.count("belay.audit WHERE act = 'saga.erased' AND detail::text LIKE '%" + saga +
                         "%'") == 1);
  test.kill_and_start();
  const json after = test.world.saga(saga);
  CHECK(text_at(after, "/status") == "completed");
  CHECK(after.value("erased", false));
  CHECK(after["input"].empty());
  const Reply history = test.world.api("GET", "/v1/sagas/" + saga + "/history");
  CHECK(history.status == 200);
  CHECK_THAT(history.text, belay::ContainsSubstring("\"data\":\"(erased)\"") &&
                               belay::ContainsSubstring("EventTaken"));
  CHECK(test.world.api("GET", "/v1/sagas").text.find(saga) != std::string::npos);
  const Reply again = test.world.api("POST", "/v1/sagas/" + saga + "/erase", {{"reason", "again"}});
  INFO(again.text);
  CHECK(again.status == 200);
}
