// Starts the real provider_sim, talks to it with libcurl, and listens for its webhooks. Every
// process and socket made here is ended here, by its own id.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace belay::provider::test {

struct Reply {
  long status = 0;  // 0: no answer came
  nlohmann::json body;
  std::map<std::string, std::string> headers;  // names in lower case
  int curl_code = 0;
};

// A folder under /tmp that goes when this does.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path;
};

class Simulator {
 public:
  explicit Simulator(std::vector<std::string> arguments = {});
  ~Simulator();
  Simulator(const Simulator&) = delete;
  Simulator& operator=(const Simulator&) = delete;

  void start();
  void kill_dash_nine();
  int terminate();  // SIGTERM; returns the exit code

  struct Ask {
    std::string method, path, body, key;
    bool json = false, signed_in = true;
    long timeout_ms = 10'000;
  };
  Reply ask(const Ask& ask) const;

  // Shorthands of ask().
  Reply form(const std::string& path, const std::string& body, const std::string& key) const;
  Reply get(const std::string& path) const;
  Reply control(const std::string& path, const nlohmann::json& body) const;
  nlohmann::json ledger() const { return get("/_control/ledger").body; }

  // A booking's intent, made and paid; returns its id.
  std::string authorised(const std::string& booking, int amount = 4500) const;

  std::string ledger_path() const { return folder_.path + "/ledger.jsonl"; }
  std::string base() const { return "http://127.0.0.1:" + port_; }

 private:
  Folder folder_;
  std::vector<std::string> arguments_;
  std::string port_ = "0";
  pid_t pid_ = 0;
};

// Takes webhooks on a free loopback port and answers each with the status set. One connection at a
// time, closed after use.
class Listener {
 public:
  struct Hook {
    std::string raw, signature;
    nlohmann::json event;
  };
  Listener();
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::string url() const;
  std::vector<Hook> hooks() const;
  // Waits until at least `count` came; returns what came, whether or not they did in time (10 s).
  std::vector<Hook> wait_for(std::size_t count) const;
  std::atomic<int> status{200};

 private:
  void work();
  void take(int socket);
  int socket_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Hook> hooks_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace belay::provider::test
