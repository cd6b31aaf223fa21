// The simulation as a program, as CI runs it and as a failure is looked at:
//   sim --exhaustive [--limit N] [--jobs N]   every schedule of small scope
//   sim --seeds N [--from S] [--jobs N]       random long runs, one a seed
//   sim --nightly MINUTES [--jobs N]          seeds until the time is over, from a different one each night
//   sim --seed S [--trace]                    one of them again, exactly; BELAY_SIM_SEED=S does the same
//   sim --plan "…" [--trace]                  a schedule as it was printed
// A broken promise is printed with what repeats it, made as small as it goes. See docs/testing.md.
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <unistd.h>
#include <unordered_set>

#include "tests/sim/exhaustive.h"
#include "tests/sim/random_plan.h"

using namespace belay::sim;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point began) { return std::chrono::duration<double>(Clock::now() - began).count(); }

// What runs on this thread, should a check of the product end the process.
thread_local char running[2'000];
void remember(const std::string& what) {
  std::strncpy(running, what.c_str(), sizeof running - 1);
}
void on_abort(int) {
  const char* const words[] = {"BELAY_CHECK failed in: sim --plan '", running, "'\n"};
  for (const char* word : words) {
    if (write(2, word, std::strlen(word)) < 0) break;
  }
}

struct Arguments {
  bool exhaustive = false, trace = false;
  long limit = -1, seeds = -1, from = 0, nightly_minutes = -1;
  int jobs = 2;
  std::optional<std::uint64_t> seed;
  std::string plan;
};

struct Tally {
  std::mutex mutex;
  std::atomic<long> schedules{0}, faults{0}, deaths{0}, held{0}, entries{0};
  std::atomic<bool> stop{false};
  std::map<std::string, long> by_family;
  std::unordered_set<std::uint64_t> reached, died_at;
  bool failed = false;

  void count(const Report& report) {
    ++schedules;
    faults += report.faults;
    deaths += report.deaths;
    entries += report.entries;
    if (report.held) ++held;
  }
};

void tell(Tally& tally, const Plan& plan, const Violation& violation, std::optional<std::uint64_t> seed) {
  const std::lock_guard lock(tally.mutex);
  if (std::exchange(tally.failed, true)) return;
  tally.stop = true;
  std::printf("\nBROKEN: %s\n  %s\n", violation.check.c_str(), violation.what.c_str());
  if (seed) std::printf("BELAY_SIM_SEED=%llu\n", static_cast<unsigned long long>(*seed));
  std::printf("repeat:  sim --plan '%s' --trace\n", to_text(plan).c_str());
  const Plan small = shrink(plan, [&](const Plan& candidate) {
    Plan asked = candidate;
    if (!asked.end.empty()) {
      asked.faults.clear();
      asked.end.clear();
      const std::string end = run(asked).end;
      asked = candidate;
      asked.end = end;
    }
    const Report report = run(asked);
    return report.violation && report.violation->check == violation.check;
  });
  std::printf("smaller: sim --plan '%s' --trace\n", to_text(small).c_str());
  std::fflush(stdout);
}

int one(const Plan& plan, bool trace) {
  remember(to_text(plan));
  const Report report = run(plan, {.prove_replay = true, .show = trace});
  std::printf("%s\n%d flushes, %d steps, %d entries, %d deaths; trace %016llx; %s\n", to_text(plan).c_str(), report.flushes, report.steps,
              report.entries, report.deaths, static_cast<unsigned long long>(report.trace), report.end.c_str());
  if (!report.violation) return 0;
  std::printf("BROKEN: %s\n  %s\n", report.violation->check.c_str(), report.violation->what.c_str());
  return 1;
}

template <class Work>
void on_threads(int jobs, Tally& tally, Work work) {
  std::vector<std::thread> threads;
  std::atomic<int> left{jobs};
  for (int job = 0; job < jobs; ++job) {
    threads.emplace_back([&, job] {
      work(job);
      --left;
    });
  }
  const auto began = Clock::now();
  double told = 0;
  while (left > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (seconds_since(began) < told + 10) continue;
    told = seconds_since(began);
    std::printf("  %6.0f s  %ld schedules\n", told, tally.schedules.load());
    std::fflush(stdout);
  }
  for (std::thread& thread : threads) thread.join();
}

int exhaustive(const Arguments& arguments) {
  Tally tally;
  const auto began = Clock::now();
  on_threads(arguments.jobs, tally, [&](int job) {
    std::map<std::string, long> by_family;
    std::unordered_set<std::uint64_t> reached, died_at;
    long runs = 0;
    enumerate({job, arguments.jobs}, false, [&](Family family, const Plan& plan) -> std::optional<Report> {
      if (tally.stop || (arguments.limit >= 0 && tally.schedules >= arguments.limit)) return std::nullopt;
      remember(to_text(plan));
      Report report = run(plan, {.prove_replay = ++runs % 8 == 0});
      if (report.violation) {
        tell(tally, plan, *report.violation, std::nullopt);
        return std::nullopt;
      }
      tally.count(report);
      ++by_family[name(family)];
      if (family == Family::kAnswers) reached.insert(report.boundaries.begin(), report.boundaries.end());
      died_at.insert(report.died_at.begin(), report.died_at.end());
      return report;
    });
    const std::lock_guard lock(tally.mutex);
    for (const auto& [family, count] : by_family) tally.by_family[family] += count;
    tally.reached.merge(reached);
    tally.died_at.merge(died_at);
  });
  if (tally.failed) return 1;
  std::size_t covered = 0;
  for (const std::uint64_t boundary : tally.reached) covered += tally.died_at.count(boundary);
  const double took = seconds_since(began);
  for (const auto& [family, count] : tally.by_family) std::printf("  %-20s %8ld\n", family.c_str(), count);
  std::printf("%ld schedules in %.1f s (%.0f us each on %d threads): %ld deaths, %ld faults in all, %ld entries; %ld ended held\n",
              tally.schedules.load(), took, took * 1e6 * arguments.jobs / static_cast<double>(tally.schedules), arguments.jobs,
              tally.deaths.load(), tally.faults.load(), tally.entries.load(), tally.held.load());
  std::printf("journal boundaries: %zu, of which died at: %zu\n", tally.reached.size(), covered);
  const bool whole = arguments.limit < 0;
  if (whole && covered != tally.reached.size()) {
    std::printf("BROKEN: nobody died at %zu boundaries\n", tally.reached.size() - covered);
    return 1;
  }
  return 0;
}

int seeds(const Arguments& arguments, std::uint64_t from, long count, double minutes) {
  Tally tally;
  const auto began = Clock::now();
  std::atomic<std::uint64_t> next{from};
  on_threads(arguments.jobs, tally, [&](int) {
    while (!tally.stop) {
      const std::uint64_t seed = next++;
      if (count >= 0 && seed >= from + static_cast<std::uint64_t>(count)) return;
      if (minutes > 0 && seconds_since(began) > minutes * 60) return;
      const Plan plan = plan_of_seed(seed);
      remember(to_text(plan));
      const Report report = run(plan, {.prove_replay = seed % 4 == 0});
      tally.count(report);
      if (report.violation) tell(tally, plan, *report.violation, seed);
    }
  });
  if (tally.failed) return 1;
  const double took = seconds_since(began);
  std::printf("%ld seeds from %llu in %.1f s (%.0f us each on %d threads): %ld deaths, %ld faults in all, %ld entries; %ld ended held\n",
              tally.schedules.load(), static_cast<unsigned long long>(from), took,
              took * 1e6 * arguments.jobs / static_cast<double>(tally.schedules), arguments.jobs, tally.deaths.load(), tally.faults.load(),
              tally.entries.load(), tally.held.load());
  return 0;
}

int usage() {
  std::fputs("usage: sim --exhaustive [--limit N] | --seeds N [--from S] | --nightly MINUTES | --seed S | --plan TEXT\n"
             "       [--jobs N] [--trace]\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::off);
  std::signal(SIGABRT, on_abort);
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (word == "--exhaustive") arguments.exhaustive = true;
    else if (word == "--trace") arguments.trace = true;
    else if (value == nullptr) return usage();
    else if (word == "--limit") arguments.limit = std::atol(argv[++i]);
    else if (word == "--jobs") arguments.jobs = std::max(1, std::atoi(argv[++i]));
    else if (word == "--seeds") arguments.seeds = std::atol(argv[++i]);
    else if (word == "--from") arguments.from = std::atol(argv[++i]);
    else if (word == "--nightly") arguments.nightly_minutes = std::atol(argv[++i]);
    else if (word == "--seed") arguments.seed = std::strtoull(argv[++i], nullptr, 10);
    else if (word == "--plan") arguments.plan = argv[++i];
    else return usage();
  }
  if (const char* seed = std::getenv("BELAY_SIM_SEED"); seed != nullptr && argc == 1) arguments.seed = std::strtoull(seed, nullptr, 10);
  programs();
  if (!arguments.plan.empty()) {
    const auto plan = parse_plan(arguments.plan);
    if (!plan) return std::fputs("that is no plan\n", stderr), 2;
    return one(*plan, arguments.trace);
  }
  if (arguments.seed) return one(plan_of_seed(*arguments.seed), arguments.trace);
  if (arguments.exhaustive) return exhaustive(arguments);
  if (arguments.seeds >= 0) return seeds(arguments, static_cast<std::uint64_t>(arguments.from), arguments.seeds, 0);
  if (arguments.nightly_minutes > 0) {
    const auto days = std::chrono::duration_cast<std::chrono::hours>(std::chrono::system_clock::now().time_since_epoch()).count() / 24;
    return seeds(arguments, static_cast<std::uint64_t>(days) * 1'000'000'000ULL, -1, static_cast<double>(arguments.nightly_minutes));
  }
  return usage();
}
