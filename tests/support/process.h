// Processes of a test: started, killed and reaped by their own id, and gone with the test even when
// it dies first.
#pragma once
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace belay::test {

// A folder under /tmp that goes when this does. Other users may walk through it: the private
// Postgres of root runs as the user `postgres`.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path;
};

// A loopback port that was free a moment ago.
int free_port();

class Process {
 public:
  struct Command {
    std::vector<std::string> words;
    std::vector<std::pair<std::string, std::string>> environment;  // over ours
    std::string log;    // where stdout and stderr are appended
    std::string ready;  // when not empty: start() waits for a line that begins so in what it
                        // appended to the log
  };
  Process() = default;
  explicit Process(Command command) : command_(std::move(command)) {}
  ~Process();
  Process(Process&&) noexcept;
  Process& operator=(Process&&) noexcept;

  // Throws when it does not become ready within 30 s.
  void start();
  bool running();
  pid_t pid() const { return pid_; }
  // As terminate() says it, of the last one that ended; -1 while there is none.
  int exit_code() const { return exit_code_; }
  // To it and to all that it started.
  void signal_all(int number);
  void kill9();
  int terminate();  // SIGTERM and wait; the exit code, or 128 + the signal that ended it
  // What the log holds since the last start.
  std::string said() const;

 private:
  Command command_;
  void ended(int status);

  pid_t pid_ = 0;
  int exit_code_ = -1;
  long log_from_ = 0;
};

}  // namespace belay::test
