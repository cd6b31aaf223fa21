// What belongs to another node: two servers over made-up engines, asked from outside. Lane 7 is
// always the other one's.
#include <cstdlib>
#include <future>
#include <thread>

#include "runtime/actions/http_client.h"
#include "runtime/api/http_server.h"
#include "runtime/base/ids.h"
#include "runtime/webhooks/signature.h"
#include "tests/runtime/api_fake.h"

using namespace belay::runtime;
using namespace belay::runtime::test;

namespace {

const std::string kStart = std::string(R"({"workflow":"book","input":)") + Bench::kInput + "}";

// Long waits have no place here; what must come, comes at once.
api::ForwardOptions options_of(const std::string& node) {
  api::ForwardOptions options;
  options.node = node;
  options.settle_ms = 50;
  options.answer_timeout_ms = 5'000;
  options.mail_timeout_ms = 5'000;
  return options;
}

struct NodeServer {
  explicit NodeServer(const std::string& name, api::ForwardOptions options,
                      bool keys_required = false)
      : name_(name), bench(keys_required, {}, std::move(options)) {
    for (const api::Route& route : bench.api->routes()) {
      server.route(route.method, route.pattern, [this, &route](const HttpRequest& request) {
        {
          const std::lock_guard lock(mutex);
          seen.push_back(request);
        }
        came.set_value_once();
        if (before) before();
        return bench.api->handle(route, request);
      });
    }
    port = server.listen("127.0.0.1", 0).value();
  }
  explicit NodeServer(const std::string& name) : NodeServer(name, options_of(name)) {}
  ~NodeServer() { server.stop(); }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }
  LaneHolder holds() const { return {7, name_, url(), false}; }
  // From now on lane 7 is `other`'s for us.
  void knows(const LaneHolder& other) {
    bench.engine.set_elsewhere(true);
    bench.engine.set_holder(other);
  }
  void knows(const NodeServer& other) { knows(other.holds()); }

  OutgoingResponse ask(const std::string& method, const std::string& path,
                       const std::string& body = "",
                       std::vector<std::pair<std::string, std::string>> headers = {}) {
    OutgoingRequest request;
    request.method = method;
    request.url = url() + path;
    request.headers = std::move(headers);
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
    request.body = body;
    request.allow_private_addresses = true;
    std::promise<OutgoingResponse> answer;
    REQUIRE(client.submit(std::move(request),
                          [&](OutgoingResponse r) { answer.set_value(std::move(r)); }));
    return answer.get_future().get();
  }
  std::size_t count() {
    const std::lock_guard lock(mutex);
    return seen.size();
  }

  struct Once {  // the first request is there
    std::promise<void> promise;
    std::once_flag flag;
    void set_value_once() {
      std::call_once(flag, [this] { promise.set_value(); });
    }
  };

  std::string name_;
  Bench bench;
  HttpServer server;
  HttpClient client;
  int port = 0;
  std::mutex mutex;
  std::vector<HttpRequest> seen;
  Once came;
  std::function<void()> before;  // what a request waits for
};

std::string header_of(const OutgoingResponse& response, const char* name) {
  const std::string* value = response.header(name);
  return value == nullptr ? "" : *value;
}
std::string sent(const HttpRequest& request, const char* name) {
  const std::string* value = api::header(request, name);
  return value == nullptr ? "" : *value;
}
Value json(const OutgoingResponse& response) {
  INFO(response.body << response.error);
  Result<Value> value = parse_json(response.body, {.bytes_max = 1 << 22});
  REQUIRE(value);
  return *value;
}
std::string code(const OutgoingResponse& response) {
  return api::text_field(json(response), "code");
}

// An address where nobody listens.
LaneHolder gone() {
  NodeServer closed("gone");
  LaneHolder holder = closed.holds();
  return holder;
}

