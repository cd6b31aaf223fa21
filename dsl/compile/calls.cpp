// Calls of actions: a step's own, its undo's, and the check that settles an unsure one. An undo or
// a check is mostly declared once, with the action; what a step leaves out is filled in here, so
// that the graph is complete.
#include <algorithm>

#include "dsl/compile/lowering.h"
#include "dsl/compile/programs.h"

namespace belay::dsl {

using interpreter::Binding;
using interpreter::Call;
using interpreter::Field;
using interpreter::NodeId;
using interpreter::Program;
using interpreter::Type;

namespace {

Type plain(Type::Base base) {
  Type type;
  type.base = base;
  return type;
}

// A value of `from` can always stand for `to`: what may be absent cannot fill what is needed.
bool can_fill(const Type& from, const Type& to) {
  if (from.base == Type::Base::kError || to.base == Type::Base::kError) return true;
  return (to.optional || !from.optional) && fits(from, to);
}

void sort_like(std::vector<Binding>& bindings, const std::vector<Field>& fields) {
  const auto position = [&](const Binding& b) {
    return std::find_if(fields.begin(), fields.end(),
                        [&](const Field& f) { return f.name == b.name; }) -
           fields.begin();
  };
  std::stable_sort(bindings.begin(), bindings.end(),
                   [&](const Binding& a, const Binding& b) { return position(a) < position(b); });
}

}  // namespace

void Lowering::lower_step(const Statement& statement, const Statement* next, NodeId id,
                          Flow& flow) {
  const ActionInfo* action =
      look_up(tables_.actions, "BEL3006", "action", statement.action, tables_);
  const std::string owner = quoted(statement.name.text);
  const Type result = action != nullptr ? action->result : plain(Type::Base::kError);
  if (action == nullptr || !action->ok) failed_ = true;
  const Known* own = make_known(statement.name, result, Known::Origin::kStep);
  graph_.nodes[id].slot = own->slot;

  bool goes_on_without = false;
  const CallSite site{.action = action,
                      .flow = &flow,
                      .carries = &own->type,
                      .owner = owner,
                      .at = statement.action.span};
  Call call = lower_call(statement.args, statement.policies, site, nullptr, goes_on_without);
  std::optional<Call> undo = lower_undo(statement, action, &call, own, flow);
  graph_.nodes[id].call = std::move(call);
  graph_.nodes[id].undo = std::move(undo);
  if (statement.no_undo_because) graph_.nodes[id].no_undo_because = statement.no_undo_because->text;
  lowered_.insert(statement.name.text);
  show(flow, own, goes_on_without,
       goes_on_without ? owner + " may go on without a result" : std::string());
  if (action == nullptr || !action->ok) raise_anything();
  if (action == nullptr) return;
  const std::vector<std::string> uncaught = raise(open_errors(statement, *action));
  check_step_safety(statement, next, *action, graph_.nodes[id], uncaught);
}

// What the step may end in, when its own handlers have had their turn.
std::vector<std::string> Lowering::open_errors(const Statement& statement,
                                               const ActionInfo& action) {
  std::vector<std::string> errors;
  if (statement.policies.keep) return errors;  // it says what follows, whatever happens
  const auto add = [&](const std::string& name) {
    if (!handles(statement.policies.handlers, name)) errors.push_back(name);
  };
  for (const std::string& name : action.action.errors) add(name);
  for (std::string_view name : kBuiltInErrors) add(std::string(name));
  return errors;
}

Call Lowering::lower_call(const std::vector<Arg>& args, const Policies& policies,
                          const CallSite& site, const Filling* filling, bool& goes_on_without) {
  Call call;
  FlowChecker checker(*this, *site.flow, site.when, site.owner);
  if (site.action == nullptr) {
    for (const Arg& arg : args) checker.check(arg.value, {});
  } else {
    call.action = action_id(*site.action);
    const ArgsContext context{.fields = site.action->action.takes,
                              .owner = quoted(site.action->action.name),
                              .declared_at = site.action->at->name.span,
                              .complete = !site.action->at->broken};
    CheckedArgs checked = check_args(args, context, checker, tables_);
    failed_ = failed_ || !checked.ok;
    call.args = std::move(checked.bindings);
    if (filling != nullptr) fill_arguments(call, *site.action, checked.given, *filling, *site.flow);
    if (site.action->ok && !check_missing(call.args, context, site.at, checked.given, tables_))
      failed_ = true;
  }
  lower_policies(policies, site, call, goes_on_without);
  return call;
}

// First what `undone by` / `checked by` of the action says, then by name: the step's arguments, its
// result (undos), the names of the workflow.
void Lowering::fill_arguments(Call& call, const ActionInfo& target,
                              const std::set<std::string>& given, const Filling& filling,
                              const Flow& flow) {
  std::vector<Program> replacements;
  if (filling.forward != nullptr) {
    for (const Field& field : filling.forward->action.takes) {
      const Binding* binding = find_binding(*filling.args, field.name);
      replacements.push_back(binding != nullptr && !binding->value.empty()
                                 ? binding->value
                                 : literal_program(interpreter::Value(), "nothing"));
    }
    if (filling.own != nullptr)
      replacements.push_back(slot_program(filling.own->slot, filling.own->name));
  }
  for (const Field& take : target.action.takes) {
    if (given.contains(take.name)) continue;
    Program program;
    const Binding* used =
        filling.use != nullptr ? find_binding(filling.use->args, take.name) : nullptr;
    const Field* forward =
        filling.forward != nullptr ? find_field(filling.forward->action.takes, take.name) : nullptr;
    const Binding* passed = forward != nullptr ? find_binding(*filling.args, take.name) : nullptr;
    const Field* result =
        filling.own != nullptr ? find_field(filling.own->type.fields, take.name) : nullptr;
    if (used != nullptr) {
      program = substitute(used->value, replacements);
    } else if (passed != nullptr && can_fill(forward->type, take.type)) {
      program = passed->value;
    } else if (result != nullptr && can_fill(result->type, take.type)) {
      program = field_program(slot_program(filling.own->slot, filling.own->name), take.name);
      if (result->type.optional) program = or_null_program(program);
    } else if (const Visible* visible = find_visible(flow, take.name);
               visible != nullptr && !visible->may_be_absent &&
               can_fill(visible->known->type, take.type)) {
      program = slot_program(visible->known->slot, take.name);
      if (visible->known->type.optional) program = or_null_program(program);
    }
    if (!program.empty()) call.args.push_back({take.name, std::move(program)});
  }
  sort_like(call.args, target.action.takes);
}

std::optional<Call> Lowering::lower_undo(const Statement& statement, const ActionInfo* forward,
                                         const Call* call, const Known* own, const Flow& before) {
  const bool by_action = !statement.undo && !statement.no_undo_because && undoable() &&
                         forward != nullptr && forward->undone_by.has_value();
  if (!statement.undo && !by_action) return std::nullopt;
  if (statement.undo && statement.no_undo_because) {
    Diagnostic& d = error("BEL2013", statement.no_undo_because->span,
                          quoted(statement.name.text) + " has an undo, and says why it has none");
    add_note_at(d, statement.undo->span, "the undo is here");
    d.help = "take one of them out";
  }
  const Undo none;
  const Undo& undo = statement.undo ? *statement.undo : none;
  const ActionInfo* target = nullptr;
  if (by_action) {
    const auto found = tables_.actions.find(forward->undone_by->action);
    target = found != tables_.actions.end() ? &found->second : nullptr;
  } else {
    target = look_up(tables_.actions, "BEL3006", "action", undo.action, tables_);
  }
  if (target == nullptr || !target->ok) failed_ = true;

  Flow flow = before;
  show(flow, own);
  const std::vector<Binding> nothing;
  const bool declared = forward != nullptr && forward->undone_by && target != nullptr &&
                        forward->undone_by->action == target->action.name;
  const Filling filling{.forward = forward,
                        .args = call != nullptr ? &call->args : &nothing,
                        .use = declared ? &*forward->undone_by : nullptr,
                        .own = own};
  const CallSite site{.action = target,
                      .flow = &flow,
                      .when = When::kUndo,
                      .owner = "the undo of " + quoted(statement.name.text),
                      .at = by_action ? statement.action.span : undo.action.span};
  bool goes_on_without = false;
  Call lowered = lower_call(undo.args, undo.policies, site, &filling, goes_on_without);
  return lowered;
}

void Lowering::lower_policies(const Policies& policies, const CallSite& site, Call& call,
                              bool& goes_on_without) {
  call.retry = lower_retry(policies);
  call.within = check_duration(policies.within, *site.flow, site.when, site.owner, "`within`");
  if (!policies.request_key.empty()) {
    call.request_key = check(policies.request_key, *site.flow, site.when, site.owner,
                             plain(Type::Base::kText), "`request key`")
                           .program;
    refuse_private(policies.request_key, call.request_key, "a request key");
  }
  lower_alive(policies, site, call);
  lower_rate(policies, site, call);
  lower_handlers(policies.handlers, site, call, goes_on_without);
  lower_if_unsure(policies, site, call);
  if (policies.keep) {
    call.keep = lower_keep(
        *policies.keep,
        {.flow = site.flow, .when = site.when, .carries = site.carries, .owner = site.owner},
        goes_on_without);
  }
}

interpreter::RetryPlan Lowering::lower_retry(const Policies& policies) {
  if (policies.tries) {
    bool ok = true;
    const interpreter::RetryPlan plan = make_plan(*policies.tries, tables_, ok);
    failed_ = failed_ || !ok;
    return plan;
  }
  if (policies.retry_plan.empty()) return {};
  if (auto own = plans_.find(policies.retry_plan.text); own != plans_.end())
    return own->second.second;
  if (auto global = tables_.plans.find(policies.retry_plan.text); global != tables_.plans.end()) {
    return global->second.plan;
  }
  std::vector<std::string> names = keys_of(tables_.plans);
  for (const auto& [name, plan] : plans_) names.push_back(name);
  report_unknown("BEL3008", "retry plan", policies.retry_plan, names, tables_);
  failed_ = true;
  return {};
}

void Lowering::lower_if_unsure(const Policies& policies, const CallSite& site, Call& call) {
  const ActionInfo* by_action = nullptr;
  if (site.action != nullptr && site.action->checked_by) {
    const auto found = tables_.actions.find(site.action->checked_by->action);
    if (found != tables_.actions.end()) by_action = &found->second;
  }
  if (!policies.if_unsure) {
    if (by_action != nullptr) attach_check(*by_action, {}, site, site.at, call);
    return;
  }
  const IfUnsure& unsure = *policies.if_unsure;
  interpreter::Unsure lowered;
  switch (unsure.kind) {
    case IfUnsure::Kind::kCheck: {
      lowered.kind = interpreter::Unsure::Kind::kCheck;
      const ActionInfo* check = by_action;
      if (!unsure.action.empty()) {
        check = look_up(tables_.actions, "BEL3006", "action", unsure.action, tables_);
        if (check == nullptr) failed_ = true;
      } else if (check == nullptr && site.action != nullptr) {
        Diagnostic& d = error("BEL2014", unsure.span,
                              quoted(site.action->action.name) + " has no check to ask");
        add_note_at(d, site.action->at->name.span, "it is declared here");
        d.help = "write `if unsure, check with ACTION`, or add `checked by` to the action";
      }
      if (check == nullptr) break;
      const Span span = unsure.action.empty() ? unsure.span : unsure.action.span;
      if (site.action != nullptr && !check_settles(*check, *site.action, span, tables_))
        failed_ = true;
      attach_check(*check, unsure.args, site, span, call);
      break;
    }
    case IfUnsure::Kind::kTryAgain:
      lowered.kind = interpreter::Unsure::Kind::kTryAgain;
      if (site.action != nullptr && !site.action->action.repeat_safe) {
        Diagnostic& d =
            error("BEL2008", unsure.span,
                  quoted(site.action->action.name) + " is not known to be safe to repeat");
        add_note_at(d, site.action->at->name.span,
                    "it is declared without `repeating is safe` here");
        add_note(d, "when a try is unsure it may have happened, and a second one may do it twice");
        d.help =
            "write `if unsure, check with ACTION`, or `repeating is safe` in the action if the "
            "other side honours the request key";
      }
      // When trying is over, or the key forgotten, the action's own check still knows.
      if (by_action != nullptr) attach_check(*by_action, {}, site, site.at, call);
      break;
    case IfUnsure::Kind::kUndoAnyway:
      lowered.kind = interpreter::Unsure::Kind::kUndoAnyway;
      if (site.when == When::kUndo) {
        error("BEL5005", unsure.span, "an undo has no undo, so `undo anyway` cannot stand here")
            .help = "write `if unsure, try again`, or hand it to somebody";
      }
      break;
    case IfUnsure::Kind::kHandTo:
      lowered.kind = interpreter::Unsure::Kind::kHandTo;
      lowered.team = unsure.team.text;
      break;
  }
  call.if_unsure = std::move(lowered);
}

void Lowering::attach_check(const ActionInfo& check, const std::vector<Arg>& args,
                            const CallSite& site, Span span, Call& call) {
  if (!check.ok) failed_ = true;
  const bool declared = site.action != nullptr && site.action->checked_by &&
                        site.action->checked_by->action == check.action.name;
  const Filling filling{.forward = site.action,
                        .args = &call.args,
                        .use = declared ? &*site.action->checked_by : nullptr,
                        .own = nullptr};
  const std::string owner = "the check of " + site.owner;
  Call lowered;
  lowered.action = action_id(check);
  FlowChecker checker(*this, *site.flow, site.when, owner);
  const ArgsContext context{.fields = check.action.takes,
                            .owner = quoted(check.action.name),
                            .declared_at = check.at->name.span,
                            .complete = !check.at->broken};
  CheckedArgs checked = check_args(args, context, checker, tables_);
  failed_ = failed_ || !checked.ok;
  lowered.args = std::move(checked.bindings);
  fill_arguments(lowered, check, checked.given, filling, *site.flow);
  bool known = true;  // what the checked call is given; else what is missing here only follows
  if (site.action != nullptr) {
    for (const Field& take : site.action->action.takes) {
      known = known && (take.type.optional || find_binding(call.args, take.name) != nullptr);
    }
  }
  if (check.ok && known && !check_missing(lowered.args, context, span, checked.given, tables_))
    failed_ = true;
  call.check.clear();
  call.check.push_back(std::move(lowered));
}

interpreter::ActionId Lowering::action_id(const ActionInfo& info) {
  const auto [found, fresh] = action_ids_.emplace(
      info.action.name, static_cast<interpreter::ActionId>(graph_.actions.size()));
  if (fresh) graph_.actions.push_back(info.action);
  return found->second;
}

}  // namespace belay::dsl
