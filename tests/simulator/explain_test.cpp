// The reading and the what-if table: goldens of the shipped workflows, that rows come from runs
// which replay, the bound, and that an unreached statement is named. BELAY_UPDATE_GOLDEN=1 rewrites
// the goldens.
#include "runtime/simulator/explain.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/simulator/support.h"

using namespace belay;
using namespace belay::testing;

namespace {

void check_golden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(BELAY_SOURCE_DIR) + "/tests/golden/what_if/" + name;
  if (std::getenv("BELAY_UPDATE_GOLDEN") != nullptr)
    std::ofstream(path, std::ios::binary) << actual;
  std::ifstream in(path, std::ios::binary);
  const std::string expected((std::istreambuf_iterator<char>(in)), {});
  INFO(name);
  CHECK(actual == expected);
}

sim::Surroundings around() {
  sim::Surroundings out;
  for (const dsl::Connector& connector : shipped().program.connectors) {
    out.timeout_ms[connector.name] = connector.timeout_ms;
  }
  return out;
}

sim::Explanation page(const std::string& workflow) {
  return sim::explain(shipped_graph(workflow), shipped().program.scenarios, around());
}

// The row of a section that holds a case, or a failure.
sim::WhatIfRow row(const sim::WhatIf& table, const std::string& section, const std::string& one) {
  for (const sim::WhatIfSection& s : table.sections) {
    if (s.title.find(section) == std::string::npos) continue;
    for (const sim::WhatIfRow& r : s.rows) {
      for (const std::string& text : r.ifs) {
        if (text.find(one) != std::string::npos) return r;
      }
    }
  }
  FAIL("no row for " << one << " in " << section);
  return {};
}

constexpr const char* kWorld = R"(belay 1

connector shop
  base "https://shop.example.com"

action shop.take
  moves money
  takes
    amount  money
  gives
    id  text = body.id
  repeating is safe
  call shop, POST "/take"
    amount = amount.minor
  if status is 402, shop.declined

action shop.give_back
  moves money
  takes
    id  text
  repeating is safe
  call shop, POST "/back/{id}"

event shop.paid, version 1, key order
  order  text

workflow sell, version 1
  takes
    order   text
    amount  money
)";

// Seats and a note of each: one item more than may fail, side by side.
constexpr const char* kSeats = R"(
connector hall
  base "https://hall.example.com"

action seat.hold
  reserves
  takes
    seat  text
  gives
    hold  text = body.hold
  repeating is safe
  call hall, POST "/seats"
    seat = seat
  if status is 409, seat.taken

action seat.release
  records
  takes
    hold  text
  repeating is safe
  call hall, DELETE "/seats/{hold}"

action seat.price
  reads
  takes
    seat  text
  gives
    price  money = money("EUR", body.cents)
  can end in seat.unknown
  repeating is safe
  call hall, GET "/seats/{seat}/price"
  if status is 404, seat.unknown

workflow hold_seats "Hold a seat for each guest", version 1
  takes
    seats  list of text
  gives
    prices = prices
  finish within 1 hour
  for each seat in seats, at most 2 at once, tolerating 1 failure
    step hold "Hold one seat"
      do seat.hold
        seat = seat
      undo with seat.release
        hold = hold.hold
    step price "Ask its price"
      do seat.price
        seat = seat
    collect prices = price.price
  when size(prices) < 2
    cancel because "Too few seats"
)";

}  // namespace

TEST_CASE("golden: the what-if tables of the shipped workflows") {
  check_golden("confirm_booking.txt", sim::explain_text(page("confirm_booking")));
  check_golden("settle_booking.md", sim::explain_markdown(page("settle_booking")));
}

TEST_CASE("golden: the what-if table of a loop that tolerates failures") {
  const dsl::Compilation compiled =
      compile(std::string("belay 1\n") + kSeats +
              "\nscenario \"One seat of three is gone\" for hold_seats\n" +
              "  when hold of item 2 fails with seat.taken\n  then it ends completed\n");
  check_golden("hold_seats.txt", sim::explain_text(sim::explain(compiled.program.graphs.front(),
                                                                compiled.program.scenarios, {})));
}

TEST_CASE(
    "nothing of the shipped workflows is unreached or cut, and their books agree with the world") {
  for (const interpreter::Graph& graph : shipped().program.graphs) {
    const sim::WhatIf table = sim::what_if(graph, shipped().program.scenarios, around());
    INFO(graph.workflow);
    CHECK(table.not_reached.empty());
    CHECK(table.cut == 0);
    CHECK(table.runs > 100);
    for (const sim::WhatIfSection& section : table.sections) {
      for (const sim::WhatIfRow& one : section.rows) {
        INFO(section.title << ": " << one.ifs.front());
        CHECK(one.remarks.empty());
      }
    }
  }
}

TEST_CASE("the table tells of money that stays") {
  const dsl::Compilation compiled =
      compile(std::string(kWorld) +
              "  step take\n    do shop.take\n      amount = amount\n"
              "    no undo because \"we keep it\"\n"
              "    if shop.declined, cancel because \"Declined\"\n"
              "  wait paid\n    for shop.paid, key order\n"
              "    within 1 hour, otherwise cancel because \"Too late\"\n"
              "    undo with shop.give_back\n      id = take.id\n");
  const sim::WhatIf table = sim::what_if(compiled.program.graphs.front(), {});
  const sim::WhatIfRow never = row(table, "paid", "it never comes");
  CHECK(never.ends == "everything is undone after 1 h");
  REQUIRE(never.left_over.size() == 1);
  CHECK(never.left_over[0] == "`take` (moves money): we keep it");
  const sim::WhatIfRow late = row(table, "paid", "it comes too late");
  REQUIRE(late.remarks.size() == 1);
  CHECK(late.remarks[0] ==
        "`paid` came when nothing waited for it: nobody takes it, nobody undoes it");
  CHECK(row(table, "take", "it ends in `shop.declined`").left_over.empty());
  CHECK(row(table, "take", "it is refused").ends == "held at `take` (it was refused)");
  CHECK(table.left_over > 0);
}

