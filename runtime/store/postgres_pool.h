// A few connections for many threads. A lost one is thrown away and replaced at the next use; a
// statement that only reads is tried a second time on a fresh connection, so that a restarted
// database costs nobody an error.
#pragma once
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/store/postgres_connection.h"

namespace belay::runtime {

// Thread-safe.
class PostgresPool {
 public:
  PostgresPool(PostgresOptions options, std::size_t connections);

  // One connection for as long as this lives; back to the pool at the end, unless it was lost.
  class Lease {
   public:
    Lease(PostgresPool& pool, std::unique_ptr<PostgresConnection> connection)
        : pool_(&pool), connection_(std::move(connection)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    PostgresConnection* operator->() { return connection_.get(); }
    PostgresConnection& operator*() { return *connection_; }
    bool fresh = false;  // connected just now

   private:
    PostgresPool* pool_;
    std::unique_ptr<PostgresConnection> connection_;
  };
  // Waits for a free connection, at most `wait_ms`.
  PostgresResult<Lease> take(int wait_ms = 5'000);

  // A reading (or repeatable) named statement; once more on a new connection when the first was
  // lost.
  PostgresResult<PostgresRows> read(const char* statement, const PostgresParams& params = {});

 private:
  const PostgresOptions options_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<PostgresConnection>> idle_;
  std::size_t left_;  // connections that may still be made or are idle
};

}  // namespace belay::runtime
