// What belongs to another node. The engine refuses a request whose lane another node holds (kFenced
// with the lane), and the refusal that the handler makes of it says so in a header,
// `Belay-Elsewhere: lane 7`. The API then brings the request to the lane's holder and its answer
// back, as both are:
//
//   over HTTP     to the address that the holder wrote into the node table, marked
//   `Belay-Forwarded-By`. Who is marked is
//                 not forwarded again: a holder that has just lost the lane answers 503 with
//                 Belay-Elsewhere, and the first node looks once more. The caller's own credentials
//                 travel along and are checked again there.
//   by mail       when nobody can be connected to: through the lane's mailbox in the database
//   (mailed.h), to whoever
//                 holds the lane or will.
//   handed over   while this node stops and holds nothing any more: to any other node, marked
//   `Belay-Handed-Over-By`,
//                 which may forward it once like its own. So a request makes two hops at most.
//
// What was sent and not answered is in doubt. It is sent again only when doing it twice is doing it
// once (a read, an Idempotency-Key, a signed delivery, an event with an id); otherwise the caller
// is told. Threads are bounded: each kind of way has a number of places, and who finds none is
// refused at once. Tested in tests/runtime/forward_test.cpp.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "runtime/api/routes.h"
#include "runtime/base/limits.h"
#include "runtime/base/seal.h"
#include "runtime/engine/engine.h"

namespace belay::runtime {
class HttpClient;
struct OutgoingResponse;
}  // namespace belay::runtime

namespace belay::runtime::api {

inline constexpr const char* kElsewhereHeader = "Belay-Elsewhere";
inline constexpr const char* kForwardedHeader = "Belay-Forwarded-By";
inline constexpr const char* kHandedOverHeader = "Belay-Handed-Over-By";
// Of a webhook's delivery, the one event that the other node is to publish. Read of marked requests
// only.
inline constexpr const char* kPartHeader = "Belay-Part";

// What a refusal says with Belay-Elsewhere. Either way certainly nothing was done.
struct Elsewhere {
  Lane lane = -1;         // whose holder can do it
  bool stopping = false;  // instead: this node is, any other may do it
};
std::optional<Elsewhere> elsewhere_of(const HttpResponse& response);
void forget_elsewhere(HttpResponse& response);

// Whether another node has sent it here, so that it goes no further.
bool is_forwarded(const HttpRequest& request);

// Whether a request may be sent again although it may have been carried out.
bool is_repeatable(const Route& route, const HttpRequest& request);

struct ForwardOptions {
  std::string node;  // our name, for the marks
  SealerPtr sealer;  // of mail; null: there are no private values
  std::size_t under_way_max = limits::forwards_max;
  std::size_t mails_max = limits::mailed_requests_max;
  long connect_timeout_ms = limits::forward_connect_timeout_ms;
  long answer_timeout_ms = limits::forward_timeout_ms;
  long mail_timeout_ms = limits::mailed_timeout_ms;
  long settle_ms = limits::forward_settle_ms;  // how long a second look may wait for another holder
};

struct ForwardStats {  // counters since start
  std::uint64_t forwarded = 0, mailed = 0, handed_over = 0, refused_busy = 0, in_doubt = 0;
};

class Forwarder {
 public:
  // The engine outlives it.
  Forwarder(Engine& engine, ForwardOptions options);
  ~Forwarder();

  // The answer of whoever holds the lane, or a refusal. Nothing: the lane is ours by now, ask the
  // engine again. Blocks for as long as the options allow. `part`: see kPartHeader.
  std::optional<HttpResponse> carry(const Call& call, Lane lane, int part = -1);

  // While stopping: the answer of any other node, or nothing when there is none that could be
  // asked.
  std::optional<HttpResponse> hand_over(const Call& call);
  // From here on peers are those of this moment.
  void remember_peers();

  ForwardStats stats() const;

 private:
  struct Peers;   // how many requests each peer has, and which ones cannot be reached
  struct Place;   // one of a bounded number
  struct Errand;  // one request on its way

  OutgoingResponse send(const Errand& errand, const std::string& address, const std::string& node);
  LaneHolder other_holder(Lane lane, const std::string& than) const;
  HttpResponse mail(const Call& call, Lane lane, int part);
  HttpResponse in_doubt();

  Engine& engine_;
  const ForwardOptions options_;
  std::unique_ptr<Peers> peers_;
  std::atomic<std::size_t> mails_{0};
  std::once_flag http_made_;
  std::unique_ptr<HttpClient> http_;
  std::mutex mutex_;
  std::vector<NodeView> remembered_;  // guarded
  std::atomic<std::uint64_t> forwarded_{0}, mailed_{0}, handed_over_{0}, refused_busy_{0},
      in_doubt_{0};
};

}  // namespace belay::runtime::api
