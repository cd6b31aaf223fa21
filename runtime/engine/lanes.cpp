// See lanes.h.
#include "runtime/engine/lanes.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "runtime/base/check.h"
#include "runtime/base/ids.h"
#include "runtime/engine/log.h"
#include "runtime/engine/loop.h"
#include "runtime/engine/mailroom.h"
#include "runtime/engine/recovery.h"
#include "runtime/engine/topics.h"

namespace belay::runtime {
namespace {

using std::chrono::milliseconds;
using Stage = LaneState::Stage;

constexpr auto kBeat = milliseconds(800);
// While this node has less than its share: somebody is about to hand lanes over.
constexpr auto kBeatShort = milliseconds(200);
constexpr auto kDrain = milliseconds(500);
constexpr auto kLeaseLeft = std::chrono::seconds(5);
// A lane that has brought a process down twice stays with who takes it up one saga at a time.
constexpr std::int32_t kSuspect = 2;

}  // namespace

static Result<GainedLanes> read_lanes_of(Store& store, std::size_t cell,
                                         std::vector<ClaimedLane> lanes,
                                         const std::vector<Lane>& mine) {
  GainedLanes gained;
  gained.lanes = std::move(lanes);
  // After the claim: nothing that the owner before has written has a later time. Lanes of another
  // cell go without, if it must be: our clock and that owner's are of one database, and differ by
  // what its answers took.
  gained.asked_us = monotonic_us();
  const Result<Instant> now = store.database_now(0);
  gained.answered_us = monotonic_us();
  if (!now && cell == 0) return fail(now.error());
  if (now) gained.db_now = *now;
  std::vector<Lane> theirs_in_order;
  for (const ClaimedLane& lane : gained.lanes) theirs_in_order.push_back(lane.lane);
  auto last_events = store.last_events(theirs_in_order);
  if (!last_events) return fail(last_events.error());
  gained.last_events = std::move(*last_events);
  MailQuery to_them, from_them;
  for (const Lane lane : mine) {
    if (store.cell_of(lane) == cell) from_them.to.push_back(lane);
  }
  std::set<Lane> theirs;
  for (const ClaimedLane& lane : gained.lanes) {
    to_them.to.push_back(lane.lane);
    theirs.insert(lane.lane);
  }
  for (Lane lane = 0; lane < static_cast<Lane>(limits::lanes_default); ++lane) {
    if (!theirs.contains(lane)) from_them.not_from.push_back(lane);
  }
  Result<std::vector<MailboxRow>> mailbox = store.mailbox(to_them);
  if (!mailbox) return fail(mailbox.error());
  gained.mailbox = std::move(*mailbox);
  if (!from_them.to.empty()) {
    Result<std::vector<MailboxRow>> left = store.mailbox(from_them);
    if (!left) return fail(left.error());
    gained.mailbox.insert(gained.mailbox.end(), left->begin(), left->end());
  }
  for (const ClaimedLane& lane : gained.lanes) {
    const Result<std::vector<SagaId>> running = store.running_sagas(lane.lane);
    if (!running) return fail(running.error());
    for (const SagaId& id : *running) gained.running.emplace_back(lane.lane, id);
  }
  return gained;
}

Result<GainedLanes> read_lanes(Store& store, std::vector<ClaimedLane> lanes,
                               const std::vector<Lane>& mine) {
  std::map<std::size_t, std::vector<ClaimedLane>> by_cell;
  for (const ClaimedLane& lane : lanes) by_cell[store.cell_of(lane.lane)].push_back(lane);
  GainedLanes all;
  std::optional<Failure> failure;
  for (auto& [cell, some] : by_cell) {
    Result<GainedLanes> gained = read_lanes_of(store, cell, std::move(some), mine);
    if (!gained) {
      failure = gained.error();
      continue;
    }
    const auto join = [](auto& into, auto& from) {
      into.insert(into.end(), std::make_move_iterator(from.begin()),
                  std::make_move_iterator(from.end()));
    };
    join(all.lanes, gained->lanes);
    join(all.running, gained->running);
    join(all.mailbox, gained->mailbox);
    join(all.last_events, gained->last_events);
    if (!gained->db_now) continue;
    all.db_now = gained->db_now;
    all.asked_us = gained->asked_us;
    all.answered_us = gained->answered_us;
  }
  if (all.lanes.empty() && failure) return fail(*failure);
  return all;
}

std::size_t fair_share(const Cluster& cluster) {
  const std::size_t nodes = cluster.nodes.size() + 1;
  return (cluster.lanes.size() + nodes - 1) / nodes;
}

std::vector<Lane> in_order_of(const std::string& node, std::vector<Lane> lanes) {
  std::map<Lane, std::int32_t> rank;
  for (const Lane lane : lanes) rank[lane] = lane_of(node, std::to_string(lane), 1 << 30);
  std::sort(lanes.begin(), lanes.end(),
            [&](Lane a, Lane b) { return std::pair(rank[a], a) < std::pair(rank[b], b); });
  return lanes;
}

Lanes::Lanes(Loop& loop, Directory& directory, Cluster cluster)
    : loop_(loop),
      directory_(directory),
      lanes_(cluster.lanes.size()),
      cluster_(std::move(cluster)) {
  next_beat_ = steady_now() + kBeatShort;
}

std::vector<Lane> Lanes::held() const {
  std::vector<Lane> lanes;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (holds(static_cast<Lane>(i))) lanes.push_back(static_cast<Lane>(i));
  }
  return lanes;
}

