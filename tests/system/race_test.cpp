// Fifty customers want one slot at once. One gets it; the others are undone and told so; nobody
// pays for nothing.
#include <thread>

#include "tests/catch.h"
#include "tests/support/world.h"

using namespace belay::test;

namespace {

// Starts every booking from a thread of its own, waits for all, and returns the sagas as they
// ended.
std::vector<json> run_all(const World& world, const std::vector<Booking>& bookings) {
  std::vector<std::string> ids(bookings.size());
  std::vector<std::string> errors(bookings.size());
  std::vector<std::thread> customers;
  for (std::size_t i = 0; i < bookings.size(); ++i) {
    customers.emplace_back([&, i] {
      try {
        ids[i] = world.start(bookings[i]);
      } catch (const std::exception& error) {
        errors[i] = error.what();
      }
    });
  }
  for (std::thread& customer : customers) customer.join();
  std::vector<json> ended;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    INFO("booking " << i);
    REQUIRE(errors[i] == "");
    ended.push_back(world.wait_ended(ids[i], 60));
  }
  return ended;
}

std::size_t count_status(const std::vector<json>& sagas, const std::string& status) {
  std::size_t n = 0;
  for (const json& saga : sagas) n += text_at(saga, "/status") == status ? 1 : 0;
  return n;
}

void check_one_winner(World& world, const std::vector<Booking>& bookings) {
  const std::vector<json> sagas = run_all(world, bookings);
  CHECK(count_status(sagas, "completed") == 1);
  CHECK(count_status(sagas, "compensated") == bookings.size() - 1);
  for (const json& saga : sagas) {
    INFO(saga.dump(1));
    CHECK(saga.value("left_over", json::array()).empty());
    if (text_at(saga, "/status") == "compensated")
      CHECK(text_at(saga, "/because") == "The slot is gone");
  }
  CHECK(world.count("booking.booking WHERE status = 'confirmed'") == 1);
  CHECK(world.count("booking.slot WHERE state IN ('held', 'booked')") == 1);
  CHECK(world.count("booking.slot WHERE state = 'booked'") == 1);
  const json ledger = world.ledger();
  CHECK(number_at(ledger, "/authorised_open") == 0);
  CHECK(number_at(ledger, "/captures") == 1);
  CHECK(number_at(ledger, "/captured/EUR") == 4990);
  CHECK(number_at(ledger, "/double_captures") == 0);
}

}  // namespace

TEST_CASE("fifty sagas at once for the same slot: one is booked, the others are undone") {
  World world;
  world.provider("POST", "/_control/customer", {{"auto_pay", true}});
  const Booking first = world.new_booking();
  std::vector<Booking> bookings;
  for (int i = 0; i < 50; ++i) {
    Booking one = first;
    one.id = world.new_uuid();
    one.customer = world.new_uuid();
    bookings.push_back(one);
  }
  check_one_winner(world, bookings);
}

TEST_CASE("slots that overlap by a minute cannot both be booked") {
  World world;
  world.provider("POST", "/_control/customer", {{"auto_pay", true}});
  const Booking first = world.new_booking();
  std::vector<Booking> bookings;
  for (int i = 0; i < 10; ++i) {
    Booking one = first;
    one.id = world.new_uuid();
    one.customer = world.new_uuid();
    if (i % 2 == 1) {
      one.starts_at = "2031-05-04T10:59:00Z";
      one.ends_at = "2031-05-04T11:59:00Z";
    }
    bookings.push_back(one);
  }
  check_one_winner(world, bookings);
}

TEST_CASE("the same start again is the same saga, also from many at once") {
  World world;
  world.provider("POST", "/_control/customer", {{"auto_pay", true}});
  const Booking booking = world.new_booking();
  std::vector<std::string> ids(20);
  std::vector<std::thread> clicks;
  for (std::string& id : ids) clicks.emplace_back([&] { id = world.start(booking); });
  for (std::thread& click : clicks) click.join();
  for (const std::string& id : ids) CHECK(id == ids.front());
  CHECK(text_at(world.wait_ended(ids.front()), "/status") == "completed");
  CHECK(number_at(world.ledger(), "/captures") == 1);
}
