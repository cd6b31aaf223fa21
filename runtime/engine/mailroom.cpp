// See mailroom.h.
#include "runtime/engine/mailroom.h"

#include <algorithm>
#include <utility>

#include "runtime/engine/log.h"

namespace belay::runtime {
namespace {

constexpr auto kPoll = std::chrono::milliseconds(200);
constexpr auto kPollSoon = std::chrono::milliseconds(20);
constexpr auto kTellAgain = std::chrono::milliseconds(20);

}  // namespace

bool Mailroom::first_time(Lane to, Lane from, std::int64_t number) {
  return delivered_.insert({to, from, number}).second;
}

void Mailroom::deliver(const std::vector<MailboxRow>& rows) {
  for (const MailboxRow& row : rows) {
    if (loop_.stopping() && row.kind != kAnswerKind)
      continue;  // all else is for who has the lane next
    if (!loop_.holds(row.to) || !first_time(row.to, row.from, row.number)) continue;
    Result<Mail> mail = decode_mail(row);
    if (mail)
      loop_.deliver(std::move(*mail));
    else
      log_warning("mail " + std::to_string(row.number) +
                  " stays where it is: " + to_text(mail.error()));
  }
}

void Mailroom::consumed(const MailboxRow& row) {
  const Key key{row.to, row.from, row.number};
  if (reads_ > 0)
    consumed_meanwhile_.push_back(key);
  else
    delivered_.erase(key);
}

void Mailroom::end_read() {
  if (--reads_ > 0) return;
  for (const Key& key : consumed_meanwhile_) delivered_.erase(key);
  consumed_meanwhile_.clear();
}

void Mailroom::lane_gone(Lane lane) {
  std::erase_if(delivered_, [&](const Key& key) { return key.to == lane; });
  std::erase_if(consumed_meanwhile_, [&](const Key& key) { return key.to == lane; });
}

// Who sends to us without a lane of its own? Nobody. But from cell to cell we send to ourselves.
bool Mailroom::may_come() const {
  const std::size_t held = loop_.lanes().held_count();
  return held > 0 && (held < loop_.lanes().count() || loop_.cells() > 1);
}

void Mailroom::expect() { next_poll_ = std::min(next_poll_, last_poll_ + kPollSoon); }

void Mailroom::sent_away(Lane to) {
  if (hook_) to_tell_.insert(to);
}

// Each node once, however many of its lanes got something.
void Mailroom::tell_others(SteadyTime now) {
  if (to_tell_.empty() || now < next_tell_) return;
  next_tell_ = now + kTellAgain;
  std::set<std::string> told;
  for (const Lane lane : to_tell_) {
    const LaneHolder holder = loop_.lanes().holder(lane);
    if (!holder.mine && !holder.node.empty() && told.insert(holder.node).second) hook_(holder);
  }
  to_tell_.clear();
}

void Mailroom::step(SteadyTime now) {
  tell_others(now);
  if (polling_ || now < next_poll_ || !may_come()) return;
  next_poll_ = now + kPoll;
  last_poll_ = now;
  polling_ = true;
  begin_read();
  const std::vector<Lane> mine = loop_.lanes().held();
  loop_.keeper(
      [this, query = MailQuery{.to = mine, .not_from = mine}, inbox = loop_.inbox()](Store& store) {
        inbox->push([this, rows = store.mailbox(query)] {
          polling_ = false;
          if (rows) deliver(*rows);
          end_read();
        });
      });
}

}  // namespace belay::runtime
