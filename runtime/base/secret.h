// Secrets: values that cannot be printed, journaled or put in JSON. `secret NAME` in a definition
// stays a name until the moment something is sent; SecretStore then gives the Secret, and reveal()
// is the only way to its bytes, so that `grep reveal` lists every place where one leaves the
// process. Tested in tests/runtime/secret_test.cpp.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace belay::runtime {

// Owns its bytes; wiped when destroyed, moved from or assigned over. A copy is a second set of
// bytes, wiped too.
class Secret {
 public:
  Secret() = default;  // empty
  // Takes the bytes and wipes what it was given.
  explicit Secret(std::string&& bytes);
  Secret(const Secret& other);
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret other) noexcept;
  ~Secret();

  // The bytes, valid while this lives. Do not copy them into anything that outlives the use.
  std::string_view reveal() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

  // Nothing turns into text by accident.
  operator std::string() const = delete;
  operator std::string_view() const = delete;
  operator bool() const = delete;
  bool operator==(const Secret&) const = delete;
  template <class Stream>
  friend Stream& operator<<(Stream&, const Secret&) = delete;

 private:
  std::string bytes_;
};

// Wipes the bytes of a string that held a secret (a header line, a signed text) and empties it.
void wipe(std::string& text);

// Where `secret NAME` comes from: the environment variable BELAY_SECRET_<NAME in upper case>, else
// the file NAME in the directory $BELAY_SECRETS_DIR (one trailing newline is not part of it). Read
// at every call, so that a rotated file counts at once. Thread-safe as long as nobody calls setenv.
class SecretStore {
 public:
  // Reads BELAY_SECRETS_DIR.
  SecretStore();
  explicit SecretStore(std::string directory);

  // The secret, or kMisconfigured with a message that names the variable and the file, and never a
  // value. Names are letters, digits, `_`, `-` and `.`, at most 100 characters; `-` and `.` become
  // `_` in the variable.
  Result<Secret> resolve(std::string_view name) const;

 private:
  std::string directory_;
};

}  // namespace belay::runtime
