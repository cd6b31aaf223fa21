// The `belay` command with one more plugin: what a developer builds for their own engine.
#include "runtime/cli/cli.h"

namespace belay::examples {
void register_plugins(runtime::PluginRegistry& plugins, const std::string& file);
}

int main(int argc, char** argv) {
  belay::runtime::PluginRegistry plugins;
  belay::examples::register_plugins(plugins, "loyalty-points.txt");
  return belay::runtime::belay_main(argc, argv, plugins);
}
