// Who sent this webhook: the signature schemes of Stripe, Standard Webhooks, GitHub and Slack. Pure
// but for the HMAC: raw bytes in, a verdict out; `now` is a parameter. Digests are compared in
// constant time, several secrets may be live at once (rotation), and the verdict's reason is for
// our log, not for the sender. Tested in tests/runtime/signature_test.cpp with the vendors'
// vectors.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/limits.h"
#include "runtime/base/secret.h"

namespace belay::runtime {

enum class SignatureScheme : std::uint8_t {
  kStripe,  // Stripe-Signature: t=…,v1=hex,…   over `{t}.{body}`; the key is the literal secret
  kStandardWebhooks,  // webhook-id, webhook-timestamp, webhook-signature: v1,base64 …   over
                      // `{id}.{t}.{body}`
  kGitHub,  // X-Hub-Signature-256: sha256=hex   over the body; no time, so no protection against
            // replay
  kSlack,   // X-Slack-Request-Timestamp, X-Slack-Signature: v0=hex   over `v0:{t}:{body}`
};

// `stripe`, `standard`, `github`, `slack`.
std::optional<SignatureScheme> parse_signature_scheme(std::string_view name);

enum class SignatureVerdict : std::uint8_t {
  kValid,
  kMissing,    // a header that the scheme needs is not there
  kMalformed,  // it is there but cannot be read
  kTooOld,     // signed, by its own word, more than the tolerance ago
  kTooNew,     // or so far ahead of our clock
  kNoMatch,    // no signature fits any secret: wrong secret, or changed bytes
  kBadSecret,  // none of our secrets is usable (empty, or not base64 where it must be)
};
std::string_view to_string(SignatureVerdict verdict);

struct SignedRequest {
  std::string_view body;  // the raw bytes, as they came
  // The value of a header (name in any case), or nullopt. Asked only for the scheme's own headers.
  std::function<std::optional<std::string>(std::string_view name)> header;
};

struct SignaturePolicy {
  SignatureScheme scheme = SignatureScheme::kStripe;
  std::int64_t tolerance_s = limits::webhook_tolerance_s_default;  // in both directions
};

// The time is checked after the signature, so that kTooOld is said only of what was really signed.
SignatureVerdict verify_signature(const SignedRequest& request, const SignaturePolicy& policy,
                                  const std::vector<Secret>& secrets, std::int64_t now_s);

// For those who sign: the value of the scheme's signature header over `body`. `id` is Standard
// Webhooks' only. Empty when the secret is not usable.
std::string sign(SignatureScheme scheme, const Secret& secret, std::string_view id,
                 std::int64_t timestamp_s, std::string_view body);

}  // namespace belay::runtime
