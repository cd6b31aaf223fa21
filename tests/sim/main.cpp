#include <spdlog/spdlog.h>
#include <cstdio>
#include <chrono>
#include "tests/sim/world.h"
using namespace belay::sim;
int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::off);
  for (int i = 1; i < argc; ++i) {
    const auto plan = parse_plan(argv[i]);
    if (!plan) return std::puts("bad plan"), 2;
    const Report report = run(*plan, {.prove_replay = true, .show = true});
    std::printf("%s\n  flushes %d steps %d end %s trace %llx\n", to_text(*plan).c_str(), report.flushes, report.steps, report.end.c_str(), (unsigned long long)report.trace);
    if (report.violation) std::printf("VIOLATION %s: %s\n", report.violation->check.c_str(), report.violation->what.c_str());
    const auto t = std::chrono::steady_clock::now();
    for (int n = 0; n < 1000; ++n) run(*plan);
    std::printf("%.1f us a run\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - t).count() * 1e3);
  }
}
