// How much a Postgres has written ahead so far, and for what: for bytes per saga.
#pragma once
#include <libpq-fe.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace belay::bench {

// Bytes since the beginning of the write-ahead log; exits when the database does not answer.
inline std::int64_t wal_position(const std::string& connection) {
  PGconn* pg = PQconnectdb(connection.c_str());
  PGresult* result = PQexec(pg, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint");
  if (PQresultStatus(result) != PGRES_TUPLES_OK) {
    std::fprintf(stderr, "no answer from the database: %s\n", PQerrorMessage(pg));
    std::exit(1);
  }
  const std::int64_t bytes = std::strtoll(PQgetvalue(result, 0, 0), nullptr, 10);
  PQclear(result);
  PQfinish(pg);
  return bytes;
}

// Records and bytes a saga since `begin`, by kind of record and table, the dearest first. Page
// images, which follow a checkpoint, are apart. Bytes as they lie in the log, each record rounded
// up to eight.
inline void tell_wal(const std::string& connection, std::int64_t begin, std::size_t sagas) {
  const std::string sql =
      "SET client_min_messages = error; CREATE EXTENSION IF NOT EXISTS pg_walinspect; "
      "SELECT format('%9s %8s  %s', to_char(sum(bytes) / " +
      std::to_string(sagas) +
      ".0, '99990.0'), "
      "to_char(count(*) / " +
      std::to_string(sagas) +
      ".0, '990.00'), what) "
      "FROM (SELECT (record_length - fpi_length + 7) / 8 * 8 AS bytes, format('%s %s %s', "
      "resource_manager, "
      "replace(record_type, '+INIT', ''), coalesce(regexp_replace(c.relname, '_\\d{6}', ''), '')) "
      "AS what "
      "FROM pg_get_wal_records_info('0/0'::pg_lsn + " +
      std::to_string(begin) +
      ", pg_current_wal_lsn()) AS r "
      "LEFT JOIN pg_class AS c ON c.relfilenode = substring(block_ref FROM 'rel "
      "\\d+/\\d+/(\\d+)')::oid "
      "UNION ALL SELECT fpi_length, 'page images' "
      "FROM pg_get_wal_records_info('0/0'::pg_lsn + " +
      std::to_string(begin) +
      ", pg_current_wal_lsn()) "
      "WHERE fpi_length > 0) AS records "
      "GROUP BY what HAVING sum(bytes) >= " +
      std::to_string(sagas) + " ORDER BY sum(bytes) DESC";
  PGconn* pg = PQconnectdb(connection.c_str());
  PGresult* result = PQexec(pg, sql.c_str());
  if (PQresultStatus(result) != PGRES_TUPLES_OK)
    std::fprintf(stderr, "%s", PQerrorMessage(pg));
  else
    std::fprintf(stderr, "    bytes  records  (a saga)\n");
  for (int i = 0; i < PQntuples(result); ++i)
    std::fprintf(stderr, "%s\n", PQgetvalue(result, i, 0));
  PQclear(result);
  PQfinish(pg);
}

}  // namespace belay::bench
