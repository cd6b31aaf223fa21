// Loads beyond the common work (saga_bench), each in a case of its own with an engine and a
// Postgres of its own:
//   http       the common five steps, every step an HTTP call to a local server
//   fanout     `for each` over 10, 100 and 1,000 items
//   parked     a million sagas that sleep for a day: starts a second, memory, what they cost while
//   nothing happens timers     a million timers that are due within the same minute: how late they
//   fire storm      events: a third comes twice, a third before the saga that waits for it recovery
//   a hundred thousand sagas with a call under way when the process dies: how soon all have gone on
//   history    throughput on an empty journal against one with ten million rows
//   noisy      one tenant floods the engine: what another one, who asks for little, feels of it,
//              and what it feels of the same load made by many (noisy_load.h)
//   noisy_http the same, both over HTTP, the flood from a process of its own
// One JSON line a case. Sizes are the issue's by default; --scale 0.01 makes them a hundredth.
//   load_bench --json [--case NAME] [--scale X]
//     noisy, noisy_http: [--rounds N] [--gentle] [--shared-flush-rows N] [--quiet-flush-rows N]
#include <signal.h>
#include <sys/wait.h>

#include <cmath>
#include <random>
#include <thread>
#include <unordered_map>

#include "tests/bench/bench_world.h"
#include "tests/bench/common_work.h"
#include "tests/bench/local_http.h"
#include "tests/bench/noisy_load.h"

using namespace belay;
using namespace belay::bench;

namespace {

// Beside the common work.
const std::string kDefinitions = std::string(kCommonWork) + R"(
workflow bench_one, version 1
  takes
    order  text
  step hold
    do bench.step
      order = order
    no undo because "It is a benchmark"

workflow bench_fan, version 1
  takes
    items  list of text
  for each item in items, at most 100 at once
    step hold
      do bench.step
        order = item
      no undo because "It is a benchmark"

workflow bench_until, version 1
  takes
    due  timestamp
  pause until due

event bench.paid, version 1, key order
  order  text

workflow bench_wait, version 1
  takes
    order  text
  wait paid
    for bench.paid, key order, even if up to 1 hour before
    within 1 day, otherwise cancel because "Nobody paid"
)";

constexpr const char* kHttpDefinitions = R"(belay 1

connector local "The server of this benchmark"
  base env BENCH_URL or "http://127.0.0.1:1"
  request key in "Idempotency-Key"
  remembers keys for 24 hours
  each call within 10 seconds
  may reach private addresses

action call.step
  records
  takes
    order  text
  gives
    id  text = body.id
  repeating is safe
  call local, POST "/step"
    order = order

workflow bench_http, version 1
  takes
    order  text
  step hold
    do call.step
      order = order
    no undo because "It is a benchmark"
  step intent
    do call.step
      order = order
    no undo because "It is a benchmark"
  step capture
    do call.step
      order = order
    no undo because "It is a benchmark"
  step confirm
    do call.step
      order = order
    no undo because "It is a benchmark"
  step notify
    do call.step
      order = order
    no undo because "It is a benchmark"
)";

struct Options {
  std::string only;
  double scale = 1;
  std::size_t rounds = 5;  // of `noisy`
  bool only_gentle = false;
  runtime::EngineOptions engine;  // of `noisy`
  std::size_t many(std::size_t full) const {
    return std::max<std::size_t>(10, static_cast<std::size_t>(static_cast<double>(full) * scale));
  }
};

const std::string kOrder(180, 'x');

// Sagas from their start's call to their end, as the engine tells it after the commit. One an
// engine: its hook stays.
class Watch {
 public:
  explicit Watch(runtime::Engine& engine) : engine_(engine) {
    engine_.on_change([told = told_](const runtime::SagaId& saga, const interpreter::State& state) {
      if (!state.ended()) return;
      const auto begun = told->begun.find(saga);
      if (begun == told->begun.end()) return;
      told->ended.add(ms_since(begun->second));
      told->begun.erase(begun);
    });
  }