TEST_CASE("money that comes late starts a saga that has it, unless `once per` finds the old one") {
  const auto late = [](const std::string& before) {
    std::string text = kWorld;
    text.insert(text.find("workflow sell") - 1, "  amount  money\n");
    const dsl::Compilation compiled =
        compile(text +
                "  once per order\n  starts on shop.paid\n    order = event.order\n"
                "    amount = event.amount\n" +
                before +
                "  wait paid\n    for shop.paid, key order, even if up to 1 hour before\n"
                "    within 1 hour, otherwise cancel because \"Too late\"\n"
                "    undo with shop.give_back\n      id = paid.order\n");
    return sim::what_if(compiled.program.graphs.front(), {});
  };
  const sim::WhatIf anew = late("");
  for (const char* when : {"it comes too late", "it came too long before the saga started",
                           "somebody cancels while it waits"}) {
    INFO(when);
    const sim::WhatIfRow one = row(anew, "paid", when);
    CHECK(one.ends.starts_with("everything is undone"));
    CHECK(one.remarks.empty());
    CHECK(one.left_over.empty());
  }
  const sim::WhatIf same = late(
      "  step take\n    do shop.take\n      amount = amount\n"
      "    no undo because \"we keep it\"\n"
      "    if shop.declined, cancel because \"Declined\"\n");
  CHECK(row(same, "paid", "it comes too late").remarks.size() == 1);
  CHECK(row(same, "paid", "it came too long before the saga started").remarks.empty());
}

TEST_CASE("what no sample and no scenario reaches is named; a scenario makes it reached") {
  const std::string flow =
      "  when amount is EUR 1.00\n    step take\n      do shop.take\n        amount = amount\n"
      "      undo with shop.give_back\n        id = take.id\n"
      "      if shop.declined, cancel because \"Declined\"\n"
      "  wait paid\n    for shop.paid, key order\n"
      "    within 1 hour, otherwise cancel because \"Too late\"\n";
  const dsl::Compilation bare = compile(kWorld + flow);
  const sim::WhatIf unreached = sim::what_if(bare.program.graphs.front(), bare.program.scenarios);
  REQUIRE(unreached.not_reached.size() == 2);
  CHECK(unreached.not_reached[0].starts_with("`take`, w/test.belay:"));
  const dsl::Compilation with =
      compile(kWorld + flow +
              "scenario \"One euro\" for sell\n  given amount = EUR 1.00\n"
              "  then it ends compensated because \"Too late\"\n  and undone is take\n");
  const sim::WhatIf reached = sim::what_if(with.program.graphs.front(), with.program.scenarios);
  CHECK(reached.not_reached.empty());
  CHECK(row(reached, "`take`", "it ends in `shop.declined`").ends == "everything is undone");
}

TEST_CASE("what only a failure reaches is tried in the world of that failure") {
  const dsl::Compilation compiled =
      compile(std::string(kWorld) +
              "  wait paid\n    for shop.paid, key order\n    within 1 hour, otherwise\n"
              "      step take\n        do shop.take\n          amount = amount\n"
              "        undo with shop.give_back\n          id = take.id\n"
              "        if shop.declined, cancel because \"Declined\"\n"
              "      cancel because \"Too late\"\n");
  const sim::WhatIf table = sim::what_if(compiled.program.graphs.front(), {});
  CHECK(table.not_reached.empty());
  CHECK(row(table, "`take`", "it ends in `shop.declined`").told ==
        std::vector<std::string>{"“Declined”"});
  CHECK(row(table, "The undo of `take`", "it is refused").ends.starts_with("held at"));
}

TEST_CASE("a bound that cuts is told") {
  const sim::WhatIf table =
      sim::what_if(shipped_graph("confirm_booking"), {}, around(), {.runs_max = 40});
  CHECK(table.runs == 40);
  CHECK(table.cut > 0);
  CHECK(sim::table_note(table).find("the table is not complete") != std::string::npos);
}

TEST_CASE("the HTML page is whole, escaped and self-contained") {
  sim::Explanation one = page("confirm_booking");
  one.picture = "<?xml?><!DOCTYPE svg><svg id=\"x\"></svg>";
  one.reading.frame.push_back("<script>alert(1)</script> & `code`");
  const std::string html = sim::explain_html(one);
  const auto count = [&](std::string_view what) {
    std::size_t n = 0;
    for (std::size_t at = html.find(what); at != std::string::npos; at = html.find(what, at + 1))
      ++n;
    return n;
  };
  CHECK(html.starts_with("<!doctype html>"));
  CHECK(html.ends_with("</html>\n"));
  CHECK(count("<script") == 0);
  CHECK(count("&lt;script&gt;") == 1);
  CHECK(count("<?xml") == 0);
  CHECK(count("<svg id=\"x\">") == 1);
  CHECK(count("http") == 0);  // nothing is loaded from anywhere
  for (const std::string tag : {"table", "tr", "td", "section", "div", "code", "ul", "li"}) {
    INFO(tag);
    CHECK(count("<" + tag + ">") + count("<" + tag + " ") == count("</" + tag + ">"));
  }
}
