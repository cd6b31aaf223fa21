// What one run of the campaign came to, as a file, and the sum of several such files: a campaign of
// hours is made in legs, so that one that is interrupted goes on where it was.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "tests/campaign/faults.h"

namespace belay::campaign {

struct Report {
  int legs = 1, failed = 0;
  std::uint64_t seed = 0;  // of one leg
  double seconds = 0;
  int sagas = 0, lost = 0, doubled = 0, open = 0, other = 0;
  std::int64_t difference = 0;  // of the ledgers, minor units; in a sum: of the absolute values
  int calls_in_flight = 0, slowest_back_ms = 0, lanes_taken_over = 0, starts_in_vain = 0;
  std::array<Tally, kKinds> tallies{};
};

// The table of faults, and the line that says what was lost.
void print(const Report& report, const std::array<int, kKinds>& wanted);
// Whole or not at all: a run that is ended meanwhile leaves no half report. Throws
// std::runtime_error.
void write_report(const Report& report, const std::string& path);
// Throws std::runtime_error when one cannot be read.
Report sum_of(const std::vector<std::string>& paths);

}  // namespace belay::campaign
