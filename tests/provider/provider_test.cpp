// The provider simulator, seen from outside: a real process, real sockets, its own ledger. What
// these tests promise is what the demo and the chaos tests lean on when they compare ledgers.
#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include "tests/catch.h"
#include "tests/provider/harness.h"

using belay::provider::test::Listener;
using belay::provider::test::Reply;
using belay::provider::test::Simulator;
using nlohmann::json;

namespace {

constexpr char kSecret[] = "whsec_test";

// One request's answer, in short: status, and the error's code or the object's status.
std::string brief(const Reply& reply) {
  std::string text = std::to_string(reply.status);
  if (reply.headers.contains("idempotent-replayed")) text += " replayed";
  if (!reply.body.is_object()) return text;
  if (reply.body.contains("error")) return text + ' ' + reply.body["error"].value("code", "");
  return text + ' ' + reply.body.value("status", "");
}

std::string hmac_hex(const std::string& secret, const std::string& text) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", digest[i]);
    hex += two;
  }
  return hex;
}

std::string type_of(const Listener::Hook& hook) { return hook.event.value("type", ""); }

}  // namespace

TEST_CASE("a payment from intent to refund") {
  Simulator sim;
  const Reply made =
      sim.form("/v1/payment_intents", "amount=4500&currency=eur&metadata[booking]=b1", "k1");
  CHECK(brief(made) == "200 requires_payment_method");
  CHECK(made.body.at("metadata").at("booking") == "b1");
  CHECK(made.body.at("latest_charge").is_null());
  const std::string intent = made.body.at("id").get<std::string>();
  CHECK(intent.starts_with("pi_"));

  CHECK(brief(sim.form("/v1/payment_intents/" + intent + "/capture", "", "early")) ==
        "400 payment_intent_unexpected_state");
  CHECK(brief(sim.control("pay_by_metadata", {{"booking", "b1"}})) == "200 requires_capture");
  CHECK(sim.ledger().at("authorised_open") == 1);

  const Reply captured =
      sim.form("/v1/payment_intents/" + intent + "/capture", "amount_to_capture=4500", "k2");
  CHECK(brief(captured) == "200 succeeded");
  const std::string charge = captured.body.at("latest_charge").get<std::string>();
  CHECK(sim.get("/v1/charges/" + charge).body.at("amount_captured") == 4500);
  CHECK(brief(sim.form("/v1/payment_intents/" + intent + "/cancel", "", "k3")) ==
        "400 payment_intent_unexpected_state");

  CHECK(brief(sim.form("/v1/refunds", "charge=" + charge + "&amount=500", "k4")) ==
        "200 succeeded");
  CHECK(brief(sim.form("/v1/refunds", "charge=" + charge + "&amount=4500", "k5")) ==
        "400 charge_already_refunded");
  CHECK(brief(sim.form("/v1/refunds", "payment_intent=" + intent, "k6")) == "200 succeeded");
  CHECK(sim.get("/v1/refunds?charge=" + charge).body.at("data").size() == 2);

  const json ledger = sim.ledger();
  CHECK(ledger.at("captured").at("EUR") == 4500);
  CHECK(ledger.at("refunded").at("EUR") == 4500);
  CHECK(ledger.at("authorised_open") == 0);
  CHECK(ledger.at("double_captures") == 0);
  CHECK(ledger.at("by_booking").at("b1").at("captures") == 1);
}

TEST_CASE("an intent is found by its booking") {
  Simulator sim;
  const std::string intent = sim.authorised("b 7");
  CHECK(sim.get("/v1/payment_intents?metadata_booking=b%207").body.at("data").at(0).at("id") ==
        intent);
  const json found =
      sim.get("/v1/payment_intents/search?query=metadata%5B%27booking%27%5D%3A%27b%207%27").body;
  CHECK(found.at("object") == "list");
  CHECK(found.at("data").at(0).at("id") == intent);
  CHECK(sim.get("/v1/payment_intents?metadata_booking=other").body.at("data").empty());
  CHECK(sim.get("/v1/payment_intents/pi_none").status == 404);
}

TEST_CASE("a void closes the authorisation, once") {
  Simulator sim;
  const std::string intent = sim.authorised("b1");
  CHECK(brief(sim.form("/v1/payment_intents/" + intent + "/cancel", "", "v1")) == "200 canceled");
  CHECK(brief(sim.form("/v1/payment_intents/" + intent + "/cancel", "", "v2")) ==
        "400 payment_intent_unexpected_state");
  CHECK(sim.ledger().at("authorised_open") == 0);
  CHECK(sim.ledger().at("voids") == 1);
}

