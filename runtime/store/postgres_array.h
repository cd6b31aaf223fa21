// Parameters of a statement in Postgres' binary format. Binary saves quoting a JSON body twice
// (once here, once there): about a tenth of a flush. Arrays carry one column of many rows each; a
// statement unnests them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace belay::runtime {

// One column. The element type must be the one that the statement casts the parameter to.
class PostgresArray {
 public:
  enum class Of : std::uint32_t {
    kBool = 16,
    kInt8 = 20,
    kInt4 = 23,
    kText = 25,
    kJson = 114,
    kUuid = 2950
  };  // OIDs
  explicit PostgresArray(Of of, std::size_t rows = 0);

  void add_bool(bool v);
  void add_int4(std::int32_t v);
  void add_int8(std::int64_t v);
  void add_text(std::string_view v);     // kText and kJson
  void add_uuid(std::string_view text);  // REQUIRES: is_uuid(text)
  void add_null();

  std::size_t size() const { return count_; }
  // The finished parameter; leaves nothing behind.
  std::string take();

 private:
  void length(std::int32_t v);

  std::string bytes_;
  std::int32_t count_ = 0;
  bool nulls_ = false;
};

// The parameters of one statement, $1 onwards.
class PostgresParams {
 public:
  PostgresParams& int4(std::int32_t v);
  PostgresParams& int8(std::int64_t v);
  PostgresParams& boolean(bool v);
  PostgresParams& text(std::string_view v);  // text and json
  PostgresParams& bytes(std::string_view v);
  PostgresParams& uuid(std::string_view text);
  PostgresParams& array(PostgresArray array);

  const std::vector<std::string>& values() const { return values_; }

 private:
  std::vector<std::string> values_;
};

}  // namespace belay::runtime
