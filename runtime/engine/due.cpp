// See due.h.
#include "runtime/engine/due.h"

#include <algorithm>

namespace belay::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kPass = seconds(20);
constexpr auto kFull = milliseconds(100);
constexpr std::int64_t kAheadUs = 60'000'000;
constexpr std::int64_t kCrowdedAheadUs = 5'000'000;
constexpr std::size_t kPage = 1'000;
constexpr std::size_t kAhead = 20'000;  // in memory, waiting for their time

}  // namespace

bool DueSagas::busy() const { return reading_ || loading_ >= kPage; }

SteadyTime DueSagas::due() const {
  return busy() ? SteadyTime::max() : std::min(next_look_, next_pass_);
}

void DueSagas::left(Instant due_at) {
  if (!due_at || due_at >= from_) return;
  from_ = due_at;
  next_look_ = std::min(next_look_, steady_now() + kFull);
}

void DueSagas::step(SteadyTime now) {
  if (reading_ || loop_.database_down()) return;
  if (now >= next_pass_) {
    next_pass_ = now + kPass;
    next_look_ = now;
    from_ = {};
    loading_ = 0;
    ++pass_;
  }
  if (now < next_look_ || busy()) return;
  // What memory has no room for would leave it at once.
  const bool in_time = loop_.crowded() && from_.us > loop_.clock().now().us + kCrowdedAheadUs;
  if (in_time || (from_ && loop_.timers_before(from_, kAhead) >= kAhead)) {
    next_look_ = now + kFull;
    return;
  }
  read(now);
}

void DueSagas::read(SteadyTime now) {
  reading_ = true;
  const Instant until{loop_.clock().now().us + kAheadUs};
  // Those of one instant that memory has already come once more.
  const std::size_t limit = kPage + (from_ ? loop_.timers_at(from_, kAhead) : 0);
  const std::uint64_t pass = pass_;
  loop_.loader().due({from_, until}, limit, loop_.lanes().held(),
                     [this, now, until, limit, pass](Result<std::vector<DueSaga>> due) {
                       reading_ = false;
                       if (pass != pass_) return;
                       next_look_ = now + kFull;
                       if (!due) return;
                       load(*due);
                       if (due->size() < limit) {
                         from_ = until;
                         next_look_ = next_pass_;
                       } else {
                         const bool further = due->back().due_at > from_;
                         from_ = due->back().due_at;
                         if (further) next_look_ = now;
                       }
                     });
}

void DueSagas::load(const std::vector<DueSaga>& page) {
  for (const DueSaga& saga : page) {
    if (loop_.find(saga.id) != nullptr || !loop_.may_load(saga.id, saga.lane)) continue;
    Loader::Which which;
    which.lane = saga.lane;
    which.saga = saga.id;
    ++loading_;
    loop_.with_saga(which, [this, pass = pass_, due_at = saga.due_at](const Result<Saga*>& loaded) {
      if (pass != pass_) return;
      if (loading_ > 0) --loading_;
      if (!loaded && loaded.error().code == ErrorCode::kUnavailable) left(due_at);
    });
  }
}

}  // namespace belay::runtime
