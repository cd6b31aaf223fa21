// The strict reader. See http_reader.h.
#include "runtime/api/http_reader.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace belay::runtime {
namespace {

constexpr std::size_t kChunkLineMax = 64;
constexpr std::size_t kQueryParametersMax = 64;

constexpr Refusal kMalformed{400, "malformed", "the request line or a header cannot be read"};
constexpr Refusal kBadEscape{400, "malformed", "the path or the query has a broken percent escape"};
constexpr Refusal kLongPath{414, "too_large", "the path is longer than 1,024 characters"};
constexpr Refusal kManyHeaders{431, "too_large", "there are too many headers"};
constexpr Refusal kManyParameters{400, "too_large", "there are too many query parameters"};
constexpr Refusal kBadHost{400, "malformed", "exactly one Host header is needed"};
constexpr Refusal kBadLength{400, "malformed",
                             "the length of the body is not said once and clearly"};
constexpr Refusal kBadCoding{501, "unsupported",
                             "no Transfer-Encoding but `chunked` is understood"};
constexpr Refusal kBodyNotWanted{400, "malformed", "this method takes no body"};
constexpr Refusal kCompressed{415, "unsupported_media_type", "compressed bodies are not accepted"};
constexpr Refusal kMultipart{415, "unsupported_media_type", "multipart bodies are not accepted"};
constexpr Refusal kBadMethod{501, "unsupported", "this method is not known here"};
constexpr Refusal kBadVersion{505, "unsupported", "only HTTP/1.0 and HTTP/1.1 are spoken"};
constexpr Refusal kBadExpect{417, "unsupported", "no expectation but `100-continue` is understood"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_token(std::string_view text) {
  if (text.empty()) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_field_text(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u == '\t' || (u >= 0x20 && u != 0x7f);
  });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_known_method(std::string_view method) {
  static constexpr std::string_view kMethods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                                  "PATCH", "DELETE", "OPTIONS"};
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

std::optional<Refusal> read_query(std::string_view text, RequestHead& head) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('&'), text.size());
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    if (head.query.size() >= kQueryParametersMax) return kManyParameters;
    const std::size_t equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                  : percent_decode(pair.substr(equals + 1), true);
    if (!name || !value) return kBadEscape;
    head.query.emplace(std::move(*name), std::move(*value));
  }
  return std::nullopt;
}

std::optional<Refusal> read_request_line(std::string_view line, RequestHead& head, bool& is_1_1) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return line.size() > limits::request_path_max + 64 ? kLongPath : kMalformed;
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (target.size() > limits::request_path_max) return kLongPath;
  if (!is_token(method)) return kMalformed;
  if (version != "HTTP/1.1" && version != "HTTP/1.0")
    return version.starts_with("HTTP/") ? kBadVersion : kMalformed;
  if (!is_known_method(method)) return kBadMethod;
  is_1_1 = version == "HTTP/1.1";
  const bool visible = std::all_of(target.begin(), target.end(),
                                   [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  if (!target.starts_with('/') || !visible) return kMalformed;
  head.method = method;
  const std::size_t mark = target.find('?');
  head.path = target.substr(0, mark);
  if (!percent_decode(head.path, false)) return kBadEscape;
  return mark == std::string_view::npos ? std::nullopt : read_query(target.substr(mark + 1), head);
}

std::optional<Refusal> read_header_lines(std::string_view text, RequestHead& head) {
  std::size_t count = 0;
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    if (line.empty()) break;
    if (++count > limits::headers_max) return kManyHeaders;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return kMalformed;
    const std::string_view name =
        line.substr(0, colon);  // a blank before the colon or at the start is no token
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!is_token(name) || !is_field_text(value)) return kMalformed;
    head.headers.emplace(name, value);
  }
  return std::nullopt;
}

// The one value of a header that may stand once at most.
struct Single {
  bool doubled = false;
  std::optional<std::string> value;
};
Single single(const HttpHeaders& headers, std::string_view name) {
  const auto [from, to] = headers.equal_range(name);
  Single found;
  if (from == to) return found;
  found.value = from->second;
  found.doubled = std::next(from) != to;
  return found;
}

