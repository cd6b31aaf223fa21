// What one run of a program comes to, in words, for comparing two interpreters: every request with
// its moment, place, direction, key and argument; every event that was published; every child that
// was started, stopped or undone; what is held; how it ended, when, with which output, and what is
// left over. Lines of one moment are sorted, because which of two branches is worked on first is
// nobody's promise.
#pragma once
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/reference/world.h"

namespace belay::reference {

struct Trace {
  std::vector<std::pair<Time, std::string>> lines;
  std::vector<std::string>
      end;            // "completed at 17 with 5", "left over: hold", "held: capture do unknown"
  std::string ended;  // completed, undone, held; open: cut off because it went on for too long

  void say(Time at, std::string line) { lines.emplace_back(at, std::move(line)); }
  std::vector<std::string> all() const {
    auto sorted = lines;
    std::stable_sort(sorted.begin(), sorted.end());
    std::vector<std::string> out;
    for (const auto& [at, line] : sorted) out.push_back(std::to_string(at) + "  " + line);
    auto last = end;
    std::sort(last.begin(), last.end());
    out.insert(out.end(), last.begin(), last.end());
    return out;
  }
};

inline std::string sent_line(const std::string& place, Direction direction,
                             std::uint32_t generation, int action, std::int64_t v) {
  return std::string(words(direction)) + " " + place + " with key " + std::to_string(generation) +
         ": " + kActions[action].name + " v=" + std::to_string(v);
}

}  // namespace belay::reference
