// Publishing events and describing workflows over the API.
#include "tests/runtime/api_fake.h"

using namespace belay::runtime;
using namespace belay::runtime::test;

namespace {

const char* kPayload = R"({"booking":"b-1","amount":{"currency":"EUR","minor":1}})";

void check(const std::string& body, int status) {
  Bench bench;
  const HttpResponse response = bench.call("publishEvent", {}, body);
  INFO(body << " → " << response.body);
  CHECK(response.status == status);
  CHECK(bench.engine.published.size() == (status < 300 ? 1 : 0));
}

}  // namespace

TEST_CASE("an event's key may be said beside the payload or in it, but not twice and differently") {
  check(std::string(R"({"type":"payment.arrived","payload":)") + kPayload + "}", 201);
  check(
      R"({"type":"payment.arrived","key":"b-1","payload":{"amount":{"currency":"EUR","minor":1}}})",
      201);
  check(std::string(R"({"type":"payment.arrived","key":"b-1","payload":)") + kPayload + "}", 201);
  check(std::string(R"({"type":"payment.arrived","key":"b-2","payload":)") + kPayload + "}", 422);
  check(R"({"type":"payment.arrived","payload":{"amount":{"currency":"EUR","minor":1}}})", 422);
}

TEST_CASE("an event that is not as declared is refused") {
  check(R"({"type":"payment.arived","key":"b-1","payload":{}})", 404);
  check(
      R"({"type":"payment.arrived","key":"b-1","payload":{"amount":{"currency":"EURO","minor":1}}})",
      422);
  check(
      R"({"type":"payment.arrived","key":"b-1","payload":{"amount":{"currency":"EUR","minor":1},"x":1}})",
      422);
  check(R"({"type":"payment.arrived","key":"b-1","payload":[]})", 422);
  check(R"({"type":"payment.arrived","key":"","payload":{}})", 422);
}

TEST_CASE("the same id again is no second event") {
  Bench bench;
  const std::string body =
      std::string(R"({"type":"payment.arrived","id":"e-1","payload":)") + kPayload + "}";
  CHECK(bench.call("publishEvent", {}, body).status == 201);
  const HttpResponse again = bench.call("publishEvent", {}, body);
  CHECK(again.status == 200);
  CHECK(Bench::json(again).find("duplicate")->as_bool());
}

TEST_CASE("a workflow tells what it takes, as a JSON schema too") {
  Bench bench;
  CHECK(Bench::json(bench.call("listWorkflows", {})).find("workflows")->as_list().size() == 2);
  const Value workflow = Bench::json(bench.call("getWorkflow", {{"name", "book"}}));
  CHECK(Bench::text(workflow, "once_per") == "booking");
  const Value* seats = workflow.find("input_schema")->find("properties")->find("seats");
  CHECK(seats->find("minimum")->as_int() == 1);
  CHECK(seats->find("maximum")->as_int() == 9);
  CHECK(workflow.find("input_schema")->find("required")->as_list().size() == 4);
  CHECK(bench.call("getWorkflow", {{"name", "bok"}}).body.find("did you mean `book`") !=
        std::string::npos);
  CHECK(bench.call("getWorkflowGraph", {{"name", "book"}}, "", {{"format", "mermaid"}}).status ==
        200);
}
