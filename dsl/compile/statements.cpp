// Statements: how each kind becomes a node, and what is known after it. Blocks get a copy of the
// Flow; what survives a block is merged by the statement that owns it (`when`: names set in every
// arm). Statements with more to say have files of their own, see lowering.h.
#include <algorithm>

#include "dsl/compile/lowering.h"
#include "dsl/compile/programs.h"

namespace belay::dsl {

using interpreter::Block;
using interpreter::kNoAction;
using interpreter::kNoNode;
using interpreter::kNoSlot;
using interpreter::Node;
using interpreter::NodeId;
using interpreter::NodeKind;
using interpreter::SlotId;
using interpreter::Type;

namespace {

Type plain(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

using Kind = Statement::Kind;

// Whether anything happens in it that is over only later. `when` is told by its arms.
bool takes_time(const Statement& s) {
  const auto any = [](const Statements& list) {
    return std::any_of(list.begin(), list.end(), [](const Statement& inner) {
      return takes_time(inner) ||
             std::any_of(inner.arms.begin(), inner.arms.end(), [](const dsl::Arm& arm) {
               return std::any_of(arm.block.begin(), arm.block.end(), takes_time);
             });
    });
  };
  switch (s.kind) {
    case Kind::kStep:
    case Kind::kWait:
    case Kind::kAsk:
    case Kind::kPause: return true;
    case Kind::kTogether:
      return std::any_of(s.branches.begin(), s.branches.end(),
                         [&](const Branch& branch) { return any(branch.block); });
    case Kind::kForEach:
    case Kind::kRepeat:
    case Kind::kTry: return any(s.body);
    default: return false;
  }
}

}  // namespace

Block Lowering::lower_block(const Statements& list, Flow& flow, bool top) {
  Block block;
  bool ended = false;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Statement& statement = list[i];
    if (flow.ended && !ended) {
      Diagnostic& d = error("BEL5002", statement.span, "this is never reached");
      add_note_at(d, flow.ended_by,
                  flow.left ? "the block is left here" : "the saga has ended here");
      d.help = "move it before, or take it out";
      ended = true;
    }
    flow.ended = false;  // what follows is checked all the same
    const bool was_top = std::exchange(top_, top);
    const Statements* was_list = std::exchange(list_, &list);
    std::vector<std::uint32_t> before = known_at(flow);
    const NodeId id =
        lower_statement(statement, i + 1 < list.size() ? &list[i + 1] : nullptr, flow, top);
    top_ = was_top;
    list_ = was_list;
    note_scope(statement, std::move(before), flow);
    if (id != kNoNode) block.push_back(id);
    if (!flow.waited && takes_time(statement)) flow.waited = statement.span;
  }
  flow.ended = flow.ended || ended;
  return block;
}

NodeId Lowering::lower_statement(const Statement& statement, const Statement* next, Flow& flow,
                                 bool top) {
  const auto made = [&](NodeKind kind) { return new_node(kind, statement); };
  NodeId id = kNoNode;
  switch (statement.kind) {
    case Kind::kStep:
      if (statement.run.empty())
        lower_step(statement, next, id = made(NodeKind::kStep), flow);
      else
        lower_run(statement, next, id = made(NodeKind::kRun), flow);
      break;
    case Kind::kWhen: lower_when(statement, id = made(NodeKind::kWhen), flow); break;
    case Kind::kTogether: lower_together(statement, id = made(NodeKind::kTogether), flow); break;
    case Kind::kWait: lower_wait(statement, id = made(NodeKind::kWait), flow); break;
    case Kind::kPause: lower_pause(statement, id = made(NodeKind::kPause), flow); break;
    case Kind::kPublish: lower_publish(statement, id = made(NodeKind::kPublish), flow); break;
    case Kind::kSet: lower_set(statement, id = made(NodeKind::kSet), flow); break;
    case Kind::kCancel:
    case Kind::kFinish: {
      id = made(statement.kind == Kind::kCancel ? NodeKind::kCancel : NodeKind::kFinish);
      dsl::Act act = statement.act;
      act.kind =
          statement.kind == Kind::kCancel ? dsl::Act::Kind::kCancel : dsl::Act::Kind::kFinish;
      if (act.span.length == 0) act.span = statement.span;
      Onward onward = Onward::kEnds;
      interpreter::Act lowered =
          lower_act(act, {.flow = &flow, .owner = quoted(graph_.nodes[id].name)}, onward);
      graph_.nodes[id].act = std::move(lowered);
      flow.ended = true;
      flow.left = false;
      flow.ended_by = statement.span;
      break;
    }
    case Kind::kPointOfNoReturn:
      id = made(NodeKind::kPointOfNoReturn);
      lower_point(statement, top);
      break;
    case Kind::kForEach: lower_for_each(statement, id = made(NodeKind::kForEach), flow); break;
    case Kind::kRepeat: lower_repeat(statement, id = made(NodeKind::kRepeat), flow); break;
    case Kind::kAsk: lower_ask(statement, id = made(NodeKind::kAsk), flow); break;
    case Kind::kTry: lower_try(statement, id = made(NodeKind::kTry), flow); break;
    case Kind::kCollect: lower_collect(statement, id = made(NodeKind::kSet), flow); break;
    case Kind::kAct: lower_act_statement(statement, id = made(NodeKind::kAct), flow); break;
  }
  return id;
}

NodeId Lowering::new_node(NodeKind kind, const Statement& statement) {
  static constexpr std::string_view kWords[] = {
      "step",   "when",   "together",           "wait",     "pause",  "publish", "set",
      "cancel", "finish", "point_of_no_return", "for_each", "repeat", "ask",     "try",
      "run",    "act"};
  Node node;
  node.kind = kind;
  const bool named = kind == NodeKind::kStep || kind == NodeKind::kWait || kind == NodeKind::kAsk ||
                     kind == NodeKind::kRun;
  std::string_view word = kWords[static_cast<int>(kind)];
  if (statement.kind == Kind::kCollect) word = "collect";
  if (kind == NodeKind::kAct) {
    word = statement.act.kind == dsl::Act::Kind::kCarryOn    ? "carry_on"
           : statement.act.kind == dsl::Act::Kind::kTryAgain ? "try_again"
                                                             : "hand_to";
  }
  node.name = named && !statement.name.empty() ? statement.name.text : unique_name(word);
  if (named && statement.name.empty()) failed_ = true;  // the reader complained
  node.title = statement.title.text;
  node.at = place(statement.span, tables_.sources);
  if (kind == NodeKind::kRun || kind == NodeKind::kTry) node.call.action = kNoAction;
  graph_.nodes.push_back(std::move(node));
  return static_cast<NodeId>(graph_.nodes.size() - 1);
}

// `when_2`: the second `when` of the workflow, unless the author took that name.
std::string Lowering::unique_name(std::string_view prefix) {
  for (;;) {
    std::string name = std::string(prefix) + "_" + std::to_string(++counters_[std::string(prefix)]);
    if (prefix == "point_of_no_return") name = prefix;
    if (!elsewhere_.contains(name) || prefix == "point_of_no_return") return name;
  }
}

// ---- when

namespace {

void collect_sets(const Statements& list, std::map<std::string, int>& counts) {
  std::set<std::string> here;
  for (const Statement& s : list) {
    if (s.kind == Kind::kSet) here.insert(s.name.text);
    if (s.kind == Kind::kWhen) {
      std::map<std::string, int> inner;
      for (const Arm& arm : s.arms) collect_sets(arm.block, inner);
      for (const auto& [name, count] : inner) here.insert(name);
    }
    if (s.kind == Kind::kTry) {
      std::map<std::string, int> inner;
      collect_sets(s.body, inner);
      for (const dsl::Handler& handler : s.policies.handlers)
        collect_sets(handler.act.block, inner);
      for (const auto& [name, count] : inner) here.insert(name);
    }
  }
  for (const std::string& name : here) ++counts[name];
}

}  // namespace

// A name that several of these blocks set is one name: they write to the same slot.
void Lowering::share_sets(const std::vector<const Statements*>& blocks,
                          std::map<std::string, SlotId>& before) {
  before = shared_sets_;
  std::map<std::string, int> counts;
  for (const Statements* block : blocks) collect_sets(*block, counts);
  for (const auto& [name, count] : counts) {
    if (count < 2 || shared_sets_.contains(name)) continue;
    shared_sets_[name] = static_cast<SlotId>(graph_.slots.size());
    // The first `set` says the type.
    graph_.slots.push_back({name, plain(Type::Base::kError), loop_depth_});
  }
}

void Lowering::lower_when(const Statement& statement, NodeId id, Flow& flow) {
  std::map<std::string, SlotId> shared_before;
  std::vector<const Statements*> blocks;
  for (const dsl::Arm& arm : statement.arms) blocks.push_back(&arm.block);
  share_sets(blocks, shared_before);
  const std::size_t before = flow.names.size();
  const std::string owner = quoted(graph_.nodes[id].name);
  std::vector<Flow> ends;
  Flow rest = flow;  // what is known when no arm so far was taken
  bool has_otherwise = false, left = false;
  for (const dsl::Arm& arm : statement.arms) {
    interpreter::Arm lowered;
    Flow inside = rest;
    if (arm.condition.empty()) {
      has_otherwise = true;
    } else {
      CheckedExpr condition = check(arm.condition, rest, When::kForward, owner,
                                    plain(Type::Base::kBool), "a condition");
      prove(condition, inside, rest);
      lowered.condition = std::move(condition.program);
    }
    lowered.block = lower_block(arm.block, inside, false);
    graph_.nodes[id].arms.push_back(std::move(lowered));
    left = left || (inside.ended && inside.left);
    if (!inside.ended) ends.push_back(std::move(inside));
  }
  shared_sets_ = std::move(shared_before);
  if (!has_otherwise) {
    ends.push_back(std::move(rest));
  } else if (ends.empty()) {
    flow.ended = true;
    flow.ended_by = statement.span;
    flow.left = left;
    return;
  }
  merge_ends(ends, before, flow);
}

// What every way out of a statement knows is known after it.
void Lowering::merge_ends(const std::vector<Flow>& ends, std::size_t before, Flow& flow) {
  for (std::size_t i = before; i < ends.front().names.size(); ++i) {
    const Visible& visible = ends.front().names[i];
    if (visible.known->origin != Known::Origin::kSet) continue;
    bool everywhere = true, may_be_absent = visible.may_be_absent;
    for (std::size_t k = 1; k < ends.size(); ++k) {
      const Visible* other = find_visible(ends[k], visible.known->name);
      everywhere = everywhere && other != nullptr && other->known->slot == visible.known->slot;
      may_be_absent = may_be_absent || (other != nullptr && other->may_be_absent);
    }
    if (everywhere) show(flow, visible.known, may_be_absent, visible.because);
  }
  flow.present = ends.front().present;
  for (std::size_t k = 1; k < ends.size(); ++k) {
    std::erase_if(flow.present,
                  [&](const std::string& path) { return !ends[k].present.contains(path); });
  }
  for (const Flow& end : ends) {
    if (!flow.waited) flow.waited = end.waited;
  }
}

void Lowering::lower_set(const Statement& statement, NodeId id, Flow& flow) {
  const Name& name = statement.name;
  graph_.nodes[id].slot = 0;
  CheckedExpr checked = check(statement.value, flow, When::kForward, quoted(name.text));
  lowered_.insert(name.text);
  if (name.empty()) return;
  checked.type = tainted(checked);
  graph_.nodes[id].value = std::move(checked.program);
  if (const Visible* visible = find_visible(flow, name.text)) {
    if (visible->known->origin == Known::Origin::kSet) {
      Diagnostic& d = error("BEL5007", name.span, quoted(name.text) + " has a value already");
      add_note_at(d, visible->known->at, "it is set here");
      d.help =
          "`set` another name: a name keeps its value, so that an undo reads what the step read";
    } else {
      failed_ = true;  // BEL3012 was reported
    }
    graph_.nodes[id].slot = visible->known->slot;
    return;
  }
  SlotId slot = kNoSlot;
  if (const auto shared = shared_sets_.find(name.text); shared != shared_sets_.end()) {
    slot = shared->second;
    Type& known = graph_.slots[slot].type;
    known.is_private = known.is_private || checked.type.is_private;
    if (known.base == Type::Base::kError) {
      known = checked.type;
    } else if (checked.type.base != Type::Base::kError && !fits(checked.type, known)) {
      Diagnostic& d = error("BEL5007", name.span,
                            quoted(name.text) + " is " + quoted(to_text(checked.type)) +
                                " here, and " + quoted(to_text(known)) + " in another arm");
      if (const auto other = elsewhere_.find(name.text); other != elsewhere_.end()) {
        add_note_at(d, other->second->at, "it is set first here");
      }
      d.help = "set the same kind of value in every arm, or another name";
    }
  }
  const Known* known = make_known(name, slot != kNoSlot ? graph_.slots[slot].type : checked.type,
                                  Known::Origin::kSet, slot);
  graph_.nodes[id].slot = known->slot;
  show(flow, known);
}

// ---- Events and time

void Lowering::use_event(const EventInfo& event) {
  if (!event.ok) failed_ = true;
  if (event_names_.insert(event.type.name).second) graph_.events.push_back(event.type);
}

void Lowering::lower_pause(const Statement& statement, NodeId id, Flow& flow) {
  const std::string owner = quoted(graph_.nodes[id].name);
  if (!statement.pause_for.empty()) {
    interpreter::Program length =
        check_duration(statement.pause_for, flow, When::kForward, owner, "`pause for`");
    graph_.nodes[id].pause_for = std::move(length);
  } else {
    interpreter::Program until = check(statement.pause_until, flow, When::kForward, owner,
                                       plain(Type::Base::kTimestamp), "`pause until`")
                                     .program;
    graph_.nodes[id].pause_until = std::move(until);
  }
}

void Lowering::lower_publish(const Statement& statement, NodeId id, Flow& flow) {
  const EventInfo* event =
      look_up(tables_.events, "BEL3004", "event", statement.source.event, tables_);
  FlowChecker checker(*this, flow, When::kForward, "`publish`");
  if (event == nullptr) {
    failed_ = true;
    for (const Arg& arg : statement.args) checker.check(arg.value, {});
    return;
  }
  use_event(*event);
  PublishParts parts = check_publish(statement, *event, checker, tables_);
  failed_ = failed_ || !parts.ok;
  refuse_private(statement.source.key, parts.key, "the key of an event");
  warn_private(statement.args, event->type.fields, parts.data, "an event", graph_.slots);
  graph_.nodes[id].event = event->type.name;
  graph_.nodes[id].key = std::move(parts.key);
  graph_.nodes[id].data = std::move(parts.data);
}

void Lowering::lower_point(const Statement& statement, bool top) {
  if (!top) {
    Diagnostic& d = error("BEL2004", statement.span, "`point of no return` stands inside a block");
    add_note(
        d,
        "before it everything can be undone, after it nothing is: that must be true on every path");
    d.help = "put it in the workflow's own list, at the column of its steps";
    return;
  }
  if (after_point_) {
    Diagnostic& d = error("BEL2003", statement.span, "there are two points of no return");
    add_note_at(d, point_at_, "the first is here");
    d.help = "keep the one that follows the last step which may still be undone";
    return;
  }
  after_point_ = true;
  point_at_ = statement.span;
}

}  // namespace belay::dsl
