// How entries stand in the tables: the words and pieces of JSON that every step writes again are
// one sign each (adr/0021). belay.entry shows them whole, by belay.long_kind and belay.long_body,
// which hold the same tables (0008_short_form.sql). Private to the store; tested in
// tests/postgres/stored_form_test.cpp.
#pragma once
#include <array>
#include <string>
#include <string_view>

namespace belay::runtime {

struct ShortPiece {
  char sign;
  std::string_view text;
};

// A short body begins with one of these. Signs are control characters, which JSON does not hold as
// they are; those of a beginning are 1 to 8, which not even its white space is.
inline constexpr std::array<ShortPiece, 2> kShortBeginnings = {
    {{'\x01', R"({"path":")"}, {'\x02', R"({"input":)"}}};

// Each begins with a quote or a comma before one. Of two that begin alike the longer stands first.
inline constexpr std::array<ShortPiece, 13> kShortPieces = {{
    {'\x10', R"(,"drawn":[{"sent":")"},
    {'\x11', R"(,"drawn":[{"ended":true)"},
    {'\x0f', R"(,"drawn":[{")"},
    {'\x18', R"(,"output":)"},
    {'\x13', R"(","direction":"undo)"},
    {'\x0e', R"(","result":)"},
    {'\x12', R"(","digest":")"},
    {'\x19', R"(","failed":")"},
    {'\x1a', R"(","error":")"},
    {'\x1b', R"(","message":")"},
    {'\x15', R"("},{"sent":")"},
    {'\x14', R"("},{")"},
    {'\x16', R"("}]})"},
}};

// A body may end with this.
inline constexpr ShortPiece kShortEnd = {'\x17', R"(}}]})"};

// "StepSucceeded" → "S"; a kind that has no letter as it is.
std::string_view short_kind(std::string_view kind);

// The short form of `body`, written into `room`; `body` itself where it has none.
std::string_view short_body(std::string_view body, std::string& room);

}  // namespace belay::runtime
