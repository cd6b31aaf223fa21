// The proof by simulation: random programs in scripted worlds, once on the real compiler and
// interpreter, once on the reference (saga.h), which was written from LANGUAGE.md and shares no
// code with them. Everything that the world can see must be the same (trace.h). BELAY_REFERENCE=N
// runs so many programs, BELAY_SEED=S that one alone (with BELAY_REFERENCE: the first one),
// BELAY_SHRINK=1 makes what fails smaller before it is shown. See docs/testing.md.
#include <cstdio>
#include <cstdlib>

#include "tests/catch.h"
#include "tests/reference/generate.h"
#include "tests/reference/print.h"
#include "tests/reference/real.h"
#include "tests/reference/shrink.h"

using namespace belay::reference;

namespace {

constexpr std::size_t kBatch = 200;  // programs of one workspace
constexpr std::size_t kMostShown = 3;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// Whether both sides tell different things of a case; not when the compiler refuses it.
bool differs(const Case& one, Flaw flaw, std::map<std::string, std::string>& told) {
  const Compiled compiled = compile({print(one.program, "p0")});
  if (!compiled.graphs[0]) return false;
  const Played mine = play(one.program, one.script, flaw);
  told = mine.told;
  return mine.trace.all() != play_real(one.program, *compiled.graphs[0], one.script).trace.all();
}

// The program, its world, and both tellings from where they part.
std::string show(const Case& one) {
  const Compiled compiled = compile({print(one.program, "p0")});
  const Played mine = play(one.program, one.script);
  std::string out = print(one.program, "p0") + "\n" + text(one.script);
  for (const auto& [id, words] : mine.told)
    out += id + ": " + words + (one.script.tamed.count(id) != 0 ? " (tamed)" : "") + "\n";
  if (!compiled.graphs[0]) return out + compiled.problems;
  const auto a = mine.trace.all(),
             b = play_real(one.program, *compiled.graphs[0], one.script).trace.all();
  std::size_t same = 0;
  for (; same < a.size() && same < b.size() && a[same] == b[same]; ++same)
    out += "          " + a[same] + "\n";
  for (std::size_t i = same; i < a.size(); ++i) out += "reference " + a[i] + "\n";
  for (std::size_t i = same; i < b.size(); ++i) out += "real      " + b[i] + "\n";
  return out;
}

// How many programs had what: a kind that never came proves nothing.
struct Tally {
  std::map<std::string, std::size_t> statements, outcomes, ends, codes;
  std::size_t programs = 0, refused = 0, tied = 0;

