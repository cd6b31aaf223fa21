// A database whose clock a test moves: functions of the same names before pg_catalog in the search
// path of its new connections. So an engine may have run two years ago, for real.
#pragma once
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/ids.h"
#include "runtime/base/limits.h"
#include "runtime/store/reader.h"
#include "runtime/store/retention.h"
#include "tests/postgres/store_database.h"

namespace belay::runtime::testing {

constexpr std::int64_t kDay = 24LL * 3600 * 1'000'000;

inline Instant machine_now() {
  using namespace std::chrono;
  return {duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()};
}

struct RetentionWorld {
  PostgresOptions options = migrated_database();
  std::unique_ptr<PostgresConnection> side = connected();
  std::int64_t shift_us = 0;
  IdGenerator ids;

  std::unique_ptr<PostgresConnection> connected() const {
    auto opened = PostgresConnection::open(options);
    REQUIRE(opened);
    return std::move(*opened);
  }
  // For connections made from now on.
  void move_clock(int days) {
    shift_us = days * kDay;
    const std::string by = " + interval '" + std::to_string(days) + " days'";
    sql("CREATE SCHEMA IF NOT EXISTS shifted");
    sql("CREATE OR REPLACE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql "
        "VOLATILE RETURN "
        "pg_catalog.clock_timestamp()" +
        by);
    sql("CREATE OR REPLACE FUNCTION shifted.now() RETURNS timestamptz LANGUAGE sql STABLE RETURN "
        "pg_catalog.now()" +
        by);
    sql("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = shifted, pg_catalog', "
        "current_database()); END $$");
  }
  Instant now() const { return {machine_now().us + shift_us}; }
  Instant days_ago(int days) const { return {now().us - days * kDay}; }

  PostgresRows sql(const std::string& text) {
    auto rows = side->execute(text);
    INFO(text);
    REQUIRE((rows ? "" : rows.error().message) == std::string());
    return std::move(*rows);
  }
  std::int64_t count(const std::string& from) {
    return sql("SELECT count(*) FROM belay." + from).number(0, 0);
  }
  std::string text(const std::string& query) { return sql(query).str(0, 0); }
  // Everything that is stored of a saga, as one text.
  std::string all_of(const SagaId& saga) {
    const std::string id = "'" + saga + "'";
    return text(
        "SELECT coalesce((SELECT i::text FROM belay.instance AS i WHERE iid = " + id +
        "), '') || "
        "(SELECT coalesce(string_agg(j::text, E'\\n' ORDER BY seq), '') FROM belay.entry AS j "
        "WHERE iid = " +
        id +
        ") || (SELECT coalesce(string_agg(s::text, '' ORDER BY path), '') FROM belay.subscription "
        "AS s WHERE saga = " +
        id +
        ") || (SELECT coalesce(string_agg(k::text, '' ORDER BY key), '') FROM belay.start_key AS k "
        "WHERE saga = " +
        id +
        ") || (SELECT coalesce(string_agg(q::text, '' ORDER BY path), '') FROM belay.question AS q "
        "WHERE saga = " +
        id +
        ") || (SELECT coalesce(string_agg(w::text, ''), '') FROM belay.saga_key AS w WHERE iid = " +
        id + ")");
  }
  std::set<std::string> months(const std::string& table) {
    std::set<std::string> out;
    const auto rows =
        sql("SELECT right(inhrelid::regclass::text, 6) FROM pg_inherits WHERE inhparent = 'belay." +
            table + "'::regclass");
    for (std::size_t i = 0; i < rows.size(); ++i) out.insert(rows.str(i, 0));
    return out;
  }
  std::string month_of(Instant at) {
    return text("SELECT to_char(to_timestamp(" + std::to_string(at.us / 1'000'000) +
                ") AT TIME ZONE 'UTC', 'YYYYMM')");
  }

  RetentionOptions keeping(int days) const {
    RetentionOptions keep;
    keep.keep_days = days;
    keep.now = [shift = shift_us] { return Instant{machine_now().us + shift}; };
    return keep;
  }
  RetentionVisit visit(int days) {
    Retention retention(options, keeping(days));
    return take(retention.visit());
  }
};

// Rows written by hand, through the real flush.
struct Rows {
  RetentionWorld& world;
  std::unique_ptr<Store> store;
  std::vector<ClaimedLane> lanes;

  explicit Rows(RetentionWorld& of)
      : world(of),
        store(take(open_postgres_store(of.options))),
        lanes(take(store->claim_lanes("rows"))) {}

  void flush(Flush flush) {
    const FlushResult result = try_flush(std::move(flush));
    INFO(result.message);
    REQUIRE(result.kind == FlushResult::Kind::kCommitted);
  }
  // For other threads than the test's.
  FlushResult try_flush(Flush flush) {
    for (ClaimedLane& lane : lanes) flush.lanes.push_back({lane.lane, lane.epoch, lane.head++});
    return store->flush(flush);
  }
  // A saga with two entries; `ended` none: it lives.
  static void add(Flush& flush, Lane lane, const SagaId& id, Instant began, Instant ended,
                  const std::string& actor = "key:anna") {
    InstanceRow row;
    row.lane = lane;
    row.id = id;
    row.tenant = "acme";
    row.workflow = "buy";
    row.definition = "d";
    row.status = ended ? "completed" : "running";
    row.health = "ok";
    row.created_at = row.updated_at = began;
    row.ended_at = ended;
    row.seq = 2;
    flush.instances.push_back(row);
    flush.journal.push_back({lane, id, 1, "Started", 1, actor, "{}", began});
    flush.journal.push_back({lane, id, 2, "StepSucceeded", 1, "", "{}", began});
  }
  SagaId add(Flush& flush, Instant began, Instant ended, const std::string& actor = "key:anna") {
    const SagaId id = world.ids.next(began);
    add(flush, lane_of("acme", id, 32), id, began, ended, actor);
    return id;
  }
  static EventRow event(Instant at, int number, bool claimed,
                        const std::string& type = "shop.paid") {
    return {static_cast<Lane>(number % 32),
            at.us * 1000 + number,
            "e" + std::to_string(number),
            "acme",
            type,
            1,
            "k",
            "{}",
            "{}",
            at,
            claimed};
  }
};

}  // namespace belay::runtime::testing
