// The schemes. See signature.h.
#include "runtime/webhooks/signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "runtime/base/check.h"

namespace belay::runtime {
namespace {

using Digest = std::array<unsigned char, 32>;
using Verdict = SignatureVerdict;

// What the headers say, whatever the scheme.
struct Claim {
  std::optional<std::int64_t> timestamp_s;
  std::string prefix;           // of the signed bytes: prefix, then the body
  std::vector<Digest> digests;  // any of them may fit
};

std::optional<std::int64_t> parse_time(std::string_view text) {
  // Digits only: from_chars would take a sign.
  if (text.empty() || text.size() > 12 ||
      text.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<Digest> from_hex(std::string_view text) {
  Digest digest{};
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    digest[i] = static_cast<unsigned char>(high << 4 | low);
  }
  return digest;
}

std::string to_hex(const Digest& digest) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (unsigned char byte : digest) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

// Strict: padded, no blanks.
std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0 || text.size() > limits::signature_header_bytes_max)
    return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  for (char c : text.substr(0, text.size() - padding)) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '+' || c == '/';
    if (!ok) return std::nullopt;
  }
  std::string out(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

std::string to_base64(const Digest& digest) {
  std::string out(45, '\0');
  out.resize(
      static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                               digest.data(), static_cast<int>(digest.size()))));
  return out;
}

// Calls `each` with the parts between `separator`, at most signatures_per_header_max of them.
template <class Each>
void split(std::string_view text, char separator, Each each) {
  for (std::size_t count = 0; count < limits::signatures_per_header_max; ++count) {
    const std::size_t end = text.find(separator);
    each(text.substr(0, end));
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The key that a secret stands for, or nothing when it is not usable.
std::optional<Secret> key_of(SignatureScheme scheme, const Secret& secret) {
  if (secret.empty()) return std::nullopt;
  if (scheme != SignatureScheme::kStandardWebhooks) return secret;
  std::string_view text = secret.reveal();
  if (text.starts_with("whsec_")) text.remove_prefix(6);
  auto bytes = from_base64(text);
  if (!bytes || bytes->empty()) return std::nullopt;
  return Secret(std::move(*bytes));
}

Digest hmac(const Secret& key, std::string_view prefix, std::string_view body) {
  const std::string_view bytes = key.reveal();
  Digest digest{};
  EVP_PKEY* pkey = EVP_PKEY_new_raw_private_key(
      EVP_PKEY_HMAC, nullptr, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  std::size_t size = digest.size();
  const bool ok = pkey != nullptr && context != nullptr &&
                  EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, pkey) == 1 &&
                  EVP_DigestSignUpdate(context, prefix.data(), prefix.size()) == 1 &&
                  EVP_DigestSignUpdate(context, body.data(), body.size()) == 1 &&
                  EVP_DigestSignFinal(context, digest.data(), &size) == 1 && size == digest.size();
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(pkey);
  BELAY_CHECK(ok, "HMAC-SHA256 must work");
  return digest;
}

// ---- Reading the headers, one scheme each: a Claim or the reason there is none

struct Read {
  Verdict verdict = Verdict::kValid;
  Claim claim;
};

Read read_stripe(const std::string& header) {
  Read read;
  std::string_view time;
  split(header, ',', [&](std::string_view part) {
    part = trimmed(part);
    if (part.starts_with("t=")) time = part.substr(2);
    if (!part.starts_with("v1=")) return;
    if (const auto digest = from_hex(part.substr(3))) read.claim.digests.push_back(*digest);
  });
  read.claim.timestamp_s = parse_time(time);
  if (!read.claim.timestamp_s || read.claim.digests.empty()) read.verdict = Verdict::kMalformed;
  read.claim.prefix = std::string(time) + ".";
  return read;
}

Read read_standard(const std::string& id, const std::string& time, const std::string& header) {
  Read read;
  split(header, ' ', [&](std::string_view part) {
    if (!part.starts_with("v1,")) return;
    const auto bytes = from_base64(part.substr(3));
    Digest digest{};
    if (!bytes || bytes->size() != digest.size()) return;
    std::copy(bytes->begin(), bytes->end(), digest.begin());
    read.claim.digests.push_back(digest);
  });
  read.claim.timestamp_s = parse_time(time);
  if (id.empty() || !read.claim.timestamp_s || read.claim.digests.empty())
    read.verdict = Verdict::kMalformed;
  read.claim.prefix = id + "." + time + ".";
  return read;
}

Read read_github(const std::string& header) {
  Read read;
  const auto digest =
      header.starts_with("sha256=") ? from_hex(std::string_view(header).substr(7)) : std::nullopt;
  if (digest) read.claim.digests.push_back(*digest);
  if (!digest) read.verdict = Verdict::kMalformed;
  return read;
}

Read read_slack(const std::string& time, const std::string& header) {
  Read read;
  const auto digest =
      header.starts_with("v0=") ? from_hex(std::string_view(header).substr(3)) : std::nullopt;
  if (digest) read.claim.digests.push_back(*digest);
  read.claim.timestamp_s = parse_time(time);
  if (!digest || !read.claim.timestamp_s) read.verdict = Verdict::kMalformed;
  read.claim.prefix = "v0:" + time + ":";
  return read;
}

Read read_claim(const SignedRequest& request, SignatureScheme scheme) {
  bool missing = false, too_long = false;
  auto get = [&](std::string_view name) {
    auto value = request.header(name);
    if (!value) missing = true;
    if (value && value->size() > limits::signature_header_bytes_max) too_long = true;
    return missing || too_long ? std::string() : *value;
  };
  Read read;
  switch (scheme) {
    case SignatureScheme::kStripe: read = read_stripe(get("Stripe-Signature")); break;
    case SignatureScheme::kStandardWebhooks: {
      const std::string id = get("webhook-id"), time = get("webhook-timestamp");
      read = read_standard(id, time, get("webhook-signature"));
      break;
    }
    case SignatureScheme::kGitHub: read = read_github(get("X-Hub-Signature-256")); break;
    case SignatureScheme::kSlack: {
      const std::string time = get("X-Slack-Request-Timestamp");
      read = read_slack(time, get("X-Slack-Signature"));
      break;
    }
  }
  if (missing) read.verdict = Verdict::kMissing;
  if (!missing && too_long) read.verdict = Verdict::kMalformed;
  return read;
}

}  // namespace

std::optional<SignatureScheme> parse_signature_scheme(std::string_view name) {
  if (name == "stripe") return SignatureScheme::kStripe;
  if (name == "standard") return SignatureScheme::kStandardWebhooks;
  if (name == "github") return SignatureScheme::kGitHub;
  if (name == "slack") return SignatureScheme::kSlack;
  return std::nullopt;
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kValid: return "valid";
    case Verdict::kMissing: return "the signature is missing";
    case Verdict::kMalformed: return "the signature cannot be read";
    case Verdict::kTooOld: return "it was signed too long ago";
    case Verdict::kTooNew: return "it was signed in the future";
    case Verdict::kNoMatch: return "the signature fits none of the secrets";
    case Verdict::kBadSecret: return "none of the secrets can be used";
  }
  return "";
}

