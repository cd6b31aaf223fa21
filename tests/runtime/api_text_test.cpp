// What the API's answers are made of: JSON as it is written, durations and entries in words,
// private values masked.
#include "runtime/api/history_text.h"
#include "runtime/api/json_writer.h"
#include "runtime/api/private_fields.h"
#include "runtime/api/type_schema.h"
#include "tests/runtime/api_fake.h"

using namespace belay::runtime;
using namespace belay::runtime::test;
using belay::runtime::api::JsonWriter;

namespace {

void check_duration(std::int64_t us, const std::string& text) {
  CHECK(api::duration_text(us) == text);
}

Type of(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

Type private_text() {
  Type type = of(Type::Base::kText);
  type.is_private = true;
  return type;
}

// A graph whose first slot is a customer with a private email.
Graph customer_graph() {
  Type customer;
  customer.base = Type::Base::kRecord;
  customer.fields = {{"email", private_text()}, {"name", of(Type::Base::kText)}};
  Graph graph;
  graph.workflow = "w";
  graph.takes = {{"customer", customer}};
  graph.slots = {{"customer", customer, 0}};
  return graph;
}

Program field_of_customer(const char* field) {
  Program program;
  ExprNode slot;
  slot.kind = ExprKind::kSlot;
  ExprNode read;
  read.kind = ExprKind::kField;
  read.text = field;
  read.args = {0};
  program.nodes = {slot, read};
  return program;
}

void check_line(const Graph& graph, Fact fact, const std::string& text, api::Mark mark) {
  Entry entry;
  entry.fact = std::move(fact);
  const api::HistoryLine line = api::history_line(graph, entry);
  CHECK(line.text == text);
  CHECK(line.mark == mark);
}

}  // namespace

TEST_CASE("JSON is written in order, escaped, and always whole") {
  JsonWriter w;
  w.begin_object()
      .field("a", "x\"\n\x01")
      .field("b", 7)
      .field("c", true)
      .field("d", 1.5)
      .key("e")
      .null();
  w.strings("f", {"1", "2"}).raw_field("g", "").field_unless_empty("h", "").key("i").begin_array();
  w.begin_object()
      .end_object()
      .value(std::uint64_t{18446744073709551615U})
      .end_array()
      .end_object();
  CHECK(
      w.take() ==
      R"({"a":"x\"\n\u0001","b":7,"c":true,"d":1.5,"e":null,"f":["1","2"],"g":null,"i":[{},18446744073709551615]})");
}

