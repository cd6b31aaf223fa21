// The way of a request to another node. See forward.h.
#include "runtime/api/forward.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <map>
#include <thread>

#include "runtime/actions/http_client.h"
#include "runtime/api/mailed.h"
#include "runtime/base/ids.h"
#include "runtime/base/json_value.h"

namespace belay::runtime::api {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

namespace {

constexpr milliseconds kLookAgain{25};       // at who holds a lane, while waiting for another
constexpr milliseconds kLookMeanwhile{200};  // the same while an answer is awaited
constexpr milliseconds kGraceOfFormer{
    1'000};  // for an answer of a node that lost the lane while it was asked
constexpr milliseconds kAvoided{
    1'000};  // a peer that could not be connected to is not tried again so soon
constexpr std::size_t kAnswerBytesMax = 16 * 1024 * 1024;

bool same_name(std::string_view a, std::string_view b) {
  const HeaderNameLess less;
  return !less(a, b) && !less(b, a);
}

// Of this connection, of our own making, or of a hop before.
bool stays_here(std::string_view name) {
  for (const char* own : {"Host",
                          "Connection",
                          "Keep-Alive",
                          "Content-Length",
                          "Transfer-Encoding",
                          "Expect",
                          "Upgrade",
                          "TE",
                          "Trailer",
                          "Proxy-Connection",
                          "Proxy-Authorization",
                          "Accept-Encoding",
                          "Content-Type",
                          "Cache-Control",
                          "X-Content-Type-Options",
                          "Date",
                          "Server",
                          kElsewhereHeader,
                          kForwardedHeader,
                          kHandedOverHeader,
                          kPartHeader}) {
    if (same_name(name, own)) return true;
  }
  return false;
}

void append_encoded(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = (u >= '0' && u <= '9') || (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') ||
                       u == '-' || u == '.' || u == '_' || u == '~';
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[u >> 4];
      out += kHex[u & 15];
    }
  }
}

std::string target_of(const HttpRequest& request) {
  std::string out = request.path;
  char before = '?';
  for (const auto& [name, value] : request.query) {
    out += before;
    append_encoded(out, name);
    out += '=';
    append_encoded(out, value);
    before = '&';
  }
  return out;
}

HttpResponse response_of(OutgoingResponse&& answer) {
  HttpResponse out;
  out.status = answer.status;
  out.content_type.clear();
  for (auto& [name, value] : answer.headers) {
    if (same_name(name, "Content-Type")) out.content_type = value;
    if (!stays_here(name)) out.headers.emplace(std::move(name), std::move(value));
  }
  out.body = std::move(answer.body);
  return out;
}

bool says_elsewhere(const OutgoingResponse& answer) {
  return answer.status == 503 &&
         std::any_of(answer.headers.begin(), answer.headers.end(),
                     [](const auto& header) { return same_name(header.first, kElsewhereHeader); });
}

HttpResponse too_many() {
  return refuse(Failure{ErrorCode::kOverloaded, "too many requests are on their way to other nodes",
                        "try again after the time in Retry-After, with the same Idempotency-Key"});
}

// Nobody could do it, and nobody did.
HttpResponse nobody(Lane lane) {
  Failure failure{ErrorCode::kFenced, "no node could be asked that holds the lane", {}};
  failure.lane = lane;
  HttpResponse response = refuse(failure);
  forget_elsewhere(response);
  return response;
}

}  // namespace

std::optional<Elsewhere> elsewhere_of(const HttpResponse& response) {
  const auto at = response.headers.find(kElsewhereHeader);
  if (response.status != 503 || at == response.headers.end()) return std::nullopt;
  const std::string_view text = at->second;
  if (text == "stopping") return Elsewhere{-1, true};
  constexpr std::string_view kLane = "lane ";
  if (!text.starts_with(kLane)) return std::nullopt;
  Elsewhere out;
  std::from_chars(text.data() + kLane.size(), text.data() + text.size(), out.lane);
  return out;
}

void forget_elsewhere(HttpResponse& response) {
  response.headers.erase(std::string(kElsewhereHeader));
}

bool is_forwarded(const HttpRequest& request) {
  return header(request, kForwardedHeader) != nullptr;
}

bool is_repeatable(const Route& route, const HttpRequest& request) {
  if (request.method == "GET" || request.method == "HEAD" || route.tag == "webhooks") return true;
  if (header(request, "idempotency-key") != nullptr) return true;
  const Read<bool> dry_run = flag(request, "dry_run");
  if (dry_run && *dry_run) return true;
  if (route.id != "publishEvent") return false;
  const Result<interpreter::Value> body =
      parse_json(request.body, {.bytes_max = limits::request_body_bytes_max});
  return body && !text_field(*body, "id").empty();
}

// ---- Peers

// One silent peer must not take all places: each has half of them at most.
struct Forwarder::Peers {
  struct Peer {
    std::size_t under_way = 0;
    Steady::time_point avoided_until{};
  };
  std::mutex mutex;
  std::size_t under_way = 0;
  std::map<std::string, Peer> by_address;

