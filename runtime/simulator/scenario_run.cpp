// Scenarios: sentences → script → run → what came true. Each expectation is one case that looks at
// the finished run.
#include "runtime/simulator/scenario_run.h"

#include <algorithm>

#include "runtime/simulator/samples.h"
#include "runtime/simulator/timeline.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's
using When = dsl::ScenarioWhen;
using Then = dsl::ScenarioThen;

namespace {

Moment moment_of(When::Moment moment) {
  if (moment == When::Moment::kBefore) return Moment::kBefore;
  return moment == When::Moment::kDuring ? Moment::kDuring : Moment::kAfter;
}

CallAt at(const dsl::ScenarioCall& call) { return {call.node, call.direction}; }

void add_event(const dsl::ScenarioEvent& said, Script& out) {
  Rule rule{at(said.call), {}, said.times, said.call.round};
  PersonAct act;
  act.call = at(said.call);
  act.round = said.call.round;
  act.when = PersonAct::When::kWhenHeld;
  act.with = said.with;
  act.reason = "a scenario says so";
  OperatorActed acted;
  switch (said.kind) {
    case When::Kind::kAnswers:
    case When::Kind::kArrives:
    case When::Kind::kNeverArrives: {
      Arrival arrival;
      arrival.wait = said.call.node;
      arrival.round = said.call.round;
      arrival.source = said.source;
      arrival.never = said.kind == When::Kind::kNeverArrives;
      arrival.early = said.early;
      if (said.after_ms >= 0) arrival.after_ms = said.after_ms;
      arrival.before_start_ms = said.before_start_ms;
      arrival.copies = said.twice ? 2 : 1;
      arrival.with = said.with;
      out.arrivals.push_back(std::move(arrival));
      return;
    }
    case When::Kind::kFails:
    case When::Kind::kChildCancelled:
      rule.answer.kind = Answer::Kind::kBusiness;
      rule.answer.error = said.error;
      break;
    case When::Kind::kUnavailable:
      rule.answer.kind = Answer::Kind::kTransient;
      break;
    case When::Kind::kUnsure:
    case When::Kind::kTimesOut:
      rule.answer.kind = Answer::Kind::kUnsure;
      rule.answer.happened = said.happened;
      rule.answer.timed_out = said.kind == When::Kind::kTimesOut;
      break;
    case When::Kind::kGives:
      rule.answer.gives = said.with;
      rule.times = 0;
      break;
    case When::Kind::kSays:
      rule.answer.says = said.because;
      rule.times = 0;
      break;
    case When::Kind::kEngineStops:
      out.crashes.push_back({at(said.call), moment_of(said.moment), said.call.round});
      return;
    case When::Kind::kCancels:
      act.fact = CancelAsked{};
      act.reason = said.because;
      act.call = at(said.moment_of);
      act.round = said.moment_of.round;
      act.when = said.moment == When::Moment::kUnsaid ? PersonAct::When::kAfterStart
                                                      : PersonAct::When::kAtCall;
      act.moment = moment_of(said.moment);
      act.after_ms = std::max<std::int64_t>(said.after_ms, 0);
      out.acts.push_back(std::move(act));
      return;
    case When::Kind::kRetries:
      acted.act = OperatorAct::kRetry;
      act.fact = acted;
      out.acts.push_back(std::move(act));
      return;
    case When::Kind::kSkips:
      acted.act = OperatorAct::kSkip;
      act.fact = acted;
      out.acts.push_back(std::move(act));
      return;
    case When::Kind::kFinds:
      acted.act = OperatorAct::kResolve;
      acted.happened = said.happened;
      acted.evidence = "a scenario says so";
      act.fact = acted;
      out.acts.push_back(std::move(act));
      return;
  }
  out.rules.push_back(std::move(rule));
}

std::string names_of(const Graph& graph, const std::vector<NodeId>& nodes) {
  std::string out;
  for (const NodeId node : nodes) out += (out.empty() ? "" : ", ") + graph.nodes[node].name;
  return out.empty() ? "nothing" : out;
}

std::vector<NodeId> nodes_of(const std::vector<std::pair<Path, std::uint64_t>>& paths) {
  std::vector<NodeId> out;
  for (const auto& [path, seq] : paths) out.push_back(path.node);
  return out;
}

class Judge {
 public:
  Judge(const Graph& graph, const dsl::Scenario& scenario, ScenarioResult& result)
      : graph_(graph), scenario_(scenario), run_(result.run), result_(result) {}

  void judge() {
    if (!run_.problem.empty()) {
      result_.misses.push_back({"the scenario can be run", run_.problem, 0, {}});
      return;
    }
    for (const dsl::Expectation& one : scenario_.then) expect(one);
  }

