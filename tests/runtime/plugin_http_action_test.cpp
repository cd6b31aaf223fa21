// HTTP actions: the request out of a call, the outcome out of an answer, and the traffic of a
// connector: limits, breaker, lease, live changes.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "interpreter/functions.h"
#include "runtime/actions/http_action.h"
#include "runtime/actions/world_runner.h"
#include "tests/catch.h"

using namespace belay::runtime;
using namespace belay::interpreter;

namespace {

Type of(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

Program slot(std::uint32_t index) {
  Program program;
  program.nodes.resize(1);
  program.nodes[0].kind = ExprKind::kSlot;
  program.nodes[0].index = index;
  return program;
}
Program field(std::uint32_t index, std::initializer_list<const char*> names) {
  Program program = slot(index);
  for (const char* name : names) {
    ExprNode node;
    node.kind = ExprKind::kField;
    node.text = name;
    node.args = {static_cast<std::uint32_t>(program.nodes.size() - 1)};
    program.nodes.push_back(node);
  }
  return program;
}
Program is(Program left, Value right) {
  ExprNode literal;
  literal.literal = std::move(right);
  left.nodes.push_back(literal);
  ExprNode equal;
  equal.kind = ExprKind::kCall;
  equal.index = static_cast<std::uint32_t>(Function::kEqual);
  const auto n = static_cast<std::uint32_t>(left.nodes.size());
  equal.args = {n - 2, n - 1};
  left.nodes.push_back(equal);
  return left;
}

// stripe.capture: takes intent, amount, optional note; gives charge, at, optional fee.
Action capture() {
  Type note = of(Type::Base::kText), fee = of(Type::Base::kInt);
  note.optional = fee.optional = true;
  Action action;
  action.name = "stripe.capture";
  action.takes = {
      {"intent", of(Type::Base::kText)}, {"amount", of(Type::Base::kMoney)}, {"note", note}};
  const std::uint32_t body = 3, status = 4, header = 5;
  action.gives = {{{"charge", of(Type::Base::kText)}, field(body, {"latest_charge"})},
                  {{"at", of(Type::Base::kTimestamp)}, field(body, {"at"})},
                  {{"fee", fee}, field(body, {"fee"})},
                  {{"trace", note}, field(header, {"x_trace"})}};
  action.outcomes = {
      {is(slot(status), Value::integer(402)), "stripe.card_declined"},
      {is(field(body, {"state"}), Value::string("declined")), "stripe.declined_politely"}};
  action.http = {"stripe",
                 "POST",
                 "/v1/intents/{intent}/capture",
                 {{"amount", field(1, {"minor"})}, {"note", slot(2)}},
                 {},
                 {{"X-Currency", field(1, {"currency"})}}};
  return action;
}

ActionCall call_of(Action action) {
  auto graph = std::make_shared<Graph>();
  graph->actions = {std::move(action)};
  ActionCall call;
  call.graph = graph;
  call.key = "s:capture:do:0";
  call.args = record(
      {{"intent", Value::string("pi 1/2")}, {"amount", Value::money({4990, {'E', 'U', 'R'}})}});
  call.now = {1'795'262'400'000'000};
  return call;
}

OutgoingResponse answer(int status, std::string body) {
  OutgoingResponse response;
  response.reached = OutgoingResponse::Reached::kAnswered;
  response.status = status;
  response.body = std::move(body);
  response.headers = {{"x_trace", "t1"}, {"x_trace", "t2"}};
  return response;
}

struct Judged {
  ActionOutcome outcome;
  std::string incident;
};
Judged judge(const OutgoingResponse& response, Action action = capture()) {
  Judged out;
  out.outcome = outcome_of_answer(call_of(std::move(action)), response, out.incident);
  return out;
}

// Answers each request with what `reply` says, one request a connection.
class Server {
 public:
  explicit Server(std::function<std::string(const std::string& request)> reply)
      : reply_(std::move(reply)) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(fd_, 128) == 0);
    socklen_t size = sizeof address;
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this] {
      for (;;) {
        const int client = accept(fd_, nullptr, nullptr);
        if (client < 0) return;
        threads_.emplace_back([this, client] {
          std::string in;
          char buffer[4096];
          for (;;) {
            const std::size_t end = in.find("\r\n\r\n");
            const std::size_t at = in.find("Content-Length: ");
            const std::size_t length = at == std::string::npos ? 0 : std::stoul(in.substr(at + 16));
            if (end != std::string::npos && in.size() >= end + 4 + length) break;
            const ssize_t n = recv(client, buffer, sizeof buffer, 0);
            if (n <= 0) break;
            in.append(buffer, static_cast<std::size_t>(n));
          }
          if (!in.empty()) {
            const std::string body = reply_(in);
            const std::string out =
                "HTTP/1.1 " + body.substr(0, 3) +
                " X\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size() - 4) +
                "\r\n\r\n" + body.substr(4);
            (void)!send(client, out.data(), out.size(), MSG_NOSIGNAL);
          }
          close(client);
        });
      }
    });
  }
  ~Server() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    for (std::thread& thread : threads_) thread.join();
    close(fd_);
  }
  std::string url;

 private:
  std::function<std::string(const std::string&)> reply_;
  int fd_ = -1;
  std::thread thread_;
  std::list<std::thread> threads_;
};

