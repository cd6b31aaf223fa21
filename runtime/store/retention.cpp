// See retention.h. A round is a list of walks and of changes to the catalog; a visit does as much
// of it as it may, and the next one goes on with the walks where they stopped.
#include "runtime/store/retention.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <set>

#include "interpreter/time.h"
#include "runtime/base/check.h"
#include "runtime/base/ids.h"
#include "runtime/base/limits.h"
#include "runtime/store/postgres_connection.h"

namespace belay::runtime {
namespace {

using Of = PostgresArray::Of;

constexpr std::int64_t kDayUs = 24LL * 3600 * 1'000'000;
constexpr std::int64_t kClocksApartUs = 3600LL * 1'000'000;
constexpr int kStartKeyDays = 400;
constexpr int kRequestDays = 2;
constexpr int kLockTries = 5;
// A month of events is read once, when those that nobody took are counted; it is out of everybody's
// way by then.
constexpr std::int64_t kStatementMs = 600'000;

// Not "the database is ill": somebody else has the lock, or won it.
bool is_busy(const PostgresFailure& failure) {
  return failure.sqlstate == "55P03" || failure.sqlstate == "40P01" || failure.sqlstate == "40001";
}

// A child's first entry was caused by its parent.
std::string parent_of(std::string_view actor) {
  constexpr std::string_view kSaga = "saga:";
  if (!actor.starts_with(kSaga) || !is_uuid(actor.substr(kSaga.size()))) return {};
  return std::string(actor.substr(kSaga.size()));
}

Instant system_now() {
  using namespace std::chrono;
  return {duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()};
}

}  // namespace

Forgotten& Forgotten::operator+=(const Forgotten& more) {
  sagas += more.sagas;
  entries += more.entries;
  months += more.months;
  bytes += more.bytes;
  events += more.events;
  unclaimed += more.unclaimed;
  start_keys += more.start_keys;
  requests += more.requests;
  receipts += more.receipts;
  if (!more.types.empty()) types += (types.empty() ? "" : ", ") + more.types;
  return *this;
}

// ---- One visit ----------------------------------------------------------------------------------

class Retention::Round {
 public:
  Round(Retention& retention, Instant cutoff, Instant now)
      : options_(retention.options_),
        walks_(retention.walks_),
        connection_(*retention.connection_),
        cutoff_(cutoff) {
    visit_.cutoff = cutoff;
    request_cutoff_ = {std::min(cutoff.us, now.us - kRequestDays * kDayUs)};
    start_key_cutoff_ = {now.us - kStartKeyDays * kDayUs};
    receipt_cutoff_ = {std::min(cutoff.us, start_key_cutoff_.us)};
    left_ = options_.batches_max;
  }

  // False: stopped in between.
  PostgresResult<bool> run() {
    auto done = all();
    if (done)
      visit_.end = *done && !lock_missed_ ? RetentionVisit::End::kDone : RetentionVisit::End::kMore;
    return done;
  }
  RetentionVisit& visit() { return visit_; }

 private:
  struct Month {
    std::string table, name, below, end;
    std::int64_t starts_us = 0, ends_us = 0;
  };
  // One batch: where it ended; empty: there was nothing more.
  using Batch = std::function<PostgresResult<std::vector<std::string>>(
      Lane, const std::vector<std::string>& after)>;

  PostgresResult<bool> all() {
    if (auto dropped = drop_months(); !dropped || !*dropped) return dropped;
    auto rows = connection_.run("months_behind", PostgresParams().int8(cutoff_.us));
    if (!rows) return tl::unexpected(rows.error());
    for (std::size_t i = 0; i < rows->size(); ++i) {
      const Month month{rows->str(i, 0), rows->str(i, 1),    rows->str(i, 2),
                        rows->str(i, 3), rows->number(i, 4), rows->number(i, 5)};
      auto done = month.table == "journal" ? sagas(month) : events(month);
      if (!done || !*done) return done;
    }
    if (auto done = walk("start keys", {"", ""},
                         [&](Lane lane, const auto& after) { return start_keys(lane, after); });
        !done || !*done) {
      return done;
    }
    if (auto done = walk("requests", {"", "", ""},
                         [&](Lane lane, const auto& after) {
                           PostgresParams params;
                           params.int4(lane).text(after[0]).text(after[1]).text(after[2]).int8(
                               options_.batch_rows);
                           return page("forget_dedup", params.int8(request_cutoff_.us),
                                       visit_.gone.requests);
                         });
        !done || !*done) {
      return done;
    }
    return walk("receipts", {"", ""}, [&](Lane lane, const auto& after) {
      PostgresParams params;
      params.int4(lane).text(after[0]).text(after[1]).int8(options_.batch_rows);
      return page("forget_receipts", params.int8(receipt_cutoff_.us), visit_.gone.receipts);
    });
  }

