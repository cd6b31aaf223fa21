// What people do to a saga: cancel, pause, resume, retry, skip, resolve. An act applies to the
// state that was shown
// (`If-Match`), once (`Idempotency-Key`), is previewed on a copy first, and is refused with a
// reason or journaled with who and why. Tested in tests/runtime/engine_act_test.cpp.
#pragma once
#include "runtime/engine/answered_once.h"

namespace belay::runtime {

class Acts : private AnsweredOnce<ActRequest, ActReply> {
 public:
  using AnsweredOnce::Done;

  explicit Acts(Loop& loop) : AnsweredOnce(loop) {}
  void act(ActRequest request, Done done);

 private:
  void perform_once(AskedPtr asked, Lane lane);
  void perform(const AskedPtr& asked, Saga& saga);
  // Of a quarantined saga.
  void read_again(AskedPtr asked, bool looked_up);
  void take_up_again(const AskedPtr& asked, LoadResult& loaded);
};

}  // namespace belay::runtime
