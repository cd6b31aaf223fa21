// Requests and answers as mail. See mailed.h.
#include "runtime/api/mailed.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "interpreter/value.h"
#include "runtime/api/forward.h"
#include "runtime/api/json_writer.h"
#include "runtime/base/json_value.h"

namespace belay::runtime::api {

using interpreter::Value;

namespace {

constexpr int kForm = 1;
constexpr std::size_t kMailBytesMax = 1024 * 1024;  // what Engine::mail_request takes
constexpr std::size_t kThreads = 4;
constexpr std::size_t kWaitingMax = 256;
constexpr const char* kBoundRequest = "mailed request";
constexpr const char* kBoundAnswer = "mailed answer";

void write_body(JsonWriter& w, const std::string& body) {
  if (is_storable_text(body))
    w.field("body", body);
  else
    w.field("base64", to_base64(body));
}

template <class Pairs>
void write_pairs(JsonWriter& w, const char* name, const Pairs& pairs) {
  w.key(name).begin_array();
  for (const auto& [key, value] : pairs) w.begin_array().value(key).value(value).end_array();
  w.end_array();
}

std::string sealed(std::string plain, const Sealer* sealer, const char* bound_to) {
  return sealer == nullptr ? plain : sealed_value(sealer->own(), plain, bound_to);
}

Result<Value> opened(const std::string& body, const Sealer* sealer, const char* bound_to) {
  Result<std::string> plain = body;
  if (is_sealed_value(body) != (sealer != nullptr)) {
    return fail(ErrorCode::kForbidden,
                sealer != nullptr ? "it is not sealed, and this node has the master key"
                                  : "it is sealed, and this node has no master key",
                "give all nodes the same BELAY_SEAL_KEY");
  }
  if (sealer != nullptr) plain = open_value(sealer->own(), body, bound_to);
  if (!plain)
    return fail(ErrorCode::kForbidden, plain.error().message,
                "give all nodes the same BELAY_SEAL_KEY");
  Result<Value> json = parse_json(*plain, {.bytes_max = 2 * kMailBytesMax, .depth_max = 8});
  if (!json) return fail(ErrorCode::kInvalid, json.error().message);
  if (json->kind() != Value::Kind::kMap) return fail(ErrorCode::kInvalid, "it is no object");
  const Value* form = json->find("form");
  if (form == nullptr || form->kind() != Value::Kind::kInt || form->as_int() != kForm)
    return fail(ErrorCode::kUnsupported, "its form is of another version of this program");
  return std::move(*json);
}

std::vector<std::pair<std::string, std::string>> pairs_of(const Value& json,
                                                          std::string_view name) {
  std::vector<std::pair<std::string, std::string>> out;
  const Value* list = json.find(name);
  if (list == nullptr || list->kind() != Value::Kind::kList) return out;
  for (const Value& pair : list->as_list()) {
    if (pair.kind() != Value::Kind::kList || pair.as_list().size() != 2) continue;
    const Value &key = pair.as_list()[0], &value = pair.as_list()[1];
    if (key.kind() == Value::Kind::kString && value.kind() == Value::Kind::kString)
      out.emplace_back(key.as_string(), value.as_string());
  }
  return out;
}

bool read_body(const Value& json, std::string& body) {
  const Value* base64 = json.find("base64");
  if (base64 != nullptr && base64->kind() == Value::Kind::kString)
    return from_base64(base64->as_string(), body);
  body = text_field(json, "body");
  return true;
}

}  // namespace

Result<std::string> encode_mailed(const MailedRequest& request, const Sealer* sealer) {
  JsonWriter w;
  w.begin_object().field("form", kForm).field("route", request.route).field("nonce", request.nonce);
  w.field("method", request.http.method).field("path", request.http.path);
  w.field("remote", request.http.remote_address);
  write_pairs(w, "params", request.http.params);
  write_pairs(w, "query", request.http.query);
  write_pairs(w, "headers", request.http.headers);
  write_body(w, request.http.body);
  w.key("who").begin_object().field("tenant", request.who.tenant).field("actor", request.who.actor);
  w.field("role", name(request.who.role))
      .strings("may_answer", request.who.may_answer)
      .end_object();
  std::string body = sealed(w.end_object().take(), sealer, kBoundRequest);
  if (body.size() > kMailBytesMax)
    return fail(ErrorCode::kTooLarge, "the request is too large for a mail");
  return body;
}

Result<MailedRequest> decode_mailed(const std::string& body, const Sealer* sealer) {
  Result<Value> json = opened(body, sealer, kBoundRequest);
  if (!json) return fail(json.error());
  const Value* who = json->find("who");
  if (who == nullptr || who->kind() != Value::Kind::kMap)
    return fail(ErrorCode::kInvalid, "nobody asks");
  MailedRequest out;
  out.route = text_field(*json, "route");
  out.nonce = text_field(*json, "nonce");
  out.http.method = text_field(*json, "method");
  out.http.path = text_field(*json, "path");
  out.http.remote_address = text_field(*json, "remote");
  for (auto& [key, value] : pairs_of(*json, "params"))
    out.http.params.emplace(std::move(key), std::move(value));
  for (auto& [key, value] : pairs_of(*json, "query"))
    out.http.query.emplace(std::move(key), std::move(value));
  for (auto& [key, value] : pairs_of(*json, "headers"))
    out.http.headers.emplace(std::move(key), std::move(value));
  if (!read_body(*json, out.http.body)) return fail(ErrorCode::kInvalid, "its body is no base64");
  out.who.tenant = text_field(*who, "tenant");
  out.who.actor = text_field(*who, "actor");
  // Nobody's is the role of webhooks, which sign for themselves.
  out.who.role = parse_role(text_field(*who, "role")).value_or(Role::kNobody);
  if (const Value* roles = who->find("may_answer");
      roles != nullptr && roles->kind() == Value::Kind::kList) {
    for (const Value& role : roles->as_list()) {
      if (role.kind() == Value::Kind::kString) out.who.may_answer.push_back(role.as_string());
    }
  }
  if (out.who.tenant.empty() || out.nonce.empty())
    return fail(ErrorCode::kInvalid, "the tenant or the nonce is missing");
  return out;
}

std::string encode_mailed_answer(const HttpResponse& response, const Sealer* sealer) {
  const auto encode = [sealer](const HttpResponse& r) {
    JsonWriter w;
    w.begin_object()
        .field("form", kForm)
        .field("status", r.status)
        .field("content_type", r.content_type);
    write_pairs(w, "headers", r.headers);
    write_body(w, r.body);
    return sealed(w.end_object().take(), sealer, kBoundAnswer);
  };
  std::string body = encode(response);
  if (body.size() <= kMailBytesMax) return body;
  // What wrote something answers briefly; it is a read that has so much to say.
  return encode(refuse(503, "unavailable",
                       "the answer is too large to be brought from another node by mail",
                       "ask for a smaller page, or try again later"));
}

Result<HttpResponse> decode_mailed_answer(const std::string& body, const Sealer* sealer) {
  Result<Value> json = opened(body, sealer, kBoundAnswer);
  if (!json) return fail(json.error());
  HttpResponse out;
  const Value* status = json->find("status");
  if (status == nullptr || status->kind() != Value::Kind::kInt || status->as_int() < 200 ||
      status->as_int() > 599)
    return fail(ErrorCode::kInvalid, "it has no status");
  out.status = static_cast<int>(status->as_int());
  out.content_type = text_field(*json, "content_type");
  for (auto& [key, value] : pairs_of(*json, "headers"))
    out.headers.emplace(std::move(key), std::move(value));
  if (!read_body(*json, out.body)) return fail(ErrorCode::kInvalid, "its body is no base64");
  return out;
}

// ---- The desk

MailDesk::MailDesk(const std::vector<Route>& routes, SealerPtr sealer, CarryOut carry_out)
    : routes_(routes), sealer_(std::move(sealer)), carry_out_(std::move(carry_out)) {}

MailDesk::~MailDesk() { close(); }

void MailDesk::refuse(const Job& job, ErrorCode code, const char* why) const {
  job.reply(encode_mailed_answer(api::refuse(Failure{code, why, {}}), sealer_.get()));
}

void MailDesk::take(std::string id, std::string body, std::function<void(std::string)> reply) {
  Job job{std::move(id), std::move(body), std::move(reply)};
  {
    const std::lock_guard lock(mutex_);
    if (!closed_ && jobs_.size() < kWaitingMax) {
      if (threads_.empty()) {
        for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
      }
      jobs_.push_back(std::move(job));
      filled_.notify_one();
      return;
    }
  }
  refuse(job, ErrorCode::kOverloaded, "too many mailed requests wait");
}

void MailDesk::close() {
  std::deque<Job> left;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    left.swap(jobs_);
  }
  filled_.notify_all();
  for (const Job& job : left) refuse(job, ErrorCode::kShuttingDown, "this node is stopping");
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void MailDesk::work() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      filled_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job.reply(encode_mailed_answer(answer(job), sealer_.get()));
  }
}

HttpResponse MailDesk::answer(const Job& job) const {
  Result<MailedRequest> letter = decode_mailed(job.body, sealer_.get());
  if (!letter) {
    spdlog::error("a mailed request cannot be read: {}", to_text(letter.error()));
    return api::refuse(Failure{ErrorCode::kMisconfigured,
                               "a mailed request: " + letter.error().message, letter.error().hint});
  }
  const auto route = std::find_if(routes_.begin(), routes_.end(),
                                  [&](const Route& r) { return r.id == letter->route; });
  if (route == routes_.end())
    return api::refuse(501, "unsupported", "the node that holds this does not serve such a request",
                       "run the same version with the same definitions on all nodes");
  HttpRequest& http = letter->http;
  const bool takes_key = std::any_of(route->parameters.begin(), route->parameters.end(),
                                     [](const Parameter& parameter) {
                                       return parameter.in == Parameter::kHeader &&
                                              std::string_view(parameter.name) == "Idempotency-Key";
                                     });
  if (takes_key && header(http, "idempotency-key") == nullptr)
    http.headers.emplace("Idempotency-Key", "mail:" + letter->nonce);
  return carry_out_(*route, http, letter->who);
}

}  // namespace belay::runtime::api
