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

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's

namespace {

constexpr std::int64_t kLongMs = 3'600'000;  // an ending that takes longer says so

struct World {  // a script to try things in
  Script script;
  std::string about;  // empty: the plain one
};

struct Case {
  std::string text;
  Script script;
};

bool has(const Action& action, Effect effect) {
  return (action.effects & static_cast<std::uint8_t>(effect)) != 0;
}

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

const char* hold_words(HoldReason reason) {
  switch (reason) {
    case HoldReason::kUnknownOutcome:
      return "nobody knows whether it happened";
    case HoldReason::kRefused:
      return "it was refused";
    case HoldReason::kFailed:
      return "it failed";
    case HoldReason::kGaveUp:
      return "its tries are used up";
    case HoldReason::kUndoFailed:
      return "it fails";
    case HoldReason::kRequestChanged:
      return "the request is not the one that was sent";
    case HoldReason::kBadValue:
      return "an expression failed";
    case HoldReason::kNone:
      break;
  }
  return "";
}

// ---- One run as a row
// ------------------------------------------------------------------------------------------------

class Row {
 public:
  Row(const Graph& graph, const Run& run) : graph_(graph), run_(run) {}

  WhatIfRow make() {
    WhatIfRow row;
    row.ends = ends();
    for (const auto& [path, seq] : undone_in_order(graph_, run_))
      row.undone.push_back(quoted(path_text(graph_, path)));
    row.left_over = left();
    row.told = told();
    row.remarks = disagreements(graph_, run_);
    if (!run_.problem.empty()) row.remarks.push_back(run_.problem);
    return row;
  }

 private:
  // Where a person had to act, in the order in which it came to that.
  std::string holds() const {
    std::vector<std::string> seen;
    for (const Entry& entry : run_.journal) {
      for (const Drawn& drawn : entry.drawn) {
        const auto* held = std::get_if<Held>(&drawn);
        if (held == nullptr) continue;
        std::string text =
            call_words(graph_, held->path, held->direction) + " (" + hold_words(held->reason) + ")";
        if (!held->team.empty()) text += " for " + quoted(held->team);
        if (std::find(seen.begin(), seen.end(), text) == seen.end())
          seen.push_back(std::move(text));
      }
    }
    std::string out;
    for (const std::string& one : seen) out += (out.empty() ? "" : " and ") + one;
    return out;
  }

  std::string ends() const {
    const std::string held = holds();
    const std::int64_t took = (run_.ended_at.us - kStart.us) / 1000;
    const std::string late = took >= kLongMs ? " after " + length_words(took) : "";
    if (!run_.state.ended()) {
      if (held.empty()) return "it waits: " + interpreter::summary(graph_, run_.state).waiting_on;
      const bool undoing = run_.state.status == Status::kCompensating &&
                           run_.state.deadline_passed &&
                           run_.state.because == "it did not finish in time";
      return "held at " + held + (undoing ? ", and the time is over meanwhile" : "");
    }
    const std::string end =
        run_.state.status == Status::kCompleted ? "completed" : "everything is undone";
    if (held.empty()) return end + late;
    return "held at " + held + "; if nobody acts, " + end + " after " + length_words(took);
  }

  std::vector<std::string> left() const {
    Grouped out;
    std::set<Path> said;
    for (const LeftOver& left : left_over(graph_, run_.state)) {
      const auto effect = run_.world.find(left.path);
      const bool happened = effect != run_.world.end() && effect->second.done > 0;
      const Activity* activity = activity_at(left.path);
      const bool unknown = activity != nullptr && activity->forward.unsure;
      const std::string path = path_text(graph_, left.path);
      const std::string known = happened ? " (it did happen)" : " (it did not happen)";
      out.add(quoted(path) + left.what.substr(path.size()), why(left.why) + (unknown ? known : ""));
      said.insert(left.path);
    }
    const bool open = run_.state.status == Status::kRunning && !run_.state.past_no_return;
    for (const auto& [path, effect] : run_.world) {
      if (said.count(path) != 0 || effect.done == 0 || effect.undone || effect.excused) continue;
      const std::string what = quoted(path_text(graph_, path));
      if (effect.late_event) out.add(what, "it came when nothing waited for it");
      if (open && marks(path)) out.add(what, "until a person has acted");
    }
    return out.take();
  }

