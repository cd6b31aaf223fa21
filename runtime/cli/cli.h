// The `belay` command as a function, so that a program with plugins of its own is a main of three
// lines (examples/plugin). Everything else about the command line is private to this folder.
#pragma once
#include "runtime/actions/plugin.h"

namespace belay::runtime {

// Runs one command and returns its exit code: 0 done, 1 refused or problems found, 2 wrong usage, 3
// no server answers. `plugins` are what `belay serve` runs and what `belay check` knows; it
// outlives the call.
int belay_main(int argc, char** argv, PluginRegistry& plugins);

// The plugins that the stock `belay` has: `belay.noop` (takes nothing in, gives nothing) and
// `belay.echo` (gives what it takes).
void register_builtin_plugins(PluginRegistry& plugins);

}  // namespace belay::runtime
