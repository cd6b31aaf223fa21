// See audit.h.
#include "tests/chaos/audit.h"

#include <chrono>
#include <cstdio>
#include <set>
#include <thread>

namespace belay::chaos {

using test::number_at;
using test::Reply;
using test::text_at;

namespace {

struct Sums {
  std::int64_t captured = 0, refunded = 0, booked = 0;
  int completed = 0, compensated = 0;
  int by_fate[kFates][2] = {};
};

std::set<std::string> confirmed_bookings(const test::World& world) {
  std::set<std::string> ids;
  const std::string all = world.sql(
      "SELECT coalesce(string_agg(id::text, ','), '') FROM booking.booking WHERE status = "
      "'confirmed'");
  for (std::size_t at = 0; at + 36 <= all.size(); at += 37) ids.insert(all.substr(at, 36));
  return ids;
}

// One guest: what became of the saga, the money, the booking and the mail must tell one story.
void check_guest(Run& run, const Guest& guest, const json& books, bool booked, Sums& sums) {
  const std::string& booking = guest.booking.id;
  const json saga = run.world.saga(run.promises.saga_of(booking));
  const std::string status = text_at(saga, "/status");
  const auto wrong = [&](const std::string& what) {
    run.problem("booking " + booking + " (" + name(guest.fate) + ", saga " + text_at(saga, "/id") +
                " " + status + "): " + what + "; provider: " + books.dump());
  };
  const std::int64_t captured = number_at(books, "/captured"),
                     refunded = number_at(books, "/refunded");
  sums.captured += captured;
  sums.refunded += refunded;
  if (status == "completed") {
    ++sums.completed;
    ++sums.by_fate[static_cast<int>(guest.fate)][0];
    sums.booked += guest.booking.price_minor;
    if (!booked) wrong("completed without a booking");
    if (captured != guest.booking.price_minor || refunded != 0)
      wrong("a booking that is not paid once");
    if (number_at(books, "/messages") != 1 || number_at(books, "/calendar") != 1)
      wrong("not told exactly once");
  } else if (status == "compensated") {
    ++sums.compensated;
    ++sums.by_fate[static_cast<int>(guest.fate)][1];
    if (booked) wrong("a booking that stands though everything was undone");
    if (captured != refunded) wrong("money that was not given back");
    if (number_at(books, "/messages") != 0) wrong("a guest was told of a booking that is none");
    if (!saga.value("left_over", json::array()).empty())
      wrong("something is left over: " + saga.at("left_over").dump());
  } else {
    wrong("has not ended");
  }
  if (number_at(books, "/captures") > 1) wrong("captured more than once");
  if (number_at(books, "/refunds") > 1) wrong("refunded more than once");
  if (number_at(books, "/open") != 0) wrong("an authorisation is left open");
  const bool must_pay = guest.fate == Fate::kDeclined || guest.fate == Fate::kNeverPays ||
                        guest.fate == Fate::kPaysAnotherSum;
  if (must_pay && captured != 0) wrong("money was taken that must not be taken");
}

void check_count(Run& run, const std::string& what, std::int64_t found, std::int64_t wanted) {
  if (found != wanted)
    run.problem(what + ": " + std::to_string(found) + ", wanted " + std::to_string(wanted));
}

void check_tables(Run& run, const Sums& sums) {
  const test::World& world = run.world;
  const auto promised = static_cast<std::int64_t>(run.promises.size());
  check_count(run, "sagas in the engine's table", world.count("belay.instance"), promised);
  check_count(run, "bookings that a saga was started for",
              world.count("(SELECT DISTINCT key FROM belay.instance) AS k"), promised);
  check_count(run, "sagas that have not ended",
              world.count("belay.instance WHERE status IN ('running', 'compensating')"), 0);
  check_count(
      run, "journals with gaps",
      world.count("(SELECT 1 FROM belay.entry GROUP BY iid HAVING max(seq) <> count(*)) AS gaps"),
      0);
  check_count(run, "confirmed bookings", world.count("booking.booking WHERE status = 'confirmed'"),
              sums.completed);
  check_count(run, "booked slots", world.count("booking.slot WHERE state = 'booked'"),
              sums.completed);
  check_count(run, "slots still held", world.count("booking.slot WHERE state = 'held'"), 0);
}

void print(const Run& run, const Sums& sums) {
  std::printf("\n%-28s %9s %11s\n", "what happened to them", "completed", "compensated");
  for (int fate = 0; fate < kFates; ++fate) {
    if (sums.by_fate[fate][0] + sums.by_fate[fate][1] == 0) continue;
    std::printf("%-28s %9d %11d\n", name(static_cast<Fate>(fate)), sums.by_fate[fate][0],
                sums.by_fate[fate][1]);
  }
  std::printf("%-28s %9d %11d\n", "all", sums.completed, sums.compensated);
  std::printf(
      "\ncaptured %.2f - refunded %.2f = %.2f EUR; confirmed bookings %.2f EUR; difference %.2f\n",
      static_cast<double>(sums.captured) / 100, static_cast<double>(sums.refunded) / 100,
      static_cast<double>(sums.captured - sums.refunded) / 100,
      static_cast<double>(sums.booked) / 100,
      static_cast<double>(sums.captured - sums.refunded - sums.booked) / 100);
  std::printf("starts sent again because nobody answered: %d; sagas settled by ops: %d\n",
              run.starts_repeated.load(), run.acts_by_ops.load());
}

}  // namespace

std::vector<std::string> wait_for_ends(Run& run, int seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  std::vector<std::string> open;
  for (;;) {
    std::vector<std::string> seen;
    bool complete = true;
    for (const char* status : {"running", "compensating"}) {
      const Reply list = run.world.api("GET", std::string("/v1/sagas?limit=500&status=") + status);
      if (list.status != 200) {
        complete = false;
        continue;
      }
      for (const json& row : list.body.at("sagas"))
        seen.push_back(text_at(row, "/id") + ": " + status + ", " + text_at(row, "/health") + ", " +
                       text_at(row, "/waiting_on") + " " + text_at(row, "/failure"));
    }
    if (complete) open = std::move(seen);
    if ((complete && open.empty()) || std::chrono::steady_clock::now() > end) return open;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

void audit(Run& run) {
  Sums sums;
  const json ledger = run.world.ledger();
  const std::set<std::string> booked = confirmed_bookings(run.world);
  for (const Guest& guest : run.guests) {
    if (run.promises.saga_of(guest.booking.id).empty()) {
      run.problem("booking " + guest.booking.id + " was never answered");
      continue;
    }
    check_guest(run, guest, ledger.at("by_booking").value(guest.booking.id, json::object()),
                booked.count(guest.booking.id) > 0, sums);
  }
  check_tables(run, sums);
  check_count(run, "open authorisations", number_at(ledger, "/authorised_open"), 0);
  check_count(run, "double captures", number_at(ledger, "/double_captures"), 0);
  check_count(run, "captured in the provider's books", number_at(ledger, "/captured/EUR"),
              sums.captured);
  check_count(run, "refunded in the provider's books", number_at(ledger, "/refunded/EUR"),
              sums.refunded);
  check_count(run, "captured less refunded, against confirmed bookings",
              sums.captured - sums.refunded, sums.booked);
  print(run, sums);
}

}  // namespace belay::chaos
