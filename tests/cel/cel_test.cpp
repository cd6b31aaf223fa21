// The public conformance cases of CEL through the code behind `belay eval --jsonl`: every case
// passes, or is listed by name in docs/language/cel.md. Then the program itself, with lines that
// are none.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "../catch.h"
#include "interpreter/text.h"
#include "runtime/base/json_value.h"
#include "runtime/cli/cel_case.h"

namespace belay::runtime::cli {
namespace {

using interpreter::Value;

const std::string root = BELAY_SOURCE_DIR;

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(root + "/" + path);
  REQUIRE(in);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Value json_of(const std::string& line) {
  const auto json = parse_json(line, {.bytes_max = cel_case_bytes_max, .nul_allowed = true});
  CAPTURE(line);
  REQUIRE(json);
  return *json;
}

std::string id_of(const Value& json) { return json.find("id")->as_string(); }

// Empty when the answer is what the case expects.
std::string difference(const Value& expected, const std::string& line) {
  const std::string answer_text = answer_cel_case(line);
  const Value answer = json_of(answer_text);
  if (answer.find("id") == nullptr || id_of(answer) != id_of(expected))
    return "another id: " + answer_text;
  const Value *value = answer.find("value"), *error = answer.find("error");
  if ((value == nullptr) == (error == nullptr)) return "neither value nor error: " + answer_text;
  if (expected.find("error") != nullptr)
    return error != nullptr ? "" : "should fail: " + answer_text;
  if (value == nullptr) return answer_text;
  const auto wanted = read_typed(*expected.find("value")), given = read_typed(*value);
  if (!wanted || !given) return "not a typed value: " + answer_text;
  return *wanted == *given ? "" : answer_text;
}

void check(const std::vector<std::string>& lines,
           const std::map<std::string, std::string>& corrected) {
  std::string failures;
  for (const std::string& line : lines) {
    const Value expected = json_of(line);
    const auto fixed = corrected.find(id_of(expected));
    const std::string& text = fixed == corrected.end() ? line : fixed->second;
    const std::string problem = difference(json_of(text), text);
    if (!problem.empty())
      failures +=
          id_of(expected) + ": " + expected.find("expr")->as_string() + " -> " + problem + "\n";
  }
  INFO(failures);
  CHECK(failures.empty());
}

std::map<std::string, std::string> corrected_cases() {
  std::map<std::string, std::string> corrected;
  for (const std::string& line : lines_of("tests/cel/corrected.jsonl"))
    corrected[id_of(json_of(line))] = line;
  return corrected;
}

// The names in the last section of the page: table rows that begin with a name in backticks.
std::set<std::string> listed_cases() {
  std::set<std::string> listed;
  bool there = false;
  for (const std::string& line : lines_of("docs/language/cel.md")) {
    if (line.starts_with("## ")) there = line == "## Cases that are listed";
    if (there && line.starts_with("| `")) listed.insert(line.substr(3, line.find('`', 3) - 3));
  }
  return listed;
}

TEST_CASE("every public case passes, or is listed by name") {
  const auto lines = lines_of("tests/cel/cases.jsonl");
  CHECK(lines.size() == 975);
  check(lines, corrected_cases());
}

TEST_CASE("the page lists exactly the cases that are corrected, and they differ from the copy") {
  const auto corrected = corrected_cases();
  std::set<std::string> names;
  for (const auto& [id, line] : corrected) names.insert(id);
  CHECK(listed_cases() == names);
  for (const std::string& line : lines_of("tests/cel/cases.jsonl")) {
    const auto fixed = corrected.find(id_of(json_of(line)));
    if (fixed != corrected.end()) CHECK_FALSE(json_of(line) == json_of(fixed->second));
  }
}

// A text as the suite's own format writes it: `\u` and `\U` are characters, `\?` is a question
// mark.
std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char kind = text[at] == '\\' && at + 1 < text.size() ? text[at + 1] : '\0';
    const std::size_t digits = kind == 'u' ? 4 : kind == 'U' ? 8 : 0;
    if (digits > 0 && at + 2 + digits <= text.size()) {
      const auto code = std::stoul(text.substr(at + 2, digits), nullptr, 16);
      interpreter::append_utf8(static_cast<std::uint32_t>(code), out);
      at += 1 + digits;
    } else if (kind == '?') {
      out += '?';
      ++at;
    } else {
      out += text[at];
    }
  }
  return out;
}

