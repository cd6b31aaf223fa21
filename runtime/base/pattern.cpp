#include "runtime/base/pattern.h"

#include <re2/re2.h>

#include <memory>
#include <mutex>
#include <unordered_map>

namespace belay::runtime {
namespace {

constexpr std::size_t kKeptMax = 500;
// What one compiled pattern may take: patterns of `matches` may come out of data.
constexpr std::int64_t kPatternBytesMax = 1 << 20;

std::shared_ptr<const re2::RE2> compiled(const std::string& pattern) {
  static std::mutex mutex;
  static std::unordered_map<std::string, std::shared_ptr<const re2::RE2>> kept;
  const std::lock_guard lock(mutex);
  if (const auto known = kept.find(pattern); known != kept.end()) return known->second;
  if (kept.size() >= kKeptMax) kept.clear();
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kPatternBytesMax);
  return kept.emplace(pattern, std::make_shared<const re2::RE2>(pattern, options)).first->second;
}

}  // namespace

bool matches_pattern(const std::string& pattern, std::string_view text) {
  const auto expression = compiled(pattern);
  return expression->ok() &&
         re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *expression);
}

std::optional<bool> finds_pattern(const std::string& pattern, std::string_view text) {
  const auto expression = compiled(pattern);
  if (!expression->ok()) return std::nullopt;
  return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression);
}

}  // namespace belay::runtime
