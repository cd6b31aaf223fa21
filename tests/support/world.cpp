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

}  // namespace

World::World(WorldOptions options) : options_(std::move(options)), random_(std::random_device{}()) {
  const std::string logs = options_.keep_logs.empty() ? folder_.path : options_.keep_logs;
  fs::create_directories(logs);
  start_postgres();
  apply_booking_schema();

  server_port_ = free_port();
  std::vector<std::string> words = {BELAY_BINARY_DIR "/provider_sim", "--listen", "127.0.0.1:0", "--ledger",
                                    folder_.path + "/ledger.jsonl", "--webhook-url", server_url() + "/hooks/stripe",
                                    "--webhook-secret", kWebhookSecret};
  for (const std::string& word : options_.provider_arguments) words.push_back(word);
  provider_ = Process({.words = words, .environment = {}, .log = logs + "/provider.log", .ready = "listening on "});
  provider_.start();
  const std::string said = provider_.said();
  const std::size_t at = said.find("listening on ") + 13;
  provider_url_ = "http://" + said.substr(at, said.find('\n', at) - at);

  const std::string workflows = options_.workflows.empty() ? BELAY_SOURCE_DIR "/workflows" : options_.workflows;
  server_ = Process({.words = {BELAY_BINARY_DIR "/belay", "serve", workflows, "--database",
                               postgres_->connection_string(), "--listen", "127.0.0.1:" + std::to_string(server_port_)},
                     .environment = {{"STRIPE_URL", provider_url_},
                                     {"MAIL_URL", provider_url_},
                                     {"CALENDAR_URL", provider_url_},
                                     {"BELAY_SEAL_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
                                     {"BELAY_SECRET_STRIPE_KEY", "sk_test_world"},
                                     {"BELAY_SECRET_STRIPE_WHSEC", kWebhookSecret},
                                     {"BELAY_SECRET_STRIPE_WHSEC_OLD", "whsec_of_last_year"},
                                     {"BELAY_SECRET_MAIL_KEY", "mail_test"},
                                     {"BELAY_SECRET_CALENDAR_KEY", "calendar_test"}},
                     .log = logs + "/server.log",
                     .ready = ""});
  start_server();
}

World::~World() = default;

void World::start_server() {
  server_.start();
  for (int i = 0; i < 3000; ++i) {
    if (api("GET", "/readyz").status == 200) return;
    if (!server_.running()) break;
    nap();
  }
  throw std::runtime_error("belay serve does not become ready:\n" + server_.said());
}

void World::start_postgres() {
  if (postgres_ != nullptr) {
    if (auto again = postgres_->restart(); !again) throw std::runtime_error(again.error().message);
    return;
  }
  runtime::PrivatePostgresOptions options;
  options.directory = folder_.path + "/postgres";
  options.stop_on_exit = true;
  auto started = PrivatePostgres::start(std::move(options));
  if (!started) throw std::runtime_error(started.error().message);
  postgres_ = std::make_unique<PrivatePostgres>(std::move(*started));
}

void World::kill_postgres() { postgres_->kill9(); }
bool World::postgres_running() const { return postgres_->running(); }

void World::apply_booking_schema() { sql(read_file(BELAY_SOURCE_DIR "/workflows/booking/schema.sql")); }

Reply World::api(const std::string& method, const std::string& path, const json& body,
                 std::vector<std::string> headers) const {
  if (!body.is_null()) headers.push_back("Content-Type: application/json");
  return ask({.method = method, .url = server_url() + path, .body = body.is_null() ? "" : body.dump(),
              .headers = std::move(headers)});
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

json World::wait_until(const std::string& id, const std::function<bool(const json&)>& wanted, int seconds) const {
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
  return wait_until(id, [](const json& saga) {
    const std::string status = text_at(saga, "/status");
    return status == "completed" || status == "compensated";
  }, seconds);
}

std::string World::history(const std::string& id) const {
  const Reply reply = api("GET", "/v1/sagas/" + id + "/history?limit=500");
  std::string out;
  if (!reply.body.is_object() || !reply.body.contains("entries")) return reply.text;
  for (const json& entry : reply.body.at("entries")) {
    out += text_at(entry, "/seq") + " " + text_at(entry, "/text") + "\n";
    for (const json& follows : entry.value("follows", json::array())) out += "    " + follows.get<std::string>() + "\n";
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
  const Reply reply = api("POST", "/v1/sagas", {{"workflow", "confirm_booking"}, {"input", input_of(booking)}},
                          {"Idempotency-Key: start-" + booking.id});
  if (!reply.ok()) throw std::runtime_error("start answered " + std::to_string(reply.status) + " " + reply.text);
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
  return ask({.method = method, .url = provider_url_ + path, .body = body.is_null() ? "" : body.dump(),
              .headers = {"Content-Type: application/json", "Authorization: Bearer sk_test_ops"}});
}

Reply World::provider_form(const std::string& path, const std::string& form, const std::string& key) const {
  return ask({.method = "POST", .url = provider_url_ + path, .body = form,
              .headers = {"Content-Type: application/x-www-form-urlencoded", "Authorization: Bearer sk_test_ops",
                          "Idempotency-Key: " + key}});
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
    if (text_at(request, "/booking") == booking.id && line.find(text) != std::string::npos) found.push_back(request);
  }
  return found;
}

std::string World::sql(const std::string& statement) const {
  const std::unique_ptr<PGconn, void (*)(PGconn*)> connection(PQconnectdb(postgres_->connection_string().c_str()),
                                                              PQfinish);
  PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
  const std::unique_ptr<PGresult, void (*)(PGresult*)> result(PQexec(connection.get(), statement.c_str()), PQclear);
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_COMMAND_OK) return "";
  if (status != PGRES_TUPLES_OK) throw std::runtime_error(PQerrorMessage(connection.get()));
  return PQntuples(result.get()) == 0 ? "" : PQgetvalue(result.get(), 0, 0);
}

std::int64_t World::count(const std::string& from) const { return std::stoll(sql("SELECT count(*) FROM " + from)); }

std::string workflows_with(const std::string& folder, const std::string& file, const std::string& from,
                           const std::string& to) {
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
