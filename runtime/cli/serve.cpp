// Putting a service together. See serve.h.
#include "runtime/cli/serve.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "runtime/actions/world_runner.h"
#include "runtime/api/http_server.h"
#include "runtime/base/check.h"
#include "runtime/store/cell_reader.h"
#include "runtime/store/cells.h"
#include "runtime/store/migrations.h"
#include "runtime/store/retention.h"

namespace belay::runtime {

namespace {

// Makes the partitions of the coming months long before they are needed, for servers that run for a
// year, and lets what is old go (store/retention.h).
class Upkeep {
 public:
  Upkeep(PostgresOptions options, int keep_days) : options_(std::move(options)) {
    if (keep_days > 0) {
      RetentionOptions retention;
      retention.keep_days = keep_days;
      retention.pause = [this] { return !rest(std::chrono::milliseconds(50)); };
      retention_ = std::make_unique<Retention>(options_, std::move(retention));
    }
    thread_ = std::thread([this] { run(); });
  }
  ~Upkeep() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  const Retention* retention() const { return retention_.get(); }  // null: everything is kept

 private:
  // True when the end has come.
  template <class Duration>
  bool rest(Duration duration) {
    std::unique_lock lock(mutex_);
    return wake_.wait_for(lock, duration, [this] { return ended_; });
  }
  void run() {
    std::chrono::minutes pause = forget();
    while (!rest(pause)) {
      if (auto made = make_partitions(options_); !made)
        spdlog::error("partitions: {}", to_text(made.error()));
      pause = forget();
    }
  }
  // How long until the next time.
  std::chrono::minutes forget() {
    constexpr std::chrono::minutes kSoon(1), kLater(6 * 60);
    if (retention_ == nullptr) return kLater;
    Result<RetentionVisit> visit = retention_->visit();
    if (!visit) {
      spdlog::error("retention: {}", to_text(visit.error()));
      return kLater / 6;
    }
    using End = RetentionVisit::End;
    if (visit->end == End::kElsewhere) return kLater;
    if (visit->gone.unclaimed > 0)
      spdlog::warn("{}", to_text(*visit));
    else
      spdlog::info("{}", to_text(*visit));
    return visit->end == End::kMore ? kSoon : kLater;
  }

