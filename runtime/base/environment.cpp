#include "runtime/base/environment.h"

#include <absl/time/time.h>

#include <algorithm>

#include "runtime/base/pattern.h"

namespace belay::runtime {
namespace {

constexpr std::size_t kZoneNameMax = 64;

// Names of the table only, such as America/Port-au-Prince or Etc/GMT+3: no paths, no names of this
// machine.
bool is_zone_name(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (name.empty() || name.size() > kZoneNameMax || !is_letter(name[0]) || name == "localtime")
    return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '/' || c == '_' || c == '-' || c == '+';
  });
}

class SystemEnvironment final : public interpreter::Environment {
 public:
  std::optional<bool> matches(const std::string& pattern, std::string_view text) const override {
    return finds_pattern(pattern, text);
  }

  std::optional<std::int64_t> zone_offset(const std::string& name,
                                          std::int64_t seconds) const override {
    absl::TimeZone zone;
    if (!is_zone_name(name) || !absl::LoadTimeZone(name, &zone)) return std::nullopt;
    return zone.At(absl::FromUnixSeconds(seconds)).offset;
  }
};

}  // namespace

const interpreter::Environment& environment() {
  static const SystemEnvironment the_environment;
  return the_environment;
}

}  // namespace belay::runtime