std::size_t Lanes::held_count() const {
  std::size_t held = 0;
  for (std::size_t i = 0; i < lanes_.size(); ++i) held += holds(static_cast<Lane>(i)) ? 1 : 0;
  return held;
}

std::optional<Lane> Lanes::lane_of(const std::string& node) const {
  for (const LaneOwner& row : cluster_.lanes) {
    if (row.owner == node && !row.free) return row.lane;
  }
  return std::nullopt;
}

std::vector<LaneFence> Lanes::claimed() const {
  std::vector<LaneFence> lanes;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].epoch != 0)
      lanes.push_back({.lane = static_cast<Lane>(i), .epoch = lanes_[i].epoch, .head = 0});
  }
  for (const ClaimedLane& lane : unread_)
    lanes.push_back({.lane = lane.lane, .epoch = lane.epoch, .head = 0});
  return lanes;
}

void Lanes::lease(LaneState& lane, SteadyTime until) {
  lane.lease_until = until;
  if (lane.stage == Stage::kClosed) return;  // nothing is sent any more
  const auto last = (until - kLeaseLeft).time_since_epoch();
  *lane.send_until_us = std::chrono::duration_cast<std::chrono::microseconds>(last).count();
}

// ---- Lanes come and go

void Lanes::gained(GainedLanes gained) {
  if (gained.db_now) loop_.clock().answered(gained.db_now, gained.asked_us, gained.answered_us);
  ++gains_;
  std::set<Lane> fresh;
  std::vector<Lane> suspects;
  for (const ClaimedLane& claimed : gained.lanes) {
    LaneState& lane = at(claimed.lane);
    BELAY_CHECK(lane.epoch == 0, "only a lane that is away is claimed");
    const std::size_t in_flight = lane.in_flight;
    lane = {};
    lane.in_flight = in_flight;
    lane.stage = Stage::kHeld;
    lane.epoch = claimed.epoch;
    lane.crashes = claimed.crashes;
    lane.last =
        claimed.last;  // its time only rises, also when the database's clock was set back meanwhile
    loop_.clock().at_least(claimed.last);
    lane.gain = gains_;
    // Mail is numbered within an epoch: rising for ever, whatever the owner before had reached.
    lane.mail_number = claimed.epoch * 1'000'000'000'000;
    lane.send_until_us = std::make_shared<std::atomic<std::int64_t>>(0);
    lease(lane, gained.claimed_at + milliseconds(loop_.options().lease_ms));
    directory_.set_held(claimed.lane, true);
    fresh.insert(claimed.lane);
    if (claimed.crashes >= kSuspect) suspects.push_back(claimed.lane);
  }
  if (fresh.empty()) return;
  // So do its events' numbers.
  for (const auto& [lane, eseq] : gained.last_events) {
    if (!fresh.contains(lane)) continue;
    at(lane).last = std::max(at(lane).last, interpreter::Instant{eseq / 1000});
    loop_.topics().last_event(lane, eseq);
  }
  if (!suspects.empty()) {
    log_warning(std::to_string(suspects.size()) +
                " lanes were left by a crash twice or more; sagas are taken up one by one");
  }
  loop_.lanes_gained(gained.lanes, std::move(suspects));
  loop_.recovery().begin(std::move(gained.running), std::move(gained.mailbox));
  std::vector<Mail> withheld = std::move(withheld_);
  withheld_.clear();
  for (Mail& mail : withheld) {
    if (!fresh.contains(mail.to)) continue;  // somebody else has got that lane: it is in the table
    if (loop_.mailroom().first_time(mail.to, mail.from, mail.number))
      loop_.deliver(std::move(mail));
  }
}

