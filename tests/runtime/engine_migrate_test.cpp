// A saga goes on under another definition: when its verdict allows it, whole or not at all,
// whatever crashes.
#include "tests/runtime/engine_harness.h"

using namespace belay::testing;
using belay::interpreter::VerdictKind;

namespace {

// The shop with one text replaced by another in one workflow, which becomes version 2.
interpreter::Graph edited(const std::string& workflow, const std::string& from,
                          const std::string& to) {
  std::string text = kShop;
  const std::string head = "workflow " + workflow + " ";
  auto at = text.find(head);
  REQUIRE(at != std::string::npos);
  at = text.find("version 1", at);
  text.replace(at, 9, "version 2");
  at = text.find(from, at);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  belay::dsl::Compilation compiled = belay::dsl::compile_sources({{"shop.belay", text}});
  INFO(belay::dsl::render_text(compiled.diagnostics, compiled.sources, false));
  REQUIRE(compiled.ok());
  for (interpreter::Graph& graph : compiled.program.graphs) {
    if (graph.workflow == workflow) return graph;
  }
  FAIL("it is gone");
  return {};
}

// Waits for the payment; the edited one gives something else in the end, and a step follows the
// payment.
const std::string kGives = "    amount = paid.amount\n  step hold";
const std::string kMoreGives = "    amount = paid.amount * 2\n  step hold";
interpreter::Graph generous() { return edited("late_payment", kGives, kMoreGives); }
interpreter::Graph longer() {
  return edited(
      "late_payment", "within 1 hour, otherwise cancel because \"Not paid\"",
      "within 1 hour, otherwise cancel because \"Not paid\"\n  step pay\n    do charge\n      item "
      "= order\n"
      "    undo with refund\n      id = pay.id\n    if shop.declined, cancel because \"Declined\"");
}
interpreter::Graph other_limit() {
  return edited("late_payment", "within 1 hour", "within 2 hours");
}

MigrateRequest wish(const SagaId& saga, const std::string& key = "") {
  MigrateRequest request;
  request.tenant = "acme";
  request.saga = saga;
  request.request_digest = "migrate";
  request.idempotency_key = key;
  request.actor = "key:anna";
  request.reason = "the new terms hold for all";
  return request;
}

SagaId waiting(Bench& bench, const std::string& order) {
  const SagaId saga = bench.start("late_payment", "order", order);
  bench.wait(saga, [](const interpreter::State& s) { return s.seq >= 2; });
  return saga;
}

}  // namespace

TEST_CASE("migrate: a waiting saga goes on under the new definition, once, with who and why") {
  Bench bench;
  const SagaId saga = waiting(bench, "o1");
  const std::string old = bench.store.instance(saga)->definition;
  const interpreter::Graph to = longer();
  REQUIRE(bench.engine->install(to));
  MigrateRequest dry = wish(saga);
  dry.dry_run = true;
  const auto shown = bench.engine->migrate(dry);
  REQUIRE(shown);
  CHECK(!shown->moved);
  CHECK(shown->verdict.ahead);
  CHECK(shown->verdict.changed == std::vector<std::string>{"pay"});
  CHECK(bench.store.instance(saga)->definition == old);
  const auto reply = bench.engine->migrate(wish(saga, "m1"));
  REQUIRE(reply);
  CHECK(reply->moved);
  CHECK(reply->seq == 3);
  CHECK(bench.store.instance(saga)->definition == to.hash);
  CHECK(bench.store.instance(saga)->workflow_version == 2);
  const auto journal = bench.store.journal_of(saga);
  CHECK(journal.back().kind == "Migrated");
  CHECK(journal.back().actor == "key:anna");
  CHECK(journal.back().body.find("the new terms hold for all") != std::string::npos);
  const auto again = bench.engine->migrate(wish(saga, "m1"));
  REQUIRE(again);
  CHECK(again->repeated);
  CHECK(again->moved);
  CHECK(again->seq == reply->seq);
  const auto twice = bench.engine->migrate(wish(saga));
  REQUIRE(!twice);
  CHECK(twice.error().code == ErrorCode::kNotAllowedNow);
  bench.publish("o1", 7);
  CHECK(bench.wait_ended(saga).status == interpreter::Status::kCompleted);
  CHECK(bench.runner.count("charge") == 1);  // the step that only the new definition has
}

