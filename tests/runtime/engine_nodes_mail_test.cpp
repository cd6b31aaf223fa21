// Several nodes on one store: mail, events, keys and requests that cross from one to the other,
// whoever has which lane by then.
#include <chrono>
#include <future>
#include <thread>

#include "tests/runtime/nodes_harness.h"

using namespace belay::testing;
using interpreter::FailureKind;

TEST_CASE("nodes: an event finds who waits, whoever has the one and whoever has the other") {
  Nodes nodes;
  nodes.open("a");
  nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  const bool event_first = GENERATE(false, true);
  std::size_t crossed = 0;
  for (int i = 0; i < 12; ++i) {
    const std::string order = "o" + std::to_string(i);
    const std::string at = nodes.holder(nodes.lane_of_order(order)), other = at == "a" ? "b" : "a";
    const std::string waits_at = i % 3 == 0 ? at : other;
    if (event_first) REQUIRE(nodes.publish(at, order, 5));
    const auto saga = nodes.start(waits_at, nodes.request("late_payment", "order", order));
    REQUIRE(saga);
    if (!event_first) REQUIRE(nodes.publish(at, order, 5));
    nodes.until([&] { return nodes.status(saga->saga) == "completed"; });
    crossed += nodes.holder(nodes.store.instance(saga->saga)->lane) != at ? 1 : 0;
    CHECK(entries(nodes, saga->saga, "EventTaken") == 1);
  }
  CHECK(crossed == 8);
  nodes.until(
      [&] { return nodes.store.counts().mail == 0 && nodes.store.counts().subscriptions == 0; });
  // The other node says where to go, and has written nothing.
  const std::string at = nodes.holder(nodes.lane_of_order("x")), other = at == "a" ? "b" : "a";
  const auto events = nodes.store.counts().events;
  const auto refused = nodes.publish(other, "x", 1, "e1");
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::kFenced);
  CHECK(refused.error().lane == nodes.lane_of_order("x"));
  CHECK(nodes.store.counts().events == events);
  CHECK(nodes.publish(at, "x", 1, "e1"));
  CHECK(nodes.publish(at, "x", 1, "e1")->duplicate);
}

