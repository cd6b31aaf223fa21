// Several nodes on one database, for real: three `belay serve` processes over one private Postgres,
// clients that send to any of them, and a provider in this process that counts what was done. Nodes
// are restarted one after another, killed and frozen meanwhile; nothing that was acknowledged may
// be lost, and nothing done twice.
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "interpreter/time.h"
#include "runtime/api/http_server.h"
#include "runtime/store/private_postgres.h"
#include "tests/catch.h"
#include "tests/support/http.h"
#include "tests/support/process.h"

using namespace belay::test;
using belay::runtime::HttpRequest;
using belay::runtime::HttpResponse;
using belay::runtime::HttpServer;
using belay::runtime::PrivatePostgres;
using nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr int kLanes = 32;
constexpr int kLeaseS = 15;

constexpr const char* kWorkspace = R"(belay 1

event order.paid, version 1, key order
  order  text

connector counter "The provider"
  base env COUNTER_URL or "https://counter.example.com"
  request key in "Idempotency-Key"
  remembers keys for 24 hours
  at most 500 per second, 50 at once
  after 50 failures, rest 1 second
  each call within 10 seconds
  may reach private addresses

action counter.book "Book"
  records
  takes
    order  text
  gives
    entry  text = body.id
  repeating is safe
  call counter, POST "/book"
    order = order
  undone by counter.unbook
    entry = result.entry

action counter.unbook "Take it back"
  records
  takes
    entry  text
  harmless if nothing was done
  repeating is safe
  call counter, POST "/unbook"
    entry = entry

workflow order "An order", version 1
  takes
    order  text
  step book "Book"
    do counter.book
      order = order
  wait paid "The customer pays"
    for order.paid, key order
    within 10 minutes, otherwise cancel because "Not paid"
  step ship "Ship"
    do counter.book
      order = order + "-shipped"

workflow slow "An order that rests", version 1
  takes
    order  text
  step book "Book"
    do counter.book
      order = order
  pause for 4 seconds
  step ship "Ship"
    do counter.book
      order = order + "-shipped"

workflow part "A part of an order", version 1
  takes
    order  text
  step book "Book"
    do counter.book
      order = order

workflow whole "An order in parts", version 1
  takes
    order  text
  step part "Its part"
    run part
      order = order
    if cancelled, cancel because "No part"
)";

// What was done, by the request's key: the saga, the step, the generation.
class Provider {
 public:
  Provider() {
    server_.route("POST", "/book", [this](const HttpRequest& r) { return answer(r, booked_); });
    server_.route("POST", "/unbook",
                  [this](const HttpRequest& r) { return answer(r, taken_back_); });
    url_ = "http://127.0.0.1:" + std::to_string(server_.listen("127.0.0.1", 0).value());
  }
  ~Provider() { server_.stop(); }
  const std::string& url() const { return url_; }
  // Keys under which something was booked for a saga.
  std::set<std::string> booked(const std::string& saga) const { return of(booked_, saga); }
  std::set<std::string> taken_back(const std::string& saga) const { return of(taken_back_, saga); }
  std::set<std::string> sagas() const {
    const std::lock_guard lock(mutex_);
    std::set<std::string> out;
    for (const auto& [key, times] : booked_) out.insert(key.substr(0, key.find(':')));
    return out;
  }
  int repeats() const {
    const std::lock_guard lock(mutex_);
    int out = 0;
    for (const auto& [key, times] : booked_) out += times - 1;
    return out;
  }

 private:
  HttpResponse answer(const HttpRequest& request, std::map<std::string, int>& into) {
    const auto key = request.headers.find("Idempotency-Key");
    HttpResponse response;
    const std::lock_guard lock(mutex_);
    ++into[key == request.headers.end() ? "no key" : key->second];
    response.body = R"({"id":"e"})";
    return response;
  }
  std::set<std::string> of(const std::map<std::string, int>& from, const std::string& saga) const {
    const std::lock_guard lock(mutex_);
    std::set<std::string> out;
    for (const auto& [key, times] : from) {
      if (key.starts_with(saga + ":")) out.insert(key);
    }
    return out;
  }

  HttpServer server_;
  std::string url_;
  mutable std::mutex mutex_;
  std::map<std::string, int> booked_, taken_back_;
};

