// cpp-httplib behind a strict reader. See http_server.h.
//
// The library accepts, and gives each connection to our task queue; from there `Front` (a derived
// httplib::Server) takes the socket, reads and judges each request by itself (http_reader.h), finds
// the route, and only then lets the library run: on a request of our own making, `GET / HTTP/1.1`,
// whose one handler is ours and whose answer it writes. So nothing of what a stranger sends reaches
// the library's parsers, and its limits do not matter. Works with the 0.11 of Debian 12 and the
// 0.18 of Debian 13: where their interfaces differ, `requires` decides.
#include "runtime/api/http_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <httplib.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/api/http_reader.h"
#include "runtime/base/check.h"

namespace belay::runtime {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kBacklog = 512;
constexpr int kIdleSlice_ms =
    50;  // how soon an idle connection notices that others wait, or a stop
constexpr std::size_t kRequestsAtOnce = 16;  // of a connection while others wait for a thread
constexpr int kLinger_ms = 500;  // after a refusal: let the answer arrive before the reset
constexpr std::size_t kLingerBytesMax = 4 * 1024 * 1024;

// ---- Routes

struct Route {
  std::string method;
  std::vector<std::string> segments;  // "{name}" is a hole
  HttpServer::Handler handler;
  std::size_t body_bytes_max = 0;
};

std::vector<std::string> split_path(std::string_view path) {
  std::vector<std::string> segments;
  path.remove_prefix(std::min<std::size_t>(1, path.size()));
  for (;;) {
    const std::size_t end = std::min(path.find('/'), path.size());
    segments.emplace_back(path.substr(0, end));
    if (end == path.size()) return segments;
    path.remove_prefix(end + 1);
  }
}

bool is_hole(const std::string& segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// Segments are decoded already. Where two routes fit, the one with a literal where the other has a
// hole wins.
bool fits(const Route& route, const std::vector<std::string>& segments) {
  if (route.segments.size() != segments.size()) return false;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (is_hole(route.segments[i]) ? segments[i].empty() : route.segments[i] != segments[i])
      return false;
  }
  return true;
}

bool more_literal(const Route& a, const Route& b) {
  for (std::size_t i = 0; i < a.segments.size(); ++i) {
    if (is_hole(a.segments[i]) != is_hole(b.segments[i])) return !is_hole(a.segments[i]);
  }
  return false;
}

struct Found {
  const Route* route = nullptr;
  std::set<std::string> methods;  // that the path has, when there is no route for this one
  std::map<std::string, std::string> params;
};

Found find_route(const std::vector<Route>& routes, const std::string& method,
                 const std::string& path) {
  std::vector<std::string> segments = split_path(path);
  for (std::string& segment : segments) segment = percent_decode(segment, false).value_or(segment);
  const std::string wanted = method == "HEAD" ? "GET" : method;
  Found found;
  for (const Route& route : routes) {
    if (!fits(route, segments)) continue;
    found.methods.insert(route.method);
    if (route.method != wanted) continue;
    if (found.route == nullptr || more_literal(route, *found.route)) found.route = &route;
  }
  if (found.route == nullptr) return found;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::string& segment = found.route->segments[i];
    if (is_hole(segment))
      found.params.emplace(segment.substr(1, segment.size() - 2), std::move(segments[i]));
  }
  return found;
}

std::string allow_text(std::set<std::string> methods) {
  if (methods.contains("GET")) methods.insert("HEAD");
  methods.insert("OPTIONS");
  std::string out;
  for (const std::string& method : methods) out += (out.empty() ? "" : ", ") + method;
  return out;
}

// ---- A connection

