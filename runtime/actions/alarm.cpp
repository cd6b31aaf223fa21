// See alarm.h.
#include "runtime/actions/alarm.h"

#include <utility>

namespace belay::runtime {

Alarm::~Alarm() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Alarm::at(Time time, std::function<void()> ring) {
  bool sooner = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    sooner = waiting_.empty() || time < waiting_.begin()->first;
    waiting_.emplace(time, std::move(ring));
  }
  if (sooner) wake_.notify_one();
}

void Alarm::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (waiting_.empty()) {
      wake_.wait(lock);
      continue;
    }
    const Time first = waiting_.begin()->first;
    if (std::chrono::steady_clock::now() < first) {
      wake_.wait_until(lock, first);
      continue;
    }
    const std::function<void()> ring = std::move(waiting_.begin()->second);
    waiting_.erase(waiting_.begin());
    lock.unlock();
    ring();
    lock.lock();
  }
}

}  // namespace belay::runtime
