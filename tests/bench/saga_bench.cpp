// The common work of the peers (docs/performance.md): start a saga with ~200 bytes of input; five
// no-op steps in this process that give ~60 bytes each; each result durable before the next step
// starts; the end durable too.
//   ok       as said
//   comp     the fourth step fails for good, then the undos of 3, 2, 1, each durable
//   latency  sagas one after the other on an idle engine
//   sleep    sagas put to sleep for an hour: how many starts a second
// The whole engine on a private Postgres that this program makes and throws away, fsync on; sagas
// come from a definition in the language, through Engine::start, lanes and flush. One JSON line a
// case.
//   saga_bench --json [--quick] [--case ok] [--sagas N] [--at-once N] [--writers N] [--wal]
// With --wal each case's write-ahead log is told apart by record and table, on standard error
// (extension pg_walinspect).
#include <unordered_map>

#include "tests/bench/bench_world.h"
#include "tests/bench/common_work.h"

using namespace belay;
using namespace belay::bench;

namespace {

struct Options {
  bool quick = false;
  std::string only;
  std::size_t sagas = 0;
  std::size_t at_once = 1000;
  std::size_t writers = 1;
  bool wal = false;
};

class Bench {
 public:
  Bench(runtime::Engine& engine, const std::string& connection, const Options& options)
      : engine_(engine), connection_(connection), options_(options) {
    engine_.on_change([this](const runtime::SagaId& saga, const interpreter::State& state) {
      const auto begun = begun_.find(saga);
      if (!state.ended() || begun == begun_.end()) return;
      finished_->add(ms_since(begun->second));
      begun_.erase(begun);
    });
  }
  ~Bench() { engine_.on_change({}); }

  // `ends`: a saga counts when it has ended; otherwise when its start is committed.
  void measure(const char* name, const char* workflow, std::size_t sagas, std::size_t at_once,
               int steps, bool ends) {
    if (!options_.only.empty() && options_.only != name) return;
    finished_ = std::make_shared<Sample>();
    const auto wal_before = wal_position(connection_);
    const auto flushes_before = engine_.stats().flushes;
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < sagas; ++i) {
      if (i >= at_once) finished_->wait_for(i - at_once + 1);
      start(workflow, ends);
    }
    finished_->wait_for(sagas);
    const double rate = static_cast<double>(sagas) * 1000.0 / ms_since(begin);
    const auto wal =
        static_cast<double>(wal_position(connection_) - wal_before) / static_cast<double>(sagas);
    std::printf(
        "{\"case\":\"%s\",\"sagas_per_s\":%.0f,\"steps_per_s\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%."
        "2f,"
        "\"wal_bytes_per_saga\":%.0f,\"flushes_per_s\":%.0f,\"peak_rss_mb\":%.0f}\n",
        name, rate, rate * steps, finished_->quantile(0.5), finished_->quantile(0.99), wal,
        static_cast<double>(engine_.stats().flushes - flushes_before) * rate /
            static_cast<double>(sagas),
        peak_rss_mb());
    std::fflush(stdout);
    if (options_.wal) tell_wal(connection_, wal_before, sagas);
  }

 private:
  void start(const char* workflow, bool ends) {
    runtime::StartRequest request;
    request.tenant = "default";
    request.workflow = workflow;
    request.input = interpreter::record({{"order", Value::string(std::string(180, 'x'))}});
    const auto begun = Clock::now();
    engine_.start(std::move(request), [this, begun,
                                       ends](runtime::Result<runtime::StartReply> reply) {
      if (!reply) {
        std::fprintf(stderr, "a start was refused: %s\n", runtime::to_text(reply.error()).c_str());
        std::exit(1);
      }
      if (ends)
        begun_.emplace(reply->saga, begun);
      else
        finished_->add(ms_since(begun));
    });
  }

  runtime::Engine& engine_;
  const std::string connection_;
  const Options options_;
  // How long sagas took from their start's call; written on the engine's loop thread.
  std::shared_ptr<Sample> finished_ = std::make_shared<Sample>();
  std::unordered_map<runtime::SagaId, Clock::time_point>
      begun_;  // on the engine's loop thread only
};

int run(const Options& options) {
  const Scratch scratch;
  const runtime::PluginRegistry registry = common_plugins();
  const auto service = serve(scratch, kCommonWork, registry, {}, true, options.writers);
  const auto many = [&](std::size_t full) {
    return options.sagas != 0 ? options.sagas : options.quick ? full / 20 : full;
  };
  {
    Bench bench(service->engine(), service->connection(), options);
    bench.measure("latency", "bench_ok", options.quick ? 50 : 200, 1, 5, true);
    bench.measure("ok", "bench_ok", many(100'000), options.at_once, 5, true);
    bench.measure("comp", "bench_comp", many(60'000), options.at_once, 7, true);
    bench.measure("sleep", "bench_sleep", many(10'000), options.at_once, 0, false);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("bench"));  // standard output is for figures
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
    } else if (argument == "--writers") {
      options.writers = std::stoul(value());
    } else if (argument == "--wal") {
      options.wal = true;
    } else if (argument != "--json") {  // the only form there is
      std::fprintf(stderr,
                   "usage: saga_bench --json [--quick] [--case ok|comp|latency|sleep] [--sagas N] "
                   "[--at-once N] "
                   "[--writers N] [--wal]\n");
      return 2;
    }
  }
  return run(options);
}
