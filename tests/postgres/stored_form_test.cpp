// Where entries are written: in the journal alone while a node of an older schema is there, else
// the first and the one that ends a saga in its instance row (adr/0019). What is read is the same.
#include "runtime/base/ids.h"
#include "runtime/store/reader.h"
#include "runtime/store/retention.h"
#include "tests/postgres/store_database.h"

using namespace belay::runtime;
using namespace belay::runtime::testing;
using Kind = FlushResult::Kind;

namespace {

constexpr Lane kLane = 4;

struct World {
  PostgresOptions options = migrated_database();
  std::unique_ptr<Store> store = take(open_postgres_store(options));
  std::unique_ptr<Reader> reader = take(Reader::open(options, 1));
  std::unique_ptr<PostgresConnection> side = connected(options);
  std::vector<ClaimedLane> lanes = take(store->claim_lanes("a"));
  Instant now = take(store->database_now());
  IdGenerator ids;

  static std::unique_ptr<PostgresConnection> connected(const PostgresOptions& options) {
    auto connection = PostgresConnection::open(options);
    REQUIRE(connection);
    return std::move(*connection);
  }
  void beat() { take(store->beat({.name = "a", .lease_ms = 60'000})); }
  void older_node(bool there) {
    REQUIRE(
        side->execute(there ? "INSERT INTO belay.node (name, address, process, lease_until) VALUES "
                              "('old', '', 'elsewhere', now() + interval '1 hour')"
                            : "DELETE FROM belay.node WHERE name = 'old'"));
  }
  FlushResult flush(Flush flush) {
    flush.lanes = {{kLane, lanes[kLane].epoch, lanes[kLane].head}};
    FlushResult result = store->flush(flush);
    if (result.kind == Kind::kCommitted) ++lanes[kLane].head;
    return result;
  }
  std::int64_t count(const std::string& table) {
    auto rows = side->execute("SELECT count(*) FROM belay." + table);
    REQUIRE(rows);
    return rows->number(0, 0);
  }
  std::string whole(const SagaId& id) {
    std::string out;
    for (const JournalRow& row : take(store->journal(kLane, id))) out += text(row);
    return out;
  }
  static std::string text(const JournalRow& row) {
    return std::to_string(row.seq) + " " + row.kind + " " + std::to_string(row.version) + " " +
           row.actor + " " + row.body + " " + std::to_string(row.at.us) + "\n";
  }
  InstanceRow row(const SagaId& id, std::uint64_t seq, Instant ended = {}) {
    InstanceRow out;
    out.lane = kLane;
    out.id = id;
    out.tenant = "acme";
    out.workflow = "buy";
    out.definition = "d";
    out.status = ended ? "completed" : "running";
    out.health = "ok";
    out.created_at = now;
    out.updated_at = out.ended_at = ended;
    out.seq = seq;
    out.first_end = bool(ended);
    return out;
  }
  JournalRow entry(const SagaId& id, std::uint64_t seq, const std::string& actor = "") {
    const Instant at{now.us + static_cast<std::int64_t>(seq) - 1};
    return {kLane,
            id,
            seq,
            seq == 1 ? "Started" : "StepSucceeded",
            1,
            actor,
            R"({"input":{"a":"\\ 'ü'"}})",
            at};
  }
};

}  // namespace

TEST_CASE(
    "stored form: a saga's first entry and its end are kept in its row, and read in their place") {
  World world;
  world.beat();
  const SagaId id = world.ids.next(world.now), short_one = world.ids.next(world.now);
  Flush start, step, end;
  start.instances = {world.row(id, 1), world.row(short_one, 2, world.now)};
  start.journal = {world.entry(id, 1, "key:anna"), world.entry(short_one, 1),
                   world.entry(short_one, 2, "key:bert")};
  step.journal = {world.entry(id, 2)};
  end.instances = {world.row(id, 3, {world.now.us + 2})};
  end.journal = {world.entry(id, 3)};
  REQUIRE(world.flush(start).kind == Kind::kCommitted);
  CHECK(world.count("journal") == 0);
  REQUIRE(world.flush(step).kind == Kind::kCommitted);
  REQUIRE(world.flush(end).kind == Kind::kCommitted);
  CHECK(world.count("journal") == 1);
  CHECK(world.count("entry") == 5);

  const std::string all =
      World::text(start.journal[0]) + World::text(step.journal[0]) + World::text(end.journal[0]);
  CHECK(world.whole(id) == all);
  CHECK(world.whole(short_one) == World::text(start.journal[1]) + World::text(start.journal[2]));
  std::string loaded;
  for (const LoadedSaga& saga : take(world.store->load_sagas({{kLane, id}, {kLane, short_one}}))) {
    CHECK(saga.journal.size() == saga.row.seq);
    if (saga.row.id == id) {
      for (const JournalRow& row : saga.journal) loaded += World::text(row);
    }
  }
  CHECK(loaded == all);
  std::string history;
  for (std::uint64_t after = 0;;) {  // in pages of one
    const HistoryPage page = take(world.reader->history("acme", id, after, 1));
    for (const JournalRow& row : page.rows) history += World::text(row);
    if ((after = page.next_after) == 0) break;
  }
  CHECK(history == all);

  // A child that had completed and is undone: its first end stays what it was, its second is an
  // entry like any other.
  Flush undone;
  undone.instances = {world.row(id, 4), world.row(id, 5, {world.now.us + 4})};
  for (InstanceRow& row : undone.instances) row.first_end = false;
  undone.instances[0].state = R"({"format":1})";
  undone.instances[0].state_seq = 2;
  undone.journal = {world.entry(id, 4), world.entry(id, 5)};
  REQUIRE(world.flush(undone).kind == Kind::kCommitted);
  CHECK(world.count("journal") == 3);
  CHECK(world.whole(id) == all + World::text(undone.journal[0]) + World::text(undone.journal[1]));
  const auto after_snapshot = take(world.store->load_sagas({{kLane, id}}));
  REQUIRE(after_snapshot.size() == 1);
  REQUIRE(after_snapshot[0].journal.size() == 3);
  CHECK(after_snapshot[0].journal[0].seq == 3);

  Flush again;  // of one id there is one start
  again.instances = {world.row(id, 1)};
  again.journal = {world.entry(id, 1)};
  CHECK(world.flush(again).kind == Kind::kDataError);
}

TEST_CASE(
    "stored form: nothing is kept in rows while a node of an older schema is there, or might be") {
  World world;
  const SagaId id = world.ids.next(world.now), later = world.ids.next(world.now);
  bool in_rows = false;
  SECTION("nobody has been asked yet") {}
  SECTION("it is there") {
    world.beat();
    world.older_node(true);
    world.beat();
  }
  SECTION("it has gone") {
    world.older_node(true);
    world.beat();
    world.older_node(false);
    world.beat();
    in_rows = true;
  }
  Flush flush;
  flush.instances = {world.row(id, 2, world.now)};
  flush.journal = {world.entry(id, 1), world.entry(id, 2)};
  REQUIRE(world.flush(flush).kind == Kind::kCommitted);
  CHECK(world.count("journal") == (in_rows ? 0 : 2));
  CHECK(world.whole(id) == World::text(flush.journal[0]) + World::text(flush.journal[1]));
  // What began in one form goes on in the other.
  world.older_node(false);
  world.beat();
  Flush more;
  more.instances = {world.row(later, 1)};
  more.journal = {world.entry(later, 1), world.entry(later, 2)};
  REQUIRE(world.flush(more).kind == Kind::kCommitted);
  world.older_node(true);
  world.beat();
  Flush end;
  end.instances = {world.row(later, 3, world.now)};
  end.journal = {world.entry(later, 3)};
  REQUIRE(world.flush(end).kind == Kind::kCommitted);
  CHECK(world.count("journal") == (in_rows ? 2 : 4));
  CHECK(world.whole(later) ==
        World::text(more.journal[0]) + World::text(more.journal[1]) + World::text(end.journal[0]));
}

TEST_CASE("stored form: retention sees who began a saga, wherever that stands") {
  World world;
  world.beat();
  const Instant old{world.now.us - 200LL * 86'400'000'000};
  const SagaId parent = world.ids.next(old), child = world.ids.next(old),
               other = world.ids.next(old);
  Flush flush;
  flush.instances = {world.row(parent, 2), world.row(child, 3, old), world.row(other, 3, old)};
  for (InstanceRow& row : flush.instances) row.created_at = old;
  for (const SagaId& id : {parent, child, other}) {
    flush.journal.push_back(world.entry(id, 1, id == child ? "saga:" + parent : ""));
    flush.journal.back().at = old;
    flush.journal.push_back(world.entry(id, 2));
  }
  for (const SagaId& id : {child, other}) flush.journal.push_back(world.entry(id, 3));
  REQUIRE(world.flush(flush).kind == Kind::kCommitted);
  REQUIRE(world.count("journal") == 3);
  RetentionOptions keep;
  keep.keep_days = 70;
  Retention retention(world.options, keep);
  const RetentionVisit visit = take(retention.visit());
  CHECK(visit.gone.sagas == 1);
  CHECK(world.whole(other).empty());
  CHECK(world.whole(child) != "");  // its parent lives
  CHECK(world.whole(parent) != "");
}
