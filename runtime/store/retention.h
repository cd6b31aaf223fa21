// What ended long enough ago goes. Sagas live in months (a partition of the journal each, by the
// time in their ids); a month whose end is behind the cutoff is taken up, and in this order, so
// that a kill between any two statements leaves nothing that misleads:
//
//   1. rows of sagas that ended before the cutoff, with their keys and questions, a few hundred at
//      a time. A child stays as long as its parent's row: until then it may be undone. From here on
//      nobody knows the saga (404).
//   2. no row of the month left: its partition is taken out of the journal (belay.detach_month) and
//      then dropped. Else the month stays, and the journals of those that are gone are deleted in
//      small batches.
//   3. months of events, once no saga lives that began before their end: it may yet take one of
//      them. Those that nobody took are counted into the audit and the log first.
//   4. start keys, remembered requests and receipts, which stand outside of months, by their age.
//
// Nothing of a saga that has not ended is touched; that stands in each statement
// (sql/retention.sql). One node at a time by an advisory lock, but nothing breaks should two be at
// it. The only lock that a flush could wait for is that of detach_month, which gives up after
// lock_ms and is tried again. Tested in tests/postgres/retention_test.cpp and
// retention_cut_test.cpp.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/store/postgres_store.h"

namespace belay::runtime {

class PostgresConnection;

inline constexpr int kKeepDaysMin = 1;
inline constexpr int kKeepDaysMax = 36'500;

struct RetentionOptions {
  int keep_days = 0;  // kKeepDaysMin to kKeepDaysMax, counted from a saga's end
  std::int64_t batch_rows = 500;
  int batches_max = 2'000;       // of one visit
  int lock_ms = 50;              // how long a flush may have to wait behind detach_month, at most
  std::function<bool()> pause;   // between two batches; false: stop here. Empty: none
  std::function<Instant()> now;  // this machine's clock; empty: the system's
};

// What went. `unclaimed` counts among `events`, `types` says of what they were.
struct Forgotten {
  std::int64_t sagas = 0, entries = 0;  // entries: those deleted one by one, not with their month
  std::int64_t months = 0, bytes = 0;   // of journals and events
  std::int64_t events = 0, unclaimed = 0;
  std::int64_t start_keys = 0, requests = 0, receipts = 0;
  std::string types;

  bool any() const { return sagas + entries + months + start_keys + requests + receipts > 0; }
  Forgotten& operator+=(const Forgotten& more);
};

struct RetentionVisit {
  enum class End {
    kDone,  // all that is behind the cutoff was looked at
    kMore,  // stopped in between, or a lock was not to be had: come again soon, it goes on where it
            // stopped
    kElsewhere,  // another node is at it
  } end = End::kDone;
  Instant cutoff;
  Forgotten gone;
  // Months behind the cutoff that stay: with sagas that live, ended later, or belong to one that
  // does; and events that a living saga may yet take.
  std::vector<std::string> journals_kept, events_kept;
};

// One thread at a time, but for total().
class Retention {
 public:
  Retention(PostgresOptions database, RetentionOptions options);
  ~Retention();

  // Failures: kUnavailable; kMisconfigured when the clocks of this machine and the database are
  // more than an hour apart, for by a clock that is wrong nothing is thrown away.
  Result<RetentionVisit> visit();
  // Since the start. Thread-safe.
  Forgotten total() const;

 private:
  class Round;
  struct Walk {  // through rows in the order of their primary key, lane by lane
    int lane = 0;
    std::vector<std::string> after;  // of the last row seen; empty: from the lane's beginning
    bool ended = false;
  };

  Result<void> connect();
  Result<bool> take_turn();

  const PostgresOptions database_;
  const RetentionOptions options_;
  std::unique_ptr<PostgresConnection> connection_, turn_;
  std::map<std::string, Walk> walks_;  // of a round that was stopped
  mutable std::mutex mutex_;
  Forgotten total_;
};

// One line for the log: what went, and what stayed behind the cutoff.
std::string to_text(const RetentionVisit& visit);

}  // namespace belay::runtime
