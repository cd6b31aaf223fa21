// The `belay` command with the plugins it comes with. A program with plugins of its own is
// examples/plugin/main.cpp.
#include "runtime/cli/cli.h"

int main(int argc, char** argv) {
  belay::runtime::PluginRegistry plugins;
  belay::runtime::register_builtin_plugins(plugins);
  return belay::runtime::belay_main(argc, argv, plugins);
}
