// Points and lengths of time as text and as parts: RFC 3339 in and out, CEL's "1h30m" durations,
// the parts of a UTC timestamp. No clock and no locale: everything here is arithmetic. Tested in
// tests/interpreter/value_test.cpp.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "interpreter/value.h"

namespace belay::interpreter {

inline constexpr std::int64_t timestamp_seconds_min = -62135596800;  // 0001-01-01T00:00:00Z
inline constexpr std::int64_t timestamp_seconds_max = 253402300799;  // 9999-12-31T23:59:59Z
inline constexpr std::int64_t duration_seconds_max =
    9'223'372'036;  // 292 years either way: int64 nanoseconds, as CEL

// "2026-11-21T12:00:00Z", "2026-11-21T12:00:00.5+02:00". nullopt when malformed or out of range.
std::optional<Timestamp> parse_timestamp(std::string_view text);
// Always in UTC with `Z`; nanoseconds only as many digits as needed in groups of three.
std::string format_timestamp(Timestamp t);
// CEL's string(timestamp): the same with no zeros at the end of the fraction, ".5Z".
std::string timestamp_text(Timestamp t);

// "1h30m", "-1.5s", "100ms"; units h m s ms us ns. nullopt when malformed or out of range.
std::optional<Duration> parse_duration(std::string_view text);
// "5400s", "-1.5s": CEL's string(duration).
std::string format_duration(Duration d);

// "2026-11-21", a real calendar day.
bool is_date(std::string_view text);

// Normalises and checks the range; `nanos` may be any value.
std::optional<Timestamp> make_timestamp(std::int64_t seconds, std::int64_t nanos);
std::optional<Duration> make_duration(std::int64_t seconds, std::int64_t nanos);

struct CivilTime {
  int year = 1970, month = 1, day = 1;  // month and day from 1
  int hour = 0, minute = 0, second = 0;
  int weekday = 0;      // 0 is Sunday
  int day_of_year = 0;  // 0 is the first of January
};
CivilTime civil_time(std::int64_t seconds);

}  // namespace belay::interpreter
