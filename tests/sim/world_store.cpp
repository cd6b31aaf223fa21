// The model of Postgres between each node and the store they share: what is acknowledged, what is
// rolled back, what is refused, and when a process dies over it. Also the node's end of a call. See
// world.h.
#include <algorithm>

#include "tests/sim/world.h"
#include "tests/sim/world_parts.h"

namespace belay::sim {

using namespace runtime;

std::unique_ptr<Store> make_store(World& world, int node, MemoryStore& store) {
  return std::make_unique<NodeStore>(world, node, store);
}
std::unique_ptr<ActionRunner> make_runner(World& world, int node, int life) {
  return std::make_unique<NodeRunner>(world, node, life);
}

FlushResult NodeStore::flush(const Flush& flush, std::size_t) { return world_.flush(node_, flush); }
bool NodeStore::down() const { return world_.database_down(); }
Result<std::vector<ClaimedLane>> NodeStore::claim(const Claim& claim) {
  if (down()) return no_database();
  auto claimed = store_.claim(claim);
  if (claimed) world_.auditor_.claimed(node_, *claimed);
  return claimed;
}

void NodeRunner::run(ActionCall call, std::function<void(ActionOutcome)> done) {
  world_.run_call(node_, life_, std::move(call), std::move(done));
}

FlushResult World::flush(int number, const Flush& flush) {
  Node& node = nodes_[static_cast<std::size_t>(number)];
  FlushResult lost;
  lost.kind = FlushResult::Kind::kDown;
  lost.message = "no database";
  if (node.dying != Dying::kNo || database_down()) return lost;
  ++flushes_;
  idle_ticks_ = 0;
  if (!flush.journal.empty()) overdue_jumps_ = settling_ticks_ = 0;
  const Fault* fault = nullptr;
  for (const Fault& one : plan_.faults) {
    if (one.flush == flushes_) fault = &one;
  }
  if (fault != nullptr) {
    ++report_.faults;
    switch (fault->kind) {
      case FaultKind::kDieBefore: node.dying = Dying::kNow; return lost;
      case FaultKind::kRollback: return lost;
      case FaultKind::kOutage:
        down_until_us_ = now_us_ + std::max(fault->arg, 1) * 1'000'000LL;
        return lost;
      case FaultKind::kFailover: fail_over(); return lost;
      case FaultKind::kDataError:
        if (!flush.journal.empty() && !auditor_.has(flush))
          refused_rows_.emplace_back(flush.journal.front().id, flush.journal.front().seq);
        break;
      default: break;
    }
  }
  for (const JournalRow& row : flush.journal) {
    if (std::find(refused_rows_.begin(), refused_rows_.end(), std::pair(row.id, row.seq)) ==
        refused_rows_.end())
      continue;
    data_error_ = true;
    FlushResult refused;
    refused.kind = FlushResult::Kind::kDataError;
    refused.message = "invalid input (22P02)";
    refused.db_now = *store_.database_now();
    return refused;
  }
  const FlushResult result = store_.flush(flush);
  report_.entries += static_cast<int>(flush.journal.size());
  for (const JournalRow& row : flush.journal) {
    for (const char c : row.body)
      report_.trace = (report_.trace ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    note("entry", static_cast<std::uint64_t>(row.at.us));
    if (options_.show) {
      std::printf("%9.3f  flush %d, node %d: %s %llu %s %s\n", static_cast<double>(now_us_) / 1e6,
                  flushes_, number, row.id.substr(24).c_str(),
                  static_cast<unsigned long long>(row.seq), row.kind.c_str(), row.body.c_str());
    }
  }
  auditor_.flushed(number, flush, result, *store_.database_now());
  if (fault == nullptr) return result;
  const auto& reached = auditor_.boundaries();
  const auto died = [&] { report_.died_at.push_back(reached.empty() ? 0 : reached.back()); };
  switch (fault->kind) {
    case FaultKind::kDieUnheard:
      node.dying = Dying::kNow;
      died();
      return lost;
    case FaultKind::kDieAfter:
      node.dying = Dying::kAfterLoop;
      died();
      return result;
    case FaultKind::kTakeOver:
      node.dying = Dying::kTakeOver;
      died();
      return result;
    case FaultKind::kAckLost: return lost;
    default: return result;
  }
}

void World::run_call(int node, int life, ActionCall call, std::function<void(ActionOutcome)> done) {
  if (options_.show)
    std::printf("%9.3f  node %d sends %s\n", static_cast<double>(now_us_) / 1e6, node,
                call.key.substr(24).c_str());
  note("call", static_cast<std::uint64_t>(node));
  auditor_.sends(node, call.saga, call.lane, call.key);
  auto under_way = std::make_unique<Call>();
  under_way->node = node;
  under_way->life = life;
  under_way->call = std::move(call);
  under_way->done = std::move(done);
  under_way->sent_at_us = now_us_;
  if (program_.shares_line) {
    for (const auto& [id, watch] : auditor_.sagas()) {
      const bool at_work =
          !watch.state.ended() && !watch.intents.empty() && id != under_way->call.saga;
      if (at_work)
        bad(checks::kLine, "saga " + under_way->call.saga + " works while saga " + id + " does");
    }
  }
  calls_.push_back(std::move(under_way));
  if (plan_.seed == 0) arrive(calls_.size() - 1);
}

// An asynchronous standby took over: the last flushes never were. What the engine has told others
// stays told.
void World::fail_over() {
  bool lost = false;
  for (const Client& client : clients_) {
    const bool gone = client.ask.kind == AskKind::kStart && client.answered && !client.refused;
    lost |= gone;
    if (gone)
      bad(checks::kAnswered, "a start was answered, and a failover lost saga " + client.saga);
  }
  over_ = true;
}

}  // namespace belay::sim
