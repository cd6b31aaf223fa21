// One request's way through the provider; see provider.h.
#include "examples/provider_sim/provider.h"

#include <chrono>
#include <random>
#include <stdexcept>
#include <utility>

namespace belay::provider {

using nlohmann::json;

namespace {

std::int64_t wall_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

Answer answer_of(const Decision& decision) {
  Answer answer;
  answer.status = decision.status;
  answer.body = to_text(decision.body);
  return answer;
}

std::uint64_t drawn_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

Decision internal_error() {
  return refusal(500, "api_error", "internal_error", "Something went wrong on our side.");
}

bool does_no_work(FaultAction action) {
  switch (action) {
    case FaultAction::kDown:
    case FaultAction::kUnauthorised:
    case FaultAction::kRateLimited:
    case FaultAction::kTimeoutBefore: return true;
    default: return false;
  }
}

// The answer of a fault that keeps the request out.
Answer turned_away(const Call& call, const Fault& fault) {
  Answer answer;
  switch (fault.action) {
    case FaultAction::kUnauthorised:
      return answer_of(
          refusal(401, "invalid_request_error", "api_key_expired", "Expired API Key provided"));
    case FaultAction::kRateLimited:
      answer = answer_of(refusal(429, "invalid_request_error", "rate_limit", "Too many requests"));
      answer.retry_later = true;
      return answer;
    case FaultAction::kTimeoutBefore:
      // Held here, inside the key's gate: a second try with the same key meets 409 meanwhile.
      call.wait(fault.hold_ms);
      answer.ending = Ending::kReset;
      return answer;
    default:
      if (fault.hold_ms > 0) call.wait(fault.hold_ms);
      return answer_of(refusal(503, "api_error", "service_unavailable", "We are down."));
  }
}

// What the network does to an answer that exists.
void spoil(Answer& answer, const std::optional<Fault>& fault) {
  if (!fault) return;
  answer.fault = fault->name;
  answer.hold_ms = fault->hold_ms;
  if (fault->action == FaultAction::kTimeoutAfter) answer.ending = Ending::kHold;
  if (fault->action == FaultAction::kResetAfter) answer.ending = Ending::kReset;
}

}  // namespace

// While it lives, the key is in progress.
struct Provider::Gate {
  explicit Gate(Provider& owner) : provider(owner) {}
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() { leave(); }
  void leave() {
    if (!held) return;
    std::lock_guard lock(provider.mutex_);
    provider.books_.keys().end(use.key);
    held = false;
  }
  Provider& provider;
  KeyUse use;
  bool held = false;
  std::optional<Answer> replay;
  std::string booking;
};

Provider::Provider(const Options& options)
    : api_key_(options.api_key),
      faults_(options.seed.value_or(drawn_seed())),
      auto_pay_(options.auto_pay) {
  std::uint64_t number = 0;
  ledger_ = std::make_unique<Ledger>(options.ledger, [&](std::string_view line) {
    ++number;
    try {
      books_.apply(json::parse(line));
    } catch (const json::exception& error) {
      throw std::runtime_error("ledger line " + std::to_string(number) + ": " + error.what());
    }
  });
  if (books_.last_seq() == 0)
    append({{"kind", "opened"}, {"salt", options.seed.value_or(drawn_seed())}});
  const std::int64_t remember_ms = options.remember_keys_for_s ? *options.remember_keys_for_s * 1000
                                                               : books_.keys().remember_for_ms();
  if (remember_ms != books_.keys().remember_for_ms())
    append({{"kind", "keys_changed"}, {"remember_for_ms", remember_ms}});
  ledger_->sync();

  webhooks_ = std::make_unique<WebhookSender>(
      options.webhooks, options.seed.value_or(drawn_seed()),
      [this](const std::string& event, bool delivered) {
        std::lock_guard lock(mutex_);
        append({{"kind", delivered ? "webhook_delivered" : "webhook_given_up"}, {"event", event}});
      });
  for (const json& event : books_.pending_events()) webhooks_->send(event);
}

Answer Provider::handle(const Call& call) {
  const auto operation = route(call.method, call.path);
  if (!operation)
    return answer_of(refusal(404, "invalid_request_error", "resource_missing",
                             "Unrecognized request URL (" + call.method + ": " + call.path + ")"));
  Gate gate(*this);
  if (auto refused = admit(call, *operation, gate)) {
    ledger_->sync();
    return *std::move(refused);
  }
  auto fault = faults_.pick({.request = call.method + ' ' + call.path,
                             .booking = gate.booking,
                             .replay = gate.replay.has_value()});
  Answer answer;
  if (fault && fault->action == FaultAction::kSlow) call.wait(fault->hold_ms);
  if (fault && does_no_work(fault->action)) {
    answer = turned_away(call, *fault);
    answer.fault = fault->name;
  } else {
    answer = gate.replay ? *std::move(gate.replay) : work(call, *operation, gate.use, fault);
    spoil(answer, fault);
  }
  // The stored answer is out of the gate before silence starts: a retry is replayed, not refused.
  gate.leave();
  answer.booking = gate.booking;
  ledger_->sync();
  return answer;
}

// Front door: who are you, and have we answered this key before. Returns the refusal, or nullopt to
// go on.
std::optional<Answer> Provider::admit(const Call& call, const Operation& operation, Gate& gate) {
  std::lock_guard lock(mutex_);
  if (call.bearer.empty() || (!api_key_.empty() && call.bearer != api_key_))
    return answer_of(
        refusal(401, "invalid_request_error", "api_key_invalid", "Invalid API Key provided"));
  gate.booking = booking_of(books_, operation, call.arguments);
  if (!operation.changes) return std::nullopt;
  if (call.key.empty() && operation.moves_money)
    return answer_of(refusal(400, "invalid_request_error", "idempotency_key_required",
                             "An Idempotency-Key header is required here"));
  if (call.key.empty()) return std::nullopt;
  if (call.key.size() > 255)
    return answer_of(refusal(400, "idempotency_error", "idempotency_key_too_long",
                             "An Idempotency-Key has at most 255 characters"));

  gate.use = {call.key, fingerprint_of(call.method, call.path, call.raw)};
  switch (books_.keys().look(call.key, gate.use.fingerprint, clock_ms())) {
    case KeyVerdict::kInProgress:
      return answer_of(refusal(409, "idempotency_error", "idempotency_key_in_use",
                               "Another request with this Idempotency-Key is in progress"));
    case KeyVerdict::kOtherRequest:
      append({{"kind", "key_reused_with_other_body"}, {"used_key", call.key}});
      return answer_of(
          refusal(400, "idempotency_error", "idempotency_key_reused",
                  "Keys for idempotent requests can only be used with the same parameters they "
                  "were first used with"));
    case KeyVerdict::kReplay: {
      const StoredAnswer& stored = books_.keys().stored(call.key);
      gate.replay = Answer{.status = stored.status, .body = stored.body, .replayed = true};
      append({{"kind", "replayed"}, {"used_key", call.key}, {"status", stored.status}});
      return std::nullopt;
    }
    case KeyVerdict::kForgotten: gate.use.forgotten = true; break;
    case KeyVerdict::kFresh: break;
  }
  books_.keys().begin(call.key);
  gate.held = true;
  return std::nullopt;
}

Answer Provider::work(const Call& call, const Operation& operation, const KeyUse& use,
                      const std::optional<Fault>& fault) {
  Answer answer;
  std::vector<json> events;
  {
    std::lock_guard lock(mutex_);
    Maker maker(books_, wall_ms() / 1000);
    Arguments arguments = call.arguments;
    arguments.key_forgotten = use.forgotten;
    Decision decision;
    if (fault && fault->action == FaultAction::kDecline) {
      decision = decide_decline(books_, operation, arguments, maker);
    } else if (fault && fault->action == FaultAction::kError500Before) {
      decision = internal_error();
      decision.stored = fault->stored;
      if (fault->stored) decision.kind = "failed";
    } else {
      decision = decide(books_, operation, arguments, maker);
      if (fault && fault->action == FaultAction::kError500After) {
        Decision error = internal_error();
        decision.status = error.status;
        decision.body = error.body;
        decision.stored = decision.stored && fault->stored;
      }
    }
    answer = answer_of(decision);
    const bool created = decision.kind == "intent_created";
    const std::string id = created ? decision.objects.at(0).at("id").get<std::string>() : "";
    events = commit(std::move(decision), &use);
    if (created && auto_pay_) {
      Maker next(books_, wall_ms() / 1000);
      for (json& event : commit(decide_payment(books_, {.intent = id}, next), nullptr))
        events.push_back(std::move(event));
    }
  }
  publish(events);
  return answer;
}

// Writes a decision's line and returns the webhook events to send. REQUIRES: mutex_ held.
std::vector<json> Provider::commit(Decision decision, const KeyUse* use) {
  if (decision.kind.empty()) return {};
  json line = {{"kind", decision.kind}};
  if (!decision.objects.empty()) line["objects"] = std::move(decision.objects);
  if (!decision.effect.empty()) line["effect"] = std::move(decision.effect);
  if (use != nullptr && !use->key.empty()) {
    line["key"] = {{"key", use->key}, {"fingerprint", use->fingerprint}, {"at", clock_ms()}};
    if (use->forgotten) line["key"]["forgotten"] = true;
    if (decision.stored)
      line["answer"] = {{"status", decision.status}, {"body", std::move(decision.body)}};
  }
  std::vector<json> events;
  if (webhooks_->enabled() && !decision.events.empty()) {
    for (const json& event : decision.events) events.push_back(event);
    line["events"] = std::move(decision.events);
  }
  append(std::move(line));
  return events;
}

// REQUIRES: mutex_ held, or nobody else knows us yet.
void Provider::append(json line) {
  line["seq"] = books_.last_seq() + 1;
  line["at"] = wall_ms();
  ledger_->append(to_text(line));
  books_.apply(line);
}

// A webhook tells the world, so its line is on disk first.
void Provider::publish(const std::vector<json>& events) {
  if (events.empty()) return;
  ledger_->sync();
  for (const json& event : events) webhooks_->send(event);
}

Answer Provider::pay(const CustomerPays& pays) {
  Answer answer;
  std::vector<json> events;
  {
    std::lock_guard lock(mutex_);
    Maker maker(books_, wall_ms() / 1000);
    Decision decision = decide_payment(books_, pays, maker);
    answer = answer_of(decision);
    events = commit(std::move(decision), nullptr);
  }
  publish(events);
  ledger_->sync();
  return answer;
}

// The newest intent of the booking that still waits for its customer; else its first, whose state
// then says no.
Answer Provider::pay_by_booking(const std::string& booking, CustomerPays pays) {
  {
    std::lock_guard lock(mutex_);
    for (const std::string& id : books_.intents_of(booking)) {
      const bool waits =
          books_.find("payment_intent", id)->at("status") == "requires_payment_method";
      if (waits || pays.intent.empty()) pays.intent = id;
    }
  }
  if (pays.intent.empty())
    return answer_of(refusal(404, "invalid_request_error", "resource_missing",
                             "No intent for booking: '" + booking + "'"));
  return pay(pays);
}

Answer Provider::advance_clock(std::int64_t seconds) {
  std::lock_guard lock(mutex_);
  append({{"kind", "clock_advanced"}, {"advance_ms", seconds * 1000}});
  ledger_->sync();
  return {.body = to_text({{"offset_s", books_.clock_offset_ms() / 1000}})};
}

Answer Provider::remember_keys_for(std::int64_t seconds) {
  std::lock_guard lock(mutex_);
  append({{"kind", "keys_changed"}, {"remember_for_ms", seconds * 1000}});
  ledger_->sync();
  return {.body = to_text({{"remember_for_s", seconds}})};
}

void Provider::set_api_key(const std::string& key) {
  std::lock_guard lock(mutex_);
  api_key_ = key;
}

json Provider::summary() {
  json totals;
  {
    std::lock_guard lock(mutex_);
    totals = books_.summary();
  }
  ledger_->sync();
  return totals;
}

std::string Provider::ledger_text() {
  std::lock_guard lock(mutex_);
  ledger_->sync();
  return ledger_->text();
}

std::int64_t Provider::clock_ms() const { return wall_ms() + books_.clock_offset_ms(); }

}  // namespace belay::provider
