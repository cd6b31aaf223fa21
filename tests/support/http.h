// One HTTP request at a time over libcurl, for tests and drivers that stand outside of Belay: they
// see what a customer's program sees. Blocking; any thread.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace belay::test {

struct Reply {
  long status = 0;       // 0: no answer came
  bool refused = false;  // nobody listened: certainly not sent
  std::string text;
  nlohmann::json body;                         // discarded when the text is no JSON
  std::map<std::string, std::string> headers;  // names in lower case
  bool ok() const { return status >= 200 && status < 300; }
};

struct Ask {
  std::string method = "GET";
  std::string url;
  std::string body;
  std::vector<std::string> headers;  // "Name: value"
  long timeout_ms = 20'000;
};

Reply ask(const Ask& ask);
// A member at a JSON pointer (`/steps/0/phase`) as text; empty when it is not there.
std::string text_at(const nlohmann::json& json, const std::string& pointer);
std::int64_t number_at(const nlohmann::json& json, const std::string& pointer);

}  // namespace belay::test
