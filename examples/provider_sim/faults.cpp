// Reading, matching and counting fault rules; see faults.h.
#include "examples/provider_sim/faults.h"

#include <fnmatch.h>

#include <array>
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
    case FaultAction::kTimeoutBefore:
      return 60'000;
    case FaultAction::kSlow:
      return 1'000;
    default:
      return 0;
  }
}

}  // namespace

std::optional<std::string> Faults::set(const json& rules) {
  if (!rules.is_array()) return "a list of rules is wanted";
  std::vector<Rule> read;
  try {
    for (const json& given : rules) {
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
      read.push_back(std::move(rule));
    }
  } catch (const json::exception& error) {
    return error.what();
  }
  std::lock_guard lock(mutex_);
  rules_ = std::move(read);
  return std::nullopt;
}

void Faults::clear() {
  std::lock_guard lock(mutex_);
  rules_.clear();
}

json Faults::list() const {
  std::lock_guard lock(mutex_);
  json all = json::array();
  for (const Rule& rule : rules_) {
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
  for (Rule& rule : rules_) {
    if (!applies(rule, query)) continue;
    ++rule.hits;
    return rule.fault;
  }
  return std::nullopt;
}

bool Faults::applies(const Rule& rule, const Query& query) {
  if (rule.times && rule.hits >= *rule.times) return false;
  if (query.replay && is_inside(rule.fault.action)) return false;
  if (!rule.booking.empty() && rule.booking != query.booking) return false;
  if (!glob_matches(rule.match, query.request)) return false;
  return rule.probability >= 1 ||
         std::uniform_real_distribution<>(0, 1)(random_) < rule.probability;
}

}  // namespace belay::provider
