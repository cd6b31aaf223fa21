// Where entries are written: in the journal alone while a node of an older schema is there, else
// the first and the one that ends a saga in its instance row (adr/0019), and in which words
// (adr/0021). What is read is the same.
#include <charconv>

#include "runtime/base/ids.h"
#include "runtime/store/embedded_sql.h"
#include "runtime/store/reader.h"
#include "runtime/store/retention.h"
#include "runtime/store/short_form.h"
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
  void older_node(bool there, int format = 1) {
    REQUIRE(side->execute(there ? "INSERT INTO belay.node (name, address, process, lease_until, "
                                  "format) VALUES ('old', '', 'elsewhere', now() + interval '1 "
                                  "hour', " +
                                      std::to_string(format) + ")"
                                : "DELETE FROM belay.node WHERE name = 'old'"));
  }
  std::string one(const std::string& sql) {
    auto rows = side->execute(sql);
    REQUIRE(rows);
    REQUIRE(rows->size() == 1);
    return rows->is_null(0, 0) ? "null" : rows->str(0, 0);
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

TEST_CASE("stored form: words that every step writes are one sign in the table, and read whole") {
  World world;
  const SagaId id = world.ids.next(world.now);
  std::vector<JournalRow> entries = {world.entry(id, 1)};
  const auto add = [&](const std::string& kind, const std::string& body) {
    entries.push_back(world.entry(id, entries.size() + 1));
    entries.back().kind = kind;
    entries.back().body = body;
  };
  const std::string step =
      R"({"path":"hold","result":{"id":"7"},"drawn":[{"sent":"pay","digest":"ab"}]})";
  add("StepSucceeded", step);
  add("StepFailed", R"({"path":"pay","failed":"business","error":"no","message":"\u0001\"},{\""})");
  for (const ShortPiece& piece : kShortPieces)
    add("TimerFired", R"({"path":"\n)" + std::string(piece.text) + "x" + std::string(piece.text));
  add("EventTaken", R"({"path":"a"})");
  add("EventTaken", R"({"path":"a","drawn":[{"ended":true,"output":{"x":{"y":"ü"}}}]})");
  add("OperatorActed", R"({"act":"skip","path":"a","drawn":[{"sent":"b"}]})");
  add("StepSucceeded", "{\"path\":\"a\",\n\"result\":1}");  // nobody writes this
  add("StepSucceeded", "");

  bool shortened = false;
  SECTION("while a node is there that does not read that, they are written out") {
    world.older_node(true, 2);
  }
  SECTION("else short") { shortened = true; }
  world.beat();
  Flush flush;
  flush.instances = {world.row(id, 1)};
  flush.journal = entries;
  REQUIRE(world.flush(flush).kind == Kind::kCommitted);
  CHECK(world.count("journal") + 1 == static_cast<std::int64_t>(entries.size()));
  std::string all;
  for (const JournalRow& entry : entries) all += World::text(entry);
  CHECK(world.whole(id) == all);
  CHECK(world.one("SELECT body FROM belay.entry WHERE kind = 'StepSucceeded' AND seq = 2") == step);

  std::string room;
  for (const JournalRow& entry : entries) {
    if (entry.seq == 1) continue;
    const std::string where = " FROM belay.journal WHERE seq = " + std::to_string(entry.seq);
    CHECK(world.one("SELECT kind" + where) == (shortened ? short_kind(entry.kind) : entry.kind));
    CHECK(world.one("SELECT body" + where) ==
          (shortened ? short_body(entry.body, room) : entry.body));
  }
  CHECK(world.one("SELECT left(started_body, 1) FROM belay.instance") ==
        (shortened ? "\x02" : "{"));
  CHECK(short_body(step, room).size() + 50 == step.size());
  for (const ShortPiece& piece : kShortPieces)
    CHECK(short_body(R"({"path":")" + std::string(piece.text), room) ==
          std::string("\x01") + piece.sign);
  CHECK(short_body(R"({"input":{"a":{}}]})", room) == "\x02{\"a\":{\x17");
  const JournalRow& control = *(entries.end() - 2);
  CHECK(short_body(control.body, room) == control.body);
}

