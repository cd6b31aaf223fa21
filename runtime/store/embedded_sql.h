// The .sql files of runtime/store/sql, embedded in the program at build time (see embed_sql.cmake).
#pragma once
#include <string_view>
#include <vector>

namespace belay::runtime {

struct EmbeddedSql {
  std::string_view name;  // file name, for example "0001_first.sql"
  std::string_view text;
};

// Every embedded file, sorted by name.
const std::vector<EmbeddedSql>& embedded_sql();

}  // namespace belay::runtime
