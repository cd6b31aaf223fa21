// The provider as a whole: one door for requests (keys, faults, decision, ledger, webhooks, answer)
// and one for control. Thread-safe. A decision is taken and written under one mutex; waiting,
// syncing and sending happen outside it.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "examples/provider_sim/books.h"
#include "examples/provider_sim/faults.h"
#include "examples/provider_sim/ledger.h"
#include "examples/provider_sim/payments.h"
#include "examples/provider_sim/webhooks.h"

namespace belay::provider {

struct Options {
  std::string ledger;
  std::string api_key;  // empty: any bearer that is not empty
  WebhookSettings webhooks;
  std::optional<std::int64_t> remember_keys_for_s;  // absent: as the ledger says, else a day
  std::optional<std::uint64_t> seed;                // absent: drawn
  bool auto_pay = false;  // the customer pays each intent the moment it is made
};

struct Call {
  std::string method, path;
  std::string raw;     // the body, for the key's fingerprint
  std::string key;     // Idempotency-Key, empty when absent
  std::string bearer;  // empty when absent
  Arguments arguments;
  std::function<void(int ms)> wait;  // returns early when the caller hangs up or the server stops
};

enum class Ending { kAnswer, kHold, kReset };

struct Answer {
  int status = 200;
  std::string body;
  bool replayed = false;
  Ending ending = Ending::kAnswer;  // kHold: keep silent for hold_ms, then reset; kReset: reset now
  int hold_ms = 0;
  bool retry_later = false;  // Retry-After: 1
  std::string fault;         // the action that struck, for the request log
  std::string booking;
};

class Provider {
 public:
  explicit Provider(const Options& options);

  // Answers a request to /v1. Everything it tells of is on disk.
  Answer handle(const Call& call);

  // Control; each answers {status, body} and is on disk before it returns.
  Answer pay(const CustomerPays& pays);
  Answer pay_by_booking(const std::string& booking, CustomerPays pays);
  Answer advance_clock(std::int64_t seconds);
  Answer remember_keys_for(std::int64_t seconds);
  void set_auto_pay(bool on) { auto_pay_ = on; }
  bool auto_pay() const { return auto_pay_; }
  void set_api_key(const std::string& key);
  nlohmann::json summary();
  std::string ledger_text();
  Faults& faults() { return faults_; }
  WebhookSender& webhooks() { return *webhooks_; }

  // Everything appended so far is on disk when this returns.
  void sync() { ledger_->sync(); }

 private:
  struct KeyUse {
    std::string key, fingerprint;
    bool forgotten = false;
  };
  struct Gate;  // gives a key back when its request ends

  std::optional<Answer> admit(const Call& call, const Operation& operation, Gate& gate);
  Answer work(const Call& call, const Operation& operation, const KeyUse& use,
              const std::optional<Fault>& fault);
  std::vector<nlohmann::json> commit(Decision decision, const KeyUse* use);
  void append(nlohmann::json line);
  void publish(const std::vector<nlohmann::json>& events);
  std::int64_t clock_ms() const;

  std::mutex mutex_;  // books_, the order of the ledger, api_key_
  Books books_;
  std::unique_ptr<Ledger> ledger_;
  std::string api_key_;
  Faults faults_;
  std::atomic<bool> auto_pay_;
  std::unique_ptr<WebhookSender> webhooks_;  // last: its threads call back into all the above
};

}  // namespace belay::provider
