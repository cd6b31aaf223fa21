// One statement against its former self; one that is new; one that is gone.
#include <algorithm>

#include "dsl/diff/words.h"

namespace belay::diff {
namespace {

std::string events(const Node& node) {
  std::vector<std::string> names;
  for (const Source& source : node.sources) names.push_back(quoted(source.event));
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += node.any_source ? " or " : " and ";
    text += names[i];
  }
  return text;
}

// What a step leaves behind when it is not undone, said once.
std::string consequence(const Graph& graph, const Call& call) {
  const Action* action = action_of(graph, call);
  if (action == nullptr) return "";
  if (moves_money(graph, call)) return ": if a later step fails, the money stays where it is";
  return action->effects > static_cast<std::uint8_t>(Effect::kReads)
             ? ": if a later step fails, what it did stays"
             : "";
}

void undo(Sink& sink, const Versions& versions, const Node& before, const Node& after) {
  const Graph& old = versions.before();
  const Graph& now = versions.after();
  const std::string subject = quoted(after.name);
  const bool money = moves_money(old, before.call) || moves_money(now, after.call) ||
                     (before.undo && moves_money(old, *before.undo)) ||
                     (after.undo && moves_money(now, *after.undo));
  const Gravity gravity = money ? Gravity::kMoney : Gravity::kSafety;
  if (before.undo && after.undo) {
    call(sink, versions, "the undo of " + subject, *before.undo, *after.undo, true);
  } else if (before.undo) {
    const std::string with = action_name(old, *before.undo);
    std::string text = subject + " is not undone any more";
    if (!with.empty())
      text = "the undo of " + subject + " is gone: " + with + " is not called any more";
    if (!after.no_undo_because.empty()) text += ", because " + said(after.no_undo_because);
    sink.add(gravity, text + consequence(now, after.call));
  } else if (after.undo) {
    const std::string with = action_name(now, *after.undo);
    sink.add(gravity,
             subject + (with.empty() ? " is undone now when a later step fails"
                                     : " is undone with " + with + " now when a later step fails"));
  } else if (before.no_undo_because != after.no_undo_because) {
    if (before.no_undo_because.empty()) {
      sink.add(gravity,
               subject + " need not be undone, it says now: " + said(after.no_undo_because));
    } else if (after.no_undo_because.empty()) {
      sink.add(gravity, subject + " does not say any more why it need not be undone",
               said(before.no_undo_because), "");
    } else {
      sink.add(gravity, subject + " gives another reason why it need not be undone",
               said(before.no_undo_because), said(after.no_undo_because));
    }
  }
}

void limit(Sink& sink, const Versions& versions, const Node& before, const Node& after) {
  const std::string subject = quoted(after.name);
  sink.program(Gravity::kTime, subject + " has a limit now", subject + " waits without a limit now",
               subject + " has another limit", before.within, after.within);
  if (versions.same_act(before.otherwise, after.otherwise)) return;
  sink.add(Gravity::kCustomer, "when the limit of " + subject + " has passed, " +
                                   act(versions.after(), after.otherwise) + "; before, " +
                                   act(versions.before(), before.otherwise));
}

void wait(Sink& sink, const Versions& versions, const Node& before, const Node& after) {
  const std::string subject = quoted(after.name);
  if (events(before) != events(after)) {
    sink.add(Gravity::kCustomer,
             subject + " waits for " + events(after) + ", not for " + events(before) + " any more");
  } else {
    for (std::size_t i = 0; i < after.sources.size(); ++i) {
      const std::string event = quoted(after.sources[i].event);
      sink.program(Gravity::kCustomer, "", "", subject + " waits for " + event + " of another key",
                   before.sources[i].key, after.sources[i].key);
      const std::int64_t was = before.sources[i].even_before_ms,
                         now = after.sources[i].even_before_ms;
      if (was == now) continue;
      sink.add(Gravity::kCustomer,
               subject +
                   (now == 0 ? " does not take " + event + " from before its start any more"
                             : " takes " + event + " also up to " + length(now) +
                                   " from before its start") +
                   (was != 0 && now != 0 ? ", not only " + length(was) : ""));
    }
  }
  limit(sink, versions, before, after);
}

void when(Sink& sink, const Versions& versions, const Node& before, const Node& after) {
  const Graph& now = versions.after();
  for (std::size_t i = 0; i < std::max(before.arms.size(), after.arms.size()); ++i) {
    if (i >= after.arms.size()) {
      const std::string what = names_of(versions.before(), before.arms[i].block);
      if (before.arms[i].condition.empty())
        sink.add(Gravity::kFlow, "otherwise nothing follows any more; before, " + what);
      else
        sink.add(Gravity::kFlow, "a case is gone; before, what followed was " + what,
                 expression(before.arms[i].condition), "");
      continue;
    }
    const Arm& arm = after.arms[i];
    const std::string what = names_of(now, arm.block);
    const bool first_cancels =
        !arm.block.empty() && now.nodes[arm.block.front()].kind == NodeKind::kCancel;
    const Gravity gravity = first_cancels ? Gravity::kCustomer : Gravity::kFlow;
    if (i >= before.arms.size()) {
      if (arm.condition.empty())
        sink.add(gravity, "otherwise what follows now is " + what);
      else
        sink.add(gravity, "a case is new: what follows is " + what, "", expression(arm.condition));
      continue;
    }
    if (same(before.arms[i].condition, arm.condition)) continue;
    const std::string because = first_cancels ? now.nodes[arm.block.front()].act.because : "";
    sink.add(gravity,
             first_cancels ? "it cancels in other cases (because " + said(because) + ")"
                           : what + " follows in other cases",
             before.arms[i].condition.empty() ? "otherwise" : expression(before.arms[i].condition),
             arm.condition.empty() ? "otherwise" : expression(arm.condition));
  }
}

std::string wanted(const Node& node) {
  if (node.wanted == 0) return "all of them";
  return node.wanted == 1
             ? "any one of them"
             : std::to_string(node.wanted) + " of " + std::to_string(node.branches.size());
}

std::vector<std::string> exported(const Graph& graph, const Node& node) {
  std::vector<std::string> names;
  for (const Export& one : node.exports) {
    if (one.outer < graph.slots.size()) names.push_back(quoted(graph.slots[one.outer].name));
  }
  return names;
}

void loop(Sink& sink, const Versions& versions, const Node& before, const Node& after) {
  const std::string subject = statement(versions.after(), after);
  sink.program(Gravity::kFlow, "", "", subject + " goes over another list", before.items,
               after.items);
  if (before.at_once != after.at_once) {
    sink.add(Gravity::kFlow, subject + " does " + std::to_string(after.at_once) + " at once, not " +
                                 std::to_string(before.at_once));
  }
  if (before.tolerated != after.tolerated) {
    sink.add(touches_money(versions.after(), after) ? Gravity::kMoney : Gravity::kSafety,
             "in " + subject + " " + std::to_string(after.tolerated) +
                 " may fail (each is undone) before everything is undone, not " +
                 std::to_string(before.tolerated));
  }
  const auto was = exported(versions.before(), before), now = exported(versions.after(), after);
  if (was != now) {
    sink.add(Gravity::kFlow, subject + " leaves behind " + (now.empty() ? "nothing" : listed(now)) +
                                 ", before " + (was.empty() ? "nothing" : listed(was)));
  }
}

void repeat(Sink& sink, const Versions& versions, const Node& before, const Node& after) {
  const std::string subject = statement(versions.after(), after);
  sink.program(Gravity::kFlow, "", "", "it repeats until something else holds", before.until,
               after.until);
  if (before.times != after.times) {
    sink.add(Gravity::kTime, subject + " makes at most " + std::to_string(after.times) +
                                 " rounds, not " + std::to_string(before.times));
  }
  if (!versions.same_act(before.otherwise, after.otherwise)) {
    sink.add(Gravity::kCustomer, "when the rounds of " + subject + " are used up, " +
                                     act(versions.after(), after.otherwise) + "; before, " +
                                     act(versions.before(), before.otherwise));
  }
}

void ask(Sink& sink, const Versions& versions, const Node& before, const Node& after) {
  const std::string subject = quoted(after.name);
  if (before.role != after.role) {
    sink.add(Gravity::kCustomer, subject + " is asked of " + quoted(after.role) + ", not of " +
                                     quoted(before.role) + " any more");
  }
  fields(sink, Gravity::kCallers, "answers to " + subject, before.answers, after.answers);
  limit(sink, versions, before, after);
}

void run(Sink& sink, const Versions& versions, const Node& before, const Node& after) {
  const std::string subject = quoted(after.name);
  if (before.run.workflow != after.run.workflow) {
    sink.add(Gravity::kFlow, subject + " runs " + quoted(after.run.workflow) + ", not " +
                                 quoted(before.run.workflow) + " any more");
  } else if (before.run.hash != after.run.hash) {
    sink.add(Gravity::kFlow, subject + " runs another definition of " + quoted(after.run.workflow) +
                                 " (version " + std::to_string(after.run.version) + ", before " +
                                 std::to_string(before.run.version) + ")");
  }
  if (before.run.detached != after.run.detached) {
    sink.add(Gravity::kSafety,
             after.run.detached ? "nobody waits for " + subject + " any more, and nobody undoes it"
                                : subject + " is waited for now, and undone with the rest");
  }
  call(sink, versions, subject, before.call, after.call, false);
}

void publish(Sink& sink, const Node& before, const Node& after) {
  if (before.event != after.event) {
    sink.add(Gravity::kCustomer,
             "it publishes " + quoted(after.event) + ", not " + quoted(before.event) + " any more");
  }
  const std::string event = quoted(after.event);
  sink.program(Gravity::kCustomer, event + " is published with a key now",
               event + " is published without a key now", event + " is published with another key",
               before.key, after.key);
  bindings(sink, Gravity::kCustomer, "the event " + event, before.data, after.data);
}

void pause(Sink& sink, const Node& before, const Node& after) {
  const Program& was = before.pause_for.empty() ? before.pause_until : before.pause_for;
  const Program& now = after.pause_for.empty() ? after.pause_until : after.pause_for;
  if (same(before.pause_for, after.pause_for) && same(before.pause_until, after.pause_until))
    return;
  sink.add(Gravity::kTime, "it pauses otherwise", expression(was), expression(now));
}

void act_changed(Sink& sink, const Versions& versions, const Node& before, const Node& after) {
  const Graph& old = versions.before();
  const Graph& now = versions.after();
  if (after.kind == NodeKind::kFinish)
    return outputs(sink, " when it finishes early", before.act.with, after.act.with);
  if (after.kind == NodeKind::kCancel) {
    if (before.act.because == after.act.because) return;
    return sink.add(Gravity::kCustomer, "it cancels for a reason in other words",
                    said(before.act.because), said(after.act.because));
  }
  const std::string was = act(old, before.act), is = act(now, after.act);
  if (was != is)
    sink.add(Gravity::kFlow, "in a handler " + is + "; before, " + was);
  else
    bindings(sink, Gravity::kFlow, "what it carries on with", before.act.with, after.act.with);
}

}  // namespace

