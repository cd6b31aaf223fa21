// The flush and its failure rules: fences, lost connections, data errors; and that what was written
// is read back.
#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>

#include "runtime/base/ids.h"
#include "runtime/store/postgres_owner.h"
#include "tests/postgres/store_database.h"

using namespace belay::runtime;
using namespace belay::runtime::testing;
using Kind = FlushResult::Kind;

namespace {

IdGenerator& ids() {
  static IdGenerator generator;
  return generator;
}

InstanceRow an_instance(Lane lane, const SagaId& id, Instant at) {
  InstanceRow row;
  row.lane = lane;
  row.id = id;
  row.tenant = "acme";
  row.workflow = "confirm_booking";
  row.workflow_version = 3;
  row.definition = "d1";
  row.status = "running";
  row.health = "ok";
  row.created_at = row.updated_at = at;
  row.key = "7";
  row.seq = 1;
  return row;
}

JournalRow an_entry(Lane lane, const SagaId& id, std::uint64_t seq, Instant at) {
  return {lane, id, seq, "StepSucceeded", 1, "key:anna", R"({"path":"hold","a":"\\\" '"})", at};
}

std::vector<LaneFence> fences_of(const std::vector<ClaimedLane>& lanes, std::size_t count = 32) {
  std::vector<LaneFence> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back({lanes[i].lane, lanes[i].epoch, lanes[i].head});
  return out;
}

void moved(std::vector<ClaimedLane>& lanes, std::size_t count = 32) {
  for (std::size_t i = 0; i < count; ++i) ++lanes[i].head;
}

std::int64_t count_rows(const PostgresOptions& options, const std::string& table) {
  auto connection = PostgresConnection::open(options);
  REQUIRE(connection);
  auto rows = (*connection)->execute("SELECT count(*) FROM belay." + table);
  REQUIRE(rows);
  return rows->number(0, 0);
}

// Ends every connection of the database but the one that asks.
void cut_connections(const PostgresOptions& options) {
  auto connection = PostgresConnection::open(options);
  REQUIRE(connection);
  REQUIRE((*connection)
              ->execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                        "current_database() AND pid <> "
                        "pg_backend_pid()"));
}

}  // namespace

