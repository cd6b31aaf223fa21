// Golden journals: what shipped workflows write and wish, entry by entry. A change of one of these
// files is a change of meaning for sagas that run: it needs a new entry version, not a new golden.
// BELAY_UPDATE_GOLDEN=1 rewrites them.
#include "dsl/compile.h"
#include "tests/interpreter/story.h"

using namespace belay::testing;

namespace {

const Graph& workflow(const std::string& name) {
  static const belay::dsl::Compilation compiled =
      belay::dsl::compile_workspace(std::string(BELAY_SOURCE_DIR) + "/workflows");
  for (const Graph& graph : compiled.program.graphs) {
    if (graph.workflow == name) return graph;
  }
  FAIL("no workflow " << name);
  return compiled.program.graphs.front();
}

const std::string kBooking = "0190d6a8-0000-7000-8000-000000000001";
Value uuid(int n) {
  return Value::string("0190d6a8-0000-7000-8000-0000000000" + std::to_string(10 + n));
}
Value eur(std::int64_t minor) { return Value::money({minor, {'E', 'U', 'R'}}); }
Value time_at(std::int64_t s) { return Value::timestamp({1'800'100'000 + s, 0}); }

Value booking_input() {
  return record(
      {{"booking", Value::string(kBooking)},
       {"resource", uuid(1)},
       {"customer", record({{"id", uuid(2)}, {"email", Value::string("ada@example.com")}})},
       {"starts_at", time_at(0)},
       {"ends_at", time_at(3600)},
       {"price", eur(4990)}});
}

// Hold, intent, and the customer's payment of `minor`.
void until_paid(Story& s, std::int64_t minor) {
  s.ok("hold", record({{"id", uuid(3)}, {"expires_at", time_at(2400)}}));
  s.ok("intent", record({{"id", Value::string("pi_1")}}));
  s.put(EventTaken{s.run.at("paid"), "stripe:evt_1", "payment.authorised",
                   record({{"booking", Value::string(kBooking)},
                           {"intent", Value::string("pi_1")},
                           {"amount", eur(minor)}})});
}

}  // namespace

TEST_CASE("golden: a booking goes right") {
  Story s(workflow("confirm_booking"), booking_input());
  until_paid(s, 4990);
  s.ok("capture", record({{"charge", Value::string("ch_1")}}));
  s.ok("confirm", record({{"confirmed_at", time_at(-100)}}));
  s.ok("calendar", record({{"entry", Value::string("ev_1")}}));
  s.fail("email", FailureKind::kTransient, "unavailable");
  s.pass(2);
  s.ok("email", record({{"message", Value::string("msg_1")}}));
  CHECK(s.run.status() == "completed");
  s.check_golden("booking_ok.txt");
}

TEST_CASE("golden: the card is declined at capture") {
  Story s(workflow("confirm_booking"), booking_input());
  until_paid(s, 4990);
  s.fail("capture", FailureKind::kBusiness, "stripe.card_declined");
  s.ok("intent", record({{"status", Value::string("canceled")}}), Direction::kUndo);
  s.ok("hold", record({}), Direction::kUndo);
  CHECK(s.run.status() == "compensated");
  s.check_golden("booking_declined.txt");
}

TEST_CASE("golden: the amount does not match") {
  Story s(workflow("confirm_booking"), booking_input());
  until_paid(s, 100);
  CHECK(s.run.status() == "compensating");
  s.fail("intent", FailureKind::kBusiness, "stripe.intent_finished", Direction::kUndo);
  s.ok("hold", record({}), Direction::kUndo);
  CHECK(s.run.status() == "compensated");
  s.check_golden("booking_other_amount.txt");
}

TEST_CASE("golden: the customer does not pay in time") {
  Story s(workflow("confirm_booking"), booking_input());
  s.ok("hold", record({{"id", uuid(3)}, {"expires_at", time_at(2400)}}));
  s.ok("intent", record({{"id", Value::string("pi_1")}}));
  s.pass(901);
  s.ok("intent", record({{"status", Value::string("canceled")}}), Direction::kUndo);
  s.ok("hold", record({}), Direction::kUndo);
  s.check_golden("booking_not_paid.txt");
}

TEST_CASE("golden: a capture that timed out, the engine killed, a refund refused, a person") {
  Story s(workflow("confirm_booking"), booking_input());
  until_paid(s, 4990);
  s.put(StepFailed{s.run.at("capture"), Direction::kForward, 0, FailureKind::kUnsure, "timeout",
                   "no answer in 10 s", false, 0});
  s.pass(2);
  const Recovery recovery = recover(s.run.graph, s.run.state);
  for (const Fact& fact : recovery.facts) s.put(fact);
  s.pass(0);
  s.ok("capture", record({{"charge", Value::string("ch_1")}}));
  s.fail("confirm", FailureKind::kBusiness, "booking.hold_gone");
  s.fail("capture", FailureKind::kBusiness, "refused", Direction::kUndo);
  CHECK(s.run.health() == "undo_failed");
  s.put(OperatorActed{OperatorAct::kRetry, s.run.at("capture"), Direction::kUndo, false, {}, ""},
        "the account is open again");
  s.ok("capture", record({{"refund", Value::string("re_1")}}), Direction::kUndo);
  s.fail("intent", FailureKind::kBusiness, "stripe.intent_finished", Direction::kUndo);
  s.ok("hold", record({}), Direction::kUndo);
  CHECK(s.run.status() == "compensated");
  CHECK(left_over(s.run.graph, s.run.state).empty());
  s.check_golden("booking_refund_refused.txt");
}

TEST_CASE("golden: paid elsewhere, and the amount differs: the payment's undo gives it back") {
  Story s(workflow("settle_booking"),
          record({{"booking", Value::string(kBooking)}, {"customer", uuid(2)}}));
  s.put(EventTaken{s.run.at("payment"), "e1", "payment.captured",
                   record({{"booking", Value::string(kBooking)},
                           {"customer", uuid(2)},
                           {"charge", Value::string("ch_9")},
                           {"amount", eur(100)}})});
  s.put(EventTaken{s.run.at("intent"), "e2", "booking.intent_created",
                   record({{"booking", Value::string(kBooking)},
                           {"resource", uuid(1)},
                           {"starts_at", time_at(0)},
                           {"ends_at", time_at(3600)},
                           {"price", eur(200)}})});
  s.ok("payment", record({{"refund", Value::string("re_9")}}), Direction::kUndo);
  CHECK(s.run.status() == "compensated");
  s.check_golden("settle_other_amount.txt");
}
