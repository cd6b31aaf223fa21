// The HTTP server against what strangers send: raw sockets, loopback, everything malformed,
// doubled, slow or too much.
#include "runtime/api/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/api/http_reader.h"
#include "tests/catch.h"

using namespace belay::runtime;

namespace {

// A client that sends exactly what it is told.
class RawClient {
 public:
  explicit RawClient(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    timeval timeout{10, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    REQUIRE(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  }
  ~RawClient() { close(fd_); }
  RawClient& send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) break;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return *this;
  }
  // Everything until the other side closes.
  std::string rest() {
    while (more()) {
    }
    return std::move(in_);
  }
  // One answer with a Content-Length (or without a body: 1xx, 204).
  std::string one(bool head = false) {
    for (;;) {
      const std::size_t end = in_.find("\r\n\r\n");
      if (end != std::string::npos) {
        std::size_t length = 0;
        const std::size_t at = in_.find("Content-Length: ");
        if (!head && at < end) length = std::stoul(in_.substr(at + 16, 20));
        if (in_.size() >= end + 4 + length) {
          std::string answer = in_.substr(0, end + 4 + length);
          in_.erase(0, answer.size());
          return answer;
        }
      }
      if (!more()) return std::move(in_);
    }
  }

 private:
  bool more() {
    char buffer[8192];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) in_.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }
  int fd_;
  std::string in_;
};

std::string status_of(const std::string& answer) {
  return answer.size() < 12 ? answer : answer.substr(9, 3);
}
std::string body_of(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}
bool has(const std::string& answer, const std::string& part) {
  return answer.find(part) != std::string::npos;
}

HttpResponse plain(std::string body) {
  HttpResponse response;
  response.content_type = "text/plain";
  response.body = std::move(body);
  return response;
}

// A server that tells what it understood.
struct Echo {
  HttpServer server;
  int port = 0;
  std::atomic<int> handled{0};

