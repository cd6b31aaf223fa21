// Migrate over the API, the stored journal, definitions, and a verdict in words.
#include "interpreter/graph_codec.h"
#include "runtime/api/verdict_text.h"
#include "tests/runtime/api_fake.h"

using namespace belay::runtime;
using namespace belay::runtime::test;

namespace {

// The workspace with a text replaced, as version 2 of `book`, installed.
void install(Bench& bench, const std::string& from, const std::string& to) {
  std::string text = kWorkspace;
  const auto head = text.find("workflow book");
  text.replace(text.find("version 1", head), 9, "version 2");
  const auto at = text.find(from, head);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  belay::dsl::Compilation c = belay::dsl::compile_sources({{"book.belay", text}});
  INFO(belay::dsl::render_text(c.diagnostics, c.sources, false));
  REQUIRE(c.ok());
  REQUIRE(bench.engine.install(c.program.graphs.at(0)));
}
void install_harmless(Bench& bench) {
  install(bench, "charge = charge.charge", "charge = charge.charge + \"!\"");
}
void install_other(Bench& bench) { install(bench, "within 15 minutes", "within 20 minutes"); }

std::string tag(const Bench& bench, const std::string& id) {
  return api::etag(bench.engine.sagas.at(id).state.seq);
}

// Up to the wait for the payment.
std::string start_waiting(Bench& bench) {
  const std::string id = bench.start();
  bench.engine.succeed(id, "hold", record({{"hold", Value::string("h-1")}}));
  return id;
}

const char* const kBody = R"({"reason":"new terms"})";

}  // namespace

TEST_CASE("migrate: a dry run gives the verdict and the ETag") {
  Bench bench;
  const std::string id = start_waiting(bench);
  install_harmless(bench);
  const HttpResponse response =
      bench.call("migrateSaga", {{"id", id}}, kBody, {{"dry_run", "true"}});
  INFO(response.body);
  REQUIRE(response.status == 200);
  const Value json = Bench::json(response);
  CHECK(Bench::text(*json.find("verdict"), "text") ==
        "continues differently after its last entry: changed is `gives`");
  CHECK(json.find("verdict")->find("movable")->as_bool());
  CHECK(!json.find("moved")->as_bool());
  CHECK(Bench::header_of(response, "ETag") == tag(bench, id));
}

TEST_CASE("migrate: with If-Match the saga is moved") {
  Bench bench;
  const std::string id = start_waiting(bench);
  install_harmless(bench);
  CHECK(bench.call("migrateSaga", {{"id", id}}, kBody).status == 428);
  CHECK(bench.call("migrateSaga", {{"id", id}}, kBody, {}, {{"If-Match", "\"1\""}}).status == 412);
  const HttpResponse response =
      bench.call("migrateSaga", {{"id", id}}, kBody, {}, {{"If-Match", tag(bench, id)}});
  INFO(response.body);
  REQUIRE(response.status == 200);
  CHECK(Bench::json(response).find("moved")->as_bool());
  CHECK(bench.engine.sagas.at(id).graph->version == 2);
  CHECK(bench.engine.sagas.at(id).journal.back().kind == "Migrated");
}

TEST_CASE("migrate: a verdict that does not allow it is a problem that shows why") {
  Bench bench;
  const std::string id = start_waiting(bench);
  install_other(bench);
  const HttpResponse response =
      bench.call("migrateSaga", {{"id", id}}, kBody, {}, {{"If-Match", tag(bench, id)}});
  INFO(response.body);
  CHECK(response.status == 409);
  CHECK(Bench::code(response) == "not_movable");
  CHECK(Bench::text(*Bench::json(response).find("verdict"), "verdict") == "differs");
  CHECK(bench.engine.sagas.at(id).graph->version == 1);
}

TEST_CASE("migrate: a reason is needed, and only known fields") {
  Bench bench;
  const std::string id = start_waiting(bench);
  install_harmless(bench);
  for (const char* body :
       {"{}", R"({"reason":" "})", R"({"reason":"x","into":"y"})", R"({"reason":1})"}) {
    INFO(body);
    const int status = bench.call("migrateSaga", {{"id", id}}, body, {{"dry_run", "true"}}).status;
    CHECK((status == 422 || status == 400));
  }
  const HttpResponse unknown = bench.call("migrateSaga", {{"id", id}},
                                          R"({"reason":"x","to":"abc"})", {{"dry_run", "true"}});
  CHECK(unknown.status == 404);
}

TEST_CASE("the stored journal replays: unmasked, for operators") {
  Bench bench;
  const std::string id = start_waiting(bench);
  const HttpResponse response = bench.call("getJournal", {{"id", id}});
  INFO(response.body);
  REQUIRE(response.status == 200);
  const Value json = Bench::json(response);
  const HttpResponse stored =
      bench.call("getDefinition", {{"hash", Bench::text(json, "definition")}});
  REQUIRE(stored.status == 200);
  std::string bytes, error;
  REQUIRE(from_base64(Bench::text(Bench::json(stored), "graph"), bytes));
  Graph graph;
  REQUIRE(decode_graph(bytes, graph, error));
  std::vector<Entry> journal;
  for (const Value& row : json.find("entries")->as_list()) {
    const std::string kind = Bench::text(row, "kind"), body = Bench::text(row, "body");
    auto entry = decode_entry(graph, {static_cast<std::uint64_t>(row.find("seq")->as_int()),
                                      1,
                                      {row.find("at_us")->as_int()},
                                      "",
                                      kind,
                                      body});
    REQUIRE(entry);
    journal.push_back(std::move(*entry));
  }
  CHECK(replay(graph, graph, id, journal).verdict.kind == VerdictKind::kSame);
  CHECK(response.body.find("ann@example.org") != std::string::npos);
  for (const api::Route& route : bench.api->routes()) {
    if (route.id == "getJournal" || route.id == "migrateSaga")
      CHECK(route.role == api::Role::kOperator);
  }
  CHECK(bench.call("getDefinition", {{"hash", "none"}}).status == 404);
}

TEST_CASE("a verdict in words") {
  Verdict verdict;
  CHECK(api::verdict_line(verdict) == "same");
  verdict.kind = VerdictKind::kCannot;
  verdict.entry = 3;
  verdict.why = "`tell` is not there any more";
  CHECK(api::verdict_line(verdict) == "cannot continue: entry 3: `tell` is not there any more");
  verdict.kind = VerdictKind::kDiffers;
  CHECK(api::verdict_line(verdict) ==
        "continues differently from entry 3: `tell` is not there any more");
}
