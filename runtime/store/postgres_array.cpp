// Postgres' binary formats, as documented by array_recv, int4recv, uuid_recv and their kin. See
// postgres_array.h.
#include "runtime/store/postgres_array.h"

#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/ids.h"

namespace belay::runtime {
namespace {

constexpr std::size_t kHeaderBytes =
    20;  // dimensions, has nulls, element type, length, lower bound

void put32(char* at, std::uint32_t v) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(v >> (24 - 8 * i));
}

void append32(std::string& out, std::uint32_t v) {
  char bytes[4];
  put32(bytes, v);
  out.append(bytes, 4);
}

void append64(std::string& out, std::uint64_t v) {
  append32(out, static_cast<std::uint32_t>(v >> 32));
  append32(out, static_cast<std::uint32_t>(v));
}

unsigned nibble(char c) {
  return c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>(c - 'a') + 10;
}

void append_uuid(std::string& out, std::string_view text) {
  BELAY_CHECK(is_uuid(text), "ids that reach the database are uuids");
  char bytes[16];
  std::size_t at = 0;
  for (char& byte : bytes) {
    if (text[at] == '-') ++at;
    byte = static_cast<char>(nibble(text[at]) << 4 | nibble(text[at + 1]));
    at += 2;
  }
  out.append(bytes, sizeof bytes);
}

}  // namespace

PostgresArray::PostgresArray(Of of, std::size_t rows) : bytes_(kHeaderBytes, '\0') {
  put32(bytes_.data() + 8, static_cast<std::uint32_t>(of));
  bytes_.reserve(kHeaderBytes + rows * 12);
}

void PostgresArray::length(std::int32_t v) {
  append32(bytes_, static_cast<std::uint32_t>(v));
  ++count_;
}
void PostgresArray::add_bool(bool v) {
  length(1);
  bytes_ += v ? '\1' : '\0';
}
void PostgresArray::add_int4(std::int32_t v) {
  length(4);
  append32(bytes_, static_cast<std::uint32_t>(v));
}
void PostgresArray::add_int8(std::int64_t v) {
  length(8);
  append64(bytes_, static_cast<std::uint64_t>(v));
}
void PostgresArray::add_text(std::string_view v) {
  length(static_cast<std::int32_t>(v.size()));
  bytes_ += v;
}
void PostgresArray::add_uuid(std::string_view text) {
  length(16);
  append_uuid(bytes_, text);
}
void PostgresArray::add_null() {
  length(-1);
  nulls_ = true;
}

std::string PostgresArray::take() {
  if (count_ == 0) {
    bytes_.resize(12);  // no dimension
  } else {
    put32(bytes_.data(), 1);
    put32(bytes_.data() + 4, nulls_ ? 1 : 0);
    put32(bytes_.data() + 12, static_cast<std::uint32_t>(count_));
    put32(bytes_.data() + 16, 1);
  }
  return std::move(bytes_);
}

PostgresParams& PostgresParams::int4(std::int32_t v) {
  append32(values_.emplace_back(), static_cast<std::uint32_t>(v));
  return *this;
}
PostgresParams& PostgresParams::int8(std::int64_t v) {
  append64(values_.emplace_back(), static_cast<std::uint64_t>(v));
  return *this;
}
PostgresParams& PostgresParams::boolean(bool v) {
  values_.emplace_back(1, v ? '\1' : '\0');
  return *this;
}
PostgresParams& PostgresParams::text(std::string_view v) {
  values_.emplace_back(v);
  return *this;
}
PostgresParams& PostgresParams::bytes(std::string_view v) { return text(v); }
PostgresParams& PostgresParams::uuid(std::string_view text) {
  append_uuid(values_.emplace_back(), text);
  return *this;
}
PostgresParams& PostgresParams::array(PostgresArray array) {
  values_.push_back(array.take());
  return *this;
}

}  // namespace belay::runtime