TEST_CASE("a flush writes every table, and everything is read back") {
  const PostgresOptions options = migrated_database();
  auto store = take(open_postgres_store(options));
  auto lanes = take(store->claim_lanes("a"));
  REQUIRE(lanes.size() == 32);
  const Instant now = take(store->database_now());
  const SagaId one = ids().next(now), two = ids().next(now);

  Flush flush;
  flush.lanes = fences_of(lanes);
  flush.instances = {an_instance(4, one, now), an_instance(5, two, now)};
  flush.instances[1].waiting_on = "event payment.authorised, key 7";
  flush.instances[1].due_at = {now.us + 1};
  flush.journal = {an_entry(4, one, 1, now), an_entry(4, one, 2, {now.us + 7}),
                   an_entry(5, two, 1, now)};
  flush.events = {{9, now.us * 1000 + 1, "evt_1", "acme", "payment.authorised", 2, "7",
                   R"({"b":1.10,"a":2})", "{}", now, false},
                  {9, now.us * 1000 + 2, "evt_2", "acme", "payment.authorised", 2, "7", "{}", "{}",
                   now, false}};
  flush.events_claimed = {{9, now.us * 1000 + 2}};
  flush.subscriptions = {{9, "acme", "payment.authorised", "7", two, "paid", now},
                         {9, "acme", "payment.authorised", "7", one, "gone", now}};
  flush.subscriptions_gone = {flush.subscriptions[1]};
  flush.mail = {{9, 5, 1000, "subscribe", R"({"key":"7"})"}, {9, 5, 1001, "publish", "{}"}};
  flush.start_keys = {{4, "acme", "once:confirm_booking:7", one, "ab12", now}};
  flush.dedup = {{4, "acme", "act", "k1", "cd34", R"({"seq":2})", now}};
  FlushResult result = store->flush(flush);
  CHECK(result.message == "");
  REQUIRE(result.kind == Kind::kCommitted);
  CHECK(result.db_now.us >= now.us);
  moved(lanes);

  const auto loaded = take(store->load_sagas({{5, two}, {4, one}}));
  REQUIRE(loaded.size() == 2);
  const LoadedSaga& first = loaded[0].row.id == one ? loaded[0] : loaded[1];
  CHECK(first.row.lane == 4);
  CHECK(first.row.workflow_version == 3);
  CHECK(first.row.created_at == now);
  CHECK(first.row.key == "7");
  CHECK(!first.row.due_at);
  CHECK(!first.row.state);
  REQUIRE(first.journal.size() == 2);
  CHECK(first.journal[1].seq == 2);
  CHECK(first.journal[1].at.us == now.us + 7);
  CHECK(first.journal[1].body == flush.journal[1].body);
  CHECK(first.journal[1].actor == "key:anna");

  CHECK(take(store->running_sagas(4)) == std::vector<SagaId>{one});
  CHECK(take(store->running_sagas(5)).empty());  // parked
  const std::vector<DueSaga> due = take(store->due_sagas({{}, {now.us + 10}}, 10, all_lanes()));
  REQUIRE(due.size() == 1);
  CHECK((due[0].lane == 5 && due[0].id == two && due[0].due_at > now));
  CHECK(take(store->due_sagas({{}, now}, 10, all_lanes())).empty());
  CHECK(take(store->due_sagas({due[0].due_at, due[0].due_at}, 10, all_lanes())).size() == 1);
  CHECK(take(store->due_sagas({{due[0].due_at.us + 1}, {now.us + 99}}, 10, all_lanes())).empty());
  const auto events = take(store->events_since({{9, "acme", "payment.authorised", "7", now}}));
  REQUIRE(events.size() == 2);
  CHECK(events[0].payload == R"({"b":1.10,"a":2})");
  CHECK(!events[0].claimed);
  CHECK(events[1].claimed);
  CHECK(take(store->events_since({{9, "acme", "payment.authorised", "7", {now.us + 1}}})).empty());
  const auto subscriptions =
      take(store->subscriptions_of({{9, "acme", "payment.authorised", "7"}}));
  REQUIRE(subscriptions.size() == 1);
  CHECK(subscriptions[0].path == "paid");
  CHECK(subscriptions[0].since == now);
  const auto mail = take(store->mailbox());
  REQUIRE(mail.size() == 2);
  CHECK(mail[0].body == R"({"key":"7"})");
  const auto keys =
      take(store->start_keys({{4, "acme", "once:confirm_booking:7"}, {4, "acme", "no such"}}));
  REQUIRE(keys.size() == 1);
  CHECK(keys[0].saga == one);
  const auto answers = take(store->dedup({{4, "acme", "act", "k1"}}));
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].answer == R"({"seq":2})");
  CHECK(take(store->find_saga("acme", two)) == Lane{5});
  CHECK(!take(store->find_saga("other", two)));
  const std::map<SagaId, Lane> both =
      take(store->find_sagas({{"acme", one}, {"acme", two}, {"other", one}, {"acme", "x"}}));
  CHECK(both == std::map<SagaId, Lane>{{one, 4}, {two, 5}});
  CHECK(take(store->find_sagas({{"other", one}})).empty());
  CHECK(!take(store->find_saga("acme", "nonsense")));

  // The second flush: ends, snapshots, and what is gone.
  Flush end;
  end.lanes = fences_of(lanes);
  end.instances = {flush.instances[0], flush.instances[1], flush.instances[1]};
  end.instances[0].status = "completed";
  end.instances[0].ended_at = now;
  end.instances[1].state = R"({"format":1})";
  end.instances[1].state_seq = 1;
  end.instances[2].health = "held";  // twice in one flush: the later row, the snapshot kept
  end.instances[2].due_at = {};
  end.events_claimed = {{9, now.us * 1000 + 1}};
  end.subscriptions_gone = {flush.subscriptions[0]};
  end.mail_consumed = {flush.mail[0]};
  end.start_keys_gone = {flush.start_keys[0]};
  REQUIRE(store->flush(end).kind == Kind::kCommitted);
  moved(lanes);
  const auto after = take(store->load_sagas({{4, one}, {5, two}}));
  for (const LoadedSaga& saga : after) {
    if (saga.row.id == one) {
      CHECK(saga.row.status == "completed");
      CHECK(saga.row.ended_at == now);
    } else {
      CHECK(saga.row.health == "held");
      CHECK(saga.row.state == R"({"format":1})");
      CHECK(saga.row.state_seq == 1);
      CHECK(saga.journal.empty());
      CHECK(!saga.row.due_at);
    }
  }
  CHECK(take(store->running_sagas(4)).empty());
  CHECK(take(store->due_sagas({{}, {now.us + 10}}, 10, all_lanes())).empty());
  CHECK(take(store->events_since({{9, "acme", "payment.authorised", "7", now}}))[0].claimed);
  CHECK(take(store->subscriptions_of({{9, "acme", "payment.authorised", "7"}})).empty());
  CHECK(take(store->mailbox()).size() == 1);
  CHECK(take(store->start_keys({{4, "acme", "once:confirm_booking:7"}})).empty());

  // A later row without snapshot keeps the stored one; an empty flush only renews leases.
  Flush pulse;
  pulse.lanes = fences_of(lanes);
  pulse.instances = {flush.instances[1]};
  REQUIRE(store->flush(pulse).kind == Kind::kCommitted);
  CHECK(take(store->load_sagas({{5, two}}))[0].row.state == R"({"format":1})");
}

