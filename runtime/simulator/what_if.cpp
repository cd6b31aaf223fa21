// The table's rows, all from runs. A statement is tried in the first world that reaches it: the
// plain one (samples, every event comes), else that of a scenario. Whenever undos run, the same
// case is run again with each of them failing.
#include "runtime/simulator/what_if.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "runtime/simulator/reading.h"
#include "runtime/simulator/scenario_run.h"
#include "runtime/simulator/timeline.h"
#include "runtime/simulator/what_if_cases.h"
#include "runtime/simulator/what_if_rows.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's

namespace {

struct World {  // a script to try things in
  Script script;
  std::string about;  // empty: the plain one
};

// Statements are named by their calls: which, and of which saga.
CallAt forward(const CallAt& of) { return {of.node, Direction::kForward, of.of}; }

constexpr std::size_t kDepthMax = 4;  // of sagas that are run by sagas, as far as their cases go

class Table {
 public:
  Table(const Graph& graph, const std::vector<dsl::Scenario>& scenarios, const Surroundings& around,
        WhatIfBounds bounds)
      : graph_(graph), around_(around), bounds_(bounds) {
    World plain;
    plain.script.input = sample_input(graph);
    plain.script.events_come = true;
    worlds_.push_back(std::move(plain));
    for (const dsl::Scenario& scenario : scenarios) {
      if (scenario.workflow != graph.workflow) continue;
      std::string problem;
      Script script = script_of(graph, scenario, problem);
      script.rest_at.clear();
      if (problem.empty())
        worlds_.push_back({std::move(script), "in the scenario “" + scenario.title + "”"});
    }
    find_spots(graph, {}, "");
    // The workflow's own come first: what its children may do has what is left of the bound.
    std::stable_sort(spots_.begin(), spots_.end(), [](const Spot& a, const Spot& b) {
      return a.at.of.empty() && !b.at.of.empty();
    });
  }

  WhatIf make() {
    const std::string also = let_loops_end();
    for (const World& world : worlds_) world_runs_.push_back(run(world.script).value_or(Run{}));
    WhatIfSection well{"When nothing goes wrong", "", {}};
    well.rows.push_back(
        row_of("every step works and every event comes" + also, world_runs_.front()));
    count(well.rows.back());
    out_.sections.push_back(std::move(well));
    for (const bool children : {false, true}) {
      statements(children);
      undos(children);
    }
    sections();
    for (WhatIfSection& section : out_.sections) {
      for (WhatIfRow& row : section.rows) compact(row.ifs);
    }
    return std::move(out_);
  }

 private:
  struct Spot {  // a statement, of this saga or of one that it waits for
    const Graph* graph = nullptr;
    CallAt at;
    std::string of;  // `stay`, `trip.stay`; empty: of this saga
    const Node& node() const { return graph->nodes[at.node]; }
    std::string name() const { return of.empty() ? node().name : of + "." + node().name; }
    std::string title() const {
      return of.empty() ? title_of(node())
                        : "In the saga of " + quoted(of) + ": " + title_of(node());
    }
  };

  void find_spots(const Graph& graph, const std::vector<NodeId>& of, const std::string& name) {
    for (NodeId id = 0; id < graph.nodes.size(); ++id) {
      const Node& node = graph.nodes[id];
      spots_.push_back({&graph, {id, Direction::kForward, of}, name});
      const Graph* child = child_of(node, around_);
      if (child == nullptr || node.run.detached || of.size() + 1 > kDepthMax) continue;
      std::vector<NodeId> inside = of;
      inside.push_back(id);
      find_spots(*child, inside, name.empty() ? node.name : name + "." + node.name);
    }
  }
  const Spot& spot(const CallAt& at) const {
    return *std::find_if(spots_.begin(), spots_.end(),
                         [&](const Spot& one) { return one.at == forward(at); });
  }
  bool has_spot(const CallAt& at) const {
    return std::any_of(spots_.begin(), spots_.end(),
                       [&](const Spot& one) { return one.at == forward(at); });
  }

  // The journals of the saga that a statement belongs to: of one that runs in a loop, several.
  static std::vector<const Run*> runs_of(const Run& run, const CallAt& at) {
    if (at.of.empty()) return {&run};
    std::vector<const Run*> out;
    for (const SagaRun& other : run.others) {
      if (!other.second && other.of == at.of) out.push_back(&other.run);
    }
    return out;
  }