TEST_CASE("keys: required, replayed, bound to their request") {
  Simulator sim;
  CHECK(brief(sim.form("/v1/payment_intents", "amount=1&currency=eur", "")) ==
        "400 idempotency_key_required");
  const Reply first = sim.form("/v1/payment_intents", "amount=100&currency=eur", "k");
  const Reply again = sim.form("/v1/payment_intents", "amount=100&currency=eur", "k");
  CHECK(brief(again) == "200 replayed requires_payment_method");
  CHECK(again.body == first.body);
  CHECK(brief(sim.form("/v1/payment_intents", "amount=200&currency=eur", "k")) ==
        "400 idempotency_key_reused");
  CHECK(brief(sim.form("/v1/refunds", "amount=100&currency=eur", "k")) ==
        "400 idempotency_key_reused");
  // A request that never got past its parameters leaves the key free.
  CHECK(brief(sim.form("/v1/payment_intents", "currency=eur", "k9")) == "400 parameter_missing");
  CHECK(brief(sim.form("/v1/payment_intents", "amount=5&currency=eur", "k9")) ==
        "200 requires_payment_method");

  const json ledger = sim.ledger();
  CHECK(ledger.at("intents") == 2);
  CHECK(ledger.at("keys").at("replayed") == 1);
  CHECK(ledger.at("keys").at("reused_with_other_body") == 2);
}

TEST_CASE("no bearer, no answer") {
  Simulator sim;
  CHECK(sim.ask({.method = "GET", .path = "/v1/charges/x", .signed_in = false}).status == 401);
  sim.control("api_key", {{"key", "rotated"}});
  CHECK(sim.get("/v1/charges/x").status == 401);
}

TEST_CASE("a decline is replayed even when the fault is gone") {
  Simulator sim;
  const std::string capture = "/v1/payment_intents/" + sim.authorised("b1") + "/capture";
  sim.control("faults", json::array({{{"match", "POST /v1/payment_intents/*/capture"},
                                      {"metadata_booking", "b1"},
                                      {"action", "decline"}}}));
  CHECK(brief(sim.form(capture, "", "c1")) == "402 card_declined");
  CHECK(sim.get("/_control/faults").body.at(0).at("hits") == 1);
  sim.ask({.method = "DELETE", .path = "/_control/faults"});
  CHECK(brief(sim.form(capture, "", "c1")) == "402 replayed card_declined");
  CHECK(sim.ledger().at("authorised_open") == 1);
  CHECK(sim.ledger().at("captures") == 0);
  CHECK(brief(sim.form(capture, "", "c2")) == "200 succeeded");
}

TEST_CASE("a decline for one booking spares the other") {
  Simulator sim;
  const std::string spared = sim.authorised("b2");
  sim.control("faults",
              json::array({{{"match", "**"}, {"metadata_booking", "b1"}, {"action", "decline"}}}));
  CHECK(brief(sim.form("/v1/payment_intents/" + spared + "/capture", "", "c")) == "200 succeeded");
}

TEST_CASE(
    "rules that come first count before those that were there, in their own order, and end like "
    "any") {
  Simulator sim;
  const std::string capture = "/v1/payment_intents/" + sim.authorised("b1") + "/capture";
  const auto rule = [](const char* action, json more = json::object()) {
    json made = {{"match", "POST /v1/payment_intents/*/capture"}, {"action", action}, {"times", 1}};
    made.update(more);
    return made;
  };
  CHECK(sim.control("faults", json::array({rule("decline")})).status == 200);
  CHECK(sim.control("faults/first", json::array({rule("error_500_before"), rule("down")})).status ==
        200);
  const json of_booking = {{"metadata_booking", "b1"}};
  CHECK(sim.control("faults/first", json::array({rule("error_500_before", of_booking)})).status ==
        200);
  // A rule of another booking costs this one nothing.
  CHECK(sim.control("faults/first", json::array({rule("decline", {{"metadata_booking", "b2"}})}))
            .status == 200);
  CHECK(sim.form(capture, "", "c1").status == 500);
  CHECK(sim.form(capture, "", "c2").status == 500);
  CHECK(sim.form(capture, "", "c3").status == 503);
  CHECK(brief(sim.form(capture, "", "c4")) == "402 card_declined");
  CHECK(brief(sim.form(capture, "", "c5")) == "200 succeeded");
  CHECK(sim.control("faults/first", json::array({rule("no_such_action")})).status == 400);
}

