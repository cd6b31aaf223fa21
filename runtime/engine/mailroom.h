// Mail out of the table. What goes from a lane of ours to a lane of ours is delivered in memory and
// never read; what another node has sent, or a lane of another cell, is read a few times a second,
// by one statement, while there may be any: not by a node that has all lanes of one database. Who
// has sent some tells the node that it is for, so that it looks at once (Engine::on_mail); nothing
// depends on that. Each message is delivered once in an epoch of its receiver, whichever way it
// came; consumed is what a committed flush has deleted. Messages of one sender come in the order of
// their numbers.
// Tested in tests/runtime/engine_nodes_mail_test.cpp, engine_nudge_test.cpp, engine_cells_test.cpp.
#pragma once
#include <algorithm>
#include <set>
#include <tuple>
#include <unordered_set>
#include <vector>

#include "runtime/engine/loop.h"

namespace belay::runtime {

class Mailroom {
 public:
  explicit Mailroom(Loop& loop) : loop_(loop) {}

  // False: it was delivered before, in this epoch of the receiver.
  bool first_time(Lane to, Lane from, std::int64_t number);
  // Delivers what is for our lanes and was not delivered before.
  void deliver(const std::vector<MailboxRow>& rows);
  // Its deletion is committed.
  void consumed(const MailboxRow& row);
  void lane_gone(Lane lane);
  // Something was sent to us through the table: no need to wait for the next look's turn.
  void expect();
  // Something for a lane that we do not hold is committed.
  void sent_away(Lane to);
  void set_hook(Engine::MailHook hook) { hook_ = std::move(hook); }

  // Between these, the table is being read: what is consumed meanwhile may come all the same.
  void begin_read() { ++reads_; }
  void end_read();

  void step(SteadyTime now);
  SteadyTime due() const {
    const SteadyTime poll = polling_ || !may_come() ? SteadyTime::max() : next_poll_;
    return to_tell_.empty() ? poll : std::min(poll, next_tell_);
  }

 private:
  struct Key {
    Lane to, from;
    std::int64_t number;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const {
      const auto lanes =
          static_cast<std::uint64_t>(key.to) << 32 | static_cast<std::uint32_t>(key.from);
      return std::hash<std::uint64_t>()(
          static_cast<std::uint64_t>(key.number) * 0x9e3779b97f4a7c15ULL ^ lanes);
    }
  };
  bool may_come() const;
  void tell_others(SteadyTime now);

  Loop& loop_;
  Engine::MailHook hook_;
  std::set<Lane> to_tell_;  // lanes that mail was sent to, and nobody was told yet
  SteadyTime next_tell_;
  std::unordered_set<Key, Hash> delivered_;  // and not consumed
  std::vector<Key> consumed_meanwhile_;
  int reads_ = 0;
  bool polling_ = false;
  SteadyTime next_poll_, last_poll_;
};

}  // namespace belay::runtime
