// `run`: a saga that is part of this one. It undoes itself when its parent is undone, so a step
// that runs it has no undo of its own; what it gives is the step's result. Here too: the order in
// which workflows are lowered, so that a child is known before those that run it.
#include <algorithm>

#include "dsl/compile/lowering.h"

namespace belay::dsl {

using interpreter::NodeId;
using interpreter::Type;

namespace {

struct RunSite {
  std::string child;
  Span at;
};

void find_runs(const Statements& list, std::vector<RunSite>& out);
void find_runs(const dsl::Act& act, std::vector<RunSite>& out) { find_runs(act.block, out); }
void find_runs(const Policies& policies, std::vector<RunSite>& out) {
  for (const dsl::Handler& handler : policies.handlers) find_runs(handler.act, out);
}
void find_runs(const Statements& list, std::vector<RunSite>& out) {
  for (const Statement& s : list) {
    if (!s.run.empty()) out.push_back({s.run.text, s.run.span});
    for (const dsl::Arm& arm : s.arms) find_runs(arm.block, out);
    for (const Branch& branch : s.branches) find_runs(branch.block, out);
    find_runs(s.body, out);
    find_runs(s.policies, out);
    find_runs(s.act, out);
  }
}

class Order {
 public:
  explicit Order(Tables& tables) : tables_(tables) {
    for (const Declaration* at : tables.workflows) {
      auto& runs = runs_[at->name.text];
      find_runs(std::get<WorkflowDecl>(at->body).body, runs);
    }
  }

  std::vector<const Declaration*> run() {
    for (const Declaration* at : tables_.workflows) visit(at->name.text);
    return std::move(order_);
  }

 private:
  enum class Mark { kNew, kOpen, kDone };
  struct Frame {
    std::string name;
    std::size_t next = 0;
  };

  // Depth first with a stack of our own: chains may be as long as the workspace is large.
  void visit(const std::string& root) {
    if (marks_[root] != Mark::kNew) return;
    marks_[root] = Mark::kOpen;
    path_ = {{root}};
    while (!path_.empty()) {
      const std::string name = path_.back().name;
      const std::vector<RunSite>& runs = runs_.at(name);
      if (path_.back().next == runs.size()) {
        marks_[name] = Mark::kDone;
        order_.push_back(tables_.sagas.find(name)->second.at);
        path_.pop_back();
        continue;
      }
      const RunSite& site = runs[path_.back().next++];
      if (!runs_.contains(site.child)) continue;  // unknown: reported where it stands
      Mark& mark = marks_[site.child];
      if (mark == Mark::kOpen) report(site);
      if (mark != Mark::kNew) continue;
      mark = Mark::kOpen;
      path_.push_back({site.child});
    }
  }

  void report(const RunSite& closing) {
    const auto first = std::find_if(path_.begin(), path_.end(),
                                    [&](const Frame& f) { return f.name == closing.child; });
    std::string circle = quoted(first->name);
    for (auto frame = first; frame != path_.end(); ++frame) {
      const bool last = std::next(frame) == path_.end();
      circle += frame == first ? " runs " : ", which runs ";
      circle += quoted(last ? closing.child : std::next(frame)->name);
    }
    Diagnostic& d = tables_.diagnostics.add("BEL5012", closing.at, circle);
    for (auto frame = first; frame != path_.end(); ++frame) {
      if (std::next(frame) == path_.end()) break;
      const RunSite& site = runs_.at(frame->name)[frame->next - 1];
      add_note_at(d, site.at, quoted(frame->name) + " runs " + quoted(site.child) + " here");
    }
    add_note(d, "such sagas would start each other without end");
    d.help = "use `repeat` for what happens again, or an event that starts the next saga";
  }

