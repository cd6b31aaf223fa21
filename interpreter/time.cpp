// Calendar arithmetic by std::chrono's civil types, and hand-written readers: the standard
// library's own parsing looks at locales, and we promise the same bytes on every machine.
#include "interpreter/time.h"

#include <charconv>
#include <chrono>

namespace belay::interpreter {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::int64_t nanos_per_second = 1'000'000'000;
constexpr std::int64_t seconds_per_day = 86'400;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
}

// Reads exactly `count` digits at `at`; -1 when there are none such.
int digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

std::optional<std::int64_t> parse_day(std::string_view text) {
  if (text.size() < 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const int y = digits(text, 0, 4), m = digits(text, 5, 2), d = digits(text, 8, 2);
  if (y < 1 || m < 0 || d < 0) return std::nullopt;
  const year_month_day ymd{year{y}, month{static_cast<unsigned>(m)}, day{static_cast<unsigned>(d)}};
  if (!ymd.ok()) return std::nullopt;
  return sys_days{ymd}.time_since_epoch().count();
}

void append_padded(std::string& out, std::int64_t value, int width) {
  const std::string text = std::to_string(value);
  for (int i = static_cast<int>(text.size()); i < width; ++i) out += '0';
  out += text;
}

// ".5" becomes 500,000,000 for `unit` of a second; digits past the ninth are dropped.
std::int64_t fraction_nanos(std::string_view digits_text, std::int64_t unit_nanos) {
  std::int64_t result = 0, scale = unit_nanos;
  for (const char c : digits_text) {
    scale /= 10;
    result += (c - '0') * scale;
  }
  return result;
}

}  // namespace

std::optional<Timestamp> make_timestamp(std::int64_t seconds, std::int64_t nanos) {
  const std::int64_t carry = floor_div(nanos, nanos_per_second);
  if (__builtin_add_overflow(seconds, carry, &seconds)) return std::nullopt;
  if (seconds < timestamp_seconds_min || seconds > timestamp_seconds_max) return std::nullopt;
  return Timestamp{seconds, static_cast<std::int32_t>(nanos - carry * nanos_per_second)};
}

std::optional<Duration> make_duration(std::int64_t seconds, std::int64_t nanos) {
  if (__builtin_add_overflow(seconds, nanos / nanos_per_second, &seconds)) return std::nullopt;
  nanos %= nanos_per_second;
  if (seconds > 0 && nanos < 0) {
    seconds -= 1;
    nanos += nanos_per_second;
  }
  if (seconds < 0 && nanos > 0) {
    seconds += 1;
    nanos -= nanos_per_second;
  }
  if (seconds < -duration_seconds_max || seconds > duration_seconds_max) return std::nullopt;
  return Duration{seconds, static_cast<std::int32_t>(nanos)};
}

bool is_date(std::string_view text) { return text.size() == 10 && parse_day(text).has_value(); }

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  const auto day_number = parse_day(text);
  if (!day_number || text.size() < 20 || (text[10] != 'T' && text[10] != 't')) return std::nullopt;
  if (text[13] != ':' || text[16] != ':') return std::nullopt;
  const int h = digits(text, 11, 2), m = digits(text, 14, 2), s = digits(text, 17, 2);
  if (h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59) return std::nullopt;
  std::size_t at = 19;
  std::int64_t nanos = 0;
  if (text[at] == '.') {
    const std::size_t begin = ++at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    if (at == begin || at - begin > 9) return std::nullopt;
    nanos = fraction_nanos(text.substr(begin, at - begin), nanos_per_second);
  }
  std::int64_t offset = 0;
  if (at + 1 == text.size() && (text[at] == 'Z' || text[at] == 'z')) {
    offset = 0;
  } else if (at + 6 == text.size() && (text[at] == '+' || text[at] == '-') && text[at + 3] == ':') {
    const int oh = digits(text, at + 1, 2), om = digits(text, at + 4, 2);
    if (oh < 0 || oh > 23 || om < 0 || om > 59) return std::nullopt;
    offset = (oh * 3600 + om * 60) * (text[at] == '-' ? -1 : 1);
  } else {
    return std::nullopt;
  }
  return make_timestamp(*day_number * seconds_per_day + h * 3600 + m * 60 + s - offset, nanos);
}

