// Parts of timestamps, in UTC, at a fixed offset such as "+02:00" or in a named zone (whose table
// the environment has), and durations counted in a unit. Months and days of the week and year count
// from 0, getDate from 1, as in CEL.
#include "interpreter/functions.h"
#include "interpreter/time.h"

namespace belay::interpreter {
namespace {

using Kind = Value::Kind;

// Seconds east of UTC: "UTC", "Z", "+02:00", "-09:30", "02:00".
std::optional<std::int64_t> offset_seconds(std::string_view zone) {
  if (zone == "UTC" || zone == "Z") return 0;
  const bool negative = zone.starts_with('-');
  if (negative || zone.starts_with('+')) zone.remove_prefix(1);
  if (zone.size() != 5 || zone[2] != ':') return std::nullopt;
  for (const std::size_t i : {0u, 1u, 3u, 4u}) {
    if (zone[i] < '0' || zone[i] > '9') return std::nullopt;
  }
  const int hours = (zone[0] - '0') * 10 + (zone[1] - '0'),
            minutes = (zone[3] - '0') * 10 + (zone[4] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  return (hours * 3600 + minutes * 60) * (negative ? -1 : 1);
}

std::optional<std::int64_t> part_of_duration(Function f, const Duration& d) {
  switch (f) {
    case Function::kGetHours: return d.seconds / 3600;
    case Function::kGetMinutes: return d.seconds / 60;
    case Function::kGetSeconds: return d.seconds;
    case Function::kGetMilliseconds: return d.nanos / 1'000'000;
    default: return std::nullopt;
  }
}

std::int64_t part_of_timestamp(Function f, const Timestamp& t, std::int64_t offset) {
  const CivilTime c = civil_time(t.seconds + offset);
  switch (f) {
    case Function::kGetFullYear: return c.year;
    case Function::kGetMonth: return c.month - 1;
    case Function::kGetDate: return c.day;
    case Function::kGetDayOfMonth: return c.day - 1;
    case Function::kGetDayOfWeek: return c.weekday;
    case Function::kGetDayOfYear: return c.day_of_year;
    case Function::kGetHours: return c.hour;
    case Function::kGetMinutes: return c.minute;
    case Function::kGetSeconds: return c.second;
    default: return t.nanos / 1'000'000;
  }
}

}  // namespace

Evaluated call_time(Function f, Args args, const Environment* environment) {
  if (args.size() == 1 && args[0].kind() == Kind::kDuration) {
    const auto part = part_of_duration(f, args[0].as_duration());
    return part ? good(Value::integer(*part)) : no_overload(f, args);
  }
  if (args.empty() || args.size() > 2 || args[0].kind() != Kind::kTimestamp)
    return no_overload(f, args);
  std::int64_t offset = 0;
  if (args.size() == 2) {
    if (args[1].kind() != Kind::kString) return no_overload(f, args);
    const std::string& zone = args[1].as_string();
    auto given = offset_seconds(zone);
    if (!given && environment != nullptr)
      given = environment->zone_offset(zone, args[0].as_timestamp().seconds);
    if (!given && environment == nullptr) return bad("named time zones are not at hand here");
    if (!given)
      return bad(brief(args[1]) +
                 " is no time zone, such as \"Europe/Berlin\", \"UTC\" or \"+02:00\"");
    offset = *given;
  }
  return good(Value::integer(part_of_timestamp(f, args[0].as_timestamp(), offset)));
}

}  // namespace belay::interpreter
