// `belay serve`: compile, refuse with diagnostics or serve, until a signal says stop. Signals are
// taken by sigwait on the main thread, so that nothing runs inside a signal handler.
#include <pthread.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "runtime/cli/commands.h"
#include "runtime/cli/files.h"
#include "runtime/cli/report.h"
#include "runtime/cli/serve.h"

namespace belay::runtime::cli {
namespace {

// "127.0.0.1:7070", "[::1]:7070", ":7070", "7070".
bool split_listen(std::string_view listen, std::string& host, int& port) {
  const std::size_t colon = listen.rfind(':');
  std::string_view digits = colon == std::string_view::npos ? listen : listen.substr(colon + 1);
  std::string_view name =
      colon == std::string_view::npos ? std::string_view() : listen.substr(0, colon);
  if (name.size() >= 2 && name.front() == '[' && name.back() == ']')
    name = name.substr(1, name.size() - 2);
  host = name.empty() ? "127.0.0.1" : std::string(name);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return !digits.empty() && error == std::errc() && end == digits.data() + digits.size() &&
         port >= 0 && port <= 65535;
}

// "http://10.0.0.7:7070", no path and no slash at the end.
bool is_base_url(std::string_view url) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    url.remove_prefix(scheme.size());
    return !url.empty() && std::none_of(url.begin(), url.end(), [](char c) {
      return static_cast<unsigned char>(c) <= 0x20 || c == '/' || c == '@' || c == '?' || c == '#';
    });
  }
  return false;
}

void set_up_logging(const std::string& level) {
  auto logger = spdlog::stderr_color_mt("belay");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void say_what_is_served(const dsl::CompiledProgram& program) {
  for (const interpreter::Graph& graph : program.graphs) {
    spdlog::info("workflow {} version {} ({})", graph.workflow, graph.version,
                 graph.hash.substr(0, 12));
  }
  for (const dsl::Webhook& webhook : program.webhooks) {
    spdlog::info("webhook {} at {} {}", webhook.name, webhook.method, webhook.path);
  }
  for (const dsl::Connector& connector : program.connectors)
    spdlog::info("connector {}", connector.name);
}

}  // namespace

int run(ServeCommand command, PluginRegistry& plugins) {
  ServeOptions options;
  if (!split_listen(command.listen, options.host, options.port)) {
    std::fprintf(stderr,
                 "belay: `%s` is no address to listen on\nhelp: write HOST:PORT, for example "
                 "127.0.0.1:7070\n",
                 command.listen.c_str());
    return kUsage;
  }
  while (command.advertise.ends_with('/')) command.advertise.pop_back();
  if (!command.advertise.empty() && !is_base_url(command.advertise)) {
    std::fprintf(
        stderr,
        "belay: `%s` is no address that other nodes could call\nhelp: write http://HOST:PORT\n",
        command.advertise.c_str());
    return kUsage;
  }
  Result<dsl::CompiledProgram> program =
      compile_program(command.directory, plugins, isatty(STDERR_FILENO) == 1);
  if (!program) {
    std::fputs(program.error().message.c_str(), stderr);
    std::fprintf(stderr, "belay: not serving definitions with errors\n");
    return kRefused;
  }
  // Before any thread is made, so that all of them inherit it and only sigwait sees the signals.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  set_up_logging(command.log_level);
  say_what_is_served(*program);

  options.program = std::move(*program);
  options.plugins = &plugins;
  options.databases = command.databases;
  options.writers = static_cast<std::size_t>(command.writers);
  options.data = command.data;
  options.keep_days = command.keep_days;
  options.sql_role = command.sql_role;
  options.seal_key_file = command.seal_key_file;
  options.stop_postgres = !command.keep_postgres;
  options.allow_public = command.allow_public;
  options.require_keys = command.require_keys;
  options.hosts = command.hosts;
  options.tenant = command.tenant;
  options.engine.node = command.node;
  options.engine.address = command.advertise;
  options.engine.requests_max = command.requests_max;
  options.engine.live_sagas_max = command.live_sagas_max;
  options.engine.shared_flush_rows = command.shared_flush_rows;
  options.engine.quiet_flush_rows = command.quiet_flush_rows;
  options.engine.lease_ms = 1'000LL * command.lease_s;
  if (command.advertise.empty() && (command.listen_said || !is_loopback(options.host)))
    options.engine.address = advertised(options.host, options.port);
  if (options.engine.address.empty() && !is_loopback(options.host))
    spdlog::warn(
        "other nodes are not told how to reach this one and use the database: say --advertise "
        "http://HOST:PORT");
  options.progress = [](std::string_view line) { spdlog::info("{}", line); };
  Result<std::unique_ptr<Service>> service = Service::start(std::move(options));
  if (!service) return report(service.error());

  if (!command.once_ready_file.empty()) {
    if (auto written = write_file(command.once_ready_file, (*service)->url() + "\n"); !written)
      return report(written.error());
  }
  std::printf("listening on %s\n", (*service)->url().c_str());
  std::fflush(stdout);
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  spdlog::info("{}: stopping", signal_number == SIGINT ? "SIGINT" : "SIGTERM");
  // Whoever is in a hurry may ask twice: then the process ends as if it had crashed, which the
  // journal makes safe.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  (*service)->stop();
  service->reset();
  spdlog::info("stopped");
  return kDone;
}

}  // namespace belay::runtime::cli
