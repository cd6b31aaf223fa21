// See plan.h.
#include "tests/chaos/plan.h"

#include <cstdio>

namespace belay::chaos {

namespace {

constexpr char kCapture[] = "POST /v1/payment_intents/*/capture";

// A slot of its own: hour by hour from 2032 on.
void give_slot(Booking& booking, int number) {
  char text[32];
  const int day = number / 20, hour = number % 20;
  for (const auto& [at, field] :
       {std::pair{hour, &booking.starts_at}, std::pair{hour + 1, &booking.ends_at}}) {
    std::snprintf(text, sizeof text, "2032-%02d-%02dT%02d:00:00Z", day / 28 + 1, day % 28 + 1, at);
    *field = text;
  }
}

Fate draw(std::mt19937_64& random) {
  struct Share {
    Fate fate;
    int percent;
  };
  static constexpr Share kShares[] = {
      {Fate::kDeclined, 10},     {Fate::kNeverPays, 8},    {Fate::kPaysAnotherSum, 4},
      {Fate::kCaptureLost, 12},  {Fate::kCaptureError, 8}, {Fate::kCaptureSlow, 8},
      {Fate::kIntentError, 4},   {Fate::kHoldGone, 6},     {Fate::kRefundError, 2},
      {Fate::kRefundRefused, 2}, {Fate::kMailDown, 6}};
  int left = static_cast<int>(random() % 100);
  for (const Share& share : kShares) {
    if (left < share.percent) return share.fate;
    left -= share.percent;
  }
  return Fate::kPays;
}

}  // namespace

const char* name(Fate fate) {
  static constexpr const char* kNames[kFates] = {"pays",
                                                 "card declined",
                                                 "never pays, cancels",
                                                 "pays another sum",
                                                 "capture: no answer",
                                                 "capture: 500",
                                                 "capture: slow",
                                                 "intent: 500",
                                                 "hold gone, refund",
                                                 "hold gone, refund: 500",
                                                 "hold gone, refund refused",
                                                 "mail down"};
  return kNames[static_cast<int>(fate)];
}

Guest draw_guest(test::World& world, const std::string& room, int number, std::mt19937_64& random) {
  Guest guest;
  guest.booking.id = world.new_uuid();
  guest.booking.customer = world.new_uuid();
  guest.booking.resource = room;
  guest.booking.price_minor = 1000 + static_cast<std::int64_t>(random() % 90'000);
  give_slot(guest.booking, number);
  guest.fate = draw(random);
  guest.comes_after_ms = static_cast<int>(random() % 2000);
  guest.thinks_for_ms = static_cast<int>(random() % 1500);
  return guest;
}

std::vector<Guest> draw_guests(test::World& world, int count, int kills, std::mt19937_64& random) {
  std::vector<Guest> guests;
  const Booking room = world.new_booking();
  for (int i = 0; i < count; ++i) {
    guests.push_back(draw_guest(world, room.resource, i, random));
    guests.back().comes_after_kill = static_cast<int>(static_cast<std::int64_t>(kills) * i / count);
  }
  return guests;
}

json rules_of(const Guest& guest) {
  json rules = json::array();
  const auto once = [&](const char* match, const char* action, int hold_ms = 0) {
    json rule = {
        {"match", match}, {"metadata_booking", guest.booking.id}, {"action", action}, {"times", 1}};
    if (hold_ms > 0) rule["hold_ms"] = hold_ms;
    rules.push_back(std::move(rule));
  };
  switch (guest.fate) {
    case Fate::kPays:
    case Fate::kNeverPays:
    case Fate::kPaysAnotherSum:
    case Fate::kHoldGone: break;
    case Fate::kDeclined:
      once(kCapture, "decline");
      rules.back().erase("times");
      break;
    case Fate::kCaptureLost: once(kCapture, "timeout_after", 300 + guest.thinks_for_ms); break;
    case Fate::kCaptureError: once(kCapture, "error_500_after"); break;
    case Fate::kCaptureSlow: once(kCapture, "slow", 300 + guest.thinks_for_ms); break;
    case Fate::kIntentError: once("POST /v1/payment_intents", "error_500_after"); break;
    case Fate::kRefundError: once("POST /v1/refunds", "error_500_after"); break;
    case Fate::kRefundRefused: once("POST /v1/refunds", "decline"); break;
    case Fate::kMailDown:
      once("POST /v1/messages", "down");
      rules.back()["times"] = 2;
      break;
  }
  return rules;
}

json rules_for_all() {
  json rules = json::array();
  // Most calls take a while, so that kills find some under way.
  for (const auto& [action, probability, hold_ms] :
       {std::tuple{"reset_after", 0.03, 0}, std::tuple{"down", 0.03, 0},
        std::tuple{"rate_limited", 0.02, 0}, std::tuple{"timeout_before", 0.02, 400},
        std::tuple{"timeout_after", 0.03, 700}, std::tuple{"slow", 0.3, 600},
        std::tuple{"slow", 1.0, 150}}) {
    json rule = {{"match", "POST /v1/**"}, {"action", action}, {"probability", probability}};
    if (hold_ms > 0) rule["hold_ms"] = hold_ms;
    rules.push_back(std::move(rule));
  }
  return rules;
}

json fault_rules(const std::vector<Guest>& guests) {
  json rules = json::array();
  for (const Guest& guest : guests) {
    for (json& rule : rules_of(guest)) rules.push_back(std::move(rule));
  }
  for (json& rule : rules_for_all()) rules.push_back(std::move(rule));
  return rules;
}

}  // namespace belay::chaos
