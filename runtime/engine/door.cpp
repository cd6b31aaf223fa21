// See door.h.
#include "runtime/engine/door.h"

#include <mutex>
#include <unordered_map>
#include <utility>

#include "runtime/base/fair.h"

namespace belay::runtime {

struct Door::House {
  struct Held {
    std::size_t requests = 0, bytes = 0;
  };
  House(std::size_t requests, std::size_t bytes) : requests_max(requests), bytes_max(bytes) {}

  const std::size_t requests_max, bytes_max;
  std::mutex mutex;
  Held all;
  std::unordered_map<std::string, Held> tenants;
};

Door::Door(std::size_t requests_max, std::size_t bytes_max)
    : house_(std::make_shared<House>(requests_max, bytes_max)) {}

std::shared_ptr<Door::Pass> Door::enter(const std::string& tenant) {
  {
    const std::lock_guard lock(house_->mutex);
    const auto own = house_->tenants.find(tenant);
    const std::size_t mine = own == house_->tenants.end() ? 0 : own->second.requests;
    if (!may_hold_more(mine, house_->all.requests, house_->requests_max)) return nullptr;
    ++(own == house_->tenants.end() ? house_->tenants[tenant] : own->second).requests;
    ++house_->all.requests;
  }
  return std::make_shared<Pass>(house_, tenant);
}

std::size_t Door::inside() const {
  const std::lock_guard lock(house_->mutex);
  return house_->all.requests;
}

Door::Pass::Pass(std::shared_ptr<House> house, std::string tenant)
    : house_(std::move(house)), tenant_(std::move(tenant)) {}

Door::Pass::~Pass() {
  const std::lock_guard lock(house_->mutex);
  const auto own = house_->tenants.find(tenant_);
  --house_->all.requests;
  house_->all.bytes -= bytes_;
  own->second.bytes -= bytes_;
  if (--own->second.requests == 0) house_->tenants.erase(own);
}

bool Door::Pass::carry(std::size_t bytes) {
  const std::lock_guard lock(house_->mutex);
  House::Held& own = house_->tenants[tenant_];
  if (house_->all.bytes + bytes > house_->bytes_max) return false;
  if (!may_hold_more(own.bytes + bytes, house_->all.bytes + bytes, house_->bytes_max)) return false;
  bytes_ += bytes;
  own.bytes += bytes;
  house_->all.bytes += bytes;
  return true;
}

}  // namespace belay::runtime
