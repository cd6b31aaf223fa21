// The verdict of a replay in words and as JSON; shared by the API and the command line. Tested in
// tests/runtime/api_migrate_test.cpp.
#pragma once
#include <string>
#include <vector>

#include "interpreter/replay.h"
#include "runtime/api/json_writer.h"

namespace belay::runtime::api {

// One line: "same", "continues differently from entry 5: …", "cannot continue: entry 3: …".
std::string verdict_line(const interpreter::Verdict& verdict);
// Conclusions in words, one line each.
std::vector<std::string> drawn_lines(const interpreter::Graph& graph,
                                     const std::vector<interpreter::Drawn>& drawn);
// {"verdict":"differs","movable":false,"entry":5,"text":…,"recorded":[…],"instead":[…]}. A graph
// that is not known (null) leaves its lines out.
std::string verdict_json(const interpreter::Verdict& verdict, const interpreter::Graph* from,
                         const interpreter::Graph* to);

}  // namespace belay::runtime::api