void node(Sink& sink, const Versions& versions, const Node& before, const Node& after) {
  switch (after.kind) {
    case NodeKind::kStep:
      call(sink, versions, quoted(after.name), before.call, after.call, false);
      break;
    case NodeKind::kRun: run(sink, versions, before, after); break;
    case NodeKind::kWait: wait(sink, versions, before, after); break;
    case NodeKind::kWhen: when(sink, versions, before, after); break;
    case NodeKind::kTogether:
      if (before.wanted != after.wanted) {
        sink.add(touches_money(versions.after(), after) ? Gravity::kMoney : Gravity::kSafety,
                 "of " + statement(versions.after(), after) + " " + wanted(after) +
                     " must succeed, before " + wanted(before) +
                     (after.wanted != 0 ? "; the others are undone" : ""));
      }
      break;
    case NodeKind::kPause: pause(sink, before, after); break;
    case NodeKind::kPublish: publish(sink, before, after); break;
    case NodeKind::kSet:
      sink.program(Gravity::kFlow, "", "",
                   statement(versions.after(), after) + " gives another value", before.value,
                   after.value);
      break;
    case NodeKind::kCancel:
    case NodeKind::kFinish:
    case NodeKind::kAct: act_changed(sink, versions, before, after); break;
    case NodeKind::kPointOfNoReturn: break;
    case NodeKind::kForEach: loop(sink, versions, before, after); break;
    case NodeKind::kRepeat: repeat(sink, versions, before, after); break;
    case NodeKind::kAsk: ask(sink, versions, before, after); break;
    case NodeKind::kTry:
      handlers(sink, versions, statement(versions.after(), after), before.call.handlers,
               after.call.handlers, touches_money(versions.after(), after));
      break;
  }
  undo(sink, versions, before, after);
}