TEST_CASE("durations in words have at most two units") {
  check_duration(0, "no time");
  check_duration(150'000, "150 milliseconds");
  check_duration(1'900'000, "1 second");
  check_duration(90'000'000, "1 minute 30 seconds");
  check_duration(5'400'000'000, "1 hour 30 minutes");
  check_duration(86'400'000'000, "1 day");
}

TEST_CASE(
    "private values are masked wherever they stand, and what is made from them counts as private") {
  const Graph graph = customer_graph();
  const Value customer =
      record({{"email", Value::string("ann@example.org")}, {"name", Value::string("Ann")}});
  CHECK(to_json(api::masked(customer, graph.takes[0].type)) == R"({"email":"***","name":"Ann"})");
  Entry entry;
  entry.fact = Started{record({{"customer", customer}})};
  CHECK(to_json(std::get<Started>(api::masked(entry, graph).fact).input) ==
        R"({"customer":{"email":"***","name":"Ann"}})");
  CHECK(api::reads_private(field_of_customer("email"), graph));
  CHECK(!api::reads_private(field_of_customer("name"), graph));
  Program whole;
  whole.nodes = {field_of_customer("name").nodes[0]};
  CHECK(api::reads_private(whole, graph));
}

TEST_CASE("facts in words") {
  belay::dsl::Compilation compilation = compiled();
  Graph graph = compilation.program.graphs[0];
  graph.index();
  const Path charge = parse_path(graph, "charge");
  check_line(graph, Started{}, "started book version 1", api::Mark::kInfo);
  check_line(graph, StepSucceeded{charge, Direction::kUndo, 0, {}}, "the undo of charge succeeded",
             api::Mark::kUndo);
  StepFailed failed;
  failed.path = charge;
  failed.error = "timeout";
  failed.message = "no answer";
  failed.kind = FailureKind::kUnsure;
  check_line(graph, failed, "charge may have happened: timeout: no answer", api::Mark::kUnsure);
  failed.kind = FailureKind::kTransient;
  check_line(graph, failed, "charge failed for now: timeout: no answer", api::Mark::kFailed);
  failed.kind = FailureKind::kBusiness;
  check_line(graph, failed, "charge was refused: timeout: no answer", api::Mark::kFailed);
  check_line(graph, EventTaken{parse_path(graph, "paid"), "e-1", "payment.arrived", {}},
             "paid got payment.arrived (e-1)", api::Mark::kOk);
  check_line(graph, TimerFired{Path{}, TimerPurpose::kDeadline, Direction::kForward},
             "the time to finish is over", api::Mark::kAlarm);
  check_line(graph, CancelAsked{}, "asked to cancel", api::Mark::kPerson);
  OperatorActed acted;
  acted.act = OperatorAct::kResolve;
  acted.path = charge;
  acted.evidence = "line 7";
  check_line(graph, acted, "found that charge did not happen (evidence: line 7)",
             api::Mark::kPerson);
}

TEST_CASE("a failure after which the definition carries on is told as foreseen, without an alarm") {
  belay::dsl::Compilation compilation = compiled();
  Graph graph = compilation.program.graphs[0];
  graph.index();
  Entry entry;
  StepFailed failed;
  failed.path = parse_path(graph, "charge");
  failed.kind = FailureKind::kBusiness;
  failed.error = "card.declined";
  failed.message = "no money";
  entry.fact = failed;
  Call& call = graph.nodes[failed.path.node].call;
  call.handlers = {Handler{{"card.declined"}, {}}, Handler{{"card.stolen"}, {}}};
  call.handlers[0].act.kind = ActKind::kCarryOn;
  call.handlers[1].act.kind = ActKind::kBlock;

  const auto line_with = [&](std::uint32_t handler) {
    entry.drawn = {Handled{failed.path, Direction::kForward, handler, {}}};
    return api::history_line(graph, entry);
  };
  CHECK(line_with(0).text == "charge was refused, as foreseen: card.declined: no money");
  CHECK(line_with(0).mark == api::Mark::kInfo);
  CHECK(line_with(0).follows ==
        std::vector<std::string>{"carry on, as charge says for this error"});
  CHECK(line_with(1).text == "charge was refused: card.declined: no money");
  CHECK(line_with(1).mark == api::Mark::kFailed);
  CHECK(line_with(kKeepHandler).mark == api::Mark::kInfo);

  graph.nodes[failed.path.node].undo = graph.nodes[failed.path.node].call;
  failed.direction = Direction::kUndo;
  entry.fact = failed;
  entry.drawn = {Handled{failed.path, Direction::kUndo, 0, {}}};
  CHECK(api::history_line(graph, entry).text ==
        "the undo of charge was refused, as foreseen: card.declined: no money");
}

TEST_CASE("a retry that does not wait is at once") {
  belay::dsl::Compilation compilation = compiled();
  Graph graph = compilation.program.graphs[0];
  graph.index();
  Entry entry;
  entry.at = {1'000'000};
  StepFailed failed;
  failed.path = parse_path(graph, "charge");
  failed.kind = FailureKind::kTransient;
  entry.fact = failed;
  RetryAt again;
  again.path = failed.path;
  again.at = entry.at;
  entry.drawn = {again};
  CHECK(api::history_line(graph, entry).follows.at(0) == "try charge again at once");
  again.at.us += 2'000'000;
  entry.drawn = {again};
  CHECK(api::history_line(graph, entry).follows.at(0) == "try charge again in 2 seconds");
}

TEST_CASE("types as JSON schemas") {
  Type seats = of(Type::Base::kInt);
  seats.min = 1;
  seats.max = 9;
  CHECK(api::schema_of(seats) == R"({"type":"integer","minimum":1,"maximum":9})");
  Type list = of(Type::Base::kList);
  list.element = {of(Type::Base::kUuid)};
  list.size_max = 3;
  CHECK(api::schema_of(list) ==
        R"({"type":"array","items":{"type":"string","format":"uuid"},"maxItems":3})");
  Type one_of = of(Type::Base::kOneOf);
  one_of.options = {"a", "b"};
  CHECK(api::schema_of(one_of) == R"({"enum":["a","b"]})");
  CHECK(api::schema_of(private_text()) == R"({"type":"string","writeOnly":true})");
}
