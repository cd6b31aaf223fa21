// One thread that calls functions at their time: for limits of calls that nobody else times. What
// it calls must be short. Tested in tests/runtime/pace_test.cpp.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace belay::runtime {

class Alarm {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // What was not called by then is not called any more.
  ~Alarm();

  // Thread-safe. `ring` is called once, on the alarm's thread, which is begun by the first call.
  void at(Time time, std::function<void()> ring);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::multimap<Time, std::function<void()>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace belay::runtime
