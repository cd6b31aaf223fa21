#include "dsl/expr/pattern.h"

#include <re2/re2.h>

namespace belay::dsl {

std::string pattern_problem(const std::string& pattern) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);  // as the runtime compiles it
  const re2::RE2 compiled(pattern, options);
  return compiled.ok() ? "" : compiled.error();
}

}  // namespace belay::dsl
