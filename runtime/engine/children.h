// Sagas that run sagas. A parent and its child live in lanes of their own and speak by mail, so
// that neither waits for the other's commit and each message is written with what it follows from:
//
//   run     parent ─ RunChild ─▶ child's lane: started, once (its start key is the parent's call)
//   end     child ─ ChildEnded ─▶ parent's lane: StepSucceeded or StepFailed of the call
//   stop    parent ─ HaltChild ─▶ child: CancelAsked while it runs, UndoAsked when it had completed
//
// Every message may come twice; the second changes nothing. Tested in
// tests/runtime/engine_children_test.cpp.
#pragma once
#include <set>

#include "runtime/engine/loop.h"

namespace belay::runtime {

class Children {
 public:
  explicit Children(Loop& loop) : loop_(loop) {}

  // Commands of a parent; the mail leaves with `slot`.
  void start(const Saga& parent, Slot slot, interpreter::StartChild& command);
  void stop(const Saga& parent, Slot slot, interpreter::StopChild& command);
  // A saga that has a parent ended, in the batch of `slot`.
  void ended(const Saga& child, Slot slot);
  // RunChild, HaltChild, ChildEnded: after their commit, or out of the mailbox table after a
  // restart.
  void deliver(Mail mail);

 private:
  void run(const Mail& mail, const RunChild& message, GraphPtr graph);
  void halt(const Mail& mail, const HaltChild& message);
  void send_on(const Mail& mail, const RunChild& message, Lane to);
  void halt_found(const Mail& mail, const HaltChild& message, const SagaId& saga,
                  std::optional<Lane> lane);
  void halt_saga(Saga& child, const Mail& mail, const HaltChild& message);
  void tell(const Mail& mail, const ChildEnded& message);
  void drop(const Mail& mail);
  void refuse(const Mail& mail, const RunChild& message, const std::string& why);

  std::set<std::string>
      fetching_;  // start keys whose definition is being read: a halt waits behind them

  // Texts with private values pass by sealed.
  std::string closed(bool holds_private, std::string text) const;
  Result<std::string> opened(const std::string& text) const;

  Loop& loop_;
};

}  // namespace belay::runtime
