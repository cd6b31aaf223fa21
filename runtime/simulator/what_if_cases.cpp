// See what_if_cases.h.
#include "runtime/simulator/what_if_cases.h"

#include <algorithm>

#include "runtime/simulator/timeline.h"
#include "runtime/simulator/what_if_rows.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's

// A `repeat` ends by what its steps give. What may that be is tried where it is one of a few
// words, or true or false.
std::vector<Case> Cases::answers_in(const Script& world, NodeId loop) const {
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
        cases.push_back(with_rule(world, at(id),
                                  quoted(node.name) + " gives " + quoted(one.field.name) + " = " +
                                      interpreter::to_text(value),
                                  std::move(answer), 0));
      }
    }
  }
  return cases;
}

NodeId Cases::loop_around(NodeId id) const {
  for (NodeId at = id; at != kNoNode; at = graph_.nodes[at].parent) {
    if (in_loop_body(graph_, at)) return graph_.nodes[at].parent;
  }
  return kNoNode;
}

// ---- What may happen to a call ----

Case Cases::with_rule(const Script& world, CallAt call, std::string text, Answer answer,
                      std::uint32_t times) {
  Case out{std::move(text), world};
  out.script.rules.insert(out.script.rules.begin(), Rule{call, std::move(answer), times});
  return out;
}

std::vector<Case> Cases::of_call(const Script& world, CallAt at, const Call& call) const {
  std::vector<Case> cases;
  const auto business = [&](const std::string& error, const std::string& text) {
    Answer answer;
    answer.kind = Answer::Kind::kBusiness;
    answer.error = error;
    cases.push_back(with_rule(world, at, text, answer, 0));
  };
  const bool child = graph_.nodes[at.node].kind == NodeKind::kRun;
  for (const std::string& error : errors_of(graph_, at)) {
    business(error, !child                                ? "it ends in " + quoted(error)
                    : at.direction == Direction::kForward ? "that saga is cancelled"
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
        if (always && told_by_receipt(graph_, call)) continue;  // in the end the receipt is read
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
    Case blind = with_rule(world, at,
                           "its answer is lost each time and its check cannot be reached" + whether,
                           unsure, 0);
    const Direction check =
        at.direction == Direction::kForward ? Direction::kCheck : Direction::kUndoCheck;
    blind.script.rules.insert(blind.script.rules.begin(), Rule{{at.node, check, of_}, away, 0});
    cases.push_back(std::move(blind));
  }
  crashes(world, at, cases);
  return cases;
}

// One of several items fails, and the others do not.
void Cases::one_item_fails(const Script& world, CallAt at, std::vector<Case>& cases) const {
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

void Cases::crashes(const Script& world, CallAt at, std::vector<Case>& cases) {
  for (const auto& [moment, words] :
       {std::pair(Moment::kBefore, "the engine stops before it leaves"),
        std::pair(Moment::kDuring, "the engine stops before its checkpoint, when it has happened"),
        std::pair(Moment::kAfter, "the engine stops after its checkpoint")}) {
    Case one{words, world};
    one.script.crashes.push_back({at, moment});
    cases.push_back(std::move(one));
  }
}

void Cases::cancels(const Script& world, CallAt at, const char* during, const char* after,
                    std::vector<Case>& cases) {
  for (const auto& [moment, words] :
       {std::pair(Moment::kDuring, during), std::pair(Moment::kAfter, after)}) {
    Case one{words, world};
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

// The statement's event or answer comes otherwise than in `world`.
Case Cases::arriving(const Script& world, NodeId id, const std::string& text,
                     const std::function<void(Arrival&)>& change, std::int64_t source) const {
  Case one{text, world};
  Arrival made;
  for (const Arrival& known : one.script.arrivals) {
    if (known.wait == id && known.of == of_) made = known;
  }
  if (source == kEachSource) {
    std::erase_if(one.script.arrivals,
                  [&](const Arrival& known) { return known.wait == id && known.of == of_; });
  }
  made.wait = id;
  made.of = of_;
  made.source = source;
  made.never = false;
  change(made);
  one.script.arrivals.push_back(std::move(made));
  return one;
}

// A minute more than the statement's limit; nothing when it has none, or one that is worked out
// from what is not known here.
std::optional<std::int64_t> Cases::too_late_ms(const Node& node, const State& state) const {
  if (node.within.empty()) return std::nullopt;
  const Evaluated within = evaluate_in(graph_, state, node.within);
  if (!within.ok || within.value.kind() != Value::Kind::kDuration) return std::nullopt;
  return within.value.as_duration().seconds * 1000 + 60'000;
}

void Cases::stops(const Script& world, NodeId id, const char* open, const char* over,
                  std::vector<Case>& cases) const {
  for (const auto& [moment, words] :
       {std::pair(Moment::kDuring, open), std::pair(Moment::kAfter, over)}) {
    Case one{words, world};
    one.script.crashes.push_back({at(id), moment});
    cases.push_back(std::move(one));
  }
}

std::vector<Case> Cases::of_wait(const Script& world, NodeId id, const State& state) const {
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
      Case alone = arriving(world, id, "only " + one + "comes", [](Arrival& a) { a.never = true; });
      Arrival comes;
      comes.wait = id;
      comes.of = of_;
      comes.source = static_cast<std::int64_t>(i);
      alone.script.arrivals.push_back(comes);
      cases.push_back(std::move(alone));
    }
  }
  if (several) arrival("none of them comes", [](Arrival& a) { a.never = true; });
  if (const auto late = too_late_ms(node, state)) {
    arrival(it + "comes too late", [&](Arrival& a) { a.after_ms = *late; });
  }
  stops(world, id, "the engine stops while it waits", "the engine stops right after it came",
        cases);
  return cases;
}

std::vector<Case> Cases::of_question(const Script& world, NodeId id, const State& state) const {
  std::vector<Case> cases{
      arriving(world, id, "somebody answers", [](Arrival&) {}),
      arriving(world, id, "nobody answers", [](Arrival& a) { a.never = true; })};
  if (const auto late = too_late_ms(graph_.nodes[id], state)) {
    cases.push_back(
        arriving(world, id, "the answer comes too late", [&](Arrival& a) { a.after_ms = *late; }));
  }
  stops(world, id, "the engine stops while the question is open",
        "the engine stops right after the answer", cases);
  return cases;
}

}  // namespace belay::runtime::simulator
