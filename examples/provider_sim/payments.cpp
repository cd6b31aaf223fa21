// Routes and decisions for money; messages and calendar are in messages.cpp. See payments.h.
#include "examples/provider_sim/payments.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <utility>

#include "examples/provider_sim/messages.h"

namespace belay::provider {

using nlohmann::json;

namespace {

using Fields = std::map<std::string, std::string>;

constexpr std::int64_t kAmountMax = 99'999'999;
constexpr std::size_t kListMax = 100;

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t from = 1; from <= path.size();) {
    std::size_t end = std::min(path.find('/', from), path.size());
    parts.push_back(path.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

std::string field(const Fields& fields, const std::string& name) {
  auto found = fields.find(name);
  return found == fields.end() ? "" : found->second;
}

// nullopt when absent or not a whole number of minor units.
std::optional<std::int64_t> minor_units(const Fields& fields, const std::string& name) {
  const std::string text = field(fields, name);
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

json metadata_in(const Fields& fields) {
  json metadata = json::object();
  for (const auto& [name, value] : fields)
    if (name.starts_with("metadata[") && name.ends_with("]"))
      metadata[name.substr(9, name.size() - 10)] = value;
  return metadata;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

json effect_of(const json& intent, std::int64_t amount) {
  json effect = {{"intent", intent.at("id")},
                 {"currency", upper(intent.at("currency").get<std::string>())},
                 {"amount", amount}};
  if (intent.at("metadata").contains("booking")) effect["booking"] = intent["metadata"]["booking"];
  return effect;
}

json event_of(Maker& maker, const std::string& type, const json& object) {
  return {{"id", maker.id("evt")},       {"object", "event"}, {"type", type},
          {"created", maker.now_s()},    {"livemode", false}, {"api_version", "2024-06-20"},
          {"data", {{"object", object}}}};
}

Decision bad(const std::string& code, const std::string& message) {
  return refusal(400, "invalid_request_error", code, message);
}

Decision missing(const std::string& what, const std::string& id) {
  return refusal(404, "invalid_request_error", "resource_missing",
                 "No such " + what + ": '" + id + "'");
}

// A refusal from inside the provider: the request was understood, so its key remembers the answer.
Decision refused(Decision answer, const json& intent) {
  answer.stored = true;
  answer.kind = "refused";
  answer.effect = effect_of(intent, 0);
  return answer;
}

Decision unexpected_state(const json& intent, const std::string& verb) {
  Decision answer = bad("payment_intent_unexpected_state",
                        "This PaymentIntent could not be " + verb + " because it has a status of " +
                            intent.at("status").get<std::string>());
  answer.body["error"]["payment_intent"] = intent;
  return refused(std::move(answer), intent);
}

Decision done(std::string kind, json body) {
  Decision answer;
  answer.stored = true;
  answer.kind = std::move(kind);
  answer.body = std::move(body);
  return answer;
}

Decision found(json body) {
  Decision answer;
  answer.body = std::move(body);
  return answer;
}

Decision create_intent(const Fields& fields, Maker& maker) {
  const auto amount = minor_units(fields, "amount");
  const std::string currency = field(fields, "currency");
  if (!amount) return bad("parameter_missing", "Missing required param: amount");
  if (currency.size() != 3) return bad("parameter_missing", "Missing required param: currency");
  if (*amount < 1) return bad("amount_too_small", "Amount must be at least 1");
  if (*amount > kAmountMax) return bad("amount_too_large", "Amount must be no more than 99999999");

  const std::string id = maker.id("pi");
  json intent = {{"id", id},
                 {"object", "payment_intent"},
                 {"amount", *amount},
                 {"amount_capturable", 0},
                 {"amount_received", 0},
                 {"currency", currency},
                 {"capture_method", "manual"},
                 {"status", "requires_payment_method"},
                 {"client_secret", maker.id(id + "_secret")},
                 {"created", maker.now_s()},
                 {"canceled_at", nullptr},
                 {"latest_charge", nullptr},
                 {"last_payment_error", nullptr},
                 {"metadata", metadata_in(fields)}};
  Decision answer = done("intent_created", intent);
  answer.objects.push_back(intent);
  answer.effect = effect_of(intent, *amount);
  return answer;
}

Decision capture(const json& before, const Arguments& arguments, Maker& maker) {
  // A worn-out key is a new request to us, and this provider is harsher than Stripe: it takes the
  // money again.
  const bool again = arguments.key_forgotten && before.at("status") == "succeeded";
  if (before.at("status") != "requires_capture" && !again)
    return unexpected_state(before, "captured");

  const std::int64_t most = again ? before.at("amount").get<std::int64_t>()
                                  : before.at("amount_capturable").get<std::int64_t>();
  std::int64_t amount = most;
  if (arguments.fields.contains("amount_to_capture")) {
    auto asked = minor_units(arguments.fields, "amount_to_capture");
    if (!asked || *asked < 1)
      return bad("parameter_invalid_integer", "Invalid integer: amount_to_capture");
    if (*asked > most)
      return refused(bad("amount_too_large", "The amount to capture is more than was authorised"),
                     before);
    amount = *asked;
  }

  json intent = before;
  json charge = {{"id", maker.id("ch")},
                 {"object", "charge"},
                 {"amount", most},
                 {"amount_captured", amount},
                 {"amount_refunded", 0},
                 {"captured", true},
                 {"refunded", false},
                 {"status", "succeeded"},
                 {"created", maker.now_s()},
                 {"currency", before.at("currency")},
                 {"payment_intent", before.at("id")},
                 {"metadata", before.at("metadata")}};
  intent["status"] = "succeeded";
  intent["amount_capturable"] = 0;
  intent["amount_received"] = before.at("amount_received").get<std::int64_t>() + amount;
  intent["latest_charge"] = charge["id"];
  intent["last_payment_error"] = nullptr;

  Decision answer = done("captured", intent);
  answer.objects = {intent, charge};
  answer.effect = effect_of(intent, amount);
  answer.events.push_back(event_of(maker, "payment_intent.succeeded", intent));
  return answer;
}

Decision cancel(const json& before, const Fields& fields, Maker& maker) {
  const std::string status = before.at("status").get<std::string>();
  if (status == "succeeded" || status == "canceled") return unexpected_state(before, "canceled");
  json intent = before;
  intent["status"] = "canceled";
  intent["amount_capturable"] = 0;
  intent["canceled_at"] = maker.now_s();
  intent["cancellation_reason"] = nullptr;
  if (fields.contains("cancellation_reason"))
    intent["cancellation_reason"] = fields.at("cancellation_reason");
  Decision answer = done("voided", intent);
  answer.objects.push_back(intent);
  answer.effect = effect_of(intent, before.at("amount_capturable").get<std::int64_t>());
  answer.events.push_back(event_of(maker, "payment_intent.canceled", intent));
  return answer;
}

// The charge a refund names, directly or by its intent; empty when neither leads to one.
std::string charge_named(const Books& books, const Fields& fields) {
  if (fields.contains("charge")) return fields.at("charge");
  const json* intent = books.find("payment_intent", field(fields, "payment_intent"));
  if (intent == nullptr || !intent->at("latest_charge").is_string()) return "";
  return intent->at("latest_charge").get<std::string>();
}

Decision refund(const Books& books, const Fields& fields, Maker& maker) {
  if (!fields.contains("charge") && !fields.contains("payment_intent"))
    return bad("parameter_missing", "One of charge or payment_intent is required");
  const json* before = books.find("charge", charge_named(books, fields));
  if (before == nullptr)
    return missing(
        fields.contains("charge") ? "charge" : "charge of payment_intent",
        fields.contains("charge") ? fields.at("charge") : field(fields, "payment_intent"));
  const json& intent =
      *books.find("payment_intent", before->at("payment_intent").get<std::string>());

  const std::int64_t refunded = before->at("amount_refunded").get<std::int64_t>();
  const std::int64_t left = before->at("amount_captured").get<std::int64_t>() - refunded;
  auto asked = minor_units(fields, "amount");
  if (fields.contains("amount") && (!asked || *asked < 1))
    return bad("parameter_invalid_integer", "Invalid integer: amount");
  const std::int64_t amount = asked.value_or(left);
  if (left == 0 || amount > left)
    return refused(
        bad("charge_already_refunded",
            "Refund is greater than what is left of the charge (" + std::to_string(left) + ")"),
        intent);

  json charge = *before;
  charge["amount_refunded"] = refunded + amount;
  charge["refunded"] = amount == left;
  json made = {{"id", maker.id("re")},
               {"object", "refund"},
               {"amount", amount},
               {"charge", charge["id"]},
               {"payment_intent", intent.at("id")},
               {"currency", intent.at("currency")},
               {"status", "succeeded"},
               {"reason", nullptr},
               {"created", maker.now_s()},
               {"metadata", metadata_in(fields)}};
  if (fields.contains("reason")) made["reason"] = fields.at("reason");
  Decision answer = done("refunded", made);
  answer.objects = {charge, made};
  answer.effect = effect_of(intent, amount);
  answer.events.push_back(event_of(maker, "charge.refunded", charge));
  return answer;
}

Decision list_of(const std::vector<const json*>& objects, const Fields& fields) {
  std::size_t limit = kListMax;
  if (auto asked = minor_units(fields, "limit"); asked && *asked > 0)
    limit = std::min(kListMax, static_cast<std::size_t>(*asked));
  json data = json::array();
  for (const json* object : objects) {
    if (data.size() == limit) break;
    data.push_back(*object);
  }
  const bool more = objects.size() > data.size();
  return found({{"object", "list"}, {"data", std::move(data)}, {"has_more", more}});
}

std::vector<const json*> intents_with(const Books& books, const std::string& name,
                                      const std::string& value) {
  std::vector<const json*> matches;
  if (name == "booking") {
    for (const std::string& id : books.intents_of(value))
      matches.push_back(books.find("payment_intent", id));
    std::reverse(matches.begin(), matches.end());
    return matches;
  }
  for (const json* intent : books.all("payment_intent"))
    if (intent->at("metadata").value(name, "") == value) matches.push_back(intent);
  return matches;
}

Decision list_intents(const Books& books, const Fields& fields) {
  for (const auto& [name, value] : fields) {
    if (name.starts_with("metadata_"))
      return list_of(intents_with(books, name.substr(9), value), fields);
    if (name.starts_with("metadata[") && name.ends_with("]"))
      return list_of(intents_with(books, name.substr(9, name.size() - 10), value), fields);
  }
  return list_of(books.all("payment_intent"), fields);
}

// One clause of Stripe's search language: metadata['name']:'value'.
Decision search_intents(const Books& books, const Fields& fields) {
  std::vector<std::string> quoted;
  std::string query = field(fields, "query");
  for (std::size_t from = 0; from < query.size(); ++from) {
    const char quote = query[from];
    if (quote != '\'' && quote != '"') continue;
    std::size_t end = query.find(quote, from + 1);
    if (end == std::string::npos) break;
    quoted.push_back(query.substr(from + 1, end - from - 1));
    from = end;
  }
  if (!query.starts_with("metadata[") || quoted.size() != 2)
    return bad("parameter_invalid", "only metadata['name']:'value' can be searched");
  return list_of(intents_with(books, quoted[0], quoted[1]), fields);
}

Decision list_refunds(const Books& books, const Fields& fields) {
  std::vector<const json*> matches;
  for (const json* one : books.all("refund")) {
    if (fields.contains("charge") && one->at("charge") != fields.at("charge")) continue;
    if (fields.contains("payment_intent") &&
        one->at("payment_intent") != fields.at("payment_intent"))
      continue;
    matches.push_back(one);
  }
  return list_of(matches, fields);
}

Decision get(const Books& books, const std::string& object, const std::string& id) {
  const json* one = books.find(object, id);
  return one == nullptr ? missing(object, id) : found(*one);
}

// The intent a request acts on, or nullptr.
const json* intent_of(const Books& books, const Operation& operation, const Arguments& arguments) {
  if (operation.verb == Verb::kRefund) {
    const json* charge = books.find("charge", charge_named(books, arguments.fields));
    return charge ? books.find("payment_intent", charge->at("payment_intent").get<std::string>())
                  : nullptr;
  }
  if (operation.verb == Verb::kGetCharge || operation.verb == Verb::kGetRefund) {
    const json* one =
        books.find(operation.verb == Verb::kGetCharge ? "charge" : "refund", operation.id);
    return one ? books.find("payment_intent", one->at("payment_intent").get<std::string>())
               : nullptr;
  }
  return books.find("payment_intent", operation.id);
}

}  // namespace

std::string Maker::id(const std::string& prefix) {
  constexpr char kLetters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  // splitmix64 over salt, line and count: looks random, repeats with --seed.
  std::uint64_t x = salt_ + seq_ * 0x9e3779b97f4a7c15ULL + ++made_ * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x ^= x >> 31;
  std::string text = prefix + '_';
  for (int i = 0; i < 10; ++i, x /= 62) text += kLetters[x % 62];
  std::string line;
  for (std::uint64_t n = seq_; n != 0; n /= 62) line += kLetters[n % 62];
  line.resize(std::max<std::size_t>(line.size(), 4), '0');
  return text + line + kLetters[made_ % 62];
}

std::optional<Operation> route(const std::string& method, const std::string& path) {
  const auto parts = split_path(path);
  if (parts.size() < 2 || parts[0] != "v1") return std::nullopt;
  const std::string& family = parts[1];
  const bool get = method == "GET", post = method == "POST";
  if (family == "messages" || family == "calendar") return route_messages(method, parts);
  if (family == "payment_intents") {
    if (parts.size() == 2 && post) return Operation{Verb::kCreateIntent, "", true, true};
    if (parts.size() == 2 && get) return Operation{Verb::kListIntents, ""};
    if (parts.size() == 3 && get && parts[2] == "search")
      return Operation{Verb::kSearchIntents, ""};
    if (parts.size() == 3 && get) return Operation{Verb::kGetIntent, parts[2]};
    if (parts.size() == 4 && post && parts[3] == "capture")
      return Operation{Verb::kCapture, parts[2], true, true};
    if (parts.size() == 4 && post && parts[3] == "cancel")
      return Operation{Verb::kCancel, parts[2], true, true};
  }
  if (family == "refunds") {
    if (parts.size() == 2 && post) return Operation{Verb::kRefund, "", true, true};
    if (parts.size() == 2 && get) return Operation{Verb::kListRefunds, ""};
    if (parts.size() == 3 && get) return Operation{Verb::kGetRefund, parts[2]};
  }
  if (family == "charges" && parts.size() == 3 && get) return Operation{Verb::kGetCharge, parts[2]};
  return std::nullopt;
}

Decision decide(const Books& books, const Operation& operation, const Arguments& arguments,
                Maker& maker) {
  const Fields& fields = arguments.fields;
  const std::string& id = operation.id;
  switch (operation.verb) {
    case Verb::kCreateIntent: return create_intent(fields, maker);
    case Verb::kGetIntent: return get(books, "payment_intent", id);
    case Verb::kListIntents: return list_intents(books, fields);
    case Verb::kSearchIntents: return search_intents(books, fields);
    case Verb::kCapture:
    case Verb::kCancel: {
      const json* intent = books.find("payment_intent", id);
      if (intent == nullptr) return missing("payment_intent", id);
      return operation.verb == Verb::kCapture ? capture(*intent, arguments, maker)
                                              : cancel(*intent, fields, maker);
    }
    case Verb::kRefund: return refund(books, fields, maker);
    case Verb::kGetRefund: return get(books, "refund", id);
    case Verb::kListRefunds: return list_refunds(books, fields);
    case Verb::kGetCharge: return get(books, "charge", id);
    case Verb::kSendMessage: return send_message(arguments.body, maker);
    case Verb::kGetMessage: return get(books, "message", id);
    case Verb::kListMessages: return list_of(books.all("message"), fields);
    case Verb::kAddToCalendar: return add_to_calendar(arguments.body, maker);
    case Verb::kGetFromCalendar: return get(books, "calendar_event", id);
    case Verb::kListCalendar: return list_of(books.all("calendar_event"), fields);
    case Verb::kRemoveFromCalendar: return remove_from_calendar(books, id);
  }
  return bad("unknown", "unknown operation");
}

Decision decide_decline(const Books& books, const Operation& operation, const Arguments& arguments,
                        Maker& maker) {
  Decision answer = refusal(402, "card_error", "card_declined", "Your card was declined.");
  answer.body["error"]["decline_code"] = "generic_decline";
  answer.stored = true;
  answer.kind = "declined";
  const std::string booking = booking_of(books, operation, arguments);
  if (!booking.empty()) answer.effect["booking"] = booking;
  const json* before = intent_of(books, operation, arguments);
  if (before == nullptr || operation.verb != Verb::kCapture) return answer;
  json intent = *before;
  intent["last_payment_error"] = answer.body["error"];
  answer.objects.push_back(intent);
  answer.effect = effect_of(intent, 0);
  answer.events.push_back(event_of(maker, "payment_intent.payment_failed", intent));
  return answer;
}

Decision decide_payment(const Books& books, const CustomerPays& pays, Maker& maker) {
  const json* before = books.find("payment_intent", pays.intent);
  if (before == nullptr) return missing("payment_intent", pays.intent);
  if (before->at("status") != "requires_payment_method") {
    Decision answer = unexpected_state(*before, "paid");
    answer.kind.clear();  // the customer's act has no key, so there is nothing to remember
    return answer;
  }
  json intent = *before;
  if (pays.decline) {
    intent["last_payment_error"] =
        refusal(402, "card_error", "card_declined", "Your card was declined.").body["error"];
    Decision answer = done("declined", intent);
    answer.objects.push_back(intent);
    answer.effect = effect_of(intent, 0);
    answer.events.push_back(event_of(maker, "payment_intent.payment_failed", intent));
    return answer;
  }
  if (pays.amount) intent["amount"] = *pays.amount;
  intent["status"] = "requires_capture";
  intent["amount_capturable"] = intent["amount"];
  intent["last_payment_error"] = nullptr;
  Decision answer = done("authorised", intent);
  answer.objects.push_back(intent);
  answer.effect = effect_of(intent, intent["amount"].get<std::int64_t>());
  answer.events.push_back(event_of(maker, "payment_intent.amount_capturable_updated", intent));
  return answer;
}

std::string booking_of(const Books& books, const Operation& operation, const Arguments& arguments) {
  for (const char* name : {"metadata[booking]", "metadata_booking"})
    if (auto given = field(arguments.fields, name); !given.empty()) return given;
  if (arguments.body.is_object()) return booking_in(arguments.body);
  if (const json* intent = intent_of(books, operation, arguments))
    return intent->at("metadata").value("booking", "");
  if (const json* event = books.find("calendar_event", operation.id)) return booking_in(*event);
  return "";
}

Decision refusal(int status, const std::string& type, const std::string& code,
                 const std::string& message) {
  Decision answer;
  answer.status = status;
  answer.body = {{"error", {{"type", type}, {"code", code}, {"message", message}}}};
  return answer;
}

}  // namespace belay::provider