  const PostgresOptions options_;
  std::unique_ptr<Retention> retention_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ended_ = false;
  std::thread thread_;  // last: begins when the rest is there
};

// For /metrics.
void write_forgotten(const std::vector<const Retention*>& cells, std::string& out) {
  Forgotten total;
  for (const Retention* retention : cells) total += retention->total();
  const auto counter = [&](const char* what, const char* help, std::int64_t value) {
    const std::string name = std::string("belay_forgotten_") + what + "_total";
    out += "# HELP " + name + " " + help + "\n# TYPE " + name + " counter\n" + name + " " +
           std::to_string(value) + "\n";
  };
  counter("sagas", "Sagas that ended long ago and are gone", total.sagas);
  counter("months", "Months of journals and events that were dropped", total.months);
  counter("events", "Events that went with their month", total.events);
  counter("events_unclaimed", "Of these, what nobody had taken", total.unclaimed);
  counter("start_keys", "Start keys that are gone", total.start_keys);
  counter("requests", "Remembered requests that are gone", total.requests);
  counter("receipts", "Receipts of SQL actions that are gone", total.receipts);
}

}  // namespace

// In the order in which they are made; destroyed in reverse.
struct Service::Parts {
  std::unique_ptr<PrivatePostgres> postgres;
  std::string connection, url;
  std::unique_ptr<Store> store;
  std::unique_ptr<Reader> reader;
  SecretStore secrets;
  std::unique_ptr<WorldRunner> runner;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<api::Api> api;
  std::vector<std::unique_ptr<Upkeep>> upkeep;  // of each cell; /metrics asks it
  std::unique_ptr<HttpServer> server;
};

namespace {

std::string address_of(const dsl::Connector& connector) {
  const char* from_env =
      connector.base_env.empty() ? nullptr : std::getenv(connector.base_env.c_str());
  std::string base = from_env != nullptr && *from_env != '\0' ? from_env : connector.base;
  while (!base.empty() && base.back() == '/') base.pop_back();
  return base;
}

ConnectorConfig config_of(const dsl::Connector& c) {
  ConnectorConfig out;
  out.name = c.name;
  out.base_url = address_of(c);
  switch (c.sign_in) {
    case dsl::Connector::SignIn::kNone: out.sign_in = ConnectorConfig::SignIn::kNone; break;
    case dsl::Connector::SignIn::kBearer: out.sign_in = ConnectorConfig::SignIn::kBearer; break;
    case dsl::Connector::SignIn::kBasic: out.sign_in = ConnectorConfig::SignIn::kBasic; break;
    case dsl::Connector::SignIn::kHeader: out.sign_in = ConnectorConfig::SignIn::kHeader; break;
  }
  out.secret = c.secret;
  out.user = c.user;
  out.header = c.header;
  out.request_key_header = c.request_key_header;
  out.keys_remembered_s = c.keys_remembered_s;
  out.replays_errors = c.replays_errors;
  out.body = c.form ? ConnectorConfig::BodyKind::kForm : ConnectorConfig::BodyKind::kJson;
  out.per_second = c.per_second;
  out.at_once = c.at_once;
  out.breaker_failures = c.breaker_failures;
  out.breaker_rest_ms = c.breaker_rest_ms;
  out.timeout_ms = c.timeout_ms;
  out.allow_private = c.allow_private;
  return out;
}

WorldOptions world_options(const ServeOptions& options, const SecretStore& secrets,
                           const std::vector<PostgresOptions>& databases) {
  WorldOptions world;
  world.plugins = options.plugins;
  for (const dsl::Connector& connector : options.program.connectors)
    world.connectors.push_back(config_of(connector));
  world.secrets = secrets;
  world.sql.emplace();
  world.sql->database = databases.front();
  world.sql_cells = databases;
  world.sql->role = options.sql_role;
  world.on_incident = [](const std::string& connector, const std::string& what) {
    spdlog::error("connector {}: {}", connector, what);
  };
  return world;
}

Result<SealerPtr> sealer_of(const ServeOptions& options) {
  const char* key = std::getenv("BELAY_SEAL_KEY");
  if (key != nullptr && *key != '\0') {
    Result<SealerPtr> sealer = Sealer::from_text(key);
    if (!sealer)
      return fail(ErrorCode::kMisconfigured, "BELAY_SEAL_KEY: " + sealer.error().message,
                  sealer.error().hint);
    return sealer;
  }
  if (!options.seal_key_file.empty()) return Sealer::from_file(options.seal_key_file, false);
  if (!options.databases.empty()) return SealerPtr();
  const std::string file = options.data + "/seal.key";
  const bool needed =
      std::any_of(options.program.graphs.begin(), options.program.graphs.end(),
                  [](const interpreter::Graph& graph) { return graph.holds_private; });
  if (!needed && access(file.c_str(), F_OK) != 0) return SealerPtr();
  return Sealer::from_file(file, true);
}

// What a webhook may not take for itself.
Result<void> check_webhooks(const std::vector<dsl::Webhook>& webhooks) {
  for (const dsl::Webhook& webhook : webhooks) {
    const bool ours = webhook.path.starts_with("/v1/") || webhook.path == "/livez" ||
                      webhook.path == "/readyz" || webhook.path == "/metrics";
    if (ours || webhook.path.find('{') != std::string::npos) {
      return fail(
          ErrorCode::kMisconfigured,
          "webhook `" + webhook.name + "` has the path `" + webhook.path + "`, which is not free",
          "choose a path of its own, such as /hooks/" + webhook.name);
    }
  }
  return {};
}

Result<void> check_exposure(const ServeOptions& options, Reader& reader) {
  if (!options.http || is_loopback(options.host) || options.allow_public) return {};
  Result<std::vector<ApiKeyRow>> keys = reader.api_keys("");
  if (!keys) return fail(keys.error());
  const bool any =
      std::any_of(keys->begin(), keys->end(), [](const ApiKeyRow& key) { return !key.revoked_at; });
  if (any) return {};
  return fail(ErrorCode::kForbidden,
              "`" + options.host + "` is reached from outside, and there is no API key yet",
              "make one with `belay keys create`, or listen on 127.0.0.1, or say --allow-public");
}

// "http://[::1]:7070" → "[::1]", in lower case.
std::string host_of_url(const std::string& url) {
  const std::size_t begin = url.find("://");
  if (begin == std::string::npos) return {};
  std::string host = url.substr(begin + 3);
  const std::size_t bracket = host.find(']');
  host.resize(
      std::min(host.size(), host.find_first_of(":/", bracket == std::string::npos ? 0 : bracket)));
  std::transform(host.begin(), host.end(), host.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return host;
}

std::string node_name() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return std::string(host) + ":" + std::to_string(getpid());
}

// Threads that wait for other nodes come on top of those that serve.
HttpServer::Options server_options() {
  HttpServer::Options options;
  options.threads = limits::http_threads + limits::forwards_max + limits::mailed_requests_max;
  return options;
}

api::ApiOptions api_options(ServeOptions& options) {
  const bool loopback = is_loopback(options.host);
  api::ApiOptions out;
  out.keys_required = options.require_keys || !loopback;
  out.tenant = options.tenant;
  out.keep_days = options.keep_days;
  if (loopback) {
    out.hosts = {"localhost", "127.0.0.1", "[::1]", options.host};
    for (std::string host : options.hosts) {
      std::transform(host.begin(), host.end(), host.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      });
      out.hosts.push_back(host);
    }
  }
  out.events = options.program.events;
  out.webhooks = options.program.webhooks;
  out.forward.node = options.engine.node;
  out.forward.sealer = options.engine.sealer;
  // Other nodes call us by the host that we tell them.
  if (std::string peer = host_of_url(options.engine.address); loopback && !peer.empty())
    out.hosts.push_back(std::move(peer));
  return out;
}

}  // namespace