TEST_CASE("timeout after the work: no answer, yet the money moved, and the retry is replayed") {
  Simulator sim;
  const std::string capture = "/v1/payment_intents/" + sim.authorised("b1") + "/capture";
  sim.control("faults", json::array({{{"match", "POST /v1/payment_intents/*/capture"},
                                      {"action", "timeout_after"},
                                      {"times", 1}}}));
  const Reply lost = sim.ask({.method = "POST", .path = capture, .key = "c", .timeout_ms = 200});
  CHECK(lost.status == 0);
  CHECK(sim.ledger().at("captured").at("EUR") == 4500);
  CHECK(brief(sim.form(capture, "", "c")) == "200 replayed succeeded");
  CHECK(sim.ledger().at("captures") == 1);
}

TEST_CASE("timeout before the work: no answer and nothing done; meanwhile the key is in use") {
  Simulator sim;
  const std::string capture = "/v1/payment_intents/" + sim.authorised("b1") + "/capture";
  sim.control("faults", json::array({{{"match", "POST /v1/payment_intents/*/capture"},
                                      {"action", "timeout_before"},
                                      {"hold_ms", 400},
                                      {"times", 1}}}));
  Reply held;
  std::thread waiting([&] { held = sim.form(capture, "", "c"); });
  while (sim.get("/_control/faults").body.at(0).at("hits") == 0) std::this_thread::yield();
  CHECK(brief(sim.form(capture, "", "c")) == "409 idempotency_key_in_use");
  waiting.join();
  CHECK(held.status == 0);
  CHECK(sim.ledger().at("captures") == 0);
  CHECK(brief(sim.form(capture, "", "c")) == "200 succeeded");
}

TEST_CASE("a reset, a stored 500 and a provider that is down") {
  Simulator sim;
  const std::string capture = "/v1/payment_intents/" + sim.authorised("b1") + "/capture";
  sim.control(
      "faults",
      json::array(
          {{{"match", "POST /v1/payment_intents/*/capture"}, {"action", "down"}, {"times", 1}},
           {{"match", "POST /v1/payment_intents/*/capture"},
            {"action", "error_500_before"},
            {"times", 1}},
           {{"match", "POST /v1/payment_intents/*/capture"},
            {"action", "error_500_after"},
            {"times", 1}},
           {{"match", "POST /v1/refunds"}, {"action", "reset_after"}, {"times", 1}}}));
  CHECK(sim.form(capture, "", "c").status == 503);
  CHECK(sim.form(capture, "", "c").status == 500);
  CHECK(sim.ledger().at("captures") == 0);
  CHECK(brief(sim.form(capture, "", "c")) == "500 internal_error");
  CHECK(sim.ledger().at("captures") == 1);
  CHECK(brief(sim.form(capture, "", "c")) == "500 replayed internal_error");

  const std::string charge = sim.get("/v1/payment_intents?metadata_booking=b1")
                                 .body["data"][0]["latest_charge"]
                                 .get<std::string>();
  CHECK(sim.form("/v1/refunds", "charge=" + charge, "r").status == 0);
  CHECK(sim.ledger().at("refunds") == 1);
  CHECK(brief(sim.form("/v1/refunds", "charge=" + charge, "r")) == "200 replayed succeeded");
}

TEST_CASE("a request kept in silence blocks nobody") {
  Simulator sim;
  sim.control(
      "faults",
      json::array({{{"match", "POST /v1/messages"}, {"action", "timeout_before"}, {"times", 40}}}));
  std::vector<std::thread> stuck;
  for (int i = 0; i < 40; ++i)
    stuck.emplace_back([&] {
      sim.ask({.method = "POST",
               .path = "/v1/messages",
               .body = R"({"to":"a"})",
               .json = true,
               .timeout_ms = 1500});
    });
  const auto before = std::chrono::steady_clock::now();
  while (sim.get("/_control/faults").body.at(0).at("hits") < 40) std::this_thread::yield();
  CHECK(sim.get("/_control/health").status == 200);
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::milliseconds(1400));
  for (std::thread& one : stuck) one.join();
  CHECK(sim.ledger().at("messages") == 0);
}

