// One poll() loop over all connections of a link. See fault_proxy.h.
#include "tests/support/fault_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <list>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace belay::test {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = LinkFault::Kind;

constexpr std::size_t kHeldMax = 256 * 1024;  // a direction; then its sender is read no more

void check(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

int connect_to(const std::string& target) {
  if (target.starts_with("/")) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, target.c_str(), sizeof address.sun_path - 1);
    if (fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return fd;
    if (fd >= 0) close(fd);
    return -1;
  }
  const std::size_t colon = target.rfind(':');
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(target.substr(colon + 1))));
  inet_pton(AF_INET, target.substr(0, colon).c_str(), &address.sin_addr);
  // On loopback this answers or refuses at once, but for a listener that is frozen and whose queue
  // is full.
  const timeval wait{0, 250'000};
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  if (fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

void set_up(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
             sizeof on);  // a unix socket says no, and needs none
}

// The other side hears of it at once: RST, not FIN.
void reset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

// One way of a connection.
struct Way {
  int from = -1, to = -1;
  bool answers = false;  // from the server to the client
  struct Piece {
    Clock::time_point due;
    std::string bytes;
  };
  std::deque<Piece> held;
  std::size_t held_bytes = 0;
  bool ended = false;  // `from` sends no more
  bool shut = false;   // and `to` was told
  bool lost = false;   // bytes of it were dropped
  Clock::time_point next_drip;
};

struct Link {
  int client = -1, server = -1;
  Way ways[2];
  std::int64_t passed = 0;  // since the present fault began
  bool dead = false;
};

}  // namespace

std::string to_string(const LinkFault& fault) {
  switch (fault.kind) {
    case Kind::kNone: return "none";
    case Kind::kDelay: return "delay of " + std::to_string(fault.ms) + " ms";
    case Kind::kReset: return "reset";
    case Kind::kHalfOpen: return "half open";
    case Kind::kDrip: return "a byte every " + std::to_string(fault.ms) + " ms";
    case Kind::kCutAfter: return "cut after " + std::to_string(fault.bytes) + " bytes";
    case Kind::kBlackHole: return "black hole";
  }
  return "?";
}

struct FaultProxy::Loop {
  FaultProxy& proxy;
  int listener = -1, wake[2] = {-1, -1};
  std::mutex mutex;
  std::vector<std::string> targets;
  std::size_t next = 0;  // target
  LinkFault wanted;
  bool changed = false, stop = false;

  LinkFault fault;  // of the loop's thread from here on
  std::list<Link> links;

  explicit Loop(FaultProxy& owner) : proxy(owner) {}
  ~Loop() {
    for (Link& link : links) {
      reset(link.client);
      if (link.server >= 0) reset(link.server);
    }
    for (const int fd : {listener, wake[0], wake[1]}) {
      if (fd >= 0) close(fd);
    }
  }

  void tell() { [[maybe_unused]] const auto n = write(wake[1], "x", 1); }

  void kill(Link& link) {
    if (link.dead) return;
    link.dead = true;
    reset(link.client);
    if (link.server >= 0) reset(link.server);
  }

  void hit(std::int64_t bytes, std::int64_t connections) {
    proxy.bytes_hit_ += bytes;
    proxy.connections_hit_ += connections;
  }

  // False: stop.
  bool take_orders() {
    char drop[64];
    while (read(wake[0], drop, sizeof drop) > 0) {
    }
    const std::lock_guard lock(mutex);
    if (stop) return false;
    if (!changed) return true;
    changed = false;
    const bool was_hole = fault.kind == Kind::kBlackHole;
    fault = wanted;
    for (Link& link : links) {
      link.passed = 0;
      const bool torn = link.ways[0].lost || link.ways[1].lost || (was_hole && link.server < 0);
      if ((torn && fault.kind != Kind::kHalfOpen && fault.kind != Kind::kBlackHole) ||
          fault.kind == Kind::kReset) {
        hit(0, 1);
        kill(link);
      }
    }
    return true;
  }

  void accept_one() {
    const int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    if (fault.kind == Kind::kReset) {
      hit(0, 1);
      return reset(client);
    }
    Link link;
    link.client = client;
    if (fault.kind == Kind::kBlackHole) {
      hit(0, 1);
    } else {
      std::vector<std::string> where;
      {
        const std::lock_guard lock(mutex);
        where = targets;
      }
      for (std::size_t i = 0; i < where.size() && link.server < 0; ++i)
        link.server = connect_to(where[next++ % where.size()]);
      if (link.server < 0) return reset(client);
      set_up(link.server);
    }
    set_up(client);
    link.ways[0] = {.from = link.client, .to = link.server, .held = {}, .next_drip = {}};
    link.ways[1] = {
        .from = link.server, .to = link.client, .answers = true, .held = {}, .next_drip = {}};
    links.push_back(std::move(link));
  }

  bool stopped(const Way& way) const {
    return fault.kind == Kind::kBlackHole || (fault.kind == Kind::kHalfOpen && way.answers);
  }