void Lanes::away(Lane number) {
  LaneState& lane = at(number);
  const std::size_t in_flight = lane.in_flight;
  if (lane.send_until_us) *lane.send_until_us = 0;
  lane = {};
  lane.in_flight = in_flight;
  release_again_.erase(number);
  directory_.set_held(number, false);
  for (LaneOwner& row : cluster_.lanes) {
    if (row.lane == number && row.owner == directory_.me()) row.free = true;
  }
}

void Lanes::lost(Lane number) {
  if (at(number).epoch == 0) return;
  log_warning("lane " + std::to_string(number) +
              " belongs to another node now; its sagas are dropped from memory");
  away(number);
  loop_.strip_lane(number);
  loop_.lane_gone(number);
  next_beat_ = steady_now();  // who has it is to be told
}

bool Lanes::withhold(const Mail& mail) {
  if (!claiming_.contains(mail.to)) return false;
  withheld_.push_back(mail);
  return true;
}

// ---- Signs of life

SteadyTime Lanes::due() const {
  SteadyTime due = beating_ ? SteadyTime::max() : next_beat_;
  for (std::size_t i = 0; draining_ && i < lanes_.size(); ++i) {
    if (lanes_[i].stage == Stage::kDraining) due = std::min(due, lanes_[i].drain_until);
  }
  return due;
}

void Lanes::step(SteadyTime now) {
  if (loop_.stopping()) return;
  if (draining_) {
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      const LaneState& lane = lanes_[i];
      if (lane.stage == Stage::kDraining && (lane.in_flight == 0 || now >= lane.drain_until))
        close(static_cast<Lane>(i));
    }
  }
  if (beating_ || now < next_beat_) return;
  forgive_crashes(now);
  for (const Lane lane : std::set<Lane>(std::move(release_again_))) release(lane, at(lane).epoch);
  release_again_.clear();
  beat();
}

void Lanes::beat() {
  beating_ = true;
  next_beat_ = steady_now() + (short_ ? kBeatShort : kBeat);
  NodeBeat me{.name = directory_.me(), .address = directory_.address(), .lease_ms = kNodeLeaseMs};
  loop_.keeper([this, me = std::move(me), inbox = loop_.inbox()](Store& store) {
    const std::int64_t asked = monotonic_us();
    Result<Cluster> cluster = store.beat(me);
    inbox->push([this, cluster = std::move(cluster), asked, answered = monotonic_us()]() mutable {
      if (cluster && cluster->db_now) loop_.clock().answered(cluster->db_now, asked, answered);
      heard(std::move(cluster));
    });
  });
}

void Lanes::leave() {
  NodeBeat me{.name = directory_.me(), .address = directory_.address(), .lease_ms = 0};
  loop_.keeper([me = std::move(me)](Store& store) { (void)store.beat(me); });
}

