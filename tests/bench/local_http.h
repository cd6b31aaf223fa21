// An HTTP server that costs nearly nothing, so that a benchmark of calls measures who calls: one
// thread, poll(), every request is answered at once with the same JSON.
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace belay::bench {

class LocalHttp {
 public:
  explicit LocalHttp(const std::string& body)
      : answer_("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 512) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::perror("the local server");
      std::exit(1);
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~LocalHttp() {
    stop_ = true;
    thread_.join();
    close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::uint64_t requests() const { return requests_; }

 private:
  void run() {
    std::unordered_map<int, std::string> clients;  // and what has come of the next request
    std::vector<pollfd> fds;
    while (!stop_) {
      fds.assign({{listener_, POLLIN, 0}});
      for (const auto& [fd, text] : clients) fds.push_back({fd, POLLIN, 0});
      poll(fds.data(), fds.size(), 100);
      for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
        const int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        clients.emplace(fd, "");
      }
      for (std::size_t i = 1; i < fds.size(); ++i) {
        if (fds[i].revents != 0 && !take(fds[i].fd, clients[fds[i].fd])) {
          close(fds[i].fd);
          clients.erase(fds[i].fd);
        }
      }
    }
    for (const auto& [fd, text] : clients) close(fd);
  }

  // False: it is gone.
  bool take(int fd, std::string& text) {
    char buffer[16 * 1024];
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n <= 0) return n < 0 && errno == EAGAIN;
    text.append(buffer, static_cast<std::size_t>(n));
    while (true) {
      const std::size_t head = text.find("\r\n\r\n");
      if (head == std::string::npos) return true;
      const std::size_t at = text.find("ontent-Length:");
      const std::size_t body = at < head ? std::strtoul(text.c_str() + at + 14, nullptr, 10) : 0;
      if (text.size() < head + 4 + body) return true;
      text.erase(0, head + 4 + body);
      requests_.fetch_add(1, std::memory_order_relaxed);
      if (send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(answer_.size()))
        return false;
    }
  }

  const std::string answer_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> requests_{0};
  std::thread thread_;
};

}  // namespace belay::bench
