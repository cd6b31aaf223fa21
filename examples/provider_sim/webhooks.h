// Sends the provider's webhooks: signed in Stripe's scheme, at least once, from a few threads of
// its own, retried with backoff. Control makes it misbehave as real senders do: copies, delays,
// jitter, wrong order, silence, and a webhook that overtakes the answer to the request that caused
// it. What is still unsent survives a restart, because the ledger has it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace belay::provider {

// `t=<unix>,v1=<hex of HMAC-SHA256 over "<unix>.<raw>", keyed with the secret as it is spelled>`
std::string stripe_signature(const std::string& secret, std::int64_t unix_s,
                             const std::string& raw);

struct WebhookSettings {
  std::string url;  // empty: nothing is sent, and events are not recorded
  std::string secret;
  int duplicate = 0;  // copies beyond the first
  int delay_ms = 0;
  int jitter_ms = 0;
  bool reorder = false;  // events that come within one window arrive in the reverse order
  int reorder_window_ms = 300;
  bool pause = false;
  bool before_response = false;  // one try is made before the causing request is answered
  int tries_max = 60;
  int backoff_ms = 200;  // doubles up to backoff_ms_max
  int backoff_ms_max = 2000;
};

class WebhookSender {
 public:
  // `settled(event id, delivered)` is called once an event's last copy was taken or given up.
  using Settled = std::function<void(const std::string&, bool)>;
  WebhookSender(WebhookSettings settings, std::uint64_t seed, Settled settled);
  ~WebhookSender();
  WebhookSender(const WebhookSender&) = delete;
  WebhookSender& operator=(const WebhookSender&) = delete;

  // Schedules an event, with its copies. REQUIRES: the ledger line that holds it is durable. With
  // `before_response` the first copy is tried before this returns.
  void send(const nlohmann::json& event);

  // Changes the settings named in `change`. Returns what is wrong with it, or nullopt.
  std::optional<std::string> change(const nlohmann::json& change);
  bool enabled() const;
  nlohmann::json describe() const;  // the settings and the last deliveries

 private:
  using Clock = std::chrono::steady_clock;
  struct Delivery {
    std::string id, type, raw;
    int tries = 0;
  };
  using Queue = std::multimap<Clock::time_point, Delivery>;
  Clock::time_point due_of_new();
  Queue::iterator last_of_window();
  void work();
  void deliver(Delivery delivery);
  long post(const Delivery& delivery);
  void note(const Delivery& delivery, long status);
  void finish_copy(const std::string& id, bool delivered);

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  WebhookSettings settings_;
  std::mt19937_64 random_;
  Queue queue_;  // by when it is due
  int delivering_ = 0;
  struct Open {
    int copies = 0;
    bool delivered = false;
  };
  std::map<std::string, Open> open_;
  std::deque<nlohmann::json> log_;
  Settled settled_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace belay::provider
