// A TCP link that can be broken in the ways that networks break: everything between two processes
// of a test goes through one of these, on loopback. One thread a proxy. What a fault does to
// connections that are open already and to those that come while it lasts is the same. (The
// kernel's own tool for this, netem, is not everywhere.) Tested in
// tests/faults/fault_proxy_test.cpp.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace belay::test {

struct LinkFault {
  enum class Kind : std::uint8_t {
    kNone,
    kDelay,     // every byte comes `ms` later
    kReset,     // all connections are reset, new ones as soon as they are accepted
    kHalfOpen,  // what the client sends arrives, what the server answers never does; nobody is told
    kDrip,      // one byte every `ms`, both ways
    kCutAfter,  // a connection is reset once `bytes` more have gone through it
    kBlackHole,  // connections are accepted and nothing goes through any of them; nobody is told
  };
  Kind kind = Kind::kNone;
  int ms = 0;
  std::int64_t bytes = 0;
};
// "black hole", "cut after 700 bytes".
std::string to_string(const LinkFault& fault);

class FaultProxy {
 public:
  // `target`: "127.0.0.1:5432", or the path of a unix socket. Listens on a free loopback port (or
  // on `port`).
  explicit FaultProxy(std::string target, int port = 0);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  int port() const { return port_; }
  // Any thread. From now on, also for what is open. When a fault that lost bytes ends, the
  // connections that it lost them on are reset: no stream goes on with a hole in it.
  void set(LinkFault fault);
  // Elsewhere from the next connection on.
  void set_target(std::string target) { set_targets({std::move(target)}); }
  // A connection goes to one after the other, and past those that refuse it or do not take it
  // within a quarter of a second: a plain load balancer. Not empty.
  void set_targets(std::vector<std::string> targets);

  // Evidence that a fault was met: bytes held back, delayed, dropped; connections reset.
  std::int64_t bytes_hit() const { return bytes_hit_; }
  std::int64_t connections_hit() const { return connections_hit_; }
  std::int64_t bytes_through() const { return bytes_through_; }

 private:
  struct Loop;
  std::atomic<std::int64_t> bytes_hit_{0}, connections_hit_{0}, bytes_through_{0};
  int port_ = 0;
  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace belay::test