TEST_CASE("kill -9 and restart: books, keys and ids go on; a torn line is dropped") {
  Simulator sim;
  const std::string capture = "/v1/payment_intents/" + sim.authorised("b1") + "/capture";
  const Reply first = sim.form(capture, "", "c");
  const json before = sim.ledger();
  sim.kill_dash_nine();
  std::ofstream(sim.ledger_path(), std::ios::app) << R"({"seq":99,"kind":"capt)";
  sim.start();

  CHECK(sim.ledger() == before);
  const Reply again = sim.form(capture, "", "c");
  CHECK(brief(again) == "200 replayed succeeded");
  CHECK(again.body == first.body);
  const std::string other = sim.authorised("b2");
  CHECK(other != first.body.at("id").get<std::string>());
  CHECK(sim.ledger().at("intents") == 2);
}

TEST_CASE("two simulators cannot share a ledger") {
  Simulator sim;
  const std::string second = std::string(BELAY_BINARY_DIR) + "/provider_sim --ledger " +
                             sim.ledger_path() + " 2>/dev/null";
  CHECK(std::system(second.c_str()) != 0);
}

TEST_CASE("SIGTERM ends it at once and in order, in the middle of a silence too") {
  Simulator sim;
  sim.control("faults",
              json::array({{{"match", "POST /v1/messages"}, {"action", "timeout_after"}}}));
  std::thread stuck([&] {
    sim.ask({.method = "POST", .path = "/v1/messages", .body = R"({"to":"a"})", .json = true});
  });
  while (sim.ledger().at("messages") == 0) std::this_thread::yield();
  const auto before = std::chrono::steady_clock::now();
  CHECK(sim.terminate() == 0);
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(2));
  stuck.join();
}

TEST_CASE("webhooks are signed, named and about the intent") {
  Listener listener;
  Simulator sim({"--webhook-url", listener.url(), "--webhook-secret", kSecret});
  const std::string intent = sim.authorised("b1");
  const auto hooks = listener.wait_for(1);
  REQUIRE(hooks.size() == 1);
  CHECK(type_of(hooks[0]) == "payment_intent.amount_capturable_updated");
  CHECK(hooks[0].event.at("data").at("object").at("id") == intent);
  CHECK(hooks[0].event.at("data").at("object").at("metadata").at("booking") == "b1");

  const std::string& signature = hooks[0].signature;
  const std::size_t comma = signature.find(",v1=");
  REQUIRE(signature.starts_with("t="));
  REQUIRE(comma != std::string::npos);
  const std::string time = signature.substr(2, comma - 2);
  CHECK(signature.substr(comma + 4) == hmac_hex(kSecret, time + '.' + hooks[0].raw));

  sim.form("/v1/payment_intents/" + intent + "/capture", "", "c");
  CHECK(type_of(listener.wait_for(2).at(1)) == "payment_intent.succeeded");
}

TEST_CASE("a refused webhook is sent again, over a restart too, as the same event") {
  Listener listener;
  listener.status = 500;
  Simulator sim({"--webhook-url", listener.url(), "--webhook-secret", kSecret});
  sim.authorised("b1");
  listener.wait_for(2);
  sim.kill_dash_nine();
  listener.status = 200;
  const std::size_t before = listener.hooks().size();
  sim.start();
  const auto hooks = listener.wait_for(before + 1);
  CHECK(hooks.size() > before);
  std::set<std::string> ids;
  for (const auto& hook : hooks) ids.insert(hook.event.at("id").get<std::string>());
  CHECK(ids.size() == 1);
  while (sim.ledger().at("events").at("pending") != 0) std::this_thread::yield();
  CHECK(sim.ledger().at("events").at("delivered") == 1);
}

TEST_CASE("webhooks misbehave on demand") {
  Listener listener;
  Simulator sim({"--webhook-url", listener.url(), "--webhook-secret", kSecret});
  SECTION("copies carry the same id") {
    sim.control("webhooks", {{"duplicate", 2}});
    sim.authorised("b1");
    const auto hooks = listener.wait_for(3);
    REQUIRE(hooks.size() == 3);
    CHECK(hooks[0].event.at("id") == hooks[2].event.at("id"));
  }
  SECTION("silence holds them back") {
    sim.control("webhooks", {{"pause", true}});
    sim.authorised("b1");
    CHECK(sim.get("/_control/webhooks").body.at("waiting") == 1);
    CHECK(listener.hooks().empty());
    sim.control("webhooks", {{"pause", false}});
    CHECK(listener.wait_for(1).size() == 1);
  }
  SECTION("one overtakes the answer") {
    sim.control("webhooks", {{"before_response", true}});
    sim.control("customer", {{"auto_pay", true}});
    sim.form("/v1/payment_intents", "amount=9&currency=eur&metadata[booking]=b1", "k");
    CHECK(listener.hooks().size() == 1);
  }
  SECTION("order is turned round within a window") {
    sim.control("webhooks", {{"reorder", true}, {"reorder_window_ms", 1000}});
    const std::string intent = sim.authorised("b1");
    sim.form("/v1/payment_intents/" + intent + "/capture", "", "c");
    const auto hooks = listener.wait_for(2);
    REQUIRE(hooks.size() == 2);
    CHECK(type_of(hooks[0]) == "payment_intent.succeeded");
    CHECK(type_of(hooks[1]) == "payment_intent.amount_capturable_updated");
  }
}

