// What keeps the schema fit to be spread over several servers by lane (Citus, or cells): every row
// of a saga is found by its lane, and no statement joins two lanes. Read from the catalog of the
// migrated database and from the text of every statement; both readers are shown broken examples
// first. What has no lane is listed here, with its reason.
#include <cctype>
#include <map>
#include <set>

#include "runtime/store/embedded_sql.h"
#include "tests/postgres/store_database.h"

using namespace belay::runtime;
using namespace belay::runtime::testing;

namespace {

const std::map<std::string, std::string> kWithoutLane = {
    {"definition",
     "of all lanes: a few rows, written when a workflow is installed; a reference table on every "
     "server"},
    {"api_key", "of the API, not of sagas; a reference table"},
    {"audit", "who did what over the API, by number; never joined"},
    {"migration", "the schema's own"},
    {"cell", "one row: which part of a deployment this server is"},
    {"node", "who is there, of this server alone: no lane's row is found by it"},
};

// ---- The catalog --------------------------------------------------------------------------------

// One line for each rule that a table breaks.
std::set<std::string> table_problems(PostgresConnection& connection,
                                     const std::map<std::string, std::string>& without) {
  std::set<std::string> out, seen;
  const auto rows = connection.execute(R"(
    SELECT c.relname, (SELECT relname FROM pg_class WHERE oid = x.indexrelid), x.indisprimary,
           array_to_string(ARRAY(
             SELECT coalesce(a.attname, '(an expression)')
               FROM unnest(x.indkey) WITH ORDINALITY AS k (n, o)
               LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.n AND k.n > 0
                                  WHERE k.o <= x.indnkeyatts ORDER BY k.o), ',')
      FROM pg_class AS c LEFT JOIN pg_index AS x ON x.indrelid = c.oid AND x.indisunique
     WHERE c.relnamespace = 'belay'::regnamespace AND c.relkind IN ('r', 'p')
       AND NOT c.relispartition
     ORDER BY 1, 2)");
  REQUIRE(rows);
  std::set<std::string> keyed;
  for (std::size_t i = 0; i < rows->size(); ++i) {
    const std::string table = rows->str(i, 0), index = rows->str(i, 1),
                      columns = "," + rows->str(i, 3) + ",";
    seen.insert(table);
    if (without.contains(table)) continue;
    if (!index.empty() && !rows->flag(i, 2) && columns.find(",lane,") == std::string::npos)
      out.insert(table + ": " + index + " is unique without the lane");
    if (rows->flag(i, 2)) keyed.insert(table);
    if (rows->flag(i, 2) && !columns.starts_with(",lane,"))
      out.insert(table + ": its primary key does not begin with the lane");
  }
  for (const std::string& table : seen) {
    if (!keyed.contains(table) && !without.contains(table))
      out.insert(table + ": has no primary key");
  }
  for (const auto& [table, reason] : without) {
    if (!seen.contains(table))
      out.insert(table + ": is listed as a table without lane, and is not there");
  }
  // Between lane tables a foreign key holds the lane on both sides; from one to a reference table
  // it may do without.
  const auto keys = connection.execute(R"(
    SELECT c.conname, f.relname, t.relname,
           EXISTS (SELECT FROM unnest(c.conkey, c.confkey) AS k (a, b)
                     JOIN pg_attribute AS x ON x.attrelid = f.oid AND x.attnum = k.a
                     JOIN pg_attribute AS y ON y.attrelid = t.oid AND y.attnum = k.b
                    WHERE x.attname = 'lane' AND y.attname = 'lane')
      FROM pg_constraint AS c JOIN pg_class AS f ON f.oid = c.conrelid
      JOIN pg_class AS t ON t.oid = c.confrelid
     WHERE c.contype = 'f' AND c.connamespace = 'belay'::regnamespace)");
  REQUIRE(keys);
  for (std::size_t i = 0; i < keys->size(); ++i) {
    const bool between_lanes =
        !without.contains(keys->str(i, 1)) && !without.contains(keys->str(i, 2));
    const bool into_lanes = without.contains(keys->str(i, 1)) && !without.contains(keys->str(i, 2));
    if ((between_lanes && !keys->flag(i, 3)) || into_lanes)
      out.insert(keys->str(i, 1) + ": foreign key " + keys->str(i, 0) + " crosses lanes");
  }
  return out;
}

// ---- Statements ---------------------------------------------------------------------------------

// Words, numbers, `$1`, and single signs; without comments, and without what stands in quotes.
// Lower case.
std::vector<std::string> tokens_of(std::string_view sql) {
  std::vector<std::string> out;
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$';
  };
  for (std::size_t i = 0; i < sql.size();) {
    if (sql.substr(i).starts_with("--")) {
      i = std::min(sql.find('\n', i), sql.size());
    } else if (sql[i] == '\'') {
      for (++i; i < sql.size() && (sql[i] != '\'' || sql.substr(i).starts_with("''")); ++i)
        i += sql[i] == '\'';
      ++i;
      out.emplace_back("''");
    } else if (is_word(sql[i])) {
      std::string word;
      for (; i < sql.size() && is_word(sql[i]); ++i)
        word += static_cast<char>(std::tolower(static_cast<unsigned char>(sql[i])));
      if (word != "$$")
        out.push_back(word);  // the body of a function is read like any other text
      else
        out.emplace_back(";");
    } else {
      if (std::isspace(static_cast<unsigned char>(sql[i])) == 0) out.emplace_back(1, sql[i]);
      ++i;
    }
  }
  return out;
}

