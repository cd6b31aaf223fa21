// See nudge.h.
#include "runtime/api/nudge.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "runtime/actions/http_client.h"
#include "runtime/base/limits.h"

namespace belay::runtime::api {
namespace {

constexpr auto kAvoided = std::chrono::seconds(1);
constexpr long kAnswerTimeoutMs = 2'000;
constexpr std::size_t kPeersMax = 256;  // addresses come and go

}  // namespace

Nudger::Nudger() = default;
Nudger::~Nudger() = default;

void Nudger::tell(const std::string& address) {
  if (address.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    if (peers_.size() >= kPeersMax)
      std::erase_if(peers_, [](const auto& entry) { return !entry.second.under_way; });
    Peer& peer = peers_[address];
    if (steady_now() < peer.avoided_until) return;
    // It may have looked before this mail was there.
    peer.again = peer.under_way;
    if (peer.under_way) return;
    peer.under_way = true;
  }
  send(address);
}

void Nudger::send(const std::string& address) {
  std::call_once(http_made_, [this] {
    HttpClient::Options options;
    options.user_agent = "belay-node";
    http_ = std::make_unique<HttpClient>(std::move(options));
  });
  OutgoingRequest request;
  request.method = "POST";
  request.url = address + kNudgePath;
  request.timeout_ms = kAnswerTimeoutMs;
  request.connect_timeout_ms = limits::forward_connect_timeout_ms;
  request.allow_private_addresses = true;  // the address is of the node table
  const Result<void> submitted = http_->submit(
      std::move(request),
      [this, address](const OutgoingResponse& response) { answered(address, response); });
  if (submitted) {
    ++sent_;
    return;
  }
  const std::lock_guard lock(mutex_);
  peers_[address] = {.avoided_until = steady_now() + kAvoided};
}

void Nudger::answered(const std::string& address, const OutgoingResponse& response) {
  const bool taken = response.status == 204;
  if (!taken)
    spdlog::debug("{} was not told of its mail: {} {}", address, response.status, response.error);
  {
    const std::lock_guard lock(mutex_);
    Peer& peer = peers_[address];
    if (!taken) peer.avoided_until = steady_now() + kAvoided;
    peer.under_way = taken && peer.again;
    peer.again = false;
    if (!peer.under_way) return;
  }
  send(address);
}

}  // namespace belay::runtime::api
