// See process.h.
#include "tests/support/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

extern char** environ;

namespace belay::test {

Folder::Folder() {
  char name[] = "/tmp/belay-test-XXXXXX";
  if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp");
  path = name;
  ::chmod(name, 0711);
}

Folder::~Folder() {
  std::error_code error;
  std::filesystem::remove_all(path, error);
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return ntohs(address.sin_port);
}

Process::~Process() {
  if (pid_ != 0) kill9();
}

Process::Process(Process&& other) noexcept
    : command_(std::move(other.command_)),
      pid_(std::exchange(other.pid_, 0)),
      exit_code_(other.exit_code_),
      log_from_(other.log_from_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  if (pid_ != 0) kill9();
  command_ = std::move(other.command_);
  pid_ = std::exchange(other.pid_, 0);
  exit_code_ = other.exit_code_;
  log_from_ = other.log_from_;
  return *this;
}

void Process::start() {
  std::map<std::string, std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::size_t equals = text.find('=');
    if (equals != std::string::npos) environment[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : command_.environment) environment[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : environment) lines.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (std::string& word : command_.words) argv.push_back(word.data());
  for (std::string& line : lines) envp.push_back(line.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);

  const int log = ::open(command_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (log < 0) throw std::runtime_error("cannot write " + command_.log);
  log_from_ = ::lseek(log, 0, SEEK_END);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(126);
    ::setpgid(0, 0);  // the parent does it too: whoever comes first
    const int null = ::open("/dev/null", O_RDONLY);
    ::dup2(null, 0);
    ::dup2(log, 1);
    ::dup2(log, 2);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(log);
  ::setpgid(pid_, pid_);
  if (command_.ready.empty()) return;
  for (int i = 0; i < 3000; ++i) {
    if (("\n" + said()).find("\n" + command_.ready) != std::string::npos) return;
    if (!running()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  throw std::runtime_error(command_.words.front() + " does not become ready:\n" + said());
}

bool Process::running() {
  if (pid_ == 0) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) ended(status);
  return pid_ != 0;
}

void Process::ended(int status) {
  pid_ = 0;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void Process::signal_all(int number) {
  if (running()) ::kill(-pid_, number);
}

void Process::kill9() {
  if (!running()) return;
  ::kill(-pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  ended(status);
}

int Process::terminate() {
  if (!running()) return -1;
  ::kill(pid_, SIGTERM);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  ended(status);
  return exit_code_;
}

std::string Process::said() const {
  std::ifstream file(command_.log);
  file.seekg(log_from_);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace belay::test
