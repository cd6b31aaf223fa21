// Statements: how each kind becomes a node, and what is known after it. Blocks get a copy of the
// Flow; what survives a block is merged by the statement that owns it (`when`: names set in every
// arm; `together`: everything).
#include <algorithm>

#include "dsl/compile/lowering.h"
#include "dsl/compile/programs.h"

namespace belay::dsl {

using interpreter::Block;
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

}  // namespace

Block Lowering::lower_block(const Statements& list, Flow& flow, bool top) {
  Block block;
  bool ended = false;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Statement& statement = list[i];
    if (flow.ended && !ended) {
      Diagnostic& d = error("BEL5002", statement.span, "this is never reached");
      add_note_at(d, flow.ended_by, "the saga has ended here");
      d.help = "move it before, or take it out";
      ended = true;
    }
    flow.ended = false;  // what follows is checked all the same
    const bool was_top = std::exchange(top_, top);
    const NodeId id =
        lower_statement(statement, i + 1 < list.size() ? &list[i + 1] : nullptr, flow, top);
    top_ = was_top;
    if (id != kNoNode) block.push_back(id);
  }
  flow.ended = flow.ended || ended;
  return block;
}

NodeId Lowering::lower_statement(const Statement& statement, const Statement* next, Flow& flow,
                                 bool top) {
  const auto made = [&](NodeKind kind) { return new_node(kind, statement); };
  NodeId id = kNoNode;
  const bool later = statement.kind >= Kind::kForEach || !statement.run.empty() ||
                     statement.wanted != Statement::Wanted::kAll || !statement.sources.empty();
  if (later && statement.kind != Kind::kReserved) {
    error("BEL1040", statement.span, "this is read, but not compiled yet");
    return id;
  }
  switch (statement.kind) {
    case Kind::kStep:
      lower_step(statement, next, id = made(NodeKind::kStep), flow);
      break;
    case Kind::kWhen:
      lower_when(statement, id = made(NodeKind::kWhen), flow);
      break;
    case Kind::kTogether:
      lower_together(statement, id = made(NodeKind::kTogether), flow);
      break;
    case Kind::kWait:
      lower_wait(statement, id = made(NodeKind::kWait), flow);
      break;
    case Kind::kPause:
      lower_pause(statement, id = made(NodeKind::kPause), flow);
      break;
    case Kind::kPublish:
      lower_publish(statement, id = made(NodeKind::kPublish), flow);
      break;
    case Kind::kSet:
      lower_set(statement, id = made(NodeKind::kSet), flow);
      break;
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
      flow.ended_by = statement.span;
      break;
    }
    case Kind::kPointOfNoReturn:
      id = made(NodeKind::kPointOfNoReturn);
      lower_point(statement, top);
      break;
    case Kind::kForEach:
    case Kind::kRepeat:
    case Kind::kAsk:
    case Kind::kTry:
    case Kind::kCollect:
    case Kind::kAct:
    case Kind::kReserved:
      failed_ = true;  // the reader complained
      break;
  }
  return id;
}

NodeId Lowering::new_node(NodeKind kind, const Statement& statement) {
  static constexpr std::string_view kWords[] = {
      "step",    "when", "together", "wait",   "pause",
      "publish", "set",  "cancel",   "finish", "point_of_no_return"};
  Node node;
  node.kind = kind;
  const bool named = kind == NodeKind::kStep || kind == NodeKind::kWait;
  node.name = named && !statement.name.empty() ? statement.name.text
                                               : unique_name(kWords[static_cast<int>(kind)]);
  if (named && statement.name.empty()) failed_ = true;  // the reader complained
  node.title = statement.title.text;
  node.at = place(statement.span, tables_.sources);
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
// -----------------------------------------------------------------------------------------------------

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
  }
  for (const std::string& name : here) ++counts[name];
}

}  // namespace

// A name that several arms set is one name: they write to the same slot.
void Lowering::share_sets(const std::vector<dsl::Arm>& arms,
                          std::map<std::string, SlotId>& before) {
  before = shared_sets_;
  std::map<std::string, int> counts;
  for (const dsl::Arm& arm : arms) collect_sets(arm.block, counts);
  for (const auto& [name, count] : counts) {
    if (count < 2 || shared_sets_.contains(name)) continue;
    shared_sets_[name] = static_cast<SlotId>(graph_.slots.size());
    graph_.slots.push_back({name, plain(Type::Base::kError), 0});  // the first `set` says the type
  }
}

void Lowering::lower_when(const Statement& statement, NodeId id, Flow& flow) {
  std::map<std::string, SlotId> shared_before;
  share_sets(statement.arms, shared_before);
  const std::size_t before = flow.names.size();
  const std::string owner = quoted(graph_.nodes[id].name);
  std::vector<Flow> ends;
  Flow rest = flow;  // what is known when no arm so far was taken
  bool has_otherwise = false;
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
    if (!inside.ended) ends.push_back(std::move(inside));
  }
  shared_sets_ = std::move(shared_before);
  if (!has_otherwise) {
    ends.push_back(std::move(rest));
  } else if (ends.empty()) {
    flow.ended = true;
    flow.ended_by = statement.span;
    return;
  }
  // What every way out of the `when` knows is known after it.
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
}

