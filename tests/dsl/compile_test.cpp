// The compiler as authors see it: every problem has a golden page in tests/golden/diagnostics (a
// case named CODE_what.belay or .yaml, compiled beside world.belay, and the rendered text), every
// kind of the compiler appears in one, and the saga of LANGUAGE.md §3 compiles without a word, to
// one hash in both forms.
#include "dsl/compile.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "dsl/read.h"
#include "interpreter/graph_codec.h"
#include "tests/catch.h"
#include "tests/dsl/compile_support.h"

namespace belay::dsl {
namespace {

namespace fs = std::filesystem;
using testing::check_golden;
using testing::read_file;

const std::string kGolden = std::string(BELAY_SOURCE_DIR) + "/tests/golden/diagnostics";

std::string messages(const Compilation& c) { return render_text(c.diagnostics, c.sources, false); }

// A workflow body against the world; what it earns.
Compilation compile_body(const std::string& body) {
  return compile_sources({{"connectors/world.belay", testing::world()},
                          {"workflows/case.belay", "belay 1\n\n" + body}});
}
void check_codes(const std::string& body, const std::string& expected) {
  const Compilation c = compile_body(body);
  std::string codes;
  for (const Diagnostic& d : c.diagnostics.all()) {
    if (codes.ends_with(d.kind->code)) continue;  // once a kind is enough to tell
    codes += (codes.empty() ? "" : " ") + std::string(d.kind->code);
  }
  INFO(body << "\n" << messages(c));
  CHECK(codes == expected);
}

std::vector<std::string> cases() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kGolden)) {
    const std::string name = entry.path().filename().string();
    const std::string ending = entry.path().extension().string();
    if (name.starts_with("BEL") && (ending == ".belay" || ending == ".yaml")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST_CASE("diagnostics of the compiler") {
  CHECK(cases().size() > 40);
  const PluginCatalog catalog{{"tax", "print"}};
  for (const std::string& name : cases()) {
    const Compilation c = compile_sources({{"connectors/world.belay", testing::world()},
                                           {"workflows/" + name, read_file(kGolden + "/" + name)}},
                                          &catalog);
    INFO(name);
    const std::string code = name.substr(0, 7);
    CHECK(std::any_of(c.diagnostics.all().begin(), c.diagnostics.all().end(),
                      [&](const Diagnostic& d) { return d.kind->code == code; }));
    check_golden("diagnostics/" + name + ".txt", messages(c));
  }
}

std::multiset<std::string> codes_of(const Compilation& c) {
  std::multiset<std::string> codes;
  for (const Diagnostic& d : c.diagnostics.all()) codes.insert(std::string(d.kind->code));
  return codes;
}

// The case in the other form; empty when it cannot be read (or has no other form).
std::string in_yaml(const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  sources.add("case.belay", text);
  const File file = read_text(sources, 0, diagnostics);
  return diagnostics.all().empty() ? print_yaml(file) : std::string();
}

Compilation beside_the_world(const std::string& name, const std::string& text) {
  static const PluginCatalog catalog{{"tax", "print"}};
  return compile_sources(
      {{"connectors/world.belay", testing::world()}, {"workflows/" + name, text}}, &catalog);
}

TEST_CASE("what is wrong in one form is wrong in the other") {
  int compared = 0;
  for (const std::string& name : cases()) {
    // A handler twice is a key twice in YAML, with a kind of its own.
    if (!name.ends_with(".belay") || name.starts_with("BEL5008")) continue;
    const std::string text = read_file(kGolden + "/" + name), yaml = in_yaml(text);
    if (yaml.empty()) continue;
    const Compilation one = beside_the_world("case.belay", text),
                      other = beside_the_world("case.yaml", yaml);
    INFO(name << "\n" << yaml << messages(one) << messages(other));
    CHECK(codes_of(one) == codes_of(other));
    ++compared;
  }
  CHECK(compared > 50);
}

TEST_CASE("what was mended is no longer reported, in both forms") {
  std::set<std::string> mended;
  for (const auto& entry : fs::directory_iterator(kGolden + "/fixed")) {
    const std::string name = entry.path().filename().string(), code = name.substr(0, 7);
    const std::string text = read_file(entry.path().string());
    mended.insert(code);
    std::vector<std::pair<std::string, std::string>> forms = {{name, text}};
    if (name.ends_with(".belay")) forms.emplace_back("case.yaml", in_yaml(text));
    for (const auto& [path, said] : forms) {
      REQUIRE(!said.empty());
      const Compilation c = beside_the_world(path, said);
      INFO(name << "\n" << said << messages(c));
      CHECK(c.ok());
      CHECK(codes_of(c).count(code) == 0);
    }
  }
  for (const DiagnosticKind& kind : diagnostic_kinds()) {
    if (!kind.code.starts_with("BEL2")) continue;
    INFO(kind.code);
    CHECK(mended.contains(std::string(kind.code)));
  }
}

TEST_CASE("what is allowed is kept with its reason, and runs") {
  const Compilation c =
      beside_the_world("case.belay", read_file(kGolden + "/fixed/BEL2001_allowed.belay"));
  INFO(messages(c));
  CHECK(c.ok());
  CHECK(c.program.graphs.size() == 1);
  CHECK(messages(c) == "");
  CHECK(render_allowed(c.diagnostics, c.sources) ==
        "allowed[BEL2001] workflows/case.belay:12: `capture` takes money, but nothing undoes it\n"
        "  because: the deposit is kept\n1 finding allowed, with its reason\n");
  CHECK(render_json(c.diagnostics, c.sources).find("\"because\":\"the deposit is kept\"") !=
        std::string::npos);
}

TEST_CASE("a reason for an allow is no part of the hash") {
  const std::string text = read_file(kGolden + "/fixed/BEL2001_allowed.belay");
  std::string other = text;
  other.replace(other.find("the deposit is kept"), 19, "we said so");
  const Compilation a = beside_the_world("case.belay", text),
                    b = beside_the_world("case.belay", other);
  REQUIRE(a.program.graphs.size() == 1);
  REQUIRE(b.program.graphs.size() == 1);
  CHECK(a.program.graphs[0].hash == b.program.graphs[0].hash);
}

TEST_CASE("every kind of the compiler is shown by a golden page") {
  std::string pages;
  for (const auto& entry : fs::directory_iterator(kGolden)) {
    if (entry.path().extension() == ".txt") pages += read_file(entry.path().string());
  }
  for (const DiagnosticKind& kind : diagnostic_kinds()) {
    const std::string_view code = kind.code;
    const bool ours = code.starts_with("BEL13") || code.starts_with("BEL2") ||
                      code.starts_with("BEL30") || code.starts_with("BEL31") ||
                      code.starts_with("BEL40") || code.starts_with("BEL41") ||
                      code.starts_with("BEL50") || code.starts_with("BEL51");
    if (!ours) continue;
    INFO(code);
    CHECK(pages.find("[" + std::string(code) + "]") != std::string::npos);
    CHECK(!kind.what.empty());
    CHECK(!kind.why.empty());
    CHECK(!kind.bad.empty());
    CHECK(!kind.fixed.empty());
  }
}

TEST_CASE("the world and the saga of the language page earn no word") {
  const Compilation c = compile_sources(
      {{"w/saga.belay", testing::saga_text()}, {"w/world.belay", testing::world()}});
  CHECK(messages(c) == "");
  REQUIRE(c.program.graphs.size() == 1);
  CHECK(c.ok());
}

TEST_CASE("both forms of a saga have one hash") {
  const Compilation text = compile_sources(
      {{"w/saga.belay", testing::saga_text()}, {"w/world.belay", testing::world()}});
  const Compilation yaml =
      compile_sources({{"w/saga.yaml", testing::saga_yaml()}, {"w/world.belay", testing::world()}});
  CHECK(messages(yaml) == "");
  REQUIRE(text.program.graphs.size() == 1);
  REQUIRE(yaml.program.graphs.size() == 1);
  CHECK(text.program.graphs[0].hash == yaml.program.graphs[0].hash);
  CHECK(text.program.graphs[0].hash.size() == 64);
}

TEST_CASE("the hash ignores what is for people, and nothing else") {
  const auto hash = [](std::string from, std::string to) {
    std::string saga = testing::saga_text();
    if (!from.empty()) {
      const std::size_t at = saga.find(from);
      REQUIRE(at != std::string::npos);
      saga.replace(at, from.size(), to);
    }
    const Compilation c =
        compile_sources({{"w/saga.belay", saga}, {"w/world.belay", testing::world()}});
    INFO(messages(c));
    REQUIRE(c.program.graphs.size() == 1);
    return c.program.graphs[0].hash;
  };
  const std::string original = hash("", "");
  CHECK(hash("\"Confirm a booking\"", "\"Something else\"") == original);
  CHECK(hash("\"Hold the slot\"", "\"Keep it\"") == original);
  CHECK(hash("  once per booking", "  # a comment\n  owner \"booking\"\n  once per booking") ==
        original);
  CHECK(hash("resource  = resource", "resource  =    resource") == original);
  CHECK(hash("40 minutes", "41 minutes") != original);
  CHECK(hash("\"The slot is gone\"", "\"Gone\"") != original);
  CHECK(hash("version 1", "version 2") != original);
}

constexpr const char* kHead =
    "workflow w, version 1\n  takes\n    booking   uuid\n    customer  Customer\n    price     "
    "money\n";

TEST_CASE("a condition proves presence") {
  const std::string head = kHead;
  const std::string look =
      "  step look\n    do booking.look\n      booking = booking\n    if refused, carry on\n";
  check_codes(head + look + "  set a = look.note or else \"\"\n", "");
  check_codes(
      head + look + "  when look is present and look.note is present\n    set a = look.note\n", "");
  check_codes(
      head + look +
          "  when look.note is not present\n    cancel because \"No\"\n  set a = look.note\n",
      "");
  check_codes(head + look + "  set a = look.note\n", "BEL5201");
  check_codes(head + look +
                  "  when look.note is present\n    set a = look.note\n  otherwise\n    set a = "
                  "look.note\n",
              "BEL5201");
  check_codes(
      head + "  when customer.phone is present\n    pause for 1 minute\n  set a = customer.phone\n",
      "BEL5201");
}

TEST_CASE("names set in every arm exist after it, others end with their block") {
  const std::string head = kHead;
  const std::string both = "  when price is EUR 1.00\n    set a = 1\n  otherwise\n    set a = 2\n";
  check_codes(head + both + "  set b = a + 1\n", "");
  check_codes(head +
                  "  when price is EUR 1.00\n    set a = 1\n  otherwise\n    cancel because "
                  "\"x\"\n  set b = a\n",
              "");
  check_codes(head + "  when price is EUR 1.00\n    set a = 1\n  set b = a\n", "BEL5001");
  check_codes(head + "  together, waiting for all\n    set a = 1\n    set c = 2\n  set b = a + c\n",
              "");
  const Compilation c = compile_body(head + both + "  set b = a + 1\n");
  REQUIRE(c.program.graphs.size() == 1);
  const interpreter::Graph& graph = c.program.graphs[0];
  CHECK(graph.nodes[1].slot == graph.nodes[2].slot);  // one name, one slot
}

TEST_CASE("undo and check come from the action where the step says nothing") {
  const Compilation c = compile_body(
      "action pay.take\n  moves money\n  takes\n    order   text\n    amount  money\n  gives\n    "
      "id  text = body.id\n"
      "  call stripe, POST \"/take\"\n    amount = amount.minor\n  undone by pay.back\n    payment "
      "= result.id\n"
      "  checked by pay.look\n\n"
      "action pay.back\n  moves money\n  takes\n    payment  text\n    order    text\n  repeating "
      "is safe\n"
      "  call stripe, POST \"/back\"\n    payment = payment\n\n"
      "action pay.look\n  reads\n  takes\n    order  text\n  gives\n    happened  one of \"yes\", "
      "\"no\", \"not yet\" = \"no\"\n"
      "    id  optional text = body.id\n  call stripe, GET \"/look/{order}\"\n\n" +
      std::string(kHead) +
      "  step pay\n    do pay.take\n      order  = \"o\" + string(booking)\n      amount = "
      "price\n");
  INFO(messages(c));
  REQUIRE(c.program.graphs.size() == 1);
  const interpreter::Graph& graph = c.program.graphs[0];
  const interpreter::Node& pay = graph.nodes[0];
  REQUIRE(pay.undo.has_value());
  CHECK(graph.actions[pay.undo->action].name == "pay.back");
  REQUIRE(pay.undo->args.size() == 2);
  CHECK(pay.undo->args[0].name == "payment");  // from `undone by`: the step's own result
  CHECK(pay.undo->args[0].value.nodes.front().index == pay.slot);
  CHECK(pay.undo->args[1].value == pay.call.args[0].value);  // by name: what the step was given
  REQUIRE(pay.call.check.size() == 1);
  CHECK(graph.actions[pay.call.check[0].action].name == "pay.look");
  CHECK(pay.call.check[0].args[0].value == pay.call.args[0].value);
}

TEST_CASE("a step just before the point of no return needs no undo") {
  check_codes(
      std::string(kHead) +
          "  step capture\n    do stripe.capture\n      intent = \"x\"\n      amount = price\n"
          "    if stripe.card_declined, cancel because \"No\"\n\n  point of no return\n",
      "");
}

TEST_CASE("a webhook is a list of publishes with their conditions") {
  const Compilation c = compile_body(
      "webhook in, POST \"/hooks/in\"\n  verified by stripe with secret s\n  once per body.id\n"
      "  when body.type is \"a\"\n    publish payment.authorised, key body.booking\n      amount = "
      "money(\"EUR\", body.amount)\n"
      "  otherwise\n    publish payment.authorised, key body.other\n      amount = EUR 1.00\n");
  INFO(messages(c));
  REQUIRE(c.program.webhooks.size() == 1);
  const Webhook& webhook = c.program.webhooks[0];
  REQUIRE(webhook.publishes.size() == 2);
  CHECK(webhook.publishes[0].conditions.size() == 1);
  CHECK(webhook.publishes[1].conditions.size() == 1);
  CHECK(webhook.publishes[0].data.size() == 2);  // amount, and the key's field
  CHECK(webhook.tolerance_s == 300);
}

TEST_CASE("a broken workflow does not hide the others") {
  const Compilation c = compile_body(
      std::string(kHead) + "  pause for 1 minute\n\nworkflow v, version 1\n  pause for x\n");
  CHECK(!c.ok());
  REQUIRE(c.program.graphs.size() == 1);
  CHECK(c.program.graphs[0].workflow == "w");
}

// ---- Limits: cases too large for a file of their own ----

TEST_CASE("limits of a workspace") {
  std::string large = "belay 1\n\nworkflow w, version 1\n  takes\n    booking uuid\n";
  for (int i = 0; i < 5'001; ++i) large += "  pause for 1 minute\n";
  check_golden("diagnostics/BEL1305_workflow_too_long.txt",
               messages(compile_sources({{"w/large.belay", large}})));

  std::string doubling = "belay 1\n\ntype A\n  id  uuid\n";
  for (char c = 'B'; c <= 'Z'; ++c) {
    doubling += std::string("\ntype ") + c + "\n  left   " + static_cast<char>(c - 1) +
                "\n  right  " + static_cast<char>(c - 1) + "\n";
  }
  const std::string bomb = messages(compile_sources({{"w/bomb.belay", doubling}}));
  check_golden("diagnostics/BEL1306_record_too_large.txt", bomb);
}

}  // namespace
}  // namespace belay::dsl
