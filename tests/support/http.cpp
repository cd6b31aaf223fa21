// See http.h.
#include "tests/support/http.h"

#include <curl/curl.h>

#include <cctype>
#include <mutex>

namespace belay::test {

using nlohmann::json;

namespace {

std::size_t append_to(char* data, std::size_t size, std::size_t count, void* text) {
  static_cast<std::string*>(text)->append(data, size * count);
  return size * count;
}

std::size_t read_header(char* data, std::size_t size, std::size_t count, void* into) {
  const std::string line(data, size * count);
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) return line.size();
  std::string name = line.substr(0, colon), value = line.substr(colon + 1);
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  value.erase(0, std::min(value.find_first_not_of(' '), value.size()));
  value.erase(value.find_last_not_of("\r\n") + 1);
  (*static_cast<std::map<std::string, std::string>*>(into))[name] = value;
  return line.size();
}

}  // namespace

Reply ask(const Ask& ask) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  Reply reply;
  CURL* curl = curl_easy_init();
  curl_slist* headers = nullptr;
  for (const std::string& line : ask.headers) headers = curl_slist_append(headers, line.c_str());
  headers = curl_slist_append(headers, "Expect:");
  curl_easy_setopt(curl, CURLOPT_URL, ask.url.c_str());
  if (ask.method != "GET") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(ask.body.size()));
    curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, ask.body.c_str());
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, ask.method.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ask.timeout_ms);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append_to);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply.text);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, read_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply.headers);
  const CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status);
  reply.refused = code == CURLE_COULDNT_CONNECT;
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  reply.body = json::parse(reply.text, nullptr, false);
  return reply;
}

std::string text_at(const json& value, const std::string& pointer) {
  const json::json_pointer at(pointer);
  if (value.is_discarded() || !value.contains(at)) return "";
  const json& found = value.at(at);
  return found.is_string() ? found.get<std::string>() : found.is_null() ? "" : found.dump();
}

std::int64_t number_at(const json& value, const std::string& pointer) {
  const json::json_pointer at(pointer);
  if (value.is_discarded() || !value.contains(at) || !value.at(at).is_number()) return 0;
  return value.at(at).get<std::int64_t>();
}

}  // namespace belay::test
