// What acts and migrations have in common, which share their keys: a request of a person, answered
// once. Under an Idempotency-Key equals wait for the first, then find its answer, which was kept in
// the flush that did the thing; the same key with another request is refused. Tested in
// tests/runtime/engine_act_test.cpp and engine_migrate_test.cpp.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "interpreter/defects.h"
#include "runtime/base/limits.h"
#include "runtime/engine/loop.h"

namespace belay::runtime {

// Request has tenant, saga, request_digest, idempotency_key, reason.
template <class Request, class Reply>
class AnsweredOnce {
 public:
  using Done = std::function<void(Result<Reply>)>;

 protected:
  struct Asked {
    Request request;
    Done done;
    Gate::Keys gate;  // held until it is finished; empty: it has no key, or was not looked up
    int tries = 0;
  };
  using AskedPtr = std::shared_ptr<Asked>;

  explicit AnsweredOnce(Loop& loop) : loop_(loop) {}

  static Result<void> bounded(const Request& request) {
    const bool fits = request.reason.size() <= limits::reason_bytes_max &&
                      request.idempotency_key.size() <= limits::key_bytes_max;
    if (fits) return {};
    return fail(ErrorCode::kInvalid, "a reason has at most 2,000 bytes and an Idempotency-Key 255");
  }
  static Failure database_silent() {
    return {ErrorCode::kUnavailable, "the database does not answer", "try again in a few seconds"};
  }
  static Failure key_reused() {
    return {ErrorCode::kKeyReused, "this Idempotency-Key was used for another act",
            "use a new key for a new request"};
  }

  // Finishes with the answer that was kept, by `decode(text)`, or calls `first(epoch)`: nobody has
  // asked for it before, as of that epoch of the lane.
  template <class Decode, class First>
  void look_up(AskedPtr asked, Lane lane, Decode decode, First first) {
    const Request& request = asked->request;
    const Gate::Keys keys{"act:" + request.tenant + '\0' + request.idempotency_key};
    loop_.gate().enter(keys, [this, asked, lane, keys, decode, first] {
      asked->gate = keys;
      const std::int64_t epoch = loop_.epoch(lane);
      Loader::DedupQuery query{lane, asked->request.tenant, kScope, asked->request.idempotency_key};
      loop_.loader().dedup(
          query, [this, asked, lane, epoch, decode, first](Result<std::optional<DedupRow>> seen) {
            if (epoch == 0) return finish(*asked, fail(held_elsewhere(lane)));
            if (!seen) return finish(*asked, fail(seen.error()));
            if (!*seen || defective(Defect::kActDedupSkipped)) return first(epoch);
            if ((*seen)->digest != asked->request.request_digest)
              return finish(*asked, fail(key_reused()));
            finish(*asked, decode((*seen)->answer));
          });
    });
  }

  // In the flush of `slot`, so that the repetition says the same as the first. Without a key:
  // nothing.
  void keep_answer(const Request& request, const Saga& saga, Slot slot, std::string answer) {
    if (request.idempotency_key.empty()) return;
    DedupRow row;
    row.lane = saga.lane;
    row.tenant = request.tenant;
    row.scope = kScope;
    row.key = request.idempotency_key;
    row.digest = request.request_digest;
    row.answer = std::move(answer);
    row.at = saga.state.now;
    slot.batch->add(slot.owner, std::move(row));
  }

  // The caller hears when it is committed, or after a while that nobody knows; equals wait until it
  // is known.
  void finish_with(Slot slot, const AskedPtr& asked, Reply reply) {
    if (defective(Defect::kActAnswersEarly)) asked->done(reply);
    slot.answer([asked, reply = std::move(reply)](const Failure* failure) {
      if (failure != nullptr)
        asked->done(fail(*failure));
      else
        asked->done(reply);
    });
    if (asked->gate.empty()) return;
    slot.when_known([this, gate = asked->gate](const Failure*) { loop_.gate().leave(gate); });
  }

  void finish(const Asked& asked, Result<Reply> reply) {
    asked.done(std::move(reply));
    if (!asked.gate.empty()) loop_.gate().leave(asked.gate);
  }

  Loop& loop_;

 private:
  static constexpr const char* kScope = "act";
};

}  // namespace belay::runtime