// What `from` mails is carried out by `to`, under ids 1, 2, …; what was mailed is kept.
std::shared_ptr<std::vector<std::string>> connect_mail(NodeServer& from, NodeServer& to) {
  auto mails = std::make_shared<std::vector<std::string>>();
  from.bench.engine.mail = [mails, &to](Lane lane, std::string body,
                                        std::function<void(Result<std::string>)> done) {
    CHECK(lane == 7);
    mails->push_back(body);
    to.bench.engine.request_hook(std::to_string(mails->size()), std::move(body),
                                 [done](std::string answer) { done(std::move(answer)); });
  };
  return mails;
}

}  // namespace

TEST_CASE("what another node holds is asked of it as it is, and its answer comes back as it is") {
  NodeServer a("a", options_of("a"), true), b("b", options_of("b"), true);
  const std::string key = api::make_api_key();
  ApiKeyRow row;
  row.id = "key_1";
  row.tenant = "acme";
  row.role = "operator";
  row.name = "anna";
  REQUIRE(a.bench.reader.add_api_key(row, sha256_hex(key)));
  REQUIRE(b.bench.reader.add_api_key(row, sha256_hex(key)));
  a.knows(b);

  const auto started =
      a.ask("POST", "/v1/sagas", kStart,
            {{"Authorization", "Bearer " + key}, {"Idempotency-Key", "k-1"}, {"X-Trace", "t 1"}});
  CHECK(started.status == 201);
  const std::string id = api::text_field(json(started), "id");
  CHECK(header_of(started, "location") == "/v1/sagas/" + id);
  CHECK(header_of(started, "etag") == "\"1\"");
  CHECK(header_of(started, "content-type") == "application/json");
  CHECK(std::count_if(started.headers.begin(), started.headers.end(),
                      [](const auto& h) { return h.first == "cache-control"; }) == 1);
  CHECK(a.bench.engine.sagas.empty());
  CHECK(b.bench.engine.sagas.at(id).row.tenant == "acme");
  REQUIRE(b.count() == 1);
  CHECK(b.seen[0].body == kStart);
  CHECK(sent(b.seen[0], "authorization") == "Bearer " + key);
  CHECK(sent(b.seen[0], "idempotency-key") == "k-1");
  CHECK(sent(b.seen[0], "x-trace") == "t 1");
  CHECK(sent(b.seen[0], "belay-forwarded-by") == "a");

  const auto page = a.ask("GET", "/v1/sagas/" + id + "/history?after=0&limit=1", "",
                          {{"Authorization", "Bearer " + key}});
  CHECK(page.status == 200);
  CHECK(b.seen[1].query.find("limit")->second == "1");
  const auto again = a.ask("GET", "/v1/sagas/" + id, "",
                           {{"Authorization", "Bearer " + key}, {"If-None-Match", "\"1\""}});
  CHECK(again.status == 304);
  const auto cancelled = a.ask("POST", "/v1/sagas/" + id + "/cancel", R"({"reason":"x"})",
                               {{"Authorization", "Bearer " + key}, {"If-Match", "\"1\""}});
  CHECK(cancelled.status == 200);
  // Who has no key does not make one node call another.
  const std::size_t before = b.count();
  CHECK(a.ask("POST", "/v1/sagas", kStart).status == 401);
  CHECK(b.count() == before);
}

TEST_CASE("lists are of the database: any node serves them") {
  NodeServer a("a"), b("b");
  a.knows(b);
  CHECK(a.ask("GET", "/v1/sagas").status == 200);
  CHECK(a.ask("GET", "/v1/workflows").status == 200);
  CHECK(b.count() == 0);
}

TEST_CASE("what was forwarded is not forwarded again") {
  NodeServer a("a"), b("b");
  a.knows(b);
  const auto refused = a.ask("POST", "/v1/sagas", kStart, {{"Belay-Forwarded-By", "c"}});
  CHECK(refused.status == 503);
  CHECK(code(refused) == "fenced");
  CHECK(header_of(refused, "retry-after") == "1");
  CHECK(header_of(refused, "belay-elsewhere") == "lane 7");
  CHECK(b.count() == 0);
}

