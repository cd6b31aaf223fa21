// The HTTP server: cpp-httplib, hardened. What a stranger sends is read and judged by our own
// strict reader (http_reader.h) before the library sees anything; the library accepts connections
// and writes answers. There is no regular expression, no inflating, no multipart, no %-decoded
// header anywhere on the way in.
//
// Refused before any handler runs, as application/problem+json: paths over 1,024 characters (414),
// malformed heads, duplicate or mixed Content-Length/Transfer-Encoding (400, and the connection
// ends), compressed or multipart bodies (415), too many headers (431), bodies over the route's
// limit, chunked or not (413), slow heads and bodies (408). One thread serves one connection at a
// time; connections that wait for a thread are bounded, the next gets 503. Tested in
// tests/runtime/http_server_test.cpp with raw sockets.
#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/limits.h"
#include "runtime/base/result.h"

namespace belay::runtime {

// Header names compare without case.
struct HeaderNameLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
using HttpHeaders = std::multimap<std::string, std::string, HeaderNameLess>;

struct HttpRequest {
  std::string method;                         // upper case; HEAD is dispatched to the GET route
  std::string path;                           // as sent, without the query, not percent-decoded
  std::map<std::string, std::string> params;  // the holes of the route's pattern, percent-decoded
  std::multimap<std::string, std::string> query;  // decoded (`+` is a space)
  HttpHeaders headers;                            // as sent: raw values, outer blanks removed
  std::string body;            // the raw bytes (a chunked body without its framing)
  std::string remote_address;  // of the socket, never of a header; "127.0.0.1"
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;  // Content-Length and Connection are the server's; a value with a control
                        // character is dropped
  std::string content_type = "application/json";
  std::string body;
};

class HttpServer {
 public:
  // Runs on a server thread, several at once. May block. What it throws becomes a 500 that says
  // nothing of it.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  struct Options {
    std::size_t threads = limits::http_threads;
    std::size_t queue_max = limits::task_queue_max;  // connections that wait for a thread
    std::size_t body_bytes_max = limits::request_body_bytes_max;
    int head_timeout_ms = limits::http_read_timeout_ms;    // a whole head, from its first byte
    int body_timeout_ms = limits::http_body_timeout_ms;    // a whole body
    int write_timeout_ms = limits::http_write_timeout_ms;  // a whole answer
    int keep_alive_timeout_ms = limits::keep_alive_timeout_s * 1000;  // idle between two requests
    std::size_t keep_alive_requests_max = limits::keep_alive_requests_max;
  };

  HttpServer();
  explicit HttpServer(Options options);
  ~HttpServer();  // stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Before listen(). `pattern` is literal segments and {holes}, each a whole non-empty segment:
  // "/v1/sagas/{id}"; where two patterns fit, the literal segment wins. A path that exists with
  // other methods gets 405 with Allow; OPTIONS is answered with Allow. `body_bytes_max` 0: the
  // server's.
  void route(std::string method, std::string pattern, Handler handler,
             std::size_t body_bytes_max = 0);
  // Instead of the 404 for every request that no route serves (any method).
  void otherwise(Handler handler);

  // Binds and serves on own threads; returns the port. `port` 0: any free one. `host` is an address
  // or a name. kUnavailable when the address cannot be bound.
  Result<int> listen(const std::string& host, int port);
  // Takes no new connection, lets running handlers finish, ends idle connections. Idempotent. Not
  // from a handler.
  void stop();

  // The answer that the server itself gives to what it refuses: problem details (RFC 9457).
  static HttpResponse problem(int status, std::string_view code, std::string_view detail);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace belay::runtime
