// Which process on which machine owns a lane, so that the successor of a killed one need not wait
// for its lease. Only what can be known for certain counts: the same boot, the same pid namespace,
// and no such process any more.
#pragma once
#include <string>
#include <string_view>

namespace belay::runtime {

// "boot/pid namespace/pid/start time" of this process; empty where /proc does not tell.
std::string this_process();

// True only when that process is certainly gone.
bool is_dead_process(std::string_view process);

}  // namespace belay::runtime
