// Telling a node of its mail: one at a time to each, never lost behind one that is under way, and
// given up for a while where nobody takes it.
#include "runtime/api/nudge.h"

#include <chrono>
#include <future>
#include <thread>

#include "runtime/api/http_server.h"
#include "tests/catch.h"

using namespace belay::runtime;
using Clock = std::chrono::steady_clock;

namespace {

struct Peer {
  HttpServer server;
  std::string url;
  std::atomic<int> heard{0};

  explicit Peer(int status, std::function<void(int)> first_do = {}) {
    server.route("POST", api::kNudgePath, [this, status, first_do](const HttpRequest&) {
      const int nth = ++heard;
      if (first_do) first_do(nth);
      HttpResponse response;
      response.status = status;
      return response;
    });
    url = "http://127.0.0.1:" + std::to_string(server.listen("127.0.0.1", 0).value());
  }
  ~Peer() { server.stop(); }
  void until_heard(int count) {
    for (int i = 0; i < 5'000 && heard < count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    REQUIRE(heard == count);
  }
};

}  // namespace

TEST_CASE("nudge: whatever is told while one is under way is one more") {
  std::promise<void> go;
  auto gone = go.get_future().share();
  Peer peer(204, [gone](int nth) {
    if (nth == 1) gone.wait();
  });
  api::Nudger nudger;
  nudger.tell(peer.url);
  peer.until_heard(1);
  for (int i = 0; i < 50; ++i) nudger.tell(peer.url);
  CHECK(nudger.sent() == 1);
  go.set_value();
  peer.until_heard(2);
  // Told again until it is heard: the second may be under way still.
  nudger.tell(peer.url);
  peer.until_heard(3);
  CHECK(nudger.sent() == 3);
}

TEST_CASE("nudge: who does not take it is left alone for a second, and holds up nobody else") {
  Peer old_version(404), fine(204);
  api::Nudger nudger;
  const auto began = Clock::now();
  nudger.tell(old_version.url);
  nudger.tell("http://127.0.0.1:1");
  nudger.tell("no address");
  nudger.tell("");
  old_version.until_heard(1);
  for (int i = 0; i < 100; ++i) {
    nudger.tell(old_version.url);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began);
  CHECK(old_version.heard <= 1 + seconds.count());
  nudger.tell(fine.url);
  fine.until_heard(1);
}

TEST_CASE("nudge: it ends while a peer is silent") {
  std::promise<void> go;
  auto gone = go.get_future().share();
  Peer peer(204, [gone](int) { gone.wait(); });
  {
    api::Nudger nudger;
    nudger.tell(peer.url);
    nudger.tell(peer.url);
    peer.until_heard(1);
  }
  go.set_value();
}
