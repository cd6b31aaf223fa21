// The HTTP face: reads requests, hands them to Provider, and lets answers fail the way faults
// demand. httplib stays in server.cpp.
#pragma once

#include <memory>
#include <string>

namespace belay::provider {

class Provider;

class Server {
 public:
  explicit Server(Provider& provider);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds a loopback address; port 0 picks a free one. Returns the port, or 0 when it cannot be
  // had.
  int bind(const std::string& host, int port);

  // Serves until stop(). REQUIRES: bind() succeeded.
  void run();

  // Takes no more requests, cuts silences short, and waits up to `grace_ms` for requests in
  // progress to end.
  void stop(int grace_ms);

 private:
  struct Body;
  std::unique_ptr<Body> body_;
};

}  // namespace belay::provider
