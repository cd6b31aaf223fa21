// JSON text and values of the language. Reading is in two steps: `parse_json` makes an untyped
// value (whole numbers int, others double, objects maps), `coerce` makes it one of a declared type
// or says what is wrong with it, by path. Both are bounded: bytes, depth, U+0000 refused, duplicate
// names refused. Writing never fails.
//
//   type        JSON
//   money       {"currency": "EUR", "minor": 4990}
//   timestamp   "2026-11-21T12:00:00Z" (RFC 3339, any offset; written in UTC)
//   duration    "900s" (also read: "15m", "1h30m", ISO 8601 "PT15M", "P1D")
//   bytes       base64
//   uuid        any case is read, lower case is kept
//
// The journal's own lossless form is journal_json.h. Tested in tests/runtime/json_test.cpp.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/type.h"
#include "interpreter/value.h"
#include "runtime/base/limits.h"
#include "runtime/base/result.h"

namespace belay::runtime {

struct JsonLimits {
  std::size_t bytes_max = limits::input_bytes_max;
  std::size_t depth_max = limits::json_depth_max;
  bool nul_allowed = false;  // U+0000 in texts, which no database column and few partners can hold
};

// Failures: kTooLarge, kInvalid (with the byte where reading stopped).
Result<interpreter::Value> parse_json(std::string_view text, JsonLimits bounds = {});

struct CoerceOptions {
  // Fields that the type does not know: refused where people send them, ignored in what other
  // systems answer.
  bool ignore_unknown = false;
};

// `value` as one of `type`: text becomes a timestamp, a map becomes money, and so on; values that
// already have the right kind are checked against bounds and kept. Optional fields that are null or
// missing are left out of the record. Failure: kInvalid, "price.currency: not a currency code;
// seats: must be at most 9" (at most ten problems). `path` is what the value is called in messages;
// empty for the whole.
Result<interpreter::Value> coerce(const interpreter::Type& type, const interpreter::Value& value,
                                  std::string_view path = {}, const CoerceOptions& options = {});
// The same for a record of these fields (takes, gives, an event).
Result<interpreter::Value> coerce(const std::vector<interpreter::Field>& fields,
                                  const interpreter::Value& value, std::string_view path = {},
                                  const CoerceOptions& options = {});

// parse_json, then coerce.
Result<interpreter::Value> decode_json(const std::vector<interpreter::Field>& fields,
                                       std::string_view text, JsonLimits bounds = {},
                                       const CoerceOptions& options = {});

// JSON for other systems and for people (not for the journal: kinds are lost). Appends to `out`.
void append_json(const interpreter::Value& value, std::string& out);
std::string to_json(const interpreter::Value& value);
// The same with what `type` (or the fields) declares private written as "***".
void append_json_masked(const interpreter::Type& type, const interpreter::Value& value,
                        std::string& out);
void append_json_masked(const std::vector<interpreter::Field>& fields,
                        const interpreter::Value& value, std::string& out);
std::string to_json_masked(const std::vector<interpreter::Field>& fields,
                           const interpreter::Value& value);

// One JSON string with its quotes. Bytes that are not UTF-8 are written as U+FFFD.
void append_json_string(std::string_view text, std::string& out);
// False for text that a database or a partner cannot hold: not UTF-8, or with U+0000.
bool is_storable_text(std::string_view text);

std::string to_base64(std::string_view bytes);
bool from_base64(std::string_view text, std::string& bytes);  // strict, with padding

}  // namespace belay::runtime
