// Routes, threads and endings of connections; see server.h. cpp-httplib 0.11.4 lives only here.
#include "examples/provider_sim/server.h"

#include <httplib.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "examples/provider_sim/connection.h"
#include "examples/provider_sim/provider.h"
#include "examples/provider_sim/request.h"

namespace belay::provider {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::size_t kPathMax =
    1024;  // httplib matches with std::regex, which recurses over the path
constexpr std::size_t kBodyMax = 256 * 1024;
constexpr std::size_t kLogMax = 10'000;
constexpr int kThreadsMax = 512;
constexpr int kBacklog = 512;

std::int64_t wall_ms() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// A thread for every open connection, as httplib wants, grown on demand: a request that is kept in
// silence, or a pooled connection that idles, then blocks nobody else.
class GrowingPool : public httplib::TaskQueue {
 public:
  // void, bool in later versions.
  using EnqueueResult =
      decltype(std::declval<httplib::TaskQueue&>().enqueue(std::function<void()>()));
  EnqueueResult enqueue(std::function<void()> task) override {
    std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    if (static_cast<int>(tasks_.size()) > idle_ && threads_.size() < kThreadsMax)
      threads_.emplace_back([this] { work(); });
    else
      wake_.notify_one();
    return EnqueueResult(true);
  }
  void shutdown() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      wake_.wait(lock, [this] { return stopping_ || !tasks_.empty(); });
      --idle_;
      if (tasks_.empty()) return;
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  std::vector<std::thread> threads_;
  int idle_ = 0;
  bool stopping_ = false;
};

// httplib listens with a backlog of 5; asking again on the same socket raises it.
class Listener : public httplib::Server {
 public:
  void widen_backlog() { ::listen(svr_sock_, kBacklog); }
};

void answer_json(httplib::Response& response, int status, const std::string& body) {
  response.status = status;
  response.set_content(body, "application/json");
}

void answer_error(httplib::Response& response, int status, const std::string& code,
                  const std::string& message) {
  answer_json(response, status,
              to_text(refusal(status, "invalid_request_error", code, message).body));
}

}  // namespace

struct Server::Body {
  explicit Body(Provider& owner) : provider(owner) {}

  void serve_api(const httplib::Request& request, httplib::Response& response);
  void serve_control(const httplib::Request& request, httplib::Response& response);
  bool control_get(const httplib::Request& request, httplib::Response& response);
  bool control_post(const std::string& path, const json& body, httplib::Response& response);
  void change(const std::optional<std::string>& wrong, const json& now,
              httplib::Response& response);
  void wait(int socket, int ms) const;
  void note(const httplib::Request& request, const Answer& answer, std::int64_t started_ms);

  Provider& provider;
  Listener http;
  int port = 0;
  std::atomic<bool> stopping{false};
  std::atomic<int> in_progress{0};
  std::mutex log_mutex;
  std::deque<json> log;
};

