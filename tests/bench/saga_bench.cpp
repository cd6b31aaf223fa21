// The common work of the peers (docs/performance.md): start a saga with ~200 bytes of input; five no-op steps in this
// process that give ~60 bytes each; each result durable before the next step starts; the end durable too.
//   ok       as said
//   comp     the fourth step fails for good, then the undos of 3, 2, 1, each durable
//   latency  sagas one after the other on an idle engine
//   sleep    sagas put to sleep for an hour: how many starts a second
// The whole engine on a private Postgres that this program makes and throws away, fsync on; sagas come from a
// definition in the language, through Engine::start, lanes and flush. One JSON line a case.
//   saga_bench --json [--quick] [--case ok] [--sagas N] [--at-once N]
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/cli/serve.h"
#include "tests/bench/wal.h"

using namespace belay;
using interpreter::Value;
using Clock = std::chrono::steady_clock;

namespace {

constexpr const char* kDefinitions = R"(belay 1

action bench.step
  records
  takes
    order  text
  gives
    id  text
    ok  bool
  repeating is safe
  plugin bench.step

action bench.fail
  records
  takes
    order  text
  can end in bench.no
  repeating is safe
  plugin bench.fail

action bench.undo
  records
  takes
    id  text
  repeating is safe
  plugin bench.undo

workflow bench_ok, version 1
  takes
    order  text
  gives
    id = notify.id
  step hold
    do bench.step
      order = order
    undo with bench.undo
      id = hold.id
  step intent
    do bench.step
      order = order
    undo with bench.undo
      id = intent.id
  step capture
    do bench.step
      order = order
    undo with bench.undo
      id = capture.id
  step confirm
    do bench.step
      order = order
    undo with bench.undo
      id = confirm.id
  step notify
    do bench.step
      order = order
    no undo because "A message cannot be unsent"

workflow bench_comp, version 1
  takes
    order  text
  step hold
    do bench.step
      order = order
    undo with bench.undo
      id = hold.id
  step intent
    do bench.step
      order = order
    undo with bench.undo
      id = intent.id
  step capture
    do bench.step
      order = order
    undo with bench.undo
      id = capture.id
  step confirm
    do bench.fail
      order = order
    no undo because "It never succeeds"
    if bench.no, cancel because "It was refused"

workflow bench_sleep, version 1
  takes
    order  text
  pause for 1 hour
)";

struct Options {
  bool quick = false;
  std::string only;
  std::size_t sagas = 0;
  std::size_t at_once = 1000;
};

// Counts sagas that ended; wakes whoever waits for the count.
class Finished {
 public:
  void one() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_one();
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= count; });
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
};

runtime::PluginRegistry plugins() {
  runtime::PluginRegistry registry;
  const auto answer = [](const runtime::PluginCall&) {
    return runtime::PluginResult::success(interpreter::record(
        {{"id", Value::string("0190d6a8-0000-7000-8000-00000000abcd")}, {"ok", Value::boolean(true)}}));
  };
  const auto refuse = [](const runtime::PluginCall&) { return runtime::PluginResult::business("bench.no", "no"); };
  const auto nothing = [](const runtime::PluginCall&) {
    return runtime::PluginResult::success(interpreter::record({}));
  };
  registry.add("bench.step", answer, runtime::PluginThread::kInline);
  registry.add("bench.fail", refuse, runtime::PluginThread::kInline);
  registry.add("bench.undo", nothing, runtime::PluginThread::kInline);
  return registry;
}

double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

class Bench {
 public:
  Bench(runtime::Engine& engine, const std::string& connection, const Options& options)
      : engine_(engine), connection_(connection), options_(options) {
    engine_.on_change([this](const runtime::SagaId&, const interpreter::State& state) {
      if (state.ended()) finished_->one();
    });
  }

