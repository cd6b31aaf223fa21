// Retention beside others: flushes that are under way or come meanwhile, a second node, a long
// read, and a connection that is cut between any two of its statements.
#include <atomic>
#include <thread>

#include "tests/postgres/retention_world.h"

using namespace belay::runtime;
using namespace belay::runtime::testing;
using End = RetentionVisit::End;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kKeep = 70;

std::int64_t ms_since(Clock::time_point begin) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin).count();
}

// `months` months of sagas and events long ago, of each of which every saga ended and one event was
// taken by nobody.
void fill(RetentionWorld& world, Rows& rows, int months) {
  for (int i = 0; i < months; ++i) {
    Flush flush;
    const Instant at = world.days_ago(200 + 31 * i);
    for (int n = 0; n < 40; ++n) rows.add(flush, {at.us + n}, {at.us + kDay});
    flush.events = {Rows::event(at, 1, true), Rows::event(at, 2, false)};
    rows.flush(std::move(flush));
  }
}

// Flushes one after the other, on a thread of their own, until it ends.
struct Stream {
  std::atomic<bool> ended{false};
  std::int64_t slowest_ms = 0, flushes = 0, failed = 0;
  std::thread thread;

  Stream(RetentionWorld& world, Rows& rows, int sagas)
      : thread([&world, &rows, sagas, this] {
          do {
            Flush flush;
            for (int i = 0; i < sagas; ++i) rows.add(flush, world.now(), {});
            flush.events = {Rows::event(world.now(), static_cast<int>(flushes), true)};
            const auto begin = Clock::now();
            if (rows.try_flush(std::move(flush)).kind != FlushResult::Kind::kCommitted) ++failed;
            slowest_ms = std::max(slowest_ms, ms_since(begin));
            ++flushes;
          } while (!ended);
        }) {}
  ~Stream() { end(); }
  void end() {
    ended = true;
    if (thread.joinable()) thread.join();
  }
  void check() const {
    INFO(slowest_ms << " ms the slowest of " << flushes << " flushes");
    CHECK(failed == 0);
    CHECK(flushes >= 1);
    CHECK(slowest_ms <
          5'000);  // lock_ms, and a machine that others use; not the 30 s of a statement that waits
  }
};

// Ends what retention has open, as a server that goes away or a pooler that gives up would.
void cut(RetentionWorld& world) {
  world.sql(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = "
      "current_database() AND "
      "application_name LIKE '%retention'");
}

// What must hold at any moment: who is shown has its journal, and who lives has all that it had.
void nothing_misleads(RetentionWorld& world, const SagaId& lives, const std::string& all_of_it) {
  CHECK(world.count("instance AS i WHERE NOT EXISTS (SELECT FROM belay.journal AS j WHERE j.lane = "
                    "i.lane AND j.iid = i.iid "
                    "AND j.seq = 1)") == 0);
  CHECK(world.count("instance WHERE status = 'running'") == 1);
  CHECK(world.all_of(lives) == all_of_it);
}

}  // namespace

TEST_CASE("retention: a flush under way is not waited for long, and goes on meanwhile") {
  RetentionWorld world;
  Rows rows(world);
  fill(world, rows, 1);
  const std::string month = world.month_of(world.days_ago(200));

  // A transaction that has written into the journal and not ended: what a slow flush looks like.
  auto slow = world.connected();
  const SagaId id = world.ids.next(world.now());
  REQUIRE(slow->execute("BEGIN; INSERT INTO belay.journal VALUES (1, '" + id +
                        "', 1, now(), 1::smallint, 'Started', '', '{}')"));
  Retention retention(world.options, world.keeping(kKeep));
  Stream others(world, rows, 1);  // the flushes of everybody else
  const auto first = retention.visit();
  others.end();  // before the slow one ends: nobody waited for it

  REQUIRE(first);
  INFO(to_text(*first));
  CHECK(first->end == End::kMore);  // the lock was not to be had
  CHECK(first->gone.sagas == 40);
  CHECK(world.months("journal").contains(month));
  CHECK(first->gone.events == 2);  // nobody had written events
  others.check();

  REQUIRE(slow->execute("COMMIT"));
  const RetentionVisit second = take(retention.visit());
  CHECK(second.end == End::kDone);
  CHECK(!world.months("journal").contains(month));
  CHECK(world.count("journal WHERE iid = '" + id + "'") == 1);
}

TEST_CASE(
    "retention: months are dropped under a steady stream of flushes, none of which fails or waits "
    "long") {
  RetentionWorld world;
  Rows rows(world);
  fill(world, rows, 6);
  Stream stream(world, rows, 20);
  Retention retention(world.options, world.keeping(kKeep));
  bool done = false;
  for (int i = 0; i < 50 && !done; ++i) {
    const auto visit = retention.visit();
    done = visit && visit->end == End::kDone;
  }
  stream.end();
  CHECK(done);
  const Forgotten total = retention.total();
  CHECK(total.sagas == 240);
  CHECK(total.events == 12);
  CHECK(total.unclaimed == 6);
  CHECK(total.months >= 12);
  stream.check();
  CHECK(stream.flushes > 10);
  CHECK(world.count("journal") == stream.flushes * 40);
}

