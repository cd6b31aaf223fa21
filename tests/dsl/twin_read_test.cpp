// Both forms are one tree: each tests/golden/syntax/NAME.belay has its tree (.tree) and its twin
// (.yaml); printing either form and reading it back changes nothing, and printing again gives the
// same bytes. statements/ holds one file a statement; the folder is one program, and other tests
// run what stands there. Also: small random damage to these files never crashes a reader, and
// whatever is still read without a problem survives the same round trip.
#include <algorithm>
#include <filesystem>
#include <random>

#include "tests/dsl/read_support.h"

using namespace belay::dsl;
using namespace belay::dsl::testing;

namespace {

std::vector<std::string> corpus() {
  std::vector<std::string> out;
  for (const char* folder : {"syntax", "syntax/statements"}) {
    for (const auto& entry : std::filesystem::directory_iterator(golden_dir(folder))) {
      if (entry.path().extension() == ".belay") out.push_back(entry.path().string());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

void check_round_trip(const File& file) {
  const std::string as_text = print_text(file), as_yaml = print_yaml(file);
  const ReadResult from_text = testing::read("p.belay", as_text),
                   from_yaml = testing::read("p.yaml", as_yaml);
  CHECK(from_text.rendered == "");
  CHECK(from_yaml.rendered == "");
  CHECK(dump_tree(from_text.file) == dump_tree(file));
  CHECK(dump_tree(from_yaml.file) == dump_tree(file));
  CHECK(print_text(from_yaml.file) == as_text);
  CHECK(print_yaml(from_text.file) == as_yaml);
}

}  // namespace

TEST_CASE("every golden of the syntax reads into its tree, and both forms carry it") {
  for (const std::string& path : corpus()) {
    INFO(path);
    const std::string stem = path.substr(0, path.size() - 6);
    const ReadResult read = testing::read("f.belay", load(path));
    CHECK(read.rendered == "");
    check_golden(stem + ".tree", dump_tree(read.file));
    check_golden(stem + ".yaml", print_yaml(read.file));
    const ReadResult twin = testing::read("f.yaml", load(stem + ".yaml"));
    CHECK(twin.rendered == "");
    CHECK(same_tree(read.file, twin.file));
    check_round_trip(read.file);
  }
}

TEST_CASE("damaged files earn diagnostics, never a crash, and what still reads survives printing") {
  std::mt19937 random(20261121);
  const auto pick = [&](std::size_t n) { return n == 0 ? 0 : random() % n; };
  const std::string pieces[] = {"\t", "  ", "{", "}",     "[",      "(",  ")",  "\"",
                                "'",  ",",  ":", "#",     "= ",     " |", "- ", "!",
                                "&a", "*a", "“", "---\n", "else\n", "\\"};
  std::vector<std::string> files = corpus();
  for (int round = 0; round < 150; ++round) {
    std::string text = load(files[pick(files.size())]);
    const bool yaml = pick(2) == 0;
    if (yaml) text = print_yaml(testing::read("f.belay", text).file);
    for (std::size_t damage = 0; damage < 1 + pick(3); ++damage) {
      const std::size_t at = pick(text.size());
      if (pick(2) == 0) {
        text.erase(at, 1 + pick(5));
      } else {
        text.insert(at, pieces[pick(std::size(pieces))]);
      }
    }
    const ReadResult read = testing::read(yaml ? "f.yaml" : "f.belay", text);
    INFO(text);
    if (read.clean()) check_round_trip(read.file);
  }
}

TEST_CASE("YAML written by hand, as LANGUAGE.md lays it out, says what the text form says") {
  const File text =
      testing::read("f.belay", load(golden_dir("syntax") + "/declarations.belay")).file;
  const ReadResult yaml =
      testing::read("f.yaml", load(golden_dir("syntax") + "/by_hand/declarations.yaml"));
  CHECK(yaml.rendered == "");
  CHECK(yaml.file.declarations.size() == 2);
  for (const Declaration& declaration : yaml.file.declarations) {
    File one, other;
    one.declarations.push_back(declaration);
    for (const Declaration& d : text.declarations) {
      if (d.name.text == declaration.name.text) other.declarations.push_back(d);
    }
    CHECK(dump_tree(one) == dump_tree(other));
  }
}
