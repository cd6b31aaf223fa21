// The engine over two cells: nothing that goes from lane to lane is lost or doubled on its way from
// one database to the other, and what one cell does not answer is no trouble of the other. All
// stories of engine_nodes_test.cpp and of the other engine tests run over two cells too, when
// BELAY_TEST_CELLS says so.
#include "tests/runtime/nodes_harness.h"

using namespace belay::testing;
using interpreter::FailureKind;

namespace {

std::size_t cell_of(Lane lane) { return cell_of_lane(lane, 2); }

void all_are(Nodes& nodes, const std::vector<SagaId>& sagas, const std::string& status) {
  nodes.until([&] {
    return std::all_of(sagas.begin(), sagas.end(),
                       [&](const SagaId& id) { return nodes.status(id) == status; });
  });
}

// A row lies where its lane does, and every journal is one history.
void in_their_cells(const Nodes& nodes) {
  for (std::size_t cell = 0; cell < nodes.store.cells(); ++cell) {
    for (const SagaId& saga : nodes.store.cell(cell).sagas()) {
      CHECK(cell_of(nodes.store.cell(cell).instance(saga)->lane) == cell);
      std::uint64_t seq = 0;
      for (const JournalRow& row : nodes.store.cell(cell).journal_of(saga)) CHECK(row.seq == ++seq);
    }
    for (const EventRow& event : nodes.store.cell(cell).events())
      CHECK(cell_of(event.lane) == cell);
  }
}

MailboxRow letter(Lane to, Lane from, std::int64_t number) {
  return {to, from, number, "next_turn", "{}"};
}

// An order whose events lie in that cell.
std::string order_in(const Nodes& nodes, std::size_t cell, const std::string& prefix) {
  for (int i = 0;; ++i) {
    const std::string order = prefix + std::to_string(i);
    if (cell_of(nodes.lane_of_order(order)) == cell) return order;
  }
}

}  // namespace

