// See event_starts.h.
#include "runtime/engine/event_starts.h"

#include <algorithm>
#include <utility>

#include "runtime/base/environment.h"
#include "runtime/base/json_value.h"
#include "runtime/base/limits.h"
#include "runtime/engine/log.h"
#include "runtime/engine/starts.h"

namespace belay::runtime {
namespace {

using interpreter::Value;

// Slot 0: the event's payload.
class EventScope final : public interpreter::Scope {
 public:
  EventScope(const Value& payload, interpreter::Timestamp now) : payload_(payload), now_(now) {}
  const Value* slot(std::uint32_t index) const override { return index == 0 ? &payload_ : nullptr; }
  interpreter::Timestamp now() const override { return now_; }
  const interpreter::Environment* environment() const override { return &runtime::environment(); }

 private:
  const Value& payload_;
  interpreter::Timestamp now_;
};

// `now` is the event's time, so that a repetition works out the same.
Result<Value> input_of(const interpreter::Graph& graph, const EventRow& event) {
  const auto clause = std::find_if(graph.starts_on.begin(), graph.starts_on.end(),
                                   [&](const auto& s) { return s.event == event.type; });
  const auto type =
      std::find_if(graph.events.begin(), graph.events.end(),
                   [&](const interpreter::EventType& e) { return e.name == event.type; });
  if (clause == graph.starts_on.end() || type == graph.events.end()) {
    return fail(ErrorCode::kInvalid, "it does not start on " + event.type);
  }
  JsonLimits bounds;
  bounds.bytes_max = 2 * limits::event_bytes_max;
  Result<Value> payload =
      decode_json(type->fields, event.payload, bounds, {.ignore_unknown = true});
  if (!payload)
    return fail(ErrorCode::kInvalid, "the event does not fit its type: " + payload.error().message);
  const EventScope scope(*payload, interpreter::to_timestamp(event.at));
  std::vector<std::pair<std::string, Value>> fields;
  for (const interpreter::Binding& binding : clause->input) {
    interpreter::Evaluated value = interpreter::evaluate(binding.value, scope);
    if (!value.ok) {
      return fail(ErrorCode::kInvalid,
                  "the input `" + binding.name + "` cannot be worked out: " + value.error);
    }
    fields.emplace_back(binding.name, std::move(value.value));
  }
  Result<Value> input = coerce(graph.takes, interpreter::record(std::move(fields)));
  if (!input)
    return fail(ErrorCode::kInvalid,
                "the input does not fit what it takes: " + input.error().message);
  return input;
}

}  // namespace

std::string not_started_scope(std::int64_t eseq) { return "not_started:" + std::to_string(eseq); }

void EventStarts::added(Slot slot, const EventRow& event, const std::string& source) {
  for (const GraphPtr& graph : loop_.graphs().started_by(event.type)) {
    StartByEvent message;
    message.workflow = graph->workflow;
    message.hash = graph->hash;
    // As publishing tells events apart: one webhook may publish several under its one id.
    message.key = "event:" + graph->workflow + ":" +
                  sha256_hex(source + '\0' + event.id + '\0' + event.type + '\0' + event.key);
    message.event = event;
    const Lane to =
        lane_of(event.tenant, message.key, static_cast<std::int32_t>(limits::lanes_default));
    loop_.send(slot, to, std::move(message));
  }
}

void EventStarts::deliver(Mail mail) {
  if (!loop_.holds(mail.to)) return;
  if (EventRow event = std::get<StartByEvent>(mail.what).event; is_sealed_value(event.payload)) {
    return loop_.loader().payload(
        event, [this, mail = std::move(mail)](Result<std::string> payload) mutable {
          StartByEvent& message = std::get<StartByEvent>(mail.what);
          if (payload) {
            message.event.payload = std::move(*payload);
            return deliver(std::move(mail));
          }
          if (payload.error().code == ErrorCode::kUnavailable)
            return loop_.later([this, mail] { deliver(mail); });
          refuse(mail, message, to_text(payload.error()));
        });
  }
  const std::string hash = std::get<StartByEvent>(mail.what).hash;
  if (GraphPtr known = loop_.graphs().by_hash(hash))
    return start(mail, std::get<StartByEvent>(mail.what), known);
  loop_.loader().graph(hash, [this, mail = std::move(mail)](Result<GraphPtr> graph) {
    const StartByEvent& message = std::get<StartByEvent>(mail.what);
    if (graph) return start(mail, message, *graph);
    if (graph.error().code == ErrorCode::kUnavailable)
      return loop_.later([this, mail] { deliver(mail); });
    refuse(mail, message, to_text(graph.error()));
  });
}

void EventStarts::start(const Mail& mail, const StartByEvent& message, GraphPtr graph) {
  if (!loop_.holds(mail.to)) return;
  Result<Value> input = input_of(*graph, message.event);
  if (!input) {
    // What exactly is wrong with a private value is not told.
    const std::string& why = input.error().message;
    return refuse(mail, message, graph->holds_private ? why.substr(0, why.find(": ")) : why);
  }
  StartRequest request;
  request.tenant = message.event.tenant;
  request.workflow = message.workflow;
  request.input = std::move(*input);
  request.actor = "event:" + message.event.type + " " + message.event.id;
  Result<StartInput> start =
      loop_.starts().prepare_mail(std::move(request), std::move(graph), message.key, mail);
  if (!start) return refuse(mail, message, to_text(start.error()));
  if (start->lane != mail.to) {  // `once per` or `one at a time` decide its lane
    const Slot slot = loop_.slot(mail.to, message.key);
    loop_.consume(slot, mail);
    return loop_.send(slot, start->lane, message);
  }
  start->first_is_enough = true;
  start->with_mail = [this, message](Slot slot) {
    const EventRow& event = message.event;
    loop_.send(slot, event.lane,
               EventStarted{event.tenant, event.type, event.key, event.eseq, message.workflow, ""});
  };
  start->done = [this, mail](Result<StartReply> reply) {
    if (reply) {
      if (reply->created) loop_.counters().event_starts.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    switch (reply.error().code) {
      case ErrorCode::kUnavailable:
      case ErrorCode::kOverloaded: return loop_.later([this, mail] { deliver(mail); });
      case ErrorCode::kFenced:
      case ErrorCode::kShuttingDown:
      case ErrorCode::kInDoubt: return;  // the mail stays in the table
      default: refuse(mail, std::get<StartByEvent>(mail.what), to_text(reply.error()));
    }
  };
  loop_.starts().start_mail(std::move(*start));
}

void EventStarts::refuse(const Mail& mail, const StartByEvent& message, const std::string& why) {
  if (!loop_.holds(mail.to)) return;
  const EventRow& event = message.event;
  log_warning("event " + event.type + " " + event.id + " starts no saga of " + message.workflow +
              ": " + why);
  loop_.counters().event_starts_failed.fetch_add(1, std::memory_order_relaxed);
  const Slot slot = loop_.slot(mail.to, message.key);
  loop_.consume(slot, mail);
  loop_.send(slot, event.lane,
             EventStarted{event.tenant, event.type, event.key, event.eseq, message.workflow,
                          why.substr(0, 1'000)});
}

}  // namespace belay::runtime