// A SELECT, INSERT, UPDATE or DELETE without what stands in those inside of it.
struct Query {
  std::vector<std::string> tokens;
  int outer = -1;                                // the one around it
  std::map<std::string, std::string> relations;  // alias → table or CTE, of those that hold lanes
};

const std::set<std::string> kVerbs = {"select", "with", "insert", "update", "delete", "values"};
const std::set<std::string> kNoAlias = {
    "as",    "on",    "where", "using", "join",  "left",      "inner", "cross", "full", "right",
    "group", "order", "limit", "set",   "union", "returning", "for",   "when",  "then", "loop"};

std::vector<Query> queries_of(const std::vector<std::string>& tokens) {
  std::vector<Query> all(1);
  std::vector<int> open{0};  // per bracket: the query that its inside belongs to
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string& t = tokens[i];
    const int at = open.back();
    if (t == "(") {
      all[static_cast<std::size_t>(at)].tokens.push_back(t);
      const bool query = i + 1 < tokens.size() && kVerbs.contains(tokens[i + 1]);
      if (query) all.push_back({{}, at, {}});
      open.push_back(query ? static_cast<int>(all.size()) - 1 : at);
    } else if (t == ")" && open.size() > 1) {
      open.pop_back();
      all[static_cast<std::size_t>(open.back())].tokens.push_back(t);
    } else if (t == ";" || t == "union" || t == "except" || t == "intersect" || t == "loop" ||
               t == "then") {
      const int outer = all[static_cast<std::size_t>(at)].outer;
      all.push_back({{}, outer, {}});  // its own query from here on
      for (int& each : open) {
        if (each == at) each = static_cast<int>(all.size()) - 1;
      }
    } else {
      all[static_cast<std::size_t>(at)].tokens.push_back(t);
    }
  }
  return all;
}

// The CTEs of a statement: `name AS (` before a verb.
std::set<std::string> ctes_of(const std::vector<std::string>& tokens) {
  std::set<std::string> out;
  for (std::size_t i = 0; i + 3 < tokens.size(); ++i) {
    if (tokens[i + 1] == "as" && tokens[i + 2] == "(" && kVerbs.contains(tokens[i + 3]))
      out.insert(tokens[i]);
  }
  return out;
}

void find_relations(Query& query, const std::set<std::string>& ctes) {
  const auto& t = query.tokens;
  bool expects = false, in_from = false;
  for (std::size_t i = 0; i < t.size(); ++i) {
    if (t[i] == "from" || t[i] == "join" || t[i] == "using" ||
        (t[i] == "update" && (i == 0 || t[i - 1] != "do"))) {
      expects = in_from = true;
    } else if (t[i] == "where" || t[i] == "on" || t[i] == "set" || t[i] == "group" ||
               t[i] == "order" || t[i] == "returning") {
      expects = in_from = false;
    } else if (t[i] == "," && in_from) {
      expects = true;
    } else if (expects && t[i] != "only" && t[i] != "lateral") {
      expects = false;
      std::size_t end = i;
      std::string table = t[i];
      if (t[i] == "belay" && i + 2 < t.size() && t[i + 1] == ".") {
        end = i + 2;
        table = t[end];
        if (kWithoutLane.contains(table)) continue;
        if (end + 1 < t.size() && t[end + 1] == "(") continue;  // a function
      } else if (!ctes.contains(table)) {
        continue;
      }
      std::string alias = table;
      if (end + 2 < t.size() && t[end + 1] == "as")
        alias = t[end + 2];
      else if (end + 1 < t.size() && std::isalpha(static_cast<unsigned char>(t[end + 1][0])) != 0 &&
               !kNoAlias.contains(t[end + 1]))
        alias = t[end + 1];
      query.relations[alias] = table;
      i = end;
    }
  }
}

