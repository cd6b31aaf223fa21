// Ids that rise, lanes that stay, and a clock that never runs backwards.
#include "runtime/base/ids.h"

#include <set>

#include "runtime/base/clock.h"
#include "tests/catch.h"

using namespace belay::runtime;
using belay::interpreter::Instant;

TEST_CASE("ids are version 7 uuids, rise, and hold their time") {
  IdGenerator ids;
  const Instant now{1'795'262'400'123'456};
  std::string last;
  for (int i = 0; i < 5000; ++i) {
    // The clock stands still, then steps back.
    const std::string id = ids.next({now.us - (i > 2500 ? 5'000'000 : 0)});
    CHECK(is_uuid(id));
    CHECK(id > last);
    CHECK(id[14] == '7');
    CHECK((id[19] == '8' || id[19] == '9' || id[19] == 'a' || id[19] == 'b'));
    last = id;
  }
  CHECK(time_of_uuid(IdGenerator().next(now)).us == 1'795'262'400'123'000);
  CHECK(IdGenerator().next(now) != IdGenerator().next(now));
  // A later clock is caught up with at once: 5,000 ids are a bit more than a millisecond of
  // fractions.
  CHECK(time_of_uuid(ids.next({now.us + 10'000})).us == 1'795'262'400'133'000);
}

TEST_CASE("uuids are checked and normalised") {
  CHECK(is_uuid("0198f3c2-7d1a-7000-8000-0123456789ab"));
  for (const char* bad :
       {"", "0198F3C2-7D1A-7000-8000-0123456789AB", "0198f3c27d1a70008000 0123456789ab",
        "0198f3c2-7d1a-7000-8000-0123456789ag", "0198f3c2-7d1a-7000-8000-0123456789ab0",
        "0198f3c2+7d1a-7000-8000-0123456789ab"}) {
    CHECK(!is_uuid(bad));
  }
  CHECK(normalise_uuid("0198F3C2-7D1A-7000-8000-0123456789AB") ==
        "0198f3c2-7d1a-7000-8000-0123456789ab");
  CHECK(!normalise_uuid("0198F3C2-7D1A-7000-8000-0123456789A"));
}

TEST_CASE("a lane is fixed for ever, and lanes are used evenly") {
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // SHA-256("acme\0confirm_booking:7"), first 8 bytes, mod 32.
  CHECK(lane_of("acme", "confirm_booking:7", 32) ==
        static_cast<int>(
            std::stoull(sha256_hex(std::string("acme\0confirm_booking:7", 22)).substr(0, 16),
                        nullptr, 16) %
            32));
  std::vector<int> used(32);
  for (int i = 0; i < 32'000; ++i)
    ++used[static_cast<std::size_t>(lane_of("acme", std::to_string(i), 32))];
  for (const int count : used) {
    CHECK(count > 800);
    CHECK(count < 1200);
  }
  CHECK(lane_of("ab", "c", 1'000'000) != lane_of("a", "bc", 1'000'000));
}

TEST_CASE("database time goes on by the monotonic clock and never back") {
  DatabaseClock clock;
  CHECK(!clock.now(5));
  CHECK(!clock.passed(5));
  clock.answered({1000}, 10, 10);
  CHECK(clock.now(10).us == 1000);
  CHECK(clock.now(25).us == 1015);
  clock.answered({1005}, 12, 30);  // the answer took long: it sets nobody behind
  CHECK(clock.now(30).us == 1020);
  CHECK(clock.now(45).us == 1035);
  CHECK(clock.passed(45).us == 1020);  // but a timer waits for what is certain
  clock.at_least({5000});
  CHECK(clock.now(46).us == 5000);
  CHECK(clock.passed(46).us == 1021);
  clock.answered({9000}, 50, 50);
  CHECK(clock.now(51).us == 9001);
  // The drift of two clocks is followed.
  clock.answered({109'000}, 150'500, 150'500);
  CHECK(clock.now(160'500).us == 119'000);
  // An answer that was overtaken says nothing any more.
  clock.answered({200'000}, 150'400, 160'500);
  CHECK(clock.now(160'501).us == 119'001);
}

TEST_CASE(
    "a database's clock that was set back is followed at the next answer, however little it was") {
  const std::int64_t back_us = GENERATE(2'000, 100'000, 1'900'000, 20'000'000);
  DatabaseClock clock;
  std::int64_t at = 1'000'000, database = 100'000'000;
  clock.answered({database}, at - 500, at + 500);
  at += 1'000'000;
  database += 1'000'000 - back_us;
  const std::int64_t before = clock.now(at).us;
  clock.answered({database}, at - 500, at + 500);
  // Time stands still until the database's clock has come so far again.
  for (std::int64_t later = 500; later < back_us + 3'000'000; later += 100'000) {
    const std::int64_t passed = clock.passed(at + later).us, now = clock.now(at + later).us;
    CHECK(now >= before);
    CHECK(now <= std::max(before, database + later + 500));
    CHECK(passed <= std::max(before, database + later));
    if (later > back_us + 10'000) CHECK(now > before);
  }
}

TEST_CASE("a timer of before a step back is not due before the database's clock has passed it") {
  DatabaseClock clock;
  clock.answered({10'000'000}, 0, 0);
  CHECK(clock.passed(1'000'000).us == 11'000'000);
  clock.answered({10'500'000}, 1'000'000, 1'000'000);  // half a second back
  CHECK(clock.passed(1'200'000).us < 11'100'000);
  CHECK(clock.passed(1'599'999).us < 11'100'000);
  CHECK(clock.passed(1'600'000).us == 11'100'000);
}
