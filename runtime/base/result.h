// What a function of the runtime answers when the world may fail: a value or a Failure. The codes
// are closed, so that an edge (HTTP status, exit code) is chosen by an exhaustive switch and never
// by reading a message. An author's mistake is a diagnostic (dsl/diagnostic.h) and our own bug is a
// BELAY_CHECK (check.h), never these.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace belay::runtime {

enum class ErrorCode : std::uint8_t {
  kInvalid,          // the request makes no sense, whatever the state: fix it
  kTooLarge,         // a bound of limits.h
  kUnauthenticated,  // no or unknown credentials
  kForbidden,        // known, but not allowed
  kNotFound,
  kConflict,       // does not fit the state as it is now: look again
  kKeyReused,      // the same idempotency key with another body
  kNotAllowedNow,  // an act that the state refuses (past the point of no return, already finished)
  kOneAtATime,     // a saga of this kind is under way, and others are refused meanwhile
  kStale,          // If-Match names a state that is no longer the current one
  kOverloaded,     // a queue is full: try again later
  kUnavailable,    // the database or a service cannot be reached now
  kInDoubt,        // it may or may not have happened: read before trying again
  kFenced,         // another node holds the lane of this: ask that node
  kMisconfigured,  // settings, missing programs, missing secrets: someone must act
  kCorrupt,        // stored data cannot be read
  kUnsupported,    // a newer format than this program knows
  kShuttingDown,
  kInternal,  // a library failed in a way that has no better name
};

// The stable name of a code for answers and logs: `not_found`, `in_doubt`.
std::string_view to_string(ErrorCode code);

struct Failure {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;  // what was seen, lower case, no full stop; holds no secret
  std::string hint;     // a way out; may be empty
  // kFenced: of which lane, when the request can go to that lane's holder as it is, because nothing
  // of it was written.
  std::int32_t lane = -1;
  bool operator==(const Failure&) const = default;
};

// `message` and, when there is one, the way out: one line for logs and terminals.
std::string to_text(const Failure& failure);

template <class T>
using Result = tl::expected<T, Failure>;

// `return fail(ErrorCode::kNotFound, "no saga has the id …", "see `belay list`");`
inline tl::unexpected<Failure> fail(ErrorCode code, std::string message, std::string hint = {}) {
  return tl::unexpected<Failure>(Failure{code, std::move(message), std::move(hint)});
}
inline tl::unexpected<Failure> fail(Failure failure) {
  return tl::unexpected<Failure>(std::move(failure));
}

}  // namespace belay::runtime
