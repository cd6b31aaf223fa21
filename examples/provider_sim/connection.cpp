// Finding, watching and resetting a request's socket; see connection.h.
#include "examples/provider_sim/connection.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace belay::provider {
namespace {

constexpr int kSocketsMax = 1024;  // main() limits open files to fewer

using Name = int (*)(int, sockaddr*, socklen_t*);

// The IPv4 port of one end, or -1 when `fd` is no such socket.
int port_of(int fd, Name name) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (name(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0 || address.ss_family != AF_INET)
    return -1;
  return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

int find_connection(int own_port, int peer_port) {
  for (int fd = 3; fd < kSocketsMax; ++fd)
    if (port_of(fd, ::getpeername) == peer_port && port_of(fd, ::getsockname) == own_port)
      return fd;
  return -1;
}

bool peer_is_gone(int socket) {
  if (socket < 0) return false;
  pollfd watched{.fd = socket, .events = POLLRDHUP, .revents = 0};
  return ::poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void reset_connection(int socket) {
  if (socket < 0) return;
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;  // dissolves the association: Linux answers the peer with RST
  ::connect(socket, &nowhere, sizeof nowhere);
}

}  // namespace belay::provider
