// Lists with every filter and in pages, history, events, counts, keys; and that an old saga that
// runs is never lost.
#include "runtime/store/reader.h"

#include <algorithm>

#include "runtime/base/ids.h"
#include "tests/postgres/store_database.h"

using namespace belay::runtime;
using namespace belay::runtime::testing;

namespace {

struct World {
  PostgresOptions options = migrated_database();
  std::unique_ptr<Store> store = take(open_postgres_store(options));
  std::unique_ptr<Reader> reader = take(Reader::open(options, 2));
  std::vector<ClaimedLane> lanes = take(store->claim_lanes("a"));
  Instant now = take(store->database_now());
  IdGenerator ids;

  FlushResult flush(Flush flush) {
    for (ClaimedLane& lane : lanes) flush.lanes.push_back({lane.lane, lane.epoch, lane.head++});
    FlushResult result = store->flush(flush);
    INFO(result.message);
    REQUIRE(result.kind == FlushResult::Kind::kCommitted);
    return result;
  }
  InstanceRow row(Instant at, const std::string& tenant = "acme") {
    InstanceRow out;
    out.id = ids.next(at);
    out.lane = lane_of(tenant, out.id, 32);
    out.tenant = tenant;
    out.workflow = "confirm_booking";
    out.definition = "d";
    out.status = "running";
    out.health = "ok";
    out.created_at = out.updated_at = at;
    return out;
  }
};

std::vector<SagaId> ids_of(Reader& reader, const SagaFilter& filter) {
  std::vector<SagaId> out;
  SagaFilter next = filter;
  for (;;) {
    const SagaPage page = take(reader.sagas(next));
    CHECK(page.rows.size() <= next.limit);
    for (const InstanceRow& row : page.rows) out.push_back(row.id);
    if (page.next.empty()) return out;
    next.cursor = page.next;
  }
}

}  // namespace

TEST_CASE("sagas are listed by every filter, newest first, in pages") {
  World world;
  std::vector<InstanceRow> rows;
  for (int i = 0; i < 200; ++i) {
    InstanceRow row =
        world.row({world.now.us - 3600'000'000LL * (200 - i)}, i % 10 == 9 ? "other" : "acme");
    if (i % 3 == 0) row.workflow = "settle_payment";
    row.status = i % 4 == 0   ? "completed"
                 : i % 8 == 1 ? "compensated"
                 : i % 8 == 2 ? "compensating"
                              : "running";
    if (row.status[0] == 'c' && row.status != "compensating") row.ended_at = world.now;
    if (i % 5 == 0) row.health = "held";
    if (i % 5 == 2) row.health = i % 2 == 0 ? "loading" : "loading_again";  // shown as ok
    if (i % 5 == 1) row.waiting_on = "event payment.authorised, key " + std::to_string(i);
    if (i % 6 == 0) row.key = std::to_string(i / 12);
    rows.push_back(row);
  }
  Flush flush;
  flush.instances = rows;
  world.flush(std::move(flush));

  const auto shown = [](const InstanceRow& row) {
    return row.health.starts_with("loading") ? "ok" : row.health;
  };
  const auto check = [&](SagaFilter filter) {
    std::vector<SagaId> expected;
    for (const InstanceRow& row : rows) {
      if (row.tenant != filter.tenant) continue;
      if (!filter.workflow.empty() && row.workflow != filter.workflow) continue;
      if (!filter.status.empty() && row.status != filter.status) continue;
      if (!filter.health.empty() && shown(row) != filter.health) continue;
      if (!filter.key.empty() && row.key != filter.key) continue;
      if (row.waiting_on.find(filter.waiting_on) == std::string::npos) continue;
      if (filter.created_from && row.created_at < filter.created_from) continue;
      if (filter.created_until && row.created_at >= filter.created_until) continue;
      expected.push_back(row.id);
    }
    std::sort(expected.rbegin(), expected.rend());
    for (const std::size_t limit : {1, 7, 500}) {
      filter.limit = limit;
      CHECK(ids_of(*world.reader, filter) == expected);
    }
    return expected.size();
  };
  for (int round = 0; round < 2; ++round) {
    CHECK(check({.tenant = "acme"}) == 180);
    CHECK(check({.tenant = "nobody"}) == 0);
    for (const char* status : {"", "running", "compensating", "completed", "compensated"}) {
      CHECK(check({.tenant = "acme", .status = status}) > 0);
      check({.tenant = "acme", .workflow = "settle_payment", .status = status, .health = "held"});
      CHECK(check({.tenant = "acme", .status = status, .health = "ok"}) > 0);
      check({.tenant = "other", .status = status, .key = "3"});
      check({.tenant = "other", .status = status, .health = "ok", .key = "4"});
      check({.tenant = "acme", .status = status, .waiting_on = "payment"});
      check({.tenant = "acme",
             .status = status,
             .created_from = {world.now.us - 3600'000'000LL * 100},
             .created_until = {world.now.us - 3600'000'000LL * 20}});
    }
    // The second round looks at the same sagas after the marks have moved over them.
    auto side = PostgresConnection::open(world.options);
    REQUIRE((*side)->execute("SELECT belay.move_mark(lane, interval '1 hour') FROM belay.lane"));
  }
  CHECK(world.reader->sagas({.tenant = "acme", .cursor = "' OR 1=1"}).error().code ==
        ErrorCode::kInvalid);

  std::size_t live = 0;
  for (const StatusCount& count : take(world.reader->counts())) {
    live += count.count;
    CHECK((count.health == "ok" || count.health == "held"));
  }
  CHECK(live ==
        static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), [](const auto& row) {
          return row.status == "running" || row.status == "compensating";
        })));
}

