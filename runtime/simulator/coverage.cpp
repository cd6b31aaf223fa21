// See coverage.h.
#include "runtime/simulator/coverage.h"

#include <algorithm>

#include "runtime/simulator/timeline.h"

namespace belay::runtime::simulator {

using namespace interpreter;  // NOLINT: nearly every type here is the interpreter's

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
  undone_rounds_.clear();
  for (const Entry& entry : run.journal) {
    add_ways(entry);
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

// ---- Loops and races ----

namespace {

bool undoes_something(const Graph& graph, const Block& block) {
  return std::any_of(block.begin(), block.end(), [&](NodeId id) {
    const Node& node = graph.nodes[id];
    if (node.undo) return true;
    const auto blocks = blocks_of(node);
    return std::any_of(blocks.begin(), blocks.end(),
                       [&](const Block* inner) { return undoes_something(graph, *inner); });
  });
}

// The loops around a statement, outermost first.
std::vector<NodeId> loops_around(const Graph& graph, NodeId id) {
  std::vector<NodeId> loops;
  for (; id != kNoNode; id = graph.nodes[id].parent) {
    if (in_loop_body(graph, id)) loops.insert(loops.begin(), graph.nodes[id].parent);
  }
  return loops;
}

}  // namespace

void Coverage::add_ways(const Entry& entry) {
  for (const Drawn& drawn : entry.drawn) {
    if (const auto* took = std::get_if<Took>(&drawn)) {
      const bool repeat = graph_.nodes[took->path.node].kind == NodeKind::kRepeat;
      if (repeat && took->arm == kUsedUp) ways_.insert({took->path.node, Way::kUsedUp});
    }
    // A branch that fails where others are enough has not lost the race.
    if (const auto* part = std::get_if<Unwinding>(&drawn)) {
      const NodeKind kind = graph_.nodes[part->path.node].kind;
      if (kind == NodeKind::kTogether && part->cause.node == kNoNode)
        ways_.insert({part->path.node, Way::kLoses, part->part});
      if (kind == NodeKind::kForEach) ways_.insert({part->path.node, Way::kOneUndone});
    }
    const auto* sent = std::get_if<Sent>(&drawn);
    if (sent == nullptr || sent->direction != Direction::kUndo) continue;
    const std::vector<NodeId> loops = loops_around(graph_, sent->path.node);
    std::vector<std::uint32_t> outer;
    for (std::size_t i = 0; i < loops.size() && i < sent->path.iteration.size(); ++i) {
      auto& rounds = undone_rounds_[{loops[i], outer}];
      rounds.insert(sent->path.iteration[i]);
      if (rounds.size() > 1) ways_.insert({loops[i], Way::kManyUndone});
      outer.push_back(sent->path.iteration[i]);
    }
  }
}

std::vector<Coverage::WayAt> Coverage::all_ways() const {
  std::vector<WayAt> all;
  for (NodeId id = 0; id < graph_.nodes.size(); ++id) {
    const Node& node = graph_.nodes[id];
    const bool loop = node.kind == NodeKind::kForEach || node.kind == NodeKind::kRepeat;
    if (node.kind == NodeKind::kRepeat) all.push_back({id, Way::kUsedUp});
    if (node.kind == NodeKind::kTogether && node.wanted > 0) {
      for (std::uint32_t i = 0; i < node.branches.size(); ++i) all.push_back({id, Way::kLoses, i});
    }
    if (!loop || !undoes_something(graph_, node.body)) continue;
    if (node.kind == NodeKind::kForEach && node.tolerated > 0) all.push_back({id, Way::kOneUndone});
    if (node.kind == NodeKind::kForEach || node.times > 1) all.push_back({id, Way::kManyUndone});
  }
  return all;
}

std::string Coverage::words(const WayAt& way_at) const {
  const Node& node = graph_.nodes[way_at.node];
  const std::string name = "`" + node.name + "` (" + node.at + ")";
  switch (way_at.way) {
    case Way::kUsedUp: return "no scenario uses up the rounds of " + name;
    case Way::kLoses: {
      const std::string branch = way_at.branch < node.branch_names.size()
                                     ? node.branch_names[way_at.branch]
                                     : std::to_string(way_at.branch + 1);
      return "no scenario lets the branch `" + branch + "` of " + name + " lose";
    }
    case Way::kOneUndone:
      return "no scenario lets an item of " + name + " fail while the others go on";
    case Way::kManyUndone:
      return std::string("no scenario undoes two ") +
             (node.kind == NodeKind::kRepeat ? "rounds" : "items") + " of " + name;
  }
  return "";
}

Coverage::Count Coverage::ways() const {
  Count count;
  for (const WayAt& way_at : all_ways()) {
    ++count.all;
    count.seen += ways_.count(way_at);
  }
  return count;
}

std::vector<std::string> Coverage::missing() const {
  std::vector<std::string> out;
  const auto ways = all_ways();
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
    for (const WayAt& way_at : ways) {
      if (way_at.node == id && ways_.count(way_at) == 0) out.push_back(words(way_at));
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
