// See directory.h.
#include "runtime/engine/directory.h"

#include <algorithm>
#include <utility>

namespace belay::runtime {

void Directory::heard(Cluster cluster, std::int64_t my_lease_ms) {
  std::lock_guard lock(mutex_);
  cluster_ = std::move(cluster);
  heard_at_ = steady_now();
  my_lease_ms_ = my_lease_ms;
  heard_ = true;
}

bool Directory::any_held() const {
  return std::any_of(held_.begin(), held_.end(),
                     [](const std::atomic<bool>& held) { return held.load(); });
}

LaneHolder Directory::holder(Lane lane) const {
  if (held(lane)) return {.lane = lane, .node = me_, .address = address_, .mine = true};
  std::lock_guard lock(mutex_);
  LaneHolder holder{.lane = lane, .node = {}, .address = {}, .mine = false};
  for (const LaneOwner& row : cluster_.lanes) {
    // Under our own name, but we do not hold it: it is on its way to us, or from us to another.
    if (row.lane == lane && !row.free && row.owner != me_) holder.node = row.owner;
  }
  for (const NodeRow& row : cluster_.nodes) {
    if (row.name == holder.node) holder.address = row.address;
  }
  return holder;
}

std::vector<NodeView> Directory::nodes() const {
  std::lock_guard lock(mutex_);
  const std::int64_t passed_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_now() - heard_at_).count();
  std::map<std::string, std::size_t> lanes;
  for (const LaneOwner& row : cluster_.lanes) {
    if (!row.free && row.owner != me_) ++lanes[row.owner];
  }
  NodeView me{.node = me_, .address = address_, .lanes = 0, .lease_ms = my_lease_ms_, .me = true};
  for (const std::atomic<bool>& held : held_) me.lanes += held ? 1 : 0;
  std::vector<NodeView> views{std::move(me)};
  for (const NodeRow& row : cluster_.nodes) {
    views.push_back({.node = row.name,
                     .address = row.address,
                     .lanes = lanes[row.name],
                     .lease_ms = row.lease_ms,
                     .me = false});
  }
  for (NodeView& view : views) view.lease_ms = std::max<std::int64_t>(0, view.lease_ms - passed_ms);
  std::sort(views.begin(), views.end(),
            [](const NodeView& a, const NodeView& b) { return a.node < b.node; });
  return views;
}

}  // namespace belay::runtime