  // Things that share a reason are told together.
  class Grouped {
   public:
    void add(const std::string& what, const std::string& reason) {
      for (auto& [known, whats] : all_) {
        if (known != reason) continue;
        whats += ", " + what;
        return;
      }
      all_.emplace_back(reason, what);
    }
    std::vector<std::string> take() const {
      std::vector<std::string> out;
      for (const auto& [reason, whats] : all_) out.push_back(whats + ": " + reason);
      return out;
    }

   private:
    std::vector<std::pair<std::string, std::string>> all_;
  };

  // How an undo failed stands beside the row already.
  static std::string why(const std::string& text) {
    return text.starts_with("its undo failed: ") ? "its undo failed" : text;
  }

  const Activity* activity_at(const Path& path) const {
    for (const Activity& activity : run_.state.activities) {
      if (activity.path == path) return &activity;
    }
    return nullptr;
  }

  bool marks(const Path& path) const {
    const Node& node = graph_.nodes[path.node];
    if (node.undo) return true;
    return node.kind == NodeKind::kStep &&
           graph_.actions[node.call.action].effects != static_cast<std::uint8_t>(Effect::kReads);
  }

  std::vector<std::string> told() const {
    std::vector<std::string> out;
    for (const auto& [path, effect] : run_.world) {
      const Node& node = graph_.nodes[path.node];
      if (effect.done == 0 || node.kind != NodeKind::kStep) continue;
      if (has(graph_.actions[node.call.action], Effect::kNotifies)) out.push_back(title_of(node));
    }
    for (const PublishedEvent& event : run_.published)
      out.push_back("event " + quoted(event.event));
    const bool undoing =
        run_.state.status == Status::kCompensating || run_.state.status == Status::kCompensated;
    if (undoing) out.push_back("“" + run_.state.because + "”");
    return out;
  }

