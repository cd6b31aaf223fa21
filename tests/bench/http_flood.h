// A client of the API as simple as there can be, on a socket of its own, and a flood of such ones
// in a process of its own: what `noisy_http` of load_bench measures (noisy_load.h).
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace belay::bench {

class ApiClient {
 public:
  struct Answer {
    int status = 0;  // 0: the connection was refused or ended
    int retry_after_s = 0;
    std::string body;
  };
  ApiClient(int port, std::string key) : port_(port), key_(std::move(key)) {}
  ~ApiClient() { end(); }
  ApiClient(const ApiClient&) = delete;
  ApiClient& operator=(const ApiClient&) = delete;

  // Waits for the answer. Each request has an Idempotency-Key, as it should.
  Answer start(const std::string& workflow, const std::string& order,
               const std::string& idempotency_key) {
    const std::string body =
        "{\"workflow\":\"" + workflow + "\",\"input\":{\"order\":\"" + order + "\"}}";
    const std::string request =
        "POST /v1/sagas HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port_) +
        "\r\nAuthorization: Bearer " + key_ + "\r\nIdempotency-Key: " + idempotency_key +
        "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    // A connection that was kept may have ended meanwhile; the key makes asking twice harmless.
    for (int tries = 0; tries < 2; ++tries) {
      const bool fresh = fd_ < 0;
      if (fresh && !begin()) return {};
      if (send(fd_, request.data(), request.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(request.size())) {
        Answer answer = receive();
        if (answer.status != 0) return answer;
      }
      end();
      if (fresh) return {};
    }
    return {};
  }

 private:
  bool begin() {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const timeval limit{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port_));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return true;
    end();
    return false;
  }
  void end() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  static std::string field(const std::string& head, const char* name) {
    const char* at = strcasestr(head.c_str(), name);
    return at == nullptr ? std::string() : std::string(at + std::strlen(name), 32);
  }
  Answer receive() {
    std::string text;
    char buffer[8 * 1024];
    while (true) {
      const std::size_t head_end = text.find("\r\n\r\n");
      if (head_end != std::string::npos) {
        const std::string head = text.substr(0, head_end) + std::string(64, ' ');
        const auto length = std::strtoul(field(head, "\r\nContent-Length:").c_str(), nullptr, 10);
        if (text.size() >= head_end + 4 + length) {
          Answer answer;
          answer.status = std::atoi(head.c_str() + std::strlen("HTTP/1.1 "));
          answer.retry_after_s = std::atoi(field(head, "\r\nRetry-After:").c_str());
          answer.body = text.substr(head_end + 4);
          if (strcasestr(head.c_str(), "\r\nConnection: close") != nullptr) end();
          return answer;
        }
      }
      const ssize_t n = recv(fd_, buffer, sizeof buffer, 0);
      if (n <= 0) return {};
      text.append(buffer, static_cast<std::size_t>(n));
    }
  }

  const int port_;
  const std::string key_;
  int fd_ = -1;
};

// The body of the flood's process: so many connections, each with its next start as soon as it has
// an answer, until nobody holds the other end of standard input. Prints what was answered.
inline int flood_over_http(int port, const std::string& key, int connections, bool patient) {
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> created{0}, refused{0}, failed{0};
  std::vector<std::thread> threads;
  const std::string order(180, 'x');
  for (int i = 0; i < connections; ++i) {
    threads.emplace_back([&, i] {
      ApiClient client(port, key);
      for (std::uint64_t n = 0; !over; ++n) {
        const ApiClient::Answer answer =
            client.start("bench_ok", order,
                         "flood-" + std::to_string(getpid()) + "-" + std::to_string(i) + "-" +
                             std::to_string(n));
        if (answer.status == 201)
          ++created;
        else
          ++(answer.status == 0 ? failed : refused);
        if (patient && answer.retry_after_s > 0)
          std::this_thread::sleep_for(std::chrono::seconds(answer.retry_after_s));
      }
    });
  }
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  std::printf("%llu %llu %llu\n", static_cast<unsigned long long>(created.load()),
              static_cast<unsigned long long>(refused.load()),
              static_cast<unsigned long long>(failed.load()));
  return 0;
}

// That process, from its start to stop().
class HttpFlood {
 public:
  struct Told {
    unsigned long long created = 0, refused = 0, failed = 0;
  };
  HttpFlood(int port, const std::string& key, int connections, bool patient) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) std::exit(1);
    const std::string p = std::to_string(port), c = std::to_string(connections);
    child_ = fork();
    if (child_ == 0) {
      dup2(in[0], STDIN_FILENO);
      dup2(out[1], STDOUT_FILENO);
      execl("/proc/self/exe", "load_bench", "--flood", p.c_str(), key.c_str(), c.c_str(),
            patient ? "patient" : "pressing", nullptr);
      _exit(127);
    }
    close(in[0]);
    close(out[1]);
    in_ = in[1];
    out_ = out[0];
  }
  Told stop() {
    close(in_);
    Told told;
    std::string text;
    char buffer[256];
    for (ssize_t n = 0; (n = read(out_, buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    close(out_);
    waitpid(child_, nullptr, 0);
    (void)std::sscanf(text.c_str(), "%llu %llu %llu", &told.created, &told.refused, &told.failed);
    return told;
  }

 private:
  pid_t child_ = -1;
  int in_ = -1, out_ = -1;
};

}  // namespace belay::bench