namespace {

Gravity gravity_of(const Graph& graph, const Node& node) {
  if (touches_money(graph, node)) return Gravity::kMoney;
  switch (node.kind) {
    case NodeKind::kPointOfNoReturn: return Gravity::kSafety;
    case NodeKind::kCancel:
    case NodeKind::kFinish:
    case NodeKind::kPublish:
    case NodeKind::kWait:
    case NodeKind::kAsk: return Gravity::kCustomer;
    case NodeKind::kPause: return Gravity::kTime;
    default: break;
  }
  const Action* action = node.kind == NodeKind::kStep ? action_of(graph, node.call) : nullptr;
  if (action != nullptr && (action->effects & static_cast<std::uint8_t>(Effect::kNotifies)) != 0)
    return Gravity::kCustomer;
  return Gravity::kFlow;
}

// What it does, in a few words after its name.
std::string does(const Graph& graph, const Node& node) {
  switch (node.kind) {
    case NodeKind::kStep: {
      const std::string marks = effects(graph.actions[node.call.action].effects);
      return ": " + action_name(graph, node.call) + (marks.empty() ? "" : ", which " + marks);
    }
    case NodeKind::kRun: return ": a saga of " + quoted(node.run.workflow);
    case NodeKind::kWait: return ": a wait for " + events(node);
    case NodeKind::kAsk: return ": a question to " + quoted(node.role);
    default: return "";
  }
}

}  // namespace

