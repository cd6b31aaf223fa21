// The HTTP API of the real `belay serve` on a private Postgres: idempotent starts, lists and
// cursors, acts with previews and conflicts, problems, access, hostile input; and that what it
// answers is what its OpenAPI document says.
#include <chrono>
#include <set>
#include <thread>

#include "tests/catch.h"
#include "tests/system/api_workspace.h"

using namespace belay::test;
using nlohmann::json;

namespace {

// Reads the saga until it has this health or status; the last answer.
Reply wait_for(const RoomServer& server, const std::string& id, const std::string& pointer,
               const std::string& wanted) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  Reply reply;
  do {
    reply = server.call("GET", "/v1/sagas/" + id);
    if (text_at(reply.body, pointer) == wanted) return reply;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  } while (std::chrono::steady_clock::now() < end);
  UNSCOPED_INFO(reply.text << server.call("GET", "/v1/sagas/" + id + "/history").text
                           << server.process.said());
  REQUIRE(text_at(reply.body, pointer) == wanted);
  return reply;
}

// A saga whose charge may have happened.
std::string start_held(const RoomServer& server, const std::string& booking) {
  const std::string id = server.start(booking);
  REQUIRE(!id.empty());
  REQUIRE(server.call("POST", "/v1/events", RoomServer::payment(booking)).ok());
  wait_for(server, id, "/health", "unknown_outcome");
  return id;
}

// Whether `value` fits the document's schema: types, required members, enums, references. What our
// schemas use.
std::string misfit(const json& document, const json& schema, const json& value,
                   const std::string& at) {
  if (schema.contains("$ref")) {
    const auto reference = schema.at("$ref").get<std::string>();
    return misfit(document, document.at(json::json_pointer(reference.substr(1))), value, at);
  }
  if (schema.contains("enum")) {
    for (const json& word : schema.at("enum")) {
      if (word == value) return "";
    }
    return at + ": " + value.dump() + " is no word of the enum";
  }
  if (schema.contains("const") && schema.at("const") != value) return at + ": is not the constant";
  if (schema.contains("type")) {
    std::set<std::string> types;
    if (schema.at("type").is_array())
      types = schema.at("type").get<std::set<std::string>>();
    else
      types.insert(schema.at("type").get<std::string>());
    std::string type = value.type_name();
    if (value.is_number_integer()) type = "integer";
    if (!types.contains(type)) return at + ": is " + type;
  }
  for (const json& name : schema.value("required", json::array())) {
    if (!value.contains(name.get<std::string>())) return at + ": lacks " + name.get<std::string>();
  }
  if (value.is_object() && schema.contains("properties")) {
    for (const auto& [name, member] : value.items()) {
      if (!schema.at("properties").contains(name)) return at + ": has the undocumented " + name;
      const std::string inner =
          misfit(document, schema.at("properties").at(name), member, at + "/" + name);
      if (!inner.empty()) return inner;
    }
  }
  if (value.is_array() && schema.contains("items")) {
    for (const json& item : value) {
      const std::string inner = misfit(document, schema.at("items"), item, at + "/-");
      if (!inner.empty()) return inner;
    }
  }
  return "";
}

void check_schema(const json& document, const char* schema, const Reply& reply) {
  INFO(reply.text);
  CHECK(misfit(document, document.at("components").at("schemas").at(schema), reply.body, schema) ==
        "");
}

void check_problem(const Reply& reply, long status, const std::string& code) {
  INFO(reply.text);
  CHECK(reply.status == status);
  CHECK(text_at(reply.body, "/code") == code);
  CHECK(reply.headers.at("content-type") == "application/problem+json");
}

}  // namespace

