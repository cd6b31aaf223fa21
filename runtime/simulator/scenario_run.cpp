// Scenarios: sentences → script → run → what came true (judge.h).
#include "runtime/simulator/scenario_run.h"

#include <algorithm>

#include "runtime/simulator/judge.h"
#include "runtime/simulator/samples.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's
using When = dsl::ScenarioWhen;
using Then = dsl::ScenarioThen;

namespace {

Moment moment_of(When::Moment moment) {
  if (moment == When::Moment::kBefore) return Moment::kBefore;
  return moment == When::Moment::kDuring ? Moment::kDuring : Moment::kAfter;
}

CallAt at(const dsl::ScenarioCall& call) { return {call.node, call.direction, call.of}; }

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
      arrival.of = said.call.of;
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
    case When::Kind::kUnavailable: rule.answer.kind = Answer::Kind::kTransient; break;
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
    case When::Kind::kStartedAgain:
      out.again = {std::max<std::int64_t>(said.after_ms, 0), said.with};
      return;
    case When::Kind::kStartsIt:  // in the input already
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

namespace {

// The one name that the expressions of `starts on` read.
class EventScope final : public Scope {
 public:
  EventScope(Value event, const Environment* environment)
      : event_(std::move(event)), environment_(environment) {}
  const Value* slot(std::uint32_t index) const override { return index == 0 ? &event_ : nullptr; }
  Timestamp now() const override { return to_timestamp(kStart); }
  const Environment* environment() const override { return environment_; }

 private:
  const Value event_;
  const Environment* environment_;
};

// The payload is samples, what is given under the same name, and what is said of the event; the
// inputs follow from it as `starts on` says.
void start_by(const Graph& graph, const dsl::ScenarioEvent& said, const dsl::Scenario& scenario,
              const State& known, Script& out, std::string& problem) {
  const Graph::StartsOn& starts = graph.starts_on[said.starts];
  out.started_by = starts.event;
  std::vector<std::pair<std::string, Value>> payload;
  const auto put = [&](const std::string& name, Value value) {
    std::erase_if(payload, [&](const auto& field) { return field.first == name; });
    if (!value.is_null()) payload.emplace_back(name, std::move(value));
  };
  const Value made = sample_record(said.payload, {.now = kStart, .owner = "", .ahead_h = 24});
  for (const auto& [name, value] : made.as_map()) payload.emplace_back(name.as_string(), value);
  for (const Binding& given : scenario.given) {
    const Value* value = out.input.find(given.name);
    const bool field = std::any_of(said.payload.begin(), said.payload.end(),
                                   [&](const Field& f) { return f.name == given.name; });
    if (field) put(given.name, value == nullptr ? Value() : *value);
  }
  for (const Binding& binding : said.with) {
    Evaluated value = evaluate_in(graph, known, binding.value);
    if (!value.ok)
      problem = "`" + binding.name + " = " + binding.value.source +
                "` cannot be worked out: " + value.error;
    put(binding.name, std::move(value.value));
  }
  const EventScope scope(record(std::move(payload)), graph.environment);
  std::vector<std::pair<std::string, Value>> input;
  for (const Binding& binding : starts.input) {
    Evaluated value = evaluate(binding.value, scope);
    if (!value.ok) {
      problem = "`" + starts.event + "` starts nothing: `" + binding.name + " = " +
                binding.value.source + "` cannot be worked out: " + value.error;
    } else if (!value.value.is_null()) {
      input.emplace_back(binding.name, std::move(value.value));
    }
  }
  out.input = record(std::move(input));
}

}  // namespace

Script script_of(const Graph& graph, const dsl::Scenario& scenario, std::string& problem) {
  Script out;
  std::vector<std::pair<std::string, Value>> fields;
  const dsl::ScenarioEvent* starts = nullptr;
  for (const dsl::ScenarioEvent& said : scenario.when) {
    if (said.kind == When::Kind::kStartsIt) starts = &said;
  }
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
  if (starts != nullptr) start_by(graph, *starts, scenario, known, out, problem);
  for (const dsl::ScenarioEvent& said : scenario.when) add_event(said, out);
  for (const dsl::Expectation& one : scenario.then) {
    if (one.kind != Then::Kind::kWaits) continue;
    for (const dsl::ScenarioCall& wait : one.calls) out.rest_at.push_back(at(wait));
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
  result.misses = judged(graph, scenario, result.run);
  return result;
}

}  // namespace belay::runtime::simulator
