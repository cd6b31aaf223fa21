// The one place that knows which Catch2 is installed: version 2 on Debian 12, version 3 on
// Debian 13.
#pragma once
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
namespace belay {
using Catch::Matchers::ContainsSubstring;
}
#else
#include <catch2/catch.hpp>
namespace belay {
inline auto ContainsSubstring(const std::string& text) { return Catch::Contains(text); }
}  // namespace belay
#endif