TEST_CASE("a saga from start to end over HTTP") {
  const RoomServer server;
  const json document = server.call("GET", "/v1/openapi.json").body;

  const Reply first =
      server.call("POST", "/v1/sagas", RoomServer::input("b-1"), {"Idempotency-Key: k-1"});
  INFO(first.text);
  REQUIRE(first.status == 201);
  check_schema(document, "Started", first);
  const std::string id = text_at(first.body, "/id");
  CHECK(first.headers.at("location") == "/v1/sagas/" + id);
  const Reply again =
      server.call("POST", "/v1/sagas", RoomServer::input("b-1"), {"Idempotency-Key: k-1"});
  CHECK(again.status == 200);
  CHECK(text_at(again.body, "/id") == id);
  check_problem(
      server.call("POST", "/v1/sagas", RoomServer::input("b-2"), {"Idempotency-Key: k-1"}), 422,
      "key_reused");
  // `once per booking`: the same booking is the same saga, whatever the key.
  const Reply once =
      server.call("POST", "/v1/sagas", RoomServer::input("b-1"), {"Idempotency-Key: k-2"});
  CHECK(once.status == 200);
  CHECK(text_at(once.body, "/id") == id);

  const Reply waiting = wait_for(server, id, "/steps/1/phase", "waiting");
  check_schema(document, "Saga", waiting);
  CHECK(text_at(waiting.body, "/waiting_on").find("room.paid") != std::string::npos);
  CHECK(waiting.text.find("ann@example.org") == std::string::npos);
  CHECK(server.call("GET", "/v1/sagas/" + id, "", {"If-None-Match: " + waiting.headers.at("etag")})
            .status == 304);

  const Reply paid = server.call("POST", "/v1/events", RoomServer::payment("b-1"));
  CHECK(paid.status == 201);
  check_schema(document, "Published", paid);
  CHECK(server.call("POST", "/v1/events", RoomServer::payment("b-1")).status == 200);
  const Reply held = wait_for(server, id, "/health", "unknown_outcome");
  check_schema(document, "Saga", held);

  // The act: refused without If-Match, shown by a dry run, refused when stale, done once.
  const std::string resolve = "/v1/sagas/" + id + "/steps/charge/resolve";
  const std::string body =
      R"({"reason":"in the bank's books","happened":true,"result":{"charge":"ch_1"},"evidence":"line 7"})";
  const Reply missing = server.call("POST", resolve, body);
  check_problem(missing, 428, "precondition_required");
  check_schema(document, "Problem", missing);
  const Reply dry = server.call("POST", resolve + "?dry_run=true", body);
  CHECK(dry.status == 200);
  check_schema(document, "ActReply", dry);
  CHECK(dry.headers.at("etag") == held.headers.at("etag"));
  const Reply stale = server.call("POST", resolve, body, {"If-Match: \"1\""});
  check_problem(stale, 412, "stale");
  check_schema(document, "Problem", stale);
  const std::vector<std::string> headers = {"If-Match: " + dry.headers.at("etag"),
                                            "Idempotency-Key: act-1"};
  const Reply done = server.call("POST", resolve, body, headers);
  INFO(done.text);
  CHECK(done.status == 200);
  check_schema(document, "ActReply", done);
  const Reply repeated = server.call("POST", resolve, body, headers);
  CHECK(repeated.status == 200);
  CHECK(text_at(repeated.body, "/repeated") == "true");

  const Reply ended = wait_for(server, id, "/status", "completed");
  CHECK(text_at(ended.body, "/output/charge") == "ch_1");
  check_problem(server.call("POST", "/v1/sagas/" + id + "/cancel", R"({"reason":"late"})",
                            {"If-Match: " + ended.headers.at("etag")}),
                409, "not_allowed_now");

  const Reply history = server.call("GET", "/v1/sagas/" + id + "/history");
  check_schema(document, "HistoryPage", history);
  CHECK(history.text.find("in the bank's books") != std::string::npos);
  CHECK(history.text.find("ann@example.org") == std::string::npos);
  const Reply then = server.call("GET", "/v1/sagas/" + id + "/history?at=2");
  CHECK(text_at(then.body, "/status") == "running");
  for (const char* format : {"json", "dot", "mermaid", "svg"}) {
    INFO(format);
    CHECK(server.call("GET", "/v1/sagas/" + id + "/graph?format=" + format).status == 200);
  }
  const Reply events = server.call("GET", "/v1/events");
  check_schema(document, "EventPage", events);
  CHECK(events.body.at("events").size() == 1);
  check_schema(document, "WorkflowList", server.call("GET", "/v1/workflows"));
  check_schema(document, "Workflow", server.call("GET", "/v1/workflows/book"));
  CHECK(server.call("GET", "/metrics").text.find("belay_sagas_started_total 1") !=
        std::string::npos);
}

TEST_CASE("lists page by cursor without loss or repetition, and cancelled sagas are undone") {
  const RoomServer server;
  std::set<std::string> started;
  for (int i = 0; i < 25; ++i) started.insert(server.start("b-" + std::to_string(i)));
  REQUIRE(started.size() == 25);
  std::set<std::string> seen;
  std::string cursor;
  int pages = 0;
  do {
    const Reply page =
        server.call("GET", "/v1/sagas?limit=10" + (cursor.empty() ? "" : "&cursor=" + cursor));
    INFO(page.text);
    REQUIRE(page.status == 200);
    for (const json& row : page.body.at("sagas")) CHECK(seen.insert(text_at(row, "/id")).second);
    cursor = text_at(page.body, "/next");
    if (page.body.at("next").is_null()) cursor.clear();
    ++pages;
  } while (!cursor.empty() && pages < 10);
  CHECK(pages == 3);
  CHECK(seen == started);
  CHECK(server.call("GET", "/v1/sagas?key=b-7").body.at("sagas").size() == 1);
  CHECK(server.call("GET", "/v1/sagas?workflow=other").body.at("sagas").empty());
  check_problem(server.call("GET", "/v1/sagas?cursor=nonsense"), 422, "invalid");

  const std::string id = start_held(server, "c-1");
  CHECK(server.call("GET", "/v1/sagas?health=unknown_outcome").body.at("sagas").size() == 1);
  const std::string resolve = "/v1/sagas/" + id + "/steps/charge/resolve";
  const std::string body = R"({"reason":"not in the books","happened":false,"evidence":"line 8"})";
  const Reply dry = server.call("POST", resolve + "?dry_run=true", body);
  REQUIRE(server
              .call("POST", "/v1/sagas/" + id + "/cancel", R"({"reason":"the guest"})",
                    {"If-Match: " + dry.headers.at("etag")})
              .status == 200);
  const Reply now = server.call("GET", "/v1/sagas/" + id);
  REQUIRE(server.call("POST", resolve, body, {"If-Match: " + now.headers.at("etag")}).status ==
          200);
  const Reply ended = wait_for(server, id, "/status", "compensated");
  CHECK(ended.body.at("left_over").empty());
}

