// Messages between a saga's lane and the lane of an event's key. In memory they are these structs; in the mailbox
// table they are JSON, written in the sender's flush and deleted in the receiver's. Every message may come again after
// a restart, so every receiver is idempotent. Payloads travel as JSON text: only the saga that takes an event knows
// its types. Tested in tests/runtime/engine_batch_test.cpp.
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

struct Mail {
  Lane to = 0, from = 0;
  std::int64_t number = 0;
  std::variant<Subscribe, Unsubscribe, PublishEvent, OfferAnswered, Offer> what;
};

MailboxRow encode_mail(const Mail& mail);
Result<Mail> decode_mail(const MailboxRow& row);

}  // namespace belay::runtime
