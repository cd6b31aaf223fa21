// Our own bugs: BELAY_CHECK(condition, "what must hold") is on in every build and aborts with file
// and line. The journal makes a crash safe; going on with a broken invariant is not. For the
// world's failures see result.h.
#pragma once

namespace belay::runtime {

// Writes one line to standard error without allocating, then aborts.
[[noreturn]] void check_failed(const char* condition, const char* message, const char* file,
                               int line) noexcept;

}  // namespace belay::runtime

#define BELAY_CHECK(condition, message) \
  (static_cast<bool>(condition)         \
       ? static_cast<void>(0)           \
       : ::belay::runtime::check_failed(#condition, (message), __FILE__, __LINE__))