 private:
  void miss(const dsl::Expectation& one, std::string seen, std::uint64_t seq = 0) {
    result_.misses.push_back({one.text, std::move(seen), seq, one.span});
  }

  void expect(const dsl::Expectation& one) {
    switch (one.kind) {
      case Then::Kind::kEnds:
        ends(one);
        break;
      case Then::Kind::kHeld:
        held(one);
        break;
      case Then::Kind::kWaits:
        waits(one);
        break;
      case Then::Kind::kUndone:
        undone(one);
        break;
      case Then::Kind::kDone:
        done(one);
        break;
      case Then::Kind::kLeftOver:
        left(one);
        break;
      case Then::Kind::kPublishes:
        publishes(one);
        break;
      case Then::Kind::kPublishesNothing:
        if (!run_.published.empty()) miss(one, "it published " + run_.published.front().event);
        break;
      case Then::Kind::kWithin: {
        const std::int64_t took = (run_.ended_at.us - kStart.us) / 1000;
        if (took > one.within_ms) miss(one, "it took " + length_words(took));
        break;
      }
      case Then::Kind::kTried: {
        const std::uint32_t times = sent(one.call);
        if (times != one.times)
          miss(one, times == 1 ? "it was tried once"
                               : "it was tried " + std::to_string(times) + " times");
        break;
      }
      case Then::Kind::kHolds:
        holds(one);
        break;
    }
  }

  // "it ended compensated because …", "it has not ended: …".
  std::string how_it_ended() const {
    if (!run_.state.ended()) {
      const Summary summary = interpreter::summary(graph_, run_.state);
      return "it has not ended" +
             (summary.waiting_on.empty() ? "" : ": it waits for " + summary.waiting_on);
    }
    std::string text = std::string("it ended ") + name(run_.state.status);
    if (run_.state.status == Status::kCompensated)
      text += " because \"" + run_.state.because + "\"";
    return text;
  }
  std::uint64_t where_it_turned() const {
    for (const Entry& entry : run_.journal) {
      for (const Drawn& drawn : entry.drawn) {
        if (std::holds_alternative<Cancelling>(drawn) || std::holds_alternative<Ended>(drawn))
          return entry.seq;
      }
    }
    return 0;
  }

  void ends(const dsl::Expectation& one) {
    const Status wanted = one.compensated ? Status::kCompensated : Status::kCompleted;
    const bool why = one.because.empty() || run_.state.because == one.because;
    if (run_.state.status != wanted || !why) miss(one, how_it_ended(), where_it_turned());
  }

  std::uint32_t sent(const dsl::ScenarioCall& call) const {
    std::uint32_t times = 0;
    for (const Entry& entry : run_.journal) {
      for (const Drawn& drawn : entry.drawn) {
        const auto* sent = std::get_if<Sent>(&drawn);
        if (sent == nullptr || CallAt{sent->path.node, sent->direction} != at(call)) continue;
        times += in_round(call.round, sent->path) ? 1 : 0;
      }
    }
    return times;
  }

  void held(const dsl::Expectation& one) {
    std::string seen;
    for (const Entry& entry : run_.journal) {
      for (const Drawn& drawn : entry.drawn) {
        const auto* held = std::get_if<Held>(&drawn);
        if (held == nullptr) continue;
        const bool of_undo =
            one.call.direction == Direction::kUndo || one.call.direction == Direction::kUndoCheck;
        const Direction main = of_undo ? Direction::kUndo : Direction::kForward;
        const bool same = held->path.node == one.call.node && held->direction == main &&
                          in_round(one.call.round, held->path);
        if (same && (one.team.empty() || held->team == one.team)) return;
        seen = "it was held at " + call_words(graph_, held->path, held->direction) +
               (held->team.empty() ? "" : " for " + held->team);
      }
    }
    miss(one, seen.empty() ? "nothing was held: " + how_it_ended() : seen);
  }

  void waits(const dsl::Expectation& one) {
    for (const NodeId node : one.nodes) {
      const auto open = [&](const Activity& a) { return a.open && a.path.node == node; };
      if (!std::any_of(run_.state.activities.begin(), run_.state.activities.end(), open)) {
        miss(one, how_it_ended());
      }
    }
  }

  void undone(const dsl::Expectation& one) {
    const auto seen = undone_in_order(graph_, run_);
    const std::vector<NodeId> nodes = nodes_of(seen);
    if (nodes == one.nodes) return;
    std::size_t i = 0;
    while (i < nodes.size() && i < one.nodes.size() && nodes[i] == one.nodes[i]) ++i;
    miss(one, "undone was " + names_of(graph_, nodes), i < seen.size() ? seen[i].second : 0);
  }

