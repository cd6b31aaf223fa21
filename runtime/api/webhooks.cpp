// Webhooks in: the routes of the compiled `webhook` declarations. Raw bytes → signature → JSON →
// the id that makes a duplicate → the events whose conditions hold → published → 2xx, only after
// the commit. The same delivery again is 2xx and changes nothing; a kind of event that nobody asked
// about is 2xx too, so that the sender stops sending it again. Tested in
// tests/runtime/api_webhook_test.cpp.
#include <spdlog/spdlog.h>

#include <charconv>

#include "interpreter/time.h"
#include "runtime/api/api.h"
#include "runtime/api/json_writer.h"
#include "runtime/base/environment.h"
#include "runtime/base/json_value.h"
#include "runtime/base/limits.h"
#include "runtime/webhooks/signature.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

// Slots as the compiler numbers them: 0 body, 1 header, 2 received_at.
class DeliveryScope : public Scope {
 public:
  DeliveryScope(Value body, const HttpRequest& request, Instant now)
      : values_{std::move(body), headers_of(request), Value::timestamp(to_timestamp(now))},
        now_(to_timestamp(now)) {}

  const Value* slot(std::uint32_t index) const override {
    return index < 3 ? &values_[index] : nullptr;
  }
  Timestamp now() const override { return now_; }
  const Environment* environment() const override { return &runtime::environment(); }

 private:
  // By lower-case name; a header that is there twice is joined as HTTP says. Credentials stay
  // outside.
  static Value headers_of(const HttpRequest& request) {
    std::map<std::string, std::string> headers;
    for (const auto& [name, value] : request.headers) {
      std::string lower = name;
      for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      if (lower == "authorization" || lower == "cookie" || !is_storable_text(value)) continue;
      std::string& joined = headers[lower];
      joined += (joined.empty() ? "" : ", ") + value;
    }
    Map map;
    for (auto& [name, value] : headers) map.emplace_back(Value::string(name), Value::string(value));
    return Value::map(std::move(map));
  }

  Value values_[3];
  Timestamp now_;
};

// What is said of a delivery that was signed but does not hold what the definition reads from it.
HttpResponse unreadable(const dsl::Webhook& webhook, const std::string& why) {
  spdlog::warn("webhook {}: {}", webhook.name, why);
  return refuse(
      422, "invalid",
      "the delivery does not hold what webhook `" + webhook.name + "` reads from it: " + why);
}

Result<std::string> text_of(const Program& program, const Scope& scope) {
  const Evaluated value = evaluate(program, scope);
  if (!value.ok) return fail(ErrorCode::kInvalid, "`" + program.source + "`: " + value.error);
  std::string text =
      value.value.kind() == Value::Kind::kString ? value.value.as_string() : to_text(value.value);
  if (value.value.is_null() || text.empty() || !is_clean(text, limits::key_bytes_max)) {
    return fail(ErrorCode::kInvalid, "`" + program.source + "` is no usable key");
  }
  return text;
}

// Whether all conditions of a publish hold.
Result<bool> wanted(const dsl::Webhook::Publish& publish, const Scope& scope) {
  for (const Program& condition : publish.conditions) {
    const Evaluated value = evaluate(condition, scope);
    if (!value.ok || value.value.kind() != Value::Kind::kBool) {
      return fail(ErrorCode::kInvalid,
                  "`" + condition.source + "`: " + (value.ok ? "not true or false" : value.error));
    }
    if (!value.value.as_bool()) return false;
  }
  return true;
}

