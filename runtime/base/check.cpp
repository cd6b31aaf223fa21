// The end of the process when an invariant is broken. See check.h.
#include "runtime/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace belay::runtime {

void check_failed(const char* condition, const char* message, const char* file, int line) noexcept {
  std::fprintf(stderr, "belay: bug: %s:%d: %s (%s)\n", file, line, message, condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace belay::runtime
