// The flush alone, without an engine: how many sagas a second one connection can make durable.
// Seven journal rows a saga, its instance row inserted at the start and replaced at the end, spread
// over seven flushes as a real saga's steps are. First the floor: one connection that commits one
// small row after the other, nothing else. Starts a private Postgres of its own; `flush_bench
// [SECONDS] [URL]`.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/store/migrations.h"
#include "runtime/store/postgres_connection.h"
#include "runtime/store/postgres_store.h"
#include "runtime/store/private_postgres.h"

using namespace belay::runtime;

namespace {

constexpr int kSteps = 7;
const std::string kStarted =
    R"({"input":{"booking":"0198f3c2-7d1a-7000-8000-0123456789ab","customer":{"email":"ada@example.org","id":"0198f3c2-7d1a-7000-8000-0123456789ac"},"price":{"currency":"EUR","minor":4990},"seats":2,"starts_at":"2026-11-21T12:00:00Z"},"drawn":[{"sent":"capture","digest":"9f3a5c7712de40b1"}]})";
const std::string kBody =
    R"({"path":"capture","generation":1,"result":{"charge":"ch_3PqRsT2eZvKYlo2C1b2c3d4e","status":"succeeded"},"drawn":[{"sent":"confirm","digest":"9f3a5c7712de40b1"}]})";

struct Saga {
  SagaId id;
  Lane lane = 0;
  int step = 0;
};

InstanceRow instance(const Saga& saga, Instant now, bool ended) {
  InstanceRow row;
  row.lane = saga.lane;
  row.id = saga.id;
  row.tenant = "acme";
  row.workflow = "confirm_booking";
  row.definition = std::string(64, 'd');
  row.status = ended ? "completed" : "running";
  row.health = "ok";
  row.created_at = row.updated_at = now;
  if (ended) row.ended_at = now;
  row.first_end = ended;
  row.seq = static_cast<std::uint64_t>(saga.step + 1);
  return row;
}

double wal_bytes(PostgresConnection& connection) {
  return static_cast<double>(
      connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint")
          ->number(0, 0));
}

// How often the write-ahead log was synced. A backend tells when it has been idle for a while.
double wal_syncs(PostgresConnection& connection) {
  (void)connection.execute("SELECT pg_sleep(1.2)");
  return static_cast<double>(connection.execute("SELECT wal_sync FROM pg_stat_wal")->number(0, 0));
}

// What a commit costs that writes next to nothing.
void bare_commits(PostgresConnection& connection, double seconds) {
  (void)connection.execute(
      "CREATE TABLE IF NOT EXISTS public.bare (id bigint PRIMARY KEY, body text)");
  (void)connection.execute("TRUNCATE public.bare");
  (void)connection.execute("PREPARE bare (bigint) AS INSERT INTO public.bare VALUES ($1, '" +
                           std::string(60, 'x') + "')");
  const double syncs = wal_syncs(connection);
  const std::int64_t begin = monotonic_us();
  std::uint64_t commits = 0;
  while (static_cast<double>(monotonic_us() - begin) < seconds * 1e6) {
    if (!connection.execute("EXECUTE bare (" + std::to_string(++commits) + ")")) std::exit(1);
  }
  const double took = static_cast<double>(monotonic_us() - begin) / 1e6;
  const double synced = wal_syncs(connection) - syncs;
  const auto all = static_cast<double>(commits);
  std::printf("one row a commit: %7.0f commits/s  %.2f syncs a commit\n", all / took, synced / all);
  std::fflush(stdout);
}

double own_cpu_us() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// CPU of the backend that flushes; 0 when it runs on another machine.
double backend_cpu_us(PostgresConnection& connection) {
  auto rows = connection.execute(
      "SELECT pid FROM pg_stat_activity WHERE application_name = 'belay' AND query LIKE 'WITH f "
      "AS%' AND pid <> "
      "pg_backend_pid()");
  if (!rows || rows->size() == 0) return 0;
  std::ifstream file("/proc/" + rows->str(0, 0) + "/stat");
  std::string field;
  double ticks = 0;
  for (int i = 1; i <= 15 && file >> field; ++i) {
    if (i >= 14) ticks += std::atof(field.c_str());
  }
  return ticks * 1e6 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
  std::optional<PrivatePostgres> postgres;
  PostgresOptions options;
  const auto directory =
      std::filesystem::temp_directory_path() / ("belay_flush_bench_" + std::to_string(getpid()));
  if (argc > 2) {
    options.connection = argv[2];
  } else {
    PrivatePostgresOptions server;
    server.directory = directory.string();
    server.stop_on_exit = true;
    auto started = PrivatePostgres::start(server);
    if (!started) return std::fprintf(stderr, "%s\n", to_text(started.error()).c_str()), 1;
    postgres.emplace(std::move(*started));
    options.connection = postgres->connection_string();
  }
  if (auto done = migrate(options); !done)
    return std::fprintf(stderr, "%s\n", to_text(done.error()).c_str()), 1;
  auto store = open_postgres_store(options);
  if (!store) return std::fprintf(stderr, "%s\n", to_text(store.error()).c_str()), 1;
  if (!(*store)->beat({.name = "bench", .lease_ms = 60'000}))
    return 1;  // who is there says what form is written
  auto lanes = (*store)->claim_lanes("bench");
  if (!lanes) return std::fprintf(stderr, "%s\n", to_text(lanes.error()).c_str()), 1;
  auto side = PostgresConnection::open(options);
  bare_commits(**side, seconds);
  DatabaseClock clock;
  clock.answered(*(*store)->database_now());
  IdGenerator ids;

  for (const std::size_t per_flush : {1u, 10u, 30u, 100u, 300u}) {
    std::vector<Saga> sagas;
    std::uint64_t done = 0, flushes = 0;
    const double wal_before = wal_bytes(**side);
    const double own_before = own_cpu_us(), backend_before = backend_cpu_us(**side);
    const std::int64_t begin = monotonic_us();
    while (static_cast<double>(monotonic_us() - begin) < seconds * 1e6) {
      Flush flush;
      const Instant now = clock.now();
      // As many sagas at every step, so that each flush holds starts, steps and ends.
      while (sagas.size() < per_flush * kSteps && sagas.size() < per_flush * (flushes + 1)) {
        Saga saga;
        saga.id = ids.next(now);
        saga.lane = lane_of("acme", saga.id, 32);
        sagas.push_back(std::move(saga));
      }
      std::vector<bool> touched(32);
      for (Saga& saga : sagas) {
        touched[static_cast<std::size_t>(saga.lane)] = true;
        JournalRow row;
        row.lane = saga.lane;
        row.id = saga.id;
        row.seq = static_cast<std::uint64_t>(saga.step + 1);
        row.kind = saga.step == 0 ? "Started" : "StepSucceeded";
        row.body = saga.step == 0 ? kStarted : kBody;
        row.at = now;
        flush.journal.push_back(std::move(row));
        if (saga.step == 0 || saga.step == kSteps - 1)
          flush.instances.push_back(instance(saga, now, saga.step > 0));
      }
      for (const ClaimedLane& lane : *lanes) {
        if (touched[static_cast<std::size_t>(lane.lane)])
          flush.lanes.push_back({lane.lane, lane.epoch, lane.head});
      }
      const FlushResult result = (*store)->flush(flush);
      if (result.kind != FlushResult::Kind::kCommitted)
        return std::fprintf(stderr, "flush: %s\n", result.message.c_str()), 1;
      for (ClaimedLane& lane : *lanes) lane.head += touched[static_cast<std::size_t>(lane.lane)];
      ++flushes;
      std::erase_if(sagas, [&](Saga& saga) {
        const bool over = ++saga.step == kSteps;
        done += over;
        return over;
      });
    }
    const double took = static_cast<double>(monotonic_us() - begin) / 1e6;
    const auto sagas_done = static_cast<double>(done);
    std::printf(
        "%4zu sagas a flush: %7.0f sagas/s  %7.0f journal rows/s  %6.0f flushes/s  %5.0f WAL bytes "
        "a saga  "
        "CPU a saga: %4.0f us here, %4.0f us in the backend\n",
        per_flush, sagas_done / took, sagas_done * kSteps / took,
        static_cast<double>(flushes) / took, (wal_bytes(**side) - wal_before) / sagas_done,
        (own_cpu_us() - own_before) / sagas_done,
        (backend_cpu_us(**side) - backend_before) / sagas_done);
    std::fflush(stdout);
  }
  store->reset();
  side->reset();
  postgres.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  return 0;
}
