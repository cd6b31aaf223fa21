// Acts over the API: a reason, the state that was shown, once, previews, and refusals with a way
// out.
#include "tests/runtime/api_fake.h"

using namespace belay::runtime;
using namespace belay::runtime::test;

namespace {

std::string tag(const Bench& bench, const std::string& id) {
  return api::etag(bench.engine.sagas.at(id).state.seq);
}

// The act on a saga whose charge may have happened earns this status and code, and changes nothing.
void check_refused(const std::string& route, const std::string& path, const std::string& body,
                   int status, const std::string& code) {
  Bench bench;
  const std::string id = bench.start_held();
  const std::uint64_t seq = bench.engine.sagas.at(id).state.seq;
  std::map<std::string, std::string> params{{"id", id}};
  if (!path.empty()) params["path"] = path;
  const HttpResponse response = bench.call(route, params, body, {}, {{"If-Match", tag(bench, id)}});
  INFO(route << " " << body << " → " << response.body);
  CHECK(response.status == status);
  CHECK(Bench::code(response) == code);
  CHECK(bench.engine.sagas.at(id).state.seq == seq);
}

}  // namespace

TEST_CASE("without If-Match an act is refused, with a preview and the ETag to send") {
  Bench bench;
  const std::string id = bench.start_held();
  const HttpResponse response = bench.call("cancelSaga", {{"id", id}}, R"({"reason":"test"})");
  CHECK(response.status == 428);
  CHECK(Bench::code(response) == "precondition_required");
  CHECK(Bench::header_of(response, "ETag") == tag(bench, id));
  const Value problem = Bench::json(response);
  CHECK(problem.find("preview") != nullptr);
  CHECK(!problem.find("allowed_actions")->as_list().empty());
}

TEST_CASE("a dry run tells what would happen and does nothing") {
  Bench bench;
  const std::string id = bench.start_held();
  const std::uint64_t seq = bench.engine.sagas.at(id).state.seq;
  const HttpResponse response = bench.call(
      "resolveStep", {{"id", id}, {"path", "charge"}},
      R"({"reason":"looked","happened":false,"evidence":"ledger"})", {{"dry_run", "true"}});
  INFO(response.body);
  REQUIRE(response.status == 200);
  CHECK(Bench::json(response).find("preview")->find("allowed")->as_bool());
  CHECK(Bench::header_of(response, "ETag") == api::etag(seq));
  CHECK(bench.engine.sagas.at(id).state.seq == seq);
}

TEST_CASE("an act applies once to the state that was shown, and is told who and why") {
  Bench bench;
  const std::string id = bench.start_held();
  const std::string shown = tag(bench, id);
  const std::string body =
      R"({"reason":"the bank says so","happened":true,"result":{"charge":"ch_1"},"evidence":"ticket 7"})";
  const HttpHeaders headers{{"If-Match", shown}, {"Idempotency-Key", "k-1"}};
  const HttpResponse first =
      bench.call("resolveStep", {{"id", id}, {"path", "charge"}}, body, {}, headers);
  INFO(first.body);
  REQUIRE(first.status == 200);
  const std::uint64_t seq = bench.engine.sagas.at(id).state.seq;
  CHECK(Bench::header_of(first, "ETag") == api::etag(seq));
  CHECK(Bench::text(Bench::json(first), "status") == "completed");
  const HttpResponse again =
      bench.call("resolveStep", {{"id", id}, {"path", "charge"}}, body, {}, headers);
  CHECK(again.status == 200);
  CHECK(Bench::json(again).find("repeated")->as_bool());
  CHECK(bench.engine.sagas.at(id).state.seq == seq);
  const HttpResponse other =
      bench.call("cancelSaga", {{"id", id}}, R"({"reason":"x"})", {}, headers);
  CHECK(other.status == 422);
  CHECK(Bench::code(other) == "key_reused");
  CHECK(Bench::json(bench.call("getHistory", {{"id", id}}))
            .find("entries")
            ->as_list()
            .back()
            .find("reason")
            ->as_string() == "the bank says so");
}

TEST_CASE("an act on a state that is no longer is refused with how it is now") {
  Bench bench;
  const std::string id = bench.start_held();
  const HttpResponse response =
      bench.call("cancelSaga", {{"id", id}}, R"({"reason":"x"})", {}, {{"If-Match", "\"1\""}});
  CHECK(response.status == 412);
  CHECK(Bench::code(response) == "stale");
  CHECK(Bench::header_of(response, "ETag") == tag(bench, id));
  CHECK(Bench::json(response).find("preview") != nullptr);
}

TEST_CASE("an act that the state does not allow says what is allowed") {
  Bench bench;
  const std::string id = bench.start_held();
  const HttpResponse response = bench.call("retryStep", {{"id", id}, {"path", "hold"}},
                                           R"({"reason":"x"})", {}, {{"If-Match", tag(bench, id)}});
  INFO(response.body);
  CHECK(response.status == 409);
  CHECK(Bench::code(response) == "not_allowed_now");
  CHECK(!Bench::json(response).find("allowed_actions")->as_list().empty());
}