  const Graph& graph_;
  const Run& run_;
};

bool same_outcome(const WhatIfRow& a, const WhatIfRow& b) {
  return a.ends == b.ends && a.undone == b.undone && a.left_over == b.left_over &&
         a.told == b.told && a.remarks == b.remarks;
}

void merge(std::vector<WhatIfRow>& rows, WhatIfRow row) {
  for (WhatIfRow& known : rows) {
    if (!same_outcome(known, row)) continue;
    for (std::string& one : row.ifs) {
      const bool there = std::find(known.ifs.begin(), known.ifs.end(), one) != known.ifs.end();
      if (!there) known.ifs.push_back(std::move(one));
    }
    for (WhatIfRow& failure : row.undo_failures) {
      merge(known.undo_failures, std::move(failure));
    }
    return;
  }
  rows.push_back(std::move(row));
}

// Where a row has all of some alternatives, they become one.
void compact(std::vector<std::string>& ifs) {
  const auto fold = [&](const std::vector<std::string>& all, const std::string& into) {
    std::size_t first = ifs.size();
    for (const std::string& one : all) {
      const auto at = std::find(ifs.begin(), ifs.end(), one);
      if (at == ifs.end()) return;
      first = std::min(first, static_cast<std::size_t>(at - ifs.begin()));
    }
    ifs[first] = into;
    for (const std::string& one : all) std::erase(ifs, one);
  };
  const std::string lost = "its answer is lost or it times out ";
  const std::string yes = ", and it happened", no = ", and it did not happen";
  for (const std::string& whether : {yes, no}) {
    for (const std::string times : {"once", "each time"}) {
      fold({"its answer is lost " + times + whether, "it times out " + times + whether},
           lost + times + whether);
    }
    fold({lost + "once" + whether, lost + "each time" + whether},
         lost + "once or each time" + whether);
  }
  for (const std::string times : {"once", "each time", "once or each time"}) {
    fold({lost + times + yes, lost + times + no}, lost + times + ", whether or not it happened");
  }
  const std::string blind = "its answer is lost each time and its check cannot be reached";
  fold({blind + yes, blind + no}, blind + ", whether or not it happened");
  fold({"the engine stops before it leaves",
        "the engine stops before its checkpoint, when it has happened",
        "the engine stops after its checkpoint"},
       "the engine stops before it leaves, before its checkpoint or after that");
}

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
    for (const World& world : worlds_) world_runs_.push_back(run(world.script).value_or(Run{}));
    WhatIfSection well{"When nothing goes wrong", "", {}};
    well.rows.push_back(row_of("every step works and every event comes", world_runs_.front()));
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
    if (out_.runs >= bounds_.runs_max) {
      ++out_.cut;
      return std::nullopt;
    }
    ++out_.runs;
    return simulate(graph_, script, around_);
  }

  static bool reaches(const Run& run, NodeId id) {
    if (run.sends.count({id, Direction::kForward}) != 0) return true;
    for (const Entry& entry : run.journal) {
      for (const Drawn& drawn : entry.drawn) {
        const auto* waiting = std::get_if<Waiting>(&drawn);
        if (waiting != nullptr && waiting->path.node == id) return true;
        const auto* asked = std::get_if<Asked>(&drawn);
        if (asked != nullptr && asked->path.node == id) return true;
      }
    }
    return false;
  }

  // ---- Rows ----

  WhatIfRow row_of(const std::string& text, const Run& run) const {
    WhatIfRow row = Row(graph_, run).make();
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
    for (const bool refused : {true, false}) {
      Case failing = one;
      Answer answer;
      answer.kind = refused ? Answer::Kind::kBusiness : Answer::Kind::kTransient;
      answer.error = refused ? "refused" : "";
      failing.script.rules.insert(failing.script.rules.begin(), Rule{undo, answer, 0});
      const auto done = run(failing.script);
      if (!done) continue;
      rows.push_back(row_of(what + (refused ? " is refused" : " stays out of reach"), *done));
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
    for (const std::string& error : errors_of(graph_, call))
      business(error, "it ends in " + quoted(error));
    if (call.action >= graph_.actions.size()) {  // a child saga ends well or is cancelled
      crashes(world, at, cases);
      return cases;
    }
    business("refused", "it is refused");
    Answer away;
    away.kind = Answer::Kind::kTransient;
    cases.push_back(
        with_rule(world, at, "it cannot be reached until its tries are used up", away, 0));
    for (const bool happened : {true, false}) {
      const std::string whether = happened ? ", and it happened" : ", and it did not happen";
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
        const bool tried = kind == NodeKind::kStep || kind == NodeKind::kRun ||
                           kind == NodeKind::kWait || kind == NodeKind::kAsk;
        if (!tried || made.count(id) != 0) continue;
        const auto world = world_reaching(id);
        if (!world) continue;
        made.emplace(id, statement(id, *world));
        more = true;
      }
    }
    for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
      const Node& node = graph_.nodes[id];
      const bool tried = node.kind == NodeKind::kStep || node.kind == NodeKind::kRun ||
                         node.kind == NodeKind::kWait || node.kind == NodeKind::kAsk;
      if (const auto found = made.find(id); found != made.end()) {
        out_.sections.push_back(std::move(found->second));
      } else if (tried && out_.runs < bounds_.runs_max) {
        out_.not_reached.push_back(title_of(node) + ", " + node.at);
      }
    }
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
    WhatIfSection section{title_of(node), world.about, {}};
    undo_runs_ = 0;
    const CallAt at{id, Direction::kForward};
    std::vector<Case> cases;
    if (node.kind == NodeKind::kStep || node.kind == NodeKind::kRun) {
      cases = call_cases(world, at, node.call);
      cancels(world, at, "somebody cancels while it is under way",
              "somebody cancels right after it", cases);
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
  static Case arriving(const World& world, NodeId id, const char* text,
                       const std::function<void(Arrival&)>& change) {
    Case one{text, world.script};
    Arrival made;
    for (const Arrival& known : one.script.arrivals) {
      if (known.wait == id) made = known;
    }
    std::erase_if(one.script.arrivals, [&](const Arrival& known) { return known.wait == id; });
    made.wait = id;
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
    const auto arrival = [&](const char* text, const std::function<void(Arrival&)>& change) {
      cases.push_back(arriving(world, id, text, change));
    };
    std::int64_t before_ms = 0;
    for (const Source& source : node.sources)
      before_ms = std::max(before_ms, source.even_before_ms);
    arrival("it comes", [](Arrival&) {});
    arrival("it comes twice", [](Arrival& a) { a.copies = 2; });
    arrival("it was there before the wait began", [](Arrival& a) { a.early = true; });
    if (before_ms > 0) {
      arrival("it came before the saga started, in time",
              [&](Arrival& a) { a.before_start_ms = before_ms / 2; });
    }
    arrival("it came too long before the saga started",
            [&](Arrival& a) { a.before_start_ms = before_ms + 60'000; });
    arrival("it never comes", [](Arrival& a) { a.never = true; });
    if (const auto late = too_late_ms(node)) {
      arrival("it comes too late", [&](Arrival& a) { a.after_ms = *late; });
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
      if (out_.runs < bounds_.runs_max) out_.not_reached.push_back(title + ", " + node.at);
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
