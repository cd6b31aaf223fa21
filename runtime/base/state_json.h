// The stored form of a state: a snapshot that saves folding a long journal. Values are tagged as in
// journal_json.h. A snapshot of another format is thrown away and the journal folded again. Tested
// in tests/runtime/state_json_test.cpp.
#pragma once
#include <string>
#include <string_view>

#include "interpreter/graph.h"
#include "interpreter/state.h"
#include "runtime/base/result.h"

namespace belay::runtime {

void append_state(const interpreter::Graph& graph, const interpreter::State& state,
                  std::string& out);
std::string encode_state(const interpreter::Graph& graph, const interpreter::State& state);

// Failures: kUnsupported (another format: fold the journal instead), kCorrupt.
Result<interpreter::State> decode_state(const interpreter::Graph& graph, std::string_view json);

}  // namespace belay::runtime