TEST_CASE("stored form: a definition that the database holds is named by workflow and version") {
  World world;
  world.beat();
  const std::string hash(64, 'a'), other(64, 'b');
  REQUIRE(world.store->put_definition("buy", 1, hash, "g1"));
  REQUIRE(world.store->put_definition("buy", 2, other, "g2"));
  const auto defined = [&](const SagaId& id, const std::string& as, std::uint32_t version) {
    InstanceRow row = world.row(id, 1);
    row.definition = as;
    row.workflow_version = version;
    return row;
  };
  const SagaId id = world.ids.next(world.now), strange = world.ids.next(world.now),
               crossed = world.ids.next(world.now);
  Flush flush;
  flush.instances = {defined(id, hash, 1), defined(strange, "unheard of", 1),
                     defined(crossed, hash, 2)};
  flush.questions = {{kLane, id, "sure", "acme", "clerk", world.now, {}}};
  for (const SagaId& saga : {id, strange, crossed}) flush.journal.push_back(world.entry(saga, 1));
  REQUIRE(world.flush(flush).kind == Kind::kCommitted);
  const auto stored = [&](const SagaId& saga) {
    return world.one("SELECT definition FROM belay.instance WHERE iid = '" + saga + "'");
  };
  CHECK(stored(id) == "null");
  CHECK(stored(strange) == "unheard of");
  CHECK(stored(crossed) == hash);

  const auto read = [&](const SagaId& saga) {
    const std::string definition =
        take(world.store->load_sagas({{kLane, saga}})).at(0).row.definition;
    CHECK(take(world.reader->saga("acme", saga)).definition == definition);
    for (const auto& filter :
         {SagaFilter{.tenant = "acme"}, SagaFilter{.tenant = "acme", .status = "running"}}) {
      for (const InstanceRow& row : take(world.reader->sagas(filter)).rows)
        CHECK((row.id != saga || row.definition == definition));
    }
    return definition;
  };
  CHECK(read(id) == hash);
  CHECK(read(strange) == "unheard of");
  CHECK(read(crossed) == hash);
  CHECK(take(world.reader->questions({.tenant = "acme"})).rows.at(0).definition == hash);

  SECTION("of a saga that has migrated, the other one") {
    Flush moved;
    moved.instances = {defined(id, other, 2)};
    REQUIRE(world.flush(moved).kind == Kind::kCommitted);
    CHECK(stored(id) == "null");
    CHECK(read(id) == other);
  }
  SECTION("by a program that has not put or read it, by its hash") {
    world.store = take(open_postgres_store(world.options));
    world.beat();
    Flush again;
    again.instances = {defined(id, hash, 1)};
    REQUIRE(world.flush(again).kind == Kind::kCommitted);
    CHECK(stored(id) == hash);
    CHECK(read(id) == hash);
    CHECK(take(world.store->get_definition(hash)) == "g1");
    REQUIRE(world.flush(again).kind == Kind::kCommitted);
    CHECK(stored(id) == "null");
    CHECK(read(id) == hash);
  }
  SECTION("while a node is there that does not read that, by its hash") {
    world.older_node(true, 2);
    world.beat();
    Flush again;
    again.instances = {defined(id, hash, 1)};
    REQUIRE(world.flush(again).kind == Kind::kCommitted);
    CHECK(stored(id) == hash);
  }
}

TEST_CASE("stored form: a database of the schema before is read as it was, and goes on") {
  World world;  // for its lanes' rows and clock
  PostgresOptions options = TestServer::get().fresh();
  auto side = World::connected(options);
  REQUIRE(side->execute(
      "CREATE SCHEMA belay; CREATE TABLE belay.migration (number int PRIMARY KEY, name text NOT "
      "NULL, applied_at timestamptz NOT NULL DEFAULT now())"));
  for (const EmbeddedSql& file : embedded_sql()) {
    int number = 0;
    std::from_chars(file.name.data(), file.name.data() + file.name.size(), number);
    if (number == 0 || number > 7) continue;
    REQUIRE(side->execute(std::string(file.text)));
    REQUIRE(side->execute("INSERT INTO belay.migration (number, name) VALUES ($1, $2)",
                          {std::to_string(number), std::string(file.name)}));
  }
  REQUIRE(side->execute("SELECT belay.make_partitions(1)"));
  const SagaId id = world.ids.next(world.now);
  REQUIRE(side->execute(
      "INSERT INTO belay.instance (lane, iid, tenant, workflow, key, created_at, workflow_version, "
      "definition, lingering, undoing, status, health, seq, state_seq, waiting_on, failure, "
      "started_body) VALUES (4, '" +
      id +
      "', 'acme', 'buy', '', now(), 1, repeat('a', 64), false, false, 'running', 'ok', 2, 0, '', "
      "'', '{\"input\":{}}')"));
  REQUIRE(side->execute("INSERT INTO belay.journal VALUES (4, '" + id +
                        "', 2, now(), 1, 'StepSucceeded', '', '{\"path\":\"hold\"}')"));
  const auto entries = [&] {
    auto rows = side->execute(
        "SELECT string_agg(concat_ws(' ', lane, iid, seq, at, version, kind, actor, body), E'\n' "
        "ORDER BY seq) FROM belay.entry WHERE seq <= 2");
    REQUIRE(rows);
    return rows->str(0, 0);
  };
  const std::string before = entries();
  REQUIRE(migrate(options));
  CHECK(entries() == before);

  world.options = options;
  world.store = take(open_postgres_store(options));
  world.lanes = take(world.store->claim_lanes("a"));
  world.side = World::connected(options);
  world.beat();
  const LoadedSaga saga = take(world.store->load_sagas({{kLane, id}})).at(0);
  CHECK(saga.row.definition == std::string(64, 'a'));
  REQUIRE(saga.journal.size() == 2);
  CHECK(saga.journal[0].body == R"({"input":{}})");
  CHECK(saga.journal[1].body == R"({"path":"hold"})");
  Flush end;
  end.instances = {world.row(id, 3, world.now)};
  end.instances[0].definition = std::string(64, 'a');
  end.journal = {world.entry(id, 3)};
  REQUIRE(world.flush(end).kind == Kind::kCommitted);
  CHECK(entries() == before);
  CHECK(world.whole(id).find("3 StepSucceeded 1  " + end.journal[0].body) != std::string::npos);
}
