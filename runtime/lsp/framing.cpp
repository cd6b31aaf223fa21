// See framing.h.
#include "runtime/lsp/framing.h"

#include <algorithm>
#include <charconv>

namespace belay::runtime::lsp {
namespace {

constexpr std::string_view kLength = "content-length:";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::size_t find_length(std::string_view text, std::size_t from) {
  const auto found =
      std::search(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), kLength.begin(),
                  kLength.end(), [](char a, char b) { return lower(a) == b; });
  return found == text.end() ? std::string_view::npos
                             : static_cast<std::size_t>(found - text.begin());
}

// The number behind `Content-Length:` at the start of one of the lines.
std::optional<std::size_t> length_of(std::string_view header) {
  std::size_t at = find_length(header, 0);
  while (at != std::string_view::npos && at > 0 && header[at - 1] != '\n')
    at = find_length(header, at + 1);
  if (at == std::string_view::npos) return std::nullopt;
  at += kLength.size();
  while (at < header.size() && (header[at] == ' ' || header[at] == '\t')) ++at;
  std::size_t length = 0;
  const char* end = header.data() + header.size();
  const auto result = std::from_chars(header.data() + at, end, length);
  if (result.ec != std::errc{}) return std::nullopt;
  if (result.ptr != end && *result.ptr != '\r' && *result.ptr != '\n' && *result.ptr != ' ')
    return std::nullopt;
  return length;
}

}  // namespace

std::optional<Frame> FrameReader::skip_garbage(std::string why, std::size_t bad) {
  // A header may begin within what is bad: behind the first byte, or this would not end.
  const std::size_t next = find_length(buffer_, 1);
  buffer_.erase(0, std::min(next, bad));
  return Frame{{}, std::move(why)};
}

std::optional<Frame> FrameReader::next() {
  if (to_skip_ > 0) {
    const std::size_t now = std::min(to_skip_, buffer_.size());
    buffer_.erase(0, now);
    to_skip_ -= now;
    if (to_skip_ > 0) return std::nullopt;
  }
  std::size_t end = buffer_.find("\r\n\r\n"), blank = 4;
  if (const std::size_t bare = buffer_.find("\n\n"); bare < end) {
    end = bare;
    blank = 2;
  }
  if (end == std::string::npos) {
    if (buffer_.size() <= kHeaderBytesMax) return std::nullopt;
    return skip_garbage("no header in " + std::to_string(kHeaderBytesMax) + " bytes",
                        buffer_.size() - (kLength.size() - 1));  // its beginning may be here
  }
  const std::optional<std::size_t> length = length_of(std::string_view(buffer_).substr(0, end));
  if (!length) return skip_garbage("a header without a Content-Length", end + blank);
  const std::size_t begin = end + blank;
  if (*length > kMessageBytesMax) {
    to_skip_ = *length;
    buffer_.erase(0, begin);
    return Frame{{}, "a message of more than " + std::to_string(kMessageBytesMax) + " bytes"};
  }
  if (buffer_.size() - begin < *length) return std::nullopt;
  Frame out{buffer_.substr(begin, *length), {}};
  buffer_.erase(0, begin + *length);
  return out;
}

bool FrameReader::resume_inside(const std::string& body) {
  const std::size_t at = find_length(body, 0);
  if (at == std::string::npos) return false;
  buffer_.insert(0, body, at);
  return true;
}

std::string frame(std::string_view body) {
  return "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace belay::runtime::lsp
