// The command line's side of the HTTP API: one request, one answer, on libcurl. Every failure to
// reach the server says which server and how to name another one. Tested in
// tests/system/cli_test.cpp.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "interpreter/value.h"
#include "runtime/base/result.h"

namespace belay::runtime {
class HttpClient;
}

namespace belay::runtime::cli {

struct ServerAddress {
  std::string url;  // "http://127.0.0.1:7070", no slash at the end
  std::string key;  // belay_…; empty: none
};
// The option if given, else BELAY_SERVER, else the default; the key from BELAY_API_KEY.
ServerAddress server_address(const std::string& option);

struct ApiAnswer {
  int status = 0;
  std::string etag;
  std::string body;         // as it came
  interpreter::Value json;  // null when it is no JSON
  bool ok() const { return status >= 200 && status < 300; }
};

using Headers = std::vector<std::pair<std::string, std::string>>;

class ApiClient {
 public:
  explicit ApiClient(ServerAddress server);
  ~ApiClient();

  // `path` is encoded; `json` may be empty. The failure is kUnavailable, or kInDoubt when the
  // request may have arrived.
  runtime::Result<ApiAnswer> call(const std::string& method, const std::string& path,
                                  const std::string& json = {}, Headers headers = {});

 private:
  ServerAddress server_;
  std::unique_ptr<runtime::HttpClient> http_;
};

// For queries and path segments: RFC 3986.
std::string encoded(std::string_view text);
// `?a=1&b=2` of those that have a value.
std::string query_of(const std::vector<std::pair<std::string, std::string>>& parameters);

// Members of answers, or nothing of that kind.
std::string text_of(const interpreter::Value& json, std::string_view member);
std::int64_t number_of(const interpreter::Value& json, std::string_view member);
bool bool_of(const interpreter::Value& json, std::string_view member);
const interpreter::List& list_of(const interpreter::Value& json, std::string_view member);

// A problem as lines for people: detail, way out, what is allowed.
std::string problem_text(const ApiAnswer& answer);

}  // namespace belay::runtime::cli
