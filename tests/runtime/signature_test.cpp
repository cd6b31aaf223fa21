// Webhook signatures: the vendors' own vectors, rotation, tolerance in both directions, and
// everything malformed.
#include "runtime/webhooks/signature.h"

#include <map>
#include <string>
#include <vector>

#include "tests/catch.h"

using namespace belay::runtime;
using Scheme = SignatureScheme;
using Verdict = SignatureVerdict;

namespace {

std::vector<Secret> secrets_of(std::initializer_list<const char*> texts) {
  std::vector<Secret> secrets;
  for (const char* text : texts) secrets.emplace_back(std::string(text));
  return secrets;
}

Verdict verify(Scheme scheme, const std::map<std::string, std::string>& headers,
               std::string_view body, std::initializer_list<const char*> secrets,
               std::int64_t now_s, std::int64_t tolerance_s = 300) {
  SignedRequest request;
  request.body = body;
  request.header = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = headers.find(std::string(name));
    return found == headers.end() ? std::nullopt : std::optional(found->second);
  };
  return verify_signature(request, {.scheme = scheme, .tolerance_s = tolerance_s},
                          secrets_of(secrets), now_s);
}

}  // namespace

TEST_CASE("Standard Webhooks: the published vector") {
  const char* key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const std::string body = R"({"test": 2432232314})";
  std::map<std::string, std::string> headers = {
      {"webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"},
      {"webhook-timestamp", "1614265330"},
      {"webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}};
  const auto check = [&](std::int64_t now_s) {
    return verify(Scheme::kStandardWebhooks, headers, body, {key}, now_s);
  };
  CHECK(check(1614265330) == Verdict::kValid);
  CHECK(check(1614265630) == Verdict::kValid);
  CHECK(check(1614265631) == Verdict::kTooOld);
  CHECK(check(1614265029) == Verdict::kTooNew);
  CHECK(verify(Scheme::kStandardWebhooks, headers, body, {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
               1614265330) == Verdict::kValid);
  CHECK(verify(Scheme::kStandardWebhooks, headers, body + " ", {key}, 1614265330) ==
        Verdict::kNoMatch);
  CHECK(verify(Scheme::kStandardWebhooks, headers, body, {"whsec_not base64!"}, 1614265330) ==
        Verdict::kBadSecret);
  headers["webhook-signature"] = "v1a,xxx v1,AAAA v2,zz " + headers["webhook-signature"];
  CHECK(check(1614265330) == Verdict::kValid);
  headers["webhook-id"] = "msg_other";
  CHECK(check(1614265330) == Verdict::kNoMatch);
  headers.erase("webhook-id");
  CHECK(check(1614265330) == Verdict::kMissing);
}

TEST_CASE("GitHub: the published vector") {
  const std::string good =
      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  const auto check = [](const std::string& header, std::string_view body, const char* key) {
    return verify(Scheme::kGitHub, {{"X-Hub-Signature-256", header}}, body, {key}, 0);
  };
  CHECK(check(good, "Hello, World!", "It's a Secret to Everybody") == Verdict::kValid);
  CHECK(check(good, "Hello, World?", "It's a Secret to Everybody") == Verdict::kNoMatch);
  CHECK(check(good, "Hello, World!", "another") == Verdict::kNoMatch);
  CHECK(check(good, "Hello, World!", "") == Verdict::kBadSecret);
  CHECK(check(good.substr(7), "Hello, World!", "It's a Secret to Everybody") ==
        Verdict::kMalformed);
  CHECK(check(good.substr(0, 70), "Hello, World!", "It's a Secret to Everybody") ==
        Verdict::kMalformed);
  CHECK(verify(Scheme::kGitHub, {}, "", {"x"}, 0) == Verdict::kMissing);
}

TEST_CASE("Slack: the published vector") {
  const std::string body =
      "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id="
      "G8PSS9T3V&channel_name=foobar"
      "&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%"
      "3A%2F%2Fhooks.slack.com"
      "%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015."
      "47445629121.803a0bc887a14d10d2c447fce8b6703c";
  const std::map<std::string, std::string> headers = {
      {"X-Slack-Request-Timestamp", "1531420618"},
      {"X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"}};
  const char* key = "8f742231b10e8888abcd99yyyzzz85a5";
  CHECK(verify(Scheme::kSlack, headers, body, {key}, 1531420618) == Verdict::kValid);
  CHECK(verify(Scheme::kSlack, headers, body, {key}, 1531420618 + 301) == Verdict::kTooOld);
  CHECK(verify(Scheme::kSlack, headers, body, {"other"}, 1531420618) == Verdict::kNoMatch);
}

TEST_CASE("Stripe: any v1 of any live secret, and the secret is the key as it stands") {
  const std::string body = R"({"id":"evt_1"})";
  const std::int64_t at = 1'700'000'000;
  const std::string fresh = sign(Scheme::kStripe, Secret(std::string("whsec_new")), "", at, body);
  const std::string v1 = fresh.substr(fresh.find("v1="));
  const auto check = [&](const std::string& header, std::initializer_list<const char*> keys,
                         std::int64_t now_s = 1'700'000'000) {
    return verify(Scheme::kStripe, {{"Stripe-Signature", header}}, body, keys, now_s);
  };
  CHECK(check(fresh, {"whsec_new"}) == Verdict::kValid);
  CHECK(check(fresh, {"whsec_old", "whsec_new"}) == Verdict::kValid);
  CHECK(check(fresh, {"whsec_old"}) == Verdict::kNoMatch);
  CHECK(check(fresh, {}) == Verdict::kBadSecret);
  CHECK(check("t=1700000000,v1=" + std::string(64, 'a') + "," + v1 + ",v0=whatever",
              {"whsec_new"}) == Verdict::kValid);
  CHECK(check("t=1700000001," + v1, {"whsec_new"}) == Verdict::kNoMatch);
  CHECK(check(fresh, {"whsec_new"}, at + 300) == Verdict::kValid);
  CHECK(check(fresh, {"whsec_new"}, at + 301) == Verdict::kTooOld);
  CHECK(check(fresh, {"whsec_new"}, at - 301) == Verdict::kTooNew);
  // An old time is only said of what was really signed.
  CHECK(check("t=1," + v1, {"whsec_new"}) == Verdict::kNoMatch);
  for (const char* header : {"", "t=", "t=1700000000", "v1=abc", "t=-5,v1=00", "t=1e9,v1=00",
                             "t=99999999999999999999,v1=00", ",,,,", "="}) {
    INFO(header);
    CHECK(check(header, {"whsec_new"}) == Verdict::kMalformed);
  }
  CHECK(check("t=1700000000," + v1 + std::string(5000, ','), {"whsec_new"}) == Verdict::kMalformed);
  // A signature behind too many others is not looked for.
  std::string many = "t=1700000000";
  for (int i = 0; i < 40; ++i) many += ",v1=" + std::string(64, 'b');
  CHECK(check(many + "," + v1, {"whsec_new"}) == Verdict::kNoMatch);
}

TEST_CASE("Stripe: a digest worked out elsewhere") {
  // printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
  CHECK(sign(Scheme::kStripe, Secret(std::string("whsec_test")), "", 1'700'000'000,
             R"({"id":"evt_1"})") ==
        "t=1700000000,v1=c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925");
}

TEST_CASE("names of schemes") {
  CHECK(parse_signature_scheme("stripe") == Scheme::kStripe);
  CHECK(parse_signature_scheme("standard") == Scheme::kStandardWebhooks);
  CHECK(parse_signature_scheme("github") == Scheme::kGitHub);
  CHECK(parse_signature_scheme("slack") == Scheme::kSlack);
  CHECK(!parse_signature_scheme("none"));
}
