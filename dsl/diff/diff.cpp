// Workflows: heads, statements that came, went and moved, and what all others do differently.
#include "dsl/diff/diff.h"

#include <algorithm>

#include "dsl/diff/match.h"
#include "dsl/diff/words.h"
#include "interpreter/graph_codec.h"

namespace belay::diff {
namespace {

std::string counted_steps(std::size_t n) {
  return n == 1 ? "one step" : std::to_string(n) + " steps";
}

void moved(Sink& sink, const Versions& versions, const Move& move) {
  const Graph& now = versions.after();
  const Node& node = now.nodes[move.after];
  const bool money = touches_money(now, node);
  const Gravity gravity = money                                     ? Gravity::kMoney
                          : node.kind == NodeKind::kPointOfNoReturn ? Gravity::kSafety
                                                                    : Gravity::kFlow;
  const std::string what = statement(now, node);
  if (move.elsewhere) {
    const std::string where = node.parent == kNoNode
                                  ? "in the workflow's own list"
                                  : "in " + statement(now, now.nodes[node.parent]);
    return sink.add(gravity, what + (money ? " moves money " : " stands ") + where + " now");
  }
  const NodeId next = move.earlier ? move.passed.front() : move.passed.back();
  const std::string beside = statement(now, now.nodes[next]);
  const std::string verb = node.kind == NodeKind::kStep && money ? " moves the money " : " comes ";
  sink.add(gravity, what + verb + counted_steps(move.passed.size()) +
                        (move.earlier ? " earlier: before " : " later: after ") + beside +
                        ", not " + (move.earlier ? "after" : "before") + " it");
}

void head(Sink& sink, const Versions& versions) {
  const Graph& old = versions.before();
  const Graph& now = versions.after();
  if (old.hash != now.hash && old.version == now.version) {
    sink.add(Gravity::kMistake, "it means something else but is still version " +
                                    std::to_string(now.version) + ": give it version " +
                                    std::to_string(now.version + 1) +
                                    ", or a server that knows the old one refuses it");
  } else if (now.version < old.version) {
    sink.add(Gravity::kMistake, "its version went back from " + std::to_string(old.version) +
                                    " to " + std::to_string(now.version));
  }
  fields(sink, Gravity::kCallers, "callers", old.takes, now.takes);
  outputs(sink, "", old.gives, now.gives);
  sink.program(
      Gravity::kCallers, "a second start with the same value is the first saga now",
      "every start is a saga of its own now; before, one with the same value was the first",
      "another value tells whether a start was there before", old.once_per, now.once_per);
  sink.program(Gravity::kCallers, "one at a time now", "any number run at once now",
               "one at a time of another value", old.one_at_a_time, now.one_at_a_time);
  if (!old.one_at_a_time.empty() && !now.one_at_a_time.empty() &&
      old.others_queue != now.others_queue) {
    sink.add(Gravity::kCallers,
             now.others_queue
                 ? "a start while another one is under way waits for its turn, it is not refused "
                   "any more"
                 : "a start while another one is under way is refused, it does not wait any more",
             "", "", !now.others_queue);
  }
  for (const Graph::StartsOn& start : now.starts_on) {
    const auto was = std::find_if(old.starts_on.begin(), old.starts_on.end(),
                                  [&](const auto& s) { return s.event == start.event; });
    if (was == old.starts_on.end())
      sink.add(Gravity::kCustomer, "the event " + quoted(start.event) + " starts it now");
    else
      bindings(sink, Gravity::kCallers, "what a start by " + quoted(start.event) + " takes",
               was->input, start.input);
  }
  for (const Graph::StartsOn& start : old.starts_on) {
    if (std::none_of(now.starts_on.begin(), now.starts_on.end(),
                     [&](const auto& s) { return s.event == start.event; }))
      sink.add(Gravity::kCustomer,
               "the event " + quoted(start.event) + " does not start it any more");
  }
  sink.program(Gravity::kTime, "it has a deadline now: then everything is undone",
               "it has no deadline any more", "its deadline is another one", old.finish_within,
               now.finish_within);
  if (!versions.same_keep(old.if_undo_fails, now.if_undo_fails)) {
    sink.add(Gravity::kSafety, "when an undo fails, " + keep(now, now.if_undo_fails) +
                                   "; before, " + keep(old, old.if_undo_fails));
  }
}

// A statement in a block that itself came or went is told with it.
bool told_with_parent(const Graph& graph, const Node& node, const std::vector<NodeId>& other,
                      const Graph& other_graph) {
  if (node.parent == kNoNode) return false;
  const NodeKind kind = node.kind;
  if (const NodeId same_parent = other[node.parent]; same_parent != kNoNode) {
    const Node& parent = graph.nodes[node.parent];
    const bool block_is_new = blocks_of(other_graph.nodes[same_parent]).size() <= node.block;
    const bool says_what_follows = parent.kind == NodeKind::kWhen ||
                                   parent.kind == NodeKind::kStep ||
                                   parent.kind == NodeKind::kRun ||
                                   parent.kind == NodeKind::kWait || parent.kind == NodeKind::kAsk;
    if (!block_is_new || !says_what_follows) return false;
    return kind != NodeKind::kStep && kind != NodeKind::kRun && kind != NodeKind::kWait &&
           kind != NodeKind::kAsk;
  }
  const bool own = kind == NodeKind::kStep || kind == NodeKind::kRun || kind == NodeKind::kWait ||
                   kind == NodeKind::kAsk;
  return !own && graph.nodes[node.parent].kind != NodeKind::kTogether;
}

SubjectDiff compare(const Graph& old, const Graph& now) {
  const Versions versions(old, now);
  Sink sink;
  head(sink, versions);
  const Matching matching = match(versions);
  for (const Move& move : moves(versions, matching)) moved(sink, versions, move);
  for (const NodeId id : matching.order_after) {
    const Node& after = now.nodes[id];
    const NodeId other = matching.of_after[id];
    if (other == kNoNode) {
      if (!told_with_parent(now, after, matching.of_after, old)) appeared(sink, now, after);
      continue;
    }
    const Node& before = old.nodes[other];
    const bool named = after.kind == NodeKind::kStep || after.kind == NodeKind::kRun ||
                       after.kind == NodeKind::kWait || after.kind == NodeKind::kAsk;
    if (named && before.name != after.name)
      sink.add(Gravity::kFlow, quoted(before.name) + " is called " + quoted(after.name) + " now");
    node(sink, versions, before, after);
  }
  for (const NodeId id : matching.order_before) {
    if (matching.of_before[id] == kNoNode &&
        !told_with_parent(old, old.nodes[id], matching.of_before, now)) {
      vanished(sink, old, old.nodes[id]);
    }
  }
  if (sink.changes.empty() && old.hash != now.hash) {
    Graph alike = old;
    alike.version = now.version;
    sink.add(Gravity::kFlow,
             encode_graph(alike, true) == encode_graph(now, true)
                 ? "its version was raised, it does what it did"
                 : "it was written in another order or manner; nothing of it is told here");
  }
  SubjectDiff diff;
  diff.subject = "workflow " + now.workflow + ", version " + std::to_string(old.version);
  if (old.version != now.version) diff.subject += " to " + std::to_string(now.version);
  diff.changes = std::move(sink.changes);
  return diff;
}

}  // namespace
}  // namespace belay::diff

