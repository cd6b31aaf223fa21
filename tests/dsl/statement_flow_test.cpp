// What is known after loops, races, tries and the blocks of handlers: which names exist, which may
// exist, and what a graph is pinned to. Each case is a body against world.belay of
// tests/golden/diagnostics, and the codes that it earns.
#include "dsl/compile.h"
#include "tests/catch.h"
#include "tests/dsl/compile_support.h"

namespace belay::dsl {
namespace {

using interpreter::Graph;
using interpreter::Node;
using interpreter::NodeKind;

const std::string kHead =
    "workflow w, version 1\n  takes\n    booking   uuid\n    bookings  list of uuid\n"
    "    price     money\n";
const std::string kLook = "do booking.look\n      booking = booking\n";

Compilation compile_body(const std::string& body) {
  return compile_sources({{"connectors/world.belay", testing::world()},
                          {"workflows/case.belay", "belay 1\n\n" + body}});
}
std::string messages(const Compilation& c) { return render_text(c.diagnostics, c.sources, false); }

// A list of statements of `w`, and the codes it earns, each once in a row.
void check_codes(const std::string& statements, const std::string& expected) {
  const Compilation c = compile_body(kHead + statements);
  std::string codes;
  for (const Diagnostic& d : c.diagnostics.all()) {
    if (codes.ends_with(d.kind->code)) continue;
    codes += (codes.empty() ? "" : " ") + std::string(d.kind->code);
  }
  INFO(statements << "\n" << messages(c));
  CHECK(codes == expected);
  CHECK(c.program.graphs.size() == (c.ok() ? 1 : 0));
}

Graph graph_of(const std::string& text, std::string_view workflow = "w") {
  const Compilation c = compile_body(text);
  INFO(messages(c));
  REQUIRE(c.ok());
  for (const Graph& graph : c.program.graphs) {
    if (graph.workflow == workflow) return graph;
  }
  FAIL("no such workflow");
  return {};
}

TEST_CASE("after a race the names of its branches may exist") {
  const auto race = [](const std::string& wanted, const std::string& then) {
    return "  together, waiting for " + wanted +
           "\n    step a\n      do booking.look\n        booking = booking\n"
           "    step b\n      do booking.look\n        booking = booking\n" +
           then;
  };
  const std::string reads = "  set seen = a.note or else \"\"\n";
  const std::string asks = "  when a is present\n    set seen = a.note or else \"\"\n";
  check_codes(race("all", reads), "");
  check_codes(race("2 of 2", reads), "");
  check_codes(race("any", asks), "");
  check_codes(race("1 of 2", asks), "");
  check_codes(race("any", "  set there = a.note is present\n"), "");
  check_codes(race("any", "  set seen = a\n"), "BEL5201");
  check_codes(race("1 of 2", "  set seen = a\n"), "BEL5201");
  check_codes(race("any", "  cancel because \"x\"\n  pause for 1 second\n"), "BEL5002");
}

TEST_CASE("a race goes on when enough of its branches can win") {
  const std::string next = "  pause for 1 second\n";
  const auto ends = [](int first, int second) {
    const char* kinds[] = {"    pause for 1 second\n", "    cancel because \"x\"\n"};
    return std::string(kinds[first]) + kinds[second];
  };
  check_codes("  together, waiting for any\n" + ends(0, 1) + next, "");
  check_codes("  together, waiting for any\n" + ends(1, 1) + next, "BEL5002");
  check_codes("  together, waiting for all\n" + ends(0, 1) + next, "BEL5002");
}

TEST_CASE("what the body of a try declares may exist where a handler goes on") {
  const std::string body = "  try\n    step a\n      do booking.look\n        booking = booking\n";
  check_codes(body + "  if any error, cancel because \"x\"\n  set seen = a\n", "");
  check_codes(body + "  if any error, hand to support\n  set seen = a\n", "");
  check_codes(body + "  if refused, carry on\n  set seen = a\n", "BEL5201");
  check_codes(body + "  if refused, carry on\n  when a is present\n    set seen = a\n", "");
  check_codes(body + "  if refused\n    pause for 1 second\n  set seen = a\n", "BEL5201");
  check_codes(body + "  if refused\n    cancel because \"x\"\n  set seen = a\n", "");
}

TEST_CASE("a name that a try and its handlers set exists after them") {
  const std::string body =
      "  try\n    step a\n      do booking.look\n        booking = booking\n"
      "    set found = true\n";
  const std::string after = "  set seen = found\n";
  check_codes(body + "  if any error\n    set found = false\n" + after, "");
  check_codes(body + "  if refused\n    set found = false\n  if any error, carry on\n" + after,
              "BEL5201");
  check_codes(body + "  if any error\n    set found = 1\n" + after, "BEL5007");
  check_codes(body +
                  "  if any error\n    when price > EUR 1.00\n      set found = false\n"
                  "      carry on\n    set found = true\n" +
                  after,
              "");
  check_codes(body +
                  "  if any error\n    when price > EUR 1.00\n      carry on\n"
                  "    set found = true\n" +
                  after,
              "BEL5201");
  const Graph graph = graph_of(kHead + body + "  if any error\n    set found = false\n" + after);
  interpreter::SlotId slot = interpreter::kNoSlot;
  for (const Node& node : graph.nodes) {
    if (node.kind != NodeKind::kSet || graph.slots[node.slot].name != "found") continue;
    if (slot != interpreter::kNoSlot) CHECK(slot == node.slot);  // one name, one slot
    slot = node.slot;
  }
}

TEST_CASE("the block of a handler says whether its step has a result") {
  const auto look = [](const std::string& block) {
    return "  step a\n    " + kLook + "    if refused\n" + block + "  set seen = a\n";
  };
  check_codes(look("      carry on with {\"note\": \"none\"}\n"), "");
  check_codes(look("      carry on\n"), "BEL5201");
  check_codes(look("      pause for 1 second\n"), "BEL5201");
  check_codes(look("      hand to support\n"), "");
  check_codes(look("      when price > EUR 1.00\n        carry on with {\"note\": \"none\"}\n"
                   "      otherwise\n        try again after 1 minute, at most 3 times\n"),
              "");
  check_codes(look("      when price > EUR 1.00\n        carry on with {\"note\": \"none\"}\n"
                   "      otherwise\n        carry on\n"),
              "BEL5201");
  check_codes(look("      carry on with {\"nota\": \"none\"}\n"), "BEL4001");
  check_codes(look("      carry on with {\"note\": \"none\"}\n      pause for 1 second\n"),
              "BEL5002");
}

TEST_CASE("a loop leaves what it says, and nothing else") {
  const std::string each =
      "  for each item in bookings, at most 2 at once\n    step a\n"
      "      do booking.look\n        booking = item\n";
  check_codes(each + "    collect notes = a.note or else \"\"\n  set first = notes[0]\n", "");
  check_codes(each + "  set first = a\n", "BEL5001");
  check_codes(each +
                  "    collect all_of = item\n  for each again in all_of, at most 1 at once\n"
                  "    set x = again\n",
              "");
  const std::string repeat = "  repeat until a.note is present, at most 3 times";
  const std::string body = "\n    step a\n      do booking.look\n        booking = booking\n";
  check_codes(repeat + body + "  set seen = a.note\n", "");  // `until` proved it
  check_codes(repeat + ", otherwise carry on" + body + "  set seen = a.note\n", "BEL5201");
  check_codes(repeat + ", otherwise carry on" + body + "  set seen = a.note or else \"\"\n", "");
  check_codes(repeat + ", otherwise finish" + body + "  set seen = a.note\n", "");
  check_codes("  repeat until 1, at most 3 times\n    pause for 1 second\n", "BEL4202");
}

TEST_CASE("loops in loops count their depth, and each leaves to the one around it") {
  const Graph graph = graph_of(kHead +
                               "  for each item in bookings, at most 2 at once\n"
                               "    repeat until a.note is present, at most 3 times\n"
                               "      step a\n        do booking.look\n          booking = item\n"
                               "    collect notes = a.note or else \"\"\n");
  std::map<std::string, std::vector<std::uint32_t>> depths;
  for (const interpreter::SlotInfo& slot : graph.slots) depths[slot.name].push_back(slot.depth);
  CHECK(depths["booking"] == std::vector<std::uint32_t>{0});
  CHECK(depths["item"] == std::vector<std::uint32_t>{1});
  CHECK(depths["a"] == std::vector<std::uint32_t>{2, 1});
  CHECK(depths["notes"] == std::vector<std::uint32_t>{1, 0});
  for (const Node& node : graph.nodes) {
    for (const interpreter::Export& e : node.exports)
      CHECK(graph.slots[e.inner].depth == graph.slots[e.outer].depth + 1);
  }
}

TEST_CASE("of any of several events each may be missing") {
  const auto wait = [](const std::string& kind) {
    return "  wait paid\n    for " + kind +
           " of\n      card = payment.authorised, key booking\n"
           "      done = booking.confirmed, key booking\n"
           "    within 1 hour, otherwise cancel because \"x\"\n";
  };
  check_codes(wait("all") + "  set sum = paid.card.amount\n", "");
  check_codes(wait("any") + "  set sum = paid.card.amount\n", "BEL5201");
  check_codes(wait("any") + "  when paid.card is present\n    set sum = paid.card.amount\n", "");
  check_codes(wait("any") + "  set sum = paid.cash.amount\n", "BEL3202");
}

TEST_CASE("an answer has its fields, unless nobody had to give it") {
  const auto ask = [](const std::string& otherwise) {
    return "  ask approve \"Well?\" of role manager\n    answers\n      granted  bool\n"
           "      why      optional text\n    within 1 day, otherwise " +
           otherwise + "\n";
  };
  check_codes(ask("cancel because \"x\"") + "  set ok = approve.granted\n", "");
  check_codes(ask("cancel because \"x\"") + "  set ok = approve.why\n", "BEL5201");
  check_codes(ask("carry on") + "  set ok = approve.granted\n", "BEL5201");
  check_codes(ask("carry on with {\"granted\": false}") + "  set ok = approve.granted\n", "");
  check_codes(ask("carry on with {\"granted\": 1}") + "  set ok = approve.granted\n", "BEL4202");
  check_codes(ask("try again after 1 minute, at most 3 times"), "BEL5005");
}

const std::string kChild =
    "\nworkflow child, version 3\n  takes\n    booking  uuid\n  gives\n    note = look.note or "
    "else \"\"\n"
    "\n  step look\n    do booking.look\n      booking = booking\n";
const std::string kParent = kHead + "\n  step inner\n    run child\n      booking = booking\n" +
                            "  set seen = inner.note\n";

TEST_CASE("a run is pinned to the child as it is") {
  const Graph child = graph_of(kParent + kChild, "child");
  const Graph parent = graph_of(kParent + kChild);  // it stands before its child
  const Node& run = parent.nodes[0];
  REQUIRE(run.kind == NodeKind::kRun);
  CHECK(run.run.workflow == "child");
  CHECK(run.run.version == 3);
  CHECK(run.run.hash == child.hash);
  CHECK(run.call.action == interpreter::kNoAction);
  CHECK(run.undo.has_value());
  std::string edited = kParent + kChild;
  edited.replace(edited.find("or else \"\""), 10, "or else \"x\"");
  CHECK(graph_of(edited).hash != parent.hash);
}

TEST_CASE("a chain of runs as long as the workspace is lowered without a deep stack") {
  std::string text;
  constexpr int kLength = 3'000;
  for (int i = 0; i < kLength; ++i) {
    const std::string name = "w" + std::to_string(i);
    text += "workflow " + name + ", version 1\n  takes\n    booking  uuid\n\n";
    text += i + 1 == kLength ? "  pause for 1 second\n\n"
                             : "  step next\n    run w" + std::to_string(i + 1) +
                                   "\n      booking = booking\n\n";
  }
  const Compilation c = compile_body(text);
  CHECK(messages(c) == "");
  CHECK(c.program.graphs.size() == kLength);
}

TEST_CASE("the hash covers the new clauses, and still ignores what is for people") {
  const std::string clauses =
      "  owner \"Ann\"\n  tags \"a\"\n  one at a time per booking, others queue\n"
      "  starts on payment.authorised\n    booking  = event.booking\n    bookings = []\n"
      "    price    = event.amount\n"
      "  for each item in bookings, at most 2 at once, tolerating 1 failure\n    pause for 1 "
      "second\n"
      "  repeat until true, at most 3 times\n    pause for 1 second\n"
      "  ask approve \"Well?\" of role manager\n    answers\n      granted  bool\n"
      "    within 1 day, otherwise cancel because \"x\"\n";
  const auto hash = [&](const std::string& from, const std::string& to) {
    std::string text = kHead + clauses;
    if (!from.empty()) {
      const std::size_t at = text.find(from);
      REQUIRE(at != std::string::npos);
      text.replace(at, from.size(), to);
    }
    return graph_of(text).hash;
  };
  const std::string original = hash("", "");
  CHECK(hash("\"Ann\"", "\"Bob\"") == original);
  CHECK(hash("tags \"a\"", "tags \"b\", \"c\"") == original);
  CHECK(hash("\"Well?\"", "\"Really?\"") == original);
  CHECK(hash("queue", "are refused") != original);
  CHECK(hash("event.amount", "EUR 1.00") != original);
  CHECK(hash("2 at once", "3 at once") != original);
  CHECK(hash("1 failure", "2 failures") != original);
  CHECK(hash("3 times", "4 times") != original);
  CHECK(hash("role manager", "role clerk") != original);
  CHECK(hash("granted", "allowed") != original);
}

TEST_CASE("a value made from a private one is private") {
  const std::string head =
      "type Guest\n  id    uuid\n  mail  private email\n\nworkflow w, version 1\n  takes\n"
      "    guest   Guest\n    guests  list of Guest\n";
  const Graph graph = graph_of(
      head +
      "  set a = \"to \" + guest.mail\n  set b = guest.id\n  set c = size(guests.map(x, x.id))\n"
      "  set d = size(guests.map(x, x.mail))\n  set e = guest\n  set f = a + \"!\"\n"
      "  for each g in guests, at most 1 at once\n    collect h = g.mail\n    collect i = g.id\n");
  std::map<std::string, bool> is_private;
  for (const interpreter::SlotInfo& slot : graph.slots) {
    is_private[slot.name] =
        slot.type.is_private || (!slot.type.element.empty() && slot.type.element[0].is_private);
  }
  CHECK(is_private["a"]);
  CHECK(!is_private["b"]);
  CHECK(!is_private["c"]);
  CHECK(is_private["d"]);
  CHECK(!is_private["e"]);  // a record whose own field is
  CHECK(is_private["f"]);
  CHECK(is_private["h"]);
  CHECK(!is_private["i"]);
}

}  // namespace
}  // namespace belay::dsl
