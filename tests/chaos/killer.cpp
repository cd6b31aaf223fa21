// See killer.h.
#include "tests/chaos/killer.h"

#include <chrono>
#include <cstdio>
#include <thread>

namespace belay::chaos {

using test::number_at;
using test::Reply;
using test::text_at;
using Clock = std::chrono::steady_clock;

namespace {

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }
int ms_since(Clock::time_point since) {
  return static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count());
}

int in_flight(const test::World& world) {
  return static_cast<int>(number_at(world.api("GET", "/readyz").body, "/in_flight"));
}

// "capture 2, intent 1, undo of hold 1": of the sagas that wait for nothing but an answer.
std::string calls_in_flight(const test::World& world) {
  const Reply list = world.api("GET", "/v1/sagas?limit=200");
  if (list.status != 200) return "";
  std::map<std::string, int> calls;
  int looked = 0;
  for (const json& row : list.body.at("sagas")) {
    const std::string status = text_at(row, "/status");
    if (status != "running" && status != "compensating") continue;
    if (!text_at(row, "/waiting_on").empty() || ++looked > 40) continue;
    for (const json& step : world.saga(text_at(row, "/id")).value("steps", json::array())) {
      for (const json& call : step.value("calls", json::array())) {
        if (text_at(call, "/phase") != "in_flight") continue;
        const std::string direction = text_at(call, "/direction");
        ++calls[(direction == "do" ? "" : direction + " of ") + text_at(step, "/path")];
      }
    }
  }
  std::string text;
  for (const auto& [call, count] : calls)
    text += (text.empty() ? "" : ", ") + call + " " + std::to_string(count);
  return text;
}

// Waits for the moment: something is in flight. False when the evening is over.
bool wait_for_moment(Run& run, const test::World& world, std::string& calls) {
  while (!run.over) {
    calls = calls_in_flight(world);
    if (!calls.empty() && in_flight(world) > 0) return true;
    sleep_ms(10);
  }
  return false;
}

void bring_back(Run& run, test::World& world, bool engine, bool postgres, Kills& kills,
                std::mt19937_64& random) {
  sleep_ms(static_cast<int>(random() % 500));
  const auto since = Clock::now();
  try {
    if (postgres) world.start_postgres();
    if (engine) world.start_server();
  } catch (const std::exception& error) {
    run.problem(std::string("a restart failed: ") + error.what());
  }
  while (!run.over && world.api("GET", "/readyz").status != 200) {
    if (!world.server().running()) {
      ++kills.engine_ended_alone;
      std::printf("        the engine ended by itself and is started again\n");
      try {
        world.start_server();
      } catch (const std::exception& error) {
        run.problem(std::string("a restart failed: ") + error.what());
        return;
      }
    }
    sleep_ms(20);
  }
  kills.slowest_back_ms = std::max(kills.slowest_back_ms, ms_since(since));
}

}  // namespace

Kills kill_them(Run& run, test::World& world, int wanted, std::mt19937_64& random) {
  Kills kills;
  const auto begun = Clock::now();
  while (kills.total() < wanted && !run.over) {
    sleep_ms(800 + static_cast<int>(random() % 1800));
    std::string calls;
    if (!wait_for_moment(run, world, calls)) break;
    const int dice = static_cast<int>(random() % 100);
    const bool engine = dice < 65, postgres = dice >= 50;
    const int flying = in_flight(world);
    if (engine) world.server().kill9();
    if (postgres) world.kill_postgres();
    (engine && postgres ? kills.both : engine ? kills.engine : kills.postgres)++;
    kills.calls_in_flight += flying;
    std::printf("%5.1f s  kill %2d: %-20s in flight %2d (%s)\n", ms_since(begun) / 1000.0,
                kills.total(),
                engine && postgres ? "engine and Postgres"
                : engine           ? "engine"
                                   : "Postgres",
                flying, calls.c_str());
    std::fflush(stdout);
    bring_back(run, world, engine, postgres, kills, random);
    run.kills = kills.total();
  }
  return kills;
}

}  // namespace belay::chaos
