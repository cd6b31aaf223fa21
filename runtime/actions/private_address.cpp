// Which addresses only a connector that says so may reach. See http_client.h.
//
// IPv4 is a list of the special-purpose ranges (IANA registry); IPv6 is the other way round: only
// global unicast (2000::/3) is public, less what tunnels or documents.
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "runtime/actions/http_client.h"

namespace belay::runtime {
namespace {

struct Range {
  std::uint32_t network;
  int bits;
};

constexpr std::uint32_t ip(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
  return (a << 24) | (b << 16) | (c << 8) | d;
}

constexpr std::array<Range, 15> kSpecial = {{
    {ip(0, 0, 0, 0), 8},        // this network
    {ip(10, 0, 0, 0), 8},       // RFC 1918
    {ip(100, 64, 0, 0), 10},    // carrier-grade NAT
    {ip(127, 0, 0, 0), 8},      // loopback
    {ip(169, 254, 0, 0), 16},   // link-local, cloud metadata
    {ip(172, 16, 0, 0), 12},    // RFC 1918
    {ip(192, 0, 0, 0), 24},     // protocol assignments
    {ip(192, 0, 2, 0), 24},     // documentation
    {ip(192, 88, 99, 0), 24},   // 6to4 relays
    {ip(192, 168, 0, 0), 16},   // RFC 1918
    {ip(198, 18, 0, 0), 15},    // benchmarks
    {ip(198, 51, 100, 0), 24},  // documentation
    {ip(203, 0, 113, 0), 24},   // documentation
    {ip(224, 0, 0, 0), 4},      // multicast
    {ip(240, 0, 0, 0), 4},      // reserved, broadcast
}};

bool is_private_v4(std::uint32_t address) {
  for (const Range& range : kSpecial) {
    if (((address ^ range.network) >> (32 - range.bits)) == 0) return true;
  }
  return false;
}

std::uint32_t word_at(const std::uint8_t* bytes) {
  return ip(bytes[0], bytes[1], bytes[2], bytes[3]);
}

bool is_private_v6(const std::uint8_t* bytes) {
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr std::uint8_t kNat64[12] = {0, 0x64, 0xff, 0x9b};
  if (std::memcmp(bytes, kMapped, 12) == 0 || std::memcmp(bytes, kNat64, 12) == 0) {
    return is_private_v4(word_at(bytes + 12));
  }
  if ((bytes[0] & 0xe0) != 0x20)
    return true;  // not 2000::/3: loopback, ULA, link-local, multicast …
  const std::uint32_t head = word_at(bytes);
  if (head == 0x20010000) return true;                              // Teredo
  if (head == 0x20010db8) return true;                              // documentation
  if ((head >> 16) == 0x2002) return true;                          // 6to4
  if ((head >> 16) == 0x3fff && (head & 0xf000) == 0) return true;  // documentation
  return false;
}

}  // namespace

bool is_private_address(const sockaddr* address) {
  if (address == nullptr) return true;
  if (address->sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, address, sizeof in);
    return is_private_v4(ntohl(in.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in;
    std::memcpy(&in, address, sizeof in);
    return is_private_v6(in.sin6_addr.s6_addr);
  }
  return true;
}

}  // namespace belay::runtime
