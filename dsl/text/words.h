// Names and types as both readers judge them.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/syntax.h"
#include "dsl/text/grammar.h"

namespace belay::dsl::text {

inline constexpr std::size_t kProblemsPerFile = 200;

const std::vector<std::string>& base_types();  // `text`, `int` and so on
bool is_identifier(std::string_view word);     // letters, digits, _; no digit first
bool is_dotted_name(std::string_view word);    // lower_snake, dots between
std::string as_name(
    std::string_view word);  // `Hold-Slot` → `hold_slot`; empty when nothing is left
bool is_type_name(std::string_view word);  // a base type, or begins with a capital

// The type whose parts (Rule::kType, kField) begin at parts[next]; `next` is moved behind it.
// `error` says what is wrong with parts[failed].
TypeExpr type_of(const std::vector<Part>& parts, std::size_t& next,
                 const std::function<Span(const Part&)>& at, std::string& error,
                 std::size_t& failed);
std::string type_help(std::string_view word);

// What is wrong with the numbers of `together, waiting for 2 of 3`; empty: nothing. And the way
// out.
std::string wanted_problem(const Statement& together);
std::string wanted_help(const Statement& together);

// A type as the text form writes it.
std::string type_text(const TypeExpr& type);
// Tries as the text form writes them: `5 tries in all, first wait 2 seconds, doubling`.
std::string tries_text(const Tries& tries);

}  // namespace belay::dsl::text