std::optional<Refusal> read_length(RequestHead& head, bool is_1_1) {
  const Single length = single(head.headers, "Content-Length");
  const Single coding = single(head.headers, "Transfer-Encoding");
  if (length.doubled || coding.doubled || (length.value && coding.value)) return kBadLength;
  if (coding.value) {
    if (!is_1_1) return kBadLength;
    if (lower(*coding.value) != "chunked") return kBadCoding;
    head.chunked = true;
  }
  if (length.value) {
    const std::string& digits = *length.value;
    if (digits.empty() || digits.size() > 15 ||
        digits.find_first_not_of("0123456789") != std::string::npos) {
      return kBadLength;
    }
    std::from_chars(digits.data(), digits.data() + digits.size(), head.content_length);
  }
  const bool has_body = head.chunked || head.content_length > 0;
  if (has_body && (head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS"))
    return kBodyNotWanted;
  return std::nullopt;
}

std::optional<Refusal> read_meaning(RequestHead& head, bool is_1_1) {
  const Single host = single(head.headers, "Host");
  if (host.doubled || (is_1_1 && !host.value)) return kBadHost;
  if (auto refused = read_length(head, is_1_1)) return refused;
  const auto [from, to] = head.headers.equal_range("Content-Encoding");
  for (auto it = from; it != to; ++it) {
    if (lower(it->second) != "identity") return kCompressed;
  }
  const Single type = single(head.headers, "Content-Type");
  if (type.doubled) return kMalformed;
  if (type.value && lower(*type.value).starts_with("multipart/")) return kMultipart;
  const Single expect = single(head.headers, "Expect");
  if (expect.value) {
    if (expect.doubled || lower(*expect.value) != "100-continue") return kBadExpect;
    head.expects_continue = is_1_1;
  }
  std::string connection;
  const auto [first, last] = head.headers.equal_range("Connection");
  for (auto it = first; it != last; ++it) connection += "," + lower(it->second);
  const auto says = [&](std::string_view word) {
    return connection.find(word) != std::string::npos;
  };
  head.keep_alive = is_1_1 ? !says("close") : says("keep-alive");
  return std::nullopt;
}

}  // namespace

bool HeaderNameLess::operator()(std::string_view a, std::string_view b) const {
  const auto folded = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&](char x, char y) { return folded(x) < folded(y); });
}

tl::expected<RequestHead, Refusal> read_head(std::string_view text) {
  RequestHead head;
  bool is_1_1 = false;
  const std::size_t end = text.find("\r\n");
  if (auto refused = read_request_line(text.substr(0, end), head, is_1_1))
    return tl::unexpected(*refused);
  if (auto refused = read_header_lines(text.substr(end + 2), head)) return tl::unexpected(*refused);
  if (auto refused = read_meaning(head, is_1_1)) return tl::unexpected(*refused);
  return head;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus) {
      out += ' ';
    } else if (text[i] == '%') {
      const int high = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0)) return std::nullopt;
      out += static_cast<char>(high << 4 | low);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

ChunkedBody::State ChunkedBody::feed(std::string& in) {
  std::size_t used = 0;
  const auto finish = [&](State state) {
    in.erase(0, used);
    return state;
  };
  for (;;) {
    const std::string_view rest = std::string_view(in).substr(used);
    if (at_ == At::kSize) {
      const std::size_t end = rest.find("\r\n");
      if (end == std::string_view::npos)
        return finish(rest.size() > kChunkLineMax ? State::kMalformed : State::kMore);
      if (end > kChunkLineMax) return finish(State::kMalformed);
      const std::string_view line = rest.substr(0, end);
      const std::string_view size = line.substr(0, line.find(';'));
      if (size.empty() || size.size() > 8) return finish(State::kMalformed);
      left_ = 0;
      for (char c : size) {
        const int digit = hex_digit(c);
        if (digit < 0) return finish(State::kMalformed);
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
      }
      if (left_ > bytes_max_ - body_.size()) return finish(State::kTooLarge);
      used += end + 2;
      at_ = left_ == 0 ? At::kEnd : At::kData;
    } else if (at_ == At::kData) {
      const std::size_t taken =
          static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size()));
      body_.append(rest.substr(0, taken));
      used += taken;
      left_ -= taken;
      if (left_ > 0) return finish(State::kMore);
      at_ = At::kDataEnd;
    } else {
      if (rest.size() < 2) {
        return finish(rest.empty() || rest[0] == '\r' ? State::kMore : State::kMalformed);
      }
      if (rest.substr(0, 2) != "\r\n") return finish(State::kMalformed);
      used += 2;
      if (at_ == At::kEnd) return finish(State::kDone);
      at_ = At::kSize;
    }
  }
}

}  // namespace belay::runtime
