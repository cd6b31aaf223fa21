// Four hundred seeded mistakes (and as many more as BELAY_MUTATIONS says): each is made in a copy
// of what ships, and the compiler must report it on a line where a person would look, with at most
// two errors besides the first. The list that is printed holds those that fail the rule.
//   BELAY_MUTATIONS=2000 BELAY_MUTATION_SEED=7 build/dev/tests/test_mutations
//   BELAY_MUTATION_KIND="text: tab" …      only kinds that begin so, all of them
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <numeric>
#include <sstream>

#include "dsl/compile.h"
#include "tests/catch.h"
#include "tests/mutations/mutate.h"

namespace belay::mutations {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFollowUps = 2;

std::string setting(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

// The statements' folder holds every program in both forms: a world takes one of them.
Files files_below(const std::string& folder, const std::string& form) {
  Files files;
  const fs::path root = fs::path(BELAY_SOURCE_DIR) / folder;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const auto extension = entry.path().extension();
    if (extension != ".belay" && extension != ".yaml") continue;
    if (!form.empty() && extension != form) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    files[fs::relative(entry.path(), root).string()] = text.str();
  }
  return files;
}

// Empty when the mistake is reported as it should be.
std::string verdict(const Mutation& mistake, Files files) {
  files[mistake.path] = mistake.text;
  const dsl::Compilation c = dsl::compile_sources(files);
  bool placed = false;
  std::string said;
  for (const dsl::Diagnostic& d : c.diagnostics.all()) {
    const std::string& path = c.sources.file(d.span.file).path;
    const bool here = path == mistake.path && mistake.good.contains(d.span.line);
    placed = placed || here || mistake.anywhere;
    said += "      " + std::string(d.kind->code) + " " + path + ":" + std::to_string(d.span.line) +
            ":" + std::to_string(d.span.column) + " " + d.message +
            (d.help.empty() ? "" : " (" + d.help + ")") + "\n";
  }
  std::string why;
  if (c.diagnostics.all().empty())
    why = "not reported";
  else if (!placed)
    why = "reported elsewhere";
  if (c.diagnostics.errors() > kFollowUps + 1) {
    why += (why.empty() ? "" : ", ") + std::to_string(c.diagnostics.errors()) + " errors";
  }
  if (setting("BELAY_MUTATION_SHOW", "") != "" && why.empty()) why = "shown";
  return why.empty() ? "" : why + "\n" + said;
}

// About `wanted` of them: every kind has its turn, then again.
std::vector<const Mutation*> chosen(const std::vector<Mutation>& all, std::size_t wanted,
                                    Random& random) {
  std::map<std::string, std::vector<const Mutation*>> kinds;
  for (const Mutation& m : all) kinds[m.kind].push_back(&m);
  std::vector<const Mutation*> out;
  // Where fewer are wanted than there are kinds, each world begins with another kind.
  auto it = std::next(kinds.begin(), static_cast<std::ptrdiff_t>(random.below(kinds.size())));
  while (out.size() < wanted && !kinds.empty()) {
    for (; it != kinds.end() && out.size() < wanted;) {
      const std::size_t at = random.below(it->second.size());
      out.push_back(it->second[at]);
      it->second.erase(it->second.begin() + static_cast<std::ptrdiff_t>(at));
      it = it->second.empty() ? kinds.erase(it) : std::next(it);
    }
    if (it == kinds.end()) it = kinds.begin();
  }
  return out;
}

TEST_CASE("line ends of Windows and a mark at the front are no mistakes") {
  const auto hashes = [](const dsl::Compilation& c) {
    std::vector<std::string> out;
    for (const auto& graph : c.program.graphs) out.push_back(graph.hash);
    return out;
  };
  for (const char* folder : {"workflows", "tests/twins/workflows"}) {
    const Files files = files_below(folder, "");
    Files windows;
    for (const auto& [path, text] : files) {
      std::string& out = windows[path] = "\xEF\xBB\xBF";
      for (const char c : text) out += c == '\n' ? "\r\n" : std::string(1, c);
    }
    const dsl::Compilation c = dsl::compile_sources(windows);
    INFO(dsl::render_text(c.diagnostics, c.sources, false));
    CHECK(c.diagnostics.all().empty());
    CHECK(hashes(c) == hashes(dsl::compile_sources(files)));
    CHECK(!c.program.graphs.empty());
  }
}

TEST_CASE("seeded mistakes are reported on their line, with few follow-ups") {
  const auto seed = static_cast<std::uint32_t>(std::stoul(setting("BELAY_MUTATION_SEED", "1")));
  const auto wanted = static_cast<std::size_t>(std::stoul(setting("BELAY_MUTATIONS", "400")));
  const std::string only = setting("BELAY_MUTATION_KIND", "");
  struct World {
    Files files;
    std::vector<Mutation> mistakes;
  };
  std::vector<World> worlds;
  std::size_t possible = 0;
  const std::pair<const char*, const char*> kWorlds[] = {
      {"workflows", ""},
      {"tests/twins/workflows", ""},
      {"examples/plugin/workflows", ""},
      {"tests/twins/examples/plugin/workflows", ""},
      {"tests/golden/syntax/statements", ".belay"},
      {"tests/golden/syntax/statements", ".yaml"}};
  for (const auto& [folder, form] : kWorlds) {
    World world{files_below(folder, form), {}};
    REQUIRE(!world.files.empty());
    REQUIRE(dsl::compile_sources(world.files).diagnostics.all().empty());
    world.mistakes = text_mutations(world.files, seed);
    // An action's types are written in the text form: the twins' are those of what they are twins
    // of.
    Files known = world.files;
    for (const World& other : worlds) known.insert(other.files.begin(), other.files.end());
    for (Mutation& m : yaml_mutations(known, seed)) {
      if (world.files.contains(m.path)) world.mistakes.push_back(std::move(m));
    }
    std::erase_if(world.mistakes, [&](const Mutation& m) { return !m.kind.starts_with(only); });
    possible += world.mistakes.size();
    worlds.push_back(std::move(world));
  }
  std::size_t made = 0;
  std::string failures;
  std::map<std::string, int> by_kind;
  Random random(seed);
  for (const World& world : worlds) {
    if (world.mistakes.empty()) continue;
    const std::size_t share = std::max<std::size_t>(1, wanted * world.mistakes.size() / possible);
    for (const Mutation* m : chosen(world.mistakes, share, random)) {
      ++made;
      const std::string why = verdict(*m, world.files);
      if (why.empty()) continue;
      ++by_kind[m->kind];
      failures += m->kind + " in " + m->path + ":" + std::to_string(m->line) + "\n    - " +
                  m->before + "\n    + " + m->after + "\n    " + why;
    }
  }
  INFO(failures);
  std::string counts;
  for (const auto& [kind, n] : by_kind) counts += std::to_string(n) + " " + kind + "\n";
  std::cout << made << " of " << possible << " possible mistakes made, "
            << std::accumulate(by_kind.begin(), by_kind.end(), 0,
                               [](int n, const auto& k) { return n + k.second; })
            << " of them failed\n"
            << counts;
  CHECK(made >= (only.empty() ? std::min<std::size_t>(wanted, 200) : 1));
  CHECK(by_kind.empty());
}

}  // namespace
}  // namespace belay::mutations
