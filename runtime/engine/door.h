// Who may come in: counts each tenant's requests from when they are made until they are answered,
// and refuses on the caller's thread what is more than its fair part (base/fair.h). So a flood of
// one tenant fills nothing that others wait in: not the inbox, not the queue of starts, not the
// gates and lookups behind it. Thread-safe. Tested in tests/runtime/door_test.cpp.
#pragma once
#include <cstddef>
#include <memory>
#include <string>

namespace belay::runtime {

class Door {
 public:
  Door(std::size_t requests_max, std::size_t bytes_max);
  class Pass;

  // A place for one request, or null: the tenant has its part already.
  std::shared_ptr<Pass> enter(const std::string& tenant);
  std::size_t inside() const;

 private:
  struct House;
  const std::shared_ptr<House> house_;  // passes may outlive the door
};

// Gives its place back when it goes.
class Door::Pass {
 public:
  Pass(std::shared_ptr<House> house, std::string tenant);
  ~Pass();
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  // What the request keeps in memory. False: that is more than the tenant's part.
  bool carry(std::size_t bytes);

 private:
  const std::shared_ptr<House> house_;
  const std::string tenant_;
  std::size_t bytes_ = 0;
};

}  // namespace belay::runtime
