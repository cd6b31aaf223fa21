// Connectors: how a call becomes a request, the limiter, the breaker. Time is a number.
#include "runtime/actions/connector.h"

#include <stdlib.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/catch.h"

using namespace belay::runtime;
using belay::interpreter::Money;
using belay::interpreter::record;
using belay::interpreter::Value;

namespace {

std::string form_of(const Value& value) {
  const auto form = encode_form(value);
  return form ? *form : "<" + to_text(form.error()) + ">";
}

std::string path_of(const std::string& path, const Value& args) {
  const auto filled = fill_path(path, args);
  return filled ? *filled : "<" + to_text(filled.error()) + ">";
}

Value text(const char* value) { return Value::string(value); }

}  // namespace

TEST_CASE("a record becomes a form") {
  CHECK(form_of(Value()) == "");
  CHECK(form_of(record({})) == "");
  CHECK(form_of(record({{"amount", Value::integer(4990)}, {"note", text("a b&c=d/ü")}})) ==
        "amount=4990&note=a%20b%26c%3Dd%2F%C3%BC");
  CHECK(form_of(record({{"metadata", record({{"booking", text("x")}, {"a[b]", text("y")}})}})) ==
        "metadata[a%5Bb%5D]=y&metadata[booking]=x");
  CHECK(form_of(record({{"items", Value::list({record({{"price", text("p1")}}),
                                               record({{"price", text("p2")}})})}})) ==
        "items[0][price]=p1&items[1][price]=p2");
  CHECK(form_of(record({{"a", Value::boolean(true)},
                        {"b", Value()},
                        {"c", Value::real(0.1)},
                        {"d", text("")}})) == "a=true&c=0.1&d=");
  CHECK(form_of(record({{"amount", Value::money(Money{4990, {'E', 'U', 'R'}})}})) ==
        "<`amount` has no form as text; send its parts: `amount.minor`, `amount.currency`>");
  CHECK(form_of(record({{"x", Value::real(std::numeric_limits<double>::infinity())}}))
            .starts_with("<`x` has no form"));
  CHECK(form_of(Value::integer(1)) == "<a form must be a record>");
  Value deep = Value::integer(1);
  for (int i = 0; i < 1000; ++i) deep = record({{"x", deep}});
  CHECK(form_of(deep) == "<the form is nested too deep>");
}

TEST_CASE("a path is filled, and never leads elsewhere") {
  const Value args = record({{"intent", text("pi_1/../x?y#z")},
                             {"n", Value::integer(7)},
                             {"empty", text("")},
                             {"dots", text("..")},
                             {"dot", text(".")},
                             {"list", Value::list({})}});
  CHECK(path_of("/v1/payment_intents/{intent}/capture", args) ==
        "/v1/payment_intents/pi_1%2F..%2Fx%3Fy%23z/capture");
  CHECK(path_of("/{n}-{n}", args) == "/7-7");
  CHECK(path_of("/plain", args) == "/plain");
  CHECK(path_of("/{missing}", args) == "<the path needs `missing`, which has no value>");
  CHECK(path_of("/{empty}/x", args) == "<the path needs `empty`, which is empty>");
  CHECK(path_of("/a/{dots}/b", args) == "<the filled path has a segment `..`>");
  CHECK(path_of("/a/{dot}{dot}", args) == "<the filled path has a segment `..`>");
  CHECK(path_of("/a/x{dots}", args) == "/a/x..");
  CHECK(path_of("/{list}", args).starts_with("<`list` has no form as text"));
  CHECK(path_of("/{n", args) == "<the path has a `{` without its `}`>");
}

