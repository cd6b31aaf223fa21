// Which database is which cell. Each says so in one row, written once, while all of them are fresh;
// from then on nothing is opened that would put a lane's sagas where nobody looks for them. See
// cells.h.
#include <algorithm>

#include "runtime/base/clock.h"
#include "runtime/base/ids.h"
#include "runtime/store/cells.h"
#include "runtime/store/postgres_connection.h"

namespace belay::runtime {
namespace {

struct CellRow {
  std::size_t number = 0, of = 1;
  std::string deployment;  // empty: it says nothing
};

using Connection = std::unique_ptr<PostgresConnection>;

std::string name_of(std::size_t number) { return "database " + std::to_string(number + 1); }

tl::unexpected<Failure> refuse(std::size_t number, const std::string& what,
                               const std::string& hint) {
  return fail(ErrorCode::kMisconfigured, name_of(number) + " " + what, hint);
}

Result<CellRow> row_of(PostgresConnection& connection, std::size_t number) {
  auto rows = connection.run("cell");
  if (!rows)
    return fail(to_failure(rows.error(), "tell which cell it is (" + name_of(number) + ")"));
  if (rows->size() == 0) return CellRow{};
  return CellRow{static_cast<std::size_t>(rows->number(0, 0)),
                 static_cast<std::size_t>(rows->number(0, 1)), rows->str(0, 2)};
}

Result<bool> fresh(PostgresConnection& connection, std::size_t number) {
  auto rows = connection.run("cell_is_fresh");
  if (!rows)
    return fail(to_failure(rows.error(), "tell whether it is empty (" + name_of(number) + ")"));
  return rows->flag(0, 0);
}

Result<void> check_row(const CellRow& row, std::size_t number, std::size_t of) {
  if (row.deployment.empty() || (row.number == number && row.of == of)) return {};
  const std::string is =
      "is cell " + std::to_string(row.number + 1) + " of " + std::to_string(row.of);
  if (of == 1)
    return refuse(number, is + " and is opened alone",
                  "give --database once for each cell, in their order");
  return refuse(
      number,
      is + " and is given as cell " + std::to_string(number + 1) + " of " + std::to_string(of),
      "give --database once for each cell, in the order in which they were set up; it cannot be "
      "changed later");
}

// All that is known says that these are fresh, or cells in this order. Writes the rows that are
// missing, the first cell's before all others: it is the one that makes the deployment.
Result<void> write_rows(std::vector<Connection>& connections, std::vector<CellRow> rows) {
  const std::string made = IdGenerator().next({});
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].deployment.empty()) continue;
    const std::string& deployment = i == 0 ? made : rows[0].deployment;
    auto done = connections[i]->run("become_cell", PostgresParams()
                                                       .int4(static_cast<std::int32_t>(i))
                                                       .int4(static_cast<std::int32_t>(rows.size()))
                                                       .uuid(deployment));
    if (!done) return fail(to_failure(done.error(), "become a cell"));
    Result<CellRow> now = row_of(*connections[i], i);  // somebody may have been faster
    if (!now) return fail(now.error());
    if (auto right = check_row(*now, i, rows.size()); !right) return right;
    rows[i] = *now;
  }
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].deployment != rows[0].deployment) {
      return refuse(i, "is a cell of another deployment than database 1",
                    "these databases do not belong together");
    }
  }
  return {};
}

// Ids hold a time and are compared with each database's own; a minute between them would lose sagas
// (move_mark).
Result<void> check_clocks(std::vector<Connection>& connections) {
  constexpr std::int64_t kMost_us = 5'000'000;
  std::int64_t first = 0, first_at = 0;
  for (std::size_t i = 0; i < connections.size(); ++i) {
    auto rows = connections[i]->run("database_now");
    if (!rows) return fail(to_failure(rows.error(), "tell the time"));
    const std::int64_t at = monotonic_us();
    if (i == 0) {
      first = rows->number(0, 0);
      first_at = at;
      continue;
    }
    const std::int64_t apart_us = rows->number(0, 0) - first - (at - first_at);
    if (apart_us <= kMost_us && apart_us >= -kMost_us) continue;
    return refuse(i,
                  "has a clock that is " + std::to_string(apart_us / 1'000'000) +
                      " seconds from that of database 1",
                  "let a time service (NTP) set the clocks of all database servers");
  }
  return {};
}

}  // namespace

PostgresOptions impatient(PostgresOptions options) {
  options.connect_timeout_s = std::min(options.connect_timeout_s, 2);
  options.tcp_user_timeout_ms = std::min(options.tcp_user_timeout_ms, 3'000);
  return options;
}

Result<void> settle_cells(const std::vector<PostgresOptions>& databases) {
  if (databases.size() > kCellsMax) {
    return fail(ErrorCode::kMisconfigured,
                "there are at most " + std::to_string(kCellsMax) + " cells");
  }
  std::vector<Connection> connections;
  std::vector<CellRow> rows;
  bool all_say = true, any_says = false, any_used = false;
  for (std::size_t i = 0; i < databases.size(); ++i) {
    auto connection = PostgresConnection::open(databases[i]);
    if (!connection) return fail(to_failure(connection.error(), "answer (" + name_of(i) + ")"));
    connections.push_back(std::move(*connection));
    if (i == 0 && databases.size() > 1) {  // one process at a time, until the connection is closed
      auto locked = connections[0]->execute("SELECT pg_advisory_lock(hashtext('belay cells'))");
      if (!locked) return fail(to_failure(locked.error(), "lock its cell"));
    }
    Result<CellRow> row = row_of(*connections[i], i);
    if (!row) return fail(row.error());
    if (auto right = check_row(*row, i, databases.size()); !right) return right;
    const bool says = !row->deployment.empty();
    all_say = all_say && says;
    any_says = any_says || says;
    rows.push_back(std::move(*row));
  }
  if (databases.size() == 1) return {};
  if (auto alike = check_clocks(connections); !alike) return alike;
  for (std::size_t i = 0; !all_say && i < databases.size(); ++i) {
    const Result<bool> empty = fresh(*connections[i], i);
    if (!empty) return fail(empty.error());
    any_used = any_used || !*empty;
    if (!*empty && rows[i].deployment.empty()) {
      return refuse(i, "holds sagas, or a node is at work on it, and never was a cell",
                    "cells are set up with empty databases; run this one alone, or use another");
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    // A first start that was cut off leaves the later ones without a row, and nothing in any of
    // them.
    if (any_says && rows[i].deployment.empty() && (any_used || i == 0)) {
      return refuse(i, "is empty, and other cells of the deployment are not",
                    "name the right database, or restore the cell from its backup");
    }
  }
  return write_rows(connections, std::move(rows));
}

Result<std::unique_ptr<Store>> open_cells(const std::vector<PostgresOptions>& databases,
                                          std::size_t writers) {
  if (auto settled = settle_cells(databases); !settled) return fail(settled.error());
  std::vector<std::vector<std::shared_ptr<Store>>> stores;
  for (const PostgresOptions& database : databases) {
    stores.emplace_back();
    for (std::size_t i = 0; i < std::max<std::size_t>(writers, 1); ++i) {
      auto store = open_postgres_store(databases.size() > 1 ? impatient(database) : database);
      if (!store) return fail(store.error());
      if (databases.size() == 1 && writers <= 1) return store;
      stores.back().push_back(std::move(*store));
    }
  }
  return join_cells(std::move(stores));
}

}  // namespace belay::runtime
