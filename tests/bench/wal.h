// How much a Postgres has written ahead so far: for bytes per saga.
#pragma once
#include <libpq-fe.h>

#include <cstdint>
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

}  // namespace belay::bench
