// Who holds which lane and where they are, as this node last heard it: written by the loop, read by
// any thread. Tested in tests/runtime/engine_nodes_test.cpp.
#pragma once
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/limits.h"
#include "runtime/engine/engine.h"

namespace belay::runtime {

// Thread-safe.
class Directory {
 public:
  Directory(std::string me, std::string address)
      : me_(std::move(me)), address_(std::move(address)) {}

  const std::string& me() const { return me_; }
  const std::string& address() const { return address_; }

  void heard(Cluster cluster, std::int64_t my_lease_ms);
  void not_heard() { heard_ = false; }
  // The database has answered the last sign of life.
  bool hears() const { return heard_; }

  void set_held(Lane lane, bool held) { held_[static_cast<std::size_t>(lane)] = held; }
  bool held(Lane lane) const {
    return lane >= 0 && static_cast<std::size_t>(lane) < held_.size() &&
           held_[static_cast<std::size_t>(lane)];
  }
  bool any_held() const;

  LaneHolder holder(Lane lane) const;
  std::vector<NodeView> nodes() const;

 private:
  const std::string me_, address_;
  std::array<std::atomic<bool>, limits::lanes_default> held_{};
  std::atomic<bool> heard_{false};
  mutable std::mutex mutex_;
  Cluster cluster_;
  SteadyTime heard_at_;
  std::int64_t my_lease_ms_ = 0;
};

}  // namespace belay::runtime
