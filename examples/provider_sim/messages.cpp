// Messages and calendar entries; see messages.h.
#include "examples/provider_sim/messages.h"

#include <utility>

namespace belay::provider {

using nlohmann::json;

namespace {

Decision keep(const std::string& kind, json object) {
  Decision answer;
  answer.stored = true;
  answer.kind = kind;
  const std::string booking = booking_in(object);
  if (!booking.empty()) answer.effect["booking"] = booking;
  answer.objects.push_back(object);
  answer.body = std::move(object);
  return answer;
}

}  // namespace

std::optional<Operation> route_messages(const std::string& method,
                                        const std::vector<std::string>& parts) {
  const bool get = method == "GET", post = method == "POST";
  if (parts[1] == "messages") {
    if (parts.size() == 2 && post) return Operation{Verb::kSendMessage, "", true};
    if (parts.size() == 2 && get) return Operation{Verb::kListMessages, ""};
    if (parts.size() == 3 && get) return Operation{Verb::kGetMessage, parts[2]};
    return std::nullopt;
  }
  if (parts.size() < 3 || parts[2] != "events") return std::nullopt;
  if (parts.size() == 3 && post) return Operation{Verb::kAddToCalendar, "", true};
  if (parts.size() == 3 && get) return Operation{Verb::kListCalendar, ""};
  if (parts.size() == 4 && get) return Operation{Verb::kGetFromCalendar, parts[3]};
  if (parts.size() == 4 && method == "DELETE")
    return Operation{Verb::kRemoveFromCalendar, parts[3], true};
  return std::nullopt;
}

Decision send_message(const json& body, Maker& maker) {
  if (!body.is_object() || !body.contains("to"))
    return refusal(400, "invalid_request_error", "parameter_missing", "Missing required field: to");
  json message = body;
  message["id"] = maker.id("msg");
  message["object"] = "message";
  message["status"] = "sent";
  message["created"] = maker.now_s();
  return keep("message_sent", std::move(message));
}

Decision add_to_calendar(const json& body, Maker& maker) {
  if (!body.is_object())
    return refusal(400, "invalid_request_error", "parameter_invalid", "A JSON object is wanted");
  json event = body;
  event["id"] = maker.id("ev");
  event["object"] = "calendar_event";
  event["status"] = "confirmed";
  event["created"] = maker.now_s();
  return keep("calendar_added", std::move(event));
}

Decision remove_from_calendar(const Books& books, const std::string& id) {
  const json* before = books.find("calendar_event", id);
  if (before == nullptr)
    return refusal(404, "invalid_request_error", "resource_missing",
                   "No such calendar event: '" + id + "'");
  if (before->at("status") == "cancelled")
    return refusal(410, "invalid_request_error", "resource_gone",
                   "Calendar event was removed: '" + id + "'");
  json event = *before;
  event["status"] = "cancelled";
  Decision answer = keep("calendar_removed", event);
  answer.body = {{"id", id}, {"object", "calendar_event"}, {"deleted", true}};
  return answer;
}

std::string booking_in(const json& body) {
  if (auto own = body.find("booking"); own != body.end() && own->is_string())
    return own->get<std::string>();
  for (const char* holder : {"metadata", "variables", "data"}) {
    auto inner = body.find(holder);
    if (inner == body.end() || !inner->is_object()) continue;
    auto booking = inner->find("booking");
    if (booking != inner->end() && booking->is_string()) return booking->get<std::string>();
  }
  return "";
}

}  // namespace belay::provider
