// The one place that includes libpqxx. See postgres_connection.h.
#include "runtime/store/postgres_connection.h"

#include <charconv>
#include <chrono>
#include <map>
#include <pqxx/pqxx>

#include "runtime/base/check.h"
#include "runtime/store/embedded_sql.h"
#include "runtime/store/table_growth.h"

namespace belay::runtime {
namespace {

// ---- What differs between libpqxx 6 and 7

#if PQXX_VERSION_MAJOR >= 7
using Params = pqxx::params;
pqxx::params binary_params(const std::vector<std::string>& values) {
  pqxx::params params;
  for (const std::string& v : values) {
    params.append(
        std::basic_string_view<std::byte>(reinterpret_cast<const std::byte*>(v.data()), v.size()));
  }
  return params;
}
pqxx::result exec_binary(pqxx::transaction_base& work, const std::string& name,
                         const std::vector<std::string>& values) {
  return work.exec_prepared(name, binary_params(values));
}
pqxx::result exec_text(pqxx::transaction_base& work, const std::string& sql,
                       const std::vector<std::optional<std::string>>& values) {
  pqxx::params params;
  for (const auto& v : values) {
    if (v)
      params.append(*v);
    else
      params.append();
  }
  return work.exec_params(sql, params);
}
void make_verbose(pqxx::connection& connection) {
  connection.set_verbosity(pqxx::error_verbosity::verbose);
}
#else
pqxx::result exec_binary(pqxx::transaction_base& work, const std::string& name,
                         const std::vector<std::string>& values) {
  std::vector<pqxx::binarystring> params;
  params.reserve(values.size());
  for (const std::string& v : values) params.emplace_back(v);
  return work.exec_prepared(name, pqxx::prepare::make_dynamic_params(params));
}
pqxx::result exec_text(pqxx::transaction_base& work, const std::string& sql,
                       const std::vector<std::optional<std::string>>& values) {
  std::vector<const char*> params;
  params.reserve(values.size());
  for (const auto& v : values) params.push_back(v ? v->c_str() : nullptr);
  return work.exec_params(sql, pqxx::prepare::make_dynamic_params(params));
}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void make_verbose(pqxx::connection& connection) {
  connection.set_verbosity(pqxx::connection_base::verbose);
  connection.inhibit_reactivation(true);  // no silent reconnects
}
#pragma GCC diagnostic pop
#endif

// ---- Statements

using Statements = std::map<std::string, std::string_view, std::less<>>;

Statements read_statements() {
  static constexpr std::string_view kMark = "-- name: ";
  Statements all;
  for (const EmbeddedSql& file : embedded_sql()) {
    std::size_t at = file.text.find(kMark);
    while (at != std::string_view::npos) {
      const std::size_t end = file.text.find('\n', at);
      const std::string_view name = file.text.substr(at + kMark.size(), end - at - kMark.size());
      const std::size_t next = file.text.find(kMark, end);
      const bool fresh =
          all.emplace(std::string(name), file.text.substr(end + 1, next - end - 1)).second;
      BELAY_CHECK(fresh, "no two statements have one name");
      at = next;
    }
  }
  return all;
}

// For how long plans are kept that nothing makes old.
constexpr std::chrono::seconds kPlansLast{20};

std::string first_line(std::string_view text) {
  while (!text.empty() && (text.front() == '\n' || text.front() == ' ')) text.remove_prefix(1);
  return std::string(text.substr(0, text.find('\n')));
}

// libpq in verbose mode: "ERROR:  23505: duplicate key …\nDETAIL:  …\nCONSTRAINT NAME: x\nLOCATION:
// …".
void read_verbose(std::string_view text, PostgresFailure& failure) {
  std::string line = first_line(text);
  if (!failure.sqlstate.empty()) {
    const std::size_t code = line.find(failure.sqlstate + ": ");
    if (code != std::string::npos && code < 40)
      line = line.substr(code + failure.sqlstate.size() + 2);
  }
  failure.message = std::move(line);
  static constexpr std::string_view kConstraint = "\nCONSTRAINT NAME:  ";
  if (const std::size_t at = text.find(kConstraint); at != std::string_view::npos) {
    failure.constraint = first_line(text.substr(at + kConstraint.size()));
  }
}

}  // namespace

std::string_view named_sql(std::string_view name) {
  static const Statements all = read_statements();
  const auto found = all.find(name);
  BELAY_CHECK(found != all.end(), "a named statement exists");
  return found->second;
}

bool PostgresFailure::is_data_error() const {
  return sqlstate.starts_with("22") || sqlstate.starts_with("23") || sqlstate.starts_with("54");
}

Failure to_failure(const PostgresFailure& failure, std::string_view doing) {
  std::string message = "the database failed to ";
  message += doing;
  message += ": " + failure.message;
  const std::string& s = failure.sqlstate;
  if (!s.empty()) message += " (" + s + ")";
  if (s.starts_with("28") || s == "3D000" || s == "42501" || s == "3F000") {
    return {ErrorCode::kMisconfigured, std::move(message),
            "check the connection string and the rights of its user"};
  }
  if (failure.is_data_error()) return {ErrorCode::kInvalid, std::move(message), {}};
  if (failure.lost || s.starts_with("08") || s.starts_with("40") || s.starts_with("53") ||
      s.starts_with("55") || s.starts_with("57") || s.starts_with("58") || s.empty()) {
    return {ErrorCode::kUnavailable, std::move(message), {}};
  }
  return {ErrorCode::kInternal, std::move(message), {}};
}

struct PostgresRows::Held {
  pqxx::result result;
};
PostgresRows::PostgresRows() = default;
PostgresRows::PostgresRows(PostgresRows&&) noexcept = default;
PostgresRows& PostgresRows::operator=(PostgresRows&&) noexcept = default;
PostgresRows::~PostgresRows() = default;

std::size_t PostgresRows::size() const {
  return held_ ? static_cast<std::size_t>(held_->result.size()) : 0;
}
std::size_t PostgresRows::columns() const {
  return held_ ? static_cast<std::size_t>(held_->result.columns()) : 0;
}
std::size_t PostgresRows::affected() const {
  return held_ ? static_cast<std::size_t>(held_->result.affected_rows()) : 0;
}
std::string PostgresRows::column_name(std::size_t column) const {
  return held_->result.column_name(static_cast<pqxx::row::size_type>(column));
}
std::uint32_t PostgresRows::column_type(std::size_t column) const {
  return held_->result.column_type(static_cast<pqxx::row::size_type>(column));
}
bool PostgresRows::is_null(std::size_t row, std::size_t column) const {
  return held_
      ->result[static_cast<pqxx::result::size_type>(row)][static_cast<pqxx::row::size_type>(column)]
      .is_null();
}
std::string_view PostgresRows::text(std::size_t row, std::size_t column) const {
  const auto field = held_->result[static_cast<pqxx::result::size_type>(row)]
                                  [static_cast<pqxx::row::size_type>(column)];
  return {field.c_str(), static_cast<std::size_t>(field.size())};  // null: c_str() is ""
}
std::int64_t PostgresRows::number(std::size_t row, std::size_t column) const {
  const std::string_view digits = text(row, column);
  std::int64_t v = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), v);
  return v;
}

