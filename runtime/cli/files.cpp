// Files for the command line. See files.h.
#include "runtime/cli/files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace belay::runtime::cli {

using runtime::ErrorCode;
using runtime::fail;
using runtime::Result;

namespace {

constexpr std::size_t kFileBytesMax = 4 * 1024 * 1024;

struct Close {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, Close> file(path == "-" ? stdin
                                                           : std::fopen(path.c_str(), "rb"));
  if (!file)
    return fail(ErrorCode::kNotFound, "cannot read `" + path + "`: " + std::strerror(errno));
  std::string text;
  char block[65536];
  while (const std::size_t n = std::fread(block, 1, sizeof block, file.get())) {
    text.append(block, n);
    if (text.size() > kFileBytesMax)
      return fail(ErrorCode::kTooLarge, "`" + path + "` is larger than 4 MiB");
  }
  if (std::ferror(file.get()) != 0)
    return fail(ErrorCode::kNotFound, "cannot read `" + path + "`: " + std::strerror(errno));
  return text;
}

Result<void> write_file(const std::string& path, const std::string& text) {
  const std::string beside = path + ".tmp";
  std::FILE* file = std::fopen(beside.c_str(), "wb");
  bool ok = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file != nullptr) ok = std::fclose(file) == 0 && ok;
  ok = ok && std::rename(beside.c_str(), path.c_str()) == 0;
  if (ok) return {};
  const std::string why = std::strerror(errno);
  std::remove(beside.c_str());
  return fail(ErrorCode::kForbidden, "cannot write `" + path + "`: " + why);
}

Result<std::string> json_argument(const std::string& argument, const std::string& otherwise) {
  if (argument.empty()) return otherwise;
  if (argument.front() != '@') return argument;
  return read_file(argument.substr(1));
}

}  // namespace belay::runtime::cli