TEST_CASE("migrate: what the verdict does not allow changes nothing") {
  Bench bench;
  const SagaId saga = waiting(bench, "o1");
  const std::string old = bench.store.instance(saga)->definition;
  REQUIRE(bench.engine->install(other_limit()));
  const auto reply = bench.engine->migrate(wish(saga));
  REQUIRE(reply);
  CHECK(!reply->moved);
  CHECK(reply->verdict.kind == VerdictKind::kDiffers);
  CHECK(reply->verdict.entry == 2);
  CHECK(bench.store.instance(saga)->definition == old);
  CHECK(bench.store.journal_of(saga).size() == 2);
  bench.publish("o1", 7);
  CHECK(bench.wait_ended(saga).status == interpreter::Status::kCompleted);
}

TEST_CASE("migrate: refusals") {
  Bench bench;
  const SagaId saga = waiting(bench, "o1");
  const interpreter::Graph to = longer();
  REQUIRE(bench.engine->install(to));
  const auto check = [&](MigrateRequest request, ErrorCode expected) {
    const auto reply = bench.engine->migrate(std::move(request));
    REQUIRE(!reply);
    CHECK(reply.error().code == expected);
  };
  MigrateRequest stale = wish(saga);
  stale.if_match = 1;
  check(stale, ErrorCode::kStale);
  MigrateRequest unknown = wish(saga);
  unknown.to = std::string(64, 'a');
  check(unknown, ErrorCode::kNotFound);
  MigrateRequest other = wish(saga);
  other.to = bench.engine->definition("buy")->hash;
  check(other, ErrorCode::kInvalid);
  MigrateRequest stranger = wish(saga);
  stranger.tenant = "other";
  check(stranger, ErrorCode::kNotFound);
  bench.publish("o1", 7);
  bench.wait_ended(saga);
  const auto otherwise =
      bench.engine->migrate(wish(saga));  // it would have done more: a verdict, no error
  REQUIRE(otherwise);
  CHECK(!otherwise->moved);
  interpreter::Graph undo = edited("late_payment", "id = hold.id", "id = hold.id + \"!\"");
  undo.version = 3;
  REQUIRE(bench.engine->install(undo));
  check(wish(saga), ErrorCode::kNotAllowedNow);  // all the same, but it has ended
}

TEST_CASE("migrate: back to an old definition by its hash") {
  Bench bench;
  const SagaId saga = waiting(bench, "o1");
  const std::string old = bench.store.instance(saga)->definition;
  REQUIRE(bench.engine->install(generous()));
  REQUIRE(bench.engine->migrate(wish(saga))->moved);
  MigrateRequest back = wish(saga);
  back.to = old;
  REQUIRE(bench.engine->migrate(back)->moved);
  CHECK(bench.store.instance(saga)->definition == old);
  bench.publish("o1", 7);
  CHECK(*bench.wait_ended(saga).output.find("amount") == Value::integer(7));
}

TEST_CASE(
    "migrate: after a kill -9 the saga is of the new definition, from its snapshot or from entry "
    "1") {
  Bench bench;
  const SagaId saga = waiting(bench, "o1");
  const interpreter::Graph to = generous();
  REQUIRE(bench.engine->install(to));
  REQUIRE(bench.engine->migrate(wish(saga))->moved);
  CHECK(bench.store.instance(saga)->state_seq == 3);  // none of the old definition is left
  bench.restart();
  bench.publish("o1", 7);
  const auto ended = bench.wait_ended(saga);
  CHECK(*ended.output.find("amount") == Value::integer(14));
  // As it is stored, folded by the definition that the row names.
  interpreter::State folded;
  for (const JournalRow& row : bench.store.journal_of(saga)) {
    auto entry = decode_entry(to, {row.seq, row.version, row.at, row.actor, row.kind, row.body});
    REQUIRE(entry);
    folded = interpreter::apply(to, std::move(folded), *entry);
  }
  CHECK(folded == ended);
}