TEST_CASE(
    "nodes: an event that came after a start was answered is not too early, whatever the "
    "database's clock did before") {
  // Either way round; b is told of the step by its opening, by a sign of life, or by nobody yet.
  enum class B { kOpensAfterwards, kWasThere, kHasSeenItFirst };
  const B b = GENERATE(B::kOpensAfterwards, B::kWasThere, B::kHasSeenItFirst);
  const int wait_ms = GENERATE(0, 150, 500, 700);
  Nodes nodes;
  nodes.open("a");
  if (b != B::kOpensAfterwards) {
    nodes.open("b");
    nodes.balanced({{"a", 16}, {"b", 16}});
  }
  nodes.run(5'000);
  if (b == B::kHasSeenItFirst) nodes.at("a").frozen = true;  // and wakes within its leases
  nodes.store.advance(-20'000'000);
  if (b == B::kOpensAfterwards) {
    nodes.run(2'000);
    nodes.open("b");
    nodes.balanced({{"a", 16}, {"b", 16}});
  } else {
    nodes.run(b == B::kHasSeenItFirst ? 3'000 : 0);
  }
  nodes.run(wait_ms);
  nodes.at("a").frozen = false;
  if (cells_of_tests() > 1) {  // what is written in another cell is heard of by signs of life
    nodes.run(1'000);
    for (const std::string name : {"a", "b"})
      REQUIRE(nodes.start(name, nodes.request("buy", "item", "lamp")));
    nodes.run(1'000);
  }
  std::vector<SagaId> sagas;
  for (int i = 0; i < 24; ++i) {
    const std::string order = "o" + std::to_string(i);
    const std::string there = nodes.holder(nodes.lane_of_order(order));
    const auto saga =
        nodes.start(there == "a" ? "b" : "a", nodes.request("await_payment", "order", order));
    REQUIRE(saga);
    REQUIRE(nodes.publish(there, order, 1));
    sagas.push_back(saga->saga);
  }
  nodes.run(5'000);
  for (const SagaId& id : sagas) CHECK(nodes.status(id) == "completed");
}

TEST_CASE("nodes: time that was badly wrong once does not stand still for ever") {
  Nodes nodes;
  nodes.open("a");
  nodes.store.advance(400LL * 24 * 3'600 * 1'000'000);
  nodes.run(1'000);
  REQUIRE(nodes.start("a", nodes.request("buy", "item", "lamp")));
  nodes.store.advance(-400LL * 24 * 3'600 * 1'000'000);
  nodes.stop("a");
  nodes.open("a");
  const auto saga = nodes.start("a", nodes.request("buy", "item", "lamp"));
  REQUIRE(saga);
  CHECK(nodes.store.instance(saga->saga)->created_at.us < 1'700'000'000'000'000 + 60'000'000);
}

TEST_CASE("nodes: children, turns and starts by events cross over") {
  Nodes nodes(more());
  nodes.open("a");
  nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  std::vector<SagaId> parents;
  for (int i = 0; i < 16; ++i) {
    const std::string workflow = i % 2 == 0 ? "trip" : "trip_once";
    parents.push_back(
        nodes
            .start(i % 4 < 2 ? "a" : "b", nodes.request(workflow, "item", "r" + std::to_string(i)))
            ->saga);
  }
  nodes.until([&] {
    return std::all_of(parents.begin(), parents.end(),
                       [&](const SagaId& id) { return nodes.status(id) == "completed"; });
  });
  CHECK(of_workflow(nodes, "stay").size() == 8);
  CHECK(of_workflow(nodes, "stay_once").size() == 8);

  // Undone with their parents.
  for (const std::string name : {"a", "b"}) {
    nodes.at(name).runner.answer("charge", [](const ActionCall&) {
      return failed(FailureKind::kBusiness, "shop.declined");
    });
  }
  std::vector<SagaId> undone;
  for (int i = 0; i < 8; ++i) {
    const std::string workflow = i % 2 == 0 ? "trip" : "trip_once";
    undone.push_back(
        nodes.start("a", nodes.request(workflow, "item", "u" + std::to_string(i)))->saga);
  }
  nodes.until([&] {
    return std::all_of(undone.begin(), undone.end(),
                       [&](const SagaId& id) { return nodes.status(id) == "compensated"; });
  });
  CHECK(nodes.at("a").runner.count("unreserve") + nodes.at("b").runner.count("unreserve") == 8);

  nodes.run(1'200);  // by now everybody has heard who has what
  // In line, one after the other; each start goes to who has the lane of the name.
  std::vector<SagaId> line;
  for (int i = 0; i < 6; ++i) {
    auto start = nodes.start("a", nodes.request("queue", "item", "room 7"));
    if (!start) {
      REQUIRE(start.error().code == ErrorCode::kFenced);
      CHECK(nodes.at("a").engine->holder(start.error().lane).node == "b");
      start = nodes.start("b", nodes.request("queue", "item", "room 7"));
    }
    REQUIRE(start);
    line.push_back(start->saga);
  }
  nodes.until([&] {
    return std::all_of(line.begin(), line.end(),
                       [&](const SagaId& id) { return nodes.status(id) == "completed"; });
  });

  for (int i = 0; i < 10; ++i) {
    const std::string order = "e" + std::to_string(i);
    REQUIRE(nodes.publish(nodes.holder(nodes.lane_of_order(order)), order, 1));
  }
  nodes.until(
      [&] { return of_workflow(nodes, "thank").size() == 10 && nodes.store.counts().mail == 0; });
  CHECK(nodes.store.counts().unclaimed_events == 0);
  whole(nodes);
}

TEST_CASE("nodes: mail is not lost when lanes change hands under it") {
  Nodes nodes(more());
  nodes.open("a");
  std::vector<SagaId> parents;
  for (int i = 0; i < 40; ++i)
    parents.push_back(nodes.start("a", nodes.request("trip", "item", "x"))->saga);
  nodes.open("b");
  for (int i = 0; i < 20; ++i)
    parents.push_back(nodes.start("a", nodes.request("trip", "item", "x"))->saga);
  nodes.open("c");
  for (int i = 0; i < 20; ++i)
    parents.push_back(nodes.start("a", nodes.request("trip", "item", "x"))->saga);
  nodes.run(700);
  nodes.die("b", true);
  nodes.until([&] {
    return std::all_of(parents.begin(), parents.end(),
                       [&](const SagaId& id) { return nodes.status(id) == "completed"; });
  });
  nodes.until([&] { return nodes.store.counts().mail == 0; });
  CHECK(of_workflow(nodes, "stay").size() == 80);
  whole(nodes);
}

TEST_CASE("nodes: what a dead node has sent is found, whenever it died") {
  for (int offset = 0; offset < 40; ++offset) {
    Nodes nodes(more());
    auto& a = nodes.open("a");
    nodes.open("b");
    nodes.balanced({{"a", 16}, {"b", 16}});
    // Looking for mail and hearing of nodes are out of step with each other, each time in another
    // way.
    nodes.run(20 * offset);
    a.frozen = true;
    nodes.run(130);
    a.frozen = false;
    nodes.run(35 * (offset % 23));
    std::vector<SagaId> parents;
    for (int i = 0; i < 3; ++i)
      parents.push_back(nodes.start("b", nodes.request("trip", "item", "x"))->saga);
    nodes.die("b", true);  // a may claim its lanes before it looks for mail again
    nodes.until([&] {
      return std::all_of(parents.begin(), parents.end(),
                         [&](const SagaId& id) { return nodes.status(id) == "completed"; });
    });
    nodes.until([&] { return nodes.store.counts().mail == 0; });
    CHECK(of_workflow(nodes, "stay").size() == 3);
  }
}

TEST_CASE("nodes: a keyed start belongs to one lane, and its key is known everywhere") {
  Nodes nodes;
  nodes.open("a");
  nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  std::map<std::string, int> refused;
  for (int i = 0; i < 10; ++i) {
    const std::string key = "k" + std::to_string(i), item = "lamp" + std::to_string(i);
    for (const bool once : {false, true}) {
      const StartRequest request =
          nodes.request(once ? "buy_once" : "buy", "item", item, (once ? "o" : "n") + key);
      std::optional<SagaId> first;
      for (const std::string name : {"a", "b", "a", "b"}) {
        const auto written = nodes.store.counts().start_keys;
        const auto reply = nodes.start(name, request);
        if (reply) {
          CHECK(reply->created == !first);
          CHECK(first.value_or(reply->saga) == reply->saga);
          first = reply->saga;
          continue;
        }
        ++refused[name];
        REQUIRE(reply.error().code == ErrorCode::kFenced);
        CHECK(nodes.at(name).engine->holder(reply.error().lane).node != name);
        CHECK(nodes.holder(reply.error().lane) != name);
        CHECK(nodes.store.counts().start_keys == written);
      }
      REQUIRE(first);
    }
  }
  CHECK(refused["a"] > 0);
  CHECK(refused["b"] > 0);
  // The key of a start that lies with its `once per` value is known to a start that goes elsewhere.
  for (int i = 0; i < 10; ++i) {
    for (const std::string workflow : {"buy", "buy_once"}) {
      StartRequest other =
          nodes.request(workflow, "item", "another" + std::to_string(i), "ok" + std::to_string(i));
      auto reply = nodes.start("a", other);
      if (!reply && reply.error().code == ErrorCode::kFenced) reply = nodes.start("b", other);
      REQUIRE(!reply);
      CHECK(reply.error().code == ErrorCode::kKeyReused);
    }
  }
}

TEST_CASE("nodes: a request by mail is carried out by who has the lane, once, and answered") {
  Nodes nodes;
  auto& a = nodes.open("a");
  auto& b = nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  Lane lane = 0;
  while (nodes.holder(lane) != "b") ++lane;
  std::vector<std::string> ids;
  std::vector<std::function<void(std::string)>> replies;
  b.engine->on_request(
      [&](std::string id, std::string body, std::function<void(std::string)> reply) {
        ids.push_back(id);
        if (body == "echo") return reply("echoed");
        replies.push_back(std::move(reply));
      });
  const auto ask = [&](const std::string& body) {
    return nodes.answer<std::string>(
        [&](auto done) { a.engine->mail_request(lane, body, std::move(done)); });
  };
  const auto answer = ask("echo");
  REQUIRE(answer);
  CHECK(*answer == "echoed");
  nodes.until([&] { return nodes.store.counts().mail == 0; });
  CHECK(ids.size() == 1);

  // Nobody answers: in doubt, after a while.
  std::optional<Result<std::string>> slow;
  a.engine->mail_request(lane, "slow",
                         [&](Result<std::string> result) { slow = std::move(result); });
  nodes.until([&] { return ids.size() == 2; });
  const std::int64_t waited = nodes.until([&] { return slow.has_value(); });
  CHECK(waited >= 14'000);
  CHECK(slow->error().code == ErrorCode::kInDoubt);
  CHECK(ids.size() == 2);  // told once in an epoch

  // The lane's holder dies over it: who has the lane then hears it again under the same name.
  std::vector<std::string> again;
  a.engine->on_request([&](std::string id, std::string, std::function<void(std::string)> reply) {
    again.push_back(id);
    reply("late");
  });
  nodes.die("b", true);
  nodes.until([&] { return again.size() == 1; });
  CHECK(again.front() == ids[1]);
  nodes.until([&] { return nodes.store.counts().mail == 0; });

  CHECK(!nodes.answer<std::string>(
      [&](auto done) { a.engine->mail_request(99, "x", std::move(done)); }));
}

TEST_CASE("nodes: one alone never reads its mail from the table", "[one_database]") {
  Nodes nodes(more());
  auto& a = nodes.open("a");
  nodes.run(2'000);
  const std::size_t reads = nodes.store.mailbox_reads();
  for (int i = 0; i < 5; ++i) {
    const SagaId trip = nodes.start("a", nodes.request("trip", "item", "x"))->saga;
    nodes.until([&] { return nodes.status(trip) == "completed"; });
  }
  nodes.run(5'000);
  CHECK(nodes.store.mailbox_reads() == reads);
  CHECK(a.engine->stats().completed == 10);
  CHECK(nodes.store.counts().mail == 0);
}