// The socket with deadlines, and the bytes that were read but not yet used. Blocks only in poll().
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}

  std::string in;

  enum class Read { kBytes, kTimeout, kClosed };
  Read read_some(Clock::time_point until) {
    char buffer[16 * 1024];
    for (;;) {
      const ssize_t n = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) {
        in.append(buffer, static_cast<std::size_t>(n));
        return Read::kBytes;
      }
      if (n == 0) return Read::kClosed;
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) return Read::kClosed;
      if (!wait_for(POLLIN, until)) return Read::kTimeout;
    }
  }

  bool write_all(std::string_view bytes, Clock::time_point until) {
    while (!bytes.empty()) {
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (!wait_for(POLLOUT, until)) return false;
      } else if (errno != EINTR) {
        return false;
      }
    }
    return true;
  }

  // After a refusal there may be unread bytes; closing at once would reset the connection and take
  // our answer along.
  void linger() {
    ::shutdown(fd_, SHUT_WR);
    const auto until = Clock::now() + milliseconds(kLinger_ms);
    std::size_t total = 0;
    in.clear();
    while (total < kLingerBytesMax && read_some(until) == Read::kBytes) {
      total += in.size();
      in.clear();
    }
  }

  bool wait_for(short events, Clock::time_point until) const {
    const auto left = std::chrono::duration_cast<milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd poll_fd{fd_, events, 0};
    const int ready = ::poll(&poll_fd, 1, static_cast<int>(left));
    return ready > 0 || (ready < 0 && errno == EINTR);
  }

  int fd() const { return fd_; }

 private:
  int fd_;
};

std::string remote_address_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in&>(address).sin_addr, text, sizeof text);
  } else if (address.ss_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6&>(address).sin6_addr, text, sizeof text);
  }
  return text;
}

// What the library reads and writes in place of the socket: our request in, its answer out.
class MadeRequest final : public httplib::Stream {
 public:
  explicit MadeRequest(std::string request) : request_(std::move(request)) {}
  std::string answer;

  bool is_readable() const override { return used_ < request_.size(); }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, std::size_t size) override {
    const std::size_t n = std::min(size, request_.size() - used_);
    std::copy_n(request_.data() + used_, n, to);
    used_ += n;
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char* from, std::size_t size) override {
    answer.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override { ip.clear(), port = 0; }
  void get_local_ip_and_port(std::string& ip, int& port) const override { ip.clear(), port = 0; }
  socket_t socket() const override { return 0; }

 private:
  std::string request_;
  std::size_t used_ = 0;
};

// The answer that the library's only handler gives, for this thread's connection.
thread_local const HttpResponse* answer_to_write = nullptr;
// Set while the accepting thread turns a connection away.
thread_local bool turning_away = false;

bool is_header_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && u != '\t') || u == 0x7f;
  });
}

void copy_answer(const HttpResponse& from, httplib::Response& to) {
  to.status = from.status;
  to.set_header("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : from.headers) {
    if (is_header_text(name) && is_header_text(value)) to.set_header(name.c_str(), value);
  }
  const bool no_body = from.status == 204 || from.status == 304;
  if (!no_body)
    to.set_content(from.body,
                   is_header_text(from.content_type) ? from.content_type.c_str() : "text/plain");
}

// ---- Threads

