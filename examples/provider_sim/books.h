// The provider's books: intents, charges, refunds, messages, calendar entries, remembered keys and
// webhooks still to be sent, as a fold of the ledger's lines. A line carries the objects as they
// are after the change, what the change was
// (`effect`), the answer stored for the request's key, and the webhook events it causes: one line,
// so that a crash can never separate money from its answer. Not thread-safe: Provider guards it.
//
//   {"seq":7, "at":<ms>, "kind":"captured", "objects":[…],
//   "effect":{"booking","currency","amount"},
//    "key":{"key","fingerprint","at","forgotten"}, "answer":{"status","body"}, "events":[…]}
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "examples/provider_sim/keys.h"

namespace belay::provider {

class Books {
 public:
  // Folds one line in. Never refuses: the line is a fact.
  void apply(const nlohmann::json& line);

  // The object with this id and of this kind ("payment_intent", "charge", …), or nullptr.
  const nlohmann::json* find(const std::string& object, const std::string& id) const;

  // Ids of a booking's intents, oldest first.
  std::vector<std::string> intents_of(const std::string& booking) const;

  // All objects of a kind, newest first.
  std::vector<const nlohmann::json*> all(const std::string& object) const;

  // Totals for /_control/ledger; the shape is in README.md.
  nlohmann::json summary() const;

  std::uint64_t last_seq() const { return last_seq_; }
  std::uint64_t salt() const { return salt_; }
  std::int64_t clock_offset_ms() const { return clock_offset_ms_; }
  KeyMemory& keys() { return keys_; }
  const KeyMemory& keys() const { return keys_; }

  // Webhook events no listener has taken yet, in the order they happened.
  std::vector<nlohmann::json> pending_events() const;

 private:
  struct Tally {
    std::int64_t intents = 0, captures = 0, captured = 0, refunds = 0, refunded = 0, voids = 0;
    std::int64_t messages = 0, calendar = 0, declines = 0, double_captures = 0;
  };
  void count(const std::string& kind, const nlohmann::json& effect);
  void count_in(Tally& tally, const std::string& kind, std::int64_t amount);
  std::map<std::string, std::int64_t> open_by_booking() const;

  struct Kept {
    std::uint64_t order;
    nlohmann::json object;
  };
  std::map<std::string, std::map<std::string, Kept>> objects_;  // kind → id → object
  std::map<std::string, std::vector<std::string>> intents_by_booking_;
  std::map<std::string, Tally> tally_by_owner_;  // a booking, or the intent's id when it has none
  Tally total_;
  std::map<std::string, std::int64_t> captured_, refunded_;  // by currency
  std::map<std::uint64_t, nlohmann::json> pending_;
  std::map<std::string, std::uint64_t> pending_by_id_;
  std::int64_t events_delivered_ = 0, events_given_up_ = 0;
  std::int64_t replayed_ = 0, reused_with_other_body_ = 0, forgotten_reused_ = 0;
  std::uint64_t order_ = 0, last_seq_ = 0, salt_ = 0;
  std::int64_t clock_offset_ms_ = 0;
  KeyMemory keys_;
};

// How JSON is written here, in answers and in the ledger: compact; bytes that are not UTF-8 are
// replaced.
std::string to_text(const nlohmann::json& value);

}  // namespace belay::provider
