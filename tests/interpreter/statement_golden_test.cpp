// Golden journals of the remaining statements: the workflows of tests/golden/syntax/statements,
// each told as it goes wrong: something fails, and what was done is undone, alone or with the whole
// saga. BELAY_UPDATE_GOLDEN=1 rewrites them.
#include <filesystem>

#include "dsl/compile.h"
#include "tests/interpreter/story.h"

using namespace belay::testing;

namespace {

const Graph& workflow(const std::string& name) {
  static const belay::dsl::Compilation compiled = [] {
    std::map<std::string, std::string> files;
    const std::string folder = std::string(BELAY_SOURCE_DIR) + "/tests/golden/syntax/statements";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() != ".belay") continue;
      std::ifstream in(entry.path());
      files[entry.path().filename().string()] = std::string(std::istreambuf_iterator<char>(in), {});
    }
    return belay::dsl::compile_sources(files);
  }();
  for (const Graph& graph : compiled.program.graphs) {
    if (graph.workflow == name) return graph;
  }
  FAIL("no workflow " << name);
  return compiled.program.graphs.front();
}

const Value kBooking = Value::string("0190d6a8-0000-7000-8000-000000000001");
const Value kGuest = Value::string("ada@example.com");
Value text(const char* s) { return Value::string(s); }
Value eur(std::int64_t minor) { return Value::money({minor, {'E', 'U', 'R'}}); }
Value room(const char* id) { return record({{"room", text(id)}}); }
Value seat(std::int64_t row) {
  return record({{"row", Value::integer(row)}, {"letter", text("A")}});
}
Value hold(const char* id) { return record({{"hold", text(id)}}); }
constexpr auto kUndo = Direction::kUndo;
constexpr auto kBusiness = FailureKind::kBusiness;

}  // namespace

TEST_CASE("golden: two rooms are reserved at once, and the one that came second is given back") {
  Story s(workflow("reserve_room"), record({{"booking", kBooking}, {"nights", Value::integer(2)}}));
  s.ok("central", room("c7"));
  s.ok("seaside", room("s1"));  // it was under way, and cannot be called back
  s.ok("seaside", record({}), kUndo);
  CHECK(s.run.status() == "completed");
  s.check_golden("statement_together_any.txt");
}

TEST_CASE("golden: no hotel has a room") {
  Story s(workflow("reserve_room"), record({{"booking", kBooking}, {"nights", Value::integer(2)}}));
  s.fail("central", kBusiness, "hotel.full");
  CHECK(s.run.status() == "running");  // the other may still win
  s.fail("seaside", kBusiness, "hotel.full");
  CHECK(s.run.status() == "compensated");
  s.check_golden("statement_together_any_fails.txt");
}

TEST_CASE("golden: two prices of three are enough") {
  Story s(workflow("compare_hotels"),
          record({{"booking", kBooking}, {"nights", Value::integer(2)}, {"guest", kGuest}}));
  s.fail("castle", kBusiness, "hotel.unknown");  // carried on with a price of nothing
  s.pass(1);
  CHECK(s.run.status() == "running");  // the one that lost settles
  s.ok("seaside", record({{"price", eur(9900)}}));
  CHECK(s.run.status() == "completed");
  s.check_golden("statement_together_some.txt");
}

TEST_CASE("golden: one seat of four is gone, another goes too, and all are given back") {
  Story s(workflow("hold_seats"),
          record({{"booking", kBooking},
                  {"seats", Value::list({seat(1), seat(2), seat(3), seat(4)})}}));
  s.ok("for_each_1[0].hold", hold("h0"));
  s.fail("for_each_1[1].hold", kBusiness, "seat.taken");  // tolerated
  s.ok("for_each_1[2].hold", hold("h2"));
  CHECK(s.run.status() == "running");
  s.fail("for_each_1[3].hold", kBusiness, "seat.taken");  // one too many
  CHECK(s.run.status() == "compensating");
  s.ok("for_each_1[2].hold", record({}), kUndo);
  s.ok("for_each_1[0].hold", record({}), kUndo);
  CHECK(s.run.status() == "compensated");
  s.check_golden("statement_for_each.txt");
}

TEST_CASE("golden: the visa office never decides") {
  Story s(workflow("watch_visa"), record({{"application", text("v9")}, {"applicant", kGuest}}));
  for (int round = 0; round < 24; ++round) {
    s.pass(3600);
    s.ok("repeat_1[" + std::to_string(round) + "].look", record({{"state", text("open")}}));
  }
  s.ok("tell");
  CHECK(s.run.health() == "held");  // ada@example.com: the desk sees to it
  s.check_golden("statement_repeat.txt");
}

