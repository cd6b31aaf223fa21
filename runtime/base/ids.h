// Ids and hashes: sagas, events and requests get time-ordered UUIDs (version 7), so that new rows
// stand together in every index and a month of them is a partition; a partition key picks its lane
// by SHA-256. Tested in tests/runtime/ids_test.cpp.
#pragma once
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "interpreter/journal.h"

namespace belay::runtime {

// Makes UUIDs of version 7: 48 bits of milliseconds, 12 bits of the fraction, 62 random bits. Each
// is greater than the one before, also when the clock stands still or steps back. Thread-safe.
class IdGenerator {
 public:
  // `seed` other than 0: the random bits come from it, for simulations that repeat exactly.
  explicit IdGenerator(std::uint64_t seed = 0) : seed_(seed) {}
  // `now` is database time: partitions are cut by it. 36 characters, lower case.
  std::string next(interpreter::Instant now);

 private:
  std::mutex mutex_;
  std::uint64_t seed_;
  std::uint64_t last_ = 0;  // milliseconds * 4096 + fraction
  unsigned char random_[1024];
  std::size_t random_left_ = 0;
};

// 8-4-4-4-12 hex digits in lower case: the only form that is stored.
bool is_uuid(std::string_view text);
// The same uuid in lower case, or nullopt when it is none. Any version, upper or lower case.
std::optional<std::string> normalise_uuid(std::string_view text);
// The milliseconds inside a version 7 uuid as an instant; none for other versions.
interpreter::Instant time_of_uuid(std::string_view uuid);

// First 8 bytes of SHA-256(tenant, 0, partition key) mod count. Fixed for ever: rows lie where it
// says.
std::int32_t lane_of(std::string_view tenant, std::string_view partition_key, std::int32_t count);

std::string sha256_hex(std::string_view bytes);  // 64 characters, lower case

// `bytes` random bytes from the operating system's source, as lower-case hex: API keys.
std::string random_hex(std::size_t bytes);

}  // namespace belay::runtime
