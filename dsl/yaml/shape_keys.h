// What a key of the YAML form tells of the line it stands on, for mending its shape (shape.cpp).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace belay::dsl::yaml {

std::string word_at(std::string_view text, std::size_t from);
bool is_one_of(std::string_view word, const std::vector<std::string_view>& words);
bool declares(std::string_view key);          // `workflow`, `action`, …
bool begins_statement(std::string_view key);  // `step`, `when`, …
bool is_act(std::string_view key);            // `cancel`, `carry_on`, …: statements of one line
bool is_known(std::string_view key);          // any key of the language
bool holds_statements(std::string_view key);  // its value is a list of statements

}  // namespace belay::dsl::yaml