TEST_CASE("the request as it leaves") {
  setenv("BELAY_SECRET_CONNECTOR_TEST_KEY", "sk_1", 1);
  const SecretStore secrets("");
  ConnectorConfig config;
  config.name = "stripe";
  config.base_url = "http://pay.test/base/";
  config.secret = "connector_test_key";
  config.request_key_header = "Idempotency-Key";
  config.timeout_ms = 9'000;
  CallParts parts;
  parts.method = "POST";
  parts.path = "/v1/x";
  parts.query = record({{"expand", Value::list({text("a b")})}});
  parts.body = "a=1";
  parts.content_type = "application/x-www-form-urlencoded";
  parts.request_key = "s1:capture:do:0";
  using SignIn = ConnectorConfig::SignIn;

  auto check = [&](SignIn kind, const std::string& name, const std::string& value) {
    config.sign_in = kind;
    const auto request = build_request(config, parts, secrets);
    REQUIRE((request ? "" : to_text(request.error())) == std::string());
    CHECK(request->url == "http://pay.test/base/v1/x?expand[0]=a%20b");
    CHECK(request->body == "a=1");
    CHECK(request->timeout_ms == 9'000);
    CHECK(!request->allow_private_addresses);
    CHECK(request->headers[1] ==
          std::pair<std::string, std::string>("Idempotency-Key", "s1:capture:do:0"));
    REQUIRE(request->headers.size() == (name.empty() ? 2U : 3U));
    if (!name.empty())
      CHECK(request->headers[2] == std::pair<std::string, std::string>(name, value));
  };
  check(SignIn::kNone, "", "");
  check(SignIn::kBearer, "Authorization", "Bearer sk_1");
  config.user = "anna";
  check(SignIn::kBasic, "Authorization", "Basic YW5uYTpza18x");
  config.header = "X-Api-Key";
  check(SignIn::kHeader, "X-Api-Key", "sk_1");
  unsetenv("BELAY_SECRET_CONNECTOR_TEST_KEY");
  const auto missing = build_request(config, parts, secrets);
  REQUIRE(!missing);
  CHECK(missing.error().code == ErrorCode::kMisconfigured);
}

TEST_CASE("the limiter keeps the rate in every second, and the order") {
  Limiter limiter({.per_second = 3, .at_once = 0});
  using Verdict = Limiter::Verdict;
  CHECK(limiter.ask(1, 0) == Verdict::kGo);
  CHECK(limiter.ask(2, 500) == Verdict::kGo);
  CHECK(limiter.ask(3, 900) == Verdict::kGo);
  CHECK(limiter.ask(4, 999) == Verdict::kWait);
  CHECK(limiter.ask(5, 999) == Verdict::kWait);
  CHECK(limiter.next_due_ms(999) == 1000);
  CHECK(limiter.take_due(999).empty());
  CHECK(limiter.take_due(1000) == std::vector<Limiter::Ticket>{4});
  CHECK(limiter.next_due_ms(1000) == 1500);
  CHECK(limiter.ask(6, 1499) == Verdict::kWait);
  CHECK(limiter.ask(7, 5000) == Verdict::kWait);  // not before those that wait
  CHECK(limiter.take_due(5000) == std::vector<Limiter::Ticket>{5, 6, 7});
  CHECK(limiter.next_due_ms(5000) == std::nullopt);
}

TEST_CASE("the limiter keeps calls at once, bounds the queue, and lets one give up") {
  Limiter limiter({.per_second = 0, .at_once = 2, .waiting_max = 2});
  using Verdict = Limiter::Verdict;
  CHECK(limiter.ask(1, 0) == Verdict::kGo);
  CHECK(limiter.ask(2, 0) == Verdict::kGo);
  CHECK(limiter.ask(3, 0) == Verdict::kWait);
  CHECK(limiter.ask(4, 0) == Verdict::kWait);
  CHECK(limiter.ask(5, 0) == Verdict::kFull);
  CHECK(limiter.next_due_ms(0) == std::nullopt);
  CHECK(limiter.forget(3));
  CHECK(!limiter.forget(3));
  limiter.ended();
  CHECK(limiter.take_due(0) == std::vector<Limiter::Ticket>{4});
  CHECK(limiter.running() == 2);
}

TEST_CASE("the breaker opens, rests, probes and closes") {
  using State = CircuitBreaker::State;
  CircuitBreaker breaker({.failures = 3, .rest_ms = 100});
  breaker.failed(0);
  breaker.failed(0);
  breaker.succeeded();
  breaker.failed(1);
  breaker.failed(1);
  CHECK(breaker.allow(1));
  breaker.failed(1);
  CHECK(breaker.state(1) == State::kOpen);
  CHECK(!breaker.allow(50));
  CHECK(breaker.wait_ms(50) == 51);
  breaker.failed(60);  // a straggler does not lengthen the rest
  CHECK(breaker.state(101) == State::kHalfOpen);
  CHECK(breaker.allow(101));
  CHECK(!breaker.allow(101));  // one probe
  breaker.failed(120);
  CHECK(!breaker.allow(219));
  CHECK(breaker.allow(220));
  breaker.abandoned();
  CHECK(breaker.allow(221));
  CHECK(!breaker.allow(320));
  CHECK(breaker.allow(321));  // the probe was never reported
  breaker.succeeded();
  CHECK(breaker.state(321) == State::kClosed);
  CHECK(breaker.allow(321));
}

TEST_CASE("without a number there is no breaker and no limit") {
  CircuitBreaker breaker({});
  for (int i = 0; i < 100; ++i) breaker.failed(i);
  CHECK(breaker.allow(100));
  Limiter limiter({});
  for (int i = 0; i < 100; ++i) CHECK(limiter.ask(i, 0) == Limiter::Verdict::kGo);
}
