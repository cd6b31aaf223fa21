// Erasing over the API: who may, when, and what is said.
#include "tests/runtime/api_fake.h"

using namespace belay::runtime;
using namespace belay::runtime::test;

namespace {

std::string ended(Bench& bench) {
  const std::string id = bench.start();
  StepFailed taken;
  taken.path = parse_path(*bench.engine.sagas.at(id).graph, "hold");
  taken.kind = FailureKind::kBusiness;
  taken.error = "room.taken";
  bench.engine.record(id, taken);
  REQUIRE(bench.engine.sagas.at(id).state.ended());
  return id;
}

}  // namespace

TEST_CASE("erasing needs an ended saga with private values, and a reason") {
  Bench bench;
  const HttpResponse running =
      bench.call("eraseSaga", {{"id", bench.start()}}, R"({"reason":"asked"})");
  CHECK(running.status == 409);
  CHECK(Bench::code(running) == "not_allowed_now");
  const std::string id = ended(bench);
  CHECK(bench.call("eraseSaga", {{"id", id}}, "{}").status == 422);
  CHECK(bench.call("eraseSaga", {{"id", id}}, R"({"reason":" "})").status == 422);
  const HttpResponse trip =
      bench.call("startSaga", {}, R"({"workflow":"travel","input":{"traveller":"ann"}})");
  const HttpResponse plain = bench.call("eraseSaga", {{"id", Bench::text(Bench::json(trip), "id")}},
                                        R"({"reason":"asked"})");
  CHECK(plain.status == 409);
  CHECK(plain.body.find("nothing of this saga is private") != std::string::npos);
  CHECK(bench.reader.erased.empty());
}

TEST_CASE("a dry run erases nothing; the act says why to whoever looks later") {
  Bench bench;
  const std::string id = ended(bench);
  const HttpResponse dry =
      bench.call("eraseSaga", {{"id", id}}, R"({"reason":"asked"})", {{"dry_run", "true"}});
  CHECK(dry.status == 200);
  INFO(dry.body);
  CHECK(dry.body.find("(private)") != std::string::npos);
  CHECK(dry.body.find("entries of its history") != std::string::npos);
  CHECK(bench.reader.erased.empty());
  const HttpResponse done = bench.call("eraseSaga", {{"id", id}}, R"({"reason":"asked"})");
  INFO(done.body);
  CHECK(done.status == 200);
  CHECK(Bench::json(done).find("erased")->as_bool());
  CHECK(bench.reader.erased == std::vector<std::string>{id + ": asked"});
}

TEST_CASE("what was shown is what is erased: If-Match holds where it is sent") {
  Bench bench;
  const std::string id = ended(bench);
  const std::string seq = std::to_string(bench.engine.sagas.at(id).state.seq);
  const HttpResponse stale =
      bench.call("eraseSaga", {{"id", id}}, R"({"reason":"asked"})", {}, {{"If-Match", "\"1\""}});
  INFO(stale.body);
  CHECK(stale.status == 412);
  CHECK(bench.reader.erased.empty());
  const HttpResponse done = bench.call("eraseSaga", {{"id", id}}, R"({"reason":"asked"})", {},
                                       {{"If-Match", "\"" + seq + "\""}});
  INFO(done.body);
  CHECK(done.status == 200);
  CHECK(bench.reader.erased.size() == 1);
}