ConnectorConfig stripe(const std::string& url) {
  ConnectorConfig config;
  config.name = "stripe";
  config.base_url = url;
  config.request_key_header = "Idempotency-Key";
  config.body = ConnectorConfig::BodyKind::kForm;
  config.allow_private = true;
  config.timeout_ms = 3000;
  return config;
}

ActionOutcome run(ActionRunner& runner, ActionCall call) {
  std::promise<ActionOutcome> promise;
  auto future = promise.get_future();
  runner.run(std::move(call),
             [&](ActionOutcome outcome) { promise.set_value(std::move(outcome)); });
  return future.get();
}

const std::string kFine = R"(200 {"latest_charge":"ch_1","at":"2026-11-21T12:00:00Z"})";

}  // namespace

TEST_CASE("a call becomes a request") {
  ConnectorConfig config = stripe("http://x");
  CallParts parts = *parts_of(call_of(capture()), config);
  CHECK(parts.method == "POST");
  CHECK(parts.path == "/v1/intents/pi%201%2F2/capture");
  CHECK(parts.body == "amount=4990");  // the optional note is absent, so it is left out
  CHECK(parts.content_type == "application/x-www-form-urlencoded");
  CHECK(parts.headers == std::vector<std::pair<std::string, std::string>>{{"X-Currency", "EUR"}});
  CHECK(parts.request_key == "s:capture:do:0");
  config.body = ConnectorConfig::BodyKind::kJson;
  Action action = capture();
  action.http.body[0].value = slot(1);
  CHECK(parts_of(call_of(action), config)->body == R"({"amount":{"currency":"EUR","minor":4990}})");
  config.body = ConnectorConfig::BodyKind::kForm;
  CHECK(!parts_of(call_of(action), config));  // money has no form
  action.http.body[0].value = field(0, {"minor"});
  const auto bad = parts_of(call_of(action), config);
  REQUIRE(!bad);
  CHECK(bad.error().message.starts_with("amount: "));
}

TEST_CASE("an answer becomes an outcome") {
  using K = FailureKind;
  const auto fine =
      judge(answer(200,
                   R"({"latest_charge":"ch_1","at":"2026-11-21T13:00:00+01:00","new":{"x":[1]}})"))
          .outcome;
  INFO(fine.message);
  REQUIRE(fine.ok);
  CHECK(to_text(fine.result) ==
        R"({"at": 2026-11-21T12:00:00Z, "charge": "ch_1", "trace": "t1, t2"})");

  const auto check = [](const Judged& judged, K kind, const std::string& error, bool answered) {
    CHECK(!judged.outcome.ok);
    CHECK(judged.outcome.kind == kind);
    CHECK(judged.outcome.error == error);
    CHECK(judged.outcome.answered == answered);
  };
  check(judge(answer(402, "whatever")), K::kBusiness, "stripe.card_declined", true);
  check(judge(answer(200, R"({"state":"declined"})")), K::kBusiness, "stripe.declined_politely",
        true);
  check(judge(answer(404, "{}")), K::kBusiness, "refused", true);
  check(judge(answer(500, "{}")), K::kUnsure, "server_error", true);
  check(judge(answer(429, "{}")), K::kTransient, "rate_limited", true);
  const Judged sign_in = judge(answer(401, "{}"));
  check(sign_in, K::kTransient, "sign_in", true);
  CHECK(sign_in.incident.find("keys are not accepted") != std::string::npos);
  for (const char* unreadable :
       {"", "{", R"({"latest_charge":7,"at":"2026-11-21T13:00:00Z"})",
        R"({"latest_charge":"ch_1"})",
        R"({"latest_charge":"ch\u0000","at":"2026-11-21T13:00:00Z"})", "[]"}) {
    INFO(unreadable);
    check(judge(answer(200, unreadable)), K::kUnsure, "unreadable", true);
  }
  CHECK(judge(answer(200, R"({"latest_charge":7,"at":"2026-11-21T13:00:00Z"})"))
            .outcome.message.find("charge: must be text, is a whole number") != std::string::npos);
  OutgoingResponse lost;
  lost.reached = OutgoingResponse::Reached::kUnknown;
  lost.error = "timed out";
  check(judge(lost), K::kUnsure, "no_answer", false);
  lost.reached = OutgoingResponse::Reached::kNotSent;
  check(judge(lost), K::kTransient, "unreachable", false);
}

