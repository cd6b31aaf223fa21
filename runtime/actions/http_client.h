// Outgoing HTTP: libcurl's multi interface on one thread, thousands of requests in flight, pooled
// connections, HTTP/2 where TLS offers it. What matters to a saga is not the error's name but how
// far the request got, so every answer says which of three it was: certainly not sent, answered, or
// unknown.
//
// What it never does: follow a redirect, use a proxy or a .netrc, speak anything but http and
// https, inflate a body (bytes are counted as received), or reach a private address unless the
// request allows it (the check is made on the address of the very socket that is about to connect,
// so a name that changes its mind between check and use gains nothing). Tested in
// tests/runtime/http_client_test.cpp; what an answer means is http_outcome.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/limits.h"
#include "runtime/base/result.h"

struct sockaddr;

namespace belay::runtime {

struct OutgoingRequest {
  std::string method = "GET";  // upper case
  std::string url;             // http:// or https://
  std::vector<std::pair<std::string, std::string>>
      headers;       // may hold secrets: wiped once handed to libcurl
  std::string body;  // sent when not empty, or when the method is POST, PUT or PATCH
  long timeout_ms = limits::http_timeout_ms_default;                  // of the whole
  long connect_timeout_ms = limits::http_connect_timeout_ms_default;  // of DNS, TCP and TLS
  std::size_t response_bytes_max = limits::http_response_bytes_max;
  bool allow_private_addresses = false;
  bool fresh_connection = false;  // none of the pool, which may end just when it is used
};

struct OutgoingResponse {
  enum class Reached : std::uint8_t {
    kNotSent,   // DNS, connect, TLS, refused address, shutdown before it began: certainly not one
                // byte was sent
    kUnknown,   // a byte may have been sent and no whole answer came: timeout, reset, too large,
                // unreadable
    kAnswered,  // status, headers and the whole body are there
  };
  Reached reached = Reached::kNotSent;
  int status = 0;  // also with kUnknown when the status line had come
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order
  std::string body;                                          // kAnswered only
  std::string error;  // for people, empty when answered; holds no secret
  std::int64_t duration_ms = 0;

  // The first header of that (lower-case) name, or nullptr.
  const std::string* header(std::string_view name) const;
};

// Thread-safe. Owns one thread.
class HttpClient {
 public:
  using Callback = std::function<void(OutgoingResponse)>;

  struct Options {
    std::size_t queue_max = limits::outgoing_queue_max;  // submitted and not yet answered
    std::size_t in_flight_max =
        limits::outgoing_in_flight_max;  // of these, given to libcurl at once
    long connections_per_host_max = 256;
    std::string user_agent = "belay";
    std::string ca_file;  // PEM; empty: the system's
  };

  HttpClient();
  explicit HttpClient(Options options);
  // shutdown(), with every callback made before it returns. Must not run on the client's own
  // thread.
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Queues the request. When it succeeds, `done` is called exactly once, on the client's thread,
  // soon enough never to be waited for: it must not block. Failures (then `done` is never called):
  // kOverloaded when the queue is full, kInvalid for a malformed request (method, URL, or a header
  // with a line break), kShuttingDown.
  Result<void> submit(OutgoingRequest request, Callback done);

  // Submitted and not yet answered.
  std::size_t pending() const;

  // Ends everything: what had not begun as kNotSent, what was on its way as kUnknown (or kNotSent
  // while connecting).
  void shutdown();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// True for addresses that only a connector that says so may reach: loopback, RFC 1918,
// carrier-grade NAT, link-local (with the metadata services), ULA, multicast, documentation,
// unspecified, reserved; also when wrapped in IPv6 (IPv4-mapped, NAT64, 6to4). Anything that is
// neither IPv4 nor IPv6 is private.
bool is_private_address(const sockaddr* address);

}  // namespace belay::runtime
