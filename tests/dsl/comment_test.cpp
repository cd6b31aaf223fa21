// Comments in every place where one can stand survive: in the layout of the same form byte by byte,
// and through the other form at the same lines.
#include <filesystem>
#include <set>

#include "dsl/text/lines.h"
#include "tests/dsl/format_support.h"

using namespace belay::dsl;
using namespace belay::dsl::testing;

namespace {

std::vector<std::string> goldens() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(golden_dir("syntax"))) {
    if (entry.path().extension() == ".belay") out.push_back(entry.path().string());
  }
  return out;
}

std::string indent_of(const std::string& line) {
  return line.substr(0, line.find_first_not_of(' '));
}

// Lines that are the inside of block text: no comment can stand there. A block begins behind a line
// that ends in `|`.
std::set<std::size_t> block_lines(const std::vector<std::string>& lines) {
  std::set<std::size_t> out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].ends_with(" |")) continue;
    std::string head = indent_of(lines[i]);
    if (lines[i].substr(head.size(), 2) == "- " && lines[i].substr(head.size()) != "- |")
      head += "  ";
    for (std::size_t k = i + 1;
         k < lines.size() && (lines[k].empty() || indent_of(lines[k]).size() > head.size()); ++k) {
      out.insert(k);
    }
  }
  return out;
}

// The lines on which an expression goes on: YAML writes such an expression as a block, which holds
// no comment.
void continued_lines(const std::vector<text::Line>& lines, std::set<std::size_t>& out) {
  for (const text::Line& line : lines) {
    const std::uint32_t first = line.pieces.front().at.line, last = line.pieces.back().at.line;
    for (std::uint32_t number = first; number <= last && last > first; ++number)
      out.insert(number - 1);
    continued_lines(line.children, out);
  }
}
std::set<std::size_t> continued_lines(const std::string& text) {
  Sources sources;
  Diagnostics ignored;
  std::set<std::size_t> out;
  const auto lines = text::read_lines(sources, sources.add("f.belay", text), ignored);
  continued_lines(lines, out);
  for (const text::Line& line : lines) {  // a sentence of a scenario is one scalar in YAML
    if (!line.text.starts_with("scenario ")) continue;
    for (const text::Line& sentence : line.children) {
      for (const text::Line& part : sentence.children) out.insert(part.pieces.front().at.line - 1);
    }
  }
  return out;
}

// A comment above each line, in its column, and one behind it; blank lines stay.
std::string commented_everywhere(const std::string& plain,
                                 const std::set<std::size_t>& but_not = {}) {
  const std::vector<std::string> lines = lines_of_text(plain);
  std::set<std::size_t> blocks = block_lines(lines);
  blocks.insert(but_not.begin(), but_not.end());
  std::string out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string n = std::to_string(i + 1);
    if (lines[i].empty() || blocks.contains(i)) {
      out += lines[i] + "\n";
    } else if (lines[i] == "---") {
      out += "---\n";
    } else {
      out += indent_of(lines[i]) + "# above " + n + "\n" + lines[i] + "  # behind " + n + "\n";
    }
  }
  return out + "\n# the end\n";
}

}  // namespace

TEST_CASE(
    "a comment above and behind every line of the text form stays there, and comes back through "
    "YAML") {
  for (const std::string& path : goldens()) {
    INFO(path);
    const std::string plain = print_text(testing::read("f.belay", load(path)).file);
    const std::string all = commented_everywhere(plain);
    CHECK(reprint("f.belay", all, "f.belay") == all);
    const std::string text = commented_everywhere(plain, continued_lines(plain));
    const std::string yaml = reprint("f.belay", text, "f.yaml");
    CHECK(reprint("f.yaml", yaml, "f.yaml") == yaml);
    CHECK(reprint("f.yaml", yaml, "f.belay") == text);
  }
}

TEST_CASE("a comment above and behind every line of YAML stays there") {
  for (const std::string& path : goldens()) {
    INFO(path);
    const std::string yaml =
        commented_everywhere(print_yaml(testing::read("f.belay", load(path)).file));
    CHECK(reprint("f.yaml", yaml, "f.yaml") == yaml);
    const std::string text = reprint("f.yaml", yaml, "f.belay");
    CHECK(reprint("f.belay", text, "f.belay") == text);
    const std::string again = reprint("f.belay", text, "f.yaml");
    CHECK(reprint("f.yaml", again, "f.belay") == text);
  }
}

TEST_CASE("files written by hand, comments wherever people put them") {
  for (const std::string name : {"by_hand.yaml", "by_hand.belay"}) {
    INFO(name);
    const std::string path = golden_dir("format") + "/" + name, text = load(path);
    for (const std::string to : {"yaml", "belay"}) {
      const std::string printed = reprint(name, text, "f." + to);
      check_golden(path + ".as." + to, printed);
      CHECK(reprint("f." + to, printed, "f." + to) == printed);
    }
  }
}

TEST_CASE("line ends of other systems and blanks at line ends go, comments stay") {
  const std::string text =
      "# a\r\nbelay 1  \r\n\r\n\r\n# b \r\ntype T # c\t \r\n  id uuid\r\n# d\r\n";
  CHECK(reprint("f.belay", text, "f.belay") ==
        "# a\nbelay 1\n\n# b\ntype T  # c\n  id  uuid\n# d\n");
  CHECK(reprint("f.yaml", "belay: 1\r\ntype: T # c\r\nfields: {id: uuid}\r\n", "f.yaml") ==
        "belay: 1\ntype: T  # c\nfields: { id: uuid }\n");
}

TEST_CASE("a file of comments alone stays") {
  CHECK(reprint("f.belay", "belay 1\n# nothing yet\n", "f.belay") == "belay 1\n# nothing yet\n");
  CHECK(reprint("f.belay", "belay 1\n\n\n# nothing yet\n\n", "f.yaml") ==
        "belay: 1\n\n# nothing yet\n");
  CHECK(reprint("f.yaml", "# head\nbelay: 1\n# nothing yet\n", "f.belay") ==
        "# head\nbelay 1\n\n# nothing yet\n");
}
