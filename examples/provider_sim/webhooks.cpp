// Delivery threads, signature and misbehaviour of webhooks; see webhooks.h.
#include "examples/provider_sim/webhooks.h"

#include <curl/curl.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "examples/provider_sim/books.h"

namespace belay::provider {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr int kThreads = 4;
constexpr std::size_t kLogMax = 2000;

std::size_t discard(char*, std::size_t size, std::size_t count, void*) { return size * count; }

std::int64_t unix_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::string stripe_signature(const std::string& secret, std::int64_t unix_s,
                             const std::string& raw) {
  const std::string signed_text = std::to_string(unix_s) + '.' + raw;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), digest,
       &size);
  std::string text = "t=" + std::to_string(unix_s) + ",v1=";
  for (unsigned int i = 0; i < size; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

WebhookSender::WebhookSender(WebhookSettings settings, std::uint64_t seed, Settled settled)
    : settings_(std::move(settings)), random_(seed), settled_(std::move(settled)) {
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { work(); });
}

WebhookSender::~WebhookSender() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WebhookSender::send(const json& event) {
  Delivery delivery{event.at("id").get<std::string>(), event.at("type").get<std::string>(),
                    to_text(event)};
  bool first_now = false;
  {
    std::lock_guard lock(mutex_);
    const int copies = 1 + std::max(0, settings_.duplicate);
    first_now = settings_.before_response && !settings_.pause;
    open_[delivery.id].copies += copies;
    for (int i = first_now ? 1 : 0; i < copies; ++i) queue_.emplace(due_of_new(), delivery);
  }
  wake_.notify_all();
  if (first_now) deliver(std::move(delivery));
}

WebhookSender::Clock::time_point WebhookSender::due_of_new() {
  auto due = Clock::now() + milliseconds(settings_.delay_ms);
  if (settings_.jitter_ms > 0)
    due += milliseconds(std::uniform_int_distribution<>(0, settings_.jitter_ms)(random_));
  if (settings_.reorder) due += milliseconds(settings_.reorder_window_ms);
  return due;
}

void WebhookSender::work() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const bool blocked = settings_.pause || (settings_.reorder && delivering_ > 0);
    if (queue_.empty() || blocked) {
      wake_.wait(lock);
      continue;
    }
    if (const auto due = queue_.begin()->first; due > Clock::now()) {
      wake_.wait_until(lock, due);
      continue;
    }
    auto next = settings_.reorder ? last_of_window() : queue_.begin();
    Delivery delivery = std::move(next->second);
    queue_.erase(next);
    ++delivering_;
    lock.unlock();
    deliver(std::move(delivery));
    lock.lock();
    --delivering_;
    wake_.notify_all();
  }
}

// With reorder, the first that is due lets all go before it that came within its window, the latest
// first, one at a time. Retries keep their place, else a listener that is down would be hammered.
WebhookSender::Queue::iterator WebhookSender::last_of_window() {
  auto chosen = queue_.begin();
  const auto end = queue_.upper_bound(chosen->first + milliseconds(settings_.reorder_window_ms));
  for (auto next = chosen; next != end; ++next)
    if (next->second.tries == 0) chosen = next;
  return chosen;
}

void WebhookSender::deliver(Delivery delivery) {
  ++delivery.tries;
  const long status = post(delivery);
  note(delivery, status);
  if (status >= 200 && status < 300) return finish_copy(delivery.id, true);

  std::unique_lock lock(mutex_);
  if (delivery.tries >= settings_.tries_max) {
    lock.unlock();
    return finish_copy(delivery.id, false);
  }
  const std::int64_t doubled = std::int64_t{settings_.backoff_ms}
                               << std::min(delivery.tries - 1, 20);
  const auto wait = milliseconds(std::min<std::int64_t>(doubled, settings_.backoff_ms_max));
  queue_.emplace(Clock::now() + wait, std::move(delivery));
  lock.unlock();
  wake_.notify_all();
}

// Returns the HTTP status, or 0 when there was no answer.
long WebhookSender::post(const Delivery& delivery) {
  std::string url, secret;
  {
    std::lock_guard lock(mutex_);
    url = settings_.url;
    secret = settings_.secret;
  }
  CURL* curl = curl_easy_init();
  if (curl == nullptr || url.empty()) {
    curl_easy_cleanup(curl);
    return 0;
  }
  const std::string signature =
      "Stripe-Signature: " + stripe_signature(secret, unix_ms() / 1000, delivery.raw);
  curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
  headers = curl_slist_append(headers, signature.c_str());
  headers = curl_slist_append(headers, "Expect:");
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 2000L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 5000L);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(delivery.raw.size()));
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, delivery.raw.c_str());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard);
  long status = 0;
  if (curl_easy_perform(curl) == CURLE_OK) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return status;
}

void WebhookSender::note(const Delivery& delivery, long status) {
  std::lock_guard lock(mutex_);
  log_.push_back({{"at", unix_ms()},
                  {"event", delivery.id},
                  {"type", delivery.type},
                  {"try", delivery.tries},
                  {"status", status}});
  if (log_.size() > kLogMax) log_.pop_front();
}

// One taken copy is enough for the event to count as delivered.
void WebhookSender::finish_copy(const std::string& id, bool delivered) {
  bool any = false;
  {
    std::lock_guard lock(mutex_);
    Open& open = open_[id];
    open.delivered |= delivered;
    if (--open.copies > 0) return;
    any = open.delivered;
    open_.erase(id);
  }
  settled_(id, any);
}

std::optional<std::string> WebhookSender::change(const json& change) {
  if (!change.is_object()) return "an object is wanted";
  WebhookSettings next;
  {
    std::lock_guard lock(mutex_);
    next = settings_;
  }
  try {
    next.url = change.value("url", next.url);
    next.secret = change.value("secret", next.secret);
    next.duplicate = change.value("duplicate", next.duplicate);
    next.delay_ms = change.value("delay_ms", next.delay_ms);
    next.jitter_ms = change.value("jitter_ms", next.jitter_ms);
    next.reorder = change.value("reorder", next.reorder);
    next.reorder_window_ms = change.value("reorder_window_ms", next.reorder_window_ms);
    next.pause = change.value("pause", next.pause);
    next.before_response = change.value("before_response", next.before_response);
    next.tries_max = change.value("tries_max", next.tries_max);
    next.backoff_ms = change.value("backoff_ms", next.backoff_ms);
    next.backoff_ms_max = change.value("backoff_ms_max", next.backoff_ms_max);
  } catch (const json::exception& error) {
    return error.what();
  }
  {
    std::lock_guard lock(mutex_);
    settings_ = std::move(next);
  }
  wake_.notify_all();
  return std::nullopt;
}

bool WebhookSender::enabled() const {
  std::lock_guard lock(mutex_);
  return !settings_.url.empty();
}

json WebhookSender::describe() const {
  std::lock_guard lock(mutex_);
  return {{"url", settings_.url},
          {"duplicate", settings_.duplicate},
          {"delay_ms", settings_.delay_ms},
          {"jitter_ms", settings_.jitter_ms},
          {"reorder", settings_.reorder},
          {"reorder_window_ms", settings_.reorder_window_ms},
          {"pause", settings_.pause},
          {"before_response", settings_.before_response},
          {"tries_max", settings_.tries_max},
          {"backoff_ms", settings_.backoff_ms},
          {"backoff_ms_max", settings_.backoff_ms_max},
          {"waiting", queue_.size()},
          {"deliveries", log_}};
}

}  // namespace belay::provider