  void take_in(Link& link, Way& way) {
    char buffer[16 * 1024];
    const ssize_t n = read(way.from, buffer, sizeof buffer);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) kill(link);
      return;
    }
    if (n == 0) {
      way.ended = true;
      return;
    }
    if (stopped(way)) {
      way.lost = true;
      return hit(n, 0);
    }
    const auto due =
        Clock::now() + std::chrono::milliseconds(fault.kind == Kind::kDelay ? fault.ms : 0);
    if (fault.kind == Kind::kDelay || fault.kind == Kind::kDrip) hit(n, 0);
    way.held.push_back({due, std::string(buffer, static_cast<std::size_t>(n))});
    way.held_bytes += static_cast<std::size_t>(n);
  }

  void give_out(Link& link, Way& way, Clock::time_point now) {
    while (!way.held.empty() && !link.dead) {
      Way::Piece& piece = way.held.front();
      if (piece.due > now || stopped(way)) return;
      std::size_t some = piece.bytes.size();
      if (fault.kind == Kind::kDrip) {
        if (way.next_drip > now) return;
        some = 1;
        way.next_drip = now + std::chrono::milliseconds(fault.ms);
      }
      if (fault.kind == Kind::kCutAfter) {
        const std::int64_t left = fault.bytes - link.passed;
        if (left <= 0) {
          hit(static_cast<std::int64_t>(some), 1);
          return kill(link);
        }
        some = std::min(some, static_cast<std::size_t>(left));
      }
      const ssize_t n = ::send(way.to, piece.bytes.data(), some, MSG_NOSIGNAL);
      if (n < 0) {
        if (errno != EAGAIN && errno != EINTR) kill(link);
        return;
      }
      link.passed += n;
      proxy.bytes_through_ += n;
      way.held_bytes -= static_cast<std::size_t>(n);
      piece.bytes.erase(0, static_cast<std::size_t>(n));
      if (piece.bytes.empty()) way.held.pop_front();
      if (fault.kind == Kind::kDrip) return;
    }
    if (way.held.empty() && way.ended && !way.shut && !link.dead && !stopped(way)) {
      way.shut = true;
      if (way.lost) return kill(link);
      shutdown(way.to, SHUT_WR);
    }
    if (link.ways[0].shut && link.ways[1].shut) {
      if (!link.dead) {
        close(link.client);
        close(link.server);
      }
      link.dead = true;
    }
  }

  void run() {
    std::vector<pollfd> fds;
    std::vector<std::pair<Link*, Way*>> reads;
    while (true) {
      fds.assign({{listener, POLLIN, 0}, {wake[0], POLLIN, 0}});
      reads.clear();
      auto wait_until = Clock::now() + std::chrono::seconds(1);
      for (Link& link : links) {
        for (Way& way : link.ways) {
          if (way.from >= 0 && !way.ended && way.held_bytes < kHeldMax) {
            fds.push_back({way.from, POLLIN, 0});
            reads.emplace_back(&link, &way);
          }
          if (way.held.empty() || stopped(way)) continue;
          const auto due = fault.kind == Kind::kDrip ? std::max(way.held.front().due, way.next_drip)
                                                     : way.held.front().due;
          wait_until = std::min(wait_until, due);
          if (due <= Clock::now()) {  // the socket is full
            fds.push_back({way.to, POLLOUT, 0});
            reads.emplace_back(nullptr, nullptr);
          }
        }
      }
      const auto wait =
          std::chrono::ceil<std::chrono::milliseconds>(wait_until - Clock::now()).count();
      poll(fds.data(), fds.size(), static_cast<int>(std::clamp<std::int64_t>(wait, 0, 1000)));
      if (!take_orders()) return;
      if ((fds[0].revents & POLLIN) != 0) accept_one();
      for (std::size_t i = 0; i < reads.size(); ++i) {
        if (reads[i].first == nullptr || reads[i].first->dead || fds[i + 2].revents == 0) continue;
        take_in(*reads[i].first, *reads[i].second);
      }
      const auto now = Clock::now();
      for (Link& link : links) {
        for (Way& way : link.ways) {
          if (!link.dead && link.server >= 0) give_out(link, way, now);
        }
      }
      links.remove_if([](const Link& link) { return link.dead; });
    }
  }
};

FaultProxy::FaultProxy(std::string target, int port) : loop_(std::make_unique<Loop>(*this)) {
  loop_->targets = {std::move(target)};
  check(pipe2(loop_->wake, O_NONBLOCK | O_CLOEXEC) == 0, "pipe");
  loop_->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(loop_->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  check(bind(loop_->listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
  check(listen(loop_->listener, 256) == 0, "listen");
  socklen_t size = sizeof address;
  check(getsockname(loop_->listener, reinterpret_cast<sockaddr*>(&address), &size) == 0,
        "getsockname");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { loop_->run(); });
}

FaultProxy::~FaultProxy() {
  {
    const std::lock_guard lock(loop_->mutex);
    loop_->stop = true;
  }
  loop_->tell();
  thread_.join();
}

void FaultProxy::set(LinkFault fault) {
  {
    const std::lock_guard lock(loop_->mutex);
    loop_->wanted = fault;
    loop_->changed = true;
  }
  loop_->tell();
}

void FaultProxy::set_targets(std::vector<std::string> targets) {
  const std::lock_guard lock(loop_->mutex);
  loop_->targets = std::move(targets);
}

}  // namespace belay::test