TEST_CASE("what the copy lost is one escape: undone, its values are the suite's") {
  const auto corrected = corrected_cases();
  for (const std::string& line : lines_of("tests/cel/cases.jsonl")) {
    const auto fixed = corrected.find(id_of(json_of(line)));
    if (fixed == corrected.end()) continue;
    const auto ours = read_typed(*json_of(fixed->second).find("value"));
    const auto copied = read_typed(*json_of(line).find("value"));
    REQUIRE(ours);
    REQUIRE(copied);
    INFO(line);
    if (ours->kind() == Value::Kind::kBytes) {
      CHECK(unescaped(copied->as_bytes()) == ours->as_bytes());
    } else {
      CHECK(unescaped(copied->as_string()) == ours->as_string());
    }
    // Whichever of the two expressions is taken, the answer is the suite's.
    CHECK(difference(json_of(fixed->second), line) == "");
  }
}

TEST_CASE("further cases of the suite and of the extension libraries") {
  check(lines_of("tests/cel/more.jsonl"), {});
}

// What the program prints for these lines on standard input.
std::string printed(const std::string& input) {
  const std::string path = std::string(BELAY_BINARY_DIR) + "/cel_test_input.jsonl";
  std::ofstream(path, std::ios::binary) << input;
  std::FILE* pipe =
      popen((std::string(BELAY_BINARY_DIR) + "/belay eval --jsonl < " + path).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  CHECK(pclose(pipe) == 0);
  std::remove(path.c_str());
  return out;
}

TEST_CASE("belay eval --jsonl answers every line, whatever it holds") {
  const std::string deep(100'000, '['), brackets(3'000, '('), wide(5'000'000, 'x');
  const std::string out = printed(
      "{\"id\":1,\"expr\":\"1 + 1\"}\n"
      "no json\n"
      "\n"
      "[]\n"
      "{\"id\":\"a\"}\n"
      "{\"id\":\"b\",\"expr\":\"x\",\"bindings\":{\"x\":{\"int\":\"no\"}}}\n"
      "{\"id\":\"c\",\"expr\":\"x\",\"bindings\":{\"x\":{\"map\":[[{\"int\":\"1\"},{\"null\":null}]"
      ","
      "[{\"uint\":\"1\"},{\"null\":null}]]}}}\n" +
      deep + "\n{\"id\":\"d\",\"expr\":\"" + brackets + "\"}\n" + wide + "\n" +
      "{\"id\":\"e\",\"expr\":\"optional.of(1)\"}\n\xff\n"
      "{\"id\":\"f\",\"expr\":\"'a'\"}");
  std::vector<std::string> lines;
  std::istringstream in(out);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  CAPTURE(out);
  REQUIRE(lines.size() == 12);
  CHECK(lines[0] == R"({"id":1,"value":{"int":"2"}})");
  for (const std::size_t broken : {1u, 2u, 6u, 8u, 10u})
    CHECK(lines[broken].starts_with(R"({"id":null,"error":")"));
  CHECK(lines[3] == R"({"id":"a","error":"the case has no `expr`"})");
  CHECK(lines[4] == R"({"id":"b","error":"not a value of type `int`"})");
  CHECK(lines[5] == R"({"id":"c","error":"a key stands twice in a map"})");
  CHECK(lines[7].starts_with(R"({"id":"d","error":")"));
  CHECK(lines[9] == R"({"id":"e","value":{"optional":{"int":"1"}}})");
  CHECK(lines[11] == R"({"id":"f","value":{"string":"a"}})");
}

}  // namespace
}  // namespace belay::runtime::cli
