// Flushing with retries and bisection. See writer.h.
#include "runtime/engine/writer.h"

#include <algorithm>
#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/check.h"

namespace belay::runtime {
namespace {

constexpr std::int64_t kCallerWaits_us = 10'000'000;
constexpr int kRestMs[] = {20, 50, 100, 250, 500, 1000, 2000};

// Which owners have rows, and not only an effect or an answer.
std::vector<bool> owners_with_rows(const Batch& batch) {
  std::vector<bool> with_rows(batch.owners.size(), false);
  const Batch::Owners& of = batch.of;
  for (const auto* list :
       {&of.instances, &of.journal, &of.events, &of.events_claimed, &of.subscriptions,
        &of.subscriptions_gone, &of.mail, &of.mail_consumed, &of.start_keys, &of.start_keys_gone,
        &of.dedup, &of.turns, &of.turns_gone, &of.questions, &of.questions_gone, &of.saga_keys}) {
    for (const Batch::OwnerIndex owner : *list) with_rows[owner] = true;
  }
  return with_rows;
}

}  // namespace

Writer::Writer(Store& store, std::size_t number, DatabaseClock& clock, std::shared_ptr<Inbox> inbox,
               std::vector<ClaimedLane> lanes, std::function<void(FlushReport)> report,
               std::function<void(bool, const std::string&)> down, bool own_thread)
    : store_(store),
      number_(number),
      clock_(clock),
      inbox_(std::move(inbox)),
      report_(std::move(report)),
      down_hook_(std::move(down)) {
  for (const ClaimedLane& lane : lanes) {
    const auto index = static_cast<std::size_t>(lane.lane);
    if (lanes_.size() <= index) lanes_.resize(index + 1);
    lanes_[index] = lane;
  }
  if (own_thread) thread_ = std::thread([this] { run(); });
}

Writer::~Writer() { stop(); }

void Writer::submit(Batch batch) {
  {
    std::lock_guard lock(mutex_);
    BELAY_CHECK(!next_, "one batch at a time");
    next_ = std::move(batch);
  }
  wake_.notify_one();
}

void Writer::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Writer::run() {
  while (true) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return next_ || stopping_; });
      if (!next_) return;
    }
    take();
    while (!parts_.empty()) {
      write_next();
      if (!parts_.empty() && parts_.back().tries > 0 && !rest(parts_.back().tries - 1)) give_up();
    }
  }
}

bool Writer::step() {
  if (parts_.empty() && !take()) return false;
  write_next();
  return true;
}

bool Writer::take() {
  std::lock_guard lock(mutex_);
  if (!next_) return false;
  // Not before: what an earlier batch holds of a lane that was lost and has come back is of the
  // epoch before.
  for (const ClaimedLane& lane : next_->gained) {
    const auto index = static_cast<std::size_t>(lane.lane);
    if (lanes_.size() <= index) lanes_.resize(index + 1);
    lanes_[index] = lane;
  }
  parts_.push_back({std::move(*next_)});
  next_.reset();
  return true;
}

// Tries the next part once. One that the database does not answer stays, and counts a try.
void Writer::write_next() {
  Part& part = parts_.back();
  FlushReport report;
  leave_lost_lanes(part.batch, part.tries > 0);
  fill_lanes(part.batch);
  report.started = steady_now();
  FlushResult& result = report.result;
  if (part.batch.flush.lanes.empty()) {  // nothing of it is ours any more
    result.kind = FlushResult::Kind::kFenced;
    for (const Batch::Owner& owner : part.batch.owners) {
      if (owner.lane >= 0) result.fenced.push_back(owner.lane);
    }
  } else {
    const std::int64_t began = monotonic_us();
    result = store_.flush(part.batch.flush, number_);
    const std::int64_t ended = monotonic_us();
    report.took_us = ended - began;
    if (result.db_now) clock_.answered(result.db_now, began, ended);
    if (result.kind == FlushResult::Kind::kDown && defective(Defect::kDownIsCommitted)) {
      result.kind = FlushResult::Kind::kCommitted;
    }
    if (result.kind == FlushResult::Kind::kDown) {
      ++part.tries;
      set_down(true, result.message);
      return give_up_answers(part.batch);
    }
    set_down(false);
  }
  if (part.tries > 0) result.in_doubt = true;  // it may have landed while nobody answered
  Batch batch = std::move(part.batch);
  parts_.pop_back();
  if (result.kind == FlushResult::Kind::kDataError) {
    const auto listed = std::count_if(batch.owners.begin(), batch.owners.end(),
                                      [](const auto& o) { return o.lane >= 0; });
    if (listed > 1) return split(std::move(batch));
  } else {
    for (const LaneFence& fence : batch.flush.lanes) {
      ClaimedLane& lane = lanes_[static_cast<std::size_t>(fence.lane)];
      const bool lost =
          std::find(result.fenced.begin(), result.fenced.end(), fence.lane) != result.fenced.end();
      if (lost)
        lane.epoch = 0;
      else
        ++lane.head;
    }
  }
  done(std::move(report), std::move(batch));
}