TEST_CASE("an old saga that runs is found after the marks moved, also one that was written late") {
  World world;
  auto side = PostgresConnection::open(world.options);
  const Instant old{world.now.us - 7200'000'000LL};
  InstanceRow before = world.row(old), young = world.row(world.now), late = world.row(old),
              ended = world.row(old);
  late.id = IdGenerator().next(old);
  ended.id = IdGenerator().next(old);
  ended.status = "completed";
  ended.ended_at = world.now;
  before.lane = young.lane = late.lane = ended.lane = 3;
  Flush first;
  first.instances = {before, young, ended};
  world.flush(first);
  CHECK((*side)->execute("SELECT belay.move_mark(3, interval '1 hour')")->number(0, 0) == 1);
  Flush second;
  second.instances = {late};
  world.flush(second);
  std::vector<SagaId> expected{before.id, young.id, late.id};
  std::sort(expected.begin(), expected.end());
  CHECK(take(world.store->running_sagas(3)) == expected);
  // Ended: forgotten.
  before.status = "completed";
  before.ended_at = world.now;
  Flush third;
  third.instances = {before};
  world.flush(third);
  CHECK(take(world.store->running_sagas(3)).size() == 2);
  CHECK((*side)->execute("SELECT count(*) FROM belay.instance WHERE lingering")->number(0, 0) == 1);
}

TEST_CASE("history comes in pages, events newest first") {
  World world;
  const InstanceRow row = world.row(world.now);
  Flush flush;
  flush.instances = {row};
  for (std::uint64_t seq = 1; seq <= 25; ++seq) {
    const std::string n = std::to_string(seq);
    flush.journal.push_back(
        {row.lane, row.id, seq, "StepSucceeded", 1, "", "{\"n\":" + n + "}", world.now});
    flush.events.push_back(
        {static_cast<Lane>(seq % 3), world.now.us * 1000 + static_cast<std::int64_t>(seq / 2),
         "e" + n, "acme", seq % 5 == 0 ? "a" : "b", 1, "k", "{}", "{}", world.now, seq % 2 == 0});
  }
  world.flush(flush);
  std::vector<std::uint64_t> seen;
  for (std::uint64_t after = 0;;) {
    const HistoryPage page = take(world.reader->history("acme", row.id, after, 10));
    for (const JournalRow& entry : page.rows) seen.push_back(entry.seq);
    after = page.next_after;
    if (after == 0) break;
  }
  CHECK(seen.size() == 25);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(world.reader->history("other", row.id, 0, 10).error().code == ErrorCode::kNotFound);
  CHECK(world.reader->saga("acme", "x").error().code == ErrorCode::kNotFound);

  const auto events = [&](EventFilter filter) {
    std::size_t count = 0;
    for (;;) {
      const EventPage page = take(world.reader->events(filter));
      count += page.rows.size();
      if (page.next.empty()) return count;
      filter.cursor = page.next;
    }
  };
  CHECK(events({.tenant = "acme", .limit = 4}) == 25);
  CHECK(events({.tenant = "acme", .type = "a", .limit = 2}) == 5);
  CHECK(events({.tenant = "acme", .unclaimed_only = true, .limit = 3}) == 13);
  CHECK(events({.tenant = "other"}) == 0);
  CHECK(!world.reader->events({.tenant = "acme", .cursor = "x"}));
}

TEST_CASE("keys are found by their hash until they are revoked") {
  World world;
  REQUIRE(world.reader->add_api_key({.id = "k1", .tenant = "acme", .role = "ops", .name = "anna"},
                                    sha256_hex("secret")));
  const auto found = take(world.reader->find_api_key(sha256_hex("secret")));
  REQUIRE(found);
  CHECK(found->role == "ops");
  CHECK(found->created_at);
  CHECK(!take(world.reader->find_api_key(sha256_hex("other"))));
  CHECK(take(world.reader->api_keys("")).size() == 1);
  CHECK(take(world.reader->api_keys("other")).empty());
  CHECK(take(world.reader->revoke_api_key("k1")));
  CHECK(!take(world.reader->revoke_api_key("k1")));
  CHECK(!take(world.reader->find_api_key(sha256_hex("secret"))));
  REQUIRE(world.reader->audit("acme", "key:anna", "revoke_key", R"({"id":"k1"})"));
  REQUIRE(world.reader->ping());
}