TEST_CASE(
    "cells: events, children, turns and starts by events cross over, with one node and any number "
    "of writers") {
  const std::size_t writers = GENERATE(1u, 2u);
  const std::size_t lost = GENERATE(0u, 25u);  // so often mail is carried, and not deleted
  Nodes nodes(more(), 2, writers);
  auto& a = nodes.open("a");
  CHECK(nodes.lanes_of("a") == 32);
  for (std::size_t cell = 0; cell < 2; ++cell)
    nodes.store.cell(cell).lose_carried_out(static_cast<int>(lost));

  std::size_t crossed = 0;
  for (int i = 0; i < 16; ++i) {
    const std::string order = "o" + std::to_string(i);
    const bool event_first = i % 2 == 0;
    if (event_first) REQUIRE(nodes.publish("a", order, 5));
    const auto saga = nodes.start("a", nodes.request("late_payment", "order", order));
    REQUIRE(saga);
    if (!event_first) REQUIRE(nodes.publish("a", order, 5));
    CHECK(nodes.until([&] { return nodes.status(saga->saga) == "completed"; }) <= 3'000);
    crossed +=
        cell_of(nodes.store.instance(saga->saga)->lane) != cell_of(nodes.lane_of_order(order)) ? 1
                                                                                               : 0;
    std::size_t taken = 0;
    for (const JournalRow& row : nodes.store.journal_of(saga->saga))
      taken += row.kind == "EventTaken" ? 1 : 0;
    CHECK(taken == 1);
  }
  CHECK(crossed > 2);
  CHECK(crossed < 14);

  const auto parents = [&](const char* prefix) {
    std::vector<SagaId> sagas;
    for (int i = 0; i < 12; ++i)
      sagas.push_back(nodes.start("a", nodes.request("trip", "item", prefix))->saga);
    return sagas;
  };
  all_are(nodes, parents("fine"), "completed");
  CHECK(of_workflow(nodes, "stay").size() == 12);
  a.runner.answer(
      "charge", [](const ActionCall&) { return failed(FailureKind::kBusiness, "shop.declined"); });
  all_are(nodes, parents("undone"), "compensated");
  CHECK(of_workflow(nodes, "stay").size() == 24);
  CHECK(a.runner.count("unreserve") == 12);

  std::vector<SagaId> line;
  for (int i = 0; i < 6; ++i)
    line.push_back(nodes.start("a", nodes.request("queue", "item", "room 7"))->saga);
  all_are(nodes, line, "completed");
  for (int i = 0; i < 10; ++i) REQUIRE(nodes.publish("a", "e" + std::to_string(i), 1));
  nodes.until(
      [&] { return of_workflow(nodes, "thank").size() == 26; });  // those of the first orders too

  nodes.until(
      [&] { return nodes.store.counts().mail == 0 && nodes.store.counts().subscriptions == 0; });
  CHECK(nodes.store.counts().carried > 20);
  CHECK(nodes.store.counts().unclaimed_events == 0);
  in_their_cells(nodes);
}

TEST_CASE("cells: mail that is carried twice arrives once, and mail that is late not at all") {
  CellStores cells(2);
  std::int64_t us = 1'700'000'000'000'000;
  cells.use_clock([&] { return Instant{us}; });
  MemoryStore& to = cells.cell(1);
  const std::vector<MailboxRow> mail{letter(20, 3, 1), letter(20, 3, 2)};
  const Instant read = *to.database_now();
  CHECK(*to.carry_in(mail, read));
  CHECK(to.mailbox({})->size() == 2);
  CHECK(*to.carry_in(mail, read));
  CHECK(to.mailbox({})->size() == 2);
  // Consumed, and brought once more: it does not come back.
  REQUIRE(to.carried_out({mail[0]}));
  CHECK(*to.carry_in(mail, read));
  CHECK(to.mailbox({})->size() == 1);
  // Forgotten after an hour, when nothing is left of it; a carrier that slept so long is told so
  // and takes nothing.
  REQUIRE(to.forget_carried({20}, {3}));
  CHECK(to.counts().carried == 2);
  us += kRememberCarriedUs + 1;
  REQUIRE(to.forget_carried({21}, {3}));
  REQUIRE(to.forget_carried({20}, {4}));
  CHECK(to.counts().carried == 2);
  REQUIRE(to.forget_carried({20}, {3}));
  CHECK(to.counts().carried == 0);
  CHECK(!*to.carry_in(mail, read));
  CHECK(to.counts().carried == 0);
  CHECK(to.mailbox({})->size() == 1);
  us += 1;
  CHECK(*to.carry_in(mail, Instant{us - kCarryWithinUs}));
}

TEST_CASE(
    "cells: what was carried is remembered for as long as its sender's database may still hold "
    "it") {
  CellStores cells(2);
  std::int64_t us = 1'700'000'000'000'000;
  cells.use_clock([&] { return Instant{us}; });
  std::int64_t monotonic = 1'000'000;
  use_virtual_clock(&monotonic);
  MemoryStore& from = cells.cell(0);
  const auto claimed = from.claim({.owner = "a", .lanes = {3}});
  Flush flush;
  flush.lanes = {{3, claimed->front().epoch, claimed->front().head}};
  flush.mail = {letter(20, 3, 1)};
  REQUIRE(from.flush(flush).kind == FlushResult::Kind::kCommitted);
  from.lose_carried_out(1'000);
  const auto look = [&] {
    us += 600'000'000;
    monotonic += 600'000'000;
    return static_cast<Store&>(cells).mailbox({.to = {20}, .not_from = {}});
  };
  REQUIRE(look()->size() == 1);
  REQUIRE(cells.cell(1).carried_out({letter(20, 3, 1)}));  // consumed by its receiver
  for (int i = 0; i < 20; ++i) CHECK(look()->empty());  // for hours it is carried again and again
  from.lose_carried_out(0);
  for (int i = 0; i < 20; ++i) CHECK(look()->empty());
  CHECK(cells.counts().carried == 0);
  CHECK(cells.counts().mail == 0);
  use_virtual_clock(nullptr);
}

TEST_CASE("cells: one is away while the other goes on, and nothing of it is lost") {
  const std::size_t away = GENERATE(0u, 1u), other = 1 - away;
  Nodes nodes(more(), 2);
  auto& a = nodes.open("a");
  nodes.run(500);
  // Those that wait for an event of the other cell.
  std::vector<SagaId> waiting;
  const std::string there = order_in(nodes, away, "there"), here = order_in(nodes, other, "here");
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(
        nodes.start("a", nodes.request("await_payment", "order", i % 2 == 0 ? there : here))->saga);
  }
  nodes.run(1'000);
  nodes.store.cell(away).set_down(true);

  std::size_t refused = 0;
  for (int i = 0; i < 20; ++i) {
    const auto saga = nodes.start("a", nodes.request("buy", "item", "lamp"));
    if (!saga) {  // until it is known
      ++refused;
      CHECK((saga.error().code == ErrorCode::kUnavailable ||
             saga.error().code == ErrorCode::kInDoubt));
      continue;
    }
    CHECK(cell_of(nodes.store.instance(saga->saga)->lane) == other);
    nodes.until([&] { return nodes.status(saga->saga) == "completed"; });
  }
  CHECK(refused <= 1);
  REQUIRE(nodes.publish("a", here, 5));
  nodes.run(20'000);  // past all leases
  CHECK(a.engine->ready());
  CHECK(a.engine->nodes().size() == 1);
  for (Lane lane = 0; lane < 32; ++lane) CHECK(a.engine->holder(lane).mine);
  for (int i = 0; i < 8; ++i) {
    const auto row = nodes.store.instance(waiting[static_cast<std::size_t>(i)]);
    if (cell_of(row->lane) == other && i % 2 == 1)
      CHECK(row->status == "completed");
    else
      CHECK(row->status == "running");
  }
  const auto late = nodes.publish("a", there, 5);
  CHECK(!late);

  nodes.store.cell(away).set_down(false);
  nodes.run(3'000);
  REQUIRE(nodes.publish("a", there, 5));
  all_are(nodes, waiting, "completed");
  nodes.until([&] { return nodes.store.counts().mail == 0; });
  const auto saga = nodes.start("a", nodes.request("buy", "item", "again", "a key"));
  REQUIRE(saga);
  nodes.until([&] { return nodes.status(saga->saga) == "completed"; });
  in_their_cells(nodes);
}

TEST_CASE("cells: two nodes, one dies with mail half carried, and a cell is away for a while") {
  Nodes nodes(more(), 2);
  nodes.open("a");
  nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  std::vector<SagaId> parents;
  const auto start = [&](const std::string& at, int count) {
    for (int i = 0; i < count; ++i) {
      const auto saga = nodes.start(at, nodes.request("trip", "item", "x"));
      if (saga) parents.push_back(saga->saga);
    }
  };
  start("a", 20);
  start("b", 20);
  for (std::size_t cell = 0; cell < 2; ++cell) nodes.store.cell(cell).lose_carried_out(30);
  nodes.run(150);
  nodes.die("b", true);
  nodes.until([&] { return nodes.lanes_of("a") == 32; });
  nodes.store.cell(1).set_down(true);
  start("a", 10);
  nodes.run(5'000);
  nodes.store.cell(1).set_down(false);
  all_are(nodes, parents, "completed");
  nodes.until([&] { return nodes.store.counts().mail == 0; });
  CHECK(of_workflow(nodes, "stay").size() == of_workflow(nodes, "trip").size());
  CHECK(parents.size() >= 49);
  in_their_cells(nodes);
}

TEST_CASE(
    "cells: a node that comes while a cell is away takes what is there, and the rest when it is "
    "back") {
  Nodes nodes(shop(), 2);
  nodes.open("a");
  nodes.stop("a");
  nodes.store.cell(1).set_down(true);
  const auto opened = nodes.open_uninstalled("b");
  CHECK(nodes.lanes_of("b") == 16);
  nodes.run(3'000);
  for (Lane lane = 0; lane < 32; ++lane) CHECK(opened->holder(lane).mine == (cell_of(lane) == 0));
  nodes.store.cell(1).set_down(false);
  CHECK(nodes.until([&] { return nodes.lanes_of("b") == 32; }) <= 5'000);
  nodes.until([&] { return opened->holder(31).mine; });
}

TEST_CASE(
    "cells: an event that is published after a start was answered is not too early, whatever the "
    "clocks say") {
  const std::int64_t apart_us = GENERATE(-4'000'000, 4'000'000);
  Nodes nodes(shop(), 2);
  nodes.store.cell(1).advance(apart_us);
  nodes.open("a");
  std::vector<SagaId> sagas;
  for (int i = 0; i < 24; ++i) {
    const std::string order = "o" + std::to_string(i);
    const auto saga = nodes.start("a", nodes.request("await_payment", "order", order));
    REQUIRE(saga);
    REQUIRE(nodes.publish("a", order, 1));
    sagas.push_back(saga->saga);
  }
  all_are(nodes, sagas, "completed");
}

TEST_CASE(
    "cells: definitions are read from whichever has them, and refused when one says otherwise") {
  CellStores cells(2);
  Store& store = cells;
  REQUIRE(store.put_definition("buy", 1, "h1", "graph"));
  REQUIRE(cells.cell(1).put_definition("pay", 1, "h2", "other"));
  CHECK(*store.get_definition("h2") == "other");
  CHECK(store.get_definition("h3").error().code == ErrorCode::kNotFound);
  CHECK(store.put_definition("pay", 1, "h9", "changed").error().code == ErrorCode::kConflict);
  cells.cell(0).set_down(true);
  CHECK(*store.get_definition("h1") == "graph");
  CHECK(store.get_definition("h3").error().code == ErrorCode::kUnavailable);
  CHECK(store.find_saga("acme", "0190d6a8-0000-7000-8000-00000000abcd").error().code ==
        ErrorCode::kUnavailable);
}

TEST_CASE("cells: claims take the dearest first, wherever they lie") {
  CellStores cells(2, 2);
  Store& store = cells;
  CHECK(store.writers() == 4);
  CHECK(store.cell_of(15) == 0);
  CHECK(store.cell_of(16) == 1);
  for (Lane lane = 0; lane < 32; ++lane)
    CHECK(store.cell_of_writer(store.writer_of(lane)) == cell_of(lane));
  REQUIRE(store.claim({.owner = "x", .lanes = {30, 1}}));
  const auto claimed = store.claim({.owner = "a", .lanes = {30, 2, 20, 1, 21, 3}, .at_most = 3});
  REQUIRE(claimed);
  std::vector<Lane> lanes;
  for (const ClaimedLane& lane : *claimed) lanes.push_back(lane.lane);
  CHECK(lanes == std::vector<Lane>{2, 20, 21});
  CHECK(store.beat({.name = "a", .lease_ms = 5'000})->lanes.size() == 32);
  CHECK(store.beat({.name = "b", .lease_ms = 5'000})->nodes.size() == 1);
}
