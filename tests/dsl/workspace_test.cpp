// A folder on disk: what belongs to the program, in which order, and what is wrong with the folder
// itself.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "dsl/compile.h"
#include "tests/catch.h"
#include "tests/dsl/compile_support.h"

namespace belay::dsl {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path =
      fs::temp_directory_path() / ("belay_workspace_" + std::to_string(::getpid())) / "flows";
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path.parent_path()); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << text;
  }
};

std::string messages(const Compilation& c) { return render_text(c.diagnostics, c.sources, false); }

const std::string kType = "belay 1\n\ntype A\n  id  uuid\n";

TEST_CASE("a workspace is every definition below the folder") {
  Folder folder;
  folder.write("b.belay", "belay 1\n\ntype B\n  id  uuid\n");
  folder.write("sub/c.yaml", "belay: 1\ntype: C\nfields: { b: B }\n");
  folder.write("compose.yaml", "services: {}\n");
  folder.write("tests/twin.belay", kType);
  folder.write(".belay/old.belay", kType);
  folder.write("note.txt", kType);
  fs::create_symlink(folder.path / "b.belay", folder.path / "link.belay");
  const Compilation c = compile_workspace(folder.path.string());
  CHECK(messages(c) == "");
  CHECK(c.files.size() == 2);
  CHECK(c.sources.file(0).path == "flows/b.belay");
  CHECK(compile_workspace(folder.path.string() + "/").sources.file(0).path == "flows/b.belay");
}

TEST_CASE("a folder that is none, and what cannot be read") {
  Folder folder;
  const Compilation none = compile_workspace("no/such/folder");
  testing::check_golden("diagnostics/BEL1304_no_such_folder.txt", messages(none));
  folder.write("a.belay", kType);
  CHECK(!compile_workspace((folder.path / "a.belay").string()).ok());
}

TEST_CASE("a workspace is bounded") {
  Folder folder;
  std::string deep;
  for (int i = 0; i < 34; ++i) deep += "d/";
  folder.write(deep + "a.belay", kType);
  testing::check_golden("diagnostics/BEL1301_unreadable.txt",
                        messages(compile_workspace(folder.path.string())));
  for (int i = 0; i < 10'001; ++i)
    folder.write("many/f" + std::to_string(i) + ".belay", "belay 1\n");
  const std::string text = messages(compile_workspace(folder.path.string() + "/many"));
  const std::size_t at = text.find(folder.path.parent_path().string());
  REQUIRE(at != std::string::npos);
  std::string shown = text;
  shown.replace(at, folder.path.parent_path().string().size(), "…");
  testing::check_golden("diagnostics/BEL1303_too_many_files.txt", shown);
}

TEST_CASE("bytes that are no text") {
  CHECK(!compile_sources({{"a.belay", std::string("belay 1\n\0\n", 10)}}).ok());
  CHECK(!compile_sources({{"a.belay", "belay 1\n\ntype A\n  id  \xff\n"}}).ok());
  CHECK(!compile_sources({{"a.belay", std::string(2 << 20, 'x')}}).ok());
}

}  // namespace
}  // namespace belay::dsl
