// See plugin_runner.h.
#include "runtime/actions/plugin_runner.h"

#include <atomic>
#include <exception>
#include <utility>

#include "runtime/actions/action_decode.h"
#include "runtime/base/clock.h"
#include "runtime/base/json_value.h"

namespace belay::runtime {
namespace {

using interpreter::FailureKind;

// Calls the plugin and judges what it gave.
ActionOutcome call_plugin(
    const PluginRegistry::Registered& plugin, const ActionCall& call,
    const std::function<void()>& alive = [] {}) {
  PluginResult result;
  try {
    result = plugin.function(
        PluginCall{plugin.name, call.args, call.key, call.tenant, call.saga, alive});
  } catch (const std::exception& e) {
    return failed(FailureKind::kUnsure, "no_answer", "the plugin threw: " + std::string(e.what()));
  } catch (...) {
    return failed(FailureKind::kUnsure, "no_answer",
                  "the plugin threw something that is no std::exception");
  }
  if (!result.ok) return failed(result.kind, result.error, result.message, result.retry_after_ms);
  ActionScope scope(action_of(call), call);
  scope.body = std::move(result.value);
  if (auto error = mapped_error(action_of(call), scope)) {
    return failed(FailureKind::kBusiness, std::move(*error), "the plugin's result says so");
  }
  auto fitted = result_of(action_of(call), scope);
  if (!fitted)
    return failed(FailureKind::kUnsure, "unreadable",
                  "the plugin's result does not fit: " + fitted.error().message);
  return succeeded(std::move(*fitted));
}

}  // namespace

// A call under way that has to be heard from: silence answers it as unsure, and what it gives later
// is not waited for.
struct PluginRunner::Watch : std::enable_shared_from_this<PluginRunner::Watch> {
  Watch(std::function<void(ActionOutcome)> d, std::int64_t ms) : done(std::move(d)), alive_ms(ms) {
    heard();
  }

  void heard() { until.store(monotonic_us() + alive_ms * 1000); }
  void answer(ActionOutcome outcome) {
    std::function<void(ActionOutcome)> tell;
    {
      const std::lock_guard lock(mutex);
      tell = std::exchange(done, nullptr);
    }
    if (tell) tell(std::move(outcome));
  }
  void look(Alarm& alarm) {
    const std::int64_t left_us = until.load() - monotonic_us();
    if (left_us <= 0) {
      return answer(failed(FailureKind::kUnsure, "silent",
                           "nothing was heard of it for " + std::to_string(alive_ms) + " ms"));
    }
    {
      const std::lock_guard lock(mutex);
      if (!done) return;
    }
    alarm.at(std::chrono::steady_clock::now() + std::chrono::microseconds(left_us),
             [self = shared_from_this(), &alarm] { self->look(alarm); });
  }

  std::mutex mutex;
  std::function<void(ActionOutcome)> done;
  const std::int64_t alive_ms;
  std::atomic<std::int64_t> until{0};
};

PluginRunner::PluginRunner(const PluginRegistry& plugins, std::size_t threads,
                           std::size_t queue_max)
    : plugins_(plugins), threads_max_(threads), queue_(queue_max) {}

PluginRunner::~PluginRunner() {
  std::vector<Job> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting = queue_.take_all();
  }
  wake_.notify_all();
  for (Job& job : waiting)
    job.done(failed(FailureKind::kTransient, "unavailable", "belay is shutting down"));
  for (std::thread& thread : threads_) thread.join();
}

void PluginRunner::run(ActionCall call, std::function<void(ActionOutcome)> done) {
  const std::string& name = action_of(call).plugin.plugin;
  const PluginRegistry::Registered* plugin = plugins_.find(name);
  if (plugin == nullptr) {
    done(failed(FailureKind::kTransient, "unavailable",
                "this program has no plugin `" + name + "`"));
    return;
  }
  if (plugin->thread == PluginThread::kInline) {
    done(call_plugin(*plugin, call));
    return;
  }
  bool wake = false;
  Job job{std::move(call), std::move(done)};
  {
    const std::lock_guard lock(mutex_);
    const std::string tenant = job.call.tenant;
    if (!stopping_ && queue_.push(tenant, std::move(job))) {
      wake = idle_ > 0;
      // Threads are made when they are first needed: most programs have no plugin that blocks.
      if (queue_.size() > idle_ && threads_.size() < threads_max_)
        threads_.emplace_back([this] { work(); });
      job.done = nullptr;
    }
  }
  if (wake) wake_.notify_one();
  if (job.done)
    job.done(failed(FailureKind::kTransient, "unavailable", "too many plugin calls wait", 1000));
}

void PluginRunner::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    while (queue_.empty()) {
      if (stopping_) return;
      ++idle_;
      wake_.wait(lock);
      --idle_;
    }
    Job job = queue_.pop();
    lock.unlock();
    const PluginRegistry::Registered& plugin = *plugins_.find(action_of(job.call).plugin.plugin);
    if (job.call.alive_ms > 0) {
      const auto watch = std::make_shared<Watch>(std::move(job.done), job.call.alive_ms);
      watch->look(alarm_);
      watch->answer(call_plugin(plugin, job.call, [watch] { watch->heard(); }));
    } else {
      job.done(call_plugin(plugin, job.call));
    }
    job = {};
    lock.lock();
  }
}

}  // namespace belay::runtime
