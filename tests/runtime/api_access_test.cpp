// Who may come in: keys, roles, tenants, hosts, pages of other sites.
#include "runtime/base/ids.h"
#include "tests/runtime/api_fake.h"

using namespace belay::runtime;
using namespace belay::runtime::test;

namespace {

HttpHeaders bearer(const std::string& key) { return {{"Authorization", "Bearer " + key}}; }

std::string add_key(Bench& bench, const std::string& role, const std::string& tenant = "default") {
  const std::string key = api::make_api_key();
  ApiKeyRow row;
  row.id = "key_1";
  row.tenant = tenant;
  row.role = role;
  row.name = "anna";
  REQUIRE(bench.reader.add_api_key(row, sha256_hex(key)));
  return key;
}

const std::string kStart = std::string(R"({"workflow":"book","input":)") + Bench::kInput + "}";

}  // namespace

TEST_CASE("without a key nothing but health is served") {
  Bench bench(true);
  const HttpResponse response = bench.call("listSagas", {});
  CHECK(response.status == 401);
  CHECK(!Bench::header_of(response, "WWW-Authenticate").empty());
  CHECK(bench.call("livez", {}).status == 200);
  CHECK(bench.call("getOpenApi", {}).status == 200);
  CHECK(bench.call("metrics", {}).status == 401);
  // Nodes have no key of their own; it does what the engine does by itself, a little sooner.
  CHECK(bench.call("lookForMail", {}).status == 204);
  CHECK(bench.engine.looks == 1);
}

TEST_CASE(
    "a key that is unknown, misshapen or revoked is refused, and only one of its form costs a "
    "query") {
  Bench bench(true);
  for (const std::string& text :
       {std::string("x"), "belay_" + std::string(48, 'g'), std::string(10'000, 'a')}) {
    CHECK(bench.call("listSagas", {}, "", {}, bearer(text)).status == 401);
  }
  CHECK(bench.call("listSagas", {}, "", {}, {{"Authorization", "Basic eDp5"}}).status == 401);
  CHECK(bench.reader.key_queries == 0);
  CHECK(bench.call("listSagas", {}, "", {}, bearer(api::make_api_key())).status == 401);
  CHECK(bench.reader.key_queries == 1);
  const std::string key = add_key(bench, "admin");
  bench.reader.keys.begin()->second.revoked_at = {1};
  CHECK(bench.call("listSagas", {}, "", {}, bearer(key)).status == 401);
}

TEST_CASE("a role may do what the one before it may, and no more") {
  struct Row {
    const char* role;
    int list, start, cancel;
  };
  for (const Row& row :
       {Row{"viewer", 200, 403, 403}, Row{"starter", 200, 201, 403}, Row{"operator", 200, 201, 404},
        Row{"admin", 200, 201, 404}, Row{"king", 401, 401, 401}}) {
    Bench bench(true);
    const HttpHeaders key = bearer(add_key(bench, row.role));
    INFO(row.role);
    CHECK(bench.call("listSagas", {}, "", {}, key).status == row.list);
    CHECK(bench.call("startSaga", {}, kStart, {}, key).status == row.start);
    CHECK(bench
              .call("cancelSaga", {{"id", "0192f5a0-0000-7000-8000-999999999999"}},
                    R"({"reason":"x"})", {}, key)
              .status == row.cancel);
  }
}

TEST_CASE("a key reaches its own tenant only, and its name stands in the journal") {
  Bench bench(true);
  const HttpHeaders key = bearer(add_key(bench, "operator", "acme"));
  const std::string id =
      Bench::text(Bench::json(bench.call("startSaga", {}, kStart, {}, key)), "id");
  CHECK(bench.engine.sagas.at(id).row.tenant == "acme");
  CHECK(bench.engine.sagas.at(id).journal[0].actor == "key:anna");
  bench.engine.sagas.at(id).row.tenant = "other";
  CHECK(bench.call("getSaga", {{"id", id}}, "", {}, key).status == 404);
}

TEST_CASE("on loopback a foreign host name or a page of another site gets nothing") {
  Bench bench(false, {"localhost", "127.0.0.1", "[::1]"});
  for (const char* host : {"localhost", "LOCALHOST:7070", "127.0.0.1:7070", "[::1]:7070"}) {
    CHECK(bench.call("listSagas", {}, "", {}, {{"Host", host}}).status == 200);
  }
  for (const char* host :
       {"evil.example", "evil.example:7070", "localhost.evil.example", "127.0.0.1.nip.io", ""}) {
    INFO(host);
    CHECK(bench.call("listSagas", {}, "", {}, {{"Host", host}}).status == 421);
  }
  CHECK(bench.call("listSagas", {}).status == 421);
  CHECK(bench
            .call("startSaga", {}, kStart, {},
                  {{"Host", "localhost"}, {"Sec-Fetch-Site", "cross-site"}})
            .status == 403);
  CHECK(bench
            .call("startSaga", {}, kStart, {},
                  {{"Host", "localhost"}, {"Sec-Fetch-Site", "same-origin"}})
            .status == 201);
}

TEST_CASE("a header that is there twice is refused") {
  Bench bench;
  CHECK(
      bench.call("startSaga", {}, kStart, {}, {{"Idempotency-Key", "a"}, {"Idempotency-Key", "b"}})
          .status == 400);
  CHECK(bench.call("startSaga", {}, kStart, {}, {{"Idempotency-Key", std::string(256, 'k')}})
            .status == 400);
  CHECK(bench.call("startSaga", {}, kStart, {}, {{"Idempotency-Key", ""}}).status == 400);
}

TEST_CASE("the OpenAPI document has every route, and names only schemas that exist") {
  Bench bench;
  const Value document = Bench::json(bench.call("getOpenApi", {}));
  CHECK(Bench::text(document, "openapi") == "3.1.0");
  for (const api::Route& route : bench.api->routes()) {
    const Value* path = document.find("paths")->find(route.pattern);
    INFO(route.method << " " << route.pattern);
    REQUIRE(path != nullptr);
    for (const api::Answer& answer : route.answers) {
      if (*answer.schema != '\0')
        CHECK(document.find("components")->find("schemas")->find(answer.schema) != nullptr);
    }
    std::size_t holes = 0, declared = 0;
    for (const char c : route.pattern) holes += c == '{' ? 1 : 0;
    for (const api::Parameter& p : route.parameters)
      declared += p.in == api::Parameter::kPath ? 1 : 0;
    CHECK(holes == declared);
  }
}

TEST_CASE("metrics count requests by route and status, and sagas of one's own tenant") {
  Bench bench(true);
  const HttpHeaders viewer = bearer(add_key(bench, "viewer"));
  bench.call("listSagas", {}, "", {}, viewer);
  const std::string text = bench.call("metrics", {}, "", {}, viewer).body;
  CHECK(text.find("belay_http_requests_total{route=\"listSagas\",status=\"200\"} 1") !=
        std::string::npos);
  CHECK(text.find("belay_sagas{workflow=\"book\",status=\"running\",health=\"held\"} 2") !=
        std::string::npos);
  const std::string all = bench.call("metrics", {}, "", {}, bearer(add_key(bench, "admin"))).body;
  CHECK(all.find("belay_sagas{workflow=\"book\",status=\"running\",health=\"held\"} 5") !=
        std::string::npos);
}
