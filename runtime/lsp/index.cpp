// See index.h. One function a node of dsl/syntax.h.
#include "runtime/lsp/index.h"

namespace belay::runtime::lsp {
namespace {

using namespace dsl;
using Role = Use::Role;

class Walk {
 public:
  FileIndex out;

  void declaration(const Declaration& d) {
    in_ = &d;
    add(Role::kDeclaration, d.name);
    std::visit([&](const auto& body) { declared(body, d); }, d.body);
  }

 private:
  void add(Role role, const Name& name, std::string owner = {}) {
    if (!name.empty()) out.uses.push_back({role, name.text, name.span, std::move(owner)});
  }
  void expr(const Expr& e) {
    if (!e.empty()) out.exprs.push_back({&e, in_, result_});
  }
  void args(const std::vector<Arg>& list, const std::string& owner) {
    for (const Arg& arg : list) {
      add(Role::kArgument, arg.name, owner);
      expr(arg.value);
    }
  }
  void type(const TypeExpr& t) {
    if (t.shape == TypeExpr::Shape::kNamed) add(Role::kType, t.name);
    for (const TypeExpr& element : t.element) type(element);
  }
  void fields(const std::vector<FieldDecl>& list, const std::string& owner) {
    for (const FieldDecl& field : list) {
      add(Role::kArgument, field.name, owner);
      type(field.type);
      expr(field.value);
    }
  }

  void declared(const TypeDecl& d, const Declaration& at) { fields(d.fields, at.name.text); }
  void declared(const EventDecl& d, const Declaration& at) {
    add(Role::kArgument, d.key, at.name.text);
    fields(d.fields, at.name.text);
    for (const EventDecl::Lift& lift : d.lifts) args(lift.values, at.name.text);
  }
  void declared(const ConnectorDecl&, const Declaration&) {}
  void declared(const ActionDecl& d, const Declaration& at) {
    fields(d.takes, at.name.text);
    fields(d.gives, at.name.text);
    for (const Name& error : d.errors) add(Role::kError, error);
    add(Role::kConnector, d.connector);
    for (const auto* list : {&d.body, &d.query, &d.headers}) args(*list, {});
    for (const OutcomeDecl& outcome : d.outcomes) {
      expr(outcome.when);
      add(Role::kError, outcome.error);
    }
    if (d.undone_by) {
      result_ = true;
      use(*d.undone_by);
      result_ = false;
    }
    if (d.checked_by) use(*d.checked_by);
  }
  void use(const UseDecl& d) {
    add(Role::kAction, d.action);
    args(d.args, d.action.text);
  }
  void declared(const WorkflowDecl& d, const Declaration& at) {
    fields(d.takes, at.name.text);
    args(d.gives, at.name.text);
    expr(d.once_per);
    expr(d.finish_within);
    if (d.if_undo_fails) act(d.if_undo_fails->then);
    if (d.one_at_a_time) expr(d.one_at_a_time->per);
    for (const WorkflowDecl::StartsOn& starts : d.starts_on) {
      add(Role::kEvent, starts.event);
      args(starts.values, at.name.text);
    }
    for (const WorkflowDecl::Plan& plan : d.plans) add(Role::kPlan, plan.name);
    block(d.body);
  }
  void declared(const WebhookDecl& d, const Declaration&) {
    expr(d.once_per);
    block(d.body);
  }
  void declared(const PlanDecl&, const Declaration&) {}
  void declared(const ScenarioDecl& d, const Declaration&) { add(Role::kWorkflow, d.workflow); }
  void declared(const ReservedDecl&, const Declaration&) {}

  void block(const Statements& list) {
    for (const Statement& s : list) statement(s);
  }
  void act(const Act& a) {
    args(a.with, in_->name.text);
    expr(a.carry);
    expr(a.after);
    block(a.block);
  }
  void policies(const Policies& p) {
    add(Role::kPlan, p.retry_plan);
    for (const Expr* e : {&p.within, &p.request_key, &p.alive_every}) expr(*e);
    if (p.rate) expr(p.rate->per);
    for (const Handler& handler : p.handlers) {
      for (const Name& error : handler.errors) add(Role::kError, error);
      act(handler.act);
    }
    if (p.if_unsure) {
      add(Role::kAction, p.if_unsure->action);
      args(p.if_unsure->args, p.if_unsure->action.text);
    }
    if (p.keep) act(p.keep->then);
  }
  void source(const EventSource& s) {
    add(Role::kEvent, s.event);
    expr(s.key);
    expr(s.before);
  }
  void statement(const Statement& s) {
    using Kind = Statement::Kind;
    const std::string owner = !s.action.empty() ? s.action.text
                              : !s.run.empty()  ? s.run.text
                                                : s.source.event.text;
    const bool named = s.kind == Kind::kStep || s.kind == Kind::kWait || s.kind == Kind::kSet ||
                       s.kind == Kind::kAsk || s.kind == Kind::kForEach || s.kind == Kind::kCollect;
    if (named) add(Role::kLocal, s.name, owner);
    add(Role::kAction, s.action);
    add(Role::kWorkflow, s.run);
    args(s.args, owner);
    policies(s.policies);
    if (s.undo) {
      add(Role::kAction, s.undo->action);
      args(s.undo->args, s.undo->action.text);
      policies(s.undo->policies);
    }
    for (const Arm& arm : s.arms) {
      expr(arm.condition);
      block(arm.block);
    }
    for (const Branch& branch : s.branches) block(branch.block);
    source(s.source);
    for (const EventSource& one : s.sources) source(one);
    for (const Expr* e : {&s.within, &s.pause_for, &s.pause_until, &s.value}) expr(*e);
    act(s.act);
    block(s.body);
    fields(s.answers, {});
  }

  const Declaration* in_ = nullptr;
  bool result_ = false;
};

}  // namespace

FileIndex index_of(const File& file) {
  Walk walk;
  for (const Declaration& declaration : file.declarations) walk.declaration(declaration);
  return std::move(walk.out);
}

const File* file_of(const Compilation& compilation, std::uint32_t source) {
  for (const File& file : compilation.files) {
    if (file.source == source) return &file;
  }
  return nullptr;
}

}  // namespace belay::runtime::lsp