TEST_CASE("a holder that has just lost the lane is not the last word") {
  NodeServer a("a"), b("b"), c("c");
  SECTION("another has it") {
    a.knows(b);
    b.knows(c);
    b.bench.engine.on_refusal = [&] { a.bench.engine.set_holder(c.holds()); };
    CHECK(a.ask("POST", "/v1/sagas", kStart).status == 201);
    CHECK(c.bench.engine.sagas.size() == 1);
    CHECK(c.count() == 1);
  }
  SECTION("it has come to the one that was asked first") {
    a.knows(b);
    b.knows(a);
    b.bench.engine.on_refusal = [&] {
      a.bench.engine.set_elsewhere(false);
      a.bench.engine.set_holder(std::nullopt);
    };
    CHECK(a.ask("POST", "/v1/sagas", kStart).status == 201);
    CHECK(a.bench.engine.sagas.size() == 1);
    CHECK(a.count() == 1);
  }
  SECTION("nobody tells who has it: it goes by mail") {
    a.knows(b);
    b.knows(a);
    const auto mails = connect_mail(a, c);
    CHECK(a.ask("POST", "/v1/sagas", kStart).status == 201);
    CHECK(c.bench.engine.sagas.size() == 1);
    CHECK(b.count() == 2);
  }
}

TEST_CASE("a lane that nobody holds is somebody's in a moment") {
  NodeServer a("a"), b("b");
  a.knows(b);
  a.bench.engine.nobody_for_looks = 1;
  CHECK(a.ask("POST", "/v1/sagas", kStart).status == 201);
  CHECK(b.bench.engine.sagas.size() == 1);
}

TEST_CASE("who cannot be connected to gets it by mail, without the key and once") {
  NodeServer a("a", options_of("a"), true), b("b", options_of("b"), true);
  const std::string key = api::make_api_key();
  ApiKeyRow row;
  row.id = "key_1";
  row.tenant = "acme";
  row.role = "starter";
  row.name = "shop";
  REQUIRE(a.bench.reader.add_api_key(row, sha256_hex(key)));
  a.knows(gone());
  const auto mails = connect_mail(a, b);
  const auto started =
      a.ask("POST", "/v1/sagas", kStart, {{"Authorization", "Bearer " + key}, {"Cookie", "c=1"}});
  CHECK(started.status == 201);
  const std::string id = api::text_field(json(started), "id");
  CHECK(header_of(started, "location") == "/v1/sagas/" + id);
  CHECK(b.bench.engine.sagas.at(id).row.tenant == "acme");
  CHECK(b.bench.engine.sagas.at(id).journal[0].actor == "key:shop");
  REQUIRE(mails->size() == 1);
  CHECK(mails->at(0).find(key) == std::string::npos);
  CHECK(mails->at(0).find("c=1") == std::string::npos);
  REQUIRE(b.bench.engine.start_keys.size() == 1);
  CHECK(b.bench.engine.start_keys.begin()->first.starts_with("acme/mail:"));

  // The holder crashed after it was done, and the next one is told again.
  std::promise<std::string> second;
  b.bench.engine.request_hook("1", mails->at(0),
                              [&](std::string answer) { second.set_value(std::move(answer)); });
  const auto answer = api::decode_mailed_answer(second.get_future().get(), nullptr);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(Bench::text(Bench::json(*answer), "id") == id);
  CHECK(b.bench.engine.sagas.size() == 1);

  // A key that was sent stays the key.
  CHECK(a.ask("POST", "/v1/sagas", kStart,
              {{"Authorization", "Bearer " + key}, {"Idempotency-Key", "k-1"}})
            .status == 201);
  CHECK(b.bench.engine.start_keys.contains("acme/k-1"));
}

