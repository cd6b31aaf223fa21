// The table of keys behind `belay schema` says exactly what the YAML reader takes: for every
// construct that the shipped definitions, the goldens or generated ones hold, the keys that the
// reader asked for are the keys of the table, and every construct of the table was met.
// (tests/editors drives a real language server with the schema.)
#include "dsl/schema.h"

#include <filesystem>
#include <map>
#include <set>

#include "dsl/yaml/keys.h"
#include "dsl/yaml/reader.h"
#include "tests/dsl/read_support.h"
#include "tests/dsl/syntax_generator.h"

using namespace belay::dsl;
using namespace belay::dsl::testing;
using yaml::Construct;

namespace {

using Keys = std::map<std::string, std::set<std::string>>;  // by construct

// The name of what was read: a declaration or statement goes by the first of the table's keys that
// it holds.
std::string construct_of(const yaml::KeysAsked& asked) {
  const bool declaration = asked.what == "this document",
             statement = asked.what == "this statement";
  if (!declaration && !statement) return asked.what;
  for (const Construct& one : yaml::constructs()) {
    if (one.kind != (declaration ? Construct::Kind::kDeclaration : Construct::Kind::kStatement))
      continue;
    if (std::find(asked.held.begin(), asked.held.end(), one.name) != asked.held.end())
      return std::string(one.name);
  }
  return "";
}

void read_keys(const std::string& yaml, Keys& into) {
  Sources sources;
  Diagnostics diagnostics;
  sources.add("f.yaml", yaml);
  std::vector<yaml::KeysAsked> log;
  yaml::Reader reader(sources, 0, diagnostics);
  reader.log_keys(&log);
  reader.file(yaml::read_documents(sources, 0, diagnostics));
  INFO(yaml);
  REQUIRE(diagnostics.errors() == 0);
  for (const yaml::KeysAsked& one : log) {
    const std::string name = construct_of(one);
    if (name.empty()) continue;
    if (one.what == "this act" && one.asked.size() == 1)
      into[one.asked[0]].insert(one.asked[0]);  // as a statement
    for (const std::string& key : one.asked) {
      if (key != "belay") into[name].insert(key);
    }
  }
}

}  // namespace

TEST_CASE("the keys that the YAML reader takes are the keys of the schema") {
  Keys read, table;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(BELAY_SOURCE_DIR) + "/tests")) {
    const std::string path = entry.path().string();
    const bool sound =
        path.find("/syntax/") != std::string::npos || path.find("/twins/") != std::string::npos;
    if (entry.path().extension() == ".yaml" && sound) read_keys(load(path), read);
  }
  for (std::uint32_t seed = 1; seed <= 60; ++seed)
    read_keys(print_yaml(SyntaxGenerator(seed).file()), read);
  for (const Construct& one : yaml::constructs()) {
    const std::string name(one.kind == Construct::Kind::kMap ? one.label : one.name);
    for (const yaml::KeyRow& row : yaml::key_rows()) {
      if (row.of == one.name) table[name].insert(std::string(row.key));
    }
  }
  for (const char* other : {"steps"}) read.erase(other);  // an act that is no statement
  for (const auto& [name, keys] : read) {
    INFO("read: " << name);
    CHECK(table[name] == keys);
  }
  for (const auto& [name, keys] : table) {
    INFO("in the table: " << name);
    CHECK(read[name] == keys);
  }
}

TEST_CASE("every key of the schema says what it means, and every shape is there") {
  const std::string schema = yaml_schema();
  for (const yaml::KeyRow& row : yaml::key_rows()) {
    INFO(row.of << "." << row.key << ": " << row.shape);
    CHECK(row.doc.size() > 8);
    CHECK(row.doc.back() == '.');
    CHECK(schema.find("\n    \"" + std::string(row.shape) + "\": {") != std::string::npos);
  }
}
