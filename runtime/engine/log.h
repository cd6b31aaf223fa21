// The engine's log lines: rare, for operators, without secrets and without anything that a saga
// holds.
#pragma once
#include <string>

namespace belay::runtime {

void log_info(const std::string& line);
void log_warning(const std::string& line);

}  // namespace belay::runtime
