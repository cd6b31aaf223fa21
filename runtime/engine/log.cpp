#include "runtime/engine/log.h"

#include <spdlog/spdlog.h>

namespace belay::runtime {

void log_info(const std::string& line) { spdlog::info("engine: {}", line); }
void log_warning(const std::string& line) { spdlog::warn("engine: {}", line); }

}  // namespace belay::runtime
