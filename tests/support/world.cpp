// See world.h.
#include "tests/support/world.h"

#include <libpq-fe.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "runtime/store/private_postgres.h"

namespace belay::test {

namespace fs = std::filesystem;
using runtime::PrivatePostgres;

namespace {

constexpr char kWebhookSecret[] = "whsec_world";

void nap() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Of "host='/tmp/x' port=5432 …".
std::string socket_of(const std::string& connection) {
  const std::size_t from = connection.find("host='") + 6;
  return connection.substr(from, connection.find('\'', from) - from) + "/.s.PGSQL.5432";
}

}  // namespace

World::World(WorldOptions options) : options_(std::move(options)), random_(std::random_device{}()) {
  const std::string logs = options_.keep_logs.empty() ? folder_.path : options_.keep_logs;
  fs::create_directories(logs);
  start_postgres();
  apply_booking_schema();
  for (int i = 0; i < options_.nodes; ++i) nodes_.push_back({.port = free_port(), .process = {}});
  server_port_ = nodes_.front().port;
  if (options_.links) make_links();
  start_provider(logs);
  for (int i = 0; i < options_.nodes; ++i) {
    nodes_[static_cast<std::size_t>(i)] = make_node(i, logs);
    if (i > 0) node(i).start();
  }
  start_server();
  for (int i = 1; i < options_.nodes; ++i) wait_ready(i);
}

void World::start_provider(const std::string& logs) {
  const FaultProxy* webhooks = link(Link::To::kWebhooks, -1);
  const int port = webhooks == nullptr ? server_port_ : webhooks->port();
  std::vector<std::string> words = {BELAY_BINARY_DIR "/provider_sim",
                                    "--listen",
                                    "127.0.0.1:0",
                                    "--ledger",
                                    folder_.path + "/ledger.jsonl",
                                    "--webhook-url",
                                    "http://127.0.0.1:" + std::to_string(port) + "/hooks/stripe",
                                    "--webhook-secret",
                                    kWebhookSecret};
  for (const std::string& word : options_.provider_arguments) words.push_back(word);
  provider_ = Process(
      {.words = words, .environment = {}, .log = logs + "/provider.log", .ready = "listening on "});
  provider_.start();
  const std::string said = provider_.said();
  const std::size_t at = said.find("listening on ") + 13;
  provider_url_ = "http://" + said.substr(at, said.find('\n', at) - at);
  for (Link& link : links_) {
    if (link.to == Link::To::kProvider) link.proxy->set_target(provider_url_.substr(7));
  }
}

void World::make_links() {
  const std::string nowhere = "127.0.0.1:9";  // until it is known
  for (int i = 0; i < options_.nodes; ++i) {
    const std::string name = node_name(i);
    links_.push_back({Link::To::kDatabase, i, name + " to the database",
                      std::make_unique<FaultProxy>(socket_of(postgres_->connection_string()))});
    links_.push_back(
        {Link::To::kProvider, i, name + " to the provider", std::make_unique<FaultProxy>(nowhere)});
    links_.push_back(
        {Link::To::kNode, i, "other nodes to " + name,
         std::make_unique<FaultProxy>("127.0.0.1:" +
                                      std::to_string(nodes_[static_cast<std::size_t>(i)].port))});
  }
  links_.push_back(
      {Link::To::kClients, -1, "clients to the nodes", std::make_unique<FaultProxy>(nowhere)});
  links_.push_back(
      {Link::To::kWebhooks, -1, "the provider's webhooks", std::make_unique<FaultProxy>(nowhere)});
  std::vector<int> all;
  for (int i = 0; i < options_.nodes; ++i) all.push_back(i);
  balance(all);
  server_port_ = link(Link::To::kClients, -1)->port();
}

const FaultProxy* World::link(Link::To to, int node) const {
  for (const Link& link : links_) {
    if (link.to == to && link.node == node) return link.proxy.get();
  }
  return nullptr;
}

void World::balance(const std::vector<int>& nodes) {
  std::vector<std::string> targets;
  for (const int i : nodes)
    targets.push_back("127.0.0.1:" + std::to_string(nodes_.at(static_cast<std::size_t>(i)).port));
  for (Link& link : links_) {
    if (link.to == Link::To::kClients || link.to == Link::To::kWebhooks)
      link.proxy->set_targets(targets);
  }
}

World::Node World::make_node(int number, const std::string& logs) {
  Node node;
  node.port = nodes_[static_cast<std::size_t>(number)].port;
  const std::string workflows =
      options_.workflows.empty() ? BELAY_SOURCE_DIR "/workflows" : options_.workflows;
  std::string database = postgres_->connection_string(), provider = provider_url_;
  std::vector<std::string> words;
  if (options_.machines) words = {"/usr/bin/unshare", "--pid", "--fork", "--kill-child=SIGKILL"};
  std::vector<std::string> more;
  if (options_.links) {
    database = "host=127.0.0.1 port=" + std::to_string(link(Link::To::kDatabase, number)->port()) +
               " user=belay dbname=belay sslmode=disable gssencmode=disable";
    provider = "http://127.0.0.1:" + std::to_string(link(Link::To::kProvider, number)->port());
    more = {"--node", node_name(number), "--advertise",
            "http://127.0.0.1:" + std::to_string(link(Link::To::kNode, number)->port())};
  }
  for (const std::string& word :
       {std::string(BELAY_BINARY_DIR "/belay"), std::string("serve"), workflows,
        std::string("--database"), database, std::string("--listen"),
        "127.0.0.1:" + std::to_string(node.port)}) {
    words.push_back(word);
  }
  words.insert(words.end(), more.begin(), more.end());
  std::vector<std::pair<std::string, std::string>> environment = {
      {"STRIPE_URL", provider},
      {"MAIL_URL", provider},
      {"CALENDAR_URL", provider},
      {"BELAY_SEAL_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
      {"BELAY_SECRET_STRIPE_KEY", "sk_test_world"},
      {"BELAY_SECRET_STRIPE_WHSEC", kWebhookSecret},
      {"BELAY_SECRET_STRIPE_WHSEC_OLD", "whsec_of_last_year"},
      {"BELAY_SECRET_MAIL_KEY", "mail_test"},
      {"BELAY_SECRET_CALENDAR_KEY", "calendar_test"}};
  if (number + 1 == options_.nodes) {
    for (const auto& [name, value] : options_.last_node_environment)
      environment.emplace_back(name, value);
  }
  const std::string log =
      options_.nodes == 1 ? "/server.log" : "/node-" + node_name(number) + ".log";
  node.process =
      Process({.words = words, .environment = environment, .log = logs + log, .ready = ""});
  return node;
}

World::~World() = default;

void World::start_server() {
  server().start();
  wait_ready(0);
}

void World::wait_ready(int number) {
  for (int i = 0; i < 3000; ++i) {
    if (node_ready(number)) return;
    if (!node(number).running()) break;
    nap();
  }
  throw std::runtime_error("belay serve does not become ready:\n" + node(number).said());
}

void World::start_postgres() {
  if (postgres_ != nullptr) {
    if (auto again = postgres_->restart(); !again) throw std::runtime_error(again.error().message);
    return;
  }
  runtime::PrivatePostgresOptions options;
  options.directory = options_.postgres_directory.empty() ? folder_.path + "/postgres"
                                                          : options_.postgres_directory;
  options.settings = options_.postgres_settings;
  options.stop_on_exit = true;
  auto started = PrivatePostgres::start(std::move(options));
  if (!started) throw std::runtime_error(started.error().message);
  postgres_ = std::make_unique<PrivatePostgres>(std::move(*started));
  connection_ = postgres_->connection_string();
}

void World::kill_postgres() { postgres_->kill9(); }
bool World::postgres_running() const { return postgres_->running(); }

std::unique_ptr<PrivatePostgres> World::use_postgres(std::unique_ptr<PrivatePostgres> other) {
  std::swap(postgres_, other);
  {
    const std::lock_guard lock(connection_mutex_);
    connection_ = postgres_->connection_string();
  }
  for (Link& link : links_) {
    if (link.to == Link::To::kDatabase)
      link.proxy->set_target(socket_of(postgres_->connection_string()));
  }
  return other;
}

Reply World::ask_node(int node, const std::string& path, long timeout_ms) const {
  return ask({.method = "GET",
              .url = "http://127.0.0.1:" +
                     std::to_string(nodes_.at(static_cast<std::size_t>(node)).port) + path,
              .body = "",
              .headers = {},
              .timeout_ms = timeout_ms});
}

void World::apply_booking_schema() {
  sql(read_file(BELAY_SOURCE_DIR "/workflows/booking/schema.sql"));
}

Reply World::api(const std::string& method, const std::string& path, const json& body,
                 std::vector<std::string> headers) const {
  if (!body.is_null()) headers.push_back("Content-Type: application/json");
  return ask({.method = method,
              .url = server_url() + path,
              .body = body.is_null() ? "" : body.dump(),
              .headers = std::move(headers),
              .timeout_ms = options_.client_timeout_ms});
}

json World::saga(const std::string& id) const {
  Reply reply = api("GET", "/v1/sagas/" + id);
  return reply.body.is_object() ? std::move(reply.body) : json::object();
}

Reply World::act(const std::string& id, const std::string& path, json body) const {
  const Reply shown = api("GET", "/v1/sagas/" + id);
  const auto tag = shown.headers.find("etag");
  if (tag == shown.headers.end()) return shown;
  if (!body.contains("reason")) body["reason"] = "a test";
  return api("POST", "/v1/sagas/" + id + path, body,
             {"If-Match: " + tag->second, "Idempotency-Key: " + id + path + tag->second});
}

json World::wait_until(const std::string& id, const std::function<bool(const json&)>& wanted,
                       int seconds) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  json seen;
  for (;;) {
    if (Reply reply = api("GET", "/v1/sagas/" + id); reply.status == 200) {
      seen = std::move(reply.body);
      if (wanted(seen)) return seen;
    }
    if (std::chrono::steady_clock::now() > end) return seen;
    nap();
  }
}

json World::wait_ended(const std::string& id, int seconds) const {
  return wait_until(
      id,
      [](const json& saga) {
        const std::string status = text_at(saga, "/status");
        return status == "completed" || status == "compensated";
      },
      seconds);
}

std::string World::history(const std::string& id) const {
  const Reply reply = api("GET", "/v1/sagas/" + id + "/history?limit=500");
  std::string out;
  if (!reply.body.is_object() || !reply.body.contains("entries")) return reply.text;
  for (const json& entry : reply.body.at("entries")) {
    out += text_at(entry, "/seq") + " " + text_at(entry, "/text") + "\n";
    for (const json& follows : entry.value("follows", json::array()))
      out += "    " + follows.get<std::string>() + "\n";
  }
  return out;
}

std::string World::new_uuid() {
  char text[37];
  const std::uint64_t a = random_(), b = random_();
  std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%012llx", static_cast<unsigned>(a >> 32),
                static_cast<unsigned>(a >> 16 & 0xffff), static_cast<unsigned>(a & 0xfff),
                static_cast<unsigned>(0x8000 | (b >> 48 & 0x3fff)),
                static_cast<unsigned long long>(b & 0xffffffffffffULL));
  return text;
}

