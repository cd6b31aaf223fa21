// Runs plugins: inline ones at once on the caller's thread, the others on a few threads of its own.
// Handing over is cheap when the threads are busy (no wake-up), and bounded; tenants whose calls
// wait take turns. Tested in tests/runtime/plugin_test.cpp.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "runtime/actions/action_runner.h"
#include "runtime/actions/alarm.h"
#include "runtime/actions/plugin.h"
#include "runtime/base/fair.h"

namespace belay::runtime {

class PluginRunner final : public ActionRunner {
 public:
  // `plugins` outlives the runner.
  PluginRunner(const PluginRegistry& plugins, std::size_t threads, std::size_t queue_max = 50'000);
  ~PluginRunner() override;  // what waits is answered as transient, what runs is waited for

  void run(ActionCall call, std::function<void(ActionOutcome)> done) override;

 private:
  struct Watch;
  struct Job {
    ActionCall call;
    std::function<void(ActionOutcome)> done;
  };
  void work();

  const PluginRegistry& plugins_;
  const std::size_t threads_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  FairQueue<Job> queue_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
  Alarm alarm_;  // last: it rings no more when the rest goes
};

}  // namespace belay::runtime
