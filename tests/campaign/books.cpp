// See books.h.
#include "tests/campaign/books.h"

#include <chrono>
#include <cstdio>
#include <set>
#include <thread>
#include <unordered_map>

namespace belay::campaign {

using chaos::Fate;
using chaos::Guest;
using chaos::Run;
using nlohmann::json;
using test::number_at;
using test::text_at;

namespace {

constexpr std::size_t kProblemsMax = 200;

struct Ended {
  std::string status, health;
};
struct Books {
  std::unordered_map<std::string, Ended> sagas;  // by id, as the engine's table has them
  std::set<std::string> confirmed;               // bookings
  json ledger;
  int by_fate[chaos::kFates][2] = {};
};

// What is said of one booking; every kind of trouble counts once a booking.
struct Findings {
  std::vector<std::string> lost, open, doubled, other;
};

void read(const Run& run, Books& books) {
  for (const auto& row : run.world.rows("SELECT iid, status, health FROM belay.instance"))
    books.sagas[row[0]] = {row[1], row[2]};
  for (const auto& row :
       run.world.rows("SELECT id FROM booking.booking WHERE status = 'confirmed'"))
    books.confirmed.insert(row[0]);
  books.ledger = run.world.ledger();
}

void look_at_completed(const Guest& guest, const json& line, bool booked, Findings& found) {
  if (!booked) found.lost.push_back("completed without a booking");
  if (number_at(line, "/captured") == 0)
    found.lost.push_back("a booking that nobody paid for");
  else if (number_at(line, "/captured") != guest.booking.price_minor)
    found.other.push_back("another sum was taken");
  if (number_at(line, "/refunded") != 0)
    found.other.push_back("the money of a booking that stands was given back");
  if (number_at(line, "/messages") == 0) found.lost.push_back("no mail");
  if (number_at(line, "/calendar") == 0) found.lost.push_back("not in the calendar");
}

void look_at_compensated(const Run& run, const std::string& id, const json& line, bool booked,
                         Findings& found) {
  if (booked) found.lost.push_back("a booking that stands though all was undone");
  if (number_at(line, "/captured") != number_at(line, "/refunded"))
    found.lost.push_back("money that was not given back");
  if (number_at(line, "/messages") != 0)
    found.other.push_back("a mail about a booking that is none");
  const json saga = run.world.saga(id);
  if (!saga.contains("status")) found.other.push_back("the saga cannot be read");
  if (!saga.value("left_over", json::array()).empty())
    found.lost.push_back("left over: " + saga.at("left_over").dump());
}

Findings look_at(const Run& run, const Guest& guest, Books& books, Verdict& verdict) {
  Findings found;
  const std::string& booking = guest.booking.id;
  const std::string id = run.promises.saga_of(booking);
  const json line = books.ledger.at("by_booking").value(booking, json::object());
  const bool booked = books.confirmed.contains(booking);
  const std::int64_t captured = number_at(line, "/captured");
  verdict.captured += captured;
  verdict.refunded += number_at(line, "/refunded");
  if (booked) verdict.booked += guest.booking.price_minor;
  const auto saga = books.sagas.find(id);
  if (id.empty()) {
    found.other.push_back("its start was never answered");
  } else if (saga == books.sagas.end()) {
    found.lost.push_back("the promised saga is not there");
  } else if (saga->second.status == "completed") {
    ++verdict.completed;
    ++books.by_fate[static_cast<int>(guest.fate)][0];
    look_at_completed(guest, line, booked, found);
  } else if (saga->second.status == "compensated") {
    ++verdict.compensated;
    ++books.by_fate[static_cast<int>(guest.fate)][1];
    look_at_compensated(run, id, line, booked, found);
  } else {
    found.open.push_back("has not ended: " + saga->second.status + ", " + saga->second.health);
  }
  if (number_at(line, "/captures") > 1) found.doubled.push_back("captured more than once");
  if (number_at(line, "/refunds") > 1) found.doubled.push_back("refunded more than once");
  if (number_at(line, "/messages") > 1) found.doubled.push_back("told more than once");
  if (number_at(line, "/calendar") > 1) found.doubled.push_back("in the calendar more than once");
  if (number_at(line, "/open") != 0 && found.open.empty())
    found.lost.push_back("an authorisation is left open");
  const bool must_not_pay = guest.fate == Fate::kDeclined || guest.fate == Fate::kNeverPays ||
                            guest.fate == Fate::kPaysAnotherSum;
  if (must_not_pay && captured != 0)
    found.other.push_back("money was taken that must not be taken");
  return found;
}

void check_guests(Run& run, const std::deque<Guest>& guests, Books& books, Verdict& verdict) {
  for (const Guest& guest : guests) {
    const Findings found = look_at(run, guest, books, verdict);
    verdict.lost += found.lost.empty() ? 0 : 1;
    verdict.open += found.open.empty() ? 0 : 1;
    verdict.doubled += found.doubled.empty() ? 0 : 1;
    verdict.other += found.other.empty() ? 0 : 1;
    const auto tell = [&](const char* kind, const std::vector<std::string>& all) {
      std::string text;
      for (const std::string& one : all) text += (text.empty() ? "" : "; ") + one;
      if (all.empty() || run.problems.size() > kProblemsMax) return;
      run.problem(std::string(kind) + ": booking " + guest.booking.id + " (" + name(guest.fate) +
                  ", saga " + run.promises.saga_of(guest.booking.id) + "): " + text +
                  "; provider: " +
                  books.ledger.at("by_booking").value(guest.booking.id, json::object()).dump());
    };
    tell("LOST", found.lost);
    tell("NOT ENDED", found.open);
    tell("DOUBLED", found.doubled);
    tell("WRONG", found.other);
  }
}

// One row, one number: how often a rule is broken.
struct Rule {
  const char* what;
  const char* sql;
  int Verdict::*counts_as;
};
constexpr Rule kRules[] = {
    {"bookings that more than one saga was started for, the others",
     "SELECT count(*) - count(DISTINCT key) FROM belay.instance", &Verdict::doubled},
    {"sagas in two lanes", "SELECT count(*) - count(DISTINCT iid) FROM belay.instance",
     &Verdict::doubled},
    {"journals with gaps",
     "SELECT count(*) FROM (SELECT 1 FROM belay.entry GROUP BY iid HAVING max(seq) <> count(*)) AS "
     "gaps",
     &Verdict::lost},
    {"sagas whose row is not where their journal ends",
     "SELECT count(*) FROM belay.instance AS i WHERE i.status IN ('completed', 'compensated') AND "
     "i.seq <> "
     "(SELECT max(j.seq) FROM belay.entry AS j WHERE j.lane = i.lane AND j.iid = i.iid)",
     &Verdict::lost},
    {"calls with two recorded outcomes",
     "SELECT count(*) FROM (SELECT 1 FROM belay.entry WHERE kind = 'StepSucceeded' AND "
     "coalesce(body::json->>'direction', 'do') IN ('do', 'undo') "
     "GROUP BY iid, body::json->>'path', coalesce(body::json->>'direction', 'do') HAVING count(*) "
     "> 1) AS twice",
     &Verdict::doubled},
    {"journal entries that are older than the one before",
     "SELECT count(*) FROM (SELECT at < lag(at) OVER (PARTITION BY iid ORDER BY seq) AS back FROM "
     "belay.entry) AS j "
     "WHERE back",
     &Verdict::other},
    {"timers that fired early",
     "WITH due AS (SELECT iid, seq, coalesce(d->>'retry', d->>'waiting', '') AS path, "
     "coalesce(d->>'at', d->>'until')::bigint AS us, "
     "CASE WHEN d->>'retry' IS NOT NULL THEN 'retry' WHEN d->>'waiting' IS NOT NULL THEN 'limit' "
     "ELSE 'deadline' END AS timer "
     "FROM belay.entry, json_array_elements(coalesce(body::json->'drawn', '[]')) AS d "
     "WHERE d->>'retry' IS NOT NULL OR d->>'waiting' IS NOT NULL OR d->>'deadline' IS NOT NULL), "
     "fired AS (SELECT iid, seq, at, coalesce(body::json->>'timer', 'retry') AS timer, "
     "body::json->>'path' AS path FROM belay.entry WHERE kind = 'TimerFired'), "
     "last AS (SELECT DISTINCT ON (fired.iid, fired.seq) at, us FROM fired JOIN due ON "
     "due.iid = fired.iid AND due.timer = fired.timer AND due.seq < fired.seq AND "
     "(due.timer = 'deadline' OR due.path = fired.path) ORDER BY fired.iid, fired.seq, due.seq "
     "DESC) "
     "SELECT count(*) FROM last WHERE extract(epoch FROM at) * 1000000 < us",
     &Verdict::other},
    {"bookings of a slot by two",
     "SELECT count(*) FROM (SELECT 1 FROM booking.slot WHERE state = 'booked' "
     "GROUP BY booking HAVING count(*) > 1) AS twice",
     &Verdict::doubled},
    {"slots that a saga has ended and left held",
     "SELECT count(*) FROM booking.slot AS s WHERE s.state = 'held' AND NOT EXISTS (SELECT 1 FROM "
     "belay.instance AS i "
     "WHERE i.key = s.booking::text AND i.status IN ('running', 'compensating'))",
     &Verdict::lost},
    {"confirmed bookings without a booked slot",
     "SELECT count(*) FROM booking.booking AS b WHERE status = 'confirmed' AND NOT EXISTS "
     "(SELECT 1 FROM booking.slot WHERE booking = b.id AND state = 'booked')",
     &Verdict::lost},
};

void check_rules(Run& run, const Books& books, Verdict& verdict) {
  const auto broken = [&](const std::string& what, std::int64_t times, int Verdict::*counts_as) {
    if (times == 0) return;
    verdict.*counts_as += static_cast<int>(std::abs(times));
    run.problem(what + ": " + std::to_string(times));
  };
  for (const Rule& rule : kRules) {
    const std::string found = run.world.sql(rule.sql);
    broken(rule.what, found.empty() ? 0 : std::stoll(found), rule.counts_as);
  }
  const auto sagas = static_cast<std::int64_t>(books.sagas.size()),
             promised = static_cast<std::int64_t>(run.promises.size());
  broken("sagas that nobody was promised", std::max<std::int64_t>(0, sagas - promised),
         &Verdict::doubled);
  broken("double captures in the provider's books", number_at(books.ledger, "/double_captures"),
         &Verdict::doubled);
  broken("request keys that came again with another request",
         number_at(books.ledger, "/keys/reused_with_other_body"), &Verdict::other);
  broken("webhooks that the provider gave up", number_at(books.ledger, "/events/given_up"),
         &Verdict::lost);
  broken("cents that the provider has taken and no booking knows",
         number_at(books.ledger, "/captured/EUR") - verdict.captured, &Verdict::other);
  if (verdict.difference() != 0)
    run.problem("the books differ by " + std::to_string(verdict.difference()) + " cents");
}

void print(const Run& run, const Books& books, const Verdict& verdict) {
  std::printf("\n%-28s %9s %11s\n", "what happened to them", "completed", "compensated");
  for (int fate = 0; fate < chaos::kFates; ++fate) {
    if (books.by_fate[fate][0] + books.by_fate[fate][1] == 0) continue;
    std::printf("%-28s %9d %11d\n", name(static_cast<Fate>(fate)), books.by_fate[fate][0],
                books.by_fate[fate][1]);
  }
  std::printf("%-28s %9d %11d\n\n", "all", verdict.completed, verdict.compensated);
  const auto money = [](std::int64_t minor) { return static_cast<double>(minor) / 100; };
  std::printf(
      "captured %.2f - refunded %.2f = %.2f EUR; confirmed bookings %.2f EUR; difference %.2f\n",
      money(verdict.captured), money(verdict.refunded), money(verdict.captured - verdict.refunded),
      money(verdict.booked), money(verdict.difference()));
  std::printf(
      "starts sent again because nobody answered: %d; sagas settled by ops: %d; answers that the "
      "provider gave again: %lld\n",
      run.starts_repeated.load(), run.acts_by_ops.load(),
      static_cast<long long>(number_at(books.ledger, "/keys/replayed")));
}

}  // namespace

std::vector<std::string> wait_for_ends(Run& run, int seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  for (;;) {
    std::vector<std::string> open;
    for (const auto& row :
         run.world.rows("SELECT iid, status, health, waiting_on, failure FROM belay.instance "
                        "WHERE status IN ('running', 'compensating')"))
      open.push_back(row[0] + ": " + row[1] + ", " + row[2] + ", " + row[3] + " " + row[4]);
    if (open.empty() || run.over || std::chrono::steady_clock::now() > end) return open;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

Verdict do_the_books(Run& run, const std::deque<Guest>& guests) {
  Verdict verdict;
  Books books;
  read(run, books);
  check_guests(run, guests, books, verdict);
  check_rules(run, books, verdict);
  print(run, books, verdict);
  return verdict;
}

}  // namespace belay::campaign
