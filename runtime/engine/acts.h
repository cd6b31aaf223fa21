// What people do to a saga: cancel, pause, resume, retry, skip, resolve. An act applies to the state that was shown
// (`If-Match`), once (`Idempotency-Key`), is previewed on a copy first, and is refused with a reason or journaled with
// who and why. Tested in tests/runtime/engine_act_test.cpp.
#pragma once
#include "runtime/engine/loop.h"

namespace belay::runtime {

class Acts {
 public:
  using Done = std::function<void(Result<ActReply>)>;

  explicit Acts(Loop& loop) : loop_(loop) {}
  void act(ActRequest request, Done done);

 private:
  struct Asked {
    ActRequest request;
    Done done;
    Gate::Keys gate;
  };
  void look_up(std::shared_ptr<Asked> asked, Lane lane);
  void perform(const std::shared_ptr<Asked>& asked, Saga& saga);
  // Of a quarantined saga.
  void read_again(std::shared_ptr<Asked> asked, bool looked_up);
  void take_up_again(const std::shared_ptr<Asked>& asked, LoadResult& loaded);
  void keep_answer(const ActRequest& request, const ActReply& reply, const Saga& saga, Slot slot);
  void finish_with(Slot slot, const std::shared_ptr<Asked>& asked, ActReply reply);
  void finish(const Asked& asked, Result<ActReply> reply);

  Loop& loop_;
};

}  // namespace belay::runtime
