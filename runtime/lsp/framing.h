// The envelope of the Language Server Protocol: `Content-Length: N`, a blank line, N bytes of JSON.
// A peer that counts wrong or writes garbage costs the messages it damaged, never the connection:
// the reader looks for the next header. Tested in tests/runtime/lsp_test.cpp.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace belay::runtime::lsp {

inline constexpr std::size_t kMessageBytesMax = 32u << 20;
inline constexpr std::size_t kHeaderBytesMax = 4096;

struct Frame {
  std::string body;
  std::string error;  // not empty: this was no message, and why
};

class FrameReader {
 public:
  void feed(std::string_view bytes) { buffer_.append(bytes); }
  // The next whole message, or what was wrong instead; nullopt: more bytes are needed.
  std::optional<Frame> next();
  // For a body that is no JSON: when the next message's header lies inside it (its length was said
  // too large), the reader goes on there. Returns whether it did.
  bool resume_inside(const std::string& body);

 private:
  std::optional<Frame> skip_garbage(std::string why, std::size_t bad);
  std::string buffer_;
  std::size_t to_skip_ = 0;  // bytes of a message that is too large
};

// The body in its envelope.
std::string frame(std::string_view body);

}  // namespace belay::runtime::lsp
