// What the three ways of running an action share: an action's own scope of names, its outcome
// rules, and its result made out of an answer. Private to runtime/actions.
#pragma once
#include <optional>
#include <string>

#include "interpreter/expr.h"
#include "interpreter/graph.h"
#include "runtime/actions/action_runner.h"
#include "runtime/base/environment.h"
#include "runtime/base/result.h"

namespace belay::runtime {

// The names of an action: its takes, then body, status, header (interpreter::ActionSlot).
class ActionScope final : public interpreter::Scope {
 public:
  // Both outlive the scope.
  ActionScope(const interpreter::Action& action, const ActionCall& call);

  std::optional<interpreter::Value> body, status, header;  // without value until there is an answer

  const interpreter::Value* slot(std::uint32_t index) const override;
  interpreter::Timestamp now() const override;
  const interpreter::Environment* environment() const override { return &runtime::environment(); }

 private:
  const interpreter::Action& action_;
  const ActionCall& call_;
};

// The error of the first rule that holds, or nullopt. A rule that cannot be evaluated (it looks at
// a field that this answer does not have) does not hold.
std::optional<std::string> mapped_error(const interpreter::Action& action,
                                        const ActionScope& scope);

// The record of the action's gives: each from its expression, or from the field of the same name in
// the body; decoded and validated. Failure: kInvalid, what does not fit.
Result<interpreter::Value> result_of(const interpreter::Action& action, const ActionScope& scope);

// Messages are cut, so that no answer can flood a journal.
std::string bounded_message(std::string message);

ActionOutcome succeeded(interpreter::Value result);
ActionOutcome failed(interpreter::FailureKind kind, std::string error, std::string message,
                     std::int64_t retry_after_ms = 0);

// Whether the lane's lease still lets an effect leave.
bool may_send(const ActionCall& call);

inline const interpreter::Action& action_of(const ActionCall& call) {
  return call.graph->actions[call.action];
}

}  // namespace belay::runtime
