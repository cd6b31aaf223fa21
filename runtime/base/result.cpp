// Names of error codes. See result.h.
#include "runtime/base/result.h"

namespace belay::runtime {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid: return "invalid";
    case ErrorCode::kTooLarge: return "too_large";
    case ErrorCode::kUnauthenticated: return "unauthenticated";
    case ErrorCode::kForbidden: return "forbidden";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kConflict: return "conflict";
    case ErrorCode::kKeyReused: return "key_reused";
    case ErrorCode::kNotAllowedNow: return "not_allowed_now";
    case ErrorCode::kOneAtATime: return "one_at_a_time";
    case ErrorCode::kStale: return "stale";
    case ErrorCode::kOverloaded: return "overloaded";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kInDoubt: return "in_doubt";
    case ErrorCode::kFenced: return "fenced";
    case ErrorCode::kMisconfigured: return "misconfigured";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kShuttingDown: return "shutting_down";
    case ErrorCode::kInternal: return "internal";
  }
  return "internal";
}

std::string to_text(const Failure& failure) {
  return failure.hint.empty() ? failure.message : failure.message + "; " + failure.hint;
}

}  // namespace belay::runtime
