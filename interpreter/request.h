// What a call asks of the other side. Internal to the interpreter.
#pragma once
#include "interpreter/interpret.h"

namespace belay::interpreter {

struct Request {
  bool ok = false;
  std::string error;  // an expression failed
  RunAction command;  // its generation is for the caller to say; of a child only the arguments and
                      // the digest count
};
// REQUIRES: the node has such a call.
Request work_out_request(const Graph& graph, const State& state, const Path& path,
                         Direction direction);

// A value as the key of an event or of a measure.
std::string key_text(const Value& value);

// What a child is told that has to undo itself.
inline constexpr const char* kParentUndone = "its parent is undone";

}  // namespace belay::interpreter
