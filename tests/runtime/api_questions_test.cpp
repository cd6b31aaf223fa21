// Questions over the API: who may answer, with what, and once.
#include "runtime/base/ids.h"
#include "tests/runtime/api_fake.h"

using namespace belay::runtime;
using namespace belay::runtime::test;

namespace {

std::string ask(Bench& bench) {
  const HttpResponse response =
      bench.call("startSaga", {}, R"({"workflow":"travel","input":{"traveller":"ann"}})");
  INFO(response.body);
  REQUIRE(response.status == 201);
  return Bench::text(Bench::json(response), "id");
}

HttpResponse answer(Bench& bench, const std::string& id, const std::string& body,
                    std::multimap<std::string, std::string> query = {}, HttpHeaders headers = {}) {
  return bench.call("answerQuestion", {{"id", id}, {"path", "approve"}}, body, std::move(query),
                    std::move(headers));
}

// The answer earns this status and says this; nothing is recorded.
void check_refused(const std::string& body, int status, const std::string& says) {
  Bench bench;
  const std::string id = ask(bench);
  const std::uint64_t seq = bench.engine.sagas.at(id).state.seq;
  const HttpResponse response = answer(bench, id, body);
  INFO(body << " → " << response.body);
  CHECK(response.status == status);
  CHECK(response.body.find(says) != std::string::npos);
  CHECK(bench.engine.sagas.at(id).state.seq == seq);
}

}  // namespace

TEST_CASE("an open question is listed and shown with its fields, and answered once") {
  Bench bench;
  const std::string id = ask(bench);
  const Value page = Bench::json(bench.call("listQuestions", {}));
  REQUIRE(page.find("questions")->as_list().size() == 1);
  const Value& row = page.find("questions")->as_list().front();
  CHECK(Bench::text(row, "saga") == id);
  CHECK(Bench::text(row, "question") == "May they travel?");
  CHECK(Bench::text(row, "role") == "manager");
  CHECK(Bench::text(row, "href") == "/v1/sagas/" + id + "/questions/approve/answer");
  CHECK(*row.find("fields")->find("properties")->find("limit")->find("maximum") ==
        Value::integer(5000));
  CHECK(Bench::json(bench.call("listQuestions", {}, "", {{"role", "clerk"}}))
            .find("questions")
            ->as_list()
            .empty());
  const std::string shown = bench.call("getSaga", {{"id", id}}).body;
  CHECK(shown.find(R"("question":{"question":"May they travel?","role":"manager")") !=
        std::string::npos);
  CHECK(shown.find(R"({"act":"answer","path":"approve","method":"POST","href":"/v1/sagas/)" + id +
                   R"(/questions/approve/answer"})") != std::string::npos);

  const HttpResponse first = answer(bench, id, R"({"agreed":true})", {{"reason", "all fine"}});
  INFO(first.body);
  REQUIRE(first.status == 200);
  CHECK(Bench::text(Bench::json(first), "status") == "completed");
  const auto& kept = bench.engine.sagas.at(id);
  CHECK(*kept.state.output.find("agreed") == Value::boolean(true));
  CHECK(kept.journal.back().kind == "AnswerGiven");
  CHECK(kept.journal.back().actor == "local");
  const HttpResponse second = answer(bench, id, R"({"agreed":false})");
  CHECK(second.status == 409);
  CHECK(Bench::code(second) == "not_allowed_now");
  CHECK(Bench::json(second).find("allowed_actions") != nullptr);
}

TEST_CASE("an answer that does not fit its fields names them") {
  check_refused(R"({})", 422, "agreed");
  check_refused(R"({"agreed":"perhaps"})", 422, "agreed");
  check_refused(R"({"agreed":true,"limit":9000})", 422, "limit");
  check_refused(R"({"agreed":true,"reason":"x"})", 400, "unknown field `reason`");
  check_refused("", 422, "agreed");
  check_refused("[]", 400, "must be a JSON object");
}

TEST_CASE("the same Idempotency-Key answers once; a dry run not at all") {
  Bench bench;
  const std::string id = ask(bench);
  const std::uint64_t seq = bench.engine.sagas.at(id).state.seq;
  const HttpResponse dry = answer(bench, id, R"({"agreed":true})", {{"dry_run", "true"}});
  INFO(dry.body);
  CHECK(dry.status == 200);
  CHECK(Bench::json(dry).find("preview")->find("allowed")->as_bool());
  CHECK(bench.engine.sagas.at(id).state.seq == seq);
  CHECK(answer(bench, id, R"({"agreed":true})", {}, {{"If-Match", "\"99\""}}).status == 412);
  CHECK(answer(bench, id, R"({"agreed":true})", {}, {{"Idempotency-Key", "k"}}).status == 200);
  const HttpResponse again =
      answer(bench, id, R"({"agreed":true})", {}, {{"Idempotency-Key", "k"}});
  CHECK(again.status == 200);
  CHECK(Bench::json(again).find("repeated")->as_bool());
}

TEST_CASE("what is no open question is not answered") {
  Bench bench;
  const std::string id = ask(bench);
  const HttpResponse other =
      bench.call("answerQuestion", {{"id", id}, {"path", "aprove"}}, R"({"agreed":true})");
  CHECK(other.status == 404);
  CHECK(other.body.find("did you mean `approve`?") != std::string::npos);
  CHECK(bench.call("answerQuestion", {{"id", bench.start()}, {"path", "hold"}}, "{}").status ==
        404);
}

TEST_CASE("operators answer everything, other keys what they may") {
  struct Case {
    const char* role;
    std::vector<std::string> may_answer;
    int status;
  };
  for (const Case& c :
       {Case{"viewer", {}, 403}, Case{"starter", {"clerk"}, 403}, Case{"operator", {}, 200},
        Case{"admin", {}, 200}, Case{"viewer", {"clerk", "manager"}, 200}}) {
    Bench bench(true);
    const std::string key = api::make_api_key();
    ApiKeyRow row;
    row.id = "key_1";
    row.tenant = "default";
    row.role = "admin";
    const std::string admin = api::make_api_key();
    bench.reader.keys[sha256_hex(admin)] = row;
    row.role = c.role;
    row.may_answer = c.may_answer;
    bench.reader.keys[sha256_hex(key)] = row;
    const HttpResponse started =
        bench.call("startSaga", {}, R"({"workflow":"travel","input":{"traveller":"ann"}})", {},
                   {{"Authorization", "Bearer " + admin}});
    const std::string id = Bench::text(Bench::json(started), "id");
    const HttpResponse response =
        answer(bench, id, R"({"agreed":true})", {}, {{"Authorization", "Bearer " + key}});
    INFO(c.role << " " << response.body);
    CHECK(response.status == c.status);
  }
}
