// Tells another node that there is mail for it, so that it does not lie until that node's next look
// (runtime/engine/mailroom.h): `POST /v1/nodes/mail` at the address of the node table, with nothing
// in it. Who hears it looks, fifty times a second at most, whoever sent it: so it needs no
// credentials, and who forges it gains nothing. It may be lost, late or refused by an older
// version: then the mail is found a moment later. Tested in tests/runtime/nudge_test.cpp.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/base/clock.h"

namespace belay::runtime {
class HttpClient;
struct OutgoingResponse;
}  // namespace belay::runtime

namespace belay::runtime::api {

inline constexpr const char* kNudgePath = "/v1/nodes/mail";

// Thread-safe.
class Nudger {
 public:
  Nudger();
  ~Nudger();

  // Does not block. One at a time to each address; what is told meanwhile is one more. An address
  // that did not take it is left alone for a second.
  void tell(const std::string& address);

  std::uint64_t sent() const { return sent_; }

 private:
  struct Peer {
    bool under_way = false, again = false;
    SteadyTime avoided_until;
  };
  void send(const std::string& address);
  void answered(const std::string& address, const OutgoingResponse& response);

  std::atomic<std::uint64_t> sent_{0};
  std::mutex mutex_;
  std::map<std::string, Peer> peers_;  // guarded; by address
  std::once_flag http_made_;
  std::unique_ptr<HttpClient> http_;  // last: its callbacks end before anything else goes
};

}  // namespace belay::runtime::api
