// The table of DESIGN §5, row by row.
#include "runtime/actions/http_outcome.h"

#include <string>

#include "tests/catch.h"

using namespace belay::runtime;
using Kind = HttpOutcome::Kind;
using Reached = OutgoingResponse::Reached;

namespace {

OutgoingResponse answered(int status) {
  OutgoingResponse response;
  response.reached = Reached::kAnswered;
  response.status = status;
  return response;
}

void check(const OutgoingResponse& response, const OutcomeContext& context, Kind kind,
           const std::string& error) {
  const HttpOutcome outcome = outcome_of(response, context);
  INFO("status " << response.status);
  CHECK(outcome.kind == kind);
  CHECK(outcome.error == error);
  CHECK(outcome.answered == (response.reached == Reached::kAnswered));
}

}  // namespace

TEST_CASE("what an answer means when the action does not map it") {
  for (int status : {200, 201, 202, 204, 299}) check(answered(status), {}, Kind::kSucceeded, "");
  for (int status : {300, 301, 302, 304, 307, 308})
    check(answered(status), {}, Kind::kUnsure, "redirected");
  check(answered(429), {}, Kind::kTransient, "rate_limited");
  check(answered(401), {}, Kind::kConnectorIncident, "sign_in");
  check(answered(403), {}, Kind::kConnectorIncident, "sign_in");
  check(answered(408), {}, Kind::kUnsure, "timeout");
  check(answered(409), {}, Kind::kUnsure, "conflict");
  for (int status : {500, 502, 503, 504, 599, 999})
    check(answered(status), {}, Kind::kUnsure, "server_error");
  for (int status : {400, 402, 404, 410, 422, 451, 499})
    check(answered(status), {}, Kind::kHold, "refused");
}

TEST_CASE("what never arrived and what may have") {
  OutgoingResponse response;
  response.error = "Could not resolve host";
  check(response, {}, Kind::kTransient, "unreachable");
  response.reached = Reached::kUnknown;
  response.error = "Operation timed out";
  check(response, {}, Kind::kUnsure, "no_answer");
  response.status = 200;
  response.error = "the answer is too large";
  check(response, {}, Kind::kUnsure, "too_large");
}

TEST_CASE("the action's own word counts before the table, but not before the facts") {
  OutcomeContext mapped;
  mapped.mapped_error = "stripe.card_declined";
  for (int status : {402, 401, 409, 429, 500, 200})
    check(answered(status), mapped, Kind::kBusiness, "stripe.card_declined");
  OutgoingResponse lost;
  lost.reached = Reached::kUnknown;
  lost.status = 402;
  check(lost, mapped, Kind::kUnsure, "no_answer");
}

TEST_CASE("a 2xx that cannot be read is unsure") {
  OutcomeContext unreadable;
  unreadable.readable = false;
  check(answered(200), unreadable, Kind::kUnsure, "unreadable");
  check(answered(404), unreadable, Kind::kHold, "refused");
}

TEST_CASE("how the interpreter records them") {
  using belay::interpreter::FailureKind;
  CHECK(failure_kind_of(Kind::kTransient) == FailureKind::kTransient);
  CHECK(failure_kind_of(Kind::kConnectorIncident) == FailureKind::kTransient);
  CHECK(failure_kind_of(Kind::kUnsure) == FailureKind::kUnsure);
  CHECK(failure_kind_of(Kind::kBusiness) == FailureKind::kBusiness);
  CHECK(failure_kind_of(Kind::kHold) == FailureKind::kBusiness);
}

TEST_CASE("Retry-After in seconds and as a date, never absurd") {
  const std::int64_t now = 1445412480;  // Wed, 21 Oct 2015 07:28:00 GMT
  CHECK(parse_retry_after_ms("7", now) == 7'000);
  CHECK(parse_retry_after_ms("0", now) == 0);
  CHECK(parse_retry_after_ms("Wed, 21 Oct 2015 07:28:30 GMT", now) == 30'000);
  CHECK(parse_retry_after_ms("Wed, 21 Oct 2015 07:27:30 GMT", now) == 0);
  CHECK(parse_retry_after_ms("999999999", now) == 86'400'000);
  CHECK(parse_retry_after_ms("99999999999999999999999999", now) == 86'400'000);
  for (const char* text :
       {"", "-5", "soon", "1.5x",
        "7 seconds please and a lot more text than any date would ever need to hold"}) {
    INFO(text);
    CHECK(parse_retry_after_ms(text, now) == 0);
  }
  auto response = answered(429);
  response.headers = {{"retry-after", "3"}};
  CHECK(outcome_of(response, {}).retry_after_ms == 3'000);
}
