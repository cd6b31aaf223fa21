// Entries survive being written and read: every kind of fact and drawn thing, every kind of value,
// generated.
#include "runtime/base/journal_json.h"

#include <limits>

#include "tests/catch.h"
#include "tests/runtime/json_generators.h"

using namespace belay::runtime;
using namespace belay::interpreter;
using belay::runtime::testing::Random;

namespace {

template <class T>
Result<Entry> round_trip(const Graph& graph, const T& entry, std::string& body) {
  body = entry_body(graph, entry);
  return decode_entry(
      graph, {entry.seq, entry.version, entry.at, entry.actor, kind_name(entry.fact), body});
}

}  // namespace

TEST_CASE("a body is short and can be read by a person") {
  const Graph graph = belay::runtime::testing::a_graph();
  Entry entry;
  entry.seq = 4;
  entry.fact =
      StepSucceeded{{1, {}}, Direction::kForward, 0, record({{"charge", Value::string("ch_1")}})};
  entry.drawn = {Sent{{2, {}}, Direction::kForward, 0, 0x9f3a5c7712de40b1, ""}};
  CHECK(
      entry_body(graph, entry) ==
      R"({"path":"capture","result":{"charge":"ch_1"},"drawn":[{"sent":"confirm","digest":"9f3a5c7712de40b1"}]})");
  entry.fact = StepFailed{{1, {}},   Direction::kUndo,    2,    FailureKind::kUnsure,
                          "timeout", "no answer in 10 s", true, 0};
  entry.reason = "because";
  entry.drawn = {Held{{1, {}}, Direction::kUndo, HoldReason::kUndoFailed, "ops"}, Ended{}};
  CHECK(
      entry_body(graph, entry) ==
      R"({"path":"capture","direction":"undo","generation":2,"failed":"unsure","error":"timeout","message":"no answer in 10 s","answered":true,"reason":"because","drawn":[{"held":"capture","direction":"undo","reason":"undo_failed","team":"ops"},{"ended":true}]})");
}

TEST_CASE("values of every kind are tagged without loss") {
  const auto check = [](const Value& value, const std::string& json) {
    std::string out;
    append_tagged(value, out);
    CHECK(out == json);
    const auto back = decode_tagged(out);
    REQUIRE(back);
    CHECK(*back == value);
  };
  check(Value(), "null");
  check(Value::integer(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  check(Value::unsigned_integer(7), R"({"$uint":7})");
  check(Value::unsigned_integer(std::numeric_limits<std::uint64_t>::max()),
        R"({"$uint":18446744073709551615})");
  check(Value::real(5), "5.0");
  check(Value::real(-0.0), "-0.0");
  check(Value::real(5e-324), "5e-324");
  check(Value::real(std::numeric_limits<double>::quiet_NaN()), R"({"$double":"NaN"})");
  check(Value::real(-std::numeric_limits<double>::infinity()), R"({"$double":"-Infinity"})");
  check(Value::money({-4990, {'E', 'U', 'R'}}), R"({"$money":[-4990,"EUR"]})");
  check(Value::timestamp({1795262400, 5}), R"({"$ts":"2026-11-21T12:00:00.000000005Z"})");
  check(Value::timestamp({-62135596800, 0}), R"({"$ts":"0001-01-01T00:00:00Z"})");
  check(Value::duration({900, 0}), R"({"$dur":"900s"})");
  check(Value::duration({0, -1}), R"({"$dur":"-0.000000001s"})");
  check(Value::bytes(std::string("\0\xff", 2)), R"({"$bytes":"AP8="})");
  check(Value::string(std::string("a\0", 2)), R"({"$text":"YQA="})");
  check(Value::string("\xff"), R"({"$text":"/w=="})");
  check(Value::type("int"), R"({"$type":"int"})");
  check(record({{"$money", Value::integer(1)}}), R"({"$map":[["$money",1]]})");
  check(Value::map({{Value::integer(1), Value::boolean(true)}, {Value::string("a"), Value()}}),
        R"({"$map":[[1,true],["a",null]]})");
  check(record({{"", Value::list({})}, {"ü\n", Value::map({})}}), R"({"":[],"ü\n":{}})");
}

TEST_CASE("generated values, entries and bodies come back as they were") {
  const Graph graph = belay::runtime::testing::a_graph();
  for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
    INFO("seed " << seed);
    Random random(seed);
    const Value value = random.value(4);
    std::string tagged;
    append_tagged(value, tagged);
    const auto back = decode_tagged(tagged);
    INFO(tagged);
    REQUIRE(back);
    REQUIRE(*back == value);

    const Entry entry = random.entry();
    std::string body;
    const auto read = round_trip(graph, entry, body);
    INFO(body);
    INFO((read ? "" : read.error().message));
    REQUIRE(read);
    REQUIRE(*read == entry);
  }
}

TEST_CASE("what cannot be read is told apart from what is newer") {
  const Graph graph = belay::runtime::testing::a_graph();
  const auto code = [&](std::string_view kind, std::uint16_t version, std::string_view body) {
    const auto entry = decode_entry(graph, {1, version, {1}, "", kind, body});
    return entry ? std::string("fine") : std::string(to_string(entry.error().code));
  };
  CHECK(code("CancelAsked", 1, "{}") == "fine");
  CHECK(code("CancelAsked", 2, "{}") == "unsupported");
  CHECK(code("Teleported", 1, "{}") == "unsupported");
  CHECK(code("CancelAsked", 1, R"({"drawn":[{"teleported":"capture"}]})") == "unsupported");
  CHECK(code("CancelAsked", 1, "") == "corrupt");
  CHECK(code("CancelAsked", 1, "[]") == "corrupt");
  CHECK(code("StepSucceeded", 1, R"({"path":"no_such_step"})") == "corrupt");
  CHECK(code("StepSucceeded", 1, R"({"path":"capture","generation":-1})") == "corrupt");
  CHECK(code("StepSucceeded", 1, R"({"path":"capture","result":{"$money":"x"}})") == "corrupt");
  CHECK(code("StepFailed", 1, R"({"path":"capture","failed":"sort of"})") == "corrupt");
  CHECK(code("StepSucceeded", 1, R"({"path":"capture[","result":1})") == "corrupt");
  // Damage anywhere is noticed or harmless, never a crash.
  Random random(7);
  for (int i = 0; i < 3000; ++i) {
    const Entry entry = random.entry();
    std::string body = entry_body(graph, entry);
    body[random.below(body.size())] = static_cast<char>(random.below(256));
    (void)decode_entry(graph, {1, 1, {1}, "", kind_name(entry.fact), body});
  }
}