TEST_CASE("a fenced lane writes nothing, the others do") {
  const PostgresOptions options = migrated_database();
  auto store = take(open_postgres_store(options));
  auto lanes = take(store->claim_lanes("a"));
  auto side = PostgresConnection::open(options);
  REQUIRE((*side)->execute("UPDATE belay.lane SET epoch = epoch + 1 WHERE lane = 5"));
  const Instant now = take(store->database_now());
  const SagaId one = ids().next(now), two = ids().next(now);
  Flush flush;
  flush.lanes = fences_of(lanes);
  flush.instances = {an_instance(4, one, now), an_instance(5, two, now)};
  flush.journal = {an_entry(4, one, 1, now), an_entry(5, two, 1, now)};
  flush.mail = {{4, 5, 1, "publish", "{}"}, {5, 4, 1, "publish", "{}"}};
  const FlushResult result = store->flush(flush);
  CHECK(result.kind == Kind::kFenced);
  CHECK(result.fenced == std::vector<Lane>{5});
  CHECK(take(store->find_saga("acme", one)));
  CHECK(!take(store->find_saga("acme", two)));
  CHECK(count_rows(options, "journal") == 1);
  const auto mail = take(store->mailbox());
  REQUIRE(mail.size() == 1);
  CHECK(mail[0].from == 4);
}

TEST_CASE("a flush that landed although its answer was lost is not written twice") {
  const PostgresOptions options = migrated_database();
  auto store = take(open_postgres_store(options));
  auto lanes = take(store->claim_lanes("a"));
  const Instant now = take(store->database_now());
  const SagaId one = ids().next(now);
  Flush flush;
  flush.lanes = fences_of(lanes);
  flush.journal = {an_entry(4, one, 1, now)};
  SECTION("sent again by a caller who was told kDown") {
    REQUIRE(store->flush(flush).kind == Kind::kCommitted);
    CHECK(store->flush(flush).kind == Kind::kCommitted);
    CHECK(count_rows(options, "journal") == 1);
  }
  SECTION("the connection was cut before: nothing landed, and it is sent on a new one") {
    cut_connections(options);
    CHECK(store->flush(flush).kind == Kind::kCommitted);
    CHECK(count_rows(options, "journal") == 1);
  }
  SECTION("cut while other flushes come and go, again and again: each row once") {
    std::atomic<bool> stop{false};
    std::thread cutter([&] {
      while (!stop) {
        cut_connections(options);
        std::this_thread::sleep_for(std::chrono::milliseconds(7));
      }
    });
    std::uint64_t written = 0;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    while (std::chrono::steady_clock::now() < until) {
      Flush next;
      next.lanes = fences_of(lanes);
      next.journal = {an_entry(4, one, written + 1, now)};
      for (;;) {
        const FlushResult result = store->flush(next);
        if (result.kind == Kind::kCommitted) break;
        REQUIRE(result.kind == Kind::kDown);
      }
      ++written;
      moved(lanes);
    }
    stop = true;
    cutter.join();
    CHECK(written > 10);
    CHECK(count_rows(options, "journal") == static_cast<std::int64_t>(written));
  }
}

TEST_CASE("bad data is told apart from a database that is down, and writes nothing") {
  const PostgresOptions options = migrated_database();
  auto store = take(open_postgres_store(options));
  auto lanes = take(store->claim_lanes("a"));
  const Instant now = take(store->database_now());
  const SagaId one = ids().next(now), two = ids().next(now);
  Flush flush;
  flush.lanes = fences_of(lanes);
  flush.journal = {an_entry(4, one, 1, now), an_entry(4, two, 1, now)};
  SECTION("not UTF-8") { flush.journal[1].body = "{\"x\":\"\xff\"}"; }
  SECTION("U+0000") { flush.journal[1].actor = std::string("a\0b", 3); }
  SECTION("the same entry twice") { flush.journal[1] = flush.journal[0]; }
  SECTION("JSON that is none, in an event") {
    flush.events = {{4, now.us * 1000, "e", "acme", "x", 1, "", "{", "{}", now, false}};
  }
  const FlushResult result = store->flush(flush);
  CHECK(result.kind == Kind::kDataError);
  CHECK(result.message != "");
  CHECK(count_rows(options, "journal") == 0);
  flush.journal.pop_back();
  flush.events.clear();
  CHECK(store->flush(flush).kind == Kind::kCommitted);
}