// Fixed threads over a bounded queue. What does not fit is run at once on the accepting thread, in
// the mode that only says 503.
class BoundedQueue {
 public:
  BoundedQueue(std::size_t threads, std::size_t queue_max) : queue_max_(queue_max) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  bool push(std::function<void()>& job) {
    {
      const std::lock_guard lock(mutex_);
      if (jobs_.size() >= queue_max_) return false;
      jobs_.push_back(std::move(job));
      waiting_.store(jobs_.size());
    }
    ready_.notify_one();
    return true;
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    ready_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  // How many connections wait for a thread.
  std::size_t waiting() const { return waiting_.load(); }

 private:
  void work() {
    for (;;) {
      std::function<void()> job;
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        job = std::move(jobs_.front());
        jobs_.pop_front();
        waiting_.store(jobs_.size());
      }
      job();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> jobs_;
  std::size_t queue_max_;
  std::atomic<std::size_t> waiting_{0};
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// void in 0.11, bool in 0.18.
using EnqueueResult =
    decltype(std::declval<httplib::TaskQueue&>().enqueue(std::function<void()>()));

class LibraryQueue final : public httplib::TaskQueue {
 public:
  explicit LibraryQueue(BoundedQueue& queue) : queue_(queue) {}
  EnqueueResult enqueue(std::function<void()> job) override {
    if (!queue_.push(job)) {
      turning_away = true;
      job();  // closes the socket
      turning_away = false;
    }
    return EnqueueResult(true);
  }
  void shutdown() override { queue_.stop(); }

 private:
  BoundedQueue& queue_;
};

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = std::min<rlim_t>(limit.rlim_max, 65536);
  if (limit.rlim_cur >= wanted) return;
  limit.rlim_cur = wanted;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

// ---- The server

struct HttpServer::Impl {
  Options options;
  std::vector<Route> routes;
  Handler fallback;
  std::atomic<bool> stopping{false};
  std::unique_ptr<BoundedQueue> queue;

  HttpResponse dispatch(HttpRequest& request, Found found) const {
    if (found.route != nullptr) {
      request.params = std::move(found.params);
      return guarded(found.route->handler, request);
    }
    if (!found.methods.empty()) {
      if (request.method == "OPTIONS") {
        HttpResponse response;
        response.status = 204;
        response.headers.emplace("Allow", allow_text(found.methods));
        return response;
      }
      HttpResponse response =
          problem(405, "method_not_allowed", "this path does not have this method");
      response.headers.emplace("Allow", allow_text(found.methods));
      return response;
    }
    if (fallback) return guarded(fallback, request);
    return problem(404, "not_found", "nothing is served at this path");
  }

  static HttpResponse guarded(const Handler& handler, const HttpRequest& request) {
    try {
      return handler(request);
    } catch (const std::exception& error) {
      spdlog::error("http: a handler threw: {}", error.what());
    } catch (...) {
      spdlog::error("http: a handler threw something that is no exception");
    }
    return problem(500, "internal", "the server failed; its log says why");
  }

  class Front;
  std::unique_ptr<Front> front;
  std::thread accepting;
};

class HttpServer::Impl::Front final : public httplib::Server {
 public:
  explicit Front(Impl& impl) : impl_(impl) {
    new_task_queue = [this]() -> httplib::TaskQueue* { return new LibraryQueue(*impl_.queue); };
    set_socket_options([](socket_t fd) {
      int yes = 1;
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes,
                 sizeof yes);  // not REUSEPORT: two servers would share a port
      fcntl(fd, F_SETFD, FD_CLOEXEC);
    });
    // What the library tells the other side in `Keep-Alive`; the loop is ours.
    set_keep_alive_timeout(std::max(1, impl_.options.keep_alive_timeout_ms / 1000));
    set_keep_alive_max_count(impl_.options.keep_alive_requests_max);
    Get("/", [](const httplib::Request&, httplib::Response& response) {
      copy_answer(*answer_to_write, response);
    });
  }

  // The library listens with a backlog of 5; listening again on the same socket only changes that.
  void deepen_backlog() { ::listen(svr_sock_, kBacklog); }

 private:
  bool process_and_close_socket(socket_t fd) override {
    if (turning_away || impl_.stopping.load()) {
      turn_away(fd);
    } else {
      fcntl(fd, F_SETFD, FD_CLOEXEC);
      int yes = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      serve(fd);
    }
    ::shutdown(fd, SHUT_RDWR);
    ::close(fd);
    return true;
  }

  // Never blocks: it may be the accepting thread's.
  void turn_away(int fd) {
    HttpResponse response = impl_.stopping.load()
                                ? problem(503, "shutting_down", "this server is stopping")
                                : problem(503, "overloaded", "too many connections are waiting");
    response.headers.emplace("Retry-After", "1");
    const std::string bytes = render(response, false, false);
    (void)send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(fd, SHUT_WR);
    char buffer[4096];
    while (recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
    }
  }

  void serve(int fd) {
    Connection connection(fd);
    const std::string remote = remote_address_of(fd);
    for (std::size_t count = 1; count <= impl_.options.keep_alive_requests_max; ++count) {
      if (connection.in.empty() && !wait_for_request(connection, count == 1)) return;
      const bool gives_way = count >= kRequestsAtOnce && impl_.queue->waiting() > 0;
      const bool last = gives_way || count == impl_.options.keep_alive_requests_max;
      if (!serve_one(connection, remote, last)) return;
    }
  }

  // False when the connection should end: idle for too long, others wait for the thread, or we
  // stop.
  bool wait_for_request(Connection& connection, bool first) {
    const auto until = Clock::now() + milliseconds(first ? impl_.options.head_timeout_ms
                                                         : impl_.options.keep_alive_timeout_ms);
    for (;;) {
      const auto slice = std::min(until, Clock::now() + milliseconds(kIdleSlice_ms));
      switch (connection.read_some(slice)) {
        case Connection::Read::kBytes: return true;
        case Connection::Read::kClosed: return false;
        case Connection::Read::kTimeout: break;
      }
      if (Clock::now() >= until || impl_.stopping.load()) return false;
      if (!first && impl_.queue->waiting() > 0) return false;
    }
  }

  // Reads, judges, dispatches and answers one request. False when the connection ends with it.
  bool serve_one(Connection& connection, const std::string& remote, bool last) {
    auto head = take_head(connection);
    if (!head) return head.error().status == 0 ? false : refuse(connection, head.error());
    Found found = find_route(impl_.routes, head->method, head->path);
    const std::size_t own_max = found.route != nullptr ? found.route->body_bytes_max : 0;
    auto body = take_body(connection, *head, own_max > 0 ? own_max : impl_.options.body_bytes_max);
    if (!body) return body.error().status == 0 ? false : refuse(connection, body.error());

    HttpRequest request;
    request.method = std::move(head->method);
    request.path = std::move(head->path);
    request.query = std::move(head->query);
    request.headers = std::move(head->headers);
    request.body = std::move(*body);
    request.remote_address = remote;
    const bool keep = head->keep_alive && !last && !impl_.stopping.load();
    const HttpResponse response = impl_.dispatch(request, std::move(found));
    return send_answer(connection, render(response, request.method == "HEAD", keep)) && keep;
  }

  tl::expected<RequestHead, Refusal> take_head(Connection& connection) {
    const auto until = Clock::now() + milliseconds(impl_.options.head_timeout_ms);
    std::size_t searched = 0;
    for (;;) {
      std::string& in = connection.in;
      if (searched == 0 && in.starts_with("\r\n")) in.erase(0, 2);  // some send one after a body
      const std::size_t end = in.find("\r\n\r\n", searched > 3 ? searched - 3 : 0);
      if (end != std::string::npos && end + 4 <= limits::header_bytes_max) {
        auto head = read_head(std::string_view(in).substr(0, end + 4));
        in.erase(0, end + 4);
        return head;
      }
      if (in.size() > limits::header_bytes_max) {
        const bool first_line = in.find("\r\n") > limits::request_path_max;
        return tl::unexpected(
            first_line ? Refusal{414, "too_large", "the path is longer than 1,024 characters"}
                       : Refusal{431, "too_large", "the headers are too large"});
      }
      searched = in.size();
      switch (connection.read_some(until)) {
        case Connection::Read::kBytes: break;
        case Connection::Read::kClosed: return tl::unexpected(Refusal{0, "", ""});
        case Connection::Read::kTimeout:
          return tl::unexpected(
              Refusal{408, "too_slow", "the head of the request did not come in time"});
      }
    }
  }

  tl::expected<std::string, Refusal> take_body(Connection& connection, const RequestHead& head,
                                               std::size_t bytes_max) {
    static constexpr Refusal kTooLarge{413, "too_large", "the body is too large"};
    const auto until = Clock::now() + milliseconds(impl_.options.body_timeout_ms);
    if (head.content_length > bytes_max) return tl::unexpected(kTooLarge);
    const bool has_body = head.chunked || head.content_length > 0;
    if (has_body && head.expects_continue && connection.in.empty() &&
        !connection.write_all("HTTP/1.1 100 Continue\r\n\r\n", until)) {
      return tl::unexpected(Refusal{0, "", ""});
    }
    ChunkedBody chunks(bytes_max);
    for (;;) {
      if (head.chunked) {
        switch (chunks.feed(connection.in)) {
          case ChunkedBody::State::kDone: return chunks.take();
          case ChunkedBody::State::kTooLarge: return tl::unexpected(kTooLarge);
          case ChunkedBody::State::kMalformed:
            return tl::unexpected(Refusal{400, "malformed", "the chunked body cannot be read"});
          case ChunkedBody::State::kMore: break;
        }
      } else if (connection.in.size() >= head.content_length) {
        const auto length = static_cast<std::size_t>(head.content_length);
        std::string body = connection.in.substr(0, length);
        connection.in.erase(0, length);
        return body;
      }
      switch (connection.read_some(until)) {
        case Connection::Read::kBytes: break;
        case Connection::Read::kClosed: return tl::unexpected(Refusal{0, "", ""});
        case Connection::Read::kTimeout:
          return tl::unexpected(Refusal{408, "too_slow", "the body did not come in time"});
      }
    }
  }

  // Answers and ends the connection: after a refusal nobody knows where the next request begins.
  bool refuse(Connection& connection, const Refusal& refusal) {
    if (send_answer(connection,
                    render(problem(refusal.status, refusal.code, refusal.detail), false, false))) {
      connection.linger();
    }
    return false;
  }

  bool send_answer(Connection& connection, const std::string& bytes) {
    return connection.write_all(bytes, Clock::now() + milliseconds(impl_.options.write_timeout_ms));
  }

  // The library writes the answer to the request that we made.
  std::string render(const HttpResponse& response, bool head_only, bool keep) {
    MadeRequest made(std::string(head_only ? "HEAD" : "GET") + " / HTTP/1.1\r\n\r\n");
    answer_to_write = &response;
    run_library(*this, made, !keep);
    answer_to_write = nullptr;
    return std::move(made.answer);
  }

  // A template, so that the call that does not exist in this version is never compiled.
  template <class Self>
  static void run_library(Self& self, MadeRequest& made, bool close_connection) {
    bool closed = false;
    const std::function<void(httplib::Request&)> nothing;
    if constexpr (requires { self.process_request(made, close_connection, closed, nothing); }) {
      self.process_request(made, close_connection, closed, nothing);
    } else {
      self.process_request(made, std::string(), 0, std::string(), 0, close_connection, closed,
                           nothing);
    }
  }

  Impl& impl_;
};

HttpServer::HttpServer() : HttpServer(Options{}) {}

HttpServer::HttpServer(Options options) : impl_(std::make_unique<Impl>()) {
  BELAY_CHECK(options.threads > 0, "a server needs a thread");
  BELAY_CHECK(options.threads + options.queue_max < limits::connections_max,
              "more connections than allowed");
  impl_->options = options;
}

HttpServer::~HttpServer() { stop(); }

void HttpServer::route(std::string method, std::string pattern, Handler handler,
                       std::size_t body_bytes_max) {
  BELAY_CHECK(!impl_->front, "routes are added before listen()");
  BELAY_CHECK(pattern.starts_with('/') && handler != nullptr, "a route needs a path and a handler");
  impl_->routes.push_back(
      {std::move(method), split_path(pattern), std::move(handler), body_bytes_max});
}

void HttpServer::otherwise(Handler handler) { impl_->fallback = std::move(handler); }

Result<int> HttpServer::listen(const std::string& host, int port) {
  BELAY_CHECK(!impl_->front, "listen() is called once");
  raise_descriptor_limit();
  auto front = std::make_unique<Impl::Front>(*impl_);
  const int bound =
      port == 0 ? front->bind_to_any_port(host) : (front->bind_to_port(host, port) ? port : -1);
  if (bound <= 0) {
    return fail(ErrorCode::kUnavailable, "cannot listen on " + host + ":" + std::to_string(port),
                "is another program using the port? choose one with --listen HOST:PORT");
  }
  front->deepen_backlog();
  impl_->queue = std::make_unique<BoundedQueue>(impl_->options.threads, impl_->options.queue_max);
  impl_->front = std::move(front);
  impl_->accepting = std::thread([impl = impl_.get()] { impl->front->listen_after_bind(); });
  // The library's stop() does nothing before it runs.
  while (!impl_->front->is_running()) std::this_thread::sleep_for(milliseconds(1));
  return bound;
}

void HttpServer::stop() {
  if (!impl_->accepting.joinable()) return;
  impl_->stopping.store(true);
  impl_->front->stop();
  impl_->accepting.join();
}

HttpResponse HttpServer::problem(int status, std::string_view code, std::string_view detail) {
  // Only our own static texts come here: nothing needs escaping.
  HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body = "{\"type\":\"urn:belay:problem:" + std::string(code) +
                  "\",\"title\":\"the request was refused\",\"status\":" + std::to_string(status) +
                  ",\"detail\":\"" + std::string(detail) + "\",\"code\":\"" + std::string(code) +
                  "\"}\n";
  if (status >= 500)
    response.body.replace(response.body.find("the request was refused"), 23,
                          "the server cannot do this now");
  return response;
}

}  // namespace belay::runtime
