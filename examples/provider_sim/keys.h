// The memory of Idempotency-Keys: which answer a key earned, to which request, and when. A key
// wears out: past `remember_for` it is forgotten, and the same request with the same key does its
// work again. Forgotten keys stay known as such, so that the ledger can say how often that
// happened. Not thread-safe: Books guards it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace belay::provider {

enum class KeyVerdict { kFresh, kForgotten, kReplay, kOtherRequest, kInProgress };

struct StoredAnswer {
  std::string fingerprint;  // of method, path and body
  std::int64_t at_ms = 0;   // on the provider's clock, which control can advance
  int status = 0;
  std::string body;
};

class KeyMemory {
 public:
  KeyVerdict look(const std::string& key, const std::string& fingerprint,
                  std::int64_t now_ms) const;

  // The answer stored for `key`. REQUIRES: look() said kReplay.
  const StoredAnswer& stored(const std::string& key) const { return answers_.at(key); }

  // Between begin and end a second request with the key is refused. In memory only: a crash ends
  // every request.
  void begin(const std::string& key) { running_.insert(key); }
  void end(const std::string& key) { running_.erase(key); }

  void remember(const std::string& key, StoredAnswer answer);
  void set_remember_for_ms(std::int64_t ms) { remember_for_ms_ = ms; }
  std::int64_t remember_for_ms() const { return remember_for_ms_; }

 private:
  std::map<std::string, StoredAnswer> answers_;
  std::set<std::string> running_;
  std::int64_t remember_for_ms_ = 86'400'000;
};

// Identifies a request for "the same key with another body": hex of SHA-256 over the parts,
// length-prefixed.
std::string fingerprint_of(const std::string& method, const std::string& target,
                           const std::string& body);

}  // namespace belay::provider
