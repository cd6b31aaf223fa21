// See postgres_lanes.h.
#include "runtime/store/postgres_lanes.h"

#include <algorithm>
#include <limits>

#include "runtime/base/limits.h"
#include "runtime/store/postgres_array.h"
#include "runtime/store/postgres_owner.h"

namespace belay::runtime {
namespace {

using Of = PostgresArray::Of;

// belay.node says what a node reads, by its number: each form, and those before it.
constexpr std::int32_t kFormatInRows = 2, kFormatShort = 3, kFormat = kFormatShort;

StoredForm form_for(std::int32_t format) {
  if (format >= kFormatShort) return StoredForm::kShort;
  return format >= kFormatInRows ? StoredForm::kEntriesInRows : StoredForm::kJournalAlone;
}

PostgresArray array_of(const std::vector<Lane>& lanes) {
  PostgresArray array(Of::kInt4);
  for (const Lane lane : lanes) array.add_int4(lane);
  return array;
}

}  // namespace

std::vector<Lane> lanes_or_all(const std::vector<Lane>& lanes) {
  if (!lanes.empty()) return lanes;
  std::vector<Lane> all;
  for (Lane lane = 0; lane < static_cast<Lane>(limits::lanes_default); ++lane) all.push_back(lane);
  return all;
}

Result<std::vector<ClaimedLane>> PostgresLanes::claim(const Claim& claim) {
  static constexpr std::string_view kDoing = "claim lanes";
  auto owners = pool_.read("lane_owners");
  if (!owners) return fail(to_failure(owners.error(), kDoing));
  PostgresArray dead(Of::kText);
  for (std::size_t i = 0; i < owners->size(); ++i) {
    if (is_dead_process(owners->text(i, 0))) dead.add_text(owners->text(i, 0));
  }
  constexpr std::size_t kMost = 1'000'000;
  PostgresParams params;
  params.text(claim.owner).text(this_process()).array(std::move(dead)).int8(lease_ms_);
  params.array(array_of(lanes_or_all(claim.lanes)))
      .int8(static_cast<std::int64_t>(std::min(claim.at_most, kMost)));
  auto rows = pool_.read("claim_lanes", params.boolean(claim.own_name_too));
  if (!rows) return fail(to_failure(rows.error(), kDoing));
  std::vector<ClaimedLane> lanes;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    lanes.push_back({.lane = static_cast<Lane>(rows->number(i, 0)),
                     .epoch = rows->number(i, 1),
                     .head = rows->number(i, 2),
                     .crashes = static_cast<std::int32_t>(rows->number(i, 3)),
                     .last = {rows->number(i, 4)}});
  }
  std::sort(lanes.begin(), lanes.end(),
            [](const auto& a, const auto& b) { return a.lane < b.lane; });
  const std::lock_guard lock(mutex_);
  for (const ClaimedLane& lane : lanes) owned_.insert(lane.lane);
  return lanes;
}

Result<void> PostgresLanes::release(const std::string& owner, const std::vector<LaneFence>& lanes) {
  PostgresArray numbers(Of::kInt4), epochs(Of::kInt8);
  for (const LaneFence& lane : lanes) {
    numbers.add_int4(lane.lane);
    epochs.add_int8(lane.epoch);
  }
  auto rows =
      pool_.read("release_some",
                 PostgresParams().text(owner).array(std::move(numbers)).array(std::move(epochs)));
  if (!rows) return fail(to_failure(rows.error(), "release lanes"));
  const std::lock_guard lock(mutex_);
  for (const LaneFence& lane : lanes) owned_.erase(lane.lane);
  return {};
}

Result<void> PostgresLanes::release_all(const std::string& owner) {
  auto rows = pool_.read("release_lanes", PostgresParams().text(owner).text(this_process()));
  if (!rows) return fail(to_failure(rows.error(), "release the lanes"));
  const std::lock_guard lock(mutex_);
  owned_.clear();
  return {};
}

Result<Cluster> PostgresLanes::beat(const NodeBeat& me) {
  auto rows = pool_.read("beat", PostgresParams()
                                     .text(me.name)
                                     .text(me.address)
                                     .text(this_process())
                                     .int8(me.lease_ms)
                                     .int4(kFormat));
  if (!rows) return fail(to_failure(rows.error(), "tell who holds which lane"));
  Cluster cluster;
  std::int32_t all_read = kFormat;
  std::string last;  // the process that was looked for last, most often the same one again
  bool last_dead = false;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    if (const std::string process = rows->str(i, 2); process != last) {
      last = process;
      last_dead = is_dead_process(process);
    }
    if (rows->number(i, 0) >= 0) {
      cluster.lanes.push_back({.lane = static_cast<Lane>(rows->number(i, 0)),
                               .owner = rows->str(i, 1),
                               .epoch = rows->number(i, 3),
                               .free = rows->flag(i, 4) || last_dead});
      cluster.db_now = {rows->number(i, 7)};
      cluster.latest = std::max(cluster.latest, Instant{rows->number(i, 8)});
    } else if (!last_dead) {
      all_read = std::min(all_read, static_cast<std::int32_t>(rows->number(i, 3)));
      cluster.nodes.push_back(
          {.name = rows->str(i, 1), .address = rows->str(i, 5), .lease_ms = rows->number(i, 6)});
    }
  }
  form_.store(form_for(all_read), std::memory_order_relaxed);
  return cluster;
}

std::set<Lane> PostgresLanes::owned() const {
  const std::lock_guard lock(mutex_);
  return owned_;
}

}  // namespace belay::runtime
