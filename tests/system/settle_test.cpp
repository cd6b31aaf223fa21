// A payment and a wish to book come from two systems, in either order, maybe twice
// (workflows/booking/settle_booking). Whatever the order, there is one booking that is paid, or no
// booking and the money is back.
#include <chrono>
#include <thread>

#include "tests/catch.h"
#include "tests/support/world.h"

using namespace belay::test;

namespace {

struct Settlement {
  World world;
  Booking booking = world.new_booking();

  std::string start() {
    const Reply reply =
        world.api("POST", "/v1/sagas",
                  {{"workflow", "settle_booking"},
                   {"input", {{"booking", booking.id}, {"customer", booking.customer}}}});
    INFO(reply.text);
    REQUIRE(reply.ok());
    return text_at(reply.body, "/id");
  }

  // The customer pays elsewhere: all that we hear of it is the provider's webhook.
  void pay(std::int64_t minor) {
    const Reply made = world.provider_form(
        "/v1/payment_intents",
        "amount=" + std::to_string(minor) + "&currency=eur&metadata%5Bbooking%5D=" + booking.id +
            "&metadata%5Bcustomer%5D=" + booking.customer + "&capture_method=manual",
        "elsewhere-" + booking.id);
    INFO(made.text);
    REQUIRE(made.ok());
    const std::string intent = text_at(made.body, "/id");
    REQUIRE(world.provider("POST", "/_control/pay/" + intent, json::object()).ok());
    REQUIRE(
        world.provider_form("/v1/payment_intents/" + intent + "/capture", "", "take-" + booking.id)
            .ok());
  }

  Reply wish(const std::string& event_id, const std::string& resource = "") {
    return world.api("POST", "/v1/events",
                     {{"type", "booking.intent_created"},
                      {"id", event_id},
                      {"payload",
                       {{"booking", booking.id},
                        {"resource", resource.empty() ? booking.resource : resource},
                        {"starts_at", booking.starts_at},
                        {"ends_at", booking.ends_at},
                        {"price", {{"currency", "EUR"}, {"minor", booking.price_minor}}}}}});
  }

  // The webhook has come in and is kept as an event.
  void until_heard() {
    for (int i = 0; i < 500; ++i) {
      const Reply events = world.api("GET", "/v1/events?type=payment.captured&key=" + booking.id);
      if (events.status == 200 && !events.body.at("events").empty()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    FAIL("the webhook did not come in");
  }

  void check_booked(const std::string& saga) {
    const json ended = world.wait_ended(saga);
    INFO(world.history(saga));
    CHECK(text_at(ended, "/status") == "completed");
    CHECK(world.count("booking.booking WHERE status = 'confirmed' AND id = '" + booking.id + "'") ==
          1);
    CHECK(number_at(world.books_of(booking), "/captured") == booking.price_minor);
    CHECK(number_at(world.books_of(booking), "/refunded") == 0);
  }

  void check_paid_back(const std::string& saga, const std::string& because, std::int64_t paid) {
    const json ended = world.wait_ended(saga);
    INFO(world.history(saga));
    CHECK(text_at(ended, "/status") == "compensated");
    CHECK(text_at(ended, "/because") == because);
    CHECK(ended.value("left_over", json::array()).empty());
    CHECK(world.count("booking.booking WHERE id = '" + booking.id + "'") == 0);
    CHECK(world.count("booking.slot WHERE state IN ('held', 'booked') AND booking = '" +
                      booking.id + "'") == 0);
    CHECK(number_at(world.books_of(booking), "/captured") == paid);
    CHECK(number_at(world.books_of(booking), "/refunded") == paid);
    CHECK(number_at(world.books_of(booking), "/refunds") == 1);
  }
};

}  // namespace

TEST_CASE("settle: the payment comes first, even before the saga") {
  Settlement s;
  s.pay(4990);
  s.until_heard();
  const std::string saga = s.start();
  s.world.wait_until(
      saga, [](const json& now) { return text_at(step_of(now, "intent"), "/phase") == "waiting"; });
  CHECK(s.wish("wish-1").ok());
  s.check_booked(saga);
}

TEST_CASE("settle: the wish to book comes first, even before the saga") {
  Settlement s;
  CHECK(s.wish("wish-1").ok());
  const std::string saga = s.start();
  s.pay(4990);
  s.check_booked(saga);
}

TEST_CASE("settle: a payment that comes when its saga is over starts another one") {
  Settlement s;
  const std::string first = s.start();
  CHECK(s.world.act(first, "/cancel", {{"reason", "the customer called"}}).ok());
  CHECK(text_at(s.world.wait_ended(first), "/status") == "compensated");
  s.pay(4990);
  s.until_heard();
  const std::string second = s.start();  // the payment's, or the same one if this was faster
  CHECK(second != first);
  s.world.wait_until(second, [](const json& now) {
    return text_at(step_of(now, "intent"), "/phase") == "waiting";
  });
  SECTION("there is a new wish to book") {
    CHECK(s.wish("wish-1").ok());
    s.check_booked(second);
  }
  SECTION("nobody wishes to book any more") {
    CHECK(s.world.act(second, "/cancel", {{"reason", "nobody wishes"}}).ok());
    s.check_paid_back(second, "nobody wishes", 4990);
  }
}

TEST_CASE("settle: duplicates change nothing") {
  Settlement s;
  s.world.webhooks({{"duplicate", 3}});
  const std::string saga = s.start();
  CHECK(s.start() == saga);
  CHECK(s.wish("wish-1").status == 201);
  CHECK(text_at(s.wish("wish-1").body, "/duplicate") == "true");
  CHECK(s.wish("wish-2").ok());  // the same wish, sent anew by a system that forgot
  s.pay(4990);
  CHECK(s.wish("wish-1").status == 200);
  s.check_booked(saga);
  CHECK(s.start() == saga);
  CHECK(s.world.count("booking.booking") == 1);
}

TEST_CASE("settle: another amount than the price is paid back") {
  Settlement s;
  const std::string saga = s.start();
  s.pay(4000);
  CHECK(s.wish("wish-1").ok());
  s.check_paid_back(saga, "The amount does not match", 4000);
  const Reply events = s.world.api("GET", "/v1/events?type=booking.failed&key=" + s.booking.id);
  REQUIRE(events.status == 200);
  REQUIRE(events.body.at("events").size() == 1);
  CHECK(text_at(events.body, "/events/0/payload/reason") == "The amount does not match");
}

TEST_CASE("settle: a payment for a slot that is gone is paid back") {
  Settlement s;
  s.world.sql(
      "INSERT INTO booking.slot (id, resource, booking, during, state) VALUES (gen_random_uuid(), "
      "'" +
      s.booking.resource +
      "', gen_random_uuid(), tstzrange('2031-05-04 10:30Z', '2031-05-04 11:30Z'), 'booked')");
  const std::string saga = s.start();
  CHECK(s.wish("wish-1").ok());
  s.pay(4990);
  s.check_paid_back(saga, "The slot is gone", 4990);
}

TEST_CASE("settle: a cancelled settlement pays back what came in") {
  Settlement s;
  const std::string saga = s.start();
  s.pay(4990);
  s.world.wait_until(
      saga, [](const json& now) { return text_at(step_of(now, "intent"), "/phase") == "waiting"; });
  const Reply reply = s.world.act(saga, "/cancel", {{"reason", "the customer changed her mind"}});
  INFO(reply.text);
  CHECK(reply.ok());
  s.check_paid_back(saga, "the customer changed her mind", 4990);
}
