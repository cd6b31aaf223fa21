// Graphs as bytes and as pictures: what is written is read back, garbage is refused without harm,
// and the pictures of the saga of LANGUAGE.md §3 are golden.
#include "interpreter/graph.h"

#include <random>

#include "dsl/compile.h"
#include "interpreter/graph_codec.h"
#include "tests/catch.h"
#include "tests/dsl/compile_support.h"

namespace belay::interpreter {
namespace {

using dsl::testing::check_golden;

Graph saga() {
  dsl::Compilation c = dsl::compile_sources(
      {{"w/saga.belay", dsl::testing::saga_text()}, {"w/world.belay", dsl::testing::world()}});
  REQUIRE(c.program.graphs.size() == 1);
  return c.program.graphs[0];
}

TEST_CASE("a stored graph is read back whole") {
  const Graph graph = saga();
  const std::string bytes = encode_graph(graph, false);
  Graph read;
  std::string error;
  REQUIRE(decode_graph(bytes, read, error));
  CHECK(encode_graph(read, false) == bytes);
  CHECK(read.hash == graph.hash);
  CHECK(read.title == "Confirm a booking");
  CHECK(read.nodes[0].at == graph.nodes[0].at);
  CHECK(encode_graph(read, true).size() < bytes.size());
}

TEST_CASE("literals of every kind are read back") {
  Graph graph;
  graph.workflow = "w";
  const std::vector<Value> values = {
      Value(),
      Value::boolean(true),
      Value::integer(-5),
      Value::integer(INT64_MIN),
      Value::unsigned_integer(UINT64_MAX),
      Value::real(-0.5),
      Value::string("ä\n"),
      Value::bytes(std::string("\0\xff", 2)),
      Value::list({Value::integer(1), Value::list({})}),
      Value::map({{Value::string("b"), Value::integer(1)}, {Value::string("a"), Value()}}),
      Value::timestamp({-1, 999}),
      Value::duration({-2, -3}),
      Value::money({4990, {'E', 'U', 'R'}}),
      Value::type("int")};
  for (const Value& value : values) {
    Program program;
    program.nodes.push_back({.kind = ExprKind::kLiteral, .literal = value});
    graph.gives.push_back({"x", program});
  }
  Graph read;
  std::string error;
  INFO(error);
  REQUIRE(decode_graph(encode_graph(graph, false), read, error));
  CHECK(read.gives == graph.gives);
}

TEST_CASE("garbage is refused, never believed") {
  const std::string bytes = encode_graph(saga(), false);
  Graph read;
  std::string error;
  CHECK(!decode_graph("", read, error));
  CHECK(error == "not a graph of a format this version can read");
  for (std::size_t size = 0; size < bytes.size(); size += 7)
    CHECK(!decode_graph(bytes.substr(0, size), read, error));
  CHECK(!decode_graph(bytes + "x", read, error));
  std::mt19937 random(1);
  for (int i = 0; i < 3'000; ++i) {
    std::string damaged = bytes;
    for (int k = 0; k < 3; ++k)
      damaged[14 + random() % (damaged.size() - 14)] = static_cast<char>(random());
    Graph other;
    if (decode_graph(damaged, other, error)) {
      CHECK(encode_graph(other, true).size() > 0);  // accepted is well-formed
    } else {
      CHECK(!error.empty());
    }
  }
}

TEST_CASE("every node knows where it stands") {
  const Graph graph = saga();
  const NodeId email = find_node(graph, "email");
  REQUIRE(email != kNoNode);
  const Node& node = graph.nodes[email];
  REQUIRE(node.parent != kNoNode);
  CHECK(graph.nodes[node.parent].kind == NodeKind::kTogether);
  CHECK((*blocks_of(graph.nodes[node.parent])[node.block])[node.position] == email);
  CHECK(graph.nodes[find_node(graph, "hold")].parent == kNoNode);
  CHECK(find_node(graph, "nobody") == kNoNode);
}

TEST_CASE("pictures of the saga") {
  const Graph graph = saga();
  std::string error;
  check_golden("graphs/confirm_booking.dot", draw_graph(graph, dsl::GraphFormat::kDot, error));
  check_golden("graphs/confirm_booking.mmd", draw_graph(graph, dsl::GraphFormat::kMermaid, error));
  check_golden("graphs/confirm_booking.json", draw_graph(graph, dsl::GraphFormat::kJson, error));
  const std::string svg = draw_graph(graph, dsl::GraphFormat::kSvg, error);
  INFO(error);
  CHECK((svg.find("<svg") != std::string::npos || error.starts_with("Graphviz is not installed")));
}

}  // namespace
}  // namespace belay::interpreter
