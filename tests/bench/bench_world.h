// What the benchmarks of the whole engine share: a folder with definitions, plugins that do
// nothing, the service on a private Postgres of its own, and the figures of this process and of
// Postgres.
#pragma once
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

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

namespace belay::bench {

using Clock = std::chrono::steady_clock;
using interpreter::Value;

inline double seconds_since(Clock::time_point from) {
  return std::chrono::duration<double>(Clock::now() - from).count();
}
inline double ms_since(Clock::time_point from) { return seconds_since(from) * 1000.0; }

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

// Figures in the order they came. Thread-safe.
class Sample {
 public:
  void add(double value) {
    const std::lock_guard lock(mutex_);
    values_.push_back(value);
    changed_.notify_all();
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return values_.size() >= count; });
  }
  // False: not within that time.
  bool wait_for(std::size_t count, std::chrono::seconds limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] { return values_.size() >= count; });
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return values_.size();
  }
  // 0.5: the median, of all but the first `skip`; 0 when there is none.
  double quantile(double q, std::size_t skip = 0) const {
    const std::lock_guard lock(mutex_);
    std::vector<double> sorted(
        values_.begin() + static_cast<std::ptrdiff_t>(std::min(skip, values_.size())),
        values_.end());
    if (sorted.empty()) return 0;
    std::sort(sorted.begin(), sorted.end());
    return sorted[std::min(sorted.size() - 1,
                           static_cast<std::size_t>(q * static_cast<double>(sorted.size())))];
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<double> values_;
};

// Memory of this process now, without what it shares with others' files.
inline double rss_mb() {
  std::ifstream file("/proc/self/statm");
  double size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}
inline double peak_rss_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}
// CPU seconds of this process and of its children that have ended.
inline double own_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

// One value of one row, or exit.
inline std::string ask(const std::string& connection, const std::string& sql) {
  PGconn* pg = PQconnectdb(connection.c_str());
  PGresult* result = PQexec(pg, sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) give_up(PQerrorMessage(pg));
  std::string value = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
  PQclear(result);
  PQfinish(pg);
  return value;
}

// A folder under /tmp that goes with this.
class Scratch {
 public:
  Scratch()
      : path_(std::filesystem::temp_directory_path() /
              ("belay-bench-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_ / "workflows");
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// The engine over `definitions`, without HTTP unless that is asked for. Its Postgres lies in
// `scratch` and is stopped with it, so that the next one finds what this one has written.
inline std::unique_ptr<runtime::Service> serve(const Scratch& scratch,
                                               const std::string& definitions,
                                               const runtime::PluginRegistry& plugins,
                                               runtime::EngineOptions engine = {},
                                               bool stop_postgres = true, std::size_t writers = 1,
                                               bool http = false) {
  std::ofstream(scratch.path("workflows/bench.belay")) << definitions;
  auto program = runtime::compile_program(scratch.path("workflows"), plugins);
  if (!program) give_up(program.error().message);
  runtime::ServeOptions options;
  options.program = std::move(*program);
  options.plugins = &plugins;
  options.data = scratch.path("data");
  options.stop_postgres = stop_postgres;
  options.http = http;
  options.port = 0;
  options.engine = std::move(engine);
  options.writers = writers;
  auto service = runtime::Service::start(std::move(options));
  if (!service) give_up(runtime::to_text(service.error()));
  return std::move(*service);
}

inline runtime::StartRequest start_of(const std::string& workflow,
                                      std::vector<std::pair<std::string, Value>> input,
                                      const std::string& tenant = "default") {
  runtime::StartRequest request;
  request.tenant = tenant;
  request.workflow = workflow;
  request.input = interpreter::record(std::move(input));
  return request;
}

}  // namespace belay::bench
