// See recovery.h.
#include "runtime/engine/recovery.h"

#include <algorithm>

#include "interpreter/defects.h"
#include "runtime/engine/log.h"
#include "runtime/engine/mailroom.h"

namespace belay::runtime {

void Recovery::begin(std::vector<std::pair<Lane, SagaId>> running,
                     std::vector<MailboxRow> mailbox) {
  if (!running.empty() || !mailbox.empty()) {
    log_info("taking up " + std::to_string(running.size()) + " sagas and " +
             std::to_string(mailbox.size()) + " messages");
  }
  if (running_.empty()) last_ = steady_now();
  if (defective(Defect::kWorkNotTakenUp)) running.clear();
  for (auto& [lane, id] : running) {
    ++left_[lane];
    running_.emplace_back(lane, std::move(id));
  }
  loop_.mailroom().deliver(mailbox);
}

void Recovery::step() {
  if (running_.empty() || loop_.database_down()) return;
  const SteadyTime at = steady_now();
  const double seconds = std::min(1.0, std::chrono::duration<double>(at - last_).count());
  last_ = at;
  auto some =
      static_cast<std::size_t>(seconds * static_cast<double>(loop_.options().recovery_per_second)) +
      1;
  for (; some > 0 && !running_.empty(); --some) {
    const auto [lane, id] = running_.front();
    running_.pop_front();
    take_up(lane, id);
  }
}

void Recovery::take_up(Lane lane, const SagaId& id) {
  if (!loop_.holds(lane)) return taken_up(lane);
  if (loop_.database_down(lane)) return running_.emplace_back(lane, id), void();
  Loader::Which which;
  which.lane = lane;
  which.saga = id;
  // Being loaded is being taken up (loop_load.cpp).
  loop_.with_saga(which, [this, lane, id](const Result<Saga*>& saga) {
    if (!saga && saga.error().code == ErrorCode::kUnavailable)
      running_.emplace_back(lane, id);
    else
      taken_up(lane);
  });
}

void Recovery::taken_up(Lane lane) {
  const auto left = left_.find(lane);
  if (left != left_.end() && --left->second == 0) left_.erase(left);
}

}  // namespace belay::runtime