TEST_CASE("the desk asks again what the role may, and does not take what it cannot read") {
  NodeServer b("b");
  const auto carried = [&](const std::string& body, const Sealer* sealer = nullptr) {
    std::promise<std::string> answer;
    b.bench.engine.request_hook("1", body, [&](std::string a) { answer.set_value(std::move(a)); });
    const auto response = api::decode_mailed_answer(answer.get_future().get(), sealer);
    REQUIRE(response);
    return *response;
  };
  api::MailedRequest request;
  request.route = "startSaga";
  request.http.method = "POST";
  request.http.path = "/v1/sagas";
  request.http.headers.emplace("Content-Type", "application/json");
  request.http.body = kStart;
  request.who = {"acme", "key:eve", api::Role::kViewer, {}};
  request.nonce = "n";
  CHECK(carried(*api::encode_mailed(request, nullptr)).status == 403);
  request.who.role = api::Role::kStarter;
  CHECK(carried(*api::encode_mailed(request, nullptr)).status == 201);
  request.route = "noSuchThing";
  CHECK(carried(*api::encode_mailed(request, nullptr)).status == 501);
  CHECK(carried("no json").status == 503);
  CHECK(carried(R"({"form":2})").status == 503);
  CHECK(carried(R"({"form":1,"route":"startSaga"})").status == 503);
  CHECK(b.bench.engine.sagas.size() == 1);
  request.http.body = std::string(1'100'000, 'x');
  CHECK(api::encode_mailed(request, nullptr).error().code == ErrorCode::kTooLarge);
  request.http.body = std::string("\x00\xff", 2);
  CHECK(api::decode_mailed(*api::encode_mailed(request, nullptr), nullptr)->http.body ==
        request.http.body);
}

TEST_CASE("with a master key mail is sealed, and only what was sealed with it is taken") {
  const SealerPtr sealer = *Sealer::from_text(std::string(64, 'a'));
  const SealerPtr other = *Sealer::from_text(std::string(64, 'b'));
  auto options = options_of("a");
  options.sealer = sealer;
  NodeServer a("a", options), b("b", options);
  a.knows(gone());
  const auto mails = connect_mail(a, b);
  CHECK(a.ask("POST", "/v1/sagas", kStart).status == 201);
  REQUIRE(mails->size() == 1);
  CHECK(mails->at(0).find("ann@example.org") == std::string::npos);
  CHECK(api::decode_mailed(mails->at(0), sealer.get())->http.body == kStart);
  CHECK(api::decode_mailed(mails->at(0), other.get()).error().code == ErrorCode::kForbidden);
  CHECK(api::decode_mailed(mails->at(0), nullptr).error().code == ErrorCode::kForbidden);
  const auto open = api::encode_mailed(*api::decode_mailed(mails->at(0), sealer.get()), nullptr);
  CHECK(api::decode_mailed(*open, sealer.get()).error().code == ErrorCode::kForbidden);
}

TEST_CASE("what was sent and not answered is sent again only when twice is once") {
  auto options = options_of("a");
  options.answer_timeout_ms = 300;
  NodeServer a("a", options), b("b"), c("c");
  std::promise<void> go;
  b.before = [wait = go.get_future().share()] { wait.wait(); };
  a.knows(b);
  SECTION("no key: in doubt") {
    const auto doubt = a.ask("POST", "/v1/sagas", kStart);
    CHECK(doubt.status == 503);
    CHECK(code(doubt) == "in_doubt");
    CHECK(header_of(doubt, "belay-elsewhere").empty());
    CHECK(b.count() == 1);
  }
  SECTION("a key: by mail, when the same node would be asked again in vain") {
    const auto mails = connect_mail(a, c);
    CHECK(a.ask("POST", "/v1/sagas", kStart, {{"Idempotency-Key", "k"}}).status == 201);
    CHECK(b.count() == 2);
    CHECK(c.bench.engine.sagas.size() == 1);
  }
  go.set_value();
}

