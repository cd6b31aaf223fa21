// Requests from node to node when the holder of a lane cannot be reached by its peers: a message to
// the lane, carried out by whoever holds it, and a message back to a lane of the asking node. The
// bodies are the business of those who speak. A request is consumed in the flush that sends its
// answer: after a crash before that it comes again, under the same id. An answer to a lane that was
// handed over meanwhile is sent on, and a node that is being stopped waits for its answers a moment
// before its lanes go. Tested in tests/runtime/engine_nodes_test.cpp and
// engine_nodes_mail_test.cpp.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "runtime/engine/loop.h"

namespace belay::runtime {

class Asks {
 public:
  explicit Asks(Loop& loop) : loop_(loop) {}

  void ask(Lane to, std::string body, std::function<void(Result<std::string>)> done);
  void on_request(Engine::RequestHook hook);
  // NodeAsks, NodeAnswers.
  void deliver(Mail mail);
  // Gives up those that have waited for long.
  void step(SteadyTime now);
  // For answers.
  bool waiting() const { return !asked_.empty(); }

 private:
  struct Asked {
    std::function<void(Result<std::string>)> done;
    SteadyTime until;
  };
  void answered(const Mail& mail, const NodeAnswers& answer);

  Loop& loop_;
  Engine::RequestHook hook_;
  std::vector<Mail> early_;  // came before there was a hook
  std::map<std::string, Asked> asked_;
};

}  // namespace belay::runtime
