// Outgoing HTTP against a server made of raw sockets that misbehaves on request: what was certainly
// not sent, what may have been, and what was answered.
#include "runtime/actions/http_client.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/catch.h"

using namespace belay::runtime;
using Reached = OutgoingResponse::Reached;

namespace {

// Listens on a free loopback port; each accepted connection is given to `serve` on a thread of its
// own.
class RawServer {
 public:
  using Serve = std::function<void(int fd, int connection)>;
  explicit RawServer(Serve serve) : serve_(std::move(serve)) {
    listen_fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(listen(listen_fd_, 128) == 0);
    socklen_t size = sizeof address;
    getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (int connection = 0;; ++connection) {
        const int fd = accept(listen_fd_, nullptr, nullptr);
        if (fd < 0) return;
        threads_.emplace_back([this, fd, connection] {
          serve_(fd, connection);
          close(fd);
        });
      }
    });
  }
  ~RawServer() {
    ::shutdown(listen_fd_, SHUT_RDWR);
    thread_.join();
    for (std::thread& thread : threads_) thread.join();
    close(listen_fd_);
  }
  std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  int port() const { return port_; }

 private:
  Serve serve_;
  int listen_fd_ = -1;
  int port_ = 0;
  std::thread thread_;
  std::vector<std::thread> threads_;
};

// One request with its body (Content-Length only), or what came before the other side closed.
std::string read_request(int fd) {
  std::string in;
  char buffer[4096];
  for (;;) {
    const std::size_t end = in.find("\r\n\r\n");
    if (end != std::string::npos) {
      std::size_t length = 0;
      const std::size_t at = in.find("Content-Length: ");
      if (at != std::string::npos && at < end) length = std::stoul(in.substr(at + 16));
      if (in.size() >= end + 4 + length) return in;
    }
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return in;
    in.append(buffer, static_cast<std::size_t>(n));
  }
}

void reply(int fd, const std::string& text) {
  (void)!::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
}

OutgoingRequest post(const std::string& url, const std::string& body = "{}") {
  OutgoingRequest request;
  request.method = "POST";
  request.url = url;
  request.body = body;
  request.timeout_ms = 3000;
  request.allow_private_addresses = true;
  return request;
}

OutgoingResponse call(HttpClient& client, OutgoingRequest request) {
  std::promise<OutgoingResponse> promise;
  auto future = promise.get_future();
  const auto queued = client.submit(std::move(request), [&](OutgoingResponse response) {
    promise.set_value(std::move(response));
  });
  REQUIRE((queued ? "" : to_text(queued.error())) == std::string());
  return future.get();
}

}  // namespace

TEST_CASE("a request goes out as given and its answer comes back whole") {
  std::promise<std::string> request_seen;
  RawServer server([&](int fd, int) {
    request_seen.set_value(read_request(fd));
    reply(
        fd,
        "HTTP/1.1 402 Payment Required\r\nContent-Length: 4\r\nX-Two: a\r\nx-two:  b \r\n\r\nnope");
  });
  HttpClient client;
  auto request = post(server.url("/v1/charge?x=1"), "amount=12");
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                     {"Idempotency-Key", "k 1"},
                     {"X-Empty", ""}};
  const auto response = call(client, request);
  CHECK(response.reached == Reached::kAnswered);
  CHECK(response.status == 402);
  CHECK(response.body == "nope");
  REQUIRE(response.header("x-two") != nullptr);
  CHECK(*response.header("x-two") == "a");
  CHECK(response.headers.back() == std::pair<std::string, std::string>("x-two", "b"));
  const std::string seen = request_seen.get_future().get();
  CHECK(seen.starts_with("POST /v1/charge?x=1 HTTP/1.1\r\n"));
  CHECK(seen.find("\r\nIdempotency-Key: k 1\r\n") != std::string::npos);
  CHECK(seen.find("\r\nX-Empty:\r\n") != std::string::npos);
  CHECK(seen.find("Expect") == std::string::npos);
  CHECK(seen.find("Accept-Encoding") == std::string::npos);
  CHECK(seen.ends_with("\r\n\r\namount=12"));
}

