// What the API says when it says no: RFC 9457 problem details with a stable code, what was seen,
// and a way out. The one place where a Failure's code becomes an HTTP status. What only we should
// know (database errors, paths, broken rows) goes to the log and never into an answer. Tested in
// tests/runtime/api_sagas_test.cpp.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/api/http_server.h"
#include "runtime/base/result.h"

namespace belay::runtime::api {

struct Problem {
  int status = 500;
  std::string code;       // `not_found`, `precondition_required`, …
  std::string title;      // the same for every problem of this code
  std::string detail;     // this one
  std::string hint;       // a way out; may be empty
  int retry_after_s = 0;  // > 0: sent as Retry-After
  std::vector<std::pair<std::string, std::string>> members;  // further members: name, JSON
  std::vector<std::pair<std::string, std::string>> headers;
};

Problem problem(int status, std::string code, std::string detail, std::string hint = {});
// By the code of the failure. 5xx details are replaced by words that say nothing of our insides.
Problem problem(const Failure& failure);

HttpResponse to_response(const Problem& problem);
inline HttpResponse refuse(int status, std::string code, std::string detail,
                           std::string hint = {}) {
  return to_response(problem(status, std::move(code), std::move(detail), std::move(hint)));
}
inline HttpResponse refuse(const Failure& failure) { return to_response(problem(failure)); }

HttpResponse json_response(int status, std::string body);

}  // namespace belay::runtime::api
