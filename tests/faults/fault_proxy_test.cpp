// The broken link breaks as it says: an echo server behind it, a client before it.
#include "tests/support/fault_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "tests/catch.h"

namespace belay::test {
namespace {

using Kind = LinkFault::Kind;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

// Answers every byte with itself, one connection after the other, until it is gone.
class Echo {
 public:
  Echo() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listener_, 8) == 0);
    socklen_t size = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (int client; (client = accept(listener_, nullptr, nullptr)) >= 0; close(client)) {
        ++accepted;
        char buffer[4096];
        for (ssize_t n; (n = read(client, buffer, sizeof buffer)) > 0;) {
          if (::send(client, buffer, static_cast<std::size_t>(n), MSG_NOSIGNAL) < 0) break;
        }
      }
    });
  }
  ~Echo() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  int port = 0;
  std::atomic<int> accepted{0};

 private:
  int listener_;
  std::thread thread_;
};

// A port at which nobody listens: connections are refused.
class NobodyThere {
 public:
  NobodyThere() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    REQUIRE(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~NobodyThere() { close(socket_); }
  int port() const { return port_; }

 private:
  int socket_, port_ = 0;
};

struct Client {
  explicit Client(int port) : fd(socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in address = loopback(port);
    REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Client() { close(fd); }
  void say(const std::string& text) { (void)!::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }
  // What comes until there are `wanted` bytes, silence of `ms`, or the end; `ended` says how.
  std::string hear(std::size_t wanted, int ms) {
    std::string heard;
    ended = "";
    while (heard.size() < wanted) {
      pollfd waiting{fd, POLLIN, 0};
      if (poll(&waiting, 1, ms) == 0) {
        ended = "silence";
        break;
      }
      char buffer[4096];
      const ssize_t n = read(fd, buffer, sizeof buffer);
      if (n <= 0) {
        ended = n == 0 ? "closed" : errno == ECONNRESET ? "reset" : "error";
        break;
      }
      heard.append(buffer, static_cast<std::size_t>(n));
    }
    return heard;
  }
  int fd;
  std::string ended;
};

std::string to_and_fro(Client& client, const std::string& text, int ms = 2000) {
  client.say(text);
  return client.hear(text.size(), ms);
}

}  // namespace

TEST_CASE("a link without a fault carries everything, both ways") {
  const Echo echo;
  FaultProxy proxy("127.0.0.1:" + std::to_string(echo.port));
  Client client(proxy.port());
  CHECK(to_and_fro(client, "hello") == "hello");
  const std::string large(300'000, 'x');
  std::thread speaker([&] { client.say(large); });
  CHECK(client.hear(large.size(), 2000).size() == large.size());
  speaker.join();
  CHECK(proxy.bytes_hit() == 0);
}

TEST_CASE("connections go to the targets in turn, and past one that is not there") {
  const Echo echo, other;
  NobodyThere gone;
  const auto at = [](int port) { return "127.0.0.1:" + std::to_string(port); };
  FaultProxy proxy(at(echo.port));
  const auto through = [&](const Echo& to) {  // whether the next connection gets there
    const int before = to.accepted;
    Client client(proxy.port());
    CHECK(to_and_fro(client, "hello") == "hello");
    return to.accepted > before;
  };
  CHECK(through(echo));
  proxy.set_targets({at(echo.port), at(other.port)});
  const bool first = through(echo);
  CHECK(through(first ? other : echo));
  CHECK(through(first ? echo : other));
  proxy.set_targets({at(gone.port()), at(other.port)});
  for (int i = 0; i < 4; ++i) CHECK(through(other));
  proxy.set_target(at(echo.port));
  for (int i = 0; i < 2; ++i) CHECK(through(echo));
}

TEST_CASE("a delayed link is late, and a dripping one is slow") {
  const Echo echo;
  FaultProxy proxy("127.0.0.1:" + std::to_string(echo.port));
  Client client(proxy.port());
  proxy.set({.kind = Kind::kDelay, .ms = 60});
  const auto begun = std::chrono::steady_clock::now();
  CHECK(to_and_fro(client, "a") == "a");
  CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(100));
  proxy.set({.kind = Kind::kDrip, .ms = 5});
  CHECK(to_and_fro(client, "0123456789") == "0123456789");
  CHECK(proxy.bytes_hit() > 10);
  proxy.set({});
  CHECK(to_and_fro(client, "again") == "again");
}

TEST_CASE("a link that is reset, cut or black does not carry") {
  const Echo echo;
  FaultProxy proxy("127.0.0.1:" + std::to_string(echo.port));
  SECTION("reset, old and new connections") {
    Client client(proxy.port());
    CHECK(to_and_fro(client, "a") == "a");
    proxy.set({.kind = Kind::kReset});
    CHECK(client.hear(1, 2000).empty());
    CHECK(client.ended == "reset");
    Client late(proxy.port());
    CHECK(late.hear(1, 2000).empty());
    CHECK(late.ended == "reset");
  }
  SECTION("cut in the middle of an answer") {
    Client client(proxy.port());
    CHECK(to_and_fro(client, "a") == "a");
    proxy.set({.kind = Kind::kCutAfter, .bytes = 14});
    client.say("0123456789");
    CHECK(client.hear(10, 2000).size() <= 4);
    CHECK(client.ended == "reset");
  }
  SECTION("half open: asked, never answered, then the hole is not hidden") {
    Client client(proxy.port());
    CHECK(to_and_fro(client, "a") == "a");
    proxy.set({.kind = Kind::kHalfOpen});
    CHECK(to_and_fro(client, "b", 150).empty());
    CHECK(client.ended == "silence");
    proxy.set({});
    CHECK(to_and_fro(client, "c").empty());
    CHECK(client.ended != "silence");
  }
  SECTION("black hole, then all is well for whoever comes anew") {
    proxy.set({.kind = Kind::kBlackHole});
    {
      Client client(proxy.port());
      CHECK(to_and_fro(client, "b", 150).empty());
      CHECK(client.ended == "silence");
    }
    proxy.set({});
    Client client(proxy.port());
    CHECK(to_and_fro(client, "c") == "c");
  }
  CHECK(proxy.connections_hit() + proxy.bytes_hit() > 0);
}

}  // namespace belay::test