class Cluster {
 public:
  // `advertise`: what each tells the others; empty: where it listens.
  explicit Cluster(int nodes, const std::string& advertise = {}) {
    belay::runtime::PrivatePostgresOptions options;
    options.directory = folder_.path + "/postgres";
    options.stop_on_exit = true;
    auto started = PrivatePostgres::start(std::move(options));
    if (!started) throw std::runtime_error(started.error().message);
    postgres_ = std::make_unique<PrivatePostgres>(std::move(*started));
    mkdir((folder_.path + "/w").c_str(), 0755);
    std::ofstream(folder_.path + "/w/order.belay") << kWorkspace;
    for (int i = 0; i < nodes; ++i) {
      const int port = free_port();
      urls_.push_back("http://127.0.0.1:" + std::to_string(port));
      nodes_.push_back(std::make_unique<Process>(Process::Command{
          .words = {BELAY_BINARY_DIR "/belay", "serve", folder_.path + "/w", "--database",
                    postgres_->connection_string(), "--listen", "127.0.0.1:" + std::to_string(port),
                    "--node", name(i), "--advertise", advertise.empty() ? urls_.back() : advertise},
          .environment = {{"COUNTER_URL", provider.url()}},
          .log = folder_.path + "/" + name(i) + ".log",
          .ready = ""}));
      start(i);
    }
  }

  static std::string name(int i) { return "n" + std::to_string(i); }
  int size() const { return static_cast<int>(nodes_.size()); }
  const std::string& url(int i) const { return urls_[static_cast<std::size_t>(i)]; }
  Process& node(int i) { return *nodes_[static_cast<std::size_t>(i)]; }
  void start(int i) {
    node(i).start();
    until(60, "node " + name(i) + " to be ready", [&] {
      if (!node(i).running()) throw std::runtime_error(node(i).said());
      return call(i, "GET", "/readyz").status == 200;
    });
  }

  Reply call(int i, const std::string& method, const std::string& path, const json& body = nullptr,
             std::vector<std::string> headers = {}, long timeout_ms = 40'000) const {
    if (!body.is_null()) headers.push_back("Content-Type: application/json");
    return ask({.method = method,
                .url = url(i) + path,
                .body = body.is_null() ? "" : body.dump(),
                .headers = std::move(headers),
                .timeout_ms = timeout_ms});
  }
  // How many lanes each node holds, as node `i` sees it.
  std::map<std::string, int> lanes(int i) const {
    std::map<std::string, int> out;
    const Reply reply = call(i, "GET", "/v1/nodes");
    if (!reply.body.is_object()) return out;
    for (const json& node : reply.body.value("nodes", json::array()))
      out[text_at(node, "/node")] = static_cast<int>(node.value("lanes", json::array()).size());
    return out;
  }
  // Waits until the nodes share the lanes, and all of them.
  void until_shared(int seen_by, const std::set<int>& by, int within_s) const {
    until(within_s, "the lanes to be shared", [&] {
      std::map<std::string, int> held = lanes(seen_by);
      int sum = 0;
      for (const int i : by) {
        if (held[name(i)] == 0) return false;
        sum += held[name(i)];
      }
      return sum == kLanes;
    });
  }
  template <class F>
  void until(int within_s, const std::string& what, F&& done) const {
    const auto end = Clock::now() + seconds(within_s);
    while (!done()) {
      if (Clock::now() > end)
        throw std::runtime_error("waited " + std::to_string(within_s) + " s for " + what);
      std::this_thread::sleep_for(milliseconds(50));
    }
  }
  std::string logs() {
    std::string out;
    for (int i = 0; i < size(); ++i) {
      const std::string said = node(i).said();
      out += "---- " + name(i) + "\n" + said.substr(said.size() > 6'000 ? said.size() - 6'000 : 0);
    }
    return out;
  }

  Provider provider;

 private:
  Folder folder_;
  std::unique_ptr<PrivatePostgres> postgres_;
  std::vector<std::string> urls_;
  std::vector<std::unique_ptr<Process>> nodes_;
};

// A client as they should be, behind a balancer: it is given any node that listens, and sends once
// more, elsewhere, when it was told to come again or got no answer.
class Client {
 public:
  Client(const Cluster& cluster, std::uint64_t seed) : cluster_(cluster), random_(seed) {}

