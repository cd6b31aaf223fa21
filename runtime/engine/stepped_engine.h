// The engine without threads of its own, for simulations: whoever holds it calls the steps that its
// threads would do, one at a time and in any order, with a virtual clock (base/clock.h). Everything
// else is the engine that ships. All calls on one thread; answers and calls of actions happen
// inside the steps. Used by tests/sim.
#pragma once
#include <memory>

#include "runtime/base/clock.h"
#include "runtime/engine/engine.h"

namespace belay::runtime {

class SteppedEngine : public Engine {
 public:
  // As Engine::open. The waiting forms of requests cannot be used: nobody would answer.
  static Result<std::unique_ptr<SteppedEngine>> open_stepped(Store& store, ActionRunner& runner,
                                                             EngineOptions options);

  // What the loop thread does between two waits: tasks from the inbox, timers, ticks, handing over
  // to writers. False: it is stopped.
  virtual bool step_loop() = 0;
  // There is something in the inbox.
  virtual bool loop_has_work() const = 0;
  // Unless something comes in, the loop has nothing to do before then.
  virtual SteadyTime wake_at() const = 0;

  virtual std::size_t writers() const = 0;
  // Tries one flush. False: this writer has nothing to write.
  virtual bool step_writer(std::size_t writer) = 0;
  // Answers what was asked of the database. False: nothing was.
  virtual bool step_loader() = 0;

  // Destroying it without stop() is the death of its process: nothing more is written, callers hear
  // kInDoubt.
};

}  // namespace belay::runtime
