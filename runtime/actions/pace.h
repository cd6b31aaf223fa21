// `at most 10 per minute per customer.id`: calls of one measure leave in order, never more than so
// many in any stretch of that length. Each node keeps its own measure. Tested in
// tests/runtime/pace_test.cpp.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

#include "runtime/actions/alarm.h"

namespace belay::runtime {

class Pace {
 public:
  explicit Pace(std::size_t waiting_max = 50'000) : waiting_max_(waiting_max) {}

  // Calls `go` as soon as the measure allows, at once or on the alarm's thread. False: too many
  // wait, it is not called. REQUIRES: count > 0, per_ms > 0.
  bool pass(const std::string& measure, std::uint32_t count, std::int64_t per_ms,
            std::function<void()> go);

 private:
  using Time = Alarm::Time;
  struct Measure {
    std::deque<Time> left;  // when the latest `count` calls left
    std::deque<std::function<void()>> waiting;
    std::uint32_t count = 0;
    std::int64_t per_ms = 0;
    bool alarmed = false;
  };
  void ring(const std::string& name);
  // The calls that may leave now; sets the alarm for those that may not.
  std::deque<std::function<void()>> take(const std::string& name, Measure& measure);

  const std::size_t waiting_max_;
  std::mutex mutex_;
  std::unordered_map<std::string, Measure> measures_;
  std::size_t waiting_ = 0;
  Alarm alarm_;  // last: its thread ends first
};

}  // namespace belay::runtime
