// See server_process.h. A child runs only system calls between fork and exec, because other threads
// may hold locks.
#include "runtime/store/server_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <thread>

namespace belay::runtime {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Everything after fork is a system call: no allocation, no locks.
[[noreturn]] void become(const ServerUser& user, char* const* argv, char* const* envp, int output) {
  setsid();  // a group and session of its own: neither Ctrl-C nor our death reaches it
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number :
       {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2, SIGQUIT, SIGALRM}) {
    signal(number, SIG_DFL);
  }
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, 0);
  dup2(output, 1);
  dup2(output, 2);
  // Our sockets must not live on in it: a port that it held could not be listened on again.
  syscall(SYS_close_range, 3U, ~0U, 0U);
  if (user.drop) {
    // Raw calls: glibc's wrappers would signal threads that do not exist in this child.
    if (syscall(SYS_setgroups, user.groups.size(), user.groups.data()) != 0 ||
        syscall(SYS_setresgid, user.gid, user.gid, user.gid) != 0 ||
        syscall(SYS_setresuid, user.uid, user.uid, user.uid) != 0) {
      _exit(126);
    }
  }
  umask(077);
  if (chdir("/") != 0) _exit(126);
  execve(argv[0], argv, envp);
  _exit(127);
}

}  // namespace

std::string errno_text() { return std::strerror(errno); }

std::string read_text(const std::string& path, std::size_t bytes_max) {
  std::string out;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return out;
  std::array<char, 4096> buffer;
  while (out.size() < bytes_max) {
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  close(fd);
  return out;
}

std::string tail_of(const std::string& path, std::size_t bytes) {
  std::string out;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return out;
  struct stat info {};
  if (fstat(fd, &info) == 0) {
    const off_t from = std::max<off_t>(0, info.st_size - static_cast<off_t>(bytes));
    out.resize(static_cast<std::size_t>(info.st_size - from));
    const ssize_t n = pread(fd, out.data(), out.size(), from);
    out.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  close(fd);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

pid_t spawn(const ServerUser& user, const std::vector<std::string>& command, int output) {
  // A clean environment: no PGDATA, PGPORT, PGOPTIONS of the person who called us.
  std::vector<std::string> environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8",
                                          "TZ=UTC", "HOME=/"};
  std::vector<char*> argv, envp;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  for (std::string& word : environment) envp.push_back(word.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) become(user, argv.data(), envp.data(), output);
  return pid;
}

int run(const ServerUser& user, const std::vector<std::string>& command, int output) {
  const pid_t pid = spawn(user, command, output);
  if (pid < 0) return -1;
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Reaps it when it is a child of ours that ended: a zombie still answers kill(pid, 0).
bool alive(pid_t pid) {
  if (pid <= 1) return false;
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) == pid) return false;
  if (kill(pid, 0) != 0 && errno == ESRCH) return false;
  const std::string stat = read_text("/proc/" + std::to_string(pid) + "/stat", 4096);
  const std::size_t end = stat.rfind(')');
  return !(end != std::string::npos && end + 2 < stat.size() &&
           (stat[end + 2] == 'Z' || stat[end + 2] == 'X'));
}

bool wait_until_gone(pid_t pid, int timeout_ms) {
  const auto until = Clock::now() + milliseconds(timeout_ms);
  while (alive(pid)) {
    if (Clock::now() > until) return false;
    std::this_thread::sleep_for(kPoll);
  }
  return true;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return children;
  while (const dirent* entry = readdir(proc)) {
    const auto pid = parse_int<pid_t>(entry->d_name);
    if (!pid) continue;
    const std::string stat = read_text("/proc/" + std::to_string(*pid) + "/stat", 4096);
    const std::size_t end = stat.rfind(')');
    if (end == std::string::npos || end + 4 >= stat.size()) continue;
    const std::string_view rest = std::string_view(stat).substr(end + 4);  // after ") S "
    if (parse_int<pid_t>(rest.substr(0, rest.find(' '))) == parent) children.push_back(*pid);
  }
  closedir(proc);
  return children;
}

std::optional<pid_t> live_postmaster(const std::string& data) {
  const auto lines = lines_of(read_text(data + "/postmaster.pid", 4096));
  if (lines.empty()) return std::nullopt;
  const auto pid = parse_int<pid_t>(lines[0]);
  if (!pid || !alive(*pid)) return std::nullopt;
  std::error_code error;
  const fs::path cwd = fs::read_symlink("/proc/" + std::to_string(*pid) + "/cwd", error);
  if (error) return *pid;  // cannot tell: let it prove itself by answering
  return cwd == fs::path(data) ? std::optional(*pid) : std::nullopt;
}

}  // namespace belay::runtime