TEST_CASE("golden: the card is declined, and the voucher is empty") {
  Story s(workflow("take_payment"),
          record({{"booking", kBooking}, {"price", eur(4990)}, {"guest", kGuest}}));
  s.fail("card", kBusiness, "card.declined");
  s.fail("voucher", kBusiness, "voucher.empty");
  CHECK(s.run.status() == "compensated");
  s.check_golden("statement_try.txt");
}

TEST_CASE("golden: the manager says no, and nobody answers") {
  const Value input = record({{"booking", kBooking}, {"price", eur(200'000)}, {"guest", kGuest}});
  Story no(workflow("approve_stay"), input);
  no.put(AnswerGiven{no.run.at("approve"),
                     record({{"granted", Value::boolean(false)}, {"why", text("too large")}})});
  CHECK(no.run.status() == "compensated");
  no.check_golden("statement_ask.txt");
  Story nobody(workflow("approve_stay"), input);
  nobody.pass(2 * 24 * 3600);
  nobody.ok("remind");
  CHECK(nobody.run.status() == "compensated");
  nobody.check_golden("statement_ask_late.txt");
}

TEST_CASE("golden: one paper came, the other did not") {
  Story s(workflow("collect_papers"), record({{"booking", kBooking}}));
  s.put(EventTaken{s.run.at("papers"), "e1", "contract.signed",
                   record({{"booking", kBooking}, {"by", text("Ada")}}), 1});
  CHECK(s.run.status() == "running");
  s.pass(7 * 24 * 3600);
  CHECK(s.run.status() == "compensated");
  s.check_golden("statement_wait_all.txt");
}

TEST_CASE("golden: the transfer comes, and the card is no longer waited for") {
  Story s(workflow("await_payment"), record({{"booking", kBooking}, {"price", eur(4990)}}));
  s.put(EventTaken{s.run.at("paid"), "e1", "transfer.received",
                   record({{"booking", kBooking}, {"amount", eur(4990)}}), 1});
  CHECK(s.run.status() == "completed");
  s.check_golden("statement_wait_any.txt");
}

TEST_CASE("golden: a trip is cancelled while its stay is booked, and after") {
  const Value input =
      record({{"booking", kBooking}, {"nights", Value::integer(2)}, {"guest", kGuest}});
  Story during(workflow("book_trip"), input);
  during.put(CancelAsked{}, "changed plans");
  during.ok("stay", room("s1"));  // it had completed before it was told to stop
  during.ok("stay", record({}), kUndo);
  CHECK(during.run.status() == "compensated");
  during.check_golden("statement_run_cancelled.txt");
  Story full(workflow("book_trip"), input);
  full.fail("stay", kBusiness, "cancelled");
  CHECK(full.run.status() == "compensated");
  full.check_golden("statement_run_fails.txt");
}

TEST_CASE("golden: a handler's block tries again, and then asks a person") {
  Story s(workflow("print_tickets"),
          record({{"booking", kBooking}, {"price", eur(4990)}, {"guest", kGuest}}));
  for (int i = 0; i < 3; ++i) {
    s.fail("charge", kBusiness, "card.declined");
    s.pass(3600);
  }
  s.ok("charge", record({{"payment", text("p1")}}));
  s.pass(3 * 24 * 3600);
  s.fail("ask_again", kBusiness, "refused");
  CHECK(s.run.health() == "held");
  s.put(CancelAsked{}, "the guest is gone");
  s.ok("charge", record({}), kUndo);
  CHECK(s.run.status() == "compensated");
  s.check_golden("statement_acts.txt");
}

TEST_CASE(
    "golden: a second saga of one customer waits its turn, and is cancelled before it comes") {
  const Value input =
      record({{"booking", kBooking}, {"customer", kBooking}, {"nights", Value::integer(2)}});
  Story s(workflow("start_booking"), input, true);
  s.put(CancelAsked{}, "not needed");
  CHECK(s.run.status() == "compensated");
  s.check_golden("statement_queued_cancelled.txt");
  Story turn(workflow("start_booking"), input, true);
  turn.put(TurnCame{});
  turn.fail("room", kBusiness, "hotel.full");
  CHECK(turn.run.status() == "compensated");
  turn.check_golden("statement_queued.txt");
}