bool mentions(const Query& query, const std::string& alias) {
  for (std::size_t i = 0; i + 1 < query.tokens.size(); ++i) {
    if (query.tokens[i] == alias && query.tokens[i + 1] == "." &&
        (i == 0 || query.tokens[i - 1] != "."))
      return true;
  }
  return false;
}

// `alias.lane = other.lane`, either way round.
bool joined(const Query& query, const std::string& alias, const std::set<std::string>& others) {
  const auto& t = query.tokens;
  for (std::size_t i = 0; i + 6 < t.size(); ++i) {
    if (t[i + 1] != "." || t[i + 2] != "lane" || t[i + 3] != "=" || t[i + 5] != "." ||
        t[i + 6] != "lane")
      continue;
    if ((t[i] == alias && others.contains(t[i + 4])) ||
        (t[i + 4] == alias && others.contains(t[i])))
      return true;
  }
  return false;
}

// One line for each join of two relations with lanes that does not say that the lane is the same.
std::vector<std::string> statement_problems(const std::string& name, std::string_view sql) {
  const std::vector<std::string> tokens = tokens_of(sql);
  const std::set<std::string> ctes = ctes_of(tokens);
  std::vector<Query> all = queries_of(tokens);
  for (Query& query : all) find_relations(query, ctes);
  std::vector<std::string> out;
  for (const Query& query : all) {
    std::set<std::string> others;
    for (const auto& [alias, table] : query.relations) others.insert(alias);
    for (int at = query.outer; at >= 0; at = all[static_cast<std::size_t>(at)].outer) {
      for (const auto& [alias, table] : all[static_cast<std::size_t>(at)].relations) {
        if (mentions(query, alias)) others.insert(alias);
      }
    }
    for (const auto& [alias, table] : query.relations) {
      std::set<std::string> rest = others;
      rest.erase(alias);
      if (!rest.empty() && !joined(query, alias, rest))
        out.push_back(name + ": " + table + " is joined without its lane");
    }
  }
  return out;
}

// How many queries join anything that has lanes: a reader that sees none would find no problem
// either.
std::size_t joins_in(std::string_view sql) {
  const std::vector<std::string> tokens = tokens_of(sql);
  const std::set<std::string> ctes = ctes_of(tokens);
  std::vector<Query> all = queries_of(tokens);
  for (Query& query : all) find_relations(query, ctes);
  std::size_t count = 0;
  for (const Query& query : all) {
    bool outer = false;
    for (int at = query.outer; at >= 0; at = all[static_cast<std::size_t>(at)].outer) {
      for (const auto& [alias, table] : all[static_cast<std::size_t>(at)].relations)
        outer = outer || mentions(query, alias);
    }
    count += query.relations.size() > 1 || (outer && !query.relations.empty());
  }
  return count;
}

}  // namespace

TEST_CASE("schema: every key and unique constraint holds the lane") {
  const PostgresOptions options = migrated_database();
  auto connection = PostgresConnection::open(options);
  REQUIRE(connection);
  CHECK(table_problems(**connection, kWithoutLane) == std::set<std::string>{});
  for (const auto& [table, reason] : kWithoutLane) CHECK(reason.size() > 10);

  // What the reader is there for.
  const auto broken = [&](const std::string& ddl, const std::string& expected) {
    INFO(ddl);
    REQUIRE((*connection)->execute("BEGIN; " + ddl));
    const auto found = table_problems(**connection, kWithoutLane);
    CHECK(found == std::set<std::string>{expected});
    REQUIRE((*connection)->execute("ROLLBACK"));
  };
  broken("CREATE TABLE belay.outbox (id uuid PRIMARY KEY, lane int)",
         "outbox: its primary key does not begin with the lane");
  broken("CREATE TABLE belay.outbox (id uuid, lane int, PRIMARY KEY (id, lane))",
         "outbox: its primary key does not begin with the lane");
  broken("CREATE TABLE belay.outbox (id uuid, lane int)", "outbox: has no primary key");
  broken("CREATE UNIQUE INDEX one ON belay.instance (tenant, key)",
         "instance: one is unique without the lane");
  broken("CREATE UNIQUE INDEX one ON belay.turn (lower(name)) INCLUDE (lane)",
         "turn: one is unique without the lane");
  broken(
      "CREATE TABLE belay.outbox (lane int, id int, of_lane int, of_saga uuid, PRIMARY KEY (lane, "
      "id), CONSTRAINT f FOREIGN KEY "
      "(of_lane, of_saga) REFERENCES belay.instance (lane, iid))",
      "outbox: foreign key f crosses lanes");
  REQUIRE((*connection)
              ->execute("CREATE TABLE belay.good (lane int, iid uuid, PRIMARY KEY (lane, iid), "
                        "FOREIGN KEY (lane, iid) "
                        "REFERENCES belay.instance)"));
  CHECK(table_problems(**connection, kWithoutLane).empty());
  auto stale = kWithoutLane;
  stale["no_such"] = "a table that was dropped";
  CHECK(table_problems(**connection, stale).size() == 1);
}

