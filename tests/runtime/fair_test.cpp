// Fair parts: of places, and of turns.
#include "runtime/base/fair.h"

#include "tests/catch.h"

namespace belay::runtime {
namespace {

// What each of `tenants` greedy ones holds when none can get more.
std::vector<std::size_t> fill(std::size_t tenants, std::size_t max) {
  std::vector<std::size_t> held(tenants, 0);
  std::size_t all = 0;
  for (bool any = true; any;) {
    any = false;
    for (std::size_t& mine : held) {
      if (!may_hold_more(mine, all, max)) continue;
      ++mine;
      ++all;
      any = true;
    }
  }
  return held;
}

TEST_CASE(
    "fair: one that wants all gets three quarters, several get equal parts, and something is "
    "left") {
  CHECK(fill(1, 1'000) == std::vector<std::size_t>{750});
  CHECK(fill(2, 700) == std::vector<std::size_t>{300, 300});
  CHECK(fill(3, 1'000) == std::vector<std::size_t>{300, 300, 300});
  for (const std::size_t tenants : {1, 2, 5, 20}) {
    const std::vector<std::size_t> held = fill(tenants, 1'000);
    std::size_t all = 0;
    for (const std::size_t mine : held) all += mine;
    CHECK(all < 1'000);
    CHECK(may_hold_more(0, all, 1'000));
  }
  CHECK(may_hold_more(0, 0, 1));
  CHECK(!may_hold_more(0, 1, 1));
  CHECK(!may_hold_more(0, 0, 0));
}

TEST_CASE("fair: a queue lets tenants take turns, and keeps each one's order") {
  FairQueue<std::string> queue(100);
  for (const char* item : {"a1", "a2", "a3", "a4"}) REQUIRE(queue.push("a", item));
  REQUIRE(queue.push("b", "b1"));
  REQUIRE(queue.push("c", "c1"));
  REQUIRE(queue.push("c", "c2"));
  std::vector<std::string> out;
  for (int i = 0; i < 5; ++i) out.push_back(queue.pop());
  CHECK(out == std::vector<std::string>{"a1", "b1", "c1", "a2", "c2"});
  REQUIRE(queue.push("b", "b2"));  // its turn came while it had nothing
  CHECK(queue.pop() == "a3");
  CHECK(queue.pop() == "b2");
  CHECK(queue.pop() == "a4");
  CHECK(queue.empty());
}

TEST_CASE(
    "fair: a queue refuses who has its part, takes who has none, and is never more than full") {
  FairQueue<int> queue(8);
  int taken = 0;
  while (queue.push("noisy", int(taken))) ++taken;
  CHECK(taken < 8);
  CHECK(queue.push("quiet", 1));
  for (int i = 0; i < 20; ++i) (void)queue.push("tenant " + std::to_string(i), int(i));
  CHECK(queue.size() == 8);
  CHECK(queue.take_all().size() == 8);
  CHECK(queue.empty());
}

}  // namespace
}  // namespace belay::runtime