void Lanes::heard(Result<Cluster> cluster) {
  beating_ = false;
  if (!cluster) {
    if (directory_.hears())
      log_warning("the database does not tell who holds which lane: " + to_text(cluster.error()));
    return directory_.not_heard();
  }
  cluster_ = std::move(*cluster);
  loop_.clock().at_least(cluster_.latest);
  for (const LaneOwner& row : cluster_.lanes) {
    // What was read before our own claim has a lesser epoch.
    if (at(row.lane).epoch != 0 && row.epoch > at(row.lane).epoch) lost(row.lane);
  }
  directory_.heard(cluster_, kNodeLeaseMs);
  if (!loop_.stopping()) balance();
}

// ---- Sharing

// Everybody works with what it has heard, and all have heard nearly the same: between the least and
// the most that anybody should have there is one lane, and who gives when somebody has less is
// decided by order.
void Lanes::balance() {
  const std::size_t nodes = cluster_.nodes.size() + 1;
  const std::size_t least = cluster_.lanes.size() / nodes, most = fair_share(cluster_);
  std::map<std::string, std::size_t> has;
  for (const NodeRow& node : cluster_.nodes) has[node.name] = 0;
  std::vector<Lane> free;
  std::size_t mine = 0, leaving = 0;
  for (const LaneOwner& row : cluster_.lanes) {
    const LaneState& lane = at(row.lane);
    if (lane.stage == Stage::kHeld)
      ++mine;
    else if (lane.epoch != 0)
      ++leaving;
    else if (row.free)
      free.push_back(row.lane);
    else if (const auto other = has.find(row.owner); other != has.end())
      ++other->second;
  }
  std::size_t wanted_by_others = 0;
  std::vector<std::pair<std::size_t, std::string>> richer;  // than they must be
  for (const auto& [name, lanes] : has) {
    if (name == directory_.me()) continue;
    if (lanes < least) wanted_by_others += least - lanes;
    if (lanes > least) richer.emplace_back(lanes, name);
  }
  short_ = mine < least;
  if (claim_under_way_) return;
  const std::size_t must = mine < least ? least - mine : 0;
  const std::size_t over =
      free.size() > must + wanted_by_others ? free.size() - must - wanted_by_others : 0;
  const std::size_t may = must + std::min(over, most - std::min(most, std::max(mine, least)));
  if ((!free.empty() && may > 0) || !unread_.empty()) return claim(std::move(free), may);
  if (leaving > 0 || mine <= least) return;
  bool give = mine > most;
  if (!give && wanted_by_others > free.size()) {
    const std::size_t missing = wanted_by_others - free.size();
    const auto before_us = std::count_if(richer.begin(), richer.end(), [&](const auto& other) {
      return other.first > mine || (other.first == mine && other.second < directory_.me());
    });
    give = static_cast<std::size_t>(before_us) < missing;
  }
  if (give) drain(steady_now());
}

void Lanes::claim(std::vector<Lane> lanes, std::size_t at_most) {
  lanes = in_order_of(directory_.me(), std::move(lanes));
  if (lanes.size() > at_most) lanes.resize(at_most);
  claim_under_way_ = true;
  claiming_.insert(lanes.begin(), lanes.end());
  loop_.mailroom().begin_read();
  // A claim whose answer was lost may have been made; its lease ends by itself.
  const Claim wanted{
      .owner = directory_.me(), .lanes = lanes, .at_most = at_most, .own_name_too = false};
  loop_.keeper([this, wanted, mine = held(), got = unread_, since = unread_since_,
                inbox = loop_.inbox()](Store& store) mutable {
    SteadyTime at = steady_now();
    if (!got.empty()) at = since;  // the lease of all counts from the first
    if (!wanted.lanes.empty()) {
      if (auto now = store.claim(wanted)) {
        // One that could not be read until its lease was over may have been free again: the later
        // claim counts.
        std::erase_if(got, [&](const ClaimedLane& old) {
          return std::any_of(now->begin(), now->end(),
                             [&](const ClaimedLane& lane) { return lane.lane == old.lane; });
        });
        got.insert(got.end(), now->begin(), now->end());
      }
    }
    Result<GainedLanes> gained = read_lanes(store, got, mine);
    if (gained) gained->claimed_at = at;
    inbox->push([this, at, gained = std::move(gained), got = std::move(got)]() mutable {
      unread_since_ = at;
      claimed(std::move(gained), std::move(got));
    });
  });
}