Service::Service(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Service::~Service() { stop(); }

Result<std::unique_ptr<Service>> Service::start(ServeOptions options) {
  if (auto free = check_webhooks(options.program.webhooks); !free) return fail(free.error());
  auto parts = std::make_unique<Parts>();
  Result<std::vector<PostgresOptions>> databases = connect_to_all(
      options.databases, options.data, options.stop_postgres, options.progress, parts->postgres);
  if (!databases) return fail(databases.error());
  parts->connection = databases->front().connection;

  for (PostgresOptions& database : *databases) database.lease_ms = options.engine.lease_ms;
  auto store = open_cells(*databases, options.writers);
  if (!store) return fail(store.error());
  parts->store = std::move(*store);
  auto reader = open_readers(*databases);
  if (!reader) return fail(reader.error());
  parts->reader = std::move(*reader);
  if (auto exposed = check_exposure(options, *parts->reader); !exposed)
    return fail(exposed.error());

  Result<SealerPtr> sealer = sealer_of(options);
  if (!sealer) return fail(sealer.error());
  options.engine.sealer = std::move(*sealer);
  if (options.engine.node.empty()) options.engine.node = node_name();
  parts->runner = std::make_unique<WorldRunner>(world_options(options, parts->secrets, *databases));
  auto engine = Engine::open(*parts->store, *parts->runner, options.engine);
  if (!engine) return fail(engine.error());
  parts->engine = std::move(*engine);
  for (const interpreter::Graph& graph : options.program.graphs) {
    if (auto installed = parts->engine->install(graph); !installed) return fail(installed.error());
  }

  std::vector<const Retention*> retentions;
  for (const PostgresOptions& database : *databases) {
    parts->upkeep.push_back(std::make_unique<Upkeep>(database, options.keep_days));
    if (const Retention* retention = parts->upkeep.back()->retention())
      retentions.push_back(retention);
  }
  if (options.http) {
    api::ApiOptions for_api = api_options(options);
    if (!retentions.empty()) {
      for_api.more_metrics = [retentions](std::string& out) { write_forgotten(retentions, out); };
    }
    parts->api = std::make_unique<api::Api>(*parts->engine, *parts->reader, parts->secrets,
                                            std::move(for_api));
    parts->server = std::make_unique<HttpServer>(server_options());
    for (const api::Route& route : parts->api->routes()) {
      parts->server->route(
          route.method, route.pattern,
          [api = parts->api.get(), &route](const HttpRequest& request) {
            return api->handle(route, request);
          },
          route.body_bytes_max);
    }
    Result<int> port = parts->server->listen(options.host, options.port);
    if (!port) return fail(port.error());
    const bool v6 = options.host.find(':') != std::string::npos;
    parts->url =
        "http://" + (v6 ? "[" + options.host + "]" : options.host) + ":" + std::to_string(*port);
  }
  return std::unique_ptr<Service>(new Service(std::move(parts)));
}

void Service::stop() {
  // The server stays until the lanes are handed over, so that nobody finds the door closed who
  // could be told more.
  if (parts_->api) parts_->api->begin_stop();
  if (parts_->engine) parts_->engine->stop();
  if (parts_->server) parts_->server->stop();
}

Engine& Service::engine() { return *parts_->engine; }
Reader& Service::reader() { return *parts_->reader; }
const std::string& Service::url() const { return parts_->url; }
const std::string& Service::connection() const { return parts_->connection; }
PrivatePostgres* Service::postgres() { return parts_->postgres.get(); }
const std::vector<api::Route>& Service::routes() const {
  BELAY_CHECK(parts_->api != nullptr, "the service was started with HTTP");
  return parts_->api->routes();
}

Result<dsl::CompiledProgram> compile_program(const std::string& directory,
                                             const PluginRegistry& plugins, bool colour) {
  const dsl::PluginCatalog catalog{plugins.names()};
  dsl::Compilation compilation = dsl::compile_workspace(directory, &catalog);
  if (compilation.ok()) return std::move(compilation.program);
  compilation.diagnostics.sort();
  return fail(ErrorCode::kInvalid,
              dsl::render_text(compilation.diagnostics, compilation.sources, colour));
}

std::string advertised(const std::string& host, int port) {
  const bool any = host == "0.0.0.0" || host == "::" || host == "[::]" || host == "*";
  if (any || port == 0) return {};
  const bool bare_v6 = host.find(':') != std::string::npos && !host.starts_with('[');
  return "http://" + (bare_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

Result<std::string> connect_to(const std::string& database, const std::string& data,
                               bool stop_postgres,
                               const std::function<void(std::string_view)>& progress,
                               std::unique_ptr<PrivatePostgres>& postgres) {
  if (!database.empty()) return database;
  PrivatePostgresOptions options;
  options.directory = data + "/postgres";
  options.stop_on_exit = stop_postgres;
  options.progress = progress;
  Result<PrivatePostgres> started = PrivatePostgres::start(std::move(options));
  if (!started) return fail(started.error());
  postgres = std::make_unique<PrivatePostgres>(std::move(*started));
  return postgres->connection_string();
}

namespace {

// "postgresql://a postgresql://b" is two; "host=a user=b" and a URL with commas are one.
std::vector<std::string> split_databases(const std::vector<std::string>& given) {
  std::vector<std::string> all;
  for (const std::string& text : given) {
    std::size_t begin = 0;
    for (std::size_t at = text.find("postgres", 1); at != std::string::npos;
         at = text.find("postgres", at + 1)) {
      const bool url =
          text.compare(at, 11, "postgres://") == 0 || text.compare(at, 13, "postgresql://") == 0;
      if (!url || std::isspace(static_cast<unsigned char>(text[at - 1])) == 0) continue;
      all.push_back(text.substr(begin, at - begin));
      begin = at;
    }
    all.push_back(text.substr(begin));
  }
  for (std::string& one : all) {
    while (!one.empty() && std::isspace(static_cast<unsigned char>(one.back())) != 0)
      one.pop_back();
  }
  std::erase_if(all, [](const std::string& one) { return one.empty(); });
  return all;
}

}  // namespace

Result<std::vector<PostgresOptions>> connect_to_all(
    const std::vector<std::string>& databases, const std::string& data, bool stop_postgres,
    const std::function<void(std::string_view)>& progress,
    std::unique_ptr<PrivatePostgres>& postgres) {
  std::vector<std::string> connections = split_databases(databases);
  if (connections.empty()) {
    Result<std::string> own = connect_to({}, data, stop_postgres, progress, postgres);
    if (!own) return fail(own.error());
    connections.push_back(std::move(*own));
  }
  const char* unsafe = std::getenv("BELAY_UNSAFE_COMMITS_FOR_TESTS");
  std::vector<PostgresOptions> all;
  for (std::string& connection : connections) {
    all.emplace_back();
    all.back().connection = std::move(connection);
    all.back().unsafe_commits_for_tests = unsafe != nullptr && std::string_view(unsafe) == "1";
    if (all.back().unsafe_commits_for_tests)
      spdlog::warn(
          "BELAY_UNSAFE_COMMITS_FOR_TESTS: a database that loses what it answered for is not "
          "refused; never do this "
          "but to see it lose something");
    if (auto migrated = migrate(all.back()); !migrated) return fail(migrated.error());
  }
  return all;
}

}  // namespace belay::runtime