  void done(const dsl::Expectation& one) {
    std::vector<NodeId> seen, wanted = one.nodes;
    for (const NodeId node : nodes_of(done_in_order(graph_, run_))) {
      const bool named = std::find(wanted.begin(), wanted.end(), node) != wanted.end();
      if (graph_.nodes[node].kind == NodeKind::kStep || named) seen.push_back(node);
    }
    const std::string text = names_of(graph_, seen);
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    std::sort(wanted.begin(), wanted.end());
    if (seen != wanted) miss(one, "done was " + text);
  }

  void left(const dsl::Expectation& one) {
    std::set<NodeId> seen;
    for (const LeftOver& left : left_over(graph_, run_.state)) seen.insert(left.path.node);
    for (const Path& path : world_left_over(graph_, run_)) seen.insert(path.node);
    if (seen == std::set<NodeId>(one.nodes.begin(), one.nodes.end())) return;
    std::string text = "left over was " + names_of(graph_, {seen.begin(), seen.end()});
    for (const LeftOver& left : left_over(graph_, run_.state))
      text += "; " + left.what + ": " + left.why;
    for (const std::string& other : disagreements(graph_, run_)) text += "; " + other;
    miss(one, text);
  }

  void publishes(const dsl::Expectation& one) {
    std::string seen;
    for (const PublishedEvent& event : run_.published) {
      if (event.event != one.event) continue;
      seen = "it published " + event.event + " with " + to_text(event.payload);
      bool same = true;
      for (const Binding& binding : one.with) {
        const Evaluated wanted = evaluate_in(graph_, run_.state, binding.value, {}, &outputs());
        const Value* got = event.payload.find(binding.name);
        same = same && wanted.ok && got != nullptr && cel_equal(wanted.value, *got);
      }
      if (same) return;
    }
    miss(one, seen.empty() ? "it was not published" : seen);
  }

  void holds(const dsl::Expectation& one) {
    const Evaluated value = evaluate_in(graph_, run_.state, one.holds, {}, &outputs());
    if (!value.ok) {
      miss(one, value.error);
    } else if (value.value.kind() != Value::Kind::kBool || !value.value.as_bool()) {
      miss(one, run_.state.output.is_null()
                    ? "it is not so; there are no outputs: " + how_it_ended()
                    : "it is not so; the outputs are " + to_text(run_.state.output));
    }
  }

  const std::vector<Value>& outputs() {
    if (outputs_.empty()) {
      for (const Binding& give : graph_.gives) {
        const Value* value = run_.state.output.find(give.name);
        outputs_.push_back(value == nullptr ? Value() : *value);
      }
    }
    return outputs_;
  }

  const Graph& graph_;
  const dsl::Scenario& scenario_;
  const Run& run_;
  ScenarioResult& result_;
  std::vector<Value> outputs_;
};

}  // namespace

Value sample_input(const Graph& graph) {
  // Loops over items get enough of them to have one fail more than is tolerated.
  std::int64_t items = 1;
  for (const Node& node : graph.nodes) {
    if (node.kind != NodeKind::kForEach) continue;
    items = std::clamp<std::int64_t>(std::int64_t{node.tolerated} + 2, items, 5);
    items = std::max<std::int64_t>(items, 2);
  }
  return sample_record(graph.takes, {.now = kStart, .ahead_h = 24, .items = items});
}

Script script_of(const Graph& graph, const dsl::Scenario& scenario, std::string& problem) {
  Script out;
  std::vector<std::pair<std::string, Value>> fields;
  const Value made = sample_input(graph);
  for (const auto& [name, value] : made.as_map()) fields.emplace_back(name.as_string(), value);
  State known;  // what was given so far, for what is given next
  known.now = kStart;
  for (const Binding& given : scenario.given) {
    Evaluated value = evaluate_in(graph, known, given.value);
    if (!value.ok) {
      problem = "`given " + given.name + "` cannot be worked out: " + value.error;
      return out;
    }
    for (std::size_t slot = 0; slot < graph.takes.size(); ++slot) {
      if (graph.takes[slot].name == given.name)
        known.variables.push_back({static_cast<SlotId>(slot), {}, value.value});
    }
    std::erase_if(fields, [&](const auto& f) { return f.first == given.name; });
    if (!value.value.is_null()) fields.emplace_back(given.name, std::move(value.value));
  }
  out.input = record(std::move(fields));
  for (const dsl::ScenarioEvent& said : scenario.when) add_event(said, out);
  for (const dsl::Expectation& one : scenario.then) {
    if (one.kind == Then::Kind::kWaits)
      out.rest_at.insert(out.rest_at.end(), one.nodes.begin(), one.nodes.end());
  }
  return out;
}