TEST_CASE("schema: no statement joins two lanes") {
  std::size_t statements = 0, joins = 0;
  for (const EmbeddedSql& file : embedded_sql()) {
    static constexpr std::string_view kMark = "-- name: ";
    std::size_t at = file.text.find(kMark);
    if (at == std::string_view::npos) at = 0;  // a migration
    while (at < file.text.size()) {
      const std::string_view rest = file.text.substr(at);
      const std::size_t next = std::min(rest.find(kMark, 1), rest.size());
      const std::string name =
          std::string(file.name) + ": " + std::string(rest.substr(0, rest.find('\n')));
      for (const std::string& problem : statement_problems(name, rest.substr(0, next)))
        FAIL_CHECK(problem);
      joins += joins_in(rest.substr(0, next));
      ++statements;
      at += next;
    }
  }
  CHECK(statements > 60);
  CHECK(joins > 15);
}

TEST_CASE("schema: the reader of statements finds a join without its lane wherever it stands") {
  const auto problems = [](std::string_view sql) { return statement_problems("s", sql).size(); };
  // Two lines of one join: each side is named.
  CHECK(problems("SELECT 1 FROM belay.instance AS i JOIN belay.journal AS j ON j.iid = i.iid") ==
        2);
  CHECK(problems(
            "SELECT 1 FROM belay.instance i, belay.journal j WHERE j.iid = i.iid AND i.lane = 3") ==
        2);
  CHECK(problems("SELECT 1 FROM belay.instance AS i WHERE EXISTS (SELECT FROM belay.saga_key AS k "
                 "WHERE k.iid = i.iid)") == 1);
  CHECK(problems("SELECT 1 FROM belay.instance WHERE NOT EXISTS (SELECT FROM belay.journal AS j "
                 "WHERE j.iid = instance.iid)") == 1);
  CHECK(problems(
            "DELETE FROM belay.question AS q USING belay.instance AS i WHERE q.saga = i.iid") == 2);
  CHECK(
      problems(
          "UPDATE belay.instance AS i SET status = '' FROM belay.lane AS l WHERE i.iid < l.mark") ==
      2);
  CHECK(problems("WITH gone AS (DELETE FROM belay.instance WHERE lane = $1 RETURNING lane, iid) "
                 "DELETE FROM belay.saga_key AS k USING gone WHERE k.iid = gone.iid") == 2);
  CHECK(problems("SELECT 1 FROM belay.instance AS i CROSS JOIN LATERAL (SELECT FROM belay.event AS "
                 "e WHERE e.tenant = i.tenant) AS x") == 1);
  CHECK(problems("SELECT 1 UNION ALL SELECT 1 FROM belay.instance AS i JOIN belay.turn AS t ON "
                 "t.saga = i.iid") == 2);
  CHECK(problems("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT "
                 "count(*) FROM belay.instance AS i "
                 "JOIN belay.turn AS t ON t.saga = i.iid); END $$") == 2);
  // Said in a comment or in quotes, or of the wrong table, it is not said.
  CHECK(problems("SELECT 1 FROM belay.instance AS i JOIN belay.turn AS t ON t.saga = i.iid -- AND "
                 "t.lane = i.lane") == 2);
  CHECK(problems("SELECT 't.lane = i.lane' FROM belay.instance AS i JOIN belay.turn AS t ON t.saga "
                 "= i.iid") == 2);
  CHECK(problems("SELECT 1 FROM belay.instance AS i JOIN belay.turn AS t ON t.lane = i.lane JOIN "
                 "belay.event AS e ON e.tenant = i.tenant") == 1);

  CHECK(problems("SELECT 1 FROM belay.instance AS i JOIN belay.journal AS j ON j.lane = i.lane AND "
                 "j.iid = i.iid") == 0);
  CHECK(problems("SELECT 1 FROM belay.instance AS i JOIN belay.definition AS d ON d.hash = "
                 "i.definition") == 0);
  CHECK(problems("SELECT 1 FROM belay.instance WHERE iid >= (SELECT mark FROM belay.lane WHERE "
                 "lane = $1)") == 0);
  CHECK(problems("SELECT 1 FROM unnest($1::text[]) AS r (tenant) JOIN belay.instance AS i ON "
                 "i.tenant = r.tenant") == 0);
  CHECK(problems("SELECT 1 FROM belay.instance AS i UNION ALL SELECT 1 FROM belay.turn AS t") == 0);
}