  // Before every batch. False: that is enough for this visit.
  bool step() { return left_-- > 0 && (!options_.pause || options_.pause()); }

  // Lane by lane from `first` on, to the end or until it is enough.
  PostgresResult<bool> walk(const std::string& name, const std::vector<std::string>& first,
                            const Batch& batch) {
    Walk& at = walks_[name];
    while (!at.ended) {
      if (!step()) return false;
      auto last = batch(at.lane, at.after.empty() ? first : at.after);
      if (!last) return tl::unexpected(last.error());
      at.after = std::move(*last);
      if (at.after.empty() && ++at.lane == static_cast<int>(limits::lanes_default)) at.ended = true;
    }
    return true;
  }

  // A statement that deletes by itself: its one row is the last key that it has seen and how many
  // rows went.
  PostgresResult<std::vector<std::string>> page(const char* statement, const PostgresParams& params,
                                                std::int64_t& gone) {
    auto rows = connection_.run(statement, params);
    if (!rows) return tl::unexpected(rows.error());
    std::vector<std::string> last;
    if (rows->size() == 0 || rows->is_null(0, 0)) return last;
    for (std::size_t c = 0; c + 1 < rows->columns(); ++c) last.push_back(rows->str(0, c));
    gone += rows->number(0, rows->columns() - 1);
    return last;
  }

  // ---- Sagas ----

  PostgresResult<bool> sagas(const Month& month) {
    // A parent's children go in the pass after it. Each pass but the last takes away at least one.
    const std::string name = "sagas " + month.name;
    for (;;) {
      const std::int64_t before = visit_.gone.sagas;
      waiting_ = 0;
      auto done = walk(name, {month.below}, [&](Lane lane, const auto& after) {
        return sagas_of(month, lane, after[0]);
      });
      if (!done || !*done) return done;
      if (visit_.gone.sagas == before || waiting_ == 0) break;
      walks_.erase(name);
    }
    auto out = take_out(month);
    if (!out) return tl::unexpected(out.error());
    if (*out == Out::kStopped) return false;
    if (*out == Out::kTaken) return drop_months();
    if (*out == Out::kBusy) return true;
    visit_.journals_kept.push_back(month.name);
    return walk("entries " + month.name, {month.below}, [&](Lane lane, const auto& after) {
      PostgresParams params;
      params.int4(lane).uuid(after[0]).uuid(month.end).int8(
          std::max<std::int64_t>(options_.batch_rows / 10, 1));
      return page("forget_entries", params, visit_.gone.entries);
    });
  }

  PostgresResult<std::vector<std::string>> sagas_of(const Month& month, Lane lane,
                                                    const std::string& after) {
    PostgresParams params;
    params.int4(lane).uuid(after).uuid(month.end).int8(options_.batch_rows).int8(cutoff_.us);
    auto rows = connection_.run("sagas_of_month", params);
    if (!rows) return tl::unexpected(rows.error());
    if (rows->size() == 0) return std::vector<std::string>{};
    PostgresArray tenants(Of::kText), parents(Of::kUuid);
    for (std::size_t i = 0; i < rows->size(); ++i) {
      if (const std::string parent = parent_of(rows->text(i, 3));
          rows->flag(i, 2) && !parent.empty()) {
        tenants.add_text(rows->text(i, 1));
        parents.add_uuid(parent);
      }
    }
    auto there = ids_there(std::move(tenants), std::move(parents));
    if (!there) return tl::unexpected(there.error());
    PostgresArray ended(Of::kUuid);
    for (std::size_t i = 0; i < rows->size(); ++i) {
      if (!rows->flag(i, 2)) continue;
      if (there->contains(parent_of(rows->text(i, 3))))
        ++waiting_;
      else
        ended.add_uuid(rows->text(i, 0));
    }
    if (ended.size() > 0) {
      auto gone = connection_.run(
          "forget_sagas", PostgresParams().int4(lane).array(std::move(ended)).int8(cutoff_.us));
      if (!gone) return tl::unexpected(gone.error());
      visit_.gone.sagas += gone->number(0, 0);
    }
    return std::vector<std::string>{rows->str(rows->size() - 1, 0)};
  }

  PostgresResult<std::set<std::string>> ids_there(PostgresArray tenants, PostgresArray ids) {
    std::set<std::string> out;
    if (ids.size() == 0) return out;
    auto rows = connection_.run("sagas_there",
                                PostgresParams().array(std::move(tenants)).array(std::move(ids)));
    if (!rows) return tl::unexpected(rows.error());
    for (std::size_t i = 0; i < rows->size(); ++i) out.insert(rows->str(i, 0));
    return out;
  }

