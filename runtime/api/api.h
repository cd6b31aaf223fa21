// The HTTP control API: the table of routes, and what every request passes on its way to a handler:
// host, access, role, parameters, and an end for every exception. Handlers live by subject in
// sagas.cpp, acts.cpp, events.cpp, workflows.cpp, webhooks.cpp, nodes.cpp and health.cpp; what
// belongs to another node goes there (forward.h). An answer of 2xx to anything that writes means
// committed (promise 1). Tested in tests/runtime/api_*_test.cpp with an engine that is made up, and
// in tests/system/api_test.cpp for real.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "runtime/api/forward.h"
#include "runtime/api/mailed.h"
#include "runtime/api/routes.h"
#include "runtime/base/secret.h"
#include "runtime/engine/engine.h"
#include "runtime/store/reader.h"

namespace belay::runtime::api {

class Nudger;

struct ApiOptions {
  bool keys_required =
      true;  // false: a request without a key is an admin's of `tenant` (loopback only)
  std::string tenant = "default";  // of requests without a key, and of webhooks
  // Names that the Host header may hold, without port; empty: any. Set on loopback against DNS
  // rebinding.
  std::vector<std::string> hosts;
  int keep_days = 0;  // what ended so long ago may be gone; 0: nothing ever is
  std::function<void(std::string&)> more_metrics;  // further lines of /metrics; may be empty
  std::vector<interpreter::EventType> events;      // all declared: what may be published
  std::vector<dsl::Webhook> webhooks;
  std::function<interpreter::Instant()>
      now;                 // wall clock; empty: the system's. For signatures and received_at
  ForwardOptions forward;  // what belongs to other nodes
};

// Counters of requests, for /metrics. Thread-safe.
class HttpMetrics {
 public:
  void count(const std::string& route, int status, std::int64_t us);
  void write(std::string& out) const;

 private:
  struct Cell {
    std::uint64_t requests = 0;
    std::int64_t us = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, Cell> cells_;
};

// Who may come in: API keys by their SHA-256, remembered for a few seconds, so that a revoked key
// ends soon and a busy one does not cost a query a request. Thread-safe.
class Access {
 public:
  Access(Reader& reader, const ApiOptions& options) : reader_(reader), options_(options) {}
  Read<Principal> who(const HttpRequest& request);

 private:
  Result<std::optional<ApiKeyRow>> find(const std::string& hash);

  struct Known {
    std::optional<ApiKeyRow> row;
    std::int64_t until_us = 0;
  };
  Reader& reader_;
  const ApiOptions& options_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  // by hash; bounded
};

// What handlers work with.
struct Context {
  Engine& engine;
  Reader& reader;
  SecretStore& secrets;
  ApiOptions options;
  HttpMetrics metrics;
  Forwarder forwarder{engine, options.forward};
  std::atomic<bool> stopping{false};  // set once

  interpreter::Instant now() const;
  const interpreter::EventType* event(std::string_view name) const;
};

class Api {
 public:
  // All three outlive the Api.
  Api(Engine& engine, Reader& reader, SecretStore& secrets, ApiOptions options);

  const std::vector<Route>& routes() const { return routes_; }
  ~Api();
  // One request to one of the routes(). Any thread. Never throws.
  HttpResponse handle(const Route& route, const HttpRequest& request);

  // Before the engine stops: /readyz says no, and what the engine refuses from now on is handed
  // over to other nodes.
  void begin_stop();

 private:
  HttpResponse answer(const Route& route, const HttpRequest& request);
  HttpResponse mailed(const Route& route, const HttpRequest& request, const Principal& who);
  HttpResponse carry_out(const Call& call);

  Context context_;
  Access access_;
  std::vector<Route> routes_;
  std::shared_ptr<MailDesk> desk_;  // the engine's hooks know these while they are there
  std::shared_ptr<Nudger> nudger_;
};

// The stored body of an entry, opened if it is sealed and the saga's key is there.
Result<std::string> body_of(const SagaView& view, const JournalRow& row);

// Each adds its rows. The context outlives the routes.
void add_saga_routes(std::vector<Route>& routes, Context& context);
void add_act_routes(std::vector<Route>& routes, Context& context);
void add_erase_route(std::vector<Route>& routes, Context& context);
void add_question_routes(std::vector<Route>& routes, Context& context);
void add_migrate_routes(std::vector<Route>& routes, Context& context);
void add_event_routes(std::vector<Route>& routes, Context& context);
void add_workflow_routes(std::vector<Route>& routes, Context& context);
void add_webhook_routes(std::vector<Route>& routes, Context& context);
void add_health_routes(std::vector<Route>& routes, Context& context);
void add_node_routes(std::vector<Route>& routes, Context& context);

// A saga of the caller's tenant, or the answer that there is none, or (409 `quarantined`) that it
// is set aside.
Read<SagaView> find_saga(Context& context, const Call& call);
// The row of one that is quarantined: the engine does not show it. Nothing when it is not.
std::optional<InstanceRow> quarantined_row(Context& context, const Call& call);
// Says so, and what may be done.
Problem quarantined_problem(const InstanceRow& row);
// A picture in the format of the query (`json` when it is not said).
HttpResponse draw(const interpreter::Graph& graph, const std::string& format);
// A new API key: what its owner keeps. Only its SHA-256 is stored.
std::string make_api_key();

}  // namespace belay::runtime::api