TEST_CASE("whose lane went elsewhere while it kept silent is not waited for") {
  auto options = options_of("a");
  options.answer_timeout_ms = 60'000;
  NodeServer a("a", options), b("b"), c("c");
  std::promise<void> go;
  b.before = [wait = go.get_future().share()] { wait.wait(); };
  a.knows(b);
  std::thread taker([&] {
    b.came.promise.get_future().wait();
    a.bench.engine.set_holder(c.holds());
  });
  CHECK(a.ask("POST", "/v1/sagas", kStart, {{"Idempotency-Key", "k"}}).status == 201);
  CHECK(c.bench.engine.sagas.size() == 1);
  taker.join();
  go.set_value();
}

TEST_CASE("what may be sent again") {
  Bench bench;
  const auto repeatable = [&](const std::string& id, const std::string& body,
                              HttpHeaders headers = {},
                              std::multimap<std::string, std::string> query = {}) {
    for (const api::Route& route : bench.api->routes()) {
      if (route.id != id) continue;
      HttpRequest request;
      request.method = route.method;
      request.headers = std::move(headers);
      request.query = std::move(query);
      request.body = body;
      return api::is_repeatable(route, request);
    }
    FAIL("no route");
    return false;
  };
  CHECK(repeatable("getSaga", ""));
  CHECK(!repeatable("startSaga", "{}"));
  CHECK(repeatable("startSaga", "{}", {{"Idempotency-Key", "k"}}));
  CHECK(!repeatable("publishEvent", R"({"type":"t"})"));
  CHECK(!repeatable("publishEvent", R"({"type":"t","id":""})"));
  CHECK(repeatable("publishEvent", R"({"type":"t","id":"e"})"));
  CHECK(!repeatable("cancelSaga", R"({"id":"e"})"));
  CHECK(repeatable("cancelSaga", "{}", {}, {{"dry_run", "true"}}));
  CHECK(repeatable("webhook:bank_in", "{}"));
}

TEST_CASE("threads that wait for other nodes are bounded") {
  auto options = options_of("a");
  options.under_way_max = 1;
  NodeServer a("a", options), b("b");
  std::promise<void> go;
  b.before = [wait = go.get_future().share()] { wait.wait(); };
  a.knows(b);
  auto first = std::async(std::launch::async, [&] { return a.ask("POST", "/v1/sagas", kStart); });
  b.came.promise.get_future().wait();
  const auto second = a.ask("POST", "/v1/sagas", kStart);
  CHECK(second.status == 429);
  CHECK(header_of(second, "retry-after") == "1");
  go.set_value();
  CHECK(first.get().status == 201);
  CHECK(a.ask("POST", "/v1/sagas", kStart).status == 201);
}

TEST_CASE("no node at all: 503, and certainly not done") {
  NodeServer a("a");
  a.knows(gone());
  const auto refused = a.ask("POST", "/v1/sagas", kStart);
  CHECK(refused.status == 503);
  CHECK(code(refused) == "fenced");
  CHECK(header_of(refused, "retry-after") == "1");
  CHECK(header_of(refused, "belay-elsewhere").empty());
}