  Tables& tables_;
  std::map<std::string, std::vector<RunSite>> runs_;
  std::map<std::string, Mark> marks_;
  std::vector<Frame> path_;
  std::vector<const Declaration*> order_;
};

}  // namespace

std::vector<const Declaration*> order_workflows(Tables& tables) { return Order(tables).run(); }

void Lowering::lower_run(const Statement& statement, const Statement* next, NodeId id, Flow& flow) {
  static const std::vector<std::string> kErrors = {"cancelled", "bad_value"};
  static const std::vector<std::string> kErrorsDetached = {"bad_value"};
  const std::string owner = quoted(statement.name.text);
  const std::string child_name = quoted(statement.run.text);
  const WorkflowInfo* child = look_up(tables_.sagas, "BEL3008", "workflow", statement.run, tables_);
  if (child == nullptr || !child->ok) failed_ = true;
  const bool known = child != nullptr && child->lowered;
  Type result;
  result.base = Type::Base::kError;
  if (known) result = child->result;
  refuse_policies(statement);

  FlowChecker checker(*this, flow, When::kForward, owner);
  interpreter::Call call;
  call.action = interpreter::kNoAction;
  if (!known) {
    for (const Arg& arg : statement.args) checker.check(arg.value, {});
  } else {
    const ArgsContext context{.fields = child->takes,
                              .owner = child_name,
                              .noun = "input",
                              .declared_at = child->at->name.span};
    CheckedArgs checked = check_args(statement.args, context, checker, tables_);
    failed_ = failed_ || !checked.ok;
    warn_private(statement.args, child->takes, checked.bindings, "another saga", graph_.slots);
    call.args = std::move(checked.bindings);
    if (!check_missing(call.args, context, statement.run.span, checked.given, tables_))
      failed_ = true;
    graph_.nodes[id].run = {.workflow = statement.run.text,
                            .version = child->version,
                            .hash = child->hash,
                            .detached = statement.detached};
  }

  const std::vector<std::string>& errors = statement.detached ? kErrorsDetached : kErrors;
  const Known* own = nullptr;
  if (statement.detached) {
    detached_.insert(statement.name.text);
  } else {
    own = make_known(statement.name, result, Known::Origin::kStep);
    graph_.nodes[id].slot = own->slot;
  }
  CallSite site{.flow = &flow,
                .carries = own != nullptr ? &own->type : nullptr,
                .owner = owner,
                .at = statement.run.span,
                .errors = &errors,
                .errors_of = owner};
  site.errors_note = statement.detached
                         ? "nobody waits for it: only its inputs can fail, as `bad_value`"
                         : "a saga that is run ends in `cancelled`, whatever happened in it, or in "
                           "`bad_value`";
  bool goes_on_without = false;
  lower_handlers(statement.policies.handlers, site, call, goes_on_without);
  graph_.nodes[id].call = std::move(call);
  if (statement.no_undo_because) graph_.nodes[id].no_undo_because = statement.no_undo_because->text;
  if (!statement.detached && undoable() && !statement.no_undo_because &&
      !(after_point_ && child != nullptr && child->has_point)) {
    interpreter::Call undo;  // the child knows how
    undo.action = interpreter::kNoAction;
    graph_.nodes[id].undo = std::move(undo);
  }
  lowered_.insert(statement.name.text);
  if (own != nullptr) {
    show(flow, own, goes_on_without,
         goes_on_without ? owner + " may go on without a result" : std::string());
  }
  std::vector<std::string> open;
  for (const std::string& e : errors) {
    if (!handles(statement.policies.handlers, e)) open.push_back(e);
  }
  const std::vector<std::string> uncaught = raise(open);
  if (known && !declaration_.broken) {
    const bool caught = std::find(uncaught.begin(), uncaught.end(), "cancelled") == uncaught.end();
    check_run_safety(statement, next, *child, caught);
  }
}

// What is said about tries, limits and undos of an action means nothing for a saga: it has its own.
void Lowering::refuse_policies(const Statement& statement) {
  if (declaration_.broken) return;  // `run` itself may be the mistake
  const std::string owner = quoted(statement.name.text);
  const auto refuse = [&](Span span, std::string_view clause, std::string help) {
    Diagnostic& d = error("BEL4032", span,
                          std::string(clause) + " makes no sense here: " + owner + " runs a saga");
    d.help = std::move(help);
  };
  const Policies& p = statement.policies;
  const std::string inside = "say it at the steps of " + quoted(statement.run.text);
  if (!p.retry_plan.empty()) refuse(p.retry_plan.span, "`retry`", inside);
  if (p.tries) refuse(p.tries->span, "`retry`", inside);
  if (!p.within.empty())
    refuse(p.within.span, "`within`", "write `finish within` in " + quoted(statement.run.text));
  if (!p.request_key.empty()) refuse(p.request_key.span, "`request key`", inside);
  if (!p.alive_every.empty()) refuse(p.alive_every.span, "`alive every`", inside);
  if (p.rate) refuse(p.rate->span, "`at most`", inside);
  if (p.if_unsure) refuse(p.if_unsure->span, "`if unsure`", inside);
  if (p.keep)
    refuse(p.keep->span, "`keep trying`",
           "say what follows when it is cancelled: `if cancelled, carry on`, or `hand to TEAM`");
  if (statement.undo) {
    refuse(statement.undo->span, "`undo with`",
           "take it out: a saga that is run is undone by itself, step by step");
  }
}

}  // namespace belay::dsl
