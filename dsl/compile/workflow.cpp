// The frame of a workflow (inputs, outputs, identity, deadlines) and its names: one namespace, no
// shadowing, each name in a slot. A name that is read where it is not visible, but exists
// elsewhere, is explained here.
#include <algorithm>

#include "dsl/compile/lowering.h"
#include "dsl/compile/programs.h"
#include "dsl/limits.h"

namespace belay::dsl {

using interpreter::Block;
using interpreter::kNoSlot;
using interpreter::SlotId;
using interpreter::Type;

Lowering::Lowering(const Declaration& declaration, Tables& tables)
    : declaration_(declaration), decl_(std::get<WorkflowDecl>(declaration.body)), tables_(tables) {}

std::optional<interpreter::Graph> Lowering::run() {
  failed_ = declaration_.broken;
  if (tables_.symbols != nullptr) scope_ = std::make_unique<Scope>();
  declare_takes();
  collect(decl_.body);
  if (statements_ > limits::statements_per_workflow_max) {
    Diagnostic& d =
        error("BEL1305", declaration_.name.span,
              "workflow " + quoted(declaration_.name.text) + " has too many statements");
    add_note(d, "it has " + std::to_string(statements_) + ", and a workflow may have " +
                    std::to_string(limits::statements_per_workflow_max));
    return std::nullopt;
  }
  if (decl_.body.empty() && !declaration_.broken) {
    Diagnostic& d =
        error("BEL5013", declaration_.name.span,
              "workflow " + quoted(declaration_.name.text) + " does nothing: it has no steps");
    d.help = "add a `step` with what it should `do`";
  }
  lower_frame();
  Flow flow;
  for (const FieldDecl& take : decl_.takes) {
    if (auto found = elsewhere_.find(take.name.text);
        found != elsewhere_.end() && found->second->at == take.name.span) {
      show(flow, found->second);
      lowered_.insert(take.name.text);
    }
  }
  const auto check_of_start = [&](const Expr& expr, std::optional<Type> wanted, std::string what) {
    return expr.empty()
               ? interpreter::Program{}
               : check(expr, flow, When::kForward, quoted(declaration_.name.text), wanted, what)
                     .program;
  };
  graph_.once_per = check_of_start(decl_.once_per, std::nullopt, "`once per`");
  refuse_private(decl_.once_per, graph_.once_per, "`once per`");
  lower_one_at_a_time(flow);
  lower_starts_on();
  graph_.finish_within = check_duration(decl_.finish_within, flow, When::kForward,
                                        quoted(declaration_.name.text), "`finish within`");
  std::vector<std::uint32_t> inputs = known_at(flow);
  graph_.root = lower_block(decl_.body, flow, true);
  if (scope_ != nullptr) {
    scope_->workflow = declaration_.name.text;
    scope_->at = declaration_.span;
    scope_->whole = {declaration_.span, std::move(inputs), known_at(flow)};
    tables_.symbols->scopes.push_back(std::move(*scope_));
    scope_.reset();
  }
  lower_gives(flow);
  describe();
  if (failed_) return std::nullopt;
  graph_.index();
  return std::move(graph_);
}

// ---- The frame

void Lowering::lower_frame() {
  graph_.workflow = declaration_.name.text;
  result_.base = Type::Base::kRecord;
  graph_.title = declaration_.title.text;
  graph_.owner = decl_.owner.text;
  if (decl_.version.value < 1 || decl_.version.value > 1'000'000) {
    if (!declaration_.broken) {
      Diagnostic& d = error("BEL4012", decl_.version.span,
                            "the version of a workflow is a number from 1 to 1000000");
      add_note(d, "running sagas keep the version they started with");
      d.help = "begin with `version 1`, and count up with each change";
    }
    failed_ = true;
  } else {
    graph_.version = static_cast<std::uint32_t>(decl_.version.value);
  }
  for (const WorkflowDecl::Plan& plan : decl_.plans) {
    bool ok = true;
    const interpreter::RetryPlan made = make_plan(plan.tries, tables_, ok);
    failed_ = failed_ || !ok;
    if (plan.name.empty() || !check_name(plan.name, true, tables_)) failed_ = true;
    std::optional<Span> first;
    if (auto own = plans_.find(plan.name.text); own != plans_.end()) first = own->second.first;
    if (auto global = tables_.plans.find(plan.name.text); global != tables_.plans.end()) {
      first = global->second.at->name.span;
    }
    if (first) {
      Diagnostic& d = error("BEL3012", plan.name.span,
                            "there is already a retry plan " + quoted(plan.name.text));
      add_note_at(d, *first, "it is declared here");
    }
    plans_[plan.name.text] = {plan.name.span, made};
  }
  graph_.if_undo_fails.for_ms = 24 * 3600 * 1000;
  graph_.if_undo_fails.then.kind = interpreter::ActKind::kHandTo;
  graph_.if_undo_fails.then.team = "operations";
  if (decl_.if_undo_fails) {
    Flow nothing;
    bool goes_on = false;
    graph_.if_undo_fails =
        lower_keep(*decl_.if_undo_fails,
                   {.flow = &nothing, .when = When::kUndo, .owner = "`if an undo fails`"}, goes_on);
  }
}

void Lowering::lower_gives(Flow& flow) {
  std::set<std::string> seen;
  for (const Arg& arg : decl_.gives) {
    if (arg.name.empty()) continue;
    if (!seen.insert(arg.name.text).second) continue;  // the reader complained
    CheckedExpr checked =
        check(arg.value, flow, When::kForward, "the end of " + quoted(graph_.workflow));
    Type type = tainted(checked);
    check_outputs(arg, type);
    result_.fields.push_back({arg.name.text, std::move(type)});
    graph_.gives.push_back({arg.name.text, std::move(checked.program)});
  }
}

// What `finish with` gives is what the end gives: whoever runs this saga knows one type. An output
// that may be absent at one of the ends may be absent.
void Lowering::check_outputs(const Arg& arg, Type& type) {
  const auto found = outputs_.find(arg.name.text);
  if (found == outputs_.end()) return;
  for (const Output& output : found->second) {
    if (type.base == Type::Base::kError || output.type.base == Type::Base::kError) continue;
    if (output.type.base == Type::Base::kNull) {
      type.optional = true;
      continue;
    }
    type.optional = type.optional || output.type.optional;
    type.is_private = type.is_private || output.type.is_private;
    Type bare = output.type;
    bare.optional = false;
    if (fits(bare, type)) continue;
    Diagnostic& d = error("BEL4202", output.span,
                          quoted(arg.name.text) + " is " + quoted(to_text(bare)) + " here, and " +
                              quoted(to_text(type)) + " at the end of " + quoted(graph_.workflow));
    add_note_at(d, arg.name.span, "that is said here");
    d.help = "give the same kind of value wherever the saga ends";
  }
}

// What those that run this saga must know.
void Lowering::describe() {
  const auto found = tables_.sagas.find(graph_.workflow);
  if (found == tables_.sagas.end() || found->second.at != &declaration_) return;
  WorkflowInfo& info = found->second;
  info.takes = graph_.takes;
  info.result = std::move(result_);
  info.version = graph_.version;
  info.lowered = !declaration_.broken;
  for (const interpreter::Node& node : graph_.nodes) {
    if (node.kind == interpreter::NodeKind::kPointOfNoReturn) info.has_point = true;
    if (node.kind == interpreter::NodeKind::kStep && node.call.action < graph_.actions.size())
      info.effects |= graph_.actions[node.call.action].effects;
    if (node.kind != interpreter::NodeKind::kRun) continue;
    if (const auto child = tables_.sagas.find(node.run.workflow); child != tables_.sagas.end())
      info.effects |= child->second.effects;
  }
}

// ---- Names

void Lowering::declare_takes() {
  graph_.takes = resolve_fields(decl_.takes, tables_);
  for (const interpreter::Field& field : graph_.takes) {
    const auto decl = std::find_if(decl_.takes.begin(), decl_.takes.end(),
                                   [&](const FieldDecl& d) { return d.name.text == field.name; });
    if (!check_name(decl->name, false, tables_)) failed_ = true;
    if (field.type.base == Type::Base::kError) failed_ = true;
    elsewhere_[field.name] = make_known(decl->name, field.type, Known::Origin::kTake);
  }
}

// Walks the whole body first, so that a name that is read in the wrong place can be told from one
// that nobody knows.
void Lowering::collect(const Statements& list) {
  for (const Statement& s : list) {
    ++statements_;
    if (s.kind == Statement::Kind::kStep) collect_name(s.name, Known::Origin::kStep);
    if (s.kind == Statement::Kind::kWait) collect_name(s.name, Known::Origin::kWait);
    if (s.kind == Statement::Kind::kSet) collect_name(s.name, Known::Origin::kSet);
    if (s.kind == Statement::Kind::kAsk) collect_name(s.name, Known::Origin::kAsk);
    if (s.kind == Statement::Kind::kForEach) collect_name(s.name, Known::Origin::kItem);
    if (s.kind == Statement::Kind::kCollect) collect_name(s.name, Known::Origin::kCollect);
    collect(s.body);
    for (const dsl::Arm& arm : s.arms) collect(arm.block);
    for (const Branch& branch : s.branches) collect(branch.block);
    for (const dsl::Handler& handler : s.policies.handlers) collect_act(handler.act);
    if (s.policies.keep) collect_act(s.policies.keep->then);
    if (s.undo) {
      for (const dsl::Handler& handler : s.undo->policies.handlers) collect_act(handler.act);
    }
    collect_act(s.act);
  }
}

void Lowering::collect_act(const dsl::Act& act) { collect(act.block); }

void Lowering::collect_name(const Name& name, Known::Origin origin) {
  if (name.empty()) return;
  if (!check_name(name, false, tables_)) failed_ = true;
  const auto found = elsewhere_.find(name.text);
  if (found == elsewhere_.end()) {
    // No slot yet: this one only says where the name is declared.
    known_.push_back({name.text, {}, kNoSlot, origin, name.span});
    elsewhere_[name.text] = &known_.back();
    return;
  }
  const Known& first = *found->second;
  if (origin == Known::Origin::kSet && first.origin == Known::Origin::kSet)
    return;  // lower_set knows more
  static constexpr std::string_view kWhat[] = {"an input",   "a step",         "a wait", "a `set`",
                                               "a question", "a loop's items", "a list"};
  Diagnostic& d = error("BEL3012", name.span,
                        quoted(name.text) + " is already the name of " +
                            std::string(kWhat[static_cast<int>(first.origin)]));
  add_note_at(d, first.at, "it is declared here");
  d.help = "rename one of them: a workflow has one namespace, and no name hides another";
}

const Known* Lowering::make_known(const Name& name, Type type, Known::Origin origin, SlotId slot) {
  if (slot == kNoSlot) {
    slot = static_cast<SlotId>(graph_.slots.size());
    graph_.slots.push_back({name.text, type, loop_depth_});
  }
  known_.push_back({name.text, std::move(type), slot, origin, name.span});
  return &known_.back();
}

std::vector<std::uint32_t> Lowering::known_at(const Flow& flow) {
  std::vector<std::uint32_t> out;
  if (scope_ == nullptr || scope_names_ > limits::scope_names_max) return out;
  scope_names_ += flow.names.size();
  for (const Visible& visible : flow.names) {
    const auto id = static_cast<std::uint32_t>(scope_->names.size());
    const auto [known, fresh] = scope_ids_.emplace(visible.known, id);
    if (fresh) {
      const Known& k = *visible.known;
      scope_->names.push_back(
          {k.name, k.type, k.at, static_cast<LocalName::Origin>(static_cast<int>(k.origin))});
    }
    out.push_back(known->second);
  }
  return out;
}

void Lowering::note_scope(const Statement& statement, std::vector<std::uint32_t> before,
                          const Flow& flow) {
  if (scope_ == nullptr || scope_names_ > limits::scope_names_max) return;
  scope_->points.push_back({statement.span, std::move(before), known_at(flow)});
}

void Lowering::show(Flow& flow, const Known* known, bool may_be_absent, std::string because) {
  flow.names.push_back({known, may_be_absent, std::move(because)});
}

const Visible* Lowering::find_visible(const Flow& flow, std::string_view name) {
  const auto found = std::find_if(flow.names.rbegin(), flow.names.rend(),
                                  [&](const Visible& v) { return v.known->name == name; });
  return found == flow.names.rend() ? nullptr : &*found;
}

std::optional<NameInfo> FlowNames::find(std::string_view name) const {
  NameInfo info;
  if (const Visible* visible = Lowering::find_visible(flow_, name)) {
    info.type = visible->known->type;
    info.slot = visible->known->slot;
    info.may_be_absent = visible->may_be_absent;
    info.absent_because = visible->because;
    if (info.type.optional && !info.may_be_absent) {
      info.may_be_absent = true;
      info.absent_because = quoted(name) + " is optional";
    }
    if (flow_.present.contains(std::string(name))) {
      info.may_be_absent = false;
      info.type.optional = false;
    }
    return info;
  }
  const auto found = lowering_.elsewhere_.find(std::string(name));
  if (found == lowering_.elsewhere_.end()) return std::nullopt;

  const Known& other = *found->second;
  const bool ended = lowering_.lowered_.contains(other.name);
  const Span span = find_name(expr_, name).value_or(expr_.span);
  if (when_ == When::kUndo) {
    Diagnostic& d = lowering_.error(
        "BEL2007", span,
        std::string(owner_) + " reads " + quoted(name) + ", which may not exist when it runs");
    add_note_at(d, other.at,
                ended ? "it is declared in a block, and ends with it" : "it comes later");
    d.help = "an undo may read what exists before its step, and the step's own result";
  } else {
    Diagnostic& d = lowering_.error(
        "BEL5001", span,
        quoted(name) + (ended ? " does not exist any more here" : " does not exist yet here"));
    lowering_.explain_absent(other, ended, d);
  }
  info.type.base = Type::Base::kError;
  return info;
}

// Why a name of the workflow is not known at one place of it, and what to do about it.
void Lowering::explain_absent(const Known& other, bool ended, Diagnostic& d) const {
  if (detached_.contains(other.name)) {
    d.message = quoted(other.name) + " has no result: nobody waits for it";
    add_note_at(d, other.at, "it is run with `and do not wait`");
    d.help = "take `and do not wait` out, if its result is needed";
    return;
  }
  if (other.origin == Known::Origin::kCollect && !ended) {
    add_note_at(d, other.at, "it is collected here, and is a list once the loop is over");
    d.help = "`set` another name, if the value is needed in the loop";
    return;
  }
  add_note_at(d, other.at,
              ended ? "it is declared in a block, and ends with it" : "it comes later");
  if (!ended) {
    d.help = "move this after it";
  } else if (in_try_.contains(other.name)) {
    d.help = "the body of the `try` has been undone: read what was known before it";
  } else if (in_loop_.contains(other.name)) {
    d.help = "`collect NAME = …` in the loop, and read that list";
  } else {
    d.help = "`set` one name in every arm of the `when`, and read that";
  }
}

std::vector<std::string> FlowNames::all() const {
  std::vector<std::string> names;
  for (const Visible& visible : flow_.names) names.push_back(visible.known->name);
  return names;
}

// ---- Expressions and problems

CheckedExpr Lowering::check(const Expr& expr, const Flow& flow, When when, std::string_view owner,
                            std::optional<Type> wanted, std::string wanted_for) {
  if (expr.empty()) {  // the reader complained
    failed_ = true;
    CheckedExpr none;
    none.type.base = Type::Base::kError;
    return none;
  }
  if (wanted && wanted->base == Type::Base::kError) wanted.reset();
  const FlowNames names(*this, flow, when, owner, expr);
  CheckedExpr checked = check_expression(expr, names,
                                         {.wanted = wanted,
                                          .wanted_for = std::move(wanted_for),
                                          .present = {flow.present.begin(), flow.present.end()}},
                                         tables_.diagnostics);
  failed_ = failed_ || !checked.ok;
  return checked;
}

void Lowering::prove(const CheckedExpr& condition, Flow& yes, Flow& no) {
  yes.present.insert(condition.proves_present.begin(), condition.proves_present.end());
  no.present.insert(condition.proves_present_if_false.begin(),
                    condition.proves_present_if_false.end());
}

interpreter::Program Lowering::check_duration(const Expr& expr, const Flow& flow, When when,
                                              std::string_view owner, std::string what) {
  if (expr.empty()) return {};
  Type duration;
  duration.base = Type::Base::kDuration;
  CheckedExpr checked = check(expr, flow, when, owner, duration, what);
  const std::optional<interpreter::Value>& value = checked.constant;
  if (checked.ok && value && value->kind() == interpreter::Value::Kind::kDuration &&
      value->as_duration() <= interpreter::Duration{}) {
    error("BEL4018", expr.span, what + " wants a time above zero").help =
        "write for example `10 minutes`";
  }
  return std::move(checked.program);
}

Diagnostic& Lowering::error(std::string_view code, Span span, std::string message) {
  failed_ = failed_ || !tables_.diagnostics.allows(code, span);
  return tables_.diagnostics.add(code, span, std::move(message));
}

Diagnostic& Lowering::warning(std::string_view code, Span span, std::string message) {
  return tables_.diagnostics.add(code, span, std::move(message));
}

std::optional<interpreter::Graph> lower_workflow(const Declaration& declaration, Tables& tables) {
  return Lowering(declaration, tables).run();
}

}  // namespace belay::dsl
