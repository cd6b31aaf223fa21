// See postgres_pool.h.
#include "runtime/store/postgres_pool.h"

#include <chrono>

namespace belay::runtime {

PostgresPool::PostgresPool(PostgresOptions options, std::size_t connections)
    : options_(std::move(options)), left_(connections) {}

PostgresPool::Lease::~Lease() {
  if (pool_ == nullptr || connection_ == nullptr) return;
  const std::lock_guard lock(pool_->mutex_);
  if (!connection_->lost()) pool_->idle_.push_back(std::move(connection_));
  ++pool_->left_;
  pool_->free_.notify_one();
}

PostgresResult<PostgresPool::Lease> PostgresPool::take(int wait_ms) {
  std::unique_ptr<PostgresConnection> idle;
  {
    std::unique_lock lock(mutex_);
    if (!free_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return left_ > 0; })) {
      return tl::unexpected(
          PostgresFailure{false, "53300", "all connections of the pool are busy", {}});
    }
    --left_;
    if (!idle_.empty()) {
      idle = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (idle != nullptr) return Lease(*this, std::move(idle));
  auto opened = PostgresConnection::open(options_);
  if (!opened) {
    const std::lock_guard lock(mutex_);
    ++left_;
    free_.notify_one();
    return tl::unexpected(opened.error());
  }
  Lease lease(*this, std::move(*opened));
  lease.fresh = true;
  return lease;
}

PostgresResult<PostgresRows> PostgresPool::read(const char* statement,
                                                const PostgresParams& params) {
  for (bool again = true;;) {
    auto lease = take();
    if (!lease) return tl::unexpected(lease.error());
    auto rows = (*lease)->run(statement, params);
    if (rows || !rows.error().lost || lease->fresh) return rows;
    if (!again) return rows;
    again = false;
    // The other idle connections are as old: start afresh.
    const std::lock_guard lock(mutex_);
    idle_.clear();
  }
}

}  // namespace belay::runtime