  std::optional<Run> run(const Script& script) {
    if (out_of_runs()) {
      ++out_.cut;
      return std::nullopt;
    }
    ++out_.runs;
    Run done = simulate(graph_, script, around_);
    entries_ += done.journal.size();
    for (const SagaRun& other : done.others) entries_ += other.run.journal.size();
    return done;
  }

  static bool reaches(const Run& run, const CallAt& at) {
    if (run.sends.count(at) != 0) return true;
    for (const Run* one : runs_of(run, at)) {
      for (const Entry& entry : one->journal) {
        for (const Drawn& drawn : entry.drawn) {
          const auto* waiting = std::get_if<Waiting>(&drawn);
          if (waiting != nullptr && waiting->path.node == at.node) return true;
          const auto* took = std::get_if<Took>(&drawn);
          if (took != nullptr && took->path.node == at.node) return true;
          const auto* asked = std::get_if<Asked>(&drawn);
          if (asked != nullptr && asked->path.node == at.node) return true;
        }
      }
    }
    return false;
  }

  // ---- Loops that wait for something ----

  static bool used_up(const Run& run, const CallAt& loop) {
    for (const Run* one : runs_of(run, loop)) {
      for (const Entry& entry : one->journal) {
        for (const Drawn& drawn : entry.drawn) {
          const auto* took = std::get_if<Took>(&drawn);
          if (took != nullptr && took->path.node == loop.node && took->arm == kUsedUp) return true;
        }
      }
    }
    return false;
  }

  // In the plain world loops come to what they wait for, if any answer that is known here makes
  // them. What was chosen, in words.
  std::string let_loops_end() {
    std::string said;
    for (const Spot& spot : spots_) {
      if (spot.node().kind != NodeKind::kRepeat) continue;
      const Script world = worlds_.front().script;
      if (const auto plain = run(world); !plain || !used_up(*plain, spot.at)) continue;
      for (Case& one : cases_of(spot).answers_in(world, spot.at.node)) {
        const auto tried = run(one.script);
        const bool well = tried && tried->state.status == Status::kCompleted;
        if (!well || used_up(*tried, spot.at)) continue;
        worlds_.front().script = std::move(one.script);
        said += ", and " + one.text;
        break;
      }
    }
    return said;
  }

  // ---- Rows ----

  WhatIfRow row_of(const std::string& text, const Run& run) const {
    WhatIfRow row = row_of_run(graph_, run);
    row.ifs = {text};
    constexpr std::string_view kRefused = "someone's act is refused: ";
    for (const Note& note : run.notes) {
      if (!note.text.starts_with(kRefused)) continue;
      row.ifs = {text + " (which is refused: " + note.text.substr(kRefused.size()) + ")"};
    }
    return row;
  }

  // A case, and the same with each undo that it comes to failing: refused, or out of reach for as
  // long as it is tried.
  void try_case(WhatIfSection& section, const Case& one, bool with_undos = true) {
    const std::optional<Run> done = run(one.script);
    if (!done) return;
    WhatIfRow row = row_of(one.text, *done);
    for (const Spot& spot : spots_) {
      if (found_.count(spot.at) == 0 && reaches(*done, spot.at)) {
        found_[spot.at] = {one.script, "tried where: " + section.title + ", " + one.text};
      }
    }
    for (const auto& [call, sends] : done->sends) {
      if (call.direction != Direction::kUndo || !has_spot(call)) continue;
      if (undo_worlds_.count(forward(call)) == 0) {
        undo_worlds_[forward(call)] = {one.script, section.title + ", " + one.text};
      }
      if (!with_undos) continue;
      if (undo_runs_ + 2 > undo_runs_max()) {
        out_.cut += 2;
        continue;
      }
      undo_runs_ += 2;
      for (WhatIfRow& failure : undo_fails(one, call)) {
        count(failure);
        merge(row.undo_failures, std::move(failure));
      }
    }
    count(row);
    merge(section.rows, std::move(row));
  }