void appeared(Sink& sink, const Graph& graph, const Node& node) {
  std::string text = statement(graph, node) + " is new" + does(graph, node);
  if (node.kind == NodeKind::kWhen) {
    return sink.add(!node.arms.empty() && !node.arms[0].block.empty() &&
                            graph.nodes[node.arms[0].block[0]].kind == NodeKind::kCancel
                        ? Gravity::kCustomer
                        : gravity_of(graph, node),
                    "a condition is new: what follows is " + names_of(graph, node.arms[0].block),
                    "", expression(node.arms[0].condition));
  }
  if (node.kind == NodeKind::kStep || node.kind == NodeKind::kRun) {
    if (node.undo)
      text += action_name(graph, *node.undo).empty()
                  ? "; it undoes itself"
                  : "; undone with " + action_name(graph, *node.undo);
    else if (!node.no_undo_because.empty())
      text += "; not undone, because " + said(node.no_undo_because);
  }
  sink.add(gravity_of(graph, node), text);
}

void vanished(Sink& sink, const Graph& graph, const Node& node) {
  if (node.kind == NodeKind::kWhen) {
    const bool cancels = !node.arms.empty() && !node.arms[0].block.empty() &&
                         graph.nodes[node.arms[0].block[0]].kind == NodeKind::kCancel;
    return sink.add(cancels ? Gravity::kCustomer : gravity_of(graph, node),
                    "a condition is gone; what followed was " + names_of(graph, node.arms[0].block),
                    expression(node.arms[0].condition), "");
  }
  std::string text = statement(graph, node) + " is gone" + does(graph, node);
  const std::string undo = node.undo ? action_name(graph, *node.undo) : "";
  if (!undo.empty()) text += "; its undo (" + undo + ") goes with it";
  sink.add(gravity_of(graph, node), text);
}

}  // namespace belay::diff
