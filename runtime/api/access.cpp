// API keys. See Access in api.h.
#include <spdlog/spdlog.h>

#include "runtime/api/api.h"
#include "runtime/base/clock.h"
#include "runtime/base/ids.h"

namespace belay::runtime::api {
namespace {

constexpr std::string_view kKeyPrefix = "belay_";
constexpr std::size_t kKeyBytes = 24;
constexpr std::int64_t kRememberedUs = 3'000'000;
constexpr std::size_t kRememberedMax = 4'096;

bool has_key_form(std::string_view key) {
  if (key.size() != kKeyPrefix.size() + 2 * kKeyBytes ||
      key.substr(0, kKeyPrefix.size()) != kKeyPrefix)
    return false;
  return key.find_first_not_of("0123456789abcdef", kKeyPrefix.size()) == std::string_view::npos;
}

tl::unexpected<HttpResponse> unauthenticated(const char* detail) {
  return tl::unexpected<HttpResponse>(
      refuse(401, "unauthenticated", detail,
             "send `Authorization: Bearer belay_…`; `belay keys create` makes a key"));
}

}  // namespace

std::string make_api_key() { return std::string(kKeyPrefix) + random_hex(kKeyBytes); }

Read<Principal> Access::who(const HttpRequest& request) {
  const std::string* authorization = header(request, "authorization");
  if (authorization == nullptr) {
    if (options_.keys_required) return unauthenticated("no API key was sent");
    return Principal{options_.tenant, "local", Role::kAdmin, {}};
  }
  std::string_view text = *authorization;
  constexpr std::string_view kBearer = "bearer ";
  std::string scheme(text.substr(0, kBearer.size()));
  for (char& c : scheme) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (scheme != kBearer) return unauthenticated("the Authorization header holds no bearer key");
  text.remove_prefix(kBearer.size());
  if (!has_key_form(text)) return unauthenticated("the API key is not known");
  Result<std::optional<ApiKeyRow>> row = find(sha256_hex(text));
  if (!row) return tl::unexpected<HttpResponse>(refuse(row.error()));
  if (!*row || (*row)->revoked_at) return unauthenticated("the API key is not known");
  const std::optional<Role> role = parse_role((*row)->role);
  if (!role) return unauthenticated("the API key has a role that this server does not know");
  const std::string& label = (*row)->name.empty() ? (*row)->id : (*row)->name;
  return Principal{(*row)->tenant, "key:" + label, *role, (*row)->may_answer};
}

Result<std::optional<ApiKeyRow>> Access::find(const std::string& hash) {
  const std::int64_t now = monotonic_us();
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(hash);
    if (known != known_.end() && known->second.until_us > now) return known->second.row;
  }
  Result<std::optional<ApiKeyRow>> row = reader_.find_api_key(hash);
  if (row) {
    const std::lock_guard lock(mutex_);
    if (known_.size() >= kRememberedMax) known_.clear();
    known_[hash] = Known{*row, now + kRememberedUs};
  }
  return row;
}

}  // namespace belay::runtime::api
