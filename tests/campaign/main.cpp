// The crash campaign: three nodes on one Postgres, guests who book and pay, a provider with books
// of its own, a breakable link between any two of them, and faults of every kind, one after the
// other and two at once, while calls are in flight. In the end nothing that was promised may be
// lost, nothing done twice, and all books agree to the cent. Exit code 0 says so (and that there
// were enough faults); a failure prints the seed and keeps the logs. docs/testing.md tells more.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "runtime/store/private_postgres.h"
#include "tests/campaign/books.h"
#include "tests/campaign/faults.h"
#include "tests/campaign/report.h"

using namespace belay;
using namespace belay::campaign;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

namespace {

struct Settings {
  int sagas = 0, for_s = 60, limit_s = 600, nodes = 3, clock_back_s = 0;
  double per_second = 8;
  std::array<int, kKinds> wanted{};
  bool negative = false;
  std::uint64_t seed = std::random_device{}();
  std::string logs, report;
  std::vector<std::string> legs;
};

volatile std::sig_atomic_t told_to_stop = 0;

double seconds_since(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

// Ends the campaign when the time is over or somebody says so, so that nothing waits for ever and
// nothing stays behind: first by asking, and when something is stuck in a call, with the server
// that it waits for and then with this process.
class Watch {
 public:
  Watch(chaos::Run& run, test::World& world, int seconds)
      : thread_([this, &run, &world, seconds] {
          if (!quiet_for(std::chrono::seconds(seconds), true)) return;
          run.problem(told_to_stop != 0
                          ? "told to stop"
                          : "the time limit of " + std::to_string(seconds) + " s was reached");
          run.over = true;
          if (!quiet_for(std::chrono::seconds(120), false)) return;
          run.problem("it did not end when it was told to, and Postgres was killed");
          world.kill_postgres();
          if (!quiet_for(std::chrono::seconds(30), false)) return;
          std::printf("FAILED: it does not end by itself\n");
          std::fflush(stdout);
          std::_Exit(3);  // the nodes and the provider end with their parent
        }) {}
  ~Watch() {
    stop_ = true;
    thread_.join();
  }

 private:
  // True when the time went by and nobody needed this watch to end.
  bool quiet_for(std::chrono::seconds wait, bool heed_signals) {
    const auto end = Clock::now() + wait;
    while (!stop_ && !(heed_signals && told_to_stop != 0) && Clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return !stop_;
  }

  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Clocks that can be set: libfaketime before a node, and before Postgres by a `postgres` of our own
// that is found first. Only what tells the date jumps; what measures time does not, as when
// somebody sets a machine's clock.
struct Clocks {
  std::string library, node_file, database_file;

  explicit Clocks(const std::string& folder) {
    for (const char* path : {"/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
                             "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"}) {
      if (fs::exists(path)) library = path;
    }
    if (library.empty()) return;
    node_file = folder + "/clock-node";
    database_file = folder + "/clock-database";
    for (const std::string& file : {node_file, database_file}) std::ofstream(file) << "+0\n";
  }
  std::map<std::string, std::string> environment(const std::string& file) const {
    return {{"LD_PRELOAD", library},          {"FAKETIME_TIMESTAMP_FILE", file},
            {"FAKETIME_CACHE_DURATION", "1"}, {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
            {"FAKETIME_DISABLE_SHM", "1"},    {"NO_FAKE_STAT", "1"}};
  }
  void wrap_postgres(const std::string& folder) const {
    std::string newest;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", error))
      newest = std::max(newest, entry.path().string() + "/bin");
    if (newest.empty() || std::getenv("BELAY_POSTGRES_BIN") != nullptr) return;
    const std::string bin = folder + "/bin";
    fs::create_directory(bin);
    for (const char* program : {"initdb", "pg_basebackup"})
      fs::create_symlink(newest + "/" + program, bin + "/" + program);
    std::ofstream script(bin + "/postgres");
    script << "#!/bin/sh\n";
    for (const auto& [name, value] : environment(database_file))
      script << "export " << name << "='" << value << "'\n";
    script << "exec " << newest << "/postgres \"$@\"\n";
    script.close();
    fs::permissions(bin + "/postgres", fs::perms(0755));
    fs::permissions(bin, fs::perms(0755));
    ::setenv("BELAY_POSTGRES_BIN", bin.c_str(), 1);
  }
};

std::map<std::string, std::string> database_settings(const Settings& settings) {
  std::map<std::string, std::string> out = {{"max_connections", "150"}, {"max_wal_size", "256MB"}};
  // What is committed without waiting stays in memory for as long as Postgres lets it.
  if (settings.negative) out["wal_writer_delay"] = "10000";
  return out;
}

void say_what_is_left_out(Settings& settings, const Disks& disks, const Clocks& clocks) {
  const auto leave_out = [&](Kind kind, const char* why) {
    int& wanted = settings.wanted.at(static_cast<std::size_t>(kind));
    if (wanted > 0) std::printf("left out: %s, because %s\n", name(kind), why);
    wanted = 0;
  };
  if (!disks.small()) leave_out(Kind::kDiskFull, "only root may mount a small file system");
  if (clocks.library.empty()) {
    leave_out(Kind::kNodeClock, "the package `faketime` is not installed");
    leave_out(Kind::kDatabaseClock, "the package `faketime` is not installed");
  }
}

// Every session from now on commits without waiting. The nodes were started with word to let that
// pass (let_it_pass).
void take_the_guard_off(test::World& world) {
  world.sql("ALTER ROLE belay SET synchronous_commit = off");
  world.kill_postgres();
  world.start_postgres();
  if (world.sql("SHOW synchronous_commit") != "off")
    throw std::runtime_error("synchronous_commit could not be switched off");
  hold_wal_writer(world);
}

// The guard refuses such a database whenever a node connects, and with every flush. It is inherited
// by all nodes.
void let_it_pass() { ::setenv("BELAY_UNSAFE_COMMITS_FOR_TESTS", "1", 1); }

Report report_of(const Settings& settings, const Faults& faults, const Verdict& verdict,
                 std::size_t promised, double took) {
  Report report;
  report.seed = settings.seed;
  report.seconds = took;
  report.sagas = static_cast<int>(promised);
  report.lost = verdict.lost;
  report.doubled = verdict.doubled;
  report.open = verdict.open;
  report.other = verdict.other;
  report.difference = verdict.difference();
  report.calls_in_flight = faults.calls_in_flight();
  report.slowest_back_ms = faults.slowest_back_ms();
  report.lanes_taken_over = faults.lanes_taken_over();
  report.starts_in_vain = faults.starts_in_vain();
  report.tallies = faults.tallies();
  return report;
}

// Several legs as one campaign: were there enough faults and sagas, and was nothing wrong in any of
// them?
int add_up(const Settings& settings) {
  const Report sum = sum_of(settings.legs);
  print(sum, settings.wanted);
  bool enough = sum.sagas >= settings.sagas;
  for (std::size_t i = 0; i < sum.tallies.size(); ++i)
    enough = enough && sum.tallies[i].counted >= settings.wanted[i];
  if (!enough) std::printf("WRONG: there were too few faults or sagas\n");
  if (sum.failed > 0) std::printf("WRONG: %d of %d legs failed\n", sum.failed, sum.legs);
  const bool clean =
      sum.failed == 0 && sum.lost + sum.doubled + sum.open + sum.other == 0 && sum.difference == 0;
  std::printf("%s\n", enough && clean ? "nothing lost, nothing doubled" : "FAILED");
  return enough && clean ? 0 : 1;
}

int run_campaign(Settings settings) {
  const auto begun = Clock::now();
  const test::Folder folder;
  const Clocks clocks(folder.path);
  const bool jumps = settings.wanted.at(static_cast<std::size_t>(Kind::kDatabaseClock)) > 0;
  if (jumps && !clocks.library.empty()) clocks.wrap_postgres(folder.path);
  const std::int64_t expected =
      std::max(settings.sagas, static_cast<int>(settings.per_second * settings.limit_s));
  Disks disks(folder.path, (900LL << 20) + expected * 60'000);
  say_what_is_left_out(settings, disks, clocks);

  test::WorldOptions options;
  options.keep_logs = settings.logs;
  options.provider_arguments = {"--seed", std::to_string(settings.seed % 1'000'000'000)};
  options.nodes = settings.nodes;
  options.links = true;
  options.machines = ::geteuid() == 0;
  options.postgres_directory = disks.directory();
  options.postgres_settings = database_settings(settings);
  options.client_timeout_ms = 8000;
  if (settings.wanted.at(static_cast<std::size_t>(Kind::kNodeClock)) > 0)
    options.last_node_environment = clocks.environment(clocks.node_file);
  if (settings.negative) let_it_pass();
  test::World world(options);
  if (settings.negative) take_the_guard_off(world);
  world.faults(chaos::rules_for_all());
  world.webhooks(
      {{"duplicate", 1}, {"jitter_ms", 600}, {"tries_max", 100000}, {"backoff_ms_max", 1000}});
  std::printf("campaign: %d nodes%s, at least %d sagas, seed %llu%s\n", settings.nodes,
              options.machines ? " as if on machines of their own" : "", settings.sagas,
              static_cast<unsigned long long>(settings.seed),
              settings.negative
                  ? "; NEGATIVE: synchronous_commit is off, and the guard was told to let it pass"
                  : "");
  std::fflush(stdout);

  const std::vector<chaos::Guest> none;
  chaos::Run run(world, none);
  run.settled_after_ms = 15'000;  // longer than any link holds a request back
  Balancer balancer(world);
  int code = 1;
  {
    const Watch watch(run, world, settings.limit_s);
    std::thread ops([&] { run.play([&] { be_ops(run); }); });
    {
      Crowd crowd(run, world, {.per_second = settings.per_second, .seed = settings.seed});
      FaultOptions fault_options{.wanted = settings.wanted,
                                 .at_least_s = settings.for_s,
                                 .seed = settings.seed,
                                 .clock_back_s = settings.clock_back_s,
                                 .node_clock = clocks.node_file,
                                 .database_clock = clocks.database_file,
                                 .database_settings = options.postgres_settings,
                                 .hold_wal_writer = settings.negative};
      // The rooms stay: without them nothing would go on that could be lost.
      if (settings.negative) world.sql("CHECKPOINT");
      Faults faults(run, world, crowd, balancer, disks, fault_options);
      run.play([&] { faults.play(); });
      while (!run.over && crowd.arrived() < settings.sagas)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      crowd.close_door();
      std::printf("%6.1f s  %d came; waiting for everything to end\n", seconds_since(begun),
                  crowd.arrived());
      std::fflush(stdout);
      while (!run.over && !crowd.empty())
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
      for (const std::string& open : wait_for_ends(run, settings.negative ? 30 : 90))
        run.problem("has not ended: " + open);
      run.over = true;
      ops.join();
      const double took = seconds_since(begun);
      const Verdict verdict = do_the_books(run, crowd.guests());
      Report report = report_of(settings, faults, verdict, run.promises.size(), took);
      print(report, settings.wanted);
      if (!faults.enough()) run.problem("there were too few faults");
      if (crowd.arrived() < settings.sagas) run.problem("there were too few sagas");
      report.failed = run.problems.empty() ? 0 : 1;
      if (!settings.report.empty() && told_to_stop == 0) write_report(report, settings.report);
      code = run.problems.empty() ? 0 : 1;
      if (settings.negative) world.kill_postgres();  // it could not end by itself
    }
  }
  for (const std::string& problem : run.problems) std::printf("WRONG: %s\n", problem.c_str());
  std::printf("%s\n", code == 0 ? "nothing lost, nothing doubled" : "FAILED");
  std::fflush(stdout);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  CLI::App app{"Books rooms on three nodes while everything breaks, and does the books afterwards",
               "campaign"};
  app.option_defaults()->take_last();  // so that run.sh's can be said otherwise
  app.add_option("--sagas", settings.sagas, "At least so many")->capture_default_str();
  app.add_option("--rate", settings.per_second, "Guests a second")->capture_default_str();
  app.add_option("--for", settings.for_s, "Seconds that faults go on for at least")
      ->capture_default_str();
  app.add_option("--limit", settings.limit_s, "Seconds that all of it may take")
      ->capture_default_str();
  app.add_option("--nodes", settings.nodes)->check(CLI::Range(1, 8))->capture_default_str();
  static constexpr const char* kOptions[kKinds] = {
      "--node-kills",  "--postgres-kills",  "--stops",      "--links",     "--restarts",
      "--node-clocks", "--database-clocks", "--disks-full", "--promotions"};
  for (std::size_t i = 0; i < kKinds; ++i)
    app.add_option(kOptions[i], settings.wanted[i], "At least so many that count; 0: none at all")
        ->capture_default_str();
  app.add_option("--clock-back", settings.clock_back_s,
                 "Seconds that the database's clock may be set back by at once")
      ->check(CLI::Range(0, 20))
      ->capture_default_str();
  app.add_flag("--negative", settings.negative, "Commits do not wait for the disk: must fail");
  app.add_option("--seed", settings.seed, "Repeats a run's plan (not its timing)");
  app.add_option("--logs", settings.logs,
                 "Where the logs go; otherwise they are kept only when it fails");
  app.add_option("--report", settings.report, "Writes what it came to as JSON");
  app.add_option("--sum", settings.legs, "Runs nothing: adds up the reports of legs")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  CLI11_PARSE(app, argc, argv);
  if (!settings.legs.empty()) {
    try {
      return add_up(settings);
    } catch (const std::exception& error) {
      std::printf("campaign: %s\n", error.what());
      return 2;
    }
  }
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { told_to_stop = 1; });
  const bool own_logs = settings.logs.empty();
  if (own_logs) settings.logs = "/tmp/belay-campaign-" + std::to_string(settings.seed);
  int code = 1;
  try {
    code = run_campaign(settings);
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
  }
  if (code != 0)
    std::printf("repeat with --seed %llu; logs in %s\n",
                static_cast<unsigned long long>(settings.seed), settings.logs.c_str());
  else if (own_logs)
    fs::remove_all(settings.logs);
  return code;
}
