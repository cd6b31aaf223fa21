// Snapshots survive being written and read, and those of another format are turned away.
#include "runtime/base/state_json.h"

#include "tests/catch.h"
#include "tests/runtime/json_generators.h"

using namespace belay::runtime;
using namespace belay::interpreter;
using belay::runtime::testing::Random;

TEST_CASE("generated states come back as they were") {
  const Graph graph = belay::runtime::testing::a_graph();
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    const State state = Random(seed).state();
    const std::string json = encode_state(graph, state);
    const auto back = decode_state(graph, json);
    INFO("seed " << seed << ": " << json);
    INFO((back ? "" : back.error().message));
    REQUIRE(back);
    REQUIRE(*back == state);
  }
  CHECK(encode_state(graph, State{}) == R"({"format":3})");
}

TEST_CASE("another format is told apart from damage") {
  const Graph graph = belay::runtime::testing::a_graph();
  CHECK(decode_state(graph, R"({"format":1,"anything":1})").error().code ==
        ErrorCode::kUnsupported);
  CHECK(decode_state(graph, R"({"format":3,"ready":["nowhere"]})").error().code ==
        ErrorCode::kCorrupt);
  CHECK(decode_state(graph, R"({"format":3,"activities":[1]})").error().code ==
        ErrorCode::kCorrupt);
  CHECK(decode_state(graph, "").error().code == ErrorCode::kCorrupt);
}