ScenarioResult run_scenario(const Graph& graph, const dsl::Scenario& scenario,
                            const Surroundings& around) {
  ScenarioResult result;
  std::string problem;
  const Script script = script_of(graph, scenario, problem);
  if (problem.empty()) {
    result.run = simulate(graph, script, around);
  } else {
    result.run.problem = std::move(problem);
  }
  Judge(graph, scenario, result).judge();
  return result;
}

// ---- Coverage
// ----------------------------------------------------------------------------------------------------

void Coverage::add(const Run& run) {
  const auto visit_path = [&](const auto& item) {
    if constexpr (requires { item.path.node; }) {
      if (item.path.node == kNoNode) return;
      bool undo = false;
      if constexpr (requires { item.direction; }) {
        undo = item.direction == Direction::kUndo || item.direction == Direction::kUndoCheck;
      }
      (undo ? undone_ : entered_).insert(item.path.node);
    }
  };
  State before;
  for (const Entry& entry : run.journal) {
    std::visit(visit_path, entry.fact);
    for (const Drawn& drawn : entry.drawn) std::visit(visit_path, drawn);
    if (const auto* failed = std::get_if<StepFailed>(&entry.fact)) {
      errors_.insert({{failed->path.node, failed->direction}, failed->error});
    }
    if (const auto* timer = std::get_if<TimerFired>(&entry.fact);
        timer != nullptr && timer->purpose == TimerPurpose::kLimit) {
      late_.insert(timer->path.node);
    }
    // Acts leave no mark of their own: they are what stood ready just before something was drawn.
    for (std::size_t drawn = 0; acts_ && drawn < entry.drawn.size(); ++drawn) {
      Entry until = entry;
      until.drawn.resize(drawn);
      for (const Path& path : apply(graph_, before, until).ready) {
        const NodeKind kind = graph_.nodes[path.node].kind;
        if (kind == NodeKind::kAct || kind == NodeKind::kFinish) entered_.insert(path.node);
      }
    }
    before = apply(graph_, std::move(before), entry);
  }
}

Coverage::Count Coverage::statements() const {
  return {std::min(entered_.size(), graph_.nodes.size()), graph_.nodes.size()};
}

Coverage::Count Coverage::undos() const {
  Count count;
  for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
    if (!graph_.nodes[id].undo) continue;
    ++count.all;
    count.seen += undone_.count(id);
  }
  return count;
}

std::vector<std::pair<CallAt, std::string>> Coverage::all_errors() const {
  std::vector<std::pair<CallAt, std::string>> all;
  for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
    const Node& node = graph_.nodes[id];
    if (node.kind == NodeKind::kStep || node.kind == NodeKind::kRun) {
      for (const std::string& error : errors_of(graph_, {id, Direction::kForward}))
        all.push_back({{id, Direction::kForward}, error});
    }
    if (node.undo) {
      for (const std::string& error : errors_of(graph_, {id, Direction::kUndo}))
        all.push_back({{id, Direction::kUndo}, error});
    }
  }
  return all;
}

Coverage::Count Coverage::errors() const {
  Count count;
  for (const auto& error : all_errors()) {
    ++count.all;
    count.seen += errors_.count(error);
  }
  return count;
}

std::vector<std::string> Coverage::missing() const {
  std::vector<std::string> out;
  const auto errors = all_errors();
  for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
    const Node& node = graph_.nodes[id];
    const std::string name = "`" + node.name + "`";
    if (entered_.count(id) == 0)
      out.push_back("no scenario reaches " + name + " (" + node.at + ")");
    const bool waits = node.kind == NodeKind::kWait || node.kind == NodeKind::kAsk;
    if (waits && !node.within.empty() && late_.count(id) == 0) {
      out.push_back("no scenario lets the time of " + name + " pass");
    }
    if (node.undo && undone_.count(id) == 0) {
      out.push_back("no scenario exercises `" + action_name(graph_, node, *node.undo) +
                    "` (the undo of " + name + ")");
    }
    for (const auto& error : errors) {
      if (error.first.node != id || errors_.count(error) != 0) continue;
      out.push_back("no scenario lets " +
                    std::string(error.first.direction == Direction::kUndo ? "the undo of " : "") +
                    name + " end in `" + error.second + "`");
    }
  }
  return out;
}

}  // namespace belay::runtime::simulator
