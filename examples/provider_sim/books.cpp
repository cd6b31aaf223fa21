// The fold of the ledger and its totals; see books.h.
#include "examples/provider_sim/books.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace belay::provider {

using nlohmann::json;

void Books::apply(const json& line) {
  last_seq_ = line.at("seq").get<std::uint64_t>();
  const std::string kind = line.at("kind").get<std::string>();

  for (const json& object : line.value("objects", json::array())) {
    const std::string id = object.at("id").get<std::string>();
    auto& shelf = objects_[object.at("object").get<std::string>()];
    auto [kept, is_new] = shelf.try_emplace(id, Kept{++order_, object});
    if (!is_new) kept->second.object = object;
    if (is_new && kind == "intent_created" && object.at("metadata").contains("booking"))
      intents_by_booking_[object["metadata"]["booking"].get<std::string>()].push_back(id);
  }
  if (auto key = line.find("key"); key != line.end() && line.contains("answer")) {
    keys_.remember(key->at("key").get<std::string>(),
                   {.fingerprint = key->at("fingerprint").get<std::string>(),
                    .at_ms = key->at("at").get<std::int64_t>(),
                    .status = line["answer"].at("status").get<int>(),
                    .body = to_text(line["answer"].at("body"))});
    if (key->value("forgotten", false)) ++forgotten_reused_;
  }
  for (const json& event : line.value("events", json::array())) {
    pending_[++order_] = event;
    pending_by_id_[event.at("id").get<std::string>()] = order_;
  }
  count(kind, line.value("effect", json::object()));

  if (kind == "opened") salt_ = line.at("salt").get<std::uint64_t>();
  if (kind == "clock_advanced") clock_offset_ms_ += line.at("advance_ms").get<std::int64_t>();
  if (kind == "keys_changed")
    keys_.set_remember_for_ms(line.at("remember_for_ms").get<std::int64_t>());
  if (kind == "replayed") ++replayed_;
  if (kind == "key_reused_with_other_body") ++reused_with_other_body_;
  if (kind == "webhook_delivered" || kind == "webhook_given_up") {
    auto found = pending_by_id_.find(line.at("event").get<std::string>());
    if (found == pending_by_id_.end()) return;
    pending_.erase(found->second);
    pending_by_id_.erase(found);
    ++(kind == "webhook_delivered" ? events_delivered_ : events_given_up_);
  }
}

void Books::count(const std::string& kind, const json& effect) {
  const std::int64_t amount = effect.value("amount", std::int64_t{0});
  const std::string owner = effect.value("booking", effect.value("intent", ""));
  // Money is doubled when it is taken again before the first was given back in full.
  Tally& tally = tally_by_owner_[owner];
  if (kind == "captured" && !owner.empty() && tally.captured > tally.refunded) {
    ++tally.double_captures;
    ++total_.double_captures;
  }
  count_in(tally, kind, amount);
  count_in(total_, kind, amount);
  if (kind == "captured") captured_[effect.at("currency").get<std::string>()] += amount;
  if (kind == "refunded") refunded_[effect.at("currency").get<std::string>()] += amount;
}

void Books::count_in(Tally& tally, const std::string& kind, std::int64_t amount) {
  if (kind == "intent_created") ++tally.intents;
  if (kind == "captured") ++tally.captures, tally.captured += amount;
  if (kind == "refunded") ++tally.refunds, tally.refunded += amount;
  if (kind == "voided") ++tally.voids;
  if (kind == "declined") ++tally.declines;
  if (kind == "message_sent") ++tally.messages;
  if (kind == "calendar_added") ++tally.calendar;
  if (kind == "calendar_removed") --tally.calendar;
}

const json* Books::find(const std::string& object, const std::string& id) const {
  auto shelf = objects_.find(object);
  if (shelf == objects_.end()) return nullptr;
  auto found = shelf->second.find(id);
  return found == shelf->second.end() ? nullptr : &found->second.object;
}

std::vector<std::string> Books::intents_of(const std::string& booking) const {
  auto found = intents_by_booking_.find(booking);
  return found == intents_by_booking_.end() ? std::vector<std::string>{} : found->second;
}

std::vector<const json*> Books::all(const std::string& object) const {
  std::vector<std::pair<std::uint64_t, const json*>> found;
  if (auto shelf = objects_.find(object); shelf != objects_.end())
    for (const auto& [id, kept] : shelf->second) found.emplace_back(kept.order, &kept.object);
  std::sort(found.rbegin(), found.rend());
  std::vector<const json*> objects;
  for (const auto& [order, one] : found) objects.push_back(one);
  return objects;
}

std::vector<json> Books::pending_events() const {
  std::vector<json> events;
  for (const auto& [order, event] : pending_) events.push_back(event);
  return events;
}

std::map<std::string, std::int64_t> Books::open_by_booking() const {
  std::map<std::string, std::int64_t> open;
  if (auto shelf = objects_.find("payment_intent"); shelf != objects_.end())
    for (const auto& [id, kept] : shelf->second)
      if (kept.object.at("status") == "requires_capture")
        ++open[kept.object.at("metadata").value("booking", id)];
  return open;
}

json Books::summary() const {
  const auto open = open_by_booking();
  std::int64_t open_total = 0;
  json by_booking = json::object();
  for (const auto& [owner, count] : open) open_total += count;
  for (const auto& [owner, tally] : tally_by_owner_) {
    if (owner.empty()) continue;
    auto mine = open.find(owner);
    by_booking[owner] = {{"intents", tally.intents},
                         {"captures", tally.captures},
                         {"captured", tally.captured},
                         {"refunds", tally.refunds},
                         {"refunded", tally.refunded},
                         {"voids", tally.voids},
                         {"declines", tally.declines},
                         {"double_captures", tally.double_captures},
                         {"messages", tally.messages},
                         {"calendar", tally.calendar},
                         {"open", mine == open.end() ? 0 : mine->second}};
  }
  auto money = [](const auto& sums) {
    json out = json::object();
    for (const auto& [currency, sum] : sums) out[currency] = sum;
    return out;
  };
  return {{"intents", total_.intents},
          {"authorised_open", open_total},
          {"captured", money(captured_)},
          {"refunded", money(refunded_)},
          {"captures", total_.captures},
          {"refunds", total_.refunds},
          {"voids", total_.voids},
          {"declines", total_.declines},
          {"messages", total_.messages},
          {"calendar", total_.calendar},
          {"double_captures", total_.double_captures},
          {"by_booking", by_booking},
          {"keys",
           {{"reused_with_other_body", reused_with_other_body_},
            {"replayed", replayed_},
            {"forgotten_reused", forgotten_reused_},
            {"remember_for_s", keys_.remember_for_ms() / 1000}}},
          {"events",
           {{"pending", pending_.size()},
            {"delivered", events_delivered_},
            {"given_up", events_given_up_}}},
          {"lines", last_seq_}};
}

std::string to_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace belay::provider