struct PostgresConnection::Held {
  using Clock = std::chrono::steady_clock;
  Held(const std::string& options, std::shared_ptr<const TableGrowth> of)
      : connection(options), growth(std::move(of)) {}
  pqxx::connection connection;
  std::map<std::string, bool, std::less<>> prepared;
  std::shared_ptr<const TableGrowth> growth;  // or none
  std::uint64_t doublings = growth ? growth->doublings() : 0;
  Clock::time_point plans_since = Clock::now();

  // Says so once.
  bool plans_are_old() {
    const auto now = Clock::now();
    const std::uint64_t seen = growth ? growth->doublings() : 0;
    if (seen == doublings && now - plans_since < kPlansLast) return false;
    doublings = seen;
    plans_since = now;
    return true;
  }
};

PostgresConnection::PostgresConnection() = default;
PostgresConnection::~PostgresConnection() = default;

template <class Call>
PostgresResult<PostgresRows> PostgresConnection::guarded(Call&& call) {
  PostgresFailure failure;
  try {
    PostgresRows rows;
    rows.held_ = std::make_unique<PostgresRows::Held>(PostgresRows::Held{call()});
    return rows;
  } catch (const pqxx::broken_connection& e) {
    failure.lost = true;
    failure.message = first_line(e.what());
  } catch (const pqxx::sql_error& e) {
    failure.sqlstate = e.sqlstate();
    read_verbose(e.what(), failure);
    // 57P01 to 57P03: the server is going away and takes the connection with it.
    failure.lost = !held_->connection.is_open() || failure.sqlstate.empty() ||
                   failure.sqlstate.starts_with("57P");
  } catch (const std::exception& e) {
    failure.lost = true;  // nothing is known of the statement
    failure.message = first_line(e.what());
  }
  lost_ = lost_ || failure.lost;
  return tl::unexpected(std::move(failure));
}