TEST_CASE("the key goes out, the result comes back") {
  std::mutex mutex;
  std::string last;
  Server server([&](const std::string& request) {
    const std::lock_guard lock(mutex);
    last = request;
    return kFine;
  });
  const auto take_seen = [&] {
    const std::lock_guard lock(mutex);
    return std::exchange(last, "");
  };
  WorldOptions options;
  options.connectors = {stripe(server.url)};
  WorldRunner runner(std::move(options));
  const ActionOutcome outcome = run(runner, call_of(capture()));
  INFO(outcome.message);
  REQUIRE(outcome.ok);
  const std::string seen = take_seen();
  CHECK(seen.find("POST /v1/intents/pi%201%2F2/capture HTTP/1.1\r\n") == 0);
  CHECK(seen.find("Idempotency-Key: s:capture:do:0\r\n") != std::string::npos);
  CHECK(seen.ends_with("\r\n\r\namount=4990"));

  Action other = capture();
  other.http.connector = "nowhere";
  CHECK(run(runner, call_of(other)).kind == FailureKind::kTransient);
  ActionCall late = call_of(capture());
  late.send_until_us = std::make_shared<std::atomic<std::int64_t>>(0);
  CHECK(run(runner, late).kind == FailureKind::kTransient);
  CHECK(take_seen().empty());
  Action sql;
  sql.runs = Action::Runs::kSql;
  CHECK(run(runner, call_of(sql)).kind == FailureKind::kTransient);
}

TEST_CASE("a missing secret is an incident of the connector, not of the saga") {
  Server server([](const std::string&) { return kFine; });
  ConnectorConfig config = stripe(server.url);
  config.sign_in = ConnectorConfig::SignIn::kBearer;
  config.secret = "no_such_secret_anywhere";
  WorldOptions options;
  options.connectors = {config};
  std::vector<std::string> incidents;
  options.on_incident = [&](const std::string& connector, const std::string& what) {
    incidents.push_back(connector + ": " + what);
  };
  WorldRunner runner(std::move(options));
  CHECK(run(runner, call_of(capture())).kind == FailureKind::kTransient);
  REQUIRE(incidents.size() == 1);
  CHECK(incidents[0].starts_with("stripe: the secret `no_such_secret_anywhere` is missing"));
}

TEST_CASE("not more at once than the connector allows, and everyone gets a turn") {
  std::atomic<int> inside{0}, most{0}, served{0};
  Server server([&](const std::string&) {
    const int now = ++inside;
    int seen = most;
    while (now > seen && !most.compare_exchange_weak(seen, now)) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --inside;
    ++served;
    return kFine;
  });
  ConnectorConfig config = stripe(server.url);
  config.at_once = 3;
  WorldOptions options;
  options.connectors = {config};
  std::atomic<int> ok{0}, other{0};
  {
    WorldRunner runner(std::move(options));
    std::promise<void> all;
    for (int i = 0; i < 60; ++i) {
      runner.run(call_of(capture()), [&](ActionOutcome outcome) {
        ++(outcome.ok ? ok : other);
        if (ok + other == 60) all.set_value();
      });
      if (i == 30) {
        config.timeout_ms = 2999;  // a live change that keeps the limits
        runner.set_connectors({config});
      }
    }
    all.get_future().wait();
  }
  CHECK(ok == 60);
  CHECK(most <= 3);
}

TEST_CASE("a connector that fails is left alone for a while") {
  std::atomic<int> served{0};
  Server server([&](const std::string&) {
    ++served;
    return std::string("503 {}");
  });
  ConnectorConfig config = stripe(server.url);
  config.breaker_failures = 3;
  config.breaker_rest_ms = 60'000;
  WorldOptions options;
  options.connectors = {config};
  WorldRunner runner(std::move(options));
  for (int i = 0; i < 3; ++i) CHECK(run(runner, call_of(capture())).kind == FailureKind::kUnsure);
  for (int i = 0; i < 3; ++i) {
    const ActionOutcome outcome = run(runner, call_of(capture()));
    CHECK(outcome.kind == FailureKind::kTransient);
    CHECK(outcome.error == "unavailable");
    CHECK(outcome.retry_after_ms > 50'000);
  }
  CHECK(served == 3);
}

TEST_CASE("what waits and what is on its way is answered at the end") {
  std::atomic<bool> stop{false};
  Server server([&](const std::string&) {
    while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return kFine;
  });
  ConnectorConfig config = stripe(server.url);
  config.at_once = 1;
  WorldOptions options;
  options.connectors = {config};
  std::atomic<int> transient{0}, unsure{0};
  {
    WorldRunner runner(std::move(options));
    for (int i = 0; i < 5; ++i) {
      runner.run(call_of(capture()), [&](ActionOutcome outcome) {
        ++(outcome.kind == FailureKind::kUnsure ? unsure : transient);
      });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  stop = true;
  CHECK(transient + unsure == 5);
  CHECK(transient >= 4);
}
