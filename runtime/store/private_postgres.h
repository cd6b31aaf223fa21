// The private Postgres of `belay serve` without `--database`: one directory, one server, reached
// only through a unix socket that nobody else may open. One store in every mode, so what was tried
// is what runs (DESIGN §5).
//
// The server outlives us: it runs in a session of its own, a `kill -9` of belay leaves it live, and
// the next start adopts it. As root it runs as the owner of the data, or as the user `postgres`
// when there is none yet. Tested in tests/postgres/private_postgres_test.cpp.
#pragma once
#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace belay::runtime {

struct PrivatePostgresOptions {
  // Made when missing. Holds `data/`, `postgres.log` and the socket. When we are root and the
  // server's user cannot reach it, the data is placed under /var/tmp instead and a file `location`
  // in here says where.
  std::string directory = ".belay/postgres";
  // Server settings, over our defaults (`{"shared_buffers", "512MB"}`). A server that is adopted
  // keeps its own.
  std::map<std::string, std::string> settings;
  // Stop the server when the PrivatePostgres is destroyed (tests, one-shot commands).
  bool stop_on_exit = false;
  // How long a start may take, crash recovery included.
  int start_timeout_ms = 120'000;
  // One line a call, no newline, for people: the first start takes a second or two. May be empty.
  std::function<void(std::string_view)> progress;
};

// Movable, one owner. Not thread-safe. Several processes may call start() on one directory: the
// second adopts.
class PrivatePostgres {
 public:
  // Starts or adopts, and returns when it really answers. Failures: kMisconfigured (no Postgres
  // programs, no user to run as, a directory we may not use, a version that does not fit the data),
  // kUnavailable (it does not come up; the message ends with the last lines of its log).
  static Result<PrivatePostgres> start(PrivatePostgresOptions options);

  PrivatePostgres(PrivatePostgres&&) noexcept;
  PrivatePostgres& operator=(PrivatePostgres&&) noexcept;
  ~PrivatePostgres();

  // For libpq: host (the socket's directory), port, user and dbname `belay`.
  const std::string& connection_string() const;
  // Of the postmaster.
  pid_t pid() const;
  // True when start() found it running.
  bool adopted() const;
  bool running() const;
  const std::string& data_directory() const;
  const std::string& log_path() const;

  // Fast shutdown: open transactions are rolled back, everything committed is on disk. No-op when
  // it is not running.
  Result<void> stop(int timeout_ms = 60'000);
  // Starts it again, also after stop(), kill9() or a crash; a live one is stopped first.
  Result<void> restart();
  // For tests: SIGKILL to the postmaster and all its children, as if the power went. Returns when
  // they are gone.
  void kill9();

 private:
  struct State;
  explicit PrivatePostgres(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace belay::runtime
