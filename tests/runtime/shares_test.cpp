// Whose work goes into a flush.
#include "runtime/engine/shares.h"

#include <algorithm>

#include "tests/catch.h"

namespace belay::runtime {
namespace {

using Kind = Shares::Kind;

struct Flushes {
  Shares::Parts parts{.beside_quiet = 3, .beside_busy = 3, .alone = 100};
  std::size_t rows = 0;
  std::vector<std::string> done;  // in the flush that is being made
  SteadyTime now{};
  Shares shares{parts, [this] { return rows; }};

  void bring(const std::string& tenant, const std::string& what, Kind kind = Kind::kWork,
             std::size_t cost = 1) {
    shares.run(tenant, kind, [this, what, cost] {
      rows += cost;
      done.push_back(what);
    });
  }
  std::vector<std::string> flush() {
    shares.run_waiting(now);
    rows = 0;
    shares.next_flush();
    return std::exchange(done, {});
  }
};

using Done = std::vector<std::string>;

TEST_CASE(
    "shares: alone a tenant brings what it has, beside another a part, and the rest in its order "
    "later") {
  Flushes flushes;
  for (int i = 0; i < 50; ++i) flushes.bring("a", "a");
  CHECK(flushes.flush().size() == 50);
  flushes.flush();
  flushes.bring("b", "b1");
  flushes.flush();
  for (int i = 0; i < 7; ++i) flushes.bring("a", "a" + std::to_string(i));
  flushes.bring("b", "b2");
  CHECK(flushes.flush() == Done{"a0", "a1", "a2", "b2"});
  CHECK(flushes.shares.ready());
  CHECK(flushes.flush() == Done{"a3", "a4", "a5"});
  CHECK(flushes.flush() == Done{"a6"});
  CHECK(flushes.shares.waiting() == 0);
}

TEST_CASE("shares: tenants that wait take turns") {
  Flushes flushes;
  flushes.bring("a", "");
  flushes.bring("b", "");
  flushes.flush();
  for (int i = 0; i < 3; ++i) {  // used up
    flushes.bring("a", "");
    flushes.bring("b", "");
  }
  for (const char* what : {"a1", "a2"}) flushes.bring("a", what);
  for (const char* what : {"b1", "b2"}) flushes.bring("b", what);
  flushes.flush();
  CHECK(flushes.flush() == Done{"a1", "b1", "a2", "b2"});
}

TEST_CASE(
    "shares: a tenant's requests and its running work take turns, and it begins nothing while any "
    "waits") {
  Flushes flushes;
  flushes.bring("b", "");
  flushes.flush();
  for (int i = 0; i < 3; ++i) flushes.bring("a", "");
  CHECK(!flushes.shares.may_begin("a"));
  CHECK(flushes.shares.may_begin("b"));
  CHECK(flushes.shares.may_begin("c"));
  for (const char* what : {"w1", "w2"}) flushes.bring("a", what);
  for (const char* what : {"r1", "r2"}) flushes.bring("a", what, Kind::kRequest);
  flushes.flush();
  CHECK(!flushes.shares.may_begin("a"));
  CHECK(flushes.flush() == Done{"r1", "w1", "r2"});
  CHECK(flushes.flush() == Done{"w2"});
  CHECK(flushes.shares.may_begin("a"));
}

TEST_CASE("shares: what brings more than a part is let in, and owed") {
  Flushes flushes;
  flushes.bring("b", "");
  flushes.flush();
  flushes.bring("a", "large", Kind::kWork, 6);
  flushes.bring("a", "next");
  CHECK(flushes.flush() == Done{"large"});
  CHECK(flushes.flush() == Done{});
  CHECK(flushes.flush() == Done{"next"});
}

TEST_CASE("shares: one that has long gone shortens nobody's part") {
  Flushes flushes;
  flushes.bring("b", "");
  flushes.bring("a", "");
  CHECK(flushes.shares.contended());
  flushes.flush();
  flushes.now += std::chrono::seconds(4);
  flushes.shares.run_waiting(flushes.now);
  flushes.bring("a", "");
  flushes.flush();
  CHECK(flushes.shares.contended());
  flushes.now += std::chrono::seconds(2);
  flushes.flush();
  CHECK(!flushes.shares.contended());
}

// A flush in which `tenant` wants more than it gets.
std::size_t brought_by_busy(Flushes& flushes, const std::string& tenant) {
  for (int i = 0; i < 40; ++i) flushes.bring(tenant, tenant);
  const Done done = flushes.flush();
  return static_cast<std::size_t>(std::count(done.begin(), done.end(), tenant));
}

TEST_CASE("shares: beside one that asks for little a part is small, and larger when it is quiet") {
  Flushes flushes{.parts = {.beside_quiet = 3, .beside_busy = 10, .alone = 100}};
  flushes.bring("quiet", "q");
  flushes.flush();
  CHECK(brought_by_busy(flushes, "busy") == 3);
  flushes.now += std::chrono::milliseconds(4);  // what follows may be on its way
  CHECK(brought_by_busy(flushes, "busy") == 3);
  flushes.now += std::chrono::milliseconds(2);
  flushes.flush();
  CHECK(brought_by_busy(flushes, "busy") == 10);
  flushes.bring("quiet", "q");  // it is in at once, whatever waits
  CHECK(flushes.flush().size() == 11);
  CHECK(brought_by_busy(flushes, "busy") == 3);
}

TEST_CASE("shares: where all ask for much, each brings the larger part") {
  Flushes flushes{.parts = {.beside_quiet = 3, .beside_busy = 10, .alone = 100}};
  flushes.bring("a", "a");
  flushes.bring("b", "b");
  for (int i = 0; i < 3; ++i) {
    for (int n = 0; n < 40; ++n) flushes.bring("a", "a");
    CHECK(brought_by_busy(flushes, "b") == 10);
  }
}

TEST_CASE("shares: one that asks for little makes nobody's part small but the others'") {
  Flushes flushes{.parts = {.beside_quiet = 3, .beside_busy = 10, .alone = 100}};
  flushes.bring("a", "a");
  flushes.flush();
  flushes.bring("b", "b", Kind::kWork, 10);
  flushes.bring("a", "a");
  flushes.flush();
  for (int i = 0; i < 9; ++i) flushes.bring("a", "a");  // all of a sudden, beside a busy one
  CHECK(flushes.flush().size() == 9);
}

TEST_CASE("shares: many that ask for little are all in the same flush") {
  Flushes flushes{.parts = {.beside_quiet = 3, .beside_busy = 10, .alone = 100}};
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) flushes.bring("tenant " + std::to_string(i), "t");
    CHECK(flushes.flush().size() == 50);
  }
}

TEST_CASE("shares: of a database that is away all is taken in") {
  Flushes flushes;
  flushes.bring("b", "");
  flushes.flush();
  flushes.shares.open_to_all(true);
  for (int i = 0; i < 20; ++i) flushes.bring("a", "a");
  CHECK(flushes.done.size() == 20);
}

}  // namespace
}  // namespace belay::runtime
