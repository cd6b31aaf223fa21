// A request that goes through a lane's mailbox, because its holder could not be connected to: its
// form, and the desk at the other end that carries such requests out with the handlers of the API.
//
// The API key is not in it. The asking node has checked the key and writes down who it belongs to
// (tenant, role, name); the holder takes that for granted, and asks again whether that role may do
// this. Whoever could forge such a row can write to our tables anyway, API keys included, so
// nothing new is trusted. Where there is a master key of private values, requests and answers are
// sealed under it: then a row of somebody who has the database but not the key is refused, and no
// private value lies in the mailbox in clear. A webhook's delivery keeps its signature, which the
// holder verifies for itself.
//
// A request may come twice (the holder crashed, another took the lane). One without an
// Idempotency-Key is carried out under a key that lies in the mail, so that twice is once. Tested
// in tests/runtime/forward_test.cpp.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/api/routes.h"
#include "runtime/base/seal.h"

namespace belay::runtime::api {

struct MailedRequest {
  std::string route;  // its id
  HttpRequest http;   // without credentials
  Principal who;
  std::string nonce;  // the asker's: no two requests have the same, a request that comes again has
};

// kTooLarge when it does not fit into a mail.
Result<std::string> encode_mailed(const MailedRequest& request, const Sealer* sealer);
// kInvalid, kUnsupported (a newer form), kForbidden (sealed here and not there, or under another
// key).
Result<MailedRequest> decode_mailed(const std::string& body, const Sealer* sealer);

std::string encode_mailed_answer(const HttpResponse& response, const Sealer* sealer);
Result<HttpResponse> decode_mailed_answer(const std::string& body, const Sealer* sealer);

// Carries out mailed requests on threads of its own. Thread-safe.
class MailDesk {
 public:
  // The way of a request through its handler, with who asks already known.
  using CarryOut = std::function<HttpResponse(const Route&, const HttpRequest&, const Principal&)>;
  // `routes` outlives it.
  MailDesk(const std::vector<Route>& routes, SealerPtr sealer, CarryOut carry_out);
  ~MailDesk();  // close()

  // Engine::RequestHook. Does not block; `reply` may be called from here (refusals).
  void take(std::string id, std::string body, std::function<void(std::string)> reply);
  // What is being carried out is finished, what waits is refused.
  void close();

 private:
  struct Job {
    std::string id, body;
    std::function<void(std::string)> reply;
  };
  void work();
  HttpResponse answer(const Job& job) const;
  void refuse(const Job& job, ErrorCode code, const char* why) const;

  const std::vector<Route>& routes_;
  const SealerPtr sealer_;
  const CarryOut carry_out_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Job> jobs_;
  std::vector<std::thread> threads_;  // made with the first job
  bool closed_ = false;
};

}  // namespace belay::runtime::api