Server::Server(Provider& provider) : body_(std::make_unique<Body>(provider)) {
  Body& body = *body_;
  body.http.new_task_queue = [] { return new GrowingPool; };
  body.http.set_payload_max_length(kBodyMax);
  body.http.set_keep_alive_max_count(1'000'000);
  body.http.set_keep_alive_timeout(60);
  body.http.set_read_timeout(5);
  body.http.set_tcp_nodelay(true);
  // Not httplib's default, which shares a port between processes in silence.
  body.http.set_socket_options([](int socket) {
    int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  body.http.set_exception_handler(
      [](const httplib::Request&, httplib::Response& response, std::exception_ptr thrown) {
        try {
          std::rethrow_exception(thrown);
        } catch (const std::exception& error) {
          std::fprintf(stderr, "provider_sim: %s\n", error.what());
        } catch (...) {
        }
        answer_error(response, 500, "simulator_bug", "the simulator itself failed, see its stderr");
      });
  auto serve = [&body](const httplib::Request& request, httplib::Response& response) {
    ++body.in_progress;
    struct Leave {
      std::atomic<int>& count;
      ~Leave() { --count; }
    } leave{body.in_progress};
    if (request.path.starts_with("/_control/"))
      body.serve_control(request, response);
    else
      body.serve_api(request, response);
  };
  // A body nobody announced is read until the caller hangs up, so `curl -X POST` without data is
  // served before that.
  body.http.set_pre_routing_handler(
      [serve](const httplib::Request& request, httplib::Response& response) {
        if (request.path.size() > kPathMax) {
          answer_error(response, 414, "path_too_long", "the path has more than 1024 bytes");
          return httplib::Server::HandlerResponse::Handled;
        }
        const bool bodiless =
            !request.has_header("Content-Length") && !request.has_header("Transfer-Encoding");
        if (!bodiless || (request.method != "POST" && request.method != "DELETE"))
          return httplib::Server::HandlerResponse::Unhandled;
        serve(request, response);
        return httplib::Server::HandlerResponse::Handled;
      });
  body.http.Get("/.*", serve);
  body.http.Post("/.*", serve);
  body.http.Delete("/.*", serve);
}

Server::~Server() = default;

int Server::bind(const std::string& host, int port) {
  if (port == 0)
    body_->port = body_->http.bind_to_any_port(host);
  else
    body_->port = body_->http.bind_to_port(host, port) ? port : 0;
  if (body_->port <= 0) return 0;
  body_->http.widen_backlog();
  return body_->port;
}

void Server::run() { body_->http.listen_after_bind(); }

void Server::stop(int grace_ms) {
  body_->stopping = true;
  body_->http.stop();
  for (int waited = 0; waited < grace_ms && body_->in_progress > 0; waited += 10)
    std::this_thread::sleep_for(milliseconds(10));
}

void Server::Body::serve_api(const httplib::Request& request, httplib::Response& response) {
  const std::int64_t started_ms = wall_ms();
  const int socket = find_connection(port, request.remote_port);
  Call call;
  call.method = request.method;
  call.path = request.path;
  call.raw = request.body;
  call.key = request.get_header_value("Idempotency-Key");
  call.bearer = bearer_in(request.get_header_value("Authorization"));
  call.wait = [this, socket](int ms) { wait(socket, ms); };
  if (request.method == "GET") {
    for (const auto& [name, value] : request.params) call.arguments.fields[name] = value;
  } else if (request.get_header_value("Content-Type").starts_with("application/json")) {
    auto body = parse_json(request.body);
    if (!body)
      return answer_error(response, 400, "parameter_invalid",
                          "the body is not JSON that we can read");
    call.arguments.body = *std::move(body);
  } else {
    call.arguments.fields = parse_form(request.body);
  }

  Answer answer = provider.handle(call);
  note(request, answer, started_ms);
  if (answer.ending != Ending::kAnswer) {
    if (answer.ending == Ending::kHold) wait(socket, answer.hold_ms);
    reset_connection(socket);
    return;
  }
  if (answer.replayed) response.set_header("Idempotent-Replayed", "true");
  if (!call.key.empty()) response.set_header("Idempotency-Key", call.key);
  if (answer.retry_later) response.set_header("Retry-After", "1");
  answer_json(response, answer.status, answer.body);
}

// Until `ms` have passed, the caller has hung up or the server stops.
void Server::Body::wait(int socket, int ms) const {
  const auto end = std::chrono::steady_clock::now() + milliseconds(ms);
  while (!stopping && !peer_is_gone(socket)) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return;
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(left, milliseconds(10)));
  }
}

void Server::Body::note(const httplib::Request& request, const Answer& answer,
                        std::int64_t started_ms) {
  json entry = {{"at", started_ms},
                {"ms", wall_ms() - started_ms},
                {"method", request.method},
                {"path", request.path},
                {"key", request.get_header_value("Idempotency-Key")},
                {"status", answer.ending == Ending::kAnswer ? answer.status : 0},
                {"replayed", answer.replayed},
                {"fault", answer.fault},
                {"booking", answer.booking}};
  std::lock_guard lock(log_mutex);
  log.push_back(std::move(entry));
  if (log.size() > kLogMax) log.pop_front();
}

