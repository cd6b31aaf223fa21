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
#include "runtime/simulator/what_if_rows.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's

namespace {

constexpr std::int64_t kEachSource = -1;

struct World {  // a script to try things in
  Script script;
  std::string about;  // empty: the plain one
};

struct Case {
  std::string text;
  Script script;
};

// ---- The table
// -------------------------------------------------------------------------------------------------------

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
  }

  WhatIf make() {
    const std::string also = let_loops_end();
    for (const World& world : worlds_) world_runs_.push_back(run(world.script).value_or(Run{}));
    WhatIfSection well{"When nothing goes wrong", "", {}};
    well.rows.push_back(
        row_of("every step works and every event comes" + also, world_runs_.front()));
    count(well.rows.back());
    out_.sections.push_back(std::move(well));
    statements();
    for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
      if (graph_.nodes[id].undo) undo(id);
    }
    for (WhatIfSection& section : out_.sections) {
      for (WhatIfRow& row : section.rows) compact(row.ifs);
    }
    return std::move(out_);
  }

 private:
  std::optional<Run> run(const Script& script) {
    if (out_of_runs()) {
      ++out_.cut;
      return std::nullopt;
    }
    ++out_.runs;
    Run done = simulate(graph_, script, around_);
    entries_ += done.journal.size();
    return done;
  }

  static bool reaches(const Run& run, NodeId id) {
    if (run.sends.count({id, Direction::kForward}) != 0) return true;
    for (const Entry& entry : run.journal) {
      for (const Drawn& drawn : entry.drawn) {
        const auto* waiting = std::get_if<Waiting>(&drawn);
        if (waiting != nullptr && waiting->path.node == id) return true;
        const auto* took = std::get_if<Took>(&drawn);
        if (took != nullptr && took->path.node == id) return true;
        const auto* asked = std::get_if<Asked>(&drawn);
        if (asked != nullptr && asked->path.node == id) return true;
      }
    }
    return false;
  }

  // ---- Loops that wait for something ----

  // A `repeat` ends by what its steps give. What may that be is tried where it is one of a few
  // words, or true or false.
  std::vector<Case> answers_in(NodeId loop) const {
    std::vector<Case> cases;
    for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
      const Node& node = graph_.nodes[id];
      if (node.kind != NodeKind::kStep || loop_around(id) != loop) continue;
      for (const Gives& one : graph_.actions[node.call.action].gives) {
        std::vector<Value> values;
        for (const std::string& option : one.field.type.options) {
          values.push_back(Value::string(option));
        }
        if (one.field.type.base == Type::Base::kBool) {
          values = {Value::boolean(true), Value::boolean(false)};
        }
        for (Value& value : values) {
          Answer answer;
          answer.fields.emplace_back(one.field.name, value);
          cases.push_back(with_rule(worlds_.front(), {id, Direction::kForward},
                                    quoted(node.name) + " gives " + quoted(one.field.name) + " = " +
                                        interpreter::to_text(value),
                                    std::move(answer), 0));
        }
      }
    }
    return cases;
  }

  NodeId loop_around(NodeId id) const {
    for (NodeId at = id; at != kNoNode; at = graph_.nodes[at].parent) {
      if (in_loop_body(graph_, at)) return graph_.nodes[at].parent;
    }
    return kNoNode;
  }

  static bool used_up(const Run& run, NodeId loop) {
    for (const Entry& entry : run.journal) {
      for (const Drawn& drawn : entry.drawn) {
        const auto* took = std::get_if<Took>(&drawn);
        if (took != nullptr && took->path.node == loop && took->arm == kUsedUp) return true;
      }
    }
    return false;
  }

  // In the plain world loops come to what they wait for, if any answer that is known here makes
  // them. What was chosen, in words.
  std::string let_loops_end() {
    std::string said;
    for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
      if (graph_.nodes[id].kind != NodeKind::kRepeat) continue;
      if (const auto plain = run(worlds_.front().script); !plain || !used_up(*plain, id)) continue;
      for (Case& one : answers_in(id)) {
        const auto tried = run(one.script);
        const bool well = tried && tried->state.status == Status::kCompleted;
        if (!well || used_up(*tried, id)) continue;
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
    for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
      if (found_.count(id) == 0 && reaches(*done, id)) {
        found_[id] = {one.script, "tried where: " + section.title + ", " + one.text};
      }
    }
    for (const auto& [call, sends] : done->sends) {
      if (call.direction != Direction::kUndo) continue;
      if (undo_worlds_.count(call.node) == 0) {
        undo_worlds_[call.node] = {one.script, section.title + ", " + one.text};
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
    const std::size_t statements = std::max<std::size_t>(graph_.nodes.size(), 1);
    const std::size_t cases = statements * kCasesOfAStatement;
    return std::max(kLeast, bounds_.runs_max > cases ? (bounds_.runs_max - cases) / statements : 0);
  }

  // Refused, and out of reach for as long as it is tried: one row where both end alike.
  std::vector<WhatIfRow> undo_fails(const Case& one, const CallAt& undo) {
    const std::string what = "the undo of " + quoted(graph_.nodes[undo.node].name);
    std::vector<WhatIfRow> rows;
    const bool child = graph_.nodes[undo.node].kind == NodeKind::kRun;
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

  // ---- What may happen to a call ----

  static Case with_rule(const World& world, CallAt call, std::string text, Answer answer,
                        std::uint32_t times) {
    Case out{std::move(text), world.script};
    out.script.rules.insert(out.script.rules.begin(), Rule{call, std::move(answer), times});
    return out;
  }

  std::vector<Case> call_cases(const World& world, CallAt at, const Call& call) const {
    std::vector<Case> cases;
    const auto business = [&](const std::string& error, const std::string& text) {
      Answer answer;
      answer.kind = Answer::Kind::kBusiness;
      answer.error = error;
      cases.push_back(with_rule(world, at, text, answer, 0));
    };
    const bool child = graph_.nodes[at.node].kind == NodeKind::kRun;
    for (const std::string& error : errors_of(graph_, at)) {
      business(error, !child ? "it ends in " + quoted(error)
                      : at.direction == Direction::kForward
                          ? "that saga is cancelled"
                          : "something of that saga is left over");
    }
    if (child) {  // it is never refused, and never out of reach
      crashes(world, at, cases);
      if (graph_.nodes[at.node].run.detached) cases.resize(1);  // nothing comes back
      return cases;
    }
    business("refused", "it is refused");
    if (at.direction == Direction::kForward) one_item_fails(world, at, cases);
    Answer away;
    away.kind = Answer::Kind::kTransient;
    cases.push_back(
        with_rule(world, at, "it cannot be reached until its tries are used up", away, 0));
    const bool looks =
        graph_.actions[call.action].effects == static_cast<std::uint8_t>(Effect::kReads);
    for (const bool happened : {true, false}) {
      if (looks && happened) continue;  // nothing happens when it looks
      const std::string whether = looks      ? ""
                                  : happened ? ", and it happened"
                                             : ", and it did not happen";
      for (const bool timed_out : {false, true}) {
        for (const bool always : {false, true}) {
          Answer answer;
          answer.kind = Answer::Kind::kUnsure;
          answer.happened = happened;
          answer.timed_out = timed_out;
          const std::string what =
              timed_out ? (always ? "it times out each time" : "it times out once")
                        : (always ? "its answer is lost each time" : "its answer is lost once");
          cases.push_back(with_rule(world, at, what + whether, answer, always ? 0 : 1));
        }
      }
      if (call.check.empty()) continue;
      Answer unsure;
      unsure.kind = Answer::Kind::kUnsure;
      unsure.happened = happened;
      Case blind = with_rule(
          world, at, "its answer is lost each time and its check cannot be reached" + whether,
          unsure, 0);
      const Direction check =
          at.direction == Direction::kForward ? Direction::kCheck : Direction::kUndoCheck;
      blind.script.rules.insert(blind.script.rules.begin(), Rule{{at.node, check}, away, 0});
      cases.push_back(std::move(blind));
    }
    crashes(world, at, cases);
    return cases;
  }

  // One of several items fails, and the others do not.
  void one_item_fails(const World& world, CallAt at, std::vector<Case>& cases) const {
    const NodeId loop = loop_around(at.node);
    if (loop == kNoNode || graph_.nodes[loop].kind != NodeKind::kForEach) return;
    std::vector<std::string> errors = errors_of(graph_, at);
    errors.push_back("refused");
    for (const std::string& error : errors) {
      Answer answer;
      answer.kind = Answer::Kind::kBusiness;
      answer.error = error;
      const std::string how =
          error == "refused" ? "is refused for" : "ends in " + quoted(error) + " for";
      cases.push_back(with_rule(world, at, "it " + how + " the second item only", answer, 0));
      cases.back().script.rules.front().round = 1;
    }
  }

  static void crashes(const World& world, CallAt at, std::vector<Case>& cases) {
    for (const auto& [moment, words] :
         {std::pair(Moment::kBefore, "the engine stops before it leaves"),
          std::pair(Moment::kDuring,
                    "the engine stops before its checkpoint, when it has happened"),
          std::pair(Moment::kAfter, "the engine stops after its checkpoint")}) {
      Case one{words, world.script};
      one.script.crashes.push_back({at, moment});
      cases.push_back(std::move(one));
    }
  }

  static void cancels(const World& world, CallAt at, const char* during, const char* after,
                      std::vector<Case>& cases) {
    for (const auto& [moment, words] :
         {std::pair(Moment::kDuring, during), std::pair(Moment::kAfter, after)}) {
      Case one{words, world.script};
      PersonAct act;
      act.when = PersonAct::When::kAtCall;
      act.call = at;
      act.moment = moment;
      act.fact = CancelAsked{};
      act.reason = "cancelled by a person";
      one.script.acts.push_back(std::move(act));
      cases.push_back(std::move(one));
    }
  }

  // ---- Sections ----

  // In the order of the workflow. What only a case reaches (the block of a handler, of a limit) is
  // tried in that case's world, once it was found.
  void statements() {
    std::map<NodeId, WhatIfSection> made;
    for (bool more = true; more;) {
      more = false;
      for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
        const NodeKind kind = graph_.nodes[id].kind;
        if (!tried(kind) || made.count(id) != 0) continue;
        const auto world = world_reaching(id);
        if (!world) continue;
        made.emplace(id, statement(id, *world));
        more = true;
      }
    }
    for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
      const Node& node = graph_.nodes[id];
      if (const auto found = made.find(id); found != made.end()) {
        out_.sections.push_back(std::move(found->second));
      } else if (tried(node.kind) && node.kind != NodeKind::kRepeat && !out_of_runs()) {
        out_.not_reached.push_back(title_of(node) + ", " + node.at);
      }
    }
  }

  static bool tried(NodeKind kind) {
    return kind == NodeKind::kStep || kind == NodeKind::kRun || kind == NodeKind::kWait ||
           kind == NodeKind::kAsk || kind == NodeKind::kRepeat;
  }

  bool out_of_runs() const {
    return out_.runs >= bounds_.runs_max || entries_ >= bounds_.entries_max;
  }

  std::optional<World> world_reaching(NodeId id) const {
    for (std::size_t i = 0; i < worlds_.size(); ++i) {
      if (reaches(world_runs_[i], id)) return worlds_[i];
    }
    const auto found = found_.find(id);
    return found == found_.end() ? std::nullopt : std::optional(found->second);
  }

  WhatIfSection statement(NodeId id, const World& world) {
    const Node& node = graph_.nodes[id];
    const bool loop = node.kind == NodeKind::kRepeat;
    WhatIfSection section{
        loop ? "Again and again until " + quoted(node.until.source) + " (" + quoted(node.name) + ")"
             : title_of(node),
        world.about,
        {}};
    undo_runs_ = 0;
    const CallAt at{id, Direction::kForward};
    std::vector<Case> cases;
    if (node.kind == NodeKind::kStep || node.kind == NodeKind::kRun) {
      cases = call_cases(world, at, node.call);
      if (!node.run.detached) {
        cancels(world, at, "somebody cancels while it is under way",
                "somebody cancels right after it", cases);
      }
    } else if (node.kind == NodeKind::kRepeat) {
      cases = answers_in(id);
      section.about = cases.empty() ? world.about : "each time round";
      if (cases.empty()) cases.push_back({"its steps answer as above", world.script});
    } else if (node.kind == NodeKind::kAsk) {
      cases = ask_cases(world, id);
      cancels(world, at, "somebody cancels while it is open",
              "somebody cancels once it is answered", cases);
    } else {
      cases = wait_cases(world, id);
      cancels(world, at, "somebody cancels while it waits", "somebody cancels once it has come",
              cases);
    }
    for (const Case& one : cases) try_case(section, one);
    return section;
  }

  // The statement's event or answer comes otherwise than in `world`.
  static Case arriving(const World& world, NodeId id, const std::string& text,
                       const std::function<void(Arrival&)>& change,
                       std::int64_t source = kEachSource) {
    Case one{text, world.script};
    Arrival made;
    for (const Arrival& known : one.script.arrivals) {
      if (known.wait == id) made = known;
    }
    if (source == kEachSource) {
      std::erase_if(one.script.arrivals, [&](const Arrival& known) { return known.wait == id; });
    }
    made.wait = id;
    made.source = source;
    made.never = false;
    change(made);
    one.script.arrivals.push_back(std::move(made));
    return one;
  }

  // A minute more than the statement's limit; nothing when it has none, or one that is worked out
  // from what is not known here.
  std::optional<std::int64_t> too_late_ms(const Node& node) const {
    if (node.within.empty()) return std::nullopt;
    const Evaluated within = evaluate_in(graph_, world_runs_.front().state, node.within);
    if (!within.ok || within.value.kind() != Value::Kind::kDuration) return std::nullopt;
    return within.value.as_duration().seconds * 1000 + 60'000;
  }

  static void stops(const World& world, NodeId id, const char* open, const char* over,
                    std::vector<Case>& cases) {
    for (const auto& [moment, words] :
         {std::pair(Moment::kDuring, open), std::pair(Moment::kAfter, over)}) {
      Case one{words, world.script};
      one.script.crashes.push_back({{id, Direction::kForward}, moment});
      cases.push_back(std::move(one));
    }
  }

  std::vector<Case> wait_cases(const World& world, NodeId id) const {
    const Node& node = graph_.nodes[id];
    std::vector<Case> cases;
    const auto arrival = [&](const std::string& text, const std::function<void(Arrival&)>& change) {
      cases.push_back(arriving(world, id, text, change));
    };
    const bool several = node.sources.size() > 1;
    const std::string it = several ? "each of them " : "it ";
    arrival(it + "comes", [](Arrival&) {});
    arrival(it + "comes twice", [](Arrival& a) { a.copies = 2; });
    arrival(it + "was there before the wait began", [](Arrival& a) { a.early = true; });
    for (std::size_t i = 0; i < node.sources.size(); ++i) {
      const std::int64_t before_ms = node.sources[i].even_before_ms;
      const std::string one = several ? quoted(node.sources[i].name) + " " : "it ";
      const auto of_one = [&](const std::string& text, std::function<void(Arrival&)> change) {
        cases.push_back(arriving(world, id, one + text, change,
                                 several ? static_cast<std::int64_t>(i) : kEachSource));
      };
      if (before_ms > 0) {
        of_one("came before the saga started, in time",
               [&](Arrival& a) { a.before_start_ms = before_ms / 2; });
      }
      of_one("came too long before the saga started",
             [&](Arrival& a) { a.before_start_ms = before_ms + 60'000; });
      if (!node.any_source) of_one("never comes", [](Arrival& a) { a.never = true; });
      if (several && node.any_source) {
        Case alone =
            arriving(world, id, "only " + one + "comes", [](Arrival& a) { a.never = true; });
        Arrival comes;
        comes.wait = id;
        comes.source = static_cast<std::int64_t>(i);
        alone.script.arrivals.push_back(comes);
        cases.push_back(std::move(alone));
      }
    }
    if (several) arrival("none of them comes", [](Arrival& a) { a.never = true; });
    if (const auto late = too_late_ms(node)) {
      arrival(it + "comes too late", [&](Arrival& a) { a.after_ms = *late; });
    }
    stops(world, id, "the engine stops while it waits", "the engine stops right after it came",
          cases);
    return cases;
  }

  std::vector<Case> ask_cases(const World& world, NodeId id) const {
    std::vector<Case> cases{
        arriving(world, id, "somebody answers", [](Arrival&) {}),
        arriving(world, id, "nobody answers", [](Arrival& a) { a.never = true; })};
    if (const auto late = too_late_ms(graph_.nodes[id])) {
      cases.push_back(arriving(world, id, "the answer comes too late",
                               [&](Arrival& a) { a.after_ms = *late; }));
    }
    stops(world, id, "the engine stops while the question is open",
          "the engine stops right after the answer", cases);
    return cases;
  }

  void undo(NodeId id) {
    const Node& node = graph_.nodes[id];
    const auto found = undo_worlds_.find(id);
    const std::string title =
        "The undo of " + title_of(node) + ": " + quoted(action_name(graph_, node, *node.undo));
    if (found == undo_worlds_.end()) {
      if (!out_of_runs()) out_.not_reached.push_back(title + ", " + node.at);
      return;
    }
    const World world = found->second;
    WhatIfSection section{title, "tried where: " + world.about, {}};
    Case works{"it works", world.script};
    try_case(section, works, false);
    for (const Case& one : call_cases(world, {id, Direction::kUndo}, *node.undo))
      try_case(section, one, false);
    out_.sections.push_back(std::move(section));
  }

  const Graph& graph_;
  const Surroundings& around_;
  const WhatIfBounds bounds_;
  std::vector<World> worlds_;
  std::vector<Run> world_runs_;
  std::size_t undo_runs_ = 0;            // of failing undos, in the present section
  std::size_t entries_ = 0;              // of all runs so far
  std::map<NodeId, World> found_;        // the first case that reaches each statement
  std::map<NodeId, World> undo_worlds_;  // the first case in which each undo ran
  WhatIf out_;
};

}  // namespace

WhatIf what_if(const Graph& graph, const std::vector<dsl::Scenario>& scenarios,
               const Surroundings& around, WhatIfBounds bounds) {
  return Table(graph, scenarios, around, bounds).make();
}

}  // namespace belay::runtime::simulator
