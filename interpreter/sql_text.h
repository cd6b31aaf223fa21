// What a statement's holes are not looked for in: the compiler checks the holes of an SQL action
// and the runtime fills them, and both must see the same ones. The rules are PostgreSQL's ("Lexical
// Structure"): https://www.postgresql.org/docs/current/sql-syntax-lexical.html
#pragma once
#include <cstddef>
#include <string_view>

namespace belay::interpreter {

// Returns where that ends which begins at `at` and holds no holes: a string ('…', E'…' with its
// escapes, $$…$$, $tag$…$tag$), a quoted name, a comment (/* … */ nests), a cast `::`. Returns `at`
// when none begins there. What is never closed reaches to the end of the statement.
// REQUIRES: `at < sql.size()`, and everything before it was passed over in this way.
std::size_t sql_skip(std::string_view sql, std::size_t at);

}  // namespace belay::interpreter