  // ---- Months ----

  enum class Out { kTaken, kStays, kBusy, kStopped };  // kBusy: the lock was not to be had

  PostgresResult<Out> take_out(const Month& month) {
    for (int tries = 0; tries < kLockTries; ++tries) {
      if (!step()) return Out::kStopped;
      PostgresParams params;
      params.text(month.table).text(month.name).int4(options_.lock_ms);
      auto rows = connection_.run("detach_month", params);
      if (rows) return rows->flag(0, 0) ? Out::kTaken : Out::kStays;
      if (!is_busy(rows.error())) return tl::unexpected(rows.error());
    }
    lock_missed_ = true;
    return Out::kBusy;
  }

  PostgresResult<bool> drop_months() {
    auto out = connection_.run("months_out");
    if (!out) return tl::unexpected(out.error());
    for (std::size_t i = 0; i < out->size(); ++i) {
      if (!step()) return false;
      auto rows = connection_.run("drop_month", PostgresParams().text(out->text(i, 0)));
      if (!rows) return tl::unexpected(rows.error());
      Forgotten month;
      month.months = 1;
      month.bytes = rows->number(0, 0);
      month.events = rows->number(0, 1);
      month.unclaimed = rows->number(0, 2);
      month.types = rows->str(0, 3);
      visit_.gone += month;
    }
    return true;
  }

  PostgresResult<bool> events(const Month& month) {
    if (!step()) return false;
    auto living = connection_.run("oldest_living", PostgresParams().int8(month.ends_us));
    if (!living) return tl::unexpected(living.error());
    if (living->size() > 0) {
      PostgresArray tenants(Of::kText), since(Of::kInt8);
      for (std::size_t i = 0; i < living->size(); ++i) {
        tenants.add_text(living->text(i, 0));
        since.add_int8(living->number(i, 1));
      }
      PostgresParams params;
      params.array(std::move(tenants))
          .array(std::move(since))
          .int8(month.starts_us)
          .int8(month.ends_us);
      auto awaited = connection_.run("month_awaited", params);
      if (!awaited) return tl::unexpected(awaited.error());
      if (awaited->flag(0, 0)) {
        visit_.events_kept.push_back(month.name);
        return true;
      }
    }
    auto out = take_out(month);
    if (!out) return tl::unexpected(out.error());
    if (*out == Out::kStopped) return false;
    return *out == Out::kTaken ? drop_months() : true;
  }

  // ---- What stands outside of months ----

  PostgresResult<std::vector<std::string>> start_keys(Lane lane,
                                                      const std::vector<std::string>& after) {
    PostgresParams params;
    params.int4(lane)
        .text(after[0])
        .text(after[1])
        .int8(options_.batch_rows)
        .int8(start_key_cutoff_.us);
    auto rows = connection_.run("old_start_keys", params);
    if (!rows) return tl::unexpected(rows.error());
    if (rows->size() == 0) return std::vector<std::string>{};
    PostgresArray tenants(Of::kText), ids(Of::kUuid);
    for (std::size_t i = 0; i < rows->size(); ++i) {
      if (!rows->flag(i, 3)) continue;
      tenants.add_text(rows->text(i, 0));
      ids.add_uuid(rows->text(i, 2));
    }
    auto there = ids_there(std::move(tenants), std::move(ids));
    if (!there) return tl::unexpected(there.error());
    PostgresArray of(Of::kText), keys(Of::kText), sagas(Of::kUuid);
    for (std::size_t i = 0; i < rows->size(); ++i) {
      if (!rows->flag(i, 3) || there->contains(rows->str(i, 2))) continue;
      of.add_text(rows->text(i, 0));
      keys.add_text(rows->text(i, 1));
      sagas.add_uuid(rows->text(i, 2));
    }
    if (keys.size() > 0) {
      PostgresParams gone;
      gone.int4(lane)
          .array(std::move(of))
          .array(std::move(keys))
          .array(std::move(sagas))
          .int8(start_key_cutoff_.us);
      auto forgotten = connection_.run("forget_start_keys", gone);
      if (!forgotten) return tl::unexpected(forgotten.error());
      visit_.gone.start_keys += forgotten->number(0, 0);
    }
    return std::vector<std::string>{rows->str(rows->size() - 1, 0), rows->str(rows->size() - 1, 1)};
  }