Booking World::new_booking() {
  Booking booking;
  booking.id = new_uuid();
  booking.resource = new_uuid();
  booking.customer = new_uuid();
  sql("INSERT INTO booking.resource (id, name) VALUES ('" + booking.resource + "', 'Room')");
  return booking;
}

json World::input_of(const Booking& booking) const {
  return {{"booking", booking.id},
          {"resource", booking.resource},
          {"customer", {{"id", booking.customer}, {"email", "anna@example.com"}}},
          {"starts_at", booking.starts_at},
          {"ends_at", booking.ends_at},
          {"price", {{"currency", "EUR"}, {"minor", booking.price_minor}}}};
}

std::string World::start(const Booking& booking) const {
  const Reply reply =
      api("POST", "/v1/sagas", {{"workflow", "confirm_booking"}, {"input", input_of(booking)}},
          {"Idempotency-Key: start-" + booking.id});
  if (!reply.ok())
    throw std::runtime_error("start answered " + std::to_string(reply.status) + " " + reply.text);
  return text_at(reply.body, "/id");
}

Reply World::pay(const Booking& booking, json more) const {
  more["booking"] = booking.id;
  Reply reply;
  for (int i = 0; i < 500; ++i) {
    reply = provider("POST", "/_control/pay_by_metadata", more);
    if (reply.status != 404) break;
    nap();
  }
  return reply;
}

