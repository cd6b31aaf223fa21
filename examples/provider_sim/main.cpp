// provider_sim: a payment provider, mail sender and calendar to run sagas against. README.md beside
// this file lists its endpoints. This file reads the command line and minds signals.
#include <curl/curl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <thread>

#include "examples/provider_sim/provider.h"
#include "examples/provider_sim/server.h"

namespace {

using belay::provider::Options;
using belay::provider::Provider;
using belay::provider::Server;

struct Address {
  std::string host;
  int port = 0;
};

// Loopback only: the simulator has no real secrets and must not look as if it had.
std::optional<Address> loopback_in(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  Address address{text.substr(0, colon)};
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc{} || stop != end || address.port < 0 || address.port > 65535)
    return std::nullopt;
  if (address.host == "localhost") address.host = "127.0.0.1";
  if (!address.host.starts_with("127.")) return std::nullopt;
  return address;
}

int serve(const Address& address, const Options& options) {
  // Threads inherit the mask, so that only the waiter below gets the signals.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  Provider provider(options);
  Server server(provider);
  const int port = server.bind(address.host, address.port);
  if (port == 0) {
    std::fprintf(stderr, "provider_sim: cannot listen on %s:%d\n", address.host.c_str(),
                 address.port);
    std::_Exit(1);
  }
  std::printf("listening on %s:%d\n", address.host.c_str(), port);
  std::fflush(stdout);

  std::thread waiter([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    server.stop(3000);
    provider.sync();
    std::_Exit(
        0);  // idle connections would keep their threads for a minute, and everything is on disk
  });
  server.run();
  waiter.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"an external payment provider, mail sender and calendar, simulated"};
  std::string listen = "127.0.0.1:0";
  Options options;
  app.add_option("--listen", listen, "loopback address and port; port 0 picks a free one")
      ->capture_default_str();
  app.add_option("--ledger", options.ledger, "the ledger file, made when missing")->required();
  app.add_option("--api-key", options.api_key,
                 "the only bearer that is accepted (else any that is not empty)");
  app.add_option("--webhook-url", options.webhooks.url, "where webhooks go");
  app.add_option("--webhook-secret", options.webhooks.secret, "what they are signed with");
  app.add_option("--keys-remembered-for", options.remember_keys_for_s,
                 "seconds an Idempotency-Key lives (a day)");
  app.add_option("--seed", options.seed, "makes ids and faults repeatable");
  app.add_flag("--auto-pay", options.auto_pay, "customers pay every intent at once");
  CLI11_PARSE(app, argc, argv);

  const auto address = loopback_in(listen);
  if (!address) {
    std::fprintf(stderr, "provider_sim: `%s` is not HOST:PORT on loopback\n", listen.c_str());
    return 1;
  }
  // httplib waits with select(), which must not meet a descriptor of 1024 or more.
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > 1000) {
    files.rlim_cur = 1000;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  signal(SIGPIPE, SIG_IGN);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  try {
    return serve(*address, options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "provider_sim: %s\n", error.what());
    return 1;
  }
}
