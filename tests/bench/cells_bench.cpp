// The common work (docs/performance.md) in one database and in two (docs/ops/scaling.md, cells),
// each Postgres held to a core of its own. Where there are cores for all, sagas a second tell; on
// two cores, which the engine shares with them, what tells is the processor time that a thousand
// sagas cost the engine and each Postgres: a database that does half of the work has room for twice
// as many. `--at-once` is of each cell: what a saga costs depends on how many share a flush.
// Postgres is private, thrown away, fsync on. One JSON line a case.
//   cells_bench [--sagas N] [--at-once N] [--rounds N] [--writers N]
#include <dirent.h>
#include <sched.h>

#include <cstring>
#include <thread>
#include <unordered_map>

#include "tests/bench/bench_world.h"
#include "tests/bench/common_work.h"

using namespace belay;
using bench::Clock;

namespace {

struct Options {
  std::size_t sagas = 20'000, at_once = 1'000, rounds = 1, writers = 1;
};

struct Process {
  pid_t parent = 0;
  double own_s = 0, ended_children_s = 0;
};

bool read_process(pid_t pid, Process& out) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return false;
  long parent = 0;
  unsigned long long user = 0, system = 0;
  long long ended_user = 0, ended_system = 0;
  const int read = std::sscanf(text.c_str() + name_end + 2,
                               "%*c %ld %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %lld %lld",
                               &parent, &user, &system, &ended_user, &ended_system);
  if (read != 5) return false;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  out.parent = static_cast<pid_t>(parent);
  out.own_s = static_cast<double>(user + system) / ticks;
  out.ended_children_s = static_cast<double>(ended_user + ended_system) / ticks;
  return true;
}

// The server and all that it has forked.
std::vector<pid_t> family(pid_t postmaster) {
  std::vector<pid_t> pids{postmaster};
  DIR* proc = opendir("/proc");
  while (const dirent* entry = readdir(proc)) {
    const pid_t pid = std::atoi(entry->d_name);
    Process process;
    if (pid > 0 && read_process(pid, process) && process.parent == postmaster) pids.push_back(pid);
  }
  closedir(proc);
  return pids;
}

double cpu_s(pid_t postmaster) {
  double all = 0;
  for (const pid_t pid : family(postmaster)) {
    Process process;
    if (!read_process(pid, process)) continue;
    all += process.own_s + (pid == postmaster ? process.ended_children_s : 0);
  }
  return all;
}

// Who is forked later inherits it.
void hold_to_core(pid_t postmaster, std::size_t core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core % std::max(1u, std::thread::hardware_concurrency()), &set);
  for (const pid_t pid : family(postmaster)) {
    if (sched_setaffinity(pid, sizeof set, &set) != 0 && errno != ESRCH)  // it may have ended
      bench::give_up("sched_setaffinity: " + std::string(strerror(errno)));
  }
}