Reply World::provider(const std::string& method, const std::string& path, const json& body) const {
  return ask({.method = method,
              .url = provider_url_ + path,
              .body = body.is_null() ? "" : body.dump(),
              .headers = {"Content-Type: application/json", "Authorization: Bearer sk_test_ops"}});
}

Reply World::provider_form(const std::string& path, const std::string& form,
                           const std::string& key) const {
  return ask({.method = "POST",
              .url = provider_url_ + path,
              .body = form,
              .headers = {"Content-Type: application/x-www-form-urlencoded",
                          "Authorization: Bearer sk_test_ops", "Idempotency-Key: " + key}});
}

json World::books_of(const Booking& booking) const {
  return ledger().at("by_booking").value(booking.id, json::object());
}

void World::faults(const json& rules) const {
  const Reply reply = provider("POST", "/_control/faults", rules);
  if (!reply.ok()) throw std::runtime_error("faults: " + reply.text);
}

void World::webhooks(const json& settings) const {
  const Reply reply = provider("POST", "/_control/webhooks", settings);
  if (!reply.ok()) throw std::runtime_error("webhooks: " + reply.text);
}

std::vector<json> World::requests(const Booking& booking, const std::string& text) const {
  std::vector<json> found;
  for (const json& request : provider("GET", "/_control/requests?n=10000").body) {
    const std::string line = text_at(request, "/method") + " " + text_at(request, "/path");
    if (text_at(request, "/booking") == booking.id && line.find(text) != std::string::npos)
      found.push_back(request);
  }
  return found;
}

