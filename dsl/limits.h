// Every bound of the compiler in one place, with its unit. A definition that passes one earns a
// clear diagnostic.
#pragma once
#include <cstddef>
#include <cstdint>

namespace belay::dsl::limits {

inline constexpr std::size_t file_bytes_max = 1 << 20;
inline constexpr std::size_t line_bytes_max = 8192;
inline constexpr std::size_t nesting_max = 64;             // blocks inside blocks
inline constexpr std::size_t nodes_per_file_max = 50'000;  // lines or YAML nodes
inline constexpr std::size_t expression_bytes_max = 4096;
inline constexpr std::size_t expression_depth_max = 64;
inline constexpr std::size_t statements_per_workflow_max = 5'000;
inline constexpr std::size_t files_max = 10'000;
inline constexpr std::size_t diagnostics_max = 500;
inline constexpr std::size_t scope_names_max =
    4'000'000;  // noted for editors, all statements together

}  // namespace belay::dsl::limits