PostgresResult<std::unique_ptr<PostgresConnection>> PostgresConnection::open(
    const PostgresOptions& options) {
  std::unique_ptr<PostgresConnection> out(new PostgresConnection);
  PostgresFailure failure;
  failure.lost = true;
  try {
    // libpq takes its own settings as parameters of the string, in both forms of it.
    const bool uri = options.connection.starts_with("postgres://") ||
                     options.connection.starts_with("postgresql://");
    const bool has_query = options.connection.find('?') != std::string::npos;
    std::string text = options.connection;
    const auto add = [&](const std::string& name, const std::string& value) {
      if (options.connection.find(name + "=") != std::string::npos)
        return;  // the user's own comes first
      if (uri)
        text += (has_query || text.find('?') != std::string::npos ? "&" : "?") + name + "=" + value;
      else
        text += " " + name + "=" + value;
    };
    add("connect_timeout", std::to_string(options.connect_timeout_s));
    add("tcp_user_timeout", std::to_string(options.tcp_user_timeout_ms));
    add("keepalives_idle", "10");
    add("application_name", options.application);
    out->held_ = std::make_unique<Held>(text, options.growth);
    make_verbose(out->held_->connection);
    pqxx::nontransaction work(out->held_->connection);
    work.exec(
        "SET TIME ZONE 'UTC'; SET jit = off; SET client_min_messages = warning; SET datestyle = "
        "'ISO'; SET "
        "intervalstyle = 'iso_8601'; SET statement_timeout = " +
        std::to_string(options.statement_timeout_ms));
    return out;
  } catch (const pqxx::sql_error& e) {
    failure.sqlstate = e.sqlstate();
    read_verbose(e.what(), failure);
  } catch (const std::exception& e) {
    failure.message = first_line(e.what());
    // A refused password or an unknown database has no SQLSTATE here, but will not get better by
    // itself.
    if (failure.message.find("password authentication failed") != std::string::npos)
      failure.sqlstate = "28P01";
    if (failure.message.find("does not exist") != std::string::npos) failure.sqlstate = "3D000";
  }
  return tl::unexpected(std::move(failure));
}

PostgresResult<PostgresRows> PostgresConnection::run(const char* name,
                                                     const PostgresParams& params) {
  return guarded([&] {
    pqxx::nontransaction work(held_->connection);
    if (held_->plans_are_old()) work.exec("DISCARD PLANS");
    if (!held_->prepared[name]) {
      held_->connection.prepare(name, std::string(named_sql(name)));
      held_->prepared[name] = true;
    }
    return exec_binary(work, name, params.values());
  });
}

PostgresResult<PostgresRows> PostgresConnection::execute(const std::string& sql) {
  return guarded([&] {
    pqxx::nontransaction work(held_->connection);
    return work.exec(sql);
  });
}

PostgresResult<PostgresRows> PostgresConnection::execute(
    const std::string& sql, const std::vector<std::optional<std::string>>& params) {
  return guarded([&] {
    pqxx::nontransaction work(held_->connection);
    return exec_text(work, sql, params);
  });
}

PostgresResult<void> PostgresConnection::use_generic_plans() {
  auto done = execute("SET plan_cache_mode = force_generic_plan");
  if (!done) return tl::unexpected(done.error());
  return {};
}

}  // namespace belay::runtime