  const RetentionOptions& options_;
  std::map<std::string, Walk>& walks_;
  PostgresConnection& connection_;
  const Instant cutoff_;
  Instant request_cutoff_, start_key_cutoff_, receipt_cutoff_;
  int left_ = 0;
  std::int64_t waiting_ = 0;  // ended, but their parents are there
  bool lock_missed_ = false;
  RetentionVisit visit_;
};

// ---- Visits -------------------------------------------------------------------------------------

Retention::Retention(PostgresOptions database, RetentionOptions options)
    : database_([&] {
        database.application += "_retention";
        database.statement_timeout_ms = kStatementMs;
        return std::move(database);
      }()),
      options_(std::move(options)) {
  BELAY_CHECK(options_.keep_days >= kKeepDaysMin && options_.keep_days <= kKeepDaysMax,
              "keep_days is in its bounds");
}
Retention::~Retention() = default;

Result<void> Retention::connect() {
  for (std::unique_ptr<PostgresConnection>* each : {&connection_, &turn_}) {
    if (*each != nullptr && !(*each)->lost()) continue;
    auto opened = PostgresConnection::open(database_);
    if (!opened) return fail(to_failure(opened.error(), "answer"));
    *each = std::move(*opened);
  }
  return {};
}

Result<bool> Retention::take_turn() {
  // The transaction does nothing else: it holds back neither vacuum nor anybody's lock.
  auto begun = turn_->execute("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; " +
                              std::string(named_sql("retention_turn")));
  if (!begun) return fail(to_failure(begun.error(), "begin"));
  return begun->flag(0, 0);
}

Result<RetentionVisit> Retention::visit() {
  if (auto connected = connect(); !connected) return fail(connected.error());
  auto mine = take_turn();
  RetentionVisit elsewhere;
  elsewhere.end = RetentionVisit::End::kElsewhere;
  Result<RetentionVisit> result = elsewhere;
  if (!mine) {
    result = fail(mine.error());
  } else if (*mine) {
    result = [&]() -> Result<RetentionVisit> {
      auto told = connection_->run("database_now");
      if (!told) return fail(to_failure(told.error(), "tell the time"));
      const Instant theirs{told->number(0, 0)}, ours = options_.now ? options_.now() : system_now();
      if (std::abs(theirs.us - ours.us) > kClocksApartUs) {
        return fail(ErrorCode::kMisconfigured,
                    "the database's clock and this machine's are " +
                        std::to_string(std::abs(theirs.us - ours.us) / 1'000'000) +
                        " s apart: nothing is thrown away",
                    "set the clock that is wrong");
      }
      const Instant now{std::min(theirs.us, ours.us)};
      Round round(*this, {now.us - options_.keep_days * kDayUs}, now);
      auto done = round.run();
      {
        const std::lock_guard lock(mutex_);
        total_ += round.visit().gone;
        total_.types.clear();
      }
      if (!done) return fail(to_failure(done.error(), "forget what is old"));
      if (*done) walks_.clear();
      return std::move(round.visit());
    }();
  }
  if (!turn_->lost()) (void)turn_->execute("ROLLBACK");
  return result;
}

Forgotten Retention::total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

// ---- Words --------------------------------------------------------------------------------------

std::string to_text(const RetentionVisit& visit) {
  const std::string at = interpreter::format_timestamp(interpreter::to_timestamp(visit.cutoff));
  std::string text = "retention: cutoff " + at + ": ";
  text += visit.gone.any() ? "gone are" : "nothing had to go";
  const std::size_t bare = text.size();
  const auto add = [&](std::int64_t count, const char* what) {
    if (count > 0) text += (text.size() == bare ? " " : ", ") + std::to_string(count) + " " + what;
  };
  const Forgotten& gone = visit.gone;
  add(gone.sagas, "sagas");
  add(gone.entries, "single entries");
  add(gone.months, "months of journals and events");
  add(gone.bytes >> 20, "MiB with them");
  add(gone.events, "events");
  if (gone.unclaimed > 0) add(gone.unclaimed, ("of these taken by nobody: " + gone.types).c_str());
  add(gone.start_keys, "start keys");
  add(gone.requests, "remembered requests");
  add(gone.receipts, "receipts");
  const auto kept = [&](const std::vector<std::string>& months, const char* what) {
    if (months.empty()) return;
    text += std::string("; ") + what;
    for (const std::string& month : months)
      text += (&month == &months.front() ? " " : ", ") + month;
  };
  kept(visit.journals_kept, "kept for sagas that live or ended later:");
  kept(visit.events_kept, "events kept for sagas that live:");
  if (visit.end == RetentionVisit::End::kMore) text += "; there is more to look at";
  return text;
}

}  // namespace belay::runtime
