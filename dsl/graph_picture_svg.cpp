// Graphviz through two pipes, without a shell. The one place of the compiler that starts a process.
#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "dsl/graph_picture.h"

extern char** environ;

namespace belay::dsl {
namespace {

constexpr std::size_t kSvgBytesMax = 64u << 20;

// A pair of connected descriptors that closes itself. `child` is what the process gets.
struct Pair {
  int ours = -1, child = -1;
  ~Pair() {
    close_ours();
    close_child();
  }
  void close_ours() { close_one(ours); }
  void close_child() { close_one(child); }
  static void close_one(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
};

// The input is a socket, not a pipe: send() can say MSG_NOSIGNAL, so that a `dot` that dies is an
// error, not SIGPIPE.
bool open_input(Pair& pair) {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) return false;
  pair.ours = fds[0];
  pair.child = fds[1];
  return true;
}
bool open_output(Pair& pair) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return false;
  pair.ours = fds[0];
  pair.child = fds[1];
  return true;
}

bool send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string read_all(int fd) {
  std::string out;
  std::array<char, 65536> buffer{};
  while (out.size() < kSvgBytesMax) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return out;
}

}  // namespace

std::string run_graphviz(const std::string& dot, std::string& error) {
  Pair input, output;
  if (!open_input(input) || !open_output(output)) {
    error = std::string("no pipe to Graphviz: ") + std::strerror(errno);
    return {};
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.child, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.child, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = "dot", format = "-Tsvg";
  std::array<char*, 3> arguments{program.data(), format.data(), nullptr};
  pid_t pid = -1;
  const int failed = ::posix_spawnp(&pid, "dot", &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    error = failed == ENOENT ? "Graphviz is not installed: there is no `dot`; install the package "
                               "graphviz, or ask for "
                               "`--format mermaid`"
                             : std::string("Graphviz cannot be started: ") + std::strerror(failed);
    return {};
  }
  input.close_child();
  output.close_child();
  const bool sent = send_all(input.ours, dot);  // dot reads everything before it draws
  input.close_ours();
  std::string svg = read_all(output.ours);
  output.close_ours();
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!sent || !WIFEXITED(status) || WEXITSTATUS(status) != 0 || svg.empty()) {
    error = WIFEXITED(status) && WEXITSTATUS(status) == 127
                ? "Graphviz is not installed: there is no `dot`; install the package graphviz, or "
                  "ask for `--format mermaid`"
                : "Graphviz could not draw the graph";
    return {};
  }
  return svg;
}

}  // namespace belay::dsl
