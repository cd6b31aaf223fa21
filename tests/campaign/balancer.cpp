// See balancer.h.
#include "tests/campaign/balancer.h"

#include <chrono>

namespace belay::campaign {

Balancer::Balancer(test::World& world) : world_(world) {
  for (int i = 0; i < world.nodes(); ++i) threads_.emplace_back([this, i] { watch(i); });
}

Balancer::~Balancer() {
  ended_ = true;
  for (std::thread& thread : threads_) thread.join();
}

void Balancer::watch(int node) {
  while (!ended_) {
    const bool ready = world_.ask_node(node, "/readyz", 600).status == 200;
    if (seen_.at(static_cast<std::size_t>(node)).ready.exchange(ready) != ready) {
      const std::lock_guard lock(mutex_);
      std::vector<int> those;
      for (int i = 0; i < world_.nodes(); ++i) {
        if (this->ready(i)) those.push_back(i);
      }
      if (!those.empty()) world_.balance(those);  // else it does not matter
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
  }
}

}  // namespace belay::campaign
