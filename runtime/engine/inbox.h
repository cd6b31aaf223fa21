// The one way into the loop thread: requests, outcomes of actions, answers of the writer and the
// loader all come as tasks through here. Its bound is that of what comes: requests are counted at
// the door (door.h), and what the engine itself started by what was admitted. The reader takes
// everything at once (swaps a vector under the mutex) and is woken only when the box was empty.
// Tested through tests/runtime/engine_test.cpp.
#pragma once
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"

namespace belay::runtime {

// A function to call once; unlike std::function it may own what cannot be copied.
class Task {
 public:
  Task() = default;
  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, Task>>>
  Task(F&& function)
      : call_(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(function))) {}
  void operator()() { call_->run(); }
  explicit operator bool() const { return call_ != nullptr; }

 private:
  struct Call {
    virtual ~Call() = default;
    virtual void run() = 0;
  };
  template <class F>
  struct Holder final : Call {
    explicit Holder(F&& f) : function(std::move(f)) {}
    explicit Holder(const F& f) : function(f) {}
    void run() override { function(); }
    F function;
  };
  std::unique_ptr<Call> call_;
};

class Inbox {
 public:
  // After close() the task is dropped.
  void push(Task&& task) {
    std::unique_lock lock(mutex_);
    if (closed_) return;
    add(std::move(task), lock);
  }

  // Takes all there is into `out` (which must be empty), waiting until something comes or `until`
  // has passed.
  void drain(std::vector<Task>& out, SteadyTime until) {
    std::unique_lock lock(mutex_);
    if (tasks_.empty() &&
        until > steady_now()) {  // a virtual clock's time must never reach the machine's
      waiting_ = true;
      filled_.wait_until(lock, until, [&] { return !tasks_.empty(); });
      waiting_ = false;
    }
    out.swap(tasks_);
  }
  void drain(std::vector<Task>& out) {
    std::unique_lock lock(mutex_);
    out.swap(tasks_);
  }

  // Nothing comes in any more; what was inside is destroyed without being run.
  void close() {
    std::vector<Task> dropped;
    std::unique_lock lock(mutex_);
    closed_ = true;
    dropped.swap(tasks_);
  }

  std::size_t size() const {
    std::unique_lock lock(mutex_);
    return tasks_.size();
  }

 private:
  void add(Task&& task, std::unique_lock<std::mutex>& lock) {
    const bool wake = tasks_.empty() && waiting_;
    tasks_.push_back(std::move(task));
    lock.unlock();
    if (wake) filled_.notify_one();
  }

  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<Task> tasks_;
  bool waiting_ = false, closed_ = false;
};

}  // namespace belay::runtime
