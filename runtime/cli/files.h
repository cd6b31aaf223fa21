// Reading and writing whole files, and arguments that are JSON or `@FILE`.
#pragma once
#include <string>

#include "runtime/base/result.h"

namespace belay::runtime::cli {

// At most 4 MiB. kNotFound with the system's words. "-" is standard input.
runtime::Result<std::string> read_file(const std::string& path);
// Whole or not at all: written beside and renamed.
runtime::Result<void> write_file(const std::string& path, const std::string& text);
// `@FILE` becomes the file's text; `otherwise` when the argument is empty.
runtime::Result<std::string> json_argument(const std::string& argument,
                                           const std::string& otherwise);

}  // namespace belay::runtime::cli
