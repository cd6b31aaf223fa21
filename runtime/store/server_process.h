// Processes of a Postgres server and the small files that tell of them, for private_postgres.cpp.
#pragma once
#include <sys/types.h>

#include <charconv>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace belay::runtime {

inline constexpr std::chrono::milliseconds kPoll{
    20};  // how often a process is asked whether it is there

// Whom the server runs as. `drop`: we are root and must change to that user.
struct ServerUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  std::vector<gid_t> groups;
  bool drop = false;
};

std::string errno_text();
// At most so many bytes from its beginning; empty when it cannot be read.
std::string read_text(const std::string& path, std::size_t bytes_max);
// Its last bytes, without line ends behind them.
std::string tail_of(const std::string& path, std::size_t bytes);
std::vector<std::string> lines_of(const std::string& text);

// The whole of the text as a number; blanks behind it are allowed.
template <class Int>
std::optional<Int> parse_int(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ' || text.back() == '\r'))
    text.remove_suffix(1);
  Int value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The child's pid, or -1 with errno. It does not end with us. `output`: where what it says goes.
pid_t spawn(const ServerUser& user, const std::vector<std::string>& command, int output);
// Runs a program to its end. The exit code, or -1.
int run(const ServerUser& user, const std::vector<std::string>& command, int output);
bool alive(pid_t pid);
// False: it is still there after that time.
bool wait_until_gone(pid_t pid, int timeout_ms);
std::vector<pid_t> children_of(pid_t parent);
// The postmaster of this data directory, when one runs: its pid file names a live process that
// stands in the directory (a recycled pid does not).
std::optional<pid_t> live_postmaster(const std::string& data);

}  // namespace belay::runtime