namespace belay::dsl {

const char* name(Gravity gravity) {
  switch (gravity) {
    case Gravity::kMistake: return "mistake";
    case Gravity::kMoney: return "money";
    case Gravity::kSafety: return "safety";
    case Gravity::kCustomer: return "customer";
    case Gravity::kCallers: return "callers";
    case Gravity::kFlow: return "flow";
    case Gravity::kTime: return "time";
    case Gravity::kRunning: return "running";
  }
  return "";
}

std::vector<SubjectDiff> business_diff(const CompiledProgram& before, const CompiledProgram& after,
                                       std::string_view workflow) {
  using interpreter::Graph;
  const auto find = [](const CompiledProgram& program, const std::string& name) {
    return std::find_if(program.graphs.begin(), program.graphs.end(),
                        [&](const Graph& g) { return g.workflow == name; });
  };
  std::vector<SubjectDiff> diffs;
  for (const Graph& now : after.graphs) {
    if (!workflow.empty() && now.workflow != workflow) continue;
    const auto was = find(before, now.workflow);
    if (was != before.graphs.end()) {
      diffs.push_back(diff::compare(*was, now));
      continue;
    }
    diffs.push_back({"workflow " + now.workflow + ", version " + std::to_string(now.version),
                     {{Gravity::kCallers, "it is new", "", "", false}}});
  }
  for (const Graph& was : before.graphs) {
    if (!workflow.empty() && was.workflow != workflow) continue;
    if (find(after, was.workflow) == after.graphs.end()) {
      diffs.push_back(
          {"workflow " + was.workflow + ", version " + std::to_string(was.version),
           {{Gravity::kCallers, "it is gone: it cannot be started any more", "", "", true}}});
    }
  }
  const auto by_gravity = [](const Change& a, const Change& b) { return a.gravity < b.gravity; };
  for (SubjectDiff& one : diffs)
    std::stable_sort(one.changes.begin(), one.changes.end(), by_gravity);
  std::erase_if(diffs, [](const SubjectDiff& d) { return d.changes.empty(); });
  std::stable_sort(diffs.begin(), diffs.end(), [](const SubjectDiff& a, const SubjectDiff& b) {
    return a.changes.front().gravity < b.changes.front().gravity;
  });
  for (SubjectDiff& one : diff::world(before, after, workflow)) {
    std::stable_sort(one.changes.begin(), one.changes.end(), by_gravity);
    if (!one.changes.empty()) diffs.push_back(std::move(one));
  }
  return diffs;
}

}  // namespace belay::dsl
