// Lanes and nodes on the real thing: claims that race, releases, signs of life, and two engines on
// one database.
#include <atomic>
#include <set>
#include <thread>

#include "runtime/engine/stepped_engine.h"
#include "tests/postgres/store_database.h"
#include "tests/runtime/engine_harness.h"

using namespace belay::testing;
using belay::runtime::testing::migrated_database;
using belay::runtime::testing::take;

namespace {

std::unique_ptr<Store> open_store(const PostgresOptions& options) {
  return take(open_postgres_store(options));
}

std::vector<LaneFence> fences_of(const std::vector<ClaimedLane>& lanes) {
  std::vector<LaneFence> fences;
  for (const ClaimedLane& lane : lanes) fences.push_back({lane.lane, lane.epoch, lane.head});
  return fences;
}

struct Node {
  std::unique_ptr<Store> store;
  FakeRunner runner;
  std::unique_ptr<Engine> engine;

  Node(const PostgresOptions& database, const std::string& name) {
    store = open_store(database);
    EngineOptions options;
    options.node = name;
    options.address = "http://" + name;
    options.lease_ms = database.lease_ms;
    options.stop_grace_ms = 0;
    auto opened = Engine::open(*store, runner, options);
    REQUIRE((opened ? "" : to_text(opened.error())) == std::string());
    engine = std::move(*opened);
    for (const interpreter::Graph& graph : shop()) REQUIRE(engine->install(graph));
  }
  std::size_t lanes() const {
    std::size_t count = 0;
    for (Lane lane = 0; lane < 32; ++lane) count += engine->holder(lane).mine ? 1 : 0;
    return count;
  }
  Result<StartReply> start(const std::string& workflow, const std::string& field,
                           const std::string& value, const std::string& key = "") {
    return engine->start(start_request(workflow, field, value, key));
  }
  Result<PublishReply> publish(const std::string& order) {
    return engine->publish(paid_request(order, 5));
  }
  std::string status(const SagaId& saga) {
    const auto view = engine->view("acme", saga);
    return view ? view->row.status : to_text(view.error());
  }
};

bool until(const std::function<bool()>& holds, int seconds = 30) {
  for (int i = 0; i < seconds * 100; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return holds();
}

}  // namespace

TEST_CASE("lanes: claims that race give each lane to one") {
  const PostgresOptions options = migrated_database();
  std::vector<std::unique_ptr<Store>> stores;
  for (int i = 0; i < 4; ++i) stores.push_back(open_store(options));
  std::vector<std::vector<ClaimedLane>> got(4);
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      const auto n = static_cast<std::size_t>(i);
      for (int round = 0; round < 6; ++round) {
        auto claimed = stores[n]->claim(
            {.owner = "n" + std::to_string(i), .lanes = {}, .at_most = 3, .own_name_too = false});
        if (!claimed)
          ++failures;
        else
          got[n].insert(got[n].end(), claimed->begin(), claimed->end());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  // What is left in the end is free for whoever asks alone.
  const auto rest =
      take(stores[0]->claim({.owner = "n0", .lanes = {}, .at_most = 32, .own_name_too = false}));
  got[0].insert(got[0].end(), rest.begin(), rest.end());
  std::set<Lane> seen;
  for (const auto& lanes : got) {
    for (const ClaimedLane& lane : lanes) {
      CHECK(seen.insert(lane.lane).second);
      CHECK(lane.epoch == 1);
      CHECK(lane.crashes == 0);
    }
  }
  CHECK(seen.size() == 32);
  CHECK(failures == 0);
  for (int i = 1; i < 4; ++i) CHECK(got[static_cast<std::size_t>(i)].size() <= 18);
  // Each may write its own, and nobody else's.
  for (std::size_t i = 0; i < 4; ++i) {
    Flush flush;
    flush.lanes = fences_of(got[i]);
    if (!flush.lanes.empty()) CHECK(stores[i]->flush(flush).kind == FlushResult::Kind::kCommitted);
  }
}

TEST_CASE("lanes: wanted ones in that order, released one by one") {
  const PostgresOptions options = migrated_database();
  auto a = open_store(options), b = open_store(options);
  const auto first =
      take(a->claim({.owner = "a", .lanes = {7, 3, 9, 1}, .at_most = 2, .own_name_too = false}));
  REQUIRE(first.size() == 2);
  CHECK(first[0].lane == 3);
  CHECK(first[1].lane == 7);
  CHECK(
      take(a->claim({.owner = "a", .lanes = {7, 3}, .at_most = 9, .own_name_too = false})).empty());
  CHECK(
      take(b->claim({.owner = "b", .lanes = {7, 3}, .at_most = 9, .own_name_too = true})).empty());
  REQUIRE(b->release("b", fences_of(first)));  // not its own
  REQUIRE(a->release(
      "a", {{.lane = 7, .epoch = first[1].epoch + 1, .head = 0}}));  // not as it was claimed
  CHECK(
      take(b->claim({.owner = "b", .lanes = {7, 3}, .at_most = 9, .own_name_too = true})).empty());
  REQUIRE(a->release("a", {{.lane = 7, .epoch = first[1].epoch, .head = 0}}));
  const auto second =
      take(b->claim({.owner = "b", .lanes = {7, 3}, .at_most = 9, .own_name_too = true}));
  REQUIRE(second.size() == 1);
  CHECK(second[0].lane == 7);
  CHECK(second[0].epoch == 2);
  CHECK(second[0].crashes == 0);
}

TEST_CASE("lanes: a sign of life tells who holds what and who is there") {
  const PostgresOptions options = migrated_database();
  auto a = open_store(options), b = open_store(options);
  take(a->claim({.owner = "a", .lanes = {1, 2}, .at_most = 9, .own_name_too = false}));
  CHECK(take(a->beat({.name = "a", .address = "http://a", .lease_ms = 5'000})).nodes.empty());
  Cluster seen = take(b->beat({.name = "b", .address = "http://b", .lease_ms = 5'000}));
  REQUIRE(seen.nodes.size() == 1);
  CHECK(seen.nodes[0].name == "a");
  CHECK(seen.nodes[0].address == "http://a");
  CHECK(seen.nodes[0].lease_ms > 3'000);
  REQUIRE(seen.lanes.size() == 32);
  for (Lane lane = 0; lane < 32; ++lane) {
    const LaneOwner& row = seen.lanes[static_cast<std::size_t>(lane)];
    CHECK(row.lane == lane);
    CHECK(row.free == (lane != 1 && lane != 2));
    CHECK(row.owner == (row.free ? "" : "a"));
    CHECK(row.epoch == (row.free ? 0 : 1));
  }
  const Instant now = take(b->database_now());
  CHECK((now.us - seen.db_now.us >= 0 && now.us - seen.db_now.us < 5'000'000));
  take(a->beat({.name = "a", .address = "http://a", .lease_ms = 0}));  // it leaves
  CHECK(take(b->beat({.name = "b", .address = "http://b", .lease_ms = 5'000})).nodes.empty());
}

TEST_CASE("lanes: mail is read by receiver and not by those that deliver it themselves") {
  const PostgresOptions options = migrated_database();
  auto store = open_store(options);
  const auto lanes = take(store->claim_lanes("a"));
  Flush flush;
  flush.lanes = fences_of(lanes);
  for (const auto& [to, from] :
       std::vector<std::pair<Lane, Lane>>{{1, 2}, {1, 3}, {2, 3}, {3, 1}}) {
    flush.mail.push_back({.to = to, .from = from, .number = 5, .kind = "next_turn", .body = "{}"});
  }
  REQUIRE(store->flush(flush).kind == FlushResult::Kind::kCommitted);
  CHECK(take(store->mailbox()).size() == 4);
  CHECK(take(store->mailbox({.to = {1}, .not_from = {}})).size() == 2);
  const auto rows = take(store->mailbox({.to = {1, 2}, .not_from = {1, 2}}));
  REQUIRE(rows.size() == 2);
  CHECK((rows[0].to == 1 && rows[0].from == 3));
  CHECK((rows[1].to == 2 && rows[1].from == 3));
}

TEST_CASE("lanes: a start key that lies with its saga is found from everywhere") {
  const PostgresOptions options = migrated_database();
  auto store = open_store(options);
  const auto lanes = take(store->claim_lanes("a"));
  Flush flush;
  flush.lanes = fences_of(lanes);
  const SagaId saga = "01890000-0000-7000-8000-000000000001";
  flush.start_keys.push_back(
      {.lane = 5, .tenant = "acme", .key = "~key:k", .saga = saga, .digest = "d", .at = {1}});
  flush.start_keys.push_back(
      {.lane = 6, .tenant = "acme", .key = "key:k", .saga = saga, .digest = "e", .at = {1}});
  REQUIRE(store->flush(flush).kind == FlushResult::Kind::kCommitted);
  auto rows = take(store->start_keys({{kAnyLane, "acme", "~key:k"}}));
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].lane == 5);
  CHECK(take(store->start_keys({{kAnyLane, "other", "~key:k"}})).empty());
  CHECK(take(store->start_keys({{kAnyLane, "acme", "key:k"}})).empty());
  CHECK(take(store->start_keys({{6, "acme", "key:k"}, {kAnyLane, "acme", "~key:k"}})).size() == 2);
}

TEST_CASE("two engines on Postgres: shared, crossed, and one goes without a word") {
  PostgresOptions options = migrated_database();
  options.lease_ms = 7'000;
  Node a(options, "a");
  CHECK(a.lanes() == 32);
  auto b = std::make_unique<Node>(options, "b");
  REQUIRE(until([&] { return a.lanes() == 16 && b->lanes() == 16; }));
  CHECK(a.engine->nodes().size() == 2);

  // Each starts in its own lanes; events and waits meet across.
  std::vector<SagaId> sagas;
  for (int i = 0; i < 12; ++i) {
    const std::string order = "o" + std::to_string(i);
    Node& at = i % 2 == 0 ? a : *b;
    const auto saga = at.start("await_payment", "order", order);
    REQUIRE((saga ? "" : to_text(saga.error())) == std::string());
    sagas.push_back(saga->saga);
    auto published = at.publish(order);
    if (!published) {
      CHECK(published.error().code == ErrorCode::kFenced);
      CHECK(published.error().lane >= 0);
      published = (i % 2 == 0 ? *b : a).publish(order);
    }
    REQUIRE((published ? "" : to_text(published.error())) == std::string());
  }
  for (const SagaId& saga : sagas) CHECK(until([&] { return a.status(saga) == "completed"; }));
  const auto keyed = a.start("buy_once", "item", "lamp", "k1");
  const auto there = b->start("buy_once", "item", "lamp", "k1");
  CHECK(keyed.has_value() != there.has_value());
  CHECK((keyed ? there : keyed).error().code == ErrorCode::kFenced);

  b->engine->stop();
  CHECK(until([&] { return a.lanes() == 32; }, 3));
}

TEST_CASE("two engines on Postgres: one is gone without a word, and its leases end") {
  PostgresOptions options = migrated_database();
  options.lease_ms = 8'000;
  auto store = open_store(options);
  FakeRunner runner;
  runner.hold("charge");
  EngineOptions engine_options;
  engine_options.node = "b";
  engine_options.lease_ms = options.lease_ms;
  auto stepped = take(SteppedEngine::open_stepped(*store, runner, engine_options));
  for (const interpreter::Graph& graph : shop()) REQUIRE(stepped->install(graph));
  std::vector<SagaId> sagas;
  for (int i = 0; i < 20; ++i) {
    StartRequest request;
    request.tenant = "acme";
    request.workflow = "buy";
    request.input = interpreter::record({{"item", Value::string("lamp")}});
    stepped->start(request, [&](Result<StartReply> reply) {
      if (reply) sagas.push_back(reply->saga);
    });
  }
  const auto step = [&] {
    if (!stepped) return;
    stepped->step_loop();
    stepped->step_loader();
    stepped->step_writer(0);
  };
  REQUIRE(until([&] {
    step();
    return sagas.size() == 20 && runner.count("charge") == 20;
  }));
  Node a(options, "a");
  CHECK(a.engine->ready());
  CHECK(a.lanes() == 0);
  REQUIRE(until([&] {  // half of them are handed over…
    step();
    return a.lanes() == 16;
  }));
  stepped.reset();  // …and the others never
  const auto began = std::chrono::steady_clock::now();
  REQUIRE(until([&] { return a.lanes() == 32; }));
  CHECK(std::chrono::steady_clock::now() - began > std::chrono::seconds(1));
  for (const SagaId& saga : sagas) CHECK(until([&] { return a.status(saga) == "completed"; }));
  CHECK(a.runner.count("reserve") == 0);
  auto side = PostgresConnection::open(options);
  REQUIRE(side);
  CHECK((*side)->execute("SELECT count(*)::int FROM belay.lane WHERE crashes = 2")->number(0, 0) ==
        16);
}

TEST_CASE("an event's time is not before what was written before it, in whichever lane") {
  const PostgresOptions database = migrated_database();
  auto store = open_store(database);
  const std::vector<ClaimedLane> lanes = take(store->claim_lanes("a"));
  CHECK(lanes[3].last == Instant{});
  CHECK(take(store->beat({.name = "a", .address = "", .lease_ms = 1'000})).latest == Instant{});
  std::int64_t head = lanes[4].head, eseq = 0;
  const Instant now = take(store->database_now());
  const auto ahead = [&](std::int64_t seconds) { return Instant{now.us + seconds * 1'000'000}; };
  const auto written = [&](Lane lane, Instant at) {  // an entry of a saga
    Flush flush;
    flush.lanes.push_back({lane, lanes[static_cast<std::size_t>(lane)].epoch,
                           lanes[static_cast<std::size_t>(lane)].head});
    JournalRow row;
    row.lane = lane;
    row.id = "01890000-0000-7000-8000-00000000000" + std::to_string(lane);
    row.seq = 1;
    row.kind = "Started";
    row.body = "{}";
    row.at = at;
    flush.journal.push_back(row);
    REQUIRE(store->flush(flush).kind == FlushResult::Kind::kCommitted);
  };
  const auto published = [&](Instant at) {  // what it was given
    Flush flush;
    flush.lanes.push_back({4, lanes[4].epoch, head++});
    EventRow row;
    row.lane = 4;
    row.eseq = eseq = std::max(eseq + 1, at.us * 1000);
    row.id = std::to_string(eseq);
    row.tenant = "acme";
    row.type = "shop.paid";
    row.key = "o1";
    row.payload = row.metadata = "{}";
    row.at = at;
    flush.events.push_back(row);
    const FlushResult result = store->flush(flush);
    REQUIRE(result.message == "");
    REQUIRE(result.kind == FlushResult::Kind::kCommitted);
    const auto all = take(store->events_since({{4, "acme", "shop.paid", "o1", Instant{0}}}));
    REQUIRE(!all.empty());
    REQUIRE(all.back().eseq == eseq);
    // Whoever waits since then finds it, and nobody who waits for later ones.
    const auto since = [&](Instant time) {
      return take(store->events_since({{4, "acme", "shop.paid", "o1", time}}));
    };
    CHECK(since(all.back().at).size() >= 1);
    CHECK(since({all.back().at.us + 1}).empty());
    return all.back().at;
  };
  CHECK(published(now) == now);
  written(1, ahead(20));
  CHECK(published(ahead(1)) == ahead(20));
  CHECK(published(ahead(30)) == ahead(30));
  written(2, ahead(600));
  CHECK(published(ahead(31)) == ahead(91));  // a minute at most
  CHECK(take(store->beat({.name = "a", .address = "", .lease_ms = 1'000})).latest == ahead(600));
  written(3, ahead(7'200));  // far off: of no account
  CHECK(take(store->beat({.name = "a", .address = "", .lease_ms = 1'000})).latest == ahead(600));
  CHECK(published(ahead(599)) == ahead(600));
  REQUIRE(store->release("a", fences_of(lanes)));
  const std::vector<ClaimedLane> again = take(store->claim_lanes("b"));
  CHECK(again[0].last == Instant{});
  CHECK(again[1].last == ahead(20));
  CHECK(again[2].last == ahead(600));
  CHECK(again[3].last == Instant{});
  CHECK(again[4].last == ahead(599));
}

TEST_CASE("a node whose database has come to lose what it answers for is not ready, and says why") {
  const PostgresOptions database = migrated_database();
  Node node(database, "a");
  REQUIRE(node.engine->ready());
  auto admin = PostgresConnection::open(database);
  const std::string name = (*admin)->execute("SELECT current_database()")->str(0, 0);
  REQUIRE((*admin)->execute("ALTER DATABASE " + name + " SET synchronous_commit = off"));
  REQUIRE(
      (*admin)->execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                        name + "' AND pid <> pg_backend_pid()"));
  CHECK(until([&] { return !node.engine->ready(); }));
  CHECK(until([&] {
    return node.engine->stats().database_why.find("synchronous_commit=off") != std::string::npos;
  }));
  CHECK(!node.start("buy", "item", "lamp"));
  REQUIRE((*admin)->execute("ALTER DATABASE " + name + " RESET synchronous_commit"));
  CHECK(until([&] { return node.engine->ready(); }));
  CHECK(node.engine->stats().database_why.empty());
  const auto saga = node.start("buy", "item", "lamp");
  REQUIRE(saga);
  CHECK(until([&] { return node.status(saga->saga) == "completed"; }));
}
