// The booking saga against a provider that misbehaves: whatever it does, the customer pays once for
// a booking that stands, or not at all, or a person is told exactly what is left over.
#include <chrono>
#include <thread>

#include "tests/catch.h"
#include "tests/support/world.h"

using namespace belay::test;

namespace {

void check_booked(const World& world, const Booking& booking, const std::string& saga,
                  int seconds = 30) {
  const json ended = world.wait_ended(saga, seconds);
  INFO(world.history(saga));
  CHECK(text_at(ended, "/status") == "completed");
  CHECK(world.count("booking.booking WHERE status = 'confirmed' AND id = '" + booking.id + "'") ==
        1);
  const json books = world.books_of(booking);
  CHECK(number_at(books, "/captured") == booking.price_minor);
  CHECK(number_at(books, "/captures") == 1);
  CHECK(number_at(books, "/refunded") == 0);
  CHECK(number_at(books, "/double_captures") == 0);
  CHECK(number_at(world.ledger(), "/authorised_open") == 0);
}

void check_undone(const World& world, const Booking& booking, const std::string& saga,
                  const std::string& because) {
  const json ended = world.wait_ended(saga);
  INFO(world.history(saga));
  CHECK(text_at(ended, "/status") == "compensated");
  CHECK(text_at(ended, "/because") == because);
  CHECK(ended.value("left_over", json::array()).empty());
  CHECK(world.count("booking.booking WHERE status = 'confirmed' AND id = '" + booking.id + "'") ==
        0);
  CHECK(world.count("booking.slot WHERE state IN ('held', 'booked') AND booking = '" + booking.id +
                    "'") == 0);
  const json books = world.books_of(booking);
  CHECK(number_at(books, "/captured") == number_at(books, "/refunded"));
  CHECK(number_at(world.ledger(), "/authorised_open") == 0);
}

json wait_phase(const World& world, const std::string& saga, const std::string& step,
                const std::string& phase) {
  const json seen = world.wait_until(
      saga, [&](const json& now) { return text_at(step_of(now, step), "/phase") == phase; });
  INFO(world.history(saga));
  REQUIRE(text_at(step_of(seen, step), "/phase") == phase);
  return seen;
}

json wait_health(const World& world, const std::string& saga, const std::string& health) {
  const json seen =
      world.wait_until(saga, [&](const json& now) { return text_at(now, "/health") == health; });
  INFO(world.history(saga));
  REQUIRE(text_at(seen, "/health") == health);
  return seen;
}

json on_capture(const Booking& booking, json rule) {
  rule["match"] = "POST /v1/payment_intents/*/capture";
  rule["metadata_booking"] = booking.id;
  return json::array({rule});
}

// The provider has taken the money, whatever it answered.
void wait_captured(const World& world, const Booking& booking) {
  for (int i = 0; i < 1000 && number_at(world.books_of(booking), "/captures") == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  REQUIRE(number_at(world.books_of(booking), "/captures") == 1);
}

}  // namespace

TEST_CASE("booking: all goes well, and mail that is down undoes nothing") {
  World world;
  const Booking booking = world.new_booking();
  world.faults({{{"match", "POST /v1/messages"}, {"action", "down"}, {"times", 2}}});
  const std::string saga = world.start(booking);
  CHECK(world.pay(booking).ok());
  check_booked(world, booking, saga);
  CHECK(number_at(world.books_of(booking), "/messages") == 1);
  CHECK(number_at(world.books_of(booking), "/calendar") == 1);
}

TEST_CASE("booking: the payment's webhook is there before the saga waits for it, three times") {
  World world;
  const Booking booking = world.new_booking();
  world.provider("POST", "/_control/customer", {{"auto_pay", true}});
  world.webhooks({{"before_response", true}, {"duplicate", 2}});
  const std::string saga = world.start(booking);
  check_booked(world, booking, saga);
}

TEST_CASE("booking: a declined card leaves nothing behind") {
  World world;
  const Booking booking = world.new_booking();
  world.faults(on_capture(booking, {{"action", "decline"}}));
  const std::string saga = world.start(booking);
  CHECK(world.pay(booking).ok());
  check_undone(world, booking, saga, "Card declined");
  CHECK(number_at(world.books_of(booking), "/captures") == 0);
  CHECK(number_at(world.books_of(booking), "/voids") == 1);
}

TEST_CASE("booking: another amount than the price is not captured") {
  World world;
  const Booking booking = world.new_booking();
  const std::string saga = world.start(booking);
  CHECK(world.pay(booking, {{"amount", 100}}).ok());
  check_undone(world, booking, saga, "The amount does not match");
  CHECK(number_at(world.books_of(booking), "/captures") == 0);
}

TEST_CASE("booking: cancelled before the capture, the authorisation is voided") {
  World world;
  const Booking booking = world.new_booking();
  world.webhooks({{"pause", true}});
  const std::string saga = world.start(booking);
  wait_phase(world, saga, "paid", "waiting");
  CHECK(world.pay(booking).ok());
  CHECK(number_at(world.ledger(), "/authorised_open") == 1);
  const Reply reply = world.act(saga, "/cancel", {{"reason", "the customer called"}});
  INFO(reply.text);
  CHECK(reply.ok());
  check_undone(world, booking, saga, "the customer called");
  CHECK(number_at(world.books_of(booking), "/voids") == 1);
  // The payment's webhook comes late: it changes nothing any more.
  world.webhooks({{"pause", false}});
  check_undone(world, booking, saga, "the customer called");
}

TEST_CASE("booking: a capture that times out after its work is asked again under the same key") {
  World world;
  const Booking booking = world.new_booking();
  world.faults(on_capture(booking, {{"action", "timeout_after"}, {"hold_ms", 300}, {"times", 1}}));
  const std::string saga = world.start(booking);
  CHECK(world.pay(booking).ok());
  check_booked(world, booking, saga);
  const std::vector<json> tries = world.requests(booking, "/capture");
  REQUIRE(tries.size() >= 2);
  CHECK(text_at(tries.front(), "/key") == text_at(tries.back(), "/key"));
  CHECK(text_at(tries.back(), "/replayed") == "true");
}

TEST_CASE("booking: a capture that stores its error is settled by the check, not by the same key") {
  World world;
  const Booking booking = world.new_booking();
  world.faults(on_capture(booking, {{"action", "error_500_after"}, {"times", 1}}));
  const std::string saga = world.start(booking);
  CHECK(world.pay(booking).ok());
  check_booked(world, booking, saga);
  CHECK(world.requests(booking, "/capture").size() == 1);
}

TEST_CASE(
    "booking: refund and void whose answers are stored errors are settled by their checks, nobody "
    "is woken") {
  World world;
  const Booking booking = world.new_booking();
  const auto once = [](const char* route) {
    return json{{"match", route}, {"action", "error_500_after"}, {"times", 1}};
  };
  world.faults(json::array({once("POST /v1/refunds"), once("POST /v1/payment_intents")}));
  const std::string saga = world.start(booking);
  wait_phase(world, saga, "paid", "waiting");  // the intent's own stored error is settled, too
  world.sql("UPDATE booking.slot SET state = 'expired' WHERE booking = '" + booking.id + "'");
  CHECK(world.pay(booking).ok());
  check_undone(world, booking, saga, "The hold expired");
  CHECK(world.requests(booking, "/refunds").size() == 1);
  CHECK(number_at(world.books_of(booking), "/intents") == 1);
}

TEST_CASE("booking: a key that the provider has forgotten is not used again") {
  Folder folder;
  WorldOptions options;
  options.workflows = workflows_with(folder.path + "/workflows", "connectors/stripe.belay",
                                     "remembers keys for 24 hours", "remembers keys for 1 second");
  options.provider_arguments = {"--keys-remembered-for", "1"};
  World world(options);
  const Booking booking = world.new_booking();
  world.faults(on_capture(booking, {{"action", "timeout_after"}, {"hold_ms", 1500}, {"times", 1}}));
  const std::string saga = world.start(booking);
  CHECK(world.pay(booking).ok());
  check_booked(world, booking, saga);
  CHECK(world.requests(booking, "/capture").size() == 1);
  CHECK(number_at(world.ledger(), "/keys/forgotten_reused") == 0);
}

TEST_CASE("booking: a refund that is refused is held, shown, and goes on when a person says so") {
  World world;
  const Booking booking = world.new_booking();
  world.faults({{{"match", "POST /v1/refunds"}, {"action", "decline"}}});
  const std::string saga = world.start(booking);
  wait_phase(world, saga, "paid", "waiting");
  world.sql("UPDATE booking.slot SET state = 'expired' WHERE booking = '" + booking.id + "'");
  CHECK(world.pay(booking).ok());
  const json held = wait_health(world, saga, "undo_failed");
  INFO(held.dump(1));
  CHECK(text_at(held, "/status") == "compensating");
  CHECK(text_at(held, "/because") == "The hold expired");
  REQUIRE(held.at("left_over").size() >= 1);
  CHECK(held.at("left_over").dump().find("capture (moves money)") != std::string::npos);

  // Looking first changes nothing.
  const Reply looked = world.api("POST", "/v1/sagas/" + saga + "/steps/capture/retry?dry_run=true",
                                 {{"reason", "looking"}});
  INFO(looked.text);
  CHECK(looked.status == 200);
  CHECK(text_at(looked.body, "/preview/allowed") == "true");
  CHECK(number_at(world.saga(saga), "/seq") == number_at(held, "/seq"));
  // Without If-Match nothing happens either; with an old one neither.
  const std::string retry = "/v1/sagas/" + saga + "/steps/capture/retry";
  CHECK(world.api("POST", retry, {{"reason", "now"}}).status == 428);
  CHECK(world.api("POST", retry, {{"reason", "now"}}, {"If-Match: \"1\""}).status == 412);
  // Still refused: it is held again.
  REQUIRE(world.act(saga, "/steps/capture/retry", {{"reason", "try once more"}}).ok());
  world.wait_until(saga, [&](const json& now) {
    return text_at(now, "/health") == "undo_failed" &&
           number_at(now, "/seq") > number_at(held, "/seq") + 1;
  });
  CHECK(number_at(world.books_of(booking), "/refunds") == 0);

  world.faults(json::array());
  REQUIRE(world.act(saga, "/steps/capture/retry", {{"reason", "the provider's account is funded"}})
              .ok());
  check_undone(world, booking, saga, "The hold expired");
  CHECK(number_at(world.books_of(booking), "/refunds") == 1);
  CHECK(world.history(saga).find("capture") != std::string::npos);
}

TEST_CASE("booking: the engine is killed while the capture is on its way") {
  World world;
  const Booking booking = world.new_booking();
  world.faults(
      on_capture(booking, {{"action", "timeout_after"}, {"hold_ms", 20'000}, {"times", 1}}));
  const std::string saga = world.start(booking);
  CHECK(world.pay(booking).ok());
  wait_captured(world, booking);
  world.server().kill9();
  world.start_server();
  check_booked(world, booking, saga);
  const std::vector<json> tries = world.requests(booking, "/capture");
  REQUIRE(tries.size() == 2);
  CHECK(text_at(tries.front(), "/key") == text_at(tries.back(), "/key"));
}

TEST_CASE("booking: Postgres is killed while the capture is on its way") {
  World world;
  const Booking booking = world.new_booking();
  world.faults(on_capture(booking, {{"action", "slow"}, {"hold_ms", 1500}, {"times", 1}}));
  const std::string saga = world.start(booking);
  wait_phase(world, saga, "paid", "waiting");
  CHECK(world.pay(booking).ok());
  wait_phase(world, saga, "capture", "in_flight");
  world.kill_postgres();
  world.start_postgres();
  check_booked(world, booking, saga, 60);
}

TEST_CASE("booking: engine and Postgres are killed at once") {
  World world;
  const Booking booking = world.new_booking();
  world.faults(
      on_capture(booking, {{"action", "timeout_after"}, {"hold_ms", 20'000}, {"times", 1}}));
  const std::string saga = world.start(booking);
  CHECK(world.pay(booking).ok());
  wait_captured(world, booking);
  world.server().kill9();
  world.kill_postgres();
  world.start_postgres();
  world.start_server();
  check_booked(world, booking, saga);
}
