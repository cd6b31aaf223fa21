// A picture of a workflow before it has a format: boxes and arrows. dot, mermaid, json and the web
// console all draw this one model. Built in graph_picture.cpp, written in
// graph_picture_formats.cpp. Tested in tests/dsl/graph_test.cpp.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/graph.h"

namespace belay::dsl {

struct Picture {
  struct Box {
    std::string id;  // the node's name; `undo:hold`, `hold/booking.slot_taken`, `start`, `end` for
                     // what is no node
    std::string kind;    // start end step run undo when together join wait ask pause publish set
                         // collect cancel finish hand_to point_of_no_return for_each repeat try
    std::string title;   // for people
    std::string detail;  // action, event, reason, role, child saga, bounds of a loop
    std::string limit;   // waits and questions: `within`
    std::string at;      // file:line
    int group = -1;      // the `together`, loop or `try` it is in: an index into groups
  };
  struct Arrow {
    std::string from, to;
    std::string kind;   // forward, error (a handler), undo, again (back to the top of a loop)
    std::string label;  // condition, error, `time is over`
  };
  struct Group {
    std::string id;
    int parent = -1;
    std::string kind;   // together for_each repeat try
    std::string label;  // `together, waiting for 2 of 3`
  };
  std::string workflow, title;
  std::uint32_t version = 1;
  std::vector<Box> boxes;
  std::vector<Arrow> arrows;
  std::vector<Group> groups;
};

Picture make_picture(const interpreter::Graph& graph);

std::string picture_dot(const Picture& picture);
std::string picture_mermaid(const Picture& picture);
std::string picture_json(const Picture& picture);

// Runs `dot -Tsvg` on the text. Empty with `error` set when it is not there or fails.
std::string run_graphviz(const std::string& dot, std::string& error);

}  // namespace belay::dsl