void run_case(std::size_t cells, const Options& options) {
  const bench::Scratch scratch;
  std::vector<runtime::PrivatePostgres> servers;
  runtime::ServeOptions serve;
  for (std::size_t i = 0; i < cells; ++i) {
    runtime::PrivatePostgresOptions postgres;
    postgres.directory = scratch.path("cell" + std::to_string(i));
    postgres.stop_on_exit = true;
    auto started = runtime::PrivatePostgres::start(std::move(postgres));
    if (!started) bench::give_up(runtime::to_text(started.error()));
    servers.push_back(std::move(*started));
    hold_to_core(servers.back().pid(), i);
    serve.databases.push_back(servers.back().connection_string());
  }
  const runtime::PluginRegistry plugins = bench::common_plugins();
  std::ofstream(scratch.path("workflows/bench.belay")) << bench::kCommonWork;
  auto program = runtime::compile_program(scratch.path("workflows"), plugins);
  if (!program) bench::give_up(program.error().message);
  serve.program = std::move(*program);
  serve.plugins = &plugins;
  serve.http = false;
  serve.writers = options.writers;
  auto service = runtime::Service::start(std::move(serve));
  if (!service) bench::give_up(runtime::to_text(service.error()));

  bench::Sample finished;
  std::unordered_map<runtime::SagaId, Clock::time_point> begun;  // on the loop thread
  runtime::Engine& engine = (*service)->engine();
  engine.on_change([&](const runtime::SagaId& saga, const interpreter::State& state) {
    const auto at = begun.find(saga);
    if (!state.ended() || at == begun.end()) return;
    finished.add(bench::ms_since(at->second));
    begun.erase(at);
  });
  const std::size_t at_once = options.at_once * cells;  // as many in each
  const auto go = [&](std::size_t sagas) {
    const std::size_t before = finished.size();
    for (std::size_t i = 0; i < sagas; ++i) {
      if (i >= at_once) finished.wait_for(before + i - at_once + 1);
      const auto at = Clock::now();
      engine.start(bench::start_of("bench_ok",
                                   {{"order", interpreter::Value::string(std::string(180, 'x'))}}),
                   [&begun, at](runtime::Result<runtime::StartReply> reply) {
                     if (!reply)
                       bench::give_up("a start was refused: " + runtime::to_text(reply.error()));
                     begun.emplace(reply->saga, at);
                   });
    }
    finished.wait_for(before + sagas);
  };
  go(std::min<std::size_t>(options.sagas / 10 + 1, 2'000));  // plans and caches are warm
  const std::size_t warm = finished.size();
  std::vector<double> before;
  for (const auto& server : servers) before.push_back(cpu_s(server.pid()));
  const auto flushes_before = engine.stats().flushes;
  const double own_before = bench::own_cpu_s();
  const auto begin = Clock::now();
  go(options.sagas);
  const double seconds = bench::seconds_since(begin);
  const double thousands = static_cast<double>(options.sagas) / 1'000.0;
  const double engine_s = (bench::own_cpu_s() - own_before) / thousands;
  double most = 0, all = 0;
  std::string each;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const double used = (cpu_s(servers[i].pid()) - before[i]) / thousands;
    most = std::max(most, used);
    all += used;
    char text[32];
    std::snprintf(text, sizeof text, "%s%.4f", i == 0 ? "" : ",", used);
    each += text;
  }
  std::printf(
      "{\"case\":\"cells\",\"cells\":%zu,\"writers\":%zu,\"sagas_per_s\":%.0f,\"p50_ms\":%.2f,"
      "\"p99_ms\":%.2f,\"flushes_per_s\":%.0f,"
      "\"engine_cpu_s_per_1000\":%.4f,\"postgres_cpu_s_per_1000\":[%s],\"postgres_cpu_s_per_1000_"
      "all\":%.4f,"
      "\"sagas_per_busiest_database_cpu_s\":%.0f}\n",
      cells, options.writers, static_cast<double>(options.sagas) / seconds,
      finished.quantile(0.5, warm), finished.quantile(0.99, warm),
      static_cast<double>(engine.stats().flushes - flushes_before) / seconds, engine_s,
      each.c_str(), all, 1'000.0 / most);
  std::fflush(stdout);
  engine.on_change({});
  (*service)->stop();
  service->reset();
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("bench"));  // standard output is for figures
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto value = [&]() -> std::size_t { return i + 1 < argc ? std::stoul(argv[++i]) : 0; };
    if (argument == "--sagas")
      options.sagas = value();
    else if (argument == "--at-once")
      options.at_once = value();
    else if (argument == "--rounds")
      options.rounds = value();
    else if (argument == "--writers")
      options.writers = value();
    else if (argument != "--json")
      bench::give_up("usage: cells_bench [--sagas N] [--at-once N] [--rounds N] [--writers N]");
  }
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (const std::size_t cells : {1, 2}) run_case(cells, options);
  }
}
