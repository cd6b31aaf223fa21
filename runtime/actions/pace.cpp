// See pace.h.
#include "runtime/actions/pace.h"

#include <utility>

namespace belay::runtime {

bool Pace::pass(const std::string& name, std::uint32_t count, std::int64_t per_ms,
                std::function<void()> go) {
  std::deque<std::function<void()>> leaving;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_ >= waiting_max_) return false;
    Measure& measure = measures_[name];
    measure.count = count;  // a newer definition may say otherwise
    measure.per_ms = per_ms;
    measure.waiting.push_back(std::move(go));
    ++waiting_;
    leaving = take(name, measure);
  }
  for (const auto& one : leaving) one();
  return true;
}

std::deque<std::function<void()>> Pace::take(const std::string& name, Measure& measure) {
  std::deque<std::function<void()>> leaving;
  const Time now = std::chrono::steady_clock::now();
  const auto per = std::chrono::milliseconds(measure.per_ms);
  while (!measure.left.empty() && measure.left.front() + per <= now) measure.left.pop_front();
  while (!measure.waiting.empty() && measure.left.size() < measure.count) {
    leaving.push_back(std::move(measure.waiting.front()));
    measure.waiting.pop_front();
    measure.left.push_back(now);
    --waiting_;
  }
  // Also without a call that waits: a measure that is over is forgotten.
  if (!measure.alarmed && !measure.left.empty()) {
    measure.alarmed = true;
    alarm_.at(measure.left.front() + per, [this, name] { ring(name); });
  }
  return leaving;
}

void Pace::ring(const std::string& name) {
  std::deque<std::function<void()>> leaving;
  {
    const std::lock_guard lock(mutex_);
    const auto found = measures_.find(name);
    if (found == measures_.end()) return;
    found->second.alarmed = false;
    leaving = take(name, found->second);
    if (found->second.left.empty() && found->second.waiting.empty()) measures_.erase(found);
  }
  for (const auto& one : leaving) one();
}

}  // namespace belay::runtime