// One event out of a delivery, ready to publish.
Result<PublishRequest> event_of_delivery(const Context& context, const dsl::Webhook& webhook,
                                         std::size_t index, const std::string& delivery,
                                         const Scope& scope) {
  const dsl::Webhook::Publish& publish = webhook.publishes[index];
  const EventType* type = context.event(publish.event);
  if (type == nullptr)
    return fail(ErrorCode::kMisconfigured, "event `" + publish.event + "` is not declared");
  std::vector<std::pair<std::string, Value>> fields;
  for (const Binding& binding : publish.data) {
    Evaluated value = evaluate(binding.value, scope);
    if (!value.ok) return fail(ErrorCode::kInvalid, "`" + binding.name + "`: " + value.error);
    fields.emplace_back(binding.name, std::move(value.value));
  }
  Result<Value> payload = fitted(record(std::move(fields)), type->fields, publish.event);
  if (!payload) return fail(payload.error());
  Result<std::string> key = text_of(publish.key, scope);
  if (!key) return fail(key.error());
  if (const Value* field = type->key.empty() ? nullptr : payload->find(type->key)) {
    key = field->kind() == Value::Kind::kString ? field->as_string()
                                                : to_text(*field);  // a uuid in lower case
  }
  PublishRequest request;
  request.tenant = context.options.tenant;
  request.type = publish.event;
  request.key = std::move(*key);
  request.payload = std::move(*payload);
  request.holds_private = holds_private(type->fields);
  request.id = delivery + "#" + std::to_string(index);
  request.source = "webhook:" + webhook.name;
  request.actor = request.source;
  JsonWriter meta;
  request.metadata = meta.begin_object().field("causation", delivery).end_object().take();
  return request;
}