TEST_CASE("without a database a flush says so, and lands when it is back") {
  const PostgresOptions options = migrated_database();
  auto store = take(open_postgres_store(options));
  auto lanes = take(store->claim_lanes("a"));
  Flush flush;
  flush.lanes = fences_of(lanes);
  flush.journal = {an_entry(4, ids().next(take(store->database_now())), 1, {1})};
  TestServer::get().postgres().kill9();
  CHECK(store->flush(flush).kind == Kind::kDown);
  CHECK(store->running_sagas(4).error().code == ErrorCode::kUnavailable);
  REQUIRE(TestServer::get().postgres().restart());
  CHECK(store->flush(flush).kind == Kind::kCommitted);
  CHECK(take(store->running_sagas(4)).empty());
}

TEST_CASE("a partition that is missing is made on the way") {
  const PostgresOptions options = migrated_database();
  auto side = PostgresConnection::open(options);
  REQUIRE((*side)->execute(
      "DO $$ DECLARE r record; BEGIN FOR r IN SELECT inhrelid::regclass AS t FROM pg_inherits "
      "WHERE inhparent = "
      "'belay.journal'::regclass LOOP EXECUTE 'DROP TABLE ' || r.t; END LOOP; END $$"));
  auto store = take(open_postgres_store(options));
  auto lanes = take(store->claim_lanes("a"));
  const Instant now = take(store->database_now());
  Flush flush;
  flush.lanes = fences_of(lanes);
  flush.journal = {an_entry(4, ids().next(now), 1, now)};
  CHECK(store->flush(flush).kind == Kind::kCommitted);
  CHECK(count_rows(options, "journal") == 1);
}

TEST_CASE("lanes are claimed by one owner at a time") {
  const PostgresOptions options = migrated_database();
  auto store = take(open_postgres_store(options));
  auto lanes = take(store->claim_lanes("a"));
  CHECK(lanes[0].epoch == 1);
  CHECK(lanes[0].crashes == 0);
  auto other = take(open_postgres_store(options));
  CHECK(take(other->claim_lanes("b")).empty());

  SECTION("released cleanly") {
    REQUIRE(store->release_lanes("a"));
    auto claimed = take(other->claim_lanes("b"));
    CHECK(claimed[0].epoch == 2);
    CHECK(claimed[0].crashes == 0);
    Flush flush;  // the old owner is fenced
    flush.lanes = fences_of(lanes);
    const FlushResult result = store->flush(flush);
    CHECK(result.kind == Kind::kFenced);
    CHECK(result.fenced.size() == 32);
  }
  SECTION("the same node again counts a crash") {
    CHECK(take(other->claim_lanes("a"))[7].crashes == 1);
  }
  SECTION("forgiven crashes are forgotten, but for a crash of who has the lanes now") {
    CHECK(take(store->claim_lanes("a"))[7].crashes == 1);
    REQUIRE(other->forgive_crashes("b"));  // they are not its own
    CHECK(take(store->claim_lanes("a"))[7].crashes == 2);
    REQUIRE(store->forgive_crashes("a"));
    CHECK(take(store->claim_lanes("a"))[7].crashes == 1);
  }
  SECTION("the lease has run out") {
    auto side = PostgresConnection::open(options);
    REQUIRE((*side)->execute("UPDATE belay.lane SET lease_until = now() - interval '1 second'"));
    CHECK(take(other->claim_lanes("b"))[0].crashes == 1);
  }
  SECTION("the owner's process is dead") {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) pause();
    }
    std::string process = this_process();
    // What the child would have written.
    std::string stat;
    {
      std::FILE* file = std::fopen(("/proc/" + std::to_string(child) + "/stat").c_str(), "r");
      REQUIRE(file != nullptr);
      char buffer[1024] = {};
      REQUIRE(std::fread(buffer, 1, sizeof buffer - 1, file) > 0);
      std::fclose(file);
      stat = buffer;
    }
    std::size_t at = stat.rfind(')') + 1;
    for (int field = 3; field <= 22; ++field) at = stat.find(' ', at) + 1;
    const std::string started = stat.substr(at, stat.find(' ', at) - at);
    process = process.substr(0, process.rfind('/', process.rfind('/') - 1) + 1) +
              std::to_string(child) + "/" + started;
    auto side = PostgresConnection::open(options);
    REQUIRE((*side)->execute("UPDATE belay.lane SET process = $1", {process}));
    CHECK(!is_dead_process(process));
    CHECK(take(other->claim_lanes("b")).empty());
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    CHECK(is_dead_process(process));
    CHECK(take(other->claim_lanes("b"))[0].crashes == 1);
  }
}
