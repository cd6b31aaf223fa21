// Guests. See people.h.
#include <chrono>
#include <thread>

#include "tests/chaos/people.h"

namespace belay::chaos {

using test::Reply;
using test::text_at;

namespace {

void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// The same request with the same key until it is answered: then it is a promise.
std::string start(Run& run, const Guest& guest) {
  const json body = {{"workflow", "confirm_booking"}, {"input", run.world.input_of(guest.booking)}};
  for (int tries = 0; !run.over; ++tries) {
    const Reply reply =
        run.world.api("POST", "/v1/sagas", body, {"Idempotency-Key: start-" + guest.booking.id});
    if (reply.ok()) {
      const std::string saga = text_at(reply.body, "/id");
      if (!run.promises.add(guest.booking.id, saga))
        run.problem("two sagas were promised for " + guest.booking.id);
      return saga;
    }
    if (reply.status >= 400 && reply.status < 500 && reply.status != 429)
      run.problem("a start was refused: " + std::to_string(reply.status) + " " + reply.text);
    if (tries == 0) ++run.starts_repeated;
    sleep_ms(100);
  }
  return "";
}

bool has_ended(const json& saga) {
  const std::string status = text_at(saga, "/status");
  return status == "completed" || status == "compensated";
}

// True when the provider has an intent to pay; false when the saga ended before.
bool asked_for_money(Run& run, const Guest& guest, const std::string& saga) {
  for (int i = 0; !run.over; ++i) {
    const Reply found =
        run.world.provider("GET", "/v1/payment_intents?metadata_booking=" + guest.booking.id);
    if (found.ok() && !found.body.at("data").empty()) return true;
    if (i % 10 == 9 && has_ended(run.world.saga(saga))) return false;
    sleep_ms(100);
  }
  return false;
}

// Somebody sweeps the hold away before the money is taken.
void lose_hold(Run& run, const Guest& guest) {
  while (!run.over) {
    try {
      run.world.sql(
          "UPDATE booking.slot SET state = 'expired' WHERE state = 'held' AND booking = '" +
          guest.booking.id + "'");
      return;
    } catch (const std::exception&) {
      sleep_ms(100);
    }
  }
}

void pay(Run& run, const Guest& guest) {
  json body = {{"booking", guest.booking.id}};
  if (guest.fate == Fate::kPaysAnotherSum) body["amount"] = guest.booking.price_minor - 1;
  while (!run.over) {
    const Reply reply = run.world.provider("POST", "/_control/pay_by_metadata", body);
    if (reply.ok()) return;
    if (reply.status == 404) return;  // cancelled meanwhile
    sleep_ms(100);
  }
}

// On what is shown, once, again when it has moved on.
void cancel(Run& run, const std::string& saga) {
  while (!run.over) {
    const Reply reply = run.world.act(saga, "/cancel", {{"reason", "the guest changed her mind"}});
    if (reply.ok() || reply.status == 409) return;
    sleep_ms(50);
  }
}

}  // namespace

bool Promises::add(const std::string& booking, const std::string& saga) {
  const std::lock_guard lock(mutex_);
  return sagas_.emplace(booking, saga).first->second == saga;
}

std::string Promises::saga_of(const std::string& booking) const {
  const std::lock_guard lock(mutex_);
  const auto found = sagas_.find(booking);
  return found == sagas_.end() ? "" : found->second;
}

std::size_t Promises::size() const {
  const std::lock_guard lock(mutex_);
  return sagas_.size();
}

void Run::problem(std::string text) {
  const std::lock_guard lock(problems_mutex);
  problems.push_back(std::move(text));
}

void be_guest(Run& run, const Guest& guest) {
  while (!run.over && run.kills < guest.comes_after_kill) sleep_ms(20);
  sleep_ms(guest.comes_after_ms);
  const std::string saga = start(run, guest);
  if (guest.booking.price_minor % 3 == 0) start(run, guest);  // an impatient second click
  if (!asked_for_money(run, guest, saga)) return;
  sleep_ms(guest.thinks_for_ms);
  const bool loses_hold = guest.fate == Fate::kHoldGone || guest.fate == Fate::kRefundError ||
                          guest.fate == Fate::kRefundRefused;
  if (loses_hold) lose_hold(run, guest);
  if (guest.fate == Fate::kNeverPays)
    cancel(run, saga);
  else
    pay(run, guest);
}

}  // namespace belay::chaos
