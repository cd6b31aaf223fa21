// Domain events: publish one, list them. A published event wakes every saga that waits for its type
// and key; one that nobody waits for yet is kept and listed as unclaimed.
#include "dsl/diagnostic.h"
#include "runtime/api/api.h"
#include "runtime/api/saga_json.h"
#include "runtime/base/json_value.h"
#include "runtime/base/limits.h"

namespace belay::runtime::api {

using namespace interpreter;

namespace {

HttpResponse no_event(const Context& context, const std::string& name) {
  std::vector<std::string> names;
  for (const EventType& type : context.options.events) names.push_back(type.name);
  const std::string near = dsl::nearest(name, names);
  return refuse(404, "not_found", "no event of this type is declared",
                near.empty() ? "" : "did you mean `" + near + "`?");
}

HttpResponse publish(Context& context, const Call& call) {
  Read<std::string> header_key = idempotency_key(call.http);
  if (!header_key) return std::move(header_key.error());
  Read<Value> request = body(call.http, {{"type", BodyField::kText, true},
                                         {"key", BodyField::kText},
                                         {"payload", BodyField::kAny},
                                         {"id", BodyField::kText}});
  if (!request) return std::move(request.error());
  const std::string name = text_field(*request, "type");
  const EventType* type = context.event(name);
  if (type == nullptr) return no_event(context, name);

  const Value* given = request->find("payload");
  if (given != nullptr && !given->is_null() && given->kind() != Value::Kind::kMap) {
    return refuse(422, "invalid", "`payload` must be an object");
  }
  Map payload = given == nullptr || given->is_null() ? Map() : given->as_map();
  std::string key = text_field(*request, "key");
  // The key is one of the payload's fields: whoever says one says both, whoever says two says the
  // same.
  if (!type->key.empty()) {
    const Value* inside = given == nullptr ? nullptr : given->find(type->key);
    if (inside == nullptr && !key.empty()) {
      payload.emplace_back(Value::string(type->key), Value::string(key));
    } else if (inside != nullptr && inside->kind() == Value::Kind::kString) {
      if (key.empty()) key = inside->as_string();
      if (key != inside->as_string()) {
        return refuse(422, "invalid", "`key` and `payload." + type->key + "` are not the same");
      }
    }
  }
  if (key.empty()) return refuse(422, "invalid", "the field `key` is missing");
  std::string id = text_field(*request, "id");
  if (id.empty()) id = std::move(*header_key);
  if (!is_clean(key, limits::key_bytes_max) || !is_clean(id, limits::key_bytes_max)) {
    return refuse(422, "invalid",
                  "`key` and `id` must be plain text of at most " +
                      std::to_string(limits::key_bytes_max) + " bytes");
  }
  Read<Value> value = typed(Value::map(std::move(payload)), type->fields, "payload");
  if (!value) return std::move(value.error());

  // As the saga will say it: a uuid in lower case, a number in digits.
  if (const Value* field = type->key.empty() ? nullptr : value->find(type->key)) {
    key = field->kind() == Value::Kind::kString ? field->as_string() : to_text(*field);
  }

  PublishRequest wish;
  wish.tenant = call.who.tenant;
  wish.type = name;
  wish.key = key;
  wish.payload = std::move(*value);
  wish.holds_private = holds_private(type->fields);
  wish.id = id;
  wish.source = "api";
  wish.actor = call.who.actor;
  JsonWriter meta;
  meta.begin_object().field("user", call.who.actor);
  if (const std::string* correlation = header(call.http, "x-correlation-id");
      correlation != nullptr && is_clean(*correlation, limits::key_bytes_max)) {
    meta.field("correlation", *correlation);
  }
  wish.metadata = meta.end_object().take();
  Result<PublishReply> reply = context.engine.publish(std::move(wish));
  if (!reply) return refuse(reply.error());
  JsonWriter w;
  w.begin_object().field("id", reply->id).field("type", name).field("key", key);
  w.field("duplicate", reply->duplicate).end_object();
  return json_response(reply->duplicate ? 200 : 201, w.take());
}

void write_event(JsonWriter& w, Context& context, const EventRow& row,
                 const std::string& not_started) {
  const EventType* type = context.event(row.type);
  w.begin_object()
      .field("id", row.id)
      .field("type", row.type)
      .field("version", row.version)
      .field("key", row.key);
  write_instant(w, "at", row.at);
  w.field("claimed", row.claimed);
  // The stored form is the journal's; what is private is masked by the declared type.
  const Result<std::string> stored = context.engine.open_payload(row);
  Result<Value> payload = stored ? parse_json(*stored, {.bytes_max = 4 * limits::event_bytes_max})
                                 : fail(stored.error());
  std::string json;
  if (!stored) json = "\"(erased)\"";
  if (payload && type != nullptr)
    append_json_masked(type->fields, *payload, json);
  else if (payload)
    append_json(*payload, json);
  w.raw_field("payload", json);
  if (!row.metadata.empty() && parse_json(row.metadata)) w.raw_field("metadata", row.metadata);
  if (!not_started.empty()) w.raw_field("not_started", not_started);
  w.end_object();
}

HttpResponse list(Context& context, const Call& call) {
  Read<bool> unclaimed = flag(call.http, "unclaimed");
  if (!unclaimed) return std::move(unclaimed.error());
  Read<std::uint64_t> limit =
      number(call.http, "limit", limits::page_rows_default, 1, limits::page_rows_max);
  if (!limit) return std::move(limit.error());
  const auto text = [&](const char* name) {
    const std::string* value = query(call.http, name);
    return value == nullptr ? std::string() : *value;
  };
  EventFilter filter;
  filter.tenant = call.who.tenant;
  filter.type = text("type");
  filter.key = text("key");
  filter.unclaimed_only = *unclaimed;
  filter.cursor = text("cursor");
  filter.limit = *limit;
  Result<EventPage> page = context.reader.events(filter);
  if (!page) return refuse(page.error());
  JsonWriter w;
  w.begin_object().key("events").begin_array();
  for (std::size_t i = 0; i < page->rows.size(); ++i) {
    write_event(w, context, page->rows[i],
                i < page->not_started.size() ? page->not_started[i] : std::string());
  }
  w.end_array();
  w.field_or_null("next", page->next).end_object();
  return json_response(200, w.take());
}

}  // namespace

void add_event_routes(std::vector<Route>& routes, Context& context) {
  const char* text = R"({"type":"string","maxLength":510})";
  routes.push_back(
      {"POST",
       "/v1/events",
       "publishEvent",
       "events",
       "Publish an event. 2xx means committed; the same `id` again changes nothing",
       Role::kStarter,
       {{Parameter::kHeader, "Idempotency-Key", R"({"type":"string","maxLength":255})",
         "Taken as the event's id when the body has none"},
        {Parameter::kHeader, "X-Correlation-Id", R"({"type":"string","maxLength":255})",
         "Kept with the event"}},
       "Event",
       {{201, "Published", "Published"}, {200, "It was published before", "Published"}},
       [&context](const Call& call) { return publish(context, call); }});
  routes.push_back(
      {"GET",
       "/v1/events",
       "listEvents",
       "events",
       "List events, newest first",
       Role::kViewer,
       {{Parameter::kQuery, "type", text, "Only of this type"},
        {Parameter::kQuery, "key", text, "Only with this key"},
        {Parameter::kQuery, "unclaimed", R"({"type":"boolean","default":false})",
         "Only those that no saga has taken, and those that could not start one"},
        {Parameter::kQuery, "limit", R"({"type":"integer","minimum":1,"maximum":500,"default":50})",
         "Rows of a page"},
        {Parameter::kQuery, "cursor", text, "`next` of the page before"}},
       "",
       {{200, "A page", "EventPage"}},
       [&context](const Call& call) { return list(context, call); }});
}

}  // namespace belay::runtime::api
