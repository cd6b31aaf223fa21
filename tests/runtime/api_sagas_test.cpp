// Starting, listing and looking at sagas over the API, against an engine that is made up.
#include "tests/runtime/api_fake.h"

using namespace belay::runtime;
using namespace belay::runtime::test;

namespace {

// A start with this body earns this status and code.
void check(const std::string& body, int status, const std::string& code) {
  Bench bench;
  const HttpResponse response = bench.call("startSaga", {}, body);
  INFO(body.substr(0, 200) << " → " << response.body);
  CHECK(response.status == status);
  CHECK(Bench::code(response) == code);
  CHECK(response.content_type == "application/problem+json");
  CHECK(bench.engine.sagas.empty());
}

std::string with_input(const std::string& input) {
  return R"({"workflow":"book","input":)" + input + "}";
}

}  // namespace

TEST_CASE("a start answers with where the saga is, and its key makes it one") {
  Bench bench;
  const std::string body = with_input(Bench::kInput);
  const HttpResponse first = bench.call("startSaga", {}, body, {}, {{"Idempotency-Key", "k-1"}});
  CHECK(first.status == 201);
  const std::string id = Bench::text(Bench::json(first), "id");
  CHECK(Bench::header_of(first, "Location") == "/v1/sagas/" + id);
  CHECK(Bench::header_of(first, "ETag") == "\"1\"");
  const HttpResponse again =
      bench.call("startSaga", {}, body, {}, {{"Idempotency-Key", "\"k-1\""}});
  CHECK(again.status == 200);
  CHECK(Bench::text(Bench::json(again), "id") == id);
  CHECK(bench.engine.sagas.size() == 1);
}

