// Samples fit their types, differ by owner, and never change.
#include "runtime/simulator/samples.h"

#include "runtime/base/json_value.h"
#include "tests/catch.h"

using namespace belay::interpreter;
using namespace belay::runtime::simulator;

namespace {

const SampleContext kContext{{1'800'000'000'000'000}, "hold"};

void check(Type type, const std::string& expected) {
  const Value value = sample(type, "field", kContext);
  CHECK(to_text(value) == expected);
  CHECK(belay::runtime::coerce(type, value).has_value());  // the edge of the runtime would take it
}

Type of(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

}  // namespace

TEST_CASE("samples fit their types") {
  using Base = Type::Base;
  check(of(Base::kMoney), "EUR 49.90");
  check(of(Base::kEmail), "\"ada@example.com\"");
  check(of(Base::kText), "\"hold_field\"");
  check(of(Base::kDate), "\"2027-01-15\"");
  check(of(Base::kTimestamp), "2027-01-15T09:00:00Z");
  check(of(Base::kDuration), "10 minutes");
  check(of(Base::kBool), "true");
  Type seats = of(Base::kInt);
  seats.min = 3;
  seats.max = 9;
  check(seats, "3");
  Type below = of(Base::kInt);
  below.min = -5;
  below.max = -2;
  check(below, "-2");
  Type choice = of(Base::kOneOf);
  choice.options = {"no", "yes"};
  check(choice, "\"no\"");
  Type list = of(Base::kList);
  list.element = {seats};
  check(list, "[3]");
  Type shorter = of(Base::kText);
  shorter.size_max = 4;
  check(shorter, "\"hold\"");
  Type pattern = of(Base::kText);
  pattern.pattern = "[A-Z]{3}-[0-9]{2,4}(x|y)?";
  check(pattern, "\"AAA-00x\"");
  Type record = of(Base::kRecord);
  record.record = "Slot";
  record.fields = {{"from", of(Base::kTimestamp)}, {"to", of(Base::kTimestamp)}};
  check(record, "{\"from\": 2027-01-15T09:00:00Z, \"to\": 2027-01-15T10:00:00Z}");
}

TEST_CASE("a sample of a pattern, or none") {
  CHECK(sample_of_pattern("DE[0-9]+") == "DE0");
  CHECK(sample_of_pattern("^(a|b)c$") == "ac");
  CHECK(sample_of_pattern("\\d{4}-\\d{2}") == "1111-11");
  CHECK(sample_of_pattern("a.b\\.c") == "aab.c");
  CHECK(sample_of_pattern("[^x]").empty());
  CHECK(sample_of_pattern("(?i)x").empty());
  CHECK(sample_of_pattern("\\bword").empty());
  CHECK(sample_of_pattern("(((").empty());
}

TEST_CASE("ids differ by name and owner, and stay the same") {
  const Type uuid = of(Type::Base::kUuid);
  const auto id = [&](const char* name, const char* owner) {
    return sample(uuid, name, {{0}, owner}).as_string();
  };
  CHECK(id("a", "x") == id("a", "x"));
  CHECK(id("a", "x") != id("b", "x"));
  CHECK(id("a", "x") != id("a", "y"));
  CHECK(belay::runtime::coerce(uuid, sample(uuid, "a", kContext)).has_value());
}
