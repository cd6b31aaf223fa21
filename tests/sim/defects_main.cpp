// The checks are checked: each defect of interpreter/defects.h is turned on, alone, and the
// simulation must catch it. Prints a table (docs/testing.md has it): which check saw it, after how
// many schedules. Each defect runs in a process of its own, for some end in an assertion of the
// product and some never end. Fails when one is missed, or when something is caught although none
// is on.
//   sim_defects [--schedules N] [NAME]
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "interpreter/defects.h"
#include "tests/sim/exhaustive.h"
#include "tests/sim/random_plan.h"

using namespace belay;
using namespace belay::sim;

namespace {

struct Row {
  Defect defect;
  const char *name, *what;
};
constexpr Row kRows[] = {
#define X(name, what) {Defect::k##name, #name, what},
    BELAY_DEFECT_LIST(X)
#undef X
};

// Shared with the child.
struct Found {
  long schedules;
  bool caught;
  char check[100], what[400], plan[600];
};

void copy(char* to, std::size_t size, const std::string& text) {
  std::strncpy(to, text.c_str(), size - 1);
  to[size - 1] = 0;
}

void hunt(long limit, bool with_failover, Found& found) {
  const auto one = [&](const Plan& plan, bool prove) -> std::optional<Report> {
    if (found.caught || found.schedules >= limit) return std::nullopt;
    alarm(20);
    ++found.schedules;
    copy(found.plan, sizeof found.plan, to_text(plan));
    Report report = run(plan, {.prove_replay = prove});
    if (report.violation) {
      copy(found.check, sizeof found.check, report.violation->check);
      copy(found.what, sizeof found.what, report.violation->what);
      found.caught = true;
    }
    return report;
  };
  if (with_failover) {
    Plan plan;
    plan.program = "line_3";
    plan.asks = usual_asks(program("line_3"));
    for (int flush = 1; flush < 10 && !found.caught; ++flush) {
      plan.faults = {{FaultKind::kFailover, flush, 0}};
      one(plan, false);
    }
    return;
  }
  const auto by_family = [&](Family, const Plan& plan) {
    return one(plan, found.schedules % 8 == 0);
  };
  if (!enumerate({0, 16}, true, by_family)) return;  // some breadth, then depth
  for (std::uint64_t seed = 0; seed < static_cast<std::uint64_t>(limit); ++seed) {
    if (!one(plan_of_seed(seed), seed % 4 == 0) || found.caught) return;
  }
}

struct Hunt {
  const Row* row = nullptr;  // null: no defect at all, or the failover
  Found* found = nullptr;
  bool failover = false;
};

}  // namespace

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::off);
  long limit = 60'000;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--schedules") == 0 && i + 1 < argc)
      limit = std::atol(argv[++i]);
    else
      only = argv[i];
  }
  programs();
  std::vector<Hunt> hunts;
  const auto add = [&](const Row* row, bool failover) {
    void* shared =
        mmap(nullptr, sizeof(Found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) std::abort();
    hunts.push_back({row, static_cast<Found*>(shared), failover});
  };
  for (const Row& row : kRows) {
    if (only.empty() || only == row.name) add(&row, false);
  }
  if (only.empty()) {
    add(nullptr, true);
    add(nullptr, false);
  }
  constexpr int kAtOnce = 2;
  std::map<pid_t, std::size_t> running;
  std::size_t next = 0;
  while (next < hunts.size() || !running.empty()) {
    if (next < hunts.size() && running.size() < kAtOnce) {
      const pid_t child = fork();
      if (child < 0) std::abort();
      if (child == 0) {
        if (std::freopen("/dev/null", "w", stderr) == nullptr) std::abort();
        const Hunt& hunt_it = hunts[next];
        active_defect = hunt_it.row == nullptr ? Defect::kNone : hunt_it.row->defect;
        hunt(limit, hunt_it.failover, *hunt_it.found);
        _exit(0);
      }
      running[child] = next++;
      continue;
    }
    int status = 0;
    const pid_t child = wait(&status);
    if (child < 0) std::abort();
    Found& found = *hunts[running[child]].found;
    if (WIFSIGNALED(status)) {
      found.caught = true;
      copy(found.check, sizeof found.check,
           WTERMSIG(status) == SIGALRM ? "it never comes to a rest (20 s)" : checks::kAsserted);
    }
    running.erase(child);
  }
  std::size_t missed = 0, defects = 0, asserted = 0;
  std::printf("| defect | caught by | after schedules |\n|---|---|---:|\n");
  for (const Hunt& hunt_it : hunts) {
    const Found& found = *hunt_it.found;
    if (hunt_it.row == nullptr && !hunt_it.failover) {
      if (found.caught)
        ++missed, std::printf("NOTHING IS WRONG, and %s is seen: %s\n", found.check, found.plan);
      else
        std::printf("| *none of them* | *nothing, as it should be* | %ld |\n", found.schedules);
      continue;
    }
    const char* what = hunt_it.failover
                           ? "*not ours: a standby takes over that lacks acknowledged flushes*"
                           : hunt_it.row->what;
    ++defects;
    if (!found.caught) ++missed;
    asserted += std::strcmp(found.check, checks::kAsserted) == 0 ? 1U : 0U;
    std::printf("| %s | %s | %ld |\n", what, found.caught ? found.check : "**MISSED**",
                found.schedules);
    if (!only.empty()) std::printf("%s\n%s\n", found.what, found.plan);
  }
  std::printf("\n%zu defects, %zu missed, %zu ended in a BELAY_CHECK\n", defects, missed, asserted);
  return missed == 0 ? 0 : 1;
}