  struct Answer {
    Reply reply;
    bool doubtful = false;  // a first try may have happened
  };
  Answer send(const std::string& method, const std::string& path, const json& body = nullptr,
              const std::vector<std::string>& headers = {}) {
    const int first = any();
    Answer out{balanced(first, method, path, body, headers), false};
    const long status = out.reply.status;
    if (status != 0 && status != 429 && status != 503) return out;
    const std::string why =
        status == 0 ? "no answer" : std::to_string(status) + " " + text_at(out.reply.body, "/code");
    ++repeated[why];
    out.doubtful = status == 0 || text_at(out.reply.body, "/code") == "in_doubt";
    const auto after = out.reply.headers.find("retry-after");
    std::this_thread::sleep_for(
        seconds(after == out.reply.headers.end() ? 0 : std::stoi(after->second)));
    out.reply = balanced(first + 1, method, path, body, headers);
    if (out.reply.status == 0 || out.reply.status >= 429)
      failed.push_back(method + " " + path + ": " + why + ", and then " +
                       std::to_string(out.reply.status) + " " + out.reply.text);
    return out;
  }
  Reply balanced(int first, const std::string& method, const std::string& path, const json& body,
                 const std::vector<std::string>& headers) {
    Reply reply;
    for (int i = 0; i < cluster_.size(); ++i) {
      reply = cluster_.call((first + i) % cluster_.size(), method, path, body, headers);
      if (!reply.refused) break;
    }
    return reply;
  }
  int any() { return static_cast<int>(random_() % static_cast<std::uint64_t>(cluster_.size())); }

  std::vector<std::string> failed;
  std::map<std::string, int> repeated;  // why

 private:
  const Cluster& cluster_;
  std::mt19937_64 random_;
};

struct Run {  // one acknowledged start
  std::string order, saga;
  bool keyed = false, doubtful = false, cancelled = false, published = false;
};

// Starts, keyed and not; then, of the sagas that are there, one in four is cancelled and the others
// are paid.
std::vector<Run> work(Client& client, const std::string& prefix, const std::atomic<bool>& end,
                      std::atomic<int>& done) {
  std::vector<Run> runs;
  for (int i = 0; !end; ++i) {
    Run run;
    run.order = prefix + std::to_string(i);
    run.keyed = i % 2 == 0;
    const json start = {{"workflow", "order"}, {"input", {{"order", run.order}}}};
    const auto started =
        client.send("POST", "/v1/sagas", start,
                    run.keyed ? std::vector<std::string>{"Idempotency-Key: " + run.order}
                              : std::vector<std::string>{});
    if (!started.reply.ok()) {
      client.failed.push_back("start: " + std::to_string(started.reply.status) + " " +
                              started.reply.text);
      continue;
    }
    run.saga = text_at(started.reply.body, "/id");
    run.doubtful = started.doubtful && !run.keyed;
    if (i % 4 == 3) {
      const auto shown = client.send("GET", "/v1/sagas/" + run.saga);
      const auto tag = shown.reply.headers.find("etag");
      if (tag != shown.reply.headers.end()) {
        const auto acted =
            client.send("POST", "/v1/sagas/" + run.saga + "/cancel", {{"reason", "a test"}},
                        {"If-Match: " + tag->second, "Idempotency-Key: c-" + run.order});
        run.cancelled = acted.reply.ok();
        // It may have moved on since it was shown; nothing else is a reason.
        if (!acted.reply.ok() && acted.reply.status != 412)
          client.failed.push_back("cancel: " + std::to_string(acted.reply.status) + " " +
                                  acted.reply.text);
      } else {
        client.failed.push_back("show: " + std::to_string(shown.reply.status) + " " +
                                shown.reply.text);
      }
    }
    if (!run.cancelled) {
      const auto published =
          client.send("POST", "/v1/events",
                      {{"type", "order.paid"}, {"key", run.order}, {"id", "paid-" + run.order}});
      run.published = published.reply.ok();
      if (!run.published)
        client.failed.push_back("publish: " + std::to_string(published.reply.status) + " " +
                                published.reply.text);
    }
    runs.push_back(run);
    ++done;
  }
  return runs;
}

json ended(const Cluster& cluster, int node, const std::string& saga, int within_s) {
  Reply last;
  try {
    cluster.until(within_s, "saga " + saga + " to end", [&] {
      last = cluster.call(node, "GET", "/v1/sagas/" + saga);
      const std::string status = text_at(last.body, "/status");
      return status == "completed" || status == "compensated";
    });
  } catch (const std::exception& error) {
    FAIL_CHECK(
        error.what() << "; last seen " << last.status << " " << last.text << "\nits history: "
                     << cluster.call(node, "GET", "/v1/sagas/" + saga + "/history").text
                     << "\nevents: " << cluster.call(node, "GET", "/v1/events?unclaimed=true").text
                     << "\nnodes: " << cluster.call(node, "GET", "/v1/nodes").text);
  }
  return last.body;
}

