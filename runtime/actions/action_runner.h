// How an action is carried out: HTTP through its connector, SQL by receipt, a plugin in this
// process. The runner reports each outcome once; what an outcome means for the saga is the
// interpreter's business.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "interpreter/graph.h"
#include "interpreter/journal.h"
#include "interpreter/value.h"
#include "runtime/base/seal.h"

namespace belay::runtime {

struct ActionCall {
  std::shared_ptr<const interpreter::Graph> graph;
  interpreter::ActionId action = 0;
  std::string tenant;
  std::string saga;
  std::int32_t lane = 0;
  std::string key;  // the request key, complete
  interpreter::Value args;
  SealPtr seal;  // of a saga with private values: what is kept of the outcome is sealed by it
  std::int64_t within_ms = 0;  // 0: the connector's limit
  std::int64_t alive_ms = 0;  // a plugin that is silent for so long is unsure; 0: it need not speak
  std::uint32_t rate_count =
      0;  // at most so many calls of `rate_measure` each `rate_per_ms`; 0: any number
  std::int64_t rate_per_ms = 0;
  std::string rate_measure;
  interpreter::Instant now;  // database time at sending
  // monotonic_us() until which the lane's lease lets effects leave; renewed by the engine while
  // calls wait for a limiter or a free thread. Null: no limit. A call that is over before it was
  // sent is answered as transient.
  std::shared_ptr<const std::atomic<std::int64_t>> send_until_us;
};

struct ActionOutcome {
  bool ok = false;
  interpreter::Value result;  // when ok: a record of the action's gives, decoded and validated
  interpreter::FailureKind kind = interpreter::FailureKind::kTransient;
  std::string error;  // "stripe.card_declined"; built in: refused, timeout, unavailable,
                      // unreadable, lost, …
  std::string message;
  bool answered = false;
  std::int64_t retry_after_ms = 0;
};

class ActionRunner {
 public:
  virtual ~ActionRunner() = default;
  // Any thread; does not block on the action. `done` is called exactly once, on any thread.
  virtual void run(ActionCall call, std::function<void(ActionOutcome)> done) = 0;
};

}  // namespace belay::runtime
