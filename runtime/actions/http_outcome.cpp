// The table. See http_outcome.h and DESIGN §5.
#include "runtime/actions/http_outcome.h"

#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "runtime/base/check.h"
#include "runtime/base/limits.h"

namespace belay::runtime {
namespace {

using Kind = HttpOutcome::Kind;
using Reached = OutgoingResponse::Reached;

constexpr std::size_t kMessageBytesMax = 300;

HttpOutcome outcome(Kind kind, std::string error, std::string message) {
  HttpOutcome out;
  out.kind = kind;
  out.error = std::move(error);
  if (message.size() > kMessageBytesMax) message.resize(kMessageBytesMax);
  out.message = std::move(message);
  return out;
}

HttpOutcome unsure_without_answer(const OutgoingResponse& response) {
  const bool too_large = response.error == "the answer is too large";
  return outcome(Kind::kUnsure, too_large ? "too_large" : "no_answer", response.error);
}

// What a status means when the action does not say.
HttpOutcome by_status(int status) {
  const std::string answered = "answered " + std::to_string(status);
  if (status == 429) return outcome(Kind::kTransient, "rate_limited", answered);
  if (status == 401 || status == 403) {
    return outcome(Kind::kConnectorIncident, "sign_in",
                   answered + ": the connector's keys are not accepted");
  }
  if (status == 408) return outcome(Kind::kUnsure, "timeout", answered);
  if (status == 409) return outcome(Kind::kUnsure, "conflict", answered);
  if (status >= 500) return outcome(Kind::kUnsure, "server_error", answered);
  if (status >= 300 && status < 400) return outcome(Kind::kUnsure, "redirected", answered);
  if (status >= 400 && status < 500) {
    return outcome(Kind::kHold, "refused", answered + ", which the action does not map");
  }
  return outcome(Kind::kUnsure, "unreadable", answered);
}

}  // namespace

HttpOutcome outcome_of(const OutgoingResponse& response, const OutcomeContext& context) {
  if (response.reached == Reached::kNotSent)
    return outcome(Kind::kTransient, "unreachable", response.error);
  if (response.reached == Reached::kUnknown) return unsure_without_answer(response);

  const int status = response.status;
  HttpOutcome out;
  if (context.mapped_error) {
    out = outcome(Kind::kBusiness, *context.mapped_error, "answered " + std::to_string(status));
  } else if (status >= 200 && status < 300) {
    out = context.readable ? outcome(Kind::kSucceeded, "", "")
                           : outcome(Kind::kUnsure, "unreadable",
                                     "answered " + std::to_string(status) +
                                         " with a body that the action cannot read");
  } else {
    out = by_status(status);
  }
  out.answered = true;
  if (const std::string* wait = response.header("retry-after")) {
    out.retry_after_ms = parse_retry_after_ms(*wait, context.now_s);
  }
  return out;
}

interpreter::FailureKind failure_kind_of(Kind kind) {
  switch (kind) {
    case Kind::kBusiness: return interpreter::FailureKind::kBusiness;
    case Kind::kHold: return interpreter::FailureKind::kBusiness;
    case Kind::kTransient: return interpreter::FailureKind::kTransient;
    case Kind::kConnectorIncident: return interpreter::FailureKind::kTransient;
    case Kind::kUnsure: return interpreter::FailureKind::kUnsure;
    case Kind::kSucceeded: break;
  }
  BELAY_CHECK(false, "a success has no failure kind");
  return interpreter::FailureKind::kUnsure;
}

std::int64_t parse_retry_after_ms(std::string_view value, std::int64_t now_s) {
  if (value.empty() || value.size() > 64) return 0;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (end != value.data() + value.size()) {
    const time_t at = curl_getdate(std::string(value).c_str(), nullptr);
    if (at < 0 || value.find_first_of("0123456789") == std::string_view::npos) return 0;
    seconds = static_cast<std::int64_t>(at) - now_s;
  } else if (error == std::errc::result_out_of_range) {
    seconds = limits::retry_after_s_max;
  }
  return std::clamp<std::int64_t>(seconds, 0, limits::retry_after_s_max) * 1000;
}

}  // namespace belay::runtime
