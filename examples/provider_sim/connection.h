// The socket under a request. httplib does not hand it out, but silence and resets need it: the
// request's handler runs on the thread that serves the connection, so the socket with the peer's
// port stays open for as long as the handler runs.
#pragma once

namespace belay::provider {

// The open socket between our port and the peer's, or -1.
int find_connection(int own_port, int peer_port);

// Whether the peer has hung up. False when `socket` is -1.
bool peer_is_gone(int socket);

// Sends a TCP reset; whatever httplib writes afterwards goes nowhere.
void reset_connection(int socket);

}  // namespace belay::provider
