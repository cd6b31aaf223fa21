// Compiling again after an edit gives what a fresh compilation gives: the shipped workflows are
// edited at random (lines lost, doubled, moved between files; words exchanged; files taken away and
// put back), and after each edit everything that comes out is compared. Also: how little is done.
// BELAY_SEED=N repeats a run that failed, BELAY_EDITS=N makes it longer.
#include <cstdlib>
#include <random>
#include <sstream>

#include "dsl/expr/expr.h"
#include "dsl/symbols.h"
#include "interpreter/graph_codec.h"
#include "tests/catch.h"
#include "tests/dsl/compile_support.h"

namespace belay::dsl {
namespace {

using Files = std::map<std::string, std::string>;

std::string shown(const Span& span) {
  return std::to_string(span.file) + ":" + std::to_string(span.line) + ":" +
         std::to_string(span.column) + "+" + std::to_string(span.length);
}
std::string shown(const std::vector<interpreter::Field>& fields) {
  std::string out;
  for (const interpreter::Field& field : fields)
    out += field.name + " " + interpreter::to_text(field.type) + ", ";
  return out;
}
std::string shown(const std::vector<std::uint32_t>& ids) {
  std::string out;
  for (const std::uint32_t id : ids) out += std::to_string(id) + " ";
  return out;
}

// Everything that editors are told.
std::string dump(const EditorCompilation& compiled) {
  const Compilation& c = compiled.compilation;
  std::ostringstream out;
  out << render_json(c.diagnostics, c.sources) << "\n"
      << render_allowed(c.diagnostics, c.sources) << c.diagnostics.errors() << " errors\n";
  for (const File& file : c.files)
    out << "file " << file.source << " " << file.declarations.size() << "\n";
  for (const interpreter::Graph& graph : c.program.graphs)
    out << graph.workflow << " " << graph.hash << " "
        << std::hash<std::string>{}(interpreter::encode_graph(graph, false)) << "\n";
  for (const Scenario& one : c.program.scenarios) out << one.at << " " << one.when.size() << "\n";
  for (const Webhook& one : c.program.webhooks) out << one.name << "\n";
  for (const auto& [name, symbol] : compiled.symbols.declared) {
    out << name << " " << static_cast<int>(symbol.kind) << " " << shown(symbol.at) << " "
        << shown(symbol.takes) << "; " << interpreter::to_text(symbol.gives) << "; "
        << symbol.undone_by << " " << symbol.checked_by << " " << symbol.facts;
    for (const std::string& error : symbol.errors) out << " " << error;
    out << "\n";
  }
  for (const Scope& scope : compiled.symbols.scopes) {
    out << scope.workflow << " " << shown(scope.at) << "\n";
    for (const LocalName& name : scope.names)
      out << "  " << name.name << " " << interpreter::to_text(name.type) << " " << shown(name.at)
          << "\n";
    for (const ScopePoint& point : scope.points)
      out << "  " << shown(point.at) << " " << shown(point.before) << "| " << shown(point.after)
          << "\n";
    out << "  " << shown(scope.whole.before) << "| " << shown(scope.whole.after) << "\n";
  }
  return out.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}
std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

class Editing {
 public:
  Editing(Files files, std::uint32_t seed) : sound_(std::move(files)), now_(sound_), random_(seed) {
    for (const auto& [path, text] : sound_) {
      paths_.push_back(path);
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find_first_of(" \n,(){}\"'", at);
        const std::size_t stop = end == std::string::npos ? text.size() : end;
        if (stop > at) words_.push_back(text.substr(at, stop - at));
        at = stop + 1;
      }
    }
  }

  const Files& files() const { return now_; }

  // What was done, for people.
  std::string edit() {
    const std::string& path = pick(paths_);
    if (below(100) < 40) {  // most of the time most is sound
      now_[path] = sound_[path];
      return "restored " + path;
    }
    if (!now_.contains(path)) return "nothing";
    if (below(100) < 3) {
      now_.erase(path);
      return "took away " + path;
    }
    std::vector<std::string> lines = lines_of(now_[path]);
    if (lines.empty()) return "nothing";
    const std::size_t at = below(lines.size());
    std::string what;
    switch (below(6)) {
      case 0:
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(at));
        what = "lost a line of ";
        break;
      case 1:
        lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), lines[at]);
        what = "doubled a line of ";
        break;
      case 2: {
        const std::vector<std::string> other = lines_of(sound_[pick(paths_)]);
        lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), other[below(other.size())]);
        what = "brought a line into ";
        break;
      }
      case 3:
        lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), "# a remark");
        what = "moved the lines of ";
        break;
      default: {
        const std::size_t begin = lines[at].find_first_not_of(" -");
        if (begin == std::string::npos) return "nothing";
        std::size_t from = begin + below(lines[at].size() - begin);
        while (from > begin && lines[at][from - 1] != ' ') --from;
        const std::size_t end = lines[at].find_first_of(" ,", from);
        const std::string& word = pick(words_);
        what = "wrote " + word + " into ";
        lines[at].replace(from, end == std::string::npos ? end : end - from, word);
      }
    }
    now_[path] = joined(lines);
    return what + path + ":" + std::to_string(at + 1);
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

  Files sound_, now_;
  std::vector<std::string> paths_, words_;
  std::mt19937 random_;
};

std::uint32_t from_environment(const char* name, std::uint32_t otherwise) {
  const char* said = std::getenv(name);
  return said == nullptr ? otherwise : static_cast<std::uint32_t>(std::strtoul(said, nullptr, 10));
}