std::vector<std::vector<std::string>> World::rows(const std::string& query) const {
  std::string where;
  {
    const std::lock_guard lock(connection_mutex_);
    where = connection_;
  }
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(where.c_str()), PQfinish);
  PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(
      PQexec(connection.get(), query.c_str()), PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK) return {};
  if (status != PGRES_TUPLES_OK) throw std::runtime_error(PQerrorMessage(connection.get()));
  std::vector<std::vector<std::string>> rows(static_cast<std::size_t>(PQntuples(result.get())));
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    for (int field = 0; field < PQnfields(result.get()); ++field)
      rows[static_cast<std::size_t>(row)].emplace_back(PQgetvalue(result.get(), row, field));
  }
  return rows;
}

std::string World::sql(const std::string& statement) const {
  const auto found = rows(statement);
  return found.empty() ? "" : found.front().front();
}

std::int64_t World::count(const std::string& from) const {
  return std::stoll(sql("SELECT count(*) FROM " + from));
}

std::string workflows_with(const std::string& folder, const std::string& file,
                           const std::string& from, const std::string& to) {
  fs::copy(BELAY_SOURCE_DIR "/workflows", folder, fs::copy_options::recursive);
  std::string text = read_file(folder + "/" + file);
  const std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error(file + " does not hold `" + from + "`");
  text.replace(at, from.size(), to);
  std::ofstream(folder + "/" + file) << text;
  return folder;
}

json step_of(const json& saga, const std::string& path) {
  if (!saga.is_object() || !saga.contains("steps")) return nullptr;
  for (const json& step : saga.at("steps")) {
    if (text_at(step, "/path") == path) return step;
  }
  return nullptr;
}

}  // namespace belay::test
