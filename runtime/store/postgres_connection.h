// One connection to Postgres: libpqxx behind a small face, so that its headers, exceptions and
// versions (6.4 on Debian 12, 7.10 on 13) stay in one .cpp. A lost connection stays lost: whoever
// owns it must know, so that nothing is sent twice by a library that meant well. Not thread-safe.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/store/postgres_array.h"
#include "runtime/store/postgres_store.h"

namespace belay::runtime {

struct PostgresFailure {
  bool lost = false;  // no connection any more: the statement may or may not have been carried out
  std::string sqlstate;    // empty when lost without one
  std::string message;     // the server's first line
  std::string constraint;  // of 23xxx, else empty

  // 22, 23, 54: the data is at fault, the same again fails again.
  bool is_data_error() const;
};
Failure to_failure(const PostgresFailure& failure, std::string_view doing);

class PostgresRows {
 public:
  PostgresRows();
  PostgresRows(PostgresRows&&) noexcept;
  PostgresRows& operator=(PostgresRows&&) noexcept;
  ~PostgresRows();

  std::size_t size() const;
  std::size_t columns() const;
  std::size_t affected() const;
  std::string column_name(std::size_t column) const;
  std::uint32_t column_type(std::size_t column) const;  // OID
  bool is_null(std::size_t row, std::size_t column) const;
  // Null is empty, 0, false. Valid while the rows live.
  std::string_view text(std::size_t row, std::size_t column) const;
  std::string str(std::size_t row, std::size_t column) const {
    return std::string(text(row, column));
  }
  std::int64_t number(std::size_t row, std::size_t column) const;
  bool flag(std::size_t row, std::size_t column) const { return text(row, column) == "t"; }

 private:
  friend class PostgresConnection;
  struct Held;
  std::unique_ptr<Held> held_;
};

template <class T>
using PostgresResult = tl::expected<T, PostgresFailure>;

class PostgresConnection {
 public:
  // Connects and sets time-outs, time zone, message language. Nothing is retried.
  static PostgresResult<std::unique_ptr<PostgresConnection>> open(const PostgresOptions& options);
  ~PostgresConnection();

  // A named statement of runtime/store/sql, prepared at its first use; parameters in binary. Its
  // plan is made anew when a table has grown, and from time to time (table_growth.h).
  PostgresResult<PostgresRows> run(const char* name, const PostgresParams& params = {});
  // SQL text without parameters; several statements are one transaction.
  PostgresResult<PostgresRows> execute(const std::string& sql);
  // One statement with parameters as text (nullopt is null), not prepared.
  PostgresResult<PostgresRows> execute(const std::string& sql,
                                       const std::vector<std::optional<std::string>>& params);

  bool lost() const { return lost_; }
  // Plans are made once, for any parameters: for connections that run the same statements for ever.
  PostgresResult<void> use_generic_plans();

 private:
  PostgresConnection();
  struct Held;
  template <class Call>
  PostgresResult<PostgresRows> guarded(Call&& call);

  std::unique_ptr<Held> held_;
  bool lost_ = false;
};

// The text of a named statement ("-- name: flush_hot"). BELAY_CHECKs that there is one.
std::string_view named_sql(std::string_view name);

}  // namespace belay::runtime
