// What shall go wrong: a list of rules set over /_control/faults. The first rule that matches a
// request, has hits left and wins its throw of the (seeded) dice decides. Rules live in memory
// only: a restarted provider is a healthy one.
#pragma once

#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

namespace belay::provider {

enum class FaultAction {
  kDecline,         // 402 card_declined, nothing done, remembered for the key
  kTimeoutAfter,    // the work is done, the answer never comes
  kTimeoutBefore,   // nothing is done, no answer comes
  kError500Before,  // 500, nothing done; remembered for the key only if the rule says `stored`
  kError500After,  // the work is done, the answer is 500; remembered unless the rule says otherwise
  kResetAfter,     // the work is done, the connection is reset
  kDown,           // 503, nothing done, not remembered
  kSlow,           // waits, then works and answers, whether or not the caller is still there
  kUnauthorised,   // 401, nothing done, not remembered
  kRateLimited,    // 429 with Retry-After, nothing done, not remembered
};

struct Fault {
  FaultAction action;
  std::string name;  // of the action, as the rule spells it
  int hold_ms = 0;
  bool stored = false;
};

class Faults {
 public:
  explicit Faults(std::uint64_t seed) : random_(seed) {}

  // Replaces all rules. Returns what is wrong with the list, or nullopt when it is in force.
  std::optional<std::string> set(const nlohmann::json& rules);
  // Adds rules that come before all that are there.
  std::optional<std::string> add_first(const nlohmann::json& rules);
  void clear();
  nlohmann::json list() const;

  struct Query {
    std::string request;  // "POST /v1/refunds"
    std::string booking;  // empty when the request belongs to none
    bool replay =
        false;  // the answer is already stored: only faults of the network and the front door apply
  };
  std::optional<Fault> pick(const Query& query);

 private:
  struct Rule {
    std::string match;
    std::string booking;
    Fault fault;
    double probability = 1;
    std::optional<std::int64_t> times;
    std::int64_t hits = 0;
    std::int64_t order = 0;  // the lesser comes first
  };
  using Rules = std::vector<Rule>;  // in order
  static std::optional<std::string> read(const nlohmann::json& given, Rules& rules);
  void put(Rules rules, std::int64_t order);
  bool applies(const Rule& rule, const Query& query);

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  Rules rules_;  // for everybody
  std::unordered_map<std::string, Rules>
      of_booking_;          // so that a rule of one booking costs the others nothing
  std::int64_t first_ = 0;  // order of the first rule
};

}  // namespace belay::provider
