// What an HTTP answer means for a saga: the table of DESIGN §5 as one pure function. The question
// is never "which error" but "did it happen": certainly not, and never will (business); certainly
// not, try again (transient); nobody knows (unsure). Tested in tests/runtime/http_outcome_test.cpp.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "interpreter/journal.h"
#include "runtime/actions/http_client.h"

namespace belay::runtime {

struct HttpOutcome {
  enum class Kind : std::uint8_t {
    kSucceeded,          // a 2xx that the action can read
    kBusiness,           // the action mapped it: certainly not, and trying again will not help
    kTransient,          // certainly not, trying again may help
    kConnectorIncident,  // transient, and something is wrong with the connector itself (keys,
                         // permissions)
    kUnsure,             // it may have happened
    kHold,               // a refusal that nobody mapped: a person must look
  };
  Kind kind = Kind::kUnsure;
  // Built in: `unreachable`, `rate_limited`, `sign_in`, `no_answer`, `redirected`, `timeout`,
  // `conflict`, `server_error`, `unreadable`, `too_large`, `refused`; with kBusiness the name the
  // action gave. Empty on success.
  std::string error;
  std::string message;  // plain words, bounded, no secret
  bool answered =
      false;  // a whole answer came back (a side that replays errors would give it again)
  std::int64_t retry_after_ms = 0;  // what the other side asked for; 0: nothing
};

struct OutcomeContext {
  // The error to which the action maps this answer, if any (`if status is 402,
  // stripe.card_declined`).
  std::optional<std::string> mapped_error;
  // False when the body of a 2xx could not be decoded into what the action gives.
  bool readable = true;
  std::int64_t now_s = 0;  // Unix time, for a Retry-After that is a date
};

HttpOutcome outcome_of(const OutgoingResponse& response, const OutcomeContext& context);

// How the interpreter records it. A hold is a business failure with the error `refused`.
// REQUIRES: kind is not kSucceeded.
interpreter::FailureKind failure_kind_of(HttpOutcome::Kind kind);

// Retry-After: seconds, or an HTTP date against `now_s`. Clamped to [0, limits::retry_after_s_max]
// seconds; 0 for anything else.
std::int64_t parse_retry_after_ms(std::string_view value, std::int64_t now_s);

}  // namespace belay::runtime