// A part of this batch has told that a lane is lost: the others' rows of it are reported as fenced,
// and never sent.
void Writer::leave_lost_lanes(Batch& batch, bool in_doubt) {
  FlushReport report;
  report.result.in_doubt = in_doubt;
  std::vector<bool> keep(batch.owners.size(), true);
  bool any_kept = false;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    const Lane lane = batch.owners[i].lane;
    if (lane < 0) continue;
    keep[i] = static_cast<std::size_t>(lane) < lanes_.size() &&
              lanes_[static_cast<std::size_t>(lane)].epoch != 0;
    if (keep[i])
      any_kept = true;
    else
      report.result.fenced.push_back(lane);
  }
  if (report.result.fenced.empty() || !any_kept)
    return;  // of a batch that has none left nothing is sent anyway
  report.result.kind = FlushResult::Kind::kFenced;
  report.started = steady_now();
  Batch lost = split_off(batch, keep);
  done(std::move(report), std::move(lost));
}

void Writer::done(FlushReport report, Batch batch) {
  report.batch = std::move(batch);
  report.last = parts_.empty();
  post(std::move(report));
}

// The writer is being stopped over a database that does not answer.
void Writer::give_up() {
  while (!parts_.empty()) {
    Batch batch = std::move(parts_.back().batch);
    parts_.pop_back();
    FlushReport report;
    report.result.kind = FlushResult::Kind::kDown;
    done(std::move(report), std::move(batch));
  }
}

// One half keeps half of those with rows, or the last one of them; everybody else goes to the
// other.
void Writer::split(Batch batch) {
  std::vector<bool> keep = owners_with_rows(batch);
  const auto all = std::count(keep.begin(), keep.end(), true);
  std::ptrdiff_t seen = 0;
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i] && ++seen > (all + 1) / 2) keep[i] = false;
  }
  if (all == 0) keep[0] = true;
  Batch half = split_off(batch, keep);
  half.renew = std::move(batch.renew);
  batch.renew.clear();
  parts_.push_back({std::move(half)});
  parts_.push_back({std::move(batch)});
}

// The lanes that this batch has rows of, with their fences.
void Writer::fill_lanes(Batch& batch) const {
  std::vector<bool> touched(lanes_.size(), false);
  const auto touch = [&](Lane lane) {
    BELAY_CHECK(lane >= 0, "a row has a lane");
    BELAY_CHECK(store_.writer_of(lane) == number_, "a writer writes its own lanes");
    if (static_cast<std::size_t>(lane) >= touched.size()) return;  // never ours
    touched[static_cast<std::size_t>(lane)] = true;
  };
  for (const Batch::Owner& owner : batch.owners) {
    if (owner.lane >= 0) touch(owner.lane);
  }
  for (const StartKeyRow& row : batch.flush.start_keys) touch(row.lane);
  for (const StartKeyRow& row : batch.flush.start_keys_gone) touch(row.lane);
  for (const Lane lane : batch.renew) touch(lane);
  batch.flush.lanes.clear();
  for (std::size_t i = 0; i < touched.size(); ++i) {
    if (touched[i] && lanes_[i].epoch != 0) {
      batch.flush.lanes.push_back(
          {.lane = lanes_[i].lane, .epoch = lanes_[i].epoch, .head = lanes_[i].head});
    }
  }
}

void Writer::set_down(bool down, const std::string& why) {
  if (down == down_ && why == down_why_) return;
  down_ = down;
  down_why_ = why;
  inbox_->push([hook = down_hook_, down, why] { hook(down, why); });
}

// Callers wait ten seconds, then hear that the outcome is unknown; the batch itself is never given
// up.
void Writer::give_up_answers(Batch& batch) {
  if (batch.answers.empty()) return;
  const auto waited =
      std::chrono::duration_cast<std::chrono::microseconds>(steady_now() - batch.opened).count();
  if (waited < kCallerWaits_us) return;
  inbox_->push([answers = batch.give_up()] {
    const Failure failure{ErrorCode::kInDoubt,
                          "the database does not answer; the request may still take effect",
                          "send it again with the same Idempotency-Key"};
    for (const Batch::Answer& answer : answers) answer.tell(&failure);
  });
}

void Writer::post(FlushReport report) {
  inbox_->push([hook = report_, report = std::move(report)]() mutable { hook(std::move(report)); });
}

// False when the writer is being stopped.
bool Writer::rest(int attempt) {
  const int ms =
      kRestMs[std::min<std::size_t>(static_cast<std::size_t>(attempt), std::size(kRestMs) - 1)];
  std::unique_lock lock(mutex_);
  return !wake_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return stopping_; });
}

}  // namespace belay::runtime
