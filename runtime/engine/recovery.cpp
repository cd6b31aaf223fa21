// See recovery.h.
#include "runtime/engine/recovery.h"

#include <algorithm>

#include "runtime/engine/log.h"
#include "runtime/engine/topics.h"

namespace belay::runtime {

void Recovery::begin(std::vector<std::pair<Lane, SagaId>> running, std::vector<MailboxRow> mailbox) {
  if (!running.empty() || !mailbox.empty()) {
    log_info("taking up " + std::to_string(running.size()) + " sagas and " + std::to_string(mailbox.size()) +
             " messages");
  }
  running_.assign(running.begin(), running.end());
  last_ = steady_now();
  for (const MailboxRow& row : mailbox) {
    Result<Mail> mail = decode_mail(row);
    if (mail) loop_.deliver(std::move(*mail));
    else log_warning("mail " + std::to_string(row.number) + " stays where it is: " + to_text(mail.error()));
  }
}

void Recovery::step() {
  if (running_.empty() || loop_.database_down()) return;
  const SteadyTime at = steady_now();
  const double seconds = std::min(1.0, std::chrono::duration<double>(at - last_).count());
  last_ = at;
  auto some = static_cast<std::size_t>(seconds * static_cast<double>(loop_.options().recovery_per_second)) + 1;
  for (; some > 0 && !running_.empty(); --some) {
    const auto [lane, id] = running_.front();
    running_.pop_front();
    take_up(lane, id);
  }
}

void Recovery::take_up(Lane lane, const SagaId& id) {
  if (!loop_.holds(lane)) return;
  Loader::Which which;
  which.lane = lane;
  which.saga = id;
  ++loading_;
  // Being loaded is being taken up (loop_load.cpp).
  loop_.with_saga(which, [this, lane, id](const Result<Saga*>& saga) {
    --loading_;
    if (!saga && saga.error().code == ErrorCode::kUnavailable) running_.emplace_back(lane, id);
  });
}

}  // namespace belay::runtime