std::string start_at(const Cluster& cluster, int node, const std::string& workflow,
                     const std::string& order) {
  const Reply reply = cluster.call(node, "POST", "/v1/sagas",
                                   {{"workflow", workflow}, {"input", {{"order", order}}}},
                                   {"Idempotency-Key: " + order});
  INFO(reply.text);
  REQUIRE(reply.ok());
  return text_at(reply.body, "/id");
}

}  // namespace

TEST_CASE(
    "three nodes are restarted one after another under load, and nobody who asks twice sees it") {
  Cluster cluster(3);
  cluster.until_shared(0, {0, 1, 2}, 60);
  constexpr std::uint64_t kClients = 4;
  std::atomic<bool> end{false};
  std::atomic<int> done{0};
  std::vector<std::unique_ptr<Client>> clients;
  std::vector<std::vector<Run>> runs(kClients);
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < kClients; ++i)
    clients.push_back(std::make_unique<Client>(cluster, 7 + i));
  for (std::uint64_t i = 0; i < kClients; ++i) {
    threads.emplace_back(
        [&, i] { runs[i] = work(*clients[i], "r" + std::to_string(i) + "-", end, done); });
  }
  std::string trouble;
  try {
    for (int i = 0; i < 3; ++i) {
      const int code = cluster.node(i).terminate();
      if (code != 0)
        trouble += "node " + Cluster::name(i) + " ended with " + std::to_string(code) + "\n";
      cluster.start(i);
      cluster.until_shared(i, {0, 1, 2}, 60);
      cluster.until(60, "the work to go on",
                    [&, before = done.load()] { return done >= before + 12; });
    }
  } catch (const std::exception& error) {
    trouble += error.what();
  }
  end = true;
  for (std::thread& thread : threads) thread.join();
  INFO(cluster.logs());
  CHECK(trouble == "");

  std::size_t total = 0;
  std::map<std::string, int> repeated;
  std::set<std::string> acknowledged;
  bool any_doubt = false;
  for (std::uint64_t i = 0; i < kClients; ++i) {
    for (const std::string& failed : clients[i]->failed) UNSCOPED_INFO(failed);
    CHECK(clients[i]->failed.empty());
    for (const auto& [why, times] : clients[i]->repeated) repeated[why] += times;
    for (const Run& run : runs[i]) {
      ++total;
      any_doubt = any_doubt || run.doubtful;
      INFO(run.order << " " << run.saga << (run.keyed ? " keyed" : ""));
      CHECK(acknowledged.insert(run.saga).second);
      const json saga = ended(cluster, static_cast<int>(total % 3), run.saga, 60);
      CHECK(text_at(saga, "/status") == (run.cancelled ? "compensated" : "completed"));
      const std::size_t booked = cluster.provider.booked(run.saga).size();
      if (run.cancelled) {
        CHECK(booked <= 1);
        CHECK(cluster.provider.taken_back(run.saga).size() == booked);
      } else {
        CHECK(booked == 2);
      }
    }
  }
  std::string again;
  for (const auto& [why, times] : repeated)
    again += ", " + std::to_string(times) + " requests sent again for " + why;
  WARN(total << " sagas" << again << ", " << cluster.provider.repeats() << " calls repeated");
  CHECK(total > 30);
  // What was done is what was acknowledged; a start in doubt may have become a saga of its own.
  if (!any_doubt) {
    for (const std::string& saga : cluster.provider.sagas()) CHECK(acknowledged.contains(saga));
  }
}

TEST_CASE("the lanes of a node that was killed come up elsewhere, with what waits in them") {
  Cluster cluster(3);
  cluster.until_shared(0, {0, 1, 2}, 60);
  std::vector<std::string> orders, sagas;
  for (int i = 0; i < 60; ++i) {
    orders.push_back("k-" + std::to_string(i));
    sagas.push_back(start_at(cluster, i % 3, "order", orders.back()));
  }
  const auto killed = Clock::now();
  cluster.node(1).kill9();
  INFO(cluster.logs());
  // Before anybody has taken them over: what comes in for its lanes waits, or is told to come
  // again.
  const Reply early = cluster.call(0, "GET", "/v1/sagas/" + sagas.front());
  CHECK((early.status == 200 || early.status == 503));
  cluster.until_shared(0, {0, 2}, kLeaseS + 5);
  WARN(
      "taken over after " << std::chrono::duration_cast<milliseconds>(Clock::now() - killed).count()
                          << " ms");
  for (std::size_t i = 0; i < orders.size(); ++i) {
    const Reply paid =
        cluster.call(i % 2 == 0 ? 0 : 2, "POST", "/v1/events",
                     {{"type", "order.paid"}, {"key", orders[i]}, {"id", "p-" + orders[i]}});
    INFO(orders[i] << ": " << paid.text);
    CHECK(paid.ok());
  }
  for (std::size_t i = 0; i < sagas.size(); ++i) {
    CHECK(text_at(ended(cluster, i % 2 == 0 ? 0 : 2, sagas[i], 60), "/status") == "completed");
    CHECK(cluster.provider.booked(sagas[i]).size() == 2);
    // The same start again is the same saga, wherever it is asked.
    CHECK(start_at(cluster, i % 2 == 0 ? 2 : 0, "order", orders[i]) == sagas[i]);
  }
}

