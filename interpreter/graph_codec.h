// A step graph as bytes: for its hash (canonical, without what is only for people) and for storage
// (complete). Equal definitions give equal bytes on every machine. Stored bytes begin with their
// format, "belay graph 1". Tested in tests/dsl/graph_codec_test.cpp.
#pragma once
#include <string>
#include <string_view>

#include "interpreter/graph.h"

namespace belay::interpreter {

// `for_hash` leaves out titles, owner, Node::at, Program::source and the hash itself. Total.
std::string encode_graph(const Graph& graph, bool for_hash);

// Reads what encode_graph(…, false) wrote, and calls index(). Any bytes may be given: sizes and
// depth are bounded, and a graph that is accepted is well-formed (every id in range, blocks form a
// tree, an expression's arguments come before their user). On failure returns false, says why in
// `error`, and `graph` is unspecified.
bool decode_graph(std::string_view bytes, Graph& graph, std::string& error);

}  // namespace belay::interpreter
