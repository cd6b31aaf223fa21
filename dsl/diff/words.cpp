// See words.h.
#include "dsl/diff/words.h"

#include <algorithm>

namespace belay::diff {

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }
std::string said(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string expression(const Program& program) {
  std::string line;
  for (const char c : program.source) {
    const bool blank = c == '\n' || c == ' ' || c == '\t';
    if (!blank)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

std::string length(std::int64_t ms) {
  return to_text(Value::duration({ms / 1000, static_cast<std::int32_t>(ms % 1000) * 1'000'000}));
}

std::string listed(const std::vector<std::string>& items) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? " and " : ", ";
    text += items[i];
  }
  return text;
}

std::string names_of(const Graph& graph, const Block& block) {
  std::vector<std::string> names;
  for (const NodeId id : block) names.push_back(statement(graph, graph.nodes[id]));
  return names.empty() ? "nothing" : listed(names);
}

std::string effects(std::uint8_t bits) {
  std::vector<std::string> words;
  const auto has = [&](Effect effect) { return (bits & static_cast<std::uint8_t>(effect)) != 0; };
  if (has(Effect::kMovesMoney)) words.emplace_back("moves money");
  if (has(Effect::kReserves)) words.emplace_back("reserves");
  if (has(Effect::kNotifies)) words.emplace_back("notifies");
  if (has(Effect::kRecords)) words.emplace_back("records");
  if (has(Effect::kReads)) words.emplace_back("reads");
  return listed(words);
}

const Action* action_of(const Graph& graph, const Call& call) {
  return call.action < graph.actions.size() ? &graph.actions[call.action] : nullptr;
}

std::string action_name(const Graph& graph, const Call& call) {
  const Action* action = action_of(graph, call);
  return action == nullptr ? "" : action->name;
}

bool moves_money(const Graph& graph, const Call& call) {
  const Action* action = action_of(graph, call);
  return action != nullptr &&
         (action->effects & static_cast<std::uint8_t>(Effect::kMovesMoney)) != 0;
}

bool touches_money(const Graph& graph, const Node& node) {
  if (node.kind == NodeKind::kStep && moves_money(graph, node.call)) return true;
  for (const Block* block : blocks_of(node)) {
    for (const NodeId id : *block) {
      if (touches_money(graph, graph.nodes[id])) return true;
    }
  }
  return false;
}

std::string plan(const RetryPlan& plan) {
  std::string text = plan.tries == 1 ? "one try" : std::to_string(plan.tries) + " tries in all";
  if (plan.tries == 1) return text;
  text += ", first wait " + length(plan.first_wait_ms);
  if (plan.doubling) text += ", doubling, at most " + length(plan.wait_ms_max);
  if (plan.spread) text += ", random spread";
  return text;
}

std::string act(const Graph& graph, const Act& act) {
  switch (act.kind) {
    case ActKind::kCancel: return "everything is undone because " + said(act.because);
    case ActKind::kFinish: return "the saga finishes";
    case ActKind::kCarryOn:
      return act.with.empty() ? "it carries on" : "it carries on with a given result";
    case ActKind::kTryAgain:
      return "it is tried again after " + length(act.after_ms) + ", at most " +
             std::to_string(act.at_most) + " times";
    case ActKind::kHandTo: return "it is handed to " + act.team;
    case ActKind::kBlock: return "what follows is " + names_of(graph, act.block);
  }
  return "";
}

std::string keep(const Graph& graph, const Keep& keep) {
  return "it is tried for " + length(keep.for_ms) + ", then " + act(graph, keep.then);
}

std::string unsure(const Graph& graph, const Call& call) {
  if (call.if_unsure) {
    switch (call.if_unsure->kind) {
      case Unsure::Kind::kCheck: break;
      case Unsure::Kind::kTryAgain: return "it is tried again";
      case Unsure::Kind::kUndoAnyway: return "it is undone anyway";
      case Unsure::Kind::kHandTo: return "it is handed to " + call.if_unsure->team;
    }
  }
  if (!call.check.empty()) return "it is checked with " + action_name(graph, call.check.front());
  return "nothing settles it but a person";
}

std::string rate(const Rate& rate) {
  std::string text = "at most " + std::to_string(rate.count) + " per " + length(rate.per_ms);
  if (!rate.per.empty()) text += " per " + expression(rate.per);
  return text;
}

std::string statement(const Graph& graph, const Node& node) {
  switch (node.kind) {
    case NodeKind::kStep:
    case NodeKind::kRun:
    case NodeKind::kWait:
    case NodeKind::kAsk: return quoted(node.name);
    case NodeKind::kWhen:
      return node.arms.empty() ? "a condition"
                               : "the condition " + quoted(expression(node.arms.front().condition));
    case NodeKind::kTogether: {
      std::vector<std::string> names;
      for (const Block& branch : node.branches) {
        if (!branch.empty()) names.push_back(statement(graph, graph.nodes[branch.front()]));
      }
      return "what is done together (" + listed(names) + ")";
    }
    case NodeKind::kPause:
      return node.pause_for.empty() ? "the pause until " + quoted(expression(node.pause_until))
                                    : "the pause of " + expression(node.pause_for);
    case NodeKind::kPublish: return "publishing " + quoted(node.event);
    case NodeKind::kSet:
      return node.slot < graph.slots.size() ? "setting " + quoted(graph.slots[node.slot].name)
                                            : "a `set`";
    case NodeKind::kCancel: return "cancelling because " + said(node.act.because);
    case NodeKind::kFinish: return "finishing";
    case NodeKind::kPointOfNoReturn: return "the point of no return";
    case NodeKind::kForEach: return "the loop over " + quoted(expression(node.items));
    case NodeKind::kRepeat: return "the repetition until " + quoted(expression(node.until));
    case NodeKind::kTry: return "the `try` of " + names_of(graph, node.body);
    case NodeKind::kAct:
      switch (node.act.kind) {
        case ActKind::kCarryOn: return "carrying on";
        case ActKind::kTryAgain: return "trying again after " + length(node.act.after_ms);
        case ActKind::kHandTo: return "handing to " + node.act.team;
        default: return "an act";
      }
  }
  return quoted(node.name);
}

void Sink::program(Gravity gravity, const std::string& added, const std::string& gone,
                   const std::string& changed, const Program& before, const Program& after) {
  if (same(before, after)) return;
  if (before.empty()) return add(gravity, added, "", expression(after));
  if (after.empty()) return add(gravity, gone, expression(before), "");
  add(gravity, changed, expression(before), expression(after));
}

void bindings(Sink& sink, Gravity gravity, const std::string& of,
              const std::vector<Binding>& before, const std::vector<Binding>& after) {
  const auto find = [](const std::vector<Binding>& list, const std::string& name) {
    return std::find_if(list.begin(), list.end(), [&](const Binding& b) { return b.name == name; });
  };
  for (const Binding& now : after) {
    const auto was = find(before, now.name);
    if (was == before.end()) {
      sink.add(gravity, quoted(now.name) + " of " + of + " is given now", "",
               expression(now.value));
    } else if (!same(was->value, now.value)) {
      sink.add(gravity, quoted(now.name) + " of " + of + " is another value",
               expression(was->value), expression(now.value));
    }
  }
  for (const Binding& was : before) {
    if (find(after, was.name) == after.end()) {
      sink.add(gravity, quoted(was.name) + " of " + of + " is not given any more",
               expression(was.value), "");
    }
  }
}

void outputs(Sink& sink, const std::string& when, const std::vector<Binding>& before,
             const std::vector<Binding>& after) {
  const auto find = [](const std::vector<Binding>& list, const std::string& name) {
    return std::find_if(list.begin(), list.end(), [&](const Binding& b) { return b.name == name; });
  };
  for (const Binding& now : after) {
    const auto was = find(before, now.name);
    if (was == before.end())
      sink.add(Gravity::kCallers, "it gives " + quoted(now.name) + " now" + when, "",
               expression(now.value));
    else if (!same(was->value, now.value))
      sink.add(Gravity::kCallers,
               "the " + quoted(now.name) + " that it gives" + when + " is another value",
               expression(was->value), expression(now.value));
  }
  for (const Binding& was : before) {
    if (find(after, was.name) == after.end())
      sink.add(Gravity::kCallers, "it does not give " + quoted(was.name) + " any more" + when,
               expression(was.value), "", true);
  }
}

void fields(Sink& sink, Gravity gravity, const std::string& giver, const std::vector<Field>& before,
            const std::vector<Field>& after) {
  const auto find = [](const std::vector<Field>& list, const std::string& name) {
    return std::find_if(list.begin(), list.end(), [&](const Field& f) { return f.name == name; });
  };
  for (const Field& now : after) {
    const auto was = find(before, now.name);
    const std::string field = quoted(now.name);
    if (was == before.end()) {
      if (now.type.optional)
        sink.add(gravity, giver + " may give " + field + " now: " + to_text(now.type));
      else
        sink.add(gravity, giver + " must give " + field + " now: " + to_text(now.type), "", "",
                 true);
      continue;
    }
    if (was->type == now.type) continue;
    if (was->type.is_private != now.type.is_private) {
      sink.add(
          Gravity::kSafety,
          field + (now.type.is_private ? " is private now: it is masked in answers and logs"
                                       : " is private no longer: it is shown in answers and logs"));
      Type bare = was->type;
      bare.is_private = now.type.is_private;
      if (bare == now.type) continue;
    }
    const bool wider = accepts_all(was->type, now.type);
    sink.add(gravity,
             field + (wider ? " takes more than before; what " + giver + " give today still fits"
                            : " takes less or something else than before: what " + giver +
                                  " give today may be refused"),
             to_text(was->type), to_text(now.type), !wider);
  }
  for (const Field& was : before) {
    if (find(after, was.name) == after.end()) {
      sink.add(gravity, giver + " must not give " + quoted(was.name) + " any more",
               to_text(was.type), "", true);
    }
  }
}

}  // namespace belay::diff
