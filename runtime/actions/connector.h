// A connector at work: how a call becomes a request (address, sign-in, request key, form body), how
// many may leave (limiter), and when to stop asking a side that is down (circuit breaker). Time is
// a parameter everywhere. Limiter and CircuitBreaker are not thread-safe: whoever owns a connector
// has one lock for it. Tested in tests/runtime/connector_test.cpp.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "interpreter/value.h"
#include "runtime/actions/http_client.h"
#include "runtime/base/limits.h"
#include "runtime/base/result.h"
#include "runtime/base/secret.h"

namespace belay::runtime {

// A checked `connector` declaration with its address resolved. Live: it may change while sagas run.
struct ConnectorConfig {
  enum class SignIn : std::uint8_t { kNone, kBearer, kBasic, kHeader };
  enum class BodyKind : std::uint8_t { kJson, kForm };
  std::string name;
  std::string base_url;  // a trailing `/` is not part of it
  SignIn sign_in = SignIn::kNone;
  std::string
      secret;  // kBearer: the token; kBasic: the password; kHeader: the value. A name, not a value
  std::string user;                    // kBasic
  std::string header;                  // kHeader
  std::string request_key_header;      // empty: no key is sent
  std::int64_t keys_remembered_s = 0;  // 0: not said
  bool replays_errors = false;
  BodyKind body = BodyKind::kJson;
  std::int64_t per_second = 0;        // 0: no limit
  std::int64_t at_once = 0;           // 0: no limit
  std::int64_t breaker_failures = 0;  // in a row; 0: no breaker
  std::int64_t breaker_rest_ms = 0;
  std::int64_t timeout_ms = limits::http_timeout_ms_default;
  bool allow_private = false;
};

// ---- The request

// RFC 3986: everything but letters, digits and `-._~` becomes %XX.
std::string percent_encode(std::string_view text);

// `/v1/payment_intents/{intent}/capture` with each hole filled by the argument of that name,
// percent-encoded. kInvalid when an argument is missing, is no text, number or bool, is empty, or
// makes a segment `.` or `..`: each would ask for another resource than the one that was meant.
Result<std::string> fill_path(std::string_view path, const interpreter::Value& args);

// A record as application/x-www-form-urlencoded, in the record's order:
// `a=1&metadata[booking]=x&items[0][price]=p`. Also serves query strings. null is left out; true
// and false are words; timestamps are RFC 3339. kInvalid for money, durations, bytes and doubles
// that are not finite (say what is meant: `amount.minor`), and for depth over the limit.
Result<std::string> encode_form(const interpreter::Value& record);

struct CallParts {
  std::string method;
  std::string path;          // filled
  interpreter::Value query;  // a record or null
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;             // encoded
  std::string content_type;     // empty: no body
  std::string request_key;      // sent when the connector has a header for it
  std::int64_t timeout_ms = 0;  // 0: the connector's
};

// The request as it leaves: address, query, sign-in resolved now (a rotated secret counts at once),
// request key. kMisconfigured when a secret or the address is missing; kInvalid for what cannot be
// encoded.
Result<OutgoingRequest> build_request(const ConnectorConfig& config, CallParts parts,
                                      const SecretStore& secrets);

// ---- How many may leave

// Not more than `per_second` begin in any second (a sliding window, exact), not more than `at_once`
// are on their way, not more than `waiting_max` wait, first come first served.
class Limiter {
 public:
  struct Options {
    std::int64_t per_second = 0;  // 0: no limit
    std::int64_t at_once = 0;     // 0: no limit
    std::size_t waiting_max = limits::connector_waiting_max;
  };
  using Ticket = std::uint64_t;  // the caller's name for a call
  enum class Verdict : std::uint8_t {
    kGo,    // it has begun: call ended() when it is over
    kWait,  // take_due() will name it
    kFull,  // turned away
  };

  explicit Limiter(Options options) : options_(options) {}

  Verdict ask(Ticket ticket, std::int64_t now_ms);
  // One that had begun is over. Call take_due() after it.
  void ended();
  // Those that wait and may begin now, in order; they have begun.
  std::vector<Ticket> take_due(std::int64_t now_ms);
  // When to call take_due() again, or nullopt: nothing waits, or only ended() can help.
  std::optional<std::int64_t> next_due_ms(std::int64_t now_ms) const;
  // Gives up waiting. False when the ticket does not wait.
  bool forget(Ticket ticket);
  std::size_t waiting() const { return waiting_.size(); }
  std::int64_t running() const { return running_; }

 private:
  bool may_begin(std::int64_t now_ms) const;
  void begin(std::int64_t now_ms);

  Options options_;
  std::deque<std::int64_t> begun_ms_;  // of the last per_second ones
  std::deque<Ticket> waiting_;
  std::int64_t running_ = 0;
};

// ---- When to stop asking

// Closed until `failures` in a row; then open for `rest_ms`, refusing at once; then half-open: one
// probe may go, its success closes, its failure opens again. A probe that is never reported is
// forgotten after `rest_ms`. What counts as a failure is the caller's: no connection, no answer,
// 5xx. A 4xx is an answer.
class CircuitBreaker {
 public:
  struct Options {
    std::int64_t failures = 0;  // 0: always closed
    std::int64_t rest_ms = 0;
  };
  enum class State : std::uint8_t { kClosed, kOpen, kHalfOpen };

  explicit CircuitBreaker(Options options) : options_(options) {}

  // Whether a call may leave now. In the half-open state true makes this call the probe.
  bool allow(std::int64_t now_ms);
  void succeeded();
  void failed(std::int64_t now_ms);
  // The call was not made after all: the probe's place is free again.
  void abandoned() { probe_since_ms_.reset(); }
  State state(std::int64_t now_ms) const;
  // How long a refused call should wait; 0 when it need not.
  std::int64_t wait_ms(std::int64_t now_ms) const;

 private:
  Options options_;
  std::int64_t failures_in_a_row_ = 0;
  std::optional<std::int64_t> open_until_ms_;
  std::optional<std::int64_t> probe_since_ms_;
};

}  // namespace belay::runtime
