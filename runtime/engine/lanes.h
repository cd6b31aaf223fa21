// The lanes of this node: claimed, shared with the other nodes, given up, lost. Nodes do not speak
// with each other about it. Each renews its row in the node table about once a second and hears in
// return who holds what; from that everybody works out the same fair share (lanes / live nodes),
// takes what is free up to it, and hands over what it has too much of, one lane after the other:
//
//   away ─ claim, read what runs and its mail ─▶ held ─▶ draining ─▶ closed ─ released ─▶ away
//                                                 └────── fenced: somebody else has it ────▲
//
//   draining   nothing more is sent; calls under way may end, for a moment
//   closed     nothing more is recorded; what was is being flushed, then the lane is released
//
// What decides in the end is the fence of each flush: all of this may be late or wrong, and costs
// only time. Tested in tests/runtime/engine_nodes_test.cpp.
#pragma once
#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/engine/directory.h"
#include "runtime/engine/mail.h"

namespace belay::runtime {

class Loop;

struct LaneState {
  enum class Stage : std::uint8_t { kAway, kHeld, kDraining, kClosed } stage = Stage::kAway;
  std::int64_t epoch = 0;  // 0: away
  SteadyTime lease_until;
  std::shared_ptr<std::atomic<std::int64_t>> send_until_us;  // for calls that wait in the runner
  interpreter::Instant last;
  std::int64_t mail_number = 0;
  bool renewing = false;
  std::uint64_t gain = 0;     // which of the node's gains this was
  std::size_t in_flight = 0;  // calls of actions, whatever epoch they are of
  std::int32_t crashes = 0;   // before this claim, and not forgiven yet
  std::optional<SteadyTime> taken_up_at;
  SteadyTime drain_until;
};

// Lanes that were claimed, and what is in them.
struct GainedLanes {
  std::vector<ClaimedLane> lanes;
  std::vector<std::pair<Lane, SagaId>> running;
  std::vector<MailboxRow> mailbox;  // to them, and from them to lanes that we held before
  std::vector<std::pair<Lane, std::int64_t>> last_events;  // their numbers
  interpreter::Instant db_now;  // of the first cell, after the claim; none: it did not answer
  std::int64_t asked_us = 0, answered_us = 0;  // that, by monotonic_us()
  SteadyTime claimed_at;                       // before the claim
};

// Reads what GainedLanes tells of `lanes`. `mine`: held before. Lanes of a cell that does not
// answer are left out; a failure is that of all. Any thread.
Result<GainedLanes> read_lanes(Store& store, std::vector<ClaimedLane> lanes,
                               const std::vector<Lane>& mine);
// How many a node may have, the first sign of life answered by `cluster`.
std::size_t fair_share(const Cluster& cluster);
// Free lanes in the order in which this node would have them: each in its own, so that two seldom
// want the same.
std::vector<Lane> in_order_of(const std::string& node, std::vector<Lane> lanes);

// For how long a node counts as being there after its last sign of life.
inline constexpr std::int64_t kNodeLeaseMs = 5'000;

class Lanes {
 public:
  Lanes(Loop& loop, Directory& directory, Cluster cluster);

  // On the loop thread, all of it.
  LaneState& at(Lane lane) { return lanes_[static_cast<std::size_t>(lane)]; }
  const LaneState& at(Lane lane) const { return lanes_[static_cast<std::size_t>(lane)]; }
  std::size_t count() const { return lanes_.size(); }
  bool holds(Lane lane) const {
    if (lane < 0 || static_cast<std::size_t>(lane) >= lanes_.size()) return false;
    const LaneState::Stage stage = at(lane).stage;
    return stage == LaneState::Stage::kHeld || stage == LaneState::Stage::kDraining;
  }
  std::vector<Lane> held() const;
  std::size_t held_count() const;
  const std::string& me() const { return directory_.me(); }
  // One that another node holds, as we last heard; none: it holds none, or is gone.
  std::optional<Lane> lane_of(const std::string& node) const;
  LaneHolder holder(Lane lane) const { return directory_.holder(lane); }
  // How often lanes were gained so far.
  std::uint64_t gains() const { return gains_; }
  // What is to be released at the end.
  std::vector<LaneFence> claimed() const;

  void gained(GainedLanes lanes);
  // Another node has it, from this epoch's end on.
  void lost(Lane lane);
  void step(SteadyTime now);
  SteadyTime due() const;
  // The node is being stopped: its peers hear of it, and nothing more is claimed.
  void leave();
  bool claims() const { return claim_under_way_; }
  // For a lane that is being claimed: it is delivered behind what its mailbox holds. False: it is
  // not being claimed.
  bool withhold(const Mail& mail);
  static void lease(LaneState& lane, SteadyTime until);

 private:
  void beat();
  void heard(Result<Cluster> cluster);
  void balance();
  void claim(std::vector<Lane> lanes, std::size_t at_most);
  void claimed(Result<GainedLanes> gained, std::vector<ClaimedLane> got);
  void drain(SteadyTime now);
  void close(Lane lane);
  void release(Lane lane, std::int64_t epoch);
  void away(Lane lane);
  void forgive_crashes(SteadyTime now);

  Loop& loop_;
  Directory& directory_;
  std::vector<LaneState> lanes_;  // by number
  Cluster cluster_;
  std::uint64_t gains_ = 0;
  std::set<Lane> claiming_;  // asked for, and not known yet
  std::vector<ClaimedLane>
      unread_;  // claimed, but the database went away before their rows were read
  SteadyTime unread_since_;
  std::vector<Mail> withheld_;
  std::set<Lane> release_again_;
  bool beating_ = false, short_ = false, draining_ = false, claim_under_way_ = false;
  SteadyTime next_beat_;
};

}  // namespace belay::runtime
