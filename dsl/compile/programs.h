// Small surgery on compiled expressions: what the compiler itself says in them, without going
// through text.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dsl/syntax.h"
#include "interpreter/expr.h"

namespace belay::dsl {

interpreter::Program slot_program(std::uint32_t slot, std::string source);
interpreter::Program field_program(const interpreter::Program& of, const std::string& field);
interpreter::Program literal_program(interpreter::Value value, std::string source);
interpreter::Program not_program(const interpreter::Program& condition);

// `program` with every read of slot i replaced by replacements[i]. REQUIRES: every slot it reads
// has one.
interpreter::Program substitute(const interpreter::Program& program,
                                const std::vector<interpreter::Program>& replacements);

// Whether the program reads this slot.
bool reads_slot(const interpreter::Program& program, std::uint32_t slot);

// Null where what the program reads is absent. REQUIRES: it is a name or a chain of fields.
interpreter::Program or_null_program(const interpreter::Program& program);

// `{"a": x, "b": y}` as its entries, each with its place; nullopt when `expr` is not a map with
// text keys.
std::optional<std::vector<Arg>> split_map(const Expr& expr);

// Where `word` stands in the expression as a name: not after a dot, not in a string.
std::optional<Span> find_name(const Expr& expr, std::string_view word);

// Where the byte at `offset` of the expression stands in the file.
Span locate(const Expr& expr, std::size_t offset, std::size_t length);

}  // namespace belay::dsl
