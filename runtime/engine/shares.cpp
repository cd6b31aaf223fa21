// See shares.h.
#include "runtime/engine/shares.h"

#include <algorithm>
#include <vector>

namespace belay::runtime {
namespace {

// Who asks now and then is still one for whom the flushes are kept short.
constexpr auto kLately = std::chrono::seconds(5);
constexpr std::size_t kPartsOwed = 4;
// So long flushes are kept short for what follows of what a quiet one brought: the answer of a
// call, if that is not slow. Beside a slow call a flush is little.
constexpr auto kFollows = std::chrono::milliseconds(5);

}  // namespace

bool Shares::may_begin(const std::string& tenant) const {
  const auto own = tenants_.find(tenant);
  return own == tenants_.end() || (!own->second.waits() && has_part(own->second));
}

void Shares::run_waiting(SteadyTime now) {
  now_ = now;
  if (waiting_ == 0) return;
  std::vector<std::pair<const std::string*, Tenant*>> circle;
  const auto add = [&](auto from, auto to) {
    for (auto at = from; at != to; ++at) {
      if (at->second.waits()) circle.emplace_back(&at->first, &at->second);
    }
  };
  const auto first = tenants_.upper_bound(last_);
  add(first, tenants_.end());
  add(tenants_.begin(), first);
  while (!circle.empty()) {
    std::erase_if(circle,
                  [&](const auto& one) { return !one.second->waits() || !has_part(*one.second); });
    for (const auto& [name, tenant] : circle) {
      std::size_t& next = tenant->next;
      if (tenant->lines[next].empty()) next = 1 - next;
      Task work = std::move(tenant->lines[next].front());
      tenant->lines[next].pop_front();
      next = 1 - next;
      --waiting_;
      tenant->last = now_;
      last_ = *name;
      pay(*tenant, work);
    }
  }
}

void Shares::next_flush() {
  std::size_t quiet = 0;
  for (auto at = tenants_.begin(); at != tenants_.end();) {
    Tenant& tenant = at->second;
    const std::size_t part = this->part(tenant);
    if (tenant.brought) {
      const bool little = tenant.rows < parts_.beside_quiet && !tenant.waits();
      tenant.quiet_until = little ? now_ + kFollows : SteadyTime{};
    }
    tenant.brought = false;
    tenant.rows = std::min(tenant.rows - std::min(tenant.rows, part), kPartsOwed * part);
    const bool away = !tenant.waits() && tenant.rows == 0 && tenant.last + kLately < now_;
    at = away ? tenants_.erase(at) : std::next(at);
  }
  for (auto& [name, tenant] : tenants_) {
    tenant.quiet = now_ < tenant.quiet_until;
    if (tenant.quiet) ++quiet;
  }
  quiet_ = quiet;
}

bool Shares::ready() const {
  return waiting_ > 0 && std::any_of(tenants_.begin(), tenants_.end(), [&](const auto& one) {
           return one.second.waits() && has_part(one.second);
         });
}

}  // namespace belay::runtime