  void could_not_connect(const std::string& address) {
    const std::lock_guard lock(mutex);
    by_address[address].avoided_until = Steady::now() + kAvoided;
  }
  bool avoided(const std::string& address) {
    const std::lock_guard lock(mutex);
    const auto at = by_address.find(address);
    return at != by_address.end() && Steady::now() < at->second.avoided_until;
  }
};

struct Forwarder::Place {
  Place(Peers& peers, std::string to, std::size_t all_max)
      : peers_(peers), address_(std::move(to)) {
    const std::lock_guard lock(peers_.mutex);
    if (peers_.by_address.size() >
        256) {  // addresses come and go; the count of those under way must stay
      std::erase_if(peers_.by_address,
                    [](const auto& entry) { return entry.second.under_way == 0; });
    }
    Peers::Peer& peer = peers_.by_address[address_];
    taken_ = peers_.under_way < all_max && peer.under_way < std::max<std::size_t>(1, all_max / 2);
    if (!taken_) return;
    ++peers_.under_way;
    ++peer.under_way;
  }
  ~Place() {
    if (!taken_) return;
    const std::lock_guard lock(peers_.mutex);
    --peers_.under_way;
    --peers_.by_address[address_].under_way;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  bool taken() const { return taken_; }

 private:
  Peers& peers_;
  std::string address_;
  bool taken_ = false;
};

struct Forwarder::Errand {
  const Call& call;
  Lane lane = -1;  // handed over: none
  int part = -1;
  const char* mark = kForwardedHeader;
  bool repeatable = false;
};

// ---- Forwarding

Forwarder::Forwarder(Engine& engine, ForwardOptions options)
    : engine_(engine), options_(std::move(options)), peers_(std::make_unique<Peers>()) {}
Forwarder::~Forwarder() = default;

ForwardStats Forwarder::stats() const {
  return {forwarded_.load(), mailed_.load(), handed_over_.load(), refused_busy_.load(),
          in_doubt_.load()};
}

std::optional<HttpResponse> Forwarder::carry(const Call& call, Lane lane, int part) {
  const Errand errand{call, lane, part, kForwardedHeader, is_repeatable(*call.route, call.http)};
  std::string asked;         // who has been, in vain
  bool unreachable = false;  // because nobody listens there
  for (int look = 0; look < 2; ++look) {
    LaneHolder holder = engine_.holder(lane);
    if (!holder.mine &&
        holder.node == asked) {  // nobody, or who has been asked: for a moment, as a rule
      const Place place(*peers_, "", options_.under_way_max);
      if (place.taken()) holder = other_holder(lane, asked);
    }
    if (holder.mine) return std::nullopt;
    if (holder.address.empty() || (unreachable && holder.node == asked)) break;
    if (peers_->avoided(holder.address)) {
      unreachable = true;
      asked = holder.node;
      continue;
    }
    const Place place(*peers_, holder.address, options_.under_way_max);
    if (!place.taken()) {
      ++refused_busy_;
      return too_many();
    }
    OutgoingResponse answer = send(errand, holder.address, holder.node);
    if (answer.reached == OutgoingResponse::Reached::kNotSent) {
      spdlog::warn("node {} at {} cannot be reached: {}", holder.node, holder.address,
                   answer.error);
      peers_->could_not_connect(holder.address);
      unreachable = true;  // it may just have left, and its lanes be somebody's in a moment
      asked = holder.node;
      continue;
    }
    if (answer.reached == OutgoingResponse::Reached::kUnknown && !errand.repeatable)
      return in_doubt();
    if (answer.reached == OutgoingResponse::Reached::kAnswered && !says_elsewhere(answer)) {
      ++forwarded_;
      return response_of(std::move(answer));
    }
    asked = holder.node;
  }
  return mail(call, lane, part);
}

// A lane that was lost is soon somebody else's; what is told here may be a second old.
LaneHolder Forwarder::other_holder(Lane lane, const std::string& than) const {
  const auto until = Steady::now() + milliseconds(options_.settle_ms);
  for (;;) {
    LaneHolder holder = engine_.holder(lane);
    if (holder.mine || (!holder.node.empty() && holder.node != than) || Steady::now() >= until)
      return holder;
    std::this_thread::sleep_for(kLookAgain);
  }
}

OutgoingResponse Forwarder::send(const Errand& errand, const std::string& address,
                                 const std::string& node) {
  const HttpRequest& http = errand.call.http;
  OutgoingRequest request;
  request.method = http.method;
  request.url = address + target_of(http);
  for (const auto& [name, value] : http.headers) {
    if (!stays_here(name)) request.headers.emplace_back(name, value);
  }
  if (const std::string* type = header(http, "content-type"))
    request.headers.emplace_back("Content-Type", *type);
  request.headers.emplace_back(errand.mark, options_.node.empty() ? "-" : options_.node);
  if (errand.part >= 0) request.headers.emplace_back(kPartHeader, std::to_string(errand.part));
  request.body = http.body;
  request.timeout_ms = options_.answer_timeout_ms;
  request.connect_timeout_ms = options_.connect_timeout_ms;
  request.response_bytes_max = kAnswerBytesMax;
  request.allow_private_addresses = true;  // the address is of the node table
  // A pooled connection may end just when it is used, and then nobody knows.
  request.fresh_connection = !errand.repeatable;

  struct Waiting {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<OutgoingResponse> answer;
  };
  auto waiting = std::make_shared<Waiting>();
  std::call_once(http_made_, [this] {
    HttpClient::Options options;
    options.user_agent = "belay-node";
    http_ = std::make_unique<HttpClient>(std::move(options));
  });
  const Result<void> submitted =
      http_->submit(std::move(request), [waiting](OutgoingResponse answer) {
        const std::lock_guard lock(waiting->mutex);
        waiting->answer = std::move(answer);
        waiting->came.notify_all();
      });
  OutgoingResponse nothing;
  if (!submitted) {
    nothing.error = to_text(submitted.error());
    return nothing;
  }
  // The client's own time limit ends this wait; so does, a moment later, that somebody else holds
  // the lane.
  std::optional<Steady::time_point> patience;
  std::unique_lock lock(waiting->mutex);
  while (
      !waiting->came.wait_for(lock, kLookMeanwhile, [&] { return waiting->answer.has_value(); })) {
    if (patience && Steady::now() >= *patience) {
      nothing.reached = OutgoingResponse::Reached::kUnknown;
      nothing.error = "node " + node + " lost the lane and did not answer";
      return nothing;
    }
    if (errand.lane < 0 || patience) continue;
    lock.unlock();
    const LaneHolder holder = engine_.holder(errand.lane);
    if (holder.mine || (!holder.node.empty() && holder.node != node))
      patience = Steady::now() + kGraceOfFormer;
    lock.lock();
  }
  return std::move(*waiting->answer);
}

HttpResponse Forwarder::in_doubt() {
  ++in_doubt_;
  return refuse(Failure{ErrorCode::kInDoubt, "the node that was asked gave no answer", {}});
}

// ---- Handing over

void Forwarder::remember_peers() {
  std::vector<NodeView> nodes = engine_.nodes();
  std::erase_if(nodes, [](const NodeView& node) { return node.me || node.address.empty(); });
  const std::lock_guard lock(mutex_);
  remembered_ = std::move(nodes);
}

std::optional<HttpResponse> Forwarder::hand_over(const Call& call) {
  std::vector<NodeView> peers;
  {
    const std::lock_guard lock(mutex_);
    if (!remembered_.empty())
      std::rotate(remembered_.begin(), remembered_.begin() + 1, remembered_.end());
    peers = remembered_;
  }
  const Errand errand{call, -1, -1, kHandedOverHeader, is_repeatable(*call.route, call.http)};
  for (const NodeView& peer : peers) {
    if (peers_->avoided(peer.address)) continue;
    const Place place(*peers_, peer.address, options_.under_way_max);
    if (!place.taken()) continue;
    OutgoingResponse answer = send(errand, peer.address, peer.node);
    if (answer.reached == OutgoingResponse::Reached::kNotSent)
      peers_->could_not_connect(peer.address);
    if (answer.reached == OutgoingResponse::Reached::kUnknown && !errand.repeatable)
      return in_doubt();
    if (answer.reached != OutgoingResponse::Reached::kAnswered || says_elsewhere(answer)) continue;
    ++handed_over_;
    return response_of(std::move(answer));
  }
  return std::nullopt;
}

// ---- By mail

HttpResponse Forwarder::mail(const Call& call, Lane lane, int part) {
  struct Count {
    std::atomic<std::size_t>& count;
    const std::size_t before = count.fetch_add(1);
    ~Count() { --count; }
  } const count{mails_};
  if (count.before >= options_.mails_max) {
    ++refused_busy_;
    return nobody(lane);
  }
  MailedRequest letter{call.route->id, call.http, call.who};
  std::erase_if(letter.http.headers, [](const auto& entry) { return stays_here(entry.first); });
  for (const char* secret : {"Authorization", "Cookie"})
    letter.http.headers.erase(std::string(secret));
  if (const std::string* type = header(call.http, "content-type"))
    letter.http.headers.emplace("Content-Type", *type);
  letter.nonce = random_hex(16);
  letter.http.headers.emplace(kForwardedHeader, options_.node.empty() ? "-" : options_.node);
  if (part >= 0) letter.http.headers.emplace(kPartHeader, std::to_string(part));
  const Result<std::string> body = encode_mailed(letter, options_.sealer.get());
  if (!body) {
    spdlog::warn("{} cannot be mailed: {}", call.route->id, to_text(body.error()));
    return nobody(lane);
  }

  struct Waiting {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<Result<std::string>> answer;
  };
  auto waiting = std::make_shared<Waiting>();
  engine_.mail_request(lane, *body, [waiting](Result<std::string> answer) {
    const std::lock_guard lock(waiting->mutex);
    waiting->answer = std::move(answer);
    waiting->came.notify_all();
  });
  std::unique_lock lock(waiting->mutex);
  const bool came = waiting->came.wait_for(lock, milliseconds(options_.mail_timeout_ms),
                                           [&] { return waiting->answer.has_value(); });
  if (!came) return in_doubt();
  const Result<std::string>& answer = *waiting->answer;
  if (!answer) {
    if (answer.error().code == ErrorCode::kInDoubt) return in_doubt();
    return answer.error().code == ErrorCode::kShuttingDown ? refuse(answer.error()) : nobody(lane);
  }
  Result<HttpResponse> response = decode_mailed_answer(*answer, options_.sealer.get());
  if (!response) {
    spdlog::error("the answer to a mailed request cannot be read: {}", to_text(response.error()));
    return in_doubt();
  }
  ++mailed_;
  // Lost again meanwhile: nothing was done, the caller comes again.
  forget_elsewhere(*response);
  return std::move(*response);
}

}  // namespace belay::runtime::api