TEST_CASE("hostile requests earn clear errors, and the server goes on") {
  const RoomServer server;
  const std::string id = server.start("b-1");
  REQUIRE(!id.empty());
  check_problem(server.call("POST", "/v1/sagas", std::string(200'000, '[')), 400, "malformed");
  check_problem(server.call("POST", "/v1/sagas", R"({"workflow":"book","workflow":"x"})"), 400,
                "malformed");
  check_problem(server.call("POST", "/v1/sagas", R"({"workflow":"bo\u0000ok"})"), 400, "malformed");
  check_problem(server.call("POST", "/v1/sagas", "\xff\xfe"), 400, "malformed");
  CHECK(server.call("POST", "/v1/sagas", std::string(2 << 20, ' ')).status == 413);
  const std::string big =
      R"({"workflow":"book","input":{"booking":"x","email":"a@b.org","amount":{"currency":"EUR","minor":1},"more":")" +
      std::string(400'000, 'x') + "\"}}";
  CHECK(server.call("POST", "/v1/sagas", big).status / 100 == 4);
  check_problem(server.call("GET", "/v1/sagas/%00"), 400, "malformed");
  check_problem(server.call("GET", "/v1/sagas/../../etc/passwd"), 404, "not_found");
  check_problem(server.call("GET", "/v1/sagas?limit=99999999999999999999"), 400, "malformed");
  check_problem(server.call("GET", "/v1/sagas?workflow=%27%3B%20DROP%20TABLE%20x%00"), 400,
                "malformed");
  CHECK(server.call("GET", "/v1/sagas?workflow=%27%3B%20DROP%20TABLE%20x").status == 200);
  CHECK(server.call("GET", "/" + std::string(4'000, 'a')).status == 414);
  CHECK(server.call("DELETE", "/v1/sagas").status == 405);
  CHECK(server.call("GET", "/v1/nothing").status == 404);
  check_problem(server.call("GET", "/v1/sagas", "", {"Host: evil.example"}), 421, "misdirected");
  check_problem(server.call("GET", "/v1/sagas", "", {"Authorization: Bearer belay_x"}), 401,
                "unauthenticated");
  check_problem(server.call("POST", "/v1/sagas/" + id + "/steps/%2e%2e%2f/retry?dry_run=true",
                            R"({"reason":"x"})"),
                404, "not_found");
  CHECK(server.call("GET", "/v1/sagas/" + id).status == 200);
  CHECK(server.call("GET", "/readyz").status == 200);
}

TEST_CASE("SIGTERM ends it cleanly, and what was started goes on after the next start") {
  Folder folder;
  std::string id;
  for (int round = 0; round < 2; ++round) {
    const std::string ready = folder.path + "/ready-" + std::to_string(round);
    Process process(
        {.words = {BELAY_BINARY_DIR "/belay", "serve", write_workspace(folder.path), "--listen",
                   "127.0.0.1:0", "--data", folder.path + "/data", "--once-ready-file", ready,
                   round == 0 ? "--keep-postgres" : "--log-level=info"},
         .environment = {},
         .log = folder.path + "/belay.log",
         .ready = "listening on "});
    process.start();
    std::string url;
    std::ifstream(ready) >> url;
    REQUIRE(!url.empty());
    if (round == 0) {
      const Reply started = ask({.method = "POST",
                                 .url = url + "/v1/sagas",
                                 .body = RoomServer::input("b-1"),
                                 .headers = {"Content-Type: application/json"}});
      REQUIRE(started.status == 201);
      id = text_at(started.body, "/id");
    } else {
      CHECK(
          text_at(ask({.method = "GET", .url = url + "/v1/sagas/" + id, .body = "", .headers = {}})
                      .body,
                  "/status") == "running");
    }
    INFO(process.said());
    CHECK(process.terminate() == 0);
  }
}