TEST_CASE("a forgotten key does its work again, and the ledger shows the double") {
  Simulator sim({"--keys-remembered-for", "3600"});
  const std::string capture = "/v1/payment_intents/" + sim.authorised("b1") + "/capture";
  CHECK(brief(sim.form(capture, "", "c")) == "200 succeeded");
  sim.control("clock", {{"advance_s", 3599}});
  CHECK(brief(sim.form(capture, "", "c")) == "200 replayed succeeded");
  sim.control("clock", {{"advance_s", 1}});
  CHECK(brief(sim.form(capture, "", "c")) == "200 succeeded");
  const json ledger = sim.ledger();
  CHECK(ledger.at("captures") == 2);
  CHECK(ledger.at("double_captures") == 1);
  CHECK(ledger.at("captured").at("EUR") == 9000);
  CHECK(ledger.at("keys").at("forgotten_reused") == 1);
}

TEST_CASE("a new key for captured money is refused, not doubled") {
  Simulator sim;
  const std::string capture = "/v1/payment_intents/" + sim.authorised("b1") + "/capture";
  CHECK(brief(sim.form(capture, "", "c1")) == "200 succeeded");
  CHECK(brief(sim.form(capture, "", "c2")) == "400 payment_intent_unexpected_state");
  CHECK(brief(sim.form(capture, "", "c2")) == "400 replayed payment_intent_unexpected_state");
}

TEST_CASE("messages and calendar entries are counted by booking") {
  Simulator sim;
  auto post = [&](const std::string& path, const std::string& body) {
    return sim.ask({.method = "POST", .path = path, .body = body, .key = "k" + path, .json = true});
  };
  CHECK(brief(post("/v1/messages", R"({"to":"a@b.c","template":"confirmed","booking":"b1"})")) ==
        "200 sent");
  CHECK(brief(post("/v1/messages", R"({"to":"a@b.c","template":"confirmed","booking":"b1"})")) ==
        "200 replayed sent");
  const Reply event = post("/v1/calendar/events", R"({"title":"x","metadata":{"booking":"b1"}})");
  CHECK(brief(event) == "200 confirmed");
  const std::string path = "/v1/calendar/events/" + event.body.at("id").get<std::string>();
  CHECK(sim.ledger().at("calendar") == 1);
  CHECK(sim.ask({.method = "DELETE", .path = path}).status == 200);
  CHECK(sim.ask({.method = "DELETE", .path = path}).status == 410);
  const json mine = sim.ledger().at("by_booking").at("b1");
  CHECK(mine.at("messages") == 1);
  CHECK(mine.at("calendar") == 0);
  CHECK(post("/v1/messages", std::string(2000, '[')).status == 400);
}

TEST_CASE("a customer pays another amount than was asked") {
  Simulator sim;
  sim.form("/v1/payment_intents", "amount=4500&currency=eur&metadata[booking]=b1", "k");
  const Reply paid = sim.control("pay_by_metadata", {{"booking", "b1"}, {"amount", 4000}});
  CHECK(paid.body.at("amount") == 4000);
  CHECK(paid.body.at("amount_capturable") == 4000);
}

TEST_CASE("what strangers send earns an error, not a crash") {
  Simulator sim;
  CHECK(sim.get("/" + std::string(3000, 'a')).status == 414);
  CHECK(sim.get("/v1/nothing").status == 404);
  CHECK(sim.form("/v1/payment_intents", "amount=99999999999999999999&currency=eur", "k").status ==
        400);
  CHECK(sim.form("/v1/payment_intents", "amount=5&currency=%ff%fe%fd", "k2").status != 0);
  CHECK(sim.control("faults", {{"match", "x"}}).status == 400);
  CHECK(sim.control("clock", {{"advance_s", "x"}}).status == 400);
  CHECK(sim.get("/_control/health").status == 200);
}
