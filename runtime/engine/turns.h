// `one at a time per VALUE`: sagas of a workflow that share a value run one after the other, or a
// second start is refused. The value decides the lane, so that one lane decides. Who is under way
// and who stands in line is a row of `turn` each, written with the start and taken away with the
// end.
//
//   start   nobody has the name: it holds the turn; else it is queued, or refused
//   end     the row goes, and NextTurn is sent in the same flush
//   next    NextTurn: nobody holds the name: the first in the order of ids gets TurnCame, its row
//   holds now
//
// NextTurn only says "look": it may come twice, or for nothing. A queued start sends one too, so
// whoever ended while it was being written does not leave it standing. The gate of the name keeps
// starts and looks apart until their commits are known. Only going forward is one at a time: an
// undo that a parent asks for later needs no turn. Tested in tests/runtime/engine_turns_test.cpp.
#pragma once
#include "runtime/engine/loop.h"

namespace belay::runtime {

class Turns {
 public:
  explicit Turns(Loop& loop) : loop_(loop) {}

  // "<workflow>:<value>", or empty when the workflow does not say `one at a time`. kInvalid: it
  // cannot be worked out.
  static Result<std::string> name_of(const interpreter::Graph& graph,
                                     const interpreter::Scope& takes);
  static Lane lane_of_name(const std::string& tenant, const std::string& name);
  static std::string gate_of(const std::string& tenant, const std::string& name);

  // A saga ended, in the batch of `slot`. Nothing for workflows without turns.
  void ended(const Saga& saga, Slot slot);
  // Has the line looked at once `slot` is committed.
  void look(Slot slot, Lane lane, const std::string& tenant, const std::string& name);
  // Of a saga that was away from its line.
  void look(const Saga& saga, Slot slot);
  // NextTurn, after its commit or out of the mailbox table.
  void deliver(Mail mail);

 private:
  struct Line;
  void give(const std::shared_ptr<Line>& line);
  void finish(const std::shared_ptr<Line>& line);

  Loop& loop_;
};

}  // namespace belay::runtime
