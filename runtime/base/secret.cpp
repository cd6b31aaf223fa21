// Secrets and where they come from. See secret.h.
#include "runtime/base/secret.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace belay::runtime {
namespace {

constexpr std::size_t kNameBytesMax = 100;
constexpr std::size_t kSecretBytesMax = 64 * 1024;

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax || name.front() == '.') return false;
  for (char c : name) {
    const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || c == '.';
    if (!ok) return false;
  }
  return true;
}

std::string variable_of(std::string_view name) {
  std::string variable = "BELAY_SECRET_";
  for (char c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == '-' || c == '.') c = '_';
    variable += c;
  }
  return variable;
}

// The whole file; nullopt-like: false when it cannot be read or is too large.
bool read_secret_file(const std::string& path, std::string& out) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  out.reserve(kSecretBytesMax + 1);  // no reallocation, so no stray copy
  std::array<char, 4096> buffer;
  bool ok = true;
  for (;;) {
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n == 0) break;
    if (n < 0 || out.size() + static_cast<std::size_t>(n) > kSecretBytesMax) {
      ok = false;
      break;
    }
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  OPENSSL_cleanse(buffer.data(), buffer.size());
  close(fd);
  if (!ok) wipe(out);
  return ok;
}

}  // namespace

void wipe(std::string& text) {
  text.resize(text.capacity());  // the bytes behind size() may hold older content
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

Secret::Secret(std::string&& bytes) : bytes_(bytes) { wipe(bytes); }
Secret::Secret(const Secret& other) = default;
Secret::Secret(Secret&& other) noexcept : bytes_() {
  bytes_.swap(other.bytes_);
  wipe(other.bytes_);  // short strings are swapped by copying
}
Secret& Secret::operator=(Secret other) noexcept {
  bytes_.swap(other.bytes_);
  return *this;
}
Secret::~Secret() { wipe(bytes_); }

SecretStore::SecretStore() {
  if (const char* directory = std::getenv("BELAY_SECRETS_DIR")) directory_ = directory;
}
SecretStore::SecretStore(std::string directory) : directory_(std::move(directory)) {}

Result<Secret> SecretStore::resolve(std::string_view name) const {
  if (!is_name(name)) {
    return fail(ErrorCode::kMisconfigured, "this is no name of a secret",
                "use letters, digits, `_`, `-` and `.`, at most 100 characters");
  }
  const std::string variable = variable_of(name);
  if (const char* value = std::getenv(variable.c_str()); value != nullptr && *value != '\0') {
    return Secret(std::string(value));
  }
  std::string path;
  if (!directory_.empty()) {
    path = directory_ + "/" + std::string(name);
    std::string bytes;
    if (read_secret_file(path, bytes)) {
      if (!bytes.empty() && bytes.back() == '\n') bytes.pop_back();
      if (!bytes.empty() && bytes.back() == '\r') bytes.pop_back();
      if (!bytes.empty()) return Secret(std::move(bytes));
    }
  }
  const std::string file_hint =
      path.empty()
          ? "or set BELAY_SECRETS_DIR to a directory with a file `" + std::string(name) + "`"
          : "or write it to the file " + path;
  return fail(ErrorCode::kMisconfigured,
              "the secret `" + std::string(name) + "` is missing or empty",
              "set the environment variable " + variable + " " + file_hint);
}

}  // namespace belay::runtime
