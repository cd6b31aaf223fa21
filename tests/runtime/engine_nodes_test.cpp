// Several nodes on one store: who gets which lane, what happens when one leaves, dies or wakes up
// too late. What crosses from one to the other is in engine_nodes_mail_test.cpp.
#include <chrono>
#include <future>
#include <thread>

#include "tests/runtime/nodes_harness.h"

using namespace belay::testing;
using interpreter::FailureKind;

TEST_CASE("nodes: lanes are shared fairly, and handed over as nodes come and go") {
  Nodes nodes;
  nodes.open("a");
  CHECK(nodes.lanes_of("a") == 32);
  nodes.open("b");
  CHECK(nodes.at("b").engine->ready());
  CHECK(nodes.lanes_of("b") == 0);
  // It can start nothing yet, and says who can.
  const auto refused = nodes.start("b", nodes.request("buy", "item", "lamp"));
  if (!refused) {
    CHECK(refused.error().code == ErrorCode::kFenced);
    CHECK(refused.error().lane >= 0);
  }
  nodes.balanced({{"a", 16}, {"b", 16}});
  nodes.open("c");
  nodes.until([&] {
    return nodes.lanes_of("a") <= 11 && nodes.lanes_of("b") <= 11 && nodes.lanes_of("c") >= 10;
  });
  nodes.run(2'000);
  CHECK(nodes.lanes_of("a") + nodes.lanes_of("b") + nodes.lanes_of("c") == 32);
  for (const std::string name : {"a", "b", "c"}) CHECK(nodes.lanes_of(name) >= 10);
  for (Lane lane = 0; lane < 32; ++lane)
    CHECK(nodes.store.crashes(lane) == 1);  // the present claim: all else was clean

  // Everybody says the same of everybody.
  for (const std::string name : {"a", "b", "c"}) {
    const auto views = nodes.at(name).engine->nodes();
    REQUIRE(views.size() == 3);
    for (const NodeView& view : views) {
      CHECK(view.lanes == nodes.lanes_of(view.node));
      CHECK(view.address == "http://" + view.node + ":8080");
      CHECK(view.me == (view.node == name));
      CHECK(view.lease_ms > 0);
    }
    for (Lane lane = 0; lane < 32; ++lane)
      CHECK(nodes.at(name).engine->holder(lane).node == nodes.holder(lane));
  }

  nodes.stop("c");
  CHECK(nodes.until([&] { return nodes.lanes_of("a") == 16 && nodes.lanes_of("b") == 16; }) <=
        1'000);
  CHECK(nodes.at("a").engine->nodes().size() == 2);
  for (Lane lane = 0; lane < 32; ++lane) CHECK(nodes.store.crashes(lane) == 1);
}

TEST_CASE("nodes: who comes to a quiet place keeps what it has") {
  Nodes nodes;
  nodes.open("a");
  nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  std::vector<std::string> before;
  for (Lane lane = 0; lane < 32; ++lane) before.push_back(nodes.holder(lane));
  nodes.run(60'000);
  for (Lane lane = 0; lane < 32; ++lane)
    CHECK(nodes.holder(lane) == before[static_cast<std::size_t>(lane)]);
}

TEST_CASE(
    "nodes: the lanes of a dead node are taken when their leases are over, at once when it is seen "
    "to be dead") {
  const bool seen = GENERATE(true, false);
  Nodes nodes;
  nodes.open("a");
  auto& b = nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  b.runner.hold("charge");
  std::vector<SagaId> sagas;
  for (int i = 0; i < 20; ++i) {
    const auto reply = nodes.start("b", nodes.request("buy", "item", "lamp"));
    REQUIRE(reply);
    CHECK(nodes.holder(nodes.store.instance(reply->saga)->lane) == "b");  // its id was picked so
    sagas.push_back(reply->saga);
  }
  nodes.until([&] { return b.runner.count("charge") == 20; });
  nodes.die("b", seen);
  const std::int64_t took = nodes.until([&] { return nodes.lanes_of("a") == 32; });
  if (seen)
    CHECK(took <= 1'000);
  else
    CHECK((took > 8'000 && took <= 16'000));
  nodes.until([&] {
    return std::all_of(sagas.begin(), sagas.end(),
                       [&](const SagaId& id) { return nodes.status(id) == "completed"; });
  });
  std::size_t crashes = 0;
  for (Lane lane = 0; lane < 32; ++lane) crashes += nodes.store.crashes(lane) == 2 ? 1 : 0;
  CHECK(crashes == 16);
  whole(nodes);
}

TEST_CASE("nodes: a lane is handed over under its sagas") {
  Nodes nodes;
  auto& a = nodes.open("a");
  a.runner.hold("charge");
  std::vector<SagaId> sagas;
  for (int i = 0; i < 64; ++i)
    sagas.push_back(nodes.start("a", nodes.request("buy", "item", "lamp"))->saga);
  nodes.until([&] { return a.runner.count("charge") == 64; });
  std::vector<FakeRunner::Call> calls;
  for (int i = 0; i < 64; ++i) calls.push_back(a.runner.take("charge"));
  auto& b = nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  // Late answers: of lanes that are gone they are nobody's any more, b has asked again.
  for (auto& call : calls) call.done(succeeded("from_a"));
  nodes.until([&] {
    return std::all_of(sagas.begin(), sagas.end(),
                       [&](const SagaId& id) { return nodes.status(id) == "completed"; });
  });
  std::size_t by_b = 0;
  for (const SagaId& id : sagas) {
    const bool at_b = nodes.holder(nodes.store.instance(id)->lane) == "b";
    by_b += at_b ? 1 : 0;
    const auto view = nodes.view("a", id);  // also those of b
    REQUIRE(view);
    CHECK(*view->state.output.find("charge") == Value::string(at_b ? "charge_1" : "from_a"));
    CHECK(view->row.status == "completed");
  }
  CHECK(by_b > 0);
  CHECK(b.runner.count("charge") == by_b);
  CHECK(b.runner.count("reserve") == 0);
  whole(nodes);
}

TEST_CASE("nodes: of a lane that is being handed over nothing more is sent") {
  int seen = 0;  // how often a lane was waiting for its other calls just then
  for (int delay = 700; delay <= 1'600; delay += 100) {
    Nodes nodes;
    auto& a = nodes.open("a");
    a.runner.hold("reserve");
    std::vector<SagaId> sagas;
    for (int i = 0; i < 200; ++i)
      sagas.push_back(nodes.start("a", nodes.request("buy", "item", "lamp"))->saga);
    nodes.until([&] { return a.runner.count("reserve") == 200; });
    auto& b = nodes.open("b");
    nodes.run(delay);
    std::vector<FakeRunner::Call> calls;
    for (int i = 0; i < 200; ++i) calls.push_back(a.runner.take("reserve"));
    for (std::size_t i = 0; i < 200; i += 2) calls[i].done(succeeded("r"));
    nodes.run(20);
    const std::size_t sent = a.runner.count("charge");
    std::size_t held = 0;
    for (std::size_t i = 0; i < 200; i += 2) {
      const SagaId& id = calls[i].call.saga;
      if (nodes.holder(nodes.store.instance(id)->lane) != "a") continue;
      ++held;
      CHECK(entries(nodes, id, "StepSucceeded") > 0);  // recorded it is
    }
    if (sent < held) ++seen;
    nodes.balanced({{"a", 16}, {"b", 16}});
    for (std::size_t i = 1; i < 200; i += 2) calls[i].done(succeeded("r"));
    nodes.until([&] {
      return std::all_of(sagas.begin(), sagas.end(),
                         [&](const SagaId& id) { return nodes.status(id) == "completed"; });
    });
    CHECK(a.runner.count("charge") + b.runner.count("charge") == 200);
  }
  CHECK(seen >= 3);
}

TEST_CASE(
    "nodes: what was asked before a lane was away is not taken for an answer when it is back") {
  Nodes nodes;
  auto& a = nodes.open("a");
  a.runner.hold("charge");
  std::vector<SagaId> sagas;
  for (int i = 0; i < 40; ++i)
    sagas.push_back(nodes.start("a", nodes.request("buy", "item", "lamp"))->saga);
  nodes.until([&] { return a.runner.count("charge") == 40; });
  std::vector<FakeRunner::Call> old;
  for (int i = 0; i < 40; ++i) old.push_back(a.runner.take("charge"));
  auto& b = nodes.open("b");
  b.runner.hold("charge");
  nodes.balanced({{"a", 16}, {"b", 16}});
  nodes.run(1'000);
  std::set<SagaId> away;
  for (const SagaId& id : sagas) {
    if (nodes.holder(nodes.store.instance(id)->lane) == "b") away.insert(id);
  }
  REQUIRE(!away.empty());
  CHECK(b.runner.count("charge") == away.size());
  nodes.stop("b");
  nodes.until(
      [&] { return nodes.lanes_of("a") == 32 && a.runner.count("charge") == 40 + away.size(); });
  for (auto& call : old) call.done(succeeded("old"));
  nodes.run(500);
  for (const SagaId& id : sagas)
    CHECK(nodes.status(id) == (away.contains(id) ? "running" : "completed"));
  for (std::size_t i = 0; i < away.size(); ++i) a.runner.take("charge").done(succeeded("new"));
  nodes.until([&] {
    return std::all_of(sagas.begin(), sagas.end(),
                       [&](const SagaId& id) { return nodes.status(id) == "completed"; });
  });
  for (const SagaId& id : sagas) {
    CHECK(*nodes.view("a", id)->state.output.find("charge") ==
          Value::string(away.contains(id) ? "new" : "old"));
  }
  whole(nodes);
}

TEST_CASE("nodes: calls that end soon enough are recorded before the lane goes") {
  Nodes nodes;
  auto& a = nodes.open("a");
  a.runner.hold("charge");
  std::vector<SagaId> sagas;
  for (int i = 0; i < 32; ++i)
    sagas.push_back(nodes.start("a", nodes.request("buy", "item", "lamp"))->saga);
  nodes.until([&] { return a.runner.count("charge") == 32; });
  auto& b = nodes.open("b");
  b.runner.hold("charge");
  // a is draining its first lane, and all calls come back.
  nodes.run(900);
  for (int i = 0; i < 32; ++i) a.runner.take("charge").done(succeeded("from_a"));
  nodes.balanced({{"a", 16}, {"b", 16}});
  nodes.run(1'000);
  std::size_t asked_twice = b.runner.count("charge");
  CHECK(asked_twice <= 4);  // of lanes that had gone by then
  CHECK(of_workflow(nodes, "buy").size() == 32);
  whole(nodes);
}

TEST_CASE(
    "nodes: one that was stopped past its leases writes nothing and sends nothing when it wakes") {
  Nodes nodes;
  auto& a = nodes.open("a");
  a.runner.hold("charge");
  std::vector<SagaId> sagas;
  for (int i = 0; i < 10; ++i)
    sagas.push_back(nodes.start("a", nodes.request("buy", "item", "lamp"))->saga);
  nodes.until([&] { return a.runner.count("charge") == 10; });
  a.frozen = true;
  auto& b = nodes.open("b");
  nodes.until([&] { return nodes.lanes_of("b") == 32; });
  nodes.until([&] {
    return std::all_of(sagas.begin(), sagas.end(),
                       [&](const SagaId& id) { return nodes.status(id) == "completed"; });
  });
  const auto journal = nodes.store.counts().journal;
  const auto mail = nodes.store.counts().mail;
  const std::size_t sent = a.runner.keys().size();
  b.frozen = true;
  // It wakes, and works with what it believes: outcomes, a start, an event, an act.
  for (int i = 0; i < 10; ++i) a.runner.take("charge").done(succeeded("too_late"));
  std::vector<ErrorCode> heard;
  const auto note = [&](const auto& result) {
    heard.push_back(result ? ErrorCode::kInternal : result.error().code);
  };
  a.engine->start(nodes.request("buy", "item", "other"),
                  [&](Result<StartReply> reply) { note(reply); });
  PublishRequest event;
  event.tenant = "acme";
  event.type = "shop.paid";
  event.key = "o1";
  event.payload =
      interpreter::record({{"order", Value::string("o1")}, {"amount", Value::integer(1)}});
  a.engine->publish(event, [&](Result<PublishReply> reply) { note(reply); });
  for (int i = 0; i < 20; ++i) {  // its loop and its writer, before it hears of b
    a.engine->step_loop();
    a.engine->step_writer(0);
  }
  a.frozen = false;
  nodes.until([&] { return heard.size() == 2; });
  for (const ErrorCode code : heard)
    CHECK((code == ErrorCode::kFenced || code == ErrorCode::kInDoubt));
  CHECK(nodes.store.counts().journal == journal);
  CHECK(nodes.store.counts().mail == mail);
  CHECK(nodes.store.counts().events == 0);
  CHECK(a.runner.keys().size() == sent);
  // And then it is a node like any other: it gets its share again without a restart.
  b.frozen = false;
  nodes.balanced({{"a", 16}, {"b", 16}});
  const auto reply = nodes.start("a", nodes.request("buy", "item", "again"));
  REQUIRE(reply);
  whole(nodes);
}

TEST_CASE("nodes: a lane that brought its process down stays until that is forgiven") {
  Nodes nodes;
  nodes.open("a");
  nodes.die("a", true);
  nodes.open("a");
  nodes.die("a", true);
  nodes.open("a");
  nodes.open("b");
  nodes.run(20'000);
  CHECK(nodes.lanes_of("a") == 32);  // twice: sagas are taken up one by one there
  nodes.until([&] { return nodes.lanes_of("b") == 16; }, 60'000);
  for (Lane lane = 0; lane < 32; ++lane) CHECK(nodes.store.crashes(lane) == 1);
}

TEST_CASE("nodes: a crash is not forgotten because the lane was handed over since") {
  const bool stops = GENERATE(false, true);
  Nodes nodes;
  nodes.open("a");
  nodes.die("a", true);
  nodes.open("b");
  nodes.balanced({{"b", 32}});
  for (Lane lane = 0; lane < 32; ++lane) CHECK(nodes.store.crashes(lane) == 2);
  // Clean, but nobody knows yet whether what brought a down is still in there.
  if (stops) {
    nodes.stop("b");
    nodes.open("c");
    nodes.balanced({{"c", 32}});
  } else {
    nodes.open("c");
    nodes.balanced({{"b", 16}, {"c", 16}});
  }
  for (Lane lane = 0; lane < 32; ++lane) CHECK(nodes.store.crashes(lane) == 2);
  // Whoever lived with it for a while knows.
  nodes.run(62'000);
  for (Lane lane = 0; lane < 32; ++lane) CHECK(nodes.store.crashes(lane) == 1);
  nodes.stop("c");
  if (!stops) nodes.stop("b");
  for (Lane lane = 0; lane < 32; ++lane) CHECK(nodes.store.crashes(lane) == 0);
}

TEST_CASE("nodes: an answer finds who asked, whoever has the lane by now that it asked from") {
  Nodes nodes;
  auto& a = nodes.open("a");
  auto& b = nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  std::vector<std::string> ids;
  std::vector<std::function<void(std::string)>> replies;
  const auto keeps = [&](std::string id, std::string, std::function<void(std::string)> reply) {
    ids.push_back(id);
    replies.push_back(std::move(reply));
  };
  b.engine->on_request(keeps);
  std::vector<Lane> theirs;
  for (Lane lane = 0; lane < 32; ++lane) {
    if (nodes.holder(lane) == "b") theirs.push_back(lane);
  }
  std::map<Lane, Result<std::string>> answers;
  for (const Lane lane : theirs) {
    a.engine->mail_request(lane, "x", [&, lane](Result<std::string> result) {
      answers.emplace(lane, std::move(result));
    });
  }
  nodes.until([&] { return ids.size() == theirs.size(); });
  auto& c = nodes.open("c");
  c.engine->on_request(keeps);  // of lanes that went from b to c
  nodes.until(
      [&] {
        return nodes.lanes_of("a") <= 11 && nodes.lanes_of("b") <= 11 && nodes.lanes_of("c") >= 10;
      },
      9'000);
  nodes.run(1'000);
  std::size_t moved = 0;  // of the lanes that it was asked from
  for (const std::string& id : ids) {
    const std::string from = id.substr(0, id.rfind(':'));
    moved += nodes.holder(std::stoi(from.substr(from.rfind(':') + 1))) != "a" ? 1 : 0;
  }
  CHECK(moved > 0);
  for (const auto& reply : replies) reply("done");
  nodes.until([&] { return answers.size() == theirs.size(); });
  for (const auto& [lane, answer] : answers)
    CHECK((answer ? *answer : to_text(answer.error())) == "done");
  nodes.until([&] { return nodes.store.counts().mail == 0; });
}

TEST_CASE("nodes: one that is stopped waits for the answers that it has asked for") {
  MemoryStore store;
  FakeRunner runner;
  const auto open = [&](const std::string& name) {
    auto opened = Engine::open(store, runner, {.node = name, .address = "http://" + name});
    REQUIRE(opened);
    return std::move(*opened);
  };
  const auto until = [](const std::function<bool()>& holds) {
    for (int i = 0; i < 3'000 && !holds(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    REQUIRE(holds());
  };
  const auto a = open("a"), b = open("b");
  const auto lanes_of = [&](const Engine& engine) {
    std::vector<Lane> lanes;
    for (Lane lane = 0; lane < 32; ++lane) {
      if (engine.holder(lane).mine) lanes.push_back(lane);
    }
    return lanes;
  };
  until([&] { return lanes_of(*a).size() == 16 && lanes_of(*b).size() == 16; });
  std::promise<std::function<void(std::string)>> asked;
  b->on_request([&](const std::string&, const std::string&,
                    std::function<void(std::string)> reply) { asked.set_value(std::move(reply)); });
  std::promise<Result<std::string>> answer;
  a->mail_request(lanes_of(*b).front(), "x",
                  [&](Result<std::string> result) { answer.set_value(std::move(result)); });
  const auto reply = asked.get_future().get();
  std::thread stopping([&] { a->stop(); });
  until([&] { return !a->ready(); });
  reply("done");
  const Result<std::string> got = answer.get_future().get();
  CHECK((got ? *got : to_text(got.error())) == "done");
  stopping.join();
  b->stop();
}

TEST_CASE(
    "nodes: a lane that was claimed twice before it could be read is held once, and goes on") {
  Nodes nodes;
  auto& a = nodes.open("a");
  nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  a.runner.hold("charge");
  std::vector<SagaId> sagas;
  for (int i = 0; i < 20; ++i)
    sagas.push_back(nodes.start("a", nodes.request("buy", "item", "lamp"))->saga);
  nodes.until([&] { return a.runner.count("charge") == 20; });
  nodes.store.set_unreadable(true);
  nodes.die("a", true);
  nodes.until([&] { return nodes.lanes_of("b") == 32; });
  nodes.run(2'000);
  for (Lane lane = 0; lane < 32; ++lane)
    CHECK(nodes.at("b").engine->holder(lane).mine == (nodes.store.crashes(lane) == 1));
  // Longer than the lease that the claim gave: they are free, and claimed again.
  nodes.run(17'000);
  std::size_t twice = 0;
  for (Lane lane = 0; lane < 32; ++lane) twice += nodes.store.crashes(lane) == 3 ? 1 : 0;
  CHECK(twice == 16);
  const bool stops = GENERATE(false, true);
  if (stops) {  // what could not be read is given back, too
    nodes.stop("b");
    CHECK(nodes.lanes_of("b") == 0);
    nodes.store.set_unreadable(false);
    nodes.open("b");
  }
  nodes.store.set_unreadable(false);
  nodes.balanced({{"b", 32}});
  nodes.until([&] {
    return std::all_of(sagas.begin(), sagas.end(),
                       [&](const SagaId& id) { return nodes.status(id) == "completed"; });
  });
  whole(nodes);
}

TEST_CASE(
    "nodes: mail to a lane that is being claimed is not lost between the look into its mailbox and "
    "the claim's end",
    "[one_database]") {
  Nodes nodes;
  nodes.open("a");
  auto& b = nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  std::vector<std::string> orders;
  for (int i = 0; orders.size() < 4; ++i) {
    const std::string order = "o" + std::to_string(i);
    if (nodes.holder(nodes.lane_of_order(order)) == "a") orders.push_back(order);
  }
  const Lane theirs = nodes.lane_of_order(orders.front());
  nodes.die("a", true);
  std::vector<SagaId> sagas;
  for (const std::string& order : orders) {
    b.engine->start(nodes.request("await_payment", "order", order), [&](Result<StartReply> reply) {
      REQUIRE(reply);
      sagas.push_back(reply->saga);
    });
  }
  // Their waits are committed when the mailboxes of the claimed lanes have been read, and not
  // before.
  nodes.store.after_mailbox_read([&](const MailQuery& query) {
    if (std::find(query.to.begin(), query.to.end(), theirs) == query.to.end()) return;
    for (std::size_t i = 0; i < b.engine->writers(); ++i) b.engine->step_writer(i);
  });
  for (int i = 0; i < 2'000 && !b.engine->holder(theirs).mine; ++i) {
    for (int steps = 0; steps < 20; ++steps) {
      b.engine->step_loop();
      b.engine->step_loader();
    }
    nodes.pass(5);
  }
  REQUIRE(b.engine->holder(theirs).mine);
  CHECK(sagas.size() == orders.size());
  nodes.store.after_mailbox_read({});
  nodes.until([&] { return nodes.store.counts().subscriptions == orders.size(); });
  for (const std::string& order : orders) REQUIRE(nodes.publish("b", order, 1));
  nodes.until([&] {
    return std::all_of(sagas.begin(), sagas.end(),
                       [&](const SagaId& id) { return nodes.status(id) == "completed"; });
  });
}
