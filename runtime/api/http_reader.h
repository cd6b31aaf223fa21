// A strict reader of HTTP/1.x requests: pure functions from bytes to a request or a refusal. It
// accepts what browsers, curl and proxies send and nothing that two readers could understand
// differently (smuggling): no folded headers, no bare line feeds, no doubled or mixed lengths, no
// absolute targets, no trailers. Tested in tests/runtime/http_server_test.cpp.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/api/http_server.h"

namespace belay::runtime {

struct Refusal {
  int status = 400;
  std::string_view code;    // static text
  std::string_view detail;  // static text
};

struct RequestHead {
  std::string method;
  std::string path;  // raw, without the query
  std::multimap<std::string, std::string> query;
  HttpHeaders headers;
  std::uint64_t content_length = 0;
  bool chunked = false;
  bool keep_alive = true;  // what the other side wishes
  bool expects_continue = false;
};

// `text` is the head with its last empty line. REQUIRES: it ends with "\r\n\r\n".
tl::expected<RequestHead, Refusal> read_head(std::string_view text);

// %XX becomes a byte; nullopt for a broken escape, a NUL, or (with `plus`) after turning `+` into a
// space.
std::optional<std::string> percent_decode(std::string_view text, bool plus);

// Decodes a chunked body as it arrives. Extensions are skipped, trailers refused.
class ChunkedBody {
 public:
  explicit ChunkedBody(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  enum class State : std::uint8_t { kMore, kDone, kMalformed, kTooLarge };
  // Takes bytes from the front of `in` (and erases them there); call again with more when kMore.
  State feed(std::string& in);
  std::string take() { return std::move(body_); }

 private:
  enum class At : std::uint8_t { kSize, kData, kDataEnd, kEnd } at_ = At::kSize;
  std::size_t bytes_max_;
  std::uint64_t left_ = 0;
  std::string body_;
};

}  // namespace belay::runtime
