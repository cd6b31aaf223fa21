// What will happen to every booking of a run: drawn from the seed before anything starts, so that a
// run can be repeated. The provider gets one list of fault rules: first those of single bookings,
// then bad luck for everybody.
#pragma once
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/support/world.h"

namespace belay::chaos {

using test::Booking;
using test::json;

enum class Fate : std::uint8_t {
  kPays,            // all is well
  kDeclined,        // the card is declined at the capture
  kNeverPays,       // and the customer cancels
  kPaysAnotherSum,  // which is not captured
  kCaptureLost,     // the money is taken, the answer never comes
  kCaptureError,    // the money is taken, the answer is a stored 500
  kCaptureSlow,
  kIntentError,  // the intent is made, the answer is a stored 500: nobody knows, a person must look
  kHoldGone,     // the hold is gone when the money is taken: refund
  kRefundError,  // and the refund answers a stored 500: a person must look
  kRefundRefused,  // and the refund is refused the first time: a person must say so again
  kMailDown,
};
const char* name(Fate fate);
inline constexpr int kFates = 12;

struct Guest {
  Booking booking;
  Fate fate = Fate::kPays;
  int comes_after_kill = 0;  // so that there is always somebody about when things are killed
  int comes_after_ms = 0;    // since that kill
  int thinks_for_ms = 0;     // between being asked for the money and paying
};

// One guest of a room; a room has slots for guests 0 to kSlotsOfRoom - 1.
inline constexpr int kSlotsOfRoom = 6000;
Guest draw_guest(test::World& world, const std::string& room, int number, std::mt19937_64& random);
std::vector<Guest> draw_guests(test::World& world, int count, int kills, std::mt19937_64& random);
json fault_rules(const std::vector<Guest>& guests);
// The two parts of it: what awaits one guest, and bad luck for everybody, which comes last.
json rules_of(const Guest& guest);
json rules_for_all();

}  // namespace belay::chaos
