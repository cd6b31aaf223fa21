// Lines, heads and recovery of the text form: what a bad line costs, and what it keeps.
#include "tests/dsl/read_support.h"

using namespace belay::dsl;
using namespace belay::dsl::testing;

namespace {

// Reading `body` below a workflow earns these codes, in order.
void check(const std::string& body, const std::vector<std::string>& codes) {
  const ReadResult read = testing::read("f.belay", "belay 1\nworkflow w, version 1\n" + body);
  INFO(read.rendered);
  std::vector<std::string> found;
  for (const Diagnostic& d : read.diagnostics.all()) found.emplace_back(d.kind->code);
  CHECK(found == codes);
}

}  // namespace

TEST_CASE("one bad line costs one error and keeps its children") {
  check("  step a\n    do x.y\n", {});
  check("  stpe a\n    do x.y\n      k = 1\n      k = 2\n", {"BEL1030", "BEL1034"});
  check("  when a is (1\n    step b\n", {"BEL1024", "BEL1038"});
  check("  step a\n    do x.y\n      k = (1\n    retri careful\n", {"BEL1024", "BEL1030"});
}

TEST_CASE("an expression ends at a comma outside brackets, and goes on inside them") {
  check("  set a = max(1,\n    2)\n", {});
  check("  set a = {\n    \"x\": 1\n  }\n  set b = 1\n", {});
  check("  set a = 1, 2\n", {"BEL1036"});
  check("  set a = \"a, b # c\"  # comment\n", {});
}

TEST_CASE("a head is words only where no argument begins") {
  check("  step a\n    do x.y\n      retry = 1\n      if = 2\n      with = 3\n", {});
  check("  step retry\n    do step.when\n", {});
}
