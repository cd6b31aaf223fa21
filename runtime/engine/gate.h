// Lets equals queue behind the first: two starts under one key, two acts under one Idempotency-Key,
// two publishes of one id. Whoever holds a key looks it up, acts, and leaves only when the commit
// is known, so that the next one finds it in the database. All of a caller's keys are taken
// together or none is, so nobody waits in a circle. Loop thread only.
#pragma once
#include <deque>
#include <functional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace belay::runtime {

class Gate {
 public:
  using Keys = std::vector<std::string>;

  // Calls `go` when all of `keys` are free, now or later; they are held until leave().
  void enter(Keys keys, std::function<void()> go) {
    for (const std::string& key : keys) {
      if (auto found = waiting_.find(key); found != waiting_.end()) {
        found->second.push_back({std::move(keys), std::move(go)});
        return;
      }
    }
    for (const std::string& key : keys) waiting_.try_emplace(key);
    go();
  }

  void leave(const Keys& keys) {
    std::deque<Waiter> next;
    for (const std::string& key : keys) {
      auto found = waiting_.find(key);
      if (found == waiting_.end()) continue;
      for (Waiter& waiter : found->second) next.push_back(std::move(waiter));
      waiting_.erase(found);
    }
    for (Waiter& waiter : next) enter(std::move(waiter.keys), std::move(waiter.go));
  }

 private:
  struct Waiter {
    Keys keys;
    std::function<void()> go;
  };
  std::unordered_map<std::string, std::deque<Waiter>> waiting_;  // by a key that is held
};

}  // namespace belay::runtime