  explicit Echo(HttpServer::Options options = {}) : server(options) {
    const auto echo = [this](const HttpRequest& request) {
      ++handled;
      std::string out = request.method + " " + request.path;
      for (const auto& [name, value] : request.params) out += " {" + name + "=" + value + "}";
      for (const auto& [name, value] : request.query) out += " ?" + name + "=" + value;
      if (const auto found = request.headers.find("x-echo"); found != request.headers.end())
        out += " h=" + found->second;
      return plain(out + " [" + request.body + "] from " + request.remote_address);
    };
    server.route("GET", "/v1/sagas", echo);
    server.route("POST", "/v1/sagas", echo);
    server.route("GET", "/v1/sagas/{id}", echo);
    server.route("GET", "/v1/sagas/special", [](const HttpRequest&) { return plain("special"); });
    server.route("POST", "/v1/sagas/{id}/steps/{path}/retry", echo);
    server.route("DELETE", "/v1/sagas/{id}", echo);
    server.route("POST", "/hooks/small", echo, 10);
    server.route("GET", "/throws", [](const HttpRequest&) -> HttpResponse {
      throw std::runtime_error("password is 123");
    });
    server.route("GET", "/throws-int", [](const HttpRequest&) -> HttpResponse { throw 7; });
    server.route("GET", "/large",
                 [](const HttpRequest&) { return plain(std::string(5'000'000, 'x')); });
    server.route("GET", "/none", [](const HttpRequest&) {
      HttpResponse r;
      r.status = 204;
      return r;
    });
    server.route("GET", "/evil", [](const HttpRequest&) {
      HttpResponse r = plain("ok");
      r.headers = {{"X-Good", "1"}, {"X-Bad", "1\r\nSet-Cookie: a=b"}};
      return r;
    });
    const auto bound = server.listen("127.0.0.1", 0);
    REQUIRE(bound);
    port = *bound;
  }
  std::string ask(const std::string& text) { return RawClient(port).send(text).one(); }
  std::string get(const std::string& target) {
    return ask("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
};

}  // namespace

TEST_CASE("requests reach their handler with everything as it was sent") {
  Echo echo;
  CHECK(body_of(echo.get("/v1/sagas?status=held&q=a%20b+c&empty=&flag")) ==
        "GET /v1/sagas ?empty= ?flag= ?q=a b c ?status=held [] from 127.0.0.1");
  CHECK(body_of(echo.get("/v1/sagas/a%2Fb%20c")) ==
        "GET /v1/sagas/a%2Fb%20c {id=a/b c} [] from 127.0.0.1");
  CHECK(body_of(echo.get("/v1/sagas/special")) == "special");
  CHECK(body_of(echo.get("/v1/s%61gas")) == "GET /v1/s%61gas [] from 127.0.0.1");
  CHECK(body_of(echo.ask("POST /v1/sagas/7/steps/items[3].charge/retry HTTP/1.1\r\nHost: "
                         "x\r\nContent-Length: 2\r\n\r\n{}")) ==
        "POST /v1/sagas/7/steps/items[3].charge/retry {id=7} {path=items[3].charge} [{}] from "
        "127.0.0.1");
  // Raw header values, and no header shadows the address.
  CHECK(has(echo.ask("GET /v1/sagas HTTP/1.1\r\nHost: x\r\nX-Echo:  a%20b%0d \r\nREMOTE_ADDR: "
                     "6.6.6.6\r\n\r\n"),
            "GET /v1/sagas h=a%20b%0d [] from 127.0.0.1"));
  // Form bodies of any size, and the bytes as they were.
  const std::string form(9'000, 'x');
  CHECK(has(echo.ask("POST /v1/sagas HTTP/1.1\r\nHost: x\r\nContent-Type: "
                     "application/x-www-form-urlencoded\r\nContent-Length: 9000\r\n\r\n" +
                     form),
            "[" + form + "]"));
  CHECK(has(echo.ask("POST /v1/sagas HTTP/1.1\r\nHost: x\r\n\r\n"), "POST /v1/sagas [] from"));
  CHECK(has(echo.ask("DELETE /v1/sagas/1 HTTP/1.1\r\nHost: x\r\n\r\n"), "DELETE /v1/sagas/1"));
  // Ranges and Accept-Encoding change nothing.
  CHECK(has(
      echo.ask(
          "GET /v1/sagas HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nAccept-Encoding: gzip\r\n\r\n"),
      "GET /v1/sagas [] from"));
}

TEST_CASE("chunked bodies arrive whole, also in single bytes") {
  Echo echo;
  const std::string head =
      "POST /v1/sagas HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string chunks = "3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\n\r\n";
  CHECK(has(echo.ask(head + chunks), "[abc0123456789]"));
  RawClient client(echo.port);
  for (char c : head + chunks) client.send(std::string(1, c));
  CHECK(has(client.one(), "[abc0123456789]"));
}

TEST_CASE("HEAD, OPTIONS, 404 and 405") {
  Echo echo;
  RawClient client(echo.port);
  const std::string head = client.send("HEAD /large HTTP/1.1\r\nHost: x\r\n\r\n").one(true);
  CHECK(status_of(head) == "200");
  CHECK(has(head, "Content-Length: 5000000\r\n"));
  CHECK(has(client.send("GET /v1/sagas HTTP/1.1\r\nHost: x\r\n\r\n").one(),
            "GET /v1/sagas"));  // no body came before it

  const std::string not_allowed =
      echo.ask("PUT /v1/sagas HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
  CHECK(status_of(not_allowed) == "405");
  CHECK(has(not_allowed, "\r\nAllow: GET, HEAD, OPTIONS, POST\r\n"));
  const std::string options = echo.ask("OPTIONS /v1/sagas/1 HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(status_of(options) == "204");
  CHECK(has(options, "\r\nAllow: DELETE, GET, HEAD, OPTIONS\r\n"));
  const std::string missing = echo.get("/nope");
  CHECK(status_of(missing) == "404");
  CHECK(has(missing, "Content-Type: application/problem+json\r\n"));
  CHECK(body_of(missing) ==
        "{\"type\":\"urn:belay:problem:not_found\",\"title\":\"the request was "
        "refused\",\"status\":404,"
        "\"detail\":\"nothing is served at this path\",\"code\":\"not_found\"}\n");
  CHECK(status_of(echo.get("/v1/sagas/")) == "404");  // an empty hole
  CHECK(status_of(echo.get("//v1/sagas")) == "404");
  CHECK(status_of(echo.get("/none")) == "204");
}

TEST_CASE("large answers arrive whole, and connections are kept") {
  Echo echo;
  RawClient client(echo.port);
  for (int i = 0; i < 3; ++i) {
    CHECK(body_of(client.send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n").one()).size() == 5'000'000);
  }
  // Two at once in one packet are answered in order.
  client.send(
      "GET /v1/sagas/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/sagas/2 HTTP/1.1\r\nHost: "
      "x\r\nConnection: close\r\n\r\n");
  CHECK(has(client.one(), "{id=1}"));
  const std::string last = client.rest();
  CHECK(has(last, "{id=2}"));
  CHECK(has(last, "Connection: close"));
}

TEST_CASE("what a handler throws stays inside") {
  Echo echo;
  for (const char* path : {"/throws", "/throws-int"}) {
    const std::string answer = echo.get(path);
    CHECK(status_of(answer) == "500");
    CHECK(!has(answer, "password"));
    CHECK(!has(answer, "EXCEPTION"));
  }
  const std::string evil = echo.get("/evil");
  CHECK(has(evil, "X-Good: 1"));
  CHECK(!has(evil, "Set-Cookie"));
}

TEST_CASE("hostile requests are refused, answered once, and end the connection") {
  Echo echo;
  const auto check = [&](const std::string& request, const std::string& status) {
    // What follows in the same packet must never be taken for a request.
    const std::string answers =
        RawClient(echo.port)
            .send(request + "GET /v1/sagas/smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
            .rest();
    INFO(request.substr(0, 200));
    CHECK(status_of(answers) == status);
    CHECK(!has(answers, "smuggled"));
    CHECK(!has(answers, "\nHTTP/1.1 "));
  };
  const std::string post = "POST /v1/sagas HTTP/1.1\r\nHost: x\r\n";
  SECTION("lengths that two readers could understand differently") {
    check(post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400");
    check(post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400");
    check(post + "Content-Length: 5, 5\r\n\r\nhello", "400");
    check(post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400");
    check(post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "400");
    check(post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "501");
    check(post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "501");
    check(post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", "400");
    check(post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "400");
    check("POST /v1/sagas HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400");
    check(post + "Content-Length: -1\r\n\r\n", "400");
    check(post + "Content-Length: +5\r\n\r\nhello", "400");
    check(post + "Content-Length: 0x5\r\n\r\nhello", "400");
    check(post + "Content-Length:\r\n\r\n", "400");
    check(post + "Content-Length: 99999999999999999999\r\n\r\n", "400");
    check("GET /v1/sagas HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "400");
  }
  SECTION("chunks that cannot be read") {
    const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
    for (const char* chunks :
         {"zz\r\n", "-1\r\n", "+1\r\na\r\n0\r\n\r\n", "0x1\r\na\r\n0\r\n\r\n",
          " 1\r\na\r\n0\r\n\r\n", "\r\n",
          "1\na\n0\n\n0123456789012345678901234567890123456789012345678901234567890123456789",
          "1\r\nab\r\n0\r\n\r\n", "0\r\nX: trailer\r\n\r\n", "FFFFFFFFF\r\n"}) {
      check(chunked + chunks, "400");
    }
    check(chunked + "1;" + std::string(100, 'e'), "400");
  }
  SECTION("heads that cannot be read") {
    check("nonsense\r\n\r\n", "400");
    check("GET  /v1/sagas HTTP/1.1\r\nHost: x\r\n\r\n", "400");
    check("GET /v1/sagas HTTP/1.1 x\r\nHost: x\r\n\r\n", "400");
    check("GET /v1/sagas HTTP/2.0\r\nHost: x\r\n\r\n", "505");
    check("GET http://x/v1/sagas HTTP/1.1\r\nHost: x\r\n\r\n", "400");
    check("GET /v1/\xc3\xbc HTTP/1.1\r\nHost: x\r\n\r\n", "400");
    check("GET /v1/sagas#x HTTP/1.1\r\nHost: x\r\n\r\n", "400");
    check("GET /v1/%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400");
    check("GET /v1/%00 HTTP/1.1\r\nHost: x\r\n\r\n", "400");
    check("GET /v1/sagas?a=%0 HTTP/1.1\r\nHost: x\r\n\r\n", "400");
    check("TRACE /v1/sagas HTTP/1.1\r\nHost: x\r\n\r\n", "501");
    check("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", "501");
    check("GET /v1/sagas HTTP/1.1\r\n\r\n", "400");
    check("GET /v1/sagas HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400");
    check("GET /v1/sagas HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", "400");
    check("GET /v1/sagas HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n", "400");
    check("GET /v1/sagas HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n", "400");
    check("GET /v1/sagas HTTP/1.1\r\nHost: x\r\nX: a\nContent-Length: 5\r\n\r\n", "400");
    check("GET /v1/sagas HTTP/1.1\r\nHost: x\r\nX: a" + std::string(1, '\0') + "b\r\n\r\n", "400");
    check(post + "Expect: the-unexpected\r\nContent-Length: 1\r\n\r\nx", "417");
  }
  SECTION("too long, too many") {
    check("GET /" + std::string(1'024, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n", "414");
    check("GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n", "414");
    std::string many = "GET /v1/sagas HTTP/1.1\r\nHost: x\r\n";
    for (int i = 0; i < 100; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
    check(many + "\r\n", "431");
    check("GET /v1/sagas HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n",
          "431");
    std::string query = "/v1/sagas?";
    for (int i = 0; i < 100; ++i) query += "a&";
    check("GET " + query + " HTTP/1.1\r\nHost: x\r\n\r\n", "400");
  }
  SECTION("bodies that are not taken") {
    check(post + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "415");
    check(post + "Content-Type: Multipart/form-data; boundary=x\r\nContent-Length: 1\r\n\r\nx",
          "415");
    check(post + "Content-Length: 1048577\r\n\r\n" + std::string(1'048'577, 'x'), "413");
    check(post + "Content-Length: 999999999999\r\n\r\n", "413");
    check("POST /hooks/small HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n01234567890", "413");
    check(
        "POST /hooks/small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
        "chunked\r\n\r\n6\r\n012345\r\n5\r\n67890\r\n0\r\n\r\n",
        "413");
    check(post + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n", "413");
  }
  CHECK(echo.handled == 0);
  CHECK(has(echo.get("/v1/sagas"), "GET /v1/sagas"));
}

TEST_CASE("a body at the limit is taken") {
  Echo echo;
  CHECK(
      has(echo.ask("POST /hooks/small HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"),
          "[0123456789]"));
  CHECK(has(echo.ask("POST /hooks/small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                     "chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n"),
            "[0123456789]"));
  CHECK(status_of(echo.ask("POST /v1/sagas HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n" +
                           std::string(1'048'576, 'x'))) == "200");
  CHECK(status_of(echo.get("/" + std::string(1'023, 'x'))) == "404");
}

TEST_CASE("who waits for 100 Continue gets it") {
  Echo echo;
  RawClient client(echo.port);
  client.send(
      "POST /v1/sagas HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(client.one() == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(has(client.send("{}").one(), "[{}]"));
}

TEST_CASE("slow heads and slow bodies are given up, idle connections are closed") {
  HttpServer::Options options;
  options.head_timeout_ms = 150;
  options.body_timeout_ms = 150;
  options.keep_alive_timeout_ms = 150;
  Echo echo(options);
  CHECK(status_of(RawClient(echo.port).send("GET /v1/sagas HTTP/1.1\r\nHos").rest()) == "408");
  CHECK(status_of(RawClient(echo.port)
                      .send("POST /v1/sagas HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
                      .rest()) == "408");
  CHECK(status_of(RawClient(echo.port)
                      .send("POST /v1/sagas HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                            "chunked\r\n\r\n5\r\nhel")
                      .rest()) == "408");
  CHECK(RawClient(echo.port).rest().empty());
  RawClient idle(echo.port);
  CHECK(status_of(idle.send("GET /v1/sagas HTTP/1.1\r\nHost: x\r\n\r\n").one()) == "200");
  CHECK(idle.rest().empty());
  CHECK(echo.handled == 1);
}

TEST_CASE("connections that wait for a thread are bounded, and the next is turned away with 503") {
  std::mutex mutex;
  std::condition_variable changed;
  bool go = false;
  int inside = 0;
  HttpServer::Options options;
  options.threads = 1;
  options.queue_max = 1;
  HttpServer server(options);
  server.route("GET", "/wait", [&](const HttpRequest&) {
    std::unique_lock lock(mutex);
    ++inside;
    changed.notify_all();
    changed.wait(lock, [&] { return go; });
    return plain("done");
  });
  const auto port = server.listen("127.0.0.1", 0);
  REQUIRE(port);
  const std::string request = "GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  RawClient first(*port);
  first.send(request);
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside == 1; });
  }
  RawClient second(*port), third(*port);
  second.send(request);
  const std::string refused = third.send(request).rest();
  CHECK(status_of(refused) == "503");
  CHECK(has(refused, "Retry-After: 1"));
  {
    const std::lock_guard lock(mutex);
    go = true;
  }
  changed.notify_all();
  CHECK(has(first.rest(), "done"));
  CHECK(has(second.rest(), "done"));
}

TEST_CASE("an idle connection gives its thread to one that waits") {
  HttpServer::Options options;
  options.threads = 1;
  options.keep_alive_timeout_ms = 60'000;
  Echo echo(options);
  RawClient idle(echo.port);
  CHECK(status_of(idle.send("GET /v1/sagas HTTP/1.1\r\nHost: x\r\n\r\n").one()) == "200");
  CHECK(status_of(echo.get("/v1/sagas")) == "200");
  CHECK(idle.rest().empty());
}

TEST_CASE("a connection that asks without a pause gives way to one that waits") {
  HttpServer::Options options;
  options.threads = 1;
  Echo echo(options);
  const std::string request = "GET /v1/sagas HTTP/1.1\r\nHost: x\r\n\r\n";
  RawClient busy(echo.port), waits(echo.port);
  CHECK(status_of(busy.send(request).one()) == "200");
  waits.send(request);
  int answers = 1;
  std::string answer;
  // What it has sent is always there already: it is never idle.
  for (busy.send(request); status_of(answer = busy.one()) == "200"; busy.send(request)) {
    ++answers;
    if (has(answer, "Connection: close")) break;
  }
  CHECK(answers >= 16);
  CHECK(answers < 900);
  CHECK(status_of(waits.one()) == "200");
}

TEST_CASE("many clients at once") {
  Echo echo;
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      auto client = std::make_unique<RawClient>(echo.port);
      for (int i = 0; i < 200; ++i) {
        const std::string reply =
            client->send("POST /v1/sagas HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}").one();
        if (status_of(reply) == "200") ++good;
        // Its thread goes to those who wait for one.
        if (reply.find("Connection: close") != std::string::npos)
          client = std::make_unique<RawClient>(echo.port);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 1600);
}

TEST_CASE("a port in use is said, and stop() ends everything") {
  Echo echo;
  HttpServer other;
  const auto bound = other.listen("127.0.0.1", echo.port);
  REQUIRE(!bound);
  CHECK(bound.error().code == ErrorCode::kUnavailable);
  RawClient idle(echo.port);
  CHECK(status_of(idle.send("GET /v1/sagas HTTP/1.1\r\nHost: x\r\n\r\n").one()) == "200");
  echo.server.stop();
  CHECK(idle.rest().empty());
  echo.server.stop();
}

TEST_CASE("what no route serves may go elsewhere") {
  HttpServer server;
  server.route("GET", "/a", [](const HttpRequest&) { return plain("a"); });
  server.otherwise([](const HttpRequest& request) {
    return plain("else " + request.method + " " + request.path);
  });
  const auto port = server.listen("127.0.0.1", 0);
  REQUIRE(port);
  CHECK(body_of(RawClient(*port).send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n").one()) == "a");
  CHECK(body_of(RawClient(*port).send("PUT /b/c HTTP/1.1\r\nHost: x\r\n\r\n").one()) ==
        "else PUT /b/c");
}

TEST_CASE("random bytes earn an answer or nothing, and never a crash") {
  Echo echo;
  std::uint64_t seed = 42;
  const auto next = [&] { return seed = seed * 6364136223846793005ULL + 1442695040888963407ULL; };
  const std::string good =
      "POST /v1/sagas HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
  for (int round = 0; round < 3000; ++round) {
    std::string bytes = good;
    for (std::uint64_t n = (next() >> 33) % 6; n-- > 0;)
      bytes[(next() >> 33) % bytes.size()] = static_cast<char>(next() >> 40);
    if (!bytes.ends_with("\r\n\r\nhello")) bytes += "\r\n\r\n";
    const std::size_t end = bytes.find("\r\n\r\n");
    (void)read_head(std::string_view(bytes).substr(0, end + 4));
    ChunkedBody chunks(100);
    (void)chunks.feed(bytes);
  }
  SUCCEED();
}
