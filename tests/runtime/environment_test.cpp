// What the environment answers about patterns and zones; that hostile names open nothing.
#include "runtime/base/environment.h"

#include "../catch.h"
#include "interpreter/time.h"

namespace belay::runtime {
namespace {

void check_zone(const std::string& zone, const char* time, std::optional<std::int64_t> expected) {
  CAPTURE(zone, time);
  CHECK(environment().zone_offset(zone, interpreter::parse_timestamp(time)->seconds) == expected);
}

TEST_CASE("zones: offsets before, in and after the table") {
  check_zone("Europe/Berlin", "2026-01-01T00:00:00Z", 3600);
  check_zone("Europe/Berlin", "2026-07-01T00:00:00Z", 7200);
  check_zone("Europe/Berlin", "2026-03-29T00:59:59Z", 3600);  // the second before summer time
  check_zone("Europe/Berlin", "2026-03-29T01:00:00Z", 7200);
  check_zone("America/New_York", "2400-07-01T12:00:00Z", -14400);
  check_zone("Asia/Kathmandu", "2026-01-01T00:00:00Z", 20700);
  check_zone("Europe/Berlin", "1800-01-01T00:00:00Z", 3208);  // local mean time
  check_zone("UTC", "9999-12-31T23:59:59Z", 0);
}

TEST_CASE("zones: what is no name of the table is none") {
  for (const char* zone :
       {"", "Mars/Olympus", "localtime", "/etc/localtime", "../zoneinfo/UTC", ":UTC", "file:UTC",
        "libc:UTC", "Europe", "Europe/", "Europe/Berlin\n", "Fixed/UTC+01:00:00"}) {
    check_zone(zone, "2026-01-01T00:00:00Z", std::nullopt);
  }
  check_zone(std::string(10'000, 'a'), "2026-01-01T00:00:00Z", std::nullopt);
  check_zone(std::string("UTC\0", 4), "2026-01-01T00:00:00Z", std::nullopt);
}

TEST_CASE("patterns are found anywhere; what is no pattern is none") {
  CHECK(environment().matches("b+", "abbc") == true);
  CHECK(environment().matches("^b", "abbc") == false);
  CHECK(environment().matches("", "") == true);
  CHECK(environment().matches("(", "a") == std::nullopt);
  CHECK(environment().matches("(?=a)", "a") == std::nullopt);
  CHECK(environment().matches("((a{100}){100}){100}", "a") ==
        std::nullopt);  // too large to compile
  for (int i = 0; i < 2'000; ++i)
    CHECK(environment().matches("x" + std::to_string(i) + "$", "x7") == (i == 7));
}

}  // namespace
}  // namespace belay::runtime
