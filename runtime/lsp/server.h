// `belay lsp`: the Language Server Protocol for definitions of both forms. The server is bytes in,
// bytes out, so tests need no process; serve_stdio is the loop around it. Whatever a client sends
// is answered or ignored as the protocol says; nothing it sends ends the server but `exit`. Tested
// in tests/runtime/lsp_test.cpp and, with a client library, in tests/editors/lsp.mjs.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dsl/compile.h"

namespace belay::runtime::lsp {

struct ServerOptions {
  std::string folder;  // of definitions, below the folder that the editor opens; empty: that folder
  const dsl::PluginCatalog* catalog = nullptr;  // nullptr: any plugin's name passes
};

class Server {
 public:
  // `send` gets whole frames.
  Server(ServerOptions options, std::function<void(std::string)> send);
  ~Server();

  // Takes bytes as they come and answers the requests that are whole.
  void receive(std::string_view bytes);
  // Compiles what changed and publishes. Called when no more input is waiting: while somebody
  // types, the states in between are skipped.
  void settle();
  bool unsettled() const;
  // The exit code, once the client said `exit`.
  std::optional<int> ended() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Until `exit` or the end of input. Returns the exit code: 0 after a proper shutdown, else 1.
int serve_stdio(int in, int out, const ServerOptions& options);

}  // namespace belay::runtime::lsp
