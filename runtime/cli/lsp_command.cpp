// lsp: the language server on standard input and output.
#include <unistd.h>

#include "runtime/cli/commands.h"
#include "runtime/lsp/server.h"

namespace belay::runtime::cli {

int run(const LspCommand& command, const runtime::PluginRegistry& plugins) {
  const dsl::PluginCatalog catalog{plugins.names()};
  return lsp::serve_stdio(
      STDIN_FILENO, STDOUT_FILENO,
      {.folder = command.directory, .catalog = command.any_plugin ? nullptr : &catalog});
}

}  // namespace belay::runtime::cli
