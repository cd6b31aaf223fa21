// How sagas begin, on the simulator: by an event, a second time, in turn; and calls that wait for
// their rate.
#include "tests/simulator/support.h"

using namespace belay;
using namespace belay::testing;

namespace {

constexpr const char* kWorld = R"(belay 1

connector c
  base "https://c.example.com"
  request key in "Idempotency-Key"

action mail.send
  notifies
  takes
    to  text
  gives
    id  text = body.id
  repeating is safe
  call c, POST "/mails"
    to = to
  if status is 400, mail.bad

event order.paid, version 1, key order
  order   text
  buyer   text
  amount  money

)";

// A workflow with `clauses`, which writes to each of some guests, and scenarios of it.
std::string program(const std::string& clauses, const std::string& statements,
                    const std::string& scenarios) {
  return kWorld +
         std::string("workflow w, version 1\n  takes\n    order   text\n    buyer   text\n") +
         "    guests  list of text at most 50 items\n" + clauses + "  finish within 5 hours\n" +
         statements + scenarios;
}

constexpr const char* kOne =
    "  step tell\n    do mail.send\n      to = buyer\n    no undo because \"A mail\"\n"
    "    if mail.bad, cancel because \"Bad\"\n";
constexpr const char* kTurns = "  once per order\n  one at a time per buyer, others queue\n";

void check(const std::string& clauses, const std::string& statements, const std::string& sentences,
           const std::string& expected) {
  INFO(clauses << sentences);
  CHECK(misses_of(compile(program(clauses, statements, "\nscenario \"S\" for w\n" + sentences))) ==
        expected);
}

// What is wrong with sentences.
std::string problem(const std::string& clauses, const std::string& sentences) {
  const dsl::Compilation compiled = dsl::compile_sources(
      {{"w/test.belay", program(clauses, kOne, "\nscenario \"S\" for w\n" + sentences)}});
  const auto& all = compiled.diagnostics.all();
  return all.empty() ? "" : std::string(all.front().kind->code) + " " + all.front().message;
}

}  // namespace

TEST_CASE("a second start queues, is refused, or is the first saga") {
  const std::string other = "  when it is started again with order = \"other\"\n";
  check(kTurns, kOne,
        other +
            "  then it ends completed\n  and the second start queues\n"
            "  and the second start ends completed\n",
        "");
  // For another buyer, or after the first is over, nothing is in the way.
  check(kTurns, kOne,
        other.substr(0, other.size() - 1) + ", buyer = \"else\"\n" +
            "  then the second start queues\n",
        "S: the second start queues -> it began at once: nothing was under way for the same "
        "value\n");
  check(kTurns, kOne,
        "  when it is started again after 1 hour with order = \"other\"\n"
        "  then the second start queues\n",
        "S: the second start queues -> it began at once: nothing was under way for the same "
        "value\n");
  check(kTurns, kOne, "  when it is started again\n  then the second start changes nothing\n", "");
  check(kTurns, kOne, "  when it is started again\n  then the second start ends completed\n",
        "S: the second start ends completed -> there is no second saga\n");
  check("  one at a time per buyer, others are refused\n", kOne,
        "  when it is started again\n  then the second start is refused\n", "");
  check("  one at a time per buyer, others are refused\n", kOne,
        "  when it is started again after 1 minute\n  then the second start is refused\n",
        "S: the second start is refused -> it began at once: nothing was under way for the same "
        "value\n");
  // What is said of a call is about both; the turn passes on when the first is undone as well.
  check(kTurns, kOne,
        other +
            "  and tell fails with mail.bad once\n"
            "  then it ends compensated because \"Bad\"\n"
            "  and the second start queues\n"
            "  and the second start ends completed\n",
        "");
  check(kTurns, kOne,
        other +
            "  and someone cancels it because \"X\" during tell\n"
            "  then it ends compensated because \"X\"\n  and the second start ends completed\n",
        "");
  check(kTurns, kOne,
        other +
            "  and tell fails with mail.bad\n"
            "  then the second start ends compensated because \"Bad\"\n",
        "");
}