// `count` pairs of files (actions, and a workflow that uses them) that all lean on one more.
Files shops(int count) {
  Files files;
  files["world.belay"] = "belay 1\n\nconnector stripe\n  base \"https://api.stripe.com\"\n";
  for (int i = 0; i < count; ++i) {
    const std::string n = std::to_string(i);
    files["actions" + n + ".belay"] =
        "belay 1\n\naction shop" + n + ".look\n  reads\n  takes\n    id  text\n" +
        "  gives\n    note  text = body.note\n  call stripe, GET \"/" + n + "/{id}\"\n";
    files["saga" + n + ".belay"] = "belay 1\n\nworkflow saga" + n +
                                   ", version 1\n  takes\n    id  text\n" +
                                   "  step look\n    do shop" + n + ".look\n      id = id\n";
  }
  return files;
}

// What leans on more than what is written in it: sagas that run each other, scenarios, webhooks,
// allowances, plans, what one private value taints.
Files families() {
  return {{"family/parent.belay", R"(belay 1

workflow parent, version 1
  takes
    order  text
    guest  Guest
  step first
    run child
      order = order
    if cancelled, cancel because "The child gave up"
  step look
    do shop1.look
      id = first.note
    retry slow
  publish family.done, key order
    note = look.note

scenario "It goes well" for parent
  given order = "o-1"
  when look fails with refused once
  then it is held at look

scenario "The child gives up" for parent
  when the child of first is cancelled
  then it ends compensated because "The child gave up"
)"},
          {"family/child.belay", R"(belay 1

workflow child, version 1
  takes
    order  text
  gives
    note = kept.note
  allow BEL5003 because "it is only shown here"
  step kept
    do family.keep
      order = order
)"},
          {"family/types.yaml", R"(belay: 1
type: Guest
fields: { name: text, mail: private email }
---
event: family.done
version: 1
key: order
fields: { order: text, note: text }
---
retry_plan: slow
tries: 3
first_wait: 1 minute
)"},
          {"family/actions.belay", R"(belay 1

action family.keep
  records
  takes
    order  text
  gives
    note  text
  repeating is safe
  plugin shop
  can end in family.full
  undone by family.drop
    note = result.note

action family.drop
  records
  takes
    note  text
  repeating is safe
  harmless if nothing was done
  plugin shop

webhook family_in, POST "/hooks/family"
  verified by stripe with secret family_secret
  once per string(body.id)
  publish family.done, key string(body.order)
    note = string(body.note)
)"}};
}

TEST_CASE("after any edits, compiling again is compiling afresh") {
  Files files = read_definitions(std::string(BELAY_SOURCE_DIR) + "/workflows");
  REQUIRE(files.size() > 5);
  for (const auto& [path, text] : shops(3)) files["shops/" + path] = text;
  files.merge(families());
  files["shops/booking.yaml"] = testing::saga_yaml();
  files["shops/world.yaml"] =
      "belay: 1\nevent: shop.sold\nversion: 1\nkey: \"id\"\nfields: { id: text }\n";
  const std::uint32_t seed = from_environment("BELAY_SEED", 1);
  const std::uint32_t edits = from_environment("BELAY_EDITS", 150);
  Editing editing(files, seed);
  EditorCompilation compiled = compile_for_editor(files);
  std::size_t spared = 0;
  std::string story;
  for (std::uint32_t i = 0; i < edits; ++i) {
    story += editing.edit() + "\n";
    const EditorWork work = compile_again(compiled, editing.files());
    if (work.reads < editing.files().size()) ++spared;
    const std::string again = dump(compiled), afresh = dump(compile_for_editor(editing.files()));
    if (again == afresh) continue;
    INFO("BELAY_SEED=" << seed << ", after edit " << i << "\n" << story);
    CHECK(again == afresh);
    return;
  }
  CHECK(spared > edits / 2);
}

TEST_CASE("an edit costs what depends on it") {
  Files files = shops(40);
  EditorCompilation compiled = compile_for_editor(files);
  REQUIRE(compiled.compilation.diagnostics.all().empty());
  const auto work = [&] {
    const EditorWork done = compile_again(compiled, files);
    CHECK(dump(compiled) == dump(compile_for_editor(files)));
    return std::to_string(done.reads) + " read, " + std::to_string(done.checks) + " checked";
  };
  CHECK(work() == "0 read, 0 checked");
  files["saga7.belay"] += "\n  pause for 1 minute\n";
  CHECK(work() == "1 read, 1 checked");
  files["actions7.belay"] += "\n# said by the author\n";
  CHECK(work() == "1 read, 2 checked");
  files["world.belay"] += "\n# of all\n";  // everything leans on it
  CHECK(work() == "1 read, 80 checked");
  files["saga8.belay"] += "  step again\n    do shop9.look\n      id = id\n";
  CHECK(work() == "1 read, 1 checked");
  files["actions9.belay"] += "  can end in shop9.gone\n";  // two workflows say nothing of it now
  CHECK(work() == "1 read, 3 checked");
  CHECK(compiled.compilation.diagnostics.all().size() == 2);
  // What had something to say is looked at again, whatever was edited.
  files["saga1.belay"] += "\n";
  CHECK(work() == "1 read, 3 checked");
  files.erase("actions9.belay");
  CHECK(work() == "80 read, 79 checked");
}

TEST_CASE("a copy of a compilation goes on by itself") {
  Files files = shops(3);
  EditorCompilation one = compile_for_editor(files), other = one;
  files["saga1.belay"] += "  pause for 1 minute\n";
  compile_again(one, files);
  CHECK(dump(one) == dump(compile_for_editor(files)));
  compile_again(other, files);
  CHECK(dump(other) == dump(compile_for_editor(files)));
}

}  // namespace
}  // namespace belay::dsl
