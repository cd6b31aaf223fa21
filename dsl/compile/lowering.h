// The lowering of one workflow: statements become nodes, names become slots, and on the way
// everything is checked that needs to know where a statement stands. A Flow says what is known at a
// point: it is copied into blocks and merged after them. The class is split by verb: workflow.cpp
// (the frame), clauses.cpp (what a workflow says beside its steps), statements.cpp, parallel.cpp
// (`together`), loops.cpp (`for each`, `repeat`, `collect`), questions.cpp (`wait`, `ask`),
// scopes.cpp (`try`, the blocks of handlers, and where a failure goes), calls.cpp (steps, undos,
// checks), children.cpp (`run`), acts.cpp (handlers and what they do), safety.cpp (rules of a step
// as a whole), secrecy.cpp (where a private value may go).
#pragma once
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compile/tables.h"
#include "dsl/symbols.h"
#include "interpreter/graph.h"

namespace belay::dsl {

// A name of the workflow, once it is declared.
struct Known {
  std::string name;
  interpreter::Type type;
  interpreter::SlotId slot = interpreter::kNoSlot;
  enum class Origin { kTake, kStep, kWait, kSet, kAsk, kItem, kCollect } origin = Origin::kTake;
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
  bool left = false;              // it ended by an act that leaves a handler's block
  Span ended_by;
  std::optional<Span> waited;  // the first statement of a handler's block that takes its time
};

enum class When { kForward, kUndo };  // when an expression is evaluated

// How control leaves an act.
enum class Onward { kEnds, kWithValue, kWithoutValue, kHolds };

// What every action may end in, whatever it declares.
inline constexpr std::array<std::string_view, 3> kBuiltInErrors = {"refused", "bad_value",
                                                                   "gave_up"};

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
    // The errors that its handlers may name, where that is not the action's to say (`run`, `try`).
    const std::vector<std::string>* errors = nullptr;
    std::string errors_of;              // "`refund_order`", "this `try`"
    std::string errors_note;            // why there are no others
    std::vector<Flow>* ways = nullptr;  // as ActSite's
    std::string no_try_again;           // as ActSite's
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
    std::string no_try_again;           // why `try again` cannot stand here; empty: it can
    std::vector<Flow>* ways = nullptr;  // gets what is known wherever control goes on from the act
  };
  // The block of a handler, or of `otherwise`: the acts in it are about the statement around it.
  struct HandlerBlock {
    const ActSite* site = nullptr;
    std::vector<Flow> leaves;  // where a `carry on` leaves it
    bool without_value = false, with_value = false, holds = false;
  };
  // A part of the saga that can be undone while the rest goes on.
  struct Part {
    enum class Kind { kBranch, kItem, kTry } kind = Kind::kTry;
    const Statements* list = nullptr;  // its own statements
  };
  struct Catcher {  // a `try` around the statement
    const std::vector<Handler>* handlers = nullptr;
    std::set<std::string> raised;  // errors that its body may end in
    bool anything = false;         // the body holds something unknown: it may end in any error
  };
  struct Collected {
    Name name;
    interpreter::SlotId inner = interpreter::kNoSlot;
    interpreter::Type type;
  };
  struct Loop {  // the loop around the statement
    bool for_each = false;
    std::vector<Collected> collected;
  };

  // workflow.cpp
  void describe();
  void declare_takes();
  void collect(const Statements& list);
  void collect_act(const Act& act);
  void collect_name(const Name& name, Known::Origin origin);
  void lower_frame();
  void lower_gives(Flow& flow);
  void check_outputs(const Arg& arg, interpreter::Type& type);
  void explain_absent(const Known& other, bool ended, Diagnostic& d) const;
  const Known* make_known(const Name& name, interpreter::Type type, Known::Origin origin,
                          interpreter::SlotId slot = interpreter::kNoSlot);
  // For editors: what is known around a statement, or of the workflow as a whole.
  std::vector<std::uint32_t> known_at(const Flow& flow);
  void note_scope(const Statement& statement, std::vector<std::uint32_t> before, const Flow& flow);
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
  void share_sets(const std::vector<const Statements*>& blocks,
                  std::map<std::string, interpreter::SlotId>& before);
  static void merge_ends(const std::vector<Flow>& ends, std::size_t before, Flow& flow);
  void lower_pause(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_publish(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_set(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_point(const Statement& statement, bool top);
  void use_event(const EventInfo& event);

  // parallel.cpp
  void lower_together(const Statement& statement, interpreter::NodeId id, Flow& flow);
  std::uint32_t wanted_branches(const Statement& statement);

  // loops.cpp
  void lower_for_each(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_repeat(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_collect(const Statement& statement, interpreter::NodeId id, Flow& flow);
  std::uint32_t count(const Number& number, std::int64_t max, std::string what, std::string help);

  // questions.cpp
  void lower_wait(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_ask(const Statement& statement, interpreter::NodeId id, Flow& flow);
  interpreter::Type lower_source(const EventSource& source, const Flow& flow,
                                 std::string_view owner, interpreter::Source& out);
  interpreter::Type lower_sources(const Statement& statement, interpreter::NodeId id,
                                  const Flow& flow, std::string_view owner);
  Onward lower_limit(const Statement& statement, interpreter::NodeId id, Flow& flow,
                     const interpreter::Type& result, std::string_view who_may_not_come);

  // scopes.cpp
  void lower_try(const Statement& statement, interpreter::NodeId id, Flow& flow);
  void lower_act_statement(const Statement& statement, interpreter::NodeId id, Flow& flow);
  interpreter::Block lower_handler_block(const Statements& block, const ActSite& site,
                                         Onward& onward);
  // Lowers a block that no act can leave: a branch, a loop's body, the body of a `try`.
  interpreter::Block lower_closed(const Statements& block, Flow& flow, std::string_view inside);
  // Tells the `try`s around that something here may end in these errors. Returns those that none
  // of them takes.
  std::vector<std::string> raise(const std::vector<std::string>& errors);
  void raise_anything();
  // Whether a failure here undoes less than the whole saga, at least for a while.
  bool failure_is_local() const;
  // Whether what is done here may have to be undone.
  bool undoable() const { return !after_point_ || !parts_.empty(); }

  // children.cpp
  void lower_run(const Statement& statement, const Statement* next, interpreter::NodeId id,
                 Flow& flow);
  void refuse_policies(const Statement& statement);

  // clauses.cpp
  void lower_one_at_a_time(const Flow& start);
  void lower_starts_on();
  bool publishes(const Statements& list, std::string_view event) const;
  void lower_alive(const Policies& policies, const CallSite& site, interpreter::Call& call);
  void lower_rate(const Policies& policies, const CallSite& site, interpreter::Call& call);
  void want_key_type(const Expr& expr, const CheckedExpr& checked, std::string_view what);

  // secrecy.cpp
  // The first private value that goes into what the program gives: `customer.email`; empty: none.
  std::string private_read(const interpreter::Program& program) const;
  void refuse_private(const Expr& expr, const interpreter::Program& program, std::string_view what);
  void warn_private(const std::vector<Arg>& args, const std::vector<interpreter::Field>& fields,
                    const std::vector<interpreter::Binding>& bindings, std::string_view where,
                    const std::vector<interpreter::SlotInfo>& slots);
  // The type of a name that gets this value: private when the value is made from one that is.
  interpreter::Type tainted(const CheckedExpr& value) const;

  // calls.cpp
  void lower_step(const Statement& statement, const Statement* next, interpreter::NodeId id,
                  Flow& flow);
  static std::vector<std::string> open_errors(const Statement& statement, const ActionInfo& action);
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
  void check_error_name(const Name& name, const CallSite& site);
  interpreter::Keep lower_keep(const Keep& keep, const ActSite& site, bool& goes_on_without);

  // safety.cpp
  void check_step_safety(const Statement& statement, const Statement* next,
                         const ActionInfo& action, const interpreter::Node& node,
                         const std::vector<std::string>& uncaught);
  void check_effects(const Statement& statement, const Statement* next, const ActionInfo& action,
                     const interpreter::Node& node);
  void check_unsure(const Statement& statement, const ActionInfo& action,
                    const interpreter::Node& node);
  void check_unhandled(const Statement& statement, const ActionInfo& action,
                       const std::vector<std::string>& uncaught);
  void check_run_safety(const Statement& statement, const Statement* next,
                        const WorkflowInfo& child, bool caught);
  bool must_say_undo(const Statement* next) const;
  void check_undo(const Statement& statement, const ActionInfo& action,
                  const interpreter::Node& node);
  std::string undo_candidate(const ActionInfo& action) const;

  const Declaration& declaration_;
  const WorkflowDecl& decl_;
  Tables& tables_;
  interpreter::Graph graph_;
  bool failed_ = false;
  std::unique_ptr<Scope> scope_;  // nullptr: no editor asks
  std::map<const Known*, std::uint32_t> scope_ids_;
  std::size_t scope_names_ = 0;

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
  bool after_point_ = false, top_ = false;
  Span point_at_;

  // Where the statement stands.
  const Statements* list_ = nullptr;        // the list that holds it
  std::vector<std::string_view> parallel_;  // `together`, `for each`: no `finish` inside
  std::uint32_t loop_depth_ = 0;
  std::vector<Loop> loops_;
  std::vector<Part> parts_;
  std::vector<Catcher*> catchers_;
  HandlerBlock* handler_block_ = nullptr;
  std::string_view barrier_;  // what stands between the statement and its handler's block
  std::set<std::string> in_loop_, in_try_;  // names that ended with a loop; of a `try` so far
  std::set<std::string> detached_;          // runs without result
  struct Output {                           // what a `finish` gives
    interpreter::Type type;
    Span span;
  };
  std::map<std::string, std::vector<Output>> outputs_;
  interpreter::Type result_;  // the record of what the saga gives
};

// Whether one of the handlers takes the error for good: `try again` may still end in it.
bool handles(const std::vector<Handler>& handlers, const std::string& error);

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