  void throughput(const char* name, const char* workflow, std::size_t sagas, int steps) {
    if (skip(name)) return;
    finished_ = std::make_shared<Finished>();
    const auto wal_before = bench::wal_position(connection_);
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < sagas; ++i) {
      if (i >= options_.at_once) finished_->wait_for(i - options_.at_once + 1);
      start(workflow, {});
    }
    finished_->wait_for(sagas);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const auto wal = bench::wal_position(connection_) - wal_before;
    report(name, static_cast<double>(sagas) / seconds, steps, 0, 0, static_cast<double>(wal) / static_cast<double>(sagas));
  }

  void latency(std::size_t sagas) {
    if (skip("latency")) return;
    std::vector<double> ms;
    finished_ = std::make_shared<Finished>();
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < sagas; ++i) {
      const auto from = Clock::now();
      start("bench_ok", {});
      finished_->wait_for(i + 1);
      ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - from).count());
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::sort(ms.begin(), ms.end());
    report("latency", static_cast<double>(sagas) / seconds, 5, ms[ms.size() / 2], ms[ms.size() * 99 / 100], 0);
  }

  void sleepers(std::size_t sagas) {
    if (skip("sleep")) return;
    const auto accepted = std::make_shared<Finished>();
    const auto wal_before = bench::wal_position(connection_);
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < sagas; ++i) {
      if (i >= options_.at_once) accepted->wait_for(i - options_.at_once + 1);
      start("bench_sleep", [accepted] { accepted->one(); });
    }
    accepted->wait_for(sagas);
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const auto wal = bench::wal_position(connection_) - wal_before;
    report("sleep", static_cast<double>(sagas) / seconds, 0, 0, 0, static_cast<double>(wal) / static_cast<double>(sagas));
  }

 private:
  bool skip(const std::string& name) const { return !options_.only.empty() && options_.only != name; }

  void start(const char* workflow, std::function<void()> accepted) {
    runtime::StartRequest request;
    request.tenant = "default";
    request.workflow = workflow;
    request.input = interpreter::record({{"order", Value::string(std::string(180, 'x'))}});
    engine_.start(std::move(request), [accepted = std::move(accepted)](runtime::Result<runtime::StartReply> reply) {
      if (!reply) {
        std::fprintf(stderr, "a start was refused: %s\n", runtime::to_text(reply.error()).c_str());
        std::exit(1);
      }
      if (accepted) accepted();
    });
  }

  void report(const char* name, double rate, int steps, double p50, double p99, double wal) const {
    std::printf(
        "{\"case\":\"%s\",\"sagas_per_s\":%.0f,\"steps_per_s\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
        "\"wal_bytes_per_saga\":%.0f,\"peak_rss_mb\":%.0f}\n",
        name, rate, rate * steps, p50, p99, wal, peak_rss_mb());
    std::fflush(stdout);
  }

  runtime::Engine& engine_;
  const std::string connection_;
  const Options options_;
  std::shared_ptr<Finished> finished_ = std::make_shared<Finished>();
};

int run(const Options& options) {
  const auto directory = std::filesystem::temp_directory_path() / ("belay-bench-" + std::to_string(getpid()));
  std::filesystem::create_directories(directory / "workflows");
  std::ofstream(directory / "workflows/bench.belay") << kDefinitions;
  const runtime::PluginRegistry registry = plugins();
  auto program = runtime::compile_program((directory / "workflows").string(), registry);
  if (!program) {
    std::fprintf(stderr, "%s\n", program.error().message.c_str());
    return 1;
  }
  runtime::ServeOptions serve;
  serve.program = std::move(*program);
  serve.plugins = &registry;
  serve.data = (directory / "data").string();
  serve.stop_postgres = true;
  serve.http = false;
  auto service = runtime::Service::start(std::move(serve));
  if (!service) {
    std::fprintf(stderr, "%s\n", runtime::to_text(service.error()).c_str());
    return 1;
  }
  const auto many = [&](std::size_t full) { return options.sagas != 0 ? options.sagas : options.quick ? full / 20 : full; };
  {
    Bench bench((*service)->engine(), (*service)->connection(), options);
    bench.latency(options.quick ? 50 : 200);
    bench.throughput("ok", "bench_ok", many(100'000), 5);
    bench.throughput("comp", "bench_comp", many(60'000), 7);
    bench.sleepers(many(10'000) < 500 ? 500 : many(10'000));
  }
  (*service)->engine().on_change({});
  (*service)->stop();
  service->reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : ""; };
    if (argument == "--quick") {
      options.quick = true;
    } else if (argument == "--case") {
      options.only = value();
    } else if (argument == "--sagas") {
      options.sagas = std::stoul(value());
    } else if (argument == "--at-once") {
      options.at_once = std::stoul(value());
    } else if (argument != "--json") {  // the only form there is
      std::fprintf(stderr, "usage: saga_bench --json [--quick] [--case ok|comp|latency|sleep] [--sagas N] [--at-once N]\n");
      return 2;
    }
  }
  return run(options);
}