TEST_CASE("migrate: a kill -9 before the flush leaves the old definition, whole") {
  Bench bench;
  const SagaId saga = waiting(bench, "o1");
  const std::string old = bench.store.instance(saga)->definition;
  REQUIRE(bench.engine->install(generous()));
  std::mutex mutex;
  std::condition_variable changed;
  bool reached = false, dead = false;
  bench.store.before_flush([&] {  // the flush that would move it never leaves
    std::unique_lock lock(mutex);
    reached = true;
    changed.notify_all();
    changed.wait(lock, [&] { return dead; });
  });
  bench.engine->migrate(wish(saga), [](Result<MigrateReply> reply) { CHECK(!reply); });
  {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return reached; }));
    bench.store.set_down(true);
    dead = true;
    changed.notify_all();
  }
  bench.crash();
  bench.store.before_flush({});
  CHECK(bench.store.instance(saga)->definition == old);
  CHECK(bench.store.journal_of(saga).size() == 2);
  bench.open();
  bench.publish("o1", 7);
  CHECK(*bench.wait_ended(saga).output.find("amount") == Value::integer(7));
}

// Each cell would lose an acknowledgement, the event's too.
TEST_CASE("migrate: a lost acknowledgement does not move it twice", "[one_database]") {
  Bench bench;
  const SagaId saga = waiting(bench, "o1");
  REQUIRE(bench.engine->install(generous()));
  bench.store.lose_acknowledgements(1);
  const auto reply = bench.engine->migrate(wish(saga));
  bench.publish("o1", 7);
  CHECK(*bench.wait_ended(saga).output.find("amount") == Value::integer(14));
  std::size_t moved = 0;
  for (const JournalRow& row : bench.store.journal_of(saga)) moved += row.kind == "Migrated";
  CHECK(moved == 1);
}

TEST_CASE(
    "migrate: the outcome of a call that was under way finds its step in the new definition") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId saga = bench.start("buy", "item", "lamp");
  auto call = bench.runner.take("charge");
  bench.until([&] { return bench.store.journal_of(saga).size() == 2; });
  // Statements before it move its number, and only its number.
  const interpreter::Graph to =
      edited("buy", "if shop.sold_out, cancel because \"Sold out\"",
             "if shop.sold_out\n      set told = \"sold out\"\n      cancel because \"Sold out\"");
  REQUIRE(interpreter::find_node(to, "pay") != call.call.graph->nodes.size());
  REQUIRE(bench.engine->install(to));
  const auto reply = bench.engine->migrate(wish(saga));
  REQUIRE(reply);
  INFO(reply->verdict.why);
  REQUIRE(reply->moved);
  call.done(succeeded("c1"));
  const auto ended = bench.wait_ended(saga);
  CHECK(ended.status == interpreter::Status::kCompleted);
  CHECK(*ended.output.find("charge") == Value::string("c1"));
}

TEST_CASE("migrate: a call that was under way is sent again under its key after a kill -9") {
  Bench bench;
  bench.runner.hold("charge");
  const SagaId saga = bench.start("buy", "item", "lamp");
  auto call = bench.runner.take("charge");
  bench.until([&] { return bench.store.journal_of(saga).size() == 2; });
  REQUIRE(bench.engine->install(edited("buy", "charge = pay.id", "charge = pay.id + \"!\"")));
  REQUIRE(bench.engine->migrate(wish(saga))->moved);
  bench.restart();
  auto again = bench.runner.take("charge");
  CHECK(again.call.key == call.call.key);
  again.done(succeeded("c1"));
  CHECK(*bench.wait_ended(saga).output.find("charge") == Value::string("c1!"));
}
