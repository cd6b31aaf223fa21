// Messages between lanes: between a saga and the lane of an event's key, between a parent and its
// child. In memory they are these structs; in the mailbox table they are JSON, written in the
// sender's flush and deleted in the receiver's. Every message may come again after a restart, so
// every receiver is idempotent. Payloads travel as JSON text: only the saga that takes an event
// knows its types. Tested in tests/runtime/engine_batch_test.cpp.
#pragma once
#include <cstdint>
#include <string>
#include <variant>

#include "runtime/base/result.h"
#include "runtime/store/store.h"

namespace belay::runtime {

// To the key's lane.
struct Subscribe {
  SubscriptionRow row;  // row.lane: the key's lane
  Lane saga_lane = 0;
};
struct Unsubscribe {
  SubscriptionRow row;
};
struct PublishEvent {
  EventRow row;  // lane, eseq and at are the receiver's to fill
};
struct OfferAnswered {  // a saga took the event, or did not
  SubscriptionRow row;
  std::int64_t eseq = 0;
  bool taken = false;
  bool waits = false;  // the saga still waits there (for another event)
};
// To the saga's lane.
struct Offer {
  SubscriptionRow row;
  EventRow event;
};

// ---- Parents and children (children.h) ----

// To the lane of a child's identity: start it, once.
struct RunChild {
  std::string tenant, key;     // its start key
  interpreter::Parent parent;  // empty saga: detached, nobody is told
  std::string workflow, hash;
  std::string input;  // a tagged value
  std::string actor;
};
// To the same lane: it is not wanted any more.
struct HaltChild {
  std::string tenant, key;
  interpreter::Parent parent;
  bool undo = false;  // it had completed, and its parent is being undone
  std::string because;
  SagaId saga;  // sent on to the child's own lane: it need not be looked up
};
// To the parent's lane.
struct ChildEnded {
  std::string tenant;
  interpreter::Parent parent;
  bool undo = false;  // answers HaltChild with undo; else RunChild
  enum class End { kCompleted, kUndone, kLeftOver } end = End::kCompleted;
  std::string output;  // kCompleted: a tagged value
  std::string message;
};

// ---- Starts by events (event_starts.h) ----

// To the lane of the start's identity.
struct StartByEvent {
  std::string workflow, hash;
  std::string key;  // its start key
  EventRow event;
};
// To the event's key lane.
struct EventStarted {
  std::string tenant, type, key;
  std::int64_t eseq = 0;
  std::string workflow;
  std::string why;  // nothing was started; empty: it was
};

// ---- `one at a time` (turns.h) ----

// To the lane of the name: look who is next.
struct NextTurn {
  std::string tenant, name;
};

// ---- Node to node (asks.h) ----

// To any lane: for who holds it.
struct NodeAsks {
  std::string id, body;
  std::string node;  // who asks
};
// To the lane that the request came from; who has that by now sends it on to a lane of the node
// that asked.
struct NodeAnswers {
  std::string id, body;
  std::string node;
};

struct Mail {
  Lane to = 0, from = 0;
  std::int64_t number = 0;
  std::variant<Subscribe, Unsubscribe, PublishEvent, OfferAnswered, Offer, RunChild, HaltChild,
               ChildEnded, StartByEvent, EventStarted, NextTurn, NodeAsks, NodeAnswers>
      what;
};

// Whose work it is; empty: what nodes ask of each other.
const std::string& tenant_of(const Mail& mail);
// MailboxRow::kind of NodeAnswers.
inline constexpr const char* kAnswerKind = "node_answers";

MailboxRow encode_mail(const Mail& mail);
Result<Mail> decode_mail(const MailboxRow& row);

}  // namespace belay::runtime