  // Counted in started() when its start is committed.
  void start(runtime::StartRequest request) {
    engine_.start(std::move(request),
                  [told = told_, begun = Clock::now()](runtime::Result<runtime::StartReply> reply) {
                    if (!reply) give_up("a start was refused: " + runtime::to_text(reply.error()));
                    told->begun.emplace(reply->saga, begun);
                    told->started.add(ms_since(begun));
                  });
  }
  Sample& started() { return told_->started; }
  Sample& ended() { return told_->ended; }

 private:
  struct Told {
    Sample started, ended;
    std::unordered_map<runtime::SagaId, Clock::time_point> begun;  // on the engine's loop thread
  };
  runtime::Engine& engine_;
  const std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

// `count` sagas, `at_once` of them not yet ended; the seconds that all took.
double run_many(runtime::Engine& engine, const std::string& workflow, std::size_t count,
                std::size_t at_once) {
  Watch watch(engine);
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    if (i >= at_once) watch.ended().wait_for(i - at_once + 1);
    watch.start(start_of(workflow, {{"order", Value::string(kOrder)}}));
  }
  watch.ended().wait_for(count);
  return seconds_since(begin);
}

// ---- The cases

void http(const Options& options) {
  const Scratch scratch;
  LocalHttp server(R"({"id":"0190d6a8-0000-7000-8000-00000000abcd"})");
  setenv("BENCH_URL", server.url().c_str(), 1);
  const runtime::PluginRegistry none;
  const auto service = serve(scratch, kHttpDefinitions, none);
  run_many(service->engine(), "bench_http", options.many(1'000), 100);
  const std::size_t count = options.many(20'000);
  const double cpu = own_cpu_s();
  const double s = run_many(service->engine(), "bench_http", count, 1'000);
  std::printf(
      "{\"case\":\"http\",\"sagas_per_s\":%.0f,\"calls_per_s\":%.0f,\"cpu_us_per_call_caller_and_"
      "server\":%.0f,"
      "\"peak_rss_mb\":%.0f}\n",
      static_cast<double>(count) / s, static_cast<double>(count) * 5 / s,
      (own_cpu_s() - cpu) * 1e6 / static_cast<double>(count) / 5, peak_rss_mb());
}

void fanout(const Options& options) {
  const Scratch scratch;
  const runtime::PluginRegistry registry = common_plugins();
  const auto service = serve(scratch, kDefinitions, registry);
  for (const std::size_t width : {10, 100, 1000}) {
    const std::size_t sagas = options.many(200'000) / width + 1;
    std::vector<Value> items;
    for (std::size_t i = 0; i < width; ++i)
      items.push_back(Value::string("item " + std::to_string(i)));
    Watch watch(service->engine());
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < sagas; ++i) {
      if (i >= 50) watch.ended().wait_for(i - 49);
      watch.start(start_of("bench_fan", {{"items", Value::list(items)}}));
    }
    watch.ended().wait_for(sagas);
    const double s = seconds_since(begin);
    std::printf(
        "{\"case\":\"fanout\",\"width\":%zu,\"items_per_s\":%.0f,\"sagas_per_s\":%.1f,\"p50_ms\":%."
        "1f,"
        "\"p99_ms\":%.1f}\n",
        width, static_cast<double>(sagas * width) / s, static_cast<double>(sagas) / s,
        watch.ended().quantile(0.5), watch.ended().quantile(0.99));
    std::fflush(stdout);
  }
}

// Sleepers until `at`, as fast as they are let in; the seconds that it took.
double put_to_sleep(Watch& watch, std::size_t count,
                    const std::function<std::int64_t(std::size_t)>& until_us) {
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    if (i >= 5'000) watch.started().wait_for(i - 4'999);
    watch.start(start_of("bench_until",
                         {{"due", Value::timestamp(interpreter::to_timestamp({until_us(i)}))}}));
  }
  watch.started().wait_for(count);
  return seconds_since(begin);
}

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void parked(const Options& options) {
  const Scratch scratch;
  const runtime::PluginRegistry registry = common_plugins();
  const auto service = serve(scratch, kDefinitions, registry);
  Watch watch(service->engine());
  const std::size_t count = options.many(1'000'000);
  const std::int64_t at = now_us() + 86'400'000'000;
  const double s = put_to_sleep(watch, count, [&](std::size_t) { return at; });
  const double rss = rss_mb();
  std::this_thread::sleep_for(std::chrono::seconds(3));
  const double cpu = own_cpu_s();
  const auto wal = wal_position(service->connection());
  std::this_thread::sleep_for(std::chrono::seconds(20));
  std::printf(
      "{\"case\":\"parked\",\"sagas\":%zu,\"starts_per_s\":%.0f,\"rss_mb\":%.0f,\"peak_rss_mb\":%."
      "0f,"
      "\"idle_cpu_percent\":%.2f,\"idle_wal_bytes_per_s\":%.0f,\"table_bytes_per_saga\":%.0f}\n",
      count, static_cast<double>(count) / s, rss, peak_rss_mb(), (own_cpu_s() - cpu) / 20 * 100,
      static_cast<double>(wal_position(service->connection()) - wal) / 20,
      std::stod(ask(service->connection(), "SELECT pg_database_size(current_database())")) /
          static_cast<double>(count));
}

void timers(const Options& options) {
  const Scratch scratch;
  const runtime::PluginRegistry registry = common_plugins();
  const auto service = serve(scratch, kDefinitions, registry);
  runtime::Engine& engine = service->engine();
  const std::size_t count = options.many(1'000'000);
  Sample late;
  std::unordered_map<runtime::SagaId, std::int64_t> due;  // on the loop thread
  Sample started;
  engine.on_change([&](const runtime::SagaId& saga, const interpreter::State& state) {
    if (!state.ended()) return;
    const auto found = due.find(saga);
    if (found == due.end()) return;
    late.add(static_cast<double>(now_us() - found->second) / 1000.0);
    due.erase(found);
  });
  // Far enough ahead that all are asleep by then.
  const std::int64_t first =
      now_us() + static_cast<std::int64_t>(static_cast<double>(count) / 20'000 * 1e6) + 15'000'000;
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < count; ++i) {
    if (i >= 5'000) started.wait_for(i - 4'999);
    const std::int64_t at = first + static_cast<std::int64_t>(static_cast<double>(i) /
                                                              static_cast<double>(count) * 60e6);
    engine.start(
        start_of("bench_until", {{"due", Value::timestamp(interpreter::to_timestamp({at}))}}),
        [&, at](runtime::Result<runtime::StartReply> reply) {
          if (!reply) give_up("a start was refused: " + runtime::to_text(reply.error()));
          due.emplace(reply->saga, at);
          started.add(0);
        });
  }
  started.wait_for(count);
  const double asleep_s = seconds_since(begin);
  late.wait_for(count, std::chrono::seconds(900));
  const double all_s = static_cast<double>(now_us() - first) / 1e6;
  std::printf(
      "{\"case\":\"timers\",\"sagas\":%zu,\"fired\":%zu,\"asleep_after_s\":%.1f,\"late_p50_ms\":%."
      "0f,"
      "\"late_p99_ms\":%.0f,\"late_max_ms\":%.0f,\"all_fired_after_s\":%.1f,\"early\":%s,\"peak_"
      "rss_mb\":%.0f}\n",
      count, late.size(), asleep_s, late.quantile(0.5), late.quantile(0.99), late.quantile(1.0),
      all_s, late.quantile(0.0) < 0 ? "true" : "false", peak_rss_mb());
  engine.on_change({});
}

void storm(const Options& options) {
  const Scratch scratch;
  const runtime::PluginRegistry registry = common_plugins();
  const auto service = serve(scratch, kDefinitions, registry);
  runtime::Engine& engine = service->engine();
  Watch watch(engine);
  const std::size_t count = options.many(100'000);
  std::mt19937 random(7);
  Sample published;
  std::size_t sent = 0;
  std::atomic<std::size_t> duplicates{0};
  const auto publish = [&](std::size_t i) {
    runtime::PublishRequest request;
    request.tenant = "default";
    request.type = "bench.paid";
    request.key = "order " + std::to_string(i);
    request.payload = interpreter::record({{"order", Value::string(request.key)}});
    request.id = "event " + std::to_string(i);
    request.source = "bench";
    if (++sent > 3'000) published.wait_for(sent - 3'000);
    engine.publish(std::move(request), [&](runtime::Result<runtime::PublishReply> reply) {
      if (!reply) give_up("an event was refused: " + runtime::to_text(reply.error()));
      if (reply->duplicate) ++duplicates;
      published.add(0);
    });
  };
  const auto begin = Clock::now();
  std::vector<std::size_t> later;
  for (std::size_t i = 0; i < count; ++i) {
    const bool early = random() % 10 < 3;
    if (early) publish(i);
    if (i >= 5'000) watch.started().wait_for(i - 4'999);
    watch.start(start_of("bench_wait", {{"order", Value::string("order " + std::to_string(i))}}));
    if (early && random() % 10 < 3) publish(i);
    if (!early) later.push_back(i);
    if (later.size() > 1'000) {  // a thousand wait at any time
      std::shuffle(later.begin(), later.end(), random);
      for (; later.size() > 500; later.pop_back()) {
        publish(later.back());
        if (random() % 10 < 3) publish(later.back());
      }
    }
  }
  for (const std::size_t i : later) publish(i);
  published.wait_for(sent);
  watch.ended().wait_for(count);
  const double s = seconds_since(begin);
  std::printf(
      "{\"case\":\"storm\",\"sagas_per_s\":%.0f,\"events_per_s\":%.0f,\"duplicates\":%zu,\"saga_"
      "p99_ms\":%.0f,"
      "\"peak_rss_mb\":%.0f}\n",
      static_cast<double>(count) / s, static_cast<double>(sent) / s, duplicates.load(),
      watch.ended().quantile(0.99), peak_rss_mb());
}

// The first process starts them all, and dies with every call under way; the second one takes them
// up.
void recovery(const Options& options) {
  const Scratch scratch;
  const std::size_t count = options.many(100'000);
  const pid_t child = fork();
  if (child == 0) {
    runtime::PluginRegistry registry;
    for (const char* action : {"bench.step", "bench.fail", "bench.undo"}) {
      const auto never = [](const runtime::PluginCall&) -> runtime::PluginResult {
        while (true) pause();
      };
      registry.add(action, never, runtime::PluginThread::kPool);
    }
    const auto service =
        serve(scratch, kDefinitions, registry, {.live_sagas_max = 2 * count}, false);
    Watch watch(service->engine());
    for (std::size_t i = 0; i < count; ++i) {
      if (i >= 5'000) watch.started().wait_for(i - 4'999);
      watch.start(start_of("bench_one", {{"order", Value::string(kOrder)}}));
    }
    watch.started().wait_for(count);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFSIGNALED(status)) give_up("the process that was to die has ended otherwise");
  const runtime::PluginRegistry registry = common_plugins();
  const auto begin = Clock::now();
  const auto service = serve(scratch, kDefinitions, registry,
                             {.live_sagas_max = 2 * count, .recovery_per_second = 1'000'000});
  const double open_s = seconds_since(begin);
  while (service->engine().stats().completed < count && seconds_since(begin) < 900) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const double s = seconds_since(begin);
  std::printf(
      "{\"case\":\"recovery\",\"sagas\":%zu,\"completed\":%llu,\"ready_after_s\":%.2f,\"all_done_"
      "after_s\":%.1f,"
      "\"sagas_per_s\":%.0f,\"peak_rss_mb\":%.0f}\n",
      count, static_cast<unsigned long long>(service->engine().stats().completed), open_s, s,
      static_cast<double>(count) / s, peak_rss_mb());
}

void history(const Options& options) {
  const Scratch scratch;
  const runtime::PluginRegistry registry = common_plugins();
  const auto service = serve(scratch, kDefinitions, registry);
  const std::size_t count = options.many(60'000);
  const auto rate = [&] {
    return static_cast<double>(count) / run_many(service->engine(), "bench_ok", count, 1'000);
  };
  rate();  // warm
  const double before = rate();
  // Ended sagas of the last weeks as the engine writes them: an instance row with the first entry
  // and the last, four rows of steps.
  const std::size_t old = options.many(10'000'000) / 4;
  ask(service->connection(), "SELECT belay.make_partitions(3)");
  ask(service->connection(), R"(
    INSERT INTO belay.instance (lane, iid, tenant, workflow, key, created_at, workflow_version, definition, lingering,
                                undoing, status, health, seq, state_seq, updated_at, ended_at, waiting_on, failure,
                                end_seq, end_at, end_kind, end_body, started_body)
    SELECT n % 32, (lpad(to_hex((extract(epoch FROM now() - interval '1 hour' - n * interval '1 second') * 1000)::bigint), 12, '0')
                    || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
           'default', 'bench_old', '', now(), 1, NULL, false, false, 'completed', 'ok', 6, 0,
           now(), now(), '', '', 6, now(), 'S', repeat('b', 100), repeat('x', 190)
      FROM generate_series(1, )" +
                                 std::to_string(old) + R"() AS n)");
  ask(service->connection(), R"(
    INSERT INTO belay.journal (lane, iid, seq, at, version, kind, actor, body)
    SELECT lane, iid, step, now(), 1, 'S', '', repeat('b', 85)
      FROM belay.instance, generate_series(2, 5) AS step WHERE workflow = 'bench_old')");
  ask(service->connection(), "VACUUM ANALYZE belay.instance");
  ask(service->connection(), "CHECKPOINT");
  const std::string rows = ask(service->connection(), "SELECT count(*) FROM belay.journal");
  rate();  // the cache again
  const double after = rate();
  std::printf(
      "{\"case\":\"history\",\"journal_rows\":%s,\"sagas_per_s_before\":%.0f,\"sagas_per_s_after\":"
      "%.0f,"
      "\"ratio\":%.2f}\n",
      rows.c_str(), before, after, after / before);
}

NoisyOptions noisy_options(const Options& options) {
  return {.asks = options.many(500),
          .rounds = options.rounds,
          .only_gentle = options.only_gentle,
          .engine = options.engine};
}
void noisy_case(const Options& options) { noisy(noisy_options(options)); }
void noisy_http_case(const Options& options) { noisy_http(noisy_options(options)); }

struct Case {
  const char* name;
  void (*run)(const Options&);
};
constexpr Case kCases[] = {{"http", http},
                           {"fanout", fanout},
                           {"storm", storm},
                           {"noisy", noisy_case},
                           {"noisy_http", noisy_http_case},
                           {"parked", parked},
                           {"timers", timers},
                           {"recovery", recovery},
                           {"history", history}};

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("bench"));  // standard output is for figures
  if (argc == 6 && std::string(argv[1]) == "--flood")             // a process of `noisy_http`
    return flood_over_http(std::atoi(argv[2]), argv[3], std::atoi(argv[4]),
                           std::string(argv[5]) == "patient");
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (argument == "--case") {
      options.only = value();
    } else if (argument == "--scale") {
      options.scale = std::stod(value());
    } else if (argument == "--rounds") {
      options.rounds = std::stoul(value());
    } else if (argument == "--gentle") {
      options.only_gentle = true;
    } else if (argument == "--shared-flush-rows") {
      options.engine.shared_flush_rows = std::stoul(value());
    } else if (argument == "--quiet-flush-rows") {
      options.engine.quiet_flush_rows = std::stoul(value());
    } else if (argument != "--json") {  // the only form there is
      std::fprintf(stderr, "usage: load_bench --json [--case NAME] [--scale X]\n");
      return 2;
    }
  }
  bool found = false;
  for (const Case& one : kCases) {
    if (!options.only.empty() && options.only != one.name) continue;
    found = true;
    one.run(options);
    std::fflush(stdout);
  }
  if (!found) std::fprintf(stderr, "there is no case %s\n", options.only.c_str());
  return found ? 0 : 2;
}
