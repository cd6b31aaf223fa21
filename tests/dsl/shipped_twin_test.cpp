// Every shipped definition has its twin in the other form under tests/twins, in the same folder,
// under the same name: the same tree, and the same step graphs by hash. After a change of a
// definition make its twin anew:
//   belay convert workflows --to yaml --out tests/twins/workflows
#include <filesystem>

#include "dsl/compile.h"
#include "dsl/read.h"
#include "tests/catch.h"
#include "tests/dsl/read_support.h"

namespace fs = std::filesystem;
using namespace belay::dsl;

namespace {

const std::string kRoot = BELAY_SOURCE_DIR;

void check_twins(const std::string& folder) {
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot + "/" + folder)) {
    const auto extension = entry.path().extension();
    if (extension != ".belay" && extension != ".yaml") continue;
    ++files;
    fs::path twin = fs::path(kRoot) / "tests/twins" / fs::relative(entry.path(), kRoot);
    twin.replace_extension(extension == ".belay" ? ".yaml" : ".belay");
    INFO(entry.path() << " and " << twin);
    REQUIRE(fs::exists(twin));
    const auto shipped = testing::read(entry.path().string(), testing::load(entry.path().string()));
    const auto other = testing::read(twin.string(), testing::load(twin.string()));
    CHECK(other.rendered == "");
    CHECK(same_tree(shipped.file, other.file));
  }
  CHECK(files > 0);
  const Compilation shipped = compile_workspace(kRoot + "/" + folder);
  const Compilation twins = compile_workspace(kRoot + "/tests/twins/" + folder);
  INFO(render_text(shipped.diagnostics, shipped.sources, false)
       << render_text(twins.diagnostics, twins.sources, false));
  CHECK(shipped.diagnostics.all().empty());
  CHECK(twins.diagnostics.all().empty());
  REQUIRE(shipped.program.graphs.size() == twins.program.graphs.size());
  for (std::size_t i = 0; i < shipped.program.graphs.size(); ++i) {
    CHECK(shipped.program.graphs[i].hash == twins.program.graphs[i].hash);
  }
}

}  // namespace

TEST_CASE("shipped workflows and their twins are the same") { check_twins("workflows"); }
TEST_CASE("the plugin example and its twin are the same") {
  check_twins("examples/plugin/workflows");
}