TEST_CASE("a killed engine passes the turn on all the same") {
  for (const char* moment : {"before", "during", "after"}) {
    check(kTurns, kOne,
          "  when it is started again with order = \"other\"\n  and the engine stops " +
              std::string(moment) +
              " tell\n  then it ends completed\n  and the second start queues\n"
              "  and the second start ends completed\n",
          "");
  }
}

TEST_CASE("an event starts a saga with what it holds") {
  const std::string on =
      "  starts on order.paid\n    order = event.order\n    buyer = event.buyer + \"!\"\n    "
      "guests = []\n"
      "  once per order\n";
  check(on, kOne,
        "  when order.paid starts it with buyer = \"ada\"\n"
        "  then it ends completed\n  and buyer is \"ada!\"\n",
        "");
  check(on, kOne,
        "  given buyer = \"bob\"\n  when order.paid starts it\n"
        "  then buyer is \"bob!\"\n",
        "");
  const std::string by = story_of(compile(
      program(on, kOne,
              "\nscenario \"S\" for w\n  when order.paid starts it\n  then it ends completed\n")));
  CHECK(by.find("it starts, by the event order.paid\n") != std::string::npos);
  const std::string broken =
      "  starts on order.paid\n    order = event.order\n    buyer = event.buyer.split(\",\")[1]\n  "
      "  guests = []\n";
  CHECK(misses_of(compile(program(broken, kOne,
                                  "\nscenario \"S\" for w\n  when order.paid starts it\n"
                                  "  then it ends completed\n")))
            .starts_with("S: the scenario can be run -> `order.paid` starts nothing: "));
}

TEST_CASE("sentences about starts that cannot be are refused") {
  const std::string then = "  then it ends completed\n";
  CHECK(problem("", "  when order.paid starts it\n" + then) ==
        "BEL5131 `order.paid` does not start `w`");
  CHECK(problem("", "  when it is started again\n  and it is started again\n" + then) ==
        "BEL5131 a scenario starts its workflow a second time, and no more");
  CHECK(problem("", "  then the second start ends completed\n") ==
        "BEL5131 nothing starts it a second time");
  CHECK(problem("", "  when it is started again\n  then the second start queues\n") ==
        "BEL5131 `w` does not say `one at a time`: a second start is not held up");
  CHECK(problem("", "  when it is started again\n  then the second start changes nothing\n") ==
        "BEL5131 `w` does not say `once per`: each start is a saga");
  CHECK(problem(kTurns, "  when it is started again\n  then the second start is refused\n") ==
        "BEL5131 `w` lets a start queue while another is under way");
  CHECK(problem("  one at a time per buyer, others are refused\n",
                "  when it is started again\n  then the second start queues\n") ==
        "BEL5131 `w` refuses a start while another is under way");
  CHECK(problem("  starts on order.paid\n    order = event.order\n    buyer = event.buyer\n"
                "    guests = []\n",
                "  given guests = [\"a\"]\n  when order.paid starts it\n" + then) ==
        "BEL5131 `order.paid` starts it, and has no field `guests` of that type");
  CHECK(problem("", "  when it is started again with guest = 1\n" + then)
            .starts_with("BEL4001 `w` has no input `guest`"));
}

TEST_CASE("calls wait for their rate, and time passes") {
  const std::string each =
      "  for each guest in guests, at most 10 at once\n    step tell\n      do "
      "mail.send\n"
      "        to = guest\n      at most 3 per hour per string(\"all\")\n"
      "      no undo because \"A mail\"\n      if mail.bad, cancel because \"Bad\"\n";
  const std::string seven = "  given guests = [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\"]\n";
  check("", each, seven + "  then it ends completed\n  and within 121 minutes\n", "");
  check("", each, seven + "  then within 110 minutes\n", "S: within 110 minutes -> it took 2 h\n");
  // The time that the saga has runs on: 17 mails would take five hours and more.
  const std::string many =
      "  given guests = [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\", "
      "\"k\", \"l\", \"m\", \"n\", \"o\", \"p\", \"q\"]\n";
  check("", each, many + "  then it ends compensated because \"it did not finish in time\"\n", "");
  // Each value has a measure of its own.
  std::string own = each;
  own.replace(own.find("string(\"all\")"), 13, "guest");
  check("", own, seven + "  then within 1 minute\n", "");
}
