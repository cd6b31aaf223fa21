// Failure → status, code and words. See problem.h.
#include "runtime/api/problem.h"

#include <spdlog/spdlog.h>

#include "runtime/api/forward.h"
#include "runtime/api/json_writer.h"

namespace belay::runtime::api {
namespace {

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid: return 422;
    case ErrorCode::kTooLarge: return 413;
    case ErrorCode::kUnauthenticated: return 401;
    case ErrorCode::kForbidden: return 403;
    case ErrorCode::kNotFound: return 404;
    case ErrorCode::kConflict: return 409;
    case ErrorCode::kKeyReused: return 422;
    case ErrorCode::kNotAllowedNow: return 409;
    case ErrorCode::kOneAtATime: return 409;
    case ErrorCode::kStale: return 412;
    case ErrorCode::kOverloaded: return 429;
    case ErrorCode::kUnavailable: return 503;
    case ErrorCode::kInDoubt: return 503;
    case ErrorCode::kFenced: return 503;
    case ErrorCode::kMisconfigured: return 503;
    case ErrorCode::kCorrupt: return 500;
    case ErrorCode::kUnsupported: return 501;
    case ErrorCode::kShuttingDown: return 503;
    case ErrorCode::kInternal: return 500;
  }
  return 500;
}

// What is said instead of a failure that speaks of our insides.
const char* safe_detail(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
      return "the database cannot be reached now; nothing is known to have been changed";
    case ErrorCode::kInDoubt: return "the request may or may not have been carried out";
    case ErrorCode::kFenced: return "this node no longer owns what was asked for";
    case ErrorCode::kShuttingDown: return "this server is stopping";
    case ErrorCode::kMisconfigured:
      return "this server lacks a setting that the request needs; its log says which";
    default:
      return "something failed here that is no fault of the request; the log of the server has the "
             "cause";
  }
}

const char* safe_hint(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInDoubt:
      return "send the same request with the same Idempotency-Key again: it is carried out at most "
             "once";
    case ErrorCode::kUnavailable:
    case ErrorCode::kFenced:
    case ErrorCode::kShuttingDown:
      return "try again after the time in Retry-After, with the same Idempotency-Key";
    default: return "";
  }
}

const char* title_of(std::string_view code, int status) {
  struct Title {
    std::string_view code;
    const char* title;
  };
  static constexpr Title kTitles[] = {
      {"invalid", "the request does not make sense"},
      {"malformed", "the request cannot be read"},
      {"too_large", "a limit on size is passed"},
      {"unauthenticated", "an API key is needed"},
      {"forbidden", "the API key does not allow this"},
      {"not_found", "there is no such thing"},
      {"conflict", "the request does not fit the present state"},
      {"key_reused", "the same Idempotency-Key was used for another request"},
      {"not_allowed_now", "the saga does not allow this now"},
      {"one_at_a_time", "another saga of this kind is under way"},
      {"quarantined", "the saga is set aside and cannot be looked into"},
      {"stale", "the saga has moved on since it was shown"},
      {"overloaded", "too much is waiting"},
      {"unavailable", "the database cannot be reached"},
      {"in_doubt", "it is not known whether this happened"},
      {"precondition_required", "If-Match is missing"},
      {"bad_signature", "the signature does not fit"},
      {"unsupported_media_type", "the body must be JSON"},
      {"method_not_allowed", "the method is not allowed here"},
      {"misdirected", "this host name is not served here"},
  };
  for (const Title& t : kTitles) {
    if (t.code == code) return t.title;
  }
  return status >= 500 ? "the server cannot do this now" : "the request was refused";
}

}  // namespace

Problem problem(int status, std::string code, std::string detail, std::string hint) {
  Problem p;
  p.status = status;
  p.title = title_of(code, status);
  p.code = std::move(code);
  p.detail = std::move(detail);
  p.hint = std::move(hint);
  if (status == 401) p.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"belay\"");
  return p;
}

Problem problem(const Failure& failure) {
  const int status = status_of(failure.code);
  if (status < 500) {
    Problem p =
        problem(status, std::string(to_string(failure.code)), failure.message, failure.hint);
    if (status == 429) p.retry_after_s = 1;
    return p;
  }
  const bool lane_elsewhere = failure.code == ErrorCode::kFenced && failure.lane >= 0;
  const bool routine = lane_elsewhere || failure.code == ErrorCode::kShuttingDown;
  spdlog::log(routine ? spdlog::level::debug : spdlog::level::err, "api: {}: {}",
              to_string(failure.code), to_text(failure));
  Problem p = problem(status, std::string(to_string(failure.code)), safe_detail(failure.code),
                      safe_hint(failure.code));
  if (status == 503) p.retry_after_s = failure.code == ErrorCode::kMisconfigured ? 60 : 2;
  // For the API itself and for the node that has sent the request here: forward.h.
  if (lane_elsewhere) {
    p.headers.emplace_back(kElsewhereHeader, "lane " + std::to_string(failure.lane));
    p.retry_after_s = 1;
  }
  if (failure.code == ErrorCode::kShuttingDown)
    p.headers.emplace_back(kElsewhereHeader, "stopping");
  return p;
}

HttpResponse to_response(const Problem& p) {
  JsonWriter w;
  w.begin_object()
      .field("type", "urn:belay:problem:" + p.code)
      .field("title", p.title)
      .field("status", p.status)
      .field("detail", p.detail)
      .field("code", p.code)
      .field_unless_empty("hint", p.hint);
  for (const auto& [name, json] : p.members) w.raw_field(name, json);
  w.end_object();
  HttpResponse response;
  response.status = p.status;
  response.content_type = "application/problem+json";
  response.body = w.take() + "\n";
  for (const auto& [name, text] : p.headers) response.headers.emplace(name, text);
  if (p.retry_after_s > 0) response.headers.emplace("Retry-After", std::to_string(p.retry_after_s));
  return response;
}

HttpResponse json_response(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.content_type = "application/json";
  response.body = std::move(body);
  response.body += '\n';
  return response;
}

}  // namespace belay::runtime::api