TEST_CASE("a node that was frozen past its lease does nothing when it wakes") {
  Cluster cluster(2);
  cluster.until_shared(0, {0, 1}, 60);
  std::vector<std::string> sagas;
  for (int i = 0; i < 40; ++i)
    sagas.push_back(start_at(cluster, 0, "slow", "z-" + std::to_string(i)));
  for (const std::string& saga : sagas) {
    cluster.until(10, "the first step", [&] { return cluster.provider.booked(saga).size() == 1; });
  }
  INFO(cluster.logs());
  // Their pauses end while it is frozen: it has forty shipments in its hands when it wakes.
  REQUIRE(::kill(cluster.node(1).pid(), SIGSTOP) == 0);
  cluster.until(kLeaseS + 10, "all lanes to be taken over",
                [&] { return cluster.lanes(0)[Cluster::name(0)] == kLanes; });
  for (const std::string& saga : sagas)
    CHECK(text_at(ended(cluster, 0, saga, 30), "/status") == "completed");
  std::map<std::string, std::string> before;
  for (const std::string& saga : sagas)
    before[saga] = text_at(cluster.call(0, "GET", "/v1/sagas/" + saga).body, "/seq");
  const int repeats = cluster.provider.repeats();
  REQUIRE(::kill(cluster.node(1).pid(), SIGCONT) == 0);
  // It answers again, of what others have done, and takes its share of the lanes like a new one.
  cluster.until(30, "the node to come back", [&] {
    const Reply reply = cluster.call(1, "GET", "/v1/sagas/" + sagas.front());
    return reply.status == 200 && text_at(reply.body, "/status") == "completed";
  });
  for (const std::string& saga : sagas) {
    const Reply reply = cluster.call(1, "GET", "/v1/sagas/" + saga);
    INFO(saga << " " << reply.text);
    CHECK(text_at(reply.body, "/seq") == before[saga]);
    CHECK(cluster.provider.booked(saga).size() == 2);
  }
  CHECK(cluster.provider.repeats() == repeats);
}

// Two sagas in lanes of their own, and half of the time these are of two nodes: what the one tells
// the other lies in the database until it is seen. It is seen either way; how fast is printed, by
// the database's times. That a node looks when it is told is in
// tests/runtime/engine_nudge_test.cpp.
TEST_CASE("a child in another node's lane: its node is told of mail, or looks by itself") {
  constexpr int kSagas = 30;
  const auto times_ms = [](const std::string& advertise) {
    Cluster cluster(2, advertise);
    cluster.until_shared(0, {0, 1}, 60);
    std::vector<std::int64_t> times;
    for (int i = 0; i < kSagas; ++i) {
      const Reply started =
          cluster.call(i % 2, "POST", "/v1/sagas",
                       {{"workflow", "whole"}, {"input", {{"order", "w" + std::to_string(i)}}}});
      INFO(started.text);
      REQUIRE(started.ok());
      const json saga = ended(cluster, i % 2, text_at(started.body, "/id"), 30);
      CHECK(text_at(saga, "/status") == "completed");
      const auto began = belay::interpreter::parse_timestamp(text_at(saga, "/created_at"));
      const auto end = belay::interpreter::parse_timestamp(text_at(saga, "/ended_at"));
      REQUIRE((began && end));
      times.push_back((end->seconds - began->seconds) * 1'000 +
                      (end->nanos - began->nanos) / 1'000'000);
    }
    std::sort(times.begin(), times.end());
    return times;
  };
  const std::vector<std::int64_t> told = times_ms("");
  const std::vector<std::int64_t> polled = times_ms("http://127.0.0.1:1");  // nobody listens
  std::string all;
  for (const auto* times : {&told, &polled}) {
    all += times == &told ? "told:" : "; polled:";
    for (const std::size_t part : {10, 25, 50, 75, 90})
      all +=
          " p" + std::to_string(part) + " " + std::to_string((*times)[kSagas * part / 100]) + " ms";
  }
  WARN(all);
}
