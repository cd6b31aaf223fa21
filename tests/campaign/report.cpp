// See report.h.
#include "tests/campaign/report.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace belay::campaign {

using nlohmann::json;

void print(const Report& report, const std::array<int, kKinds>& wanted) {
  std::printf("\n%-32s %7s %9s %9s\n", "faults", "made", "counted", "wanted");
  for (std::size_t i = 0; i < report.tallies.size(); ++i) {
    const Tally& tally = report.tallies[i];
    if (tally.made == 0 && wanted[i] == 0) continue;
    std::printf("%-32s %7d %9d %9d\n", name(static_cast<Kind>(i)), tally.made, tally.counted,
                wanted[i]);
  }
  std::printf("(one counts only if effects were in flight when it came and it met something)\n");
  std::printf("calls in flight at kills: %d; slowest back at work: %.1f s (at most %d)\n",
              report.calls_in_flight, report.slowest_back_ms / 1000.0, kBackWithinS);
  std::printf(
      "lanes of stopped nodes taken over: %d times; starts of nodes that found no database: %d\n",
      report.lanes_taken_over, report.starts_in_vain);
  if (report.legs > 1) std::printf("legs: %d, of which failed: %d\n", report.legs, report.failed);
  std::printf(
      "\n%d sagas promised; lost %d, doubled %d, not ended %d, other rules broken %d, ledger "
      "difference %.2f; %.0f s\n",
      report.sagas, report.lost, report.doubled, report.open, report.other,
      static_cast<double>(report.difference) / 100, report.seconds);
}

void write_report(const Report& report, const std::string& path) {
  json faults = json::object();
  for (std::size_t i = 0; i < report.tallies.size(); ++i) {
    faults[name(static_cast<Kind>(i))] = {{"made", report.tallies[i].made},
                                          {"counted", report.tallies[i].counted}};
  }
  const json body = {{"passed", report.failed == 0},
                     {"seed", report.seed},
                     {"seconds", report.seconds},
                     {"sagas", report.sagas},
                     {"lost", report.lost},
                     {"doubled", report.doubled},
                     {"not_ended", report.open},
                     {"other", report.other},
                     {"difference_minor", report.difference},
                     {"calls_in_flight", report.calls_in_flight},
                     {"slowest_back_ms", report.slowest_back_ms},
                     {"lanes_taken_over", report.lanes_taken_over},
                     {"starts_in_vain", report.starts_in_vain},
                     {"faults", faults}};
  std::ofstream file(path + ".new");
  file << body.dump(2) << "\n";
  file.close();
  if (!file) throw std::runtime_error("the report cannot be written to " + path);
  std::filesystem::rename(path + ".new", path);
}

Report sum_of(const std::vector<std::string>& paths) {
  Report sum;
  sum.legs = static_cast<int>(paths.size());
  for (const std::string& path : paths) {
    std::ifstream file(path);
    const json leg = json::parse(file, nullptr, false);
    if (!leg.is_object()) throw std::runtime_error(path + " is not the report of a campaign");
    try {
      sum.failed += leg.at("passed").get<bool>() ? 0 : 1;
      sum.seconds += leg.at("seconds").get<double>();
      sum.sagas += leg.at("sagas").get<int>();
      sum.lost += leg.at("lost").get<int>();
      sum.doubled += leg.at("doubled").get<int>();
      sum.open += leg.at("not_ended").get<int>();
      sum.other += leg.at("other").get<int>();
      sum.difference += std::abs(leg.at("difference_minor").get<std::int64_t>());
      sum.calls_in_flight += leg.at("calls_in_flight").get<int>();
      sum.slowest_back_ms = std::max(sum.slowest_back_ms, leg.at("slowest_back_ms").get<int>());
      sum.lanes_taken_over += leg.at("lanes_taken_over").get<int>();
      sum.starts_in_vain += leg.at("starts_in_vain").get<int>();
      for (std::size_t i = 0; i < sum.tallies.size(); ++i) {
        const json& fault = leg.at("faults").at(name(static_cast<Kind>(i)));
        sum.tallies[i].made += fault.at("made").get<int>();
        sum.tallies[i].counted += fault.at("counted").get<int>();
      }
    } catch (const json::exception& error) {
      throw std::runtime_error(path + " is not the report of a campaign: " + error.what());
    }
  }
  return sum;
}

}  // namespace belay::campaign
