// Lanes and nodes on Postgres: claiming, releasing, the sign of life. On a connection of its own,
// so that a node is heard while a flush or a long read has the others. What the statements lock is
// in sql/lanes.sql. Tested in tests/postgres/lanes_test.cpp.
#pragma once
#include <atomic>
#include <mutex>
#include <set>

#include "runtime/store/postgres_flush.h"
#include "runtime/store/postgres_pool.h"
#include "runtime/store/store.h"

namespace belay::runtime {

// Thread-safe. Functions as in Store.
class PostgresLanes {
 public:
  explicit PostgresLanes(const PostgresOptions& options)
      : lease_ms_(options.lease_ms), pool_(options, 1) {}

  Result<std::vector<ClaimedLane>> claim(const Claim& claim);
  Result<void> release(const std::string& owner, const std::vector<LaneFence>& lanes);
  Result<void> release_all(const std::string& owner);
  Result<Cluster> beat(const NodeBeat& me);

  // Those that were claimed here and not released; some may have been lost since.
  std::set<Lane> owned() const;

  // What every node that the last beat saw can read. Before the first beat: the older form.
  StoredForm form() const { return form_.load(std::memory_order_relaxed); }

 private:
  const std::int64_t lease_ms_;
  PostgresPool pool_;
  mutable std::mutex mutex_;
  std::set<Lane> owned_;
  std::atomic<StoredForm> form_{StoredForm::kJournalAlone};
};

// 0 … count - 1, or `lanes` when there are some.
std::vector<Lane> lanes_or_all(const std::vector<Lane>& lanes);

}  // namespace belay::runtime