TEST_CASE(
    "retention: cut between any two statements, what is left misleads nobody, and the next visit "
    "ends it") {
  RetentionWorld world;
  Rows rows(world);
  Flush living;
  const SagaId lives = rows.add(living, world.days_ago(200), {});
  rows.flush(std::move(living));
  const std::string all_of_it = world.all_of(lives);
  std::int64_t months_told = 0;
  // The cut comes ever later; each time there is something to do again.
  int cuts = 0;
  for (int at = 1;; at += 13) {
    fill(world, rows, 2);
    RetentionOptions keep = world.keeping(kKeep);
    keep.batch_rows = 20;
    int steps = 0;
    bool was_cut = false;
    keep.pause = [&] {
      if (++steps != at) return true;
      cut(world);
      was_cut = true;
      return true;
    };
    Retention retention(world.options, keep);
    const auto first = retention.visit();
    nothing_misleads(world, lives, all_of_it);
    if (was_cut) {
      ++cuts;
      CHECK(!first);
      CHECK(first.error().code == ErrorCode::kUnavailable);
    }
    steps = at;
    CHECK(take(retention.visit()).end == End::kDone);
    nothing_misleads(world, lives, all_of_it);
    CHECK(world.count("instance") == 1);
    CHECK(world.count("journal") == 2);
    // `lives` began in the first of the two months and before its events: these stay until it has
    // ended.
    CHECK(world.text("SELECT count(*)::text FROM pg_class WHERE relname LIKE 'gone_%'") == "0");
    ++months_told;
    CHECK(world.count("audit WHERE act = 'events.dropped_unclaimed'") == months_told);
    if (!was_cut) break;
    REQUIRE(at < 2'000);
  }
  CHECK(cuts > 10);
}

TEST_CASE(
    "retention: killed after a month was taken out and before it was dropped: told once, and "
    "dropped") {
  RetentionWorld world;
  Rows rows(world);
  fill(world, rows, 1);
  RetentionOptions keep = world.keeping(kKeep);
  std::set<std::string> out;
  bool cutting = true;
  keep.pause = [&] {
    const auto seen =
        world.sql("SELECT relname FROM pg_class WHERE relname ~ '^gone_(journal|event)_[0-9]+$'");
    for (std::size_t i = 0; cutting && i < seen.size(); ++i) {
      if (out.insert(seen.str(i, 0)).second) cut(world);
    }
    return true;
  };
  for (int i = 0; i < 2; ++i) {
    Retention retention(world.options, keep);
    const auto visit = retention.visit();
    CHECK(!visit);
    CHECK(out.size() == static_cast<std::size_t>(i + 1));
    CHECK(world.count("audit") == 0);
    CHECK(world.count("instance") == 0);
    CHECK(world.count("journal") == 0);
  }
  cutting = false;
  Retention retention(world.options, keep);
  const RetentionVisit visit = take(retention.visit());
  CHECK(visit.gone.events == 2);
  CHECK(visit.gone.unclaimed == 1);
  CHECK(world.count("audit WHERE detail->>'count' = '1' AND detail->>'type' = 'shop.paid'") == 1);
  CHECK(world.text("SELECT count(*)::text FROM pg_class WHERE relname LIKE 'gone_%'") == "0");
}

TEST_CASE("retention: one node at a time, and a node that is stopped stops") {
  RetentionWorld world;
  Rows rows(world);
  fill(world, rows, 1);
  auto other = world.connected();
  REQUIRE(other->execute("BEGIN; " + std::string(named_sql("retention_turn")))->flag(0, 0));
  Retention retention(world.options, world.keeping(kKeep));
  CHECK(take(retention.visit()).end == End::kElsewhere);
  CHECK(world.count("instance") == 40);
  REQUIRE(other->execute("ROLLBACK"));

  RetentionOptions stopped = world.keeping(kKeep);
  stopped.pause = [] { return false; };
  CHECK(take(Retention(world.options, stopped).visit()).end == End::kMore);
  CHECK(world.count("instance") == 40);
  CHECK(take(retention.visit()).gone.sagas == 40);
  // The turn was given back.
  CHECK(other->execute(std::string(named_sql("retention_turn")))->flag(0, 0));
}

TEST_CASE(
    "retention: what ran again meanwhile is not deleted by a statement that had chosen it before") {
  RetentionWorld world;
  Rows rows(world);
  Flush flush;
  const SagaId revived = rows.add(flush, world.days_ago(200), world.days_ago(190));
  const Lane lane = flush.instances[0].lane;
  InstanceRow row = flush.instances[0];
  rows.flush(std::move(flush));
  // A flush that has the row, and has not ended.
  auto reviving = world.connected();
  REQUIRE(reviving->execute(
      "BEGIN; UPDATE belay.instance SET status = 'compensating', ended_at = NULL WHERE iid = '" +
      revived + "'"));
  std::int64_t gone = -1;
  auto connection = world.connected();
  std::thread deleting([&] {
    PostgresArray ids(PostgresArray::Of::kUuid);
    ids.add_uuid(revived);
    auto rows_gone = connection->run(
        "forget_sagas",
        PostgresParams().int4(lane).array(std::move(ids)).int8(world.days_ago(kKeep).us));
    if (rows_gone) gone = rows_gone->number(0, 0);
  });
  const auto waits = [&] {
    return world.count("instance") == 1 &&
           world.text(
               "SELECT count(*)::text FROM pg_stat_activity WHERE "
               "datname = current_database() AND wait_event_type = 'Lock'") == "1";
  };
  for (int i = 0; i < 1'000 && !waits(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(waits());
  REQUIRE(reviving->execute("COMMIT"));
  deleting.join();
  CHECK(gone == 0);
  CHECK(world.count("instance WHERE status = 'compensating'") == 1);
  CHECK(world.count("journal") == 2);
}
