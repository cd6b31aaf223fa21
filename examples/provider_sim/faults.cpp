// Reading, matching and counting fault rules; see faults.h.
#include "examples/provider_sim/faults.h"

#include <fnmatch.h>

#include <array>
#include <iterator>
#include <map>
#include <utility>

namespace belay::provider {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<const char*, FaultAction>, 10> kActions = {{
    {"decline", FaultAction::kDecline},
    {"timeout_after", FaultAction::kTimeoutAfter},
    {"timeout_before", FaultAction::kTimeoutBefore},
    {"error_500_before", FaultAction::kError500Before},
    {"error_500_after", FaultAction::kError500After},
    {"reset_after", FaultAction::kResetAfter},
    {"down", FaultAction::kDown},
    {"slow", FaultAction::kSlow},
    {"unauthorised", FaultAction::kUnauthorised},
    {"rate_limited", FaultAction::kRateLimited},
}};

std::optional<FaultAction> action_named(const std::string& name) {
  for (const auto& [known, action] : kActions)
    if (name == known) return action;
  return std::nullopt;
}

// `*` stops at a slash, so that `POST /v1/payment_intents/*` is not also every capture; `**` does
// not stop.
bool glob_matches(const std::string& pattern, const std::string& text) {
  if (pattern == "*") return true;
  int flags = pattern.find("**") == std::string::npos ? FNM_PATHNAME : 0;
  return ::fnmatch(pattern.c_str(), text.c_str(), flags | FNM_NOESCAPE) == 0;
}

// What the inside of the provider does cannot happen to a request whose answer is already stored.
bool is_inside(FaultAction action) {
  return action == FaultAction::kDecline || action == FaultAction::kError500Before ||
         action == FaultAction::kError500After;
}

int default_hold_ms(FaultAction action) {
  switch (action) {
    case FaultAction::kTimeoutAfter:
    case FaultAction::kTimeoutBefore: return 60'000;
    case FaultAction::kSlow: return 1'000;
    default: return 0;
  }
}

}  // namespace

std::optional<std::string> Faults::read(const json& given_rules, Rules& rules) {
  if (!given_rules.is_array()) return "a list of rules is wanted";
  try {
    for (const json& given : given_rules) {
      Rule rule;
      rule.match = given.at("match").get<std::string>();
      rule.booking = given.value("metadata_booking", "");
      rule.fault.name = given.at("action").get<std::string>();
      auto action = action_named(rule.fault.name);
      if (!action) return "unknown action `" + rule.fault.name + "`";
      rule.fault.action = *action;
      rule.fault.hold_ms = given.value("hold_ms", default_hold_ms(*action));
      rule.fault.stored = given.value("stored", *action == FaultAction::kError500After);
      rule.probability = given.value("probability", 1.0);
      if (given.contains("times")) rule.times = given.at("times").get<std::int64_t>();
      rules.push_back(std::move(rule));
    }
  } catch (const json::exception& error) {
    return error.what();
  }
  return std::nullopt;
}

// In front of what each list holds. REQUIRES: mutex_ held, orders from `order` on are less than all
// that are there.
void Faults::put(Rules rules, std::int64_t order) {
  first_ = order;
  std::unordered_map<std::string, Rules> fresh;
  for (Rule& rule : rules) {
    rule.order = order++;
    fresh[rule.booking].push_back(std::move(rule));
  }
  for (auto& [booking, list] : fresh) {
    Rules& all = booking.empty() ? rules_ : of_booking_[booking];
    all.insert(all.begin(), std::make_move_iterator(list.begin()),
               std::make_move_iterator(list.end()));
  }
}

std::optional<std::string> Faults::set(const json& rules) {
  Rules fresh;
  if (auto wrong = read(rules, fresh)) return wrong;
  std::lock_guard lock(mutex_);
  rules_.clear();
  of_booking_.clear();
  put(std::move(fresh), 0);
  return std::nullopt;
}

std::optional<std::string> Faults::add_first(const json& rules) {
  Rules fresh;
  if (auto wrong = read(rules, fresh)) return wrong;
  std::lock_guard lock(mutex_);
  const auto count = static_cast<std::int64_t>(fresh.size());
  put(std::move(fresh), first_ - count);
  return std::nullopt;
}

void Faults::clear() {
  std::lock_guard lock(mutex_);
  rules_.clear();
  of_booking_.clear();
}

json Faults::list() const {
  std::lock_guard lock(mutex_);
  std::map<std::int64_t, const Rule*> in_order;
  for (const Rule& rule : rules_) in_order[rule.order] = &rule;
  for (const auto& [booking, rules] : of_booking_)
    for (const Rule& rule : rules) in_order[rule.order] = &rule;
  json all = json::array();
  for (const auto& [order, each] : in_order) {
    const Rule& rule = *each;
    json one = {{"match", rule.match},
                {"action", rule.fault.name},
                {"probability", rule.probability},
                {"hold_ms", rule.fault.hold_ms},
                {"stored", rule.fault.stored},
                {"hits", rule.hits}};
    if (!rule.booking.empty()) one["metadata_booking"] = rule.booking;
    if (rule.times) one["times"] = *rule.times;
    all.push_back(std::move(one));
  }
  return all;
}

std::optional<Fault> Faults::pick(const Query& query) {
  std::lock_guard lock(mutex_);
  static Rules none;
  auto mine = query.booking.empty() ? of_booking_.end() : of_booking_.find(query.booking);
  Rules& first = mine == of_booking_.end() ? none : mine->second;
  for (auto a = first.begin(), b = rules_.begin(); a != first.end() || b != rules_.end();) {
    const bool of_booking = b == rules_.end() || (a != first.end() && a->order < b->order);
    Rule& rule = of_booking ? *a++ : *b++;
    if (!applies(rule, query)) continue;
    ++rule.hits;
    return rule.fault;
  }
  return std::nullopt;
}

bool Faults::applies(const Rule& rule, const Query& query) {
  if (rule.times && rule.hits >= *rule.times) return false;
  if (query.replay && is_inside(rule.fault.action)) return false;
  if (!glob_matches(rule.match, query.request)) return false;
  return rule.probability >= 1 ||
         std::uniform_real_distribution<>(0, 1)(random_) < rule.probability;
}

}  // namespace belay::provider
