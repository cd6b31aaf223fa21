// Time-ordered ids, hashes and lanes. See ids.h.
#include "runtime/base/ids.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>

#include "runtime/base/check.h"

namespace belay::runtime {
namespace {

constexpr char kHex[] = "0123456789abcdef";

std::array<unsigned char, 32> sha256(std::string_view a, std::string_view b) {
  std::array<unsigned char, 32> digest;
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  BELAY_CHECK(context != nullptr, "OpenSSL gives a digest context");
  unsigned int size = 0;
  const bool ok = EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1 &&
                  EVP_DigestUpdate(context, a.data(), a.size()) == 1 &&
                  EVP_DigestUpdate(context, b.data(), b.size()) == 1 &&
                  EVP_DigestFinal_ex(context, digest.data(), &size) == 1;
  EVP_MD_CTX_free(context);
  BELAY_CHECK(ok && size == digest.size(), "SHA-256 works");
  return digest;
}

std::string hex(const unsigned char* bytes, std::size_t count) {
  std::string out;
  out.reserve(count * 2);
  for (std::size_t i = 0; i < count; ++i) {
    out += kHex[bytes[i] >> 4];
    out += kHex[bytes[i] & 15];
  }
  return out;
}

// SplitMix64 (Steele, Lea, Flood 2014): enough for a simulation, and no more than that.
std::uint64_t splitmix(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string IdGenerator::next(interpreter::Instant now) {
  const std::lock_guard lock(mutex_);
  const auto us = static_cast<std::uint64_t>(now.us > 0 ? now.us : 0);
  std::uint64_t tick = (us / 1000) * 4096 + (us % 1000) * 4096 / 1000;
  if (tick <= last_)
    tick = last_ + 1;  // a quarter of a microsecond each: the clock catches up at once
  last_ = tick;
  if (random_left_ < 8) {
    if (seed_ != 0) {
      for (unsigned char& byte : random_) byte = static_cast<unsigned char>(splitmix(seed_));
    } else {
      BELAY_CHECK(RAND_bytes(random_, sizeof random_) == 1, "the system gives random bytes");
    }
    random_left_ = sizeof random_;
  }
  unsigned char id[16];
  const std::uint64_t ms = tick / 4096;
  const std::uint64_t fraction = tick % 4096;
  for (int i = 0; i < 6; ++i) id[i] = static_cast<unsigned char>(ms >> (40 - 8 * i));
  id[6] = static_cast<unsigned char>(0x70 | (fraction >> 8));
  id[7] = static_cast<unsigned char>(fraction);
  random_left_ -= 8;
  std::memcpy(id + 8, random_ + random_left_, 8);
  id[8] = static_cast<unsigned char>(0x80 | (id[8] & 0x3f));
  std::string text(36, '-');
  std::size_t at = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) ++at;
    text[at++] = kHex[id[i] >> 4];
    text[at++] = kHex[id[i] & 15];
  }
  return text;
}

std::optional<std::string> normalise_uuid(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string out(36, '-');
  for (std::size_t i = 0; i < 36; ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (text[i] != '-') return std::nullopt;
    } else {
      const int digit = hex_digit(text[i]);
      if (digit < 0) return std::nullopt;
      out[i] = kHex[digit];
    }
  }
  return out;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < 36; ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
  }
  return true;
}

interpreter::Instant time_of_uuid(std::string_view uuid) {
  if (!is_uuid(uuid) || uuid[14] != '7') return {};
  std::int64_t ms = 0;
  for (std::size_t i = 0; i < 13; ++i) {
    if (i != 8) ms = ms * 16 + hex_digit(uuid[i]);
  }
  return {ms * 1000};
}

std::int32_t lane_of(std::string_view tenant, std::string_view partition_key, std::int32_t count) {
  BELAY_CHECK(count > 0, "there are lanes");
  std::string first(tenant);
  first += '\0';
  const auto digest = sha256(first, partition_key);
  std::uint64_t number = 0;
  for (int i = 0; i < 8; ++i) number = number << 8 | digest[static_cast<std::size_t>(i)];
  return static_cast<std::int32_t>(number % static_cast<std::uint64_t>(count));
}

std::string sha256_hex(std::string_view bytes) {
  const auto digest = sha256(bytes, {});
  return hex(digest.data(), digest.size());
}

std::string random_hex(std::size_t bytes) {
  std::string buffer(bytes, '\0');
  auto* data = reinterpret_cast<unsigned char*>(buffer.data());
  BELAY_CHECK(RAND_bytes(data, static_cast<int>(bytes)) == 1, "the system gives random bytes");
  return hex(data, bytes);
}

}  // namespace belay::runtime