void Lowering::lower_set(const Statement& statement, NodeId id, Flow& flow) {
  const Name& name = statement.name;
  graph_.nodes[id].slot = 0;
  CheckedExpr checked = check(statement.value, flow, When::kForward, quoted(name.text));
  lowered_.insert(name.text);
  if (name.empty()) return;
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

// ---- together
// -------------------------------------------------------------------------------------------------

void Lowering::lower_together(const Statement& statement, NodeId id, Flow& flow) {
  ++together_depth_;
  const std::size_t before = flow.names.size();
  std::map<std::string, SlotId> shared_before;
  std::swap(shared_before, shared_sets_);  // two branches never share a slot
  std::set<std::string> names;
  std::vector<Flow> ends;
  int number = 0;
  for (const Branch& branch : statement.branches) {
    ++number;
    std::string name = branch.name.text;
    if (name.empty() && branch.block.size() == 1 && !branch.block.front().name.empty()) {
      name = branch.block.front().name.text;
    }
    if (name.empty() || (branch.name.empty() && names.contains(name)))
      name = "branch_" + std::to_string(number);
    if (!branch.name.empty() && !check_name(branch.name, false, tables_)) failed_ = true;
    if (!names.insert(name).second) {
      Diagnostic& d =
          error("BEL3012", branch.name.span, "there is already a branch " + quoted(name));
      d.help = "rename one of them";
    }
    Flow inside = flow;
    Block block = lower_block(branch.block, inside, false);
    graph_.nodes[id].branches.push_back(std::move(block));
    graph_.nodes[id].branch_names.push_back(std::move(name));
    ends.push_back(std::move(inside));
  }
  std::swap(shared_before, shared_sets_);
  --together_depth_;
  for (Flow& end : ends) {
    if (end.ended) {
      flow.ended = true;
      flow.ended_by = end.ended_by;
    }
    for (std::size_t i = before; i < end.names.size(); ++i) {
      if (const Visible* other = find_visible(flow, end.names[i].known->name)) {
        if (elsewhere_.contains(other->known->name) && other->known->origin != Known::Origin::kSet) {
          failed_ = true;  // BEL3012 was reported
          continue;
        }
        Diagnostic& d =
            error("BEL5007", end.names[i].known->at,
                  quoted(end.names[i].known->name) + " is set by two branches at the same time");
        add_note_at(d, other->known->at, "the other is here");
        d.help = "give each branch a name of its own";
        continue;
      }
      flow.names.push_back(std::move(end.names[i]));
    }
    flow.present.insert(end.present.begin(), end.present.end());
  }
}

// ---- Events and time
// ------------------------------------------------------------------------------------------

interpreter::Program Lowering::check_key(const EventSource& source, const EventInfo& event,
                                         const Flow& flow, std::string_view owner) {
  std::optional<Type> wanted;
  if (const interpreter::Field* field = find_field(event.type.fields, event.type.key))
    wanted = field->type;
  return check(source.key, flow, When::kForward, owner, wanted,
               "the key of " + quoted(event.type.name))
      .program;
}

void Lowering::use_event(const EventInfo& event) {
  if (!event.ok) failed_ = true;
  if (event_names_.insert(event.type.name).second) graph_.events.push_back(event.type);
}

void Lowering::lower_wait(const Statement& statement, NodeId id, Flow& flow) {
  const std::string owner = quoted(statement.name.text);
  const EventInfo* event =
      look_up(tables_.events, "BEL3004", "event", statement.source.event, tables_);
  Type payload = plain(Type::Base::kError);
  if (event == nullptr) {
    failed_ = true;
    if (!statement.source.key.empty()) check(statement.source.key, flow, When::kForward, owner);
  } else {
    use_event(*event);
    graph_.nodes[id].sources.push_back({"", event->type.name, {}, 0});
    payload = plain(Type::Base::kRecord);
    payload.record = event->type.name;
    payload.fields = event->type.fields;
    if (event->at->broken) payload = plain(Type::Base::kError);  // a field may have been lost
    if (!statement.source.key.empty()) {
      interpreter::Program key = check_key(statement.source, *event, flow, owner);
      graph_.nodes[id].sources.front().key = std::move(key);
    } else {
      failed_ = true;  // the reader complained
    }
  }
  if (!statement.source.before.empty()) {
    const auto ms = positive_duration(statement.source.before, "`even if up to`", tables_);
    failed_ = failed_ || !ms;
    if (event != nullptr) graph_.nodes[id].sources.front().even_before_ms = ms.value_or(0);
  }
  if (statement.within.empty()) {
    if (!declaration_.broken) {
      Diagnostic& d = error("BEL5006", statement.span, owner + " could wait for ever");
      add_note(d, "the event may never come, and what was done so far would stay as it is");
      d.help = "add `within 15 minutes, otherwise cancel because \"…\"`";
    }
    failed_ = true;
  } else {
    interpreter::Program within =
        check_duration(statement.within, flow, When::kForward, owner, "`within`");
    graph_.nodes[id].within = std::move(within);
  }
  const Known* own = make_known(statement.name, payload, Known::Origin::kWait);
  graph_.nodes[id].slot = own->slot;

  Onward onward = Onward::kEnds;
  if (statement.act.kind == dsl::Act::Kind::kNone) {
    if (!statement.within.empty() && !declaration_.broken) {
      error("BEL5006", statement.within.span,
            owner + " does not say what follows when the time is over")
          .help = "add `, otherwise cancel because \"…\"`";
    }
    failed_ = true;
  } else {
    interpreter::Act otherwise = lower_act(statement.act,
                                           {.flow = &flow,
                                            .carries = &payload,
                                            .owner = "the end of " + owner,
                                            .may_try_again = false},
                                           onward);
    graph_.nodes[id].otherwise = std::move(otherwise);
  }
  if (statement.undo) {
    std::optional<interpreter::Call> undo = lower_undo(statement, nullptr, nullptr, own, flow);
    graph_.nodes[id].undo = std::move(undo);
  }
  lowered_.insert(statement.name.text);
  const bool may = onward == Onward::kWithoutValue;
  show(flow, own, may, may ? owner + " may go on without its event" : std::string());
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