  // What is left of the bound for failing undos, in equal parts for all statements: every statement
  // has its own cases before any has all combinations.
  std::size_t undo_runs_max() const {
    constexpr std::size_t kCasesOfAStatement = 40, kLeast = 4;  // with those of its undo
    const std::size_t statements = std::max<std::size_t>(spots_.size(), 1);
    const std::size_t cases = statements * kCasesOfAStatement;
    return std::max(kLeast, bounds_.runs_max > cases ? (bounds_.runs_max - cases) / statements : 0);
  }

  // Refused, and out of reach for as long as it is tried: one row where both end alike.
  std::vector<WhatIfRow> undo_fails(const Case& one, const CallAt& undo) {
    const Spot& at = spot(undo);
    const std::string what = "the undo of " + quoted(at.name());
    std::vector<WhatIfRow> rows;
    const bool child = at.node().kind == NodeKind::kRun;
    for (const bool refused : {true, false}) {
      if (child && !refused) continue;  // it is never out of reach
      Case failing = one;
      Answer answer;
      answer.kind = refused ? Answer::Kind::kBusiness : Answer::Kind::kTransient;
      answer.error = refused ? "refused" : "";
      failing.script.rules.insert(failing.script.rules.begin(), Rule{undo, answer, 0});
      const auto done = run(failing.script);
      if (!done) continue;
      const char* how = child     ? " leaves something of that saga over"
                        : refused ? " is refused"
                                  : " stays out of reach";
      rows.push_back(row_of(what + how, *done));
      // What the customer is told of the cancel stands in the row above.
      std::erase_if(rows.back().told,
                    [](const std::string& told) { return told.starts_with("“"); });
    }
    if (rows.size() == 2 && same_outcome(rows[0], rows[1])) {
      rows.pop_back();
      rows[0].ifs = {what + " fails"};
    }
    return rows;
  }

  void count(const WhatIfRow& row) {
    ++out_.cases;
    if (row.ends.starts_with("held") || row.ends.starts_with("it waits")) {
      ++out_.need_a_person;
    } else if (row.ends.starts_with("completed")) {
      ++out_.completed;
    } else if (row.left_over.empty()) {
      ++out_.undone;
    } else {
      ++out_.left_over;
    }
  }

  // ---- Sections ----

  Cases cases_of(const Spot& spot) const { return {*spot.graph, spot.at.of}; }

  // What only a case reaches (the block of a handler, of a limit) is tried in that case's world,
  // once it was found.
  void statements(bool children) {
    for (bool more = true; more;) {
      more = false;
      for (const Spot& spot : spots_) {
        const bool wanted = tried(spot.node().kind) && spot.at.of.empty() != children;
        if (!wanted || statements_.count(spot.at) != 0) continue;
        const auto world = world_reaching(spot.at);
        if (!world) continue;
        statements_.emplace(spot.at, statement(spot, *world));
        more = true;
      }
    }
  }

  // The undo of a statement that runs a saga may be reached by what happens in that saga only.
  void undos(bool children) {
    for (const Spot& spot : spots_) {
      if (!spot.node().undo || undos_.count(spot.at) != 0) continue;
      if (!children && !spot.at.of.empty()) continue;
      if (const auto found = undo_worlds_.find(spot.at); found != undo_worlds_.end())
        undos_.emplace(spot.at, undo(spot, World(found->second)));
    }
  }

  // In the order of the workflow: its statements, its undos, then those of its children.
  void sections() {
    std::set<std::string> cut;
    for (const bool children : {false, true}) {
      for (const auto* made : {&statements_, &undos_}) {
        const bool undoes = made == &undos_;
        for (const Spot& spot : spots_) {
          if (spot.at.of.empty() == children) continue;
          const auto found = made->find(spot.at);
          if (found != made->end() && !found->second.rows.empty()) {
            out_.sections.push_back(found->second);
            continue;
          }
          const NodeKind kind = spot.node().kind;
          const bool due =
              undoes ? spot.node().undo.has_value() : tried(kind) && kind != NodeKind::kRepeat;
          if (!due) continue;
          if (!out_of_runs()) {
            out_.not_reached.push_back((undoes ? undo_title(spot) : spot.title()) + ", " +
                                       spot.node().at);
          } else if (children) {
            cut.insert(spot.of);
          }
        }
      }
    }
    out_.cut_children.assign(cut.begin(), cut.end());
  }

