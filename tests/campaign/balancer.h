// What a load balancer knows: it asks every node whether it is ready, several times a second and
// past all faulty links, and lets clients and webhooks go only to those that are. The campaign
// reads from it how much is in flight.
#pragma once
#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/world.h"

namespace belay::campaign {

class Balancer {
 public:
  explicit Balancer(test::World& world);
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  // As last heard, a fifth of a second ago or so.
  bool ready(int node) const { return seen_.at(static_cast<std::size_t>(node)).ready; }

 private:
  struct Seen {
    std::atomic<bool> ready{true};
  };
  void watch(int node);

  test::World& world_;
  std::array<Seen, 8> seen_;
  std::mutex mutex_;
  std::atomic<bool> ended_{false};
  std::vector<std::thread> threads_;
};

}  // namespace belay::campaign
