// One request at a time over runtime/actions/http_client.h. See client.h.
#include "runtime/cli/client.h"

#include <cstdlib>
#include <future>

#include "runtime/actions/http_client.h"
#include "runtime/base/json_value.h"
#include "runtime/cli/terminal.h"

namespace belay::runtime::cli {

using interpreter::List;
using interpreter::Value;
using runtime::ErrorCode;
using runtime::OutgoingResponse;

namespace {

constexpr std::size_t kAnswerBytesMax = 32 * 1024 * 1024;

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

ServerAddress server_address(const std::string& option) {
  ServerAddress out;
  out.url = !option.empty() ? option : from_environment("BELAY_SERVER");
  if (out.url.empty()) out.url = "http://127.0.0.1:7070";
  if (out.url.find("://") == std::string::npos) out.url = "http://" + out.url;
  while (!out.url.empty() && out.url.back() == '/') out.url.pop_back();
  out.key = from_environment("BELAY_API_KEY");
  return out;
}

ApiClient::ApiClient(ServerAddress server)
    : server_(std::move(server)), http_(std::make_unique<runtime::HttpClient>()) {}
ApiClient::~ApiClient() = default;

runtime::Result<ApiAnswer> ApiClient::call(const std::string& method, const std::string& path,
                                           const std::string& json, Headers headers) {
  runtime::OutgoingRequest request;
  request.method = method;
  request.url = server_.url + path;
  request.headers = std::move(headers);
  request.headers.emplace_back("Accept", "application/json");
  if (!json.empty()) request.headers.emplace_back("Content-Type", "application/json");
  if (!server_.key.empty()) request.headers.emplace_back("Authorization", "Bearer " + server_.key);
  request.body = json;
  request.response_bytes_max = kAnswerBytesMax;
  request.allow_private_addresses = true;  // it is the user who names the server
  auto promise = std::make_shared<std::promise<OutgoingResponse>>();
  std::future<OutgoingResponse> future = promise->get_future();
  auto sent = http_->submit(std::move(request),
                            [promise](OutgoingResponse r) { promise->set_value(std::move(r)); });
  if (!sent) return runtime::fail(sent.error());
  OutgoingResponse response = future.get();
  if (response.reached == OutgoingResponse::Reached::kNotSent) {
    return runtime::fail(
        ErrorCode::kUnavailable,
        "no Belay server answers at " + server_.url + " (" + response.error + ")",
        "start one with `belay serve DIR`, or name it with --server or BELAY_SERVER");
  }
  if (response.reached == OutgoingResponse::Reached::kUnknown) {
    return runtime::fail(
        ErrorCode::kInDoubt,
        "no whole answer came from " + server_.url + " (" + response.error + ")",
        method == "GET" ? "" : "it may have been done: look with `belay list` or `belay show ID`");
  }
  ApiAnswer answer;
  answer.status = response.status;
  if (const std::string* tag = response.header("etag")) answer.etag = *tag;
  answer.body = std::move(response.body);
  const runtime::JsonLimits bounds{.bytes_max = kAnswerBytesMax, .depth_max = 128};
  if (auto value = runtime::parse_json(answer.body, bounds)) answer.json = std::move(*value);
  return answer;
}

std::string encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[u >> 4];
      out += kHex[u & 15];
    }
  }
  return out;
}

std::string query_of(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!value.empty()) out += (out.empty() ? "?" : "&") + name + "=" + encoded(value);
  }
  return out;
}

std::string text_of(const Value& json, std::string_view member) {
  const Value* value = json.find(member);
  return value == nullptr || value->kind() != Value::Kind::kString ? std::string()
                                                                   : value->as_string();
}

std::int64_t number_of(const Value& json, std::string_view member) {
  const Value* value = json.find(member);
  return value == nullptr || value->kind() != Value::Kind::kInt ? 0 : value->as_int();
}

bool bool_of(const Value& json, std::string_view member) {
  const Value* value = json.find(member);
  return value != nullptr && value->kind() == Value::Kind::kBool && value->as_bool();
}

const List& list_of(const Value& json, std::string_view member) {
  static const List kEmpty;
  const Value* value = json.find(member);
  return value == nullptr || value->kind() != Value::Kind::kList ? kEmpty : value->as_list();
}

std::string problem_text(const ApiAnswer& answer) {
  const std::string detail = text_of(answer.json, "detail");
  if (detail.empty()) return "belay: the server answered " + std::to_string(answer.status) + "\n";
  std::string out =
      "belay: " + harmless(detail) + " [" + harmless(text_of(answer.json, "code")) + "]\n";
  const std::string hint = harmless(text_of(answer.json, "hint"));
  if (!hint.empty()) out += "help: " + hint + "\n";
  std::string allowed;
  for (const Value& act : list_of(answer.json, "allowed_actions")) {
    const std::string path = text_of(act, "path");
    allowed +=
        (allowed.empty() ? "" : ", ") + text_of(act, "act") + (path.empty() ? "" : " " + path);
  }
  if (!allowed.empty() && hint.find("allowed now") == std::string::npos)
    out += "allowed now: " + harmless(allowed) + "\n";
  return out;
}

}  // namespace belay::runtime::cli
