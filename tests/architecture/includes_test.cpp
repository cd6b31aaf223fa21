// Who may include whom (docs/ARCHITECTURE.md): runtime → dsl → interpreter → std. And heavy headers
// stay where they belong, so that one edit rebuilds in seconds. Reads the #include lines of the
// tree; fails on a forbidden arrow.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/catch.h"

namespace fs = std::filesystem;

namespace {

struct Include {
  std::string file, header;
  int line;
};

std::vector<Include> includes_below(const std::string& folder) {
  std::vector<Include> all;
  const fs::path root = fs::path(BELAY_SOURCE_DIR) / folder;
  if (!fs::exists(root)) return all;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const auto extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp") continue;
    std::ifstream in(entry.path());
    std::string text;
    for (int line = 1; std::getline(in, text); ++line) {
      if (text.rfind("#include", 0) != 0) continue;
      const auto open = text.find_first_of("<\"");
      const auto close = text.find_first_of(">\"", open + 1);
      if (open == std::string::npos || close == std::string::npos) continue;
      all.push_back({fs::relative(entry.path(), BELAY_SOURCE_DIR).string(),
                     text.substr(open + 1, close - open - 1), line});
    }
  }
  return all;
}

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.rfind(prefix, 0) == 0;
}

// Our own headers are named from the root: "dsl/compile.h".
std::string room_of(const std::string& path) {
  static const std::set<std::string> kTop = {"dsl", "interpreter", "tests", "examples"};
  const auto slash = path.find('/');
  if (slash == std::string::npos) return "";
  const std::string top = path.substr(0, slash);
  if (kTop.count(top) != 0) return top;
  if (top != "runtime") return "";
  const auto second = path.find('/', slash + 1);
  return second == std::string::npos ? "runtime" : path.substr(0, second);
}

// A room and the rooms it may look into, besides itself.
const std::map<std::string, std::set<std::string>>& arrows() {
  static const std::map<std::string, std::set<std::string>> all = {
      {"interpreter", {}},
      {"dsl", {"interpreter"}},
      {"runtime/base", {"interpreter"}},
      {"runtime/store", {"interpreter", "runtime/base"}},
      {"runtime/actions",
       {"interpreter", "runtime/base",
        "runtime/store"}},  // SQL actions use the store's connections
      {"runtime/webhooks", {"interpreter", "runtime/base"}},
      {"runtime/engine", {"interpreter", "runtime/base", "runtime/store", "runtime/actions"}},
      {"runtime/api",
       {"interpreter", "dsl", "runtime/base", "runtime/store", "runtime/actions",
        "runtime/webhooks", "runtime/engine"}},
      {"runtime/simulator", {"interpreter", "dsl"}},
      {"runtime/cli",
       {"interpreter", "dsl", "runtime/simulator", "runtime/base", "runtime/store",
        "runtime/actions", "runtime/webhooks", "runtime/engine", "runtime/api", "runtime/lsp"}},
      {"runtime/lsp", {"interpreter", "dsl", "runtime/base"}},
      {"runtime", {"runtime/cli", "runtime/actions", "interpreter", "runtime/base"}},
  };
  return all;
}

}  // namespace

TEST_CASE("nobody includes what is above them") {
  for (const std::string top : {"interpreter", "dsl", "runtime"}) {
    for (const Include& include : includes_below(top)) {
      const std::string from = room_of(include.file);
      const std::string to = room_of(include.header);
      if (to.empty() || to == from) continue;
      const auto allowed = arrows().find(from);
      INFO(include.file << ":" << include.line << " includes " << include.header);
      CHECK((allowed != arrows().end() && allowed->second.count(to) != 0));
    }
  }
}

TEST_CASE("the interpreter stands on the standard library alone") {
  static const std::set<std::string> kForbidden = {
      "fstream", "iostream", "random", "thread", "mutex", "locale", "regex", "filesystem", "ctime"};
  for (const Include& include : includes_below("interpreter")) {
    INFO(include.file << ":" << include.line << " includes " << include.header);
    const bool own = starts_with(include.header, "interpreter/");
    const bool standard = include.header.find('/') == std::string::npos &&
                          include.header.find('.') == std::string::npos;
    CHECK((own || standard));
    CHECK(kForbidden.count(include.header) == 0);
  }
}

TEST_CASE("the interpreter reads no clock") {  // <chrono> is there for its calendar
  for (const auto& entry : fs::directory_iterator(fs::path(BELAY_SOURCE_DIR) / "interpreter")) {
    std::ifstream in(entry.path());
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    INFO(entry.path());
    for (const char* word : {"system_clock", "steady_clock", "getenv", "time(nullptr)"}) {
      CHECK(text.find(word) == std::string::npos);
    }
  }
}

TEST_CASE("heavy headers are included by .cpp files of their own rooms only") {
  struct Heavy {
    std::string prefix;
    std::vector<std::string> rooms;
  };
  const std::vector<Heavy> heavy = {
      {"tao/pegtl", {"dsl/"}},
      {"yaml-cpp/", {"dsl/yaml/"}},
      {"pqxx/", {"runtime/store/", "runtime/actions/"}},
      {"httplib.h", {"runtime/api/"}},
      {"nlohmann/", {"runtime/"}},
      {"curl/", {"runtime/actions/"}},
      {"CLI/", {"runtime/cli/"}},
      {"regex", {}},
  };
  for (const std::string top : {"interpreter", "dsl", "runtime"}) {
    for (const Include& include : includes_below(top)) {
      for (const Heavy& h : heavy) {
        if (!starts_with(include.header, h.prefix)) continue;
        INFO(include.file << ":" << include.line << " includes " << include.header);
        const bool at_home =
            std::any_of(h.rooms.begin(), h.rooms.end(),
                        [&](const std::string& room) { return starts_with(include.file, room); });
        CHECK(at_home);
        CHECK(include.file.size() > 4);
        CHECK(include.file.substr(include.file.size() - 4) == ".cpp");
      }
    }
  }
}

TEST_CASE("no file grows past what a person reads in one sitting") {
  for (const std::string top : {"interpreter", "dsl", "runtime"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(BELAY_SOURCE_DIR) / top)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cpp") continue;
      std::ifstream in(entry.path());
      const auto lines = std::count(std::istreambuf_iterator<char>(in), {}, '\n');
      INFO(entry.path());
      CHECK(lines <= 700);
    }
  }
}
