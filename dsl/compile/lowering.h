// The lowering of one workflow: statements become nodes, names become slots, and on the way
// everything is checked that needs to know where a statement stands. A Flow says what is known at a
// point: it is copied into blocks and merged after them. The class is split by verb: workflow.cpp
// (the frame), statements.cpp, calls.cpp (steps, undos, checks), acts.cpp (handlers and what they
// do), safety.cpp (rules of a step as a whole).
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compile/tables.h"
#include "interpreter/graph.h"

namespace belay::dsl {

// A name of the workflow, once it is declared.
struct Known {
  std::string name;
  interpreter::Type type;
  interpreter::SlotId slot = interpreter::kNoSlot;
  enum class Origin { kTake, kStep, kWait, kSet } origin = Origin::kTake;
  Span at;
};

struct Visible {
  const Known* known = nullptr;
  bool may_be_absent = false;
  std::string because;
};

// What is known at one point of the workflow.
struct Flow {
  std::vector<Visible> names;
  std::set<std::string> present;  // paths proven to be present: `paid`, `customer.phone`
  bool ended = false;             // nothing that follows is ever reached
  Span ended_by;
};

enum class When { kForward, kUndo };  // when an expression is evaluated

// How control leaves an act.
enum class Onward { kEnds, kWithValue, kWithoutValue, kHolds };

class Lowering {
 public:
  Lowering(const Declaration& declaration, Tables& tables);
  // nullopt when something is wrong with the workflow.
  std::optional<interpreter::Graph> run();

 private:
  friend class FlowNames;
  friend class FlowChecker;

  // Where a call stands and what it may read.
  struct CallSite {
    const ActionInfo* action = nullptr;  // of the call; nullptr when unknown
    Flow* flow = nullptr;                // what its expressions see
    When when = When::kForward;
    const interpreter::Type* carries =
        nullptr;        // what `carry on with` must give; nullptr: anything
    std::string owner;  // "`capture`", "the undo of `capture`"
    Span at;            // of the action's name, or of what stands for it
  };
  // What missing arguments of an undo or a check are filled from.
  struct Filling {
    const ActionInfo* forward = nullptr;  // the action that is undone or checked
    const std::vector<interpreter::Binding>* args = nullptr;  // what it was given
    const UseInfo* use = nullptr;
    const Known* own = nullptr;  // the result, for undos
  };
  struct ActSite {
    Flow* flow = nullptr;
    When when = When::kForward;
    const interpreter::Type* carries = nullptr;
    std::string owner;
    bool may_try_again = true;
  };

  // workflow.cpp
  void declare_takes();
  void collect(const Statements& list);
  void collect_act(const Act& act);
  void collect_name(const Name& name, Known::Origin origin);
  void lower_frame();
  void lower_gives(Flow& flow);
  const Known* make_known(const Name& name, interpreter::Type type, Known::Origin origin,
                          interpreter::SlotId slot = interpreter::kNoSlot);
  static void show(Flow& flow, const Known* known, bool may_be_absent = false,
                   std::string because = {});
  static const Visible* find_visible(const Flow& flow, std::string_view name);
  CheckedExpr check(const Expr& expr, const Flow& flow, When when, std::string_view owner,
                    std::optional<interpreter::Type> wanted = std::nullopt,
                    std::string wanted_for = {});
  // What a condition proves where it holds (`yes`) and where it does not (`no`).
  static void prove(const CheckedExpr& condition, Flow& yes, Flow& no);
  interpreter::Program check_duration(const Expr& expr, const Flow& flow, When when,
                                      std::string_view owner, std::string what);
  Diagnostic& error(std::string_view code, Span span, std::string message);
  Diagnostic& warning(std::string_view code, Span span, std::string message);

