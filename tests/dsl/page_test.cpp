// The pages of diagnostics (`belay explain BEL2001`) show what they say: every kind's bad example,
// compiled, yields exactly that kind, and its fixed example yields nothing. Pages show few lines;
// tests/golden/pages holds what stands around them, with `@@` where the example goes: a frame is a
// line `=== CODE …`, then a file. Words behind the codes: `yaml` (else text), `whole` (no first
// line is put before it), `alone` (without world.belay), `only` (not tried in the other form too).
// Examples that are too large for a page are made here; so are those that only `belay eval` meets,
// because a reader sees the same first. What no definition can show is listed.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>

#include "dsl/compile.h"
#include "dsl/expr/expr.h"
#include "dsl/limits.h"
#include "dsl/read.h"
#include "tests/catch.h"
#include "tests/dsl/compile_support.h"

namespace belay::dsl {
namespace {

namespace fs = std::filesystem;
using Codes = std::set<std::string>;

const std::string kPages = std::string(BELAY_SOURCE_DIR) + "/tests/golden/pages";

struct Frame {
  std::vector<std::string> codes;
  std::string text;
  bool yaml = false, whole = false, alone = false, only = false;
};

std::vector<Frame> frames() {
  std::vector<Frame> out;
  for (const auto& entry : fs::directory_iterator(kPages)) {
    if (entry.path().extension() != ".txt") continue;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      if (!line.starts_with("=== ")) {
        REQUIRE(!out.empty());
        out.back().text += line + "\n";
        continue;
      }
      Frame& frame = out.emplace_back();
      std::istringstream words(line.substr(4));
      for (std::string word; words >> word;) {
        if (word.starts_with("BEL"))
          frame.codes.push_back(word);
        else if (word == "yaml")
          frame.yaml = true;
        else if (word == "whole")
          frame.whole = true;
        else if (word == "alone")
          frame.alone = true;
        else if (word == "only")
          frame.only = true;
        else
          FAIL("no such word in a frame: " << line);
      }
    }
  }
  return out;
}

// The frame with the example in it; its further lines stand as deep as the mark.
std::string filled(const Frame& frame, std::string_view example) {
  const std::size_t at = frame.text.find("@@");
  REQUIRE(at != std::string::npos);
  const std::size_t line = frame.text.rfind('\n', at) + 1;  // npos + 1: the first line
  const std::size_t indent = frame.text.find_first_not_of(" -", line) - line;
  std::string inside;
  for (const char c : example) {
    inside += c;
    if (c == '\n') inside += std::string(indent, ' ');
  }
  const std::string first = frame.whole ? "" : frame.yaml ? "belay: 1\n" : "belay 1\n\n";
  return first + frame.text.substr(0, at) + inside + frame.text.substr(at + 2);
}

struct Compiled {
  Codes codes;
  std::string said;
};
Compiled compiled(const std::string& name, const std::string& text, bool alone) {
  static const PluginCatalog catalog{{"bank", "mail", "rooms", "sms", "tax"}};
  std::map<std::string, std::string> files{{"case/" + name, text}};
  if (!alone) files["world.belay"] = testing::read_file(kPages + "/world.belay");
  const Compilation c = compile_sources(files, &catalog);
  Compiled out{{}, text.substr(0, 2000) + "\n" + render_text(c.diagnostics, c.sources, false)};
  for (const Diagnostic& d : c.diagnostics.all()) out.codes.insert(std::string(d.kind->code));
  return out;
}

// The same file in the other form; empty when its reader has something to say.
std::string other_form(const Frame& frame, const std::string& text) {
  Sources sources;
  Diagnostics diagnostics;
  sources.add(frame.yaml ? "case.yaml" : "case.belay", text);
  const File file =
      frame.yaml ? read_yaml(sources, 0, diagnostics) : read_text(sources, 0, diagnostics);
  if (!diagnostics.all().empty()) return {};
  return frame.yaml ? print_text(file) : print_yaml(file);
}

void check_example(const Frame& frame, std::string_view example, const Codes& expected) {
  const std::string text = filled(frame, example);
  const Compiled one = compiled(frame.yaml ? "case.yaml" : "case.belay", text, frame.alone);
  {
    INFO(one.said);
    CHECK(one.codes == expected);
  }
  if (frame.only || one.codes != expected) return;
  const std::string other = other_form(frame, text);
  if (other.empty()) return;
  const Compiled twin = compiled(frame.yaml ? "case.belay" : "case.yaml", other, frame.alone);
  INFO(twin.said);
  CHECK(twin.codes == expected);
}

std::string times(std::size_t n, std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

// Bounds: an example that passes one is too large for a page.
struct Made {
  const char* code;
  std::string bad, fixed;
};
std::vector<Made> made_examples() {
  const std::string saga = "belay 1\n\nworkflow w, version 1\n";
  const std::string set = saga + "  takes\n    a  int\n  set b = ";
  const auto doubling = [](char last) {
    std::string text = "belay 1\n\ntype A\n  id  uuid\n";
    for (char c = 'B'; c <= last; ++c) {
      const std::string inner(1, static_cast<char>(c - 1));
      text += std::string("\ntype ") + c + "\n  left   " + inner + "\n  right  " + inner + "\n";
    }
    return text;
  };
  const auto types = [](int count) {
    std::string text = "belay 1\n";
    for (int i = 0; i < count; ++i) text += "type T" + std::to_string(i) + "\n  a text\n";
    return text;
  };
  const std::string comment = "# a line of comment that says nothing\n";
  return {
      {"BEL1001", "belay 1\n" + times(limits::file_bytes_max / comment.size() + 1, comment),
       "belay 1\n" + times(1000, comment)},
      {"BEL1002", "belay 1\n\nworkflow w \"Z\xfcrich\", version 1\n  pause for 1 minute\n",
       "belay 1\n\nworkflow w \"Zürich\", version 1\n  pause for 1 minute\n"},
      {"BEL1003", set + "[" + times(2000, "1, ") + "1]\n", set + "[" + times(1000, "1, ") + "1]\n"},
      {"BEL1004", set + times(70, "(") + "a" + times(70, ")") + "\n", set + "((a))\n"},
      {"BEL1005", types(30'000), types(300)},
      {"BEL1209", set + times(70, "-") + "a\n", set + "-a\n"},
      {"BEL1305", saga + times(5'001, "  pause for 1 minute\n"),
       saga + times(50, "  pause for 1 minute\n")},
      {"BEL1306", doubling('M'), doubling('C')},
  };
}

// Expressions of no file: in a file the readers say BEL1021, BEL1025 and BEL1003 of the same place.
std::vector<Made> alone_examples() {
  const auto page = [](const char* code) {
    const DiagnosticKind* kind = find_kind(code);
    return Made{code, std::string(kind->bad), std::string(kind->fixed)};
  };
  return {page("BEL1202"), page("BEL1204"), {"BEL1210", times(5000, "1"), "1"}};
}
Codes codes_of_expression(const std::string& text) {
  class Tier final : public Names {
    std::optional<NameInfo> find(std::string_view name) const override {
      NameInfo info;
      info.type.base = interpreter::Type::Base::kText;
      return name == "tier" ? std::optional(info) : std::nullopt;
    }
    std::vector<std::string> all() const override { return {"tier"}; }
  };
  Diagnostics diagnostics;
  check_expression({text, {}, {}}, Tier(), {}, diagnostics);
  Codes out;
  for (const Diagnostic& d : diagnostics.all()) out.insert(std::string(d.kind->code));
  return out;
}

// What no definition can show, and where it is shown instead.
const std::map<std::string, std::string> kNotShown = {
    {"BEL1006", "comes beside 200 problems of other kinds; tests/dsl/diagnostic_read_test.cpp"},
    {"BEL1301", "a file that cannot be read; tests/dsl/workspace_test.cpp"},
    {"BEL1303", "10,001 files; tests/dsl/workspace_test.cpp"},
    {"BEL1304", "no folder; tests/dsl/workspace_test.cpp"},
};

TEST_CASE("the page of every kind shows what it says") {
  Codes shown;
  for (const Frame& frame : frames()) {
    for (const std::string& code : frame.codes) {
      const DiagnosticKind* kind = find_kind(code);
      INFO(code);
      REQUIRE(kind != nullptr);
      CHECK(shown.insert(code).second);
      check_example(frame, kind->bad, {code});
      check_example(frame, kind->fixed, {});
    }
  }
  for (const Made& made : made_examples()) {
    CHECK(shown.insert(made.code).second);
    const Compiled bad = compiled("case.belay", made.bad, false);
    const Compiled fixed = compiled("case.belay", made.fixed, false);
    INFO(made.code << "\n" << bad.said.substr(0, 3000) << "\n" << fixed.said.substr(0, 3000));
    CHECK(bad.codes == Codes{made.code});
    CHECK(fixed.codes.empty());
  }
  for (const Made& made : alone_examples()) {
    INFO(made.code);
    CHECK(shown.insert(made.code).second);
    CHECK(codes_of_expression(made.bad) == Codes{made.code});
    CHECK(codes_of_expression(made.fixed).empty());
  }
  for (const DiagnosticKind& kind : diagnostic_kinds()) {
    const std::string code(kind.code);
    INFO(code);
    CHECK(shown.contains(code) != kNotShown.contains(code));
  }
}

TEST_CASE("the world of the pages earns no word") {
  const Compiled world = compiled("none.belay", "belay 1\n", false);
  INFO(world.said);
  CHECK(world.codes.empty());
}

}  // namespace
}  // namespace belay::dsl
