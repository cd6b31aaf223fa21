// Private values at rest: nothing of them can be found in what is stored, everything works, and
// what is erased is gone.
#include "tests/runtime/engine_harness.h"

using namespace belay::testing;

namespace {

const char* const kPrivate = R"(belay 1

event person.known, version 1, key id
  id    text
  name  private text

action look_up "Look somebody up"
  reads
  takes
    name  private text
  gives
    phone  private text
  can end in person.unknown
  plugin look_up

workflow greet "Greet a person", version 1
  takes
    id    text
    name  private text
  gives
    phone = found.phone
  step found "Look them up"
    do look_up
      name = name
    if person.unknown, cancel because "Nobody of that name"
  publish person.known, key id
    name = name

workflow meet "Meet a person", version 1
  takes
    id  text
  gives
    name = met.name
  wait met "Somebody comes"
    for person.known, key id, even if up to 1 hour before
    within 1 hour, otherwise cancel because "Nobody came"

workflow note_down "Note who came", version 1
  takes
    id    text
    name  private text
  starts on person.known
    id   = event.id
    name = event.name
  step found "Look them up"
    do look_up
      name = name
    if person.unknown, cancel because "Nobody of that name"
)";

const std::string kName = "Marker Mustermann", kPhone = "0170-MARKER-1";

EngineOptions sealing(const char* key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=") {
  EngineOptions options;
  options.sealer = *Sealer::from_text(key);
  return options;
}

const std::vector<interpreter::Graph>& people() {
  static const std::vector<interpreter::Graph> graphs = compile_with_shop(kPrivate);
  return graphs;
}

struct People : Bench {
  People() : Bench(people(), sealing()) {
    runner.answer("look_up", [](const ActionCall&) {
      ActionOutcome outcome;
      outcome.ok = true;
      outcome.result = interpreter::record({{"phone", Value::string(kPhone)}});
      return outcome;
    });
  }
  StartRequest greet(const std::string& key = "") {
    StartRequest start = request("greet", "id", "p1", key);
    start.input =
        interpreter::record({{"id", Value::string("p1")}, {"name", Value::string(kName)}});
    return start;
  }
  void check_hidden() {
    const std::string all = store.everything();
    CHECK(all.find("Marker") == std::string::npos);
    CHECK(all.find("MARKER") == std::string::npos);
  }
};

}  // namespace

TEST_CASE("sealed: a definition with private values is refused without a key") {
  Bench bench;
  const auto installed = bench.engine->install(people().front());
  for (const interpreter::Graph& graph : people()) {
    if (!graph.holds_private) continue;
    const auto refused = bench.engine->install(graph);
    REQUIRE(!refused);
    CHECK(refused.error().code == ErrorCode::kMisconfigured);
    CHECK_THAT(refused.error().hint, belay::ContainsSubstring("BELAY_SEAL_KEY"));
  }
}

TEST_CASE("sealed: nothing private is stored as it is, and everything works") {
  People bench;
  std::atomic<bool> leaked{false};
  bench.store.before_flush([&] {  // also what is there only for a while, such as mail
    const std::string all = bench.store.everything();
    if (all.find("Marker") != std::string::npos || all.find("MARKER") != std::string::npos)
      leaked = true;
  });
  const SagaId meets = bench.start("meet", "id", "p1");
  const auto started = bench.engine->start(bench.greet("k1"));
  REQUIRE(started);
  CHECK(*bench.wait_ended(started->saga).output.find("phone") == Value::string(kPhone));
  CHECK(*bench.wait_ended(meets).output.find("name") == Value::string(kName));
  bench.until(
      [&] { return bench.store.counts().mail == 0 && bench.engine->stats().completed == 3; });
  bench.check_hidden();
  CHECK(!leaked);
  CHECK(bench.store.counts().unclaimed_events == 0);
  // The same start again, by its key: told from another one although only a digest is kept.
  CHECK(bench.engine->start(bench.greet("k1"))->saga == started->saga);
  // Read again out of what is stored.
  const auto view = bench.engine->view("acme", started->saga);
  REQUIRE(view);
  CHECK(*view->state.output.find("phone") == Value::string(kPhone));
  CHECK(*bench.engine->open_payload(bench.store.events().front()) ==
        R"({"id":"p1","name":")" + kName + "\"}");
  bench.store.before_flush({});
}

TEST_CASE("sealed: a crash with a call in flight goes on under the same key") {
  People bench;
  bench.runner.hold("look_up");
  const auto started = bench.engine->start(bench.greet());
  REQUIRE(started);
  bench.runner.take("look_up");
  bench.runner.release("look_up");
  bench.restart(sealing());
  bench.until([&] { return bench.store.instance(started->saga)->status == "completed"; });
  CHECK(*bench.engine->view("acme", started->saga)->state.output.find("phone") ==
        Value::string(kPhone));
  bench.check_hidden();
}

TEST_CASE(
    "sealed: under another master key a saga is set aside with clear words, and is whole under its "
    "own") {
  People bench;
  bench.runner.hold("look_up");
  const auto started = bench.engine->start(bench.greet());
  REQUIRE(started);
  bench.runner.take("look_up");
  bench.runner.release("look_up");
  bench.restart(sealing("ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
  bench.until([&] { return bench.store.instance(started->saga)->health == "quarantined"; });
  CHECK_THAT(bench.store.instance(started->saga)->failure,
             belay::ContainsSubstring("sealed under another master key"));
  bench.restart(sealing());
  REQUIRE(bench.take_up_again(started->saga));
  bench.until([&] { return bench.store.instance(started->saga)->status == "completed"; });
}

TEST_CASE("sealed: what a failure says is not in the list of sagas") {
  People bench;
  bench.runner.answer("look_up", [](const ActionCall&) {
    ActionOutcome outcome = failed(interpreter::FailureKind::kBusiness, "refused");
    outcome.message = "we know no " + kName;
    return outcome;
  });
  const auto started = bench.engine->start(bench.greet());
  REQUIRE(started);
  bench.wait(started->saga, [](const interpreter::State& state) { return state.seq >= 2; });
  const auto row = bench.store.instance(started->saga);
  CHECK(row->health == "held");
  CHECK(row->failure == "found: refused");
  bench.check_hidden();
}

TEST_CASE("sealed: once erased, a saga tells what happened and no value") {
  People bench;
  const auto started = bench.engine->start(bench.greet());
  REQUIRE(started);
  bench.wait_ended(started->saga);
  bench.until([&] { return bench.store.counts().mail == 0; });
  const EventRow event = bench.store.events().front();
  bench.store.erase_key(started->saga);
  const auto view = bench.engine->view("acme", started->saga);
  REQUIRE(view);
  CHECK(view->erased);
  CHECK(!view->seal);
  CHECK(view->state.status == interpreter::Status::kCompleted);
  CHECK(view->state.output.is_null());
  for (const interpreter::Variable& variable : view->state.variables)
    CHECK(variable.value.is_null());
  CHECK(view->state.activities.size() == 1);
  CHECK(bench.engine->open_payload(event).error().code == ErrorCode::kNotFound);
  // Who has taken the event before has his own.
  bench.until([&] { return bench.engine->stats().completed == 2; });
  for (const SagaId& id : bench.store.sagas()) {
    if (id == started->saga) continue;
    CHECK(!bench.engine->view("acme", id)->erased);
  }
}