void Server::Body::serve_control(const httplib::Request& request, httplib::Response& response) {
  if (request.method == "GET") {
    if (control_get(request, response)) return;
  } else if (request.method == "DELETE" && request.path == "/_control/faults") {
    provider.faults().clear();
    return answer_json(response, 200, "[]");
  } else if (request.method == "POST") {
    auto body = request.body.empty() ? json::object() : parse_json(request.body);
    if (!body)
      return answer_error(response, 400, "parameter_invalid",
                          "the body is not JSON that we can read");
    try {
      if (control_post(request.path, *body, response)) return;
    } catch (const json::exception& error) {
      return answer_error(response, 400, "parameter_invalid", error.what());
    }
  }
  answer_error(response, 404, "resource_missing", "no such control endpoint");
}

bool Server::Body::control_get(const httplib::Request& request, httplib::Response& response) {
  const std::string& path = request.path;
  if (path == "/_control/health") return answer_json(response, 200, R"({"status":"ok"})"), true;
  if (path == "/_control/ledger")
    return answer_json(response, 200, to_text(provider.summary())), true;
  if (path == "/_control/faults")
    return answer_json(response, 200, to_text(provider.faults().list())), true;
  if (path == "/_control/webhooks")
    return answer_json(response, 200, to_text(provider.webhooks().describe())), true;
  if (path == "/_control/ledger/lines")
    return response.set_content(provider.ledger_text(), "application/x-ndjson"), true;
  if (path != "/_control/requests") return false;
  std::size_t wanted = 100;
  if (request.has_param("n"))
    wanted = std::strtoul(request.get_param_value("n").c_str(), nullptr, 10);
  json entries = json::array();
  std::lock_guard lock(log_mutex);
  for (std::size_t i = log.size() - std::min(wanted, log.size()); i < log.size(); ++i)
    entries.push_back(log[i]);
  answer_json(response, 200, to_text(entries));
  return true;
}

bool Server::Body::control_post(const std::string& path, const json& body,
                                httplib::Response& response) {
  constexpr char kPay[] = "/_control/pay/";
  auto send = [&](const Answer& answer) {
    return answer_json(response, answer.status, answer.body), true;
  };
  auto pays = [&](std::string intent) {
    CustomerPays by_customer{.intent = std::move(intent), .decline = body.value("decline", false)};
    if (body.contains("amount")) by_customer.amount = body.at("amount").get<std::int64_t>();
    return by_customer;
  };
  if (path.starts_with(kPay)) return send(provider.pay(pays(path.substr(sizeof kPay - 1))));
  if (path == "/_control/pay_by_metadata")
    return send(provider.pay_by_booking(body.at("booking").get<std::string>(), pays("")));
  if (path == "/_control/clock")
    return send(provider.advance_clock(body.at("advance_s").get<std::int64_t>()));
  if (path == "/_control/keys")
    return send(provider.remember_keys_for(body.at("remember_for_s").get<std::int64_t>()));
  if (path == "/_control/faults") {
    const auto wrong = provider.faults().set(body);
    return change(wrong, provider.faults().list(), response), true;
  }
  if (path == "/_control/faults/first")
    return change(provider.faults().add_first(body), {{"status", "ok"}}, response), true;
  if (path == "/_control/webhooks") {
    const auto wrong = provider.webhooks().change(body);
    return change(wrong, provider.webhooks().describe(), response), true;
  }
  if (path == "/_control/customer") {
    provider.set_auto_pay(body.at("auto_pay").get<bool>());
    return change(std::nullopt, {{"auto_pay", provider.auto_pay()}}, response), true;
  }
  if (path == "/_control/api_key") {
    provider.set_api_key(body.at("key").get<std::string>());
    return change(std::nullopt, {{"status", "ok"}}, response), true;
  }
  return false;
}

void Server::Body::change(const std::optional<std::string>& wrong, const json& now,
                          httplib::Response& response) {
  if (wrong) return answer_error(response, 400, "parameter_invalid", *wrong);
  answer_json(response, 200, to_text(now));
}

}  // namespace belay::provider