TEST_CASE("what an act must say, and how") {
  check_refused("cancelSaga", "", "", 400, "malformed");
  check_refused("cancelSaga", "", "{}", 422, "invalid");
  check_refused("cancelSaga", "", R"({"reason":" "})", 422, "invalid");
  check_refused("cancelSaga", "", R"({"reason":"a\nb"})", 422, "invalid");
  check_refused("cancelSaga", "", R"({"reason":")" + std::string(2'001, 'x') + "\"}", 422,
                "invalid");
  check_refused("cancelSaga", "", R"({"reason":"x","output":{}})", 400, "malformed");
  check_refused("retryStep", "chrage", R"({"reason":"x"})", 404, "not_found");
  check_refused("retryStep", "charge", R"({"reason":"x","direction":"up"})", 400, "malformed");
  check_refused("skipStep", "charge", R"({"reason":"x"})", 422, "invalid");
  check_refused("skipStep", "charge", R"({"reason":"x","output":{"charge":7}})", 422, "invalid");
  check_refused("resolveStep", "charge", R"({"reason":"x","happened":true})", 422, "invalid");
  check_refused("resolveStep", "charge", R"({"reason":"x","happened":"yes","evidence":"e"})", 400,
                "malformed");
  check_refused("resolveStep", "charge", R"({"reason":"x","happened":true,"evidence":"e"})", 422,
                "invalid");
  check_refused("resolveStep", "charge",
                R"({"reason":"x","happened":false,"evidence":"e","result":{"charge":"c"}})", 422,
                "invalid");
}

TEST_CASE("If-Match takes one ETag and nothing else") {
  for (const char* text : {"*", "\"1\", \"2\"", "W/\"1\"", "\"-1\"", "\"x\"", ""}) {
    Bench bench;
    const std::string id = bench.start_held();
    INFO(text);
    CHECK(bench.call("cancelSaga", {{"id", id}}, R"({"reason":"x"})", {}, {{"If-Match", text}})
              .status == 400);
  }
}

TEST_CASE("a quarantined saga's graph and acts answer a problem that names the act it takes") {
  Bench bench;
  const std::string id = bench.start_held();
  bench.engine.sagas.at(id).row.health = "quarantined";
  bench.engine.sagas.at(id).row.failure = "entry 2 cannot be read";
  const auto check = [&](const HttpResponse& response) {
    CHECK(response.status == 409);
    const Value problem = Bench::json(response);
    CHECK(Bench::text(problem, "code") == "quarantined");
    CHECK(Bench::text(problem, "failure") == "entry 2 cannot be read");
    REQUIRE(problem.find("allowed_actions")->as_list().size() == 1);
    CHECK(Bench::text(problem.find("allowed_actions")->as_list()[0], "href") ==
          "/v1/sagas/" + id + "/resume");
  };
  check(bench.call("getSagaGraph", {{"id", id}}));
  for (const char* act : {"cancelSaga", "pauseSaga"})
    check(bench.call(act, {{"id", id}}, R"({"reason":"why not"})"));
  check(bench.call("retryStep", {{"id", id}, {"path", "charge"}}, R"({"reason":"why not"})"));
}

TEST_CASE("resume takes a quarantined saga up again, once it can be read") {
  Bench bench;
  const std::string id = bench.start_held();
  auto& kept = bench.engine.sagas.at(id);
  kept.row.health = "quarantined";
  bench.engine.unreadable = true;
  const std::string tag = "\"" + std::to_string(kept.state.seq) + "\"",
                    why = R"({"reason":"mended"})";
  CHECK(bench.call("resumeSaga", {{"id", id}}, why).status == 428);
  const HttpResponse dry = bench.call("resumeSaga", {{"id", id}}, why, {{"dry_run", "true"}});
  REQUIRE(dry.status == 200);
  CHECK_FALSE(Bench::json(dry).find("preview")->find("allowed")->as_bool());
  const HttpResponse no = bench.call("resumeSaga", {{"id", id}}, why, {}, {{"If-Match", tag}});
  CHECK(no.status == 409);
  CHECK(Bench::text(Bench::json(no), "code") == "not_allowed_now");
  CHECK(Bench::json(no).find("allowed_actions")->as_list().size() == 1);
  bench.engine.unreadable = false;
  CHECK(bench.call("resumeSaga", {{"id", id}}, why, {}, {{"If-Match", "\"1\""}}).status == 412);
  const HttpResponse done = bench.call("resumeSaga", {{"id", id}}, why, {}, {{"If-Match", tag}});
  REQUIRE(done.status == 200);
  CHECK(Bench::text(Bench::json(done), "health") != "quarantined");
  CHECK(bench.call("getSagaGraph", {{"id", id}}).status == 200);
  CHECK(kept.journal.back().body.find("mended") != std::string::npos);
}