TEST_CASE("a start that makes no sense is refused with what is wrong and a way out") {
  check("", 400, "malformed");
  check("{", 400, "malformed");
  check("[]", 400, "malformed");
  check(R"({"workflow":"book","workflow":"book"})", 400, "malformed");
  check(R"({"workflow":"book","inputs":{}})", 400, "malformed");
  check(R"({"workflow":7})", 400, "malformed");
  check(R"({"input":{}})", 422, "invalid");
  check(R"({"workflow":"boook","input":{}})", 404, "not_found");
  check(R"({"workflow":"book"})", 422, "invalid");
  check(
      with_input(
          R"({"booking":"b","email":"a@b.org","seats":10,"amount":{"currency":"EUR","minor":1}})"),
      422, "invalid");
  check(
      with_input(
          R"({"booking":"b","email":"a@b.org","seats":1,"amount":{"currency":"EUR","minor":1},"x":1})"),
      422, "invalid");
  check(
      with_input(
          R"({"booking":"a\u0000b","email":"a@b.org","seats":1,"amount":{"currency":"EUR","minor":1}})"),
      400, "malformed");
  check(with_input(std::string(100'000, '[')), 400, "malformed");
}

TEST_CASE("a body that is no JSON by its type is refused") {
  Bench bench;
  const HttpResponse response =
      bench.call("startSaga", {}, with_input(Bench::kInput), {}, {{"Content-Type", "text/plain"}});
  CHECK(response.status == 415);
}

TEST_CASE("what fails inside is told without our insides") {
  Bench bench;
  bench.engine.down = true;
  const HttpResponse response = bench.call("startSaga", {}, with_input(Bench::kInput));
  CHECK(response.status == 503);
  CHECK(Bench::code(response) == "unavailable");
  CHECK(Bench::header_of(response, "Retry-After") == "2");
  CHECK(response.body.find("10.1.2.3") == std::string::npos);
  CHECK(bench.call("readyz", {}).status == 503);
  CHECK(bench.call("readyz", {}).body.find("why") == std::string::npos);
  bench.engine.why_down = "the database does not answer";
  CHECK(bench.call("readyz", {})
            .body.find(R"("database":false,"why":"the database does not answer")") !=
        std::string::npos);
  CHECK(bench.call("livez", {}).status == 200);
}

TEST_CASE("what is more than a tenant's part is refused with 429, and when to come again") {
  Bench bench;
  bench.engine.full = true;
  const HttpResponse response = bench.call("startSaga", {}, with_input(Bench::kInput));
  CHECK(response.status == 429);
  CHECK(Bench::code(response) == "overloaded");
  CHECK(Bench::header_of(response, "Retry-After") == "1");
  bench.engine.full = false;
  CHECK(bench.call("startSaga", {}, with_input(Bench::kInput)).status == 201);
}

TEST_CASE("a saga shows what it waits for, its steps, and nothing private") {
  Bench bench;
  const std::string id = bench.start();
  const HttpResponse response = bench.call("getSaga", {{"id", id}});
  REQUIRE(response.status == 200);
  CHECK(Bench::header_of(response, "ETag") == "\"1\"");
  CHECK(response.body.find("ann@example.org") == std::string::npos);
  const Value saga = Bench::json(response);
  CHECK(Bench::text(saga, "status") == "running");
  const List& steps = saga.find("steps")->as_list();
  REQUIRE(steps.size() == 3);
  CHECK(Bench::text(steps[0], "path") == "hold");
  CHECK(Bench::text(steps[0], "phase") == "in_flight");
  CHECK(Bench::text(steps[2], "phase") == "not_reached");
  CHECK(Bench::text(steps[0].find("calls")->as_list()[0], "key").starts_with(id));
  CHECK(bench.call("getSaga", {{"id", id}}, "", {}, {{"If-None-Match", "\"1\""}}).status == 304);
}

TEST_CASE("a held saga says who is needed, what may be done, and its key in any case of letters") {
  Bench bench;
  std::string id = bench.start_held();
  for (char& c : id) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const Value saga = Bench::json(bench.call("getSaga", {{"id", id}}));
  CHECK(Bench::text(saga, "health") == "unknown_outcome");
  CHECK(!Bench::text(saga, "waiting_on").empty());
  CHECK(!saga.find("allowed_actions")->as_list().empty());
}

TEST_CASE("another tenant's saga is not there") {
  Bench bench;
  const std::string id = bench.start();
  bench.engine.sagas.at(id).row.tenant = "other";
  CHECK(bench.call("getSaga", {{"id", id}}).status == 404);
  CHECK(bench.call("getHistory", {{"id", id}}).status == 404);
  CHECK(bench.call("getSaga", {{"id", "not-a-uuid"}}).status == 404);
}

TEST_CASE("a list takes its filters, and refuses words that it does not know") {
  Bench bench;
  bench.start();
  const HttpResponse response =
      bench.call("listSagas", {}, "",
                 {{"workflow", "book"}, {"limit", "7"}, {"created_after", "2026-01-01T00:00:00Z"}});
  REQUIRE(response.status == 200);
  CHECK(Bench::json(response).find("sagas")->as_list().size() == 1);
  CHECK(bench.reader.last_filter.limit == 7);
  CHECK(bench.reader.last_filter.workflow == "book");
  CHECK(bench.reader.last_filter.created_from.us == 1'767'225'600'000'000);
  for (const auto& [name, value] :
       std::multimap<std::string, std::string>{{"status", "runing"},
                                               {"health", "bad"},
                                               {"limit", "0"},
                                               {"limit", "501"},
                                               {"limit", "7x"},
                                               {"created_after", "yesterday"},
                                               {"colour", "red"}}) {
    INFO(name << "=" << value);
    CHECK(bench.call("listSagas", {}, "", {{name, value}}).status == 400);
  }
  CHECK(bench.call("listSagas", {}, "", {{"limit", "7"}, {"limit", "8"}}).status == 400);
}

TEST_CASE("a history tells what happened in words, page by page, and the saga as it was") {
  Bench bench;
  const std::string id = bench.start_held();
  const HttpResponse response = bench.call("getHistory", {{"id", id}}, "", {{"limit", "2"}});
  REQUIRE(response.status == 200);
  CHECK(response.body.find("ann@example.org") == std::string::npos);
  const Value page = Bench::json(response);
  const List& entries = page.find("entries")->as_list();
  REQUIRE(entries.size() == 2);
  CHECK(Bench::text(entries[0], "text") == "started book version 1");
  CHECK(entries[0].find("follows")->as_list()[0].as_string() == "send hold (room.hold)");
  CHECK(Bench::text(entries[1], "text") == "hold succeeded");
  CHECK(page.find("next_after")->as_int() == 2);
  const Value rest = Bench::json(bench.call("getHistory", {{"id", id}}, "", {{"after", "2"}}));
  CHECK(rest.find("next_after")->is_null());
  CHECK(Bench::text(rest.find("entries")->as_list().back(), "mark") == "alarm");
  const Value then = Bench::json(bench.call("getHistory", {{"id", id}}, "", {{"at", "2"}}));
  CHECK(then.find("seq")->as_int() == 2);
  CHECK(Bench::text(then, "health") == "ok");
  CHECK(bench.call("getHistory", {{"id", id}}, "", {{"at", "99"}}).status == 404);
}

TEST_CASE("a saga's picture shows where it stands") {
  Bench bench;
  const std::string id = bench.start_held();
  const Value graph = Bench::json(bench.call("getSagaGraph", {{"id", id}}));
  CHECK(Bench::text(graph.find("nodes")->as_list()[0], "phase") == "succeeded");
  const HttpResponse mermaid =
      bench.call("getSagaGraph", {{"id", id}}, "", {{"format", "mermaid"}});
  CHECK(mermaid.status == 200);
  CHECK(mermaid.body.find("✓ Hold the room") != std::string::npos);
  CHECK(bench.call("getSagaGraph", {{"id", id}}, "", {{"format", "png"}}).status == 400);
}

TEST_CASE("a quarantined saga is listed, and shown from its row with the one act that it takes") {
  Bench bench;
  const std::string id = bench.start_held();
  InstanceRow& row = bench.engine.sagas.at(id).row;
  row.health = "quarantined";
  row.health_since = {1'763'000'000'000'000};
  row.failure = "entry 2 cannot be read";
  CHECK(bench.call("listSagas", {}, "", {{"health", "quarantined"}}).status == 200);
  CHECK(bench.reader.last_filter.health == "quarantined");

  const HttpResponse response = bench.call("getSaga", {{"id", id}});
  REQUIRE(response.status == 200);
  const Value saga = Bench::json(response);
  CHECK(Bench::text(saga, "status") == "running");
  CHECK(Bench::text(saga, "health") == "quarantined");
  CHECK(Bench::text(saga, "failure") == "entry 2 cannot be read");
  CHECK(Bench::text(saga, "since") == "2025-11-13T02:13:20Z");
  CHECK(!Bench::text(saga, "note").empty());
  CHECK(saga.find("steps")->as_list().empty());
  REQUIRE(saga.find("allowed_actions")->as_list().size() == 1);
  CHECK(Bench::text(saga.find("allowed_actions")->as_list()[0], "act") == "resume");
  // A live view had this ETag too: it must not be taken for unchanged.
  CHECK(bench.call("getSaga", {{"id", id}}, "", {}, {{"If-None-Match", "\"4\""}}).status == 200);
  row.tenant = "other";
  CHECK(bench.call("getSaga", {{"id", id}}).status == 404);
}

TEST_CASE("a quarantined saga's history is told, what cannot be read as it is") {
  Bench bench;
  const std::string id = bench.start_held();
  auto& kept = bench.engine.sagas.at(id);
  kept.row.health = "quarantined";
  kept.journal[1].body = "{\"path\":7}";
  const HttpResponse response = bench.call("getHistory", {{"id", id}});
  REQUIRE(response.status == 200);
  CHECK(response.body.find("ann@example.org") == std::string::npos);
  const Value page = Bench::json(response);
  CHECK(Bench::text(page, "status") == "running");
  const List& entries = page.find("entries")->as_list();
  REQUIRE(entries.size() == 4);
  CHECK(Bench::text(entries[0], "text") == "started book version 1");
  CHECK(Bench::text(entries[1], "mark") == "alarm");
  CHECK(Bench::text(entries[1], "raw_text") == "{\"path\":7}");
  CHECK(entries[1].find("raw") == nullptr);
  CHECK(bench.call("getHistory", {{"id", id}}, "", {{"at", "1"}}).status == 200);
  CHECK(bench.call("getHistory", {{"id", id}}, "", {{"at", "2"}}).status == 500);
}

TEST_CASE("a saga that is being taken up after crashes is listed as ok") {
  Bench bench;
  const std::string id = bench.start();
  for (const char* mark : {"loading", "loading_again"}) {
    bench.engine.sagas.at(id).row.health = mark;
    const Value page = Bench::json(bench.call("listSagas", {}));
    CHECK(Bench::text(page.find("sagas")->as_list()[0], "health") == "ok");
    CHECK(bench.call("listSagas", {}, "", {{"health", mark}}).status == 400);
  }
}