Verdict verify_signature(const SignedRequest& request, const SignaturePolicy& policy,
                         const std::vector<Secret>& secrets, std::int64_t now_s) {
  const Read read = read_claim(request, policy.scheme);
  if (read.verdict != Verdict::kValid) return read.verdict;
  bool usable = false, match = false;
  for (const Secret& secret : secrets) {
    const auto key = key_of(policy.scheme, secret);
    if (!key) continue;
    usable = true;
    const Digest expected = hmac(*key, read.claim.prefix, request.body);
    for (const Digest& digest : read.claim.digests) {
      match = (CRYPTO_memcmp(expected.data(), digest.data(), expected.size()) == 0) || match;
    }
  }
  if (!usable) return Verdict::kBadSecret;
  if (!match) return Verdict::kNoMatch;
  if (read.claim.timestamp_s) {
    const std::int64_t age_s = now_s - *read.claim.timestamp_s;
    if (age_s > policy.tolerance_s) return Verdict::kTooOld;
    if (-age_s > policy.tolerance_s) return Verdict::kTooNew;
  }
  return Verdict::kValid;
}

std::string sign(SignatureScheme scheme, const Secret& secret, std::string_view id,
                 std::int64_t timestamp_s, std::string_view body) {
  const auto key = key_of(scheme, secret);
  if (!key) return {};
  const std::string time = std::to_string(timestamp_s);
  switch (scheme) {
    case SignatureScheme::kStripe:
      return "t=" + time + ",v1=" + to_hex(hmac(*key, time + ".", body));
    case SignatureScheme::kStandardWebhooks:
      return "v1," + to_base64(hmac(*key, std::string(id) + "." + time + ".", body));
    case SignatureScheme::kGitHub: return "sha256=" + to_hex(hmac(*key, "", body));
    case SignatureScheme::kSlack: return "v0=" + to_hex(hmac(*key, "v0:" + time + ":", body));
  }
  return {};
}

}  // namespace belay::runtime
