// Chaos: hundreds of bookings over HTTP while the engine and Postgres are killed with SIGKILL,
// again and again, whenever calls are under way, and while the provider loses answers, stores
// errors and repeats its webhooks. In the end every saga that was promised with a 2xx has ended,
// and three sets of books agree to the cent: the engine's, the booking tables', the provider's.
// Exit code 0 says so; a failure prints the seed and keeps the logs.
#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "tests/chaos/audit.h"
#include "tests/chaos/killer.h"

using namespace belay;
using namespace belay::chaos;
using Clock = std::chrono::steady_clock;

namespace {

struct Settings {
  int sagas = 300, kills = 20, limit_s = 230;
  std::uint64_t seed = std::random_device{}();
  std::string logs;
};

double seconds_since(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

// Every guest has a thread: they mostly sleep.
std::vector<std::thread> let_guests_in(Run& run) {
  std::vector<std::thread> threads;
  for (const Guest& guest : run.guests) {
    threads.emplace_back([&run, &guest] { run.play([&] { be_guest(run, guest); }); });
  }
  return threads;
}

volatile std::sig_atomic_t told_to_stop = 0;

// Ends the evening when the time is over or somebody says so, so that nothing waits for ever and
// nothing stays behind.
class Watch {
 public:
  Watch(Run& run, int seconds)
      : thread_([this, &run, seconds] {
          const auto end = Clock::now() + std::chrono::seconds(seconds);
          while (!stop_ && told_to_stop == 0 && Clock::now() < end)
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
          if (stop_) return;
          run.problem(told_to_stop != 0
                          ? "told to stop"
                          : "the time limit of " + std::to_string(seconds) + " s was reached");
          run.over = true;
        }) {}
  ~Watch() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

int run_chaos(const Settings& settings) {
  const auto begun = Clock::now();
  std::mt19937_64 random(settings.seed);
  test::WorldOptions options;
  options.keep_logs = settings.logs;
  options.provider_arguments = {"--seed", std::to_string(settings.seed % 1'000'000'000)};
  test::World world(options);
  const std::vector<Guest> guests = draw_guests(world, settings.sagas, settings.kills, random);
  world.faults(fault_rules(guests));
  world.webhooks({{"duplicate", 1},
                  {"jitter_ms", 600},
                  {"reorder", true},
                  {"reorder_window_ms", 300},
                  {"tries_max", 1000},
                  {"backoff_ms_max", 1000}});
  std::printf("chaos: %d sagas, at least %d kills, seed %llu\n", settings.sagas, settings.kills,
              static_cast<unsigned long long>(settings.seed));

  Run run(world, guests);
  Kills kills;
  {
    const Watch watch(run, settings.limit_s);
    std::thread ops([&] { run.play([&] { be_ops(run); }); });
    std::vector<std::thread> threads = let_guests_in(run);
    run.play([&] { kills = kill_them(run, world, settings.kills, random); });
    for (std::thread& thread : threads) thread.join();
    std::printf("%5.1f s  all %zu starts are answered; waiting for every saga to end\n",
                seconds_since(begun), run.promises.size());
    std::fflush(stdout);
    const int left = std::max(5, settings.limit_s - static_cast<int>(seconds_since(begun)));
    for (const std::string& open : wait_for_ends(run, left)) run.problem("has not ended: " + open);
    run.over = true;
    ops.join();
  }
  audit(run);
  if (kills.total() < settings.kills)
    run.problem("only " + std::to_string(kills.total()) + " kills were made");
  std::printf(
      "kills: %d engine, %d Postgres, %d both; %d calls were in flight; slowest back in %.1f s%s\n",
      kills.engine, kills.postgres, kills.both, kills.calls_in_flight,
      kills.slowest_back_ms / 1000.0,
      kills.engine_ended_alone > 0 ? "; THE ENGINE ENDED BY ITSELF" : "");
  if (kills.engine_ended_alone > 0)
    run.problem("the engine ended by itself " + std::to_string(kills.engine_ended_alone) +
                " times");
  const std::string lost = world.sql(
      "SELECT count(*) FROM belay.entry WHERE kind = 'StepFailed' AND body::json->>'error' = "
      "'lost'");
  std::printf("calls that were found lost after a kill and settled: %s\n", lost.c_str());
  for (const std::string& problem : run.problems) std::printf("WRONG: %s\n", problem.c_str());
  std::printf("%s in %.0f s\n", run.problems.empty() ? "nothing lost, nothing doubled" : "FAILED",
              seconds_since(begun));
  return run.problems.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app{"Books rooms while everything is killed, and does the books afterwards", "chaos"};
  app.add_option("--sagas", settings.sagas, "How many")->capture_default_str();
  app.add_option("--kills", settings.kills, "At least so many")->capture_default_str();
  app.add_option("--seed", settings.seed, "Repeats a run's plan (not its timing)");
  app.add_option("--limit", settings.limit_s, "Seconds that all of it may take")
      ->capture_default_str();
  app.add_option("--logs", settings.logs,
                 "Where the logs go; otherwise they are kept only when it fails");
  CLI11_PARSE(app, argc, argv);
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { told_to_stop = 1; });
  const bool own_logs = settings.logs.empty();
  if (own_logs) settings.logs = "/tmp/belay-chaos-" + std::to_string(settings.seed);
  int code = 1;
  try {
    code = run_chaos(settings);
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
  }
  if (code != 0)
    std::printf("repeat with --seed %llu; logs in %s\n",
                static_cast<unsigned long long>(settings.seed), settings.logs.c_str());
  else if (own_logs)
    std::filesystem::remove_all(settings.logs);
  return code;
}
