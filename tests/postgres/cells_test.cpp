// Cells on the real thing: which databases may be opened together, lists over both, mail whose
// carrier is cut in the middle, and a server that is stopped while the other works.
#include "runtime/store/cells.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "runtime/base/ids.h"
#include "runtime/cli/serve.h"
#include "runtime/store/cell_reader.h"
#include "tests/postgres/store_database.h"
#include "tests/runtime/engine_harness.h"

using namespace belay::testing;
using namespace belay::runtime::testing;

namespace {

using Databases = std::vector<PostgresOptions>;

std::string refusal(const Databases& databases) {
  const auto settled = settle_cells(databases);
  if (settled) return "";
  CHECK(settled.error().code == ErrorCode::kMisconfigured);
  return settled.error().message;
}

bool says(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

void run_sql(const PostgresOptions& database, const std::string& sql) {
  const auto connection = PostgresConnection::open(database);
  REQUIRE(connection);
  const auto done = (*connection)->execute(sql);
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
}

std::int64_t number_of(const PostgresOptions& database, const std::string& sql) {
  const auto connection = PostgresConnection::open(database);
  REQUIRE(connection);
  const auto rows = (*connection)->execute(sql);
  REQUIRE(rows);
  return rows->number(0, 0);
}

// Rows of both cells, written through the joined store.
struct World {
  Databases databases{migrated_database(), migrated_database()};
  std::unique_ptr<Store> store;
  std::vector<ClaimedLane> lanes;
  Instant now;
  IdGenerator ids;

  explicit World(std::size_t writers = 1) : store(take(open_cells(databases, writers))) {
    lanes = take(store->claim_lanes("a"));
    REQUIRE(lanes.size() == 32);
    now = take(store->database_now(1));
  }
  // One flush a writer, each with all of its lanes.
  void flush(const std::function<void(Flush&, std::size_t writer)>& fill) {
    for (std::size_t writer = 0; writer < store->writers(); ++writer) {
      Flush flush;
      for (ClaimedLane& lane : lanes) {
        if (store->writer_of(lane.lane) == writer)
          flush.lanes.push_back({lane.lane, lane.epoch, lane.head++});
      }
      fill(flush, writer);
      const FlushResult result = store->flush(flush, writer);
      INFO(result.message);
      REQUIRE(result.kind == FlushResult::Kind::kCommitted);
    }
  }
  InstanceRow row(Instant at) {
    InstanceRow out;
    out.id = ids.next(at);
    out.lane = lane_of("acme", out.id, 32);
    out.tenant = "acme";
    out.workflow = "confirm_booking";
    out.definition = "d";
    out.status = "running";
    out.health = "ok";
    out.created_at = out.updated_at = at;
    return out;
  }
};

void send(World& world, const std::vector<MailboxRow>& mail) {
  world.flush([&](Flush& flush, std::size_t writer) {
    for (const MailboxRow& row : mail) {
      if (world.store->writer_of(row.from) == writer) flush.mail.push_back(row);
    }
  });
}

// "host=/tmp/x port=1 user=u dbname=d" as a URL.
std::string url_of(const PostgresOptions& database) {
  std::string plain = database.connection;
  std::erase(plain, '\'');
  std::istringstream words(plain);
  std::map<std::string, std::string> parts;
  for (std::string word; words >> word;)
    parts[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  return "postgresql:///" + parts["dbname"] + "?host=" + parts["host"] + "&port=" + parts["port"] +
         "&user=" + parts["user"];
}

}  // namespace

TEST_CASE(
    "cells on Postgres: databases are opened as what they are, in their order, and not otherwise") {
  const PostgresOptions a = migrated_database(), b = migrated_database(), c = migrated_database(),
                        d = migrated_database();
  CHECK(refusal({a}) == "");  // alone: nothing is written
  CHECK(refusal({a, b}) == "");
  CHECK(refusal({a, b}) == "");
  CHECK(says(refusal({a}), "database 1 is cell 1 of 2 and is opened alone"));
  CHECK(says(refusal({b}), "database 1 is cell 2 of 2 and is opened alone"));
  CHECK(says(refusal({b, a}), "database 1 is cell 2 of 2 and is given as cell 1 of 2"));
  CHECK(says(refusal({a, b, c}), "database 1 is cell 1 of 2 and is given as cell 1 of 3"));
  CHECK(says(refusal({c, b}), "database 1 is empty, and other cells of the deployment are not"));

  CHECK(refusal({c, d}) == "");
  CHECK(says(refusal({a, d}), "database 2 is a cell of another deployment"));
  const PostgresOptions e = migrated_database();
  CHECK(says(refusal({e, e}), "database 2 is cell 1 of 2 and is given as cell 2 of 2"));

  // A first start that was cut off goes on; a cell that was lost does not come back empty.
  run_sql(b, "DELETE FROM belay.cell");
  CHECK(refusal({a, b}) == "");
  run_sql(b, "DELETE FROM belay.cell");
  run_sql(a,
          "INSERT INTO belay.start_key (lane, tenant, key, saga, digest, at) VALUES (1, 't', 'k', "
          "gen_random_uuid(), '', now())");
  CHECK(says(refusal({a, b}), "database 2 is empty, and other cells of the deployment are not"));

  // What a whole deployment has lived in never becomes a part of one, nor what a node is at work
  // on.
  const PostgresOptions f = migrated_database(), g = migrated_database();
  {
    const auto alone = take(open_cells({f}));
    const auto lanes = take(alone->claim_lanes("x"));
    CHECK(says(refusal({f, g}), "database 1 holds sagas, or a node is at work on it"));
    REQUIRE(alone->release_lanes("x"));
  }
  CHECK(refusal({f, g}) == "");
}

TEST_CASE("cells on Postgres: several that set up the same databases at once agree") {
  const Databases databases{migrated_database(), migrated_database(), migrated_database()};
  std::atomic<int> fine{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] { fine += settle_cells(databases) ? 1 : 0; });
  for (std::thread& thread : threads) thread.join();
  CHECK(fine == 4);
  CHECK(refusal(databases) == "");
}

TEST_CASE(
    "cells on Postgres: each row lies in the cell of its lane, and lists page over all of them") {
  World world(GENERATE(1u, 2u));
  std::vector<InstanceRow> rows;
  std::vector<EventRow> events;
  std::set<std::string> questions;
  for (int i = 0; i < 60; ++i) {
    InstanceRow row = world.row({world.now.us - 60'000'000LL * (60 - i)});
    if (i % 3 == 0) row.status = "compensating";
    row.due_at = {world.now.us - 1'000LL * (i * 7 % 60)};
    row.waiting_on = "a timer";
    rows.push_back(row);
    EventRow event;
    event.lane = static_cast<Lane>(i * 11 % 32);
    event.eseq = (world.now.us - 1'000 * (i / 2)) * 1'000;  // two at a time
    event.id = "e" + std::to_string(i);
    event.tenant = "acme";
    event.type = "paid";
    event.key = "k";
    event.payload = event.metadata = "{}";
    event.at = world.now;
    events.push_back(event);
  }
  world.flush([&](Flush& flush, std::size_t writer) {
    for (const InstanceRow& row : rows) {
      if (world.store->writer_of(row.lane) != writer) continue;
      flush.instances.push_back(row);
      JournalRow entry;
      entry.lane = row.lane;
      entry.id = row.id;
      entry.seq = 1;
      entry.kind = "Started";
      entry.body = "{}";
      entry.at = world.now;
      flush.journal.push_back(entry);
      flush.questions.push_back({row.lane, row.id, "ask", "acme", "clerk", world.now, {}});
      questions.insert(row.id + "/ask");
    }
    for (const EventRow& event : events) {
      if (world.store->writer_of(event.lane) == writer) flush.events.push_back(event);
    }
  });
  for (std::size_t cell = 0; cell < 2; ++cell) {
    const std::string other = cell == 0 ? "lane >= 16" : "lane < 16";
    for (const std::string table : {"instance", "journal", "event", "question"}) {
      CHECK(number_of(world.databases[cell],
                      "SELECT count(*) FROM belay." + table + " WHERE " + other) == 0);
      CHECK(number_of(world.databases[cell], "SELECT count(*) FROM belay." + table) > 5);
    }
  }

  const auto reader = take(open_readers(world.databases, 2));
  for (const std::size_t limit : {1, 7, 500}) {
    std::vector<SagaId> expected, found;
    for (const InstanceRow& row : rows) expected.push_back(row.id);
    std::sort(expected.rbegin(), expected.rend());
    SagaFilter filter{.tenant = "acme", .limit = limit};
    do {
      const SagaPage page = take(reader->sagas(filter));
      CHECK(page.rows.size() <= limit);
      for (const InstanceRow& row : page.rows) found.push_back(row.id);
      filter.cursor = page.next;
    } while (!filter.cursor.empty());
    CHECK(found == expected);

    std::vector<std::pair<std::int64_t, Lane>> wanted, seen;
    for (const EventRow& event : events) wanted.emplace_back(event.eseq, event.lane);
    std::sort(wanted.rbegin(), wanted.rend());
    EventFilter by{.tenant = "acme", .type = "paid", .limit = limit};
    do {
      const EventPage page = take(reader->events(by));
      CHECK(page.not_started.size() == page.rows.size());
      for (const EventRow& event : page.rows) seen.emplace_back(event.eseq, event.lane);
      by.cursor = page.next;
    } while (!by.cursor.empty());
    CHECK(seen == wanted);

    std::vector<std::string> open;
    QuestionFilter asked{.tenant = "acme", .limit = limit};
    do {
      const QuestionPage page = take(reader->questions(asked));
      for (const auto& row : page.rows) open.push_back(row.question.saga + "/" + row.question.path);
      asked.cursor = page.next;
    } while (!asked.cursor.empty());
    CHECK(open == std::vector<std::string>(questions.begin(), questions.end()));
  }
  std::uint64_t count = 0;
  for (const StatusCount& row : take(reader->counts())) count += row.count;
  CHECK(count == 60);
  CHECK(take(reader->counts()).size() == 2);
  for (const InstanceRow& row : rows) {
    CHECK(take(reader->saga("acme", row.id)).lane == row.lane);
    CHECK(take(reader->history("acme", row.id, 0, 10)).rows.size() == 1);
    CHECK(take(world.store->find_saga("acme", row.id)) == row.lane);
  }
  CHECK(reader->saga("other", rows[0].id).error().code == ErrorCode::kNotFound);

  // What is due, the earliest first, whichever cell it is in.
  const std::vector<DueSaga> due = take(world.store->due_sagas({{}, world.now}, 20, all_lanes()));
  REQUIRE(due.size() == 20);
  CHECK(std::is_sorted(due.begin(), due.end(),
                       [](const auto& x, const auto& y) { return x.due_at < y.due_at; }));
  CHECK(due.back().due_at.us <= world.now.us - 40'000);

  // Keys lie in the first cell.
  REQUIRE(reader->add_api_key({.id = "k1", .tenant = "acme", .role = "viewer", .name = "n"},
                              std::string(64, 'a')));
  CHECK(take(reader->find_api_key(std::string(64, 'a')))->id == "k1");
  CHECK(number_of(world.databases[0], "SELECT count(*) FROM belay.api_key") == 1);
  CHECK(number_of(world.databases[1], "SELECT count(*) FROM belay.api_key") == 0);
}

TEST_CASE(
    "cells on Postgres: mail arrives once, also when its carrier is cut between the two "
    "databases") {
  World world;
  const std::vector<MailboxRow> mail{
      {20, 3, 1, "next_turn", "{}"}, {20, 3, 2, "next_turn", "{}"}, {4, 30, 1, "next_turn", "{}"}};
  send(world, mail);
  CHECK(number_of(world.databases[0], "SELECT count(*) FROM belay.mailbox") == 2);
  {
    // Its deletion waits for us, and then its connection is cut, and so is the one that it tries
    // again on.
    const auto side = take(Result<std::unique_ptr<PostgresConnection>>(
        std::move(*PostgresConnection::open(world.databases[0]))));
    REQUIRE(side->execute("BEGIN; SELECT FROM belay.mailbox FOR UPDATE"));
    std::thread carrier(
        [&] { CHECK(take(world.store->mailbox({.to = {20}, .not_from = {}})).size() == 2); });
    for (const std::string cut : {"pg_terminate_backend", "pg_cancel_backend"}) {
      bool done = false;
      for (int i = 0; i < 1'000 && !done; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        done = number_of(world.databases[0],
                         "SELECT count(" + cut +
                             "(pid)) FROM pg_stat_activity WHERE datname = "
                             "current_database() AND wait_event_type = 'Lock'") > 0;
      }
      CHECK(done);
    }
    carrier.join();
    REQUIRE(side->execute("COMMIT"));
  }
  CHECK(number_of(world.databases[0], "SELECT count(*) FROM belay.mailbox") == 2);
  CHECK(number_of(world.databases[1], "SELECT count(*) FROM belay.mailbox WHERE lane = 20") == 2);
  // The receiver consumes one before it is carried again.
  world.flush([&](Flush& flush, std::size_t writer) {
    if (writer == world.store->writer_of(20)) flush.mail_consumed.push_back(mail[0]);
  });
  const auto again = [&] { return take(world.store->mailbox({.to = {20, 4}, .not_from = {30}})); };
  for (int i = 0; i < 200 && number_of(world.databases[0],
                                       "SELECT count(*) FROM belay.mailbox WHERE lane = 20") > 0;
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // it was away for a second
    (void)again();
  }
  const auto left = again();
  REQUIRE(left.size() == 2);  // of another cell, also from those that are left out
  CHECK((left[0].to == 4 && left[0].from == 30));
  CHECK((left[1].to == 20 && left[1].number == 2));
  CHECK(number_of(world.databases[0], "SELECT count(*) FROM belay.mailbox") == 1);
  CHECK(number_of(world.databases[1], "SELECT count(*) FROM belay.mailbox") == 1);
  CHECK(number_of(world.databases[1], "SELECT count(*) FROM belay.mail_seen") == 2);

  // Of a carrier that was frozen for a minute nothing is taken; what is an hour old is forgotten.
  const auto cell = take(open_postgres_store(world.databases[1]));
  const Instant now = take(cell->database_now());
  CHECK(!take(
      cell->carry_in({{21, 3, 9, "next_turn", "{}"}}, {now.us - kCarryWithinUs - 1'000'000})));
  CHECK(number_of(world.databases[1], "SELECT count(*) FROM belay.mail_seen") == 2);
  CHECK(take(cell->carry_in({{21, 3, 9, "next_turn", "{}"}}, now)));
  run_sql(world.databases[1],
          "UPDATE belay.mail_seen SET at = at - interval '2 hours' WHERE lane = 20");
  REQUIRE(cell->forget_carried({20}, {4}));
  CHECK(number_of(world.databases[1], "SELECT count(*) FROM belay.mail_seen") == 3);
  REQUIRE(cell->forget_carried({20, 21}, {3}));
  CHECK(number_of(world.databases[1], "SELECT count(*) FROM belay.mail_seen") == 1);
}

TEST_CASE("cells on Postgres: the service over two databases, and SQL actions beside their sagas") {
  const Databases databases{migrated_database(), migrated_database()};
  for (const PostgresOptions& database : databases)
    run_sql(database, "CREATE TABLE seen (item text)");
  const auto directory =
      std::filesystem::temp_directory_path() / ("belay_cells_service_" + std::to_string(getpid()));
  std::filesystem::create_directories(directory);
  std::ofstream(directory / "note.belay") << R"(belay 1

action note "Note it"
  records
  takes
    item  text
  sql any rows |
    INSERT INTO seen (item) VALUES (:item)

workflow note_it "Note it", version 1
  takes
    item  text
  step note "Note it"
    do note
      item = item
    no undo because "It is only a note"
)";
  const PluginRegistry plugins;
  ServeOptions options;
  options.program = take(compile_program(directory.string(), plugins));
  options.plugins = &plugins;
  options.databases = {url_of(databases[0]) + " " +
                       url_of(databases[1])};  // as BELAY_DATABASE may hold them
  options.writers = 2;
  options.http = false;
  auto service = take(Service::start(std::move(options)));
  std::vector<SagaId> sagas;
  for (int i = 0; i < 24; ++i) {
    StartRequest request;
    request.tenant = "acme";
    request.workflow = "note_it";
    request.input = interpreter::record({{"item", Value::string("i" + std::to_string(i))}});
    sagas.push_back(take(service->engine().start(request)).saga);
  }
  for (const SagaId& saga : sagas) {
    for (int i = 0; i < 2'000 && take(service->reader().saga("acme", saga)).status != "completed";
         ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    CHECK(take(service->reader().saga("acme", saga)).status == "completed");
  }
  service->stop();
  std::int64_t noted = 0;
  for (const PostgresOptions& database : databases) {
    const std::int64_t here = number_of(database, "SELECT count(*) FROM seen");
    CHECK(here > 0);
    CHECK(here == number_of(database, "SELECT count(*) FROM belay.receipt"));
    CHECK(here == number_of(database, "SELECT count(*) FROM belay.instance"));
    noted += here;
  }
  CHECK(noted == 24);
  std::filesystem::remove_all(directory);
}

TEST_CASE("cells on Postgres: one server is stopped and comes back while the other works") {
  SecondServer second;
  const Databases databases{migrated_database(), second.database()};
  const auto store = take(open_cells(databases, 2));
  FakeRunner runner;
  EngineOptions options;
  options.node = "a";
  options.stop_grace_ms = 0;
  auto engine = take(Engine::open(*store, runner, options));
  for (const interpreter::Graph& graph : shop()) REQUIRE(engine->install(graph));
  const auto start = [&](const std::string& workflow, const std::string& field,
                         const std::string& value) {
    return engine->start(start_request(workflow, field, value));
  };
  const auto status = [&](const SagaId& saga) {
    const auto view = engine->view("acme", saga);
    return view ? view->row.status : "?";
  };
  const auto until = [&](const std::function<bool()>& holds) {
    bool held = false;
    for (int i = 0; i < 3'000 && !(held = holds()); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    CHECK(held);
  };
  const auto publish = [&](const std::string& order) {
    return engine->publish(paid_request(order, 1));
  };

  // Through both, from one to the other.
  std::vector<SagaId> waiting;
  for (int i = 0; i < 12; ++i)
    waiting.push_back(take(start("await_payment", "order", "o" + std::to_string(i))).saga);
  for (int i = 0; i < 6; ++i) REQUIRE(publish("o" + std::to_string(i)));
  until([&] {
    return std::all_of(waiting.begin(), waiting.begin() + 6,
                       [&](const SagaId& id) { return status(id) == "completed"; });
  });
  CHECK(number_of(databases[0], "SELECT count(*) FROM belay.instance") > 0);
  CHECK(number_of(databases[1], "SELECT count(*) FROM belay.instance") > 0);

  REQUIRE(second.postgres->stop());
  std::size_t started = 0, refused = 0;
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 40; ++i) {
    const auto saga = start("buy", "item", "lamp");
    if (!saga) {
      ++refused;
      continue;
    }
    ++started;
    until([&] { return status(saga->saga) == "completed"; });
  }
  INFO("refused " << refused);
  CHECK(started >= 30);
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(40));
  CHECK(engine->ready());

  REQUIRE(second.postgres->restart());
  until([&] { return engine->stats().database_up; });
  for (int i = 6; i < 12; ++i) until([&] { return publish("o" + std::to_string(i)).has_value(); });
  until([&] {
    return std::all_of(waiting.begin(), waiting.end(),
                       [&](const SagaId& id) { return status(id) == "completed"; });
  });
  // A saga may have ended before its mail is taken off the books of both cells.
  until([&] {
    return std::all_of(databases.begin(), databases.end(), [](const PostgresOptions& database) {
      return number_of(database, "SELECT count(*) FROM belay.mailbox") == 0;
    });
  });
  engine->stop();
  for (const PostgresOptions& database : databases)
    CHECK(number_of(database, "SELECT count(*) FROM belay.lane WHERE owner <> ''") == 0);
}