  Tally() {
    for (int kind = 0; kind < kStmtKinds; ++kind)
      statements[words(static_cast<Stmt::Kind>(kind))] = 0;
    for (const char* outcome : kOutcomes) outcomes[outcome] = 0;
    for (const char* end : {"completed", "undone", "held"}) ends[end] = 0;
  }
  void add(const Played& played) {
    ++programs;
    for (const Stmt::Kind kind : played.entered) ++statements[words(kind)];
    std::set<std::string> kinds;
    for (const auto& [id, outcome] : played.told) kinds.insert(outcome);
    for (const std::string& kind : kinds) ++outcomes[kind];
    ++ends[played.trace.ended];
  }
  void show() const {
    std::printf(
        "%zu programs (%zu of them differ in two limits of one moment); %zu more were refused by "
        "the compiler\n",
        programs, tied, refused);
    const auto line = [](const char* what, const std::map<std::string, std::size_t>& of) {
      std::string text;
      for (const auto& [word, count] : of)
        text += (text.empty() ? "" : ", ") + word + " " + std::to_string(count);
      std::printf("  %s: %s\n", what, text.c_str());
    };
    line("statements", statements);
    line("outcomes", outcomes);
    line("ended", ends);
    line("refused for", codes);
  }
  void check_everything_was_there() const {
    for (const auto* of : {&statements, &outcomes, &ends}) {
      for (const auto& [word, count] : *of) {
        INFO(word);
        CHECK(count > 0);
      }
    }
    CHECK(ends.size() == 3);  // none went on for ever
    CHECK(tied * 10'000 <= programs);
    CHECK(refused * 100 <= programs);  // the generator knows the language
  }
};

std::size_t statements_in(const Block& block) {
  std::size_t n = block.size();
  for (const Stmt& s : block) {
    for (const Block& inner : s.blocks) n += statements_in(inner);
    n += statements_in(s.act.block);
    for (const Handler& h : s.call.handlers) n += statements_in(h.act.block);
  }
  return n;
}

// The first program on which a reference with a mistake in it differs.
std::optional<Case> found(Flaw flaw, std::uint64_t programs) {
  std::map<std::string, std::string> told;
  for (std::uint64_t seed = 1; seed <= programs; ++seed) {
    const Case one{generate(seed), make_script(seed)};
    if (differs(one, flaw, told)) return one;
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("the reference and the interpreter tell the same of every program") {
  const std::uint64_t first = number_from("BELAY_SEED", 1);
  const bool one =
      std::getenv("BELAY_SEED") != nullptr && std::getenv("BELAY_REFERENCE") == nullptr;
  const std::uint64_t programs = one ? 1 : number_from("BELAY_REFERENCE", 100'000);
  Tally tally;
  std::size_t shown = 0;
  for (std::uint64_t seed = first; tally.programs < programs && shown < kMostShown;
       seed += kBatch) {
    std::vector<Program> trees;
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < (one ? 1 : kBatch); ++i) {
      trees.push_back(generate(seed + i));
      texts.push_back(print(trees.back(), "p" + std::to_string(i)));
    }
    const Compiled compiled = compile(texts);
    for (const std::string& code : compiled.codes) ++tally.codes[code];
    for (std::size_t i = 0; i < trees.size() && shown < kMostShown; ++i) {
      if (!compiled.graphs[i]) {
        ++tally.refused;
        continue;
      }
      Case now{trees[i], make_script(seed + i)};
      const Played mine = play(now.program, now.script);
      tally.add(mine);
      if (mine.trace.all() == play_real(now.program, *compiled.graphs[i], now.script).trace.all())
        continue;
      if (mine.tied) {
        ++tally.tied;
        continue;
      }
      ++shown;
      if (std::getenv("BELAY_SHRINK") != nullptr) {
        now = shrink(std::move(now),
                     [](const Case& c, auto& told) { return differs(c, Flaw::kNone, told); });
      }
      FAIL_CHECK("seed " << seed + i << "\n" << show(now));
    }
    if (one) break;
  }
  if (one) {
    std::puts(show({generate(first), make_script(first)}).c_str());
    return;
  }
  tally.show();
  if (programs >= 20'000) tally.check_everything_was_there();
}

TEST_CASE("a reference that is wrong is found out, and the program that shows it becomes small") {
  const auto check = [](Flaw flaw) {
    const std::optional<Case> one = found(flaw, 2000);
    REQUIRE(one);
    const Case small = shrink(
        *one, [&](const Case& c, auto& told) { return differs(c, flaw, told); }, 600);
    std::map<std::string, std::string> told;
    CHECK(differs(small, flaw, told));
    INFO(show(small));
    CHECK_FALSE(differs(small, Flaw::kNone, told));
    CHECK(statements_in(small.program.body) <= 4);
    CHECK(statements_in(small.program.body) <= statements_in(one->program.body));
  };
  SECTION("a new key after an unsure outcome") { check(Flaw::kNewKeyAfterUnsure); }
  SECTION("undo in the order of doing") { check(Flaw::kUndoForward); }
  SECTION("losers of a race are kept") { check(Flaw::kKeepLosers); }
  SECTION("no deadline") { check(Flaw::kNoDeadline); }
  SECTION("one try less") { check(Flaw::kOneTryLess); }
}
