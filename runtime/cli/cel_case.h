// Cases of plain CEL as JSON lines: what `belay eval --jsonl` reads and answers, and what tests/cel
// holds the language to. A case: {"id", "expr"} and, where needed, "container", "bindings" (name →
// value), "declared" (names that may be without value), "disable_macros". Values carry their type:
// {"int":"1"} {"uint":"1"} {"double":"1.5"} (or inf, -inf, nan) {"string":"…"} {"bytes":"base64"}
// {"bool":true} {"null":null} {"list":[…]} {"map":[[key,value],…]}
// {"type":"int"} {"timestamp":"…Z"} {"duration":"1.5s"} {"optional":value or null}.
#pragma once
#include <string>
#include <string_view>

#include "interpreter/value.h"
#include "runtime/base/result.h"

namespace belay::runtime::cli {

inline constexpr std::size_t cel_case_bytes_max = 4 * 1024 * 1024;

// {"id":…,"value":…} or {"id":…,"error":"…"}, whatever the line holds; no line break at the end.
std::string answer_cel_case(std::string_view line);

// {"int":"1"} → 1; kInvalid with what is wrong. What append_typed() writes, read_typed() reads.
Result<interpreter::Value> read_typed(const interpreter::Value& json);
void append_typed(const interpreter::Value& value, std::string& out);

}  // namespace belay::runtime::cli
