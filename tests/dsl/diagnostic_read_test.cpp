// Every kind of the readers is shown by a golden:
// tests/golden/diagnostics_read/CODE_name.belay|yaml and what is said.
#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/dsl/read_support.h"

using namespace belay::dsl;
using namespace belay::dsl::testing;

TEST_CASE("readers say what the goldens say, and every kind is shown") {
  std::set<std::string> shown;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(golden_dir("diagnostics_read"))) {
    if (entry.path().extension() != ".txt") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  for (const std::string& path : files) {
    const std::string name = std::filesystem::path(path).filename().string();
    ReadResult read = testing::read(name, load(path));
    if (name == "1010_first_line.yaml") {
      read.diagnostics = {};
      CHECK(classify_yaml(read.sources, 0, read.diagnostics) == YamlKind::kForeign);
      read.rendered = render_text(read.diagnostics, read.sources, false);
    }
    check_golden(path + ".txt", read.rendered);
    INFO(name);
    const std::string own = "BEL" + name.substr(0, 4);
    CHECK(std::any_of(read.diagnostics.all().begin(), read.diagnostics.all().end(),
                      [&](const Diagnostic& d) { return d.kind->code == own; }));
    for (const Diagnostic& d : read.diagnostics.all()) shown.insert(std::string(d.kind->code));
  }
  // Bounds need inputs too large for a golden.
  const auto bound = [&](const std::string& path, const std::string& text, const char* code) {
    const ReadResult read = testing::read(path, text);
    INFO(code);
    REQUIRE_FALSE(read.diagnostics.all().empty());
    CHECK(std::any_of(read.diagnostics.all().begin(), read.diagnostics.all().end(),
                      [&](const Diagnostic& d) { return d.kind->code == code; }));
    shown.insert(code);
  };
  std::string many = "belay 1\n", wrong = "belay 1\n", nest = "belay: 1\nworkflow: ";
  for (int i = 0; i < 60'000; ++i) many += "# \nretry plan p: 3 tries in all\n";
  for (int i = 0; i < 300; ++i) wrong += "x\n";
  bound("f.belay", std::string((1 << 20) + 1, 'a'), "BEL1001");
  bound("f.yaml", std::string((1 << 20) + 1, 'a'), "BEL1001");
  bound("f.belay", "belay 1\n\x01", "BEL1002");
  bound("f.yaml", "belay: 1\n\xFF", "BEL1002");
  bound("f.yaml", "belay: 1\n" + std::string(100'000, 'a'), "BEL1003");
  bound("f.belay", wrong, "BEL1006");
  bound("f.yaml", nest + std::string(5000, '['), "BEL1004");
  bound("f.yaml", nest + std::string(100'000, '['), "BEL1003");
  std::string nodes = "belay: 1\nworkflow: a\nsteps:\n";
  for (int i = 0; i < 60'000; ++i) nodes += "- a\n";
  bound("f.yaml", nodes, "BEL1005");
  for (const DiagnosticKind& kind : diagnostic_kinds()) {
    if (kind.code >= "BEL1200") continue;
    INFO(kind.code);
    CHECK(shown.count(std::string(kind.code)) == 1);
    CHECK_FALSE(kind.what.empty());
    CHECK_FALSE(kind.why.empty());
    CHECK_FALSE(kind.bad.empty());
    CHECK_FALSE(kind.fixed.empty());
  }
}

TEST_CASE("a caret stands under wide and combining characters") {
  Sources sources;
  sources.add("w.belay", "step 日本é \"x\" here\n");
  Diagnostics diagnostics;
  diagnostics
      .add("BEL1036", {0, 1, static_cast<std::uint32_t>(std::string("step 日本é ").size() + 1), 3},
           "`\"x\"` is left over here")
      .label = "this";
  CHECK(render_text(diagnostics, sources, false) ==
        "error[BEL1036]: `\"x\"` is left over here\n --> w.belay:1:15\n  |\n1 | step 日本é \"x\" "
        "here\n  |            ^^^ this\n\n1 error\n");
  CHECK(render_json(diagnostics, sources).find("\"column\":15,\"length\":3") != std::string::npos);
}

TEST_CASE("what was meant is a fix where the place is just the word") {
  Sources sources;
  sources.add("w.belay", "do stripe.captrue \"captrue\" x\n");
  const auto check = [&](Span span, const std::string& expected) {
    Diagnostics diagnostics;
    did_you_mean(diagnostics.add("BEL1036", span, "seen"), "captrue", "capture");
    const std::string json = render_json(diagnostics, sources);
    INFO(json);
    CHECK(json.find("did you mean `capture`?") != std::string::npos);
    const std::size_t at = json.find(",\"fix\":");
    CHECK((at == std::string::npos ? "" : json.substr(at, json.find('}', at) + 1 - at)) ==
          expected);
  };
  check({0, 1, 11, 7},
        R"(,"fix":{"file":"w.belay","line":1,"column":11,"length":7,"text":"capture"})");
  check({0, 1, 19, 9},  // quotes around it stay
        R"(,"fix":{"file":"w.belay","line":1,"column":20,"length":7,"text":"capture"})");
  check({0, 1, 4, 14}, "");
}

TEST_CASE("the nearest word is the one that was meant") {
  const std::vector<std::string> words = {"charge", "amount", "intent", "do"};
  CHECK(nearest("chrage", words) == "charge");
  CHECK(nearest("amont", words) == "amount");
  CHECK(nearest("customer", words).empty());
  CHECK(nearest("x", words).empty());
}
