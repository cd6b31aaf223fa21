// Webhooks in: signed deliveries become events, once; everything else becomes nothing.
#include <cstdlib>

#include "runtime/webhooks/signature.h"
#include "tests/runtime/api_fake.h"

using namespace belay::runtime;
using namespace belay::runtime::test;

namespace {

constexpr std::int64_t kNow = 1'763'000'000;
const std::string kPaid =
    R"({"id":"evt_1","type":"paid","booking":"b-1","currency":"EUR","minor":4990})";

HttpHeaders signed_by(const std::string& secret, const std::string& body, std::int64_t at = kNow) {
  std::string copy = secret;
  return {
      {"Stripe-Signature", sign(SignatureScheme::kStripe, Secret(std::move(copy)), "", at, body)}};
}

struct Secrets {
  Secrets() {
    setenv("BELAY_SECRET_BANK_WHSEC", "whsec_new", 1);
    setenv("BELAY_SECRET_BANK_WHSEC_OLD", "whsec_old", 1);
  }
};

// A delivery earns this status and publishes so many events.
void check(const std::string& body, const HttpHeaders& headers, int status, std::size_t events) {
  const Secrets secrets;
  Bench bench;
  const HttpResponse response = bench.call("webhook:bank_in", {}, body, {}, headers);
  INFO(body << " → " << response.body);
  CHECK(response.status == status);
  CHECK(bench.engine.published.size() == events);
}

}  // namespace

TEST_CASE("a signed delivery is published, by either live secret") {
  check(kPaid, signed_by("whsec_new", kPaid), 200, 1);
  check(kPaid, signed_by("whsec_old", kPaid), 200, 1);
}

TEST_CASE("a delivery that is not signed, or not now, is refused") {
  check(kPaid, {}, 401, 0);
  check(kPaid, signed_by("whsec_wrong", kPaid), 401, 0);
  check(kPaid + " ", signed_by("whsec_new", kPaid), 401, 0);
  check(kPaid, signed_by("whsec_new", kPaid, kNow - 301), 401, 0);
}

TEST_CASE("a delivery becomes the event that the definition says, under an id of its own") {
  const Secrets secrets;
  Bench bench;
  const HttpResponse first =
      bench.call("webhook:bank_in", {}, kPaid, {}, signed_by("whsec_new", kPaid));
  REQUIRE(first.status == 200);
  REQUIRE(bench.engine.published.size() == 1);
  const PublishRequest& event = bench.engine.published[0];
  CHECK(event.type == "payment.arrived");
  CHECK(event.key == "b-1");
  CHECK(event.id == "evt_1#0");
  CHECK(event.source == "webhook:bank_in");
  CHECK(to_json(event.payload) == R"({"amount":{"currency":"EUR","minor":4990},"booking":"b-1"})");
  const HttpResponse again =
      bench.call("webhook:bank_in", {}, kPaid, {}, signed_by("whsec_new", kPaid, kNow + 1));
  CHECK(again.status == 200);
  CHECK(Bench::json(again).find("duplicate")->as_bool());
}

TEST_CASE("a kind of event that nobody asked about is taken and ignored") {
  const std::string other = R"({"id":"evt_2","type":"other"})";
  check(other, signed_by("whsec_new", other), 200, 0);
}

TEST_CASE("a signed delivery that does not hold what is read from it is refused whole") {
  for (const char* body :
       {"", "no json", "[]", R"({"type":"paid"})", R"({"id":"","type":"paid"})",
        R"({"id":"e","type":"paid","booking":"b"})",
        R"({"id":"e","type":"paid","booking":"b","currency":"XYZ1","minor":1})"}) {
    check(body, signed_by("whsec_new", body), 422, 0);
  }
}