TEST_CASE("while it stops, a node hands over what it is asked") {
  NodeServer a("a"), b("b");
  a.bench.engine.all_nodes = {{"a", a.url(), 0, 0, true},
                              {"gone", gone().address, 0, 0, false},
                              {"b", b.url(), 32, 9'000, false}};
  CHECK(a.ask("GET", "/readyz").status == 200);
  a.bench.api->begin_stop();
  a.bench.engine.all_nodes.clear();
  a.bench.engine.stopping = true;
  CHECK(a.ask("GET", "/readyz").status == 503);
  CHECK(a.ask("POST", "/v1/sagas", kStart).status == 201);
  CHECK(b.bench.engine.sagas.size() == 1);
  CHECK(sent(b.seen[0], "belay-handed-over-by") == "a");
  CHECK(sent(b.seen[0], "belay-forwarded-by").empty());

  // b stops too, and knows a only: it is not handed back.
  b.bench.engine.all_nodes = {{"a", a.url(), 0, 0, false}};
  b.bench.api->begin_stop();
  b.bench.engine.stopping = true;
  const std::size_t before = a.count();
  const auto refused = a.ask("POST", "/v1/sagas", kStart);
  CHECK(a.count() == before + 1);
  CHECK(refused.status == 503);
  CHECK(code(refused) == "shutting_down");
  CHECK(header_of(refused, "retry-after") == "2");
  CHECK(header_of(refused, "belay-elsewhere").empty());
}

TEST_CASE("the events of one delivery go each to the node that holds its key") {
  NodeServer a("a"), b("b");
  setenv("BELAY_SECRET_BANK_WHSEC", "whsec_new", 1);
  setenv("BELAY_SECRET_BANK_WHSEC_OLD", "whsec_old", 1);
  a.bench.engine.elsewhere_key = "there";
  a.knows(b);
  b.bench.engine.elsewhere_key = "here";
  b.knows(a);
  const std::string body =
      R"({"id":"d-1","first":"here","second":"there","currency":"EUR","minor":100})";
  const std::string signature =
      sign(SignatureScheme::kStripe, Secret(std::string("whsec_new")), "", 1'763'000'000, body);
  const auto taken = a.ask("POST", "/hooks/two", body, {{"Stripe-Signature", signature}});
  INFO(taken.body);
  CHECK(taken.status == 200);
  REQUIRE(a.bench.engine.published.size() == 1);
  REQUIRE(b.bench.engine.published.size() == 1);
  CHECK(a.bench.engine.published[0].key == "here");
  CHECK(b.bench.engine.published[0].key == "there");
  CHECK(b.bench.engine.published[0].id == "d-1#1");
  CHECK(sent(b.seen[0], "belay-part") == "1");
  CHECK(json(taken).find("events")->as_list().size() == 2);
  CHECK(!json(taken).find("duplicate")->as_bool());

  const auto again = a.ask("POST", "/hooks/two", body, {{"Stripe-Signature", signature}});
  CHECK(json(again).find("duplicate")->as_bool());
  // The other node verifies for itself, and a stranger's mark makes nothing of what was not signed.
  CHECK(a.ask("POST", "/hooks/two", body + " ",
              {{"Stripe-Signature", signature}, {"Belay-Forwarded-By", "x"}})
            .status == 401);

  // By mail the signature goes along.
  a.knows(gone());
  const auto mails = connect_mail(a, b);
  const std::string next =
      R"({"id":"d-2","first":"here","second":"there","currency":"EUR","minor":100})";
  const auto mailed =
      a.ask("POST", "/hooks/two", next,
            {{"Stripe-Signature", sign(SignatureScheme::kStripe, Secret(std::string("whsec_new")),
                                       "", 1'763'000'000, next)}});
  INFO(mailed.body);
  CHECK(mailed.status == 200);
  CHECK(b.bench.engine.published.back().id == "d-2#1");
}

TEST_CASE("nodes, their lanes and who is asked") {
  NodeServer a("a"), b("b");
  a.knows(b);
  a.bench.engine.all_nodes = {{"a", a.url(), 31, 9'000, true}, {"b", "", 1, 8'000, false}};
  const auto answer = a.ask("GET", "/v1/nodes");
  REQUIRE(answer.status == 200);
  const Value nodes = json(answer);
  CHECK(api::text_field(nodes, "me") == "a");
  REQUIRE(nodes.find("nodes")->as_list().size() == 2);
  const Value& first = nodes.find("nodes")->as_list()[0];
  const Value& second = nodes.find("nodes")->as_list()[1];
  CHECK(first.find("me")->as_bool());
  CHECK(first.find("lanes")->as_list().size() == 31);
  CHECK(second.find("lanes")->as_list().size() == 1);
  CHECK(second.find("lanes")->as_list()[0].as_int() == 7);
  CHECK(second.find("address") == nullptr);
  CHECK(nodes.find("unheld")->as_list().empty());
}
