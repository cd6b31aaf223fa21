// Workflows over the shop of engine_harness.h that several tests share: a test's definitions are
// the words `belay 1` and the ones that it needs.
#pragma once

namespace belay::testing {

// Runs as the child of `trip`.
inline constexpr const char* kStay = R"(
workflow stay "Keep a room", version 1
  takes
    item  text
  gives
    id = hold.id
  step hold "Hold it"
    do reserve
      item = item
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"
)";

// Needs `stay`.
inline constexpr const char* kTrip = R"(
workflow trip "A trip", version 1
  takes
    item  text
  gives
    room = room.id
  step room "Keep a room"
    run stay
      item = item
    if cancelled, cancel because "No room"
  step pay "Pay"
    do charge
      item = item
    undo with refund
      id = pay.id
    if shop.declined, cancel because "Declined"
)";

inline constexpr const char* kQueue = R"(
workflow queue "One after the other", version 1
  takes
    item  text
  one at a time per item, others queue
  step hold "Hold it"
    do reserve
      item = item
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"
)";

inline constexpr const char* kThank = R"(
workflow thank "Thank once an order", version 1
  takes
    order  text
  once per order
  starts on shop.paid
    order = event.order
  step hold "Hold it"
    do reserve
      item = order
    undo with unreserve
      id = hold.id
    if shop.sold_out, cancel because "Sold out"
)";

}  // namespace belay::testing