void Lanes::claimed(Result<GainedLanes> gained, std::vector<ClaimedLane> got) {
  claim_under_way_ = false;
  claiming_.clear();
  unread_.clear();
  const bool taken = gained && !loop_.stopping();
  for (const ClaimedLane& lane :
       got) {  // what is not read now is read later, or in the end released
    const bool read =
        taken && std::any_of(gained->lanes.begin(), gained->lanes.end(),
                             [&](const ClaimedLane& other) { return other.lane == lane.lane; });
    if (read || at(lane.lane).epoch != 0) continue;
    claiming_.insert(lane.lane);
    unread_.push_back(lane);
  }
  if (taken) {
    std::erase_if(gained->lanes, [&](const ClaimedLane& lane) { return at(lane.lane).epoch != 0; });
    if (!gained->lanes.empty())
      log_info("claimed " + std::to_string(gained->lanes.size()) + " lanes");
    this->gained(std::move(*gained));
  }
  std::erase_if(withheld_, [&](const Mail& mail) { return !claiming_.contains(mail.to); });
  loop_.mailroom().end_read();
}

// The one with the least under way.
void Lanes::drain(SteadyTime now) {
  std::optional<Lane> lightest;
  for (std::size_t i = lanes_.size(); i-- > 0;) {
    const LaneState& lane = lanes_[i];
    if (lane.stage != Stage::kHeld || lane.crashes >= kSuspect) continue;
    if (!lightest || lane.in_flight < at(*lightest).in_flight) lightest = static_cast<Lane>(i);
  }
  if (!lightest) return;
  at(*lightest).stage = Stage::kDraining;
  at(*lightest).drain_until = now + kDrain;
  draining_ = true;
}

void Lanes::close(Lane number) {
  LaneState& lane = at(number);
  const std::int64_t epoch = lane.epoch;
  // Behind everything that was recorded in this lane.
  const Slot last = loop_.slot(number, "lane " + std::to_string(number));
  last.when_known([this, number, epoch](const Failure* failure) {
    if (failure == nullptr && at(number).epoch == epoch) release(number, epoch);
  });
  loop_.seal_open(number);
  lane.stage = Stage::kClosed;
  *lane.send_until_us = 0;
  directory_.set_held(number, false);
  draining_ = false;
  loop_.lane_gone(number);
}

void Lanes::release(Lane number, std::int64_t epoch) {
  if (epoch == 0) return;
  const std::vector<LaneFence> lanes{{.lane = number, .epoch = epoch, .head = 0}};
  loop_.keeper([this, lanes, me = directory_.me(), inbox = loop_.inbox()](Store& store) {
    inbox->push([this, lane = lanes.front(), released = store.release(me, lanes)] {
      if (at(lane.lane).epoch != lane.epoch) return;
      if (!released) {
        release_again_.insert(lane.lane);
        return;
      }
      log_info("lane " + std::to_string(lane.lane) + " is handed over");
      away(lane.lane);
      if (!loop_.stopping()) balance();  // the next one, perhaps
    });
  });
}

// What brought the process down would have done so again by now: the next start need not be
// careful.
void Lanes::forgive_crashes(SteadyTime now) {
  std::vector<Lane> forgiven;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    LaneState& lane = lanes_[i];
    const auto number = static_cast<Lane>(i);
    if (lane.crashes == 0 || lane.stage != Stage::kHeld || loop_.database_down(number) ||
        !loop_.recovery().done(number))
      continue;
    if (!lane.taken_up_at) lane.taken_up_at = now;
    if (now - *lane.taken_up_at < milliseconds(loop_.options().forgive_after_ms)) continue;
    lane.crashes = 0;
    forgiven.push_back(number);
  }
  if (forgiven.empty()) return;
  loop_.loader().forgive_crashes(directory_.me(), forgiven,
                                 [this, forgiven](const Result<void>& done) {
                                   if (done) return;
                                   for (const Lane lane : forgiven) {  // after another while
                                     at(lane).crashes = kSuspect;
                                     at(lane).taken_up_at.reset();
                                   }
                                 });
}

}  // namespace belay::runtime
