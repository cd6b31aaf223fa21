// Verdicts on Idempotency-Keys; see keys.h.
#include "examples/provider_sim/keys.h"

#include <openssl/sha.h>

#include <utility>

namespace belay::provider {

KeyVerdict KeyMemory::look(const std::string& key, const std::string& fingerprint,
                           std::int64_t now_ms) const {
  if (running_.contains(key)) return KeyVerdict::kInProgress;
  auto found = answers_.find(key);
  if (found == answers_.end()) return KeyVerdict::kFresh;
  if (now_ms - found->second.at_ms >= remember_for_ms_) return KeyVerdict::kForgotten;
  return found->second.fingerprint == fingerprint ? KeyVerdict::kReplay : KeyVerdict::kOtherRequest;
}

void KeyMemory::remember(const std::string& key, StoredAnswer answer) {
  answers_[key] = std::move(answer);
}

std::string fingerprint_of(const std::string& method, const std::string& target,
                           const std::string& body) {
  std::string all = method + ' ' + std::to_string(target.size()) + ' ' + target + ' ' + body;
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest);
  std::string hex;
  for (int i = 0; i < 16; ++i) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[digest[i] >> 4];
    hex += kDigits[digest[i] & 15];
  }
  return hex;
}

}  // namespace belay::provider