  static bool tried(NodeKind kind) {
    return kind == NodeKind::kStep || kind == NodeKind::kRun || kind == NodeKind::kWait ||
           kind == NodeKind::kAsk || kind == NodeKind::kRepeat;
  }

  bool out_of_runs() const {
    return out_.runs >= bounds_.runs_max || entries_ >= bounds_.entries_max;
  }

  std::optional<World> world_reaching(const CallAt& at) const {
    for (std::size_t i = 0; i < worlds_.size(); ++i) {
      if (reaches(world_runs_[i], at)) return worlds_[i];
    }
    const auto found = found_.find(at);
    return found == found_.end() ? std::nullopt : std::optional(found->second);
  }

  // Of the statement's saga in the plain world; a new one where that does not come so far.
  State state_of(const Spot& spot) const {
    const auto runs = runs_of(world_runs_.front(), spot.at);
    return runs.empty() ? State{} : runs.front()->state;
  }

  WhatIfSection statement(const Spot& spot, const World& world) {
    const Node& node = spot.node();
    const Cases make = cases_of(spot);
    const bool loop = node.kind == NodeKind::kRepeat;
    WhatIfSection section{
        loop ? (spot.of.empty() ? "Again" : "In the saga of " + quoted(spot.of) + ": again") +
                   std::string(" and again until ") + quoted(node.until.source) + " (" +
                   quoted(node.name) + ")"
             : spot.title(),
        world.about,
        {}};
    undo_runs_ = 0;
    const CallAt& at = spot.at;
    std::vector<Case> cases;
    if (node.kind == NodeKind::kStep || node.kind == NodeKind::kRun) {
      cases = make.of_call(world.script, at, node.call);
      if (!node.run.detached) {
        Cases::cancels(world.script, at, "somebody cancels while it is under way",
                       "somebody cancels right after it", cases);
      }
    } else if (node.kind == NodeKind::kRepeat) {
      cases = make.answers_in(worlds_.front().script, at.node);
      section.about = cases.empty() ? world.about : "each time round";
      if (cases.empty()) cases.push_back({"its steps answer as above", world.script});
    } else if (node.kind == NodeKind::kAsk) {
      cases = make.of_question(world.script, at.node, state_of(spot));
      Cases::cancels(world.script, at, "somebody cancels while it is open",
                     "somebody cancels once it is answered", cases);
    } else {
      cases = make.of_wait(world.script, at.node, state_of(spot));
      Cases::cancels(world.script, at, "somebody cancels while it waits",
                     "somebody cancels once it has come", cases);
    }
    for (const Case& one : cases) try_case(section, one);
    return section;
  }

  static std::string undo_title(const Spot& spot) {
    const Node& node = spot.node();
    return (spot.of.empty() ? "The undo of "
                            : "In the saga of " + quoted(spot.of) + ": the undo of ") +
           title_of(node) + ": " + quoted(action_name(*spot.graph, node, *node.undo));
  }

  WhatIfSection undo(const Spot& spot, const World& world) {
    WhatIfSection section{undo_title(spot), "tried where: " + world.about, {}};
    try_case(section, {"it works", world.script}, false);
    const CallAt call{spot.at.node, Direction::kUndo, spot.at.of};
    for (const Case& one : cases_of(spot).of_call(world.script, call, *spot.node().undo))
      try_case(section, one, false);
    return section;
  }

  const Graph& graph_;
  const Surroundings& around_;
  const WhatIfBounds bounds_;
  std::vector<World> worlds_;
  std::vector<Run> world_runs_;
  std::size_t undo_runs_ = 0;            // of failing undos, in the present section
  std::size_t entries_ = 0;              // of all runs so far
  std::vector<Spot> spots_;              // the workflow's own first
  std::map<CallAt, World> found_;        // the first case that reaches each statement
  std::map<CallAt, World> undo_worlds_;  // the first case in which each undo ran
  std::map<CallAt, WhatIfSection> statements_, undos_;
  WhatIf out_;
};

}  // namespace

WhatIf what_if(const Graph& graph, const std::vector<dsl::Scenario>& scenarios,
               const Surroundings& around, WhatIfBounds bounds) {
  return Table(graph, scenarios, around, bounds).make();
}

}  // namespace belay::runtime::simulator
