// Over generated definitions with comments strewn in: both forms carry the same tree and the same
// comments, in the same order, at the same nodes; layout is idempotent. A failure prints its seed;
// BELAY_SEED=N runs that one alone.
#include <cstdlib>

#include "tests/dsl/format_support.h"
#include "tests/dsl/syntax_generator.h"

using namespace belay::dsl;
using namespace belay::dsl::testing;

namespace {

std::string indent_of(const std::string& line) {
  return line.substr(0, std::min(line.find_first_not_of(' '), line.size()));
}

struct Print {  // the lines of a print, and where comments may stand
  std::vector<std::string> lines;
  std::vector<bool>
      code;  // begins a unit: not blank, not inside a block or an expression of several lines
};

Print print_of(const File& tree, bool yaml) {
  Print out;
  const std::string text = yaml ? print_yaml(tree) : print_text(tree);
  out.lines = lines_of_text(text);
  out.code.assign(out.lines.size(), false);
  const ReadResult read = testing::read(yaml ? "f.yaml" : "f.belay", text);
  INFO(text);
  REQUIRE(read.rendered == "");
  REQUIRE(dump_tree(read.file) == dump_tree(tree));
  std::size_t block = std::string::npos;  // blanks before the line that opened the block
  int open = 0;                           // brackets of an expression of several lines (text)
  for (std::size_t i = 0; i < out.lines.size(); ++i) {
    const std::string& line = out.lines[i];
    const std::size_t indent = indent_of(line).size();
    if (block != std::string::npos && (line.empty() || indent > block)) continue;
    block = std::string::npos;
    out.code[i] = !line.empty() && line != "---" && open == 0;
    if (line.ends_with(" |")) block = indent + (line.substr(indent, 2) == "- " ? 2 : 0);
    if (yaml) continue;
    bool string = false;
    for (std::size_t k = 0; k < line.size(); ++k) {
      if (line[k] == '\\' && string) {
        ++k;
      } else if (line[k] == '"') {
        string = !string;
      } else if (!string) {
        open += std::string("([{").find(line[k]) != std::string::npos;
        open -= std::string(")]}").find(line[k]) != std::string::npos;
      }
    }
  }
  return out;
}

std::string strewn(SyntaxGenerator& g, const File& tree, bool yaml) {
  const Print print = print_of(tree, yaml);
  std::string out;
  for (std::size_t i = 0; i < print.lines.size(); ++i) {
    const std::string& line = print.lines[i];
    std::string indent = indent_of(line);
    if (print.code[i]) {
      while (g.chance(6)) {
        if (g.chance(3)) out += "\n";
        const std::size_t deeper = g.chance(3) && i > 0 ? 2 * g.pick(4) : 0;
        out += indent + std::string(i > 0 && !print.code[i - 1] ? 0 : deeper, ' ') + g.comment() +
               "\n";
      }
      if (g.chance(6)) out += "\n";
    }
    const bool last_of_block = i + 1 == print.lines.size() || print.code[i + 1];
    out += line + (print.code[i] && last_of_block && g.chance(6) ? "  " + g.comment() : "") + "\n";
  }
  while (g.chance(3)) out += (g.chance(2) ? "\n" : "") + g.comment() + "\n";
  return out;
}

std::vector<std::string> comments(const std::string& path, const std::string& text) {
  const ReadResult read = testing::read(path, text);
  std::vector<std::string> out;
  for (const Comment& comment : comments_of(read.sources, read.file)) out.push_back(comment.text);
  return out;
}

std::string without_blank_lines(const std::string& text) {
  std::string out;
  for (const std::string& line : lines_of_text(text)) out += line.empty() ? "" : line + "\n";
  return out;
}

std::vector<std::uint32_t> seeds(std::uint32_t count) {
  if (const char* one = std::getenv("BELAY_SEED"))
    return {static_cast<std::uint32_t>(std::stoul(one))};
  std::vector<std::uint32_t> out;
  for (std::uint32_t seed = 1; seed <= count; ++seed) out.push_back(seed);
  return out;
}

}  // namespace

TEST_CASE(
    "generated definitions keep their tree and their comments from text through YAML and back") {
  for (const std::uint32_t seed : seeds(300)) {
    INFO("BELAY_SEED=" << seed);
    SyntaxGenerator g(seed);
    const File tree = g.file();
    const std::string written = strewn(g, tree, false);
    INFO(written);
    const std::string text = reprint("f.belay", written, "f.belay");
    CHECK(dump_tree(testing::read("f.belay", text).file) == dump_tree(tree));
    CHECK(comments("f.belay", text) == comments("f.belay", written));
    CHECK(reprint("f.belay", text, "f.belay") == text);
    const std::string yaml = reprint("f.belay", text, "f.yaml");
    CHECK(dump_tree(testing::read("f.yaml", yaml).file) == dump_tree(tree));
    CHECK(comments("f.yaml", yaml) == comments("f.belay", text));
    CHECK(reprint("f.yaml", yaml, "f.yaml") == yaml);
    const std::string back = reprint("f.yaml", yaml, "f.belay");
    CHECK(without_blank_lines(back) ==
          without_blank_lines(text));  // the same comments at the same lines
    CHECK(reprint("f.belay", back, "f.belay") == back);
  }
}

TEST_CASE(
    "generated definitions keep their tree and their comments from YAML through text and back") {
  for (const std::uint32_t seed : seeds(300)) {
    INFO("BELAY_SEED=" << seed);
    SyntaxGenerator g(seed);
    const File tree = g.file();
    const std::string written = strewn(g, tree, true);
    INFO(written);
    const std::string yaml = reprint("f.yaml", written, "f.yaml");
    CHECK(dump_tree(testing::read("f.yaml", yaml).file) == dump_tree(tree));
    CHECK(comments("f.yaml", yaml) == comments("f.yaml", written));
    CHECK(reprint("f.yaml", yaml, "f.yaml") == yaml);
    const std::string text = reprint("f.yaml", yaml, "f.belay");
    CHECK(comments("f.belay", text) == comments("f.yaml", yaml));
    const std::string back = reprint("f.belay", text, "f.yaml");
    CHECK(comments("f.yaml", back) == comments("f.yaml", yaml));
    CHECK(without_blank_lines(reprint("f.yaml", back, "f.belay")) == without_blank_lines(text));
  }
}
