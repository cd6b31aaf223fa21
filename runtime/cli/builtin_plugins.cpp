// The plugins of the stock `belay`: for first steps, tests and the benchmark. Both only return, so
// the engine's own thread runs them.
#include "runtime/cli/cli.h"

namespace belay::runtime {

void register_builtin_plugins(PluginRegistry& plugins) {
  plugins.add(
      "belay.noop",
      [](const PluginCall&) { return PluginResult::success(interpreter::record({})); },
      PluginThread::kInline);
  plugins.add(
      "belay.echo", [](const PluginCall& call) { return PluginResult::success(call.args); },
      PluginThread::kInline);
}

}  // namespace belay::runtime