CivilTime civil_time(std::int64_t seconds) {
  const std::int64_t day_number = floor_div(seconds, seconds_per_day);
  const std::int64_t rest = seconds - day_number * seconds_per_day;
  const sys_days date{days{static_cast<int>(day_number)}};
  const year_month_day ymd{date};
  CivilTime out;
  out.year = static_cast<int>(ymd.year());
  out.month = static_cast<int>(static_cast<unsigned>(ymd.month()));
  out.day = static_cast<int>(static_cast<unsigned>(ymd.day()));
  out.hour = static_cast<int>(rest / 3600);
  out.minute = static_cast<int>(rest / 60 % 60);
  out.second = static_cast<int>(rest % 60);
  out.weekday = static_cast<int>(std::chrono::weekday{date}.c_encoding());
  out.day_of_year = static_cast<int>((date - sys_days{ymd.year() / 1 / 1}).count());
  return out;
}

std::string format_timestamp(Timestamp t) {
  const CivilTime c = civil_time(t.seconds);
  std::string out;
  append_padded(out, c.year, 4);
  out += '-';
  append_padded(out, c.month, 2);
  out += '-';
  append_padded(out, c.day, 2);
  out += 'T';
  append_padded(out, c.hour, 2);
  out += ':';
  append_padded(out, c.minute, 2);
  out += ':';
  append_padded(out, c.second, 2);
  if (t.nanos != 0) {
    out += '.';
    if (t.nanos % 1'000'000 == 0)
      append_padded(out, t.nanos / 1'000'000, 3);
    else if (t.nanos % 1'000 == 0)
      append_padded(out, t.nanos / 1'000, 6);
    else
      append_padded(out, t.nanos, 9);
  }
  out += 'Z';
  return out;
}

std::string timestamp_text(Timestamp t) {
  std::string out = format_timestamp(t);
  if (t.nanos == 0) return out;
  out.pop_back();
  while (out.back() == '0') out.pop_back();
  return out + 'Z';
}

std::optional<Duration> parse_duration(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t nanos;
  };
  static constexpr Unit units[] = {
      {"h", 3600 * nanos_per_second}, {"ms", 1'000'000}, {"m", 60 * nanos_per_second},
      {"s", nanos_per_second},        {"us", 1'000},     {"ns", 1}};
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  if (text == "0") return Duration{};
  if (text.empty()) return std::nullopt;
  std::int64_t seconds = 0, nanos = 0;
  while (!text.empty()) {
    std::size_t whole = 0;
    while (whole < text.size() && text[whole] >= '0' && text[whole] <= '9') ++whole;
    std::size_t end = whole;
    if (end < text.size() && text[end] == '.') {
      ++end;
      while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    }
    if (whole == 0 && end < 2) return std::nullopt;  // neither "5" nor ".5"
    std::int64_t count = 0;
    if (whole > 0 && std::from_chars(text.data(), text.data() + whole, count).ec != std::errc())
      return std::nullopt;
    const std::string_view fraction =
        end > whole ? text.substr(whole + 1, std::min<std::size_t>(end - whole - 1, 18))
                    : std::string_view{};
    text.remove_prefix(end);
    const Unit* unit = nullptr;
    for (const Unit& u : units) {
      if (text.starts_with(u.name)) {
        unit = &u;
        break;
      }
    }
    if (unit == nullptr) return std::nullopt;
    text.remove_prefix(unit->name.size());
    if (unit->nanos >= nanos_per_second) {
      std::int64_t part = 0;
      if (__builtin_mul_overflow(count, unit->nanos / nanos_per_second, &part) ||
          __builtin_add_overflow(seconds, part, &seconds)) {
        return std::nullopt;
      }
    } else {
      const std::int64_t per_second = nanos_per_second / unit->nanos;
      if (__builtin_add_overflow(seconds, count / per_second, &seconds)) return std::nullopt;
      nanos += count % per_second * unit->nanos;
    }
    nanos += fraction_nanos(fraction, unit->nanos);
    seconds += nanos / nanos_per_second;
    nanos %= nanos_per_second;
  }
  return negative ? make_duration(-seconds, -nanos) : make_duration(seconds, nanos);
}

std::string format_duration(Duration d) {
  const bool negative = d.seconds < 0 || d.nanos < 0;
  std::string out = negative ? "-" : "";
  out += std::to_string(negative ? -d.seconds : d.seconds);
  if (d.nanos != 0) {
    std::string fraction;
    append_padded(fraction, negative ? -static_cast<std::int64_t>(d.nanos) : d.nanos, 9);
    while (fraction.back() == '0') fraction.pop_back();
    out += '.';
    out += fraction;
  }
  out += 's';
  return out;
}

}  // namespace belay::interpreter
