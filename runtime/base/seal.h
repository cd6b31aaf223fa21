// Sealing: what private values are at rest. Each saga that may hold some has a data key of its own
// (AES-256-GCM); the data key is stored wrapped under the master key, so that without the master
// nothing can be read, and without the row of the data key nothing ever again (erased). What is
// sealed is bound to its place: a blob that is moved to another saga or entry does not open.
//
//   value   {"$sealed":"BASE64"}                           input, snapshot, payload (with "saga",
//   "lane": whose key) entry   {…what may be read…,"$sealed":"BASE64"}         a journal body:
//   kinds, paths, errors stay; the blob is all of it
//
// Tested in tests/runtime/seal_test.cpp.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "interpreter/journal.h"
#include "runtime/base/result.h"
#include "runtime/base/secret.h"

namespace belay::runtime {

class DataKey {
 public:
  static constexpr std::size_t kBytes = 32;

  // REQUIRES: 32 bytes.
  explicit DataKey(Secret bytes);
  static DataKey random();

  // Base64 of nonce, ciphertext and tag.
  std::string seal(std::string_view plain, std::string_view bound_to) const;
  // kCorrupt: another key, another place, or damaged.
  Result<std::string> open(std::string_view sealed, std::string_view bound_to) const;

 private:
  friend class Sealer;
  Secret bytes_;
};
using SealPtr = std::shared_ptr<const DataKey>;

// The master key. Immutable, any thread.
class Sealer {
 public:
  // 32 bytes as 64 hex digits or as base64. kMisconfigured.
  static Result<std::shared_ptr<const Sealer>> from_text(std::string_view text);
  // Of a file with such a text. `make`: written with mode 0600 when there is none.
  static Result<std::shared_ptr<const Sealer>> from_file(const std::string& path, bool make);

  std::string wrap(const DataKey& key, std::string_view saga) const;
  Result<SealPtr> unwrap(std::string_view wrapped, std::string_view saga) const;
  // For what belongs to no saga, or only passes by (mail, payloads from outside).
  const DataKey& own() const { return own_; }
  // A digest that nobody without the master can try values against: 64 hex digits.
  std::string mac(std::string_view text) const;

 private:
  explicit Sealer(Secret master);
  DataKey wrap_, own_;
  Secret mac_;
};
using SealerPtr = std::shared_ptr<const Sealer>;

// ---- Forms ----

std::string sealed_value(const DataKey& key, std::string_view plain, std::string_view bound_to);
bool is_sealed_value(std::string_view json);
Result<std::string> open_value(const DataKey& key, std::string_view json,
                               std::string_view bound_to);

// A payload under a saga's key says whose.
struct SealedBy {
  std::string saga;
  std::int32_t lane = 0;
};
std::string sealed_payload(const DataKey& key, const SealedBy& by, std::string_view plain,
                           std::string_view bound_to);
std::optional<SealedBy> sealed_by(std::string_view json);  // nothing: under the master's own key

// `readable`: a JSON object without values; `plain`: the whole body.
std::string sealed_body(const DataKey& key, std::string readable, std::string_view plain,
                        std::string_view bound_to);
bool is_sealed_body(std::string_view body);
Result<std::string> open_body(const DataKey& key, std::string_view body, std::string_view bound_to);
std::string bound_to_entry(std::string_view saga, std::uint64_t seq);

// The entry without what may be private: values, messages, reasons, digests. Kinds, paths, times,
// errors and keys stay. Every value that was there becomes `instead`.
interpreter::Entry without_values(const interpreter::Entry& entry,
                                  const interpreter::Value& instead = {});

}  // namespace belay::runtime
