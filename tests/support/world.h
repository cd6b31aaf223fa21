// A whole world for a saga, from outside: a private Postgres with the booking tables, the payment
// provider in its own process with its own ledger, and `belay serve` over the shipped workflows.
// Everything is real, speaks over sockets, and can be killed. One World a test; it takes about
// three seconds to make.
//
// With `links` there are several nodes, and a FaultProxy on every way between two of them: each
// node reaches Postgres and the provider through proxies of its own, the other nodes reach it
// through another, and clients and webhooks come in through one each, which spread over the nodes
// as a load balancer does.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "tests/support/fault_proxy.h"
#include "tests/support/http.h"
#include "tests/support/process.h"

namespace belay::runtime {
class PrivatePostgres;
}

namespace belay::test {

using nlohmann::json;

struct Booking {
  std::string id, resource, customer;
  std::string starts_at = "2031-05-04T10:00:00Z", ends_at = "2031-05-04T11:00:00Z";
  std::int64_t price_minor = 4990;
};

struct WorldOptions {
  std::string workflows;  // a folder; empty: the shipped ones
  std::vector<std::string> provider_arguments;
  std::string keep_logs;  // a folder for the logs; empty: with the world's own, which goes
  int nodes = 1;
  bool links = false;
  // Each node in a pid namespace of its own (needs root): the others cannot see that it died and
  // wait for its lease, as between machines.
  bool machines = false;
  std::string postgres_directory;  // empty: in the world's folder
  std::map<std::string, std::string> postgres_settings;
  std::map<std::string, std::string> last_node_environment;  // of the last node alone
  long client_timeout_ms = 20'000;
};

class World {
 public:
  explicit World(WorldOptions options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // ---- Processes. The starts wait until it really answers, and throw when it does not.
  void start_server();  // the first node
  void start_postgres();
  Process& server() { return nodes_.front().process; }
  void kill_postgres();  // SIGKILL to the postmaster and its children, as if the power went
  bool postgres_running() const;

  // ---- Several nodes.
  static std::string node_name(int node) { return std::string(1, static_cast<char>('a' + node)); }
  int nodes() const { return static_cast<int>(nodes_.size()); }
  Process& node(int node) { return nodes_.at(static_cast<std::size_t>(node)).process; }
  // Asks a node itself, past all links.
  Reply ask_node(int node, const std::string& path, long timeout_ms = 1000) const;
  bool node_ready(int node) const { return ask_node(node, "/readyz").status == 200; }
  // Where clients and webhooks go from now on: to these nodes. Any thread.
  void balance(const std::vector<int>& nodes);
  struct Link {
    enum class To : std::uint8_t { kDatabase, kProvider, kNode, kClients, kWebhooks };
    To to;
    int node;          // -1: not of one node
    std::string name;  // "a to the database"
    std::unique_ptr<FaultProxy> proxy;
  };
  std::vector<Link>& links() { return links_; }
  runtime::PrivatePostgres& postgres() { return *postgres_; }
  // Another server from now on, also for the links; returns the one before.
  std::unique_ptr<runtime::PrivatePostgres> use_postgres(
      std::unique_ptr<runtime::PrivatePostgres> other);

  // ---- Belay over HTTP.
  Reply api(const std::string& method, const std::string& path, const json& body = nullptr,
            std::vector<std::string> headers = {}) const;
  json saga(const std::string& id) const;  // {} when nobody answers
  // An act on what is shown now: reads the ETag, sends reason, If-Match and a key. `path`:
  // "/cancel", "/steps/x/retry".
  Reply act(const std::string& id, const std::string& path, json body) const;
  // Reads the saga until `wanted` says yes; fails the wait after `seconds` and returns what was
  // last seen.
  json wait_until(const std::string& id, const std::function<bool(const json&)>& wanted,
                  int seconds = 30) const;
  json wait_ended(const std::string& id, int seconds = 30) const;
  // The words of its history, one line each.
  std::string history(const std::string& id) const;

  // ---- Bookings.
  Booking new_booking();  // of a resource of its own
  std::string new_uuid();
  json input_of(const Booking& booking) const;
  // Starts confirm_booking; the saga's id. Throws when the answer is no 2xx.
  std::string start(const Booking& booking) const;
  // The customer pays, as soon as there is something to pay.
  Reply pay(const Booking& booking, json more = json::object()) const;

  // ---- The provider.
  Reply provider(const std::string& method, const std::string& path,
                 const json& body = nullptr) const;
  Reply provider_form(const std::string& path, const std::string& form,
                      const std::string& key) const;
  json ledger() const { return provider("GET", "/_control/ledger").body; }
  json books_of(const Booking& booking) const;  // the booking's line of the ledger
  void faults(const json& rules) const;
  void webhooks(const json& settings) const;
  // Requests that the provider has answered, of a booking, whose `METHOD path` holds the text.
  std::vector<json> requests(const Booking& booking, const std::string& text) const;

  // ---- The business's own tables.
  std::string sql(const std::string& statement)
      const;  // the first field of the first row; empty when there is none
  std::int64_t count(const std::string& from) const;  // SELECT count(*) FROM …

  // All rows of one query, as text; NULL is empty.
  std::vector<std::vector<std::string>> rows(const std::string& query) const;

  const std::string& folder() const { return folder_.path; }
  std::string server_url() const { return "http://127.0.0.1:" + std::to_string(server_port_); }
  std::string provider_url() const { return provider_url_; }

 private:
  struct Node {
    int port = 0;
    Process process;
  };
  void apply_booking_schema();
  void start_provider(const std::string& logs);
  void wait_ready(int number);
  void make_links();
  Node make_node(int number, const std::string& logs);
  const FaultProxy* link(Link::To to, int node) const;

  WorldOptions options_;
  Folder folder_;
  std::mt19937_64 random_;
  int server_port_ = 0;  // where clients go
  std::string provider_url_;
  std::unique_ptr<runtime::PrivatePostgres> postgres_;
  mutable std::mutex connection_mutex_;
  std::string connection_;  // of postgres_
  std::vector<Link> links_;
  Process provider_;
  std::vector<Node> nodes_;
};

// A copy of the shipped workflows in `folder`, with a text replaced in one file. Throws when the
// text is not there.
std::string workflows_with(const std::string& folder, const std::string& file,
                           const std::string& from, const std::string& to);
// The step of a saga's JSON, or null.
json step_of(const json& saga, const std::string& path);

}  // namespace belay::test