  // statements.cpp
  interpreter::Block lower_block(const Statements& list, Flow& flow, bool top);
  interpreter::NodeId lower_statement(const Statement& statement, const Statement* next, Flow& flow,
                                      bool top);
  interpreter::NodeId new_node(interpreter::NodeKind kind, const Statement& statement);
  std::string unique_name(std::string_view prefix);
  void lower_when(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void share_sets(const std::vector<Arm>& arms, std::map<std::string, interpreter::SlotId>& before);
  void lower_together(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_wait(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_pause(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_publish(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_set(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_point(const Statement& statement, bool top);
  interpreter::Program check_key(const EventSource& source, const EventInfo& event,
                                 const Flow& flow, std::string_view owner);
  void use_event(const EventInfo& event);

  // calls.cpp
  void lower_step(const Statement& statement, const Statement* next, interpreter::NodeId id,
                  Flow& flow);
  interpreter::Call lower_call(const std::vector<Arg>& args, const Policies& policies,
                               const CallSite& site, const Filling* filling, bool& goes_on_without);
  std::optional<interpreter::Call> lower_undo(const Statement& statement, const ActionInfo* forward,
                                              const interpreter::Call* call, const Known* own,
                                              const Flow& before);
  void lower_policies(const Policies& policies, const CallSite& site, interpreter::Call& call,
                      bool& goes_on_without);
  void lower_if_unsure(const Policies& policies, const CallSite& site, interpreter::Call& call);
  void attach_check(const ActionInfo& check, const std::vector<Arg>& args, const CallSite& site,
                    Span span, interpreter::Call& call);
  interpreter::RetryPlan lower_retry(const Policies& policies);
  void fill_arguments(interpreter::Call& call, const ActionInfo& target,
                      const std::set<std::string>& given, const Filling& filling, const Flow& flow);
  interpreter::ActionId action_id(const ActionInfo& info);

  // acts.cpp
  interpreter::Act lower_act(const Act& act, const ActSite& site, Onward& onward);
  void lower_carry(const Act& act, const ActSite& site, interpreter::Act& out);
  void lower_finish(const Act& act, const ActSite& site, interpreter::Act& out);
  void lower_handlers(const std::vector<Handler>& handlers, const CallSite& site,
                      interpreter::Call& call, bool& goes_on_without);
  interpreter::Keep lower_keep(const Keep& keep, const ActSite& site, bool& goes_on_without);

  // safety.cpp
  void check_step_safety(const Statement& statement, const Statement* next,
                         const ActionInfo& action, const interpreter::Node& node, bool top);
  void check_effects(const Statement& statement, const Statement* next, const ActionInfo& action,
                     const interpreter::Node& node);
  void check_unsure(const Statement& statement, const ActionInfo& action,
                    const interpreter::Node& node);
  void check_undo(const Statement& statement, const ActionInfo& action,
                  const interpreter::Node& node);
  void check_unhandled(const Statement& statement, const ActionInfo& action);
  std::string undo_candidate(const ActionInfo& action) const;

  const Declaration& declaration_;
  const WorkflowDecl& decl_;
  Tables& tables_;
  interpreter::Graph graph_;
  bool failed_ = false;

  struct Output {  // of a `finish with`
    std::string name;
    interpreter::Type type;
    Span at;
  };
  std::vector<Output> finishes_;
  std::deque<Known> known_;  // stable addresses
  std::map<std::string, const Known*>
      elsewhere_;                  // every name of the workflow, wherever it is declared
  std::set<std::string> lowered_;  // those whose statement was reached
  std::map<std::string, interpreter::SlotId> shared_sets_;  // `set` names that arms share
  std::map<std::string, std::pair<Span, interpreter::RetryPlan>> plans_;
  std::map<std::string, interpreter::ActionId> action_ids_;
  std::set<std::string> event_names_, node_names_;
  std::map<std::string, int> counters_;
  std::size_t statements_ = 0;
  int together_depth_ = 0;
  bool after_point_ = false, top_ = false;
  Span point_at_;
};

class FlowNames final : public Names {
 public:
  FlowNames(Lowering& lowering, const Flow& flow, When when, std::string_view owner,
            const Expr& expr)
      : lowering_(lowering), flow_(flow), when_(when), owner_(owner), expr_(expr) {}
  std::optional<NameInfo> find(std::string_view name) const override;
  std::vector<std::string> all() const override;

 private:
  Lowering& lowering_;
  const Flow& flow_;
  When when_;
  std::string_view owner_;
  const Expr& expr_;
};

class FlowChecker final : public ExprChecker {
 public:
  FlowChecker(Lowering& lowering, const Flow& flow, When when, std::string owner)
      : lowering_(lowering), flow_(flow), when_(when), owner_(std::move(owner)) {}
  CheckedExpr check(const Expr& expr, const CheckOptions& options) override {
    return lowering_.check(expr, flow_, when_, owner_, options.wanted, options.wanted_for);
  }
  bool reads_like_name(const Arg& arg, const Tables& tables) const override {
    const FlowNames names(lowering_, flow_, when_, owner_, arg.value);
    return dsl::reads_like_name(arg, names, tables);
  }

 private:
  Lowering& lowering_;
  const Flow& flow_;
  When when_;
  std::string owner_;
};

}  // namespace belay::dsl
