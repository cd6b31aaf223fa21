// How YAML scalars become expressions and literals, and which files are ours.
#include "tests/dsl/read_support.h"

using namespace belay::dsl;
using namespace belay::dsl::testing;

namespace {

// `scalar` as the data of an argument becomes this expression.
void check(const std::string& scalar, const std::string& expected) {
  INFO(scalar);
  const ReadResult read = testing::read(
      "f.yaml",
      "belay: 1\nworkflow: w\nversion: 1\nsteps:\n  - step: a\n    do: x.y\n    with:\n      k: " +
          scalar + "\n");
  CHECK(read.rendered == "");
  REQUIRE(read.file.declarations.size() == 1);
  CHECK(std::get<WorkflowDecl>(read.file.declarations[0].body).body.at(0).args.at(0).value.text ==
        expected);
}

void check_kind(const std::string& text, YamlKind expected, bool said) {
  INFO(text);
  Sources sources;
  sources.add("f.yaml", text);
  Diagnostics diagnostics;
  CHECK(classify_yaml(sources, 0, diagnostics) == expected);
  CHECK(diagnostics.errors() == (said ? 1 : 0));
}

}  // namespace

TEST_CASE("data is a literal unless it begins with =") {
  check("hello", "\"hello\"");
  check("no", "\"no\"");
  check("007", "\"007\"");
  check("12", "12");
  check("'12'", "\"12\"");
  check("-1.5", "-1.5");
  check("true", "true");
  check("'true'", "\"true\"");
  check("null", "null");
  check("40 minutes", "40 minutes");
  check("'40 minutes'", "40 minutes");
  check("EUR 49.90", "EUR 49.90");
  check("= a.b", "a.b");
  check("'= a ? b : c'", "a ? b : c");
  check("'= \"40 minutes\"'", "\"40 minutes\"");
  check("{ a: 1, b: [x, = y] }", "{\"a\": 1, \"b\": [\"x\", y]}");
  check("say \"hi\"", "\"say \\\"hi\\\"\"");
}

TEST_CASE("a YAML file is ours by its line, and a declaration without it is an error") {
  check_kind("belay: 1\nworkflow: w\n", YamlKind::kBelay, false);
  check_kind("# ours\n\nbelay: 1\n", YamlKind::kBelay, false);
  check_kind("workflow: w\nversion: 1\n", YamlKind::kForeign, true);
  check_kind("action: a.b\ntakes: {}\n", YamlKind::kForeign, true);
  check_kind("type: object\nproperties: {}\n", YamlKind::kForeign, false);
  check_kind("name: CI\non: push\n", YamlKind::kForeign, false);
}

TEST_CASE("an expression's place is where its first byte stands") {
  const std::string text =
      "belay: 1\nworkflow: w\nversion: 1\nonce_per: 'a.b'\nsteps:\n  - step: a\n    do: x.y\n    "
      "with: { k: = price, l: '= max(a, b)' }\n";
  const ReadResult read = testing::read("f.yaml", text);
  CHECK(read.rendered == "");
  const auto& w = std::get<WorkflowDecl>(read.file.declarations[0].body);
  const auto at = [&](const Expr& e) {
    return std::string(read.sources.line(0, e.span.line).substr(e.span.column - 1, e.text.size()));
  };
  CHECK(at(w.once_per) == "a.b");
  CHECK(at(w.body[0].args[0].value) == "price");
  CHECK(at(w.body[0].args[1].value) == "max(a, b)");
}
