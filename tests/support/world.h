// A whole world for a saga, from outside: a private Postgres with the booking tables, the payment provider in its own
// process with its own ledger, and `belay serve` over the shipped workflows. Everything is real, speaks over sockets,
// and can be killed. One World a test; it takes about three seconds to make.
#pragma once
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

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
  std::string workflows;                     // a folder; empty: the shipped ones
  std::vector<std::string> provider_arguments;
  std::string keep_logs;                     // a folder for the logs; empty: with the world's own, which goes
};

class World {
 public:
  explicit World(WorldOptions options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // ---- Processes. The starts wait until it really answers, and throw when it does not.
  void start_server();
  void start_postgres();
  Process& server() { return server_; }
  void kill_postgres();  // SIGKILL to the postmaster and its children, as if the power went
  bool postgres_running() const;

  // ---- Belay over HTTP.
  Reply api(const std::string& method, const std::string& path, const json& body = nullptr,
            std::vector<std::string> headers = {}) const;
  json saga(const std::string& id) const;  // {} when nobody answers
  // An act on what is shown now: reads the ETag, sends reason, If-Match and a key. `path`: "/cancel", "/steps/x/retry".
  Reply act(const std::string& id, const std::string& path, json body) const;
  // Reads the saga until `wanted` says yes; fails the wait after `seconds` and returns what was last seen.
  json wait_until(const std::string& id, const std::function<bool(const json&)>& wanted, int seconds = 30) const;
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
  Reply provider(const std::string& method, const std::string& path, const json& body = nullptr) const;
  Reply provider_form(const std::string& path, const std::string& form, const std::string& key) const;
  json ledger() const { return provider("GET", "/_control/ledger").body; }
  json books_of(const Booking& booking) const;  // the booking's line of the ledger
  void faults(const json& rules) const;
  void webhooks(const json& settings) const;
  // Requests that the provider has answered, of a booking, whose `METHOD path` holds the text.
  std::vector<json> requests(const Booking& booking, const std::string& text) const;

  // ---- The business's own tables.
  std::string sql(const std::string& statement) const;  // the first field of the first row; empty when there is none
  std::int64_t count(const std::string& from) const;    // SELECT count(*) FROM …

  const std::string& folder() const { return folder_.path; }
  std::string server_url() const { return "http://127.0.0.1:" + std::to_string(server_port_); }
  std::string provider_url() const { return provider_url_; }

 private:
  void apply_booking_schema();

  WorldOptions options_;
  Folder folder_;
  std::mt19937_64 random_;
  int server_port_ = 0;
  std::string provider_url_;
  std::unique_ptr<runtime::PrivatePostgres> postgres_;
  Process provider_, server_;
};

// A copy of the shipped workflows in `folder`, with a text replaced in one file. Throws when the text is not there.
std::string workflows_with(const std::string& folder, const std::string& file, const std::string& from,
                           const std::string& to);
// The step of a saga's JSON, or null.
json step_of(const json& saga, const std::string& path);

}  // namespace belay::test