// Nothing when the bytes are the sender's own.
std::optional<HttpResponse> verify(const Context& context, const dsl::Webhook& webhook,
                                   const HttpRequest& request, Instant now) {
  const std::optional<SignatureScheme> scheme = parse_signature_scheme(webhook.scheme);
  std::vector<Secret> secrets;
  Failure missing;
  for (const std::string& name : webhook.secrets) {
    Result<Secret> secret = context.secrets.resolve(name);
    if (secret)
      secrets.push_back(std::move(*secret));
    else
      missing = secret.error();  // one that was rotated away is no fault while another is live
  }
  if (!scheme || secrets.empty())
    return refuse(missing.message.empty()
                      ? Failure{ErrorCode::kMisconfigured,
                                "webhook " + webhook.name + " has no usable signature scheme",
                                {}}
                      : missing);
  SignedRequest bytes;
  bytes.body = request.body;
  bytes.header = [&request](std::string_view name) {
    const std::string* value = header(request, name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(*value);
  };
  SignaturePolicy policy;
  policy.scheme = *scheme;
  policy.tolerance_s = webhook.tolerance_s;
  const SignatureVerdict verdict = verify_signature(bytes, policy, secrets, now.us / 1'000'000);
  if (verdict == SignatureVerdict::kValid) return std::nullopt;
  spdlog::warn("webhook {}: {}, from {}", webhook.name, to_string(verdict), request.remote_address);
  if (verdict == SignatureVerdict::kBadSecret) {
    return refuse(Failure{
        ErrorCode::kMisconfigured, "no secret of webhook " + webhook.name + " is usable", {}});
  }
  return refuse(401, "bad_signature", "the signature of this delivery was not accepted");
}

// Of a request that another node has sent here: the one event of the delivery that it means.
std::optional<std::size_t> part_of(const HttpRequest& request) {
  const std::string* part = is_forwarded(request) ? header(request, kPartHeader) : nullptr;
  std::size_t index = 0;
  if (part == nullptr ||
      std::from_chars(part->data(), part->data() + part->size(), index).ec != std::errc())
    return std::nullopt;
  return index;
}

// Publishes one event of a delivery, here or where its lane is held: the events of one delivery may
// be of several lanes, so each goes its own way.
Read<PublishReply> publish(Context& context, const Call& call, std::size_t index,
                           const PublishRequest& event) {
  constexpr int kTries = 3;
  Result<PublishReply> reply = context.engine.publish(event);
  for (int i = 1; i < kTries && !reply && reply.error().lane >= 0 && !is_forwarded(call.http);
       ++i) {
    std::optional<HttpResponse> there =
        context.forwarder.carry(call, reply.error().lane, static_cast<int>(index));
    if (!there) {
      reply = context.engine.publish(event);
      continue;
    }
    if (there->status != 200) return tl::unexpected<HttpResponse>(std::move(*there));
    const Result<Value> json = parse_json(there->body);
    const Value* duplicate = json ? json->find("duplicate") : nullptr;
    return PublishReply{event.id, duplicate != nullptr && duplicate->kind() == Value::Kind::kBool &&
                                      duplicate->as_bool()};
  }
  // The sender comes again; what was taken already is a duplicate then.
  if (!reply) return tl::unexpected<HttpResponse>(refuse(reply.error()));
  return std::move(*reply);
}

HttpResponse receive(Context& context, const dsl::Webhook& webhook, const Call& call) {
  const HttpRequest& request = call.http;
  const Instant now = context.now();
  if (auto no = verify(context, webhook, request, now)) return std::move(*no);
  Result<Value> body = parse_json(request.body, {.bytes_max = limits::webhook_body_bytes_max});
  if (!body) return unreadable(webhook, body.error().message);
  const DeliveryScope scope(std::move(*body), request, now);
  Result<std::string> delivery = text_of(webhook.once_per, scope);
  if (!delivery) return unreadable(webhook, delivery.error().message);
  if (delivery->size() + 8 > limits::key_bytes_max)
    return unreadable(webhook, "`once per` is too long");

  // All of them are worked out before the first is published: a delivery is taken whole or not at
  // all.
  const std::optional<std::size_t> only = part_of(request);
  std::vector<std::pair<std::size_t, PublishRequest>> events;  // with its number in the definition
  for (std::size_t i = 0; i < webhook.publishes.size(); ++i) {
    if (only && *only != i) continue;
    Result<bool> holds = wanted(webhook.publishes[i], scope);
    if (!holds) return unreadable(webhook, holds.error().message);
    if (!*holds) continue;
    Result<PublishRequest> event = event_of_delivery(context, webhook, i, *delivery, scope);
    if (!event && event.error().code == ErrorCode::kInvalid)
      return unreadable(webhook, event.error().message);
    if (!event) return refuse(event.error());
    events.emplace_back(i, std::move(*event));
  }
  const bool ignored = events.empty();
  bool duplicate = !ignored;
  JsonWriter w;
  w.begin_object().field("received", true).field("id", *delivery).key("events").begin_array();
  for (const auto& [index, event] : events) {
    Read<PublishReply> reply = publish(context, call, index, event);
    if (!reply) return std::move(reply.error());
    duplicate = duplicate && reply->duplicate;
    w.begin_object()
        .field("id", reply->id)
        .field("type", event.type)
        .field("duplicate", reply->duplicate)
        .end_object();
  }
  w.end_array().field("duplicate", duplicate).field("ignored", ignored).end_object();
  spdlog::debug("webhook {}: {} {}", webhook.name, *delivery,
                ignored     ? "ignored"
                : duplicate ? "duplicate"
                            : "taken");
  return json_response(200, w.take());
}

}  // namespace

void add_webhook_routes(std::vector<Route>& routes, Context& context) {
  for (const dsl::Webhook& webhook : context.options.webhooks) {
    Route& route = routes.emplace_back();
    route.method = webhook.method;
    route.pattern = webhook.path;
    route.id = "webhook:" + webhook.name;
    route.tag = "webhooks";
    route.summary = webhook.title.empty()
                        ? "Webhook `" + webhook.name + "`, signed by scheme " + webhook.scheme
                        : webhook.title;
    route.role = Role::kNobody;  // whoever signs it
    route.body_bytes_max = limits::webhook_body_bytes_max;
    route.request = "Any";
    route.answers = {{200, "Taken, or seen before, or of no interest here", "Delivery"}};
    route.handler = [&context, &webhook](const Call& call) {
      return receive(context, webhook, call);
    };
  }
}

}  // namespace belay::runtime::api
