// Mail for another node's lane: who has sent it tells that node, which looks at once. Nothing
// depends on it.
#include "tests/runtime/nodes_harness.h"

using namespace belay::testing;

namespace {

// How long trips take whose room is kept by the other node, all of them, in milliseconds.
std::int64_t trips(Nodes& nodes, int count) {
  std::int64_t crossed_ms = 0;
  int crossed = 0;
  std::set<SagaId> known;
  for (const SagaId& room : of_workflow(nodes, "stay")) known.insert(room);
  for (int i = 0; crossed < count; ++i) {
    const auto trip = nodes.start("a", nodes.request("trip", "item", "room " + std::to_string(i)));
    REQUIRE(trip);
    const std::int64_t ms = nodes.until([&] { return nodes.status(trip->saga) == "completed"; });
    std::vector<SagaId> rooms = of_workflow(nodes, "stay");
    std::erase_if(rooms, [&](const SagaId& room) { return !known.insert(room).second; });
    REQUIRE(rooms.size() == 1);
    const auto lane_of = [&](const SagaId& saga) { return nodes.store.instance(saga)->lane; };
    if (nodes.holder(lane_of(trip->saga)) == nodes.holder(lane_of(rooms.front()))) continue;
    crossed_ms += ms;
    ++crossed;
  }
  return crossed_ms;
}

}  // namespace

TEST_CASE("nodes: a child in another node's lane is there at once when that node is told") {
  Nodes nodes(more());
  nodes.open("a");
  nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  nodes.run(2'000);  // both have heard who holds what
  int told = 0;
  bool reaches = true;
  for (const std::string name : {"a", "b"}) {
    nodes.at(name).engine->on_mail([&nodes, &told, &reaches, name](const LaneHolder& holder) {
      CHECK(holder.node != name);
      CHECK(holder.address == "http://" + holder.node + ":8080");
      ++told;
      if (reaches) nodes.at(holder.node).engine->look_for_mail();
    });
  }
  constexpr int kTrips = 12;
  const std::int64_t at_once = trips(nodes, kTrips);
  CHECK(told >= 2 * kTrips);  // the child is asked for, and answers
  CHECK(at_once < kTrips * 100);
  const int told_before = told;
  reaches = false;  // each is lost
  const std::int64_t polled = trips(nodes, kTrips);
  CHECK(told > told_before);
  INFO(at_once << " ms told, " << polled << " ms not told");
  CHECK(polled > 2 * at_once);
  nodes.until([&] { return nodes.store.counts().mail == 0; });
}

TEST_CASE("nodes: much mail in a short time is told a few times, and no node is told of its own") {
  Nodes nodes(more());
  nodes.open("a");
  nodes.open("b");
  nodes.balanced({{"a", 16}, {"b", 16}});
  nodes.run(2'000);  // both have heard who holds what
  std::int64_t told = 0;
  for (const std::string name : {"a", "b"}) {
    nodes.at(name).engine->on_mail([&](const LaneHolder& holder) {
      ++told;
      nodes.at(holder.node).engine->look_for_mail();
    });
  }
  std::vector<SagaId> all;
  std::size_t answered = 0;
  for (int i = 0; i < 300; ++i) {
    nodes.at("a").engine->start(nodes.request("trip", "item", "room " + std::to_string(i)),
                                [&](Result<StartReply> reply) {
                                  ++answered;
                                  if (reply) all.push_back(reply->saga);
                                });
  }
  const std::int64_t ms = nodes.until([&] {
    return answered == 300 && std::all_of(all.begin(), all.end(), [&](const SagaId& saga) {
             return nodes.status(saga) == "completed";
           });
  });
  CHECK(all.size() == 300);
  CHECK(told <= 2 * (ms / 20 + 2));
  whole(nodes);
}
