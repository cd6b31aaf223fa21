// Fair parts of what is bounded: who asks for much is turned away, or waits, before who asks for
// little. Tested in tests/runtime/fair_test.cpp.
#pragma once
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/check.h"

namespace belay::runtime {

// Whether a tenant that holds `mine` of the `all` that are held may have one more, of `max`. It may
// hold up to three times what is free: alone three quarters of all, one of n that want as much as
// they can get 3 / (3n + 1). So something is always left for who comes next.
inline bool may_hold_more(std::size_t mine, std::size_t all, std::size_t max) {
  return all < max && mine < 3 * (max - all);
}

// A bounded queue out of which tenants take turns; what one tenant puts in comes out in that order.
// One thread at a time.
template <class T>
class FairQueue {
 public:
  explicit FairQueue(std::size_t max) : max_(max) {}

  // False: the tenant has its part already; `item` was not taken.
  bool push(const std::string& tenant, T&& item) {
    const auto own = tenants_.find(tenant);
    if (!may_hold_more(own == tenants_.end() ? 0 : own->second.size(), size_, max_)) return false;
    (own == tenants_.end() ? tenants_[tenant] : own->second).push_back(std::move(item));
    ++size_;
    return true;
  }

  // REQUIRES: !empty().
  T pop() {
    BELAY_CHECK(size_ > 0, "nothing is taken out of an empty queue");
    auto turn = tenants_.upper_bound(last_);
    if (turn == tenants_.end()) turn = tenants_.begin();
    T item = std::move(turn->second.front());
    turn->second.pop_front();
    last_ = turn->first;
    if (turn->second.empty()) tenants_.erase(turn);
    --size_;
    return item;
  }

  std::vector<T> take_all() {
    std::vector<T> all;
    while (size_ > 0) all.push_back(pop());
    return all;
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  const std::size_t max_;
  std::map<std::string, std::deque<T>> tenants_;  // none is empty
  std::string last_;                              // that had its turn
  std::size_t size_ = 0;
};

}  // namespace belay::runtime