TEST_CASE("methods with and without a body") {
  std::mutex mutex;
  std::vector<std::string> seen;
  RawServer server([&](int fd, int) {
    const std::string request = read_request(fd);
    const bool says_empty = request.find("Content-Length: 0") != std::string::npos;
    {
      const std::lock_guard lock(mutex);
      seen.push_back(request.substr(0, request.find("\r\n")) + (says_empty ? " 0" : ""));
    }
    reply(fd, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  });
  HttpClient client;
  for (const char* method : {"GET", "HEAD", "DELETE", "POST", "PUT", "PATCH"}) {
    auto request = post(server.url("/x"), "");
    request.method = method;
    const auto response = call(client, request);
    CHECK(response.reached == Reached::kAnswered);
    CHECK(response.status == 204);
  }
  const std::lock_guard lock(mutex);
  CHECK(seen == std::vector<std::string>{"GET /x HTTP/1.1", "HEAD /x HTTP/1.1",
                                         "DELETE /x HTTP/1.1", "POST /x HTTP/1.1 0",
                                         "PUT /x HTTP/1.1 0", "PATCH /x HTTP/1.1 0"});
}

TEST_CASE("what certainly was not sent is said so") {
  HttpClient client;
  SECTION("nobody listens") {
    int port = 0;
    {
      RawServer gone([](int, int) {});
      port = gone.port();
    }
    const auto response = call(client, post("http://127.0.0.1:" + std::to_string(port) + "/"));
    CHECK(response.reached == Reached::kNotSent);
    CHECK(!response.error.empty());
  }
  SECTION("the name does not exist") {
    CHECK(call(client, post("http://no-such-host.invalid/")).reached == Reached::kNotSent);
  }
  SECTION("TLS fails: a plain server answers a TLS greeting") {
    RawServer server([](int fd, int) {
      char buffer[512];
      (void)!recv(fd, buffer, sizeof buffer, 0);
      reply(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    CHECK(call(client, post("https://127.0.0.1:" + std::to_string(server.port()) + "/")).reached ==
          Reached::kNotSent);
  }
  SECTION("TLS hangs until the time is over") {
    RawServer server([](int fd, int) { read_request(fd); });
    auto request = post("https://127.0.0.1:" + std::to_string(server.port()) + "/");
    request.timeout_ms = 150;
    CHECK(call(client, request).reached == Reached::kNotSent);
  }
}

TEST_CASE("what may have been sent is unknown") {
  HttpClient client;
  SECTION("no answer in time") {
    RawServer server([](int fd, int) {
      read_request(fd);
      read_request(fd);  // until the client gives up
    });
    auto request = post(server.url());
    request.timeout_ms = 150;
    const auto response = call(client, request);
    CHECK(response.reached == Reached::kUnknown);
    CHECK(response.status == 0);
  }
  SECTION("closed without an answer") {
    RawServer server([](int fd, int) { read_request(fd); });
    CHECK(call(client, post(server.url())).reached == Reached::kUnknown);
  }
  SECTION("cut off in the body") {
    RawServer server([](int fd, int) {
      read_request(fd);
      reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{");
    });
    const auto response = call(client, post(server.url()));
    CHECK(response.reached == Reached::kUnknown);
    CHECK(response.status == 200);
    CHECK(response.body.empty());
  }
  SECTION("not HTTP") {
    RawServer server([](int fd, int) {
      read_request(fd);
      reply(fd, "SSH-2.0-OpenSSH_9.2\r\n");
    });
    CHECK(call(client, post(server.url())).reached == Reached::kUnknown);
  }
  SECTION("a body over the limit, announced or not") {
    RawServer server([](int fd, int connection) {
      read_request(fd);
      reply(fd, connection == 0
                    ? "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x')
                    : "HTTP/1.1 200 OK\r\n\r\n" + std::string(2000, 'x'));
    });
    for (int i = 0; i < 2; ++i) {
      auto request = post(server.url());
      request.response_bytes_max = 1000;
      const auto response = call(client, request);
      CHECK(response.reached == Reached::kUnknown);
      CHECK(response.error == "the answer is too large");
    }
  }
  SECTION("endless headers") {
    RawServer server([](int fd, int) {
      read_request(fd);
      std::string out = "HTTP/1.1 200 OK\r\n";
      for (int i = 0; i < 5000; ++i) out += "X-Header-" + std::to_string(i) + ": 0123456789\r\n";
      reply(fd, out + "\r\n");
    });
    CHECK(call(client, post(server.url())).reached == Reached::kUnknown);
  }
}

TEST_CASE(
    "a pooled connection that dies after taking a request is unknown, and nothing is sent twice") {
  std::atomic<int> requests{0};
  RawServer server([&](int fd, int) {
    for (;;) {
      if (read_request(fd).empty()) return;
      if (++requests == 2) return;  // takes the second and closes
      reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    }
  });
  HttpClient client;
  CHECK(call(client, post(server.url())).reached == Reached::kAnswered);
  const auto second = call(client, post(server.url()));
  CHECK(second.reached == Reached::kUnknown);
  CHECK(requests == 2);
  CHECK(call(client, post(server.url())).reached == Reached::kAnswered);
  CHECK(requests == 3);
}

TEST_CASE("redirects are answers and are not followed") {
  std::atomic<int> requests{0};
  RawServer server([&](int fd, int) {
    read_request(fd);
    ++requests;
    reply(fd, "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
  });
  HttpClient client;
  const auto response = call(client, post(server.url()));
  CHECK(response.reached == Reached::kAnswered);
  CHECK(response.status == 302);
  CHECK(requests == 1);
}

TEST_CASE(
    "a private address is refused before a byte is sent, also over a connection that another "
    "opened") {
  std::atomic<int> requests{0};
  RawServer server([&](int fd, int) {
    while (!read_request(fd).empty()) {
      ++requests;
      reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  });
  HttpClient client;
  auto check_refused = [&](const std::string& url) {
    auto request = post(url);
    request.allow_private_addresses = false;
    const auto response = call(client, request);
    CHECK(response.reached == Reached::kNotSent);
    CHECK(response.error.find("private") != std::string::npos);
  };
  const std::string port = ":" + std::to_string(server.port()) + "/";
  check_refused(server.url());
  check_refused("http://localhost" + port);
  check_refused("http://2130706433" + port);  // 127.0.0.1 as a number
  check_refused("http://0x7f.1" + port);
  check_refused("http://[::ffff:127.0.0.1]" + port);
  check_refused("http://169.254.169.254/latest/meta-data");
  CHECK(requests == 0);
  CHECK(call(client, post(server.url())).reached == Reached::kAnswered);
  check_refused(server.url());  // the pooled connection is not theirs to use
  CHECK(requests == 1);
}

TEST_CASE("which addresses are private") {
  const auto check = [](const char* text, bool expected) {
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    INFO(text);
    REQUIRE(getaddrinfo(text, "80", &hints, &found) == 0);
    CHECK(is_private_address(found->ai_addr) == expected);
    freeaddrinfo(found);
  };
  for (const char* text : {"0.0.0.0",
                           "10.1.2.3",
                           "100.64.0.1",
                           "127.0.0.1",
                           "127.255.255.255",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.0.1",
                           "198.18.0.1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "fe80::1",
                           "fc00::1",
                           "fd00:ec2::254",
                           "ff02::1",
                           "::ffff:10.0.0.1",
                           "::ffff:169.254.169.254",
                           "64:ff9b::10.0.0.1",
                           "2001:db8::1",
                           "2002:7f00:1::",
                           "2001::1"}) {
    check(text, true);
  }
  for (const char* text : {"1.1.1.1", "8.8.8.8", "100.128.0.1", "172.32.0.1", "169.253.1.1",
                           "198.20.0.1", "223.255.255.255", "2606:4700::1111", "::ffff:1.1.1.1",
                           "64:ff9b::8.8.8.8", "2a00:1450::1"}) {
    check(text, false);
  }
}

TEST_CASE("a malformed request is refused at once") {
  HttpClient client;
  auto check = [&](auto change, const std::string& expected) {
    OutgoingRequest request = post("http://127.0.0.1:1/");
    change(request);
    const auto queued =
        client.submit(request, [](OutgoingResponse) { FAIL("must not be called"); });
    REQUIRE(!queued);
    CHECK(queued.error().code == ErrorCode::kInvalid);
    CHECK(queued.error().message == expected);
  };
  check([](auto& r) { r.url = "ftp://example.com/"; },
        "the address of the call is no http or https URL");
  check([](auto& r) { r.url = "file:///etc/passwd"; },
        "the address of the call is no http or https URL");
  check([](auto& r) { r.url = "nonsense"; }, "the address of the call is no http or https URL");
  check([](auto& r) { r.url = "http://user:pass@example.com/"; },
        "the address of the call holds a user name");
  check([](auto& r) { r.url = "http://example.com/a b"; },
        "the address of the call holds a space or a control character");
  check([](auto& r) { r.url = "http://example.com/\r\nX: y"; },
        "the address of the call holds a space or a control character");
  check([](auto& r) { r.url = "http://example.com/" + std::string(9000, 'x'); },
        "the address of the call is longer than 8,192 bytes");
  check([](auto& r) { r.method = "GET /x"; }, "this is no HTTP method");
  check(
      [](auto& r) {
        r.headers = {{"X-A", "1\r\nX-B: 2"}};
      },
      "the header `X-A` holds a line break");
  check([](auto& r) { r.headers = {{"X A", "1"}}; }, "a header has an impossible name");
  check(
      [](auto& r) {
        r.headers = {{"Content-Length", "1"}};
      },
      "the header `Content-Length` is set by the client itself");
}

TEST_CASE("the queue is bounded, and shutdown answers everything exactly once") {
  RawServer server([](int fd, int) {
    read_request(fd);
    read_request(fd);
  });
  std::atomic<int> unknown{0}, not_sent{0}, other{0};
  {
    HttpClient::Options options;
    options.queue_max = 6;
    options.in_flight_max = 2;
    HttpClient client(options);
    for (int i = 0; i < 6; ++i) {
      REQUIRE(client.submit(post(server.url()), [&](OutgoingResponse response) {
        (response.reached == Reached::kUnknown   ? unknown
         : response.reached == Reached::kNotSent ? not_sent
                                                 : other)++;
      }));
    }
    const auto refused = client.submit(post(server.url()), [&](OutgoingResponse) { ++other; });
    REQUIRE(!refused);
    CHECK(refused.error().code == ErrorCode::kOverloaded);
    CHECK(client.pending() == 6);
    client.shutdown();
    CHECK(client.pending() == 0);
    const auto late = client.submit(post(server.url()), [&](OutgoingResponse) { ++other; });
    REQUIRE(!late);
    CHECK(late.error().code == ErrorCode::kShuttingDown);
  }
  CHECK(unknown + not_sent == 6);
  CHECK(not_sent >= 4);
  CHECK(other == 0);
}

TEST_CASE("a first request that gets no answer holds back no other to the same host") {
  std::promise<void> second_came;
  auto came = second_came.get_future().share();
  RawServer server([&](int fd, int connection) {
    read_request(fd);
    if (connection == 0)
      came.wait();
    else
      second_came.set_value();
    reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  });
  HttpClient client;
  std::promise<OutgoingResponse> first;
  REQUIRE(client.submit(post(server.url()),
                        [&](OutgoingResponse response) { first.set_value(std::move(response)); }));
  CHECK(call(client, post(server.url())).reached == Reached::kAnswered);
  CHECK(first.get_future().get().reached == Reached::kAnswered);
}

TEST_CASE("many requests share few connections, and a callback may submit the next") {
  std::atomic<int> connections{0};
  RawServer server([&](int fd, int) {
    ++connections;
    while (!read_request(fd).empty()) reply(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  });
  HttpClient::Options options;
  options.connections_per_host_max = 8;
  HttpClient client(options);
  std::atomic<int> answered{0}, wrong{0};  // the test library's macros are for one thread only
  std::promise<void> all;
  std::function<void(OutgoingResponse)> again = [&](OutgoingResponse response) {
    if (response.reached != Reached::kAnswered) ++wrong;
    const int count = ++answered;
    if (count == 1000) return all.set_value();
    if (count <= 500 && !client.submit(post(server.url()), again)) ++wrong;
  };
  for (int i = 0; i < 500; ++i) REQUIRE(client.submit(post(server.url()), again));
  all.get_future().get();
  CHECK(wrong == 0);
  CHECK(connections <= 8);
  client.shutdown();
}
