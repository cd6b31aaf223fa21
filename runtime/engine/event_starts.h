// `starts on EVENT`: an event that is published starts a saga of each workflow that says so.
//
//   event   key lane: row of the event ─ StartByEvent ─▶ lane of the start's identity, in the same
//   flush start   input worked out over the event, started once (its start key is the event's
//   identity) answer  ─ EventStarted ─▶ key lane: the event is claimed; or why nothing was started,
//   kept beside the event, which
//           then is listed as unclaimed
//
// Every message may come twice. Tested in tests/runtime/engine_event_start_test.cpp.
#pragma once
#include "runtime/engine/loop.h"

namespace belay::runtime {

// Where reasons are kept: rows of `dedup`, key = workflow.
std::string not_started_scope(std::int64_t eseq);

class EventStarts {
 public:
  explicit EventStarts(Loop& loop) : loop_(loop) {}

  // An event was added in the batch of `slot`. `source`: of its id.
  void added(Slot slot, const EventRow& event, const std::string& source);
  // StartByEvent, after its commit or out of the mailbox table.
  void deliver(Mail mail);

 private:
  void start(const Mail& mail, const StartByEvent& message, GraphPtr graph);
  void refuse(const Mail& mail, const StartByEvent& message, const std::string& why);

  Loop& loop_;
};

}  // namespace belay::runtime
